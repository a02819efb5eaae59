# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a rollout stops after a batch, and what it says of the PBXs that it did not reach."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.gate import (
    FAILED,
    FINE,
    UNHEALTHY,
    Gate,
    judge,
    limit_of,
    outcome,
)

WORKS: dict[str, Any] = {"status": {"ok": True}}
BROKEN: dict[str, Any] = {"status": {"ok": False, "message": "AADSTS700027"}}


@pytest.mark.parametrize(
    ("result", "expected"),
    [(WORKS, FINE), (BROKEN, UNHEALTHY), ({**WORKS, "failed": True}, FAILED), ({}, FINE), ({"status": {}}, FINE)],
)
def test_a_result_counts_as(result: dict[str, Any], expected: str) -> None:
    assert outcome(result) == expected


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"changed": True, "status": {"ok": False}}, FINE),
        ({"changed": False, "status": {"ok": False}}, UNHEALTHY),
        ({"changed": True, "failed": True}, FAILED),
    ],
)
def test_in_check_mode_what_is_not_rolled_out_yet_need_not_work(result: dict[str, Any], expected: str) -> None:
    assert outcome(result, planned=True) == expected


@pytest.mark.parametrize(
    ("limit", "closed"), [(None, False), (100.0, False), (50.0, False), (49.9, True), (25.0, True), (0.0, True)]
)
def test_a_limit_is_passed_by_more_than_it_says(limit: float | None, closed: bool) -> None:
    outcomes = {"a": FAILED, "b": UNHEALTHY, "c": FINE, "d": FINE}
    found = judge(outcomes, "abcdef", "abcd", unhealthy_percentage=limit, fail_percentage=None)
    assert found.closed is closed
    assert found.not_reached == ("e", "f")
    if closed:
        assert "2 of 4 PBXs (50 %) failed or do not work (a, b)" in found.sentence()
        assert "Not reached, and not changed: 2 PBXs (e, f)" in found.sentence()


@pytest.mark.parametrize("limit", [-1, 100.5, float("nan"), float("inf"), "-1", "101%", "half", True])
def test_a_limit_that_is_no_share_is_refused(limit: object) -> None:
    with pytest.raises(BadInput, match=r"rollout_max_unhealthy_percentage must be a percentage from 0 to 100"):
        limit_of(limit, "rollout_max_unhealthy_percentage")


@pytest.mark.parametrize(("written", "limit"), [(None, None), (" ", None), (0, 0), (12.5, 12.5), ("50%", 50), ("5", 5)])
def test_a_limit_is_read_as_people_write_it(written: object, limit: float | None) -> None:
    assert limit_of(written, "rollout_max_unhealthy_percentage") == limit


def test_one_pbx_is_one() -> None:
    found = judge({"a": FAILED}, "ab", "a", unhealthy_percentage=0.0, fail_percentage=None)
    assert "1 of 1 PBX (100 %) failed or do not work (a)" in found.sentence()
    assert "Not reached, and not changed: 1 PBX (b)" in found.sentence()


@pytest.mark.parametrize(("limit", "told"), [(None, False), (24.0, True), (25.0, False)])
def test_what_ansible_stops_by_itself_is_told(limit: float | None, told: bool) -> None:
    outcomes = {"a": FAILED, "b": FINE, "c": FINE, "d": FINE}
    found = judge(outcomes, "abcde", "abcd", unhealthy_percentage=None, fail_percentage=limit)
    assert (found.closed, found.is_told) == (False, told)


def test_a_whole_batch_that_fails_ends_the_play_and_the_rest_is_named() -> None:
    found = judge({"a": FAILED}, "abc", "a", unhealthy_percentage=None, fail_percentage=100.0)
    assert found.is_told
    assert "(b, c)" in found.sentence()
    assert not judge({"a": FAILED}, "a", "a", unhealthy_percentage=None, fail_percentage=None).is_told


def test_each_batch_is_judged_by_itself_and_failures_of_its_checks_count() -> None:
    gate = Gate(RunStore(None), list("abcdef"))
    limits: dict[str, Any] = {"unhealthy_percentage": 40.0, "fail_percentage": None}
    gate.note({"a": {"failed": True}, "b": {}, "c": {}}, checks_only=True)
    assert not gate.verdict(["b", "c"], **{**limits, "unhealthy_percentage": None}, last=False).closed
    gate.note({"b": WORKS, "c": WORKS}, checks_only=False)
    first = gate.verdict(["b", "c"], **limits, last=True)
    assert (first.closed, first.total, first.bad) == (False, 3, ("a",))
    gate.note({"d": WORKS, "e": BROKEN}, checks_only=False)
    second = gate.verdict(["d", "e"], **limits, last=True)
    assert (second.closed, second.total, second.not_reached) == (True, 2, ("f",))
    assert gate.closed() is not None
