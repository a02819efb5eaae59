# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `quickstart` writes of a customer: checked values, secrets by Ansible Vault or not at all, and no file of somebody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml
from ansible_collections.tcx.m365.plugins.action.fleet_entry import ActionModule

TENANT = "11111111-2222-3333-4444-555555555555"
CUSTOMER = {
    "tcx_url": "pbx.acme.example",
    "tcx_client_id": "automation",
    "tcx_client_secret": "S3CRET",
    "entra_tenant_id": TENANT,
}


class Vault:
    """As much of the vault of a run as is asked for."""

    secrets = ("default",)

    def encrypt(self, text: str) -> bytes:
        return b"$ANSIBLE_VAULT;1.1;AES256\n" + text.encode().hex().encode()


class Loader:
    def __init__(self, vault: Any) -> None:
        self._vault = vault


def run(
    directory: Path, *, vault: Any = None, check: bool = False, without: str = "", **options: Any
) -> dict[str, Any]:
    variables = {name: value for name, value in CUSTOMER.items() if name != without}
    given = {"directory": str(directory), "variables": variables, **options}
    task = MagicMock(args=given, action="tcx.m365.fleet_entry", async_val=0, check_mode=check)
    action = ActionModule(task, MagicMock(), MagicMock(), Loader(vault), MagicMock(), MagicMock())
    return action.run(task_vars={})


def test_a_secret_is_written_encrypted(tmp_path: Path) -> None:
    result = run(tmp_path, vault=Vault())
    assert result["host"] == "pbx.acme.example"
    inventory, variables = (Path(path).read_text(encoding="utf-8") for path in result["files"])
    assert yaml.safe_load(inventory) == {"tcx": {"hosts": {"pbx.acme.example": None}}}
    assert "tcx_client_secret: !vault |\n  $ANSIBLE_VAULT" in variables
    assert "S3CRET" not in variables
    assert "https://pbx.acme.example" in variables
    assert (result["changed"], result["missing"], result["commands"]) == (True, [], [])
    assert not run(tmp_path, vault=Vault())["changed"]


def test_without_a_vault_password_the_command_is_told(tmp_path: Path) -> None:
    result = run(tmp_path / "of acme")
    assert result["missing"] == ["tcx_client_secret"]
    assert "S3CRET" not in str(result)
    assert "S3CRET" not in Path(result["files"][1]).read_text(encoding="utf-8")
    command = "ansible-vault encrypt_string --prompt --name tcx_client_secret >> "
    assert result["commands"] == [f"{command}'{result['files'][1]}'"]
    assert result["msg"].endswith(f"so it holds no secret. Add it by: {result['commands'][0]}")


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    result = run(tmp_path, check=True)
    assert result["changed"]
    assert list(tmp_path.iterdir()) == []


def test_values_alone_can_be_checked(tmp_path: Path) -> None:
    result = run(tmp_path, write=False, name="acme")
    assert (result["host"], result["changed"]) == ("acme", False)
    assert result["variables"]["entra_tenant_id"] == TENANT
    assert "tcx_client_secret" not in result["variables"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("tcx_url", "tcx_url is missing"),
        ("entra_tenant_id", "entra_tenant_id is missing"),
        ("tcx_client_secret", "a login is missing: tcx_client_id with tcx_client_secret"),
    ],
)
def test_what_is_missing_is_told_by_name(missing: str, told: str, tmp_path: Path) -> None:
    result = run(tmp_path, without=missing)
    assert result["failed"]
    assert told in result["msg"]


@pytest.mark.parametrize("check", [True, False])
def test_a_file_of_somebody_else_stays_as_it_is(check: bool, tmp_path: Path) -> None:
    theirs = tmp_path / "acme.yml"
    theirs.write_text("all:\n  hosts:\n    acme:\n", encoding="utf-8")
    result = run(tmp_path, name="acme", check=check)
    assert result["failed"]
    assert "was not written by this playbook" in result["msg"]
    assert "quickstart_dir" in result["msg"]
    assert theirs.read_text(encoding="utf-8").startswith("all:")


def test_a_directory_that_cannot_be_made_is_told_by_its_variable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = run(tmp_path / "file" / "below")
    assert result["failed"]
    assert "Give quickstart_dir a directory that you may write to." in result["msg"]
