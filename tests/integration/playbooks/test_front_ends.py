# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole rollout through both front ends, and what must never leave either of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Controller, hosts_for, limit_for, one_pbx_for_each

FRONT_ENDS = pytest.mark.parametrize("in_process", [True, False], ids=["action", "module"])
GUIDE: dict[str, Any] = {
    "tcx_console_user_sync": {"enabled": True, "scope": "all", "photo": True, "starting_extension": "200"},
    "tcx_console_calendar_sync": {"enabled": True},
}


@pytest.mark.smoke
@FRONT_ENDS
def test_rollout_twice(small: Controller, in_process: bool) -> None:
    variables, limit = {**GUIDE, "tcx_m365_in_process": in_process}, limit_for(in_process)
    first = small.rollout(*limit, variables=variables)
    assert first.code == 0, first.output
    assert first.changed() == hosts_for(in_process)
    small.lab.control.clear_log()
    second = small.rollout(*limit, variables=variables)
    assert second.code == 0, second.output
    assert second.changed() == []
    assert small.writes() == []


ROLES = """
- hosts: tcx
  connection: local
  gather_facts: false
  roles:
    - tcx.m365.preflight
    - tcx.m365.entra_app
    - tcx.m365.tcx_console
    - tcx.m365.sso_verify
"""


@pytest.mark.smoke
@FRONT_ENDS
def test_the_roles_one_by_one_do_what_the_playbook_does(small: Controller, tmp_path: Path, in_process: bool) -> None:
    play = tmp_path / "roles.yml"
    play.write_text(ROLES)
    variables, limit = {**GUIDE, "tcx_m365_in_process": in_process}, limit_for(in_process)
    first = small.play(str(play), *limit, variables=variables)
    assert first.code == 0, first.output
    assert first.changed() == hosts_for(in_process)
    small.lab.control.clear_log()
    again = small.rollout(*limit, variables=GUIDE)  # in the controller's process, whatever the roles did
    assert again.code == 0, again.output
    assert again.changed() == []
    assert small.writes() == []


def _secrets(small: Controller) -> set[str]:
    """Everything in the inventory that must not be seen, and every token that was issued."""
    tcx = small.lab.inventory["tcx"]
    found = {tcx["vars"]["entra_client_secret"]}
    found |= {values.get("tcx_client_secret") or values["tcx_password"] for values in tcx["hosts"].values()}
    return found


@FRONT_ENDS
def test_no_secret_is_shown_at_the_highest_verbosity(small: Controller, in_process: bool) -> None:
    variables = {**GUIDE, "tcx_m365_in_process": in_process}
    done = small.rollout("-vvvv", "--diff", *limit_for(in_process), variables=variables)
    assert done.code == 0, done.output
    for secret in _secrets(small):
        assert secret not in done.output
    # Every token in this lab is a JWT; its header always begins alike.
    assert "eyJ" not in done.output
    assert "access_token" not in done.output.replace("access_token: null", "").replace('"access_token": null', "")


def test_nothing_secret_stays_behind(small: Controller) -> None:
    assert small.rollout(variables=GUIDE).code == 0
    assert small.play("tcx.m365.capture").code == 0
    assert small.play("tcx.m365.compliance").code == 0
    left = [path for path in small.home.rglob("*") if path.is_file()]
    assert {"captured", "reports"} <= {path.relative_to(small.home).parts[0] for path in left}
    for path in left:
        content = path.read_bytes()
        for secret in _secrets(small):
            assert secret.encode() not in content, path
        assert b"eyJ" not in content, path


