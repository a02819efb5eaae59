# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user attaches to an issue: enough to find the fault, and no name of a customer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.tcx.m365.tests.integration.playbooks.conftest import SMALL, Controller
from tcx_lab.testing import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SAYS_NOTHING = {"true", "false", "public"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Controller, Path]]:
    home = tmp_path_factory.mktemp("support")
    with Lab.start(SMALL) as lab:
        controller = Controller(lab, home)
        done = controller.play("tcx.m365.support_bundle")
        assert done.code == 0, done.output
        assert not controller.writes()
        yield controller, home / "support"


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def inventory_values(inventory: Mapping[str, Any]) -> set[str]:
    group = inventory["tcx"]
    found = {*group["hosts"], *texts(list(group["hosts"].values())), *texts(group.get("vars", {}))}
    return {value for value in found if len(value) > 3 and value not in SAYS_NOTHING}


def test_no_value_of_the_inventory_is_in_it(written: tuple[Controller, Path]) -> None:
    controller, directory = written
    for name in ("support.json", "support.md"):
        content = (directory / name).read_text(encoding="utf-8").lower()
        assert [value for value in inventory_values(controller.lab.inventory) if value.lower() in content] == []


def test_it_has_what_a_maintainer_asks_for(written: tuple[Controller, Path]) -> None:
    _controller, directory = written
    bundle = json.loads((directory / "support.json").read_text(encoding="utf-8"))
    assert {"tcx.m365", "ansible-core", "python", "msal", "requests", "cryptography"} <= set(bundle["versions"])
    assert len(bundle["pbxs"]) == len(SMALL.pbxs)
    for each in bundle["pbxs"]:
        assert each["verdict"]
        assert "tcx_url" in each["variables"]
        assert all(request["status"] for request in each["requests"])
    assert {"3CX", "Graph"} <= {request["service"] for each in bundle["pbxs"] for request in each["requests"]}
    assert any(request.get("request_id") for each in bundle["pbxs"] for request in each["requests"])


def test_only_its_owner_can_read_it(written: tuple[Controller, Path]) -> None:
    _controller, directory = written
    assert oct((directory / "support.md").stat().st_mode & 0o777) == "0o600"


def test_a_whole_fleet_is_too_much_to_read(written: tuple[Controller, Path], tmp_path: Path) -> None:
    controller, _directory = written
    done = controller.play(
        "tcx.m365.support_bundle", variables={"support_bundle_max_hosts": 2, "support_bundle_dir": str(tmp_path)}
    )
    assert done.code != 0
    assert "--limit" in done.output
    assert not list(tmp_path.iterdir())


def test_a_variable_of_one_pbx_that_cannot_be_read_leaves_all_of_them_in_it(
    written: tuple[Controller, Path], tmp_path: Path
) -> None:
    controller, _directory = written
    inventory = json.loads(json.dumps(controller.lab.inventory))
    host = min(inventory["tcx"]["hosts"])
    inventory["tcx"]["hosts"][host]["unknown_variables"] = "{{ nowhere }}"
    path = tmp_path / "unreadable.json"
    path.write_text(json.dumps(inventory), encoding="utf-8")
    done = controller.play(
        "tcx.m365.support_bundle", inventory=path, variables={"support_bundle_dir": str(tmp_path / "support")}
    )
    assert done.code == 0, done.output
    bundle = json.loads((tmp_path / "support" / "support.json").read_text(encoding="utf-8"))
    assert len([pbx for pbx in bundle["pbxs"] if pbx["verdict"] and pbx["requests"]]) == len(SMALL.pbxs)


def test_the_verdicts_are_those_of_the_report(small: Controller, tmp_path: Path) -> None:
    """Two PBXs share an application, each with a certificate of its own; two others are crossed, and nobody is named."""
    hosts = small.lab.inventory["tcx"]["hosts"]
    for host in ("berlin", "munich"):
        hosts[host]["entra_app_unique_name"] = "3cx-shared"
    inventory = {"tcx": {"vars": small.lab.inventory["tcx"]["vars"], "hosts": {**hosts, "paris": hosts["lyon"]}}}
    small.lab.inventory_path.write_text(json.dumps(inventory))
    small.rollout()
    _done, report = small.compliance(directory=tmp_path)
    verdicts = {entry["host"]: entry["verdict"] for entry in report["hosts"]}
    assert verdicts == {"berlin": "compliant", "lyon": "failed", "munich": "compliant", "paris": "failed"}
    small.play("tcx.m365.support_bundle", "--limit", "berlin,munich,lyon")
    bundle = json.loads((small.home / "support" / "support.json").read_text(encoding="utf-8"))
    assert [entry["verdict"] for entry in bundle["pbxs"]] == ["compliant", "compliant", "failed"]
    assert "crosses this PBX with another one" in bundle["pbxs"][2]["reasons"][0]
    assert "paris" not in json.dumps(bundle)
