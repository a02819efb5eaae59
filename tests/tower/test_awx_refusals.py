# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the serializers and views of AWX 24.6 refuse or ignore beyond the points that were met by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_controller import FakeController, Store, jobs, surveys, syncs
from fake_controller.server import PASSWORD, USERNAME
from fake_controller.store import Item
from test_awx_behavior import RULE, Site, question, refusal


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def credential(site: Site, name: str, type_: str, **inputs: str) -> Item:
    kind = site.store.one("credential_type", type_).id
    given = {"name": name, "organization": site.ours, "credential_type": kind, "inputs": inputs}
    return site.store.create("credentials", given)


class TestLaunches:
    """A job template ignores what it does not ask for, and says so; some of what it asks for it refuses."""

    def test_what_is_ignored_is_told(self, site: Site) -> None:
        with FakeController.start({}) as controller:
            controller.api.store = site.store
            url = f"{controller.url}/api/v2/job_templates/{site.template.id}/launch/"
            given = {"limit": "one", "extra_vars": {"colour": "red"}}
            answer = httpx.post(url, json=given, auth=(USERNAME, PASSWORD)).json()
        assert answer["ignored_fields"] == {"limit": "one", "extra_vars": {"colour": "red"}}
        assert answer["limit"] == ""

    def test_slices_need_hosts(self, site: Site) -> None:
        site.ask("job_slice_count")
        site.source()
        assert "not have enough hosts for slicing" in refusal(site.launch, job_slice_count=4)
        site.launch()
        assert site.launch(job_slice_count=4).kind.type == "workflow_job"

    def test_a_project_that_was_never_fetched(self, site: Site) -> None:
        project = site.store.one("project", "playbooks")
        project.values["scm_url"] = "https://git.example.com/nowhere.git"
        syncs.update_project(site.store, project)
        assert "Missing a revision to run due to failed project update." in refusal(site.launch)

    def test_credentials_are_replaced_and_not_left_out(self, site: Site) -> None:
        site.ask("credential")
        one, two = (credential(site, name, "Vault", vault_password="x") for name in ("one", "two"))
        registry = credential(site, "registry", "Container Registry", host="x")
        site.store.associate(site.template, "credentials", {"id": one.id})
        assert "without replacement is not supported" in refusal(site.launch, credentials=[])
        assert "of kind `registry`" in refusal(site.launch, credentials=[one.id, registry.id])
        assert site.launch(credentials=[two.id]).lists["credentials"] == [two.id]


class TestCredentials:
    def test_a_job_has_none_of_a_registry(self, site: Site) -> None:
        given = {"id": credential(site, "registry", "Container Registry", host="x").id}
        said = refusal(site.store.associate, site.template, "credentials", given)
        assert "Cannot assign a Credential of kind `registry`." in said

    def test_passwords_of_ansible_vault_have_ids(self, site: Site) -> None:
        for name in ("one", "two"):
            made = credential(site, name, "Vault", vault_password="x", vault_id=name)
            site.store.associate(site.template, "credentials", {"id": made.id})
        again = credential(site, "again", "Vault", vault_password="x", vault_id="one")
        assert "Cannot assign multiple" in refusal(site.store.associate, site.template, "credentials", {"id": again.id})

    def test_collections_come_with_credentials_of_galaxy(self, site: Site) -> None:
        organization = site.store.one("organization", "Ours")
        given = {"id": credential(site, "vault", "Vault").id}
        said = refusal(site.store.associate, organization, "galaxy_credentials", given)
        assert "Credential must be a Galaxy credential, not Vault." in said


class TestPlaybooks:
    """A template takes the playbooks that the last update of its project has seen."""

    def test_a_new_file_is_not_there_before_an_update(self, site: Site, tmp_path: Path) -> None:
        (tmp_path / "playbooks" / "more.yml").write_text("- hosts: all\n", "utf-8")
        change = {"playbook": "more.yml"}
        assert "Playbook not found for project." in refusal(site.store.change, site.template, change)
        syncs.update_project(site.store, site.store.one("project", "playbooks"))
        assert site.store.change(site.template, change).values["playbook"] == "more.yml"


