# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the playbook describes fits the rest of the collection: playbooks, variables, environment variables, groups."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_controller import FakeController, Store, jobs, surveys, syncs
from fake_controller.store import Item
from tower_kit import REPOSITORY

PLAYBOOKS = REPOSITORY / "playbooks"
# Run at a workstation: they set a controller up, or ask a PBX of one's own what it can do.
NOT_RUN_BY_A_CONTROLLER = {
    "bootstrap.yml",
    "conformance.yml",
    "controller_setup.yml",
    "partner_consent.yml",
    "quickstart.yml",
}


@pytest.fixture(scope="module")
def store(described: FakeController) -> Store:
    return described.store


def templates(store: Store) -> dict[str, Item]:
    """Job templates by the name of their playbook; the gates have two of one."""
    return {Path(item.values["playbook"]).name: item for item in store.of("job_template")}


STEPS = (
    REPOSITORY / "plugins" / "plugin_utils" / "_steps" / "table.py",
    REPOSITORY / "plugins" / "plugin_utils" / "_inventory" / "captured.py",
    REPOSITORY / "plugins" / "plugin_utils" / "_steps" / "offboard.py",
    REPOSITORY / "plugins" / "plugin_utils" / "_steps" / "rotation.py",
)

# Whose steps the task fleet_rollout takes, with their variables.
ROLES_OF_THE_SWEEP = {"preflight", "entra_app", "tcx_console", "sso_verify"}


def roles_of(playbook: Path) -> set[str]:
    named = set(re.findall(r"tcx\.m365\.(\w+)", playbook.read_text(encoding="utf-8")))
    return named | ROLES_OF_THE_SWEEP if "fleet_rollout" in named else named


def known_variables(playbook: Path) -> set[str]:
    """What the roles of a playbook document as options, and what the playbook and its steps read by themselves."""
    text = playbook.read_text(encoding="utf-8")
    known = set(re.findall(r"{{\s*(\w+)|\b(\w+)\s*\|", text))
    if "fleet_rollout" in text:
        steps = "".join(path.read_text(encoding="utf-8") for path in STEPS)
        known |= set(re.findall(r'(?:get|is_set)\("(\w+)"()', steps))
    names = {name for pair in known for name in pair if name}
    for role in roles_of(playbook):
        specification = REPOSITORY / "roles" / role / "meta" / "argument_specs.yml"
        if specification.is_file():
            for entry in yaml.safe_load(specification.read_text(encoding="utf-8"))["argument_specs"].values():
                names.update(entry.get("options", {}))
    return names


def test_there_is_one_job_template_for_each_playbook(store: Store) -> None:
    ours = {path.name for path in PLAYBOOKS.glob("*.yml")} - NOT_RUN_BY_A_CONTROLLER
    assert set(templates(store)) == ours
    assert len(store.of("job_template")) == len(ours) + 1


def test_surveys_ask_for_variables_that_are_read(store: Store) -> None:
    strange = {
        (name, question["variable"])
        for name, item in templates(store).items()
        for question in item.survey.get("spec", [])
        if question["variable"] not in known_variables(PLAYBOOKS / name)
    }
    assert not strange


def test_every_template_has_a_survey_whose_defaults_suffice(store: Store) -> None:
    """A schedule and a workflow start jobs with nobody there to answer."""
    for item in store.of("job_template"):
        assert surveys.needed(item) == [], item.name
        assert jobs.launch(store, item, {}).values["status"] == "successful", item.name
        for question in surveys.questions_of(item):
            assert question["variable"] in surveys.answers(item, {}), item.name


def test_schedules_start_what_they_name(store: Store) -> None:
    for schedule in store.of("schedule"):
        assert jobs.run_schedule(store, schedule).values["status"] in ("successful", "running"), schedule.name


def test_compliance_is_a_check_with_differences_in_one_piece(store: Store) -> None:
    values = templates(store)["compliance.yml"].values
    assert (values["job_type"], values["diff_mode"], values["job_slice_count"]) == ("check", True, 1)
    assert not values["ask_job_type_on_launch"]


def test_a_rollout_is_sliced_as_asked(store: Store) -> None:
    assert templates(store)["rollout.yml"].values["job_slice_count"] == 2


def test_offboarding_needs_a_limit_and_a_yes(store: Store) -> None:
    template = templates(store)["offboard.yml"]
    assert template.values["limit"] == "!all"
    assert template.values["ask_limit_on_launch"]
    assert surveys.answers(template, {})["offboard_confirm"] == "false"


def test_templates_run_on_the_grouped_inventory_in_our_image(store: Store) -> None:
    for item in store.of("job_template"):
        assert store.referred(item, "inventory").values["kind"] == "", item.name
        image = store.referred(item, "execution_environment").values["image"]
        assert image == "registry.example.com/tcx-m365:2.0.0"
        credentials = {each.name for each in store.listed(item, "credentials")}
        gate = item.name.startswith("3CX gate")
        assert credentials == (set() if gate else {"Automation app", "Vault of the fleet"}), item.name
        assert "3cx-microsoft-365" in {label.name for label in store.listed(item, "labels")}


