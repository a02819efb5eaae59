# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stdout callback on results as Ansible hands them over: what was planned is not told as done, nor the other way round."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.callback import fleet

CHANGES = [{"target": "settings", "field": "sign_in.enabled", "before": False, "after": True}]
DONE = {"changed": True, "changes": CHANGES, "steps": {"settings": "changed"}}


class Terminal:
    """The callback with a display that keeps what it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lines: list[str] = []
        self.callback = fleet.CallbackModule()
        display = SimpleNamespace(
            verbosity=0,
            display=lambda text, **_more: self.lines.append(text),
            banner=lambda text, **_more: self.lines.append(f"== {text}"),
            warning=lambda text, **_more: self.lines.append(f"[WARNING]: {text}"),
        )
        monkeypatch.setattr(self.callback, "_display", display)
        monkeypatch.setattr(self.callback, "get_option", lambda _name: True)
        monkeypatch.setattr(fleet.Default, "v2_playbook_on_stats", lambda _self, _stats: None)
        monkeypatch.setattr(fleet.Default, "v2_runner_on_failed", lambda _self, _result, _ignored: None)

    def result(
        self,
        content: dict[str, Any],
        *,
        host: str = "acme",
        check_mode: bool = False,
        action: str = "x",
        run_once: bool = False,
    ) -> None:
        task = SimpleNamespace(check_mode=check_mode, diff=False, action=action, run_once=run_once)
        given = SimpleNamespace(result=content, task=task, host=SimpleNamespace(get_name=lambda: host))
        failed = bool(content.get("failed"))
        (self.callback.v2_runner_on_failed if failed else self.callback.v2_runner_on_ok)(given)

    def end(self) -> str:
        self.callback.v2_playbook_on_stats(None)
        return "\n".join(self.lines)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(monkeypatch)


def test_a_run_that_looks_first_and_writes_then_says_what_was_written(terminal: Terminal) -> None:
    terminal.result(DONE, check_mode=True)
    assert terminal.lines[0] == "# acme: 3CX settings will be changed"
    terminal.result(DONE)
    assert "# acme: 3CX settings changed" in terminal.lines
    assert terminal.end().endswith("== PBXS\n1 PBX: 1 changed")


def test_a_plan_counts_what_the_checks_before_it_have_stopped(terminal: Terminal) -> None:
    terminal.result(
        {"failed": True, "msg": "No answer.", "changes": [], "steps": {"pbx": "failed"}}, check_mode=True, host="bolt"
    )
    terminal.result(DONE, check_mode=True)
    said = terminal.end()
    assert "Plan: 0 to create, 1 to change, 0 to remove (on 1 PBX)." in said
    assert said.endswith("2 PBXs: 1 to change, 1 failed")


def refused(host: str, **more: Any) -> dict[str, Any]:
    """A failure that differs by the address of its PBX alone."""
    target = f"https://{host}.example.com:5001"
    error = {"kind": "unreachable", "target": target}
    return {"failed": True, "msg": f"Could not connect to 3CX at {target}.", "changes": [], "error": error, **more}


def test_what_a_whole_fleet_fails_with_is_told_once_and_counted(terminal: Terminal) -> None:
    hosts = ["acme", *(f"pbx{number}" for number in range(40))]
    for host in hosts:
        terminal.result(refused(host), host=host)
    assert terminal.lines == ["# acme: FAILED: Could not connect to 3CX at https://acme.example.com:5001."]
    assert terminal.end().splitlines()[1:] == [
        "== PBXS",
        "# pbx0, pbx1, pbx10, pbx11, pbx12 and 35 more: FAILED: the same as acme",
        "41 PBXs: 41 failed",
    ]


def test_what_is_said_of_two_in_the_same_words_is_told_once(terminal: Terminal) -> None:
    for host in ("acme", "bolt"):
        said = {"failed": True, "msg": "The hosts acme and bolt are one PBX.", "changes": [], "steps": {}}
        terminal.result(said, host=host)
    assert terminal.lines == ["# acme: FAILED: The hosts acme and bolt are one PBX."]
    assert "# bolt: FAILED: the same as acme" in terminal.end()


def test_what_was_changed_before_the_same_failure_is_told(terminal: Terminal) -> None:
    terminal.result(refused("acme"))
    terminal.result(refused("bolt", changes=CHANGES), host="bolt")
    assert terminal.lines[1:] == [
        "# bolt: 3CX settings changed",
        "# bolt: FAILED: the same as acme",
        "    The changes above were made before it failed. Running the playbook again continues from there.",
    ]


def test_whoever_asks_for_more_reads_each_failure_in_full(terminal: Terminal) -> None:
    terminal.callback._display.verbosity = 1
    for host in ("acme", "bolt"):
        terminal.result(refused(host), host=host)
    assert [line.rpartition(" ")[2] for line in terminal.lines] == [
        "https://acme.example.com:5001.",
        "https://bolt.example.com:5001.",
    ]


def test_what_is_noted_below_a_pbx_is_no_warning_besides(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(
        fleet._core_compat, "show_warnings", lambda _callback, result: shown.extend(result.get("warnings") or ())
    )
    noted, other = "The TLS certificate of the PBX expires in 3 days.", "acme: The application requires assignment."
    result = {"changes": [], "steps": {"settings": "ok"}, "notes": [noted], "warnings": [f"acme: {noted}", other]}
    terminal.result(result)
    assert terminal.lines[1:] == [f"    note: {noted}"]
    assert shown == [other]
    terminal.result({**result, "failed": True, "msg": "It does not work."}, host="bolt")
    assert shown[1:] == [f"acme: {noted}", other], "a failure has no notes below it"


def test_a_task_that_one_pbx_runs_for_all_says_nothing_about_that_pbx(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check of a whole fleet is a task of its first host, and that may be the one that failed."""
    monkeypatch.setattr(fleet.Default, "v2_runner_on_ok", lambda _self, _result: terminal.lines.append("ok: [acme]"))
    content = {"changed": False, "summary": {"failed": 1}, "warnings": ["Nothing reads tcx_uri."]}
    terminal.result(content, action="tcx.m365.fleet_compliance", run_once=True)
    assert "ok: [acme]" not in terminal.lines
    terminal.result({**content, "changed": True}, action="tcx.m365.fleet_compliance", run_once=True)
    assert "ok: [acme]" in terminal.lines


