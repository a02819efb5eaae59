# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Undoing settings gives back what was there, for any of them; what somebody else has changed since stays."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._pbx import settings_plan, settings_undo
from ansible_collections.tcx.m365.plugins.module_utils._pbx.names import Names
from ansible_collections.tcx.m365.plugins.module_utils._pbx.properties import (
    BINDINGS,
    CHOICE,
    FLAG,
    INTEGRATION,
    MAIL,
    NUMBER,
    PROPERTIES,
    TEAMS,
    TEXT,
    Property,
    read,
    write,
)
from ansible_collections.tcx.m365.plugins.module_utils._pbx.users import SignIn
from ansible_collections.tcx.m365.plugins.module_utils._undo import entries
from hypothesis import given, settings
from hypothesis import strategies as st

PLAIN = [each for each in PROPERTIES if each.kind in (FLAG, TEXT, NUMBER, CHOICE, BINDINGS)]


def values(each: Property) -> st.SearchStrategy[Any]:
    if each.kind == FLAG:
        return st.booleans()
    if each.kind == NUMBER:
        return st.integers(1, 65535)
    if each.kind == CHOICE:
        return st.sampled_from(list(each.values))
    if each.kind == BINDINGS:
        origin, goal = each.sides
        pairs = st.dictionaries(st.sampled_from(list(origin)), st.sampled_from(list(goal)), max_size=3)
        return pairs.map(lambda found: [{"from": one, "to": other} for one, other in found.items()])
    return st.sampled_from(["200", "300", "sbc.example"])


@st.composite
def wishes(draw: Any) -> dict[str, Any]:
    chosen = draw(st.lists(st.sampled_from(PLAIN), unique_by=lambda each: each.option, max_size=8))
    return {each.option: draw(values(each)) for each in chosen}


@st.composite
def pbxs(draw: Any) -> dict[str, dict[str, Any]]:
    """The resources of a PBX on which every setting has a value."""
    found: dict[str, dict[str, Any]] = {INTEGRATION: {}, TEAMS: {}, MAIL: {}}
    for each in PLAIN:
        _put(found[each.resource], each.field, write(each, draw(values(each))))
    found[MAIL]["MailServerType"] = draw(st.sampled_from(["MS365", "Tcx", "Custom"]))
    return found


def _put(entity: dict[str, Any], path: str, value: Any) -> None:
    *inner, last = path.split(".")
    for name in inner:
        entity = entity.setdefault(name, {})
    entity[last] = value


def image(pbx: dict[str, dict[str, Any]]) -> dict[str, Any]:
    found = {}
    for each in PLAIN:
        value = read(each, pbx[each.resource])
        found[each.option] = sorted(value, key=str) if each.kind == BINDINGS else value
    return {**found, "server": pbx[MAIL]["MailServerType"]}


@settings(max_examples=100, deadline=None)
@given(pbx=pbxs(), wanted=wishes(), exclusive=st.booleans())
def test_what_was_carried_out_is_undone(pbx: dict[str, Any], wanted: dict[str, Any], exclusive: bool) -> None:
    before = copy.deepcopy(pbx)
    made = settings_plan.plan(wanted, pbx, Names(), list(wanted) if exclusive else [])
    after = settings_plan.simulate(pbx, made)
    listed = entries(made.as_undo(), settings_undo.KINDS)
    undo = settings_undo.plan(listed, after)
    assert not undo.refused
    back = settings_plan.simulate(after, undo.plan)
    assert image(back) == image(before)
    assert not settings_undo.plan(listed, back).plan.writes


@settings(max_examples=60, deadline=None)
@given(pbx=pbxs(), wanted=wishes(), theirs=wishes())
def test_a_value_of_somebody_else_is_never_overwritten(
    pbx: dict[str, Any], wanted: dict[str, Any], theirs: dict[str, Any]
) -> None:
    made = settings_plan.plan(wanted, pbx, Names())
    after = settings_plan.simulate(pbx, made)
    since = settings_plan.simulate(after, settings_plan.plan(theirs, after, Names()))
    undo = settings_undo.plan(entries(made.as_undo(), settings_undo.KINDS), since)
    back = settings_plan.simulate(since, undo.plan)
    refused = {each.field for each in undo.refused}
    first, left, now, found = image(pbx), image(after), image(since), image(back)
    for each in PLAIN:
        if each.kind == BINDINGS or each.resource == MAIL:
            continue
        name = each.option
        if now[name] not in (first[name], left[name]):
            assert found[name] == now[name]
            assert name in refused or first[name] == left[name]


