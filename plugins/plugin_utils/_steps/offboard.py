# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps that take the Microsoft 365 integration off a PBX: what they ask, and what their results say.

A PBX that is gone, or that refuses, cannot be unlinked. What it has in Entra is removed all the same where its host is named
in ``offboard_without_pbx``, by the same evidence as always: the result says what stays on the PBX.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._capabilities import tcx_m365_settings_info
from ansible_collections.tcx.m365.plugins.module_utils._common.ids import is_guid
from ansible_collections.tcx.m365.plugins.module_utils._common.tree import dig
from ansible_collections.tcx.m365.plugins.module_utils._entra.rights import MissingRight
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._task import failure
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import read_variables
from ansible_collections.tcx.m365.plugins.plugin_utils._steps import moves
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.resume import unlinked_application
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import Result, Work

_UNCONFIRMED = "Removing the Microsoft 365 integration was not confirmed"
_CONFIRM_REMEDY = (
    "This switches Microsoft 365 off on every PBX of the play, and deletes their applications. "
    "If that is what you want, say so with -e offboard_confirm=true."
)

_WITHOUT = "offboard_without_pbx"
_NOT_AN_ANSWER = frozenset(
    (
        "unreachable",
        "untrusted",
        "interrupted",
        "service_fault",
        "deadline",
        "bad_credential",
        "blocked",
        "forbidden",
        "bad_answer",
        "not_found",
        "unsupported",
    )
)
"""What a PBX says that does not let itself be read. A mistake in the inventory, or a moment's load, is none of these."""
_REFUSAL = frozenset(("forbidden", "bad_credential", "blocked", "rejected", "unsupported", "unlicensed", "unhealthy"))
"""What a PBX says that does not let itself be unlinked. A connection that broke does not tell what became of the write."""

_NO_END = "deadline"
"""A PBX that takes the request and never answers: whether it was carried out, the PBX itself is asked."""

_NO_HOSTS = frozenset(("true", "yes", "on", "all", "*", "tcx"))
"""Who leaves out a PBX names it: one word for a whole fleet would take the sign-in from every PBX that is down at that moment."""

_NOTHING_REMOVED = (
    "No application of this PBX was found; tcx.m365.orphans lists the ones that no PBX of the inventory uses."
)
_ADOPTED = (
    "One that the wizard of 3CX has made, and no rollout has adopted, is known by the PBX alone, which could not be asked: "
    "name it in entra_app_app_id."
)


def confirmed(work: Work, _result: Result) -> Result:
    """A failure where nobody has confirmed it."""
    named = _without_pbx(work)
    if any(name.lower() in _NO_HOSTS for name in named):
        raise BadInput(
            f"{_WITHOUT} is {', '.join(named)}, and it names hosts",
            tried="find out which PBXs are offboarded without being unlinked",
            remedy=f"Name each host whose PBX cannot be unlinked, for example {_WITHOUT}={work.host}.",
        )
    read_variables(work.variables).check()
    if work.is_set("offboard_confirm"):
        return {"changed": False, "confirmed": True}
    return failure(BadInput(_UNCONFIRMED, remedy=_CONFIRM_REMEDY))


def linked(work: Work) -> dict[str, Any]:
    """To read what the PBX has of Microsoft 365, and the application that it points to."""
    arguments = arguments_of.pbx_connection(work.variables)
    arguments["gather"] = ["mail", "teams"]
    return arguments


def asked(work: Work, result: Result) -> Result:
    """The result of reading the PBX; where it cannot be read and may be left out, what stays on it.

    :param result: of a PBX that answers it is judged as in every other operation.
    """
    if not result.get("failed") or "confirmed" not in work.results:
        return moves.stays(work, result)
    error = dict(result.get("error") or {})
    if error.get("kind") not in _NOT_AN_ANSWER:
        return result
    if not _is_left_out(work):
        advice = f"If this PBX is gone, {_WITHOUT}={work.host} removes what it has in Entra alone."
        remedy = f"{error.get('remedy') or ''} {advice}".strip()
        return {**result, "error": {**error, "remedy": remedy}, "msg": f"{result.get('msg') or ''} {advice}".strip()}
    return _left(f"{work.host} cannot be unlinked, because it could not be asked", error)


def is_asked(work: Work) -> bool:
    """Whether the PBX has answered, so that it is unlinked."""
    return not work.result("linked").get("not_unlinked")


def refused(work: Work, result: Result) -> Result:
    """The result of unlinking the PBX; where it refuses and may be left out, what stays on it."""
    error = dict(result.get("error") or {})
    if not (result.get("failed") and _is_left_out(work)):
        return moves.unlinked(work, result)
    if error.get("kind") == _NO_END:
        return _without_an_end(work, result, error)
    if error.get("kind") in _REFUSAL:
        left = _left(f"{work.host} cannot be unlinked, because it refuses", error)
        return {**left, **_changed(result)}
    return result