def test_a_failure_on_the_controller_is_told_and_no_pbx(terminal: Terminal) -> None:
    terminal.result({"failed": True, "msg": "tcx_url is missing.", "error": {"kind": "bad_input"}}, host="localhost")
    assert terminal.end() == "# localhost: FAILED: tcx_url is missing."


def test_a_message_is_lines_of_text_that_no_terminal_obeys(terminal: Terminal) -> None:
    terminal.result({"msg": ["TENANT  NAME", "1  \x1b[2JContoso\nnext"]}, action="ansible.builtin.debug")
    assert terminal.lines[0] == "TENANT  NAME"
    assert "\x1b" not in "".join(terminal.lines)
    assert len(terminal.lines) == 3


def test_the_end_says_how_the_run_is_undone(terminal: Terminal) -> None:
    kept = {"snapshot": "20261201T080000Z-5f0c3a52", "snapshot_path": "/kept/20261201T080000Z-5f0c3a52/acme.json"}
    terminal.result({**DONE, **kept})
    terminal.result({"failed": True, "msg": "It was given up.", **kept}, host="bolt")
    assert terminal.end().splitlines()[-1].endswith(" -e snapshot=20261201T080000Z-5f0c3a52")


def test_a_run_of_which_nothing_is_left_does_not(terminal: Terminal) -> None:
    kept = {"snapshot": "20261201T080000Z-5f0c3a52"}
    terminal.result({**DONE, **kept})
    terminal.result({**DONE, **kept, "failed": True, "msg": "No.", "rollback": {"restored": True}})
    assert "snapshot" not in terminal.end()


@pytest.mark.parametrize(
    "skipped",
    [
        {"args": {"stop_only": True}, "run_once": True, "when": ["x"]},
        {"args": {"preflight_only": True}, "run_once": "{{ x }}", "when": ["not x"]},
    ],
)
def test_a_task_that_most_rollouts_skip_is_told_only_when_it_runs(
    skipped: dict[str, Any], terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def head(_self: Any, task: Any, _conditional: Any) -> None:
        terminal.lines.append(f"TASK {task.args}")

    def skip(_self: Any, _result: Any) -> None:
        terminal.lines.append("skipping")

    monkeypatch.setattr(fleet.Default, "v2_playbook_on_task_start", head)
    monkeypatch.setattr(fleet.Default, "v2_runner_on_skipped", skip)
    stop, other = SimpleNamespace(**skipped), SimpleNamespace(args={}, when=["x"])
    terminal.callback.v2_playbook_on_task_start(stop, False)
    terminal.callback.v2_runner_on_skipped(None)
    assert terminal.lines == []
    terminal.callback.v2_playbook_on_task_start(other, False)
    terminal.callback.v2_runner_on_skipped(None)
    assert terminal.lines == ["TASK {}", "skipping"]
    terminal.callback.v2_playbook_on_task_start(stop, False)
    terminal.result({"failed": True, "msg": "The rollout stops after this batch.", "error": {"kind": "x"}})
    assert terminal.lines[2:] == [f"TASK {skipped['args']}", "# acme: FAILED: The rollout stops after this batch."]


@pytest.mark.parametrize(
    ("content", "action"),
    [
        ({"failed": True, "msg": "Not every PBX is as it must be: 2 drifted."}, "ansible.builtin.fail"),
        ({"failed": True, "msg": "Not every PBX is as it must be: 2 drifted.", "evaluated_to": False}, "assert"),
        ({"failed": True, "msg": "Not every PBX is as it must be: 2 drifted.", "error": {"kind": "x"}}, "y"),
        ({"failed": True, "msg": "Not every PBX is as it must be: 2 drifted."}, "tcx.m365.fleet_rollout"),
    ],
)
def test_what_one_host_says_for_all_is_told_once_and_no_failure_of_that_pbx(
    terminal: Terminal, content: dict[str, Any], action: str
) -> None:
    terminal.result(content, action=action, run_once=True)
    assert terminal.end() == "FAILED: Not every PBX is as it must be: 2 drifted."


def test_a_failure_for_all_leaves_the_sum_of_the_pbxs_alone(terminal: Terminal) -> None:
    terminal.result(DONE)
    terminal.result({"failed": True, "msg": "Stopped.", "error": {"kind": "refused"}}, run_once=True)
    assert "FAILED: Stopped." in terminal.lines
    assert terminal.end().endswith("1 PBX: 1 changed")


def test_a_play_of_the_user_that_fails_for_one_pbx_names_it(terminal: Terminal) -> None:
    terminal.result({"failed": True, "msg": "Not this one.\x1b[2J"}, action="fail")
    assert terminal.lines == ["# acme: FAILED: Not this one.\\x1b[2J"]
    assert terminal.end().endswith("1 PBX: 1 failed")
