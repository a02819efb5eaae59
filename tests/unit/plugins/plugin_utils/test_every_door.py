# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""However a value is written, no door reads it in another way: Ansible's validation of a role, and that of a module.

Ansible validates the variables of a role before anything of ours runs, and the arguments of a module after our reader.
What either would refuse or change would make the role or the module another product than the playbook.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.tcx.m365.plugins.action.fleet_compliance import ARGUMENT_SPEC as COMPLIANCE
from ansible_collections.tcx.m365.plugins.module_utils._arguments import read_arguments
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import families
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import read_variables, role_defaults

ROLES = Path(__file__).resolve().parents[4] / "roles"
READ_BY_US = ("preflight", "entra_app", "tcx_console", "sso_verify", "compliance")
SPELLINGS: tuple[Any, ...] = (
    *(None, "", "  ", "\n", [], "n", "no", "false", " No ", "y", "yes", False, True, 1, "7", " 7 "),
    *("one, two", ["one", "two"], {"enabled": "n"}),
)


@functools.lru_cache
def spec_of(role: str) -> dict[str, Any]:
    content = yaml.safe_load((ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    options: dict[str, Any] = content["argument_specs"]["main"]["options"]
    return options


def variables_of_roles() -> Iterator[tuple[str, str]]:
    for role in READ_BY_US:
        yield from ((role, name) for name in spec_of(role))


def is_accepted(name: str, value: Any) -> bool:
    """Whether the reader of the playbooks takes the value."""
    if name.startswith("compliance_") and name.removeprefix("compliance_") in COMPLIANCE:
        try:
            read_arguments(COMPLIANCE, {name.removeprefix("compliance_"): value})
        except BadInput:
            return False
        return True
    return name in families.variables() and not read_variables({name: value}).problems


@pytest.mark.parametrize(("role", "name"), list(variables_of_roles()))
def test_no_role_refuses_what_the_playbook_takes(role: str, name: str) -> None:
    option = spec_of(role)[name]
    for value in SPELLINGS:
        if is_accepted(name, value):
            found = ArgumentSpecValidator({name: option}).validate({name: value})
            assert not found.error_messages, (value, found.error_messages)


@pytest.mark.parametrize(("role", "name"), list(variables_of_roles()))
def test_ansible_refuses_nothing_of_a_role_in_words_of_its_own(role: str, name: str) -> None:
    """What is wrong is said by our reader, as a playbook says it."""
    option = spec_of(role)[name]
    for value in (*SPELLINGS, {"a": "b"}, [{"a": "b"}], [["one"]], 1.5, "a,b"):
        assert not ArgumentSpecValidator({name: option}).validate({name: value}).error_messages, value


def options_of_modules() -> Iterator[tuple[str, str]]:
    for source in families.SOURCES.values():
        yield from ((source.capability.name, option) for option in source.capability.argument_spec)


@pytest.mark.parametrize(("module", "option"), list(options_of_modules()))
def test_ansible_makes_nothing_else_of_the_arguments_of_a_module(module: str, option: str) -> None:
    """The module hands what our reader gives to Ansible's validator; the action uses what our reader gives."""
    capability = families.SOURCES[module].capability
    bare: Mapping[str, Any] = {option: {**capability.argument_spec[option], "required": False}}
    for value in SPELLINGS:
        try:
            read = Capability(capability.name, bare, capability.run, files=capability.files).read({option: value}, {})
        except BadInput:
            continue
        validated = ArgumentSpecValidator(dict(bare)).validate(read.explicit)
        assert not validated.error_messages, value
        assert validated.validated_parameters == read.parameters, value


GUID = "6f1c0000-1111-4222-8333-444455556666"
URI = "https://pbx.example.com:5001/oauth2office2"
HOST: dict[str, Any] = {
    "tcx_url": "https://pbx.example.com:5001",
    "tcx_client_id": "900",
    "tcx_client_secret": "s",
    "entra_tenant_id": GUID,
    "entra_client_id": GUID,
    "entra_client_secret": "s",
    "entra_app_unique_name": "3cx-acme",
}
STEPS: dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    "tcx_preflight": arguments_of.pbx_preflight_arguments,
    "entra_preflight": lambda known: arguments_of.entra_preflight_arguments(known, {}),
    "azure_app_registration": lambda known: arguments_of.application_arguments(known, {"unique_name": "3cx-acme"}, URI),
    "graph_permission_grant": lambda known: arguments_of.grant_arguments(known, GUID),
    "tcx_m365_settings": lambda known: arguments_of.settings_arguments(known, GUID),
    "sso_probe": lambda known: arguments_of.probe_arguments(known, GUID, URI),
    "graph_user_info": arguments_of.directory_arguments,
    "tcx_m365_settings_info": lambda known: arguments_of.people_arguments(known, []),
}
"""What the playbook and the roles make of the variables of a host, by the module that gets it."""
EMPTY: tuple[Any, ...] = (None, "", "  ", "\n", [], {})
WRITTEN: tuple[Any, ...] = (
    *SPELLINGS,
    *EMPTY,
    *("true", "No", 0, "0", 7, "one", [" one ", "two"], [""], {"enabled": "y", "users": "a, b"}, "a,,b", "\u00a0yes"),
)
REFUSED = "refused"


def variables_of_modules() -> Iterator[tuple[str, str, str]]:
    for module, source in families.SOURCES.items():
        yield from ((module, option, variable) for option, variable in source.variables.items())


def value_of(capability: Capability, arguments: Callable[[], Mapping[str, Any]], option: str) -> Any:
    """What a task works with; both front ends make the same of it (see above)."""
    try:
        return capability.read(arguments(), {}).parameters[option]
    except BadInput:
        return REFUSED


@pytest.mark.parametrize(("module", "option", "variable"), list(variables_of_modules()))
def test_steps_and_modules_read_a_variable_alike(module: str, option: str, variable: str) -> None:
    """The playbook and the roles by the table of steps, a play of one's own by the option of the module."""
    capability = families.SOURCES[module].capability
    assert set(STEPS) == set(families.SOURCES)
    others = {name: value for name, value in HOST.items() if name != variable}
    bare = {option: {**capability.argument_spec[option], "required": False}}
    alone = Capability(capability.name, bare, capability.run, files=capability.files)

    def by_steps(given: Mapping[str, Any]) -> Any:
        return value_of(capability, lambda: STEPS[module](read_variables({**others, **given})), option)

    absent = by_steps({})
    for value in WRITTEN:
        found = by_steps({variable: value})
        # A role has its defaults as variables; what a host says stands above them either way.
        assert by_steps({**role_defaults(), variable: value}) == found, value
        direct = value_of(alone, lambda value=value: {option: value}, option)
        if value in EMPTY:
            assert found == absent, value
            assert direct in (value_of(alone, dict, option), []), value
        elif not (found == REFUSED and option in ("tenant_id", "application_id", "app_id", "fqdn")):
            assert found == direct, value  # ids and names are refused here before a module would refuse them
