# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list that `capture` writes of all hosts: who signs in stands in it, secrets do not."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleError
from ansible_collections.tcx.m365.plugins.action.fleet_list import ActionModule
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.capture_file import write_host_variables
from ansible_collections.tcx.m365.plugins.plugin_utils._list.columns import HOST


class Broken(dict[str, Any]):
    """Variables of a host that cannot be templated."""

    def get(self, *asked: Any) -> Any:
        raise AnsibleError(f"{asked[0]} is undefined")


def run(directory: Path, hostvars: dict[str, Any], **options: Any) -> dict[str, Any]:
    given = {"directory": str(directory), **options}
    task = MagicMock(args=given, action="tcx.m365.fleet_list", async_val=0, check_mode=False)
    action = ActionModule(task, *(MagicMock() for _argument in range(5)))
    return action.run(task_vars={"ansible_play_hosts_all": list(hostvars), "hostvars": hostvars})


def captured(directory: Path, *hosts: str) -> None:
    for host in hosts:
        write_host_variables(str(directory), host, {"tcx_url": f"https://{host}.example"})


def test_the_login_stands_beside_what_was_captured(tmp_path: Path) -> None:
    captured(tmp_path, "acme", "bolt", "cord")
    login = {"tcx_client_id": "automation", "tcx_client_secret": "S3CRET"}
    result = run(tmp_path, {"acme": login, "bolt": Broken(), "cord": {"tcx_username": "100"}, "dune": login})
    source, plugin = (Path(path) for path in result["files"])
    rows = {row[HOST]: row for row in csv.DictReader(source.read_text().splitlines())}
    assert set(rows) == {"acme", "bolt", "cord"}
    assert rows["acme"]["tcx_client_id"] == "automation"
    assert rows["acme"]["tcx_url"] == "https://acme.example"
    assert (rows["bolt"]["tcx_client_id"], rows["cord"]["tcx_username"]) == ("", "100")
    assert "S3CRET" not in source.read_text() + plugin.read_text()
    assert result["changed"]
    assert "lists 3 PBXs." in result["msg"]
    assert not run(tmp_path, {"acme": login, "bolt": Broken(), "cord": {"tcx_username": "100"}})["changed"]


def test_nothing_captured_is_told(tmp_path: Path) -> None:
    result = run(tmp_path, {"acme": {}})
    assert result["failed"]
    assert "there are no captured variables" in result["msg"]


@pytest.mark.parametrize("options", [{"format": "xlsx"}, {"what": 1}])
def test_a_mistake_of_an_option_fails(options: dict[str, Any], tmp_path: Path) -> None:
    assert run(tmp_path, {"acme": {}}, **options)["failed"]


def test_a_directory_that_cannot_be_written_is_told_by_its_variable(tmp_path: Path) -> None:
    captured(tmp_path, "acme")
    (tmp_path / "customers.csv").mkdir()
    result = run(tmp_path, {"acme": {}})
    assert result["failed"]
    assert "Give capture_dir a directory that you may write to." in result["msg"]
