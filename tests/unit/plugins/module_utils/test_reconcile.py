# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write, read back, repair: told apart are a reading that is old and a write that somebody has undone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Optional

import pytest
from ansible_collections.tcx.m365.plugins.module_utils import _unforeseen
from ansible_collections.tcx.m365.plugins.module_utils._errors import (
    Conflict,
    DeadlineExceeded,
    Interrupted,
    M365Error,
    NotYetReplicated,
    Rejected,
    ServiceFault,
)
from ansible_collections.tcx.m365.plugins.module_utils._plan import Change, Plan, Write, joined
from ansible_collections.tcx.m365.plugins.module_utils._reconcile import (
    Applied,
    Journal,
    Replicated,
    Resource,
    reconcile,
)
from ansible_collections.tcx.m365.plugins.module_utils._time import Clock, Deadline
from hypothesis import given
from hypothesis import strategies as st

State = Optional[frozenset[str]]


class SleepingClock(Clock):
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class SharedList(Replicated[State]):
    """A list that a service replaces as a whole; what it shows can be old, and others write too."""

    wanted: frozenset[str]
    held: State = frozenset()
    what: str = "the list"
    subject: str = "list of acme"
    writes: list[frozenset[str]] = field(default_factory=list)
    readings: list[State] = field(default_factory=list)
    after_write: list[Callable[[], None]] = field(default_factory=list)
    refuse: int = 0
    trouble: M365Error | None = None
    lost: int = 0
    within: float = 60.0
    wait: bool = True
    observed: list[State] = field(default_factory=list)
    between: list[frozenset[str]] = field(default_factory=list)
    seconds: float = 600.0
    notices: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.deadline = Deadline(self.seconds, clock=SleepingClock(), notice=self.notices.append)
        self.deadline.NOTICEABLE_S = 0.0

    def observe(self) -> State:
        return self.observed.pop(0) if self.observed else self.held

    def refreshed(self, _state: State, _plan: Plan) -> State:
        return self.held

    def plan(self, state: State) -> Plan:
        have = state or frozenset()
        if state is not None and self.wanted <= have:
            return Plan()
        return Plan(
            [Change("list", "items", sorted(have), sorted(have | self.wanted))], [Write("set", have | self.wanted)]
        )

    def expected(self, state: State, plan: Plan) -> State:
        return plan.writes[0].payload if plan.writes else state

    def apply(self, plan: Plan, state: State, note: Callable[[State], None]) -> Applied[State]:
        if self.refuse:
            self.refuse -= 1
            return Applied(state, False, self.trouble)
        self.held = plan.writes[0].payload
        self.writes.append(plan.writes[0].payload)
        written = self.held
        if self.after_write:
            self.after_write.pop(0)()
        if self.lost:
            self.lost -= 1
            return Applied(state, False, Interrupted("cut after the commit"))
        for each in [*self.between, written]:
            note(each)
        return Applied(written)

    def read(self, _known: State) -> State:
        return self.readings.pop(0) if self.readings else self.held

    def sees(self, reading: State, known: State) -> bool:
        return reading is not None or known is None

    def image(self, state: State) -> str:
        return repr(sorted(state or ()))

    def entries(self, state: State) -> frozenset[str]:
        return state or frozenset()


def _bring(subject: SharedList, *, within: float = 60.0, wait: bool = True) -> State:
    subject.within, subject.wait = within, wait
    return reconcile(subject, check_mode=False).after


def test_nothing_to_do_writes_nothing() -> None:
    subject = SharedList(frozenset("a"), frozenset("ab"))
    assert _bring(subject) == frozenset("ab")
    assert subject.writes == []


def test_one_write_is_enough() -> None:
    subject = SharedList(frozenset("a"), frozenset("b"))
    assert _bring(subject) == frozenset("ab")
    assert len(subject.writes) == 1


def test_an_old_reading_is_waited_for_and_not_written_upon() -> None:
    old = frozenset("b")
    subject = SharedList(frozenset("a"), old, readings=[old, old, old])
    assert _bring(subject) == frozenset("ab")
    assert len(subject.writes) == 1


