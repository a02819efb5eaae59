# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Releases before 20.0.10 do not report the edition of their license, so only a write tells what it does not include."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.integration.flows.conftest import Flow
from tcx_lab.pbx import state_of

PAID: dict[str, dict[str, Any]] = {
    "contact_sync": {"tcx_console_contact_sync": {"enabled": True}},
    "calendar_sync": {"tcx_console_calendar_sync": {"enabled": True}},
    "shared_mailboxes": {"tcx_console_shared_mailboxes": {"enabled": True, "scope": "all"}},
    "teams": {"tcx_console_teams": {"enabled": True}},
}


@pytest.mark.parametrize("family", PAID)
def test_a_refusal_comes_before_anything_is_written_in_entra(munich: Flow, family: str) -> None:
    result = munich.rollout(**PAID[family])
    assert result["failed"]
    assert result["error"]["kind"] == "unlicensed", result["msg"]
    assert munich.writes("graph") == []
    assert munich.world.pbxs["munich"].tenant_id in munich.world.tenants
    assert f"{family}." in result["msg"]
    assert "upgrade its license" in result["error"]["remedy"]
    assert "Leave" in result["error"]["remedy"]
    assert result["steps"]["license"] == "failed"
    assert "application" not in result["steps"]
    # One pair of brackets in another reads badly.
    assert "its license (product code " in result["msg"]
    assert not any("((" in each or "unknown (" in each for each in (result["msg"], *munich.warnings))


@pytest.mark.parametrize("door", ["rollout", "rotate_certificate", "license"])
def test_a_refusal_is_told_once(munich: Flow, door: str) -> None:
    """What the PBX may refuse is no news beside what it has refused: neither in this run, nor in a check that remembers it."""
    changes = PAID["contact_sync"]
    for check in (False, True):
        result = munich.run(door, check=check, **changes)
        assert result["error"]["kind"] == "unlicensed", result["msg"]
        assert not [text for text in (*result["notes"], *result.get("warnings", ())) if "may refuse" in text]


@pytest.mark.parametrize("door", ["rollout", "rotate_certificate", "license"])
def test_what_was_accepted_is_not_said_to_be_refused_perhaps(lyon: Flow, door: str) -> None:
    changes = PAID["contact_sync"]
    planned = lyon.run(door, check=True, **changes)
    assert [text for text in planned["notes"] if "may refuse" in text]
    result = lyon.run(door, **changes)
    assert not result.get("failed"), result["msg"]
    assert not [text for text in (*result["notes"], *result.get("warnings", ())) if "may refuse" in text]


@pytest.mark.parametrize("operation", ["application", "rotate_certificate"])
def test_a_role_and_a_rotation_are_refused_as_early(munich: Flow, operation: str) -> None:
    result = munich.run(operation, **PAID["contact_sync"])
    assert result["error"]["kind"] == "unlicensed", result["msg"]
    assert munich.writes("graph") == []


def test_a_check_remembers_the_refusal_and_does_not_advise_the_rollout(munich: Flow) -> None:
    wanted = PAID["contact_sync"]
    before = munich.compliance(**wanted)
    assert before.verdict == "drifted"
    assert any("does not help" in each for each in before.attention)
    munich.rollout(**wanted)
    for found in (munich.compliance(**wanted), munich.run("rollout", check=True, **wanted)):
        verdict = found["error"]["kind"] if isinstance(found, dict) else found.verdict
        remedy = found["error"]["remedy"] if isinstance(found, dict) else " ".join(found.remedies)
        assert verdict == "unlicensed"
        assert "Leave these settings off" in remedy
        assert "upgrade" in remedy


@pytest.mark.parametrize("way", ["off", "upgraded", "updated"])
def test_each_way_out_is_a_way_out(munich: Flow, way: str) -> None:
    wanted = PAID["calendar_sync"]
    munich.rollout(**wanted)
    if way == "off":
        wanted = {"tcx_console_calendar_sync": {"enabled": False}}
    else:
        version = {} if way == "upgraded" else {"version": "20.0.10"}
        munich.lab.control.patch_pbx("munich", edition="Professional", **version)
    assert munich.compliance(**wanted).verdict == "drifted"
    result = munich.rollout(**wanted)
    assert not result.get("failed"), result["msg"]
    assert munich.compliance(**wanted).verdict in ("compliant", "attention")


def test_what_is_licensed_is_written_once(lyon: Flow) -> None:
    wanted = {**PAID["contact_sync"], **PAID["calendar_sync"], **PAID["shared_mailboxes"]}
    result = lyon.rollout(**wanted)
    assert not result.get("failed"), result["msg"]
    fields = [change["field"] for change in result["changes"] if change["target"] == "settings"]
    assert len(fields) == len(set(fields))
    assert {"contact_sync.enabled", "calendar_sync.enabled", "shared_mailboxes.enabled"} <= set(fields)
    again = lyon.rollout(**wanted)
    assert not again["changed"]
    assert "license" not in again["steps"]


def test_shared_mailboxes_that_are_selected_wait_for_the_link(lyon: Flow) -> None:
    mailbox = next(iter(lyon.world.tenants[lyon.world.pbxs["lyon"].tenant_id].users.values()))
    mailbox.update(accountEnabled=False, assignedLicenses=[])  # what makes an account a shared mailbox
    names = [mailbox["userPrincipalName"]]
    wanted = {"tcx_console_shared_mailboxes": {"enabled": True, "scope": "selected", "mailboxes": names}}
    result = lyon.rollout(**wanted)
    assert not result.get("failed"), result["msg"]
    settings = state_of(lyon.world, lyon.world.pbxs["lyon"]).m365["SharedMailboxesSync"]
    assert settings["IsEnabled"]
    assert settings["SyncType"]
    assert not lyon.rollout(**wanted)["changed"]


def test_a_refusal_for_another_reason_decides_nothing(lyon: Flow) -> None:
    """A PBX that takes no settings before it is linked is not short of a license."""
    body = {"error": {"code": "", "message": "WARNINGS.XAPI.FORBIDDEN_CHANGE"}}
    match = {"service": "pbx", "method": "PATCH", "path": "/Microsoft365Integration"}
    lyon.lab.control.add_trouble("status", match=match, status=400, body=body, times=1)
    result = lyon.rollout(**PAID["contact_sync"])
    assert not result.get("failed"), result["msg"]
    assert lyon.compliance(**PAID["contact_sync"]).verdict in ("compliant", "attention")


def test_check_and_rollout_have_the_same_changes(lyon: Flow) -> None:
    wanted = {**PAID["contact_sync"], "tcx_console_user_sync": {"enabled": True, "scope": "all", "photo": True}}
    checked, done = lyon.run("rollout", check=True, **wanted), lyon.rollout(**wanted)
    assert not done.get("failed"), done["msg"]
    assert {each["field"] for each in checked["changes"]} == {each["field"] for each in done["changes"]}
