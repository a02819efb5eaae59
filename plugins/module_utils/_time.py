# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deadlines, back-off and waiting for a fact.

Every wait of a task ends at the task's one deadline, is announced to the operator, and is added up in ``waited``.
"""

from __future__ import annotations

import random
import time
from typing import Any, Callable

from ansible_collections.tcx.m365.plugins.module_utils._errors import DeadlineExceeded

Notice = Callable[[str], None]


class Clock:
    """Monotonic time and sleep; tests put their own in its place."""

    def monotonic(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Deadline:
    """The end of a task, and the book of the time it has spent waiting.

    :param seconds: how long the task may take from now.
    :param notice: called with a sentence before each wait that an operator would notice.
    """

    NOTICEABLE_S = 2.0

    def __init__(self, seconds: float, *, clock: Clock | None = None, notice: Notice | None = None) -> None:
        self.clock = clock or Clock()
        self.seconds = float(seconds)
        self.end = self.clock.monotonic() + self.seconds
        self.notice = notice
        self.waited = 0.0
        self._jitter = random.SystemRandom()

    def remaining(self) -> float:
        """Seconds left; never negative."""
        return max(0.0, self.end - self.clock.monotonic())

    def sub(self, seconds: float | None) -> float:
        """The monotonic end of a wait of at most ``seconds`` that never outlasts the deadline."""
        if seconds is None:
            return self.end
        return min(self.end, self.clock.monotonic() + seconds)

    def pause(self, seconds: float, why: str) -> None:
        """Sleep, or raise :class:`DeadlineExceeded` at once when the wait would outlast the deadline."""
        if seconds >= self.remaining():
            raise DeadlineExceeded(f"the deadline of {self.seconds:.0f} s ends before the next attempt ({why})")
        if self.notice and seconds >= self.NOTICEABLE_S:
            self.notice(f"waiting {seconds:.0f} s: {why}")
        self.clock.sleep(seconds)
        self.waited += seconds

    def backoff(self, attempt: int, *, first: float = 0.5, most: float = 15.0) -> float:
        """Seconds before attempt ``attempt`` (1 = the first repetition): exponential, with jitter of a half."""
        ceiling = min(most, first * 2.0 ** min(attempt - 1, 16))
        return ceiling * (0.5 + self._jitter.random() / 2)

    def until(
        self,
        probe: Callable[[], tuple[bool, Any]],
        why: str,
        *,
        within: float | None = None,
        first: float = 0.5,
        most: float = 10.0,
    ) -> tuple[bool, Any]:
        """Ask ``probe`` until it answers ``(True, value)`` or the time is over.

        :param within: seconds this wait may take; the deadline of the task ends it as well.
        :returns: the last answer of ``probe``. The caller says what a ``False`` means.
        """
        end = self.sub(within)
        attempt = 0
        while True:
            done, value = probe()
            attempt += 1
            pause = self.backoff(attempt, first=first, most=most)
            if done or self.clock.monotonic() + pause >= end:
                return done, value
            self.pause(pause, why)
