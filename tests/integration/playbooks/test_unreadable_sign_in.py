# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One tenant answers a sign-in with something that is no token answer: no run hangs, nobody else is hit, nothing is shown.

On ansible-core 2.17 and 2.18 a thread of a forked task that writes to the terminal waits for ever for its lock.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tcx_lab.world import README_PERMISSIONS

from .conftest import Controller

pytestmark = [pytest.mark.smoke, pytest.mark.xdist_group("unreadable")]

CANARY = "eyJ0eXAiOiJKV1QiLCJub25jZSI6-CANARY"
CUT = json.dumps({"token_type": "Bearer", "expires_in": 3599, "access_token": CANARY})[:-2]

MODULES = """
- hosts: tcx
  gather_facts: false
  tasks:
    - tcx.m365.graph_user_info:
        tenant_id: "{{ entra_tenant_id }}"
        client_id: "{{ entra_client_id }}"
        client_secret: "{{ entra_client_secret }}"
        authority_host: "{{ entra_authority_host }}"
        graph_endpoint: "{{ entra_graph_endpoint }}"
        ca_path: "{{ entra_ca_path }}"
        deadline: 20
"""
ROLES = """
- hosts: tcx
  connection: local
  gather_facts: false
  roles:
    - tcx.m365.preflight
    - tcx.m365.entra_app
"""
LIMITS = {"entra_deadline": 20, "tcx_deadline": 20}


@pytest.fixture
def unreadable(small: Controller) -> Controller:
    """The tenant of lyon gives a cut token answer, every time; in the others the users may be read."""
    small.lab.control.set_permissions(*README_PERMISSIONS, "User.Read.All")
    tenant = small.lab.inventory["tcx"]["hosts"]["lyon"]["entra_tenant_id"]
    match = {"service": "login", "path": rf"/{tenant}/oauth2/v2\.0/token"}
    small.lab.control.add_trouble("status", match=match, status=200, body=CUT, times=0)
    return small


def test_a_rollout_goes_on_without_the_tenant_and_shows_nothing(unreadable: Controller) -> None:
    done = unreadable.rollout("-vvv", variables=LIMITS)
    assert done.failed() == ["lyon"]
    assert sorted(done.changed()) == ["berlin", "munich"]
    assert "not the JSON of a sign-in service" in done.output
    assert "CANARY" not in done.output
    assert "Traceback" not in done.output


def test_the_report_is_written_and_shows_nothing(unreadable: Controller, tmp_path: Path) -> None:
    done, report = unreadable.compliance(directory=tmp_path / "reports", **LIMITS)
    verdicts = {entry["host"]: entry["verdict"] for entry in report["hosts"]}
    assert verdicts["lyon"] == "unreachable"
    assert sorted(verdicts) == ["berlin", "lyon", "munich"]
    assert "CANARY" not in done.output + json.dumps(report)


@pytest.mark.parametrize(("play", "in_process"), [(MODULES, True), (MODULES, False), (ROLES, True)])
def test_modules_and_roles_show_nothing(unreadable: Controller, play: str, in_process: bool) -> None:
    path = unreadable.home / "play.yml"
    path.write_text(play, encoding="utf-8")
    done = unreadable.play(str(path), variables={**LIMITS, "tcx_m365_in_process": in_process})
    assert "lyon" in done.failed()
    assert "berlin" not in done.failed()
    assert "not the JSON of a sign-in service" in done.output
    assert "CANARY" not in done.output
    assert "Traceback" not in done.output


def test_a_wait_is_announced_beside_the_output_that_programs_read(small: Controller) -> None:
    """A callback that writes JSON owns standard output."""
    small.lab.control.add_trouble("throttle", match={"service": "graph"}, seconds=3)
    done = small.rollout()
    assert done.code == 0
    assert "waiting 3 s" in done.output
    assert "waiting" not in done.stdout
