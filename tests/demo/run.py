# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo: the main job on the embedded lab, step by step, with nothing but this repository.

Twelve simulated PBXs in five simulated Entra tenants get Microsoft 365 sign-in; a second run changes nothing; settings
are changed behind our back; a compliance run finds exactly those; the rollout repairs them.

Usage: run.py [DIRECTORY]     where the collection is installed; without, the one of this repository
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tcx_lab.testing import Lab

REPOSITORY = Path(__file__).resolve().parents[2]
COLLECTIONS = Path(sys.argv[1] if len(sys.argv) > 1 else REPOSITORY / ".build" / "collections").resolve()
PLACE = Path.cwd() if len(sys.argv) > 1 else REPOSITORY
REPORTS = PLACE / "reports"

# As in the guide: users are synchronized with their photos. An inventory would say so in its group variables.
WANTED = {"tcx_console_user_sync": {"enabled": True, "scope": "all", "photo": True, "starting_extension": "200"}}


def main() -> int:
    started = time.monotonic()
    say("Starting the lab: 12 simulated 3CX phone systems in 5 simulated Entra tenants, on this machine only.")
    with Lab.start("demo") as lab:
        return Demo(lab, started).run()


class Demo:
    """The five steps, and what was seen in each."""

    def __init__(self, lab: Lab, started: float) -> None:
        self.lab = lab
        self.started = started
        self.problems: list[str] = []
        self.hosts = lab.inventory["tcx"]["hosts"]

    def run(self) -> int:
        first = self.rollout("1. The rollout: every PBX gets its Entra application, consent and settings.")
        again = self.rollout("2. The same rollout again: nothing is left to change.")
        self.expect(again["writes"] == 0, f"the second rollout wrote {again['writes']} times instead of never")
        say("3. Somebody changes settings behind our back, in Entra and in 3CX consoles.")
        drifted = sorted(self.drift())
        print(f"  - changed behind our back: {', '.join(drifted)}")
        summary = self.compliance("4. A compliance run (check mode, writes nothing) finds exactly those.")
        for host in summary["hosts"]:
            if host["verdict"] == "drifted":
                print(f"      {host['host']}: {' '.join(host['reasons'])}")
        found = sorted(host["host"] for host in summary["hosts"] if host["verdict"] == "drifted")
        self.expect(found == drifted, f"the compliance run found {found} instead of {drifted}")
        repaired = self.rollout("5. The rollout repairs them, and only them.")
        self.expect(repaired["writes"] > 0, "the repairing rollout wrote nothing")
        self.summary(first, again, summary, repaired)
        return 1 if self.problems else 0

    def rollout(self, title: str) -> dict[str, Any]:
        say(title)
        return self.playbook("tcx.m365.rollout", "-e", json.dumps(WANTED))

    def compliance(self, title: str) -> dict[str, Any]:
        say(title)
        seen = self.playbook("tcx.m365.compliance", "-e", json.dumps({**WANTED, "compliance_report_dir": str(REPORTS)}))
        self.expect(seen["writes"] == 0, f"the compliance run wrote {seen['writes']} times instead of never")
        report: dict[str, Any] = json.loads((REPORTS / "compliance.json").read_text(encoding="utf-8"))
        return report

    def playbook(self, name: str, *arguments: str) -> dict[str, Any]:
        before = self.lab.control.counts()["last_seq"]
        command = ["ansible-playbook", name, "-i", "inventory.json", *arguments]
        print(f"  $ {' '.join(command[:4])}", flush=True)
        command[0] = str(Path(sys.executable).with_name("ansible-playbook"))
        command[3] = str(self.lab.inventory_path)
        started = time.monotonic()
        code = subprocess.run(command, check=False, env=environment(), cwd=PLACE).returncode
        calls = [entry for entry in self.lab.control.log(since=before) if entry["source"] == "client"]
        return {
            "code": code,
            "seconds": time.monotonic() - started,
            "calls": len([entry for entry in calls if entry.get("batch") is None]),
            "writes": len([entry for entry in calls if entry["is_write"]]),
        }

    def drift(self) -> list[str]:
        """Change settings of three healthy PBXs on both sides."""
        healthy = [host for host in self.hosts if host not in self.troubled()]
        return self.lab.control.drift(healthy[1:4])

    def troubled(self) -> list[str]:
        return [pbx["name"] for pbx in self.lab.control.state()["pbxs"] if pbx.get("trouble")]

    def expect(self, met: bool, problem: str) -> None:
        if not met:
            self.problems.append(problem)

    def summary(
        self, first: dict[str, Any], again: dict[str, Any], report: dict[str, Any], repaired: dict[str, Any]
    ) -> None:
        say("What you have seen")
        counts = report["summary"]
        other = [name for name in ("failed", "unreachable", "unlicensed") if counts[name]]
        print(
            f"  - first rollout: {first['writes']} changes with {first['calls']} calls in {first['seconds']:.0f} s; "
            f"second rollout: {again['writes']} changes\n"
            f"  - compliance run: {counts['compliant']} of {counts['total']} PBXs compliant, {counts['drifted']} drifted, "
            + ", ".join(f"{counts[name]} {name}" for name in other)
            + "\n    (one PBX is switched off, one has a wrong secret in the inventory, one asks for contact sync on a\n"
            "    Standard license: they are here on purpose, and no other PBX had to wait for them)\n"
            f"  - repairing rollout: {repaired['writes']} changes\n"
            f"  - the report for people: {REPORTS / 'compliance.html'} (beside it: JSON, CSV, Markdown, JUnit)\n"
            f"  - time: {time.monotonic() - self.started:.0f} s"
        )
        for problem in self.problems:
            print(f"  ! not as it should be: {problem}")


def environment() -> dict[str, str]:
    """The environment of a user's shell, with the collection found in its directory."""
    found = dict(os.environ)
    found.update(
        ANSIBLE_COLLECTIONS_PATH=str(COLLECTIONS),
        ANSIBLE_STDOUT_CALLBACK="tcx.m365.fleet",
        ANSIBLE_FORKS="12",
    )
    found.pop("ANSIBLE_CONFIG", None)
    return found


def say(text: str) -> None:
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
