# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The thin layer between ASGI and the handlers of Entra and Graph: one request in, one answer out, nothing else."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Frozen(list[Any]):
    """A long list that never changes: its JSON is made once. Graph's own permissions are 200 kB in every answer that shows
    them."""

    @cached_property
    def json(self) -> bytes:
        """The list as JSON."""
        return _dumps(list(self))


class NotJson(ValueError):
    """The request body is not the JSON object that was expected."""


@dataclass(slots=True)
class Call:
    """One request. `segments` are the decoded parts of the path; header names are in lower case."""

    method: str
    segments: list[str]
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    base: str  # "https://127.0.0.1:8443": the origin the client used
    target: str  # path and query as sent
    scope: Scope

    def json(self) -> dict[str, Any]:
        """The body as a JSON object ({} when empty). Raises NotJson."""
        if not self.body.strip():
            return {}
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise NotJson(str(error)) from error
        if not isinstance(value, dict):
            raise NotJson("not an object")
        return value

    def form(self) -> dict[str, str]:
        """The body as a form; the first value of a name wins."""
        pairs = parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)
        return dict(reversed(pairs))

    def cookies(self) -> dict[str, str]:
        """Cookies by name."""
        pairs = (part.strip().partition("=") for part in self.headers.get("cookie", "").split(";"))
        return {name: value for name, _equals, value in pairs if name}


@dataclass(slots=True)
class Answer:
    """One response. `body` is JSON (dict or list), text, bytes or None (empty)."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def parse_query(raw: str) -> dict[str, str]:
    """Query parameters; the first value of a name wins."""
    return dict(reversed(parse_qsl(raw, keep_blank_values=True)))


def split_path(raw: str) -> list[str]:
    """Decoded segments of an undecoded path; an encoded slash stays inside its segment."""
    return [unquote(part) for part in raw.strip("/").split("/") if part]


async def read_call(scope: Scope, receive: Receive) -> Call:
    """Take a whole HTTP request off ASGI."""
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    raw_path = (scope.get("raw_path") or scope["path"].encode()).split(b"?")[0].decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    return Call(
        method=scope["method"],
        segments=split_path(raw_path),
        query=parse_query(query),
        headers=headers,
        body=body,
        base=f"{scope.get('scheme', 'https')}://{headers.get('host', 'localhost')}",
        target=f"{raw_path}?{query}" if query else raw_path,
        scope=scope,
    )


async def send_answer(send: Send, answer: Answer) -> None:
    """Put an answer onto ASGI."""
    headers = dict(answer.headers)
    body = _encode(answer.body, headers)
    names = {name.lower() for name in headers}
    if "content-length" not in names and answer.status not in (204, 304):
        headers["Content-Length"] = str(len(body))
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _encode(body: Any, headers: dict[str, str]) -> bytes:
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    headers.setdefault("Content-Type", "application/json; charset=utf-8")
    return _encode_json(body)


def _dumps(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _encode_json(value: Any) -> bytes:
    """JSON of an answer; frozen lists in it, or in the objects of its `value`, are spliced in."""
    if isinstance(value, Frozen):
        return value.json
    if isinstance(value, dict) and (_has_frozen(value) or any(map(_has_frozen, _objects(value)))):
        parts = (_dumps(name) + b":" + _encode_json(part) for name, part in value.items())
        return b"{" + b",".join(parts) + b"}"
    if isinstance(value, list) and any(map(_has_frozen, value)):
        return b"[" + b",".join(map(_encode_json, value)) + b"]"
    return _dumps(value)


def _has_frozen(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("appRoles"), Frozen)


def _objects(value: dict[str, Any]) -> list[Any]:
    listed = value.get("value")
    return listed if isinstance(listed, list) else []
