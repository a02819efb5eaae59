# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A playbook that finds nothing to do says so and does not end green. No lab: nothing is asked of anybody."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
KEPT = ("PATH", "LANG", "TMPDIR")
PLAYBOOKS = ["rollout", "compliance", "rotate_certificate", "offboard", "capture", "orphans"]
PBXS = "tcx:\n  hosts:\n    acme:\nother:\n  hosts:\n    printer:\n"


def play(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith("COVERAGE_")}
    known.update(
        HOME=str(home),
        ANSIBLE_HOME=str(home / ".ansible"),
        ANSIBLE_COLLECTIONS_PATH=str(REPOSITORY / ".build" / "collections"),
        ANSIBLE_NOCOLOR="1",
        ANSIBLE_DEVEL_WARNING="0",
        LC_ALL="C.UTF-8",
    )
    command = [str(Path(sys.executable).with_name("ansible-playbook")), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=known, cwd=home, timeout=120)


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """One PBX, and one host that is none."""
    path = tmp_path / "inventory.yml"
    path.write_text(PBXS)
    return path


def said(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_group_without_hosts_is_named_with_the_inventory_that_was_read(tmp_path: Path, playbook: str) -> None:
    inventory = tmp_path / "phones.yml"
    inventory.write_text("phones:\n  hosts:\n    acme:\n")
    done = play(tmp_path, f"tcx.m365.{playbook}", "-i", str(inventory))
    assert done.returncode != 0
    assert f"No PBX to work on: no host of the inventory {inventory} is in the group tcx." in said(done)
    assert "Traceback" not in said(done)
    allowed = play(tmp_path, f"tcx.m365.{playbook}", "-i", str(inventory), "-e", "allow_no_hosts=true")
    assert allowed.returncode == 0, said(allowed)


@pytest.mark.parametrize(
    "text", ["", "tcx:\n  hosts:\n    acme:\n      tcx_url: {{ unquoted }}\n"], ids=["empty", "unreadable"]
)
def test_an_inventory_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(text)
    done = play(tmp_path, "tcx.m365.compliance", "-i", str(inventory))
    assert done.returncode != 0
    assert f"the inventory {inventory} has no hosts or could not be read, so the group tcx is empty" in said(done)
    assert not (tmp_path / "reports").exists()


def test_no_inventory_at_all(tmp_path: Path) -> None:
    done = play(tmp_path, "tcx.m365.rollout")
    assert done.returncode != 0
    assert "No PBX to work on" in said(done)


def test_a_limit_that_leaves_nobody_of_the_group(tmp_path: Path, inventory: Path) -> None:
    done = play(tmp_path, "tcx.m365.compliance", "-i", str(inventory), "--limit", "printer")
    assert done.returncode != 0
    assert "is in the group tcx with --limit printer" in said(done)


@pytest.mark.parametrize("pattern", ["ac*", "all:!other", "~acme.*"])
def test_patterns_are_read_as_ansible_reads_them(tmp_path: Path, inventory: Path, pattern: str) -> None:
    listed = play(tmp_path, "tcx.m365.capture", "-i", str(inventory), "--list-hosts", "-e", f"capture_hosts={pattern}")
    assert "acme" in listed.stdout
    assert "printer" not in listed.stdout
    done = play(
        tmp_path, "tcx.m365.capture", "-i", str(inventory), "--limit", "printer", "-e", f"capture_hosts={pattern}"
    )
    assert f"in the pattern {pattern} with --limit printer" in said(done)
    assert done.returncode != 0


def test_syntax_and_lists_need_no_hosts(tmp_path: Path) -> None:
    options = itertools.cycle(["--syntax-check", "--list-tasks", "--list-hosts", "--list-tags"])
    for playbook, option in zip(PLAYBOOKS, options, strict=False):
        done = play(tmp_path, f"tcx.m365.{playbook}", option)
        assert done.returncode == 0, said(done)


ALL_PLAYBOOKS = sorted(path.stem for path in (REPOSITORY / "playbooks").glob("*.yml"))


@pytest.mark.parametrize("playbook", ALL_PLAYBOOKS)
def test_tags_that_leave_no_task_do_not_end_green(tmp_path: Path, inventory: Path, playbook: str) -> None:
    values = dict.fromkeys(("tcx_url", "tcx_client_id", "tcx_client_secret", "entra_tenant_id"), "x")
    command = (f"tcx.m365.{playbook}", "-i", str(inventory), "--tags", "nothing", "-e", json.dumps(values))
    done = play(tmp_path, *command)
    assert done.returncode != 0
    assert f"No task to run: --tags nothing leaves no task of tcx.m365.{playbook}." in said(done)
    assert "Traceback" not in said(done)


def test_that_no_task_is_left_is_allowed_by_the_variable(tmp_path: Path, inventory: Path) -> None:
    options = ("-i", str(inventory), "--skip-tags", "untagged")
    assert "--skip-tags untagged leaves no task" in said(play(tmp_path, "tcx.m365.compliance", *options))
    allowed = play(tmp_path, "tcx.m365.compliance", *options, "-e", "allow_no_hosts=true")
    assert allowed.returncode == 0, said(allowed)


def test_tags_choose_between_this_collection_and_other_plays_of_a_user(tmp_path: Path, inventory: Path) -> None:
    site = tmp_path / "site.yml"
    site.write_text(
        "- import_playbook: tcx.m365.rollout\n  tags: [phones]\n"
        "- hosts: other\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.debug: {msg: printed}\n      tags: [printers]\n"
    )
    other = play(tmp_path, str(site), "-i", str(inventory), "--tags", "printers")
    assert other.returncode == 0, said(other)
    assert "printed" in other.stdout
    ours = play(tmp_path, str(site), "-i", str(inventory), "--tags", "phones")
    assert ours.returncode != 0
    assert "tcx_url" in said(ours)
    neither = play(tmp_path, str(site), "-i", str(inventory), "--tags", "phone")
    assert neither.returncode != 0
    assert f"No task to run: --tags phone leaves no task of {site}." in said(neither)


@pytest.mark.parametrize("options", [("--tags", "printers"), ("--skip-tags", "notest")], ids="=".join)
def test_tags_that_are_templates_of_another_play_are_its_own(
    tmp_path: Path, inventory: Path, options: tuple[str, str]
) -> None:
    site = tmp_path / "site.yml"
    site.write_text(
        "- import_playbook: tcx.m365.rollout\n  tags: [phones]\n"
        "- hosts: other\n  gather_facts: false\n  vars: {mytag: printers}\n  tasks:\n"
        "    - ansible.builtin.debug: {msg: printed}\n      tags: ['{{ mytag }}']\n"
    )
    done = play(tmp_path, str(site), "-i", str(inventory), *options)
    assert "undefined" not in said(done)
    if options[0] == "--tags":
        assert done.returncode == 0, said(done)
        assert "printed" in done.stdout
    else:
        assert "tcx_url" in said(done)
    slip = play(tmp_path, str(site), "-i", str(inventory), "--tags", "printer")
    assert f"No task to run: --tags printer leaves no task of {site}." in said(slip)


def test_tags_that_only_the_inventory_of_another_play_knows_end_nothing(tmp_path: Path, inventory: Path) -> None:
    site = tmp_path / "site.yml"
    (tmp_path / "own.yml").write_text("mytag: printers\n")
    site.write_text(
        "- import_playbook: tcx.m365.rollout\n  tags: [phones]\n"
        "- hosts: other\n  gather_facts: false\n  vars_files: [own.yml]\n  tasks:\n"
        "    - ansible.builtin.debug: {msg: printed}\n      tags: ['{{ mytag }}']\n"
    )
    done = play(tmp_path, str(site), "-i", str(inventory), "--tags", "printers")
    assert done.returncode == 0, said(done)
    assert "printed" in done.stdout
    slip = play(tmp_path, str(site), "-i", str(inventory), "--tags", "printer")
    assert slip.returncode != 0
    assert f"No task to run: --tags printer leaves no task of {site}." in said(slip)


@pytest.mark.parametrize(
    ("playbook", "start", "told"),
    [
        ("compliance", "no such task", "none of tcx.m365.compliance has the name of --start-at-task: 'no such task'"),
        (
            "rollout",
            "Stop before*",
            "would leave out the task 'Check every PBX and tenant before anything is written, where",
        ),
        ("rotate_certificate", "Add the new*", "would leave out the task 'Check every PBX and tenant before anything"),
        ("compliance", "Show the summary", "would leave out the task 'Check the PBXs and write the report'"),
        (
            "compliance",
            "Check the PBXs*",
            "is the first task, and Ansible would gather facts before it. Leave the option",
        ),
        (
            "rollout",
            "Check every PBX*",
            "is the first task, and Ansible would gather facts before it. Leave the option",
        ),
    ],
)
def test_a_start_that_leaves_out_the_checks_does_not_end_green(
    tmp_path: Path, inventory: Path, playbook: str, start: str, told: str
) -> None:
    done = play(tmp_path, f"tcx.m365.{playbook}", "-i", str(inventory), "--start-at-task", start)
    assert done.returncode != 0
    assert told in said(done)
    assert "Gathering Facts" not in said(done)


def test_a_start_in_another_play_of_a_user_is_his(tmp_path: Path, inventory: Path) -> None:
    site = tmp_path / "site.yml"
    site.write_text(
        "- import_playbook: tcx.m365.rollout\n"
        "- hosts: \"{{ query('tcx.m365.play_hosts', 'other') }}\"\n  gather_facts: false\n  tasks:\n"
        "    - {name: First, ansible.builtin.debug: {msg: one}}\n    - {name: Second, ansible.builtin.debug: {msg: two}}\n"
    )
    done = play(tmp_path, str(site), "-i", str(inventory), "--start-at-task", "Second")
    assert done.returncode == 0, said(done)
    assert "two" in done.stdout


@pytest.mark.parametrize("broken", ["absent", "file", "directory"])
def test_a_part_of_the_inventory_that_cannot_be_read_is_not_passed_over(tmp_path: Path, broken: str) -> None:
    inventory = tmp_path / "inventory"
    inventory.mkdir()
    (inventory / "fleet.yml").write_text(PBXS)
    (inventory / "customers.csv").write_text("name;tcx_url\n")  # of a list, which Ansible warns of as well
    bad = (inventory if broken == "directory" else tmp_path) / "a file with a long name of customers of the south.yml"
    if broken != "absent":
        bad.write_text("tcx: {hosts: [")
    options = ["-i", str(inventory), *([] if broken == "directory" else ["-i", str(bad)])]
    done = play(tmp_path, "tcx.m365.compliance", *options)
    assert done.returncode != 0
    assert f"The inventory could not be read as a whole: {bad} is missing from it." in said(done)
    assert not (tmp_path / "reports").exists()
    allowed = play(tmp_path, "tcx.m365.compliance", *options, "-e", "allow_unreadable_inventory=true")
    assert (tmp_path / "reports").exists(), said(allowed)


def test_a_list_of_customers_in_the_directory_of_an_inventory_is_no_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "fleet.yml").write_text(PBXS)
    (tmp_path / "public_key.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    done = play(tmp_path, "tcx.m365.compliance", "-i", str(tmp_path))
    assert "could not be read as a whole" not in said(done)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README", "Ask Ada before you change this.\n"),
        ("Makefile", "check:\n\tansible-playbook tcx.m365.compliance\n"),
        ("later.yml", "---\n# customers of the south\n"),
        ("paragraphs.yml", "# customers of the south\n\n" * 60),
        ("site.yml", "---\n# all of it\n- name: Everything\n  hosts: tcx\n  tasks: []\n"),
        ("nightly.yml", "- import_playbook: tcx.m365.compliance\n"),
    ],
)
def test_a_file_that_is_meant_for_no_inventory_stops_nothing(tmp_path: Path, name: str, text: str) -> None:
    inventory = tmp_path / "inventory"
    inventory.mkdir()
    (inventory / "fleet.yml").write_text(PBXS)
    (inventory / name).write_text(text)
    done = play(tmp_path, "tcx.m365.compliance", "-i", str(inventory))
    assert "could not be read as a whole" not in said(done)
    assert (tmp_path / "reports").exists(), said(done)


