# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client of Microsoft Graph: requests, batches, pages, typed errors, and patience with replication."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, TypeVar

from .._common import dates, typed
from .._common.odata import encoded_literal
from .._context import Context
from .._errors import (
    BadAnswer,
    Forbidden,
    Interrupted,
    M365Error,
    NotFound,
    NotYetReplicated,
    Rejected,
    ServiceFault,
    Throttled,
)
from .._http import Reply, seconds_to_wait
from . import documented, rights
from .connection import Connection
from .graph_errors import fault
from .tokens import Token, Tokens, claims_of

Json = dict[str, Any]
T = TypeVar("T")

VERSION = "/v1.0"
_UNKNOWN_ADDRESS = frozenset(("BadRequest", "UnknownError", "Request_UnsupportedQuery"))
"""Codes with which Graph's gateway refuses an address; the directory's own refusals begin with ``Request_``."""

SERVICE = "Graph"

_READ_WITHIN = 4
"""Attempts to read something that arrives cut off, empty, or as a page of something in between."""

OBJECTS_BY_ID = "/directoryObjects/getByIds"
"""A POST that only reads (documented)."""

_LISTS = re.compile(r"^/(?:applications|servicePrincipals|users|groups|directory/deletedItems/[\w.]+)$")
"""Lists that are there in every tenant."""

MOST_PAGES = 20_000
"""A list of two million objects; one that goes on is not one."""

BATCH_SIZE = 20
"""Most requests that Graph takes in one ``$batch`` (documented)."""

CONSISTENT: Mapping[str, str] = {"ConsistencyLevel": "eventual"}
"""Header of an advanced query; the answer comes from an index that lags."""


@dataclass(frozen=True)
class Call:
    """One request, to be sent alone or in a batch.

    :param path: below the version, with query: ``/applications?$top=5``.
    """

    method: str
    path: str
    body: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def by_key(cls, kind: str, key: str, value: str, query: str) -> Call:
        """Read an object by an alternate key: ``/applications(appId='..')?..``."""
        return cls("GET", f"/{kind}({key}={encoded_literal(value)})?{query}")

    @property
    def is_write(self) -> bool:
        return self.method != "GET" and self.path != OBJECTS_BY_ID


@dataclass(frozen=True)
class Answer:
    """What came back for one :class:`Call`."""

    status: int
    content: Any
    headers: Mapping[str, str]
    asked: tuple[Call, Token] | None = field(default=None, compare=False, repr=False)

    @property
    def ok(self) -> bool:
        return self.status < 300

    @property
    def unreadable(self) -> bool:
        """Whether what came back is not what Graph sends with such a status: JSON, an object."""
        return self.status in (200, 400, 403, 404, 409) and not isinstance(self.content, dict)

    @property
    def retry_after(self) -> float | None:
        """Seconds that Graph asks to wait before the next attempt, where it does."""
        stated = (value for name, value in self.headers.items() if name.lower() == "retry-after")
        return seconds_to_wait(next(stated, None))

    @property
    def error(self) -> M365Error:
        error = fault(self.status, self.content, self.headers)
        if self.asked is not None:
            call, token = self.asked
            if isinstance(error, NotFound) and _LISTS.search(call.path.partition("?")[0]):
                # A list that is not found says nothing about what is in it.
                error = error.as_kind(ServiceFault)
            if isinstance(error, Forbidden):
                rights.explain(error, token, call.method, call.path)
            error.provisionally(_purpose(call))
        return error

    def get(self) -> Json:
        """The body; raises the typed error of a refusal, and of an answer of other types than documented."""
        if not self.ok:
            raise self.error
        content: Json = self.content if isinstance(self.content, dict) else {}
        is_batch = self.asked is not None and self.asked[0].path == "/$batch"
        try:
            if not is_batch:  # each of its items is an answer of its own
                documented.check(content)
        except BadAnswer as error:
            raise error.provisionally(_purpose(self.asked[0]) if self.asked is not None else "read an answer") from None
        return content

    def entity(self, *names: str) -> Json:
        """The body of one object, which has an ``id`` and what else is named.

        :raises Interrupted: it was cut off on the way, although the request was carried out.
        """
        content = self.get()
        missing = [name for name in ("id", *names) if not content.get(name)]
        if missing:
            error = Interrupted(
                f"the answer is incomplete: it lacks {' and '.join(missing)}",
                service=SERVICE,
                status=self.status,
                request_id=str(self.headers.get("request-id") or ""),
            )
            if self.asked is not None:
                error.provisionally(_purpose(self.asked[0]))
            raise error
        return content

    def entity_or_none(self) -> Json | None:
        """The object, or ``None`` where Graph says plainly that there is none."""
        return None if not self.ok and isinstance(self.error, NotFound) else self.entity()


