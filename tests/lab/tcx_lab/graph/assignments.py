# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""appRoleAssignments (application consent) and oauth2PermissionGrants (delegated consent); facts: recorded and observed."""

from __future__ import annotations

from typing import Any, Final

from tcx_lab.evidence import Grade, evidence
from tcx_lab.graph import shapes
from tcx_lab.graph.errors import GraphError, bad_request, invalid_value, method_not_allowed, not_found, required_value
from tcx_lab.graph.odata import parse_filter
from tcx_lab.graph.session import Session
from tcx_lab.graph.store import ASSIGNMENTS, GRANTS, GROUPS, SERVICE_PRINCIPALS, USERS, Entity
from tcx_lab.graph.web import Answer

#: The role of an assignment when the resource publishes none for that kind of principal (documented).
DEFAULT_ROLE: Final = "00000000-0000-0000-0000-000000000000"
_NAMES = {
    "id", "deletedDateTime", "appRoleId", "createdDateTime", "principalDisplayName", "principalId", "principalType",
    "resourceDisplayName", "resourceId",
}  # fmt: skip
_WORDINGS = {
    "permission": ("Request_BadRequest", "Permission being assigned already exists on the object"),
    "entitlement": ("Request_MultipleObjectsWithSameKeyValue", "EntitlementGrant entry already exists."),
}


def handle(session: Session, principal: Entity, relation: str, rest: list[str]) -> Answer:
    """`/servicePrincipals/{id}/appRoleAssignments` (as client) and `/appRoleAssignedTo` (as resource)."""
    method = session.call.method
    name = "principalId" if relation == "appRoleAssignments" else "resourceId"
    context = f"servicePrincipals('{principal['id']}')/{relation}"
    if method == "GET":
        if rest:
            return session.one(f"{context}/$entity", _one(session, name, principal["id"], rest[0]))
        session.units = 2
        assignments = session.directory.related(ASSIGNMENTS, name, principal["id"], session.view)
        return session.many(context, assignments, "appRoleAssignment", _NAMES)
    if method == "POST" and not rest:
        return _create(session, principal, name, context)
    if method == "DELETE" and len(rest) == 1:
        _delete(session, name, principal["id"], rest[0])
        return Answer(204)
    raise method_not_allowed()


def _one(session: Session, name: str, object_id: str, assignment_id: str) -> Entity:
    assignment = session.directory.get(ASSIGNMENTS, assignment_id, session.view)
    if assignment is None or assignment[name] != object_id:
        raise not_found(assignment_id)
    return assignment


def _delete(session: Session, name: str, object_id: str, assignment_id: str) -> None:
    if not shapes.is_assignment_id(assignment_id):
        raise bad_request("Invalid resource identifier for EntitlementGrant")
    assignment = session.directory.real(ASSIGNMENTS).get(assignment_id)
    if assignment is None or assignment[name] != object_id:
        raise bad_request("EntitlementGrant being updated or deleted is not found.")
    session.directory.drop(ASSIGNMENTS, assignment_id)


def _create(session: Session, addressed: Entity, name: str, context: str) -> Answer:
    sent = session.properties()
    for reference in ("principalId", "resourceId", "appRoleId"):
        if not shapes.is_guid(sent.get(reference)):
            raise (
                invalid_value(reference, "AppRoleAssignment")
                if sent.get(reference)
                else required_value(reference, "EntitlementGrant")
            )
    if sent[name] != addressed["id"]:
        raise _not_a_reference()
    assignment = assign(session, sent["principalId"], sent["resourceId"], sent["appRoleId"])
    return session.created(f"{context}/$entity", assignment, "AppRoleAssignment")


def _not_a_reference() -> GraphError:
    return bad_request("Not a valid reference update.")


@evidence(Grade.OBSERVED, "public issue reports; published REST reference")
def assign(session: Session, principal_id: str, resource_id: str, role_id: str) -> Entity:
    """A new assignment. Raises 400 (409 by switch) as the directory does."""
    directory = session.directory
    kind, principal = _principal(session, principal_id)
    resource = directory.get(SERVICE_PRINCIPALS, resource_id, session.view)
    if resource is None:
        raise _not_a_reference()
    member = "Application" if kind == SERVICE_PRINCIPALS else "User"
    role = next((candidate for candidate in resource["appRoles"] if candidate["id"] == role_id), None)
    allowed = role is not None and role.get("isEnabled") and member in role.get("allowedMemberTypes", ())
    if not allowed and role_id != DEFAULT_ROLE:
        raise bad_request("Permission being assigned was not found on application")
    pair = (resource_id, role_id)
    if any(
        (assignment["resourceId"], assignment["appRoleId"]) == pair
        for assignment in directory.related_real(ASSIGNMENTS, "principalId", principal_id)
    ):
        raise _duplicate(session)
    rest = session.world.rng.randbytes(16)
    assignment = {
        "id": shapes.assignment_id(principal_id, rest),
        "deletedDateTime": None,
        "appRoleId": role_id,
        "createdDateTime": shapes.moment(session.now()),
        "principalDisplayName": principal.get("displayName"),
        "principalId": principal_id,
        "principalType": {SERVICE_PRINCIPALS: "ServicePrincipal", USERS: "User", GROUPS: "Group"}[kind],
        "resourceDisplayName": resource["displayName"],
        "resourceId": resource_id,
    }
    return directory.put(ASSIGNMENTS, assignment["id"], assignment)


