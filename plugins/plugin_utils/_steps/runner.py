# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes steps of the table on one PBX, and keeps what later tasks of the run need of them.

A check that a task of this run has made with the same arguments is not made again before the writes that it was made
for: a role finds the checks of the role before it, the second task of the rollout those of the first. A write makes the
checks of this PBX stale; from then on they serve only to tell a later step what the PBX is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import failure
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import RunTask
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.table import STEPS, in_order
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import CHECK, WRITE, Result, Step, Work

_KIND = "fleet_steps"
_ENDS = frozenset(("unlink", "delete"))
"""After these nothing that was known of the PBX holds any longer."""
_OF_ITS_TASK = ("warnings", "deprecations", "invocation", "diff")
"""What Ansible shows once, with the task that a result is of."""

Kept = dict[str, dict[str, Any]]


class Taken(dict[str, Result]):
    """The results of the steps that a task took on one PBX, in order; a failed one is the last.

    :ivar arguments: what each step was asked for.
    """

    def __init__(self, results: Mapping[str, Result] | None = None, **more: Result) -> None:
        super().__init__(results or {}, **more)
        self.arguments: dict[str, Mapping[str, Any]] = {}

    @property
    def failed(self) -> Result | None:
        return next((result for result in self.values() if result.get("failed")), None)

    def of(self, step: str) -> Result:
        """The result of a step; empty when it was not taken."""
        return self.get(step) or {}

    def first(self, name: str) -> str:
        """What the first step that knows it says of a matter, such as the version of the PBX."""
        return next((str(result[name]) for result in self.values() if result.get(name)), "")


class Runner:
    """The steps of one PBX within one run.

    :param store: where the checks wait for the steps that need them; ``None`` keeps nothing.
    :param after: is told the result of each step that did not fail, those that were kept included; what it raises fails
        the step.
    :param keeps: is asked at the end whether what the steps have found is kept; without, it is.
    :param neighbors: see :class:`Work`; :param reports: also.
    """

    def __init__(
        self,
        host: str,
        store: RunStore | None,
        *,
        check_mode: bool,
        after: Callable[[Step, Result], None] | None = None,
        keeps: Callable[[], bool] = lambda: True,
        neighbors: tuple[str, ...] = (),
        reports: bool = False,
    ) -> None:
        self._host = host
        self._neighbors = neighbors
        self._reports = reports
        self._after = after or (lambda _step, _result: None)
        self._keeps = keeps
        self._check_mode = check_mode
        self._key = f"{host}|{check_mode}"
        self._store = store

    def run(self, variables: Mapping[str, Any], run_task: RunTask, names: Sequence[str]) -> Taken:
        """Take the named steps, and the checks that they need; end at the first that fails.

        :raises M365Error: a step that does not exist.
        """
        kept = self._load()
        known = {name: entry["result"] for name, entry in kept.items()}
        work = Work(self._host, variables, run_task, self._check_mode, known, self._neighbors, self._reports)
        taken = Taken()
        enabled = [name for name in names if name not in STEPS or STEPS[name].enabled(work)]
        writes = any(STEPS[name].kind != CHECK for name in enabled if name in STEPS)
        work.configures = "settings" in enabled or not writes
        for step in in_order(enabled):
            if not step.when(work):
                continue
            reusable = kept.get(step.name) if step.kind == CHECK else None
            # A check that is named is made: by a task of checks alone always, by one that writes unless it is fresh.
            if reusable and step.name in enabled and not (writes and reusable["fresh"]):
                reusable = None
            result, digest = self._result(step, work, reusable, taken)
            taken[step.name] = work.results[step.name] = result
            if result.get("failed"):
                break
            if digest:
                _keep(kept, step, digest, result)
        self._save(kept)
        return taken

    def _result(self, step: Step, work: Work, kept: Mapping[str, Any] | None, taken: Taken) -> tuple[Result, str]:
        """The result of a step, and the digest of its arguments; empty when an earlier task took it, or none can need it."""
        try:
            arguments = taken.arguments[step.name] = step.arguments(work)
            digest = _digest(arguments) if self._store else ""
            if kept is not None and kept["arguments"] == digest:
                result, digest = kept["result"], ""
            else:
                result = step.take(work, arguments)
            if not result.get("failed"):
                self._after(step, result)
        except M365Error as error:
            return failure(error), ""
        return result, digest

    def _load(self) -> Kept:
        kept: Kept = (self._store.get(_KIND, self._key) if self._store else None) or {}
        return dict(kept)

    def _save(self, kept: Kept) -> None:
        if self._store is None or not self._keeps():
            return
        if kept:
            self._store.put(_KIND, self._key, kept)
        else:
            self._store.drop(_KIND, self._key)


def _keep(kept: Kept, step: Step, digest: str, result: Result) -> None:
    if step.name in _ENDS:
        kept.clear()
    elif step.kind == WRITE:
        for name, entry in kept.items():
            kept[name] = {**entry, "fresh": False}
    if step.name in _ENDS or not (step.keeps or step.kind == CHECK):
        return
    names = step.keeps or tuple(name for name in result if name not in _OF_ITS_TASK)
    values = {name: result[name] for name in names if name in result}
    kept[step.name] = {"arguments": digest, "fresh": True, "result": values}


def _digest(arguments: Mapping[str, Any]) -> str:
    """What tells whether two checks ask the same; no secret can be read from it."""
    return hashlib.sha256(json.dumps(arguments, sort_keys=True, default=str).encode("utf-8")).hexdigest()
