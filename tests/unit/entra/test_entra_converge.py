# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write, read back, repair: told apart are a reading that is old and a write that somebody has undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra.converge import converge
from ansible_collections.tcx.m365.plugins.module_utils._errors import Conflict, NotYetReplicated
from ansible_collections.tcx.m365.plugins.module_utils._plan import Change, Plan, Write
from ansible_collections.tcx.m365.plugins.module_utils._time import Clock, Deadline

State = frozenset[str] | None


class SleepingClock(Clock):
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class SharedList:
    """A list that a service replaces as a whole; what it shows can be old, and others write too."""

    wanted: frozenset[str]
    held: State = frozenset()
    what: str = "the list"
    writes: list[frozenset[str]] = field(default_factory=list)
    readings: list[State] = field(default_factory=list)
    after_write: list[Callable[[], None]] = field(default_factory=list)
    refuse: int = 0

    def plan(self, state: State) -> Plan:
        have = state or frozenset()
        if state is not None and self.wanted <= have:
            return Plan()
        return Plan(
            [Change("list", "items", sorted(have), sorted(have | self.wanted))], [Write("set", have | self.wanted)]
        )

    def apply_plan(self, plan: Plan, state: State) -> tuple[State, bool]:
        if self.refuse:
            self.refuse -= 1
            return state, False
        self.held = plan.writes[0].payload
        self.writes.append(plan.writes[0].payload)
        written = self.held
        if self.after_write:
            self.after_write.pop(0)()
        return written, True

    def read(self, _state: State) -> State:
        return self.readings.pop(0) if self.readings else self.held

    def sees(self, reading: State, known: State) -> bool:
        return reading is not None or known is None

    def image(self, state: State) -> str:
        return repr(sorted(state or ()))

    def entries(self, state: State) -> frozenset[str]:
        return state or frozenset()


def _bring(subject: SharedList, *, within: float = 60.0, wait: bool = True) -> State:
    return converge(subject, subject.held, Deadline(600, clock=SleepingClock()), within=within, wait=wait)


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
