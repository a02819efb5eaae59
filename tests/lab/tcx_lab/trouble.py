# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trouble on demand, seeded: rules that match requests and what they do to them. The ASGI part is at the end."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import re
import threading
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from http import HTTPStatus
from typing import Any

from tcx_lab.requestlog import source_matches

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Actions that end the handling of a request; the others let it go on.
FINAL_ACTIONS = frozenset({"status", "throttle", "reset_before", "reset_after", "mangle"})
PASSING_ACTIONS = frozenset({"delay", "drop_token", "stale"})
ACTIONS = FINAL_ACTIONS | PASSING_ACTIONS

#: What can become of an answer on its way: half of it, nothing of it, the page of something in between.
MANGLED = ("cut", "empty", "page")
_PAGE = b"<!DOCTYPE html><html><head><title>Sign in to the guest network</title></head><body>Welcome</body></html>"

#: Where a handler finds what troubles its request: `afflictions(scope)`.
SCOPE_KEY = "tcx_lab.trouble"


@dataclass(frozen=True)
class Match:
    """Which requests a rule is about; an empty field matches everything. Requests of the PBXs themselves match only when
    `source` says so ("pbx" for all, "pbx:<name>" for one)."""

    service: str = ""
    host: str = ""
    tenant: str = ""
    method: str = ""
    path: str = ""  # regular expression, searched in the path
    source: str = ""

    def matches(self, facts: Facts) -> bool:
        """Whether the request with these facts is meant."""
        if not self.source and facts.source.startswith("pbx:"):
            return False
        return (
            self.service in ("", facts.service)
            and self.host in ("", facts.host)
            and self.tenant in ("", facts.tenant)
            and self.method.upper() in ("", facts.method)
            and source_matches(self.source, facts.source)
            and (not self.path or re.search(self.path, facts.path) is not None)
        )


@dataclass(frozen=True)
class Facts:
    """What rules can see of a request."""

    service: str
    host: str
    tenant: str
    method: str
    path: str
    source: str


@dataclass
class Rule:
    """One kind of trouble. `times` 0 means always; `skip` requests pass before it starts; `probability` is per request."""

    match: Match
    action: str
    id: str = ""
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None  # str is sent as it is, anything else as JSON; None: empty
    seconds: float = 1.0  # delay: how long; throttle: Retry-After; stale: how old the state is
    reads: int = 0  # stale: so many writes ago (0: use seconds)
    how: str = "cut"  # mangle: what becomes of the answer, one of MANGLED
    times: int = 1
    skip: int = 0
    probability: float = 1.0
    seen: int = 0
    fired: int = 0

    @property
    def spent(self) -> bool:
        """Whether it has struck as often as it may."""
        return self.times > 0 and self.fired >= self.times


@dataclass
class Afflictions:
    """Trouble that only the handler can act out.

    `drop_token`: treat the presented token as superseded from now on (and answer as for any dead token).
    `stale_seconds`, `stale_reads`: answer reads from the state of so many seconds of lab time, or so many writes, ago.
    """

    drop_token: bool = False
    stale_seconds: float = 0.0
    stale_reads: int = 0


_NONE = Afflictions()


def afflictions(scope: Mapping[str, Any]) -> Afflictions:
    """What troubles this request (never None; all fields false when nothing does)."""
    value = scope.get(SCOPE_KEY)
    return value if isinstance(value, Afflictions) else _NONE


_WHOLE = frozenset({"status", "times", "skip", "reads"})
_NUMBERS = (*sorted(_WHOLE), "seconds", "probability")


def _check_number(name: str, value: Any) -> None:
    kinds = (int,) if name in _WHOLE else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or value < 0:
        raise ValueError(f"{name} must be a number that is not negative, not {value!r}")


