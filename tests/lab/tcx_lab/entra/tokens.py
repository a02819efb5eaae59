# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The token endpoint: client credentials, authorization codes, refresh tokens; v2.0 and v1 forms."""

from __future__ import annotations

import base64
import hashlib
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tcx_lab.entra import abroad, clients, errors
from tcx_lab.entra.clients import Client
from tcx_lab.entra.keys import sign
from tcx_lab.evidence import Grade, evidence
from tcx_lab.gdap import held_roles
from tcx_lab.graph import person
from tcx_lab.graph.catalog import GRAPH_URLS, MANAGEMENT_APP_ID
from tcx_lab.graph.store import ASSIGNMENTS, GRANTS, SERVICE_PRINCIPALS, Entity, directory_of
from tcx_lab.graph.web import Call
from tcx_lab.world import GRAPH_APP_ID, Tenant, World

_OPENID = frozenset({"openid", "profile", "email", "offline_access"})


@dataclass(slots=True)
class Grant:
    """What an authorization code or a refresh token stands for."""

    client_id: str
    tenant_id: str
    user: Entity
    scopes: tuple[str, ...]
    redirect_uri: str = ""
    nonce: str = ""
    challenge: str = ""
    challenge_method: str = ""
    expires: float = 0.0


@dataclass(slots=True)
class Issued:
    """Codes and refresh tokens that are out."""

    codes: dict[str, Grant] = field(default_factory=dict)
    refresh: dict[str, Grant] = field(default_factory=dict)


def tenant_now(world: World, tenant: Tenant) -> datetime:
    """Time as the tenant's servers believe."""
    return world.clock.skewed(tenant.clock_offset).now()


def answer(world: World, issued: Issued, call: Call, tenant: Tenant, *, old: bool) -> dict[str, Any]:
    """The JSON of a successful token request. Raises SignInError."""
    form = call.form()
    grant_type = form.get("grant_type", "")
    if not grant_type:
        raise errors.missing_parameter("grant_type")
    basic_id, basic_secret = _basic(call)
    client_id = form.get("client_id") or basic_id
    if not client_id:
        raise errors.missing_parameter("client_id")
    if grant_type == "client_credentials":
        client = _authenticated(world, call, tenant, client_id, form, basic_secret)
        return _app_token(world, client, _resource(world, tenant, form, old=old), old=old)
    if grant_type in ("authorization_code", "refresh_token"):
        return _user_tokens(world, issued, call, tenant, client_id, form)
    raise errors.unsupported_grant(grant_type)


def _basic(call: Call) -> tuple[str, str]:
    scheme, _space, value = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _colon, secret = base64.b64decode(value).decode().partition(":")
    except ValueError:
        return "", ""
    return name, secret


def _authenticated(
    world: World, call: Call, tenant: Tenant, client_id: str, form: dict[str, str], basic_secret: str
) -> Client:
    client = clients.find_client(world, tenant, client_id)
    now = tenant_now(world, tenant)
    secret = form.get("client_secret") or basic_secret
    if form.get("client_assertion"):
        if form.get("client_assertion_type") != clients.ASSERTION_TYPE:
            raise errors.missing_parameter("client_assertion_type")
        clients.check_assertion(client, form["client_assertion"], _audiences(call, tenant), now)
    elif secret:
        clients.check_secret(client, secret, now)
    else:
        raise errors.no_credential()
    blocked = world.switches.conditional_access_blocks
    if blocked and blocked in ("*", client_id):
        raise errors.conditional_access()
    return client


def _audiences(call: Call, tenant: Tenant) -> set[str]:
    """What an assertion may be for: this token endpoint under any of its names (documented: the endpoint or the issuer)."""
    names = {tenant.id, tenant.domain, call.segments[0]}
    paths = ("oauth2/v2.0/token", "oauth2/token", "v2.0", "")
    hosts = (call.base, "https://login.microsoftonline.com", "https://login.microsoftonline.us",
             "https://login.chinacloudapi.cn", "https://login.partner.microsoftonline.cn")  # fmt: skip
    return {f"{host}/{name}/{path}".rstrip("/") for host in hosts for name in names for path in paths}


def _resource(world: World, tenant: Tenant, form: dict[str, str], *, old: bool) -> tuple[str, Entity]:
    """(audience as asked, service principal of the resource). Raises 900144, 1002012, 500011."""
    if form.get("scope"):
        scopes = [scope for scope in form["scope"].split() if scope not in _OPENID]
        if len(scopes) != 1 or not scopes[0].endswith("/.default"):
            raise errors.bad_scope(form["scope"])
        name = scopes[0].removesuffix("/.default")
    elif form.get("resource") and old:
        name = form["resource"]
    else:
        raise errors.missing_parameter("resource" if old else "scope")
    return name.rstrip("/"), find_resource(world, tenant, name)


