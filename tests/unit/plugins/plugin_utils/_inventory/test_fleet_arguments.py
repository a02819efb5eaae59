# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the variables of a host to the arguments of the steps; every option of a step can be set by a variable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import (
    azure_app_registration,
    entra_preflight,
    graph_permission_grant,
    tcx_m365_settings,
    tcx_preflight,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import families
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import role_defaults

GUID = "0b7d3c7e-58f4-4c8b-8d9b-1f6a3c8f2a11"

PBX = {"redirect_uri": "https://pbx.example.com:5001/oauth2office2", "status": {"application_id": "a-1"}}
KEY = {"unique_name": "3cx-acme", "app_id": "a-1", "prefer": "app_id"}


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


ARGUMENTS: dict[str, Any] = {
    "azure_app_registration": lambda known: arguments_of.application_arguments(known, KEY, PBX["redirect_uri"]),
    "entra_preflight": lambda known: arguments_of.entra_preflight_arguments(known, PBX),
    "graph_permission_grant": lambda known: arguments_of.grant_arguments(known, "a-1"),
    "tcx_m365_settings": lambda known: arguments_of.settings_arguments(known, "a-1"),
    "tcx_preflight": arguments_of.pbx_preflight_arguments,
}


TRUST = {"pbx", "pbx_names", "require_evidence", "in_use", "deleted_app_id", "shared_certificates"}
"""What the pre-flight check and the steps decide: whose entries they are, and what may be taken for the PBX's."""


@pytest.mark.parametrize(
    ("module", "spec", "left_out"),
    [
        ("azure_app_registration", azure_app_registration.ARGUMENT_SPEC, {"state", "purge", "undo", *TRUST}),
        ("graph_permission_grant", graph_permission_grant.ARGUMENT_SPEC, {"state", *TRUST, "unknown_credentials"}),
        ("tcx_m365_settings", tcx_m365_settings.ARGUMENT_SPEC, {"consent_url", "linked_application_id", "undo"}),
        ("entra_preflight", entra_preflight.ARGUMENT_SPEC, {"pbx_tls_thumbprint", "writes"}),
        ("tcx_preflight", tcx_preflight.ARGUMENT_SPEC, set()),
    ],
)
def test_every_option_can_be_set_by_a_variable(module: str, spec: dict[str, Any], left_out: set[str]) -> None:
    offered = set(ARGUMENTS[module]({**role_defaults(), **EVERYTHING}))
    assert offered <= set(spec)
    assert set(spec) - offered <= left_out


def test_defaults_of_the_roles_are_plain_values() -> None:
    assert "{{" not in yaml.safe_dump(dict(role_defaults()))


@pytest.mark.parametrize(("stated", "name"), [({"entra_app_app_id": GUID}, "entra_app_app_id"), ({}, None)])
def test_an_application_that_is_stated_is_named_by_its_variable(stated: dict[str, Any], name: str | None) -> None:
    """Where it is not, the PBX or the tenant has named it, and the operator has no variable to correct."""
    arguments = arguments_of.application_arguments(
        {**stated}, {"app_id": GUID}, "https://acme.example.com/oauth2office2"
    )
    assert arguments.names.get("app_id") == name
    assert arguments.names["unique_name"] == "entra_app_unique_name"