def _principal(session: Session, principal_id: str) -> tuple[str, Entity]:
    for kind in (SERVICE_PRINCIPALS, USERS, GROUPS):
        entity = session.directory.get(kind, principal_id, session.view)
        if entity is not None:
            return kind, entity
    raise _not_a_reference()


def _duplicate(session: Session) -> GraphError:
    switches = session.world.switches
    code, message = _WORDINGS[switches.duplicate_assignment_wording]
    return GraphError(switches.duplicate_assignment_status, code, message)


# --- delegated grants --------------------------------------------------------------------------------------------------


def grants(session: Session, rest: list[str]) -> Answer:
    """`/oauth2PermissionGrants[/{id}]`."""
    method = session.call.method
    if not rest:
        if method == "POST":
            return _create_grant(session)
        if method == "GET":
            session.units = 2
            names = ("id", "clientId", "consentType", "principalId", "resourceId", "scope")
            return session.many("oauth2PermissionGrants", _grant_candidates(session), "oAuth2PermissionGrant", names)
        raise method_not_allowed()
    return _grant(session, rest[0], method)


def _grant_candidates(session: Session) -> list[Entity]:
    clause = session.option("$filter")
    equality = parse_filter(clause).equality if clause else None
    if equality is not None and equality[0] in ("clientId", "resourceId"):
        return session.directory.related(GRANTS, equality[0], equality[1], session.view)
    return list(session.directory.every(GRANTS, session.view))


def _grant(session: Session, grant_id: str, method: str) -> Answer:
    grant = session.get(GRANTS, grant_id)
    if method == "GET":
        return session.one("oauth2PermissionGrants/$entity", grant)
    if method == "DELETE":
        session.directory.drop(GRANTS, grant_id)
        return Answer(204)
    if method == "PATCH":
        sent = session.properties()
        if not isinstance(sent.get("scope"), str):
            raise required_value("scope", "OAuth2PermissionGrant")
        session.directory.put(GRANTS, grant_id, {**grant, "scope": sent["scope"]})
        return Answer(204)
    raise method_not_allowed()


def of_client(session: Session, principal: Entity) -> Answer:
    """`/servicePrincipals/{id}/oauth2PermissionGrants`."""
    listed = session.directory.related(GRANTS, "clientId", principal["id"], session.view)
    return session.many("oauth2PermissionGrants", listed)


def _create_grant(session: Session) -> Answer:
    grant = grant_delegated(session, session.properties())
    answer = session.created("oauth2PermissionGrants/$entity", grant, "OAuth2PermissionGrant")
    base = f"{session.world.endpoints.graph}/v2/{session.tenant.id}"
    answer.headers["Location"] = f"{base}/oauth2PermissionGrants/{grant['id']}"
    return answer


@evidence(Grade.RECORDED, "azure-cli test recordings")
def grant_delegated(session: Session, sent: dict[str, Any]) -> Entity:
    """A new delegated grant; its id follows from who grants what to whom. Raises 400, 404, 409."""
    for name in ("clientId", "resourceId"):
        if not shapes.is_guid(sent.get(name)):
            raise required_value(name, "OAuth2PermissionGrant")
    kind, user = sent.get("consentType"), sent.get("principalId")
    if kind not in ("AllPrincipals", "Principal") or (kind == "Principal") != bool(user):
        raise invalid_value("consentType", "OAuth2PermissionGrant")
    for name in ("clientId", "resourceId"):
        session.get(SERVICE_PRINCIPALS, sent[name])
    if user:
        session.get(USERS, user)
    grant_id = shapes.guid_bytes(*filter(None, (sent["clientId"], sent["resourceId"], user)))
    if grant_id in session.directory.real(GRANTS):
        raise GraphError(409, "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists.")
    grant = {
        "clientId": sent["clientId"],
        "consentType": kind,
        "id": grant_id,
        "principalId": user,
        "resourceId": sent["resourceId"],
        "scope": sent.get("scope") or "",
    }
    return session.directory.put(GRANTS, grant_id, grant)
