# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections to services: which are kept, and which certificates services have shown on those that were made anyway.

A preflight judges the certificate of a PBX. Another handshake only to see it would cost each PBX of a fleet a round trip, and
would pass by the proxy that all calls go through.
"""

from __future__ import annotations

import queue
import threading
import urllib.parse
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Callable

from ansible_collections.tcx.m365.plugins.module_utils._limits import check_in_time, timed_response

PORTS = {"https": 443, "http": 80}

PASSING = 64
"""So many of the newest addresses: those of the PBXs that are worked on at one time."""


class Kept:
    """What was opened for addresses: the first ones and the newest ones of more than may be kept."""

    def __init__(self, most: int) -> None:
        self._passing = min(PASSING, most)
        self._staying = most - self._passing
        self.first: dict[Hashable, Any] = {}
        self.newest: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, way: Hashable, opened: Callable[[], Any]) -> Any:
        """What is kept for this way to an address; opened where nothing is."""
        with self._lock:
            if way in self.first:
                return self.first[way]
            pool = self.newest.pop(way, None) or opened()
            kept = self.first if len(self.first) < self._staying else self.newest
            kept[way] = pool
            if len(self.newest) > self._passing:
                self.newest.popitem(last=False)
        return pool


def connections_to(place: Any, manager: Any, size: int) -> Any:
    """Connections to one address, made as a manager makes them; the manager itself where none can be made.

    :param place: the address, as urllib3 reads it.
    """
    if not place.host or place.scheme not in PORTS:
        return manager
    pool_class = manager.pool_classes_by_scheme[place.scheme]
    tls = {"ssl_context": manager.connection_pool_kw["ssl_context"]} if place.scheme == "https" else {}
    pool = pool_class(place.host, place.port or PORTS[place.scheme], maxsize=1, retries=False, **tls)
    pool.pool = _Idle(size)
    return pool


class Peers:
    """The newest certificate of each address, as DER."""

    def __init__(self) -> None:
        self._shown: dict[tuple[str, int], bytes] = {}

    def certificate(self, url: str) -> bytes | None:
        """What the service at a URL has shown; ``None`` before a connection was made, and for plain HTTP."""
        parts = urllib.parse.urlsplit(url)
        return self._shown.get((parts.hostname or "", parts.port or 443))

    def noted(self, manager: Any) -> Any:
        """The same pool manager, whose TLS connections are noted here and whose answers are read within limits."""
        peers = self
        classes = manager.pool_classes_by_scheme
        connection = classes["https"].ConnectionCls

        def connect(self: Any) -> None:
            connection.connect(self)
            check_in_time()
            peers._note(self)

        plain = classes["http"].ConnectionCls

        def connect_plainly(self: Any) -> None:
            plain.connect(self)
            check_in_time()

        manager.pool_classes_by_scheme = {
            "http": _pool_of(classes["http"], {"connect": connect_plainly}),
            "https": _pool_of(classes["https"], {"connect": connect}),
        }
        return manager

    def _note(self, connection: Any) -> None:
        """Behind a proxy, ``host`` is the proxy's, and the tunnel leads to the service (``http.client``)."""
        host = getattr(connection, "_tunnel_host", None) or connection.host
        port = getattr(connection, "_tunnel_port", None) or connection.port
        read = getattr(connection.sock, "getpeercert", None)
        shown = read(binary_form=True) if read else None
        if shown:
            self._shown[host.strip("[]").lower(), int(port or 443)] = shown


def _pool_of(pool: Any, methods: dict[str, Any]) -> Any:
    """A class of pools whose connections have these methods, under the names that stand in sentences of transport errors."""
    connection = pool.ConnectionCls
    timed = {"response_class": timed_response(connection.response_class), **methods}
    ours = type(connection.__name__, (connection,), timed)
    return type(pool.__name__, (pool,), {"ConnectionCls": ours})


class _Idle:
    """The connections of a pool that nobody uses, the newest first, as urllib3 asks a queue for them.

    A queue of Python is made for threads that wait for each other, and nobody waits here. urllib3 begins with a place for each
    connection that there may be, which takes longer than to send a request, for each PBX of a fleet.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._connections: list[Any] = []

    def put(self, connection: Any, **_waiting: Any) -> None:
        """Keep one for the next request."""
        if len(self._connections) >= self._most:
            raise queue.Full
        if connection is not None:
            self._connections.append(connection)

    def get(self, **_waiting: Any) -> Any:
        """One that was kept; without one urllib3 makes a new one."""
        try:
            return self._connections.pop()
        except IndexError:
            raise queue.Empty from None

    def qsize(self) -> int:
        return len(self._connections)
