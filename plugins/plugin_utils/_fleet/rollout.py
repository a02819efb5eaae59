# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""The rollout of one PBX: a look, kept until the PBX is configured, then the other steps; and all steps as one result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.steps import (
    HostSteps,
    RunTask,
    compare_people,
    configure,
    look,
    prove,
)

_KIND = "rollout_look"
_OF_THE_LOOK = ("redirect_uri", "status", "version", "edition", "application", "notes", "findings")


class HostRollout:
    """One PBX.

    :param store: where the look waits for the rest; it is used once, so that a second rollout looks again.
    """

    def __init__(self, host: str, store: RunStore, *, check_mode: bool) -> None:
        self._key = f"{host}|{check_mode}"
        self._check_mode = check_mode
        self._store = store

    def run(self, variables: Mapping[str, Any], run_task: RunTask, *, look_only: bool) -> HostSteps:
        """Take the steps; all of them, or those before anything is written."""
        if look_only:
            steps = look(variables, run_task, writes=not self._check_mode)
            if not steps.failed:
                self._store.put(_KIND, self._key, {name: _kept(result) for name, result in steps.taken().items()})
            return steps
        kept = self._store.get(_KIND, self._key)
        self._store.drop(_KIND, self._key)
        steps = HostSteps(**kept) if kept else look(variables, run_task, writes=not self._check_mode)
        configure(variables, steps, run_task)
        prove(variables, steps, run_task)
        compare_people(variables, steps, run_task)
        return steps


def in_one_result(steps: HostSteps) -> dict[str, Any]:
    """The result of a task that took several steps: what has changed in all, and the failure, if one ended it."""
    diffs = [result["diff"] for result in (steps.application, steps.grant, steps.settings) if result.get("diff")]
    result: dict[str, Any] = {
        "changed": any(each.get("changed") for each in (steps.application, steps.grant, steps.settings)),
        "changes": steps.changes(),
        "steps": {name: _outcome(name, each) for name, each in steps.taken().items()},
        "application_id": steps.application.get("app_id") or "",
        "version": steps.first("version"),
        "edition": steps.first("edition"),
        "status": dict(steps.settings.get("status") or steps.pbx.get("status") or {}),
        "notes": list(dict.fromkeys(note for each in steps.all() for note in each.get("notes") or ())),
        "diff": diffs,
    }
    for each in steps.all():
        for name in ("findings", "people", "missing_rights", "admin_consent_url"):
            if each.get(name):
                result[name] = each[name]
    warnings = [warning for each in steps.all() for warning in each.get("warnings") or ()]
    if warnings:
        result["warnings"] = warnings
    failed = steps.failed
    if failed is not None:
        result.update(failed=True, msg=str(failed.get("msg") or "the step failed without a message"))
        result.update({name: failed[name] for name in ("error", "exception") if name in failed})
    return result


def _kept(result: Mapping[str, Any]) -> dict[str, Any]:
    return {name: result[name] for name in _OF_THE_LOOK if name in result}


def _outcome(name: str, result: Mapping[str, Any]) -> str:
    if result.get("failed"):
        return "failed"
    # What the first look finds is found again, and counted, by the step that changes it.
    return "changed" if result.get("changed") and name != "pbx" else "ok"
