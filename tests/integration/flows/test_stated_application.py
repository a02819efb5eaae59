# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An application that the inventory states and the tenant does not have: every door answers alike, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import azure_app_registration
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.arguments import entra_connection
from ansible_collections.tcx.m365.tests.in_process import ROLES, Run

from .conftest import Flow

Json = dict[str, Any]

ABSENT = "11111111-2222-4333-8444-555555555555"
ROLE = ROLES[2:5]
"""The tasks of the role entra_app."""


def _module(run: Run, host: str) -> Json:
    connection = entra_connection(run.inventory.of(host))
    return run.task(azure_app_registration.CAPABILITY, {**connection, "app_id": ABSENT})


DOORS: dict[str, Callable[[Run, str], Json]] = {
    "rollout": lambda run, host: run.operation("rollout")[host],
    "all roles": lambda run, host: run.roles(*ROLES)[host],
    "the role entra_app": lambda run, host: run.roles(*ROLE)[host],
    "module": _module,
}
ANSWER = (
    f"Could not find the application ({ABSENT}): there is no such application in this tenant, and no deleted one. Check {{app_id}} and "
    "{tenant_id}. Leave {app_id} out to have the application found by its name, or created."
)
BY_VARIABLES = ANSWER.format(app_id="entra_app_app_id", tenant_id="entra_tenant_id")
BY_OPTIONS = ANSWER.format(app_id="app_id", tenant_id="tenant_id")


@pytest.mark.parametrize("linked", [False, True], ids=["a new PBX", "a PBX that has another application"])
@pytest.mark.parametrize("check", [True, False], ids=["check", "apply"])
def test_every_door_says_that_it_is_absent(berlin: Flow, linked: bool, check: bool) -> None:
    if linked:
        assert not berlin.rollout().get("failed")
        berlin.clear_log()
    for door, enter in DOORS.items():
        result = enter(berlin.begin(check=check, entra_app_app_id=ABSENT), berlin.host)
        assert result["failed"], door
        assert result["msg"] == (BY_OPTIONS if door == "module" else BY_VARIABLES), door
        assert result["error"]["kind"] == "not_found", door
        assert not result["changed"], door
        assert not result.get("changes"), door
    assert berlin.writes() == []


def test_the_report_says_it_too(berlin: Flow) -> None:
    entry = berlin.compliance(entra_app_app_id=ABSENT)
    assert entry.verdict == "failed"
    assert BY_VARIABLES.startswith(entry.reasons[0]), "the advice has a place of its own in the report"
    assert entry.changes == []


@pytest.mark.parametrize("check", [True, False], ids=["check", "apply"])
def test_a_name_that_the_application_cannot_get_is_told(berlin: Flow, check: bool) -> None:
    """As when two PBXs are to share an application from now on: the one keeps its own."""
    assert not berlin.rollout().get("failed")
    berlin.clear_log()
    result = DOORS["rollout"](berlin.begin(check=check, entra_app_unique_name="shared"), berlin.host)
    assert not result.get("failed")
    (told,) = (note for note in result["notes"] if "entra_app_unique_name is shared" in note)
    assert f"keeps its unique name 3cx-{berlin.host}" in told
    assert berlin.writes() == []
    entry = berlin.compliance(entra_app_unique_name="shared")
    assert [sentence for sentence in entry.attention if "entra_app_unique_name is shared" in sentence]
    assert not [note for note in berlin.rollout()["notes"] if "unique" in note]


@pytest.mark.parametrize("linked", [False, True], ids=["a new PBX", "a PBX that has another application"])
def test_a_pbx_is_not_linked_past_its_application(berlin: Flow, linked: bool) -> None:
    """An application would be registered for it, and another one used, which nobody has looked at."""
    if linked:
        assert not berlin.rollout().get("failed")
        berlin.clear_log()
    for check in (True, False):
        for enter in (DOORS["rollout"], DOORS["all roles"], DOORS["the role entra_app"]):
            result = enter(berlin.begin(check=check, tcx_console_application_id=ABSENT), berlin.host)
            assert result["failed"]
            assert (
                f"tcx_console_application_id is {ABSENT}, and the application that is set up for this PBX "
                in result["msg"]
            )
            assert (result["changed"], result.get("changes") or []) == (False, [])
    assert berlin.writes() == []
    if linked:
        own = berlin.rollout()["application_id"]
        assert not berlin.rollout(tcx_console_application_id=own.upper()).get("failed")


def test_the_automations_own_application_is_refused_in_the_words_of_each_door(berlin: Flow) -> None:
    """Who has set a variable is told the variable, and who has set an option the option."""
    own = str(berlin.variables()["entra_client_id"])
    for door, enter in DOORS.items():
        run = berlin.begin(entra_app_app_id=own, offboard_confirm=True)
        if door == "module":
            connection = entra_connection(run.inventory.of("berlin"))
            result = run.task(azure_app_registration.CAPABILITY, {**connection, "app_id": own})
        else:
            result = enter(run, "berlin")
        option = "app_id" if door == "module" else "entra_app_app_id"
        assert result["error"]["remedy"] == f"Name another application in {option}, or leave it out.", door
    removed = berlin.run("offboard", entra_app_app_id=own, offboard_confirm=True)
    assert removed["error"]["remedy"] == "Name another application in entra_app_app_id, or leave it out."
    assert berlin.writes() == []
