# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many TLS sockets on 127.0.0.1, one event loop, one uvicorn server; a PBX that is down has a bound socket that refuses."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tcx_lab.ca import CertificateAuthority
from tcx_lab.control import ControlApp
from tcx_lab.switchboard import SERVICES, Apps, Switchboard, connect_inside, load_apps

if TYPE_CHECKING:
    import ssl

    from tcx_lab.ca import KeyPair, Shown
    from tcx_lab.world import Pbx, World

_HOST = "127.0.0.1"
_BACKLOG = 512
#: Descriptors beside the listening sockets: connections of clients, the interpreter's own files.
_SPARE_DESCRIPTORS = 4096
_HANDSHAKE_FAILURE = 40  # the alert's number (RFC 8446, 6)


class LabProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, plus a way for an app to cut the connection (`scope["tcx_lab.cut"]`)."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)["tcx_lab.cut"] = self.cut

    def cut(self) -> None:
        """Reset the TCP connection: no TLS farewell, no HTTP answer, and RST instead of FIN."""
        if self.cycle is not None:
            self.cycle.disconnected = True
        _linger_zero(self.transport)
        self.transport.abort()


def _linger_zero(transport: asyncio.Transport) -> None:
    connection = transport.get_extra_info("socket")
    if connection is None:
        return
    with contextlib.suppress(OSError):
        twin = socket.socket(fileno=os.dup(connection.fileno()))
        twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        twin.close()


