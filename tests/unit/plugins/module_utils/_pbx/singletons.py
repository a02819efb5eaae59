# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random settings of a PBX, as XAPI would show them: any property may be missing, and some are unknown to us."""

from __future__ import annotations

from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._pbx.properties import (
    ACCOUNTS,
    BINDINGS,
    CHOICE,
    FLAG,
    GUID,
    INTEGRATION,
    NUMBER,
    PROPERTIES,
    Property,
)
from hypothesis import strategies as st

GUIDS = st.uuids(version=4).map(str)
WORDS = st.text("abcdefghijklmnopqrstuvwxyzäöü0123456789.-@ ", min_size=1, max_size=12)
NAMES = st.one_of(GUIDS, st.emails().map(str.lower))
UNKNOWN = st.dictionaries(WORDS.map(lambda word: "X" + word), st.one_of(st.none(), st.booleans(), WORDS), max_size=2)


_SIMPLE: dict[str, st.SearchStrategy[Any]] = {
    FLAG: st.booleans(),
    GUID: GUIDS,
    NUMBER: st.integers(1, 65535),
    ACCOUNTS: st.lists(NAMES, max_size=4),
}


def option_value(each: Property) -> st.SearchStrategy[Any]:
    """A value in the words of the options."""
    if each.kind == CHOICE:
        return st.sampled_from(list(each.values))
    if each.kind == BINDINGS:
        origin, goal = each.sides
        pairs = st.dictionaries(st.sampled_from(list(origin)), st.sampled_from(list(goal)), max_size=3)
        return pairs.map(lambda found: [{"from": left, "to": right} for left, right in found.items()])
    return _SIMPLE.get(each.kind, WORDS)


def xapi_value(each: Property) -> st.SearchStrategy[Any]:
    """A value in the words of XAPI."""
    if each.kind == BINDINGS:
        origin, goal = each.sides
        pair = st.fixed_dictionaries(
            {"From": st.sampled_from(list(origin.values())), "To": st.sampled_from(list(goal.values()))}
        )
        return st.lists(pair, max_size=3, unique_by=lambda found: str(found["From"]))
    if each.kind == ACCOUNTS:
        return st.lists(NAMES, max_size=4, unique=True)
    if each.values:
        return st.sampled_from([*each.values.values()])
    return option_value(each)


@st.composite
def wanted(draw: st.DrawFn, resource: str = INTEGRATION) -> dict[str, Any]:
    """Some options, with values."""
    mine = [each for each in PROPERTIES if each.resource == resource]
    chosen = draw(st.lists(st.sampled_from(mine), unique_by=lambda each: each.option, max_size=8))
    return {each.option: draw(option_value(each)) for each in chosen}


@st.composite
def entity(draw: st.DrawFn, resource: str = INTEGRATION) -> dict[str, Any]:
    """A resource of XAPI: null properties are left out, whole nested objects may be null, and there are strangers."""
    made: dict[str, Any] = {"Id": 0, **draw(UNKNOWN)}
    for each in PROPERTIES:
        if each.resource != resource or not draw(st.booleans()):
            continue
        *parents, name = each.field.split(".")
        node = made
        for parent in parents:
            if node.get(parent) is None:
                node[parent] = draw(UNKNOWN)
            node = node[parent]
        node[name] = draw(xapi_value(each))
    for name in ("AdUsers", "SharedMailboxesSync"):
        if draw(st.integers(0, 9)) == 0 and resource == INTEGRATION:
            made[name] = None
    return made
