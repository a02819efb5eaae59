# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""For tests of the PBXs: a small world without sockets, and a client of one PBX that holds every request and answer against
3CX's API description of that build (where the descriptions are at hand)."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
from cryptography.hazmat.primitives.serialization import Encoding

from tcx_lab import ca
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan, build
from tcx_lab.pbx.contract import Contract
from tcx_lab.pbx.state import PbxState, state_of
from tcx_lab.switchboard import connect_inside
from tcx_lab.world import GRAPH_APP_ID, Pbx, Tenant, World

GUIDE_PERMISSIONS = ("User.Read.All", "Calendars.Read", "Contacts.Read", "Mail.Send")


def small_world(version: str = "20.0.10", edition: str = "Enterprise", *, users: int = 6, **pbx: Any) -> World:
    """One tenant, contoso.example, and one PBX, "acme", with all services connected inside."""
    plan = FleetPlan([TenantPlan("contoso", users=users)], [PbxPlan("acme", "contoso", version, edition, **pbx)])
    world = build(plan)
    connect_inside(world)
    return world


class PbxClient:
    """XAPI of one PBX as an honest client uses it: one token, requests and answers as documented."""

    def __init__(self, world: World, name: str = "acme") -> None:
        self.world = world
        self.pbx: Pbx = world.pbxs[name]
        self.http = world.internal_client("client")
        self.contract = Contract.load(self.pbx.version)
        self.token = ""

    @property
    def state(self) -> PbxState:
        """What the PBX remembers."""
        return state_of(self.world, self.pbx)

    @property
    def tenant(self) -> Tenant:
        """The tenant of the PBX's users."""
        return self.world.tenants[self.pbx.tenant_id]

    async def sign_in(self, client_id: str = "", client_secret: str = "") -> httpx.Response:
        """Get a token with client credentials and keep it when there is one."""
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id or self.pbx.client_id,
            "client_secret": client_secret or self.pbx.client_secret,
        }
        answer = await self.http.post(f"{self.pbx.url}/connect/token", data=form)
        if answer.status_code == 200:
            self.token = answer.json()["access_token"]
        return answer

    async def log_in(self, username: str, password: str, code: str = "") -> httpx.Response:
        """Sign in as a person and keep the token when there is one."""
        body = {"Username": username, "Password": password, "SecurityCode": code, "ReCaptchaResponse": None}
        answer = await self.http.post(f"{self.pbx.url}/webclient/api/Login/GetAccessToken", json=body)
        if answer.status_code == 200 and answer.json().get("Token"):
            self.token = answer.json()["Token"]["access_token"]
        return answer

    async def call(
        self, method: str, path: str, body: Any = None, *, checked: bool = True, **headers: str
    ) -> httpx.Response:
        """One request below /xapi/v1. `checked` false: the request may break the rules; the answer may not."""
        if not self.token and (await self.sign_in()).status_code == 400:
            await self.log_in(self.pbx.admin.username, self.pbx.admin.password)  # a license without XAPI
        plain, _mark, query = path.partition("?")
        if self.contract is not None and checked:
            self.contract.check_request(method, plain, body, query)
        answer = await self.http.request(
            method,
            f"{self.pbx.url}/xapi/v1{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}", **headers},
        )
        if self.contract is not None and checked:
            self._check_answer(method, plain, answer)
        return answer

    def _check_answer(self, method: str, path: str, answer: httpx.Response) -> None:
        assert self.contract is not None
        if "octet-stream" in answer.headers.get("content-type", ""):
            return  # a file: the description's IActionResult says nothing about it
        content = json.loads(answer.content) if answer.content else None
        self.contract.check_response(method, path, answer.status_code, content)

    async def get(self, path: str) -> Any:
        """The JSON of a successful GET."""
        answer = await self.call("GET", path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def patch(self, path: str, body: Any) -> None:
        """A successful PATCH."""
        answer = await self.call("PATCH", path, body)
        assert answer.status_code == 204, f"{path}: {answer.status_code} {answer.text}"

    async def post(self, path: str, body: Any = None) -> Any:
        """The JSON of a successful POST; None for 204."""
        answer = await self.call("POST", path, body)
        assert answer.status_code in (200, 201, 204), f"{path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def refusal(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """Status and message of a request that must fail; nothing in it is held against the description."""
        answer = await self.call(method, path, body, checked=False)
        assert answer.status_code >= 400, f"{path}: {answer.status_code} {answer.text}"
        if not answer.content:
            return answer.status_code, ""
        error = answer.json()["error"]
        assert error["code"] == ""
        return answer.status_code, error["message"]

    async def link(self, application_id: str, **ad_users: Any) -> None:
        """Write the ids and the settings of the user sync."""
        now = (await self.get("/Microsoft365Integration"))["AdUsers"]
        body = {"ApplicationId": application_id, "TenantId": self.pbx.tenant_id, "AdUsers": {**now, **ad_users}}
        await self.patch("/Microsoft365Integration", body)


class Directory:
    """The customer's tenant as the automation's application changes it: the guide's steps in Entra."""

    def __init__(self, world: World, pbx: Pbx) -> None:
        self.world = world
        self.pbx = pbx
        self.http = world.internal_client("client")
        self._token = ""

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request to Graph that must succeed; its JSON, or None."""
        if not self._token:
            self._token = await self._sign_in()
        url = f"{self.world.endpoints.graph}/v1.0{path}"
        answer = await self.http.request(method, url, json=body, headers={"Authorization": f"Bearer {self._token}"})
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def _sign_in(self) -> str:
        automation = self.world.automation
        assert automation is not None
        form = {
            "grant_type": "client_credentials",
            "client_id": automation.app_id,
            "client_secret": automation.client_secret,
            "scope": f"{self.world.endpoints.graph}/.default",
        }
        answer = await self.http.post(f"{self.world.endpoints.login}/{self.pbx.tenant_id}/oauth2/v2.0/token", data=form)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def register(self, *permissions: str, redirect_uris: tuple[str, ...] = ()) -> dict[str, Any]:
        """The guide's application: certificate of the PBX, ID tokens, service principal, consent. Returns the application."""
        der = ca.key_pair_of(self.world, self.pbx).certificate.public_bytes(Encoding.DER)
        key = {
            "type": "AsymmetricX509Cert",
            "usage": "Verify",
            "key": base64.b64encode(der).decode(),
            "displayName": "3CX",
        }
        web = {"redirectUris": list(redirect_uris), "implicitGrantSettings": {"enableIdTokenIssuance": True}}
        body = {
            "displayName": "3CX Server-side",
            "signInAudience": "AzureADMyOrg",
            "keyCredentials": [key],
            "web": web,
        }
        application: dict[str, Any] = await self.call("POST", "/applications", body)
        principal = await self.call("POST", "/servicePrincipals", {"appId": application["appId"]})
        for name in permissions:
            await self.grant(principal["id"], name)
        return {**application, "servicePrincipalId": principal["id"]}

    async def grant(self, principal_id: str, permission: str) -> dict[str, Any]:
        """Admin consent to one application permission of Graph."""
        graph = await self.call("GET", f"/servicePrincipals(appId='{GRAPH_APP_ID}')")
        role = next(app_role["id"] for app_role in graph["appRoles"] if app_role["value"] == permission)
        body = {"principalId": principal_id, "resourceId": graph["id"], "appRoleId": role}
        made: dict[str, Any] = await self.call("POST", f"/servicePrincipals/{principal_id}/appRoleAssignments", body)
        return made
