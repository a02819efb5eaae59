# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users, groups and mailboxes by name, before and after a PBX is linked, and who may sign in."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.integration.pbx.fleet import GUIDE_PERMISSIONS, NEWEST, Bench


def people(bench: Bench, name: str = NEWEST) -> list[dict[str, Any]]:
    """Members of the tenant with a mail address."""
    return [each for each in bench.tenant(name).users.values() if each["userType"] == "Member" and each.get("mail")]


def selected(bench: Bench, name: str = NEWEST) -> list[str]:
    found: list[str] = list(bench.state(name).m365["AdUsers"]["SelectedUsers"])
    return found


@pytest.mark.parametrize("was_on", [False, True])
def test_a_selection_is_written_on_the_first_rollout_and_nobody_else_is_synchronized(
    bench: Bench, was_on: bool
) -> None:
    link = bench.link()
    bench.state().m365["AdUsers"]["IsEnabled"] = was_on
    one, two = people(bench)[:2]
    options = {
        "user_sync": {"enabled": True, "scope": "selected", "users": [one["userPrincipalName"], two["mail"].upper()]},
    }
    predicted = bench.run().settings(check=True, **link, **options)
    done = bench.run().settings(**link, **options)
    assert not done.get("failed"), done
    assert done["changes"] == predicted["changes"]
    assert selected(bench) == [one["id"], two["id"]]
    listing = bench.run().info(gather=["users"])["users"]["all"]
    assert {each["email"].lower() for each in listing if each["synced"]} == {one["mail"].lower(), two["mail"].lower()}
    first = bench.writes()[0].body
    held = {"AdUsers"} if was_on else set()
    assert set(first) == {"ApplicationId", "TenantId"} | held
    assert not (first.get("AdUsers") or {}).get("IsEnabled"), "it is held back until the selection is known"
    assert bench.run().settings(**link, **options)["changed"] is False


def test_a_listed_user_joins_those_that_are_there(bench: Bench) -> None:
    link = bench.link()
    one, two, three = people(bench)[:3]
    bench.run().settings(**link)
    bench.state().m365["AdUsers"]["SelectedUsers"] = [three["id"]]
    done = bench.run().settings(user_sync={"users": [one["userPrincipalName"]]})
    assert selected(bench) == [three["id"], one["id"]]
    assert done["unmanaged"] == {"user_sync.users": [three["id"]]}
    done = bench.run().settings(user_sync={"users": [two["userPrincipalName"]], "users_exclusive": True})
    assert selected(bench) == [two["id"]]
    assert done["unmanaged"] == {}


def test_unknown_names_are_one_error_and_nothing_is_written(bench: Bench) -> None:
    link = bench.link()
    bench.run().settings(**link)
    bench.world.log.clear()
    failed = bench.run().settings(
        user_sync={
            "users": ["nobody@contoso.example", people(bench)[0]["mail"], "ghost@contoso.example"],
            "photo": True,
        }
    )
    assert failed["error"]["kind"] == "not_found"
    assert "nobody@contoso.example" in failed["msg"]
    assert "ghost@contoso.example" in failed["msg"]
    assert people(bench)[0]["mail"] not in failed["msg"]
    assert bench.writes() == []


def test_groups_by_name(bench: Bench) -> None:
    link = bench.link(NEWEST, *GUIDE_PERMISSIONS, "Group.Read.All")
    group = {"id": "6b1f2f0e-0000-4000-8000-0000000000aa", "displayName": "Telephony", "description": None}
    bench.tenant().groups[group["id"]] = dict(group)
    try:
        options = {"user_sync": {"scope": "groups", "groups": ["telephony"]}}
        done = bench.run().settings(**link, **options)
        assert not done.get("failed"), done
        assert bench.state().m365["AdUsers"]["SelectedGroups"] == [group["id"]]
        assert bench.run().settings(**options)["changed"] is False
    finally:
        del bench.tenant().groups[group["id"]]


@pytest.mark.parametrize("groups", [{}, {"groups": []}, {"groups": [], "groups_exclusive": True}], ids=str)
def test_groups_without_a_group_are_refused_before_anything_is_written(bench: Bench, groups: dict[str, Any]) -> None:
    sync = {"scope": "groups", **groups}
    has_one = bool(groups.get("groups_exclusive"))
    bench.state().m365["AdUsers"]["SelectedGroups"] = ["6b1f2f0e-0000-4000-8000-0000000000aa"] if has_one else []
    for check in (True, False):
        refused = bench.run().settings(check=check, wait=False, user_sync=sync)
        assert refused["failed"]
        assert "user_sync.groups names none" in refused["msg"]
    assert bench.writes() == []


def test_a_pbx_that_has_no_groups_already_is_as_it_was_captured(bench: Bench) -> None:
    bench.state().m365["AdUsers"].update(SyncType="SyncSelectedGroups", SelectedGroups=[])
    done = bench.run().settings(wait=False, user_sync={"scope": "groups", "groups": []})
    assert (done.get("failed"), done["changed"]) == (None, False), done


def test_the_groups_that_a_pbx_has_are_enough(bench: Bench) -> None:
    bench.state().m365["AdUsers"]["SelectedGroups"] = ["6b1f2f0e-0000-4000-8000-0000000000aa"]
    done = bench.run().settings(wait=False, user_sync={"scope": "groups"})
    assert [change["field"] for change in done["changes"]] == ["user_sync.scope"]


