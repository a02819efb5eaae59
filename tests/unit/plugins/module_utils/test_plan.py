# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Comparison rules, merging, and what a plan shows."""

from __future__ import annotations

from ansible_collections.tcx.m365.plugins.module_utils._plan import (
    HIDDEN,
    Change,
    Plan,
    as_flag,
    as_folded,
    as_set,
    besides,
    compare,
    merged,
)
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.lists(st.text(alphabet="abAB", min_size=1, max_size=2))


def test_what_is_not_mentioned_is_not_compared() -> None:
    assert compare("application", {"notes": None}, {"notes": "kept"}, {}) == []


def test_a_falsy_wanted_value_is_enforced() -> None:
    changes = compare(
        "application", {"id_tokens": False, "uris": []}, {"id_tokens": True, "uris": ["x"]}, {"uris": as_set}
    )
    assert [(change.field, change.after) for change in changes] == [("id_tokens", False), ("uris", [])]


def test_null_false_and_absent_are_one_where_the_service_says_so() -> None:
    rules = {"flag": as_flag, "uris": as_set, "tenant": as_folded}
    wanted = {"flag": False, "uris": [], "tenant": "ABC", "notes": ""}
    assert compare("t", wanted, {"flag": None, "tenant": "abc", "notes": None}, rules) == []


def test_order_and_repetition_do_not_matter_in_sets() -> None:
    assert compare("t", {"u": ["b", "a", "a"]}, {"u": ["a", "b"]}, {"u": as_set}) == []
    assert len(compare("t", {"u": ["B"]}, {"u": ["b"]}, {"u": as_set})) == 1


@given(NAMES, NAMES)
def test_merging_adds_what_is_wanted_and_loses_nothing(wanted: list[str], actual: list[str]) -> None:
    found = merged(wanted, actual, exclusive=False)
    assert set(found) == set(wanted) | set(actual)
    assert found[: len(actual)] == actual
    assert merged(wanted, found, exclusive=False) == found


@given(NAMES, NAMES)
def test_exclusive_merging_keeps_exactly_what_is_wanted(wanted: list[str], actual: list[str]) -> None:
    found = merged(wanted, actual, exclusive=True)
    assert set(found) == set(wanted)
    assert besides(wanted, found) == []


@given(NAMES, NAMES)
def test_what_is_besides_is_what_exclusive_would_remove(wanted: list[str], actual: list[str]) -> None:
    left_over = besides(wanted, actual)
    assert set(left_over) == set(actual) - set(wanted)


def test_secret_values_are_shown_nowhere() -> None:
    plan = Plan([Change("settings", "teams.private_key", "canary-old", "canary-new", secret=True)])
    assert "canary" not in str(plan.as_list()) + str(plan.diff())
    assert plan.as_list()[0]["after"] == HIDDEN


def test_an_empty_plan_is_false_and_has_no_diff_text() -> None:
    plan = Plan()
    assert not plan
    assert plan.diff()["before"] == plan.diff()["after"] == ""


def test_the_diff_shows_both_sides_of_each_change() -> None:
    plan = Plan([Change("application", "id_tokens", False, True), Change("settings", "user_sync.photo", None, True)])
    assert '"id_tokens": false' in plan.diff()["before"]
    assert '"user_sync.photo": true' in plan.diff()["after"]
