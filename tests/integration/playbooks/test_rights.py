# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rights that the README names are enough for each flow, and no write happens before a missing one is named."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.testing import Lab

from .conftest import REPOSITORY, Controller

PLAN = FleetPlan(
    [TenantPlan("contoso", users=3), TenantPlan("fabrikam", users=3)],
    [PbxPlan("berlin", "contoso"), PbxPlan("lyon", "fabrikam", "20.0.8", edition="Professional")],
)
GRAPH_FIRST, GRAPH_UNCHANGED, XAPI_FIRST, XAPI_UNCHANGED = 8, 3, 8, 5
READ_ONLY = "read-only: compliance, capture"


def _table() -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """Caller -> (what for, permissions), as the README has them."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.partition("<!-- rights:")[2].partition("<!-- /rights -->")[0].splitlines()
        if line.startswith("|")
    ]
    callers = rows[0][1:]
    return {
        caller: [(row[0], tuple(re.findall(r"`([\w.]+)`", row[1 + number]))) for row in rows[2:]]
        for number, caller in enumerate(callers)
    }


def _always(caller: str) -> tuple[str, ...]:
    return tuple(name for _text, names in _table()[caller][:2] for name in names)


CALLERS = list(_table())


@pytest.fixture
def customers(tmp_path: Path) -> Iterator[Controller]:
    home = tmp_path / "home"
    home.mkdir()
    with Lab.start(PLAN) as lab:
        yield Controller(lab, home)


def _calls(controller: Controller, host: str) -> tuple[int, int]:
    """Requests over the wire for one PBX: to Graph, and to its XAPI."""
    tenant = controller.lab.inventory["tcx"]["hosts"][host]["entra_tenant_id"]
    log = [each for each in controller.lab.control.log() if each["batch"] is None and each["source"] == "client"]
    graph = [each for each in log if each["service"] == "graph" and each["tenant"] == tenant]
    xapi = [each for each in log if each["host"] == host and each["path"].startswith("/xapi/")]
    return len(graph), len(xapi)


def _refused(controller: Controller) -> list[str]:
    return [
        f"{each['method']} {each['path']}"
        for each in controller.lab.control.log(service="graph")
        if each["status"] == 403
    ]


@pytest.mark.parametrize("caller", [each for each in CALLERS if each != READ_ONLY])
def test_each_flow_works_with_the_rights_of_the_readme(customers: Controller, tmp_path: Path, caller: str) -> None:
    control = customers.lab.control
    control.set_permissions(*_always(caller))
    control.clear_log()
    done = customers.rollout()
    assert done.code == 0, done.output
    assert done.changed() == ["berlin", "lyon"]
    for host in ("berlin", "lyon"):
        graph, xapi = _calls(customers, host)
        assert graph <= GRAPH_FIRST, host
        assert xapi <= XAPI_FIRST, host
    control.clear_log()
    again = customers.rollout()
    assert again.code == 0, again.output
    assert (again.changed(), customers.writes()) == ([], [])
    for host in ("berlin", "lyon"):
        graph, xapi = _calls(customers, host)
        assert graph <= GRAPH_UNCHANGED, host
        assert xapi <= XAPI_UNCHANGED, host
    done, report = customers.compliance(directory=tmp_path / "reports")
    assert done.code == 0, done.output
    assert report["summary"]["failed"] == 0
    assert customers.writes() == []
    done = customers.play("tcx.m365.capture", variables={"capture_dir": str(tmp_path / "captured")})
    assert done.code == 0, done.output
    keys = {name: control.new_key_pair(name)["public_key"] for name in ("berlin", "lyon")}
    inventory: dict[str, Any] = {"tcx": {"hosts": {name: {"entra_app_public_key": key} for name, key in keys.items()}}}
    path = tmp_path / "keys.yml"
    path.write_text(json.dumps(inventory), encoding="utf-8")
    done = customers.play("tcx.m365.rotate_certificate", "-i", str(path))
    assert done.code == 0, done.output
    done = customers.play("tcx.m365.offboard", variables={"offboard_confirm": True})
    assert done.code == 0, done.output
    assert _refused(customers) == []


def test_an_auditors_rights_are_enough_for_compliance_and_capture(customers: Controller, tmp_path: Path) -> None:
    control = customers.lab.control
    assert customers.rollout().code == 0
    control.set_permissions(*_always(READ_ONLY))
    control.clear_log()
    done, report = customers.compliance(directory=tmp_path / "reports")
    assert done.code == 0, done.output
    summary = report["summary"]
    assert (summary["failed"], summary["unreachable"], summary["total"]) == (0, 0, 2)
    done = customers.play("tcx.m365.capture", variables={"capture_dir": str(tmp_path / "captured")})
    assert done.code == 0, done.output
    assert (customers.writes(), _refused(customers)) == ([], [])


@pytest.mark.parametrize(
    ("playbook", "variables"),
    [
        ("rollout", {}),
        ("rollout", {"entra_app_delegated_permissions": ["openid"]}),
        ("rollout", {"entra_app_features": ["sign_in", "user_sync"]}),
        ("rollout", {"entra_app_exclusive": True}),
        ("rotate_certificate", {}),
        ("offboard", {"offboard_confirm": True}),
    ],
)
def test_a_missing_right_is_named_before_the_first_write(
    customers: Controller, playbook: str, variables: dict[str, Any]
) -> None:
    control = customers.lab.control
    if playbook != "rollout":
        assert customers.rollout().code == 0
    concerns_delegated = any(name.startswith("entra_app_") for name in variables)
    rights = _always("full") if concerns_delegated else _always(READ_ONLY)
    control.set_permissions(*rights)
    control.clear_log()
    done = customers.play(f"tcx.m365.{playbook}", variables=variables)
    assert done.code != 0
    assert customers.writes() == []
    wanted = "DelegatedPermissionGrant.ReadWrite.All" if concerns_delegated else "Application.ReadWrite.All"
    assert wanted in done.output
