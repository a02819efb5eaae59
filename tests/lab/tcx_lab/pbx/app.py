# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ASGI app of all PBXs: the local port says which one is meant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tcx_lab import trouble
from tcx_lab.pbx import guard, login, microsoft, signin, sync, xapi
from tcx_lab.pbx.state import PbxState, state_of

if TYPE_CHECKING:
    from tcx_lab.trouble import ASGIApp, Receive, Scope, Send
    from tcx_lab.world import Pbx, World


async def _notification(state: PbxState, request: Request) -> Response:
    """Graph calls: it wants its validation token back as text (documented). What it notifies of brings the next sync forward.

    A PBX that is not reachable from the internet, or has no certificate that Graph accepts, is a cut connection to Graph.
    """
    token = request.query_params.get("validationToken")
    entry = request.scope.get("tcx_lab.log")
    if entry is not None and token is not None:
        entry.is_write = False
    if not sync.notifications_arrive(state):
        trouble.cut(request.scope)
        return Response(status_code=503)
    if token is not None:
        return PlainTextResponse(token)
    sync.notified(state)
    return Response(status_code=202)


Endpoint = Callable[[PbxState, Request], Awaitable[Response]]

_ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("POST", "/connect/token"): login.connect_token,
    ("POST", "/webclient/api/Login/GetAccessToken"): login.get_access_token,
    ("POST", "/webclient/api/Logout"): login.logout,
    ("POST", "/webclient/logout"): signin.sign_out,
    ("POST", microsoft.NOTIFICATION_PATH): _notification,
    ("GET", "/"): signin.web_client,
    ("GET", "/webclient"): signin.web_client,
    ("GET", "/webclient/"): signin.web_client,
    ("GET", "/admin"): signin.admin_console,
    ("GET", "/admin/"): signin.admin_console,
    ("GET", signin.REDIRECT_PATH): signin.oauth2office2,
    ("POST", signin.REDIRECT_PATH): signin.oauth2office2,
    ("GET", "/oauth2presence"): signin.oauth2presence,
    ("POST", "/oauth2presence"): signin.oauth2presence,
}


def create_pbx_app(world: World, pbx: Pbx | None = None) -> ASGIApp:
    """One app for every PBX of the world, or for one alone when it is given."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        here = pbx if pbx is not None else world.pbx_on(scope["server"][1])
        if here is None:
            await Response("No PBX listens on this port.", 502)(scope, receive, send)
            return
        state = state_of(world, here)
        request = Request(scope, receive)
        if guard.is_blocked(state, login.address_of(request)):
            await _turn_away(state, scope, receive, send)
            return
        answer = await _endpoint(scope)(state, request)
        await answer(scope, receive, send)

    return app


def _endpoint(scope: Scope) -> Endpoint:
    path: str = scope["path"]
    if path.startswith(xapi.PREFIX + "/"):
        return xapi.handle
    if path.startswith("/webclient/photos/"):
        return signin.photo
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    return _ENDPOINTS.get((method, path), _nothing)


async def _nothing(_state: PbxState, _request: Request) -> Response:
    return Response(status_code=404)


async def _turn_away(state: PbxState, scope: Scope, receive: Receive, send: Send) -> None:
    """A blocked address: 403, or no answer at all (which of the two is unknown: switch block_symptom)."""
    await trouble.drain(receive)
    if state.switches.block_symptom == "refused":
        trouble.cut(scope)
        return
    await Response(status_code=403)(scope, receive, send)
