# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in behaves as AWX 24.6.1 was seen to behave, in each of the points that once made this content fail there.

Each class is one row of the table in docs/tower.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultEditor, VaultLib, VaultSecret
from fake_controller import FakeController, Refused, Store, jobs, syncs
from fake_controller.server import PASSWORD, USERNAME
from fake_controller.store import DEFAULT_IMAGE, Item

PLAYBOOKS, FLEET = "https://git.example.com/playbooks.git", "https://git.example.com/fleet.git"
RULE = "DTSTART:20260101T020000Z RRULE:FREQ=DAILY;INTERVAL=1"


def question(**changes: Any) -> dict[str, Any]:
    given = {"variable": "size", "question_name": "Size?", "type": "integer", "required": True, "min": 1, "max": 9}
    return {**given, "default": 3, **changes}


class Site:
    """A controller with a project, an inventory in git, a job template and an empty workflow."""

    def __init__(self, place: Path) -> None:
        for name in ("playbooks", "fleet"):
            (place / name).mkdir()
        (place / "playbooks" / "site.yml").write_text("- hosts: all\n", encoding="utf-8")
        self.fleet = place / "fleet"
        self.hosts("one", "two")
        self.store = Store({PLAYBOOKS: place / "playbooks", FLEET: self.fleet})
        create = self.store.create
        self.ours = create("organizations", {"name": "Ours"}).id
        git = {"organization": self.ours, "scm_type": "git"}
        project = create("projects", {"name": "playbooks", "scm_url": PLAYBOOKS, **git})
        self.files = create("projects", {"name": "files", "scm_url": FLEET, "scm_update_on_launch": True, **git})
        self.inventory = create("inventories", {"name": "fleet", "organization": self.ours})
        given = {"name": "site", "playbook": "site.yml", "project": project.id, "inventory": self.inventory.id}
        self.template = create("job_templates", given)
        self.workflow = create("workflow_job_templates", {"name": "flow", "organization": self.ours})

    def hosts(self, *names: str) -> None:
        (self.fleet / "inventory.yml").write_text(json.dumps({"all": {"hosts": {name: {} for name in names}}}), "utf-8")

    def source(self, inventory: Item | None = None, **changes: Any) -> Item:
        given = {"name": "files", "inventory": (inventory or self.inventory).id, "source": "scm", "overwrite": True}
        given |= {"source_project": self.files.id, "source_path": "inventory.yml", "update_on_launch": True}
        return self.store.create("inventory_sources", {**given, **changes})

    def node(self, name: str, **changes: Any) -> Item:
        given = {"identifier": name, "workflow_job_template": self.workflow.id}
        return self.store.create(
            "workflow_job_template_nodes", {**given, "unified_job_template": self.template.id, **changes}
        )

    def ask(self, *names: str) -> None:
        self.template.values.update({f"ask_{name}_on_launch": True for name in names})

    def survey(self, *questions: dict[str, Any]) -> None:
        self.template.values["survey_enabled"] = True
        self.template.survey = {"name": "", "description": "", "spec": list(questions)}

    def launch(self, **given: Any) -> Item:
        return jobs.launch(self.store, self.template, given)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def refusal(call: Callable[..., Any], *arguments: Any, **options: Any) -> str:
    with pytest.raises(Refused) as caught:
        call(*arguments, **options)
    assert caught.value.status == 400
    return str(caught.value)


class TestSurveys:
    """A required question has to be answered; its default is no answer. An optional one gives its default."""

    def test_launches(self, site: Site) -> None:
        site.survey(question())
        assert "'variables_needed_to_start': [\"'size' value missing\"]" in refusal(site.launch)
        assert json.loads(site.launch(extra_vars={"size": 4}).values["extra_vars"]) == {"size": 4}

    def test_schedules(self, site: Site) -> None:
        site.survey(question())
        given = {"name": "nightly", "rrule": RULE, "unified_job_template": site.template.id}
        assert "variables_needed_to_start" in refusal(site.store.create, "schedules", given)
        assert site.store.create("schedules", {**given, "extra_data": {"size": 4}})

    def test_nodes_may_leave_it_open(self, site: Site) -> None:
        site.survey(question())
        assert site.node("first")

    def test_optional_questions(self, site: Site) -> None:
        site.survey(question(required=False))
        assert json.loads(site.launch().values["extra_vars"]) == {"size": 3}
        given = {"name": "nightly", "rrule": RULE, "unified_job_template": site.template.id}
        job = jobs.run_schedule(site.store, site.store.create("schedules", given))
        assert (job.values["launch_type"], json.loads(job.values["extra_vars"])) == ("scheduled", {"size": 3})


