# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Graph service as an ASGI app: who calls, which handler, which headers. Paths are split, not matched."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from tcx_lab import trouble
from tcx_lab.graph import (
    applications,
    assignments,
    batch,
    deleted,
    delta,
    gdap,
    objects,
    owners,
    people,
    person,
    policies,
    rights,
    secrets,
    service_principals,
    subscriptions,
)
from tcx_lab.graph.bearer import TokenReader
from tcx_lab.graph.errors import (
    GraphError,
    bad_request,
    concurrency_violation,
    forbidden,
    method_not_allowed,
    not_simulated,
    revoked,
    segment_not_found,
)
from tcx_lab.graph.metadata import METADATA
from tcx_lab.graph.session import Session
from tcx_lab.graph.store import APPLICATIONS, NOW, SERVICE_PRINCIPALS, Entity, View, directory_of
from tcx_lab.graph.throttle import Meter
from tcx_lab.graph.web import Answer, Call, Receive, Scope, Send, read_call, send_answer
from tcx_lab.world import World

_JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
_DIAGNOSTIC = json.dumps(
    {
        "ServerInfo": {
            "DataCenter": "Lab",
            "Slice": "E",
            "Ring": "5",
            "ScaleUnit": "001",
            "RoleInstance": "LAB0000000000001",
        }
    },
    separators=(",", ":"),
)
_PASSWORD_ACTIONS = frozenset({"addpassword", "removepassword", "addkey", "removekey"})
_WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})


def create_graph_app(world: World) -> GraphApp:
    """The Graph of all tenants of a world."""
    return GraphApp(world)


class GraphApp:
    """ASGI app. State of the directory is in the world; here are only the meters and the tokens that died."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._tokens = TokenReader(world)
        self._meter = Meter()
        self._last_writes: dict[tuple[str, str], float] = {}  # (tenant, path of the object) -> time of the last write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        call = await read_call(scope, receive)
        await send_answer(send, await self.answer(call))

    async def answer(self, call: Call) -> Answer:
        """Handle one request of a client, or a whole batch."""
        if call.segments[1:] == ["$batch"] and call.method == "POST":
            return await self._batch(call)
        return await self._handled(call)

    async def _batch(self, call: Call) -> Answer:
        try:
            self._check_token(call)
            answer = await batch.run(call, batch.parse(call), self._batch_item)
        except GraphError as error:
            answer = _failure(error, call, self._date(None))
        return _finished(answer, call, 1)

    async def _batch_item(self, call: Call) -> Answer:
        entry = call.scope.get("tcx_lab.log")
        hits = self._strike(call)
        struck = ",".join(rule.id for rule in hits) or None
        trouble.afflict(call.scope, hits)
        for rule in hits:
            if rule.action == "delay":
                await asyncio.sleep(rule.seconds)
        final = hits[-1] if hits and hits[-1].action in trouble.FINAL_ACTIONS else None
        if trouble.afflictions(call.scope).drop_token:
            self._check_token(call)  # the token is that of the whole batch, and so is the refusal
        if final is not None and final.action == "reset_before":
            trouble.cut(call.scope)
        answer = self._refusal(final, call) or await self._handled(call)
        body = json.loads(call.body) if call.body else None
        self.world.log.add_batch_item(entry, call.method, call.target, answer.status, body, trouble=struck)
        if final is not None and final.action == "reset_after":
            trouble.cut(call.scope)
        answer.headers = {k: v for k, v in answer.headers.items() if k.lower() != "content-type"} | (
            {"Content-Type": "application/json"} if answer.body is not None else {}
        )
        return answer

    def _strike(self, call: Call) -> list[trouble.Rule]:
        """The rules that hit one item of a batch."""
        source = str(call.scope.get("tcx_lab.source", "client"))
        tenant = getattr(call.scope.get("tcx_lab.log"), "tenant", "")
        facts = trouble.Facts("graph", "", tenant, call.method, "/" + "/".join(call.segments), source)
        return self.world.trouble.strike(facts)

    def _refusal(self, rule: trouble.Rule | None, call: Call) -> Answer | None:
        """What an item is answered that a rule gives a status or a 429 of its own."""
        if rule is not None and rule.action == "throttle":
            error = GraphError(429, "TooManyRequests", "Too many requests.")
            answer = _failure(error, call, self._date(None))
            answer.headers["Retry-After"] = str(int(rule.seconds))
            return answer
        if rule is not None and rule.action == "status":
            return Answer(rule.status, rule.body, dict(rule.headers))
        return None

    def _check_token(self, call: Call) -> dict[str, Any]:
        """The claims of the token. Raises 401, with a claims challenge where the token has been revoked."""
        claims = self._tokens.claims(call)
        if trouble.afflictions(call.scope).drop_token:
            self._tokens.drop(call)
            raise revoked(self.world.clock.time(), self.world.endpoints.login)
        return claims

    async def _handled(self, call: Call) -> Answer:
        session: Session | None = None
        write = call.method in _WRITES
        try:
            if call.segments[1:] == ["$metadata"]:
                return Answer(200, METADATA, {"Content-Type": "application/xml"})
            session = self._session(call)
            key, now = (session.app_id, session.tenant.id), self.world.clock.time()
            self._meter.check(self.world.switches, key, now, write=write)
            parts = rights.plain(call.segments[1:])
            _authorize(session, parts)
            if write:
                self._check_concurrency(session, parts)
            answer = _dispatch(session, parts)
            if not isinstance(answer, Answer):
                answer = await answer
            self._meter.use(self.world.switches, key, now, session.units, write=write)
        except GraphError as error:
            answer = _failure(error, call, self._date(session))
        return _finished(answer, call, session.units if session is not None else 1)

    def _session(self, call: Call) -> Session:
        if not call.segments or call.segments[0].lower() not in ("v1.0", "beta"):
            raise bad_request("Invalid version: " + (call.segments or [""])[0], "BadRequest")
        claims = self._check_token(call)
        tenant = self.world.tenants[claims["tid"]]
        troubles = trouble.afflictions(call.scope)
        view = NOW
        if troubles.stale_reads or troubles.stale_seconds:
            view = View(troubles.stale_seconds, troubles.stale_reads)
        return Session(
            world=self.world,
            tenant=tenant,
            directory=directory_of(self.world, tenant),
            call=call,
            version=call.segments[0].lower(),
            app_id=claims.get("appid", ""),
            caller_id=claims.get("oid", ""),
            roles=frozenset(claims.get("roles") or claims.get("scp", "").split()),
            view=view,
            is_person="scp" in claims,
        )

    def _check_concurrency(self, session: Session, parts: list[str]) -> None:
        """Refuse a write that follows another one of the same object too closely, once, if the switch says so."""
        position = self.world.switches.concurrent_writes
        if position == "serialized" or len(parts) < 2:
            return
        key, now = (session.tenant.id, "/".join(parts[:2]).lower()), self.world.clock.time()
        before = self._last_writes.get(key)
        self._last_writes[key] = now
        if before is not None and now - before < _CONCURRENT_SECONDS:
            del self._last_writes[key]
            raise concurrency_violation(int(position))

    def _date(self, session: Session | None) -> datetime:
        return session.now() if session is not None else self.world.clock.now()


_CONCURRENT_SECONDS = 1.0
_OWN_KEYS = ("addkey", "removekey")


def _authorize(session: Session, parts: list[str]) -> None:
    """Hold a call against the table of rights: 403, or 501 of the lab's own for what Graph has and the lab has not."""
    method = session.call.method
    row = rights.needed(method, parts)
    if row is None:
        if rights.is_elsewhere(method, parts):
            raise not_simulated(method, "/" + "/".join(parts))
        return  # nothing that Graph has: the handlers say so in Graph's words
    session.allowed = row.allowed(session.roles)
    by_request = frozenset({rights.BY_RESOURCE}) in row.any_of or parts[-1].lower() in _OWN_KEYS
    if not session.allowed and not by_request:
        raise forbidden()
    if session.is_person and method in _WRITES:
        person.check(session, parts)