def test_an_object_that_is_not_there_yet_is_waited_for() -> None:
    subject = SharedList(frozenset("a"), None, readings=[None, None])
    assert _bring(subject) == frozenset("a")
    assert len(subject.writes) == 1


def test_what_somebody_has_undone_is_repaired_and_theirs_survives() -> None:
    subject = SharedList(frozenset("a"), frozenset("b"))

    def other() -> None:
        subject.held = frozenset("bx")  # they had read before our write

    subject.after_write = [other, other]
    assert _bring(subject) == frozenset("abx")
    assert subject.writes[-1] == frozenset("abx")


def test_nobody_is_suspected_where_nobody_else_writes() -> None:
    """A first run, a replica that lags, one that shows the first of two writes, and an answer that was lost."""
    old, between = frozenset("b"), frozenset("by")
    for subject in (
        SharedList(frozenset("a"), old),
        SharedList(frozenset("a"), old, readings=[old, old]),
        SharedList(frozenset("a"), None, between=[frozenset(), frozenset("y")], readings=[None, frozenset("y")]),
        SharedList(frozenset("a"), old, between=[between], readings=[old, between, between, old]),
        SharedList(frozenset("a"), old, lost=1),
    ):
        assert "a" in (_bring(subject) or ())
        assert len(subject.writes) == 1
        assert subject.notices
        assert not [each for each in subject.notices if "process" in each or "others" in each]


def test_another_writer_is_named_as_the_reason_of_a_wait() -> None:
    subject = SharedList(frozenset("a"), frozenset("b"))

    def other() -> None:
        subject.held = frozenset("bx")

    subject.after_write = [other]
    _bring(subject)
    assert "another process is changing the list" in " ".join(subject.notices)


def test_what_was_not_accepted_is_tried_again_from_a_new_reading() -> None:
    subject = SharedList(frozenset("a"), frozenset("b"), refuse=3)
    subject.readings = [frozenset("bc")]
    subject.held = frozenset("b")
    assert frozenset("a") <= (_bring(subject) or frozenset())


def test_what_a_replica_has_lost_sight_of_is_not_made_again() -> None:
    """The reading from which the next attempt is planned comes from a replica that lags behind."""
    subject = SharedList(frozenset("a"), frozenset("b"), refuse=1, readings=[frozenset("b"), None, None])
    assert _bring(subject) == frozenset("ab")
    assert subject.writes == [frozenset("ab")]


def test_replication_that_does_not_end() -> None:
    old = frozenset("b")
    with pytest.raises(NotYetReplicated, match="within 5 s"):
        _bring(SharedList(frozenset("a"), old, readings=[old] * 500), within=5.0)


def test_a_wait_that_the_deadline_has_cut_short_is_told_as_long_as_it_was() -> None:
    old = frozenset("b")
    with pytest.raises(NotYetReplicated, match="within 7 s"):
        _bring(SharedList(frozenset("a"), old, readings=[old] * 500, seconds=7))


def test_without_waiting() -> None:
    old = frozenset("b")
    subject = SharedList(frozenset("a"), old, readings=[old] * 500)
    assert _bring(subject, wait=False) == frozenset("ab")


def test_somebody_who_never_stops() -> None:
    subject = SharedList(frozenset("a"))
    numbers = iter(range(1000))

    def other() -> None:
        subject.held = frozenset([f"x{next(numbers)}"])

    subject.after_write = [other] * 1000
    with pytest.raises(Conflict, match="keeps changing it"):
        _bring(subject)


def test_what_was_planned_again_is_what_is_reported() -> None:
    """Between the first look and the write somebody has added an entry: it is kept, and it is not our change."""
    subject = SharedList(frozenset("ac"), frozenset("bx"), observed=[frozenset("b")])
    done = reconcile(subject, check_mode=False)
    assert done.before == frozenset("b")
    assert done.plan.as_list() == [{"target": "list", "field": "items", "before": ["b", "x"], "after": list("abcx")}]