class TestWorkflowPresets:
    """What a workflow presets goes before what its nodes preset, an empty text too; only null takes it back."""

    def test_it_overrides_its_nodes(self, site: Site) -> None:
        site.ask("limit")
        site.node("canaries", limit="tcx_canary")
        site.store.change(site.workflow, {"limit": "all"})
        jobs.launch(site.store, site.workflow, {})
        assert [each.values["limit"] for each in site.store.of("job")] == ["all"]

    def test_an_empty_text_overrides_too(self, site: Site) -> None:
        site.ask("limit")
        site.node("canaries", limit="tcx_canary")
        site.store.change(site.workflow, {"limit": ""})
        jobs.launch(site.store, site.workflow, {})
        assert [each.values["limit"] for each in site.store.of("job")] == [""]

    def test_null_takes_it_back(self, site: Site) -> None:
        site.ask("limit")
        node = site.node("canaries", limit="tcx_canary")
        site.store.change(site.workflow, {"limit": "all"})
        for item in (site.workflow, node):
            assert site.store.change(item, {"limit": None}).values["limit"] is None

    def test_they_go_together(self, site: Site) -> None:
        """Who sets one of them takes the others back; who sets none of them leaves them as they are."""
        site.store.change(site.workflow, {"limit": "all"})
        assert site.store.change(site.workflow, {"description": "nightly"}).values["limit"] == "all"
        changed = site.store.change(site.workflow, {"job_tags": "x"}).values
        assert (changed["limit"], changed["job_tags"]) == (None, "x")

    def test_it_refuses_what_it_does_not_ask_for(self, site: Site) -> None:
        site.node("first")
        assert "not configured to prompt" in refusal(jobs.launch, site.store, site.workflow, {"limit": "all"})


class TestNodes:
    def test_a_node_whose_template_is_gone_has_failed(self, site: Site) -> None:
        first, second = site.node("first"), site.node("second")
        site.store.associate(first, "failure_nodes", {"id": second.id})
        first.values["unified_job_template"] = None
        workflow = jobs.launch(site.store, site.workflow, {})
        assert [each.values["name"] for each in site.store.of("job")] == ["site"]
        assert workflow.values["status"] == "successful"
        second.values["unified_job_template"] = None
        assert jobs.launch(site.store, site.workflow, {}).values["status"] == "failed"

    def test_one_path_leads_from_a_node_to_another(self, site: Site) -> None:
        first, second = site.node("first"), site.node("second")
        for _again in range(2):
            site.store.associate(first, "success_nodes", {"id": second.id})
        said = refusal(site.store.associate, first, "failure_nodes", {"id": second.id})
        assert "Relationship not allowed." in said

    @pytest.mark.parametrize(("every", "ran"), [(False, 3), (True, 2)])
    def test_convergence(self, site: Site, every: bool, ran: int) -> None:
        """With "all", a node runs when each node before it has taken the path that leads to it."""
        one, two = site.node("one"), site.node("two")
        last = site.node("last", all_parents_must_converge=every)
        site.store.associate(one, "success_nodes", {"id": last.id})
        site.store.associate(two, "failure_nodes", {"id": last.id})
        jobs.launch(site.store, site.workflow, {})
        assert len(site.store.of("job")) == ran

    def test_what_waits_for_an_approval_cannot_be_deleted(self, site: Site) -> None:
        site.store.approve(site.node("approval", unified_job_template=None), {"name": "Go on?"})
        jobs.launch(site.store, site.workflow, {})
        with pytest.raises(jobs.Refused) as caught:
            site.store.delete(site.workflow)
        assert (caught.value.status, "being used by running jobs" in str(caught.value)) == (409, True)


class TestRecursion:
    def test_a_workflow_that_runs_itself_is_taken_and_fails_there(self, site: Site) -> None:
        """`awx/main/scheduler/task_manager.py`: the node is accepted, and what it starts is refused when it is spawned."""
        site.node("again", unified_job_template=site.workflow.id)
        workflow = jobs.launch(site.store, site.workflow, {})
        assert workflow.values["status"] == "failed"
        inner = [each for each in site.store.of("workflow_job") if each is not workflow]
        assert [each.values["status"] for each in inner] == ["failed"]
        assert "would result in recursion" in inner[0].values["job_explanation"]
        assert site.store.of("job") == []

    def test_so_does_one_that_is_run_by_what_it_runs(self, site: Site) -> None:
        """Seen at 24.6.1 with three workflows in a ring: each of them has failed, and the last one names them all."""
        other = site.store.create("workflow_job_templates", {"name": "other", "organization": site.ours})
        site.node("to the other", unified_job_template=other.id)
        site.node("and back", workflow_job_template=other.id, unified_job_template=site.workflow.id)
        jobs.launch(site.store, site.workflow, {})
        ran = site.store.of("workflow_job")
        assert [(each.name, each.values["status"]) for each in ran] == [
            ("flow", "failed"),
            ("other", "failed"),
            ("flow", "failed"),
        ]
        first, second = site.workflow.id, other.id
        assert ran[2].values["job_explanation"] == (
            "Workflow Job spawned from workflow could not start because it would result in recursion (spawn order, most recent "
            f"first: <flow-{first}>, <other-{second}>, <flow-{first}>)"
        )

    def test_a_workflow_of_a_workflow_is_waited_for(self, site: Site) -> None:
        other = site.store.create("workflow_job_templates", {"name": "other", "organization": site.ours})
        site.store.approve(
            site.node("asks", workflow_job_template=other.id, unified_job_template=None), {"name": "Go on?"}
        )
        spawned = site.node("the other", unified_job_template=other.id)
        site.store.associate(spawned, "success_nodes", {"id": site.node("afterwards").id})
        workflow = jobs.launch(site.store, site.workflow, {})
        assert (workflow.values["status"], site.store.of("job")) == ("running", [])
        jobs.decide(site.store, site.store.of("workflow_approval")[0], "approved")
        assert workflow.values["status"] == "successful"
        assert [job.name for job in site.store.of("job")] == ["site"]


