# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""Write, read back, repair: how changes reach a service that has no locks, no versions and several replicas.

Graph offers no ETag and replaces collections as a whole, so of two writers that have read the same state the second
undoes the first without either noticing. And a read can show the state before one's own write. The loop here tells
the two apart: a reading that is exactly what the write was based on is old, and waited for; anything else that lacks
what was written has been overwritten, and is planned anew from that reading.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol, TypeVar

from ansible_collections.tcx.m365.plugins.module_utils._errors import Conflict, DeadlineExceeded, NotYetReplicated
from ansible_collections.tcx.m365.plugins.module_utils._plan import Plan
from ansible_collections.tcx.m365.plugins.module_utils._time import Deadline

S = TypeVar("S")

MOST_REPAIRS = 40

OLD_READINGS = 6
"""Readings in a row that show what was there before our write, until we doubt that it is replication (some 20 s)."""


class Subject(Protocol[S]):
    """What can be brought to a wished state."""

    what: str

    def plan(self, state: S) -> Plan:
        """What is still to do; pure."""

    def apply_plan(self, plan: Plan, state: S) -> tuple[S, bool]:
        """Carry out a plan that was made for ``state``.

        :returns: what is there now as far as the answers tell, and whether everything was accepted. What may pass
            (throttling, a broken connection, replication) is not raised but left for the next round.
        """

    def read(self, state: S) -> S:
        """Read again what ``state`` describes."""

    def sees(self, reading: S, known: S) -> bool:
        """Whether the objects of ``known`` are in the reading at all."""

    def image(self, state: S) -> str:
        """A text that is equal for equal states."""

    def entries(self, state: S) -> frozenset[str]:
        """What others write too, so that one writer can undo another."""


def converge(subject: Subject[S], state: S, deadline: Deadline, *, within: float, wait: bool) -> S:
    """Bring a subject to its wished state and prove it by reading.

    :param state: a fresh reading.
    :param within: seconds that replication may take.
    :param wait: without, what was accepted counts, although it cannot be read back yet.
    :raises NotYetReplicated: everything was accepted, and cannot be read back in time.
    :raises Conflict: somebody else keeps undoing it.
    """
    pace = _Pace(deadline, within, subject.what)
    known, before, accepted = state, state, False
    seen: S | None = None
    while True:
        plan = subject.plan(known)
        if plan.writes:
            pace.count_write()
            before = known
            with pace.window():
                known, accepted = subject.apply_plan(plan, known)
            if accepted and subject.entries(before) != subject.entries(known):
                pace.settle()
        reading = subject.read(known)
        if _is_old(subject, reading, before, known, accepted):
            if not wait and not subject.plan(known).writes:
                return known
            if pace.wait_for_replica() and subject.sees(reading, known):
                # So long the same: perhaps somebody has put back exactly what was there. Writing it again does no harm.
                known, accepted = reading, False
            continue
        if subject.plan(reading).writes:
            # Undone, or not carried out: what is written next must be derived from a reading taken after the pause.
            pace.give_way(undone=accepted)
            seen, known, accepted = None, _read_again(subject, reading, pace), False
            continue
        if not pace.contended and subject.entries(reading) == subject.entries(known):
            return reading
        if seen is not None and subject.entries(seen) == subject.entries(reading):
            return reading
        # Somebody else is writing too. Whoever has read before us may still write after us: wait for silence.
        pace.be_quiet()
        seen, known, accepted = reading, reading, False


class _Pace:
    """How long to wait for what, and when to give up."""

    def __init__(self, deadline: Deadline, within: float, what: str) -> None:
        self.contended = False
        self._deadline = deadline
        self._within = within
        self._end = deadline.sub(within)
        self._what = what
        self._longest = 0.0
        self._writes = self._old = 0

    def count_write(self) -> None:
        self._writes += 1
        if self._writes > MOST_REPAIRS:
            raise Conflict(
                f"somebody else keeps changing it; gave up after {MOST_REPAIRS} attempts",
                tried=f"change {self._what}",
                remedy="Let one controller at a time work on it.",
            )

    @contextlib.contextmanager
    def window(self) -> Iterator[None]:
        """Measures how long a write takes: about as long others take between their reading and their write."""
        begun = self._deadline.clock.monotonic()
        yield
        self._longest = max(self._longest, self._deadline.clock.monotonic() - begun)

    def settle(self) -> None:
        """Give a writer that has read before our write the time to write, so that our reading shows what it has undone."""
        self._pause(self._deadline.backoff(1, first=0.8) + 3 * self._longest, f"settling {self._what}")

    def give_way(self, *, undone: bool) -> None:
        """Writers that have met each other come back at different times."""
        self.contended = self.contended or undone
        self._pause(
            self._deadline.backoff(min(self._writes + 1, 5), first=0.4, most=4.0), f"changing {self._what} again"
        )

    def be_quiet(self) -> None:
        self.contended = True
        self._pause(2.0 + 4 * self._longest, f"somebody else is changing {self._what}")

    def wait_for_replica(self) -> bool:
        """Wait for a reading that is not old; true when it has been old for so long that there is room for doubt."""
        self._old += 1
        pause = self._deadline.backoff(self._old, first=0.5, most=8.0)
        if self._deadline.clock.monotonic() + pause >= self._end:
            raise NotYetReplicated(
                f"it was accepted, but could not be read back within {self._within:.0f} s", tried=f"change {self._what}"
            )
        self._pause(pause, f"{self._what} is being replicated")
        return self._old % OLD_READINGS == 0

    def _pause(self, seconds: float, why: str) -> None:
        try:
            self._deadline.pause(seconds, why)
        except DeadlineExceeded as error:
            raise error.while_trying(why) from None


def _read_again(subject: Subject[S], known: S, pace: _Pace) -> S:
    """A new reading with the objects that have been seen already; a replica that lacks one would have it made twice."""
    reading = subject.read(known)
    while not subject.sees(reading, known):
        pace.wait_for_replica()
        reading = subject.read(known)
    return reading


def _is_old(subject: Subject[S], reading: S, before: S, known: S, accepted: bool) -> bool:
    if not subject.sees(reading, known):
        return True
    return accepted and bool(subject.plan(reading).writes) and subject.image(reading) == subject.image(before)
