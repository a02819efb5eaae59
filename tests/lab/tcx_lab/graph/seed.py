# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tenants that look lived in: resource APIs, people with photos, groups, and the automation's own application.

Everything here is there from the start: it has no replication lag.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tcx_lab.ca import automation_key_pair
from tcx_lab.graph import applications, assignments, catalog, shapes
from tcx_lab.graph.backdoor import inside
from tcx_lab.graph.credentials import subject_text, thumbprint
from tcx_lab.graph.store import (
    APPLICATIONS,
    ASSIGNMENTS,
    GRANTS,
    SERVICE_PRINCIPALS,
    Entity,
    directory_of,
)
from tcx_lab.portrait import portrait
from tcx_lab.world import GRAPH_APP_ID, README_PERMISSIONS, Automation, Tenant, World

#: What everything that the collection can do needs; the README's rights are `world.README_PERMISSIONS`.
AUTOMATION_ROLES = (
    *README_PERMISSIONS,
    "DelegatedPermissionGrant.ReadWrite.All",
    "Organization.Read.All",
    "Policy.Read.All",
    "User.Read.All",
)
_PEOPLE = (
    ("Adele", "Vance", "Sales"),
    ("Alex", "Wilber", "Marketing"),
    ("Diego", "Siciliani", "Human Resources"),
    ("Grady", "Archie", "Engineering"),
    ("Henrietta", "Mueller", "Engineering"),
    ("Isaiah", "Langer", "Sales"),
)


def prepare_tenant(world: World, tenant: Tenant) -> None:
    """Give a tenant the resource APIs, and a group of all its members, whoever they are so far."""
    for app_id, template in catalog.resources_by_app_id().items():
        if directory_of(world, tenant).find_real(SERVICE_PRINCIPALS, "appId", app_id) is None:
            principal = shapes.service_principal(world.new_guid(), None) | template
            tenant.service_principals[principal["id"]] = principal
    if tenant.users and not tenant.groups:
        members = [user_id for user_id, user in tenant.users.items() if user["userType"] == "Member"]
        add_group(world, tenant, "All Employees", members)


def seed_tenant(world: World, tenant: Tenant, *, users: int = len(_PEOPLE)) -> None:
    """A tenant with resource APIs, people (the last has no photo) and a group."""
    for index in range(users):
        first_name, family, department = _PEOPLE[index % len(_PEOPLE)]
        round_number = index // len(_PEOPLE)
        suffix = f"{round_number + 1}" if round_number else ""
        user = add_user(world, tenant, f"{first_name}.{family}{suffix}".lower(), first_name, family, department)
        if index < users - 1:
            tenant.photos[user["id"]] = portrait(user["userPrincipalName"])
    prepare_tenant(world, tenant)


def add_user(
    world: World, tenant: Tenant, mailbox: str, first_name: str, family: str, department: str = "", **more: Any
) -> Entity:
    """A person in Graph's shape."""
    address = f"{mailbox}@{tenant.domain}"
    user: Entity = {
        "id": world.new_guid(),
        "accountEnabled": True,
        "businessPhones": [],
        "companyName": tenant.display_name,
        "department": department or None,
        "displayName": f"{first_name} {family}",
        "givenName": first_name,
        "jobTitle": None,
        "mail": address,
        "mobilePhone": None,
        "officeLocation": None,
        "preferredLanguage": None,
        "surname": family,
        "userPrincipalName": address,
        "userType": "Member",
        **more,
    }
    tenant.users[user["id"]] = user
    return user


def add_group(world: World, tenant: Tenant, name: str, members: Iterable[str] = (), **more: Any) -> Entity:
    """A group of users and other groups, given by id."""
    group: Entity = {
        "id": world.new_guid(),
        "deletedDateTime": None,
        "createdDateTime": shapes.moment(world.clock.now()),
        "description": None,
        "displayName": name,
        "groupTypes": [],
        "mail": None,
        "mailEnabled": False,
        "mailNickname": name.replace(" ", "").lower(),
        "securityEnabled": True,
        "visibility": None,
        **more,
    }
    tenant.groups[group["id"]] = group
    tenant.group_members[group["id"]] = list(members)
    return group


