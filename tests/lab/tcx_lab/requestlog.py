# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The log of every request that reached the lab: tests count with it and forbid writes with it."""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tcx_lab.clock import Clock

WRITE_METHODS = frozenset({"POST", "PATCH", "PUT", "DELETE"})

#: POST requests that only read or only get a token. Graph: documented; XAPI: published API description.
READING_POSTS = (
    "/$batch",
    "/getByIds",
    "/token",
    "/Login/GetAccessToken",
    "GetM365Users",
    "GetM365Groups",
    "Pbx.GetUsers",
    "GetUsersByPrincipalNames",
    "GetDuplicatedEmails",
    "TestPresence",
)

_SECRET_NAMES = ("secret", "password", "assertion", "token", "privatekey", "securitycode", "proof")
_MAX_BODY = 65536


def is_write(method: str, path: str) -> bool:
    """Whether a request changes something on the service, by method and path."""
    return method in WRITE_METHODS and not path.rstrip("/").removesuffix("()").endswith(READING_POSTS)


def scrub(value: Any) -> Any:
    """A copy of a JSON value in which everything under a secret's name is "***"."""
    if isinstance(value, dict):
        return {name: "***" if _is_secret(name, part) else scrub(part) for name, part in value.items()}
    if isinstance(value, list):
        return [scrub(part) for part in value]
    return value


def _is_secret(name: str, value: Any) -> bool:
    plain = name.lower().replace("_", "")
    if plain == "key" and isinstance(value, str):
        return False  # the public certificate of a keyCredential
    return isinstance(value, str) and bool(value) and any(word in plain for word in _SECRET_NAMES)


@dataclass(slots=True)
class LogEntry:
    """One request. Made when it arrives; `status` is 0 until it is answered and stays 0 when the connection was cut."""

    seq: int
    at: str  # lab time, ISO 8601
    service: str  # login | graph | management | pbx
    host: str  # PBX name or ""
    tenant: str  # tenant id or ""
    source: str  # client | browser | pbx:<name>
    method: str
    path: str
    query: str
    client: str = ""  # appid of the bearer token or the client_id of a token request
    user_agent: str = ""
    connection: int = 0  # port of the other end: what came over one connection has the same
    status: int = 0
    batch: int | None = None  # seq of the $batch request this is an item of
    duration_ms: float = 0.0
    trouble: str | None = None  # id of the rule that struck
    content_type: str = ""
    raw_body: bytes = b""
    is_write: bool = False

    @property
    def body(self) -> Any:
        """The request's JSON or form as a value, secrets replaced by "***"; None when empty, dropped or something else."""
        if not self.raw_body:
            return None
        if "form-urlencoded" in self.content_type:
            return scrub(dict(parse_qsl(self.raw_body.decode("utf-8", "replace"), keep_blank_values=True)))
        try:
            return scrub(json.loads(self.raw_body))
        except ValueError:
            return None

    def as_dict(self) -> dict[str, Any]:
        """The entry as the control API shows it."""
        names = "seq at service host tenant source method path query status client batch user_agent connection trouble is_write"
        shown: dict[str, Any] = {name: getattr(self, name) for name in names.split()}
        return {**shown, "body": self.body, "duration_ms": round(self.duration_ms, 3)}