def _without_an_end(work: Work, result: Result, error: Mapping[str, Any]) -> Result:
    """The result of unlinking a PBX that did not answer in time, by what the PBX has now."""
    seen = work.run_task(tcx_m365_settings_info.CAPABILITY, linked(work))
    if seen.get("failed"):
        return {
            **_left(f"{work.host} did not answer in time when it was unlinked", error, known=False),
            **_changed(result),
        }
    if str((seen.get("status") or {}).get("application_id") or ""):
        return {**_left(f"{work.host} cannot be unlinked, because it does not answer in time", error), "changes": []}
    gone = {"target": "settings", "field": "application_id", "before": linked_id(work), "after": ""}
    return {"changed": True, "changes": result.get("changes") or [gone]}


def _changed(result: Result) -> dict[str, Any]:
    return {name: result[name] for name in ("changed", "changes", "diff") if name in result}


def _left(what: str, error: Mapping[str, Any], *, known: bool = True) -> Result:
    """What stands for the answer of a PBX that is left out.

    :param known: whether it is certain that the PBX is still linked.
    """
    reason = str(error.get("said") or error.get("kind")).rstrip(" .")
    stays = ["link to its application", "key pair", "synchronized users"]
    maybe = "" if known else " (or not: nobody could see)"
    note = (
        f"{what} ({reason}). On the PBX stay the {stays[0]}{maybe}, the {stays[1]}, and the {stays[2]}. "
        "If it comes back, offboard it again."
    )
    told = {"reason": reason, "kind": str(error.get("kind") or ""), "stays": stays}
    return {"changed": False, "not_unlinked": told, "notes": [note]}


def _is_left_out(work: Work) -> bool:
    return work.host in _without_pbx(work)


def _without_pbx(work: Work) -> list[str]:
    """The hosts that may be offboarded without their PBX."""
    return [str(name).strip() for name in work.variables.get("offboard_without_pbx") or () if str(name).strip()]


def linked_id(work: Work) -> str:
    """The application that the PBX pointed to before this run removed the link; nothing where no application can have that ID."""
    named = str((work.result("linked").get("status") or {}).get("application_id") or "")
    return named if is_guid(named) else ""


def unlink(work: Work) -> dict[str, Any]:
    """To switch Microsoft 365 off on the PBX."""
    arguments = arguments_of.pbx_connection(work.variables)
    arguments["state"] = "absent"
    # Between the look at the PBX and now somebody may have linked it to an application that nobody here has judged.
    arguments["linked_application_id"] = dig(work.result("linked"), "settings.application_id")
    return arguments


def delete(work: Work) -> dict[str, Any]:
    """To remove the application, or this PBX's part of one that it shares."""
    variables = work.variables
    arguments = arguments_of.entra_connection(variables)
    arguments.update(
        app_id=variables.get("entra_app_app_id") or linked_id(work) or unlinked_application(work) or None,
        unique_name=variables.get("entra_app_unique_name"),
        prefer="app_id",
        state="absent",
        purge=variables.get("offboard_purge"),
        force=variables.get("entra_app_force"),
        shared_certificates=list(work.neighbors),
        **arguments_of.removal_identity(variables),
    )
    arguments.names["app_id"] = "entra_app_app_id"
    if not arguments["app_id"]:
        arguments.update(adopt=["redirect_uri"], redirect_uris=arguments_of.redirect_uris_of(variables))
    return arguments


def deletable(work: Work, result: Result) -> Result:
    """A right that is missing is told while the PBX is still linked."""
    missing = result.get("missing_rights")
    if not missing:
        return result
    return failure(MissingRight.of(list(missing), "delete the application", linked_id(work)))


def gone(work: Work, result: Result) -> Result:
    """With what goes, or has gone, in a sentence."""
    if result.get("failed"):
        return result
    if not result.get("app_id"):
        return _with_note(result, _NOTHING_REMOVED if is_asked(work) else f"{_NOTHING_REMOVED} {_ADOPTED}")
    goes = result.get("goes") or {}
    return _with_note(result, _what_goes(work, goes)) if goes else result


def _with_note(result: Result, note: str) -> Result:
    return {**result, "notes": [*(result.get("notes") or ()), note]}


def _what_goes(work: Work, goes: Mapping[str, Any]) -> str:
    parts = [
        f"{title} {', '.join(str(item) for item in goes[name])}"
        for name, title in (
            ("certificates", "certificates"),
            ("redirect_uris", "redirect URIs"),
            ("permissions", "consent to"),
        )
        if goes.get(name)
    ]
    what = f"The application {goes['application']}" if goes.get("application") else "This PBX's part of the application"
    ended = "will be removed" if work.check_mode else "was removed"
    restorable = goes.get("application") and not work.is_set("offboard_purge")
    back = " For 30 days it can be restored: by a rollout, or by tcx.m365.rollback." if restorable else ""
    return f"{what} {ended}{', with ' + '; '.join(parts) if parts else ''}.{back}"
