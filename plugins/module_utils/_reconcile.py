# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Observe, plan, apply, verify: what every resource of this collection goes through, once, in :func:`reconcile`.

Planning again after a fresh reading is allowed, and often needed: somebody else writes too. What is reported is never the
older plan but what was carried out, also when the task fails afterwards.

Graph (:class:`Replicated`) offers no ETag and replaces collections as a whole, so of two writers that have read the same
state the second undoes the first without either noticing. And a read can show the state before one's own write. The loop
here tells the two apart: a reading that is exactly what the write was based on is old, and waited for; anything else that
lacks what was written has been overwritten, and is planned anew from that reading. A plan of several writes has states in
between, which a replica may show as well: they are old in the same way.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Callable, Generic, TypeVar

from ansible_collections.tcx.m365.plugins.module_utils._errors import (
    Conflict,
    DeadlineExceeded,
    M365Error,
    NotYetReplicated,
)
from ansible_collections.tcx.m365.plugins.module_utils._plan import Change, Plan, carried_out, joined
from ansible_collections.tcx.m365.plugins.module_utils._time import Deadline

S = TypeVar("S")

MOST_REPAIRS = 40

EQUAL_FAULTS = 5
"""Equal answers of a failing service to one write, after which it is not asked again."""

OLD_READINGS = 6
"""Readings in a row that show what was there before our write, until we doubt that it is replication (some 20 s)."""


@dataclass(frozen=True)
class Applied(Generic[S]):
    """What the answers to the writes of a plan tell.

    :param state: what is there now, as far as they tell.
    :param accepted: whether everything was carried out.
    :param trouble: why not, where that may pass; whatever may not is raised.
    """

    state: S
    accepted: bool = True
    trouble: M365Error | None = None


class Resource(ABC, Generic[S]):
    """Something that can be observed and brought to a desired state, in one copy that is read as it was written.

    :cvar what: the object in a sentence: ``change <what>``.
    :cvar subject: the object in the headers of a diff.
    """

    what = ""
    subject = ""

    @abstractmethod
    def observe(self) -> S:
        """Read everything that a plan needs."""

    @abstractmethod
    def plan(self, state: S) -> Plan:
        """What is to be done. Pure; nothing to write means that the state is as desired."""

    def check(self, state: S, plan: Plan) -> None:
        """Raise what can be known to fail before the first write."""

    @abstractmethod
    def expected(self, state: S, plan: Plan) -> S:
        """What will be there once the plan has been carried out. Pure."""

    def exclusively(self, _state: S) -> AbstractContextManager[object]:
        """Keeps others on this machine from writing while the plan is carried out.

        :param _state: what was observed, by which a resource is recognized whatever its key.
        """
        return contextlib.nullcontext()

    def refreshed(self, state: S, _plan: Plan) -> S:
        """The state to write on, where ``state`` can have grown old since it was observed."""
        return state

    @abstractmethod
    def apply(self, plan: Plan, state: S, note: Callable[[S], None]) -> Applied[S]:
        """Carry out a plan that was made for ``state``. Safe to repeat: a connection can break after a commit.

        :param note: is told after each step what is there then, so that it is known also when a later step fails.
        """

    @abstractmethod
    def read(self, known: S) -> S:
        """Read again what ``known`` describes."""

    def announce(self, plan: Plan) -> None:
        """Tell whoever has to know it what is about to be carried out; nothing of it has been sent."""

    def not_kept(self, left: Plan) -> M365Error:
        """The error for what was written and is not there."""
        return Conflict(
            f"{', '.join(change.field for change in left.changes)} was reverted after the write",
            tried=f"change {self.what}",
            remedy="Another process is changing it at this moment, or the service ignores it. Run again.",
        )


class Replicated(Resource[S]):
    """A resource of a service with several replicas and no locks.

    :param deadline: of the task.
    :param within: seconds that replication may take.
    :param wait: without, what was accepted counts, although it cannot be read back yet.
    """

    def __init__(self, deadline: Deadline, *, within: float, wait: bool) -> None:
        self.deadline = deadline
        self.within = within
        self.wait = wait

    @abstractmethod
    def sees(self, reading: S, known: S) -> bool:
        """Whether the objects of ``known`` are in the reading at all."""

    @abstractmethod
    def image(self, state: S) -> str:
        """A text that is equal for equal states."""

    @abstractmethod
    def entries(self, state: S) -> frozenset[str]:
        """What others write too, so that one writer can undo another."""

    def objects(self, _state: S) -> Mapping[str, object]:
        """Content by name of what replicates by itself, in one form for answers and readings; none where it is one object."""
        return {}


