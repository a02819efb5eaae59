# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings of one PBX from nothing to proven: what is written, what is not, and how many requests it takes."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.integration.pbx.fleet import NEWEST, RELEASES, Bench

GUIDE: dict[str, Any] = {
    "user_sync": {
        "enabled": True,
        "scope": "all",
        "users": [],
        "groups": [],
        "starting_extension": "200",
        "photo": True,
        "office_phone": False,
        "departments": False,
        "details": False,
        "guests": False,
    },
    "sign_in": {"enabled": True},
    "contact_sync": {"enabled": False},
    "calendar_sync": {"enabled": False},
}


@pytest.mark.parametrize("release", RELEASES)
def test_the_guide_on_every_release(bench: Bench, release: str) -> None:
    name = f"v{release.replace('.', '-')}"
    link = bench.link(name)
    predicted = bench.run().settings(name, check=True, **link, **GUIDE)
    assert bench.writes(name) == []
    done = bench.run().settings(name, **link, **GUIDE)
    assert not done.get("failed"), done
    assert done["changed"]
    assert done["changes"] == predicted["changes"]
    assert done["diff"] == predicted["diff"]
    assert done["status"] == {"ok": True, "application_id": link["application_id"], "subscription": True, "message": ""}
    assert done["version"].startswith(release)
    assert done["redirect_uri"] == bench.redirect_uri(name)
    assert [each["field"] for each in done["changes"]] == [
        "application_id",
        "tenant_id",
        "user_sync.enabled",
        "user_sync.photo",
        "sign_in.enabled",
    ]
    bench.world.log.clear()
    again = bench.run().settings(name, **link, **GUIDE)
    assert again["changed"] is False
    assert again["changes"] == []
    assert bench.writes(name) == []
    assert bench.run().settings(name, check=True, **link, **GUIDE)["changed"] is False


def test_what_is_not_mentioned_is_not_touched(bench: Bench) -> None:
    link = bench.link()
    state = bench.state()
    state.m365["AdUsers"].update(SyncEvents=True, SelectedUsers=["x"], SyncGuestUsers=True)
    state.m365["AdUsers"]["StatusSyncConfiguration"] = {
        "PBXToM365Busy": True,
        "PBXToM365Bindings": [],
        "M365ToPbxBindings": [],
    }
    before = json.loads(json.dumps(state.m365))
    bench.run().settings(**link, user_sync={"photo": True})
    before["AdUsers"]["IsSyncPhoto"] = True
    before.update(ApplicationId=link["application_id"], TenantId=link["tenant_id"])
    assert json.loads(json.dumps(state.m365)) == before


@pytest.mark.parametrize("position", ["replace", "merge"])
@pytest.mark.parametrize("unset", ["empty", "omitted"])
def test_both_readings_of_a_nested_patch_end_right(bench: Bench, position: str, unset: str) -> None:
    bench.lab.control.set_switches(ad_users_patch=position, unset_ids=unset)
    link = bench.link()
    bench.state().m365["AdUsers"]["SyncGuestUsers"] = True
    wanted = {
        "presence": {"pbx_to_m365_busy": True, "pbx_to_m365": [{"from": "away", "to": "away"}]},
        "shared_mailboxes": {"scope": "all_except"},
    }
    done = bench.run().settings(**link, **wanted)
    assert not done.get("failed"), done
    held = bench.state().m365
    assert held["AdUsers"]["SyncGuestUsers"] is True
    assert held["AdUsers"]["StatusSyncConfiguration"]["PBXToM365Busy"] is True
    assert held["SharedMailboxesSync"]["SyncType"] == "SyncAllUsersExceptSelected"
    assert not bench.run().settings(**link, **wanted)["changed"]


def test_the_budget_of_requests(bench: Bench) -> None:
    link = bench.link()
    first = bench.run()
    first.settings(check=True, **GUIDE)  # the preflight, before there is an application
    first.settings(**link, **GUIDE)
    assert len(bench.xapi_calls()) <= 8, bench.xapi_calls()
    assert bench.sign_ins() == 1
    bench.world.log.clear()
    second = bench.run()
    second.preflight(**GUIDE, change_notifications=False)  # as the rollout has it
    assert second.settings(**link, **GUIDE)["changed"] is False
    assert len(bench.xapi_calls()) <= 5, bench.xapi_calls()
    assert bench.sign_ins() == 1


def test_drift_between_the_preflight_and_the_write_is_repaired_and_reported(bench: Bench) -> None:
    """In a fleet minutes lie between the two, and the preflight has found nothing to do."""
    link = bench.link()
    bench.run().settings(**link, **GUIDE)
    run = bench.run()
    run.preflight(**GUIDE, change_notifications=False)
    bench.state().m365["AdUsers"]["IsSyncPhoto"] = False
    done = run.settings(**link, **GUIDE)
    assert done["changes"] == [{"target": "settings", "field": "user_sync.photo", "before": False, "after": True}]
    assert bench.state().m365["AdUsers"]["IsSyncPhoto"] is True


