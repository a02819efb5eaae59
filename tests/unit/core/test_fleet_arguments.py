# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sweep of a compliance run and the roles of a rollout must ask the same things of the same variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import (
    azure_app_registration,
    entra_preflight,
    graph_permission_grant,
    sso_probe,
    tcx_m365_settings,
    tcx_preflight,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import plain
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet import families
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.variables import role_defaults

ROLES = Path(__file__).resolve().parents[3] / "roles"
GUID = "0b7d3c7e-58f4-4c8b-8d9b-1f6a3c8f2a11"
OMIT = "__omit_place_holder__"

PBX = {"redirect_uri": "https://pbx.example.com:5001/oauth2office2", "status": {"application_id": "a-1"}}
KEY = {"unique_name": "3cx-acme", "app_id": "a-1", "prefer": "app_id"}


def _tasks(role: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(module, arguments with the module defaults of the block) of each task of ours."""

    def walk(tasks: list[dict[str, Any]], defaults: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        for task in tasks:
            inner = {**defaults, **task.get("module_defaults", {}).get("group/tcx.m365.entra", {})}
            yield from walk(task.get("block", []), inner)
            for name, value in task.items():
                if name.startswith("tcx.m365."):
                    yield name.removeprefix("tcx.m365."), {**inner, **value}

    yield from walk(yaml.safe_load((ROLES / role / "tasks" / "main.yml").read_text()), {})


SPECIFICATIONS = {
    "azure_app_registration": azure_app_registration.ARGUMENT_SPEC,
    "entra_preflight": entra_preflight.ARGUMENT_SPEC,
    "sso_probe": sso_probe.ARGUMENT_SPEC,
    "graph_permission_grant": graph_permission_grant.ARGUMENT_SPEC,
    "tcx_m365_settings": tcx_m365_settings.ARGUMENT_SPEC,
    "tcx_preflight": tcx_preflight.ARGUMENT_SPEC,
}


def _rendered(module: str, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
    """What Ansible would give to the module."""
    known = {
        **variables,
        "omit": OMIT,
        "inventory_hostname": "acme",
        "preflight_pbx_result": PBX,
        "preflight_result": {"application": KEY},
        "entra_app_result": {"app_id": "a-1"},
    }
    templar = Templar(loader=DataLoader(), variables=known)
    found = {name: plain(templar.template(_trusted(value))) for name, value in arguments.items()}
    return {name: _number(value, SPECIFICATIONS[module][name]) for name, value in found.items() if value != OMIT}


def _number(value: Any, option: dict[str, Any]) -> Any:
    """Before 2.19 a template gives a number as text, which the module turns back by its specification."""
    return int(value) if option.get("type") == "int" and isinstance(value, str) and value.isdigit() else value


def _trusted(value: Any) -> Any:
    """ansible-core 2.19 and newer template only what comes from a trusted source, as a role's file is."""
    try:
        from ansible.template import trust_as_template
    except ImportError:
        return value
    return trust_as_template(value) if isinstance(value, str) else value


def sample(option: str, spec: Mapping[str, Any]) -> Any:
    """A value that the option takes, written as plainly as it can be."""
    if spec.get("choices"):
        return [spec["choices"][0]] if spec.get("type") == "list" else spec["choices"][0]
    if spec.get("options"):
        nested = {name: sample(name, each) for name, each in spec["options"].items()}
        return [nested] if spec["type"] == "list" else nested
    plain = {"bool": True, "int": 9, "float": 9.0, "list": ["one", "two"], "path": f"/{option}"}
    text = GUID if option.endswith("_id") else "123456" if option.endswith("_code") else f"value of {option}"
    return plain.get(spec.get("type") or "str", text)


EVERYTHING: dict[str, Any] = {name: sample(known.option, known.spec) for name, known in families.variables().items()}
EVERYTHING.update(entra_app_permissions_profile="guide")
LITTLE = {
    "tcx_url": "https://pbx.example.com:5001",
    "tcx_client_id": "900",
    "tcx_client_secret": "s",
    "entra_tenant_id": GUID,
    "entra_client_id": GUID,
    "entra_client_secret": "s",
    "entra_app_public_key": "PEM",
    "entra_app_unique_name": "3cx-acme",
}
FEATURES = {**LITTLE, "entra_app_features": ["sign_in"]}


@pytest.mark.parametrize("given", [EVERYTHING, LITTLE, FEATURES], ids=["everything", "little", "features"])
def test_the_sweep_and_the_roles_give_the_same_arguments(given: dict[str, Any]) -> None:
    variables = {**role_defaults(), **given}
    expected = {
        ("preflight", "tcx_preflight"): arguments_of.pbx_preflight_arguments(variables),
        ("preflight", "entra_preflight"): arguments_of.entra_preflight_arguments(variables, PBX),
        ("entra_app", "azure_app_registration"): arguments_of.application_arguments(
            variables, KEY, PBX["redirect_uri"]
        ),
        ("entra_app", "graph_permission_grant"): arguments_of.grant_arguments(variables, "a-1"),
        ("tcx_console", "tcx_m365_settings"): arguments_of.settings_arguments(variables, "a-1"),
        ("sso_verify", "sso_probe"): arguments_of.probe_arguments(variables, "a-1", PBX["redirect_uri"]),
    }
    seen = set()
    for role in ("preflight", "entra_app", "tcx_console", "sso_verify"):
        for module, arguments in _tasks(role):
            if (role, module) not in expected:
                continue  # an optional step that a sweep does not take
            seen.add((role, module))
            wanted = {name: value for name, value in expected[role, module].items() if value is not None}
            assert _rendered(module, arguments, variables) == wanted, f"{role}: {module}"
    assert seen == set(expected)


@pytest.mark.parametrize(
    ("role", "module", "spec", "left_out"),
    [
        (
            "entra_app",
            "azure_app_registration",
            azure_app_registration.ARGUMENT_SPEC,
            {"state", "purge"},
        ),
        (
            "entra_app",
            "graph_permission_grant",
            graph_permission_grant.ARGUMENT_SPEC,
            {"state"},
        ),
        ("tcx_console", "tcx_m365_settings", tcx_m365_settings.ARGUMENT_SPEC, set()),
        ("preflight", "entra_preflight", entra_preflight.ARGUMENT_SPEC, set()),
        ("preflight", "tcx_preflight", tcx_preflight.ARGUMENT_SPEC, set()),
    ],
)
def test_every_option_can_be_set_by_a_variable(
    role: str, module: str, spec: dict[str, Any], left_out: set[str]
) -> None:
    offered = next(set(arguments) for name, arguments in _tasks(role) if name == module)
    assert offered <= set(spec)
    assert set(spec) - offered <= left_out


def test_defaults_of_the_roles_are_plain_values() -> None:
    assert "{{" not in yaml.safe_dump(dict(role_defaults()))