class Journal:
    """What a task has carried out, over all of its resources; in check mode what it would."""

    def __init__(self) -> None:
        self.rounds: list[Round[Any]] = []
        self.subject = ""
        self.predicted = False

    @property
    def plan(self) -> Plan:
        return self.since(0)

    def predict(self, plan: Plan) -> None:
        """In check mode a plan stands for what would be carried out."""
        self.predicted = True
        self.rounds.append(Round(Plan(), lambda _state: Plan(), plan.changes))

    def since(self, start: int) -> Plan:
        """One plan out of the rounds from ``start`` on."""
        return Plan(joined(change for cycle in self.rounds[start:] for change in cycle.changes()), subject=self.subject)

    @contextlib.contextmanager
    def told_in_errors(self) -> Iterator[None]:
        """An error that ends the task says what had been written by then, one that nobody foresaw as well."""
        try:
            yield
        except Exception as error:
            vars(error)["carried_out"] = None if self.predicted else self.plan
            raise


class Round(Generic[S]):
    """One plan on its way, and how far it has come."""

    def __init__(self, plan: Plan, planner: Callable[[S], Plan], done: Sequence[Change] = ()) -> None:
        self._plan = plan
        self._planner = planner
        self._done = list(done)
        self.is_unsure = self._resolved = False
        self.trouble: M365Error | None = None
        self.noted: list[S] = []

    def changes(self) -> list[Change]:
        """What was carried out; all of the plan where that has never become clear."""
        return self._done if self._resolved or not self.is_unsure else self._plan.changes

    def note(self, state: S) -> None:
        """The answers say that this is there now."""
        self.noted.append(state)
        self._done = self._seen_in(state, ours=True)

    def doubt(self, trouble: M365Error | None) -> None:
        """After some kinds of trouble nobody knows whether a write was carried out."""
        self.trouble = trouble
        self.is_unsure = trouble is not None and trouble.perhaps_done

    def read(self, reading: S) -> None:
        """A reading tells, where the answers did not."""
        if self.is_unsure:
            seen = self._seen_in(reading, ours=False)
            known = {(change.target, change.field) for change in seen}
            self._done = seen + [change for change in self._done if (change.target, change.field) not in known]
            self._resolved = True

    def _seen_in(self, state: S, *, ours: bool) -> list[Change]:
        try:
            return carried_out(self._plan, self._planner(state), ours=ours)
        except M365Error:
            return self._plan.changes  # a state for which there is no plan: what was sent is all that is known


@dataclass(frozen=True)
class Reconciled(Generic[S]):
    """
    :param before: what was there.
    :param plan: what was carried out; in check mode what would be.
    :param after: what is there now; in check mode what would be.
    """

    before: S
    plan: Plan
    after: S


def reconcile(resource: Resource[S], *, check_mode: bool, journal: Journal | None = None) -> Reconciled[S]:
    """Bring a resource to its desired state and verify it by reading.

    :param journal: of the task, where it works on several resources.
    :raises M365Error: with what had been carried out by then (``carried_out``).
    """
    journal = journal if journal is not None else Journal()
    start = len(journal.rounds)
    with journal.told_in_errors():
        before = resource.observe()
        plan = resource.plan(before)
        journal.subject = journal.subject or resource.subject
        resource.check(before, plan)
        if check_mode:
            journal.predict(plan)
        if check_mode or not plan.writes:
            return Reconciled(before, journal.since(start), resource.expected(before, plan))
        with resource.exclusively(before):
            state = _refreshed(resource, before, plan)
            if isinstance(resource, Replicated):
                after = _converge(resource, state, journal)
            else:
                after = _write_and_read(resource, state, journal)
    return Reconciled(before, journal.since(start), after)


def _refreshed(resource: Resource[S], before: S, plan: Plan) -> S:
    state = resource.refreshed(before, plan)
    if state is not before:
        again = resource.plan(state)
        if any(change not in plan.changes for change in again.changes):
            resource.check(state, again)
    return state


