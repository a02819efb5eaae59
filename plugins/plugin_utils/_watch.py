# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""By when a PBX of a sweep must have ended: what a step may take by its own deadline, and a little more.

A step ends itself at its deadline. What no deadline of ours reaches (the resolver of the operating system, a lookup in the
inventory, an endless computation) is noticed here: each step of a host says how long it may take, and who sweeps gives a
host up that is later than that.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from ansible_collections.tcx.m365.plugins.module_utils import _lifeline
from ansible_collections.tcx.m365.plugins.module_utils._errors import Abandoned
from ansible_collections.tcx.m365.plugins.module_utils._time import Clock

GRACE_S = 30.0
"""Beyond the deadline of a step."""

FIRST_S = 600.0
"""For what comes before the first step: reading and templating the variables of the host."""


@dataclass
class Watch:
    """One host of a sweep.

    :param until: the monotonic time by which it must have ended or begun the next step.
    :param abandoned: nobody waits for this host any more, so it must not write any more.
    :param waits: it pauses: for replication, for a PBX to be healthy, for a tenant that has throttled us.
    :param relieved: it waits, or has taken long, so that another host may take its place.
    """

    host: str
    until: float = field(default_factory=lambda: time.monotonic() + FIRST_S + GRACE_S)
    abandoned: bool = False
    waits: bool = False
    relieved: bool = False
    since: float = field(default_factory=time.monotonic)

    @property
    def overdue(self) -> bool:
        return time.monotonic() > self.until


class _Current(threading.local):
    watch: Watch | None = None


_current = _Current()


def take(watch: Watch | None) -> None:
    """This thread works on that host from now on."""
    _current.watch = watch


class WaitingClock(Clock):
    """The time of a task: whoever pauses meanwhile does not need the place of its host.

    :param clock: that of the task until now.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def time(self) -> float:
        return self._clock.time()

    def sleep(self, seconds: float) -> None:
        watch = _current.watch
        if watch is None:
            self._clock.sleep(seconds)
            return
        watch.waits = True
        try:
            self._clock.sleep(seconds)
        finally:
            watch.waits = False


def begin(seconds: float) -> None:
    """A step begins that may take so many seconds.

    :raises Abandoned: the sweep has given this host up, or ``ansible-playbook`` has ended.
    """
    _lifeline.check()
    check()
    watch = _current.watch
    if watch is not None:
        watch.until = time.monotonic() + seconds + GRACE_S


def check() -> None:
    """:raises Abandoned: the sweep has given the host of this thread up, and what it has changed may be undone already."""
    watch = _current.watch
    if watch is not None and watch.abandoned:
        raise Abandoned("this PBX took longer than its deadline and was given up; nothing more is written")
