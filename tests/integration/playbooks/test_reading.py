# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One variable means the same through rollout, roles and modules, in both front ends: the lab's requests are compared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Controller, one_pbx_for_each
from .test_steps import ROLES, change_inventory, play, requests, role, written

HOST = "berlin"

PLAIN: dict[str, Any] = {
    "tcx_console_user_sync": {"enabled": True, "photo": False},
    "entra_app_delegated_permissions": ["openid", "profile"],
    "entra_app_manage_grants": False,
    "tcx_console_wait": False,
    "sso_verify_enabled": False,
}
MESSY: dict[str, Any] = {
    "tcx_console_user_sync": {
        "enabled": "y",
        "photo": "n",
        "scope": " ",
        "guests": None,
    },
    "entra_app_delegated_permissions": "openid, profile",
    "entra_app_manage_grants": "n",
    "tcx_console_wait": " No ",
    "sso_verify_enabled": "off",
    "tcx_console_application_id": "",
    "tcx_console_tenant_id": "  ",
    "entra_app_redirect_uris": [],
    "entra_app_permissions": None,
    "entra_app_public_key": "",
    "entra_cloud": "",
    "entra_validate_certs": "",
    "tcx_timeout": "",
    "tcx_validate_certs": " ",
    "tcx_console_calendar_sync": {},
    "entra_app_adopt": "",
    "entra_app_guide_permissions": None,
    "entra_app_features": " ",
}


def rollout(small: Controller, _home: Path, *arguments: str, **variables: Any) -> Any:
    return small.rollout(*arguments, variables=variables)


def modules(small: Controller, _home: Path, *arguments: str, **variables: Any) -> Any:
    return small.rollout(*arguments, variables={**variables, "tcx_m365_in_process": "n"})


def roles(small: Controller, home: Path, *arguments: str, **variables: Any) -> Any:
    return play(small, home, *arguments, roles=[role(name) for name in ROLES], variables=variables)


def test_the_same_inventory_means_the_same_through_every_door(small: Controller, tmp_path: Path) -> None:
    seen = {}
    for name, door, variables in (
        ("plain", rollout, PLAIN),
        ("rollout", rollout, MESSY),
        ("modules", modules, MESSY),
        ("roles", roles, MESSY),
    ):
        fresh = small.afresh(tmp_path / name)
        done = door(fresh, fresh.home, "--limit", HOST, **variables)
        assert done.code == 0, f"{name}: {done.output}"
        seen[name] = (written(fresh, HOST), sorted(requests(fresh, HOST)))
    assert {name: found[0] for name, found in seen.items()} == dict.fromkeys(seen, seen["plain"][0])
    # Modules share no token and no facts between two processes, so that they ask more often for the same.
    assert seen["rollout"][1] == seen["roles"][1] == seen["plain"][1]
    assert set(seen["modules"][1]) >= set(seen["plain"][1])
    assert not any("appRoleAssignments" in path for _method, path in seen["plain"][0])


@pytest.mark.parametrize("written_as", ["contoso.example", " CONTOSO.example ", "{id} ", "{ID}\n"])
def test_both_sides_get_one_tenant(small: Controller, written_as: str) -> None:
    tenant = str(small.lab.inventory["tcx"]["hosts"][HOST]["entra_tenant_id"])
    given = written_as.replace("{id}", tenant).replace("{ID}", tenant.upper())
    change_inventory(small, berlin={"entra_tenant_id": given}, munich={"entra_tenant_id": given})
    done = small.rollout("--limit", "berlin,munich")
    assert done.code == 0, done.output
    values = [state_of(small, host)["TenantId"] for host in ("berlin", "munich")]
    assert values == [tenant, tenant]
    asked = [each for each in small.lab.control.log(source="client") if "openid-configuration" in each["path"]]
    assert sum("contoso.example/v2.0" in each["path"].lower() for each in asked) == ("contoso" in given.lower())
    small.lab.control.clear_log()
    assert small.rollout("--limit", HOST, variables={"entra_tenant_id": tenant}).changed() == []


def state_of(small: Controller, host: str) -> dict[str, Any]:
    patches = [
        each["body"]
        for each in small.lab.control.writes()
        if each["host"] == host and "TenantId" in str(each.get("body"))
    ]
    body = patches[-1]
    found: dict[str, Any] = json.loads(body) if isinstance(body, str) else body
    return found


def test_a_domain_of_nobody_stops_the_host_before_anything_is_written(small: Controller) -> None:
    done = small.rollout("--limit", HOST, variables={"entra_tenant_id": "nobody.example"})
    assert done.failed() == [HOST]
    assert "entra_tenant_id 'nobody.example' is a domain of no tenant" in done.sentence(HOST)
    assert not small.writes()


@pytest.mark.parametrize("in_process", [True, False], ids=["action", "module"])
def test_a_task_of_ones_own_sends_one_tenant_and_only_where_it_names_one(
    small: Controller, tmp_path: Path, in_process: bool
) -> None:
    """A module takes its connection from the host, and what it is to set from the task alone."""
    tenant = str(small.lab.inventory["tcx"]["hosts"][HOST]["entra_tenant_id"])
    application = "0b7d0000-0000-4000-8000-000000000000"

    def settings(**options: Any) -> Any:
        task = {"tcx.m365.tcx_m365_settings": {"wait": False, **options}}
        variables = {"tcx_m365_in_process": in_process}
        return play(small, tmp_path, "--limit", HOST, tasks=[task], variables=variables)

    done = settings(user_sync={"photo": True})
    assert done.changed() == [HOST], done.output
    assert not [each for each in small.lab.control.writes() if "TenantId" in str(each["body"])]
    assert settings(application_id=application, tenant_id=" CONTOSO.example ").changed() == [HOST]
    assert state_of(small, HOST)["TenantId"] == tenant
    assert settings(application_id=application, tenant_id=tenant.upper()).changed() == []
    small.lab.control.clear_log()
    refused = settings(application_id=application, tenant_id="nobody.example")
    assert "tenant_id 'nobody.example' is a domain of no tenant" in refused.sentence(HOST), refused.output
    assert not small.writes()


