# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that undoes what it has changed itself: a PBX on which it failed half-way, a batch that did not turn out well."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils import _unforeseen
from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error
from ansible_collections.tcx.m365.plugins.module_utils._task import failure
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import Variables
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.ledger import AGAIN
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.recorder import AnnouncingTask, Recorder
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.results import in_one_result
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.rollback import PARTLY
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.runner import Runner
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.table import OPERATIONS
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import count

Json = dict[str, Any]

KEEP, ROLLBACK = "keep", "rollback"

_OF_A_ROLLOUT = frozenset(OPERATIONS["rollout"])


def applies(variables: Mapping[str, Any], result: Mapping[str, Any], names: Iterable[str]) -> bool:
    """Whether a PBX on which a task failed is set back: ``on_failure: rollback``, in a rollout or a role of it.

    :param names: the steps of the task. What goes on where it was interrupted (a rotation, an offboarding) is not undone.
    """
    asked = variables.get("on_failure") == ROLLBACK and _OF_A_ROLLOUT.issuperset(names)
    return bool(asked and result.get("failed"))


def undone(host: str, variables: Variables, run_task: AnnouncingTask, recorder: Recorder, result: Json) -> Json:
    """The result of a failed task, with what became of what the run has changed on the PBX, if that was anything."""
    try:
        kept = recorder.told()
    except (M365Error, *_unforeseen.KINDS):
        return result  # nothing is known of it, and the task has failed for that
    if not kept:
        return result
    return with_undone({**kept, **result}, undo_run(host, variables, run_task, recorder))


def undo_run(host: str, variables: Variables, run_task: AnnouncingTask, recorder: Recorder) -> Json:
    """Undo what this run has changed on a PBX: the result of a rollback.

    What it does is kept as well, so that nothing of the run remains to be undone afterwards, but for a write that has not
    arrived yet (``under_way``).
    """
    recorded = recorder.recording(run_task, check_mode=False)
    known = copy.copy(variables)
    known["snapshot"] = recorder.run
    names = list(OPERATIONS["rollback"])
    try:
        result = in_one_result(host, Runner(host, None, check_mode=False).run(known, recorded, names), names)
        return {**result, "under_way": not result.get("failed") and bool(recorder.told())}
    except M365Error as error:
        return failure(error)
    except _unforeseen.KINDS as error:
        return failure(_unforeseen.of(error))


def with_undone(result: Json, undone: Mapping[str, Any]) -> Json:
    """The result of a failed task, with what became of what it had changed."""
    restored = not undone.get("failed")
    changes = list(undone.get("changes") or ())
    if restored:
        number = count(len(changes), "change")
        sentence = f"What this run had changed on this PBX was undone ({number}).{_late(result, undone)}"
    else:
        same = undone.get("msg") == result.get("msg")
        some = " as a whole" if changes else ""
        why = ", for the same reason" if same else f"{some}: {_reason(undone)}"
        sentence = f"What this run had changed on this PBX was not undone{why}.{_later(result)}"
    told = {
        "restored": restored,
        "under_way": bool(undone.get("under_way")),
        "changes": changes,
    }
    told["refused"] = list(undone.get("refused") or ())
    failed = str(result.get("msg") or "").removesuffix(AGAIN)
    return {**result, "rollback": told, "msg": f"{failed} {sentence}".strip()}


def _reason(undone: Mapping[str, Any]) -> str:
    """Why, without what to do about it, and without what was not done: both have their own words here."""
    remedy = str((undone.get("error") or {}).get("remedy") or "")
    message = str(undone.get("msg") or "").removesuffix(remedy).rstrip(" .")
    return message.partition(PARTLY)[2] or message


def _late(result: Mapping[str, Any], undone: Mapping[str, Any]) -> str:
    """What to do about a write that nobody knows the end of: it was not there when the rest was undone."""
    if not undone.get("under_way"):
        return ""
    return (
        " A write that was under way may still arrive at the service: find out with "
        f"tcx.m365.rollback -e snapshot={result.get('snapshot')} --check."
    )


def _later(result: Mapping[str, Any]) -> str:
    """What undoes the rest, once it can be undone."""
    run = result.get("snapshot")
    return f" Undo the rest with tcx.m365.rollback -e snapshot={run}." if run else ""
