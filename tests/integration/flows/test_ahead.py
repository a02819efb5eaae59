# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In the pass that checks all PBXs of a batch, one that needs no write goes through all steps; nothing is written in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.fleet import DONE, Fleet
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.table import OPERATIONS, STEPS
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import CHECK

from .conftest import Flow
from .test_start_states import STATES, WANTED, _consent_gone, _known

Json = dict[str, Any]

ALL = list(OPERATIONS["rollout"])
CHECKS = [name for name in ALL if STEPS[name].kind == CHECK]

AHEAD = {"as it is", "without an owner", "a foreign secret"}
"""The states in which nothing is to be written."""


def work(fleet: Fleet, flow: Flow, names: list[str]) -> Json:
    return fleet.work(flow.host, lambda _kind, _text: None, names, connection="local")


@pytest.mark.parametrize("state", STATES)
def test_nothing_is_written_before_the_others_have_been_checked(berlin: Flow, tmp_path: Path, state: str) -> None:
    assert not berlin.rollout(**WANTED).get("failed")
    variables = {**WANTED, **(STATES[state](berlin) or {}), "snapshot_dir": str(tmp_path / "kept")}
    predicted = berlin.begin(check=True, **variables).operation("rollout")[berlin.host]
    berlin.clear_log()
    fleet = berlin.begin(**variables).fleet("rollout")
    first = work(fleet, berlin, CHECKS)
    assert berlin.writes() == []
    assert not (tmp_path / "kept").exists()
    assert (DONE in first) is (state in AHEAD), first
    ended = DONE in first or first["result"].get("failed")
    result = first["result"] if ended else work(fleet, berlin, ALL)["result"]
    assert _known(result) == _known(predicted)
    if DONE in first:
        assert result["steps"].keys() >= {"pbx", "application", "grant", "settings", "sign_in"}
        assert result["status"]["ok"]


def test_a_pbx_that_stops_in_front_of_a_write_is_not_checked_again(berlin: Flow, tmp_path: Path) -> None:
    assert not berlin.rollout().get("failed")
    _consent_gone(berlin)
    fleet = berlin.begin(snapshot_dir=str(tmp_path / "kept"), on_failure="rollback").fleet("rollout")
    result = work(fleet, berlin, CHECKS)["result"]
    assert not result.get("failed"), result["msg"]
    assert not result["changed"]
    assert "rollback" not in result
    berlin.clear_log()
    result = work(fleet, berlin, ALL)["result"]
    assert [change["target"] for change in result["changes"]] == ["app_role_assignments"]
    assert not [each for each in berlin.requests("pbx") if each.path == "/connect/token"]


def test_a_pbx_that_works_with_an_application_of_somebody_else_goes_ahead_as_well(berlin: Flow) -> None:
    linked = berlin.rollout()["application_id"]
    berlin.clear_log()
    for more in ({}, {"tcx_console_application_id": linked.upper()}):
        entry = work(berlin.begin(entra_app_manage=False, **more).fleet("rollout"), berlin, CHECKS)
        assert DONE in entry, entry["result"]
        assert not entry["result"]["changed"]
    assert berlin.writes() == []


def test_what_only_checks_says_nothing_of_later_steps(berlin: Flow) -> None:
    """A task that checks has the same result whether a PBX needs a write or not; so has check mode."""
    assert not berlin.rollout().get("failed")
    fleet = berlin.begin().fleet("preflight")
    assert DONE not in work(fleet, berlin, CHECKS)
    fleet = berlin.begin(check=True).fleet("rollout")
    assert DONE not in work(fleet, berlin, CHECKS)


@pytest.mark.parametrize("trouble", ["unhealthy", "unlicensed"])
def test_a_pbx_that_may_have_to_be_waited_for_stays_behind(lyon: Flow, berlin: Flow, trouble: str) -> None:
    flow = berlin if trouble == "unhealthy" else lyon
    assert not flow.rollout().get("failed")
    more: Json = {}
    if trouble == "unhealthy":
        _consent_gone(flow)
        flow.lab.control.add_trouble(
            "status",
            match={"service": "pbx", "host": flow.host, "path": "GetMicrosoft365Directory"},
            status=200,
            body={"ApplicationId": "", "ExceptionMessage": "AADSTS700016: Application was not found in the directory"},
            times=1,
        )
    else:
        more = {"tcx_console_user_sync": {"enabled": True}}
    entry = work(flow.begin(**more).fleet("rollout"), flow, CHECKS)
    assert DONE not in entry
    assert "application" not in entry["result"]["steps"]
