# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sign-in service (login.microsoftonline.com and its sisters) as an ASGI app."""

from __future__ import annotations

import uuid

from tcx_lab.entra import consent, errors, federation, tokens
from tcx_lab.entra.authorize import Authorizer
from tcx_lab.entra.errors import SignInError
from tcx_lab.entra.keys import jwk
from tcx_lab.graph.shapes import is_guid
from tcx_lab.graph.web import Answer, Call, Receive, Scope, Send, read_call, send_answer
from tcx_lab.world import Tenant, World

_ANY_TENANT = frozenset({"common", "organizations"})
_CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"


def create_login_app(world: World) -> LoginApp:
    """The sign-in service for all tenants of a world."""
    return LoginApp(world)


class LoginApp:
    """ASGI app. Sessions, codes and refresh tokens live here; everything else in the world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.issued = tokens.Issued()
        self.authorizer = Authorizer(world, self.issued)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        call = await read_call(scope, receive)
        answer = self.answer(call)
        answer.headers.setdefault("x-ms-request-id", str(uuid.uuid4()))
        answer.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
        answer.headers.setdefault("X-Content-Type-Options", "nosniff")
        correlation = call.headers.get("client-request-id")
        if correlation:
            answer.headers["client-request-id"] = correlation
        await send_answer(send, answer)

    def answer(self, call: Call) -> Answer:
        """Handle one request."""
        parts = call.segments
        if parts[:1] == ["_issuer"] and len(parts) > 1:
            return federation.handle(self.world, call, parts[1:]) or _nothing()
        if len(parts) < 2:
            return _nothing()
        if [part.lower() for part in parts[1:]] == ["discovery", "instance"]:
            return Answer(200, _instance(call))
        rest = "/".join(part.lower() for part in parts[1:])
        if rest in ("discovery/v2.0/keys", "discovery/keys"):
            return Answer(200, {"keys": [jwk("entra")]}, {"Cache-Control": "max-age=86400, private"})
        return self._for_tenant(call, parts[0], rest)

    def _for_tenant(self, call: Call, name: str, rest: str) -> Answer:
        if rest.endswith(".well-known/openid-configuration"):
            return self._configuration(call, name, new=rest.startswith("v2.0/"))
        if rest in ("oauth2/v2.0/token", "oauth2/token"):
            return self._token(call, name, old=rest == "oauth2/token")
        if rest in ("oauth2/v2.0/logout", "oauth2/logout"):
            return self.authorizer.sign_out(call)
        tenant = None
        try:
            tenant = self._tenant_or_common(name)
            return self._page(call, tenant, rest)
        except SignInError as error:
            return self.authorizer.failure_page(error, tenant)

    def _page(self, call: Call, tenant: Tenant | None, rest: str) -> Answer:
        if rest in ("oauth2/v2.0/authorize", "oauth2/authorize"):
            return self.authorizer.authorize(call, tenant)
        if rest == "login":
            return self.authorizer.choose(call, tenant)
        if rest not in ("adminconsent", "v2.0/adminconsent"):
            return _nothing()
        if tenant is None:
            raise errors.no_tenant()
        return consent.handle(self.world, self.authorizer, call, tenant, new=rest.startswith("v2.0"))

    def _tenant(self, name: str, error: str) -> Tenant:
        tenant = self.world.find_tenant(name)
        if tenant is None:
            known_form = is_guid(name) or "." in name
            raise (errors.unknown_tenant if known_form else errors.bad_tenant)(name, error)
        return tenant

    def _tenant_or_common(self, name: str) -> Tenant | None:
        return None if name.lower() in _ANY_TENANT else self._tenant(name, "invalid_request")

    def _token(self, call: Call, name: str, *, old: bool) -> Answer:
        tenant: Tenant | None = None
        try:
            if call.method != "POST":
                raise errors.SignInError(
                    900561, "invalid_request", "The endpoint only accepts POST requests. Received a GET request."
                )
            tenant = self._token_tenant(call, name)
            body = tokens.answer(self.world, self.issued, call, tenant, old=old)
            return Answer(200, body, {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"})
        except SignInError as error:
            return self._failure(call, tenant, error)

    def _token_tenant(self, call: Call, name: str) -> Tenant:
        if name.lower() not in _ANY_TENANT:
            return self._tenant(name, "invalid_request")
        form = call.form()
        grant = self.issued.codes.get(form.get("code", "")) or self.issued.refresh.get(form.get("refresh_token", ""))
        if grant is None:
            raise errors.no_tenant()
        return self.world.tenants[grant.tenant_id]

    def _failure(self, call: Call, tenant: Tenant | None, error: SignInError) -> Answer:
        now = self.world.clock.now() if tenant is None else tokens.tenant_now(self.world, tenant)
        correlation = call.headers.get("client-request-id") or str(uuid.uuid4())
        breaks = self.world.switches.error_line_breaks
        body = error.body(now, correlation, self.world.endpoints.login, line_breaks=breaks)
        return Answer(error.status, body, {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"})

    def _configuration(self, call: Call, name: str, *, new: bool) -> Answer:
        low = name.lower()
        if low in _ANY_TENANT or low == "consumers":
            tenant_id = _CONSUMERS if low == "consumers" else "{tenantid}"
            return Answer(200, self._document(call, name, tenant_id, new=new))
        try:
            tenant = self._tenant(name, "invalid_tenant")
        except SignInError as error:
            return self._failure(call, None, error)
        return Answer(200, self._document(call, tenant.id, tenant.id, new=new))

    def _document(self, call: Call, name: str, tenant_id: str, *, new: bool) -> dict[str, object]:
        base = f"{call.base}/{name}"
        path = f"{base}/oauth2/v2.0" if new else f"{base}/oauth2"
        issuer = f"{call.base}/{tenant_id}/v2.0" if new else f"https://sts.windows.net/{tenant_id}/"
        return {
            "token_endpoint": f"{path}/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": f"{base}/discovery/v2.0/keys" if new else f"{call.base}/{name}/discovery/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": issuer,
            "request_uri_parameter_supported": False,
            "userinfo_endpoint": f"{self.world.endpoints.graph}/oidc/userinfo",
            "authorization_endpoint": f"{path}/authorize",
            "device_authorization_endpoint": f"{path}/devicecode",
            "http_logout_supported": True,
            "frontchannel_logout_supported": True,
            "end_session_endpoint": f"{path}/logout",
            "claims_supported": [
                "sub",
                "iss",
                "aud",
                "exp",
                "iat",
                "nonce",
                "preferred_username",
                "name",
                "tid",
                "ver",
            ],
            "tenant_region_scope": None if tenant_id == "{tenantid}" else "EU",
            "cloud_instance_name": call.headers.get("host", "").partition(":")[0],
            "cloud_graph_host_name": "graph.windows.net",
            "msgraph_host": self.world.endpoints.graph.removeprefix("https://"),
            "rbac_url": "https://pas.windows.net",
        }


def _instance(call: Call) -> dict[str, object]:
    """Instance discovery: which hosts are the same cloud (documented by the MSAL libraries)."""
    host = call.headers.get("host", "")
    endpoint = call.query.get("authorization_endpoint", "")
    tenant = endpoint.split("/")[3] if endpoint.count("/") >= 3 else "common"
    return {
        "tenant_discovery_endpoint": f"{call.base}/{tenant}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }


def _nothing() -> Answer:
    return Answer(404, "", {"Content-Type": "text/plain"})
