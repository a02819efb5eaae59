# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether one host may do the work of a task for the other hosts of its batch.

Only when it is certain that each of them would run the very same task now: a condition, a rescue section, an include or
a strategy without lockstep may keep a host from it, and then nothing may be done to that host. Otherwise every host is
worked on by itself, as with any other task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat

_LOCKSTEP = frozenset(("linear", "ansible.builtin.linear", "ansible.legacy.linear"))
_OF_ONE_HOST = ("loop", "loop_with", "delegate_to", "run_once", "until")

SAME_FOR_ALL = "not (query('tcx.m365.shared_check') | first)"
"""The one condition that is known to be the same for all hosts of a batch. The playbook of the rollout has it."""


def may_share(task: Any, play: Any, task_vars: Mapping[str, Any]) -> bool:
    """Whether every host of the batch runs this task, with the same options, at the same time.

    :param task: the task as its worker has it.
    """
    if play is None or str(play.strategy) not in _LOCKSTEP or "ansible_loop_var" in task_vars:
        return False
    if any(getattr(task, name, None) for name in _OF_ONE_HOST) or _core_compat.is_handler(task):
        return False
    if any(str(condition).strip() != SAME_FOR_ALL for condition in getattr(task, "when", None) or ()):
        return False
    source, around = _core_compat.source_of(task), _core_compat.ancestors(task)
    if source is None or around is None or _differs_by_host(source, str(task.action)):
        return False
    return not any(
        _core_compat.splits_hosts(node) or _is_template(_core_compat.raw_check_mode(node)) for node in around
    )


def _differs_by_host(source: Mapping[str, Any], action: str) -> bool:
    """Whether the task, as it was written, has options or a check mode that a template gives."""
    if _is_template(source.get("check_mode")):
        return True
    written = ("args", "action", "local_action", action, action.rsplit(".", 1)[-1])
    options = [source[name] for name in written if name in source]
    return any(
        _is_template(value)
        for option in options
        for name, value in (option.items() if isinstance(option, Mapping) else [("", option)])
        if name not in ("concurrency", "processes", "max_unhealthy_percentage", "on_stop")
    )


def _is_template(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_is_template(item) for item in value)
    return isinstance(value, str) and "{{" in value