def create_application(
    world: World, tenant: Tenant, display_name: str, *, object_id: str = "", app_id: str = "", **properties: Any
) -> Entity:
    """An application with any of Graph's properties, as somebody made it long ago."""
    audience = properties.pop("signInAudience", "AzureADMyOrg")
    created = shapes.moment(world.clock.now() - timedelta(days=1))
    base = shapes.application(
        object_id or world.new_guid(), app_id or world.new_guid(), created, tenant.domain, audience
    )
    tenant.applications[base["id"]] = base | {"displayName": display_name}
    if properties:
        applications.update(inside(world, tenant), base["id"], properties)
        directory_of(world, tenant).settle(APPLICATIONS, base["id"])
    return tenant.applications[base["id"]]


def ensure_service_principal(
    world: World, tenant: Tenant, app: Entity, home: Tenant | None = None, **properties: Any
) -> Entity:
    """The application's service principal in a tenant, made if it is not there."""
    directory = directory_of(world, tenant)
    principal = directory.find_real(SERVICE_PRINCIPALS, "appId", app["appId"])
    if principal is None:
        base = shapes.service_principal(world.new_guid(), shapes.moment(world.clock.now()))
        principal = base | shapes.from_application(app) | {"appOwnerOrganizationId": (home or tenant).id} | properties
        directory.put(SERVICE_PRINCIPALS, principal["id"], principal)
        directory.settle(SERVICE_PRINCIPALS, principal["id"])
    return principal


def grant_app_roles(
    world: World, tenant: Tenant, principal_id: str, roles: Iterable[str], resource_app_id: str = GRAPH_APP_ID
) -> None:
    """Assign application permissions by value (or id); those that are there stay. Raises KeyError for an unknown value."""
    directory = directory_of(world, tenant)
    resource = directory.find_real(SERVICE_PRINCIPALS, "appId", resource_app_id)
    if resource is None:
        raise KeyError(f"tenant {tenant.id} has no resource {resource_app_id}")
    ids = {role["value"]: role["id"] for role in resource["appRoles"]}
    held = {
        (assignment["resourceId"], assignment["appRoleId"])
        for assignment in directory.related_real(ASSIGNMENTS, "principalId", principal_id)
    }
    for role in roles:
        role_id = role if role in ids.values() else ids[role]
        if (resource["id"], role_id) not in held:
            made = assignments.assign(inside(world, tenant), principal_id, resource["id"], role_id)
            directory.settle(ASSIGNMENTS, made["id"])


def grant_declared(world: World, tenant: Tenant, app: Entity, home: Tenant) -> Entity:
    """What an administrator's consent does: the service principal, and every permission that the application declares."""
    directory = directory_of(world, tenant)
    principal = ensure_service_principal(world, tenant, app, home)
    for api in app["requiredResourceAccess"]:
        resource = directory.find_real(SERVICE_PRINCIPALS, "appId", api["resourceAppId"])
        if resource is None:
            continue
        roles = [one["id"] for one in api["resourceAccess"] if one["type"] == "Role"]
        known = {role["id"] for role in resource["appRoles"]}
        grant_app_roles(world, tenant, principal["id"], [role for role in roles if role in known], api["resourceAppId"])
        names = {scope["id"]: scope["value"] for scope in resource["oauth2PermissionScopes"]}
        scopes = [names[one["id"]] for one in api["resourceAccess"] if one["type"] == "Scope" and one["id"] in names]
        if scopes:
            _grant_scopes(world, tenant, principal["id"], resource["id"], scopes)
    return principal


def _grant_scopes(world: World, tenant: Tenant, client_id: str, resource_id: str, scopes: list[str]) -> None:
    directory = directory_of(world, tenant)
    grant_id = shapes.guid_bytes(client_id, resource_id)
    grant = directory.real(GRANTS).get(grant_id)
    base: Mapping[str, Any] = grant or {
        "clientId": client_id,
        "consentType": "AllPrincipals",
        "id": grant_id,
        "principalId": None,
        "resourceId": resource_id,
        "scope": "",
    }
    merged = " ".join(dict.fromkeys([*base["scope"].split(), *scopes]))
    directory.put(GRANTS, grant_id, {**base, "scope": merged})
    directory.settle(GRANTS, grant_id)


