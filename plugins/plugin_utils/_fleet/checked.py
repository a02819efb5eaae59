# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""What one host has found while it checked all PBXs of a batch, kept for the task that each of them runs next.

A task costs Ansible a process and a result for each host, more than the check itself. So where all PBXs are worked on from
the controller, their check is one task of the batch. A PBX that fails it fails in the task that writes, with this result
and before anything is sent; where too many fail, nothing is written to any of them, as Ansible itself would have ended
the play between the two tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore

_KIND = "shared_check"
Result = dict[str, Any]


class Checked:
    """The outcome of the check, by host; the task that writes takes each of them once."""

    def __init__(self, store: RunStore) -> None:
        self._store = store

    def keep(self, failed: Mapping[str, Mapping[str, Any]], passed: Iterable[str], stopped: str) -> None:
        """:param stopped: why nothing may be written to those that passed; empty where it may."""
        for host, result in failed.items():
            self._store.put(_KIND, host, dict(result))
        for host in passed:
            if stopped:
                said = {"msg": stopped, "skip_reason": stopped}
                self._store.put(_KIND, host, {"changed": False, "skipped": True, "steps": {}, **said})
            else:
                self._store.drop(_KIND, host)

    def take(self, host: str) -> Result | None:
        """The result that ends the work on a host; ``None`` where it may be written to."""
        found: Result | None = self._store.get(_KIND, host)
        if found is not None:
            self._store.drop(_KIND, host)
        return found


def stops(failed: int, before: int, batch: int, limit: float | None, *, any_fatal: bool) -> bool:
    """Whether Ansible would end the play after a task that so many hosts of a batch have failed.

    :param before: hosts of the play that have failed in earlier batches, which the linear strategy counts as well.
    :param limit: ``max_fail_percentage``.
    :param any_fatal: ``any_errors_fatal``.
    """
    if not failed:
        return False
    return any_fatal or failed == batch or (limit is not None and 100 * (failed + before) / batch > limit)