def find_resource(world: World, tenant: Tenant, name: str) -> Entity:
    """The service principal of a resource by id, address or application ID URI. Raises 500011."""
    directory = directory_of(world, tenant)
    bare = name.rstrip("/")
    if bare in {world.endpoints.graph, *GRAPH_URLS.values()}:
        bare = GRAPH_APP_ID
    elif bare == world.endpoints.management:
        bare = MANAGEMENT_APP_ID
    api = directory.find(SERVICE_PRINCIPALS, "appId", bare)
    if api is None:
        spellings = {bare, f"{bare}/", bare.removeprefix("api://")}
        api = next(
            (
                candidate
                for candidate in directory.every(SERVICE_PRINCIPALS)
                if spellings.intersection(candidate["servicePrincipalNames"])
            ),
            None,
        )
    if api is None:
        raise errors.unknown_resource(name, tenant.display_name)
    return api


def roles_of(world: World, tenant: Tenant, principal_id: str, resource: Entity) -> list[str]:
    """Values of the application permissions that a principal holds on a resource."""
    assigned = directory_of(world, tenant).related(ASSIGNMENTS, "principalId", principal_id)
    ids = {assignment["appRoleId"] for assignment in assigned if assignment["resourceId"] == resource["id"]}
    return [role["value"] for role in resource["appRoles"] if role["id"] in ids]


def _base_claims(world: World, tenant: Tenant, audience: str) -> dict[str, Any]:
    now = int(tenant_now(world, tenant).timestamp())
    return {
        "aud": audience,
        "iss": f"https://sts.windows.net/{tenant.id}/",
        "iat": now,
        "nbf": now,
        "exp": now + world.switches.token_lifetime + 1,
        "tid": tenant.id,
        "uti": secrets.token_urlsafe(16),
        "ver": "1.0",
    }


def _app_token(world: World, client: Client, resource: tuple[str, Entity], *, old: bool) -> dict[str, Any]:
    token = app_only_token(world, client, *resource)
    lifetime = world.switches.token_lifetime
    if not old:
        return {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}
    end = int(tenant_now(world, client.tenant).timestamp()) + lifetime
    return {
        "token_type": "Bearer",
        "expires_in": str(lifetime),
        "ext_expires_in": str(lifetime),
        "expires_on": str(end),
        "not_before": str(end - lifetime),
        "resource": resource[0],
        "access_token": token,
    }


@evidence(Grade.RECORDED, "azure-cli test recordings; public issue reports")
def app_only_token(world: World, client: Client, audience: str, resource: Entity) -> str:
    """An app-only access token; without any role it is issued all the same (recorded)."""
    claims = _base_claims(world, client.tenant, audience) | {
        "app_displayname": client.app["displayName"],
        "appid": client.app["appId"],
        "appidacr": "2",
        "idp": f"https://sts.windows.net/{client.tenant.id}/",
        "idtyp": "app",
        "oid": client.principal["id"],
        "sub": client.principal["id"],
    }
    roles = roles_of(world, client.tenant, client.principal["id"], resource)
    if roles:
        claims["roles"] = roles
    return sign("entra", claims)


def id_token(world: World, tenant: Tenant, client_id: str, user: Entity, *, nonce: str = "", issuer: str = "") -> str:
    """A v2.0 id_token for a user."""
    now = int(tenant_now(world, tenant).timestamp())
    claims = {
        "aud": client_id,
        "iss": issuer or f"{world.endpoints.login}/{tenant.id}/v2.0",
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "name": user.get("displayName"),
        "oid": user["id"],
        "preferred_username": user.get("userPrincipalName"),
        "rh": "0.",
        "sub": _pairwise(user["id"], client_id),
        "tid": tenant.id,
        "uti": secrets.token_urlsafe(16),
        "ver": "2.0",
    }
    if user.get("mail"):
        claims["email"] = user["mail"]
    if nonce:
        claims["nonce"] = nonce
    return sign("entra", claims)