def test_nothing_is_reported_where_somebody_else_was_faster() -> None:
    subject = SharedList(frozenset("a"), frozenset("ab"), observed=[frozenset("b")])
    done = reconcile(subject, check_mode=False)
    assert not done.plan
    assert subject.writes == []


def test_what_others_undo_and_add_meanwhile_is_not_reported() -> None:
    subject = SharedList(frozenset("a"), frozenset("b"))

    def other() -> None:
        subject.held = frozenset("bx")

    subject.after_write = [other]
    done = reconcile(subject, check_mode=False)
    assert done.plan.as_list() == [{"target": "list", "field": "items", "before": ["b", "x"], "after": ["a", "b", "x"]}]


def test_a_write_whose_answer_was_lost_is_reported() -> None:
    subject = SharedList(frozenset("a"), frozenset("b"), lost=1)
    done = reconcile(subject, check_mode=False)
    assert done.plan.as_list() == [{"target": "list", "field": "items", "before": ["b"], "after": ["a", "b"]}]
    assert len(subject.writes) == 1


def test_check_mode_reports_the_plan_and_writes_nothing() -> None:
    subject = SharedList(frozenset("a"), frozenset("b"))
    done = reconcile(subject, check_mode=True)
    assert (done.after, subject.writes, subject.held) == (frozenset("ab"), [], frozenset("b"))
    assert [change.after for change in done.plan.changes] == [["a", "b"]]
    assert done.plan.diff()["before_header"] == "list of acme (before)"


def test_an_error_after_a_write_says_what_was_written() -> None:
    old = frozenset("b")
    with pytest.raises(NotYetReplicated) as raised:
        _bring(SharedList(frozenset("a"), old, readings=[old] * 500), within=5.0)
    assert raised.value.carried_out is not None
    assert [change.after for change in raised.value.carried_out.changes] == [["a", "b"]]


def test_an_error_before_a_write_says_that_nothing_was_written() -> None:
    fault = ServiceFault("down", service="Graph", status=500, code="InternalError", request_id="r-1")
    with pytest.raises(ServiceFault) as raised:
        _bring(SharedList(frozenset("a"), refuse=100, trouble=fault))
    assert not raised.value.carried_out


def test_a_service_that_always_fails_alike_is_asked_five_times() -> None:
    fault = ServiceFault("down", service="Graph", status=500, code="InternalError", request_id="r-1")
    subject = SharedList(frozenset("a"), refuse=100, trouble=fault)
    with pytest.raises(
        ServiceFault, match=r"Could not change the list: Graph answered 500 InternalError: down"
    ) as raised:
        _bring(subject)
    assert subject.refuse == 95
    assert (raised.value.status, raised.value.code, raised.value.request_id) == (500, "InternalError", "r-1")


def test_the_end_of_the_deadline_keeps_the_last_answer() -> None:
    trouble = NotYetReplicated(
        "not yet", service="Graph", status=404, code="Request_ResourceNotFound", request_id="r-2"
    )
    subject = SharedList(frozenset("a"), refuse=100, trouble=trouble, seconds=5)
    with pytest.raises(
        DeadlineExceeded, match=r"Could not change the list: the deadline .*Graph answered 404"
    ) as raised:
        _bring(subject)
    assert (raised.value.status, raised.value.request_id) == (404, "r-2")


@dataclass
class Switches(Resource[dict[str, bool]]):
    """A service in one copy: what was written is there at once, or never."""

    wanted: dict[str, bool]
    held: dict[str, bool]
    ignores: str = ""
    fails_at: str = ""
    breaks_at: str = ""
    what: str = "the switches"

    def observe(self) -> dict[str, bool]:
        return dict(self.held)

    def plan(self, state: dict[str, bool]) -> Plan:
        wrong = [name for name, want in self.wanted.items() if state[name] is not want]
        return Plan(
            [Change("switches", name, state[name], self.wanted[name]) for name in wrong],
            [Write("turn", name) for name in wrong],
        )

    def expected(self, state: dict[str, bool], plan: Plan) -> dict[str, bool]:
        return {**state, **{write.payload: self.wanted[write.payload] for write in plan.writes}}

    def apply(
        self, plan: Plan, state: dict[str, bool], note: Callable[[dict[str, bool]], None]
    ) -> Applied[dict[str, bool]]:
        for write in plan.writes:
            if write.payload == self.fails_at:
                raise Rejected("no")
            if write.payload == self.breaks_at:
                raise KeyError("id")
            if write.payload != self.ignores:
                self.held[write.payload] = self.wanted[write.payload]
            state = self.expected(state, Plan(writes=[write]))
            note(state)
        return Applied(state)

    def read(self, _known: dict[str, bool]) -> dict[str, bool]:
        return dict(self.held)


