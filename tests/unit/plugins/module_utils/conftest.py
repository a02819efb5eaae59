# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A clock that only moves when somebody sleeps, and a server that misbehaves as told."""

from __future__ import annotations

import http.server
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._time import Clock


class SleepingClock(Clock):
    """Time passes by sleeping alone, so that a test of minutes takes none."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> SleepingClock:
    return SleepingClock()


Step = Callable[[http.server.BaseHTTPRequestHandler], None]


@dataclass
class ScriptedServer:
    """Answers the requests in the order of ``script``; the last step answers all further ones."""

    url: str
    script: list[Step] = field(default_factory=list)
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def then(self, *steps: Step) -> ScriptedServer:
        self.script.extend(steps)
        return self


def answer(status: int, body: bytes = b"{}", **headers: str) -> Step:
    """A complete answer."""

    def step(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return step


def reset(handler: http.server.BaseHTTPRequestHandler) -> None:
    """The connection is cut after the request was read."""
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer("")

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            scripted.seen.append((self.command, self.path, dict(self.headers.items()), self.rfile.read(length)))
            step = scripted.script.pop(0) if len(scripted.script) > 1 else scripted.script[0]
            step(self)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any

        def log_message(self, *_arguments: Any) -> None:
            """The test looks at ``seen``."""

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scripted.url = f"http://127.0.0.1:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield scripted
    running.shutdown()
    running.server_close()


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
