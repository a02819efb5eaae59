# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What somebody has left at the controller in any field of any object of ours: set back by the next run, or told by it."""

from __future__ import annotations

from typing import Any

import pytest
from fake_controller.schema import Field
from fake_controller.store import Item, Store
from tower_kit import Outcome, Setup

#: One object of each kind, and one job template that answers a webhook besides.
OBJECTS = {
    "organization": "3CX telephony",
    "execution_environment": "3CX Microsoft 365",
    "credential_type": "3CX service principal",
    "credential": "Automation app",
    "team": "Telephony",
    "project": "3CX inventory files",
    "inventory": "3CX fleet",
    "inventory_source": "3CX inventory files of the project",
    "notification_template": "Operations",
    "job_template": "3CX rollout",
    "workflow_job_template": "3CX rollout with approval",
    "workflow_job_template_node": "rollout",
    "schedule": "3CX nightly compliance",
}
#: What makes an object another one, or what the controller alone sets.
KEYS = {"name", "identifier", "organization", "credential_type", "kind", "local_path", "scm_revision"}
KEYS_OF = {("schedule", "unified_job_template"), ("workflow_job_template_node", "workflow_job_template")}
#: Values that a controller could hold, where any other one would not do.
FITTING = {
    ("notification_template", "notification_type"): "mattermost",
    ("notification_template", "messages"): {"started": {"message": "meddled"}},
    ("execution_environment", "pull"): "never",
    ("inventory", "variables"): '{"entra_authority_host": "https://meddled.example.com"}',
    ("inventory_source", "source_vars"): '{"ANSIBLE_CONFIG": "/meddled"}',
    **{(type_, "extra_vars"): '{"meddled": 1}' for type_ in ("job_template", "workflow_job_template")},
    ("job_template", "webhook_credential"): None,  # of a job template of its own, below
    ("credential_type", "inputs"): {"fields": []},
}
#: Left as found, and told.
TOLD = {
    *(("organization", f"notification_templates_{when}") for when in ("started", "success", "error", "approvals")),
    ("organization", "instance_groups"),
    ("project", "credential"),
    ("project", "signature_validation_credential"),
    ("inventory", "variables"),
    ("inventory_source", "credential"),
}
#: Left as found, as the documentation says: they decide nothing about a job.
LEFT = {("organization", "description"), ("organization", "max_hosts"), ("credential", "description")}


def differing(store: Store, item: Item, name: str, field: Field) -> Any:
    """Another value than that of the description, which somebody could have set."""
    key = (item.kind.type, name)
    if key in FITTING:
        return FITTING[key]
    value = item.values[name]
    if field.to:
        type_ = "job_template" if field.to == "unified_job_template" else field.to
        kinds = {"credential": "Meddled", "job_template": "3CX tenants"}
        return next(each.id for each in store.of(type_) if each.name == kinds.get(type_, "meddled"))
    if field.choices:
        return next(each for each in reversed(field.choices) if each not in (value, None, ""))
    if field.kind is bool:
        return not value
    if field.kind is int:
        return (value or 0) + 7
    return {**value, "meddled": "1"} if field.kind is dict else "meddled"


def meddle(store: Store) -> None:
    """Set every field and every list of one object of each kind to something else."""
    organization = store.one("organization", OBJECTS["organization"]).id
    scm = store.one("credential_type", "Source Control").id
    given = {"name": "Meddled", "organization": organization, "inputs": {}}
    store.create("credentials", {**given, "credential_type": scm})
    token = store.one("credential_type", "GitHub Personal Access Token").id
    webhook = store.create("credentials", {**given, "name": "Webhook", "credential_type": token})
    others = {"name": "meddled", "organization": organization}
    store.create("execution_environments", {"name": "meddled", "image": "registry.example.com/meddled"})
    store.create("inventories", others)
    elsewhere = {"scm_type": "git", "scm_url": "https://git.example.com/meddled.git", "allow_override": True}
    store.create("projects", {**others, **elsewhere})
    store.create("labels", others)
    store.create("notification_templates", {**others, **RECEIVER})
    store.add_automatic("instance_group", {"name": "meddled"})
    answering = store.one("job_template", "3CX orphans")
    answering.values.update(webhook_service="github", webhook_credential=webhook.id)
    for type_, name in OBJECTS.items():
        item = store.one(type_, name)
        for field in fields(item):
            item.values[field] = differing(store, item, field, item.kind.fields[field])
        for association, other in item.kind.associations.items():
            named = {"credential": "Meddled", "workflow_job_template_node": "compliance-before"}.get(other, "meddled")
            if association not in ("input_inventories", "users"):
                item.lists[association] = [store.one(other, named).id]


