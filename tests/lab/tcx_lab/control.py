# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control API under /_lab/ on every port of the lab: what tests in other processes use to look behind the scenes and
to change things behind the collection's back. It is the lab's own and imitates nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tcx_lab import ca, fleet, graph, inventory, partner, people, simulated
from tcx_lab.graph.errors import GraphError
from tcx_lab.pbx import patch_pbx, state_of
from tcx_lab.requestlog import count

if TYPE_CHECKING:
    from tcx_lab.server import LabServer
    from tcx_lab.trouble import Receive, Scope, Send
    from tcx_lab.world import Pbx, Tenant, World

#: Fields of a PBX that the control API sets by itself; everything else in the body is for pbx/.
_PLAIN_FIELDS = (
    "version",
    "edition",
    "simultaneous_calls",
    "client_secret",
    "clock_offset",
    "https_port",
    "fqdn",
    "inventory_vars",
    "lies",
)


class ControlApp:
    """ASGI app of the control API. Wrong requests are answered with 400 and {"error": sentence}."""

    def __init__(self, world: World, server: LabServer) -> None:
        self._world = world
        self._server = server
        self._app = Starlette(
            routes=[
                Route("/_lab/state", self._state),
                Route("/_lab/log", self._log, methods=["GET", "DELETE"]),
                Route("/_lab/trouble", self._trouble, methods=["GET", "POST", "DELETE"]),
                Route("/_lab/trouble/{rule}", self._remove_trouble, methods=["DELETE"]),
                Route("/_lab/clock", self._clock, methods=["POST"]),
                Route("/_lab/latency", self._latency, methods=["POST"]),
                Route("/_lab/switches", self._switches, methods=["GET", "PATCH"]),
                Route("/_lab/automation", self._automation, methods=["GET", "PATCH"]),
                Route("/_lab/partner", self._partner, methods=["PUT"]),
                Route("/_lab/simulated", self._simulated),
                Route("/_lab/reset", self._reset, methods=["POST"]),
                Route("/_lab/drift", self._drift, methods=["POST"]),
                Route("/_lab/inventory", self._inventory),
                Route("/_lab/ca.pem", self._authority),
                Route("/_lab/pbx/{pbx}", self._pbx, methods=["GET", "PATCH"]),
                Route("/_lab/pbx/{pbx}/public_key.pem", self._public_key),
                Route("/_lab/pbx/{pbx}/new_key_pair", self._new_key_pair, methods=["POST"]),
                Route("/_lab/tenants/{tenant}", self._tenant),
                Route("/_lab/tenants/{tenant}/consent", self._consent, methods=["POST", "DELETE"]),
                Route("/_lab/tenants/{tenant}/sign_in", self._sign_in, methods=["POST"]),
                Route("/_lab/tenants/{tenant}/{kind}", self._objects, methods=["GET"]),
                Route("/_lab/tenants/{tenant}/{kind}/{object}", self._object, methods=["GET", "PATCH", "DELETE"]),
            ],
            exception_handlers={HTTPException: _explain, **dict.fromkeys(_REFUSALS, _refuse)},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    async def _state(self, _request: Request) -> Response:
        world = self._world
        return JSONResponse(
            {
                "seed": world.seed,
                "now": world.clock.now().isoformat(),
                "latency_ms": world.latency * 1000,
                "endpoints": vars(world.endpoints),
                "switches": world.switches.as_dict(),
                "trouble": world.trouble.as_dicts(),
                "log": {"last_seq": world.log.last_seq, **world.log.counts()},
                "tenants": [_show_tenant(tenant) for tenant in world.tenants.values()],
                "pbxs": [_show_pbx(pbx) for pbx in world.pbxs.values()],
            }
        )

    async def _log(self, request: Request) -> Response:
        log = self._world.log
        if request.method == "DELETE":
            log.clear()
            return Response(status_code=204)
        asked = request.query_params
        entries = log.query(
            since=int(asked.get("since", 0)),
            service=asked.get("service", ""),
            host=asked.get("host", ""),
            tenant=asked.get("tenant", ""),
            source=asked.get("source", ""),
            writes=asked.get("writes") in ("1", "true"),
        )
        if asked.get("counts") in ("1", "true"):
            return JSONResponse({"last_seq": log.last_seq, **count(entries)})
        return JSONResponse({"last_seq": log.last_seq, "entries": [entry.as_dict() for entry in entries]})

    async def _trouble(self, request: Request) -> Response:
        trouble = self._world.trouble
        if request.method == "POST":
            return JSONResponse({"id": trouble.add(await _object(request))}, status_code=201)
        if request.method == "DELETE":
            trouble.clear()
            return Response(status_code=204)
        return JSONResponse({"rules": trouble.as_dicts()})

    async def _remove_trouble(self, request: Request) -> Response:
        if not self._world.trouble.remove(request.path_params["rule"]):
            raise HTTPException(404, "there is no such rule")
        return Response(status_code=204)

    async def _clock(self, request: Request) -> Response:
        seconds = (await _object(request)).get("advance")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise HTTPException(400, 'send {"advance": seconds}')
        return JSONResponse({"now": self._world.clock.advance(seconds).isoformat()})

    async def _latency(self, request: Request) -> Response:
        milliseconds = (await _object(request)).get("ms")
        if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float) or milliseconds < 0:
            raise HTTPException(400, 'send {"ms": milliseconds}')
        self._world.latency = milliseconds / 1000
        return Response(status_code=204)

    async def _switches(self, request: Request) -> Response:
        if request.method == "PATCH":
            self._world.switches.update(await _object(request))
        return JSONResponse(self._world.switches.as_dict())

    async def _automation(self, request: Request) -> Response:
        automation = self._world.automation
        if automation is None:
            raise HTTPException(404, "this world has no automation application")
        if request.method == "PATCH":
            permissions = (await _object(request)).get("permissions")
            if not isinstance(permissions, list):
                raise HTTPException(400, 'send {"permissions": [names of application permissions]}')
            graph.set_permissions(self._world, automation, permissions)
        return JSONResponse({"client_id": automation.app_id, "permissions": list(automation.permissions)})

    async def _partner(self, request: Request) -> Response:
        return JSONResponse(partner.arrange(self._world, await _object(request)))

    async def _simulated(self, _request: Request) -> Response:
        return PlainTextResponse(simulated.page(), media_type="text/markdown; charset=utf-8")

    async def _reset(self, _request: Request) -> Response:
        await self._server.reset()
        return Response(status_code=204)

    async def _drift(self, request: Request) -> Response:
        hosts = (await _object(request)).get("hosts")
        return JSONResponse({"drifted": fleet.drift(self._world, hosts)})

    async def _inventory(self, _request: Request) -> Response:
        return JSONResponse(inventory.inventory_of(self._world, self._server.authority_path))

    async def _authority(self, _request: Request) -> Response:
        return PlainTextResponse(self._server.authority.pem.decode(), media_type="application/x-pem-file")

    async def _pbx(self, request: Request) -> Response:
        pbx = self._find_pbx(request)
        if request.method == "PATCH":
            changes = await _object(request)
            if "down" in changes:
                await self._server.set_down(pbx, bool(changes.pop("down")))
            if "tls" in changes:
                await self._server.show_certificate(pbx, _shown(changes.pop("tls")))
            for name in _PLAIN_FIELDS:
                if name in changes:
                    setattr(pbx, name, changes.pop(name))
            if changes:
                patch_pbx(self._world, pbx, changes)
        return JSONResponse({**_show_pbx(pbx), "integration": state_of(self._world, pbx).m365})

    async def _public_key(self, request: Request) -> Response:
        pair = ca.key_pair_of(self._world, self._find_pbx(request))
        disposition = {"Content-Disposition": 'attachment; filename="public_key.pem"'}
        return PlainTextResponse(pair.public_pem, media_type="application/x-pem-file", headers=disposition)

    async def _new_key_pair(self, request: Request) -> Response:
        days = (await _object(request)).get("days", 3650)
        pair = ca.new_key_pair(self._world, self._find_pbx(request), days=days)
        return JSONResponse({"thumbprint": pair.thumbprint, "public_key": pair.public_pem})

    async def _tenant(self, request: Request) -> Response:
        return JSONResponse(_show_tenant(self._find_tenant(request)))

    async def _consent(self, request: Request) -> Response:
        tenant, client_id = self._find_tenant(request), str((await _object(request)).get("client_id") or "")
        if request.method == "DELETE":
            people.withdraw_consent(self._world, tenant, client_id)
            return Response(status_code=204)
        return JSONResponse(people.consent(self._world, tenant, client_id))

    async def _sign_in(self, request: Request) -> Response:
        return JSONResponse(people.sign_in(self._world, self._find_tenant(request), await _object(request)))

    async def _objects(self, request: Request) -> Response:
        kind, objects = self._find_kind(request)
        return JSONResponse({kind: list(objects.values())})

    async def _object(self, request: Request) -> Response:
        tenant, (kind, objects) = self._find_tenant(request), self._find_kind(request)
        key = request.path_params["object"]
        if key not in objects:
            raise HTTPException(404, f"tenant {tenant.id} has no {kind} {key}")
        if request.method == "DELETE":
            graph.delete_object(self._world, tenant, kind, key)
            return Response(status_code=204)
        if request.method == "PATCH":
            patch = {"applications": graph.patch_application, "users": graph.patch_user}.get(kind)
            if patch is None:
                raise HTTPException(400, "only applications and users can be changed here")
            return JSONResponse(patch(self._world, tenant, key, await _object(request)))
        return JSONResponse(objects[key])

    def _find_pbx(self, request: Request) -> Pbx:
        pbx = self._world.pbxs.get(request.path_params["pbx"])
        if pbx is None:
            raise HTTPException(404, f"there is no PBX {request.path_params['pbx']!r}")
        return pbx

    def _find_tenant(self, request: Request) -> Tenant:
        tenant = self._world.find_tenant(request.path_params["tenant"])
        if tenant is None:
            raise HTTPException(404, f"there is no tenant {request.path_params['tenant']!r}")
        return tenant

    def _find_kind(self, request: Request) -> tuple[str, dict[str, dict[str, Any]]]:
        kind = request.path_params["kind"]
        if kind not in KINDS:
            raise HTTPException(404, f"a tenant has {', '.join(KINDS)}; not {kind}")
        return kind, getattr(self._find_tenant(request), KINDS[kind])


