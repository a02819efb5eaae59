# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks the vulnerability databases about everything that the execution environment installs.

Ends with 1 where something is vulnerable. Where nobody can be asked it says so and ends with 0, or with 2 if `--strict`
is given: a build without a network must not look like one that was audited.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import environments

LOCK = environments.ROOT / "meta" / "ee-constraints.txt"
SERVICES = ("pypi", "osv")


def ask(program: Path, service: str) -> tuple[list[str] | None, str]:
    """What is vulnerable, in sentences; `None` and the reason where the service cannot be asked."""
    command = [str(program), "--requirement", str(LOCK), "--disable-pip", "--require-hashes", "--format", "json"]
    command += ["--vulnerability-service", service, "--progress-spinner", "off", "--timeout", "15"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        lines = (done.stderr or done.stdout).strip().splitlines()
        return None, lines[-1][:200] if lines else f"pip-audit ended with {done.returncode}"
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if len(skipped) == len(packages):
        return None, "it knows none of the packages"
    return [
        f"{package['name']} {package['version']}: {flaw['id']}, fixed in {', '.join(flaw['fix_versions']) or 'no release yet'}"
        for package in packages
        for flaw in package.get("vulns") or ()
    ], ""


def main(arguments: list[str]) -> int:
    reasons = []
    try:
        environment = environments.ensure("audit")
    except environments.CannotMake as trouble:
        reasons = [f"pip-audit cannot be installed: {trouble}"]
    else:
        for service in SERVICES:
            flaws, reason = ask(environment.bin / "pip-audit", service)
            if flaws is not None:
                print("\n".join(flaws) if flaws else f"No known vulnerability in {LOCK.name} (asked: {service}).")
                return 1 if flaws else 0
            reasons.append(f"{service}: {reason}")
    print(f"NOT AUDITED: nobody could be asked about {LOCK.name}. {'; '.join(reasons)}")
    return 2 if "--strict" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
