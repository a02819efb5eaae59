# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sentence that says how a run is undone can be copied into the shell from which the run was started."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from ansible import constants, context
from ansible.parsing.splitter import parse_kv
from ansible.utils.context_objects import CLIArgs
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.plugin_utils import _way_back
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet import narrator
from ansible_collections.tcx.m365.plugins.plugin_utils._way_back import Started, is_left, sentence

RUN = "20261201T080000Z-5f0c3a52"
JOB = {"awx_job_id": 7}
WRITTEN = {"changed": True, "snapshot": RUN, "snapshot_path": f"/var/lib/snapshots/{RUN}/acme.json"}


@pytest.fixture(autouse=True)
def _of_the_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({"inventory": [str(tmp_path / "inventory.yml")]}))


def command(said: str) -> list[str]:
    assert said.startswith("Undo this run with: ")
    return shlex.split(said.removeprefix("Undo this run with: "))


def test_the_command_has_the_inventory_of_the_run() -> None:
    assert sentence(RUN, "", Started.of({})) == (
        f"Undo this run with: ansible-playbook tcx.m365.rollback -i inventory.yml -e snapshot={RUN}"
    )


def test_several_inventories_and_odd_names_survive_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    named = ["/srv/of all/$(touch x).yml", "acme,bolt,"]
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({"inventory": named}))
    given = command(sentence(RUN, "", Started.of({"snapshot_dir": "/srv/kept here"})))
    assert given[:6] == ["ansible-playbook", "tcx.m365.rollback", "-i", named[0], "-i", named[1]]
    assert given[6:8] == ["-e", f"snapshot={RUN}"]
    assert given[8] == "-e"
    assert parse_kv(given[9]) == {"snapshot_dir": "/srv/kept here"}


def test_files_of_the_run_are_named_again_and_no_value_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    line = {
        "extra_vars": (f"@{tmp_path}/my vars.yml", "tcx_client_secret=s3cret", '{"entra_client_secret": "s3cret"}'),
        "vault_ids": ("prod@prompt",),
        "vault_password_files": (str(tmp_path / "vault.sh"), "/etc/vault"),
        "ask_vault_pass": True,
    }
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({"inventory": ["fleet.yml"], **line}))
    given = command(sentence(RUN, "", Started.of({"tcx_client_secret": "s3cret"})))
    files = ["-e", "@my vars.yml", "--vault-id", "prod@prompt", "--vault-password-file", "vault.sh"]
    more = ["--vault-password-file", "/etc/vault", "--ask-vault-pass", "-e", f"snapshot={RUN}"]
    assert given[2:] == ["-i", "fleet.yml", *files, *more]


def test_what_the_configuration_names_needs_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({"inventory": list(constants.DEFAULT_HOST_LIST)}))
    assert "-i" not in command(sentence(RUN, "", Started.of({})))


@pytest.mark.parametrize("name", ["awx_job_id", "tower_job_id"])
def test_a_job_names_its_template_and_no_path(name: str) -> None:
    said = sentence(RUN, "/var/lib/snapshots", Started.of({name: 7, "snapshot_dir": "/var/lib/snapshots"}))
    assert RUN in said
    assert "tcx.m365.rollback" in said
    assert "/" not in said
    assert "ansible-playbook" not in said


def test_a_job_whose_snapshot_ends_with_it_does_not_promise_to_be_undone(tmp_path: Path) -> None:
    said = sentence(RUN, str(tmp_path / "snapshots"), Started.of(JOB))
    assert "cannot undo" in said
    assert "exposed to jobs" in said


def test_what_is_mounted_into_a_job_outlives_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted = str(tmp_path / "exposed")
    monkeypatch.setattr(_way_back.os.path, "ismount", lambda path: path == mounted)
    assert "cannot undo" not in sentence(RUN, f"{mounted}/snapshots", Started.of(JOB))
    assert "cannot undo" in sentence(RUN, str(tmp_path / "snapshots"), Started.of(JOB))


@pytest.mark.parametrize(
    ("result", "left"),
    [
        ({}, False),
        (WRITTEN, True),
        ({**WRITTEN, "failed": True}, True),
        ({**WRITTEN, "failed": True, "rollback": {"restored": True}}, False),
        ({**WRITTEN, "failed": True, "rollback": {"restored": False}}, True),
        ({**WRITTEN, "changes": [{"target": "application", "field": "state", "after": "absent"}]}, True),
        ({**WRITTEN, "changes": [{"target": "application", "field": "state", "after": "purged"}]}, False),
    ],
    ids=["nothing", "written", "failed half-way", "undone", "not undone", "deleted", "purged"],
)
def test_it_is_said_where_something_is_left_to_be_undone(result: dict[str, Any], left: bool) -> None:
    assert is_left(result) == left


class Told:
    """What the narrator says of several tasks of one run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lines: list[str] = []
        self.store = RunStore(None)
        monkeypatch.setattr(narrator.display, "display", lambda text, **_more: self.lines.append(text))

    def task(self, *results: dict[str, Any], ends: bool, once: bool = False) -> int:
        """:return: how many sentences it has said by now."""
        narrator.tell_way_back(self.store, results, {}, ends=ends, once=once)
        return len(self.lines)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    return Told(monkeypatch)


def test_batches_say_it_once_at_the_end_of_the_last(told: Told) -> None:
    assert told.task({}, ends=False) == 0
    assert told.task(WRITTEN, {}, ends=False) == 0
    assert told.task({}, ends=True) == 1
    assert told.task({}, ends=True) == 1, "a playbook that comes after it has written nothing"
    assert told.task(WRITTEN, ends=True) == 2


def test_a_run_that_writes_nothing_says_nothing(told: Told) -> None:
    assert told.task({}, {"failed": True}, ends=True) == 0


def test_tasks_of_which_nobody_knows_the_last_say_it_once(told: Told) -> None:
    assert told.task(WRITTEN, ends=True, once=True) == 1
    assert told.task(WRITTEN, ends=True, once=True) == 1


def test_a_program_that_reads_the_output_is_told_nothing(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrator.constants, "DEFAULT_STDOUT_CALLBACK", "ansible.posix.json")
    assert told.task(WRITTEN, ends=True) == 0
