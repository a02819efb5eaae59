# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sliced rollout over a mesh of the real receptor: a control node and two execution nodes that share nothing but it."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from awx_jobs import RUNNER, machine, process
from fake_controller import FakeController
from tcx_lab.fleet import build
from tcx_lab.testing import Lab
from test_slices import PLAN, Fleet, end_state

CONTROL = "control"
SECONDS = 60


@pytest.fixture(scope="module")
def program() -> str:
    found = shutil.which("receptor")
    if found is None:
        # It is a package of the operating system, so nothing of ours can install it.
        pytest.skip("this machine has no receptor; Debian 13 has it as a package")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Mesh:
    """A running mesh, spoken to by the socket of its control node, as a controller does (documented: receptorctl)."""

    def __init__(self, program: str, place: Path) -> None:
        self.program, self.place = program, place
        self.peers: list[dict[str, Any]] = []

    @contextmanager
    def node(self, name: str, *parts: dict[str, Any]) -> Iterator[None]:
        """One process of receptor; it ends with the block."""
        home = self.place / name
        home.mkdir()
        service = {"service": CONTROL, "filename": str(home / "socket")}
        config = [{"node": {"id": name, "datadir": str(home / "data")}}, {"log-level": "error"}]
        (home / "receptor.yml").write_text(
            json.dumps([*config, {"control-service": service}, *parts]), encoding="utf-8"
        )
        command = [self.program, "--config", str(home / "receptor.yml")]
        with (home / "log").open("w") as log:
            running = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=machine(home / "home"))
        try:
            wait(lambda: (home / "socket").exists() or running.poll() is not None)
            assert running.poll() is None, (home / "log").read_text()
            yield
        finally:
            running.terminate()
            running.wait(timeout=20)

    @contextmanager
    def execution_node(self, name: str) -> Iterator[None]:
        """A node that runs whatever a controller sends to ansible-runner, in a directory that it makes for it."""
        port = free_port()
        worker = {"worktype": "ansible-runner", "command": str(RUNNER), "params": "worker"}
        listener = {"bindaddr": "127.0.0.1", "port": port}
        with self.node(name, {"tcp-listener": listener}, {"work-command": worker}):
            self.peers.append({"tcp-peer": {"address": f"127.0.0.1:{port}"}})
            yield

    def say(self, words: dict[str, Any], payload: bytes | None = None) -> tuple[str, bytes]:
        """The first line of the answer and what follows it; a payload ends what is said."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(300)
            link.connect(str(self.place / CONTROL / "socket"))
            with link.makefile("rb") as answer:
                assert answer.readline().startswith(b"Receptor Control")
                link.sendall(json.dumps(words).encode() + b"\n")
                first = answer.readline().decode()
                if payload is not None:
                    link.sendall(payload)
                    link.shutdown(socket.SHUT_WR)
                    return first, answer.readline()
                assert not first.startswith("ERROR"), first
                return first, b"" if words["command"] == "status" else answer.read()

    def knows(self, name: str) -> bool:
        return name in (json.loads(self.say({"command": "status"})[0])["RoutingTable"] or {})

    def submit(self, node: str, stream: bytes) -> str:
        words = {"command": "work", "subcommand": "submit", "node": node, "worktype": "ansible-runner"}
        first, _rest = self.say(words, stream)
        found = re.fullmatch(r"Work unit created with ID (\w+)\. Send stdin data and EOF\.\s*", first)
        assert found, first
        return found[1]

    def results(self, unit: str) -> bytes:
        first, stream = self.say({"command": "work", "subcommand": "results", "unitid": unit, "startpos": 0})
        assert first.startswith("Streaming results"), first
        return stream


def wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def mesh(program: str) -> Iterator[Mesh]:
    with ExitStack() as stack:
        # A socket has to fit into 108 bytes.
        made = Mesh(program, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tcx-"))))
        for name in ("north", "south"):
            stack.enter_context(made.execution_node(name))
        stack.enter_context(made.node(CONTROL, *made.peers))
        for name in ("north", "south"):
            wait(lambda name=name: made.knows(name))
        yield made


def test_slices_on_two_execution_nodes_end_like_the_whole(
    mesh: Mesh, described: FakeController, tmp_path: Path
) -> None:
    with Lab.start(build(PLAN), mode="thread") as one, Lab.start(build(PLAN), mode="thread") as two:
        whole = Fleet(one, described, tmp_path / "whole", shared=False)
        sliced = Fleet(two, described, tmp_path / "sliced", shared=False)
        (result,) = whole.in_one_piece()
        assert result.code == 0, result.output
        streams = [
            sliced.desk.prepare(each, f"slice-{n}").transmit()
            for n, each in enumerate(sliced.launches("3CX rollout", 2))
        ]
        units = [mesh.submit(node, stream) for node, stream in zip(("north", "south"), streams, strict=True)]
        answers = [process(tmp_path / f"answer-{n}", mesh.results(unit)) for n, unit in enumerate(units)]
        assert [each.code for each in answers] == [0, 0], "\n".join(each.output for each in answers)
        assert end_state(sliced.world) == end_state(whole.world)
