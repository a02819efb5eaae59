# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sweep ends and answers for every host, whatever one of them does; and it stops when nobody waits for it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils import _errors as errors
from ansible_collections.tcx.m365.plugins.module_utils import _lifeline
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability, Outcome, Task
from ansible_collections.tcx.m365.plugins.module_utils._time import Clock
from ansible_collections.tcx.m365.plugins.plugin_utils import _watch
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import run_capability
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet import sweep as sweeping
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.sweep import Say, sweep

HOSTS = [f"pbx{number:03}" for number in range(20)]
REPOSITORY = Path(__file__).resolve().parents[5]


def _stuck(host: str, _say: Say) -> dict[str, Any]:
    if host == "pbx003":
        threading.Event().wait()  # a call that no deadline of ours reaches
    _watch.begin(30)
    return {"host": host}


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("threads", [2, 20])
def test_a_host_that_does_not_end_is_given_up_and_the_others_are_done(
    monkeypatch: pytest.MonkeyPatch, processes: int, threads: int
) -> None:
    monkeypatch.setattr(_watch, "FIRST_S", 0.5)
    monkeypatch.setattr(_watch, "GRACE_S", 0.0)
    found = dict(sweep(HOSTS, _stuck, threads=threads, processes=processes))
    assert sorted(found) == HOSTS
    late = found.pop("pbx003")
    assert late["late"]
    assert "deadline" in late["crashed"]
    assert found == {host: {"host": host} for host in HOSTS if host != "pbx003"}


@pytest.mark.parametrize("processes", [1, 2])
def test_hosts_that_wait_do_not_keep_the_others_waiting(monkeypatch: pytest.MonkeyPatch, processes: int) -> None:
    """As many as there are threads wait until nobody else is left; each process can do its own without them."""
    monkeypatch.setattr(sweeping, "SLOW_S", 0.1)
    monkeypatch.setattr(sweeping, "_TICK_S", 0.05)
    slow = set(HOSTS[:4])
    done: list[str] = []

    def work(host: str, _say: Say) -> dict[str, Any]:
        if host not in slow:
            done.append(host)
            return {"host": host}
        ends = time.monotonic() + 20
        while len(done) < (len(HOSTS) - len(slow)) / processes and time.monotonic() < ends:
            time.sleep(0.01)
        return {"host": host, "late": time.monotonic() >= ends}

    found = dict(sweep(HOSTS, work, threads=4, processes=processes))
    assert sorted(found) == HOSTS
    assert [host for host in slow if found[host]["late"]] == []


def _waits(task: Task) -> Outcome:
    """As long as there is something to wait for, half a second at most each time."""
    ready = task.params["until"]
    done, _value = task.context.deadline.until(lambda: (Path(ready).exists(), None), "a fact is not readable yet")
    return Outcome({"ready": done})


WAITS = Capability("waits", {"until": {"type": "str"}, "deadline": {"type": "int", "default": 20}}, _waits)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_pbx_that_waits_for_a_fact_gives_its_place_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, processes: int
) -> None:
    """All places are taken by PBXs that wait until all others are done, however short the wait is."""
    monkeypatch.setattr(sweeping, "SLOW_S", 1000.0)
    waiting, others = set(HOSTS[:4]), len(HOSTS) - 4

    def work(host: str, _say: Say) -> dict[str, Any]:
        if host in waiting:
            fact = {"until": str(tmp_path / "fact")}
            return run_capability(WAITS, fact, check_mode=False, store=RunStore(None))
        (tmp_path / host).touch()
        if len(list(tmp_path.iterdir())) == others:
            (tmp_path / "fact").touch()
        return {"host": host}

    found = dict(sweep(HOSTS, work, threads=4, processes=processes))
    assert sorted(found) == HOSTS
    assert [found[host].get("ready") for host in sorted(waiting)] == [True] * 4, found


def test_hosts_that_have_waited_are_not_added_to_those_that_are_worked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """They go on at once; so many others as have their places end theirs and begin no other host."""
    monkeypatch.setattr(sweeping, "_TICK_S", 0.05)
    at_work: set[str] = set()
    together: list[int] = []

    def work(host: str, _say: Say) -> dict[str, Any]:
        if host in HOSTS[:3]:
            _watch.WaitingClock(Clock()).sleep(0.5)
        at_work.add(host)
        time.sleep(0.3)
        together.append(len(at_work))
        at_work.discard(host)
        return {}

    assert len(dict(sweep(HOSTS, work, threads=3, processes=1))) == len(HOSTS)
    assert max(together) <= 6, together
    assert max(together[-10:]) == 3, together


def test_one_at_a_time_means_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "SLOW_S", 0.05)
    monkeypatch.setattr(sweeping, "_TICK_S", 0.02)
    under_way: list[str] = []

    def work(host: str, _say: Say) -> dict[str, Any]:
        under_way.append(host)
        time.sleep(0.2)
        most = len(under_way)
        under_way.remove(host)
        return {"most": most}

    assert {result["most"] for _host, result in sweep(HOSTS[:4], work, threads=1, processes=1)} == {1}