class LabServer(uvicorn.Server):
    """Serves a world. `await serve_world()` until `should_exit`; `set_down` opens and closes single PBXs meanwhile."""

    def __init__(
        self,
        world: World,
        *,
        apps: Apps | None = None,
        port_base: int = 0,
    ) -> None:
        self.world = world
        self.on_ready: Callable[[LabServer], None] | None = None
        self.authority_path = Path(
            "ca.pem"
        )  # where clients find the authority's certificate; set by who writes the file
        self.authority = CertificateAuthority()
        self.switchboard: Switchboard = connect_inside(world, apps, ControlApp(world, self))
        self._first_keys: dict[str, KeyPair | None] = {}
        self._sockets: dict[int, socket.socket] = {}  # by port: listening ones, and those that only hold a port
        self._listeners: dict[int, asyncio.base_events.Server] = {}
        self._contexts: dict[int, ssl.SSLContext] = {}  # by port: of those that show a certificate of their own
        config = uvicorn.Config(
            self.switchboard,
            http=LabProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
        )
        config.load()
        config.ssl = self._greeting(self.authority.server_context())
        super().__init__(config)
        self._bind(port_base)

    def _bind(self, port_base: int) -> None:
        raise_descriptor_limit(len(self.world.pbxs) + len(SERVICES) + _SPARE_DESCRIPTORS)
        ports: Iterator[int] = iter(range(port_base, 1 << 16)) if port_base else iter(lambda: 0, None)
        try:
            for service in SERVICES:
                self.switchboard.assign(service, self._reserve(next(ports)))
            for pbx in self.world.pbxs.values():
                self.world.place(pbx, self._reserve(next(ports)))
        except OSError:
            self.release()
            raise

    def _greeting(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """The same context, whose handshakes fail when the trouble in force says so."""

        def greet(_connection: Any, _name: str | None, _context: ssl.SSLContext) -> int | None:
            return _HANDSHAKE_FAILURE if self.world.trouble.refuses_handshake() else None

        context.sni_callback = greet
        return context

    def _reserve(self, port: int) -> int:
        """Bind a port without listening on it: connections are refused until somebody listens.

        SO_REUSEADDR lets us have a certain port back at once. When any port will do it comes after bind, because
        Linux might otherwise give out a port twice that nobody listens on yet.
        """
        reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if port:
                reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reserved.bind((_HOST, port))
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        except OSError as error:
            reserved.close()
            raise OSError(error.errno, f"cannot bind {_HOST}:{port}: {error.strerror}") from error
        number: int = reserved.getsockname()[1]
        self._sockets[number] = reserved
        return number

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open all ports that somebody answers on (called by uvicorn, without sockets: they are ours)."""
        if sockets is not None:
            raise ValueError("the lab binds its own sockets")
        self.servers: list[asyncio.base_events.Server] = []
        for port in list(self._sockets):
            if self.switchboard.reachable(port):
                await self._listen(port)
        self.started = True
        if self.on_ready is not None:
            self.on_ready(self)
        self._first_keys = {name: pbx.key_pair for name, pbx in self.world.pbxs.items()}

    async def _listen(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            self._new_protocol,
            sock=self._sockets[port],
            ssl=self._contexts.get(port, self.config.ssl),
            backlog=_BACKLOG,
        )
        self._listeners[port] = listener
        self.servers.append(listener)

    def _new_protocol(self) -> asyncio.Protocol:
        return LabProtocol(config=self.config, server_state=self.server_state, app_state={})

    async def set_down(self, pbx: Pbx, down: bool) -> None:
        """Take a PBX off the network (its open connections are reset) or bring it back on the same port."""
        if pbx.down == down:
            return
        pbx.down = down
        if down:
            await self._stop_listening(pbx.port)
        else:
            await self._listen(pbx.port)

    async def show_certificate(self, pbx: Pbx, shown: Shown | None) -> None:
        """Let a PBX show another TLS certificate from now on; None: the lab's own again. Open connections are reset."""
        if shown is None:
            self._contexts.pop(pbx.port, None)
        else:
            self._contexts[pbx.port] = self.authority.server_context(shown)
        if not pbx.down:
            await self._stop_listening(pbx.port)
            await self._listen(pbx.port)

    async def reset(self) -> None:
        """Set the world back to how it started; ports, keys and certificates stay, so that the first inventory fits again.

        Raises ValueError for a world that was not built from a plan.
        """
        world = self.world
        if world.origin is None:
            raise ValueError("this lab serves a world that was made by hand: nobody knows how it was at first")
        fresh = world.origin()
        for name, pbx in fresh.pbxs.items():
            old = world.pbxs[name]
            await self.set_down(old, pbx.down)
            if old.port in self._contexts:
                await self.show_certificate(old, None)
            pbx.key_pair, pbx.https_port = self._first_keys.get(name), old.port
        automation = world.automation
        if automation is not None and fresh.automation is not None:
            fresh.automation.key_pair = automation.key_pair
        world.take_over(fresh)
        self.switchboard.apps = load_apps(world)

    async def _stop_listening(self, port: int) -> None:
        listener = self._listeners.pop(port)
        self.servers.remove(listener)
        listener.close()
        for connection in list(self.server_state.connections):
            if isinstance(connection, LabProtocol) and connection.server is not None and connection.server[1] == port:
                connection.cut()
        self._sockets.pop(port).close()
        await self._hold(port)

    async def _hold(self, port: int) -> None:
        """Bind the port again as soon as the event loop has really closed the old socket."""
        for _attempt in range(100):
            await asyncio.sleep(0.001)
            try:
                self._reserve(port)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                return
        raise OSError(errno.EADDRINUSE, f"port {port} did not become free")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM end the lab in good order; unlike uvicorn we do not raise them again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def release(self) -> None:
        """Close every socket."""
        for listener in self._sockets.values():
            listener.close()
        self._sockets.clear()

    async def serve_world(self) -> None:
        """Serve until `should_exit` is set or a signal arrives."""
        try:
            await self.serve()
        finally:
            self.release()


def raise_descriptor_limit(files: int) -> int:
    """Allow this process `files` open files, or as many as the system gives; returns the limit in force.

    macOS starts with 256 and refuses more than kern.maxfilesperproc even where the hard limit says infinity, hence the steps.
    """
    try:
        import resource
    except ImportError:
        return files
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= files:
        return soft
    ceiling = files if hard == resource.RLIM_INFINITY else min(files, hard)
    for attempt in (ceiling, 24_576, 10_240, 4096, 1024):
        if soft < attempt <= ceiling:
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (attempt, hard))
                return attempt
    return soft


def event_loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where it is installed, asyncio's own loop elsewhere."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def run(server: LabServer) -> None:
    """Serve in this thread until it ends."""
    with asyncio.Runner(loop_factory=event_loop_factory()) as runner:
        runner.run(server.serve_world())


def endpoints_of(server: LabServer) -> dict[str, Any]:
    """Addresses as `endpoints.json` shows them."""
    ends, world = server.world.endpoints, server.world
    return {
        "login": ends.login,
        "graph": ends.graph,
        "management": ends.management,
        "control": f"{ends.login}/_lab",
        "pbxs": {pbx.name: pbx.url for pbx in world.pbxs.values()},
    }
