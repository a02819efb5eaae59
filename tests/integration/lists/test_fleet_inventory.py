# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin as users call it: found by Ansible without configuration, and never evaluating what a list holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
TENANT = "6f1c0f6e-4c0c-4d4b-9a53-0f4f1c5b7a10"

LIST = f"""\
Customer;PBX FQDN;Tenant ID;Note;Condition
acme;acme.example.com:5001;{TENANT};"{{{{ lookup('pipe', 'touch MARKER') }}}}";lookup('pipe', 'touch MARKER')
"Müller & Söhne";pbx.mueller.example;{TENANT};plain;true
"""
SOURCE = """\
plugin: tcx.m365.fleet
source: customers.csv
encoding: cp1252
columns:
  tcx_url: pbx fqdn
  note: Note
  condition: Condition
compose:
  composed: note ~ '!'
groups:
  tcx_canary: inventory_hostname == 'acme'
keyed_groups:
  - key: entra_tenant_id
    prefix: tenant
secrets:
  tcx_client_secret: "{{ vault_secrets[inventory_hostname] }}"
"""
PLAY = """\
- hosts: tcx
  gather_facts: false
  connection: local
  vars:
    vault_secrets: {acme: one, mueller-soehne: two}
  tasks:
    - ansible.builtin.debug:
        msg: "{{ [note, composed, tcx_client_secret] | to_json }}"
    - ansible.builtin.debug:
        msg: evaluated
      when: "{{ condition }}"
      ignore_errors: true
"""


def run(directory: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    environment |= {
        "HOME": str(directory),
        "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".build" / "collections"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_DEVEL_WARNING": "0",
        "LC_ALL": "C.UTF-8",
    }
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, env=environment, cwd=directory, timeout=120
    )


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    (tmp_path / "customers.csv").write_text(LIST.replace("MARKER", str(tmp_path / "marker")), encoding="cp1252")
    (tmp_path / "fleet.tcx_fleet.yml").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")
    return tmp_path


@pytest.mark.smoke
def test_the_inventory_of_a_list(fleet: Path) -> None:
    done = run(fleet, "ansible-inventory", "-i", "fleet.tcx_fleet.yml", "--list")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["tcx"]["hosts"] == ["acme", "mueller-soehne"]
    assert found["tcx_canary"]["hosts"] == ["acme"]
    assert found[f"tenant_{TENANT.replace('-', '_')}"]["hosts"] == ["acme", "mueller-soehne"]
    variables = found["_meta"]["hostvars"]["mueller-soehne"]
    assert variables == {
        "tcx_url": "https://pbx.mueller.example",
        "entra_tenant_id": TENANT,
        "note": "plain",
        "condition": "true",
        "composed": variables["composed"],
        "tcx_client_secret": "{{ vault_secrets[inventory_hostname] }}",
    }
    assert not (fleet / "marker").exists()


@pytest.mark.smoke
def test_nothing_in_a_list_is_evaluated_by_a_play(fleet: Path) -> None:
    done = run(fleet, "ansible-playbook", "-i", "fleet.tcx_fleet.yml", "play.yml")
    said = done.stdout.replace('\\\\\\"', '"').replace('\\"', '"')
    text = f"{{{{ lookup('pipe', 'touch {fleet / 'marker'}') }}}}"
    assert f'["{text}", "{text}!", "one"]' in said, done.stdout + done.stderr
    assert '["plain", "plain!", "two"]' in said
    assert not (fleet / "marker").exists()


def test_all_mistakes_are_read_where_ansible_shows_them(fleet: Path) -> None:
    text = f"Customer,PBX FQDN,Tenant ID\nacme,a.example.com,{TENANT}\nacme,http://b.example.com,{TENANT[:-1]}\n"
    (fleet / "customers.csv").write_text(text, encoding="utf-8")
    (fleet / "fleet.tcx_fleet.yml").write_text("plugin: tcx.m365.fleet\nsource: customers.csv\n", encoding="utf-8")
    done = run(fleet, "ansible-playbook", "-i", "fleet.tcx_fleet.yml", "tcx.m365.rollout")
    said = "".join((done.stdout + done.stderr).split())  # older releases break lines at 79 characters
    assert done.returncode != 0
    for part in (
        f"{fleet}/customers.csv has 3 mistakes, so no host was taken from it",
        "line 3, column 2 (PBX FQDN): tcx_url is 'http://b.example.com', which is not encrypted",
        f"line 3, column 3 (Tenant ID): '{TENANT[:-1]}' is neither a GUID nor a domain name",
        "line 2, column 1 (Customer) and line 3, column 1 (Customer): two customers are named 'acme'",
        "No PBX to work on",
    ):
        assert "".join(part.split()) in said