def _dispatch(session: Session, parts: list[str]) -> Answer | Awaitable[Answer]:
    if not parts:
        raise segment_not_found("")
    name, key = objects.entity_set(parts[0])
    rest = parts[1:]
    if name in ("applications", "serviceprincipals"):
        if key is None and rest and rest[0].lower().partition("(")[0] == "delta":
            return delta.changes(session, APPLICATIONS if name == "applications" else SERVICE_PRINCIPALS)
        if key is None and (not rest or rest == ["$count"]):
            if session.call.method not in ("GET", "POST"):
                raise method_not_allowed()
            collect = applications.collection if name == "applications" else service_principals.collection
            return collect(session)
        if key is None:
            key, rest = objects.Key("id", rest[0]), rest[1:]
        return _application(session, key, rest) if name == "applications" else _principal(session, key, rest)
    handler = _PLAIN.get(name)
    if handler is None:
        raise segment_not_found(parts[0])
    return handler(session, rest)


def _item_method(session: Session) -> None:
    if session.call.method not in ("GET", "PATCH", "DELETE"):
        raise method_not_allowed()


def _application(session: Session, key: objects.Key, rest: list[str]) -> Answer:
    if not rest:
        _item_method(session)
        return applications.item(session, key)
    app = applications.find(session, key)
    part = rest[0].lower().removeprefix("microsoft.graph.")
    if part in _PASSWORD_ACTIONS and len(rest) == 1:
        return secrets.act(session, APPLICATIONS, app, part)
    if part == "owners":
        return owners.handle(session, app["id"], rest[1:])
    if part.startswith("federatedidentitycredentials"):
        tail = [rest[0][len("federatedIdentityCredentials") :]] if "(" in rest[0] else rest[1:]
        return secrets.federated(session, app, tail)
    if part == "appmanagementpolicies":
        return policies.assigned(session, app["id"], rest[1:])
    return _empty_relation(session, rest)


