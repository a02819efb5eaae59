# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the controller on a loopback socket in a thread of the test."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from fake_controller import gateway
from fake_controller.app import Api
from fake_controller.store import Store

USERNAME = "platform"
PASSWORD = "correct horse battery staple"


@dataclass
class FakeController:
    """A running controller: its address, its objects, and every request that tried to change something."""

    url: str
    store: Store
    api: Api

    @property
    def writes(self) -> list[tuple[str, str]]:
        return self.api.writes

    @property
    def environment(self) -> dict[str, str]:
        """What leads the modules of awx.awx to it."""
        return {
            "CONTROLLER_HOST": self.url,
            "CONTROLLER_USERNAME": USERNAME,
            "CONTROLLER_PASSWORD": PASSWORD,
            "CONTROLLER_VERIFY_SSL": "false",
        }

    def environment_of(self, username: str, password: str = PASSWORD) -> dict[str, str]:
        """The same for somebody else."""
        return {**self.environment, "CONTROLLER_USERNAME": username, "CONTROLLER_PASSWORD": password}

    @classmethod
    @contextlib.contextmanager
    def start(cls, repositories: Mapping[str, Path], *, behind_gateway: bool = False) -> Iterator[FakeController]:
        """Serve an empty controller until the block ends."""
        store = Store(repositories)
        api = Api(store, USERNAME, PASSWORD)
        app = gateway.in_front_of(api.app) if behind_gateway else api.app
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
            listener.listen()
            thread.start()
            try:
                yield cls(f"http://127.0.0.1:{listener.getsockname()[1]}", store, api)
            finally:
                server.should_exit = True
                thread.join(timeout=10)