def _pairwise(object_id: str, client_id: str) -> str:
    digest = hashlib.sha256(f"{object_id}/{client_id}".encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def new_code(world: World, issued: Issued, grant: Grant) -> str:
    """An authorization code; it lives ten minutes."""
    code = f"0.{secrets.token_urlsafe(48)}"
    grant.expires = world.clock.time() + 600
    issued.codes[code] = grant
    return code


def _user_tokens(
    world: World, issued: Issued, call: Call, tenant: Tenant, client_id: str, form: dict[str, str]
) -> dict[str, Any]:
    code = form.get("grant_type") == "authorization_code"
    name = "code" if code else "refresh_token"
    if not form.get(name):
        raise errors.missing_parameter(name)
    grant = (issued.codes if code else issued.refresh).get(form[name])
    if grant is None or grant.client_id != client_id or (code and grant.expires < world.clock.time()):
        raise errors.dead_grant()
    if grant.tenant_id != tenant.id:
        abroad.check(world, tenant, grant.user, client_id)
    client = clients.find_client(world, tenant, client_id)
    if code:
        _check_code(grant, form)
        del issued.codes[form["code"]]
    if form.get("client_secret") or form.get("client_assertion"):
        _authenticated(world, call, tenant, client_id, form, "")
    elif not _is_public(client, grant):
        raise errors.no_credential()
    scopes = tuple(form.get("scope", "").split()) or grant.scopes
    return delegated(world, issued, client, grant, scopes)


def _is_public(client: Client, grant: Grant) -> bool:
    uris = {*client.app["publicClient"]["redirectUris"], *client.app["spa"]["redirectUris"]}
    return bool(client.app["isFallbackPublicClient"]) or grant.redirect_uri in uris


def _check_code(grant: Grant, form: dict[str, str]) -> None:
    if form.get("redirect_uri", grant.redirect_uri) != grant.redirect_uri:
        raise errors.wrong_redirect(form["redirect_uri"], grant.client_id)
    if not grant.challenge:
        return
    verifier = form.get("code_verifier", "")
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if grant.challenge != (digest if grant.challenge_method == "S256" else verifier):
        raise errors.SignInError(
            501481,
            "invalid_grant",
            "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
        )


def delegated(world: World, issued: Issued, client: Client, grant: Grant, scopes: tuple[str, ...]) -> dict[str, Any]:
    """Tokens for a user: access token, and refresh and id tokens when their scopes ask for them."""
    requested = [scope for scope in scopes if scope not in _OPENID]
    addresses = {scope.rpartition("/")[0] for scope in requested if "://" in scope}
    if len(addresses) > 1:
        raise errors.several_resources(requested)
    name = addresses.pop() if addresses else world.endpoints.graph
    resource = find_resource(world, client.tenant, name)
    granted = delegated_scopes(world, client, resource, grant.user["id"])
    if world.partner is not None and not granted:
        raise errors.consent_missing(client.app["appId"], client.app["displayName"])
    claims = _base_claims(world, client.tenant, name.rstrip("/")) | {
        "app_displayname": client.app["displayName"],
        "appid": client.app["appId"],
        "amr": _methods(world, grant.user["id"]),
        "appidacr": "1",
        "name": grant.user.get("displayName"),
        "oid": grant.user["id"],
        "scp": " ".join(granted),
        "sub": _pairwise(grant.user["id"], client.app["appId"]),
        "unique_name": grant.user.get("userPrincipalName"),
        "upn": grant.user.get("userPrincipalName"),
        "wids": _role_templates(world, client.tenant, grant.user["id"]),
    }
    lifetime = world.switches.token_lifetime
    body: dict[str, Any] = {
        "token_type": "Bearer",
        "scope": " ".join(scopes),
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "access_token": sign("entra", claims),
    }
    if "offline_access" in scopes:
        refresh = f"1.{uuid.uuid4().hex}{secrets.token_urlsafe(32)}"
        issued.refresh[refresh] = grant
        body["refresh_token"] = refresh
    if "openid" in scopes:
        body["id_token"] = id_token(world, client.tenant, client.app["appId"], grant.user, nonce=grant.nonce)
    return body


@evidence(Grade.DOCUMENTED, "https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference (wids)")
def _role_templates(world: World, tenant: Tenant, user_id: str) -> list[str]:
    """The Entra roles of a person as a token tells them: by the ids of their templates."""
    held = (person.ROLES.get(name) for name in sorted(held_roles(world, tenant, user_id)))
    return [template for template in held if template] or [person.NO_ROLE]


@evidence(Grade.DOCUMENTED, "https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference (amr)")
def _methods(world: World, user_id: str) -> list[str]:
    """How a person has signed in: with a second factor, unless a partner's person is said to have none."""
    partner = world.partner
    return ["pwd"] if partner is not None and user_id in partner.without_mfa else ["pwd", "mfa"]


def person_token(world: World, tenant: Tenant, user: Entity, scopes: tuple[str, ...]) -> str:
    """What `az account get-access-token --resource-type ms-graph` prints for a person who has signed in to the Azure CLI."""
    claims = _base_claims(world, tenant, world.endpoints.graph) | {
        "app_displayname": "Microsoft Azure CLI",
        "appid": person.AZURE_CLI,
        "amr": _methods(world, user["id"]),
        "appidacr": "0",
        "idtyp": "user",
        "name": user.get("displayName"),
        "oid": user["id"],
        "scp": " ".join(scopes),
        "sub": _pairwise(user["id"], person.AZURE_CLI),
        "unique_name": user.get("userPrincipalName"),
        "upn": user.get("userPrincipalName"),
        "wids": _role_templates(world, tenant, user["id"]),
    }
    return sign("entra", claims)


def delegated_scopes(world: World, client: Client, resource: Entity, user_id: str) -> list[str]:
    """Delegated permissions that the tenant or the user granted to the client on a resource."""
    names: dict[str, None] = {}
    for grant in directory_of(world, client.tenant).related(GRANTS, "clientId", client.principal["id"]):
        if grant["resourceId"] == resource["id"] and grant["principalId"] in (None, user_id):
            names.update(dict.fromkeys(grant["scope"].split()))
    return list(names)