@FRONT_ENDS
def test_credentials_may_come_from_the_environment_of_a_task(
    small: Controller, tmp_path: Path, in_process: bool
) -> None:
    tcx = small.lab.inventory["tcx"]
    berlin = tcx["hosts"]["berlin"]
    play = [
        {
            "hosts": "berlin",
            "connection": "local",
            "gather_facts": False,
            "vars": {"tcx_m365_in_process": in_process},
            "environment": {
                "TCX_URL": berlin["tcx_url"],
                "TCX_CLIENT_ID": berlin["tcx_client_id"],
                "TCX_CLIENT_SECRET": berlin["tcx_client_secret"],
                "TCX_CA_PATH": tcx["vars"]["tcx_ca_path"],
                "AZURE_TENANT_ID": berlin["entra_tenant_id"],
                "AZURE_CLIENT_ID": tcx["vars"]["entra_client_id"],
                "AZURE_CLIENT_SECRET": tcx["vars"]["entra_client_secret"],
                "AZURE_AUTHORITY_HOST": tcx["vars"]["entra_authority_host"],
                "ENTRA_GRAPH_ENDPOINT": tcx["vars"]["entra_graph_endpoint"],
                "ENTRA_CA_PATH": tcx["vars"]["entra_ca_path"],
            },
            "tasks": [
                {"tcx.m365.tcx_m365_settings_info": {}},
                {"tcx.m365.entra_preflight": {"unique_name": "3cx-berlin"}},
            ],
        }
    ]
    path = tmp_path / "play.yml"
    path.write_text(json.dumps(play))
    done = small.play(str(path))
    assert done.code == 0, done.output
    assert done.recap["berlin"]["ok"] == 2


def test_async_is_refused_in_plain_words(small: Controller, tmp_path: Path) -> None:
    task = {"tcx.m365.tcx_m365_settings_info": {"url": "https://127.0.0.1:1"}, "async": 60, "poll": 0}
    play = [{"hosts": "berlin", "connection": "local", "gather_facts": False, "tasks": [task]}]
    path = tmp_path / "play.yml"
    path.write_text(json.dumps(play))
    done = small.play(str(path))
    assert done.code == 2
    assert "cannot run with async" in done.output


# By the name of the PBX that has it; what each is told.
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "permission": ({"entra_app_permissions": ["User.Read.Al"]}, "User.Read.All"),
    "certificate": ({"entra_app_public_key": "nowhere/public_key.pem"}, "nowhere/public_key.pem"),
    "tenant": ({"entra_tenant_id": "11111111-2222-3333-4444-555555555555"}, "AADSTS90002"),
    "url": ({"tcx_url": "berlin.example.com"}, "not the address of a PBX"),
    "type": ({"tcx_console_user_sync": {"enabled": "perhaps"}}, "bool"),
    "ca": ({"entra_ca_path": "/nowhere/ca.pem"}, "does not exist"),
    "secret": ({"entra_client_secret": "wrong-secret-canary"}, "AADSTS7000215"),
}


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """A PBX for each mistake of an inventory."""
    variables = {name: mistake for name, (mistake, _said) in MISTAKES.items()}
    with one_pbx_for_each(variables, tmp_path_factory.mktemp("home")) as controller:
        yield controller


@FRONT_ENDS
def test_bad_input_is_a_clear_error_and_nothing_is_written(mistaken: Controller, in_process: bool) -> None:
    done = mistaken.rollout(variables={"tcx_m365_in_process": in_process})
    assert done.failed() == sorted(MISTAKES)
    for name, (_variables, said) in MISTAKES.items():
        assert said in done.sentence(name), (name, done.output)
    assert mistaken.writes() == []
    assert "Traceback" not in done.output
    assert "wrong-secret-canary" not in done.output


def test_a_private_key_in_place_of_the_certificate_is_refused_and_not_shown(small: Controller) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    done = small.rollout("-vvv", "--limit", "berlin", variables={"entra_app_public_key": pem})
    assert done.failed() == ["berlin"]
    assert "private key" in done.output
    assert small.writes() == []
    assert pem.splitlines()[5] not in done.output


def without(package: str, place: Path) -> dict[str, str]:
    """The environment in which Python does not find a package."""
    (place / f"{package}.py").write_text(f'raise ImportError("No module named {package}")')
    return {"PYTHONPATH": str(place)}