# By the name of the PBX that has it; what each is told.
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "url": ({"tcx_url": ""}, "tcx_url is not set"),
    "half_a_credential": ({"tcx_client_secret": " "}, "tcx_client_id is given and tcx_client_secret is not"),
    "a_boolean": ({"tcx_console_user_sync": True}, "tcx_console_user_sync must be a dictionary, not a boolean"),
    "a_key": (
        {"tcx_console_user_sync": {"phto": True}},
        "Unsupported key in tcx_console_user_sync: phto; did you mean photo?",
    ),
    "a_word": ({"entra_app_manage_grants": "maybe"}, "entra_app_manage_grants must be a boolean"),
    "a_line_end": ({"tcx_client_secret": "secret\n"}, "tcx_client_secret ends with a line break"),
    "a_mark": ({"tcx_client_secret": "\ufeffsecret"}, "tcx_client_secret begins with characters that are not shown"),
    "an_id": ({"tcx_console_application_id": "3cx"}, "tcx_console_application_id '3cx' is not a GUID"),
    "a_number": ({"tcx_console_user_sync": {"starting_extension": 128}}, "user_sync.starting_extension is a number"),
    "a_list": (
        {"entra_app_redirect_uris": {"web": "https://x"}},
        "entra_app_redirect_uris must be a list, not a dictionary",
    ),
    "a_rounded_id": ({"tcx_client_id": "9,00E+02"}, "tcx_client_id 9,00E+02 is a number that was rounded"),
    "a_cloud": ({"entra_cloud": "publik"}, "entra_cloud must be one of china, public, usgov, usgov_dod, not 'publik'"),
}


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """A PBX for each mistake."""
    variables = {name: mistake for name, (mistake, _sentence) in MISTAKES.items()}
    with one_pbx_for_each(variables, tmp_path_factory.mktemp("home")) as controller:
        yield controller


@pytest.mark.parametrize("door", [rollout, modules, roles], ids=["rollout", "modules", "roles"])
def test_mistakes_are_told_in_the_names_of_variables(mistaken: Controller, tmp_path: Path, door: Any) -> None:
    done = door(mistaken, tmp_path)
    assert done.failed() == sorted(MISTAKES)
    for host, (_variables, sentence) in MISTAKES.items():
        assert sentence in done.sentence(host), (host, done.output)
    assert not mistaken.writes()
    assert not [each for each in mistaken.lab.control.log(source="client") if each["path"] == "/connect/token"]


def test_what_is_no_boolean_is_no_answer_to_whether_a_removal_is_confirmed(small: Controller) -> None:
    done = small.play("tcx.m365.offboard", "--limit", HOST, variables={"offboard_confirm": "maybe"})
    assert "offboard_confirm must be a boolean such as true or false, not text" in done.sentence(HOST), done.output
    assert "not confirmed" not in done.output
    assert not small.writes()


def test_a_mistyped_variable_is_told_in_the_terminal_and_in_the_report(small: Controller, tmp_path: Path) -> None:
    change_inventory(small, berlin={"tcx_console_usersync": {}}, lyon={"tcx_console_usersync": {}, "TCX_Fqdn": []})
    done, report = small.compliance(directory=tmp_path / "report", compliance_fail_on_drfit=True)
    said = " ".join(done.output.split())
    assert "unknown variable tcx_console_usersync of berlin, lyon; did you mean tcx_console_user_sync?" in said
    assert "compliance_fail_on_drfit of berlin, lyon, munich; did you mean compliance_fail_on_drift?" in said
    assert "unknown variable TCX_Fqdn of lyon; did you mean tcx_fqdn?" in said
    found = {host["host"]: [each["variable"] for each in host["unknown_variables"]] for host in report["hosts"]}
    assert found["munich"] == ["compliance_fail_on_drfit"]
    assert found["berlin"] == ["compliance_fail_on_drfit", "tcx_console_usersync"]


def test_a_mistyped_variable_can_be_a_failure(small: Controller, tmp_path: Path) -> None:
    """A name that somebody else may as well have is told, and stops nobody."""
    change_inventory(small, berlin={"tcx_console_usersync": {}}, lyon={"snapshots_dir": "/srv", "tcx1_url": "x"})
    done = small.rollout(variables={"unknown_variables": "fail"})
    assert done.failed() == [HOST]
    assert "unknown variable tcx_console_usersync of berlin; did you mean tcx_console_user_sync?" in done.sentence(HOST)
    assert re.findall(r"WARNING\S* unknown variable (\w+ of \w+)", " ".join(done.output.split())) == [
        "snapshots_dir of lyon"
    ]
    assert "tcx1_url" not in done.output
    assert not [each for each in small.lab.control.writes() if each["host"] == HOST]
    _done, report = small.compliance("--limit", HOST, directory=tmp_path, unknown_variables="fail")
    [entry] = report["hosts"]
    told = [text for text in (*entry["reasons"], *entry["attention"]) if "tcx_console_usersync" in text]
    assert len(told) == 1, told
    quiet = small.rollout(variables={"unknown_variables": "ignore"})
    assert quiet.code == 0
    assert "unknown variable" not in quiet.output


def test_nothing_of_ours_is_unknown(small: Controller, tmp_path: Path) -> None:
    done = play(small, tmp_path, roles=[role(name) for name in ROLES])
    assert done.code == 0, done.output
    assert "unknown variable" not in done.output
    assert "unknown variable" not in small.rollout().output
