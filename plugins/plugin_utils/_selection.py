# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``--tags``, ``--skip-tags`` and ``--start-at-task`` leave of a run: Ansible ends with 0 where they leave nothing.

A play does not know which of its tasks are left out, and no task of it can say so. So the playbooks of the command line are
loaded a second time, as ``--list-tasks`` loads them.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat

_OURS = Path(__file__).resolve().parents[2] / "playbooks"
_EVERYTHING = ["all"]
_REMEDY = "Leave the option out, or set allow_no_hosts=true if nothing is to be done."


def why_nothing_is_done(options: Mapping[str, Any], loader: Any, variables: Mapping[str, Any]) -> str:
    """Why the command line leaves no task, or not those on which a playbook of ours rests; empty where it leaves them.

    :param options: of the command line, by the names of Ansible.
    """
    tags = _tags(options)
    start = str(options.get("start_at_task") or "")
    playbooks = [str(playbook) for playbook in options.get("args") or ()]
    if not playbooks or not (tags or start):
        return ""  # without playbooks, a program that is no command line has loaded them
    plays = _core_compat.plays_of_run(loader, playbooks)
    if plays is None:
        return ""
    tasks = [task for play in plays for task in _core_compat.tasks_of_play(play, variables)]
    where = ", ".join(playbooks)
    if not tasks:
        return f"No task to run: {' '.join(tags)} leaves no task of {where}. {_REMEDY}"
    if not start:
        return ""
    first = next((task for task in tasks if _is_named(task, start)), None)
    if first is None:
        return f"No task to run: none of {where} has the name of --start-at-task: {start!r}. {_REMEDY}"
    return _why_it_rests_on_others(first, tasks)


def _tags(options: Mapping[str, Any]) -> list[str]:
    """The options that choose tasks by tags, as they are written."""
    chosen = [str(tag) for tag in options.get("tags") or ()]
    left_out = [str(tag) for tag in options.get("skip_tags") or ()]
    written = [] if chosen in ([], _EVERYTHING) else [f"--tags {','.join(chosen)}"]
    return written + ([f"--skip-tags {','.join(left_out)}"] if left_out else [])


def _is_named(task: Any, name: str) -> bool:
    """Whether Ansible would start at this task."""
    return any(fnmatch.fnmatch(known, name) or known == name for known in (str(task.name or ""), task.get_name()))


def _why_it_rests_on_others(first: Any, tasks: list[Any]) -> str:
    """Each task of our playbooks rests on those before it in its play, the checks among them; before the first one of a play
    Ansible gathers facts then, although the play says that it does not."""
    play = _core_compat.play_of(first)
    before = next(task for task in tasks if _core_compat.play_of(task) is play)
    path = Path(str(play.get_path() or "").rpartition(":")[0])
    if _OURS not in path.resolve().parents:
        return ""
    if before is first:
        return f"--start-at-task {first.name!r} is the first task, and Ansible would gather facts before it. Leave the option out."
    return (
        f"--start-at-task {first.name!r} would leave out the task {before.name!r}, on which it rests. Run the playbook as a whole; "
        "--limit chooses the PBXs."
    )