RECEIVER = {
    "notification_type": "webhook",
    "notification_configuration": {"url": "https://meddled.example.com/", "headers": {}},
}


def fields(item: Item) -> list[str]:
    """What somebody can change of an object without making another one of it."""
    return [
        name
        for name, field in item.kind.fields.items()
        if not field.read_only and not field.fixed and name not in KEYS and (item.kind.type, name) not in KEYS_OF
    ]


def state(store: Store) -> dict[tuple[str, str], Any]:
    """Every field and list of these objects, with names in the place of ids."""
    shown: dict[tuple[str, str], Any] = {}
    for type_, name in {**OBJECTS, "job_template": "3CX rollout"}.items():
        item = store.one(type_, name)
        for field in fields(item):
            other = store.referred(item, field) if item.kind.fields[field].to else None
            shown[type_, field] = other.name if other else item.values[field]
        for association in item.kind.associations:
            shown[type_, association] = sorted(other.name for other in store.listed(item, association))
    answering = store.one("job_template", "3CX orphans")
    shown["webhook", "webhook_service"] = answering.values["webhook_service"]
    shown["webhook", "webhook_credential"] = answering.values["webhook_credential"]
    return shown


class Story:
    """What was made, what somebody has left in it, and what the next runs make of that."""

    def __init__(self, setup: Setup) -> None:
        store = setup.controller.store
        outcome = setup.run()
        assert outcome.code == 0, outcome.output
        self.made = state(store)
        meddle(store)
        self.meddled = state(store)
        self.foreseen = setup.run("--check")
        self.still = state(store)
        self.repaired = setup.run()
        assert self.repaired.code == 0, self.repaired.output
        self.after = state(store)
        self.again = setup.run()
        self.less = setup.run("--check", controller_setup_image_credential="", controller_setup_galaxy_credentials=[])


@pytest.fixture(scope="module")
def story(setup: Setup) -> Story:
    return Story(setup)


def test_every_field_was_changed(story: Story) -> None:
    """Otherwise the test would not see what stays."""
    same = {key for key in story.made if story.made[key] == story.meddled[key]}
    assert same <= {("job_template", "webhook_credential"), ("team", "users"), ("inventory", "input_inventories")}


def test_a_check_writes_nothing(story: Story) -> None:
    assert story.foreseen.code == 0, story.foreseen.output
    assert story.still == story.meddled


def test_everything_is_set_back_or_told(story: Story) -> None:
    kept = {key for key in story.made if story.made[key] != story.after[key]}
    assert kept == TOLD | LEFT


@pytest.mark.parametrize("key", sorted(TOLD))
def test_what_is_left_as_found_is_told_by_name(story: Story, key: tuple[str, str]) -> None:
    for outcome in (story.foreseen, story.repaired, story.again):
        lines = told(outcome)
        assert [line for line in lines if key[1] in line and OBJECTS[key[0]] in line], lines


def test_values_of_variables_are_not_told(story: Story) -> None:
    """They may be secrets."""
    assert "entra_authority_host" in " ".join(told(story.repaired))
    assert "meddled.example.com" not in story.repaired.output


def test_a_second_run_changes_nothing(story: Story) -> None:
    assert (story.again.code, story.again.items) == (0, [])


@pytest.mark.parametrize(
    "words", [("3CX Microsoft 365", "credential", "Registry"), ("3CX telephony", "galaxy_credentials", "Hub")]
)
def test_what_a_description_no_longer_names_is_told_too(story: Story, words: tuple[str, ...]) -> None:
    assert [line for line in told(story.less) if all(word in line for word in words)], story.less.output


def told(outcome: Outcome) -> list[str]:
    return [line for line in outcome.output.splitlines() if "left as found" in line and '"msg"' in line]
