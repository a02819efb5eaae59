# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A forwarding proxy on loopback that connects to any address (RFC 9110, CONNECT) and remembers which."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class ForwardProxy:
    """A running proxy.

    :param login: ``USER:PASSWORD`` that it wants; empty for none.
    :param refusal: status line with which it refuses whoever is logged in.
    """

    login: str = ""
    refusal: str = ""
    port: int = 0
    connected: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def url_with(self, login: str) -> str:
        return f"http://{login}@127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator[ForwardProxy]:
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    proxy.serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        with Server(("127.0.0.1", 0), Handler) as server:
            self.port = server.server_address[1]
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield self
            finally:
                server.shutdown()

    def serve(self, client: socket.socket) -> None:
        """One connection of a client, until either side ends it."""
        words = b""
        while b"\r\n\r\n" not in words:
            part = client.recv(65536)
            if not part:
                return
            words += part
        lines = words.decode("latin-1").split("\r\n")
        method, target, _version = lines[0].split(" ")
        headers = {name.lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines[1:])}
        expected = "Basic " + base64.b64encode(self.login.encode()).decode()
        answer = self.refusal
        if self.login and headers.get("proxy-authorization") != expected:
            answer = "407 Proxy Authentication Required"
        elif method != "CONNECT":
            answer = "405 Method Not Allowed"
        if answer:
            self.refused.append(target)
            client.sendall(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            return
        host, _colon, port = target.rpartition(":")
        with socket.create_connection((host, int(port))) as server:
            self.connected.append(target)
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _relay(client, server)


def _relay(one: socket.socket, other: socket.socket) -> None:
    peers = {one: other, other: one}
    while True:
        for ready in select.select(list(peers), [], [])[0]:
            part = ready.recv(65536)
            if not part:
                return
            peers[ready].sendall(part)