def _inventory_with_program(place: Path, name: str, text: str) -> tuple[Path, Path]:
    """A directory of an inventory, and the program that lies in it beside the hosts."""
    inventory = place / "inventory"
    inventory.mkdir()
    (inventory / "fleet.yml").write_text(PBXS)
    program = inventory / name
    program.write_text(text)
    program.chmod(0o755)
    return inventory, program


@pytest.mark.parametrize("name", ["vault-password", "open-sesame"])
def test_a_program_that_tells_the_vault_password_is_no_part_of_the_inventory(tmp_path: Path, name: str) -> None:
    inventory, program = _inventory_with_program(tmp_path, name, "#!/bin/sh\necho sesame\n")
    options = [] if "vault" in name else ["--vault-password-file", str(program)]
    done = play(tmp_path, "tcx.m365.compliance", "-i", str(inventory), *options)
    assert "could not be read as a whole" not in said(done)
    assert (tmp_path / "reports").exists(), said(done)


@pytest.mark.parametrize("name", ["customers", "customers.py", "customers-in-vault.sh"])
def test_a_script_of_the_inventory_that_fails_is_told(tmp_path: Path, name: str) -> None:
    inventory, script = _inventory_with_program(tmp_path, name, "#!/bin/sh\nexit 1\n")
    done = play(tmp_path, "tcx.m365.compliance", "-i", str(inventory))
    assert done.returncode != 0
    assert f"The inventory could not be read as a whole: {script} is missing from it." in said(done)


