# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One host does the work of a task for others only where each of them certainly runs that task now."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.handler import Handler
from ansible.playbook.play import Play
from ansible.vars.manager import VariableManager
from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.sharing import SAME_FOR_ALL, may_share

# Any action does; unit tests have no loader for those of a collection.
ACTION = "debug"
TASK: dict[str, Any] = {ACTION: {"steps": ["application"]}}


def trusted(value: Any) -> Any:
    """As if it came from a playbook, whose templates ansible-core 2.19 and newer evaluate."""
    try:
        from ansible.template import trust_as_template
    except ImportError:
        return value
    if isinstance(value, dict):
        return {name: trusted(item) for name, item in value.items()}
    if isinstance(value, list):
        return [trusted(item) for item in value]
    return trust_as_template(value) if isinstance(value, str) else value


def first_task(tasks: list[dict[str, Any]], **keywords: Any) -> tuple[Any, Any]:
    source = trusted({"hosts": "all", "gather_facts": False, "tasks": tasks, **keywords})
    play = Play.load(source, variable_manager=VariableManager(loader=DataLoader()), loader=DataLoader())
    found: list[Any] = []

    def walk(entries: list[Any]) -> None:
        for entry in entries:
            if hasattr(entry, "block"):
                walk([*entry.block, *entry.rescue, *entry.always])
            elif str(entry.action) == ACTION:
                found.append(entry)

    for block in play.compile():
        walk([block])
    return found[0], play


def test_a_plain_task_is_shared() -> None:
    task, play = first_task([TASK])
    assert may_share(task, play, {})
    task, play = first_task([{"block": [TASK]}])
    assert may_share(task, play, {})
    task, play = first_task([{ACTION: {"concurrency": "{{ rollout_concurrency }}"}}])
    assert may_share(task, play, {})


def test_the_condition_of_the_rollout_keeps_no_single_host_from_it() -> None:
    task, play = first_task([{**TASK, "when": SAME_FOR_ALL}])
    assert may_share(task, play, {})
    task, play = first_task([{**TASK, "when": [SAME_FOR_ALL, "wanted"]}])
    assert not may_share(task, play, {})
    playbook = Path(__file__).resolve().parents[5] / "playbooks" / "rollout.yml"
    assert f"when: {SAME_FOR_ALL}\n" in playbook.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "tasks",
    [
        [{**TASK, "when": "inventory_hostname != 'acme'"}],
        [{"block": [TASK], "when": "wanted"}],
        [{"block": [TASK], "rescue": [{"fail": {}}]}],
        [{"block": [{"block": [TASK]}], "always": [{"fail": {}}]}],
        [{"block": [{"fail": {}}], "rescue": [TASK]}],
        [{**TASK, "loop": [1, 2]}],
        [{**TASK, "run_once": True}],
        [{**TASK, "delegate_to": "jump"}],
        [{**TASK, "check_mode": "{{ careful }}"}],
        [{"block": [TASK], "check_mode": "{{ careful }}"}],
        [{ACTION: {"steps": "{{ steps_of_this_host }}"}}],
        [{ACTION: {"operation": "{{ operation_of_this_host }}"}}],
        [{ACTION: "steps={{ steps_of_this_host }}"}],
        [{"action": {"module": ACTION, "steps": "{{ steps_of_this_host }}"}}],
    ],
    ids=[
        "when",
        "when of block",
        "rescue",
        "always",
        "in rescue",
        "loop",
        "run_once",
        "delegate_to",
        "check_mode",
        "check_mode of block",
        "steps",
        "operation",
        "free form",
        "action",
    ],
)
def test_whatever_may_keep_a_host_from_it_is_not_shared(tasks: list[dict[str, Any]]) -> None:
    task, play = first_task(tasks)
    assert not may_share(task, play, {})


def test_neither_without_lockstep_nor_in_a_loop_nor_as_a_handler() -> None:
    for strategy in ("free", "host_pinned", "mitogen_free"):
        task, play = first_task([TASK], strategy=strategy)
        assert not may_share(task, play, {})
    task, play = first_task([TASK])
    assert not may_share(task, play, {"ansible_loop_var": "item"})
    assert not may_share(Handler.load(trusted(TASK)), play, {})
    assert not may_share(task, None, {})


def test_an_include_that_each_host_decides_upon_is_not_shared() -> None:
    task, play = first_task([TASK])
    [*_inner, outer] = _core_compat.ancestors(task) or ()
    outer._parent = SimpleNamespace(statically_loaded=False)
    assert not may_share(task, play, {})
    outer._parent = SimpleNamespace(statically_loaded=True)
    assert may_share(task, play, {})
