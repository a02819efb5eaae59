# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of a batch within the task that writes: when nothing may be written, and what each PBX is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.template import Templar
from ansible_collections.tcx.m365.plugins.lookup import shared_check
from ansible_collections.tcx.m365.plugins.lookup.shared_check import LookupModule
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.batch_check import (
    BatchCheck,
    must_have_passed,
    not_written,
    stops,
    with_warnings,
)


@pytest.mark.parametrize(
    ("failed", "everywhere", "batch", "limit", "any_fatal", "expected"),
    [
        (0, 0, 10, 0.0, True, False),
        (1, 1, 10, None, False, False),
        (1, 1, 10, None, True, True),
        (0, 1, 10, None, True, False),
        (1, 1, 10, 0.0, False, True),
        (3, 3, 10, 30.0, False, False),
        (4, 4, 10, 30.0, False, True),
        (10, 10, 10, 100.0, False, True),
        (10, 10, 10, None, False, True),
        (1, 4, 10, 30.0, False, True),
        (1, 3, 10, 30.0, False, False),
        (0, 3, 5, 30.0, False, True),
    ],
)
def test_a_rollout_ends_where_ansible_would_have_ended_it(
    failed: int, everywhere: int, batch: int, limit: float | None, any_fatal: bool, expected: bool
) -> None:
    """``failed / batch_size > max_fail_percentage``, hosts of earlier batches among the failed (linear of ansible-core)."""
    assert stops(failed, everywhere, batch, limit, any_fatal=any_fatal) is expected


def test_a_check_counts_for_one_task_that_writes() -> None:
    check = BatchCheck(RunStore())
    check.keep("lyon", {"changed": False})
    check.keep("berlin", {"failed": True})
    check.keep("munich", None)
    assert [check.take(host) for host in ("berlin", "lyon", "munich")] == [False, True, False]
    assert not check.take("lyon"), "a later rollout of the run checks again"


def test_a_process_that_takes_over_a_batch_knows_who_has_failed_before() -> None:
    check = BatchCheck(RunStore())
    assert check.failed("task", ["berlin"]) == ["berlin"]
    assert check.failed("task", ["lyon", "berlin"]) == ["berlin", "lyon"]
    assert check.failed("another task", []) == []


def test_a_pbx_by_itself_that_nobody_has_checked_is_refused() -> None:
    must_have_passed(True)
    with pytest.raises(BadInput, match="nothing was written"):
        must_have_passed(False)


def test_the_warnings_of_a_check_are_told_with_the_result_or_with_why_there_is_none() -> None:
    check = {"changed": False, "warnings": ["the license ends soon"]}
    found = with_warnings(check, {"changed": True, "warnings": ["another", "the license ends soon"]})
    assert found == {"changed": True, "warnings": ["the license ends soon", "another"]}
    stopped = not_written(4, 10, check)
    assert stopped["skipped"]
    assert not stopped["changed"]
    assert stopped["warnings"] == ["the license ends soon"]
    assert stopped["skip_reason"].startswith("Nothing was written to this PBX: 4 of 10 PBXs")
    assert "warnings" not in with_warnings({}, {"changed": True})


def _answer(variables: dict[str, Any], monkeypatch: pytest.MonkeyPatch, strategy: str = "linear") -> bool:
    monkeypatch.setattr(shared_check.constants, "DEFAULT_STRATEGY", strategy)
    monkeypatch.setattr(shared_check, "_known", {})
    hostvars = variables.pop("hostvars", {"berlin": {}, "lyon": {}})
    known = {"ansible_play_hosts_all": ["berlin", "lyon"], "hostvars": hostvars, **variables}
    lookup = LookupModule(templar=Templar(loader=None, variables=known))
    return lookup.run([], known)[0]


def test_a_batch_is_checked_together_where_all_are_worked_on_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _answer({"ansible_connection": "local", "ansible_become": False}, monkeypatch) is True


@pytest.mark.parametrize(
    "variables",
    [
        {"hostvars": {"berlin": {}, "lyon": {"tcx_m365_connection": "ssh"}}},
        {"hostvars": {"berlin": {"tcx_m365_become": True}, "lyon": {}}},
        {"hostvars": {"berlin": {"tcx_m365_in_process": False}, "lyon": {}}},
        {"tcx_m365_in_process": False},  # a variable of the play
        {"hostvars": None},
        {"ansible_connection": "ssh"},
        {"ansible_become": "yes"},
        {"ansible_play_hosts_all": []},
    ],
)
def test_each_host_checks_itself_where_one_may_be_elsewhere(
    variables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _answer(dict(variables), monkeypatch) is False


@pytest.mark.parametrize("strategy", ["free", "ansible.builtin.host_pinned"])
def test_each_host_checks_itself_with_another_strategy(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _answer({}, monkeypatch, strategy) is False


def test_all_batches_get_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 2.21 on ansible-core evaluates ``run_once`` of a task for the first batch, and keeps it for the others."""
    monkeypatch.setattr(shared_check, "_known", {})
    monkeypatch.setattr(shared_check.constants, "DEFAULT_STRATEGY", "linear")
    hostvars: dict[str, Any] = {"berlin": {}, "lyon": {"tcx_m365_connection": "ssh"}}
    lookup = LookupModule(templar=Templar(loader=None, variables={}))
    known = {"ansible_play_hosts_all": ["berlin", "lyon"], "hostvars": hostvars}
    answers = [lookup.run([], {**known, "ansible_play_batch": [host]}) for host in ("berlin", "lyon")]
    assert answers == [[False], [False]]
    assert lookup.run([], {**known, "ansible_play_hosts_all": ["berlin"]}) == [True]
