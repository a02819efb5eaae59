# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""/servicePrincipals: create, find, change, delete, upsert by appId (facts: recorded, observed)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tcx_lab.evidence import Grade, evidence
from tcx_lab.graph import objects, owners, person, shapes
from tcx_lab.graph.credentials import Target, replace_keys, with_key_values
from tcx_lab.graph.errors import (
    GraphError,
    backing_application_not_local,
    forbidden,
    invalid_value,
    locked_property,
    no_backing_application,
    not_found,
    required_value,
    service_principal_exists,
)
from tcx_lab.graph.odata import parse_filter
from tcx_lab.graph.session import Session
from tcx_lab.graph.store import APPLICATIONS, SERVICE_PRINCIPALS, Entity
from tcx_lab.graph.web import Answer
from tcx_lab.world import World

_TEMPLATE = shapes.service_principal("", None)
_EXTRA = frozenset({"customSecurityAttributes", "samlMetadataUrl", "delegatedPermissionClassifications"})
KNOWN = frozenset(_TEMPLATE) | _EXTRA
_READ_ONLY = frozenset(
    {"id", "appId", "appDisplayName", "appDescription", "appOwnerOrganizationId", "applicationTemplateId"}
    | {"createdDateTime", "deletedDateTime", "disabledByMicrosoftStatus", "signInAudience", "verifiedPublisher"}
    | {"resourceSpecificApplicationPermissions", "servicePrincipalType", "createdByAppId", "passwordCredentials"}
)
_BOOLEANS = frozenset({"accountEnabled", "appRoleAssignmentRequired"})


def find(session: Session, key: objects.Key) -> Entity:
    """The service principal that a path names, as the caller sees it. Raises 404."""
    objects.check_key(key)
    if key.name == "id":
        return session.get(SERVICE_PRINCIPALS, key.value)
    entity = session.directory.find(SERVICE_PRINCIPALS, key.name, key.value, session.view)
    if entity is None:
        raise not_found(key.value)
    return entity


def shown(session: Session, entity: Entity) -> Entity:
    """A service principal with the tags of its application (documented for the application's `tags`)."""
    if not session.world.switches.application_tags_reach_service_principal:
        return entity
    app = session.directory.find_real(APPLICATIONS, "appId", entity["appId"])
    if app is None or not app["tags"]:
        return entity
    return {**entity, "tags": list(dict.fromkeys([*entity["tags"], *app["tags"]]))}


def collection(session: Session) -> Answer:
    """`/servicePrincipals`."""
    if session.call.method == "POST":
        return create(session, session.properties())
    entities: Iterable[Entity] = (shown(session, principal) for principal in _candidates(session))
    if "owners" in session.option("$expand"):
        entities = [owners.expanded(session, principal) for principal in entities]
    return session.many("servicePrincipals", entities, "servicePrincipal", KNOWN)


def _candidates(session: Session) -> Iterable[Entity]:
    clause = session.option("$filter")
    equality = parse_filter(clause).equality if clause else None
    if equality is not None and equality[0] == "appId":
        principal = session.directory.find(SERVICE_PRINCIPALS, "appId", equality[1], session.view)
        return [principal] if principal is not None else []
    return session.directory.every(SERVICE_PRINCIPALS, session.view)


def item(session: Session, key: objects.Key) -> Answer:
    """`/servicePrincipals/{id}` and the alternate key."""
    method = session.call.method
    if method == "PATCH":
        return _patch_or_upsert(session, key)
    if method == "DELETE":
        entity = find(session, key)
        session.require_application_write(entity["id"])
        objects.delete_service_principal(session, entity, shapes.moment(session.now()))
        return Answer(204)
    entity = shown(session, find(session, key))
    if "owners" in session.option("$expand"):
        session.units += 1
        entity = owners.expanded(session, entity)
    if "keyCredentials" in (session.selected or ()):
        stored = session.tenant.key_bytes.get(entity["id"], {})
        entity = {**entity, "keyCredentials": with_key_values(entity["keyCredentials"], stored)}
    return session.one("servicePrincipals/$entity", entity, "servicePrincipal", KNOWN)


def _patch_or_upsert(session: Session, key: objects.Key) -> Answer:
    sent = session.properties()
    try:
        entity = find(session, key)
    except GraphError as error:
        upserts = "create-if-missing" in session.call.headers.get("prefer", "").lower()
        if error.status == 404 and key.name == "appId" and upserts:
            return create(session, {**sent, "appId": key.value})
        raise
    session.require_application_write(entity["id"])
    update(session, entity["id"], sent)
    return Answer(204)


