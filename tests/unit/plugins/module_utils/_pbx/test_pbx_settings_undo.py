# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Undoing settings gives back what was there, for any of them; what somebody else has changed since stays."""

from __future__ import annotations

import copy
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
