# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/tower.md, command for command: in one shell, with the real clients, against a controller that can pull one image only."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import yaml
from awx_jobs import Desk
from environments import COLLECTIONS
from fake_controller import FakeController, jobs, syncs
from fake_controller.server import PASSWORD
from tower_kit import GROUPS, REPOSITORY, Outcome

PAGE = (REPOSITORY / "docs" / "tower.md").read_text(encoding="utf-8")
REPOSITORY_URL = "https://git.example.com/telephony/telephony.git"
IMAGE = "registry.example.com/tcx-m365:2.0.0"
#: What needs a registry, a package index, a git server, or a Java program (test_rulebook_runs.py).
ELSEWHERE = ("python3 -m venv", "pip install", "ansible-galaxy", "cp ~/.ansible", "base=", "digest=", "ansible-builder")
ELSEWHERE += ("podman", "git push", "export CONTROLLER_HOST", "ansible-rulebook")
SEES_SECRET = """
- hosts: tcx
  gather_facts: false
  tasks:
    - ansible.builtin.assert:
        that: tcx_client_secret == 'api key of ' ~ inventory_hostname
"""


def commands() -> list[str]:
    """Every command of the page with what belongs to it, in order."""
    found: list[str] = []
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(line[2:])
            else:
                found[-1] += "\n" + line
    return [command for command in found if not command.startswith(ELSEWHERE)]


