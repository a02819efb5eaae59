# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The planner: what is not mentioned is not touched, one application is enough, and both readings of a nested PATCH end right."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._pbx import settings_plan
from ansible_collections.tcx.m365.plugins.module_utils._pbx.names import Account, Names
from ansible_collections.tcx.m365.plugins.module_utils._pbx.properties import (
    ACCOUNTS,
    BY_OPTION,
    CHOICE,
    INTEGRATION,
    MAIL,
    PROPERTIES,
    TEAMS,
    read,
    read_all,
    write,
)
from ansible_collections.tcx.m365.plugins.module_utils._pbx.version import Release
from ansible_collections.tcx.m365.plugins.module_utils._plan import Plan
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._pbx.singletons import entity, option_value, wanted
from hypothesis import given
from hypothesis import strategies as st

RESOURCES = (INTEGRATION, TEAMS, MAIL)


def patched(before: dict[str, Any], plan: Plan, *, merges: bool) -> dict[str, Any]:
    """What a PBX holds after the writes of a plan; nested objects replace or merge."""
    after = copy.deepcopy(before)
    for each in plan.writes:
        for name, value in each.payload["body"].items():
            nested = merges and isinstance(value, dict) and isinstance(after.get(name), dict)
            after[name] = {**after[name], **copy.deepcopy(value)} if nested else copy.deepcopy(value)
    return after


def planned(want: dict[str, Any], have: dict[str, Any], resource: str, exclusive: tuple[str, ...] = ()) -> Plan:
    return settings_plan.plan(want, {resource: have}, Names(), exclusive)


def untouched(have: dict[str, Any], want: dict[str, Any]) -> dict[str, Any]:
    """A resource without the fields that are wanted."""
    left = copy.deepcopy(have)
    for option in want:
        *parents, name = BY_OPTION[option].field.split(".")
        node: Any = left
        for parent in parents:
            node = node.get(parent) or {}
        node.pop(name, None)
    return pruned(left)


def pruned(tree: Any) -> Any:
    """Without empty objects: null, left out and empty are the same thing to XAPI."""
    if not isinstance(tree, dict):
        return tree
    found = {name: pruned(value) for name, value in tree.items()}
    return {name: value for name, value in found.items() if value not in (None, {})}


@pytest.mark.parametrize("merges", [False, True], ids=["replace", "merge"])
@pytest.mark.parametrize("resource", RESOURCES)
@given(data=st.data())
def test_one_application_is_enough_and_nothing_else_moves(data: st.DataObject, resource: str, merges: bool) -> None:
    have, want = data.draw(entity(resource)), data.draw(wanted(resource))
    exclusive = tuple(want) if data.draw(st.booleans()) else ()
    pristine = copy.deepcopy(have)
    plan = planned(want, have, resource, exclusive)
    assert have == pristine, "planning must not change what was read"
    after = patched(have, plan, merges=merges)
    assert untouched(after, want) == untouched(have, want)
    again = planned(want, after, resource, exclusive)
    assert not again, again.as_list()
    assert not again.writes


@given(have=entity(), want=wanted())
def test_a_write_says_only_what_belongs_to_a_change(have: dict[str, Any], want: dict[str, Any]) -> None:
    plan = planned(want, have, INTEGRATION)
    assert bool(plan.changes) == bool(plan.writes)
    tops = {BY_OPTION[change.field].field.split(".")[0] for change in plan.changes}
    sent = {name for each in plan.writes for name in each.payload["body"]}
    assert sent == tops
    assert len(plan.writes) <= 1


@given(have=entity())
def test_what_is_read_can_be_wanted(have: dict[str, Any]) -> None:
    release = Release(20, 0, 10)
    known = {option: value for option, value in read_all(INTEGRATION, have, release).items() if value not in (None, "")}
    assert not planned(known, have, INTEGRATION), "the settings of a PBX, wanted as they are, are no change"


@pytest.mark.parametrize("each", PROPERTIES, ids=lambda each: each.option)
@given(data=st.data())
def test_writing_and_reading_are_inverse(each: Any, data: st.DataObject) -> None:
    value = data.draw(option_value(each))
    *parents, name = each.field.split(".")
    tree: dict[str, Any] = {name: write(each, value)}
    for parent in reversed(parents):
        tree = {parent: tree}
    assert read(each, tree) == value


ALICE = "6b1f2f0e-0000-4000-8000-00000000000a"
BOB = "6b1f2f0e-0000-4000-8000-00000000000b"
KNOWN = Names({("users", "alice@contoso.example"): Account(ALICE, frozenset((ALICE, "alice@contoso.example")))})


