# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Owners of applications and service principals: list, `$ref` add and remove, `$expand`."""

from __future__ import annotations

from tcx_lab.evidence import Grade, evidence
from tcx_lab.graph import objects
from tcx_lab.graph.errors import bad_request, method_not_allowed, not_found
from tcx_lab.graph.session import Session
from tcx_lab.graph.store import APPLICATIONS, GROUPS, SERVICE_PRINCIPALS, USERS, Entity
from tcx_lab.graph.web import Answer

TYPES = {
    USERS: "#microsoft.graph.user",
    GROUPS: "#microsoft.graph.group",
    SERVICE_PRINCIPALS: "#microsoft.graph.servicePrincipal",
    APPLICATIONS: "#microsoft.graph.application",
}


def typed(session: Session, object_id: str) -> Entity | None:
    """Any directory object by id, with its `@odata.type` first."""
    for kind, name in TYPES.items():
        entity = session.directory.get(kind, object_id, session.view)
        if entity is not None:
            return {"@odata.type": name, **entity}
    return None


def existing(session: Session, object_id: str) -> str:
    """The id, when a user or service principal has it. Raises 404."""
    directory = session.directory
    if object_id not in directory.real(USERS) and object_id not in directory.real(SERVICE_PRINCIPALS):
        raise not_found(object_id)
    return object_id


#: How many objects of a relation `$expand` shows, with no link to the others.
MOST_EXPANDED = 20


@evidence(
    Grade.DOCUMENTED, "https://learn.microsoft.com/graph/query-parameters#expand: at most 20, and no @odata.nextLink"
)
def expanded(session: Session, entity: Entity) -> Entity:
    """The object with its first owners inside (`$expand=owners`)."""
    return {**entity, "owners": _list(session, entity["id"])[:MOST_EXPANDED]}


def _list(session: Session, object_id: str) -> list[Entity]:
    entities = (typed(session, owner_id) for owner_id in session.tenant.owners.get(object_id, ()))
    return [entity for entity in entities if entity is not None]


def handle(session: Session, object_id: str, rest: list[str]) -> Answer:
    """`.../{id}/owners[...]`; `rest` is what follows `owners`."""
    method = session.call.method
    if method == "GET" and rest in ([], ["$ref"], ["microsoft.graph.user"], ["microsoft.graph.serviceprincipal"]):
        shown = _list(session, object_id)
        if rest == ["$ref"]:
            shown = [{"@odata.id": f"{session.root}/directoryObjects/{owner['id']}"} for owner in shown]
        elif rest:
            shown = [owner for owner in shown if owner["@odata.type"].lower() == f"#{rest[0]}"]
        return session.many("directoryObjects", shown)
    session.require_application_write(object_id)
    ids = list(session.tenant.owners.get(object_id, ()))
    if method == "POST" and rest == ["$ref"]:
        owner = existing(session, objects.reference_id(session.body().get("@odata.id")))
        if owner in ids:
            raise bad_request(
                "One or more added object references already exist for the following modified properties: 'owners'."
            )
        session.tenant.owners[object_id] = [*ids, owner]
        return Answer(204)
    if method == "DELETE" and len(rest) == 2 and rest[1] == "$ref":
        if rest[0] not in ids:
            raise not_found(rest[0])
        session.tenant.owners[object_id] = [owner_id for owner_id in ids if owner_id != rest[0]]
        return Answer(204)
    raise method_not_allowed()


def owned(session: Session, principal_id: str) -> Answer:
    """`/servicePrincipals/{id}/ownedObjects`."""
    ids = [object_id for object_id, owner_ids in session.tenant.owners.items() if principal_id in owner_ids]
    entities = (typed(session, object_id) for object_id in ids)
    return session.many("directoryObjects", [entity for entity in entities if entity is not None])