def parse_rule(data: Mapping[str, Any]) -> Rule:
    """A rule from its JSON form. Raises ValueError with what is wrong."""
    known = {key.name for key in fields(Rule)} - {"id", "seen", "fired"}
    unknown = set(data) - known
    if unknown:
        raise ValueError(f"a rule has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}")
    action = data.get("action")
    if action not in ACTIONS:
        raise ValueError(f"action must be one of {', '.join(sorted(ACTIONS))}, not {action!r}")
    for name in _NUMBERS:
        _check_number(name, data.get(name, 0))
    if data.get("how", "cut") not in MANGLED:
        raise ValueError(f"how must be one of {', '.join(MANGLED)}, not {data['how']!r}")
    match = data.get("match") or {}
    strange = set(match) - {key.name for key in fields(Match)}
    if strange:
        raise ValueError(f"match has no {', '.join(sorted(strange))}")
    try:
        re.compile(match.get("path", ""))
    except re.error as error:
        raise ValueError(f"match.path is not a regular expression: {error}") from error
    return Rule(**{**data, "match": Match(**match)})


class Trouble:
    """The rules in force. Each rule has its own random numbers from the seed, so rules do not disturb each other."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._rules: dict[str, tuple[Rule, random.Random]] = {}
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._greetings: range | None = None
        self._greeted = 0

    def refuse_handshakes(self, skip: int, times: int) -> None:
        """Refuse TLS handshakes from now on, after `skip` that succeed; meanwhile each request has a connection of its own."""
        with self._lock:
            self._greetings, self._greeted = range(skip, skip + times), 0

    @property
    def own_connections(self) -> bool:
        """Whether no connection is kept for a second request."""
        return self._greetings is not None

    def refuses_handshake(self) -> bool:
        """Whether the TLS handshake that has just begun fails."""
        with self._lock:
            self._greeted += 1
            return self._greetings is not None and self._greeted - 1 in self._greetings

    def add(self, rule: Rule | Mapping[str, Any]) -> str:
        """Put a rule (or its JSON form) in force; returns its id."""
        made = rule if isinstance(rule, Rule) else parse_rule(rule)
        with self._lock:
            made.id = f"t{next(self._ids)}"
            self._rules[made.id] = (made, random.Random(f"{self._seed}/{made.id}"))
        return made.id

    def remove(self, rule_id: str) -> bool:
        """Take a rule back; False when there is none with this id."""
        with self._lock:
            return self._rules.pop(rule_id, None) is not None

    def clear(self) -> None:
        """Take all rules back."""
        with self._lock:
            self._rules.clear()
            self._greetings = None

    def as_dicts(self) -> list[dict[str, Any]]:
        """All rules with how often they were considered and struck."""
        with self._lock:
            return [asdict(rule) for rule, _dice in self._rules.values()]

    def strike(self, facts: Facts) -> list[Rule]:
        """The rules that hit this request, in the order they were added, up to the first final one."""
        if not self._rules:
            return []
        hits: list[Rule] = []
        with self._lock:
            for rule, dice in self._rules.values():
                if self._hits(rule, dice, facts):
                    hits.append(rule)
                    if rule.action in FINAL_ACTIONS:
                        break
        return hits

    @staticmethod
    def _hits(rule: Rule, dice: random.Random, facts: Facts) -> bool:
        if rule.spent or not rule.match.matches(facts):
            return False
        rule.seen += 1
        if rule.seen <= rule.skip or (rule.probability < 1 and dice.random() >= rule.probability):
            return False
        rule.fired += 1
        return True


def afflict(scope: MutableMapping[str, Any], hits: list[Rule]) -> None:
    """Tell the handler what it must act out itself."""
    made = Afflictions()
    for rule in hits:
        if rule.action == "drop_token":
            made.drop_token = True
        elif rule.action == "stale":
            made.stale_reads = rule.reads
            made.stale_seconds = 0.0 if rule.reads else rule.seconds
    scope[SCOPE_KEY] = made


class ConnectionCut(Exception):
    """The rule cut the connection, and there is no socket to cut: the request came from inside the lab."""


def answer(rule: Rule, facts: Facts, now: datetime) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body with which `status` and `throttle` rules answer; handlers of `$batch` use it per item."""
    status, headers = rule.status, dict(rule.headers)
    if rule.action == "throttle":
        status = 429
        headers.setdefault("Retry-After", f"{rule.seconds:g}")
    if rule.body is None:
        content_type, body = _usual_body(facts.service, status, now)
    elif isinstance(rule.body, str):
        content_type, body = "text/plain; charset=utf-8", rule.body.encode()
    else:
        content_type, body = "application/json", json.dumps(rule.body).encode()
    if body:
        headers.setdefault("Content-Type", content_type)
    return status, headers, body


