# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""/applications: create, find, change, delete, upsert by uniqueName (facts: recorded; upsert documented)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from tcx_lab.evidence import Grade, evidence
from tcx_lab.graph import objects, owners, person, policies, shapes, types
from tcx_lab.graph.credentials import Target, replace_keys, with_key_values
from tcx_lab.graph.errors import (
    GraphError,
    bad_request,
    invalid_value,
    not_found,
    required_value,
    too_many_uris,
    unverified_domain,
    uris_not_distinct,
    value_taken,
)
from tcx_lab.graph.odata import parse_filter
from tcx_lab.graph.session import Session
from tcx_lab.graph.store import APPLICATIONS, DELETED, SERVICE_PRINCIPALS, Entity
from tcx_lab.graph.web import Answer

_TEMPLATE = shapes.application("", "", "", "", "AzureADMyOrg")
_EXTRA = frozenset({"authenticationBehaviors", "logo", "managerApplications", "oauth2RequirePostResponse"})
KNOWN = frozenset(_TEMPLATE) | _EXTRA
_READ_ONLY = frozenset(
    {"id", "appId", "createdDateTime", "deletedDateTime", "publisherDomain", "applicationTemplateId"}
    | {"disabledByMicrosoftStatus", "certification", "verifiedPublisher", "createdByAppId"}
)
_TEXTS = frozenset({"displayName", "description", "notes", "uniqueName", "groupMembershipClaims", "signInAudience"})
_LISTS = frozenset({"addIns", "appRoles", "identifierUris", "requiredResourceAccess", "tags", "passwordCredentials"})
_PLATFORMS = ("web", "spa", "publicClient")
_LONGEST = {"displayName": 256, "description": 1024, "notes": 1024, "uniqueName": 120}
_MAX_RESOURCES, _MAX_PERMISSIONS = 50, 400  # documented


def find(session: Session, key: objects.Key) -> Entity:
    """The application that a path names, as the caller sees it. Raises 404."""
    objects.check_key(key)
    if key.name == "id":
        return session.get(APPLICATIONS, key.value)
    if key.name == "uniqueName":
        _check_upsert_supported(session)
    entity = session.directory.find(APPLICATIONS, key.name, key.value, session.view)
    if entity is None:
        raise not_found(key.value)
    return entity


def _check_upsert_supported(session: Session) -> None:
    if not session.world.switches.upsert_supported:
        raise bad_request("Resource not found for the segment 'applications'.", "BadRequest")  # assumed


def collection(session: Session) -> Answer:
    """`/applications`."""
    if session.call.method == "POST":
        return create(session, session.properties())
    session.units = 2 + len(session.expanded)
    entities = (_expanded(session, entity) for entity in _candidates(session))
    return session.many("applications", entities, "application", KNOWN)


def _expanded(session: Session, entity: Entity) -> Entity:
    """An application with the relation inside that was asked for."""
    if "owners" in session.expanded:
        return owners.expanded(session, entity)
    if "federatedIdentityCredentials" in session.expanded:
        credentials = session.tenant.federated_credentials.get(entity["id"], [])
        return {**entity, "federatedIdentityCredentials": credentials[: owners.MOST_EXPANDED]}
    return entity


def _candidates(session: Session) -> Iterable[Entity]:
    clause = session.option("$filter")
    equality = parse_filter(clause).equality if clause else None
    if equality is not None and equality[0] in ("appId", "uniqueName", "id"):
        name, value = equality
        if name == "id":
            application = session.directory.get(APPLICATIONS, value, session.view)
        else:
            application = session.directory.find(APPLICATIONS, name, value, session.view)
        return [application] if application is not None else []
    return session.directory.every(APPLICATIONS, session.view)


def item(session: Session, key: objects.Key) -> Answer:
    """`/applications/{id}` and the alternate keys."""
    method = session.call.method
    if method == "PATCH":
        return _patch_or_upsert(session, key)
    if method == "DELETE":
        entity = find(session, key)
        session.require_application_write(entity["id"])
        delete(session, entity["id"])
        return Answer(204)
    entity = _expanded(session, find(session, key))
    session.units += len(session.expanded)
    if "keyCredentials" in (session.selected or ()):
        stored = session.tenant.key_bytes.get(entity["id"], {})
        entity = {**entity, "keyCredentials": with_key_values(entity["keyCredentials"], stored)}
    return session.one("applications/$entity", entity, "application", KNOWN)


def _patch_or_upsert(session: Session, key: objects.Key) -> Answer:
    sent = session.properties()
    create_if_missing = "create-if-missing" in session.call.headers.get("prefer", "").lower()
    if key.name == "uniqueName" and create_if_missing and not sent.get("displayName"):
        raise required_value("displayName", "Application")  # documented: always in the body of an upsert
    try:
        entity = find(session, key)
    except GraphError as error:
        if error.status == 404 and key.name == "uniqueName" and create_if_missing:
            return create(session, {**sent, "uniqueName": key.value})
        raise
    session.require_application_write(entity["id"])
    update(session, entity["id"], sent)
    return Answer(204)


