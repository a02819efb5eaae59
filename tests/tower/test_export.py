# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The description as variables of infra.aap_configuration: the same objects, in fields that its roles hand on to the modules."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import jinja2.nativetypes
import pytest
import yaml
from fake_controller import FakeController
from tower_kit import REPOSITORY, SECRET, Setup
from tower_kit import VARIABLES as VARIABLES_OF_ROLE

# Variable of infra.aap_configuration -> module that its role calls, type at the controller, fields that its role adds.
VARIABLES = {
    "aap_organizations": ("organization", "organization", set()),
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


#: Variable for Event-Driven Ansible -> what its role hands on to the module (documented: infra.aap_configuration, tasks of the
#: roles eda_*; ansible.eda is in no package).
EVENTS = {
    "eda_credentials": {"name", "description", "organization", "credential_type", "inputs"},
    "eda_decision_environments": {"name", "description", "organization", "image_url", "credential"},
    "eda_projects": {"name", "description", "organization", "url", "scm_branch", "credential", "proxy", "sync"},
    "eda_event_streams": {"name", "organization", "credential_name", "headers", "forward_events"},
    "eda_rulebook_activations": {
        *("name", "description", "organization", "project", "rulebook", "decision_environment", "awx_token"),
        *(
            "restart_policy",
            "extra_vars",
            "enabled",
            "eda_credentials",
            "k8s_service_name",
            "event_streams",
            "log_level",
        ),
    },
}

#: What the controller works out by itself.
DERIVED = {"local_path", "managed", "scm_revision"}


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
    outcome = setup.run(
        controller_setup_export=str(home / "aap.yml"),
        controller_setup_decision_environment="registry.example.com/tcx-m365-events:2.0.0",
        controller_setup_event_hosts=["acme"],
        modules=False,
    )
    assert outcome.code == 0, outcome.output
    assert len(described.writes) == before
    return (home / "aap.yml").read_text("utf-8")


@pytest.fixture(scope="module")
def content(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(text, Loader)
    return found


def test_every_variable_is_one_of_the_collection(content: dict[str, Any]) -> None:
    assert set(content) == set(VARIABLES) | set(EVENTS)


@pytest.mark.parametrize("variable", VARIABLES)
def test_fields_are_those_of_the_module(content: dict[str, Any], awx_modules: Path, variable: str) -> None:
    module, _type, more = VARIABLES[variable]
    known = options_of(awx_modules, module) | more
    for item in content[variable]:
        assert set(item) <= known, item["name"]


@pytest.mark.parametrize("variable", EVENTS)
def test_fields_of_events_are_those_of_the_role(content: dict[str, Any], variable: str) -> None:
    assert content[variable]
    for item in content[variable]:
        assert set(item) <= EVENTS[variable], item["name"]


def test_activations_name_what_there_is(content: dict[str, Any]) -> None:
    """A stream takes the place of a source by its name, and everything else is found by name as well."""
    named = {variable: {item["name"] for item in content[variable]} for variable in EVENTS}
    for activation in content["eda_rulebook_activations"]:
        rulebook = REPOSITORY / "extensions" / "eda" / "rulebooks" / activation["rulebook"]
        (ruleset,) = yaml.safe_load(rulebook.read_text(encoding="utf-8"))
        sources = {source["name"] for source in ruleset["sources"]}
        assert {each["source_name"] for each in activation["event_streams"]} == sources
        assert {each["event_stream"] for each in activation["event_streams"]} <= named["eda_event_streams"]
        assert activation["project"] in named["eda_projects"]
        assert activation["decision_environment"] in named["eda_decision_environments"]
        assert set(activation["eda_credentials"]) <= named["eda_credentials"]
    assert {each["credential_name"] for each in content["eda_event_streams"]} <= named["eda_credentials"]
    assert {each["credential"] for each in content["eda_decision_environments"]} <= named["eda_credentials"]


def test_activations_get_the_names_that_may_become_a_limit(content: dict[str, Any]) -> None:
    for activation in content["eda_rulebook_activations"]:
        assert json.loads(activation["extra_vars"])["tcx_m365_event_hosts"] == ["acme"]


def test_nodes_are_those_of_the_module(content: dict[str, Any], awx_modules: Path) -> None:
    known = options_of(awx_modules, "workflow_job_template_node")
    for node in content["controller_workflows"][0]["simplified_workflow_nodes"]:
        assert set(node) <= known, node["identifier"]


@pytest.mark.parametrize("variable", [name for name, (_module, type_, _more) in VARIABLES.items() if type_])
def test_it_describes_what_the_role_makes(content: dict[str, Any], described: FakeController, variable: str) -> None:
    made = objects(described, variable)
    assert {item["name"] for item in content[variable]} <= set(made)
    for item in content[variable]:
        stored = made[item["name"]].values
        same = [name for name in ("description", "playbook", "limit", "injectors", "messages", "rrule") if name in item]
        assert {name: stored[name] for name in same} == {name: item[name] for name in same}


@pytest.mark.parametrize("variable", [name for name, (_module, type_, _more) in VARIABLES.items() if type_])
def test_it_leaves_out_nothing_that_the_role_has_set(
    content: dict[str, Any], described: FakeController, variable: str
) -> None:
    """Who keeps the platform by the export gets the same notifications, credentials and descriptions."""
    made = objects(described, variable)
    for item in content[variable]:
        stored = made[item["name"]]
        blank = {name: field.default for name, field in stored.kind.fields.items()}
        changed = {
            name
            for name, value in stored.values.items()
            if name in blank and value not in (blank[name], None, {}, "{}")
        }
        assert changed - DERIVED <= set(item), item["name"]
        for name, ids in stored.lists.items():
            related = sorted(described.store.items[each].name for each in ids)
            assert name not in stored.kind.associations or sorted(item.get(name, [])) == related, (item["name"], name)


def test_the_configuration_of_a_notification_lacks_no_field_that_the_controller_wants(
    content: dict[str, Any], described: FakeController
) -> None:
    """Who writes the address of a webhook into the variable has said as much as for the role."""
    made = objects(described, "controller_notifications")
    environment = jinja2.nativetypes.NativeEnvironment()
    environment.filters["combine"] = lambda first, second: {**first, **second}
    given = {item["name"]: item["configuration"] for item in VARIABLES_OF_ROLE["controller_setup_notifications"]}
    for item in content["controller_notifications"]:
        variable = f"{item['name'].lower().replace(' ', '_')}_configuration"
        whole = environment.from_string(item["notification_configuration"]).render({variable: given[item["name"]]})
        assert set(whole) == set(made[item["name"]].values["notification_configuration"])


def objects(described: FakeController, variable: str) -> dict[str, Any]:
    """Those of the role, by their names."""
    return {
        item.name: item
        for item in described.store.of(VARIABLES[variable][1])
        if not item.values.get("managed") and item.name != "AWX EE (24.6.1)"
    }


def test_it_holds_no_secret_and_nothing_that_ansible_would_fill_in_too_early(text: str) -> None:
    assert SECRET not in text
    assert "https://hooks.example.com" not in text
    for line in text.splitlines():
        assert "{{" not in line or "!unsafe" in line or line.strip().endswith(('}}"', "}}'")), line
