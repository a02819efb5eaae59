# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rulebooks in the real ansible-rulebook: what an event starts at the controller, and what starts nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import environments
import httpx
import pytest
from environments import COLLECTIONS
from fake_controller import FakeController
from tower_kit import REPOSITORY

RULEBOOKS = REPOSITORY / "extensions" / "eda" / "rulebooks"
TOKEN = "t0ken-of-the-listener"
SUMMARY = {"total": 3, "compliant": 3, "drifted": 0, "broken": 0, "failed": 0, "unreachable": 0}


@pytest.fixture(scope="module")
def program() -> Path:
    """ansible-rulebook, whose engine is a Java program."""
    if shutil.which("java") is None:
        # It is a package of the operating system, so nothing of ours can install it.
        pytest.skip("ansible-rulebook needs Java 17 or later, and this machine has no java")
    return environments.ensure("eda").bin / "ansible-rulebook"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Listener:
    """One running rulebook."""

    def __init__(self, program: Path, rulebook: str, controller: FakeController, place: Path) -> None:
        self.controller, self.port = controller, free_port()
        variables = {
            "tcx_m365_event_port": self.port,
            "tcx_m365_event_token": TOKEN,
            "tcx_m365_event_hosts": ["berlin", "munich"],
            "tcx_m365_report_directory": str(place / "reports"),
            "tcx_m365_report_delay": 0.2,
        }
        self.reports = place / "reports"
        self.reports.mkdir()
        (place / "vars.yml").write_text(json.dumps(variables), encoding="utf-8")
        (place / "inventory.yml").write_text("all: {hosts: {localhost: {}}}\n", encoding="utf-8")
        command = [program, "--rulebook", RULEBOOKS / f"{rulebook}.yml", "--inventory", place / "inventory.yml"]
        command += ["--vars", place / "vars.yml", "--controller-url", controller.url]
        command += ["--controller-token", controller.api.token_of(None)]
        self.log = place / "log"
        path = os.pathsep.join([str(program.parent), os.environ.get("PATH", os.defpath)])
        environment = {**os.environ, "PATH": path, "HOME": str(place), "EDA_JOB_TEMPLATE_REFRESH_DELAY": "0.2"}
        environment["ANSIBLE_COLLECTIONS_PATH"] = str(COLLECTIONS)
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=place,
                env=environment,
                start_new_session=True,
            )
        self._wait(self._watches if rulebook == "report_directory" else self._listens)

    def _wait(self, condition: Any, seconds: float = 120) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            if condition():
                return True
            time.sleep(0.1)
        return False

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _watches(self) -> bool:
        return "Waiting for events" in self.log.read_text() or "waiting for events" in self.log.read_text()

    def report(self, **totals: int) -> None:
        """What a compliance run leaves in the directory."""
        report = {
            "schema_version": 2,
            "generated_at": "2026-01-01T02:00:00Z",
            "summary": {**SUMMARY, **totals},
            "hosts": [],
        }
        path = self.reports / "compliance.json"
        path.write_text(json.dumps(report), encoding="utf-8")
        path.chmod(0o600)

    def send(self, payload: dict[str, Any], token: str = TOKEN) -> int:
        url = f"http://localhost:{self.port}/endpoint"
        return httpx.post(url, json=payload, headers={"Authorization": f"Bearer {token}"}).status_code

    def started(self) -> list[tuple[str, str | None]]:
        """Name and limit of what was launched from outside."""
        store = self.controller.store
        found = [*store.of("job"), *store.of("workflow_job")]
        return [(each.name, each.values["limit"]) for each in found if each.values["launch_type"] == "manual"]

    def starts(self, *expected: tuple[str, str | None]) -> bool:
        return self._wait(lambda: self.started() == list(expected), 60)

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture
def listener(
    request: pytest.FixtureRequest, program: Path, described: FakeController, tmp_path: Path
) -> Iterator[Listener]:
    for type_ in ("job", "workflow_job", "workflow_job_node", "workflow_approval"):
        for item in described.store.of(type_):
            described.store.items.pop(item.id)
    running = Listener(program, request.param, described, tmp_path)
    yield running
    running.stop()


WORKFLOW = ("3CX rollout with approval", None)


@pytest.mark.parametrize("listener", ["compliance_report"], indirect=True)
def test_drift_starts_the_workflow_once_an_hour(listener: Listener) -> None:
    assert listener.send({"schema_version": 2, "summary": {**SUMMARY, "drifted": 1}}, "wrong") == 401
    assert listener.send({"schema_version": 2, "summary": SUMMARY}) == 200
    assert listener.send({"schema_version": 2, "summary": {**SUMMARY, "drifted": 1}}) == 200
    assert listener.starts(WORKFLOW), listener.log.read_text()
    listener.send({"schema_version": 2, "summary": {**SUMMARY, "broken": 1}})
    listener.send({"schema_version": 2, "summary": {**SUMMARY, "unreachable": 1}})
    # What comes later was handled after what must not start anything.
    assert listener.starts(("3CX compliance", "tcx"), WORKFLOW), listener.log.read_text()


@pytest.mark.parametrize("listener", ["certificate_end"], indirect=True)
def test_only_known_names_become_a_limit(listener: Listener) -> None:
    certificates = [{"thumbprint": "AB", "days_left": 12}]
    for host in ("all", "!munich", "berlin:munich", "~.*", "tcx", "lyon", "*"):
        assert listener.send({"host": host, "certificates": certificates}) == 200
    listener.send({"host": "munich", "certificates": [{"thumbprint": "AB", "days_left": 200}]})
    listener.send({"host": "berlin", "certificates": certificates})
    assert listener.starts(("3CX rotate certificate", "berlin")), listener.log.read_text()


@pytest.mark.parametrize("listener", ["report_directory"], indirect=True)
def test_a_report_in_a_directory_starts_the_same(listener: Listener) -> None:
    listener.report()
    listener.report(unreachable=1)
    assert listener.starts(("3CX compliance", "tcx")), listener.log.read_text()
    listener.report(drifted=1)
    assert listener.starts(("3CX compliance", "tcx"), WORKFLOW), listener.log.read_text()
