# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can happen to one request, as rules of the lab; and the same from that request on, for good."""

from __future__ import annotations

import email.utils
import errno
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from ansible_collections.tcx.m365.tests.faults.ground import Ground, Request

_HTML = {"Content-Type": "text/html"}
_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>"
_STALE = {
    "error": {
        "code": "Request_ResourceNotFound",
        "message": "Resource 'x' does not exist or one of its queried reference-property objects are not present.",
    }
}
_CONFLICT = {
    "error": {
        "code": "Request_BadRequest",
        "message": "Another object with the same value for property uniqueName already exists.",
        "details": [{"code": "ConflictingObjects", "message": "conflict", "target": "uniqueName"}],
    }
}
SLOW_S = 0.25
"""Time-out of a run in which the lab is slow; a real one, because sockets wait in real time."""


@dataclass(frozen=True)
class Kind:
    """One kind of trouble.

    :param rule: of the lab; a function of the service where services show it in their own way. ``None``: the service has
        no such trouble.
    :param items: whether an item of a batch can have it, too.
    :param methods: of the requests that can have it; every one where none is named.
    :param variables: of the run that meets it.
    :param around: what is in force on the controller during that run.
    """

    name: str
    rule: Callable[[str], Mapping[str, Any] | None] = lambda _service: None
    items: bool = False
    methods: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    around: Callable[[int, bool], AbstractContextManager[object]] | None = None
    handshake: bool = False

    def meets(self, request: Request) -> bool:
        """Whether it is a request of a kind that can have it."""
        return not self.methods or request.facts.method in self.methods


def _always(**rule: Any) -> Callable[[str], Mapping[str, Any] | None]:
    return lambda _service: rule


def _ignored(status: int, *services: str) -> Callable[[str], Mapping[str, Any] | None]:
    """The service says that it is done, and nothing has happened."""
    body = _STALE if status == 404 else ""
    return lambda service: {"action": "status", "status": status, "body": body} if service in services else None


def _date(seconds: float) -> str:
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


def _stale(service: str) -> Mapping[str, Any] | None:
    if service == "graph":
        return {"action": "status", "status": 404, "body": _STALE}
    return {"action": "status", "status": 404, "body": ""}


def _conflict(service: str) -> Mapping[str, Any] | None:
    if service == "graph":
        return {"action": "status", "status": 409, "body": _CONFLICT}
    return {"action": "status", "status": 409, "body": ""}


@contextmanager
def _disk_full(number: int, lasting: bool) -> Iterator[None]:
    """Files can be opened and not written: the disk of the controller is full from some file on."""
    made = 0
    mkstemp = tempfile.mkstemp

    def refused(*arguments: Any, **options: Any) -> Any:
        nonlocal made
        made += 1
        if made == number + 1 or (lasting and made > number):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return mkstemp(*arguments, **options)

    with mock.patch.object(tempfile, "mkstemp", refused):
        yield


KINDS = (
    Kind("429", _always(action="throttle", seconds=3), items=True),
    Kind("429 without Retry-After", _always(action="status", status=429), items=True),
    Kind("500", _always(action="status", status=500), items=True),
    Kind("502 with HTML", _always(action="status", status=502, body=_PAGE, headers=_HTML)),
    Kind("503 with a date", lambda _service: {"action": "status", "status": 503, "headers": {"Retry-After": _date(5)}}),
    Kind("504", _always(action="status", status=504), items=True),
    Kind(
        "slow",
        _always(action="delay", seconds=3 * SLOW_S),
        variables={"tcx_timeout": SLOW_S, "entra_timeout": SLOW_S},
    ),
    Kind("reset before", _always(action="reset_before")),
    Kind("reset after", _always(action="reset_after"), items=True),
    Kind("truncated JSON", _always(action="mangle", how="cut")),
    Kind("wrong content type", _always(action="mangle", how="page")),
    Kind("empty 200", _always(action="mangle", how="empty")),
    Kind("401 superseded", lambda service: None if service == "login" else {"action": "drop_token"}, items=True),
    Kind("404 of a stale replica", _stale, items=True),
    Kind("409", _conflict, items=True),
    Kind("PATCH 204 without effect", _ignored(204, "graph", "pbx"), items=True, methods=("PATCH",)),
    Kind("DELETE 200 without effect", _ignored(200, "graph"), items=True, methods=("DELETE",)),
    Kind("DELETE 204 without effect", _ignored(204, "graph"), items=True, methods=("DELETE",)),
    Kind("DELETE 404 without effect", _ignored(404, "graph"), items=True, methods=("DELETE",)),
    Kind("TLS failure", _always(action="status"), handshake=True),
)
TOLD = frozenset(("404 of a stale replica", "409"))
DISK = Kind("disk full", around=_disk_full)


@dataclass(frozen=True)
class Case:
    """One kind of trouble at one place of a flow.

    :param number: the request that meets it; for trouble of the controller the file.
    """

    flow: str
    kind: Kind
    number: int
    lasting: bool

    @property
    def name(self) -> str:
        return f"{self.flow}:{self.number}:{self.kind.name}:{'lasting' if self.lasting else 'once'}"

    def inflict(self, made: Ground, requests: list[Request]) -> AbstractContextManager[object]:
        """Put the trouble in force, until the lab is asked to clear it and the context ends."""
        if self.kind.around is not None:
            return self.kind.around(self.number, self.lasting)
        request = requests[self.number]
        if self.kind.handshake:
            made.world.trouble.refuse_handshakes(request.connection, 100_000 if self.lasting else 1)
            return nullcontext()
        service, host = request.facts.service, request.facts.host
        rule = dict(self.kind.rule(service) or {})
        before = [
            each
            for each in requests[: self.number]
            if (each.facts.service, each.facts.host) == (service, host) and self.kind.meets(each)
        ]
        match = {"service": service, "host": host}
        if self.kind.methods:
            match["method"] = request.facts.method
        made.world.trouble.add({**rule, "match": match, "skip": len(before), "times": 0 if self.lasting else 1})
        return nullcontext()


def cases(flow: str, requests: list[Request], files: int) -> list[Case]:
    """All cases of a flow."""
    found = []
    for kind in KINDS:
        for request in requests:
            if (
                kind.meets(request)
                and (kind.items or not request.item)
                and kind.rule(request.facts.service) is not None
            ):
                found += [Case(flow, kind, request.number, lasting) for lasting in (False, True)]
    found += [Case(flow, DISK, number, lasting) for number in range(files) for lasting in (False, True)]
    return found
