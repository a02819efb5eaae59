# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One host works for all of a batch; when the others get their results, and that nobody's work is lost or done twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.shared_task import Result, SharedTask

BATCH = ["berlin", "lyon", "munich"]


@pytest.fixture(params=[True, False], ids=["as files", "in memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RunStore:
    return RunStore(str(tmp_path) if request.param else None)


class Slow:
    """Work on a batch that goes on with its second half when it is told to."""

    def __init__(self) -> None:
        self.begun, self.on = threading.Event(), threading.Event()
        self.rounds: list[list[str]] = []

    def __call__(self, hosts: list[str]) -> Iterator[tuple[str, Result | None]]:
        self.rounds.append(hosts)
        yield "lyon", {"n": 1}
        self.begun.set()
        assert self.on.wait(10)
        yield "berlin", {"n": 1}
        yield "lyon", {"n": 2}
        yield "munich", None


def test_the_first_works_for_all(store: RunStore) -> None:
    work = Slow()
    work.on.set()
    task = SharedTask(store, "task")
    found = [task.result_of(host, BATCH, work, as_they_come=False) for host in BATCH]
    assert found == [{"n": 1}, {"n": 2}, None]
    assert work.rounds == [BATCH]


@pytest.mark.parametrize("as_they_come", [True, False])
def test_a_result_is_given_out_early_only_where_it_is_final(store: RunStore, as_they_come: bool) -> None:
    work, task = Slow(), SharedTask(store, "task")
    found: dict[str, Result | None] = {}

    def take(host: str) -> None:
        found[host] = task.result_of(host, BATCH, work, as_they_come=as_they_come)

    first = threading.Thread(target=take, args=["berlin"])
    first.start()
    assert work.begun.wait(10)
    second = threading.Thread(target=take, args=["lyon"])
    second.start()
    if as_they_come:
        second.join(10)
        assert found == {"lyon": {"n": 1}}, "while another host is worked on"
    work.on.set()
    first.join(10)
    second.join(10)
    assert found == {"berlin": {"n": 1}, "lyon": {"n": 1 if as_they_come else 2}}
    assert work.rounds == [BATCH]


@pytest.mark.parametrize("as_they_come", [True, False])
def test_who_works_for_all_and_ends_leaves_the_rest_to_the_next(store: RunStore, as_they_come: bool) -> None:
    def broken(_hosts: list[str]) -> Iterator[tuple[str, Result | None]]:
        yield "berlin", {"n": 1}
        raise RuntimeError("killed")

    task = SharedTask(store, "task")
    with pytest.raises(RuntimeError):
        task.result_of("lyon", BATCH, broken, as_they_come=as_they_come)
    rounds: list[list[str]] = []

    def work(hosts: list[str]) -> Iterator[tuple[str, Result | None]]:
        rounds.append(hosts)
        yield from ((host, {"n": 2}) for host in hosts)

    found = [task.result_of(host, BATCH, work, as_they_come=as_they_come) for host in BATCH]
    assert found == [{"n": 1}, {"n": 2}, {"n": 2}]
    assert rounds == [["lyon", "munich"]]


def test_a_result_is_given_once(store: RunStore) -> None:
    work = Slow()
    work.on.set()
    task = SharedTask(store, "task")
    assert task.result_of("berlin", BATCH, work, as_they_come=True) == {"n": 1}
    assert task.result_of("berlin", BATCH, work, as_they_come=True) is None, "the task is tried again: by itself"