@dataclass
class Reader:
    """Somebody who types the page in. `ran` holds exit code and output of each command."""

    controller: FakeController
    home: Path
    modules: Path
    ran: dict[str, tuple[int, str]] = field(default_factory=dict)
    launched: list[tuple[str, str, str, str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        program = Path(sys.executable).parent
        return {
            "PATH": os.pathsep.join([str(program), os.environ.get("PATH", os.defpath)]),
            "HOME": str(self.home),
            "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join([str(self.modules), str(COLLECTIONS)]),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_DEPRECATION_WARNINGS": "0",
            "LC_ALL": "C.UTF-8",
            "PYTHONWARNINGS": "ignore",
            "SSL_CERT_FILE": os.devnull,
            "CONTROLLER_HOST": self.controller.url,
            "CONTROLLER_OAUTH_TOKEN": self.controller.api.token_of(None),
            "CONTROLLER_VERIFY_SSL": "false",
            **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }

    def type_in(self, command: str) -> None:
        here = self.home / "here"
        where = here.read_text().strip() if here.exists() else str(self.home)
        pending = [item for item in self.controller.store.of("workflow_approval") if item.values["status"] == "pending"]
        typed = command.replace("/42/", f"/{pending[0].id}/") if pending else command
        done = subprocess.run(
            ["bash", "-c", f"{typed}\ncode=$?; pwd > {here}; exit $code"],
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
            cwd=where,
            timeout=900,
        )
        self.ran[command] = (done.returncode, done.stdout + done.stderr)

    def carry_out(self, launch: jobs.Launch) -> jobs.Ended:
        """Gates are run as they are; rollouts have to see the secrets of their hosts; the others end well."""
        values = launch.job.values
        self.launched.append((launch.template.name, values["limit"], values["job_type"], values["extra_vars"]))
        desk = Desk(self.controller.store, self.home / "jobs")
        if launch.template.name == "3CX compliance":
            return jobs.Ended(artifacts={"tcx_m365_compliance": {"total": 2, "compliant": 1, "drifted": 1}})
        if launch.template.name == "3CX rollout":
            job = desk.prepare(launch, f"job-{launch.job.id}")
            (job.directory / "project" / "playbooks" / "rollout.yml").write_text(SEES_SECRET, encoding="utf-8")
            done = job.run()
            return jobs.Ended(done.code, done.output)
        return desk.run(launch) if launch.template.name.startswith("3CX gate") else jobs.Ended()


@pytest.fixture(scope="module")
def reader(quick_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    home = tmp_path_factory.mktemp("home")
    with FakeController.start({REPOSITORY_URL: home / "telephony"}) as controller:
        reader = Reader(controller, home, quick_modules)
        controller.store.images = {IMAGE}
        controller.store.runner = reader.carry_out
        for command in commands():
            reader.type_in(command)
        yield reader


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.splitlines()[0][:70])
def test_each_command_does_what_it_says(reader: Reader, command: str) -> None:
    code, output = reader.ran[command]
    assert code == 0, output


def test_the_second_application_changes_nothing_but_what_was_asked_for(reader: Reader) -> None:
    """The only changes are the secrets that the second run was told to write again."""
    output = next(output for command, (_code, output) in reader.ran.items() if "update_secrets=true" in command)
    assert set(Outcome(0, output).items) == {"(censored due to no_log)"}


def test_the_workflow_asked_and_then_went_on(reader: Reader) -> None:
    names = [(name, limit) for name, limit, _type, _extra in reader.launched[:7]]
    assert names == [
        ("3CX compliance", ""),
        ("3CX gate: nothing differs", ""),
        ("3CX gate: something differs", ""),
        ("3CX rollout", "tcx_canary"),
        ("3CX rollout", ""),
        ("3CX rollout", ""),
        ("3CX compliance", ""),
    ]


def test_the_daily_launches_are_what_they_seem(reader: Reader) -> None:
    daily = reader.launched[7:]
    assert [(name, limit, type_) for name, limit, type_, _extra in daily] == [
        ("3CX rollout", "acme", "run"),
        ("3CX rollout", "acme", "check"),
        ("3CX rollout", "tenant_6f1c2f6e_0000_4000_8000_000000000001", "run"),
        ("3CX rollout", "", "run"),
        ("3CX rollout", "", "run"),
        ("3CX rotate certificate", "acme", "run"),
        ("3CX offboard", "acme", "run"),
        ("3CX rollback", "acme", "run"),
        ("3CX tenants", "", "run"),
        ("3CX orphans", "", "check"),
        ("3CX support bundle", "acme", "check"),
    ]
    assert json.loads(daily[3][3])["rollout_serial"] == "10%"
    assert json.loads(daily[6][3])["offboard_confirm"] == "true"
    rolled_back = json.loads(daily[7][3])
    assert (rolled_back["snapshot"], rolled_back["snapshot_dir"]) == ("latest", "/reports/snapshots")


def test_every_job_ended_well(reader: Reader) -> None:
    """Also those that had to decrypt a secret, in the image that is the only one to be had."""
    history = reader.controller.store.of("unified_job")
    unhappy = {item.name: item.values["result_stdout"] for item in history if item.values["status"] != "successful"}
    assert set(unhappy) == {"3CX gate: nothing differs"}, unhappy


def test_a_limit_leaves_slices_without_hosts(described: FakeController, tmp_path: Path) -> None:
    """Why the page asks for one slice."""
    store = described.store
    desk = Desk(store, tmp_path)

    def reach(launch: jobs.Launch) -> jobs.Ended:
        job = desk.prepare(launch, f"job-{launch.job.id}")
        playbook = "- hosts: tcx\n  gather_facts: false\n  tasks: [{ansible.builtin.debug: }]\n"
        (job.directory / "project" / "playbooks" / "rollout.yml").write_text(playbook, encoding="utf-8")
        done = job.run()
        return jobs.Ended(done.code, done.output)

    template = store.one("job_template", "3CX rollout")
    before, template.lists["credentials"] = template.lists["credentials"], []
    jobs.launch(store, store.one("job_template", "3CX compliance"), {})
    store.runner = reach
    try:
        sliced = jobs.launch(store, template, {"limit": "acme"})
        whole = jobs.launch(store, template, {"limit": "acme", "job_slice_count": 1})
    finally:
        store.runner, template.lists["credentials"] = jobs.succeed, before
    parts = [item.values["status"] for item in store.of("job") if item.values["workflow_job"] == sliced.id]
    assert (sliced.values["status"], sorted(parts)) == ("failed", ["failed", "successful"])
    assert whole.values["status"] == "successful", whole.values["result_stdout"]


def test_the_command_line_cannot_approve(reader: Reader) -> None:
    """Why the page uses curl for it."""
    command = "awx workflow_approvals approve 1"
    reader.type_in(command)
    code, output = reader.ran.pop(command)
    assert code != 0
    assert "invalid choice: 'approve'" in output


def test_the_page_has_the_groups_that_the_tests_use() -> None:
    text = next(command for command in commands() if "tcx_groups.yml" in command)
    assert text.partition("\n")[2].rpartition("\nEND")[0] == GROUPS.rstrip()


def test_the_page_imports_every_playbook_that_a_controller_runs() -> None:
    loop = next(command for command in commands() if command.startswith("for name in"))
    named = set(loop.partition("in ")[2].partition(";")[0].split())
    used = {
        Path(each["playbook"]).stem
        for each in yaml.safe_load((REPOSITORY / "roles/controller_setup/defaults/main.yml").read_text("utf-8"))[
            "controller_setup_job_templates"
        ]
    }
    assert named == used


def test_teams_do_what_they_were_given(described: FakeController) -> None:
    store, api = described.store, described.api
    user = api.know("telephonist", PASSWORD)
    with httpx.Client(base_url=f"{described.url}/api/v2/", auth=("telephonist", PASSWORD), timeout=300) as theirs:
        workflow = store.one("workflow_job_template", "3CX rollout with approval").id
        assert theirs.post(f"workflow_job_templates/{workflow}/launch/").status_code == 403
        store.one("team", "Telephony").lists["users"].append(user.id)
        assert theirs.post(f"workflow_job_templates/{workflow}/launch/").status_code == 201
        rollout = store.one("job_template", "3CX rollout").id
        assert theirs.post(f"job_templates/{rollout}/launch/").status_code == 403
        assert theirs.get("jobs/").json()["count"] > 0


def test_a_new_customer_takes_part_in_the_next_job(described: FakeController) -> None:
    store = described.store
    fleet = store.one("inventory", "3CX fleet")
    source = store.one("inventory_source", "3CX inventory files of the project")
    project = store.items[source.values["source_project"]]
    written = store.repositories[project.values["scm_url"]] / "fleet" / "inventory.yml"
    before = written.read_text("utf-8")
    content = json.loads(before)
    content["tcx"]["hosts"]["latecomer"] = {"entra_tenant_id": "aaaa0000-1111-4222-8333-444455556666"}
    written.write_text(json.dumps(content), "utf-8")
    try:
        jobs.launch(store, store.one("job_template", "3CX compliance"), {})
    finally:
        written.write_text(before, "utf-8")
    data = syncs.script_data(store, fleet)
    assert "latecomer" in data["tcx"]["hosts"]
    assert data["tenant_aaaa0000_1111_4222_8333_444455556666"]["hosts"] == ["latecomer"]


@pytest.fixture
def at_work(described: FakeController, quick_modules: Path, tmp_path: Path) -> Iterator[Reader]:
    """Somebody who has a controller on which everything is made."""
    reader = Reader(described, tmp_path, quick_modules)
    described.store.runner = reader.carry_out
    yield reader
    described.store.runner = jobs.succeed


@pytest.mark.parametrize(("template", "ends_well"), [("3CX capture", True), ("3CX gate: nothing differs", False)])
def test_a_launch_that_is_watched_ends_as_its_job_ends(at_work: Reader, template: str, ends_well: bool) -> None:
    assert "`--monitor`" in PAGE
    command = f'awx job_templates launch "{template}" --monitor'
    at_work.type_in(command)
    assert (at_work.ran[command][0] == 0) == ends_well, at_work.ran[command][1]


def test_a_no_ends_the_workflow_and_changes_nothing(at_work: Reader) -> None:
    """The same address as for a yes, with another last word, as the page says."""
    launch = next(command for command in commands() if command.startswith("awx workflow_job_templates launch"))
    curl = next(command for command in commands() if command.startswith("curl"))
    for command in (launch, curl.replace("/approve/", "/deny/")):
        at_work.type_in(command)
        assert at_work.ran[command][0] == 0, at_work.ran[command][1]
    denied = max(at_work.controller.store.of("workflow_job"), key=lambda item: item.id)
    assert denied.values["status"] == "failed"
    assert [name for name, *_more in at_work.launched] == [
        "3CX compliance",
        "3CX gate: nothing differs",
        "3CX gate: something differs",
    ]
