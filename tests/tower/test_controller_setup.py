# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook `controller_setup`: the same twice, truthful in check mode, removable, silent about secrets."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import environments
import pytest
from fake_controller import jobs
from fake_controller.schema import BY_TYPE
from fake_controller.server import PASSWORD
from tower_kit import SECRET, Outcome, Setup

OURS = (
    "organization execution_environment label credential_type credential team project inventory inventory_source host "
    "notification_template job_template workflow_job_template workflow_job_template_node schedule"
).split()


def names(setup: Setup) -> set[str]:
    """Everything that is at the controller and was not there from the start."""
    store = setup.controller.store
    return {
        f"{kind}/{item.name}"
        for kind in OURS
        for item in store.of(kind)
        if not item.values.get("managed") and item.name != "AWX EE (24.6.1)"
    }


def state(setup: Setup) -> Any:
    """Everything of ours, in the order of types and names."""
    items = [item for kind in OURS for item in setup.controller.store.of(kind)]
    items.sort(key=lambda item: (item.kind.type, item.name))
    return copy.deepcopy([(item.kind.type, item.name, item.values, item.survey, item.lists) for item in items])


def links(setup: Setup) -> set[tuple[str, str, str]]:
    """What leads to what in the workflow."""
    store = setup.controller.store
    return {
        (node.name, path, other.name)
        for node in store.of("workflow_job_template_node")
        for path in ("success_nodes", "failure_nodes", "always_nodes")
        for other in store.listed(node, path)
    }


def described(entry: Any) -> Any:
    """An object without the ids of others, which change when those are made anew."""
    kind, name, values, survey, _lists = entry
    fields = BY_TYPE[kind].fields
    return kind, name, {key: value for key, value in values.items() if not fields[key].to}, survey


# What others may have: a schedule that only reads, and a host that a source has brought.
FOREIGN = ("their report", "switched off", "3CX rollout @ 10:00", "their workflow", "their node")


