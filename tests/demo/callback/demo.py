# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a demo shows of a playbook run: one line per task with how many PBXs it changed, and each failure in full."""

from __future__ import annotations

import os
import textwrap
from collections import defaultdict
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: demo
type: stdout
short_description: One line per task
description: Counts per task, the sentence of each failure, and nothing else.
"""

_WIDTH = 110
_ORDER = ("changed", "ok", "skipped", "failed")
_STEPS = {
    "pbx": "the PBX",
    "preflight": "the caller's rights in the tenant, and the certificate",
    "application": "the application in Entra",
    "grant": "consent",
    "settings": "the settings of the 3CX console",
    "sign_in": "would a sign-in work?",
}
_TOTALS = ("changed", "unchanged", "failed")


class CallbackModule(CallbackBase):
    """Stdout callback of the demo."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "demo"

    def __init__(self) -> None:
        super().__init__()
        self._name = ""
        self._counts: dict[str, int] = defaultdict(int)
        self._failures: list[tuple[str, str]] = []
        self._steps: dict[str, dict[str, int]] = {}
        self._told: set[str] = set()
        self._quiet = False
        self._reports = False

    def v2_playbook_on_play_start(self, play: Any) -> None:
        # A compliance run has one task for all PBXs, so that counts of hosts would mislead.
        self._reports = "report" in play.get_name()

    def v2_playbook_on_task_start(self, task: Any, **_options: Any) -> None:
        self._finish()
        self._name = task.get_name().split(" : ", 1)[-1]
        self._quiet = self._name.startswith("Validating arguments")

    def v2_runner_on_ok(self, result: Any) -> None:
        content = result._result
        self._count_steps(content)
        self._counts["changed" if content.get("changed") else "ok"] += 1
        if "msg" in content and self._name.startswith("Say "):
            self._display.display(textwrap.indent(str(content["msg"]), "    "))

    def _count_steps(self, content: Any) -> None:
        for step, outcome in content.get("steps", {}).items():
            self._steps.setdefault(_STEPS[step], defaultdict(int))[outcome] += 1

    def v2_runner_on_skipped(self, *_result: Any) -> None:
        self._counts["skipped"] += 1

    def v2_runner_on_failed(self, result: Any, **_options: Any) -> None:
        self._count_steps(result._result)
        self._counts["failed"] += 1
        self._failures.append((result._host.get_name(), str(result._result.get("msg", ""))))

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self.v2_runner_on_failed(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._finish()
        totals: dict[str, int] = defaultdict(int)
        for host in stats.processed:
            summary = stats.summarize(host)
            outcome = "failed" if summary["failures"] or summary["unreachable"] else "unchanged"
            totals["changed" if outcome == "unchanged" and summary["changed"] else outcome] += 1
        if not self._reports:
            counts = ", ".join(f"{totals[name]} {name}" for name in _TOTALS if totals[name])
            self._display.display(f"  = PBXs: {counts}")

    def _finish(self) -> None:
        seen = any(self._counts[name] for name in _ORDER if name != "skipped")
        if self._name and seen and not self._quiet and not self._name.startswith("Say "):
            self._show(f"  - {self._name}", {} if self._steps else self._counts)
        for step, outcomes in self._steps.items():
            if step not in self._told:
                self._show(f"      {step}", outcomes)
        self._told.update(self._steps)
        for host, message in sorted(self._failures):
            shown = message.split(": ", 1)[0] + ", as before" if os.environ.get("DEMO_BRIEF") else message
            lines = textwrap.wrap(f"{host}: {shown}", _WIDTH, initial_indent="      ", subsequent_indent="        ")
            self._display.display("\n".join(lines))
        self._name = ""
        self._counts.clear()
        self._steps.clear()
        self._failures.clear()

    def _show(self, title: str, outcomes: dict[str, int]) -> None:
        counts = ", ".join(f"{outcomes[name]} {name}" for name in _ORDER if outcomes.get(name))
        self._display.display(f"{title}: {counts}" if counts else title)
