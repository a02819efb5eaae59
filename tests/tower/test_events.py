# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The events that a compliance run sends by itself."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from awx_jobs import machine
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan, build
from tcx_lab.testing import Lab

PLAN = FleetPlan([TenantPlan("contoso", users=2)], [PbxPlan("berlin", "contoso"), PbxPlan("munich", "contoso")], seed=5)
TOKEN = "canary-t0ken-of-events"


class Sink:
    """A webhook that keeps what it is sent."""

    def __init__(self) -> None:
        self.status = 200
        self.seen: list[tuple[str, dict[str, Any]]] = []
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.seen.append((self.headers["Authorization"], json.loads(body)))
                self.send_response(sink.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                """Nothing is printed."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/endpoint"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab.start(build(PLAN), mode="thread") as running:
        yield running


def compliance(lab: Lab, place: Path, **variables: Any) -> subprocess.CompletedProcess[str]:
    (place / "hosts.yml").write_text(json.dumps(lab.inventory), encoding="utf-8")
    program = Path(sys.executable).with_name("ansible-playbook")
    values = json.dumps({"compliance_report_dir": str(place / "reports"), **variables})
    command = [program, "tcx.m365.compliance", "-i", place / "hosts.yml", "-e", values, "-vvv"]
    environment = machine(place / "home")
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=place)


def test_totals_and_expiring_certificates(lab: Lab, sink: Sink, tmp_path: Path) -> None:
    done = compliance(
        lab,
        tmp_path,
        compliance_events_url=sink.url,
        compliance_events_token=TOKEN,
        compliance_events_hosts=True,
    )
    assert done.returncode == 0, done.stdout
    report = json.loads((tmp_path / "reports" / "compliance.json").read_text(encoding="utf-8"))
    assert [token for token, _body in sink.seen] == [f"Bearer {TOKEN}"] * len(sink.seen)
    totals = {name: report[name] for name in ("schema_version", "generated_at", "summary")}
    assert sink.seen[0][1] == totals
    expiring = [
        {"host": host["host"], "verdict": host["verdict"], "certificates": [each]}
        for host in report["hosts"]
        for each in host["certificates"]
        if each["days_left"] is not None and each["days_left"] < 30
    ]
    assert [body for _token, body in sink.seen[1:]] == expiring
    assert TOKEN not in done.stdout + done.stderr


def test_an_event_that_is_not_taken_is_told(lab: Lab, sink: Sink, tmp_path: Path) -> None:
    sink.status = 401
    done = compliance(lab, tmp_path, compliance_events_url=sink.url, compliance_events_token=TOKEN)
    assert done.returncode != 0
    assert "1 of 1 events were not taken by" in done.stdout
    assert "HTTP status 401" in done.stdout
    assert (tmp_path / "reports" / "compliance.json").is_file()


def test_a_token_never_travels_in_the_clear(lab: Lab, tmp_path: Path) -> None:
    url = "http://eda.example.com/endpoint"
    done = compliance(lab, tmp_path, compliance_events_url=url, compliance_events_token=TOKEN)
    assert done.returncode != 0
    assert "compliance_events_url has to begin with https://" in done.stdout
    assert TOKEN not in done.stdout + done.stderr