#: What the services raise when a change behind the scenes makes no sense.
_REFUSALS = (ValueError, TypeError, KeyError, GraphError)

#: Kinds of directory objects by the name that Graph's URLs have for them.
KINDS = {
    "applications": "applications",
    "servicePrincipals": "service_principals",
    "appRoleAssignments": "app_role_assignments",
    "oauth2PermissionGrants": "oauth2_permission_grants",
    "deletedItems": "deleted_items",
    "users": "users",
    "groups": "groups",
}


def _shown(options: dict[str, Any] | None) -> ca.Shown | None:
    """A TLS certificate from {days, names, self_signed}; null is the lab's own."""
    if options is None:
        return None
    if "names" in options:
        options = {**options, "names": tuple(options["names"])}
    return ca.Shown(**options)


def _show_tenant(tenant: Tenant) -> dict[str, Any]:
    counts = {kind: len(getattr(tenant, name)) for kind, name in KINDS.items()}
    names = ("id", "display_name", "domain", "cloud", "clock_offset")
    return {**{name: getattr(tenant, name) for name in names}, "counts": counts}


def _show_pbx(pbx: Pbx) -> dict[str, Any]:
    names = "name url port https_port fqdn version edition simultaneous_calls tenant_id client_id down clock_offset trouble expected"
    return {name: getattr(pbx, name) for name in names.split()}


async def _object(request: Request) -> dict[str, Any]:
    raw = await request.body()
    value = await request.json() if raw else {}
    if not isinstance(value, dict):
        raise HTTPException(400, "send a JSON object")
    return value


async def _explain(_request: Request, error: Exception) -> Response:
    status, words = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, str(error))
    return JSONResponse({"error": words}, status_code=status)


async def _refuse(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=400)
