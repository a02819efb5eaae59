# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small world with its services in process, for tests: every exchange with Graph is judged by the published contract."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import httpx

from tcx_lab.ca import KeyPool
from tcx_lab.clock import Clock
from tcx_lab.entra import create_login_app, create_management_app
from tcx_lab.graph import contract, create_graph_app, seed
from tcx_lab.graph.catalog import GRAPH_URLS
from tcx_lab.graph.store import SERVICE_PRINCIPALS, Entity, directory_of
from tcx_lab.world import GRAPH_APP_ID, Automation, Tenant, World

#: Making keys is slow, and worlds of tests may share them.
_KEYS = KeyPool()
EVERYTHING = (
    *seed.AUTOMATION_ROLES,
    "Directory.Read.All",
    "Group.Read.All",
    "Policy.ReadWrite.ApplicationConfiguration",
)


class Kit:
    """A world with two tenants, an automation application in both, and clients for login, Graph and management."""

    def __init__(self, roles: Iterable[str] = EVERYTHING, *, clock: Clock | None = None, users: int = 6) -> None:
        self.world = World(seed=7, clock=clock or Clock())
        self.world.key_pool = _KEYS
        self.tenant = self._tenant("Contoso", "contoso.example", users)
        self.other = self._tenant("Fabrikam", "fabrikam.example", 2)
        self.automation: Automation = seed.register_automation_app(self.world, [self.tenant, self.other], roles)
        ends = self.world.endpoints
        ends.login, ends.graph, ends.management = (
            f"https://{service}.lab" for service in ("login", "graph", "management")
        )
        self.login = self._client(create_login_app(self.world), ends.login)
        self.management = self._client(create_management_app(self.world), ends.management)
        self._graph = self._client(create_graph_app(self.world), ends.graph)
        self.token = ""
        self.unjudged: list[str] = []

    def _tenant(self, name: str, domain: str, users: int) -> Tenant:
        tenant = self.world.add_tenant(Tenant(self.world.new_guid(), name, domain))
        seed.seed_tenant(self.world, tenant, users=users)
        return tenant

    @staticmethod
    def _client(app: Any, base: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base)

    # --- sign-in -------------------------------------------------------------------------------------------------------

    async def ask_token(self, tenant: Tenant | str | None = None, **form: str) -> httpx.Response:
        """A token request; without fields, the automation's by secret."""
        name = tenant.id if isinstance(tenant, Tenant) else tenant or self.tenant.id
        defaults = {
            "grant_type": "client_credentials",
            "client_id": self.automation.app_id,
            "client_secret": self.automation.client_secret,
            "scope": f"{GRAPH_URLS['public']}/.default",
        }
        if "client_assertion" in form:
            del defaults["client_secret"]
            form.setdefault("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
        fields = {name: value for name, value in {**defaults, **form}.items() if value}
        return await self.login.post(f"/{name}/oauth2/v2.0/token", data=fields)

    async def sign_in(self, tenant: Tenant | None = None, **form: str) -> str:
        """Get a token and use it from now on."""
        answer = await self.ask_token(tenant, **form)
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["access_token"]
        return self.token

    # --- Graph ---------------------------------------------------------------------------------------------------------

    async def graph(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None, version: str = "v1.0"
    ) -> httpx.Response:
        """One request to Graph; `path` begins after the version. The exchange is checked against the contract."""
        if not self.token:
            await self.sign_in()
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        content = None if body is None else json.dumps(body)
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        answer = await self._graph.request(method, f"/{version}{path}", content=content, headers=sent)
        self._judge(method, path, body, answer, version)
        return answer

    def _judge(self, method: str, path: str, sent: Any, answer: httpx.Response, version: str) -> None:
        if contract.missing() or version != "v1.0":
            return
        received = answer.json() if "json" in answer.headers.get("content-type", "") else None
        decoded = httpx.URL(f"https://x{path}").path
        if not contract.contract().judge(method, decoded, answer.status_code, sent, received):
            self.unjudged.append(f"{method} {decoded}")

    async def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The JSON of a request that must succeed."""
        answer = await self.graph(method, path, body, **more)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def refused(self, status: int, code: str, method: str, path: str, body: Any = None, **more: Any) -> Entity:
        """The error of a request that must fail in just this way."""
        answer = await self.graph(method, path, body, **more)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        error: Entity = answer.json()["error"]
        assert error["code"] == code, error
        return error

    # --- things to work on ---------------------------------------------------------------------------------------------

    async def application(self, name: str = "pbx", **properties: Any) -> Entity:
        """An application made through Graph."""
        body = {"displayName": name, "signInAudience": "AzureADMyOrg", **properties}
        made: Entity = await self.ok("POST", "/applications", body)
        return made

    async def principal(self, app: Entity, **properties: Any) -> Entity:
        """Its service principal, made through Graph."""
        made: Entity = await self.ok("POST", "/servicePrincipals", {"appId": app["appId"], **properties})
        return made

    def resource(self, app_id: str = GRAPH_APP_ID, tenant: Tenant | None = None) -> Entity:
        """The service principal of a resource API."""
        resource = directory_of(self.world, tenant or self.tenant).find_real(SERVICE_PRINCIPALS, "appId", app_id)
        assert resource is not None
        return resource

    def role(self, value: str, app_id: str = GRAPH_APP_ID) -> str:
        """The id of an application permission."""
        return next(str(role["id"]) for role in self.resource(app_id)["appRoles"] if role["value"] == value)

    async def client_with(self, *roles: str, name: str = "caller") -> Entity:
        """Sign in as a new application that holds just these permissions on Graph; returns it."""
        app = seed.create_application(self.world, self.tenant, name)
        principal = seed.ensure_service_principal(self.world, self.tenant, app)
        secret = seed.add_secret(self.world, self.tenant, app["id"])
        seed.grant_app_roles(self.world, self.tenant, principal["id"], roles)
        await self.sign_in(client_id=app["appId"], client_secret=secret)
        return {**app, "principal": principal, "secret": secret}