class RequestLog:
    """A bounded list of entries, oldest dropped first. Appending is safe from the event loop, reading from any thread."""

    def __init__(self, clock: Clock, *, limit: int = 200_000, keep_bodies: bool = True) -> None:
        self.keep_bodies = keep_bodies
        self._clock = clock
        self._entries: deque[LogEntry] = deque(maxlen=limit)
        self._seq = 0
        self._lock = threading.Lock()
        self.under_way = 0
        """Requests that have arrived and are not done with, whoever still waits for their answer; of the event loop."""

    def make_room(self, entries: int) -> None:
        """Drop none before there are so many."""
        with self._lock:
            if entries > (self._entries.maxlen or 0):
                self._entries = deque(self._entries, maxlen=entries)

    def open(self, **facts: Any) -> LogEntry:
        """Note a request that has just arrived; the caller fills in the status later."""
        with self._lock:
            self._seq += 1
            at = self._clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
            entry = LogEntry(seq=self._seq, at=at, is_write=is_write(facts["method"], facts["path"]), **facts)
            self._entries.append(entry)
        return entry

    def keep_body(self, entry: LogEntry, content_type: str, body: bytes) -> None:
        """Keep what was sent, unless bodies are dropped or it is very long."""
        if self.keep_bodies and len(body) <= _MAX_BODY:
            entry.content_type, entry.raw_body = content_type, body

    def add_batch_item(
        self,
        batch: LogEntry | None,
        method: str,
        url: str,
        status: int,
        body: Any = None,
        *,
        trouble: str | None = None,
    ) -> LogEntry | None:
        """Note one request inside a $batch. `batch` is `scope["tcx_lab.log"]` of the batch (None: not logged at all);
        `trouble` the ids of the rules that struck the item."""
        if batch is None:
            return None
        parts = urlsplit(url)
        entry = self.open(
            service=batch.service,
            host=batch.host,
            tenant=batch.tenant,
            source=batch.source,
            method=method,
            path=parts.path,
            query=parts.query,
            client=batch.client,
            user_agent=batch.user_agent,
            status=status,
            batch=batch.seq,
            trouble=trouble,
        )
        if body is not None:
            self.keep_body(entry, "application/json", json.dumps(body).encode())
        return entry

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[LogEntry]:
        with self._lock:
            return iter(list(self._entries))

    @property
    def last_seq(self) -> int:
        """The number of the newest entry (0: none yet)."""
        return self._seq

    def clear(self) -> None:
        """Forget all entries; numbering goes on."""
        with self._lock:
            self._entries.clear()

    def query(
        self,
        *,
        since: int = 0,
        service: str = "",
        host: str = "",
        tenant: str = "",
        source: str = "",
        writes: bool = False,
    ) -> list[LogEntry]:
        """Entries after `since` that match every given fact; `source="pbx"` means all PBXs; `writes` leaves reads out."""
        return [
            entry
            for entry in self
            if entry.seq > since
            and service in ("", entry.service)
            and host in ("", entry.host)
            and tenant in ("", entry.tenant)
            and source_matches(source, entry.source)
            and (entry.is_write or not writes)
        ]

    def writes(self, *, since: int = 0) -> list[LogEntry]:
        """What clients (not the PBXs themselves) tried to change."""
        return [entry for entry in self.query(since=since, writes=True) if not entry.source.startswith("pbx:")]

    def counts(self, *, since: int = 0) -> dict[str, dict[str, int]]:
        """Requests by service, by host and by source (items of a batch counted apart under "batch_items")."""
        return count(self.query(since=since))


def source_matches(pattern: str, source: str) -> bool:
    """Whether a source is the wanted one ("" = any, "pbx" = any PBX)."""
    return pattern in ("", source) or (pattern == "pbx" and source.startswith("pbx:"))


def count(entries: Iterable[LogEntry]) -> dict[str, dict[str, int]]:
    """Totals of some entries; see `RequestLog.counts`."""
    by_service: Counter[str] = Counter()
    by_host: Counter[str] = Counter()
    by_source: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for entry in entries:
        if entry.batch is not None:
            totals["batch_items"] += 1
            totals["batch_writes"] += entry.is_write
            continue
        totals["requests"] += 1
        totals["writes"] += entry.is_write
        by_service[entry.service] += 1
        by_source[entry.source.partition(":")[0]] += 1
        if entry.host:
            by_host[entry.host] += 1
    return {"total": dict(totals), "service": dict(by_service), "host": dict(by_host), "source": dict(by_source)}
