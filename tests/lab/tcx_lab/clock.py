# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clock of the lab: it follows the machine's clock until a test moves it, and machines in the lab may run early or late."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Lab time. `start` sets another beginning than now; `frozen` stops it except for `advance`."""

    def __init__(self, start: datetime | None = None, *, frozen: bool = False) -> None:
        if start is not None and start.tzinfo is None:
            raise ValueError("the start of a lab clock needs a time zone")
        self._base = time.time()
        self._origin = self._base if start is None else start.timestamp()
        self._moved = 0.0
        self._frozen = frozen

    def time(self) -> float:
        """Seconds since 1970 (Unix time) in the lab."""
        running = 0.0 if self._frozen else time.time() - self._base
        return self._origin + running + self._moved

    def now(self) -> datetime:
        """Aware UTC datetime in the lab."""
        return datetime.fromtimestamp(self.time(), UTC)

    def advance(self, seconds: float) -> datetime:
        """Move the lab's time forward by `seconds` (negative moves it back); returns the new time."""
        self._moved += seconds
        return self.now()

    def skewed(self, offset_seconds: float) -> SkewedClock:
        """The same clock as a machine sees it that is `offset_seconds` ahead (negative: behind)."""
        return SkewedClock(self, offset_seconds)


class SkewedClock:
    """A machine's wrong clock: the lab's clock plus an offset in seconds."""

    def __init__(self, clock: Clock, offset_seconds: float) -> None:
        self._clock = clock
        self.offset_seconds = offset_seconds

    def time(self) -> float:
        """Seconds since 1970 as this machine believes."""
        return self._clock.time() + self.offset_seconds

    def now(self) -> datetime:
        """Aware UTC datetime as this machine believes."""
        return self._clock.now() + timedelta(seconds=self.offset_seconds)