def _usual_body(service: str, status: int, now: datetime) -> tuple[str, bytes]:
    """What the service says by itself. Graph's codes are documented, its wording is assumed; PBX: observed (its nginx)."""
    if service in ("graph", "management"):
        codes = {429: "TooManyRequests", 503: "ServiceUnavailable", 504: "GatewayTimeout"}
        inner = {"date": now.strftime("%Y-%m-%dT%H:%M:%S"), "request-id": str(uuid.uuid4())}
        words = "Too many requests." if status == 429 else "The service is temporarily unavailable."
        error = {"code": codes.get(status, "UnknownError"), "message": words, "innerError": inner}
        return "application/json", json.dumps({"error": error}).encode()
    if service == "login":
        transient = {
            "error": "temporarily_unavailable",
            "error_description": "AADSTS90033: A transient error has occurred. Please try again.",
            "error_codes": [90033],
        }
        return "application/json", json.dumps(transient).encode()
    if status in (502, 503, 504):
        title = f"{status} {HTTPStatus(status).phrase}"
        return "text/html", f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>".encode()
    return "", b""


async def act_out(
    hits: list[Rule], facts: Facts, now: datetime, app: ASGIApp, scope: Scope, receive: Receive, send: Send
) -> None:
    """Let the rules have their way with one request. Raises ConnectionCut where no transport can be cut."""
    afflict(scope, hits)
    final = hits[-1].action if hits[-1].action in FINAL_ACTIONS else ""
    for rule in hits:
        if rule.action == "delay":
            await asyncio.sleep(rule.seconds)
    if final in ("status", "throttle"):
        status, headers, body = answer(hits[-1], facts, now)
        await drain(receive)
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        raw.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})
    elif final == "reset_before":
        cut(scope)
    elif final == "reset_after":
        await app(scope, receive, _swallow)
        cut(scope)
    elif final == "mangle":
        await _mangled(hits[-1].how, app, scope, receive, send)
    else:
        await app(scope, receive, send)


async def _mangled(how: str, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """The service does as it is told; what arrives of its answer is complete HTTP, and not what was sent."""
    start: MutableMapping[str, Any] = {}
    body = b""

    async def heard(message: MutableMapping[str, Any]) -> None:
        nonlocal body
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            body += message.get("body", b"")

    await app(scope, receive, heard)
    headers = [header for header in start["headers"] if header[0].lower() not in (b"content-length", b"content-type")]
    status = start["status"]
    if how == "page":
        kind, body, status = b"text/html; charset=utf-8", _PAGE, 200
    else:
        kind = dict(start["headers"]).get(b"content-type", b"application/json")
        body = b"" if how == "empty" else body[: len(body) // 2]
        status = 200 if how == "empty" else status
    if status != HTTPStatus.NO_CONTENT:
        headers += [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({**start, "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if status == HTTPStatus.NO_CONTENT else body})


async def drain(receive: Receive) -> None:
    """Read the rest of a request body, so that the connection can be used again."""
    while True:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return


async def _swallow(_message: MutableMapping[str, Any]) -> None:
    """Where the answer of a handler goes whose client will never hear of it."""


def cut(scope: Scope) -> None:
    """Cut the TCP connection of a request at once, without a word of TLS or HTTP."""
    sever = scope.get("tcx_lab.cut")
    if sever is None:
        raise ConnectionCut
    sever()
