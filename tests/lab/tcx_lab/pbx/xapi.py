# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""XAPI's front: finds the operation of a request, checks who asks and what, calls the handler, and shapes the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from tcx_lab import hostile, trouble
from tcx_lab.evidence import Grade, evidence
from tcx_lab.pbx import errors, guard, m365, people, security, system, teams, tokens
from tcx_lab.pbx.binding import bind
from tcx_lab.pbx.calls import HANDLERS, Answer, Call, Created, Listing, TextFile
from tcx_lab.pbx.login import address_of, xapi_licensed
from tcx_lab.pbx.model import Kind, Operation
from tcx_lab.pbx.odata import Shape, parse_query, shaped
from tcx_lab.pbx.state import OWNER, AccessToken, PbxState

#: Their import fills HANDLERS.
HANDLER_MODULES = (m365, people, security, system, teams)

PREFIX = "/xapi/v1"

#: Operations of the full API description that the distilled part lacks (documented).
EXTRA = {
    ("GET", path): Operation("GET", path, {}, Kind(kind))
    for path, kind in (
        ("/SystemStatus/Pbx.SystemHealthStatus()", "object"),
        ("/Users({Id})/Pbx.HasDuplicatedEmail()", "bool"),
    )
}

_JSON_TYPE = "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8"
_PATH = re.compile(r"/(\w+)(?:\((.*?)\))?(?:/(Pbx\.\w+)(?:\((.*)\))?)?")
_ARGUMENT = re.compile(r"\s*(\w+)\s*=\s*('(?:[^']|'')*'|[^,']+)\s*(?:,|$)")
_EDM = {"string": "Edm.String", "bool": "Edm.Boolean"}


@dataclass(frozen=True, slots=True)
class Target:
    """What a path means: the template of the API description, the key, and a function's arguments."""

    template: str
    key: str
    arguments: tuple[tuple[str, str], ...]


@lru_cache(maxsize=4096)
def parse_path(path: str) -> Target | None:
    """A path below /xapi/v1 taken apart; None when it is not of XAPI's form."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    entity_set, key, operation, parameters = match.groups()
    template, arguments = f"/{entity_set}", _arguments(key or "")
    if key is not None:
        names = ",".join(f"{name}={{{name}}}" for name, _value in arguments) or "{Id}"
        template += f"({names})"
    if operation is not None:
        template += f"/{operation}"
    if parameters is not None:
        own = _arguments(parameters)
        template += "({})".format(",".join(f"{name}={{{name}}}" for name, _value in own))
        arguments += own
    plain_key = (key or "") if "{Id}" in template else ""
    return Target(template, plain_key, tuple(arguments))


def _arguments(text: str) -> list[tuple[str, str]]:
    return [(name, unquoted(value)) for name, value in _ARGUMENT.findall(text)]


def unquoted(literal: str) -> str:
    """The text of an OData literal."""
    literal = literal.strip()
    return literal[1:-1].replace("''", "'") if literal[:1] == "'" else literal


async def handle(state: PbxState, request: Request) -> Response:
    """Answer one request to XAPI."""
    try:
        return await _handle(state, request)
    except errors.Refusal as refusal:
        if refusal.body is None:
            return Response(status_code=refusal.status, headers=_headers(state))
        return _json(state, refusal.body, refusal.status)


async def _handle(state: PbxState, request: Request) -> Response:
    scope = request.scope
    dropped = trouble.afflictions(scope).drop_token
    token = tokens.find(state, request.headers.get("authorization", ""), dropped=dropped)
    path = unquote(scope["path"])[len(PREFIX) :].rstrip("/")
    if path == "/$metadata":
        return _metadata(state)
    operation, target = _operation(state, scope["method"], path)
    _authorize(state, token, target.template, address_of(request))
    if (
        scope["method"] == "POST"
        and "Pbx." in target.template
        and "return=representation" in request.headers.get("prefer", "")
    ):
        raise errors.server_error()  # observed: actions cannot return a representation
    call = Call(
        state=state,
        token=token,
        address=address_of(request),
        user_agent=request.headers.get("user-agent", ""),
        key=target.key,
        arguments=dict(target.arguments),
        body=await _body(state, operation, request),
        query=_query(state, operation, request),
    )
    answer = await HANDLERS[operation.verb, operation.path](call)
    return _answered(state, operation, call, answer)


@cache
def elsewhere() -> tuple[str, ...]:
    """Names in 3CX's published descriptions of which the lab simulates nothing."""
    text = resources.files(__package__).joinpath("elsewhere.json").read_text(encoding="utf-8")
    return tuple(json.loads(text)["names"])


@evidence(Grade.OBSERVED, "live PBXs: PUT is answered with 405, what a build lacks with 404")
def _operation(state: PbxState, verb: str, path: str) -> tuple[Operation, Target]:
    """The operation that this build has for a request."""
    target = parse_path(path)
    if path.strip("/").partition("/")[0].partition("(")[0] in elsewhere():
        raise errors.not_simulated(verb, path)
    if target is None:
        raise errors.not_found()
    operation = state.model.operations.get((verb, target.template)) or EXTRA.get((verb, target.template))
    if operation is not None:
        return operation, target
    raise errors.Refusal(405) if state.model.verbs(target.template) else errors.not_found()