def _write_and_read(resource: Resource[S], state: S, journal: Journal) -> S:
    plan = resource.plan(state)
    if not plan.writes:
        return state
    begun = len(journal.rounds)
    try:
        applied, _round = _apply(resource, plan, state, journal)
    except M365Error:
        for current in journal.rounds[begun:]:  # none where it was refused before anything of it was sent
            _find_out(resource, state, current)
        raise
    reading = resource.read(applied.state)
    left = resource.plan(reading)
    if left.writes:
        raise resource.not_kept(left)
    return reading


def _find_out(resource: Resource[S], state: S, current: Round[S]) -> None:
    """Whether a write was carried out that was not answered as it should: one that reads tells, where it is answered.

    Not where the service may still be at work on it: what comes later has to be known to whoever undoes it.
    """
    if current.is_unsure and not (current.trouble and current.trouble.may_come):
        with contextlib.suppress(M365Error):
            current.read(resource.read(state))


def _apply(resource: Resource[S], plan: Plan, state: S, journal: Journal) -> tuple[Applied[S], Round[S]]:
    """Carry out one plan, and book what of it was carried out."""
    resource.announce(plan)
    current: Round[S] = Round(plan, resource.plan)
    journal.rounds.append(current)
    try:
        applied = resource.apply(plan, state, current.note)
    except M365Error as error:
        current.doubt(error)
        raise
    current.doubt(applied.trouble)
    return applied, current


def _converge(resource: Replicated[S], state: S, journal: Journal) -> S:
    """Write, read back, repair.

    :param state: a fresh reading.
    :raises NotYetReplicated: everything was accepted, and cannot be read back in time.
    :raises Conflict: somebody else keeps undoing it.
    """
    pace = _Pace(resource.deadline, resource.within, resource.what)
    try:
        return _cycles(resource, state, journal, pace)
    except M365Error as error:
        raise pace.at_the_deadline(error) from None


def _cycles(resource: Replicated[S], state: S, journal: Journal, pace: _Pace) -> S:
    known, accepted = state, False
    past = _Past(resource, state)
    current: Round[S] = Round(Plan(), resource.plan)
    seen: S | None = None
    while True:
        plan = resource.plan(known)
        if plan.writes:
            pace.count_write()
            before = known
            with pace.window():
                applied, current = _apply(resource, plan, known, journal)
            known, accepted = applied.state, applied.accepted
            past.told += current.noted
            if accepted and resource.entries(before) != resource.entries(known):
                pace.settle()
        reading = resource.read(known)
        current.read(reading)
        pace.heard(current)
        if not resource.sees(reading, known) or (accepted and past.shows(reading, known)):
            if not resource.wait and not resource.plan(known).writes:
                return known
            if pace.wait_for_replica() and resource.sees(reading, known):
                # So long the same: perhaps somebody has put back exactly what was there. Writing it again does no harm.
                known, accepted = reading, False
            continue
        if resource.plan(reading).writes:
            # Undone, or not carried out: what is written next must be derived from a reading taken after the pause.
            pace.give_way(undone=accepted)
            seen, known, accepted = None, _read_again(resource, reading, pace), False
            past.read.append(known)
            current.read(known)
            continue
        if not pace.contended and resource.entries(reading) == resource.entries(known):
            return reading
        if seen is not None and resource.entries(seen) == resource.entries(reading):
            return reading
        # Somebody else is writing too, unless an answer of ours was lost. Whoever has read before us may still write after
        # us: wait for silence.
        pace.be_quiet(foreign=accepted or seen is not None)
        seen, known, accepted = reading, reading, False
        past.read.append(known)