class TestFreshInventories:
    """What is synced at a launch: the sources of the inventory of the job, and no others."""

    def test_own_sources(self, site: Site) -> None:
        site.source()
        site.launch()
        assert hosts_of(site) == {"one", "two"}
        site.hosts("one", "two", "three")
        site.launch()
        assert hosts_of(site) == {"one", "two", "three"}

    def test_not_without_update_on_launch(self, site: Site) -> None:
        site.source(update_on_launch=False)
        assert site.launch().values["status"] == "successful"
        assert hosts_of(site) == set()

    def test_never_those_behind_a_constructed_inventory(self, site: Site) -> None:
        site.source()
        given = {"name": "grouped", "organization": site.ours, "kind": "constructed"}
        grouped = site.store.create("inventories", given)
        site.store.associate(grouped, "input_inventories", {"id": site.inventory.id})
        automatic = site.store.one("inventory_source", "Auto-created source for: grouped")
        site.store.change(automatic, {"source_vars": '{"plugin": "constructed"}'})
        site.template.values["inventory"] = grouped.id
        assert site.launch().values["status"] == "successful", "green over an empty fleet"
        assert hosts_of(site) == set()

    def test_a_directory_with_group_variables_and_constructed_groups(self, site: Site) -> None:
        (site.fleet / "inventory.yml").write_text('{"tcx": {"hosts": {"one": {"tenant": "a-b"}}}}', "utf-8")
        (site.fleet / "tcx_groups.yml").write_text(
            "plugin: ansible.builtin.constructed\nkeyed_groups: [{key: tenant, prefix: tenant}]\n", "utf-8"
        )
        (site.fleet / "group_vars").mkdir()
        (site.fleet / "group_vars" / "tcx.yml").write_text("answer: 42\n", "utf-8")
        site.source(source_path="")
        site.launch()
        data = syncs.script_data(site.store, site.inventory)
        assert data["tcx"]["vars"] == {"answer": 42}
        assert data["tenant_a_b"]["hosts"] == ["one"]

    def test_a_failed_sync_fails_the_job(self, site: Site) -> None:
        site.source(source_path="nowhere.yml")
        job = site.launch()
        assert (job.values["status"], "Previous Task Failed" in job.values["job_explanation"]) == ("failed", True)


def hosts_of(site: Site) -> set[str]:
    return {item.name for item in site.store.of("host") if item.values["inventory"] == site.inventory.id}


class TestVault:
    """No Vault credential on a source; a whole encrypted file ends the sync, encrypted values do not."""

    def test_no_credential(self, site: Site) -> None:
        vault = site.store.one("credential_type", "Vault").id
        given = {"name": "v", "organization": site.ours, "credential_type": vault, "inputs": {"vault_password": "x"}}
        credential = site.store.create("credentials", given)
        said = refusal(site.source, credential=credential.id)
        assert "Credentials of type insights and vault are disallowed for scm inventory sources." in said

    def test_a_whole_file(self, site: Site) -> None:
        path = site.fleet / "group_vars"
        path.mkdir()
        (path / "all.yml").write_text("secret: s3cr3t\n", "utf-8")
        VaultEditor(VaultLib()).encrypt_file(str(path / "all.yml"), VaultSecret(b"password"))
        update = syncs.update_source(site.store, site.source(source_path=""))
        assert update.values["status"] == "failed"
        assert "Attempting to decrypt but no vault secrets found" in update.values["result_stdout"]

    def test_single_values(self, site: Site) -> None:
        text = VaultLib([("default", VaultSecret(b"password"))]).encrypt("s3cr3t").decode()
        indented = "\n".join(f"        {line}" for line in text.splitlines())
        (site.fleet / "inventory.yml").write_text(
            f"all:\n  hosts:\n    one:\n      secret: !vault |\n{indented}\n", "utf-8"
        )
        assert syncs.update_source(site.store, site.source()).values["status"] == "successful"
        variables = syncs.script_data(site.store, site.inventory)["_meta"]["hostvars"]["one"]
        assert set(variables["secret"]) == {"__ansible_vault"}
        assert DataLoader().load(json.dumps(variables))


