# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A message names the variable that somebody has set, and not the option of a task that he has never seen."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.template import Templar
from ansible_collections.tcx.m365.plugins.action import fleet_rollout
from ansible_collections.tcx.m365.plugins.plugin_utils._option_variables import variables_of_options

ROOT = Path(__file__).resolve().parents[4]
OURS = "tcx.m365.fleet_compliance"


def names(source: dict[str, Any]) -> dict[str, str]:
    """Of a task that was written so."""
    action = next(name for name in source if name.startswith("tcx.m365.")) if "action" not in source else OURS
    return dict(variables_of_options(SimpleNamespace(action=action, get_ds=lambda: source)))


def test_a_release_that_does_not_tell_how_a_task_was_written_takes_the_options_own_names() -> None:
    assert dict(variables_of_options(SimpleNamespace(action=OURS))) == {}


@pytest.mark.parametrize(
    ("template", "variable"),
    [
        ("{{ compliance_keep }}", "compliance_keep"),
        ("{{- compliance_keep | default(omit, true) }}", "compliance_keep"),
        ("{{ mine.keep }}", "mine"),
        ("{{ lookup('env', 'KEEP') }}", None),
        ("{{ [compliance_keep] }}", None),
        ("30", None),
        (30, None),
    ],
)
def test_an_option_is_known_by_the_variable_in_its_template(template: Any, variable: str | None) -> None:
    expected = {"keep": variable} if variable else {}
    assert names({OURS: {"keep": template}}) == expected
    assert names({"action": OURS, "args": {"keep": template}}) == expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("roles/compliance/tasks/main.yml", {"fail_on": "compliance_fail_on", "min_hosts": "compliance_min_hosts"}),
        ("playbooks/orphans.yml", {"fail": "orphans_fail"}),
        ("playbooks/capture.yml", {"format": "capture_list"}),
    ],
)
def test_the_shipped_tasks_name_the_variables_of_the_readme(file: str, expected: dict[str, str]) -> None:
    content = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
    tasks = content[0].get("tasks", content)
    found: dict[str, str] = {}
    for task in tasks:
        action = next((name for name in task if name.startswith("tcx.m365.fleet_")), None)
        if action:
            found.update(names({action: task[action]}))
    assert expected.items() <= found.items()


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({}, {"concurrency": 7, "on_stop": "rollback"}),
        ({"check_first": True, "concurrency": 3}, {"check_first": True, "concurrency": 3, "on_stop": "rollback"}),
        ({"operation": "rollout"}, {"operation": "rollout", "concurrency": 7, "on_stop": "rollback"}),
        ({"operation": "offboard"}, {"operation": "offboard"}),
        ({"steps": ["application"]}, {"steps": ["application"]}),
    ],
)
def test_a_rollout_takes_from_variables_what_its_task_does_not_say(
    stated: dict[str, Any], expected: dict[str, Any]
) -> None:
    known = {"rollout_concurrency": 7, "rollout_on_stop": "rollback", "rollout_serial": 2}
    action = object.__new__(fleet_rollout.ActionModule)
    action._task = SimpleNamespace(args=stated, action="tcx.m365.fleet_rollout")
    action._templar = Templar(loader=None, variables=known)
    options, known_as = action._stated(known)
    assert options == expected
    taken = {name: f"rollout_{name}" for name in expected if name in ("concurrency", "on_stop") and name not in stated}
    assert known_as == taken