class GraphClient:
    """Graph as one caller sees it in one tenant."""

    def __init__(self, connection: Connection, context: Context, tokens: Tokens | None = None) -> None:
        self.connection = connection
        self.context = context
        self.tokens = tokens or Tokens(connection, context)
        self._ahead = 0.0
        graph = connection.endpoints.graph
        tenant = connection.tenant or connection.credential.identity()[:12]
        # Graph throttles per application and tenant, so the tasks of a run slow down together per tenant (documented).
        self._http = context.http("Graph", graph + VERSION, connection.transport, throttle_key=f"{graph}|{tenant}")

    @property
    def tenant_id(self) -> str:
        """The tenant as a GUID, taken from the token where it was given otherwise."""
        return self.connection.tenant_guid or self.tokens.get().tenant_id or self.connection.tenant

    def shared_key(self, *parts: str) -> str:
        """A key of the run's store for a fact of this tenant."""
        return "|".join((self.connection.endpoints.graph, self.tenant_id, *parts))

    def now(self) -> dt.datetime:
        """The time of the service: it decides which certificates have expired, whatever this machine's clock says."""
        return dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=self._ahead)

    def send(self, call: Call, *, once: bool = False) -> Answer:
        """Send one request; a refusal is an :class:`Answer` too.

        :param once: leave repeating to the caller, who reads again first.
        """
        self._note_writes([call])
        attempt = 0
        while True:
            attempt += 1
            answer = self._answered(call, once)
            # A batch that is not found is one that a replica, or something in between, does not know: no item was looked at.
            senseless = answer.unreadable or (call.path == "/$batch" and answer.status == 404)
            if not (_only_reads(call) and senseless and self._wait_for_sense(answer, attempt)):
                return answer

    def _answered(self, call: Call, once: bool) -> Answer:
        token = self.tokens.get()
        reply = self._send(call, token.value, once)
        if reply.status == 401:
            # The token can have been revoked, or the clocks differ; a new one is asked for once.
            renewed = self.tokens.renew(token, claims_of(reply.headers))
            if renewed.value != token.value:
                reply, token = self._send(call, renewed.value, once), renewed
        return Answer(reply.status, reply.json(), reply.headers, (call, token))

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Json:
        """GET one object or one page; raises the typed error of a refusal."""
        return self.send(Call("GET", path, headers=headers or {})).get()

    def pages(self, path: str, headers: Mapping[str, str] | None = None, first: Json | None = None) -> Iterator[Json]:
        """All items of a collection; ``first`` is its first page where that has been read already."""
        page = first if first is not None else self.get(path, headers)
        seen: set[str] = set()
        while True:
            yield from typed.entities(page, "value", SERVICE)
            link = typed.text(page, "@odata.nextLink", SERVICE)
            if not link:
                return
            if link in seen or len(seen) >= MOST_PAGES:
                raise BadAnswer(
                    "the pages of a list do not end",
                    service=SERVICE,
                    tried="read a list",
                    target=path.partition("?")[0],
                )
            seen.add(link)
            page = self.get(link, headers)

    def batch(self, calls: Sequence[Call], *, once: bool = False) -> list[Answer]:
        """Send requests together, twenty at a time; the answers come in the order of the requests.

        Items that were throttled or failed for a while are sent again, unless ``once`` or (for a POST) unless they were
        certainly not carried out.
        """
        self._note_writes(calls)
        answers: dict[int, Answer] = {}
        pending = list(range(len(calls)))
        attempt = 0
        renewed = False
        while pending:
            token = self.tokens.get()
            answers.update(self._batches(calls, pending, once))
            refused = [index for index in pending if answers[index].status == 401]
            if refused and not renewed:
                # A token can be revoked between two items; what was refused was certainly not carried out.
                renewed = True
                claims = next(filter(None, (claims_of(answers[index].headers) for index in refused)), "")
                if self.tokens.renew(token, claims).value != token.value:
                    answers.update(self._batches(calls, refused, once))
            pending = [index for index in pending if _worth_another_try(calls[index], answers[index])]
            attempt += 1
            if once:
                self._hold([answers[index] for index in pending])
                break
            if pending:
                self._wait_for_items([answers[index] for index in pending], attempt)
        return [answers[index] for index in range(len(calls))]

    def _wait_for_sense(self, answer: Answer, attempt: int) -> bool:
        """Wait before what was read is read again; false when it has been unreadable often enough to be taken as it is.

        :raises BadAnswer: the same of an answer that says that all is well.
        """
        pause = self.context.deadline.backoff(attempt, first=1.0)
        if attempt >= _READ_WITHIN or pause >= self.context.deadline.remaining():
            if not answer.ok:
                return False
            call = answer.asked[0] if answer.asked else Call("GET", "")
            raise BadAnswer(
                "the answer is not the JSON that is documented",
                service=SERVICE,
                status=answer.status,
                request_id=str(answer.headers.get("request-id") or ""),
            ).provisionally(_purpose(call))
        self.context.deadline.pause(pause, "Graph gave no readable answer")
        return True

    def _note_writes(self, calls: Sequence[Call]) -> None:
        """Tell the tasks of this run that what was verified about this tenant has to be proven again."""
        if any(call.is_write and call.path != "/$batch" for call in calls):  # what is in a batch is noted by itself
            self.context.store.put("tenant_changed", self.tenant_id.lower(), time.time())

    def eventually(self, action: Callable[[], T], why: str, *, within: float | None = None) -> T:
        """Repeat an action until it no longer meets :class:`NotYetReplicated`, until ``within`` or the deadline ends."""

        def probe() -> tuple[bool, Any]:
            try:
                return True, action()
            except NotYetReplicated as error:
                return False, error

        done, value = self.context.deadline.until(probe, why, within=within, first=0.5, most=8.0)
        if not done:
            raise value
        result: T = value
        return result

    def _send(self, call: Call, token: str, once: bool) -> Reply:
        try:
            return self._exchanged(call, token, once)
        except M365Error as error:
            raise error.provisionally(_purpose(call)) from None

    def _exchanged(self, call: Call, token: str, once: bool) -> Reply:
        headers = {"Authorization": f"Bearer {token}", **call.headers}
        safe = call.method != "POST" or _only_reads(call)
        reply = self._http.send(call.method, call.path, body=call.body, headers=headers, safe=safe, once=once)
        self._ahead = _seconds_ahead(reply) or self._ahead
        return reply

    def _batches(self, calls: Sequence[Call], indexes: Sequence[int], once: bool) -> dict[int, Answer]:
        answers: dict[int, Answer] = {}
        for start in range(0, len(indexes), BATCH_SIZE):
            chunk = indexes[start : start + BATCH_SIZE]
            answers.update(self._batch({index: calls[index] for index in chunk}, once))
        return answers

    def _hold(self, answers: Sequence[Answer]) -> None:
        """Whoever reads again to decide anew waits first for as long as Graph has asked."""
        asked = [seconds for answer in answers if (seconds := answer.retry_after) is not None]
        if asked:
            self._http.hold(max(asked))

    def _batch(self, calls: Mapping[int, Call], once: bool) -> dict[int, Answer]:
        requests = []
        for index, call in calls.items():
            item: Json = {"id": str(index), "method": call.method, "url": call.path}
            headers = dict(call.headers)
            if call.body is not None:
                item["body"] = call.body
                headers["Content-Type"] = "application/json"
            if headers:
                item["headers"] = headers
            requests.append(item)
        batch = Call("POST", "/$batch", {"requests": requests})
        answer = self.send(batch, once=once)
        if not answer.ok and isinstance(answer.error, NotFound):
            # Says nothing about any object: a replica or something in between does not know the address.
            raise answer.error.as_kind(ServiceFault).provisionally(_purpose(batch))
        content = answer.get()
        token = self.tokens.get()
        answers = {}
        for name, status, headers, body in _items_of(content, batch):
            if name.isdecimal() and int(name) in calls:
                answers[int(name)] = Answer(status, body, headers, (calls[int(name)], token))
        missing = [index for index in calls if index not in answers]
        if missing:
            raise ServiceFault(
                f"the answer of a batch lacks {len(missing)} of {len(calls)} items", service=SERVICE
            ).provisionally(_purpose(batch))
        return answers

    def _wait_for_items(self, answers: Sequence[Answer], attempt: int) -> None:
        error = answers[0].error
        asked = [seconds for answer in answers if (seconds := answer.retry_after) is not None]
        pause = max(asked) if asked else self.context.deadline.backoff(attempt, first=1.0)
        if attempt > 6 and not asked:
            raise error
        if pause >= self.context.deadline.remaining():
            raise error
        self.context.deadline.pause(pause, f"Graph answered {answers[0].status} inside of a batch")