def selection(have: list[str], want: list[str], *, exclusive: bool = False) -> tuple[Plan, dict[str, Any]]:
    entities = {INTEGRATION: {"AdUsers": {"SelectedUsers": have, "IsEnabled": True}}}
    values = {"user_sync.users": want}
    plan = settings_plan.plan(values, entities, KNOWN, ["user_sync.users"] if exclusive else [])
    return plan, settings_plan.unmanaged(values, entities, KNOWN)


def test_a_name_is_stored_as_the_id_and_shown_as_the_name() -> None:
    plan, unmanaged = selection([BOB], ["alice@contoso.example"])
    assert plan.as_list() == [
        {
            "target": "settings",
            "field": "user_sync.users",
            "before": [BOB],
            "after": [BOB, "alice@contoso.example"],
        }
    ]
    assert plan.writes[0].payload["body"] == {"AdUsers": {"SelectedUsers": [BOB, ALICE], "IsEnabled": True}}
    assert unmanaged == {"user_sync.users": [BOB]}


@pytest.mark.parametrize("stored", [ALICE, ALICE.upper(), "Alice@Contoso.example"])
def test_an_entry_counts_under_id_and_name(stored: str) -> None:
    plan, unmanaged = selection([stored], ["alice@contoso.example"])
    assert not plan
    assert unmanaged == {}


def test_exclusive_removes_what_is_not_listed() -> None:
    plan, _unmanaged = selection([BOB, ALICE], ["alice@contoso.example"], exclusive=True)
    assert plan.writes[0].payload["body"]["AdUsers"]["SelectedUsers"] == [ALICE]


def test_an_empty_list_is_no_change_unless_exclusive() -> None:
    assert not selection([BOB], [])[0]
    plan, _unmanaged = selection([BOB], [], exclusive=True)
    assert plan.writes[0].payload["body"]["AdUsers"]["SelectedUsers"] == []


def test_a_binding_is_told_apart_by_what_it_comes_from() -> None:
    have = {
        "StatusSyncConfiguration": {
            "PBXToM365Bindings": [{"From": "Away", "To": "Away"}, {"From": "Available", "To": "Busy"}]
        }
    }
    want = {"presence.pbx_to_m365": [{"from": "available", "to": "available"}]}
    plan = settings_plan.plan(want, {INTEGRATION: {"AdUsers": have}}, Names())
    body = plan.writes[0].payload["body"]
    assert body["AdUsers"]["StatusSyncConfiguration"]["PBXToM365Bindings"] == [
        {"From": "Away", "To": "Away"},
        {"From": "Available", "To": "Available"},
    ]


def test_mail_through_another_server_is_not_switched_to_3cx() -> None:
    assert not planned({"mail.microsoft365": False}, {"MailServerType": "Custom"}, MAIL)
    assert planned({"mail.microsoft365": False}, {"MailServerType": "MS365"}, MAIL)


def test_absent_switches_everything_off_and_unlinks() -> None:
    have = {
        "ApplicationId": ALICE,
        "TenantId": BOB,
        "AdUsers": {"IsEnabled": True, "EnableSSO": True, "SelectedUsers": [BOB], "StartingExtensionNumber": "200"},
    }
    plan = planned(settings_plan.OFF, have, INTEGRATION)
    after = patched(have, plan, merges=False)
    assert (after["ApplicationId"], after["TenantId"]) == ("", "")
    assert after["AdUsers"]["IsEnabled"] is False
    assert after["AdUsers"]["EnableSSO"] is False
    assert after["AdUsers"]["SelectedUsers"] == [BOB]
    assert not planned(settings_plan.OFF, {"Id": 0}, INTEGRATION), "left out counts as empty"


def test_every_option_of_a_selection_has_a_directory() -> None:
    assert all(each.directory for each in PROPERTIES if each.kind == ACCOUNTS)


def test_a_change_keeps_what_it_takes_to_undo_it() -> None:
    """The ID behind a name, and the word of XAPI behind a boolean."""
    plan, _unmanaged = selection([BOB], ["alice@contoso.example"])
    assert plan.changes[0].details == {"alice@contoso.example": ALICE}
    mail = planned({"mail.microsoft365": True}, {"MailServerType": "Custom"}, MAIL)
    assert mail.changes[0].details == {settings_plan.STORED: "Custom"}
    assert planned({"teams.sbc_fqdn": "a.example"}, {}, TEAMS).changes[0].details == {}
    choice = next(each for each in PROPERTIES if each.kind == CHOICE)
    assert planned({choice.option: next(iter(choice.values))}, {}, choice.resource).changes[0].details == {}


