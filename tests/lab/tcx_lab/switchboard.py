# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ASGI app in front of all services: finds the service by local port, logs the request, lets trouble happen, passes it on."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import httpx

from tcx_lab import trouble
from tcx_lab.trouble import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from tcx_lab.requestlog import LogEntry
    from tcx_lab.world import Pbx, World

SERVICES = ("login", "graph", "management")
_BODY_METHODS = frozenset({"POST", "PATCH", "PUT", "DELETE"})


@dataclass
class Apps:
    """The ASGI apps of the services. `pbx` is one app for all PBXs: it finds its PBX by the local port."""

    login: ASGIApp
    graph: ASGIApp
    management: ASGIApp
    pbx: ASGIApp


def load_apps(world: World) -> Apps:
    """The real services for a world."""
    from tcx_lab.entra import create_login_app, create_management_app
    from tcx_lab.graph import create_graph_app
    from tcx_lab.pbx import create_pbx_app

    return Apps(create_login_app(world), create_graph_app(world), create_management_app(world), create_pbx_app(world))


class Switchboard:
    """One ASGI app for all sockets of a lab."""

    def __init__(self, world: World, apps: Apps, control: ASGIApp | None = None) -> None:
        self.world = world
        self.apps = apps
        self.control = control
        self._services: dict[int, str] = {}

    def assign(self, service: str, port: int) -> None:
        """Say on which port login, graph or management listens."""
        self._services[port] = service
        setattr(self.world.endpoints, service, f"https://127.0.0.1:{port}")

    def reachable(self, port: int) -> bool:
        """Whether somebody would answer on this port."""
        if port in self._services:
            return True
        pbx = self.world.pbx_on(port)
        return pbx is not None and not pbx.down

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        port = scope["server"][1]
        if self.control is not None and scope["path"].startswith("/_lab/"):
            await self.control(scope, receive, send)
            return
        pbx = self.world.pbx_on(port)
        service = "pbx" if pbx is not None else self._services[port]
        app: ASGIApp = getattr(self.apps, service)
        await _Exchange(self.world, service, pbx, scope).run(app, scope, receive, send)


