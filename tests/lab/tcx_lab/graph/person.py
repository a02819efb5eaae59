# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A person who is signed in: the scopes of the token allow a call, and the person's Microsoft Entra roles must allow it too."""

from __future__ import annotations

from typing import Final

from tcx_lab.evidence import Grade, evidence
from tcx_lab.gdap import held_roles
from tcx_lab.graph.errors import forbidden
from tcx_lab.graph.rights import APPLICATION_ADMINISTRATORS
from tcx_lab.graph.session import Session
from tcx_lab.graph.store import SERVICE_PRINCIPALS
from tcx_lab.world import GRAPH_APP_ID

#: Role -> its template, which the claim `wids` of a token names (documented: permissions-reference).
ROLES: Final = {
    "Global Administrator": "62e90394-69f5-4237-9190-012177145e10",
    "Privileged Role Administrator": "e8611ab8-c189-46e8-94e1-60213ab1f814",
    "Application Administrator": "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
    "Cloud Application Administrator": "158c047a-c907-4556-b7ef-446551a6b5f7",
    "Application Developer": "cf1c38e5-3621-4004-a7cb-879624dced7c",
}
#: What everybody has who has no role (documented).
NO_ROLE: Final = "b79fbf4d-3ef9-4689-8143-76b194e85509"

_REGISTER = APPLICATION_ADMINISTRATORS | {"Application Developer"}
_CONSENT_TO_GRAPH = frozenset({"Global Administrator", "Privileged Role Administrator"})
_CONSENT = APPLICATION_ADMINISTRATORS | _CONSENT_TO_GRAPH

#: The scopes of a token that the Azure CLI gets for Graph (observed: three public notes, one of 2026-05-02).
AZURE_CLI: Final = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
AZURE_CLI_SCOPES: Final = (
    "Application.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "AuditLog.Read.All",
    "DelegatedPermissionGrant.ReadWrite.All",
    "Directory.AccessAsUser.All",
    "Group.ReadWrite.All",
    "User.Read.All",
    "User.ReadWrite.All",
    "email",
    "openid",
    "profile",
)


def _held(session: Session) -> frozenset[str]:
    return held_roles(session.world, session.tenant, session.caller_id)


@evidence(
    Grade.DOCUMENTED,
    "https://learn.microsoft.com/entra/identity/role-based-access-control/delegate-app-roles and "
    "https://learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent",
)
def check(session: Session, parts: list[str]) -> None:
    """Whether a person's roles allow a write. Raises 403."""
    first = parts[0].partition("(")[0].lower()
    held = _held(session)
    if "approleassign" in parts[-1].lower() or (len(parts) > 2 and "approleassign" in parts[-2].lower()):
        allowed = _CONSENT_TO_GRAPH if _of_graph(session) else _CONSENT
        if not held & allowed:
            raise forbidden()
    elif first == "oauth2permissiongrants" and not held & _CONSENT:
        raise forbidden()
    elif first in ("applications", "serviceprincipals") and _creates(session, parts):
        may_register = session.world.switches.users_may_register_applications or held & _REGISTER
        if not may_register:
            raise forbidden()


def becomes_owner(session: Session) -> bool:
    """Whether the creator owns what is made: administrators of applications are not added (documented)."""
    return session.is_person and not session.administers_applications


def _creates(session: Session, parts: list[str]) -> bool:
    if session.call.method == "POST":
        return len(parts) == 1
    return session.call.method == "PATCH" and "create-if-missing" in session.call.headers.get("prefer", "").lower()


def _of_graph(session: Session) -> bool:
    """Whether the assignment is one of Microsoft Graph; what cannot be told is judged as if it were."""
    graph = session.directory.find_real(SERVICE_PRINCIPALS, "appId", GRAPH_APP_ID)
    if session.call.method != "POST":
        return True
    return graph is None or session.properties().get("resourceId") == graph["id"]
