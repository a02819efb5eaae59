# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks the vulnerability databases about everything that the execution environment installs.

Ends with 1 where something is vulnerable. Where nobody can be asked, or somebody who does not know every package, it says so and
ends with 0, or with 2 if `--strict` is given: a build without a network must not look like one that was audited. `--osv-url URL`
asks a mirror of OSV instead.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import environments

LOCK = environments.ROOT / "meta" / "ee-constraints.txt"
SERVICES = ("pypi", "osv")


@dataclass(frozen=True)
class Answer:
    """What one service says.

    :param vulnerable: in sentences; :param unknown: packages that it could not be asked about.
    :param reason: why it could not be asked about any.
    """

    vulnerable: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    reason: str = ""


def ask(program: Path, service: str, url: str = "") -> Answer:
    """Ask one service about all packages of the lock.

    :param url: of a mirror of OSV.
    """
    command = [str(program), "--requirement", str(LOCK), "--disable-pip", "--require-hashes", "--format", "json"]
    command += ["--vulnerability-service", service, "--progress-spinner", "off", "--timeout", "15"]
    command += ["--osv-url", url] if url else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        lines = (done.stderr or done.stdout).strip().splitlines()
        return Answer(reason=lines[-1][:200] if lines else f"pip-audit ended with {done.returncode}")
    skipped = tuple(package["name"] for package in packages if "skip_reason" in package)
    if len(skipped) == len(packages):
        return Answer(reason="it knows none of the packages")
    vulnerable = tuple(
        f"{package['name']} {package['version']}: {flaw['id']}, fixed in "
        f"{', '.join(flaw['fix_versions']) or 'no release yet'}"
        for package in packages
        for flaw in package.get("vulns") or ()
    )
    return Answer(vulnerable, skipped)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--osv-url", default="")
    options = parser.parse_args(arguments)
    unaudited = 2 if options.strict else 0
    reasons = []
    try:
        environment = environments.ensure("audit")
    except environments.CannotMake as trouble:
        reasons = [f"pip-audit cannot be installed: {trouble}"]
    else:
        for service in ("osv",) if options.osv_url else SERVICES:
            answer = ask(environment.bin / "pip-audit", service, options.osv_url)
            if answer.reason:
                reasons.append(f"{service}: {answer.reason}")
                continue
            return _told(answer, service, unaudited)
    print(f"NOT AUDITED: nobody could be asked about {LOCK.name}. {'; '.join(reasons)}")
    return unaudited


def _told(answer: Answer, service: str, unaudited: int) -> int:
    for sentence in answer.vulnerable:
        print(sentence)
    if answer.unknown:
        print(f"NOT AUDITED: {service} does not know {', '.join(answer.unknown)} of {LOCK.name}.")
    elif not answer.vulnerable:
        print(f"No known vulnerability in {LOCK.name} (asked: {service}).")
    return 1 if answer.vulnerable else unaudited if answer.unknown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