class TestUnknownVariables:
    """Rulebooks send `ansible_eda` with whatever they start: a workflow refuses it, a job template drops it."""

    def test_workflows_refuse(self, site: Site) -> None:
        site.node("first")
        event = {"extra_vars": {"ansible_eda": {"event": {}}}}
        said = refusal(jobs.launch, site.store, site.workflow, event)
        assert "Variables ansible_eda are not allowed on launch." in said
        site.workflow.values["ask_variables_on_launch"] = True
        assert jobs.launch(site.store, site.workflow, event).values["status"] == "successful"

    def test_job_templates_drop(self, site: Site) -> None:
        assert json.loads(site.launch(extra_vars={"ansible_eda": {}}).values["extra_vars"]) == {}


class TestWorkflows:
    """Nodes that nothing leads to run at once; a failure that nothing leads away from fails the workflow."""

    def test_a_node_of_somebody_else_is_a_root(self, site: Site) -> None:
        first = site.node("first")
        waiting = site.node("approval", unified_job_template=None)
        site.store.approve(waiting, {"name": "Go on?"})
        site.store.associate(first, "success_nodes", {"id": waiting.id})
        site.node("smuggled")
        jobs.launch(site.store, site.workflow, {})
        assert [each.values["name"] for each in site.store.of("job")] == ["site", "site"]
        assert site.store.of("workflow_approval")[0].values["status"] == "pending"

    def test_why_a_node_failed_makes_no_difference(self, site: Site) -> None:
        """The path of failure is taken for a failed sync as well as for what the playbook found."""
        first, second = site.node("first"), site.node("second")
        site.store.associate(first, "failure_nodes", {"id": second.id})
        site.source(source_path="nowhere.yml")
        jobs.launch(site.store, site.workflow, {})
        assert [each.values["status"] for each in site.store.of("job")] == ["failed", "failed"]

    def test_artifacts_reach_the_nodes_after_it(self, site: Site) -> None:
        seen: list[dict[str, Any]] = []

        def run(launch: jobs.Launch) -> jobs.Ended:
            seen.append(launch.extra_vars)
            return jobs.Ended(artifacts={"found": 3})

        site.store.runner = run
        first, second = site.node("first"), site.node("second")
        site.store.associate(first, "success_nodes", {"id": second.id})
        assert jobs.launch(site.store, site.workflow, {}).values["status"] == "successful"
        assert [each.get("found") for each in seen] == [None, 3]

    @pytest.mark.parametrize(("verdict", "status"), [("approved", "successful"), ("denied", "failed")])
    def test_approvals(self, site: Site, verdict: str, status: str) -> None:
        waiting, second = site.node("approval", unified_job_template=None), site.node("second")
        site.store.approve(waiting, {"name": "Go on?"})
        site.store.associate(waiting, "success_nodes", {"id": second.id})
        workflow = jobs.launch(site.store, site.workflow, {})
        (approval,) = site.store.of("workflow_approval")
        jobs.decide(site.store, approval, verdict)
        assert workflow.values["status"] == status
        assert len(site.store.of("job")) == (verdict == "approved")
        assert "already been approved or denied" in refusal(jobs.decide, site.store, approval, "approved")


class TestTimeouts:
    """The timeout of a template ends the job, whatever the job does."""

    def test_too_short(self, site: Site) -> None:
        site.template.values["timeout"] = 1
        job = site.launch()
        assert (job.values["status"], job.values["job_explanation"]) == ("failed", "Job terminated due to timeout")


class TestSlices:
    """Their number is fixed before the inventory is read; a limit leaves slices without hosts, and those fail."""

    def test_at_most_one_for_each_host_known_before(self, site: Site) -> None:
        site.template.values["job_slice_count"] = 4
        site.source()
        assert site.launch().kind.type == "job", "no host was known yet"
        site.launch()
        assert sorted(part.values["job_slice_number"] for part in site.store.of("job")) == [0, 1, 2]

    def test_it_has_to_be_asked_for(self, site: Site) -> None:
        site.template.values["job_slice_count"] = 2
        site.source()
        site.launch()
        assert site.launch(job_slice_count=1).kind.type == "workflow_job", "dropped in silence"
        site.ask("job_slice_count")
        assert site.launch(job_slice_count=1).kind.type == "job"

    def test_each_has_its_hosts_and_all_groups(self, site: Site) -> None:
        seen = []

        def run(launch: jobs.Launch) -> jobs.Ended:
            seen.append(sorted(launch.inventory["_meta"]["hostvars"]))
            return jobs.Ended()

        site.hosts("a", "b", "c", "d", "e")
        site.source()
        site.launch()
        site.store.runner = run
        site.template.values["job_slice_count"] = 2
        site.launch()
        assert seen == [["a", "c", "e"], ["b", "d"]]


