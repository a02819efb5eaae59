# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One customer with no inventory: asked or given, planned, confirmed, rolled out, reported and kept. The tests build on each other."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.testing import Lab

REPOSITORY = Path(__file__).resolve().parents[3]
PLAN = FleetPlan(
    [TenantPlan("contoso", users=2)], [PbxPlan("berlin", "contoso", "20.0.10"), PbxPlan("bonn", "contoso", "20.0.8")]
)
FOUR = ("tcx_url", "tcx_client_id", "tcx_client_secret", "entra_tenant_id")
HOST = "pbx-127-0-0-1"

pytestmark = [pytest.mark.xdist_group("quickstart")]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab.start(PLAN) as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("quickstart")
    (path / "password").write_text("vault\n", encoding="utf-8")
    return path


def values(lab: Lab, pbx: str) -> dict[str, Any]:
    """Everything that the inventory of the lab has for a PBX, and how the automation signs in."""
    fleet = lab.inventory["tcx"]
    shared = {name: value for name, value in fleet["vars"].items() if not name.startswith("ansible_")}
    return {**shared, **fleet["hosts"][pbx]}


def command(home: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    known = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    known |= {
        "HOME": str(home),
        "ANSIBLE_HOME": str(home / ".ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".build" / "collections"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_DEVEL_WARNING": "0",
        "LC_ALL": "C.UTF-8",
    }
    return [str(Path(sys.executable).with_name("ansible-playbook")), *arguments], known


def play(home: Path, given: dict[str, Any], *arguments: str, playbook: str = "tcx.m365.quickstart") -> tuple[int, str]:
    line, known = command(home, playbook, "-e", json.dumps(given), *arguments)
    done = subprocess.run(
        line, check=False, capture_output=True, text=True, env=known, cwd=home, timeout=300, stdin=subprocess.DEVNULL
    )
    return done.returncode, done.stdout + done.stderr


def typed(home: Path, given: dict[str, Any], answers: dict[str, str]) -> tuple[int, str]:
    """The same at a terminal, where each answer is typed when its question is asked.

    The last one is typed again while nothing happens: Ansible drops what was typed before it had set its terminal up.
    """
    line, known = command(home, "tcx.m365.quickstart", "-e", json.dumps(given))
    child, terminal = pty.fork()
    if not child:
        os.chdir(home)
        os.execve(line[0], line, known)
    said, asked, end = "", 0, time.monotonic() + 240
    questions = list(answers)
    try:
        while time.monotonic() < end:
            if select.select([terminal], [], [], 1.0)[0]:
                said += os.read(terminal, 65536).decode("utf-8", "replace")
            elif asked == len(questions) and said.rpartition("TASK [")[2].startswith("Ask before"):
                asked -= 1
            if asked < len(questions) and questions[asked] in said:
                os.write(terminal, answers[questions[asked]].encode() + b"\r")
                asked += 1
    except OSError:  # the other side has closed it
        pass
    finally:
        os.close(terminal)
        if time.monotonic() >= end:
            os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


def test_what_is_missing_or_wrong_is_said_at_once(home: Path) -> None:
    code, said = play(home, {"tcx_url": "http://bob:hunter2@acme.example.com", "tcx_client_id": "900"})
    assert code != 0
    assert "tcx_url is 'http://(hidden)@acme.example.com', which carries a user name or password" in said
    assert "entra_tenant_id is missing; a login is missing: tcx_client_id with tcx_client_secret" in said
    assert "hunter2" not in said


def test_without_a_confirmation_there_is_a_plan_and_nothing_else(lab: Lab, home: Path) -> None:
    code, said = play(home, values(lab, "berlin"))
    assert code != 0
    assert "application 3cx-" in said
    assert "~ sign_in.enabled: false -> true" in said
    assert (
        "Nothing was written. To make the changes of the plan, answer yes, or give -e quickstart_confirm=true" in said
    )
    checked, _said = play(home, values(lab, "berlin"), "--check")
    assert checked == 0
    assert lab.control.writes() == []
    assert not (home / "inventory").exists()


def test_confirmed_it_rolls_out_shows_the_report_and_keeps_the_customer(lab: Lab, home: Path) -> None:
    given = values(lab, "berlin")
    code, said = play(home, {**given, "quickstart_confirm": True}, "-v", "--vault-password-file", "password")
    assert code == 0, said
    assert f"{HOST}: compliant" in said
    assert "pass         Microsoft 365 works on the PBX" in said
    assert (home / "reports" / "compliance.html").exists()
    written = home / "inventory" / "host_vars" / f"{HOST}.yml"
    kept = written.read_text(encoding="utf-8")
    for secret in (given["tcx_client_secret"], given["entra_client_secret"]):
        assert secret not in kept
        assert secret not in said
    assert "tcx_client_secret: !vault |" in kept
    assert written.stat().st_mode & 0o007 == 0


def test_the_customer_is_kept_for_every_other_playbook(lab: Lab, home: Path) -> None:
    lab.control.clear_log()
    arguments = ("-i", "inventory", "--vault-password-file", "password")
    code, said = play(home, {}, *arguments, playbook="tcx.m365.rollout")
    assert code == 0, said
    assert f"{HOST} " in said
    assert "changed=0" in said
    assert lab.control.writes() == []
    again, said = play(home, {**values(lab, "berlin"), "quickstart_confirm": True}, *arguments)
    assert again != 0
    assert f"{HOST} of the inventory is this PBX. Run: ansible-playbook tcx.m365.rollout --limit {HOST}" in " ".join(
        said.split()
    )


def test_a_customer_beside_others_is_told_from_them(lab: Lab, home: Path, tmp_path: Path) -> None:
    """Values of the command line count for every host of the inventory, and are what only one of them is about."""
    others = {
        "broken": {"tcx_url": "https://{{ hostvars['nowhere'].address }}"},
        "bonn": {"address": "{{ lab_url }}", "tcx_url": "{{ hostvars[inventory_hostname].address }}/"},
    }
    inventory = tmp_path / "inventory.json"
    inventory.write_text(json.dumps({"tcx": {"hosts": others}}), encoding="utf-8")
    at_bonn = {"lab_url": values(lab, "bonn")["tcx_url"]}
    code, said = play(home, {**values(lab, "berlin"), **at_bonn}, "-i", str(inventory), "--check")
    assert code == 0, said
    code, said = play(home, {**values(lab, "bonn"), **at_bonn}, "-i", str(inventory), "--check")
    assert code != 0
    assert "bonn of the inventory is this PBX. Run: ansible-playbook tcx.m365.rollout --limit bonn" in " ".join(
        said.split()
    )


def test_a_person_is_asked_for_four_values_and_a_confirmation(lab: Lab, home: Path) -> None:
    given = values(lab, "bonn")
    four = {name: str(given.pop(name)) for name in FOUR}
    answers = {
        "Address of the PBX": four["tcx_url"].removeprefix("https://"),
        "Client ID of its API": four["tcx_client_id"],
        "Its API key": four["tcx_client_secret"],
        "Tenant ID or a domain": four["entra_tenant_id"],
        "Type yes to make these changes": "yes",
    }
    code, said = typed(home, {**given, "quickstart_host": "Bönn & Co", "quickstart_dir": "second"}, answers)
    said = " ".join(said.split())
    assert code == 0, said
    assert "boenn-co: compliant" in said
    assert four["tcx_client_secret"] not in said
    assert "No vault password was given, so it holds no secret. Add it by: ansible-vault encrypt_string" in said
    kept = (home / "second" / "host_vars" / "boenn-co.yml").read_text(encoding="utf-8")
    assert "secret" not in kept
    assert f'tcx_url: !unsafe "{four["tcx_url"]}"' in kept
