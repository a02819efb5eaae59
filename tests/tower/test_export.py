# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The description as variables of infra.aap_configuration: the same objects, in fields that its roles hand on to the modules."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_controller import FakeController
from tower_kit import SECRET, Setup

# Variable of infra.aap_configuration -> module that its role calls, type at the controller, fields that its role adds.
VARIABLES = {
    "aap_organizations": ("organization", "organization", {"assign_default_ee_to_org"}),
    "aap_teams": ("team", "team", set()),
    "controller_labels": ("label", "label", set()),
    "controller_credential_types": ("credential_type", "credential_type", set()),
    "controller_credentials": ("credential", "credential", set()),
    "controller_execution_environments": ("execution_environment", "execution_environment", set()),
    "controller_projects": ("project", "project", set()),
    "controller_inventories": ("inventory", "inventory", set()),
    "controller_inventory_sources": ("inventory_source", "inventory_source", set()),
    "controller_notifications": ("notification_template", "notification_template", set()),
    "controller_templates": ("job_template", "job_template", set()),
    "controller_workflows": ("workflow_job_template", "workflow_job_template", {"simplified_workflow_nodes"}),
    "controller_schedules": ("schedule", "schedule", set()),
    "controller_roles": ("role", "", set()),
}


class Loader(yaml.SafeLoader):
    """Knows the mark for texts that Ansible must leave alone."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def options_of(modules: Path, module: str) -> set[str]:
    source = (modules / "ansible_collections/awx/awx/plugins/modules" / f"{module}.py").read_text("utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DOCUMENTATION":
            return set(yaml.safe_load(ast.literal_eval(node.value))["options"])
    raise LookupError(module)


@pytest.fixture(scope="module")
def text(awx_modules: Path, described: FakeController, tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("home")
    setup = Setup(described, home, awx_modules)
    before = len(described.writes)
    outcome = setup.run(controller_setup_export=str(home / "aap.yml"), modules=False)
    assert outcome.code == 0, outcome.output
    assert len(described.writes) == before
    return (home / "aap.yml").read_text("utf-8")


@pytest.fixture(scope="module")
def content(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(text, Loader)
    return found


def test_every_variable_is_one_of_the_collection(content: dict[str, Any]) -> None:
    assert set(content) == set(VARIABLES)


@pytest.mark.parametrize("variable", VARIABLES)
def test_fields_are_those_of_the_module(content: dict[str, Any], awx_modules: Path, variable: str) -> None:
    module, _type, more = VARIABLES[variable]
    known = options_of(awx_modules, module) | more
    for item in content[variable]:
        assert set(item) <= known, item["name"]


def test_nodes_are_those_of_the_module(content: dict[str, Any], awx_modules: Path) -> None:
    known = options_of(awx_modules, "workflow_job_template_node")
    for node in content["controller_workflows"][0]["simplified_workflow_nodes"]:
        assert set(node) <= known, node["identifier"]


@pytest.mark.parametrize("variable", [name for name, (_module, type_, _more) in VARIABLES.items() if type_])
def test_it_describes_what_the_role_makes(content: dict[str, Any], described: FakeController, variable: str) -> None:
    made = {
        item.name: item
        for item in described.store.of(VARIABLES[variable][1])
        if not item.values.get("managed") and item.name != "AWX EE (24.6.1)"
    }
    assert {item["name"] for item in content[variable]} <= set(made)
    for item in content[variable]:
        stored = made[item["name"]].values
        same = [name for name in ("description", "playbook", "limit", "injectors", "messages", "rrule") if name in item]
        assert {name: stored[name] for name in same} == {name: item[name] for name in same}


def test_it_holds_no_secret_and_nothing_that_ansible_would_fill_in_too_early(text: str) -> None:
    assert SECRET not in text
    assert "https://hooks.example.com" not in text
    for line in text.splitlines():
        assert "{{" not in line or "!unsafe" in line or line.strip().endswith('}}"'), line