class TestAddresses:
    @pytest.fixture
    def get(self, site: Site) -> Iterator[Callable[[str], httpx.Response]]:
        with FakeController.start({}) as controller:
            controller.api.store = site.store
            yield lambda path: httpx.get(f"{controller.url}/api/v2/{path}", auth=(USERNAME, PASSWORD))

    @pytest.mark.parametrize("path", ["nothing/", "nothing/1/at/all/", "workflow_approval_templates/"])
    def test_what_leads_nowhere_is_answered_in_json(self, get: Callable[[str], httpx.Response], path: str) -> None:
        """`awx/main/views.py`, `handle_error`; approval templates have details and no list (`awx/api/urls`)."""
        answer = get(path)
        assert (answer.status_code, answer.json()) == (404, {"detail": "The requested resource could not be found."})

    def test_an_approval_template_has_its_own_address(self, site: Site, get: Callable[[str], httpx.Response]) -> None:
        made = site.store.approve(site.node("approval", unified_job_template=None), {"name": "Go on?"})
        assert get(f"workflow_approval_templates/{made.id}/").json()["name"] == "Go on?"
        assert "workflow_approval_templates" not in get("").json()


class TestProjects:
    def test_an_update_is_the_current_one_until_it_ends(self, site: Site) -> None:
        """awx.awx waits for the current update, and fails when that has failed; an earlier one that failed is over."""
        with FakeController.start({}) as controller:
            controller.api.store = site.store
            url = f"{controller.url}/api/v2/projects/"
            given = {
                "name": "new",
                "organization": site.ours,
                "scm_type": "git",
                "scm_url": "https://nowhere.example/x.git",
            }
            made = httpx.post(url, json=given, auth=(USERNAME, PASSWORD)).json()
            later = httpx.get(f"{url}{made['id']}/", auth=(USERNAME, PASSWORD)).json()
        current = made["summary_fields"]["current_update"]
        assert (current["status"], "last_update" in made["summary_fields"]) == ("pending", False)
        assert later["summary_fields"]["last_update"]["status"] == "failed"
        assert "current_update" not in later["summary_fields"]


class TestBranches:
    """A project lets its job templates name a branch or not; what of that is in use cannot be taken back."""

    def test_a_project_keeps_what_its_templates_use(self, site: Site) -> None:
        project = site.store.one("project", "playbooks")
        site.store.change(project, {"allow_override": True})
        site.store.change(site.template, {"scm_branch": "theirs"})
        said = refusal(lambda: site.store.change(project, {"allow_override": False}))
        assert f"depend on branch override behavior for this project (ids: {site.template.id})" in said
        site.store.change(site.template, {"scm_branch": ""})
        site.store.change(project, {"allow_override": False})

    def test_a_playbook_of_another_branch_may_be_a_new_one(self, site: Site) -> None:
        assert "Playbook not found" in refusal(lambda: site.store.change(site.template, {"playbook": "new.yml"}))
        site.store.change(site.store.one("project", "playbooks"), {"allow_override": True})
        site.store.change(site.template, {"playbook": "new.yml"})

    def test_the_directory_of_a_checkout_is_the_controllers(self, site: Site) -> None:
        project = site.store.one("project", "playbooks")
        said = refusal(lambda: site.store.change(project, {"local_path": "theirs"}))
        assert "Cannot change local_path for git-based projects" in said

    def test_a_project_signs_in_with_credentials_of_source_control(self, site: Site) -> None:
        vault = credential(site, "fleet", "Vault", vault_password="x").id
        said = refusal(lambda: site.store.change(site.store.one("project", "playbooks"), {"credential": vault}))
        assert "Credential kind must be 'scm'." in said