def test_a_host_that_was_given_up_begins_no_further_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_watch, "FIRST_S", 0.3)
    monkeypatch.setattr(_watch, "GRACE_S", 0.0)
    go_on, ended = threading.Event(), threading.Event()
    steps: list[str] = []

    def late(host: str, _say: Say) -> dict[str, Any]:
        try:
            go_on.wait(10)
            _watch.begin(30)
            steps.append(host)
        finally:
            ended.set()
        return {}

    found = dict(sweep(["late"], late, threads=1, processes=1))
    assert "deadline" in found["late"]["crashed"]
    go_on.set()
    assert ended.wait(10)
    assert steps == []


def _stopped(host: str, _say: Say) -> dict[str, Any]:
    if host == "pbx004":
        os.kill(os.getpid(), signal.SIGSTOP)
    return {"host": host}


def test_a_process_that_is_silent_is_ended_and_its_hosts_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "SILENCE_S", 2.0)
    found = dict(sweep(HOSTS, _stopped, threads=2, processes=2))
    assert sorted(found) == HOSTS
    assert "terminated unexpectedly" in found["pbx004"]["crashed"]
    assert all(found[host] == {"host": host} for host in HOSTS[1::2])


def test_no_process_counts_as_silent_because_nobody_listened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes the results was held up for longer than a process may be silent: a paused container, a machine that swaps."""
    monkeypatch.setattr(sweeping, "SILENCE_S", 1.0)
    found: dict[str, Any] = {}
    for host, result in sweep(HOSTS, _slow, threads=2, processes=2):
        if not found:
            time.sleep(2)
        found[host] = result
    assert sorted(found) == HOSTS
    assert [host for host, result in found.items() if "crashed" in result] == []


def _noisy(host: str, _say: Say) -> dict[str, Any]:
    sys.stdout.write(f"printed {host}\n")
    sys.stderr.write(f"written {host}\n")
    warnings.warn(f"warned {host}", stacklevel=1)
    logging.getLogger("somebody.else").error("logged %s", host)
    return {"host": host}


@pytest.mark.parametrize("processes", [1, 2])
def test_what_threads_print_warn_and_log_goes_nowhere(capfd: pytest.CaptureFixture[str], processes: int) -> None:
    assert sorted(dict(sweep(HOSTS, _noisy, threads=4, processes=processes))) == HOSTS
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err == ""


def test_processes_do_not_outlive_a_sweep_that_is_left() -> None:
    sweeping_now = sweep(HOSTS, _slow, threads=2, processes=2)
    _host, result = next(sweeping_now)
    sweeping_now.close()
    with pytest.raises(ProcessLookupError):
        os.kill(result["process"], 0)


def _slow(host: str, _say: Say) -> dict[str, Any]:
    time.sleep(0.2)
    return {"host": host, "process": os.getpid()}


ORPHAN = """
import os, signal, sys, time
from ansible_collections.tcx.m365.plugins.module_utils import _lifeline
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._time import Clock
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.sweep import sweep

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests below nohup has it ignored, and so would we
os.mkdir(sys.argv[4])
store = RunStore(sys.argv[4])

def work(host, say):
    store.put("pbx_token", host, "CANARY-" + host)
    time.sleep(0.3)
    _lifeline.check()
    with open(sys.argv[1], "a") as log:
        log.write(f"{os.getpid()} {host}\\n")
    return {}

if os.fork() == 0:                      # the task of Ansible
    list(sweep([f"pbx{n}" for n in range(200)], work, threads=4, processes=int(sys.argv[2])))
    os._exit(0)
time.sleep(1.5)                         # ansible-playbook, which is killed
os.kill(os.getpid(), int(sys.argv[3]))
time.sleep(30)
"""


@pytest.mark.parametrize(
    ("processes", "number"), [(1, signal.SIGKILL), (2, signal.SIGKILL), (2, signal.SIGHUP), (2, signal.SIGTERM)]
)
def test_the_work_stops_when_ansible_playbook_is_killed(tmp_path: Path, processes: int, number: int) -> None:
    """Nothing is begun any more, and what the run kept is of no use to anybody and removed by the next run."""
    log, kept = tmp_path / "log", tmp_path / "ansible-local-1"
    paths = os.pathsep.join([str(REPOSITORY / ".build" / "collections"), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(ORPHAN), str(log), str(processes), str(int(number)), str(kept)],
        env=dict(os.environ, PYTHONPATH=paths),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == -number, done.stderr
    written = log.read_text(encoding="utf-8").splitlines()
    assert written
    workers = {int(line.split()[0]) for line in written}
    assert _within(10, lambda: not [each for each in workers if _is_running(each)])
    assert len(log.read_text(encoding="utf-8").splitlines()) <= len(written) + 4
    assert len(written) < 60
    left = [path for path in kept.rglob("*") if path.is_file()]
    assert not [path for path in left if b"CANARY" in path.read_bytes()]
    (tmp_path / "ansible-local-2").mkdir()
    RunStore(str(tmp_path / "ansible-local-2"))
    assert not kept.exists()


def _is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _within(seconds: float, is_so: Any) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.1)
    return False


def test_a_process_whose_parent_is_there_is_not_abandoned() -> None:
    _lifeline.begin()
    assert not _lifeline.abandoned()
    _lifeline.check()


def test_a_process_whose_parent_is_gone_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lifeline, "_parents", {os.getpid(): os.getppid() + 1})
    with pytest.raises(errors.Abandoned):
        _lifeline.check()
