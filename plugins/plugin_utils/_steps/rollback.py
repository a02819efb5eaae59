# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the snapshot of a run to what undoes it on one PBX, in an order in which the PBX always has something to sign in with.

First comes back what was removed in the tenant, then the PBX is set back, and then that goes which was added in the tenant.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Callable

from ansible_collections.tcx.m365.plugins.module_utils._capabilities import tcx_m365_settings
from ansible_collections.tcx.m365.plugins.module_utils._common.ids import is_guid
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import undo as application_undo
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.grant_plan import ASSIGNMENTS, GRANTS
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, Conflict
from ansible_collections.tcx.m365.plugins.module_utils._pbx import settings_undo
from ansible_collections.tcx.m365.plugins.module_utils._pbx.settings_plan import TARGET as SETTINGS
from ansible_collections.tcx.m365.plugins.module_utils._task import failure
from ansible_collections.tcx.m365.plugins.module_utils._undo import NAMES, Kinds, entries
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.guards import address_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import Variables, read_variables
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.recorder import net
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.snapshots import (
    SCHEMA_VERSION,
    Snapshots,
    directory_of,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.certificates import put_back, usable
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import Result, Work

Json = dict[str, Any]

_GRANTS: Kinds = {(ASSIGNMENTS, "permissions"): NAMES, (GRANTS, "delegated_permissions"): NAMES}
_KINDS: Kinds = {**application_undo.KINDS, **settings_undo.KINDS, **_GRANTS}
_APPLICATION = (application_undo.APPLICATION, application_undo.PRINCIPAL)
_ONCE = ("unique_name", "adopted")
_LISTS = frozenset(
    key for key, kind in application_undo.KINDS.items() if kind == NAMES and key[0] == application_undo.APPLICATION
)
_TRIED = "read the snapshot"
_MOST_TOLD = 5


PARTLY = "it was not undone as a whole; "
"""How the sentence begins where something is left."""


def snapshot(work: Work, _result: Result) -> Json:
    """The result of the step ``snapshot``."""
    return load(work.host, read_variables(work.variables))


def part(work: Work, step: str) -> list[Mapping[str, Any]]:
    """What a step of a rollback has to undo."""
    return list((work.result("snapshot").get("parts") or {}).get(step) or ())


def has_part(*steps: str) -> Callable[[Work], bool]:
    return lambda work: any(part(work, step) for step in steps)


def application(work: Work) -> dict[str, Any]:
    """The application that the snapshot names. Whose it is decides the tenant, with what the inventory says."""
    variables = work.variables
    arguments = arguments_of.entra_connection(variables)
    arguments.update(
        app_id=work.result("snapshot").get("app_id") or None,
        unique_name=variables.get("entra_app_unique_name"),
        prefer="app_id",
        shared_certificates=list(work.neighbors),
        **arguments_of.removal_identity(variables),
    )
    return arguments


def undo_application(step: str) -> Callable[[Work], dict[str, Any]]:
    def arguments(work: Work) -> dict[str, Any]:
        options = application(work)
        options["undo"] = part(work, step)
        return options

    return arguments


def undo_consent(step: str) -> Callable[[Work], dict[str, Any]]:
    def arguments(work: Work) -> dict[str, Any]:
        restores = step == "restore_consent"
        options = arguments_of.entra_connection(work.variables)
        options.update(
            app_id=work.result("snapshot").get("app_id"),
            state="present" if restores else "absent",
            unknown_credentials=list(work.result("restore_application").get("unknown_credentials") or ()),
            **arguments_of.pbx_identity(work.variables),
            **consent(part(work, step), "before" if restores else "after"),
        )
        return options

    return arguments


def is_revocable(work: Work) -> bool:
    """A permission has no owner: none is taken from an application that other PBXs use."""
    return bool(part(work, "withdraw_consent")) and not _others(work)


def _others(work: Work) -> list[str]:
    return list(work.result("restore_application").get("kept_for") or ())


def undo_settings(work: Work) -> dict[str, Any]:
    arguments = verify(work)
    arguments["undo"] = part(work, "restore_settings")
    return arguments


def verify(work: Work) -> dict[str, Any]:
    """The PBX has to work afterwards if it worked before the run that is undone."""
    arguments = arguments_of.pbx_connection(work.variables)
    arguments["wait"] = bool(work.result("snapshot").get("healthy_before"))
    arguments["wait_timeout"] = work.variables.get("tcx_console_wait_timeout")
    return arguments


def back(work: Work, result: Result) -> Result:
    """A PBX is not set back to an application that nobody can restore."""
    lost = [
        refusal
        for refusal in result.get("refused") or ()
        if (refusal["target"], refusal["field"]) == ("application", "state")
    ]
    if result.get("failed") or not lost:
        return result
    error = Conflict(
        f"the application {work.result('snapshot').get('app_id')} is not there any more: {lost[0]['reason']}",
        tried=f"undo what the run {work.result('snapshot').get('run')} has changed",
        target=work.host,
        remedy="Nothing was changed. Roll the PBX out again, which makes a new application.",
    )
    return {**result, **failure(error)}


def is_free(work: Work) -> bool:
    """An application that the PBX points to is not deleted, whatever a snapshot says of who made it."""
    if not part(work, "withdraw_application"):
        return False
    settings = work.result("restore_settings")
    points_to = str((settings.get("status") or {}).get("application_id") or "")
    for change in settings.get("changes") or ():
        points_to = str(change["after"]) if change["field"] == "application_id" else points_to
    made = any(change["field"] == "state" for change in part(work, "withdraw_application"))
    app_id = str(work.result("snapshot").get("app_id") or "")
    return not (made and points_to and points_to.casefold() == app_id.casefold())


def withdrawn(work: Work, result: Result) -> Result:
    """A PBX that cannot sign in without a certificate that the run had added gets it back, and the step fails."""
    if work.check_mode or result.get("failed") or not usable(result):
        return result
    arguments = verify(work)
    arguments["wait"] = True
    health = work.run_task(tcx_m365_settings.CAPABILITY, arguments)
    return put_back(work.run_task, result, health, application(work)) if health.get("failed") else result


def restored(work: Work, result: Result) -> Result:
    """What somebody else has changed since is named, and the task fails: the PBX is not as it was."""
    if result.get("failed"):
        return result
    refused = refusals(work.results.values())
    if part(work, "withdraw_application") and "withdraw_application" not in work.results:
        app_id = work.result("snapshot").get("app_id")
        refused.append({"target": "application", "field": "state", "reason": f"the PBX points to it ({app_id})"})
    if _others(work):
        why = f"others use the application: {', '.join(_others(work))}"
        refused += [
            {"target": entry["target"], "field": entry["field"], "reason": why}
            for entry in part(work, "withdraw_consent")
        ]
    if not refused:
        return result
    run = work.result("snapshot").get("run")
    error = Conflict(
        f"{PARTLY}left as it is: {sentence(refused)}",
        tried=f"undo what the run {run} has changed",
        target=work.host,
        remedy="Everything else of that run is undone. Change what is left by hand, or roll out again.",
    )
    return {**result, **failure(error), "changes": [], "refused": refused}


def load(host: str, variables: Variables) -> Json:
    """What is undone on this PBX, part by part.

    :raises BadInput: there is no such snapshot, or it is not one of this PBX.
    """
    place = Snapshots(directory_of(variables))
    name = str(variables.get("snapshot") or "").strip()
    if not name:
        known = place.runs()[-5:]
        raise BadInput(
            "no run was named",
            tried="undo what a run has changed",
            target=place.directory,
            remedy=f"Give -e snapshot=latest, or the ID of a run: {', '.join(known) or 'there is none in this directory'}.",
        )
    run = place.resolve(name)
    try:
        content = place.read(run, host)
    except FileNotFoundError:
        _check_name(place, run, host, variables)
        note = f"the run {run} has changed nothing on this PBX{_another(place, host)}"
        return {"changed": False, "run": run, "parts": {}, "notes": [note]}
    try:
        return {"changed": False, "run": run, **checked(content, host, variables)}
    except BadInput as error:
        raise error.while_trying(_TRIED, place.path(run, host)) from None


def _another(place: Snapshots, host: str) -> str:
    """The run that somebody may have meant who says ``latest``: each slice of a job of a controller is a run of its own."""
    for run, content in place.of_host(host):
        return f"; the last one that has is {run} ({str(content.get('operation') or '')[:100]})"
    return ""


def _check_name(place: Snapshots, run: str, host: str, variables: Variables) -> None:
    """Raise :class:`BadInput` for a PBX that the run knows by another name of the inventory: silence would look like success."""
    address = address_of(str(variables.get("tcx_url") or ""))
    former = _names_by_address(place.directory, run).get(address)
    if former and former != host:
        raise BadInput(
            f"in the run {run} this PBX was the host {former}",
            tried=_TRIED,
            target=place.path(run, former),
            remedy=f"Name the host {former} in the inventory of the rollback, with the same tcx_url and entra_tenant_id.",
        )


@functools.lru_cache(maxsize=4)
def _names_by_address(directory: str, run: str) -> Mapping[str, str]:
    """Address -> host of all PBXs of a run; read once for all hosts that are asked for."""
    place, names = Snapshots(directory), {}
    for name in place.hosts(run):
        with contextlib.suppress(OSError, BadInput):
            content = place.read(run, name)
            names[address_of(str(content.get("tcx_url") or ""))] = str(content.get("host") or name)
    return names


def checked(content: Mapping[str, Any], host: str, variables: Variables) -> Json:
    """What a snapshot says, if it is one of this PBX: ``parts``, ``app_id``, ``healthy_before``, ``operation``.

    :raises BadInput: it is none, is another PBX's, or names what nobody here can undo.
    """
    if content.get("schema_version") != SCHEMA_VERSION:
        raise BadInput(
            f"its schema_version is not {SCHEMA_VERSION}", remedy="Another release of this collection wrote it."
        )
    named = content.get("application")
    done, pending = content.get("changes"), content.get("pending")
    if not (isinstance(named, Mapping) and isinstance(done, list) and isinstance(pending, list)):
        raise BadInput("it is no snapshot: application, changes or pending are missing")
    changes = [*done, *pending]
    entries(changes, _KINDS)
    address, tenant = address_of(str(variables.get("tcx_url") or "")), variables.tenant
    for name, have, recorded in (
        ("host", host, content.get("host")),
        ("tcx_url", address, address_of(str(content.get("tcx_url") or ""))),
        ("entra_tenant_id", tenant, content.get("entra_tenant_id")),
    ):
        if have != recorded:
            raise BadInput(
                f"it is not one of this PBX: {name} is {recorded!r}, and {have!r} in the inventory",
                remedy="Correct the inventory, or undo the changes by hand.",
            )
    app_id = str(named.get("app_id") or "")
    if app_id and not is_guid(app_id):
        raise BadInput("the id of its application is not a GUID")
    others = {str(change.get("object") or "") for change in changes} - {"", address, app_id.lower()}
    if others:
        raise BadInput(f"it speaks of another object as well: {min(others)!r}")
    return {
        "parts": parts(net(changes)),
        "app_id": app_id,
        "healthy_before": content.get("healthy_before") is True,
        "operation": str(content.get("operation") or "")[:100],
    }


def parts(changes: Sequence[Mapping[str, Any]]) -> dict[str, list[Json]]:
    """What is undone by which step. Pure.

    Lists are undone in two halves: what was removed comes back before the PBX is set back, what was added goes after it.
    """
    by_step: dict[str, list[Json]] = {
        "restore_application": [],
        "restore_consent": [],
        "restore_settings": [],
        "withdraw_consent": [],
        "withdraw_application": [],
    }
    made = _state(changes, after="present")
    for change in changes:
        target, field = change["target"], change["field"]
        entry = {name: change[name] for name in ("target", "field", "before", "after", "details") if name in change}
        if target == SETTINGS:
            by_step["restore_settings"].append(entry)
        elif (target, field) in _GRANTS:
            by_step["restore_consent"] += _half(entry, removed=True)
            by_step["withdraw_consent"] += [] if made else _half(entry, removed=False)
        elif target in _APPLICATION and field not in _ONCE:
            _place(by_step, entry, made=made)
    return {name: changes_of_step for name, changes_of_step in by_step.items() if changes_of_step}


def _place(by_step: dict[str, list[Json]], entry: Json, *, made: bool) -> None:
    key = (entry["target"], entry["field"])
    if made:
        by_step["withdraw_application"].append(entry)
    elif key == ("application", "state"):
        by_step["restore_application"].append(entry)
    elif key in _LISTS:
        by_step["restore_application"] += _half(entry, removed=True)
        by_step["withdraw_application"] += _half(entry, removed=False)
    elif key != (application_undo.PRINCIPAL, "state"):
        by_step["withdraw_application"].append(entry)


def _half(entry: Json, *, removed: bool) -> list[Json]:
    before, after = entry["before"] or [], entry["after"] or []
    gone = [item for item in before if item not in after]
    come = [item for item in after if item not in before]
    if removed:
        return [{**entry, "before": gone, "after": []}] if gone else []
    return [{**entry, "before": [], "after": come}] if come else []


def _state(changes: Iterable[Mapping[str, Any]], *, after: str) -> bool:
    states = [change["after"] for change in changes if (change["target"], change["field"]) == ("application", "state")]
    return after in states


def consent(entries_of: Iterable[Mapping[str, Any]], side: str) -> Json:
    """The options of ``graph_permission_grant`` that name the permissions of one side of the entries."""
    named: Json = {"permissions": [], "delegated_permissions": []}
    for entry in entries_of:
        named[entry["field"]] += list(entry[side] or ())
    return {name: values or None for name, values in named.items()}


def refusals(results: Iterable[Mapping[str, Any]]) -> list[Json]:
    """What the steps did not undo."""
    return [dict(refusal) for result in results for refusal in result.get("refused") or ()]


def sentence(refused: Sequence[Mapping[str, Any]]) -> str:
    """What was left alone, and why, for people; all of it stands in the result."""
    told = []
    for refusal in refused[:_MOST_TOLD]:
        name = f"{refusal['target']}.{refusal['field']}"
        if refusal["reason"] == "it was changed since":
            told.append(f"{name} (the run left {_shown(refusal['expected'])}, now it is {_shown(refusal['found'])})")
        else:
            told.append(f"{name} ({refusal['reason']})")
    if len(refused) > _MOST_TOLD:
        told.append(f"and {len(refused) - _MOST_TOLD} more")
    return "; ".join(told)


def _shown(value: Any) -> str:
    """A value of a setting in a sentence."""
    if value is None or value in ("", []):
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list) else repr(value)
