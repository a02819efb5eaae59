# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the shipped playbooks as a user does, against a lab in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.testing import Lab

REPOSITORY = Path(__file__).resolve().parents[3]
KEPT = ("PATH", "LANG", "TMPDIR")
_RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)

SMALL = FleetPlan(
    [TenantPlan("contoso", users=4), TenantPlan("fabrikam", users=3)],
    [
        PbxPlan("berlin", "contoso", "20.0.10"),
        PbxPlan("munich", "contoso", "20.0.8", edition="Professional"),
        PbxPlan("lyon", "fabrikam", "20.0.5"),
    ],
)


def hosts_for(in_process: bool) -> list[str]:
    """Those of `SMALL` for a test of both front ends: all, or the one that is enough for modules.

    As a module each step starts a program on each host, which costs a second and does not depend on the other hosts.
    """
    return ["berlin", "lyon", "munich"] if in_process else ["lyon"]


def limit_for(in_process: bool) -> tuple[str, str]:
    return "--limit", ",".join(hosts_for(in_process))


@dataclass
class Outcome:
    """How a playbook run ended."""

    code: int
    output: str
    recap: dict[str, dict[str, int]] = field(default_factory=dict)
    stdout: str = ""

    @classmethod
    def of(cls, done: subprocess.CompletedProcess[str]) -> Outcome:
        found = {
            match[1]: {"ok": int(match[2]), "changed": int(match[3]), "failed": int(match[4]) + int(match[5])}
            for match in _RECAP.finditer(done.stdout)
        }
        return cls(done.returncode, done.stdout + done.stderr, found, done.stdout)

    def changed(self) -> list[str]:
        return sorted(host for host, counts in self.recap.items() if counts["changed"])

    def failed(self) -> list[str]:
        return sorted(host for host, counts in self.recap.items() if counts["failed"])

    def sentence(self, host: str) -> str:
        """The message with which a host failed."""
        found = re.search(rf"fatal: \[{re.escape(host)}\]: FAILED! => (\{{.*\}})", self.output)
        return str(json.loads(found[1])["msg"]) if found else ""


@dataclass
class Controller:
    """A controller with nothing configured: no ansible.cfg, an empty home."""

    lab: Lab
    home: Path

    def play(
        self,
        playbook: str,
        *arguments: str,
        variables: dict[str, Any] | None = None,
        inventory: Path | None = None,
        **environment: str,
    ) -> Outcome:
        command = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            playbook,
            "-i",
            str(inventory or self.lab.inventory_path),
            *arguments,
        ]
        if variables:
            command += ["-e", json.dumps(variables)]
        known = self.environment(**environment)
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=known, cwd=self.home, timeout=300
        )
        return Outcome.of(done)

    def environment(self, **more: str) -> dict[str, str]:
        """The variables of the environment of every run."""
        kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith("COVERAGE_")}
        return {
            **kept,
            "HOME": str(self.home),
            "ANSIBLE_HOME": str(self.home / ".ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".build" / "collections"),
            "ANSIBLE_FORKS": "12",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_DEVEL_WARNING": "0",
            "LC_ALL": "C.UTF-8",
            **more,
        }

    def rollout(self, *arguments: str, **options: Any) -> Outcome:
        return self.play("tcx.m365.rollout", *arguments, **options)

    def compliance(self, *arguments: str, directory: Path, **variables: Any) -> tuple[Outcome, dict[str, Any]]:
        """The outcome, and the report that was written."""
        done = self.play(
            "tcx.m365.compliance", *arguments, variables={"compliance_report_dir": str(directory), **variables}
        )
        path = directory / "compliance.json"
        assert path.exists(), done.output
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return done, report

    def afresh(self, home: Path) -> Controller:
        """The same PBXs as they were when the lab was started, with another home."""
        self.lab.control.reset()
        home.mkdir()
        return Controller(self.lab, home)

    def writes(self) -> list[str]:
        return [f"{each['method']} {each['path']}" for each in self.lab.control.writes()]


@contextlib.contextmanager
def one_pbx_for_each(variables: Mapping[str, Mapping[str, Any]], home: Path) -> Iterator[Controller]:
    """A PBX for each entry, by the name of it, with these variables in the inventory; :param home: of the operator."""
    with Lab.start(
        FleetPlan([TenantPlan("contoso", users=1)], [PbxPlan(name, "contoso") for name in variables])
    ) as lab:
        inventory = lab.inventory
        for name, values in variables.items():
            inventory["tcx"]["hosts"][name].update(values)
        lab.inventory_path.write_text(json.dumps(inventory), encoding="utf-8")
        yield Controller(lab, home)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """The twelve PBXs of the demo, three of them with trouble."""
    with Lab.start("demo") as lab:
        yield Controller(lab, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def small_lab() -> Iterator[tuple[Lab, str]]:
    """One lab for all tests with three PBXs, and the text of its inventory; to start one costs as much as half a rollout."""
    with Lab.start(SMALL) as lab:
        yield lab, lab.inventory_path.read_text(encoding="utf-8")


@pytest.fixture
def small(small_lab: tuple[Lab, str], tmp_path: Path) -> Controller:
    """Three healthy PBXs in two tenants, as fresh for each test as when the lab has just been started."""
    lab, inventory = small_lab
    lab.control.reset()
    lab.inventory_path.write_text(inventory, encoding="utf-8")
    home = tmp_path / "home"
    home.mkdir()
    return Controller(lab, home)
