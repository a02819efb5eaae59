# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""One task of a play whose hosts are worked on together: the first to come does the work of all, each takes its own result.

Ansible still runs the task once for each host, so that every host keeps its own result, its own failure and its own
line in the recap, with any strategy; only the work is shared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore

Result = dict[str, Any]
WorkOnAll = Callable[[list[str]], Iterable[tuple[str, "Result | None"]]]

_KIND = "together"

_POLL_S = 0.02
"""How often a host checks whether its result is there."""
_ALIVE_S = 0.5
"""How often it checks whether anybody still works on it, which takes a file and a lock."""


class SharedTask:
    """The results of one task of a run, by host.

    :param task: what tells this task from the others of the run.
    """

    def __init__(self, store: RunStore, task: str) -> None:
        self._store = store
        self._task = task

    def result_of(
        self, host: str, batch: Iterable[str], work: WorkOnAll, *, as_they_come: bool = False
    ) -> Result | None:
        """The result of ``host``; works on all hosts of the batch that nobody has worked on yet, if nobody does.

        ``None`` when the host is to be worked on alone: the work on all left it out, or its result was taken before
        (``until``, ``loop``).

        :param as_they_come: a result is final as soon as it is there, so that Ansible can take those of some hosts while others
            are worked on. Without it, what the work yields last for a host counts, and each host waits for the end of the work.
        """
        if as_they_come:
            self._wait(host, batch, work)
        else:
            with self._store.lock(_KIND, self._task, unbounded=True):
                self._work_once(host, batch, work)
        entry = self._entry(host) or {}
        self._put(host, {})
        result: Result | None = entry.get("result")
        return result

    def _wait(self, host: str, batch: Iterable[str], work: WorkOnAll) -> None:
        while self._entry(host) is None:
            with self._store.lock_if_free(_KIND, self._task) as taken:
                if taken:
                    self._work_once(host, batch, work)
            again = time.monotonic() + _ALIVE_S
            while not taken and time.monotonic() < again and self._entry(host) is None:
                time.sleep(_POLL_S)

    def _work_once(self, host: str, batch: Iterable[str], work: WorkOnAll) -> None:
        if self._entry(host) is None:
            self._work(host, batch, work)

    def _work(self, host: str, batch: Iterable[str], work: WorkOnAll) -> None:
        hosts = [host] + [other for other in batch if other != host and self._entry(other) is None]
        for name, result in work(hosts):
            self._put(name, {"result": result})

    def _entry(self, host: str) -> dict[str, Any] | None:
        return self._store.get(_KIND, f"{self._task}|{host}")

    def _put(self, host: str, entry: dict[str, Any]) -> None:
        self._store.put(_KIND, f"{self._task}|{host}", entry)