def test_what_did_not_stay_is_an_error() -> None:
    with pytest.raises(Conflict, match="b was reverted after the write"):
        reconcile(Switches({"a": True, "b": True}, {"a": False, "b": False}, ignores="b"), check_mode=False)


def test_of_a_plan_that_broke_off_only_what_was_done_is_reported() -> None:
    with pytest.raises(Rejected) as raised:
        reconcile(Switches({"a": True, "b": True}, {"a": False, "b": False}, fails_at="b"), check_mode=False)
    assert raised.value.carried_out is not None
    assert [change.field for change in raised.value.carried_out.changes] == ["a"]


def test_a_mistake_of_ours_does_not_hide_what_was_done() -> None:
    subject = Switches({"a": True, "b": True}, {"a": False, "b": False}, breaks_at="b")
    with pytest.raises(KeyError) as raised:
        reconcile(subject, check_mode=False)
    told = _unforeseen.of(raised.value)
    assert told.carried_out is not None
    assert [change.field for change in told.carried_out.changes] == ["a"]


def test_a_later_resource_that_fails_tells_of_the_earlier_ones() -> None:
    journal = Journal()
    reconcile(Switches({"a": True}, {"a": False}), check_mode=False, journal=journal)
    with pytest.raises(Rejected) as raised:
        reconcile(Switches({"b": True}, {"b": False}, fails_at="b"), check_mode=False, journal=journal)
    assert raised.value.carried_out is not None
    assert [change.field for change in raised.value.carried_out.changes] == ["a"]


states = st.dictionaries(st.sampled_from("abcd"), st.booleans()).map(
    lambda some: {**dict.fromkeys("abcd", False), **some}
)


@given(states, states, states)
def test_reported_is_what_was_written_whatever_happens_in_between(
    wanted: dict[str, bool], first: dict[str, bool], then: dict[str, bool]
) -> None:
    """Anything may change between the look and the write: each change that is reported was made, and no other."""

    class Raced(Switches):
        def refreshed(self, _state: dict[str, bool], _plan: Plan) -> dict[str, bool]:
            return self.observe()

        def exclusively(self, _state: dict[str, bool]) -> AbstractContextManager[object]:
            self.held = dict(then)
            return contextlib.nullcontext()

    resource = Raced(wanted, dict(first))
    touched = bool(resource.plan(first).writes)
    done = reconcile(resource, check_mode=False)
    expected = {name for name in wanted if touched and then[name] is not wanted[name]}
    assert {change.field for change in done.plan.changes} == expected
    assert all(done.after[name] is wanted[name] for name in wanted) or not touched
    assert not reconcile(resource, check_mode=True).plan or not touched


items = st.lists(st.sampled_from("abcdef"), unique=True)


@given(items, items, items)
def test_changes_of_lists_are_joined_without_those_of_others(
    start: list[str], ours: list[str], theirs: list[str]
) -> None:
    """We add ``ours`` to ``start``; somebody puts ``theirs`` in its place; we add ours again."""
    first = [*start, *(each for each in ours if each not in start)]
    second = [*theirs, *(each for each in ours if each not in theirs)]
    joint = joined([Change("t", "f", start, first), Change("t", "f", theirs, second)])
    after = joint[0].after if joint else second
    before = joint[0].before if joint else second
    assert after == second
    assert set(after) - set(before) <= set(ours)
    assert set(before) <= set(after)