class _Exchange:
    """One request and its answer, from the log's point of view."""

    def __init__(self, world: World, service: str, pbx: Pbx | None, scope: Scope) -> None:
        self.world = world
        self.service = service
        self.headers = _interesting_headers(scope["headers"])
        self.entry = self._open(pbx, scope)
        self.offset = pbx.clock_offset if pbx is not None else self._tenant_offset()
        self.body: list[bytes] = []

    def _open(self, pbx: Pbx | None, scope: Scope) -> LogEntry:
        client, token_tenant = _bearer(self.headers.get(b"authorization", b""))
        tenant = pbx.tenant_id if pbx is not None else token_tenant
        if self.service == "login":
            tenant_of_path = self.world.find_tenant(scope["path"].strip("/").partition("/")[0])
            tenant = tenant_of_path.id if tenant_of_path is not None else ""
        agent = self.headers.get(b"user-agent", b"").decode("latin-1")
        source = scope.get("tcx_lab.source") or ("browser" if _is_browser(agent, self.headers) else "client")
        scope["tcx_lab.source"] = source
        entry = self.world.log.open(
            service=self.service,
            host=pbx.name if pbx is not None else "",
            tenant=tenant,
            source=source,
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            client=client,
            user_agent=agent,
            connection=(scope.get("client") or ("", 0))[1],
        )
        scope["tcx_lab.log"] = entry
        return entry

    def _tenant_offset(self) -> float:
        tenant = self.world.tenants.get(self.entry.tenant)
        return tenant.clock_offset if tenant is not None else 0.0

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self.world.log.under_way += 1
        try:
            await self._run(app, scope, receive, send)
        finally:
            self.world.log.under_way -= 1

    async def _run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        entry, world = self.entry, self.world
        started = time.perf_counter()

        async def heard() -> MutableMapping[str, Any]:
            message = await receive()
            if message["type"] == "http.request":
                self.body.append(message.get("body", b""))
                if not message.get("more_body", False):
                    self._keep_body()
            return message

        async def told(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
                entry.duration_ms = (time.perf_counter() - started) * 1000
                message["headers"] = [*message.get("headers", ()), (b"date", _date(int(self.now())))]
                if world.trouble.own_connections:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        inner_receive = heard if entry.method in _BODY_METHODS else receive
        outside = not entry.source.startswith("pbx:")
        if outside and world.latency:
            await asyncio.sleep(world.latency)
        facts = trouble.Facts(self.service, entry.host, entry.tenant, entry.method, entry.path, entry.source)
        hits = world.trouble.strike(facts)
        if not hits:
            await app(scope, inner_receive, told)
            return
        entry.trouble = ",".join(rule.id for rule in hits)
        try:
            await trouble.act_out(hits, facts, world.clock.now(), app, scope, inner_receive, told)
        finally:
            entry.duration_ms = (time.perf_counter() - started) * 1000

    def now(self) -> float:
        """Lab time as this service's machines believe, seconds since 1970."""
        return self.world.clock.time() + self.offset

    def _keep_body(self) -> None:
        body = b"".join(self.body)
        content_type = self.headers.get(b"content-type", b"").decode("latin-1")
        if not self.entry.client and "form-urlencoded" in content_type:
            self.entry.client = parse_qs(body.decode("utf-8", "replace")).get("client_id", [""])[0]
        self.world.log.keep_body(self.entry, content_type, body)


_HEADERS = frozenset({b"authorization", b"user-agent", b"content-type", b"sec-fetch-mode"})


def _interesting_headers(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    return {name: value for name, value in headers if name in _HEADERS}


def _is_browser(agent: str, headers: Mapping[bytes, bytes]) -> bool:
    """Browsers send both; scripts that imitate one of the two do not count."""
    return b"sec-fetch-mode" in headers and agent.startswith("Mozilla/")


@lru_cache(maxsize=8192)
def _bearer(authorization: bytes) -> tuple[str, str]:
    """Client id and tenant id that a bearer token names (not verified: this is for the log alone)."""
    parts = authorization.partition(b" ")[2].split(b".")
    if len(parts) != 3:
        return "", ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + b"=="))
    except ValueError:
        return "", ""
    if not isinstance(claims, dict):
        return "", ""
    client = claims.get("appid") or claims.get("azp") or claims.get("client_id") or ""
    return str(client), str(claims.get("tid", ""))


@lru_cache(maxsize=64)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()


class InsideTransport(httpx.AsyncBaseTransport):
    """httpx over the switchboard, without a socket: how the PBXs of the lab reach the lab's login and Graph."""

    def __init__(self, switchboard: Switchboard, source: str) -> None:
        self._switchboard = switchboard
        self._source = source

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        if not self._switchboard.reachable(url.port or 443):
            raise httpx.ConnectError(f"connection refused: {url.host}:{url.port}", request=request)
        body = await request.aread()
        status, headers, content = 0, [], b""

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            nonlocal status, headers, content
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message.get("headers", ()))
            else:
                content += message.get("body", b"")

        try:
            await self._switchboard(self._scope(request), receive, send)
        except trouble.ConnectionCut as error:
            raise httpx.ReadError("connection reset by peer", request=request) from error
        return httpx.Response(status, headers=headers, content=content, request=request)

    def _scope(self, request: httpx.Request) -> Scope:
        url = request.url
        raw_path, _question, query = url.raw_path.partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "server": (url.host, url.port or 443),
            "client": ("127.0.0.1", 0),
            "tcx_lab.source": self._source,
        }


def connect_inside(world: World, apps: Apps | None = None, control: ASGIApp | None = None) -> Switchboard:
    """Give a world its apps, reachable from inside only. Who has no port yet gets a nominal one."""
    switchboard = Switchboard(world, apps if apps is not None else load_apps(world), control)
    spare = iter(range(20_001, 1 << 16))
    for service in SERVICES:
        switchboard.assign(service, next(spare))
    for pbx in world.pbxs.values():
        if not pbx.port:
            world.place(pbx, next(spare))
    world.internal_client_factory = lambda source: httpx.AsyncClient(
        transport=InsideTransport(switchboard, source), timeout=60
    )
    return switchboard
