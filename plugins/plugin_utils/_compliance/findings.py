# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a difference means for the people who use the PBX, in a sentence for the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CONSEQUENCES = {
    ("application", "redirect_uris"): "The application lacks the redirect URI of the PBX, so that nobody can sign in.",
    ("application", "certificates"): "The application does not have the certificates that the PBX needs.",
    ("application", "permissions"): "The application does not declare the desired permissions.",
    ("application", "unique_name"): "The application does not carry its key yet.",
    ("application", "tags"): "The application does not carry the mark of this collection yet.",
    ("app_role_assignments", "permissions"): "The granted permissions of the application differ from the desired ones.",
    (
        "oauth2_permission_grants",
        "delegated_permissions",
    ): "The granted delegated permissions differ from the desired ones.",
    ("application", "sign_in_audience"): "The supported account types of the application differ from the desired ones.",
    ("application", "display_name"): "The name of the application differs from the desired one.",
    ("settings", "application_id"): "The PBX is linked to another application than the desired one.",
    ("settings", "tenant_id"): "The PBX is linked to another tenant than the desired one.",
    ("settings", "user_sync.scope"): "The selection of synchronized users differs from the desired one.",
    ("settings", "user_sync.users"): "The selection of synchronized users differs from the desired one.",
    ("settings", "user_sync.groups"): "The selection of synchronized users differs from the desired one.",
}
_UNLINKED = {
    ("settings", "application_id"): "The PBX is linked to no application, so that Microsoft 365 does not work.",
    ("settings", "tenant_id"): "The PBX is linked to no tenant, so that Microsoft 365 does not work.",
}
_SURPLUS = {
    ("application", "redirect_uris"): "The application has redirect URIs that a rollout removes.",
    ("application", "certificates"): "The application has certificates that a rollout removes.",
    ("application", "permissions"): "The application declares permissions that a rollout removes.",
    ("app_role_assignments", "permissions"): "The application is granted permissions that a rollout revokes.",
    ("oauth2_permission_grants", "delegated_permissions"): "Delegated permissions are granted that a rollout revokes.",
}
"""Where everything that is desired is there, and something besides is not to stay."""
_SWITCHES = {
    ("application", "id_tokens"): "The issue of ID tokens, which signing in needs,",
    ("service_principal", "enabled"): "The application's service principal, which signing in needs,",
    ("settings", "sign_in.enabled"): "Signing in with Microsoft",
    ("settings", "user_sync.enabled"): "The synchronization of users",
    ("settings", "user_sync.photo"): "The synchronization of photos",
    ("settings", "contact_sync.enabled"): "The synchronization of contacts",
    ("settings", "calendar_sync.enabled"): "The synchronization of calendars",
    ("settings", "presence.enabled"): "The synchronization of presence",
    ("settings", "teams.enabled"): "Teams Direct Routing",
}
_ABSENT = {
    "application": "The PBX has no application in Microsoft Entra.",
    "service_principal": "The application has no service principal in the tenant, so that nobody can sign in.",
}
_DELETED = {
    "application": "The application was deleted in Microsoft Entra, so that nobody can sign in. The rollout restores it.",
    "service_principal": "The service principal of the application was deleted, so that nobody can sign in. The rollout "
    "restores it.",
}


def sentence(change: Mapping[str, Any]) -> str:
    """One change of a plan as a finding."""
    target, field = str(change["target"]), str(change["field"])
    if field == "state" and change["after"] == "present":
        if change["before"] == "deleted":
            return _DELETED.get(target, f"The {target.replace('_', ' ')} was deleted.")
        return _ABSENT.get(target, f"The {target.replace('_', ' ')} does not exist.")
    switch = _SWITCHES.get((target, field))
    if switch:
        return f"{switch} is switched {'off' if change['after'] else 'on'}, which differs from the desired value."
    known = _CONSEQUENCES.get((target, field))
    if not change["before"]:
        known = _UNLINKED.get((target, field), known)
    elif _only_removes(change["before"], change["after"]):
        known = _SURPLUS.get((target, field), known)
    return known or f"{field} of the {target.replace('_', ' ')} differs from the desired value."


def _only_removes(before: Any, after: Any) -> bool:
    # An entry of a certificate may expire before the certificate does; then another one of the same is added.
    return (
        isinstance(before, list)
        and isinstance(after, list)
        and len(after) < len(before)
        and all(item in before for item in after)
    )


def sentences(changes: list[dict[str, Any]]) -> list[str]:
    """The findings of a host, each once. An application that does not exist needs no further words."""
    if any(change["target"] == "application" and change["field"] == "state" for change in changes):
        changes = [change for change in changes if change["target"] == "settings" or change["field"] == "state"]
        changes = [change for change in changes if change["target"] != "service_principal"]
    return list(dict.fromkeys(sentence(change) for change in changes))