@evidence(Grade.RECORDED, "azure-cli test recordings; published REST reference")
def create(session: Session, sent: dict[str, Any]) -> Answer:
    """A new application. Raises 400 and 403."""
    if not sent.get("displayName"):
        raise required_value("displayName", "Application")
    audience = sent.get("signInAudience") or "AzureADandPersonalMicrosoftAccount"  # recorded default
    now = session.now()
    tenant = session.tenant
    entity = shapes.application(
        session.world.new_guid(), session.world.new_guid(), shapes.moment(now), tenant.domain, audience
    )
    bound = [objects.reference_id(reference) for reference in sent.pop("owners@odata.bind", [])]
    keys = sent.pop("keyCredentials", None) or []
    entity = _applied(session, entity, sent, creating=True)
    shown, key_bytes = replace_keys(session, Target(entity["id"], None, []), keys)
    entity["keyCredentials"] = shown
    entity["createdByAppId"] = session.app_id or None
    tenant.key_bytes[entity["id"]] = key_bytes
    owns = session.owned_by_only or person.becomes_owner(session)
    if owns and session.caller_id not in bound:
        bound.append(session.caller_id)  # documented: the creator becomes owner
    if bound:
        tenant.owners[entity["id"]] = [owners.existing(session, owner_id) for owner_id in bound]
    session.directory.put(APPLICATIONS, entity["id"], entity)
    answer = {**_as_sent(entity, sent), "createdDateTime": shapes.fine_moment(now)}
    return session.created("applications/$entity", answer, "Application")


@evidence(Grade.RECORDED, "azure-cli test recordings")
def update(session: Session, object_id: str, sent: dict[str, Any]) -> Entity:
    """Change a written application; absent properties keep their value. Raises 400."""
    directory = session.directory
    entity = directory.real(APPLICATIONS)[object_id]
    sent = {name: value for name, value in sent.items() if not name.endswith("@odata.bind")}
    keys = sent.pop("keyCredentials", None)
    changed = _applied(session, entity, sent, creating=False)
    if keys is not None:
        target = Target(object_id, entity["createdDateTime"], entity["keyCredentials"])
        shown, key_bytes = replace_keys(session, target, keys)
        changed["keyCredentials"] = shown
        session.tenant.key_bytes[object_id] = key_bytes
    directory.put(APPLICATIONS, object_id, changed)
    reflect(session, changed)
    return changed


def reflect(session: Session, app: Entity) -> None:
    """Show an application's changes on its service principal in the home tenant."""
    principal = session.directory.find_real(SERVICE_PRINCIPALS, "appId", app["appId"])
    if principal is None:
        return
    mirrored = shapes.from_application(app)
    if any(principal.get(name) != value for name, value in mirrored.items()):
        session.directory.put(SERVICE_PRINCIPALS, principal["id"], {**principal, **mirrored})


def _applied(session: Session, entity: Entity, sent: dict[str, Any], *, creating: bool) -> Entity:
    changed = dict(entity)
    for name, value in sent.items():
        if name not in KNOWN:
            if session.version == "beta":
                continue  # the lab keeps nothing of what only beta has
            raise objects.unknown(name, "Application")
        if name in _READ_ONLY:
            objects.check_read_only(name, value, entity.get(name), creating)
            continue
        changed[name] = _checked(session, entity, name, value)
    if not sent.keys().isdisjoint(_PLATFORMS):
        _check_redirects(changed)
    return changed


def _checked(session: Session, entity: Entity, name: str, value: Any) -> Any:
    types.check(name, value)
    if name in _LISTS:
        return _checked_list(session, entity, name, value)
    if name in _TEXTS:
        return _checked_text(session, entity, name, value)
    if name in shapes.COMPLEX_PROPERTIES:
        return _complex(session, entity, name, value)
    return value


def _checked_text(session: Session, entity: Entity, name: str, value: Any) -> Any:
    if not isinstance(value, str | None) or len(value or "") > _LONGEST.get(name, 10_000):
        raise invalid_value(name, "Application")
    if name == "displayName" and not value:
        raise required_value("displayName", "Application")
    if name == "signInAudience" and value not in shapes.AUDIENCES:
        raise invalid_value(name, "Application")
    if name == "uniqueName" and value != entity["uniqueName"]:
        _check_unique_name(session, entity, value)
    return value


