# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`/tenantRelationships/delegatedAdminRelationships`: a partner reads its relationships with customers; `/me` of a person."""

from __future__ import annotations

from datetime import UTC, datetime

from tcx_lab import gdap
from tcx_lab.evidence import Grade, evidence
from tcx_lab.gdap import Assignment, Relationship
from tcx_lab.graph import person, shapes
from tcx_lab.graph.errors import bad_request, method_not_allowed, not_found, segment_not_found
from tcx_lab.graph.session import Session
from tcx_lab.graph.store import Entity
from tcx_lab.graph.web import Answer


@evidence(Grade.DOCUMENTED, "https://learn.microsoft.com/graph/api/tenantrelationship-list-delegatedadminrelationships")
def relationships(session: Session, rest: list[str]) -> Answer:
    """`GET /tenantRelationships/delegatedAdminRelationships[/{id}[/accessAssignments]]`; other tenants see none."""
    if not rest or rest[0].lower() != "delegatedadminrelationships":
        raise segment_not_found((rest or ["tenantRelationships"])[0])
    if session.call.method != "GET":
        raise method_not_allowed()
    partner = session.world.partner
    listed = partner.relationships if partner is not None and partner.home == session.tenant.id else []
    context = "tenantRelationships/delegatedAdminRelationships"
    if len(rest) == 1:
        return session.many(context, [_shown(session, relationship) for relationship in listed])
    relationship = next((candidate for candidate in listed if candidate.id == rest[1]), None)
    if relationship is None:
        raise not_found(rest[1])
    if len(rest) == 2:
        return session.one(f"{context}/$entity", _shown(session, relationship))
    if rest[2].lower() != "accessassignments" or len(rest) > 3:
        raise segment_not_found(rest[2])
    return session.many(
        f"{context}('{relationship.id}')/accessAssignments",
        [_assigned(assignment) for assignment in relationship.assignments],
    )


def _roles(names: tuple[str, ...]) -> dict[str, list[dict[str, str]]]:
    return {"unifiedRoles": [{"roleDefinitionId": person.ROLES[name]} for name in names]}


def _shown(session: Session, relationship: Relationship) -> Entity:
    tenant = session.world.tenants[relationship.customer]
    return {
        "id": relationship.id,
        "displayName": relationship.name,
        "duration": "P730D",
        "customer": {"tenantId": tenant.id, "displayName": tenant.display_name},
        "accessDetails": _roles(relationship.roles),
        "status": relationship.status,
        "activatedDateTime": shapes.moment(datetime.fromtimestamp(relationship.starts, UTC)),
        "endDateTime": shapes.moment(datetime.fromtimestamp(relationship.ends, UTC)),
    }


def _assigned(assignment: Assignment) -> Entity:
    container = {"accessContainerId": assignment.group, "accessContainerType": "securityGroup"}
    return {
        "id": assignment.id,
        "status": assignment.status,
        "accessContainer": container,
        "accessDetails": _roles(assignment.roles),
    }


@evidence(Grade.DOCUMENTED, "https://learn.microsoft.com/graph/api/user-list-transitivememberof")
def me(session: Session, rest: list[str]) -> Answer:
    """`GET /me/transitiveMemberOf/microsoft.graph.group`, for a person alone."""
    if not session.is_person:
        raise bad_request("/me request is only valid with delegated authentication flow.", "BadRequest")
    if session.call.method != "GET" or not rest or rest[0].lower() != "transitivememberof":
        raise segment_not_found((rest or ["me"])[0])
    held = gdap.groups_of(session.tenant, session.caller_id)
    return session.many(
        "groups", [session.tenant.groups[group_id] for group_id in sorted(held) if group_id in session.tenant.groups]
    )