def test_a_name_is_undone_by_the_account_behind_it() -> None:
    change = {
        "target": "settings",
        "field": "user_sync.users",
        "before": ["id-1"],
        "after": ["id-1", "eve@acme.example"],
        "details": {"eve@acme.example": "id-2"},
    }
    pbx = {INTEGRATION: {"AdUsers": {"SelectedUsers": ["id-1", "id-2", "id-3"]}}}
    undo = settings_undo.plan(entries([change], settings_undo.KINDS), pbx)
    assert undo.plan.writes[0].payload["body"]["AdUsers"]["SelectedUsers"] == ["id-1", "id-3"]


def test_a_secret_is_nowhere_kept_and_its_loss_is_told() -> None:
    change = {"target": "settings", "field": "presence.account", "before": "authorized", "after": "not authorized"}
    undo = settings_undo.plan(entries([change], settings_undo.KINDS), {INTEGRATION: {}})
    assert "token" in undo.refused[0].why


def undo_of(field: str, before: Any, after: Any, pbx: dict[str, Any], **details: Any) -> Any:
    """What undoes one change of a PBX that looks like this now."""
    change = {"target": "settings", "field": field, "before": before, "after": after, "details": details}
    found = {INTEGRATION: {}, TEAMS: {}, MAIL: {}, **pbx}
    return settings_undo.plan(entries([change], settings_undo.KINDS), found)


def told(undo: Any) -> list[tuple[str, Any, Any]]:
    return [(each.field, each.before, each.after) for each in undo.plan.changes]


def setting(option: str, value: Any) -> dict[str, dict[str, Any]]:
    """A PBX on which the setting of that name has this value."""
    each = next(one for one in PROPERTIES if one.option == option)
    entity: dict[str, Any] = {}
    _put(entity, each.field, write(each, value))
    return {each.resource: entity}


def test_a_change_back_is_told_from_what_is_there_to_what_was_there() -> None:
    undo = undo_of("teams.sbc_fqdn", "old.example", "new.example", setting("teams.sbc_fqdn", "new.example"))
    assert told(undo) == [("teams.sbc_fqdn", "new.example", "old.example")]
    assert [each.target for each in undo.plan.changes] == ["settings"]
    assert not undo.refused


def test_what_had_no_value_has_none_again() -> None:
    undo = undo_of("teams.sbc_fqdn", None, "new.example", setting("teams.sbc_fqdn", "new.example"))
    assert told(undo) == [("teams.sbc_fqdn", "new.example", "")]


def test_what_is_undone_already_is_no_change() -> None:
    undo = undo_of("teams.sbc_fqdn", "old.example", "new.example", setting("teams.sbc_fqdn", "old.example"))
    assert (told(undo), undo.refused) == ([], [])


def test_what_somebody_has_changed_since_is_refused_with_what_is_there() -> None:
    undo = undo_of("teams.sbc_fqdn", "old.example", "new.example", setting("teams.sbc_fqdn", "theirs.example"))
    assert told(undo) == []
    assert [(each.field, each.actual) for each in undo.refused] == [("teams.sbc_fqdn", "theirs.example")]


def test_a_choice_that_had_no_value_is_refused_with_the_reason() -> None:
    each = next(one for one in PROPERTIES if one.kind == CHOICE and one.resource != MAIL)
    word = next(iter(each.values))
    undo = undo_of(each.option, None, word, setting(each.option, word))
    assert told(undo) == []
    assert [(one.field, one.actual) for one in undo.refused] == [(each.option, word)]
    assert undo.refused[0].why == "it had no value before, and 3CX takes none"


