# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of all PBXs of a batch before anything is written to one of them, within the task that writes.

A task costs Ansible a process and a result for each host, as much CPU as the check itself. So where one host works on
the whole batch, it checks all of them first, and goes on with those that passed; a PBX that needs no write goes on at once.
Where Ansible would have ended the play after a task that so many hosts failed, nothing is written; the failed hosts fail in
this task, so Ansible ends the play.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.text import without_repeats
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.results import told_once
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import count

_KIND = "batch_check"
_FAILED = "batch_check_failed"
Result = dict[str, Any]


class BatchCheck:
    """Which hosts of a run have passed their check, and which ones of a task have failed it."""

    def __init__(self, store: RunStore) -> None:
        self._store = store

    def keep(self, host: str, result: Mapping[str, Any] | None) -> None:
        """Keep that a host has passed; it counts for one task that writes."""
        if result is not None and not result.get("failed"):
            self._store.put(_KIND, host, True)

    def has_passed(self, host: str) -> bool:
        """Whether a task before has checked the host, for whoever is not certain yet to be the one that works on it."""
        return self._store.get(_KIND, host) is not None

    def take(self, host: str) -> bool:
        """The same for the task that works on the host."""
        passed = self.has_passed(host)
        if passed:
            self._store.drop(_KIND, host)
        return passed

    def failed(self, task: str, hosts: Iterable[str]) -> list[str]:
        """All hosts that have failed the check of a task, those included that an earlier check of the same task has found.

        A process that ends while it works on a batch leaves the rest of it to another one.
        """
        known = sorted({*(self._store.get(_FAILED, task) or ()), *hosts})
        self._store.put(_FAILED, task, known)
        return known


def must_have_passed(passed: bool) -> None:
    """Raise :class:`BadInput` for a host that is worked on by itself and that nobody has checked with the others."""
    if not passed:
        raise BadInput(
            "this PBX cannot be checked together with the others of its batch, and no task before has checked it; "
            "nothing was written to it",
            tried="check every PBX before anything is written",
            remedy="Let a task that only checks run on all hosts before the one that writes.",
        )


def stops(failed: int, everywhere: int, batch: int, limit: float | None, *, any_fatal: bool) -> bool:
    """Whether Ansible would end the play after a task that so many hosts of a batch have failed.

    :param everywhere: hosts of the play that have failed, those of earlier batches included: the linear strategy compares them
        with the size of this batch, also where none of it has failed.
    :param limit: ``max_fail_percentage``.
    :param any_fatal: ``any_errors_fatal``.
    """
    if failed and (any_fatal or failed == batch):
        return True
    return limit is not None and batch > 0 and everywhere / batch > limit / 100.0


def not_written(failed: int, batch: int, passed: Mapping[str, Any]) -> Result:
    """The result of a PBX that passed its check, where so many others failed that the rollout ends.

    :param passed: the result of its check, of which the warnings are told.
    """
    failures = f"{failed} of {count(batch, 'PBX', 'PBXs')} failed the check before anything was written"
    reason = f"Nothing was written to this PBX: {failures}."
    return with_warnings(passed, {"changed": False, "skipped": True, "steps": {}, "msg": reason, "skip_reason": reason})


def with_warnings(check: Mapping[str, Any], result: Mapping[str, Any]) -> Result:
    """The result of a PBX with what its check has warned of."""
    warnings = without_repeats([*check.get("warnings", ()), *result.get("warnings", ())])
    return told_once({**result, "warnings": warnings} if warnings else result)