class _Pace:
    """How long to wait for what, and when to give up."""

    def __init__(self, deadline: Deadline, within: float, what: str) -> None:
        self.contended = False
        self._deadline = deadline
        self._end = deadline.sub(within)
        self._within = self._end - deadline.clock.monotonic()
        self._what = what
        self._longest = 0.0
        self._writes = self._old = 0
        self._last: M365Error | None = None
        self._equal = 0
        self._round: Round[Any] | None = None

    def count_write(self) -> None:
        self._writes += 1
        if self._writes > MOST_REPAIRS:
            raise Conflict(
                f"another process keeps changing it; gave up after {MOST_REPAIRS} attempts",
                tried=f"change {self._what}",
                remedy="Let one controller at a time work on it.",
            ).after(self._last)

    def heard(self, current: Round[Any]) -> None:
        """Keep the last answer for the error that may end it all; a service that fails always alike is not asked for ever."""
        if current is self._round:
            return
        self._round, trouble = current, current.trouble
        same = trouble is not None and self._last is not None and _answer_of(trouble) == _answer_of(self._last)
        self._equal = self._equal + 1 if same else 1
        self._last = trouble
        if trouble is not None and self._equal >= EQUAL_FAULTS and (trouble.status or 0) >= 500:
            trouble.message = f"{trouble.message.rstrip('.')} ({self._equal} times in a row)"
            trouble.tried = f"change {self._what}"
            raise trouble

    def at_the_deadline(self, error: M365Error) -> M365Error:
        """A request that the deadline has cut off says less than the last answer: the error carries both."""
        return error.after(self._last) if self._deadline.remaining() <= 0 else error

    @contextlib.contextmanager
    def window(self) -> Iterator[None]:
        """Measures how long a write takes: about as long others take between their reading and their write."""
        begun = self._deadline.clock.monotonic()
        yield
        self._longest = max(self._longest, self._deadline.clock.monotonic() - begun)

    def settle(self) -> None:
        """Give a writer that has read before our write the time to write, so that our reading shows what it has undone."""
        self._pause(self._deadline.backoff(1, first=0.8) + 3 * self._longest, f"before {self._what} is read back")

    def give_way(self, *, undone: bool) -> None:
        """Writers that have met each other come back at different times."""
        self.contended = self.contended or undone
        self._pause(
            self._deadline.backoff(min(self._writes + 1, 5), first=0.4, most=4.0),
            f"before {self._what} is changed again",
        )

    def be_quiet(self, *, foreign: bool) -> None:
        """:param foreign: what was read differs from what we know, and no answer of ours is missing."""
        self.contended = self.contended or foreign
        why = f"another process is changing {self._what}" if self.contended else f"before {self._what} is read back"
        self._pause(2.0 + 4 * self._longest, why)

    def wait_for_replica(self) -> bool:
        """Wait for a reading that is not old; true when it has been old for so long that there is room for doubt."""
        self._old += 1
        pause = self._deadline.backoff(self._old, first=0.5, most=8.0)
        if self._deadline.clock.monotonic() + pause >= self._end:
            raise NotYetReplicated(
                f"it was accepted, but could not be read back within {self._within:.0f} s", tried=f"change {self._what}"
            ).after(self._last)
        self._pause(pause, f"{self._what} is being replicated")
        return self._old % OLD_READINGS == 0

    def _pause(self, seconds: float, why: str) -> None:
        try:
            self._deadline.pause(seconds, why)
        except DeadlineExceeded as error:
            raise error.after(self._last).while_trying(f"change {self._what}") from None


def _answer_of(error: M365Error) -> tuple[object, ...]:
    return type(error), error.status, error.code, error.message


def _read_again(resource: Replicated[S], known: S, pace: _Pace) -> S:
    """A new reading with the objects that have been seen already; a replica that lacks one would have it made twice."""
    reading = resource.read(known)
    while not resource.sees(reading, known):
        pace.wait_for_replica()
        reading = resource.read(known)
    return reading


class _Past(Generic[S]):
    """What there has been in this run, by which a reading of an old replica is recognized.

    :ivar read: the readings that we have written on.
    :ivar told: the states that answers to our writes have shown.
    """

    def __init__(self, resource: Replicated[S], state: S) -> None:
        self.read = [state]
        self.told: list[S] = []
        self._resource = resource

    def shows(self, reading: S, known: S) -> bool:
        """Whether a reading that lacks what was written shows what there was, and nothing that somebody else has done."""
        resource = self._resource
        if not resource.plan(reading).writes:
            return False
        image = resource.image(reading)
        if any(image == resource.image(state) for state in self.read):
            return True
        # Answers and readings differ in form, so these states are recognized by what they list.
        listed = resource.entries(reading)
        if listed != resource.entries(known) and any(listed == resource.entries(state) for state in self.told):
            return True
        return self._is_mixture(resource.objects(reading), resource.objects(known))

    def _is_mixture(self, reading: Mapping[str, object], known: Mapping[str, object]) -> bool:
        """Whether each object is shown as it has been before or is now."""
        states = [known, *(self._resource.objects(state) for state in (*self.read, *self.told))]
        names = {name for state in (reading, *states) for name in state}
        return reading != known and all(any(reading.get(name) == state.get(name) for state in states) for name in names)