class TestHiddenSecrets:
    """What a notification needs to sign in comes back encrypted, and may be sent back so."""

    @pytest.mark.parametrize(
        ("type_", "configuration", "secret"),
        [
            ("slack", {"token": "xoxb", "channels": ["#ops"]}, "token"),
            ("pagerduty", {"subdomain": "s", "token": "t", "service_key": "k", "client_name": "c"}, "token"),
            ("webhook", {"url": "https://example.com", "headers": {}, "password": "pw"}, "password"),
        ],
    )
    def test_notifications(self, http: Http, type_: str, configuration: dict[str, Any], secret: str) -> None:
        given = {"name": "n", "organization": http.organization, "notification_type": type_}
        made = http.post("notification_templates/", {**given, "notification_configuration": configuration})
        assert made["notification_configuration"][secret] == "$encrypted$"
        http.patch(made["url"], {"notification_configuration": made["notification_configuration"]})
        stored = http.controller.store.one("notification_template", "n").values["notification_configuration"]
        assert stored[secret] == configuration[secret]


class TestTexts:
    """Texts of notifications are filled in once when they are saved, without artifacts, and must stand that."""

    @pytest.mark.parametrize(
        ("texts", "said"),
        [
            ({"ended": {}}, "invalid"),
            ({"error": {"message": "a\nb"}}, "newlines"),
            ({"error": {"message": "{{ job.artifacts.totals.drifted }}"}}, "unavailable"),
            ({"error": {"message": "{{ job"}}, "Unable to render"),
            ({"error": {"body": "no object"}}, "no JSON object"),
            ({"workflow_approval": {"asked": {}}}, "Approval event"),
        ],
    )
    def test_refused(self, site: Site, texts: dict[str, Any], said: str) -> None:
        given = {"name": "n", "organization": site.ours, "notification_type": "webhook", "messages": texts}
        given["notification_configuration"] = {"url": "https://example.com", "headers": {}}
        assert said in refusal(site.store.create, "notification_templates", given)

    def test_sent(self, site: Site) -> None:
        text = "{{ job.name }} found {{ job.artifacts.found | default('nothing') }}, {{ url }}"
        given = {"name": "n", "organization": site.ours, "notification_type": "slack"}
        given["messages"] = {"success": {"message": text}}
        given["notification_configuration"] = {"token": "x", "channels": ["#ops"]}
        notification = site.store.create("notification_templates", given)
        site.store.associate(site.template, "notification_templates_success", {"id": notification.id})
        site.store.runner = lambda _launch: jobs.Ended(artifacts={"found": 3})
        job = site.launch()
        assert site.store.sent[0]["subject"] == f"site found 3, https://tower.example.com/#/jobs/playbook/{job.id}"


class TestLabels:
    """A label goes with the last object that bears it, and a job that has run bears it for good."""

    @pytest.mark.parametrize("ran", [False, True])
    def test_after_a_job(self, site: Site, ran: bool) -> None:
        label = site.store.create("labels", {"name": "red", "organization": site.ours})
        site.store.associate(site.template, "labels", {"id": label.id})
        if ran:
            site.launch()
        site.store.delete(site.template)
        assert [each.name for each in site.store.of("label")] == (["red"] if ran else [])


class TestImages:
    """A sync runs in the image of its source or organization; else in the default image of the controller."""

    def test_the_default_image_when_nobody_says_otherwise(self, site: Site) -> None:
        ours = {"name": "ours", "image": "registry.example.com/ours:1", "organization": site.ours}
        image = site.store.create("execution_environments", ours)
        site.template.values["execution_environment"] = image.id
        site.store.images = {"registry.example.com/ours:1"}
        site.source()
        assert site.launch().values["status"] == "failed"
        assert DEFAULT_IMAGE in site.store.of("inventory_update")[-1].values["job_explanation"]
        site.store.one("organization", "Ours").values["default_environment"] = image.id
        assert site.launch().values["status"] == "successful"


