# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""/directory/deletedItems: list, restore, purge (facts: recorded purge, documented restore)."""

from __future__ import annotations

from tcx_lab.graph import objects, rights
from tcx_lab.graph.errors import forbidden, method_not_allowed, not_found, service_principal_exists, value_taken
from tcx_lab.graph.session import Session
from tcx_lab.graph.store import APPLICATIONS, DELETED, SERVICE_PRINCIPALS, Entity
from tcx_lab.graph.web import Answer

_KINDS = {
    "microsoft.graph.application": False,
    "microsoft.graph.serviceprincipal": True,
}


def handle(session: Session, rest: list[str]) -> Answer:
    """`/directory/deletedItems[...]`; `rest` is what follows `deletedItems`."""
    method = session.call.method
    kind = rest[0].lower() if rest else ""
    if method == "GET" and len(rest) == 1 and kind in _KINDS:
        return _list(session, principals=_KINDS[kind])
    if len(rest) == 1 and kind not in _KINDS:
        return _one(session, rest[0])
    if len(rest) == 2 and method == "GET" and kind in _KINDS:
        return _one(session, rest[1])
    if method == "POST" and len(rest) == 2 and rest[1].lower() == "restore":
        return _restore(session, rest[0])
    raise method_not_allowed()


def _is_principal(entity: Entity) -> bool:
    return bool(entity.get("@odata.type") == "#microsoft.graph.servicePrincipal")


def _list(session: Session, *, principals: bool) -> Answer:
    listed = (
        entity for entity in session.directory.every(DELETED, session.view) if _is_principal(entity) == principals
    )
    name = "servicePrincipals" if principals else "applications"
    return session.many(name, [{k: v for k, v in entity.items() if k != "@odata.type"} for entity in listed])


def _one(session: Session, object_id: str) -> Answer:
    method = session.call.method
    entity = session.directory.real(DELETED).get(object_id) or session.get(DELETED, object_id)
    if method == "GET":
        name = "#microsoft.graph.servicePrincipal" if _is_principal(entity) else "#microsoft.graph.application"
        return session.one("directoryObjects/$entity", {"@odata.type": name, **entity})
    if method == "DELETE":
        session.require_application_write(object_id)
        purge(session, object_id)
        return Answer(204)
    raise method_not_allowed()


def purge(session: Session, object_id: str) -> None:
    """Delete for good; nothing of it stays."""
    session.directory.drop(DELETED, object_id)
    tenant = session.tenant
    for kept in (tenant.secrets, tenant.key_bytes, tenant.owners, tenant.federated_credentials):
        kept.pop(object_id, None)
    tenant.policy_assignments.pop(object_id, None)
    tenant.grants_of_deleted.pop(object_id, None)


def _restore(session: Session, object_id: str) -> Answer:
    session.require_application_write(object_id)
    switches = session.world.switches
    held = session.tenant.directory_roles.get(session.caller_id, ())
    if switches.restore_needs_directory_role and not rights.RESTORE_ROLES.intersection(held):
        raise forbidden()
    entity = session.directory.real(DELETED).get(object_id)
    if entity is None:
        raise not_found(object_id)
    if _is_principal(entity):
        restored = _restore_principal(session, entity)
        return session.action("directoryObjects/$entity", {"@odata.type": entity["@odata.type"], **restored})
    restored = {**entity, "deletedDateTime": None}
    if session.directory.find_real(APPLICATIONS, "uniqueName", entity["uniqueName"] or "") is not None:
        raise value_taken("uniqueName")
    session.directory.drop(DELETED, object_id)
    session.directory.put(APPLICATIONS, object_id, restored)
    if switches.restore_restores_service_principal:
        for deleted in list(session.directory.real(DELETED).values()):
            if _is_principal(deleted) and deleted["appId"] == entity["appId"]:
                _restore_principal(session, deleted)
    return session.action("directoryObjects/$entity", {"@odata.type": "#microsoft.graph.application", **restored})


def _restore_principal(session: Session, entity: Entity) -> Entity:
    if session.directory.find_real(SERVICE_PRINCIPALS, "appId", entity["appId"]) is not None:
        raise service_principal_exists(entity["appId"])
    restored = {name: value for name, value in entity.items() if name != "@odata.type"} | {"deletedDateTime": None}
    session.directory.drop(DELETED, entity["id"])
    principal = session.directory.put(SERVICE_PRINCIPALS, entity["id"], restored)
    objects.give_back_grants(session, entity["id"])
    return principal
