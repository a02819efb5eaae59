# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of a batch in one task: when nothing may be written, and what each PBX is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.template import Templar
from ansible_collections.tcx.m365.plugins.lookup import shared_check
from ansible_collections.tcx.m365.plugins.lookup.shared_check import LookupModule
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.checked import Checked, stops


@pytest.mark.parametrize(
    ("failed", "before", "batch", "limit", "any_fatal", "expected"),
    [
        (0, 0, 10, 0.0, True, False),
        (1, 0, 10, None, False, False),
        (1, 0, 10, None, True, True),
        (1, 0, 10, 0.0, False, True),
        (3, 0, 10, 30.0, False, False),
        (4, 0, 10, 30.0, False, True),
        (10, 0, 10, 100.0, False, True),
        (1, 3, 10, 30.0, False, True),
        (1, 2, 10, 30.0, False, False),
    ],
)
def test_a_rollout_ends_where_ansible_would_have_ended_it(
    failed: int, before: int, batch: int, limit: float | None, any_fatal: bool, expected: bool
) -> None:
    """``failed / batch_size > max_fail_percentage``, hosts of earlier batches among the failed (linear of ansible-core)."""
    assert stops(failed, before, batch, limit, any_fatal=any_fatal) is expected


def test_a_pbx_that_failed_ends_with_that_result_once_and_the_others_go_on() -> None:
    checked = Checked(RunStore())
    checked.keep({"berlin": {"failed": True, "msg": "refused"}}, ["lyon"], "")
    assert checked.take("lyon") is None
    assert checked.take("berlin") == {"failed": True, "msg": "refused"}
    assert checked.take("berlin") is None, "a later rollout of the run begins anew"


def test_where_too_many_failed_nothing_is_written_to_those_that_passed() -> None:
    checked = Checked(RunStore())
    checked.keep({"berlin": {"failed": True}}, ["lyon"], "Nothing was written to this PBX.")
    found = checked.take("lyon") or {}
    assert found["skipped"]
    assert not found["changed"]
    assert found["msg"] == "Nothing was written to this PBX."


def test_a_new_check_replaces_what_an_earlier_one_has_left() -> None:
    checked = Checked(RunStore())
    checked.keep({"berlin": {"failed": True}}, ["lyon"], "stopped")
    checked.keep({}, ["berlin", "lyon"], "")
    assert [checked.take(host) for host in ("berlin", "lyon")] == [None, None]


def _answer(variables: dict[str, Any], monkeypatch: pytest.MonkeyPatch, strategy: str = "linear") -> bool:
    monkeypatch.setattr(shared_check.constants, "DEFAULT_STRATEGY", strategy)
    monkeypatch.setattr(shared_check, "_known", {})
    hostvars = variables.pop("hostvars", {"berlin": {}, "lyon": {}})
    known = {"ansible_play_batch": ["berlin", "lyon"], "hostvars": hostvars, **variables}
    lookup = LookupModule(templar=Templar(loader=None, variables=known))
    return lookup.run([], known)[0]


def test_one_task_checks_the_batch_where_all_are_worked_on_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _answer({"ansible_connection": "local", "ansible_become": False}, monkeypatch) is True


@pytest.mark.parametrize(
    "variables",
    [
        {"hostvars": {"berlin": {}, "lyon": {"tcx_m365_connection": "ssh"}}},
        {"hostvars": {"berlin": {"tcx_m365_become": True}, "lyon": {}}},
        {"hostvars": {"berlin": {"tcx_m365_in_process": False}, "lyon": {}}},
        {"ansible_connection": "ssh"},
        {"ansible_become": "yes"},
        {"ansible_play_batch": []},
    ],
)
def test_each_host_checks_itself_where_one_may_be_elsewhere(
    variables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _answer(dict(variables), monkeypatch) is False


@pytest.mark.parametrize("strategy", ["free", "ansible.builtin.host_pinned"])
def test_each_host_checks_itself_with_another_strategy(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _answer({}, monkeypatch, strategy) is False
