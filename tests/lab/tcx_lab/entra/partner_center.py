# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Partner Center's interface for the consent of customers, as `/v1/customers/{id}/applicationconsents`.

In the lab it answers at the address of the resource manager. Source of the calls and statuses:
https://learn.microsoft.com/partner-center/developer/control-panel-vendor-apis; the bodies of refusals are published nowhere.
"""

from __future__ import annotations

import uuid
from collections import deque
from typing import Any

import jwt

from tcx_lab import gdap, graph
from tcx_lab.entra.clients import registration
from tcx_lab.entra.keys import verify
from tcx_lab.evidence import Grade, evidence
from tcx_lab.graph import shapes
from tcx_lab.graph.store import GRANTS, SERVICE_PRINCIPALS, directory_of
from tcx_lab.graph.web import Answer, Call, NotJson
from tcx_lab.world import GRAPH_APP_ID, Tenant, World

_LIMIT, _PER_SECONDS = 50, 1.0
#: Roles of which the person needs one in the customer's tenant (documented: powershell/partnercenter/exchange-online-gdap-app).
CONSENT_ROLES = frozenset({"Cloud Application Administrator", "Privileged Role Administrator", "Global Administrator"})


class _Refusal(Exception):
    def __init__(self, status: int, code: int, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.code, self.text, self.headers = status, code, text, headers or {}


def handle(world: World, call: Call) -> Answer:
    """`POST /v1/customers/{id}/applicationconsents`, `DELETE .../applicationconsents/{application id}`."""
    try:
        claims = _caller(world, call)
        _count(world, str(claims.get("appid", "")))
        parts = [part.lower() for part in call.segments]
        tenant = _customer(world, parts[2])
        _check_person(world, tenant, str(claims.get("oid", "")))
        return _act(world, tenant, call, parts[4:])
    except _Refusal as refusal:
        return _refused(world, refusal, call)


def _act(world: World, tenant: Tenant, call: Call, rest: list[str]) -> Answer:
    if call.method == "POST" and not rest:
        return _consent(world, tenant, call)
    if call.method == "DELETE" and len(rest) == 1:
        return _remove(world, tenant, rest[0])
    raise _Refusal(405, 405, "The requested resource does not support this method.")


def _refused(world: World, refusal: _Refusal, call: Call) -> Answer:
    headers = {"MS-RequestId": call.headers.get("ms-requestid", str(uuid.uuid4())), **refusal.headers}
    form = world.switches.partner_center_errors
    if form == "empty":
        return Answer(refusal.status, None, headers)
    if form == "nested":
        return Answer(refusal.status, {"error": {"code": str(refusal.code), "message": refusal.text}}, headers)
    body = {"code": refusal.code, "description": refusal.text, "data": [], "source": "PartnerFD"}
    return Answer(refusal.status, body, headers)


@evidence(Grade.DOCUMENTED, "https://learn.microsoft.com/partner-center/developer/partner-center-authentication")
def _caller(world: World, call: Call) -> dict[str, Any]:
    """An app+user token of the partner's tenant with `user_impersonation` and, since 2026-04-01, a second factor."""
    token = call.headers.get("authorization", "").partition(" ")[2].strip()
    try:
        claims = verify("entra", token)
    except jwt.PyJWTError as error:
        raise _Refusal(401, 900401, "The request was not authenticated.") from error
    now = world.clock.time()
    audiences = (gdap.PARTNER_CENTER_URL, gdap.PARTNER_CENTER_APP_ID)
    if str(claims.get("aud", "")).rstrip("/") not in audiences or claims["exp"] <= now:
        raise _Refusal(401, 900401, "The token is not for this audience, or has expired.")
    if world.partner is None or claims.get("tid") != world.partner.home:
        raise _Refusal(403, 900403, "The caller's tenant is not enrolled as a partner.")
    if "scp" not in claims:
        raise _Refusal(403, 900403, "This operation does not support app-only authentication.")
    if "user_impersonation" not in claims["scp"].split():
        raise _Refusal(403, 900403, "The token lacks user_impersonation.")
    if "mfa" not in claims.get("amr", ()):
        raise _Refusal(world.switches.partner_center_mfa_status, 900421, "Multi-factor authentication is required.")
    return claims


@evidence(
    Grade.DOCUMENTED, "https://learn.microsoft.com/partner-center/developer/control-panel-vendor-apis (50 requests/s)"
)
def _count(world: World, app_id: str) -> None:
    """At most fifty requests of one application in a second."""
    assert world.partner is not None
    now = world.clock.time()
    times = world.partner.requests.setdefault(app_id, deque())
    while times and times[0] <= now - _PER_SECONDS:
        times.popleft()
    if len(times) >= _LIMIT:
        raise _Refusal(429, 429, "Too many requests.", {"Retry-After": "1"})
    times.append(now)