def test_a_plan_that_is_carried_out_leaves_what_was_read_as_it_was() -> None:
    have = {INTEGRATION: {"AdUsers": {"IsEnabled": False}, "Id": 0}, TEAMS: {"FQDN": "a.example"}}
    before = copy.deepcopy(have)
    plan = settings_plan.plan({"user_sync.enabled": True}, have, Names())
    after = settings_plan.simulate(have, plan)
    assert after == {INTEGRATION: {"AdUsers": {"IsEnabled": True}, "Id": 0}, TEAMS: {"FQDN": "a.example"}}
    after[INTEGRATION]["AdUsers"]["IsEnabled"] = "changed"
    assert have == before
    assert plan.writes[0].payload["body"] == {"AdUsers": {"IsEnabled": True}}


def test_fields_are_added_to_the_one_write_of_their_resource() -> None:
    plan = planned({"user_sync.enabled": True, "application_id": ALICE}, {}, INTEGRATION)
    settings_plan.add(plan, INTEGRATION, {"TenantId": BOB})
    settings_plan.add(plan, TEAMS, {})
    assert [(each.action, each.payload) for each in plan.writes] == [
        (
            "patch",
            {
                "resource": INTEGRATION,
                "body": {"AdUsers": {"IsEnabled": True}, "ApplicationId": ALICE, "TenantId": BOB},
            },
        )
    ]
    settings_plan.add(plan, TEAMS, {"FQDN": "a.example"})
    assert [each.payload["resource"] for each in plan.writes] == [INTEGRATION, TEAMS]


def test_what_stands_in_a_list_besides_is_told_for_each_list_that_was_mentioned() -> None:
    have = {
        INTEGRATION: {
            "AdUsers": {
                "SelectedUsers": [ALICE.upper(), BOB],
                "StatusSyncConfiguration": {
                    "PBXToM365Bindings": [{"From": "Away", "To": "Away"}, {"From": "Available", "To": "Busy"}]
                },
            }
        }
    }
    want = {
        "user_sync.enabled": True,
        "presence.pbx_to_m365": [{"from": "available", "to": "available"}],
        "user_sync.users": ["alice@contoso.example"],
    }
    assert settings_plan.unmanaged(want, have, KNOWN) == {
        "presence.pbx_to_m365": [{"from": "away", "to": "away"}],
        "user_sync.users": [BOB],
    }
    assert settings_plan.unmanaged({"user_sync.enabled": True}, have, KNOWN) == {}


def test_bindings_that_are_not_listed_go_where_the_list_is_exclusive() -> None:
    have = {"AdUsers": {"StatusSyncConfiguration": {"PBXToM365Bindings": [{"From": "Away", "To": "Away"}]}}}
    want = {"presence.pbx_to_m365": [{"from": "available", "to": "busy"}]}
    plan = planned(want, have, INTEGRATION, ("presence.pbx_to_m365",))
    assert plan.changes[0].before == [{"from": "away", "to": "away"}]
    assert plan.changes[0].after == [{"from": "available", "to": "busy"}]
    kept = planned(want, have, INTEGRATION)
    assert kept.changes[0].after == [{"from": "away", "to": "away"}, {"from": "available", "to": "busy"}]


def test_one_account_under_two_names_is_stored_once() -> None:
    plan, _unmanaged = selection([], ["alice@contoso.example", ALICE.upper()])
    assert plan.writes[0].payload["body"]["AdUsers"]["SelectedUsers"] == [ALICE]
    assert plan.changes[0].after == ["alice@contoso.example"]
    assert plan.changes[0].details == {"alice@contoso.example": ALICE}


def test_an_object_that_is_null_is_written_whole() -> None:
    """XAPI gives null for an object that has never been set."""
    want = {"presence.pbx_to_m365": [{"from": "available", "to": "busy"}]}
    for have in ({}, {"AdUsers": None}, {"AdUsers": {"StatusSyncConfiguration": None}}):
        plan = planned(want, have, INTEGRATION)
        found = plan.writes[0].payload["body"]["AdUsers"]
        assert found == {"StatusSyncConfiguration": {"PBXToM365Bindings": [{"From": "Available", "To": "Busy"}]}}


def test_what_is_as_wanted_is_left_out_and_the_rest_is_changed() -> None:
    have = {"ApplicationId": ALICE, "AdUsers": {"IsEnabled": True}}
    want = {"application_id": ALICE.upper(), "user_sync.enabled": True, "tenant_id": BOB}
    plan = planned(want, have, INTEGRATION)
    assert [each.field for each in plan.changes] == ["tenant_id"], "an ID is the same in capitals"
    assert planned({"application_id": BOB}, have, INTEGRATION).changes[0].before == ALICE


def test_an_entry_counts_under_id_and_name_in_any_case() -> None:
    names = Names({("users", "eve@contoso.example"): Account("ID-1", frozenset())})
    have = {INTEGRATION: {"AdUsers": {"SelectedUsers": ["id-1", "EVE@contoso.example", "id-2"]}}}
    assert settings_plan.unmanaged({"user_sync.users": ["Eve@Contoso.example"]}, have, names) == {
        "user_sync.users": ["id-2"]
    }