def _member_groups(session: Session, object_id: str) -> Answer:
    if session.call.method != "POST":
        raise method_not_allowed()
    return people.member_groups(session, object_id)


def _principal(session: Session, key: objects.Key, rest: list[str]) -> Answer:
    if not rest:
        _item_method(session)
        return service_principals.item(session, key)
    principal = service_principals.find(session, key)
    part = rest[0].lower().removeprefix("microsoft.graph.")
    if part in _PASSWORD_ACTIONS and len(rest) == 1:
        return secrets.act(session, SERVICE_PRINCIPALS, principal, part)
    if part in _ASSIGNMENTS:
        return assignments.handle(session, principal, _ASSIGNMENTS[part], rest[1:])
    if part == "getmembergroups" and len(rest) == 1:
        return _member_groups(session, principal["id"])
    related = _RELATIONS.get(part)
    return related(session, principal, rest[1:]) if related is not None else _empty_relation(session, rest)


_ASSIGNMENTS = {"approleassignments": "appRoleAssignments", "approleassignedto": "appRoleAssignedTo"}
_RELATIONS: dict[str, Callable[[Session, Entity, list[str]], Answer]] = {
    "owners": lambda session, principal, rest: owners.handle(session, principal["id"], rest),
    "ownedobjects": lambda session, principal, _rest: owners.owned(session, principal["id"]),
    "oauth2permissiongrants": lambda session, principal, _rest: assignments.of_client(session, principal),
    "appmanagementpolicies": lambda session, principal, rest: policies.assigned(session, principal["id"], rest),
}


def _empty_relation(session: Session, rest: list[str]) -> Answer:
    if rest[0].lower() not in _EMPTY_RELATIONS or session.call.method != "GET":
        raise segment_not_found(rest[0])
    cast = rest[-1].lower() if len(rest) > 1 else ""
    session.units = 2
    return session.many("directoryRoles" if cast == "microsoft.graph.directoryrole" else rest[0], [])


#: Relations that exist and have nothing in them in the lab.
_EMPTY_RELATIONS = frozenset(
    {"extensionproperties", "tokenissuancepolicies", "tokenlifetimepolicies", "claimsmappingpolicies", "memberof"}
    | {"transitivememberof", "homerealmdiscoverypolicies", "createdobjects", "delegatedpermissionclassifications"}
    | {"synchronization"}
)


def _directory(session: Session, rest: list[str]) -> Answer:
    if rest and rest[0].lower() == "deleteditems":
        return deleted.handle(session, rest[1:])
    raise segment_not_found((rest or ["directory"])[0])


def _directory_objects(session: Session, rest: list[str]) -> Answer:
    if rest and rest[0].lower().removeprefix("microsoft.graph.") == "getbyids":
        return people.objects_by_ids(session)
    if len(rest) == 1 and session.call.method == "GET":
        return people.directory_object(session, rest[0])
    if len(rest) == 2 and rest[1].lower().removeprefix("microsoft.graph.") == "getmembergroups":
        return _member_groups(session, rest[0])
    raise segment_not_found((rest or ["directoryObjects"])[0])


def _policies(session: Session, rest: list[str]) -> Answer:
    return policies.handle(session, [rest[0].lower(), *rest[1:]] if rest else [])


_PLAIN: dict[str, Callable[[Session, list[str]], Answer | Awaitable[Answer]]] = {
    "oauth2permissiongrants": assignments.grants,
    "users": people.users,
    "groups": people.groups,
    "organization": people.organization,
    "domains": people.domains,
    "subscriptions": subscriptions.handle,
    "directory": _directory,
    "directoryobjects": _directory_objects,
    "policies": _policies,
    "me": gdap.me,
    "tenantrelationships": gdap.relationships,
}


def _failure(error: GraphError, call: Call, date: datetime) -> Answer:
    request_id = str(uuid.uuid4())
    client_id = call.headers.get("client-request-id", request_id)
    body = error.body(date.strftime("%Y-%m-%dT%H:%M:%S"), request_id, client_id)
    headers = {"Content-Type": "application/json", "request-id": request_id, **error.headers}
    return Answer(error.status, body, headers)


def _finished(answer: Answer, call: Call, units: int) -> Answer:
    headers = answer.headers
    request_id = headers.setdefault("request-id", str(uuid.uuid4()))
    headers.setdefault("client-request-id", call.headers.get("client-request-id", request_id))
    headers["x-ms-ags-diagnostic"] = _DIAGNOSTIC
    headers["x-ms-resource-unit"] = str(units)
    headers["Cache-Control"] = "no-cache"
    headers["Strict-Transport-Security"] = "max-age=31536000"
    if isinstance(answer.body, dict):
        headers.setdefault("Content-Type", _JSON)
        headers["Vary"] = "Accept-Encoding"
        if answer.status < 400:
            headers["OData-Version"] = "4.0"
    return answer