def test_bindings_are_set_back_one_by_one() -> None:
    each = next(one for one in PROPERTIES if one.kind == BINDINGS)
    (first, second, third), goals = list(each.sides[0])[:3], list(each.sides[1])

    def binding(origin: str, goal: str) -> dict[str, str]:
        return {"from": origin, "to": goal}

    before = [binding(first, goals[0])]
    after = [binding(first, goals[1]), binding(second, goals[0])]
    undo = undo_of(each.option, before, after, setting(each.option, [*after, binding(third, goals[0])]))
    assert told(undo)[0][2] == [binding(first, goals[0]), binding(third, goals[0])], "what is not of the change stays"
    theirs = [binding(first, goals[2]), binding(second, goals[0])]
    undo = undo_of(each.option, before, after, setting(each.option, theirs))
    assert told(undo)[0][2] == [binding(first, goals[2])]
    assert [(one.field, one.actual) for one in undo.refused] == [(each.option, [binding(first, goals[2])])]
    undo = undo_of(each.option, before, after, setting(each.option, [binding(second, goals[0])]))
    assert [one.actual for one in undo.refused] == [[]], "somebody has removed it"


def test_accounts_that_were_taken_away_come_back() -> None:
    pbx = {INTEGRATION: {"AdUsers": {"SelectedUsers": ["id-2", "id-3"]}}}
    undo = undo_of("user_sync.users", ["id-1", "eve@acme.example"], ["id-2"], pbx, **{"eve@acme.example": "id-4"})
    assert sorted(undo.plan.writes[0].payload["body"]["AdUsers"]["SelectedUsers"]) == ["id-1", "id-3", "id-4"]
    undo = undo_of("user_sync.users", None, ["ID-2"], pbx)
    assert undo.plan.writes[0].payload["body"]["AdUsers"]["SelectedUsers"] == ["id-3"]


def test_one_change_that_stays_does_not_keep_the_others() -> None:
    changes = [
        {"target": "settings", "field": "presence.account", "before": "authorized", "after": "not authorized"},
        {"target": "settings", "field": "teams.sbc_fqdn", "before": "a.example", "after": "b.example"},
        {"target": "settings", "field": "teams.area_code", "before": "030", "after": "040"},
    ]
    pbx: dict[str, Any] = {INTEGRATION: {}, TEAMS: {}, MAIL: {}}
    for name, value in (("teams.sbc_fqdn", "a.example"), ("teams.area_code", "040")):
        each = next(one for one in PROPERTIES if one.option == name)
        _put(pbx[each.resource], each.field, write(each, value))
    undo = settings_undo.plan(entries(changes, settings_undo.KINDS), pbx)
    assert told(undo) == [("teams.area_code", "040", "030")]
    assert [each.field for each in undo.refused] == ["presence.account"]


def test_a_token_that_was_handed_over_is_nothing_that_is_lost() -> None:
    undo = undo_of("presence.account", "not authorized", "authorized", {})
    assert not undo.refused
    assert not undo_of("presence.account", None, "authorized", {}).refused
    assert "private key" in undo_of("teams.certificate", {"name": "a"}, {"name": "b"}, {}).refused[0].why


def test_resources_are_read_once_and_the_integration_always() -> None:
    fields = ["teams.sbc_fqdn", "teams.area_code", "presence.account"]
    changes = [{"target": "settings", "field": field, "before": None, "after": "x"} for field in fields]
    assert settings_undo.resources(entries(changes, settings_undo.KINDS)) == [INTEGRATION, TEAMS]


def test_whose_sign_in_was_switched_is_switched_back() -> None:
    changes = [
        {"target": "settings", "field": "sign_in.opt_in", "before": ["ann"], "after": ["ann", "bob"]},
        {"target": "settings", "field": "sign_in.opt_out", "before": [], "after": ["eve"]},
    ]
    listed = entries(changes, settings_undo.KINDS)
    assert settings_undo.switches(listed) == SignIn(opt_out=("bob",), opt_in=("eve",))
    assert settings_undo.switches([]) == SignIn(opt_out=(), opt_in=())


