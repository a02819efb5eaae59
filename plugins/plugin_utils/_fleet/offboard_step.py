# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""The steps that take the Microsoft 365 integration off a PBX: what they ask, and what their results say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._entra.rights import MissingRight
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._task import failure
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.resume_step import unlinked_application
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.work import Result, Work

_UNCONFIRMED = "Removing the Microsoft 365 integration was not confirmed"
_CONFIRM_REMEDY = (
    "This switches Microsoft 365 off on every PBX of the play, and deletes their applications. "
    "If that is what you want, say so with -e offboard_confirm=true."
)

_NOTHING_REMOVED = (
    "No application of this PBX was found; tcx.m365.orphans lists the ones that no PBX of the inventory uses."
)


def confirmed(work: Work, _result: Result) -> Result:
    """A failure where nobody has confirmed it."""
    if work.is_set("offboard_confirm"):
        return {"changed": False, "confirmed": True}
    return failure(BadInput(_UNCONFIRMED, remedy=_CONFIRM_REMEDY))


def linked(work: Work) -> dict[str, Any]:
    """To read what the PBX has of Microsoft 365, and the application that it points to."""
    arguments = arguments_of.pbx_connection(work.variables)
    arguments["gather"] = ["mail", "teams"]
    return arguments


def linked_id(work: Work) -> str:
    """The application that the PBX pointed to before this run removed the link."""
    return str((work.result("linked").get("status") or {}).get("application_id") or "")


def unlink(work: Work) -> dict[str, Any]:
    """To switch Microsoft 365 off on the PBX."""
    arguments = arguments_of.pbx_connection(work.variables)
    arguments["state"] = "absent"
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
    return arguments


def deletable(work: Work, result: Result) -> Result:
    """A right that is missing is told while the PBX is still linked."""
    missing = result.get("missing_rights")
    if work.check_mode or not missing:
        return result
    return failure(MissingRight.of(list(missing), "delete the application", linked_id(work)))


def gone(work: Work, result: Result) -> Result:
    """With what goes, or has gone, in a sentence."""
    if result.get("failed"):
        return result
    if not result.get("app_id"):
        return _with_note(result, _NOTHING_REMOVED)
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