def add_secret(world: World, tenant: Tenant, object_id: str, text: str = "", *, days: float = 730) -> str:
    """A client secret on an application; returns its text. Negative days make an expired one."""
    app = tenant.applications[object_id]
    text = text or world.new_secret()
    now = world.clock.now()
    key_id, end = world.new_guid(), shapes.moment(now + timedelta(days=days))
    shown = {
        "customKeyIdentifier": None,
        "displayName": "seeded",
        "endDateTime": end,
        "hint": text[:3],
        "keyId": key_id,
        "secretText": None,
        "startDateTime": shapes.moment(now - timedelta(days=max(1.0, 1 - days))),
    }
    tenant.applications[object_id] = {**app, "passwordCredentials": [*app["passwordCredentials"], shown]}
    secret = {"keyId": key_id, "secretText": text, "endDateTime": end}
    tenant.secrets.setdefault(object_id, []).append(secret)
    return text


def add_certificate(world: World, tenant: Tenant, object_id: str, certificate: x509.Certificate) -> str:
    """A certificate on an application, with the certificate's own dates; returns the keyId."""
    app = tenant.applications[object_id]
    der, key_id = certificate.public_bytes(Encoding.DER), world.new_guid()
    shown = {
        "customKeyIdentifier": thumbprint(der),
        "displayName": subject_text(certificate.subject),
        "endDateTime": shapes.moment(certificate.not_valid_after_utc),
        "key": None,
        "keyId": key_id,
        "startDateTime": shapes.moment(certificate.not_valid_before_utc),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    }
    tenant.applications[object_id] = {**app, "keyCredentials": [*app["keyCredentials"], shown]}
    tenant.key_bytes.setdefault(object_id, {})[key_id] = der
    return key_id


def install_automation(world: World, tenant: Tenant, automation: Automation) -> None:
    """The automation's service principal with its roles in a tenant, and in its home tenant the application itself."""
    home = world.tenants[automation.home_tenant_id]
    if automation.object_id not in home.applications:
        create_application(
            world,
            home,
            automation.display_name,
            object_id=automation.object_id,
            app_id=automation.app_id,
            signInAudience="AzureADMultipleOrgs",
        )
        add_secret(world, home, automation.object_id, automation.client_secret)
        add_certificate(world, home, automation.object_id, automation_key_pair(world, automation).certificate)
    principal = ensure_service_principal(world, tenant, home.applications[automation.object_id], home)
    automation.service_principals[tenant.id] = principal["id"]
    grant_app_roles(world, tenant, principal["id"], automation.permissions)


def set_permissions(world: World, automation: Automation, permissions: Iterable[str]) -> None:
    """Give the automation just these permissions in every tenant. Raises ValueError for one that Graph does not have."""
    names = tuple(permissions)
    unknown = set(names) - set(catalog.app_role_ids())
    if unknown:
        raise ValueError(f"Microsoft Graph has no application permission {', '.join(sorted(unknown))}")
    automation.permissions = names
    for tenant_id, principal_id in automation.service_principals.items():
        tenant = world.tenants[tenant_id]
        directory = directory_of(world, tenant)
        for assignment in directory.related_real(ASSIGNMENTS, "principalId", principal_id):
            directory.drop(ASSIGNMENTS, assignment["id"])
            directory.settle(ASSIGNMENTS, assignment["id"])
        grant_app_roles(world, tenant, principal_id, names)


def register_automation_app(
    world: World, tenants: Iterable[Tenant], roles: Iterable[str] = README_PERMISSIONS, *, name: str = "tcx automation"
) -> Automation:
    """A multi-tenant automation application: registered in the first tenant, with these roles in all of them."""
    listed = list(tenants)
    automation = Automation(
        app_id=world.new_guid(),
        object_id=world.new_guid(),
        home_tenant_id=listed[0].id,
        client_secret=world.new_secret(),
        display_name=name,
        permissions=tuple(roles),
    )
    for tenant in listed:
        install_automation(world, tenant, automation)
    if world.automation is None:
        world.automation = automation
    return automation