def test_a_token_that_the_change_handed_over_is_forgotten() -> None:
    def account(before: str, after: str, field: str = "presence.account") -> bool:
        change = {"target": "settings", "field": field, "before": before, "after": after}
        return settings_undo.account(entries([change], settings_undo.KINDS)).forget

    assert account("not authorized", "authorized")
    assert not account("authorized", "not authorized")
    assert not account("not authorized", "authorized", "teams.sbc_fqdn")


def test_the_word_behind_a_boolean_comes_back_and_the_way_back_can_be_undone_too() -> None:
    """The mail server of the customer is not that of 3CX, and both mean that mail does not go through Microsoft 365."""
    field, ours = "mail.microsoft365", {MAIL: {"MailServerType": "MS365"}}
    undo = undo_of(field, False, True, ours, **{settings_plan.STORED: "Custom"})
    assert told(undo) == [(field, True, False)]
    assert undo.plan.changes[0].details == {settings_plan.STORED: "MS365"}
    assert undo.plan.writes[0].payload["body"] == {"MailServerType": "Custom"}
    back = undo_of(field, False, True, {MAIL: {"MailServerType": "Custom"}}, **{settings_plan.STORED: "Custom"})
    assert (told(back), back.refused) == ([], [])


def test_an_id_in_capitals_is_the_same_id() -> None:
    former, latter = "6b1f2f0e-0000-4000-8000-00000000000a", "6b1f2f0e-0000-4000-8000-00000000000b"
    undo = undo_of("application_id", former, latter, {INTEGRATION: {"ApplicationId": latter.upper()}})
    assert not undo.refused
    assert undo.plan.writes[0].payload["body"] == {"ApplicationId": former}
    undone = undo_of("application_id", former, latter, {INTEGRATION: {"ApplicationId": former.upper()}})
    assert (told(undone), undone.refused) == ([], [])


def test_a_word_that_a_later_release_has_added_comes_back_as_it_was_read() -> None:
    each = next(one for one in PROPERTIES if one.kind == CHOICE and one.resource != MAIL)
    known = list(each.values)[-1]

    def written(before: str) -> Any:
        undo = undo_of(each.option, before, known, setting(each.option, known))
        return read(each, undo.plan.writes[0].payload["body"])

    assert written("Brand-new") == "Brand-new"
    assert written(next(iter(each.values))) == next(iter(each.values))


def test_settings_that_are_put_back_are_read_once_more_when_it_is_decided() -> None:
    """What is refused is told from the reading that the plan is made of; a second plan follows what is there then."""
    changes = [
        {"target": "settings", "field": "teams.sbc_fqdn", "before": "a.example", "after": "b.example"},
        {"target": "settings", "field": "teams.area_code", "before": "030", "after": "040"},
    ]
    pbx = setting("teams.sbc_fqdn", "b.example")
    _put(pbx[TEAMS], next(one for one in PROPERTIES if one.option == "teams.area_code").field, "050")
    asked: list[str] = []

    def answer(resource: str) -> dict[str, Any]:
        asked.append(resource)
        return pbx.get(resource, {})

    xapi: Any = SimpleNamespace(
        connection=SimpleNamespace(url="https://acme.example.com:5001"), context=SimpleNamespace(store=None)
    )
    listed = entries(changes, settings_undo.KINDS)
    resource = settings_undo.RestoredSettings(xapi, listed)
    assert resource.undo.refusals() == []
    assert resource.subject == "Microsoft 365 settings of https://acme.example.com:5001"
    reader: Any = SimpleNamespace(read=answer)
    resource.settings = reader
    observed = resource.observe()
    assert asked == settings_undo.resources(listed)
    assert [(one.field, one.actual) for one in resource.undo.refused] == [("teams.area_code", "050")]
    planned = resource.plan(observed)
    assert [(change.field, change.before, change.after) for change in planned.changes] == [
        ("teams.sbc_fqdn", "b.example", "a.example")
    ]
    assert planned.writes == resource.undo.plan.writes
    assert not resource.plan(resource.expected(observed, planned)).changes
    resource.check(observed, planned)