def _items_of(content: Json, batch: Call) -> list[tuple[str, int, dict[str, str], Any]]:
    """Of each answer in the answer of a batch: its id, status, headers, and body."""
    try:
        return [
            (
                str(item.get("id") or ""),
                typed.number(item, "status", SERVICE),
                {str(name): str(value) for name, value in typed.mapping(item, "headers", SERVICE).items()},
                item.get("body"),
            )
            for item in typed.entities(content, "responses", SERVICE)
        ]
    except BadAnswer as error:
        raise error.provisionally(_purpose(batch)) from None


def _seconds_ahead(reply: Reply) -> float | None:
    """How far the service's clock is ahead of ours; within some seconds the two are the same."""
    stated = dates.from_http(reply.headers.get("Date"))
    ahead = stated - time.time() if stated is not None else 0.0
    return ahead if abs(ahead) > 5.0 else None


def _worth_another_try(call: Call, answer: Answer) -> bool:
    if answer.status in (424, 429):
        return True
    return answer.status in (408, 500, 502, 503, 504) and call.method != "POST"


def _only_reads(call: Call) -> bool:
    items = (call.body or {}).get("requests") or () if call.path == "/$batch" else ()
    return all(item["method"] == "GET" for item in items) if items else not call.is_write


def _purpose(call: Call) -> str:
    """What a request is for; a batch is for what it writes, or else for what it reads first."""
    items = (call.body or {}).get("requests") if call.path == "/$batch" else None
    if items:
        item = next((request for request in items if request["method"] != "GET"), items[0])
        return rights.purpose(item["method"], item["url"])
    return rights.purpose(call.method, call.path)


def passing(error: M365Error) -> bool:
    """Whether reading again and then deciding anew is the way on."""
    return isinstance(error, (Interrupted, ServiceFault, Throttled, NotYetReplicated))


def unsupported_here(error: M365Error) -> bool:
    """Whether a cloud answers like one that does not know an address or a method."""
    unknown = error.status in (404, 405, 501) or error.code in _UNKNOWN_ADDRESS
    return isinstance(error, Rejected) and unknown
