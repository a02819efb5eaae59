# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shows a run of this collection the way a person wants to read it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet
type: stdout
short_description: Shows what happens to each PBX, and one line for all of them
version_added: 2.0.0
description:
  - Shows the results of C(tcx.m365.fleet_rollout) and of the playbooks of this collection as text, with each object that is
    created, changed or removed, and what was verified.
  - In check mode it shows a plan, each object with its additions, removals and changes, and how many objects there are of each kind.
    Outside of it, C(--diff) and C(-v) show the same of what was done.
  - Each failure is shown once, with its remedy. The message of P(ansible.builtin.debug#module) is shown as plain lines. All other
    tasks are shown as P(ansible.builtin.default#callback) shows them.
author:
  - The tcx.m365 contributors (@tcx-m365)
extends_documentation_fragment:
  - ansible.builtin.default_callback
  - ansible.builtin.result_format_callback
requirements:
  - Set as stdout callback, for example with E(ANSIBLE_STDOUT_CALLBACK=tcx.m365.fleet) or C(stdout_callback = tcx.m365.fleet) in
    the section C([defaults]) of C(ansible.cfg).
options:
  show_unchanged:
    description:
      - Whether PBXs without changes are shown, one line each. The line at the end counts them in any case.
    type: bool
    default: true
    env:
      - name: TCX_M365_SHOW_UNCHANGED
    ini:
      - section: callback_tcx_m365_fleet
        key: show_unchanged
"""

from collections.abc import Mapping
from typing import Any

from ansible import constants
from ansible.plugins.callback.default import CallbackModule as Default
from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible
from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat, _prose, _way_back

_DEBUG = ("debug", "ansible.builtin.debug", "ansible.legacy.debug")
_SENTENCES = (
    *("fail", "ansible.builtin.fail", "ansible.legacy.fail"),
    *("assert", "ansible.builtin.assert", "ansible.legacy.assert"),
)
"""Tasks whose result is a sentence for people."""
_COLORS = {"+": "COLOR_DIFF_ADD", "-": "COLOR_DIFF_REMOVE", "~": "COLOR_CHANGED"}


def is_fleet_result(result: Mapping[str, Any]) -> bool:
    """Whether a result is that of the steps of this collection on one PBX."""
    return isinstance(result.get("steps"), Mapping) and "changes" in result


def _is_for_all(task: Any) -> bool:
    """Whether one host does the work of this task for all hosts: its failure is none of that host."""
    return getattr(task, "run_once", False) is True


def _is_ours_for_all(task: Any) -> bool:
    """Whether one host does the work of a task of this collection for all hosts."""
    return _is_for_all(task) and str(getattr(task, "action", "")).startswith("tcx.m365.")


def _may_pass(task: Any) -> bool:
    """Whether nobody needs to read that this task was skipped.

    What is done once for all PBXs where somebody wants it, such as the message about a report; and the pre-flight check of a
    rollout, which the next task makes as well.
    """
    return bool(getattr(task, "when", None)) and (_is_for_all(task) or "preflight_only" in getattr(task, "args", {}))


def _message_lines(task: Any, content: Mapping[str, Any]) -> list[str]:
    """What a task of the module debug says, line by line; nothing where it is no text, or a value that it shows."""
    message = content.get("msg")
    lines = message if isinstance(message, list) else [message]
    if getattr(task, "action", "") not in _DEBUG or not all(isinstance(line, str) for line in lines):
        return []
    return [visible(part) for line in lines for part in str(line).split("\n")]


class CallbackModule(Default):
    """Stdout callback; what is not of this collection is left to Ansible's own."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "tcx.m365.fleet"

    def __init__(self) -> None:
        super().__init__()
        # A run may look first and write then; what was planned must not be told as done, nor the other way round.
        self._planned, self._done = _prose.Totals(), _prose.Totals()
        self._failures = _prose.Failures()
        self._left: dict[str, Mapping[str, Any]] = {}
        self._extra: Mapping[str, Any] = {}
        self._unheaded: Any = None

    def v2_playbook_on_task_start(self, task: Any, is_conditional: Any) -> None:
        self._unheaded = task if _may_pass(task) and self._display.verbosity == 0 else None
        if self._unheaded is None:
            super().v2_playbook_on_task_start(task, is_conditional)

    def v2_runner_on_skipped(self, result: Any) -> None:
        if self._unheaded is None:
            super().v2_runner_on_skipped(result)

    def _head(self) -> None:
        """The heading of a task that came to something after all."""
        if self._unheaded is not None:
            super().v2_playbook_on_task_start(self._unheaded, False)
            self._unheaded = None

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._extra = _core_compat.extra_variables_of_play(play)
        super().v2_playbook_on_play_start(play)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._head()
        content = _core_compat.result_of(result)
        self._note(_core_compat.host_of_result(result), content)
        task = _core_compat.task_of_result(result)
        if is_fleet_result(content):
            self._show(result, content)
            return
        if self._display.verbosity == 0 and _is_ours_for_all(task) and not content.get("changed"):
            # "ok: [acme]" would be read as a word about that PBX, which may have failed.
            _core_compat.show_warnings(self, content)
            return
        message_lines = _message_lines(task, content)
        if not message_lines or self._display.verbosity > 0:
            super().v2_runner_on_ok(result)
            return
        for line in message_lines:
            self._display.display(line)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._head()
        content = _core_compat.result_of(result)
        host = _core_compat.host_of_result(result)
        self._note(host, content)
        task = _core_compat.task_of_result(result)
        for_all = _is_for_all(task)
        if is_fleet_result(content) or (content.get("error") and not for_all):
            self._show(result, dict(content, failed=True))
            return
        if not for_all:
            self._done.add_failure(host)
        action = str(getattr(task, "action", ""))
        is_sentence = content.get("error") or action in _SENTENCES or action.startswith("tcx.m365.")
        if ignore_errors or self._display.verbosity > 0 or not (is_sentence and isinstance(content.get("msg"), str)):
            super().v2_runner_on_failed(result, ignore_errors)
            return
        # Ansible would say it twice, in its own words and as JSON.
        _core_compat.show_warnings(self, content)
        heading = "FAILED" if for_all else f"# {visible(host)}: FAILED"
        self._display.display(_prose.folded(f"{heading}: {content['msg']}"), color=str(constants.COLOR_ERROR))

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._done.add_failure(_core_compat.host_of_result(result))
        super().v2_runner_on_unreachable(result)

    def v2_on_file_diff(self, result: Any) -> None:
        # The lines of each object are the diff.
        if not is_fleet_result(_core_compat.result_of(result)):
            super().v2_on_file_diff(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        planned = bool(self._planned.outcomes) and not self._was_written()
        totals = self._planned if planned else self._done
        if planned:
            totals.outcomes.update(self._done.outcomes)
        if totals.outcomes:
            self._display.banner("PLAN" if planned else "PBXS")
            for line in self._failures.lines():
                self._display.display(line, color=str(constants.COLOR_ERROR))
            for line in totals.passed_lines():
                self._display.display(line)
            if planned:
                self._display.display(totals.plan())
            self._display.display(totals.summary(check_mode=planned))
        if self._left:
            kept_in = next(filter(None, map(_way_back.directory, self._left.values())), "")
            run = str(next(iter(self._left.values()))["snapshot"])
            self._display.display(_way_back.sentence(run, kept_in, _way_back.Started.of(self._extra)))
        super().v2_playbook_on_stats(stats)

    def _note(self, host: str, content: Mapping[str, Any]) -> None:
        """Keep what the run has changed on a PBX and not undone, for the end."""
        if _way_back.is_left(content):
            self._left[host] = content
        elif content.get("rollback"):
            self._left.pop(host, None)

    def _show(self, result: Any, content: Mapping[str, Any]) -> None:
        host = _core_compat.host_of_result(result)
        check_mode = bool(getattr(_core_compat.task_of_result(result), "check_mode", False))
        if is_fleet_result(content) or host != "localhost":  # the controller itself is no PBX
            (self._planned if check_mode else self._done).add(host, content)
        unchanged = not content.get("failed") and not content.get("changes")
        is_hidden = unchanged and not self.get_option("show_unchanged")
        are_notes_told = not is_hidden and not content.get("failed")
        _core_compat.show_warnings(self, _prose.without_notes(content) if are_notes_told else content)
        if _prose.is_passed(content) or is_hidden:
            return
        detailed = (
            check_mode
            or bool(getattr(_core_compat.task_of_result(result), "diff", False))
            or self._display.verbosity > 0
        )
        first = self._failures.first(host, content) if content.get("failed") else host
        if first != host and self._display.verbosity == 0:
            # What it did before is told here; that it failed as another PBX did, at the end and for all of them.
            content = dict(content, msg=f"the same as {first}")
            if not content.get("changes"):
                return
        for line in _prose.host_lines(host, content, check_mode=check_mode, detailed=detailed):
            self._display.display(line, color=self._color(line, content))

    def _was_written(self) -> bool:
        """Whether a task outside of check mode came to an end on any PBX: then the run was more than a plan."""
        return any(outcome != "failed" for outcome in self._done.outcomes.values())

    def _color(self, line: str, content: Mapping[str, Any]) -> str | None:
        if not line.startswith("#"):
            name = _COLORS.get(line.lstrip()[:1])
        elif content.get("failed") and "FAILED" in line:
            name = "COLOR_ERROR"
        else:
            name = "COLOR_CHANGED" if content.get("changed") else "COLOR_OK"
        return str(getattr(constants, name)) if name else None