class Story:
    """One life of the content of a controller, told once; the tests ask what happened."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.outcomes: dict[str, Outcome] = {}
        self.writes: dict[str, list[tuple[str, str]]] = {}
        self.names: dict[str, set[str]] = {}
        self.links: dict[str, set[tuple[str, str, str]]] = {}
        self.live("not installed", modules=False)
        self.live("foreseen", "--check")
        self.live("made", "-vvv")
        self.before = state(setup)
        self.live("again")
        self.live("checked", "--check")
        self.meddle()
        self.live("drift foreseen", "--check")
        self.live("repaired")
        self.live("repaired again")
        self.after = state(setup)
        store = setup.controller.store
        store.delete(store.one("job_template", "3CX rollout @ 10:00"))
        store.delete(store.one("workflow_job_template", "their workflow"))
        self.on = [each.values["enabled"] for each in store.of("host") if each.name == "switched off"]
        jobs.launch(store, store.one("job_template", "3CX compliance"), {})
        self.live("removal foreseen", "--check", controller_setup_state="absent")
        self.live("removed", controller_setup_state="absent")
        self.live("removed again", controller_setup_state="absent")

    def live(self, title: str, *arguments: str, **options: Any) -> None:
        before = len(self.setup.controller.writes)
        self.outcomes[title] = self.setup.run(*arguments, **options)
        self.writes[title] = self.setup.controller.writes[before:]
        self.names[title] = names(self.setup)
        self.links[title] = links(self.setup)

    def meddle(self) -> None:
        """What somebody clicks together in the user interface."""
        store = self.setup.controller.store
        rollout = store.one("job_template", "3CX rollout")
        rollout.values.update(forks=1, extra_vars='{"rollout_serial": 1}', timeout=1, ask_variables_on_launch=True)
        compliance = store.one("job_template", "3CX compliance")
        compliance.survey["spec"][0]["default"] = "false"
        compliance.values["job_type"] = "run"
        source = store.one("inventory_source", "3CX inventory files of the project")
        source.values.update(limit="acme", update_on_launch=False)
        fleet = source.values["inventory"]
        given = {"name": "smuggled source", "inventory": fleet, "source": "scm", "update_on_launch": True}
        store.create("inventory_sources", {**given, "source_project": source.values["source_project"]})
        store.create("hosts", {"name": "smuggled host", "inventory": fleet})
        workflow = store.one("workflow_job_template", "3CX rollout with approval")
        workflow.values["ask_variables_on_launch"] = True
        given = {"workflow_job_template": workflow.id, "unified_job_template": rollout.id}
        store.create("workflow_job_template_nodes", {"identifier": "smuggled node", **given})
        # Our workflow as a step of itself, and another one that would run ours; that one itself is not ours to remove.
        theirs = store.create(
            "workflow_job_templates", {"name": "their workflow", "organization": workflow.values["organization"]}
        )
        back = {"workflow_job_template": theirs.id, "unified_job_template": workflow.id}
        store.create("workflow_job_template_nodes", {"identifier": "their node", **back})
        for identifier, template in (("own workflow", workflow), ("foreign workflow", theirs)):
            given = {"workflow_job_template": workflow.id, "unified_job_template": template.id}
            store.create("workflow_job_template_nodes", {"identifier": identifier, **given})
        node = {each.name: each for each in store.of("workflow_job_template_node")}
        # The approval gives way to a rollout, under its own name; a preset that the module cannot take back.
        store.items.pop(node["approval"].values["unified_job_template"])
        node["approval"].values["unified_job_template"] = rollout.id
        node["canary-rollout"].values["limit"] = "all"
        # The rollout is made anew, and what leads to it goes with it; what leads elsewhere has to be removed.
        elsewhere = [node["rollout"].id, node["compliance-after"].id]
        node["nothing-differs"].lists["success_nodes"] = elsewhere
        # Another path to the same node, which a controller does not take while the first one is there.
        node["rollout"].lists.update(success_nodes=node["rollout"].lists["always_nodes"], always_nodes=[])
        store.one("schedule", "3CX nightly compliance").values["enabled"] = False
        # A copy in the place of the original, and a way around the approval.
        copied = {**rollout.values, "name": "3CX rollout @ 10:00", "survey_enabled": False}
        copied.pop("organization")
        node["rollout"].values["unified_job_template"] = store.create("job_templates", copied).id
        node["compliance-before"].lists["always_nodes"] = list(elsewhere)
        # What no module can take back.
        store.one("schedule", "3CX nightly rollout with approval").values["job_type"] = "check"
        clock = {"rrule": "DTSTART:20260101T020000Z RRULE:FREQ=DAILY;INTERVAL=1"}
        for name, starts in (("smuggled schedule", rollout), ("their report", compliance)):
            store.create("schedules", {"name": name, "unified_job_template": starts.id, **clock})
        store.add_automatic("host", {"name": "switched off", "inventory": fleet, "enabled": False}).lists[
            "inventory_sources"
        ] = [source.id]


DRIFTED = {
    "3CX rollout",
    "3CX compliance",
    "3CX inventory files of the project",
    "smuggled source",
    "smuggled host",
    "smuggled node",
    "own workflow",
    "foreign workflow",
    "smuggled schedule",
    "switched off",
    "3CX rollout with approval",
    "approval",
    "canary-rollout",
    "nothing-differs",
    "rollout",
    "compliance-before",
    "3CX nightly compliance",
    "3CX nightly rollout with approval",
}
# Gone and made anew, and linked again.
REMADE = {"something-differs"}
# What goes with a workflow that presets something.
OF_THE_WORKFLOW = {
    *("compliance-before", "nothing-differs", "something-differs", "approval", "canary-rollout", "rollout"),
    *("compliance-after", "3CX nightly rollout with approval"),
    *("Telephony: execute", "Telephony: approval", "Telephony: read"),
}


@pytest.fixture(scope="module")
def story(setup: Setup) -> Story:
    return Story(setup)


def test_without_the_modules_it_says_what_to_install(story: Story) -> None:
    outcome = story.outcomes["not installed"]
    assert outcome.code != 0
    assert "ansible-galaxy collection install awx.awx" in outcome.output
    assert "controller_setup_collection" in outcome.output


@pytest.mark.parametrize("title", ["foreseen", "checked", "drift foreseen", "removal foreseen"])
def test_a_check_writes_nothing(story: Story, title: str) -> None:
    assert story.outcomes[title].code == 0, story.outcomes[title].output
    assert story.writes[title] == []


def test_a_check_foresees_everything_at_an_empty_controller(story: Story) -> None:
    made = {name.partition("/")[2] for name in story.names["made"]}
    assert set(story.outcomes["foreseen"].items) == made
    assert story.writes["foreseen"] == []


def test_it_is_made_as_described(story: Story) -> None:
    outcome = story.outcomes["made"]
    assert outcome.code == 0, outcome.output
    assert {kind: sum(name.startswith(f"{kind}/") for name in story.names["made"]) for kind in OURS} == {
        "organization": 1,
        "execution_environment": 1,
        "label": 3,
        "credential_type": 5,
        "credential": 4,
        "project": 2,
        "team": 1,
        "inventory": 1,
        "inventory_source": 1,
        "host": 0,
        "notification_template": 5,
        "job_template": 11,
        "workflow_job_template": 1,
        "workflow_job_template_node": 7,
        "schedule": 2,
    }


def test_the_controller_ignores_nothing_of_what_it_is_told(story: Story) -> None:
    assert story.setup.controller.store.ignored == []


def test_a_second_run_changes_nothing_and_writes_nothing(story: Story) -> None:
    outcome = story.outcomes["again"]
    assert (outcome.code, outcome.changed, outcome.items, story.writes["again"]) == (0, 0, [], [])


def test_a_check_afterwards_finds_nothing(story: Story) -> None:
    assert (story.outcomes["checked"].changed, story.outcomes["checked"].items) == (0, [])


def test_a_check_foresees_the_repair(story: Story) -> None:
    assert set(story.outcomes["drift foreseen"].items) == DRIFTED
    assert story.writes["drift foreseen"] == []


def test_what_somebody_changed_is_repaired_and_only_that(story: Story) -> None:
    assert set(story.outcomes["repaired"].items) == DRIFTED | REMADE
    kept = [described(entry) for entry in story.after if entry[1] not in FOREIGN]
    assert kept == [described(entry) for entry in story.before]
    assert story.links["repaired"] == story.links["made"]
    outcome = story.outcomes["repaired again"]
    assert (outcome.code, outcome.items, story.writes["repaired again"]) == (0, [], [])
    theirs = {"schedule/their report", "host/switched off", "job_template/3CX rollout @ 10:00"}
    theirs |= {"workflow_job_template/their workflow", "workflow_job_template_node/their node"}
    assert story.names["repaired"] == story.names["made"] | theirs
    store = story.setup.controller.store
    assert story.on == [True], "a host stays switched off over every sync, and the fleet is smaller than it seems"
    assert not store.ignored


def test_removal_leaves_the_organization_alone(story: Story) -> None:
    assert story.outcomes["removed"].code == 0, story.outcomes["removed"].output
    kept = {name for name in story.names["removed"] if not name.startswith("label/")}
    assert kept == {"organization/3CX telephony"}
    assert set(story.outcomes["removal foreseen"].items) == set(story.outcomes["removed"].items)


def test_labels_that_jobs_bear_stay(story: Story) -> None:
    """AWX keeps what its history needs; the README of the role says so."""
    assert "label/reads-only" in story.names["removed"]


def test_removing_again_changes_nothing(story: Story) -> None:
    outcome = story.outcomes["removed again"]
    assert (outcome.code, outcome.changed, story.writes["removed again"]) == (0, 0, [])


def test_no_secret_is_shown(story: Story) -> None:
    assert not [title for title, outcome in story.outcomes.items() if SECRET in outcome.output]


def test_the_organization_goes_when_asked(setup: Setup, story: Story) -> None:
    assert story.names["removed again"]
    outcome = setup.run(controller_setup_state="absent", controller_setup_remove_organization=True)
    assert outcome.code == 0, outcome.output
    assert names(setup) == set()


def test_an_administrator_of_the_organization_is_enough_afterwards(setup: Setup, story: Story) -> None:
    """He makes neither organizations nor credential types, and sees no instance group."""
    assert story.outcomes
    assert setup.run().code == 0
    controller = setup.controller
    user = controller.api.know("orgadmin", PASSWORD)
    controller.store.grants.add((controller.store.one("organization", "3CX telephony").id, "admin", "user", user.id))
    controller.store.one("job_template", "3CX rollout").values["forks"] = 1
    # It goes before the limit of the canaries, and no request takes it back: the workflow is made anew.
    controller.store.one("workflow_job_template", "3CX rollout with approval").values["limit"] = "tcx"
    token = {"CONTROLLER_OAUTH_TOKEN": controller.api.token_of(user)}
    outcome = setup.run(environment=token)
    assert outcome.code == 0, outcome.output
    assert set(outcome.items) == {"3CX rollout", "3CX rollout with approval"} | OF_THE_WORKFLOW
    assert controller.store.one("workflow_job_template", "3CX rollout with approval").values["limit"] is None


def test_the_image_is_asked_for(setup: Setup, story: Story) -> None:
    assert story.outcomes
    outcome = setup.run("--check", controller_setup_image="")
    assert outcome.code != 0
    assert "controller_setup_image" in outcome.output


def test_a_wrong_password_is_named(setup: Setup, story: Story) -> None:
    assert story.outcomes
    outcome = setup.run("--check", controller_setup_username="platform", controller_setup_password="wrong")
    assert outcome.code != 0
    assert "The controller cannot be asked what is there: Failed to get token" in outcome.output
    # Without all that the controller would have been asked for.
    assert "3CX capture" not in outcome.output


def test_a_token_that_does_not_count_is_told_before_anything_else(setup: Setup, story: Story) -> None:
    assert story.outcomes
    outcome = setup.run("--check", environment={"CONTROLLER_OAUTH_TOKEN": "revoked"})
    assert outcome.code != 0
    assert "The controller cannot be asked what is there: " in outcome.output
    assert "3CX capture" not in outcome.output


def test_the_oldest_core_makes_the_same(setup: Setup, story: Story, awx_modules: Path) -> None:
    """Templates of injectors must not be filled in by Ansible, which each release protects in its own way."""
    try:
        oldest = environments.ensure("core-2.16").bin
    except environments.CannotMake as reason:
        # That release of Ansible needs an older Python, which not every machine has.
        pytest.skip(str(reason))
    outcome = dataclasses.replace(setup, modules=awx_modules).run(binaries=Path(oldest))
    assert outcome.code == 0, outcome.output
    assert names(setup) == story.names["made"]
    types = [entry[1:3] for entry in story.before if entry[0] == "credential_type"]
    assert [entry[1:3] for entry in state(setup) if entry[0] == "credential_type"] == types