class Http:
    """A client of a running controller, as the system administrator unless told otherwise."""

    def __init__(self, controller: FakeController) -> None:
        self.controller = controller
        self.client = httpx.Client(base_url=f"{controller.url}/api/v2/", auth=(USERNAME, PASSWORD))
        self.organization = self.post("organizations/", {"name": "Ours"})["id"]

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.client.post(path, json=body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    def patch(self, url: str, body: dict[str, Any]) -> None:
        answer = self.client.patch(self.controller.url + url, json=body)
        assert answer.is_success, answer.text

    def as_(self, username: str) -> httpx.Client:
        return httpx.Client(base_url=self.client.base_url, auth=(username, PASSWORD))


@pytest.fixture
def http(tmp_path: Path) -> Iterator[Http]:
    (tmp_path / "site.yml").write_text("- hosts: all\n", encoding="utf-8")
    with FakeController.start({PLAYBOOKS: tmp_path}) as controller:
        http = Http(controller)
        yield http
        http.client.close()


class TestOrganizationAdministrators:
    """They see and make less than the administrator of the system."""

    def test_what_they_see_and_make(self, http: Http) -> None:
        store = http.controller.store
        user = http.controller.api.know("orgadmin", PASSWORD)
        store.grants.add((http.organization, "admin", "user", user.id))
        with http.as_("orgadmin") as theirs:
            assert theirs.get("instance_groups/", params={"name": "default"}).json()["count"] == 0
            assert theirs.get("organizations/").json()["count"] == 1
            assert theirs.post("organizations/", json={"name": "More"}).status_code == 403
            kind = {"name": "t", "kind": "cloud", "inputs": {}, "injectors": {}}
            assert theirs.post("credential_types/", json=kind).status_code == 403
            assert theirs.post("inventories/", json={"name": "i", "organization": http.organization}).status_code == 201


class TestTeams:
    """Only who was given a role may launch, or approve."""

    def test_roles(self, http: Http) -> None:
        store = http.controller.store
        given = {"name": "playbooks", "organization": http.organization, "scm_type": "git", "scm_url": PLAYBOOKS}
        project = http.post("projects/", given)["id"]
        fleet = http.post("inventories/", {"name": "fleet", "organization": http.organization})["id"]
        given = {"name": "site", "playbook": "site.yml", "project": project, "inventory": fleet}
        template = http.post("job_templates/", given)
        user = http.controller.api.know("operator", PASSWORD)
        team = http.post("teams/", {"name": "Operators", "organization": http.organization})["id"]
        store.items[team].lists["users"].append(user.id)
        with http.as_("operator") as theirs:
            assert theirs.get("job_templates/").json()["count"] == 0
            # What is not shown in a list is forbidden, not unknown.
            assert theirs.get(f"job_templates/{template['id']}/").status_code == 403
            assert theirs.post(f"job_templates/{template['id']}/launch/").status_code == 403
            assert theirs.get("job_templates/999/").status_code == 404
            role = template["summary_fields"]["object_roles"]["read_role"]["id"]
            http.post(f"roles/{role}/teams/", {"id": team})
            assert theirs.post(f"job_templates/{template['id']}/launch/").status_code == 403
            role = template["summary_fields"]["object_roles"]["execute_role"]["id"]
            http.post(f"roles/{role}/teams/", {"id": team})
            assert theirs.post(f"job_templates/{template['id']}/launch/").status_code == 201

    def test_registries_need_a_credential_of_their_kind(self, site: Site) -> None:
        vault = site.store.one("credential_type", "Vault").id
        given = {"name": "v", "organization": site.ours, "credential_type": vault, "inputs": {}}
        credential = site.store.create("credentials", given).id
        image = {"name": "ours", "image": "registry.example.com/ours:1", "credential": credential}
        assert "Container Registry" in refusal(site.store.create, "execution_environments", image)


class TestHistory:
    """Jobs stay to be asked about, and nobody writes them."""

    def test_listed(self, site: Site, http: Http) -> None:
        site.source()
        site.launch()
        kinds = [item.kind.type for item in site.store.of("unified_job")]
        assert kinds == ["project_update", "project_update", "job", "inventory_update", "project_update"]
        assert http.client.post("jobs/", json={"name": "forged"}).status_code == 405
        assert http.client.get("unified_jobs/").json()["count"] == 0