def _check_unique_name(session: Session, entity: Entity, value: str | None) -> None:
    if entity["uniqueName"] is not None and session.world.switches.unique_name_immutable:
        raise bad_request("Property 'uniqueName' is read-only and cannot be set.")
    if value is None:
        return
    other = session.directory.find_real(APPLICATIONS, "uniqueName", value)
    taken = other is not None and other["id"] != entity["id"]
    if taken or any(application.get("uniqueName") == value for application in session.directory.real(DELETED).values()):
        raise value_taken("uniqueName")  # observed: it stays taken while the application is in deletedItems


def _checked_list(session: Session, entity: Entity, name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise invalid_value(name, "Application")
    if name == "requiredResourceAccess":
        return _required_access(value)
    if name == "identifierUris" and value:
        _check_identifiers(session, entity, value)
    if name == "passwordCredentials":
        known = {credential["keyId"]: credential for credential in entity["passwordCredentials"]}
        if any(not isinstance(credential, dict) or credential.get("keyId") not in known for credential in value):
            raise bad_request(
                "New password credentials must be generated using service actions.", "CannotCreatePasswordCredentials"
            )
        return [known[credential["keyId"]] for credential in value]
    if name == "appRoles":
        return _checked_roles(entity[name], value)
    return value


_SCHEMES = ("api", "https", "http", "ms-appx")


@evidence(
    Grade.DOCUMENTED,
    "https://learn.microsoft.com/entra/identity-platform/identifier-uri-restrictions; code and text as in "
    "https://github.com/Azure/azure-powershell/issues/16097",
)
def _check_identifiers(session: Session, entity: Entity, uris: list[str]) -> None:
    """Identifier URIs are unique in the tenant and of a verified domain, or carry the application's or tenant's id."""
    others = (application for application in session.directory.every(APPLICATIONS) if application["id"] != entity["id"])
    if any(uri in application["identifierUris"] for application in others for uri in uris):
        raise value_taken("identifierUris")
    added = [uri for uri in uris if uri not in entity["identifierUris"]]
    for uri in added:
        scheme, _colon, rest = uri.partition("://")
        if not rest or scheme.lower() not in _SCHEMES:
            raise invalid_value("identifierUris", "Application")
        host = rest.partition("/")[0].partition(":")[0].lower()
        ids = {entity["appId"], session.tenant.id}
        domain = session.tenant.domain.lower()
        of_domain = host == domain or host.endswith("." + domain)
        of_ids = scheme.lower() == "api" and ids.intersection(rest.split("/"))
        # An application of several tenants may have a plain word behind api:// (azure-cli recording test_app_resolution).
        plain = scheme.lower() == "api" and "." not in host and entity["signInAudience"] != "AzureADMyOrg"
        if not (of_domain or of_ids or plain):
            raise unverified_domain()
    policies.check_identifiers(session, entity, added)


def _checked_roles(old: list[Entity], new: list[Any]) -> list[Entity]:
    """Application roles as they are shown: `origin` is read-only and says where a role is defined (recorded)."""
    if any(role.get("origin") not in (None, "Application") for role in new):
        raise bad_request("Property 'origin' is read-only and cannot be set.")
    _check_removed_roles(old, new)
    return [{**role, "origin": "Application"} for role in new]


def _check_removed_roles(old: list[Entity], new: list[Entity]) -> None:
    kept_ids = {role.get("id") for role in new if isinstance(role, dict)}
    if any(role.get("isEnabled") and role.get("id") not in kept_ids for role in old):
        raise bad_request(
            "Permission (scope or role) cannot be deleted or updated unless disabled first.",
            "CannotDeleteOrUpdateEnabledEntitlement",
        )


def _required_access(value: list[Any]) -> list[Entity]:
    checked: list[Entity] = []
    for entry in value:
        access = entry.get("resourceAccess") if isinstance(entry, dict) else None
        if not isinstance(access, list) or not shapes.is_guid(entry.get("resourceAppId")):
            raise invalid_value("requiredResourceAccess", "Application")
        for permission in access:
            if (
                not isinstance(permission, dict)
                or not shapes.is_guid(permission.get("id"))
                or permission.get("type") not in ("Role", "Scope")
            ):
                raise invalid_value("resourceAccess", "RequiredResourceAccess")
        kept = [{"id": permission["id"], "type": permission["type"]} for permission in access]
        checked.append({"resourceAppId": entry["resourceAppId"], "resourceAccess": kept})
    resources = [entry["resourceAppId"] for entry in checked]
    too_many = sum(len(entry["resourceAccess"]) for entry in checked) > _MAX_PERMISSIONS
    if len(set(resources)) != len(resources) or len(resources) > _MAX_RESOURCES or too_many:
        raise invalid_value("requiredResourceAccess", "Application")
    return checked[::-1]  # read back in the opposite order (recorded)


def _complex(session: Session, entity: Entity, name: str, value: Any) -> Any:
    default = _TEMPLATE.get(name)
    if value is None:
        return default
    if not isinstance(value, dict):
        raise invalid_value(name, "Application")
    base = entity[name] if session.world.switches.complex_patch_merges else default
    merged = _merged(base or {}, value)
    if name == "api":
        _check_removed_roles(
            (entity[name] or {}).get("oauth2PermissionScopes") or [], merged["oauth2PermissionScopes"] or []
        )
    if name in ("web", "spa", "publicClient"):
        return _redirects(session, entity, name, merged, value)
    return merged


def _merged(old: Entity, new: Entity) -> Entity:
    """A complex value merges property by property; collections in it are replaced whole (OData)."""
    result = dict(old)
    for name, value in new.items():
        before = old.get(name)
        result[name] = _merged(before, value) if isinstance(value, dict) and isinstance(before, dict) else value
    return result


@evidence(
    Grade.RECORDED,
    "https://github.com/Azure/azure-cli/blob/2b2fc6d8abfa/src/azure-cli/azure/cli/command_modules/role/tests/latest/"
    "recordings/test_app_scenario.yaml: a POST answers in the order that was sent, every GET in the opposite one",
)
def _redirects(session: Session, entity: Entity, name: str, merged: Entity, sent: Entity) -> Entity:
    """Redirect URIs of one platform: unique, https or localhost, read back in the opposite order."""
    if "redirectUriSettings" in sent and "redirectUris" not in sent:
        merged["redirectUris"] = [setting["uri"] for setting in sent["redirectUriSettings"] or []]
    uris = merged["redirectUris"]
    if not isinstance(uris, list) or not all(isinstance(uri, str) and 0 < len(uri) <= 256 for uri in uris):
        raise invalid_value("redirectUris", name)
    uris = list(dict.fromkeys(uris))
    written = "redirectUris" in sent or "redirectUriSettings" in sent
    if written and not session.world.switches.redirect_uris_order_kept:
        uris = uris[::-1]
    if name == "web":
        if not all(
            _is_web_address(uri, personal=entity["signInAudience"] in shapes.PERSONAL_AUDIENCES) for uri in uris
        ):
            raise invalid_value("redirectUris", name)
        merged["redirectUriSettings"] = [{"uri": uri, "index": None} for uri in uris]
    merged["redirectUris"] = uris
    return merged


@evidence(Grade.DOCUMENTED, "https://learn.microsoft.com/entra/identity-platform/reply-url")
def _is_web_address(uri: str, *, personal: bool) -> bool:
    """https, or http on this machine alone; none of `! $ ' ( ) , ;`; no query and no wildcard where personal accounts sign
    in."""
    parts = urlsplit(uri)
    local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1")
    if not parts.hostname or not (parts.scheme == "https" or local):
        return False
    return not set("!$'(),;").intersection(uri) and not (personal and set("?*").intersection(uri))


_MAX_URIS = 256  # for work and school accounts; 100 where personal accounts may sign in
_MAX_URIS_PERSONAL = 100


@evidence(
    Grade.DOCUMENTED, "https://learn.microsoft.com/entra/identity-platform/reply-url#maximum-number-of-redirect-uris"
)
def _check_redirects(entity: Entity) -> None:
    """All platforms of an application together have 256 redirect URIs at most."""
    uris = [uri for platform in _PLATFORMS for uri in (entity[platform] or {}).get("redirectUris") or []]
    most = _MAX_URIS_PERSONAL if entity["signInAudience"] in shapes.PERSONAL_AUDIENCES else _MAX_URIS
    if len(uris) > most:
        raise too_many_uris(most)
    _check_distinct(uris)


@evidence(
    Grade.OBSERVED, "https://github.com/MicrosoftDocs/azure-docs/issues/89929: the words for web and public client"
)
def _check_distinct(uris: list[str]) -> None:
    """A redirect URI stands under one platform alone. Raises 400."""
    if len(set(uris)) != len(uris):
        raise uris_not_distinct()


def _as_sent(entity: Entity, sent: dict[str, Any]) -> Entity:
    """What a POST answers: redirect URIs in the order in which they came."""
    shown = dict(entity)
    for name in _PLATFORMS:
        uris = (sent.get(name) or {}).get("redirectUris")
        if uris:
            shown[name] = {**entity[name], "redirectUris": list(dict.fromkeys(uris))}
    return shown


@evidence(Grade.RECORDED, "azure-cli test recordings")
def delete(session: Session, object_id: str) -> None:
    """Soft delete; the service principal of the home tenant goes too (documented)."""
    directory = session.directory
    entity = directory.real(APPLICATIONS)[object_id]
    directory.drop(APPLICATIONS, object_id)
    when = shapes.moment(session.now())
    directory.put(DELETED, object_id, {**entity, "deletedDateTime": when})
    principal = directory.find_real(SERVICE_PRINCIPALS, "appId", entity["appId"])
    if principal is not None:
        objects.delete_service_principal(session, principal, when)
