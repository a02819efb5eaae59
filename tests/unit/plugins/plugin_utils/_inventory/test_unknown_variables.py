# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mistyped variable is noticed; what somebody reads is not spoken of."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.unknown import (
    Unknown,
    unknown_variables,
    warn_once,
    warnings,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import read_variables
from jinja2 import Environment, meta

ROLES = Path(__file__).resolve().parents[5] / "roles"


def found(**variables: Any) -> list[tuple[str, str]]:
    return [(each.name, each.nearest) for each in unknown_variables("acme", variables)]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("tcx_console_usersync", "tcx_console_user_sync"),
        ("compliance_fail_on_drfit", "compliance_fail_on_drift"),
        ("entra_app_managegrants", "entra_app_manage_grants"),
        ("tcx_uri", "tcx_url"),
        ("sso_verify_peple", "sso_verify_people"),
        ("entra_client_secrt", "entra_client_secret"),
        ("unknown_variable", "unknown_variables"),
        ("complaince_fail_on_drift", "compliance_fail_on_drift"),
        ("rolout_serial", "rollout_serial"),
        ("txc_client_secret", "tcx_client_secret"),
        ("enta_tenant_id", "entra_tenant_id"),
        ("snapshots_dir", "snapshot_dir"),
        ("orphan_file", "orphans_file"),
    ],
)
def test_a_mistyped_name_is_found_with_the_nearest(written: str, meant: str) -> None:
    assert found(**{written: True}) == [(written, meant)]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("TCX_URL", "tcx_url"),
        ("Entra_Client_Id", "entra_client_id"),
        ("tcx_Console_userSync", "tcx_console_user_sync"),
        ("Compliance_Fail_On", "compliance_fail_on"),
        ("Snapshot_Dir", "snapshot_dir"),
    ],
)
def test_a_name_in_other_letters_is_found_as_well(written: str, meant: str) -> None:
    assert found(**{written: True}) == [(written, meant)]
    assert found(**{written: True, "tcx_fqdn": f"{{{{ {written} }}}}"}) == []


@pytest.mark.parametrize(
    "name",
    [
        "entra_app",
        "entra_preflight",
        "preflight_only",
        "rotate_certificate",
        "sso_verify",
        "tcx_console",
        "tcx_m365_settings",
    ],
)
def test_a_role_a_module_or_an_option_is_no_variable(name: str) -> None:
    """`-e preflight_only=true` rolls out as ever, and nothing reads `tcx_console: {user_sync: ...}`."""
    assert [written for written, _meant in found(**{name: True})] == [name]


@pytest.mark.parametrize("name", ["TCX_M365_SHOW_UNCHANGED", "TCX_ID_TOKEN", "TCX_BRAND_OF_COFFEE", "Snapshots"])
def test_a_name_of_the_environment_is_left_alone(name: str) -> None:
    assert found(**{name: "x"}) == []


def test_what_a_host_fails_for_is_not_warned_of_as_well(tmp_path: Path) -> None:
    mistyped = Unknown("acme", "tcx_uri", "tcx_url")
    results = {"acme": {"unknown_variables": [mistyped.as_dict()], "failed": True, "msg": f"Bad: {mistyped.sentence}."}}
    told: list[str] = []
    warn_once(results, RunStore(str(tmp_path)), told.append)
    assert told == []
    warn_once({"acme": {"unknown_variables": [mistyped.as_dict()]}}, RunStore(str(tmp_path)), told.append)
    assert told == ["unknown variable tcx_uri of acme; did you mean tcx_url?"]


def test_a_name_of_ours_that_resembles_none_is_found_too() -> None:
    assert found(tcx_brand_of_coffee="x") == [("tcx_brand_of_coffee", "")]


def test_what_is_read_is_not_spoken_of() -> None:
    names = {name for path in ROLES.glob("*/meta/argument_specs.yml") for name in specified(path)}
    assert found(**dict.fromkeys(names)) == []
    results = (
        "entra_app_result",
        "preflight_result",
        "preflight_pbx_result",
        "sso_verify_result",
        "tcx_console_result",
    )
    assert found(**dict.fromkeys(results)) == []


def specified(path: Path) -> set[str]:
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
    return {name for entry in entries.values() for name in entry["options"]}


def test_a_variable_that_another_one_uses_is_read() -> None:
    assert found(tcx_domain="acme.example.com", tcx_url="https://{{ tcx_domain }}:5001") == []
    nested = {"starting_extension": "{{ tcx_first }}"}
    assert found(tcx_first="200", tcx_console_user_sync=nested) == []
    assert found(tcx_first="200", tcx_url="https://tcx_first") == [("tcx_first", "")]


def test_names_of_others_are_left_alone() -> None:
    assert found(bootstrap_servers="kafka", tenants_list=[], acme_url="x", ansible_user="x", vault_tcx="x") == []


