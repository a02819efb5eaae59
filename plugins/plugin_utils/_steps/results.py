# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of one PBX as the result of one task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.text import without_repeats
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.view import NOBODY_SIGNS_IN
from ansible_collections.tcx.m365.plugins.module_utils._errors import Unhealthy, Unlicensed
from ansible_collections.tcx.m365.plugins.module_utils._pbx.preflight import MAY_REFUSE, UNHEALTHY
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import headed
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.runner import Taken
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.table import STEPS
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import CHECK, Result

_PASSED_ON = (
    "findings",
    "people",
    "missing_rights",
    "admin_consent_url",
    "captured",
    "rotation",
    "goes",
    "not_unlinked",
    "adopted",
    "adoption",
)


_TOLD_BY = {Unlicensed.kind: (MAY_REFUSE,), Unhealthy.kind: (f" {UNHEALTHY}: ", f" {NOBODY_SIGNS_IN}")}
"""What warnings say of a matter that a failure of this kind is about."""


def told_once(result: Mapping[str, Any]) -> dict[str, Any]:
    """The result without warnings of what its failure says, or of what has not happened."""
    told = _told_by(result)
    if not told:
        return dict(result)
    lists = {name: result[name] for name in ("warnings", "notes") if result.get(name)}
    kept = {name: [text for text in texts if not any(words in text for words in told)] for name, texts in lists.items()}
    known = {name: value for name, value in result.items() if name != "warnings"}
    return {**known, **{name: texts for name, texts in kept.items() if texts or name == "notes"}}


def _told_by(result: Mapping[str, Any]) -> tuple[str, ...]:
    if result.get("failed"):
        return _TOLD_BY.get(str((result.get("error") or {}).get("kind")), ())
    # What a license may lack is tried by a step of its own, which has nothing to say of a PBX before it is linked.
    steps = result.get("steps") or {}
    tried = steps.get("license") == "changed" or {"license", "settings"} <= steps.keys()
    return (MAY_REFUSE,) if tried else ()


def written(taken: Taken) -> dict[str, Result]:
    """The results of the steps that write; what a check before them would change is counted by the step that does it."""
    return {name: result for name, result in taken.items() if STEPS[name].kind != CHECK}


def changes(taken: Taken) -> list[dict[str, Any]]:
    """What the steps have changed, or would change; of a failed one, what it had changed before it failed."""
    return _all(written(taken).values(), "changes")


def _all(results: Iterable[Result], name: str) -> list[Any]:
    """What the results have in their lists of that name."""
    return [item for result in results for item in result.get(name) or ()]


def unmanaged(taken: Taken) -> dict[str, Any]:
    """What is there besides what the inventory lists."""
    parts = [result.get("unmanaged") or {} for result in taken.values()]
    return {name: value for part in parts for name, value in part.items() if value}


def status(taken: Taken) -> dict[str, Any]:
    """Health of the integration, as the last step that asked the PBX saw it."""
    reported = [result["status"] for result in taken.values() if result.get("status")]
    return dict(reported[-1]) if reported else {}


def in_one_result(host: str, taken: Taken, names: Sequence[str]) -> dict[str, Any]:
    """The result of a task: what has changed in all, and the failure, if one ended it.

    :param names: the steps that the task names. Of a task with one step the values of that step are there as well.
    """
    result: dict[str, Any] = dict(taken.of(names[0])) if len(names) == 1 else {}
    result.pop("undo", None)  # it is in the snapshot, which is for programs
    result.update(
        changed=any(step_result.get("changed") for step_result in written(taken).values()),
        changes=changes(taken),
        steps={name: _outcome(name, step_result) for name, step_result in taken.items()},
        application_id=taken.of("application").get("app_id") or "",
        application_name=_name(taken.of("application")),
        version=taken.first("version"),
        edition=taken.first("edition"),
        status=status(taken),
        unmanaged=unmanaged(taken),
        adopted=any(step_result.get("adopted") for step_result in taken.values()),
        notes=list(dict.fromkeys(_all(taken.values(), "notes"))),
        diff=[part for step_result in written(taken).values() for part in _parts(host, step_result.get("diff"))],
    )
    for step_result in taken.values():
        result.update({name: step_result[name] for name in _PASSED_ON if step_result.get(name)})
    refused = {(refusal["target"], refusal["field"]): dict(refusal) for refusal in _all(taken.values(), "refused")}
    if refused:
        result["refused"] = list(refused.values())
    # Ansible shows warnings without their host. What two steps have seen is said once, by the one that knew more.
    warnings = without_repeats(f"{host}: {warning}" for warning in _all(taken.values(), "warnings"))
    if warnings:
        result["warnings"] = warnings
    if taken.failed is not None:
        result.update(_failure(taken.failed))
    elif not any(name in taken for name in names):
        result.update(skipped=True, skip_reason=f"nothing of {', '.join(names)} applies to {host}")
    return told_once(result)


def _name(application: Result) -> str:
    return str(application.get("unique_name") or application.get("display_name") or "")


def _failure(failed: Result) -> dict[str, Any]:
    parts = {name: failed[name] for name in ("error", "exception") if name in failed}
    return {**parts, "failed": True, "msg": str(failed.get("msg") or "the step failed without a message")}


def _parts(host: str, diff: Any) -> list[dict[str, Any]]:
    """The diff of a step as a list, each part headed by the PBX and the object."""
    parts: list[Mapping[str, Any]] = diff if isinstance(diff, list) else [diff] if diff else []
    return [headed(host, part) for part in parts]


def _outcome(name: str, result: Result) -> str:
    if result.get("failed"):
        return "failed"
    # What a check finds is found again, and counted, by the step that changes it.
    return "changed" if result.get("changed") and STEPS[name].kind != CHECK else "ok"