def _customer(world: World, name: str) -> Tenant:
    """The customer's tenant. That the own one is refused is what another tool's source says; the rest is assumed."""
    partner = world.partner
    assert partner is not None
    if name == partner.home:
        raise _Refusal(400, 400, "The application cannot be consented to in the partner's own tenant.")
    tenant = world.tenants.get(name)
    if tenant is None or partner.customers.get(name) != "reseller":
        raise _Refusal(404, 600002, "The customer was not found.")
    return tenant


@evidence(Grade.DOCUMENTED, "https://learn.microsoft.com/powershell/partnercenter/exchange-online-gdap-app")
def _check_person(world: World, tenant: Tenant, user_id: str) -> None:
    """The person is an admin agent, and holds one of three roles by an active relationship."""
    agent = gdap.is_agent(world, user_id)
    if not (agent and gdap.delegated_roles(world, tenant, user_id) & CONSENT_ROLES):
        raise _Refusal(403, 900403, "The caller is not authorized to perform this operation.")


def _consent(world: World, tenant: Tenant, call: Call) -> Answer:
    try:
        sent = call.json()
    except NotJson as error:
        raise _Refusal(400, 400, "The request body is not valid.") from error
    names = {name.lower(): value for name, value in sent.items()}
    app_id = str(names.get("applicationid") or "").lower()
    home = world.tenants[world.partner.home] if world.partner is not None else tenant
    registered = registration(world, app_id, home)
    if registered is None or registered[0]["signInAudience"] == "AzureADMyOrg":
        raise _Refusal(400, 400, "The application does not exist, or is not multi-tenant.")
    granted = _grants(world, tenant, names.get("applicationgrants"))
    principal = graph.ensure_service_principal(world, tenant, *registered)
    directory = directory_of(world, tenant)
    for resource_id, scopes in granted:
        grant_id = shapes.guid_bytes(principal["id"], resource_id)
        if grant_id in directory.real(GRANTS):
            raise _Refusal(world.switches.partner_center_exists_status, 400, "Permission entry already exists.")
        grant = {
            "clientId": principal["id"], "consentType": "AllPrincipals", "id": grant_id, "principalId": None,
            "resourceId": resource_id, "scope": " ".join(scopes),
        }  # fmt: skip
        directory.put(GRANTS, grant_id, grant)
    return Answer(201, sent)


@evidence(
    Grade.DOCUMENTED,
    "https://learn.microsoft.com/powershell/module/partnercenter/new-partnercustomerapplicationconsent",
)
def _grants(world: World, tenant: Tenant, sent: Any) -> list[tuple[str, list[str]]]:
    """Delegated permissions alone: `scope` is one text with commas; application permissions have no place in the body."""
    if not isinstance(sent, list) or not sent:
        raise _Refusal(400, 400, "applicationGrants is required.")
    directory, grants = directory_of(world, tenant), []
    for grant in sent:
        names = {name.lower(): value for name, value in grant.items()} if isinstance(grant, dict) else {}
        resource = directory.find_real(
            SERVICE_PRINCIPALS, "appId", str(names.get("enterpriseapplicationid") or GRAPH_APP_ID)
        )
        scope = names.get("scope")
        if resource is None or not isinstance(scope, str) or not scope:
            raise _Refusal(400, 400, "The application grant is not valid.")
        scopes = [part.strip() for part in scope.split(",")]
        known = {one["value"] for one in resource["oauth2PermissionScopes"]}
        if not set(scopes) <= known:
            raise _Refusal(400, 400, f"The scope is not valid: {', '.join(sorted(set(scopes) - known))}")
        grants.append((resource["id"], scopes))
    return grants


@evidence(
    Grade.OBSERVED,
    "https://github.com/KelvinTegelaar/CIPP-API, Set-CIPPCPVConsent: the service principal is gone afterwards",
)
def _remove(world: World, tenant: Tenant, app_id: str) -> Answer:
    """Takes the enterprise application out of the customer's tenant, with everything that it was granted there."""
    directory = directory_of(world, tenant)
    principal = directory.find_real(SERVICE_PRINCIPALS, "appId", app_id)
    if principal is None:
        raise _Refusal(404, 404, "The consent was not found.")
    if world.switches.partner_center_removes == "service_principal":
        graph.delete_object(world, tenant, SERVICE_PRINCIPALS, principal["id"])
        return Answer(204)
    for grant in directory.related_real(GRANTS, "clientId", principal["id"]):
        directory.drop(GRANTS, grant["id"])
    return Answer(204)
