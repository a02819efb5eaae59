# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gateway of Automation Platform 2.5 in front of a controller: other addresses, and organizations of its own.

Documented: the OpenAPI of gateway and controller that Red Hat publishes with its MCP server.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fake_controller.showing import ROOT

CONTROLLER, GATEWAY = "/api/controller/v2/", "/api/gateway/v1/"
PRODUCT = {"X-API-Product-Name": "Red Hat Ansible Automation Platform", "X-API-Product-Version": "4.6.0"}


def in_front_of(controller: Starlette) -> Starlette:
    """The same controller behind a gateway."""
    transport = httpx.ASGITransport(app=controller)

    async def forward(request: Request, path: str) -> Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://controller") as client:
            headers = {
                name: value for name, value in request.headers.items() if name in ("authorization", "content-type")
            }
            target = path + (f"?{request.url.query}" if request.url.query else "")
            answer = await client.request(request.method, target, content=await request.body(), headers=headers)
        body = answer.content.replace(ROOT.encode(), CONTROLLER.encode())
        kept = {"content-type": answer.headers.get("content-type", "application/json"), **PRODUCT}
        return Response(body if answer.status_code != 204 else b"", answer.status_code, headers=kept)

    async def to_controller(request: Request) -> Response:
        path = request.path_params["path"]
        if request.method != "GET" and path.split("/")[0] in ("teams", "users"):
            return _refused()
        if request.method in ("POST", "DELETE") and re.fullmatch(r"organizations/(\d+/)?", path):
            return _refused()
        return await forward(request, ROOT + path)

    async def to_gateway(request: Request) -> Response:
        return await forward(request, ROOT + request.path_params["path"])

    return Starlette(
        routes=[_route(CONTROLLER, to_controller), _route(GATEWAY, to_gateway)],
    )


def _route(prefix: str, handler: Callable[[Request], Awaitable[Response]]) -> Route:
    return Route(prefix + "{path:path}", handler, methods=["GET", "POST", "PATCH", "DELETE", "OPTIONS"])


def _refused() -> Response:
    said = "This resource is managed by the platform; use the gateway."
    return JSONResponse({"detail": said}, 403, headers=PRODUCT)