class TestWebhooks:
    """The credential of a webhook fits its service, and stays until both are taken back together."""

    def test_no_service_without_its_credential(self, site: Site) -> None:
        token = credential(site, "hook", "GitHub Personal Access Token", token="x").id
        said = "Must match the selected webhook service."
        assert said in refusal(lambda: site.store.change(site.template, {"webhook_credential": token}))
        site.store.change(site.template, {"webhook_service": "github", "webhook_credential": token})
        assert said in refusal(lambda: site.store.change(site.template, {"webhook_service": ""}))
        site.store.change(site.template, {"webhook_service": "", "webhook_credential": None})

    def test_other_credentials_are_refused(self, site: Site) -> None:
        vault = credential(site, "fleet", "Vault", vault_password="x").id
        given = {"webhook_service": "github", "webhook_credential": vault}
        said = refusal(lambda: site.store.change(site.template, given))
        assert "Must be a Personal Access Token." in said


class TestSources:
    """What a source is told becomes the environment of its sync; what an inventory holds stays over it."""

    def test_the_environment_is_a_mapping_without_what_is_blocked(self, site: Site) -> None:
        source = site.source()
        assert "Not a valid" in refusal(lambda: site.store.change(source, {"source_vars": {}}))
        said = refusal(lambda: site.store.change(source, {"source_vars": '{"PATH": "/theirs"}'}))
        assert "`PATH` is a prohibited environment variable" in said

    def test_variables_of_an_inventory_stay(self, site: Site) -> None:
        source = site.source()
        inventory = site.store.items[source.values["inventory"]]
        site.store.change(inventory, {"variables": "theirs: 1"})
        syncs.update_source(site.store, source)
        assert json.loads(inventory.values["variables"])["theirs"] == 1


class TestHosts:
    def test_who_was_switched_off_stays_so(self, site: Site) -> None:
        site.source()
        site.launch()
        site.store.change(site.store.one("host", "one"), {"enabled": False})
        site.launch()
        assert set(syncs.script_data(site.store, site.inventory)["_meta"]["hostvars"]) == {"two"}


class TestNotifications:
    @pytest.mark.parametrize(
        ("type_", "changes", "said"),
        [
            ("webhook", {"http_method": "GET"}, "HTTP method must be either 'POST' or 'PUT'."),
            ("webhook", {"headers": "a: b"}, "incorrect type"),
            ("email", {"port": True}, "Configuration field 'port' incorrect type"),
            ("email", {"port": "587"}, "Configuration field 'port' incorrect type"),
            ("email", {"recipients": []}, "No values specified for field 'recipients'"),
            ("email", {"sender": None}, "incorrect type"),
            ("pagerduty", {"service_key": 5}, "incorrect type"),
        ],
    )
    def test_configurations(self, site: Site, type_: str, changes: dict[str, Any], said: str) -> None:
        good: dict[str, dict[str, Any]] = {
            "webhook": {"url": "https://example.com", "headers": {}},
            "email": {"host": "h", "port": 25, "username": "", "password": "", "use_tls": False, "use_ssl": False},
            "pagerduty": {"subdomain": "s", "token": "t", "service_key": "k", "client_name": "c"},
        }
        good["email"] |= {"sender": "a@b", "recipients": ["c@d"]}
        given = {"name": "n", "organization": site.ours, "notification_type": type_}
        make = site.store.create
        bad = {**given, "notification_configuration": {**good[type_], **changes}}
        assert said in refusal(make, "notification_templates", bad)
        for name in good[type_]:
            lacking = {key: value for key, value in good[type_].items() if key != name}
            said = refusal(make, "notification_templates", {**given, "notification_configuration": lacking})
            assert f"Missing required fields for Notification Configuration: ['{name}']" in said
        assert make("notification_templates", {**given, "notification_configuration": good[type_]})


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("FREQ=MONTHLY;INTERVAL=1;BYDAY=1MO", "BYDAY with numeric prefix"),
        ("FREQ=DAILY;INTERVAL=1;COUNT=3;UNTIL=20270101T000000Z", "both COUNT and UNTIL"),
        ("FREQ=DAILY;INTERVAL=1;COUNT=1000", "COUNT > 999"),
        ("FREQ=SECONDLY;INTERVAL=1", "SECONDLY is not supported"),
    ],
)
def test_rules_of_schedules(site: Site, rule: str, said: str) -> None:
    given = {"name": "n", "unified_job_template": site.template.id, "rrule": f"DTSTART:20260101T020000Z RRULE:{rule}"}
    assert said in refusal(site.store.create, "schedules", given)


