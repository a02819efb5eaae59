# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The small resource-manager facade that azure-cli and Terraform ask first, and the token endpoints of managed identities."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from tcx_lab.entra import partner_center, tokens
from tcx_lab.entra.clients import find_client
from tcx_lab.entra.errors import SignInError
from tcx_lab.graph.web import Answer, Call, Receive, Scope, Send, read_call, send_answer
from tcx_lab.world import Tenant, World

#: Value of X-IDENTITY-HEADER that the App Service endpoint wants.
IDENTITY_HEADER = "lab-identity-header"
#: Where the Arc agent would keep its challenge; the lab accepts the key that this file would hold.
ARC_KEY = "lab-arc-key"


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """The identity of the machine that asks: which application, in which tenant."""

    tenant: Tenant
    app_id: str


def create_management_app(world: World) -> ManagementApp:
    """The facade for a world."""
    return ManagementApp(world)


class ManagementApp:
    """ASGI app. The managed identity is the automation's application in its home tenant unless `identity` says otherwise."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.identity: ManagedIdentity | None = None
        self.arc_challenge_path = "/var/opt/azcmagent/tokens/lab.key"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        call = await read_call(scope, receive)
        answer = self.answer(call)
        answer.headers.setdefault("x-ms-request-id", str(uuid.uuid4()))
        await send_answer(send, answer)

    def answer(self, call: Call) -> Answer:
        """Handle one request."""
        path = "/".join(part.lower() for part in call.segments)
        if path.startswith("v1/customers/") and "/applicationconsents" in path:
            return partner_center.handle(self.world, call)
        return self._resource_manager(call, path)

    def _resource_manager(self, call: Call, path: str) -> Answer:
        if path == "metadata/endpoints":
            return Answer(200, self._endpoints(call))
        if path == "subscriptions":
            return self._with_token(call, {"value": [], "count": {"type": "Total", "value": 0}})
        if path == "tenants":
            return self._with_token(call, {"value": [_tenant(tenant) for tenant in self._visible_tenants(call)]})
        if path == "metadata/identity/oauth2/token":
            return self._identity_token(call)
        if path in ("msi/token", "metadata/identity/oauth2/token/"):
            return self._app_service_token(call)
        return Answer(404, {"error": {"code": "ResourceNotFound", "message": f"'/{path}' does not exist in the lab."}})

    def _endpoints(self, call: Call) -> Any:
        """Addresses of this cloud, in the 2022-09-01 form; older versions ask for a list (documented)."""
        ends = self.world.endpoints
        management = call.base
        cloud = {
            "portal": "https://portal.azure.com",
            "authentication": {
                "loginEndpoint": ends.login,
                "audiences": [f"{management}/", management],
                "tenant": "common",
                "identityProvider": "AAD",
            },
            "media": management,
            "graphAudience": f"{ends.graph}/",
            "graph": f"{ends.graph}/",
            "name": "lab",
            "suffixes": {
                "acrLoginServer": "azurecr.io",
                "keyVaultDns": "vault.azure.net",
                "storage": "core.windows.net",
                "sqlServerHostname": "database.windows.net",
            },
            "batch": f"{management}/",
            "resourceManager": f"{management}/",
            "vmImageAliasDoc": f"{management}/aliases.json",
            "activeDirectoryDataLake": f"{management}/",
            "sqlManagement": f"{management}/",
            "microsoftGraphResourceId": f"{ends.graph}/",
            "appInsightsResourceId": management,
            "appInsightsTelemetryChannelResourceId": management,
            "attestationResourceId": management,
            "synapseAnalyticsResourceId": management,
            "logAnalyticsResourceId": management,
            "ossrDbmsResourceId": management,
            "gallery": f"{management}/",
        }
        return cloud if call.query.get("api-version", "") >= "2022" else [cloud]

    def _with_token(self, call: Call, body: dict[str, Any]) -> Answer:
        if not call.headers.get("authorization", "").lower().startswith("bearer "):
            error = {
                "code": "AuthenticationFailed",
                "message": "Authentication failed. The 'Authorization' header is missing.",
            }
            return Answer(
                401, {"error": error}, {"WWW-Authenticate": f'Bearer authorization_uri="{self.world.endpoints.login}"'}
            )
        return Answer(200, body)

    def _visible_tenants(self, call: Call) -> list[Tenant]:
        entry = call.scope.get("tcx_lab.log")
        own = self.world.tenants.get(getattr(entry, "tenant", ""))
        return [own] if own is not None else list(self.world.tenants.values())

    # --- managed identities --------------------------------------------------------------------------------------------

    def _identity_token(self, call: Call) -> Answer:
        """IMDS (documented: `Metadata: true`), or Azure Arc when its challenge is used."""
        if call.headers.get("metadata", "").lower() != "true":
            return _imds_error("invalid_request", "Required metadata header not specified")
        if "x-forwarded-for" in call.headers:
            return _imds_error("invalid_request", "X-Forwarded-For header is not allowed")
        arc = call.query.get("api-version", "") >= "2019-11-01" and call.query.get("api-version", "") < "2021"
        if arc and call.headers.get("authorization", "") != f"Basic {ARC_KEY}":
            return Answer(401, {}, {"WWW-Authenticate": f"Basic realm={self.arc_challenge_path}"})
        return self._issue(call)

    def _app_service_token(self, call: Call) -> Answer:
        """App Service (documented: X-IDENTITY-HEADER, api-version 2019-08-01)."""
        if call.headers.get("x-identity-header") != IDENTITY_HEADER:
            return Answer(401, {"statusCode": 401, "message": "X-IDENTITY-HEADER is missing or wrong"})
        return self._issue(call)

    def _issue(self, call: Call) -> Answer:
        resource = call.query.get("resource", "")
        if not resource:
            return _imds_error("invalid_request", "Required query variable 'resource' is missing")
        identity = self.identity or self._automation()
        client_id = call.query.get("client_id", "")
        if identity is None or (client_id and client_id != identity.app_id):
            return _imds_error("invalid_request", "Identity not found")
        try:
            client = find_client(self.world, identity.tenant, identity.app_id)
            api = tokens.find_resource(self.world, identity.tenant, resource)
        except SignInError as error:
            return _imds_error(error.error, error.text)
        token = tokens.app_only_token(self.world, client, resource.rstrip("/"), api)
        end = int(tokens.tenant_now(self.world, identity.tenant).timestamp()) + self.world.switches.token_lifetime
        return Answer(
            200,
            {
                "access_token": token,
                "client_id": identity.app_id,
                "expires_in": str(self.world.switches.token_lifetime),
                "expires_on": str(end),
                "ext_expires_in": str(self.world.switches.token_lifetime),
                "not_before": str(end - self.world.switches.token_lifetime),
                "resource": resource,
                "token_type": "Bearer",
            },
        )

    def _automation(self) -> ManagedIdentity | None:
        automation = self.world.automation
        if automation is None:
            return None
        return ManagedIdentity(self.world.tenants[automation.home_tenant_id], automation.app_id)


def _imds_error(code: str, text: str) -> Answer:
    return Answer(400, {"error": code, "error_description": text})


def _tenant(tenant: Tenant) -> dict[str, Any]:
    return {
        "id": f"/tenants/{tenant.id}",
        "tenantId": tenant.id,
        "countryCode": "US",
        "displayName": tenant.display_name,
        "domains": [tenant.domain],
        "tenantCategory": "Home",
        "defaultDomain": tenant.domain,
        "tenantType": "AAD",
    }
