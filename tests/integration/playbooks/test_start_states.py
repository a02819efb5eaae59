# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What somebody has deleted in a tenant: predicted by check mode, told by the report, put right by the rollout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._plan import PENDING

from .conftest import Controller

HOSTS = ("berlin", "lyon", "munich")


def _of(small: Controller, tenant: str, kind: str, **wanted: str) -> dict[str, Any]:
    found = [
        each
        for each in small.lab.control.objects(tenant, kind)
        if all(each.get(name) == value for name, value in wanted.items())
    ]
    assert len(found) == 1, found
    return found[0]


def _tenant(small: Controller, host: str) -> str:
    return str(small.lab.inventory["tcx"]["hosts"][host]["entra_tenant_id"])


def _application(small: Controller, host: str) -> dict[str, Any]:
    return _of(small, _tenant(small, host), "applications", uniqueName=f"3cx-{host}")


def _delete_things(small: Controller) -> None:
    """The application of berlin, the service principal of munich; of lyon the application for good."""
    small.lab.control.delete_object(_tenant(small, "berlin"), "applications", _application(small, "berlin")["id"])
    app_id = _application(small, "munich")["appId"]
    principal = _of(small, _tenant(small, "munich"), "servicePrincipals", appId=app_id)
    small.lab.control.delete_object(_tenant(small, "munich"), "servicePrincipals", principal["id"])
    gone = _application(small, "lyon")
    small.lab.control.delete_object(_tenant(small, "lyon"), "applications", gone["id"])
    small.lab.control.delete_object(_tenant(small, "lyon"), "deletedItems", gone["id"])


def _results(small: Controller, tmp_path: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    """The result of the rollout of each host."""
    directory = tmp_path / "-".join(["results", *arguments])
    directory.mkdir()
    tasks = [
        {"tcx.m365.fleet_rollout": {}, "register": "rollout", "ignore_errors": True},
        {
            "ansible.builtin.copy": {
                "content": "{{ rollout | to_json }}",
                "dest": f"{directory}/{{{{ inventory_hostname }}}}",
            },
            "check_mode": False,
        },
    ]
    play = {"hosts": "tcx", "connection": "local", "gather_facts": False, "tasks": tasks}
    path = tmp_path / "play.yml"
    path.write_text(json.dumps([play]))
    done = small.play(str(path), *arguments)
    assert done.code == 0, done.output
    return {host: json.loads((directory / host).read_text(encoding="utf-8")) for host in HOSTS}


def _known(result: dict[str, Any], app_id: str) -> Any:
    """The changes without what only the service can choose."""
    text = json.dumps(result["changes"]).replace(json.dumps(app_id), "null")
    return json.loads(text.replace(json.dumps(PENDING), "null"))


def test_what_was_deleted_is_predicted_told_and_put_right(small: Controller, tmp_path: Path) -> None:
    assert small.rollout().code == 0
    small.lab.control.patch_application(
        _tenant(small, "berlin"), _application(small, "berlin")["id"], displayName="renamed"
    )
    _delete_things(small)
    small.lab.control.clear_log()

    done, report = small.compliance(directory=tmp_path / "report")
    hosts = {entry["host"]: entry for entry in report["hosts"]}
    assert {name: entry["verdict"] for name, entry in hosts.items()} == dict.fromkeys(HOSTS, "drifted"), done.output
    assert "application was deleted" in hosts["berlin"]["reasons"][0]
    assert any("service principal of the application was deleted" in reason for reason in hosts["munich"]["reasons"])

    predicted = _results(small, tmp_path, "--check", "--diff")
    assert small.writes() == []
    carried_out = _results(small, tmp_path)
    for host in HOSTS:
        assert not carried_out[host].get("failed"), carried_out[host]
        app_id = carried_out[host]["application_id"]
        assert _known(predicted[host], app_id) == _known(carried_out[host], app_id), host
        assert {(each["target"], each["field"]) for each in hosts[host]["changes"]} == {
            (each["target"], each["field"]) for each in carried_out[host]["changes"]
        }
    headers = [part["before_header"] for part in predicted["berlin"]["diff"]]
    assert all(header.startswith("berlin: ") and header.endswith(" (before)") for header in headers), headers
    assert all(not result["changes"] for result in _results(small, tmp_path, "--forks=3").values())


def test_a_missing_service_principal_is_predicted_once_by_modules_too(small: Controller) -> None:
    """They share nothing in check mode: the one that grants does not know what the one before it plans."""
    limit = ("--limit", "munich", "-e", "tcx_m365_in_process=false")
    assert small.rollout("--limit", "munich").code == 0
    app_id = _application(small, "munich")["appId"]
    principal = _of(small, _tenant(small, "munich"), "servicePrincipals", appId=app_id)
    small.lab.control.delete_object(_tenant(small, "munich"), "servicePrincipals", principal["id"])
    done = small.rollout(*limit, "--check", ANSIBLE_STDOUT_CALLBACK="ansible.builtin.minimal")
    assert done.code == 0, done.output
    assert done.output.count('"target": "service_principal"') == 1, done.output
