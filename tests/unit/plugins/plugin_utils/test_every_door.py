# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""However a value is written, no door reads it in another way: Ansible's validation of a role, and that of a module.

Ansible validates the variables of a role before anything of ours runs, and the arguments of a module after our reader.
What either would refuse or change would make the role or the module another product than the playbook.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.tcx.m365.plugins.action.fleet_compliance import ARGUMENT_SPEC as COMPLIANCE
from ansible_collections.tcx.m365.plugins.module_utils._arguments import read_arguments
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet import families
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.variables import read_variables

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
        validated = ArgumentSpecValidator(dict(bare)).validate(read.given)
        assert not validated.error_messages, value
        assert validated.validated_parameters == read.parameters, value
