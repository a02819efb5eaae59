# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PBX whose integration does not work although every setting is as desired: check mode answers as the rollout does."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import tcx_m365_settings
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.arguments import pbx_connection
from ansible_collections.tcx.m365.tests.in_process import ROLES, Run

from .conftest import Flow

Json = dict[str, Any]


def _module(run: Run, host: str) -> Json:
    return run.task(tcx_m365_settings.CAPABILITY, pbx_connection(run.inventory.of(host)))


DOORS: dict[str, Callable[[Run, str], Json]] = {
    "rollout": lambda run, host: run.operation("rollout")[host],
    "rotation": lambda run, host: run.operation("rotate_certificate")[host],
    "roles": lambda run, host: run.roles(*ROLES)[host],
    "the role tcx_console": lambda run, host: run.roles(("settings",))[host],
    "module": _module,
}


def _told(result: Json) -> Any:
    """What a failure says, without what the service makes anew for each answer."""
    error = {name: _steady(value) for name, value in result["error"].items()}
    return _steady(result["msg"]), error, result["changed"], result.get("changes") or []


def _steady(value: Any) -> Any:
    return (
        re.sub(r"(Trace ID|Correlation ID|Timestamp): \S+( \d\S+Z)?", r"\1", value) if isinstance(value, str) else value
    )


def _block(flow: Flow) -> None:
    """A policy of the tenant blocks the application; nothing that a rollout sets changes the policy."""
    tenant = flow.world.tenants[flow.world.pbxs[flow.host].tenant_id]
    own = next(each for each in tenant.applications.values() if each["uniqueName"] == f"3cx-{flow.host}")
    flow.lab.control.set_switches(conditional_access_blocks=own["appId"])


@pytest.mark.parametrize("door", DOORS)
def test_check_mode_fails_as_the_rollout_does(berlin: Flow, door: str) -> None:
    assert not berlin.rollout().get("failed")
    _block(berlin)
    berlin.clear_log()
    done = DOORS[door](berlin.begin(), berlin.host)
    predicted = DOORS[door](berlin.begin(check=True), berlin.host)
    assert (done["failed"], done["error"]["kind"]) == (True, "unhealthy"), done["msg"]
    sentence = (
        "waiting would not help" if door == "module" else "is blocked by a Conditional Access policy of the tenant"
    )
    assert sentence in done["msg"]
    assert predicted.get("failed")
    assert _told(predicted) == _told(done)
    assert (done["changed"], berlin.writes()) == (False, [])


def test_the_report_tells_it_as_broken(berlin: Flow) -> None:
    """With everything else that it has found, which a failed check would leave out."""
    assert not berlin.rollout().get("failed")
    _block(berlin)
    entry = berlin.compliance()
    assert (entry.verdict, entry.changes) == ("broken", [])
    assert entry.reasons[0].startswith("3CX reports: AADSTS53003")
    assert any(control["id"] == "sign_in.ready" for control in entry.controls)


@pytest.mark.parametrize("door", [door for door in DOORS if door != "module"])
@pytest.mark.parametrize(
    "planned",
    [
        {"tcx_console_user_sync": {"photo": True}},
        {"entra_app_notes": "new"},
        {"entra_app_manage": False, "tcx_console_user_sync": {"photo": True}},
    ],
    ids=str,
)
def test_what_is_planned_does_not_change_a_policy(berlin: Flow, door: str, planned: Json) -> None:
    """So nothing of it is written, and check mode promises none of it."""
    assert not berlin.rollout().get("failed")
    _block(berlin)
    berlin.clear_log()
    done = DOORS[door](berlin.begin(**planned), berlin.host)
    predicted = DOORS[door](berlin.begin(check=True, **planned), berlin.host)
    assert "is blocked by a Conditional Access policy of the tenant" in done["msg"]
    assert "(AADSTS53003)" in done["msg"]
    assert _told(predicted) == _told(done)
    assert (done["failed"], done["changed"], berlin.writes()) == (True, False, [])


def test_who_waits_for_nothing_may_prepare_what_is_blocked(berlin: Flow) -> None:
    assert not berlin.rollout().get("failed")
    _block(berlin)
    for check in (True, False):
        done = berlin.run(
            "rollout", check=check, tcx_console_wait=False, entra_app_notes="new", sso_verify_enabled=False
        )
        assert done["changed"], done["msg"]
        assert any("AADSTS53003" in str(warning) for warning in berlin.warnings)


def test_a_consent_that_a_person_has_to_give(berlin: Flow) -> None:
    """Nobody waits for it, in either mode."""
    changes: Json = {"entra_app_manage_grants": False, "tcx_console_wait_timeout": 1}
    assert not berlin.rollout().get("failed")
    tenant = berlin.world.tenants[berlin.world.pbxs[berlin.host].tenant_id]
    own = next(each for each in tenant.applications.values() if each["uniqueName"] == f"3cx-{berlin.host}")
    principal = next(each for each in tenant.service_principals.values() if each["appId"] == own["appId"])
    for name, assignment in list(tenant.app_role_assignments.items()):
        if assignment["principalId"] == principal["id"]:
            del tenant.app_role_assignments[name]
    done, predicted = berlin.rollout(**changes), berlin.run("rollout", check=True, **changes)
    assert (done["failed"], done["error"]["kind"]) == (True, "unhealthy"), done["msg"]
    assert _told(predicted) == _told(done)
