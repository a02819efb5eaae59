# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""Tells a person, without any configuration, what a rollout does to each PBX while it does it.

Ansible's own callback says ``changed: [acme]``. What a program reads (a JSON callback) is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible import constants
from ansible.utils.display import Display
from ansible_collections.tcx.m365.plugins.plugin_utils._prose import Totals, host_lines

_FOR_PEOPLE = frozenset(("default", "yaml", "debug", "dense", "awx_display", "unixy"))
"""Stdout callbacks that a person reads. That of this collection tells the same itself."""

display = Display()


class Narrator:
    """Says on a person's terminal what was done to each PBX, while it is done; to a program's callback it says nothing."""

    def __init__(self, task: Any, hosts: int) -> None:
        self._check_mode = bool(task.check_mode)
        self._detailed = self._check_mode or bool(getattr(task, "diff", False)) or display.verbosity > 0
        self._listens = constants.DEFAULT_STDOUT_CALLBACK.rpartition(".")[2] in _FOR_PEOPLE and hosts > 0
        self._totals = Totals()

    def tell(self, host: str, result: Mapping[str, Any]) -> None:
        """One PBX. The callback shows a failure itself; what was changed before it is told here."""
        self._totals.add(host, result)
        shown = {**result, "failed": False, "status": {}, "steps": {}} if result.get("failed") else result
        if self._listens and (shown.get("changes") or not result.get("failed")):
            for line in host_lines(host, shown, check_mode=self._check_mode, detailed=self._detailed):
                display.display(line)

    def end(self) -> None:
        """One line for all, in check mode after the plan in numbers."""
        if self._listens:
            if self._check_mode:
                display.display(self._totals.plan())
            display.display(self._totals.summary(check_mode=self._check_mode))