def test_a_synchronization_that_is_switched_off_needs_no_group(bench: Bench) -> None:
    """What was captured of such a PBX says so."""
    bench.state().m365["AdUsers"].update(SelectedGroups=[], SyncType="SyncSelectedGroups", IsEnabled=False)
    for groups in ({}, {"groups": []}):
        done = bench.run().settings(wait=False, user_sync={"enabled": False, "scope": "groups", **groups})
        assert not done.get("failed"), done["msg"]
        assert not done["changed"]


def test_a_broken_integration_does_not_stop_the_preflight(bench: Bench) -> None:
    link = bench.link()
    user = people(bench)[0]["userPrincipalName"]
    options = {"user_sync": {"scope": "selected", "users": [user]}}
    bench.run().settings(**link, **options)
    bench.lab.control.new_key_pair(NEWEST)
    run = bench.run()
    looked = run.settings(check=True, **link, **options)
    assert not looked.get("failed"), looked
    assert looked["status"]["ok"] is False
    assert any("cannot be compared" in each for each in run.warnings)


# --- who may sign in -----------------------------------------------------------------------------------------------------


def test_users_are_opted_out_and_in_one_by_one(bench: Bench) -> None:
    link = bench.link()
    bench.run().settings(**link, user_sync={"enabled": True, "scope": "all"}, sign_in={"enabled": True})
    users = [each for each in bench.run().info(gather=["users"])["users"]["all"] if each["synced"]]
    out, other = users[0], users[1]
    bench.world.log.clear()
    options = {"sign_in": {"opt_out": [out["email"].upper()], "opt_in": [other["number"]]}}
    predicted = bench.run().settings(check=True, **options)
    assert bench.writes() == []
    done = bench.run().settings(**options)
    assert done["changes"] == predicted["changes"]
    assert [each["field"] for each in done["changes"]] == ["sign_in.opt_out"]
    assert [each.path for each in bench.writes()] == ["/xapi/v1/Users/Pbx.MultiUserUpdate"]
    now = {each["number"]: each["sign_in"] for each in bench.run().info(gather=["users"])["users"]["all"]}
    assert now[out["number"]] is False
    assert all(sign_in for number, sign_in in now.items() if number != out["number"])
    assert bench.run().settings(**options)["changed"] is False
    bench.run().settings(sign_in={"opt_in": [out["email"]]})
    held = bench.state().user_by_number(out["number"])
    assert held is not None
    assert held["MS365SignInEnabled"] is True


def test_users_who_come_with_the_first_synchronization_can_be_opted_out_at_once(bench: Bench) -> None:
    bench.lab.control.set_switches(sync_polls=2)
    link = bench.link()
    user = people(bench)[0]
    options = {"user_sync": {"enabled": True, "scope": "all"}, "sign_in": {"enabled": True, "opt_out": [user["mail"]]}}
    predicted = bench.run().settings(check=True, **link, **options)
    done = bench.run().settings(**link, **options)
    assert not done.get("failed"), done
    assert done["changes"] == predicted["changes"]
    assert not bench.state().users_by_email(user["mail"])[0]["MS365SignInEnabled"]
    assert bench.run().settings(**link, **options)["changed"] is False


@pytest.mark.parametrize("check", [False, True])
def test_a_user_nobody_has_is_named(bench: Bench, check: bool) -> None:
    failed = bench.run().settings(check=check, sign_in={"opt_out": ["nobody@contoso.example"]}, wait_timeout=2)
    assert failed["error"]["kind"] == "not_found"
    assert "nobody@contoso.example" in failed["msg"]
    assert bench.writes() == []


@pytest.mark.parametrize("check", [False, True])
def test_a_user_whom_no_synchronization_can_bring_is_refused_before_the_write(bench: Bench, check: bool) -> None:
    bench.run().settings(**bench.link())
    before = len(bench.writes())
    options = {"user_sync": {"enabled": True, "scope": "all"}, "sign_in": {"opt_out": ["nobody@contoso.example"]}}
    failed = bench.run().settings(check=check, **options, wait_timeout=60)
    assert failed["error"]["kind"] == "not_found"
    assert "the PBX has no user 'nobody@contoso.example'" in failed["msg"]
    assert len(bench.writes()) == before


SYNC: dict[str, Any] = {"enabled": True, "scope": "all", "starting_extension": "200"}
NEVER: dict[str, tuple[bool, dict[str, Any], str]] = {
    "a number without synchronization": (True, {"photo": True}, "299"),
    "an address without synchronization": (True, {"photo": True}, "ada@contoso.example"),
    "a number below those of new users": (True, SYNC, "150"),
    "what is neither number nor address": (True, SYNC, "ada"),
    "a PBX that stays without a link": (False, SYNC, "299"),
}


@pytest.mark.parametrize(("linked", "sync", "name"), NEVER.values(), ids=NEVER)
@pytest.mark.parametrize("check", [False, True])
def test_a_user_who_cannot_come_is_not_waited_for(
    bench: Bench, linked: bool, sync: dict[str, Any], name: str, *, check: bool
) -> None:
    link = bench.link() if linked else {}
    bench.world.log.clear()
    failed = bench.run().settings(check=check, **link, user_sync=sync, sign_in={"opt_out": [name]}, wait_timeout=60)
    assert failed.get("failed"), failed
    assert f"the PBX has no user '{name}'" in failed["msg"]
    assert bench.writes() == []
    assert "changes" not in failed


def test_nobody_is_opted_out_and_in(bench: Bench) -> None:
    failed = bench.run().settings(sign_in={"opt_out": ["A@x"], "opt_in": ["a@x"]})
    assert failed["error"]["kind"] == "bad_input"
    assert bench.requests() == []