def names(package: str, output: str) -> bool:
    """Whether the package is named; one that others need takes them along."""
    return bool(re.search(rf"The Python packages? [a-z ,]*\b{package}\b[a-z ,]* cannot be imported by", output))


@pytest.mark.smoke
@FRONT_ENDS
@pytest.mark.parametrize("package", ["msal", "requests", "cryptography"])
def test_a_missing_package_is_named(small: Controller, tmp_path: Path, in_process: bool, package: str) -> None:
    variables = {"tcx_m365_in_process": in_process}
    done = small.rollout("--limit", "berlin", variables=variables, **without(package, tmp_path))
    assert done.failed() == ["berlin"]
    assert names(package, done.output)
    assert "execution environment" in done.output
    assert small.writes() == []


@pytest.mark.smoke
@pytest.mark.parametrize("package", ["msal", "requests", "cryptography"])
def test_a_report_names_a_missing_package(small: Controller, tmp_path: Path, package: str) -> None:
    done = small.play("tcx.m365.compliance", **without(package, tmp_path))
    assert names(package, done.output)
    assert small.writes() == []


def test_a_task_that_is_not_local_is_sent_as_a_module(small: Controller, tmp_path: Path) -> None:
    """A jump host beside the PBX runs the module; here it is a local connection under another name."""
    plugins = tmp_path / "connection_plugins"
    plugins.mkdir()
    (plugins / "jump.py").write_text(
        "from ansible.plugins.connection.local import Connection as Local\n"
        "DOCUMENTATION = 'name: jump\\nshort_description: stands for a jump host\\n"
        "description: [local, by another name]\\nextends_documentation_fragment: [connection_pipelining]\\n'\n"
        "class Connection(Local):\n    transport = 'jump'\n"
    )
    variables = {**GUIDE, "ansible_connection": "jump"}
    first = small.rollout("-vv", "--limit", "munich", variables=variables, ANSIBLE_CONNECTION_PLUGINS=str(plugins))
    assert first.code == 0, first.output
    assert first.changed() == ["munich"]


@FRONT_ENDS
def test_a_relative_path_means_where_ansible_was_started(small: Controller, in_process: bool) -> None:
    """And an inventory that says nothing of connection and interpreter is enough."""
    inventory = small.lab.inventory
    values = inventory["tcx"]["hosts"]["berlin"]
    path = small.home / "keys" / "berlin" / "public_key.pem"
    path.parent.mkdir(parents=True)
    path.write_text(values["entra_app_public_key"])
    values["entra_app_public_key"] = "keys/berlin/public_key.pem"
    for name in ("ansible_connection", "ansible_python_interpreter"):
        inventory["tcx"]["vars"].pop(name)
    small.lab.inventory_path.write_text(json.dumps(inventory))
    variables = {"tcx_m365_in_process": in_process}
    done = small.rollout("--limit", "berlin", variables=variables)
    assert done.code == 0, done.output
    _done, report = small.compliance("--limit", "berlin", directory=small.home / "report")
    assert report["summary"]["compliant"] == 1, report


@FRONT_ENDS
def test_a_relative_path_in_a_dictionary_means_the_same(small: Controller, in_process: bool) -> None:
    (small.home / "scripts").mkdir()
    (small.home / "keys").mkdir()
    (small.home / "keys" / "own.pem").write_text("no certificate")
    variables = {"tcx_m365_in_process": in_process, "tcx_console_teams": {"scripts_dir": "scripts"}}
    done = small.rollout("--limit", "berlin", variables=variables)
    assert "is not a directory" not in done.output
    keys = {"scripts_dir": "no-scripts", "certificate": "keys/own.pem", "private_key": "keys/own.key"}
    done = small.rollout("--limit", "berlin", variables={**variables, "tcx_console_teams": keys})
    assert "tcx_console_teams.scripts_dir" in done.sentence("berlin")
    done = small.rollout("--limit", "berlin", variables={**variables, "tcx_console_teams": {**keys, "scripts_dir": ""}})
    assert "own.pem does not contain a valid certificate" in done.sentence("berlin"), done.output
