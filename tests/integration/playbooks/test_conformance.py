# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The questions about how Graph and XAPI behave, asked of the lab: each switch answers as it stands, and nothing is left behind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.tcx.m365.tests.integration.playbooks.conftest import Controller
from tcx_lab import records
from tcx_lab.evidence import Grade, statements
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.testing import Lab

if TYPE_CHECKING:
    from pathlib import Path

ONE = FleetPlan([TenantPlan("contoso", users=4)], [PbxPlan("berlin", "contoso", "20.0.10")])
SET = {"tcx_console_user_sync": {"enabled": True, "scope": "all", "photo": True}}

# What nobody knows, in both positions; what is not named has the lab's default.
POSITIONS: list[dict[str, Any]] = [
    {},
    {
        "upsert_supported": False,
        "redirect_uris_order_kept": True,
        "complex_patch_merges": False,
        "application_tags_reach_service_principal": False,
        "duplicate_assignment_status": 409,
        "restore_restores_service_principal": False,
        "ad_users_patch": "merge",
        "bad_literal": "delta",
        "annotations_refused": False,
        "duplicate_assignment_wording": "entitlement",
        "script_answer": "json",
        "page_limit": 2,
        "default_page_size": 1,
    },
    {"unique_name_immutable": False},
]


def asked(controller: Controller, directory: Path, **variables: Any) -> tuple[dict[str, Any], str]:
    """The answers of both services by behavior, and the text of the record."""
    done = controller.play("tcx.m365.conformance", variables={"conformance_dir": str(directory), **variables})
    assert done.code == 0, done.output
    (path,) = directory.glob("*.json")
    text = path.read_text(encoding="utf-8")
    record = json.loads(text)
    return {each["behavior"]: each for each in (*record["graph"], *record["xapi"])}, text


def left(lab: Lab, tenant: str) -> list[list[str]]:
    """The ids of what is in the tenant, deleted objects included."""
    kinds = ("applications", "servicePrincipals", "deletedItems")
    return [sorted(each["id"] for each in lab.control.objects(tenant, kind)) for kind in kinds]


@pytest.mark.parametrize("position", POSITIONS, ids=["defaults", "the others", "names can change"])
def test_each_switch_answers_as_it_stands(position: dict[str, Any], tmp_path: Path) -> None:
    with Lab.start(ONE, switches=position) as lab:
        controller = Controller(lab, tmp_path)
        assert controller.rollout(variables=SET).code == 0
        tenant = lab.inventory["tcx"]["hosts"]["berlin"]["entra_tenant_id"]
        before = left(lab, tenant)
        answers, text = asked(controller, tmp_path / "records", conformance_write=True)
        switches = lab.control.state()["switches"]
        expected = {name: switches[name] for name in answers if name in switches}
        known = {name for name, each in answers.items() if each["answer"] is not None}
        assert {name: answers[name]["answer"] for name in expected if name in known} == {
            name: value for name, value in expected.items() if name in known
        }
        assert known >= set(position)
        fixed = {name: answers[name]["answer"] for name in records.FIXED}
        assert fixed == records.FIXED
        if not position:
            (path,) = (tmp_path / "records").glob("*.json")
            grades = {each.name: each.grade for each in records.raised(statements(), [records.read(path)])}
            assert {grades[name] for name in known} <= {Grade.DOCUMENTED, Grade.RECORDED}
        assert left(lab, tenant) == before
        for value in lab.inventory["tcx"]["hosts"]["berlin"].values():
            assert str(value) not in text


def test_without_leave_to_write_nothing_is_written(tmp_path: Path) -> None:
    with Lab.start(ONE) as lab:
        answers, _text = asked(Controller(lab, tmp_path), tmp_path / "records")
        assert not lab.control.writes()
        assert answers["upsert_supported"]["answer"] is None
        assert "writing" in answers["upsert_supported"]["reason"]
        assert answers["app_role_origin"]["answer"]