@evidence(Grade.RECORDED, "azure-cli test recordings; public issue reports for the errors")
def create(session: Session, sent: dict[str, Any]) -> Answer:
    """A new service principal for an application of this tenant, or of another one. Raises 400, 403, 409."""
    app_id = sent.pop("appId", None)
    if not isinstance(app_id, str) or not app_id:
        raise required_value("appId", "ServicePrincipal")
    app, owner_tenant = backing_application(session, app_id)
    if session.directory.find_real(SERVICE_PRINCIPALS, "appId", app_id) is not None:
        raise service_principal_exists(app_id)
    if session.owned_by_only and session.caller_id not in session.tenant.owners.get(app["id"], ()):
        raise backing_application_not_local()
    if session.is_person and not session.administers_applications and not session.owns(app["id"]):
        raise forbidden()
    bound = [objects.reference_id(reference) for reference in sent.pop("owners@odata.bind", [])]
    created = shapes.moment(session.now())
    entity = shapes.service_principal(session.world.new_guid(), created) | shapes.from_application(app)
    entity["appOwnerOrganizationId"] = owner_tenant
    entity["createdByAppId"] = session.app_id or None
    entity = _applied(session, entity, sent, creating=True)
    if (session.owned_by_only or person.becomes_owner(session)) and session.caller_id not in bound:
        bound.append(session.caller_id)
    if bound:
        session.tenant.owners[entity["id"]] = [owners.existing(session, owner_id) for owner_id in bound]
    session.directory.put(SERVICE_PRINCIPALS, entity["id"], entity)
    return session.created("servicePrincipals/$entity", shown(session, entity), "ServicePrincipal")


def backing_application(session: Session, app_id: str) -> tuple[Entity, str]:
    """(application, id of its tenant) for a new service principal. Raises 400 or 403 while it is not replicated."""
    app = session.directory.find(APPLICATIONS, "appId", app_id, session.view)
    if app is not None:
        return app, session.tenant.id
    if session.owned_by_only:
        raise backing_application_not_local()
    foreign = multi_tenant_application(session.world, app_id)
    if foreign is None or session.directory.find_real(APPLICATIONS, "appId", app_id) is not None:
        raise no_backing_application(app_id)
    return foreign


def multi_tenant_application(world: World, app_id: str) -> tuple[Entity, str] | None:
    """An application of any tenant that others may use: (application, id of its tenant)."""
    for tenant in world.tenants.values():
        for app in tenant.applications.values():
            if app["appId"] == app_id and app["signInAudience"] != "AzureADMyOrg":
                return app, tenant.id
    return None


def update(session: Session, object_id: str, sent: dict[str, Any]) -> Entity:
    """Change a written service principal. Raises 400."""
    entity = session.directory.real(SERVICE_PRINCIPALS)[object_id]
    sent = {name: value for name, value in sent.items() if not name.endswith("@odata.bind")}
    keys = sent.pop("keyCredentials", None)
    changed = _applied(session, entity, sent, creating=False)
    if keys is not None and (keys or entity["keyCredentials"]):
        check_lock(session, entity, "keyCredentials")
        target = Target(object_id, entity["createdDateTime"], entity["keyCredentials"], "ServicePrincipal")
        changed["keyCredentials"], session.tenant.key_bytes[object_id] = replace_keys(session, target, keys)
    return session.directory.put(SERVICE_PRINCIPALS, object_id, changed)


@evidence(Grade.OBSERVED, "public issue reports")
def check_lock(session: Session, principal: Entity, name: str) -> None:
    """Refuse credentials on a service principal that its application locks (observed). Raises 400."""
    app = session.directory.find_real(APPLICATIONS, "appId", principal["appId"])
    lock = (app or {}).get("servicePrincipalLockConfiguration") or {}
    parts = ("allProperties", "credentialsWithUsageVerify", "credentialsWithUsageSign")
    if lock.get("isEnabled") and any(lock.get(part) for part in parts):
        raise locked_property(name)


def _applied(session: Session, entity: Entity, sent: dict[str, Any], *, creating: bool) -> Entity:
    changed = dict(entity)
    for name, value in sent.items():
        if name not in KNOWN:
            if session.version == "beta":
                continue  # the lab keeps nothing of what only beta has
            raise objects.unknown(name, "ServicePrincipal")
        if name in _READ_ONLY:
            objects.check_read_only(name, value, entity.get(name), creating)
            continue
        if name in _BOOLEANS and not isinstance(value, bool):
            raise invalid_value(name, "ServicePrincipal")
        if isinstance(_TEMPLATE.get(name), list) and not isinstance(value, list):
            raise invalid_value(name, "ServicePrincipal")
        changed[name] = value
    return changed
