# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sweep answers for every host exactly once, whatever happens to a host or to a process."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils import _watch
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet import sweep as module
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.sweep import Say, Sweepers, sweep

HOSTS = [f"pbx{number:03}" for number in range(60)]


def _check(host: str, say: Say) -> dict[str, Any]:
    say("notice", f"{host} is waiting")
    if host == "pbx007":
        raise RuntimeError("something nobody foresaw")
    return {"host": host, "process": os.getpid()}


def _die(host: str, _say: Say) -> dict[str, Any]:
    if host == "pbx010":
        os.kill(os.getpid(), signal.SIGKILL)
    return {"host": host}


@pytest.mark.parametrize("processes", [1, 3])
def test_every_host_is_answered_for_once_and_in_its_own_words(processes: int) -> None:
    found = list(sweep(HOSTS, _check, threads=9, processes=processes))
    assert sorted(host for host, _result in found) == HOSTS
    results = dict(found)
    assert "something nobody foresaw" in results.pop("pbx007")["crashed"]
    assert all(result["host"] == host for host, result in results.items())
    assert len({result["process"] for result in results.values()}) == processes


@pytest.mark.parametrize(("hosts", "processes"), [(0, 2), (5, 2), (75, 2), (1000, 3), (10_000, 4)])
def test_each_process_has_its_share_of_neighbors_in_the_inventory(hosts: int, processes: int) -> None:
    names = [f"pbx{number}" for number in range(hosts)]
    shares = module._shares(names, processes)
    assert sorted(host for share in shares for host in share) == sorted(names)
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= max(1, hosts // (16 * processes))
    if (
        hosts == 10_000
    ):  # what is said of one host is read from the same pages of memory as what is said of the next one
        assert shares[0][:9] == [*names[:8], names[32]]


def test_the_hosts_of_a_process_that_was_killed_are_reported() -> None:
    found = dict(sweep(HOSTS, _die, threads=3, processes=3))
    assert sorted(found) == HOSTS
    assert "terminated unexpectedly" in found["pbx010"]["crashed"]
    healthy = [host for host in HOSTS if "crashed" not in found[host]]
    assert len(healthy) >= 40


def test_little_work_stays_in_this_process() -> None:
    assert {result["process"] for _host, result in sweep(HOSTS[:5], _check, threads=5)} == {os.getpid()}


@pytest.mark.parametrize("processes", [1, 3])
def test_what_is_said_meanwhile_is_heard_here_once_and_before_the_result(processes: int) -> None:
    heard: list[tuple[str, str, str]] = []
    for host, _result in sweep(HOSTS, _check, threads=9, processes=processes, hear=lambda *said: heard.append(said)):
        assert (host, "notice", f"{host} is waiting") in heard
    assert len(heard) == len(HOSTS)


def _exit(host: str, _say: Say) -> dict[str, Any]:
    if host == "pbx003":
        raise SystemExit(3)
    return {"host": host}


def test_work_that_ends_its_thread_does_not_keep_the_others_waiting() -> None:
    found = dict(sweep(HOSTS, _exit, threads=9, processes=1))
    assert sorted(found) == HOSTS
    assert "SystemExit" in found["pbx003"]["crashed"]


@pytest.mark.parametrize("processes", [1, 2])
def test_one_slow_pbx_is_named_while_everybody_waits_for_it(processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROGRESS_S", 0.1)
    said: list[str] = []

    def work(host: str, _say: Say) -> dict[str, Any]:
        time.sleep(1.5 if host == "slow\x1b" else 0)
        return {}

    hosts = ["acme", "bolt", "slow\x1b"]
    list(sweep(hosts, work, threads=3, processes=processes, progress=said.append))
    assert said[-1] == "2 of 3 PBXs done, waiting for slow\\x1b"
    assert not any(sentence.startswith("3 of 3") for sentence in said)


def test_of_many_that_are_not_done_the_number_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROGRESS_S", 0.1)
    said: list[str] = []

    def work(_host: str, _say: Say) -> dict[str, Any]:
        time.sleep(1)
        return {}

    list(sweep([f"pbx{number}" for number in range(8)], work, threads=8, processes=1, progress=said.append))
    assert said[0] == "0 of 8 PBXs done"


class _Seen:
    """Work that remembers which hosts its process has seen."""

    def __init__(self) -> None:
        self._hosts: list[str] = []

    def __call__(self, host: str, _say: Say, asked: str) -> dict[str, Any]:
        if asked == "end" and host == HOSTS[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        self._hosts.append(host)
        return {"asked": asked, "times": self._hosts.count(host), "process": os.getpid()}


@pytest.mark.parametrize("processes", [1, 3])
def test_a_second_pass_finds_what_the_process_knew_of_a_host(processes: int) -> None:
    with contextlib.closing(Sweepers(HOSTS, _Seen(), threads=9, processes=processes)) as sweepers:
        first = dict(sweepers.sweep(HOSTS, "check"))
        second = dict(sweepers.sweep(HOSTS[5:], "write"))
    assert sorted(first) == HOSTS
    assert sorted(second) == HOSTS[5:]
    assert {(result["asked"], result["times"]) for result in second.values()} == {("write", 2)}
    assert all(second[host]["process"] == first[host]["process"] for host in second)


def test_a_second_pass_is_made_for_the_hosts_of_a_process_that_ended_in_the_first() -> None:
    with contextlib.closing(Sweepers(HOSTS, _Seen(), threads=3, processes=3)) as sweepers:
        first = dict(sweepers.sweep(HOSTS, "end"))
        second = dict(sweepers.sweep(HOSTS[1:], "write"))
    assert "terminated unexpectedly" in first[HOSTS[0]]["crashed"]
    assert sorted(second) == HOSTS[1:]
    assert not any("crashed" in result for result in second.values())


def test_a_process_that_is_killed_between_two_passes_is_replaced() -> None:
    with contextlib.closing(Sweepers(HOSTS, _Seen(), threads=3, processes=3)) as sweepers:
        first = dict(sweepers.sweep(HOSTS, "check"))
        os.kill(first[HOSTS[0]]["process"], signal.SIGKILL)
        while _is_running(first[HOSTS[0]]["process"]):
            time.sleep(0.01)
        second = dict(sweepers.sweep(HOSTS, "write"))
    assert [host for host in HOSTS if second[host]["times"] == 1] == HOSTS[::3]


def test_a_process_that_gave_a_host_up_makes_no_second_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that was given up may hold a lock that the others need."""
    monkeypatch.setattr(_watch, "FIRST_S", 0.3)
    monkeypatch.setattr(_watch, "GRACE_S", 0.0)

    def work(host: str, _say: Say, asked: str) -> dict[str, Any]:
        if (host, asked) == (HOSTS[0], "check"):
            time.sleep(30)
        return {"process": os.getpid()}

    with contextlib.closing(Sweepers(HOSTS, work, threads=4, processes=2)) as sweepers:
        first = dict(sweepers.sweep(HOSTS, "check"))
        second = dict(sweepers.sweep(HOSTS, "write"))
    assert first[HOSTS[0]]["late"]
    assert second[HOSTS[2]]["process"] != first[HOSTS[2]]["process"]
    assert second[HOSTS[1]]["process"] == first[HOSTS[1]]["process"]


def test_no_process_is_left_when_the_passes_are_over() -> None:
    with contextlib.closing(Sweepers(HOSTS, _Seen(), threads=3, processes=3)) as sweepers:
        processes = {result["process"] for _host, result in sweepers.sweep(HOSTS, "check")}
    assert len(processes) == 3
    assert not any(_is_running(process) for process in processes)


def _is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