_FOR_EVERYBODY = ("/MyUser", "/MyTokens", "/Defs")


@evidence(Grade.OBSERVED, "live PBXs: ordinary users get 403 on every listing, system_admins on some sets")
def _authorize(state: PbxState, token: AccessToken, template: str, address: str) -> None:
    """Refuse with 403 whom role, license or the console's restrictions keep out."""
    if guard.console_closed_for(state, address):
        raise _forbidden(state)
    if token.service_principal and state.switches.xapi_licence == "forbidden" and not xapi_licensed(state):
        raise _forbidden(state)
    if token.role == OWNER or template.startswith(_FOR_EVERYBODY):
        return
    admin = token.role == "system_admins"
    if not admin or (template.startswith("/Microsoft365") and not state.switches.system_admins_m365):
        raise _forbidden(state)


def _forbidden(state: PbxState) -> errors.Refusal:
    if state.switches.forbidden_body == "empty":
        return errors.Refusal(403)
    return errors.odata_error(403, "Forbidden")


async def _body(state: PbxState, operation: Operation, request: Request) -> dict[str, Any]:
    if operation.verb not in ("POST", "PATCH") or not operation.parameters:
        return {}
    raw = await request.body()
    if not raw and operation.verb == "POST" and "body" not in operation.parameters:
        return {}
    try:
        body = json.loads(raw)
    except ValueError:
        raise errors.bad_body() from None
    return bind(state.model, state.switches, operation.parameters, body)


def _query(state: PbxState, operation: Operation, request: Request) -> Any:
    if operation.verb != "GET" or operation.result is None or "/Pbx." in operation.path:
        return None
    options: Mapping[str, str] = request.query_params
    return parse_query(state.model, operation.result.name, options, listing=operation.result.many)


def _headers(state: PbxState) -> dict[str, str]:
    return {"X-3CX-Version": state.pbx.version}


def _json(state: PbxState, body: dict[str, Any], status: int = 200) -> Response:
    text = json.dumps(hostile.told(state.pbx, body), separators=(",", ":"), ensure_ascii=False)
    headers = {**_headers(state), "OData-Version": "4.0"}
    return Response(text, status, headers=headers, media_type=_JSON_TYPE)


def _answered(state: PbxState, operation: Operation, call: Call, answer: Answer) -> Response:
    if answer is None:
        return Response(status_code=204, headers=_headers(state))
    if isinstance(answer, TextFile):
        headers = {**_headers(state), "Content-Disposition": f'attachment; filename="{answer.name}"'}
        return Response(answer.text, headers=headers, media_type="application/octet-stream")
    kind = operation.result
    assert kind is not None
    if isinstance(answer, Created):
        shape = Shape(kind.name)
        context = f"{operation.path[1:]}/$entity"
        return _json(state, {**_context(state, context), **shaped(state.model, shape, answer.entity)}, 201)
    if isinstance(answer, Listing):
        assert call.query is not None
        body = _context(state, operation.path[1:] + call.query.shape.context())
        if answer.total is not None:
            body["@odata.count"] = answer.total
        return _json(state, {**body, "value": answer.page})
    return _json(state, _value(state, operation, call, kind, answer))


def _value(state: PbxState, operation: Operation, call: Call, kind: Kind, answer: Any) -> dict[str, Any]:
    if kind.many:
        return {**_context(state, f"Collection({_EDM.get(kind.name, kind.name)})"), "value": answer}
    if kind.name == "object":
        return {**answer}
    if not isinstance(answer, dict):
        return {**_context(state, _EDM.get(kind.name, kind.name)), "value": answer}
    if "/Pbx." in operation.path:
        return {**_context(state, kind.name), **shaped(state.model, Shape(kind.name), answer)}
    assert call.query is not None
    entity_set, parenthesis, _key = operation.path[1:].partition("(")
    suffix = "/$entity" if parenthesis else ""
    return {**_context(state, f"{entity_set}{call.query.shape.context()}{suffix}"), **answer}


def _context(state: PbxState, what: str) -> dict[str, Any]:
    return {"@odata.context": f"{state.base_url}{PREFIX}/$metadata#{what}"}


def _metadata(state: PbxState) -> Response:
    """The names of all types as EDMX: enough for people to look things up (always served: observed)."""
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">',
    ]
    lines.append('<edmx:DataServices><Schema Namespace="Pbx" xmlns="http://docs.oasis-open.org/odata/ns/edm">')
    for name, members in state.model.enums.items():
        inner = "".join(f'<Member Name="{member}"/>' for member in sorted(members))
        lines.append(f'<EnumType Name="{name.partition(".")[2]}">{inner}</EnumType>')
    for name, properties in state.model.types.items():
        inner = "".join(f'<Property Name="{member}"/>' for member in properties)
        lines.append(f'<ComplexType Name="{name.partition(".")[2]}">{inner}</ComplexType>')
    lines.append("</Schema></edmx:DataServices></edmx:Edmx>")
    return Response("\n".join(lines), headers=_headers(state), media_type="application/xml")