def test_what_happens_between_two_tasks_of_a_run_is_seen(bench: Bench) -> None:
    link = bench.link()
    run = bench.run()
    run.settings(**link, **GUIDE)
    bench.state().m365["AdUsers"]["EnableSSO"] = False
    again = run.settings(**link, **GUIDE)
    assert [each["field"] for each in again["changes"]] == ["sign_in.enabled"]
    assert run.settings(**link, **GUIDE)["changed"] is False
    bench.lab.control.new_key_pair(NEWEST)
    assert run.settings(**link, **GUIDE, wait=False)["status"]["ok"] is False


def test_the_proof_of_a_preflight_is_void_once_the_tenant_was_changed(bench: Bench) -> None:
    link = bench.link()
    bench.run().settings(**link, **GUIDE)
    run = bench.run()
    run.settings(check=True, **GUIDE)
    bench.lab.control.new_key_pair(NEWEST)
    run.store.put("tenant_changed", link["tenant_id"].lower(), time.time() + 1)
    assert run.settings(**link, wait=False)["status"]["ok"] is False


def test_absent_switches_off_and_unlinks(bench: Bench) -> None:
    link = bench.link()
    bench.run().settings(**link, **GUIDE)
    predicted = bench.run().settings(check=True, state="absent")
    done = bench.run().settings(state="absent")
    assert done["changes"] == predicted["changes"]
    assert done["status"]["ok"] is False
    assert done["status"]["application_id"] == ""
    held = bench.state().m365
    assert (held["ApplicationId"], held["TenantId"]) == ("", "")
    assert not held["AdUsers"]["IsEnabled"]
    assert not held["AdUsers"]["EnableSSO"]
    assert held["AdUsers"]["IsSyncPhoto"], "settings that are no switch stay"
    assert bench.run().settings(state="absent")["changed"] is False


def test_somebody_else_who_writes_at_the_same_time_is_noticed(bench: Bench) -> None:
    link = bench.link()
    run = bench.run()
    original = bench.state().m365

    class Stubborn(dict[str, Any]):
        """Settings whose photo switch somebody else keeps turning off."""

        def __setitem__(self, name: str, value: Any) -> None:
            super().__setitem__(name, {**value, "IsSyncPhoto": False} if name == "AdUsers" else value)

        def update(self, *args: Any, **more: Any) -> None:
            for name, value in dict(*args, **more).items():
                self[name] = value

    bench.state().m365 = Stubborn(original)
    failed = run.settings(**link, user_sync={"photo": True, "guests": True})
    assert failed["failed"]
    assert failed["error"]["kind"] == "conflict"
    assert "user_sync.photo" in failed["msg"]
    assert "guests" not in failed["msg"]


# --- proof ---------------------------------------------------------------------------------------------------------------


def test_a_missing_consent_fails_with_the_pbxs_own_words(bench: Bench) -> None:
    link = bench.link(NEWEST, "Mail.Send")
    failed = bench.run().settings(**link, **GUIDE, wait_timeout=1)
    assert failed["failed"]
    assert failed["error"]["kind"] == "unhealthy"
    assert "Insufficient privileges" in failed["msg"]
    assert "graph_permission_grant" in failed["msg"]
    assert "the settings are written" in failed["msg"]


def test_without_waiting_the_state_is_told_and_nothing_fails(bench: Bench) -> None:
    link = bench.link(NEWEST, "Mail.Send")
    run = bench.run()
    done = run.settings(**link, **GUIDE, wait=False)
    assert not done.get("failed")
    assert done["status"]["ok"] is False
    assert "Insufficient privileges" in done["status"]["message"]
    assert any("not healthy" in each for each in run.warnings)


def test_a_new_key_pair_that_entra_does_not_know_is_explained(bench: Bench) -> None:
    link = bench.link()
    bench.lab.control.new_key_pair(NEWEST)
    failed = bench.run().settings(**link, wait_timeout=1)
    assert "AADSTS700027" in failed["msg"]
    assert "public_key.pem" in failed["msg"]
    assert failed["error"]["code"] == "AADSTS700027"


def test_a_wrong_tenant_fails_at_once(bench: Bench) -> None:
    link = {**bench.link(), "tenant_id": "6b1f2f0e-0000-4000-8000-00000000000a"}
    run = bench.run()
    failed = run.settings(**link, wait_timeout=500)
    assert "AADSTS90002" in failed["msg"]
    assert len(bench.xapi_calls()) <= 6


def test_notifications_that_do_not_arrive_are_a_warning(bench: Bench) -> None:
    link = bench.link()
    bench.state().reachable = False
    run = bench.run()
    done = run.settings(**link)
    assert done["status"]["ok"] is True
    assert done["status"]["subscription"] is False
    assert any("nightly" in each for each in run.warnings)


@pytest.mark.parametrize("status", [400, 500])
def test_both_statuses_of_a_refused_action_are_understood(bench: Bench, status: int) -> None:
    bench.lab.control.set_switches(m365_error_status=status)
    link = bench.link(NEWEST, "Mail.Send")
    failed = bench.run().settings(**link, user_sync={"users": ["ada@contoso.example"]}, wait_timeout=0)
    assert failed["failed"]
    assert "nsufficient privileges" in failed["msg"]