def test_zones_of_schedules(site: Site) -> None:
    rule = RULE.replace("DTSTART:20260101T020000Z", "DTSTART;TZID=Europe/Bielefeld:20260101T020000")
    given = {"name": "n", "unified_job_template": site.template.id, "rrule": rule}
    assert "A valid TZID must be provided" in refusal(site.store.create, "schedules", given)
    naive = {**given, "rrule": RULE.replace("DTSTART:20260101T020000Z", "DTSTART:20260101T020000")}
    said = refusal(site.store.create, "schedules", naive)
    assert "DTSTART cannot be a naive datetime" in said
    assert "A valid TZID must be provided" in said


class TestSurveys:
    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"required": "yes"}, "'required' in survey question 0 expected to be boolean."),
            (
                {"type": "multiplechoice", "choices": "a\nb", "default": "a\nb"},
                "Multiple Choice (Single Select) can only have one default value.",
            ),
        ],
    )
    def test_refused(self, changes: dict[str, Any], said: str) -> None:
        spec = {"name": "", "description": "", "spec": [question(**changes)]}
        assert said in refusal(surveys.check_spec, spec)

    def test_truth_is_no_number(self, site: Site) -> None:
        site.survey(question(type="float", required=False, default=1.5))
        assert "expected to be a numeric type" in str(site_errors(site, size=True))

    def test_choices_are_taken_as_they_are(self, site: Site) -> None:
        site.survey(question(type="multiplechoice", choices="a \nb", default="b", required=False))
        assert "expected to be one of" in str(site_errors(site, size="a"))
        assert json.loads(site.launch(extra_vars={"size": "a "}).values["extra_vars"]) == {"size": "a "}

    def test_a_default_of_many_is_none(self, site: Site) -> None:
        """It is a text in the survey, and an answer has to be a list."""
        site.survey(question(type="multiselect", choices="a\nb", default="a", required=False))
        assert json.loads(site.launch().values["extra_vars"]) == {}


def site_errors(site: Site, **answers: Any) -> dict[str, list[str]]:
    return surveys.accept(site.template, answers)[1]


class TestOrganizations:
    """Administrators of an organization make things in it alone, of what is theirs alone."""

    @pytest.fixture
    def theirs(self, site: Site) -> Any:
        with FakeController.start({}) as controller:
            controller.api.store = site.store
            user = controller.api.know("orgadmin", PASSWORD)
            site.store.grants.add((site.ours, "admin", "user", user.id))
            with httpx.Client(base_url=f"{controller.url}/api/v2/", auth=("orgadmin", PASSWORD)) as client:
                yield client

    def test_where_they_make_things(self, site: Site, theirs: httpx.Client) -> None:
        elsewhere = site.store.create("organizations", {"name": "Elsewhere"}).id
        image = {"name": "image", "image": "registry.example.com/i:1"}
        for path, given in (("inventories", {"name": "i"}), ("execution_environments", image)):
            assert theirs.post(f"{path}/", json={**given, "organization": elsewhere}).status_code == 403
            assert theirs.post(f"{path}/", json={**given, "organization": site.ours}).status_code == 201
        assert theirs.post("execution_environments/", json={**image, "name": "for all"}).status_code == 403

    def test_what_they_use(self, site: Site, theirs: httpx.Client) -> None:
        other: Store = site.store
        elsewhere = other.create("organizations", {"name": "Elsewhere"}).id
        kind = other.one("credential_type", "Vault").id
        given = {"name": "v", "organization": elsewhere, "credential_type": kind, "inputs": {}}
        foreign = other.create("credentials", given)
        url = f"job_templates/{site.template.id}/credentials/"
        assert theirs.post(url, json={"id": foreign.id}).status_code == 403
        assert theirs.post(url, json={"id": credential(site, "ours", "Vault").id}).status_code == 204

    def test_pages_that_are_not_there(self, theirs: httpx.Client) -> None:
        for page in ("2", "0", "x"):
            answer = theirs.get("organizations/", params={"page": page})
            assert (answer.status_code, answer.json()) == (404, {"detail": "Invalid page."})