def test_the_organization_has_our_image_and_its_credentials(store: Store) -> None:
    """Syncs run in the image of the source or organization, and both are pulled with a credential."""
    organization = store.one("organization", "3CX telephony")
    image = store.referred(organization, "default_environment")
    assert image.name == "3CX Microsoft 365"
    assert store.referred(image, "credential").name == "Registry"
    assert [each.name for each in store.listed(organization, "galaxy_credentials")] == ["Hub"]
    for source in store.of("inventory_source"):
        assert store.referred(source, "execution_environment").name == image.name


def test_drift_is_notified(store: Store) -> None:
    compliance = templates(store)["compliance.yml"]
    assert surveys.answers(compliance, {})["compliance_fail_on_drift"] == "true"
    told = {each.name for each in store.listed(compliance, "notification_templates_error")}
    assert told == {"Operations", "Chat", "Mail", "On call", "Cards"}
    assert [each.name for each in store.listed(compliance, "notification_templates_success")] == ["Cards"]
    workflow = store.one("workflow_job_template", "3CX rollout with approval")
    asked = {each.name for each in store.listed(workflow, "notification_templates_approvals")}
    assert asked == told - {"On call"}


def test_the_workflow_asks_before_it_changes_anything(store: Store) -> None:
    """compliance -> gates -> approval -> canaries -> all -> compliance, and no way around the approval."""
    nodes = {item.name: item for item in store.of("workflow_job_template_node")}
    links = {
        (name, kind, other.name)
        for name, item in nodes.items()
        for kind in ("success_nodes", "failure_nodes", "always_nodes")
        for other in store.listed(item, kind)
    }
    assert links == {
        ("compliance-before", "success_nodes", "nothing-differs"),
        ("nothing-differs", "failure_nodes", "something-differs"),
        ("something-differs", "success_nodes", "approval"),
        ("approval", "success_nodes", "canary-rollout"),
        ("canary-rollout", "success_nodes", "rollout"),
        ("rollout", "always_nodes", "compliance-after"),
    }
    runs = {name: store.referred(item, "unified_job_template") for name, item in nodes.items()}
    assert runs["approval"].kind.type == "workflow_approval_template"
    assert runs["approval"].values["timeout"] == 86400
    playbooks = {name: item.values["playbook"] for name, item in runs.items() if name != "approval"}
    assert playbooks == {
        "compliance-before": "playbooks/compliance.yml",
        "nothing-differs": "playbooks/approval_gate.yml",
        "something-differs": "playbooks/approval_gate.yml",
        "canary-rollout": "playbooks/rollout.yml",
        "rollout": "playbooks/rollout.yml",
        "compliance-after": "playbooks/compliance.yml",
    }
    canary = nodes["canary-rollout"].values
    assert (canary["limit"], canary["job_slice_count"]) == ("tcx_canary", 1)


def test_the_nightly_run_only_reads_until_told_otherwise(store: Store) -> None:
    enabled = [item for item in store.of("schedule") if item.values["enabled"]]
    assert [store.referred(item, "unified_job_template").name for item in enabled] == ["3CX compliance"]


def documented_environment() -> set[str]:
    """Every environment variable that a module of the collection documents as the source of an option."""
    texts = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "plugins").rglob("*.py")]
    return set(re.findall(r"\b((?:AZURE|ENTRA|TCX)_[A-Z_]+[A-Z])\b", "\n".join(texts)))


def test_injectors_set_what_the_modules_read(store: Store) -> None:
    known = documented_environment()
    assert {"AZURE_CLIENT_SECRET", "TCX_CLIENT_ID"} <= known
    for item in store.of("credential_type"):
        if not item.values["managed"]:
            variables = set(item.values["injectors"]["env"])
            assert variables
            assert variables <= known, item.name


@pytest.fixture(scope="module")
def groups(store: Store) -> dict[str, Any]:
    """The inventory that jobs see."""
    jobs.launch(store, store.one("job_template", "3CX compliance"), {})
    return syncs.script_data(store, store.one("inventory", "3CX fleet"))


def test_each_tenant_is_a_group(groups: dict[str, Any]) -> None:
    assert groups["tenant_6f1c0000_1111_4222_8333_444455556666"]["hosts"] == ["acme", "acme-depot"]
    assert groups["tenant_0b7d0000_1111_4222_8333_444455556666"]["hosts"] == ["contoso"]
    assert sum(name.startswith("tenant_") for name in groups) == 2


def test_canaries_are_a_group_and_the_fleet_stays_one(groups: dict[str, Any]) -> None:
    assert groups["tcx_canary"]["hosts"] == ["acme"]
    assert groups["tcx"]["hosts"] == ["acme", "acme-depot", "contoso", "newcomer"]