@pytest.mark.parametrize("value", [-5, 150, "x"])
@pytest.mark.parametrize("name", ["rollout_max_fail_percentage", "rollout_max_unhealthy_percentage"])
def test_a_limit_that_is_none_is_told_by_its_name_before_anything_is_asked(
    tmp_path: Path, inventory: Path, name: str, value: object
) -> None:
    # Through a jump host the checks are a task of their own, before the one that reads the limit.
    values = {name: value, "tcx_m365_connection": "ssh"}
    done = play(tmp_path, "tcx.m365.rollout", "-i", str(inventory), "-e", json.dumps(values))
    assert done.returncode != 0
    assert re.search(rf"{name} (must be|is) ", said(done)), said(done)
    assert "tcx_url" not in said(done)


@pytest.mark.parametrize("value", [" ", "10%", 0])
@pytest.mark.parametrize("name", ["rollout_max_fail_percentage", "rollout_max_unhealthy_percentage"])
def test_a_limit_as_people_write_it_is_read(tmp_path: Path, inventory: Path, name: str, value: object) -> None:
    values = {name: value}
    done = play(tmp_path, "tcx.m365.rollout", "-i", str(inventory), "-e", json.dumps(values))
    assert "tcx_url" in said(done), said(done)


@pytest.mark.parametrize("playbook", ["rollout", "compliance"])
def test_a_size_of_batches_that_is_none(tmp_path: Path, inventory: Path, playbook: str) -> None:
    done = play(tmp_path, f"tcx.m365.{playbook}", "-i", str(inventory), "-e", f"{playbook}_serial=some")
    assert done.returncode != 0
    assert f"{playbook}_serial: 'some' is not the size of a batch. Give a number such as 5" in said(done)