def test_one_warning_for_each_name() -> None:
    unknown = [Unknown(f"pbx{number}", "tcx_uri", "tcx_url") for number in range(7)]
    unknown.append(Unknown("acme", "tcx_coffee", ""))
    assert warnings(unknown) == [
        "unknown variable tcx_coffee of acme; nothing reads it",
        "unknown variable tcx_uri of pbx0, pbx1, pbx2, pbx3, pbx4 and 2 more; did you mean tcx_url?",
    ]


def read_by_playbooks() -> set[str]:
    """The variables that the playbooks read, as Jinja finds them, without what a play sets itself."""
    read: set[str] = set()
    own: set[str] = set()
    for path in sorted((ROLES.parent / "playbooks").glob("*.yml")):
        for text in texts_of(yaml.safe_load(path.read_text(encoding="utf-8")), own):
            if "{{" in text:
                read |= meta.find_undeclared_variables(Environment(autoescape=True).parse(filters_out(text)))
    return {name for name in read - own if not name.startswith(("ansible_", "item", "inventory_hostname"))}


def filters_out(text: str) -> str:
    """Without the names of Ansible's filters, which Jinja does not know; their arguments are of no interest."""
    return re.sub(r"\|\s*[a-z_.0-9]+(?=\W|$)", "| string", text).replace("is match", "is string")


def texts_of(value: Any, own: set[str]) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        own |= {str(value["register"])} if "register" in value else set()
        own |= set(value["vars"]) if isinstance(value.get("vars"), dict) else set()
        for item in value.values():
            yield from texts_of(item, own)
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item, own)


def test_a_slip_in_any_variable_of_any_playbook_is_told() -> None:
    names = read_by_playbooks()
    assert {"quickstart_dir", "orphans_file", "support_bundle_dir", "conformance_source", "rollback_hosts"} <= names
    for name in sorted(each for each in names if "_" in each):
        slip = name[:-2] + name[-1] + name[-2]
        if slip != name:
            near = dict(found(**{slip: True})).get(slip)
            assert nearer(near or "", slip) >= 0.8, (slip, near)


def nearer(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def test_fail_stops_the_host_before_anything_is_sent() -> None:
    for word in ("warn", "ignore"):
        known = read_variables({"tcx_url": "https://pbx.example.com", "unknown_variables": word}, host="acme")
        known.unknown = unknown_variables("acme", {"tcx_uri": 1})
        assert arguments_of.pbx_preflight_arguments(known)["url"]
    known = read_variables({"unknown_variables": "fail"}, host="acme")
    known.unknown = unknown_variables("acme", {"tcx_uri": 1})
    with pytest.raises(BadInput, match="unknown variable tcx_uri of acme; did you mean tcx_url"):
        arguments_of.pbx_preflight_arguments(known)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("snapshots_dir", "snapshot_dir"),
        ("tenant_result", "tenants_result"),
        ("offboarded_hosts", "offboard_hosts"),
    ],
)
def test_a_name_that_others_may_have_as_well_is_warned_of_and_stops_nobody(name: str, near: str) -> None:
    """Another form of our first word is as likely a variable of somebody else."""
    known = read_variables({"tcx_url": "https://pbx.example.com", "unknown_variables": "fail"}, host="acme")
    known.unknown = unknown_variables("acme", {name: 1})
    assert [(each.name, each.nearest) for each in known.unknown] == [(name, near)]
    assert arguments_of.pbx_preflight_arguments(known)["url"]


def test_a_slip_in_the_first_word_stops_a_host() -> None:
    for name in ("complaince_fail_on_drift", "txc_client_secret", "tcx_uri", "rolout_serial"):
        known = read_variables({"unknown_variables": "fail"}, host="acme")
        known.unknown = unknown_variables("acme", {name: 1})
        with pytest.raises(BadInput, match=f"unknown variable {name} of acme"):
            arguments_of.pbx_preflight_arguments(known)


@pytest.mark.parametrize("name", ["tcx1_url", "tcx2_url", "tcx01_client_secret"])
def test_a_name_that_is_numbered_is_no_slip(name: str) -> None:
    assert found(**{name: "x"}) == []


def test_the_variables_of_other_hosts_are_not_read() -> None:
    class Fleet(dict[str, Any]):
        def values(self) -> Any:
            raise AssertionError("the variables of the whole fleet were read")

    variables = {"tcx_of_another_project": "{{ nobody }}", "hostvars": Fleet(), "vars": Fleet()}
    assert [each.name for each in unknown_variables("acme", variables)] == ["tcx_of_another_project"]


@pytest.mark.parametrize(
    "name",
    [
        *("support_email", "on_call", "allow_root", "snapshot_policy", "user_name", "would_be"),
        *("on_failure_mail", "awx_job_id", "tower_user_name", "history_size", "snapshot_retention"),
    ],
)
def test_a_family_that_others_have_as_well_is_no_slip(name: str) -> None:
    assert found(**{name: True}) == []


def test_a_slip_in_a_variable_of_bootstrap_is_told() -> None:
    assert found(tenants_wiat=60, bootstrap_profle="full") == [
        ("bootstrap_profle", "bootstrap_profile"),
        ("tenants_wiat", "tenants_wait"),
    ]
