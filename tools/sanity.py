# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs `ansible-test sanity` of the environment it is started in, on the copy of the collection it is started in.

Usage: sanity.py REPORT [ARGUMENT ...]     writes a JUnit report with one case per sanity test, and per Python where it
                                           depends on it; the arguments are for ansible-test

ansible-test keeps its environments below the home directory; a private one keeps releases of ansible-core apart.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

RUNNING = re.compile(r'Running sanity test "([^"]+)"(?: on Python ([0-9.]+))?')
NOT_HERE = re.compile(r'Skipping sanity test "([^"]+)" on Python ([0-9.]+) because it could not be found')
FAULT = re.compile(r"ERROR: (.*)")


@dataclass
class Case:
    """One sanity test: its name, whether ansible-test found files for it, its faults, why it was skipped."""

    name: str
    applicable: bool = True
    faults: list[str] = field(default_factory=list)
    skipped: str = ""


def read_output(lines: list[str]) -> list[Case]:
    """Turn ansible-test's output into cases; a fault that stands before any test belongs to ansible-test itself."""
    cases: list[Case] = []
    for line in lines:
        if match := RUNNING.search(line):
            name, python = match.groups()
            cases.append(Case(f"{name} on Python {python}" if python else name))
        elif match := NOT_HERE.search(line):
            name, python = match.groups()
            skip = Case(f"{name} on Python {python}", skipped=f"this machine has no Python {python}")
            if skip not in cases:  # it shows its warnings once more at the end
                cases.append(skip)
        elif match := FAULT.match(line):
            if not cases:
                cases.append(Case("ansible-test"))
            cases[-1].faults.append(match.group(1))
        elif line.startswith("No tests applicable") and cases:
            cases[-1].applicable = False
    return cases


def write_report(cases: list[Case], code: int, report: Path) -> None:
    suite = ET.Element("testsuite", name="sanity")
    for case in cases:
        if not case.applicable and not case.faults:
            continue
        element = ET.SubElement(suite, "testcase", classname="ansible-test sanity", name=case.name)
        if case.faults:
            ET.SubElement(element, "failure", message="; ".join(case.faults))
        elif case.skipped:
            ET.SubElement(element, "skipped", message=case.skipped)
    if code and not any(case.faults for case in cases):
        element = ET.SubElement(suite, "testcase", classname="ansible-test sanity", name="ansible-test")
        ET.SubElement(element, "failure", message=f"ansible-test ended with {code}")
    ET.ElementTree(suite).write(report, encoding="utf-8", xml_declaration=True)


def main(report: Path, arguments: Sequence[str] = ()) -> int:
    binaries = Path(sys.executable).parent
    home = workspace.private_home(f"sanity-{binaries.parent.name.lstrip('.')}")
    workspace.place_get_pip(home, Path(sysconfig.get_path("purelib")))
    command = [str(binaries / "ansible-test"), "sanity", "--local", "--color", "no", *arguments]
    lines = []
    with subprocess.Popen(
        command,
        env={**os.environ, "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line.rstrip("\n"))
    cases = read_output(lines)
    write_report(cases, process.returncode, report)
    faults = [fault for case in cases for fault in case.faults]
    if faults:
        print("\nAll faults once more:", *faults, sep="\n")
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
