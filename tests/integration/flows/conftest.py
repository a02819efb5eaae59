# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of the playbooks on one PBX of the lab, in this process and without Ansible: cheap enough to try many worlds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import HostResult
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.table import OPERATIONS
from ansible_collections.tcx.m365.tests.in_process import Run
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.graph.seed import register_automation_app
from tcx_lab.testing import Lab
from tcx_lab.world import World

Json = dict[str, Any]


@dataclass
class Flow:
    """One PBX of a lab, and what an operator does with it."""

    lab: Lab
    world: World
    host: str
    warnings: list[str] = field(default_factory=list)

    def variables(self, **changes: Any) -> Json:
        """The variables of the host as a playbook reads them; ``None`` takes one out."""
        group = self.lab.inventory["tcx"]
        known = {**group["vars"], **group["hosts"][self.host], "entra_app_unique_name": f"3cx-{self.host}"}
        return {name: value for name, value in {**known, **changes}.items() if value is not None}

    def run(self, operation: str, *, check: bool = False, **changes: Any) -> Json:
        """The result that a task has for this host."""
        run = self.begin(check=check, **changes)
        return run.steps(*OPERATIONS.get(operation, (operation,)), operation=operation)[self.host]

    def begin(self, *, check: bool = False, **changes: Any) -> Run:
        """A run of Ansible: its tasks share what they have learned."""
        run = Run.of_host(self.host, self.variables(**changes), check_mode=check)
        self.warnings = run.warnings
        return run

    def rollout(self, **changes: Any) -> Json:
        return self.run("rollout", **changes)

    def compliance(self, **changes: Any) -> HostResult:
        """The entry of the report."""
        return self.begin(check=True, **changes).report()[0]

    def verdict_after_a_while(self, **changes: Any) -> str:
        """The verdict once replicas of the directory agree."""
        verdict = ""
        for _attempt in range(5):
            verdict = self.compliance(**changes).verdict
            if verdict != "failed":
                break
            self.lab.control.advance_clock(1)
        return verdict

    def caller(self, *permissions: str) -> Json:
        """Variables of an automation with these permissions in the tenant of the PBX."""
        tenant = self.world.tenants[self.world.pbxs[self.host].tenant_id]
        made = register_automation_app(self.world, [tenant], permissions)
        return {"entra_client_id": made.app_id, "entra_client_secret": made.client_secret}

    def writes(self, service: str = "") -> list[str]:
        """What the operator has written since the log was cleared."""
        log = self.world.log.query(source="client")
        return [f"{each.method} {each.path}" for each in log if each.is_write and service in ("", each.service)]

    def requests(self, service: str) -> list[Any]:
        return list(self.world.log.query(source="client", service=service))

    def clear_log(self) -> None:
        self.world.log.clear()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is kept below the home of the user, and in the directory where a run begins."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))
    monkeypatch.setenv("ANSIBLE_HOME", str(tmp_path / "ansible"))
    return tmp_path


FLEET = FleetPlan(
    [TenantPlan("contoso", users=3)],
    [
        PbxPlan("berlin", "contoso", "20.0.10"),
        PbxPlan("munich", "contoso", "20.0.8", edition="Standard"),
        PbxPlan("lyon", "contoso", "20.0.5", edition="Professional"),
    ],
)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """One lab for the tests of a file."""
    with Lab.start(FLEET, mode="thread") as running:
        yield running


@pytest.fixture
def world(lab: Lab) -> World:
    """The lab as it was when it started."""
    lab.control.reset()
    assert lab.world is not None
    return lab.world


@pytest.fixture
def berlin(lab: Lab, world: World) -> Flow:
    """The newest release, which reports its edition."""
    return Flow(lab, world, "berlin")


@pytest.fixture
def munich(lab: Lab, world: World) -> Flow:
    """A Standard license on a release that does not report it."""
    return Flow(lab, world, "munich")


@pytest.fixture
def lyon(lab: Lab, world: World) -> Flow:
    """A Professional license on the oldest release, which does not report it."""
    return Flow(lab, world, "lyon")
