# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an earlier run of a PBX was about to do when it was killed, from its snapshot, so that the next one goes on from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common import dates
from ansible_collections.tcx.m365.plugins.module_utils._common.ids import is_guid
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.certificates import pem_of
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import Variables, read_variables
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.snapshots import Snapshots, directory_of
from ansible_collections.tcx.m365.plugins.plugin_utils._steps import rollback
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import Work

Json = dict[str, Any]

KEY_UNKNOWN = "AADSTS700027"
"""Entra's word for a PBX that signs in with a certificate that the application does not have (documented)."""


def last(host: str, variables: Variables) -> Json:
    """The snapshot of the last run that changed something of a host, if it can be believed and is one of this PBX."""
    for _run, content in Snapshots(directory_of(variables)).of_host(host):
        try:
            rollback.checked(content, host, variables)
        except BadInput:
            return {}
        return content
    return {}


def interrupted_removal(work: Work, app_id: str) -> list[Json]:
    """Certificates that a run was about to remove when it was killed, as ``removed_certificates`` names them.

    Of a run that went on afterwards there is nothing: it has verified the sign-in, or put them back itself.
    """
    content = last(work.host, read_variables(work.variables))
    if str((content.get("application") or {}).get("app_id") or "") != app_id.lower():
        return []
    certificates = [
        _certificate(thumbprint, (change.get("details") or {}).get(thumbprint))
        for change in content.get("pending") or ()
        if (change["target"], change["field"]) == ("application", "certificates")
        for thumbprint in change["before"] or ()
        if thumbprint not in (change["after"] or ())
    ]
    return [
        certificate
        for certificate in certificates
        if certificate["not_after"] is None or dates.parse(certificate["not_after"]) is not None
    ]


def _certificate(thumbprint: str, rows: Any) -> Json:
    """A certificate by the rows of Graph that a snapshot has of it."""
    row = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], Mapping) else {}
    return {"thumbprint": thumbprint, "not_after": row.get("endDateTime"), "certificate": pem_of(row)}


def removed_application(work: Work) -> str | None:
    """The application that this PBX had when it was offboarded from here; nothing where it was linked since, or is to get a new one."""
    points_to = (work.result("pbx").get("status") or {}).get("application_id")
    if points_to or work.variables.get("entra_app_mode") not in (None, "", "auto"):
        return None
    variables = read_variables(work.variables)
    deleted: set[str] = set()
    for _run, content in Snapshots(directory_of(variables)).of_host(work.host):
        try:
            rollback.checked(content, work.host, variables)
        except BadInput:
            return None
        changes = [*content["changes"], *content["pending"]]
        deleted |= {_object(change) for change in changes if _is_deletion(change)}
        linked = [change for change in changes if (change["target"], change["field"]) == ("settings", "application_id")]
        if linked:
            # The PBX may have named any application; what was deleted from here was found to be its own.
            named = str(linked[-1]["before"] or "").lower()
            return named if not linked[-1]["after"] and named in deleted else None
    return None


def _is_deletion(change: Mapping[str, Any]) -> bool:
    return (change["target"], change["field"], change["after"]) == ("application", "state", "absent")


def _object(change: Mapping[str, Any]) -> str:
    return str(change.get("object") or "").lower()


def unlinked_application(work: Work) -> str:
    """The application that the last run took away from a PBX that points to none; empty where it took none away."""
    content = last(work.host, read_variables(work.variables))
    for change in [*(content.get("changes") or ()), *(content.get("pending") or ())]:
        if (change["target"], change["field"]) == ("settings", "application_id") and not change["after"]:
            named = str(change["before"] or "")
            return named if is_guid(named) else ""
    return ""
