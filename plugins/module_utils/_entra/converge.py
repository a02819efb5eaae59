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

    def carry(self, plan: Plan, state: S) -> tuple[S, bool]:
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
    end = deadline.sub(within)
    known, before, accepted = state, state, False
    repairs = old = 0
    seen: S | None = None
    while True:
        plan = subject.plan(known)
        if plan.writes:
            repairs += 1
            _before_write(subject, deadline, repairs)
            before = known
            known, accepted = subject.carry(plan, known)
            if accepted:
                _settle(subject, deadline, before, known)
        reading = subject.read(known)
        if _is_old(subject, reading, before, known, accepted):
            if not wait and not subject.plan(known).writes:
                return known
            old += 1
            _wait_for_replica(subject, deadline, end, old, within)
            if old % OLD_READINGS == 0 and subject.sees(reading, known):
                # So long the same: perhaps somebody has put back exactly what was there. Writing it again does no harm.
                known, accepted = reading, False
            continue
        if not subject.plan(reading).writes:
            if subject.entries(reading) == subject.entries(known) or _same(subject, seen, reading):
                return reading
            # Somebody else has written in between; whoever read before us may still write after us.
            _pause(deadline, deadline.backoff(2, first=0.5), f"somebody else is changing {subject.what}")
        seen = known = reading
        accepted = False


def _before_write(subject: Subject[S], deadline: Deadline, repairs: int) -> None:
    if repairs > MOST_REPAIRS:
        raise Conflict(
            f"somebody else keeps changing it; gave up after {MOST_REPAIRS} attempts",
            tried=f"change {subject.what}",
            remedy="Let one controller at a time work on it.",
        )
    if repairs > 1:
        _pause(deadline, deadline.backoff(min(repairs - 1, 3), first=0.5, most=2.0), f"changing {subject.what}")


def _wait_for_replica(subject: Subject[S], deadline: Deadline, end: float, attempt: int, within: float) -> None:
    pause = deadline.backoff(attempt, first=0.5, most=8.0)
    if deadline.clock.monotonic() + pause >= end:
        raise NotYetReplicated(
            f"it was accepted, but could not be read back within {within:.0f} s", tried=f"change {subject.what}"
        )
    _pause(deadline, pause, f"{subject.what} is being replicated")


def _is_old(subject: Subject[S], reading: S, before: S, known: S, accepted: bool) -> bool:
    if not subject.sees(reading, known):
        return True
    return accepted and bool(subject.plan(reading).writes) and subject.image(reading) == subject.image(before)


def _same(subject: Subject[S], one: S | None, other: S) -> bool:
    return one is not None and subject.entries(one) == subject.entries(other)


def _settle(subject: Subject[S], deadline: Deadline, before: S, known: S) -> None:
    """Give a writer that has read before our write the time to write, so that our reading shows what it has undone."""
    if subject.entries(before) != subject.entries(known):
        _pause(deadline, deadline.backoff(1, first=0.8), f"settling {subject.what}")


def _pause(deadline: Deadline, seconds: float, why: str) -> None:
    try:
        deadline.pause(seconds, why)
    except DeadlineExceeded as error:
        raise error.while_trying(why) from None
