# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directory for forty customers, as it is shipped: on the lab only addresses, tenants and secrets are the lab's."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.testing import Lab

REPOSITORY = Path(__file__).resolve().parents[3]
EXAMPLE = REPOSITORY / "examples" / "msp"
COMMANDS = ("README.md", "crontab", "nightly.sh", ".gitlab-ci.yml", ".github/workflows/fleet.yml")

pytestmark = [pytest.mark.xdist_group("msp")]


def run(directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    programs = Path(sys.executable).parent
    known = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(directory),
        "ANSIBLE_HOME": str(directory / ".ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".build" / "collections"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_DEVEL_WARNING": "0",
        "LC_ALL": "C.UTF-8",
    }
    return subprocess.run(command, check=False, capture_output=True, text=True, env=known, cwd=directory, timeout=300)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, with what the README has one do first."""
    path = tmp_path_factory.mktemp("msp") / "telephony"
    shutil.copytree(EXAMPLE, path)
    (path / ".vault-password").write_text("vault\n", encoding="utf-8")
    (path / ".vault-password").chmod(0o600)
    return path


@pytest.mark.smoke
def test_the_inventory_as_it_is_shipped(directory: Path) -> None:
    done = run(directory, "ansible-inventory", "--list")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["tcx"]["hosts"]) == 40
    assert found["tcx_canary"]["hosts"] == ["cafe-montmartre", "quarry-road-builders"]
    assert len([group for group in found if group.startswith("tenant_")]) == 40
    assert (
        found["_meta"]["hostvars"]["cafe-montmartre"]["tcx_client_secret"]
        == "{{ vault_tcx_secrets[inventory_hostname] }}"
    )


def test_every_command_names_a_playbook_that_is_there() -> None:
    playbooks = {path.stem for path in (REPOSITORY / "playbooks").glob("*.yml")}
    for name in COMMANDS:
        named = re.findall(r"ansible-playbook tcx\.m365\.(\w+)", (EXAMPLE / name).read_text(encoding="utf-8"))
        assert set(named) <= playbooks
    assert all(
        yaml.safe_load((EXAMPLE / name).read_text(encoding="utf-8")) for name in COMMANDS if name.endswith(".yml")
    )


@pytest.fixture(scope="module")
def lab(directory: Path) -> Iterator[Lab]:
    """A PBX and a tenant for each customer of the list."""
    path = directory / "inventory" / "customers.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    listed = json.loads(run(directory, "ansible-inventory", "--list").stdout)["tcx"]["hosts"]
    plan = FleetPlan([TenantPlan(host, users=1) for host in listed], [PbxPlan(host, host) for host in listed])
    with Lab.start(plan) as running:
        fleet = running.inventory["tcx"]
        for host, row in zip(listed, rows, strict=True):
            known = fleet["hosts"][host]
            key = directory / "keys" / host / "public_key.pem"
            key.parent.mkdir(exist_ok=True)
            key.write_text(known["entra_app_public_key"], encoding="utf-8")
            row |= {
                "PBX FQDN": known["tcx_url"],
                "Tenant ID": known["entra_tenant_id"],
                "Key file": f"keys/{host}/public_key.pem",
            }
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), delimiter=";")
            writer.writeheader()
            writer.writerows(rows)
        _settings(directory / "inventory" / "group_vars" / "tcx", fleet)
        done = run(directory, "ansible-vault", "encrypt", "inventory/group_vars/tcx/vault.yml")
        assert done.returncode == 0, done.stderr
        yield running


def _settings(path: Path, fleet: dict[str, Any]) -> None:
    """The lab's automation, in the files that the example has for it, and where the lab is."""
    shared = {name: value for name, value in fleet["vars"].items() if not name.startswith("ansible_")}
    secrets = {
        "vault_entra_client_secret": shared.pop("entra_client_secret"),
        "vault_tcx_secrets": {host: known["tcx_client_secret"] for host, known in fleet["hosts"].items()},
    }
    assert set(secrets) == set(yaml.safe_load((path / "vault.yml.example").read_text(encoding="utf-8")))
    (path / "vault.yml").write_text(json.dumps(secrets), encoding="utf-8")
    text = (path / "main.yml").read_text(encoding="utf-8")
    (path / "main.yml").write_text(
        re.sub("^entra_client_id: .*$", f"entra_client_id: {shared.pop('entra_client_id')}", text, flags=re.MULTILINE),
        encoding="utf-8",
    )
    shared["tcx_fqdn"] = ["localhost"]
    (path / "lab.yml").write_text(json.dumps(shared), encoding="utf-8")


def test_the_fleet_is_rolled_out_and_the_night_finds_what_drifts(directory: Path, lab: Lab) -> None:
    done = run(
        directory,
        "ansible-playbook",
        "tcx.m365.rollout",
        "-e",
        '{"rollout_serial":[1,"10%","100%"],"rollout_max_fail_percentage":10}',
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    night = run(directory, str(directory / "nightly.sh"))
    assert night.returncode == 0, night.stdout[-3000:] + night.stderr
    report = json.loads((directory / "reports" / "compliance.json").read_text(encoding="utf-8"))
    assert report["summary"]["compliant"] == 40
    assert lab.control.drift(["isar-medientechnik"]) == ["isar-medientechnik"]
    assert run(directory, str(directory / "nightly.sh")).returncode != 0
