# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measures a command from outside: wall time, CPU time of all its processes, peak memory of the whole tree at one moment."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

_PAUSE_S = 0.25
_SHARE = 20
"""Looking at memory takes CPU as well; at most one part in so many of the time is spent on it."""


@dataclass(frozen=True)
class Usage:
    """What one run took.

    :param wall: seconds.
    :param cpu: seconds of user and system time, children included.
    :param memory: bytes; the highest sum over all processes of the tree, memory that they share counted once (Linux).
    :param lab_cpu: seconds of CPU of the lab's process in the meantime.
    """

    code: int
    wall: float
    cpu: float
    memory: int
    lab_cpu: float = 0.0


def measure(
    command: Sequence[str], environment: Mapping[str, str], directory: Path, lab: psutil.Process | None = None
) -> Usage:
    """Run a command to its end; its output goes to `output.log` in the directory."""
    before = _cpu(lab)
    with (directory / "output.log").open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=directory,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        with _Memory(process.pid) as memory:
            _pid, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    return Usage(process.returncode, wall, used.ru_utime + used.ru_stime, memory.peak, _cpu(lab) - before)


def _cpu(process: psutil.Process | None) -> float:
    if process is None:
        return 0.0
    times = process.cpu_times()
    return float(times.user + times.system)


class _Memory:
    """A thread that looks at the memory of a process tree now and then."""

    def __init__(self, root: int) -> None:
        self.peak = 0
        self._root = root
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        pause = 0.05
        while not self._over.wait(pause):
            began = time.thread_time()
            self.peak = max(self.peak, tree_memory(self._root))
            pause = max(_PAUSE_S, (time.thread_time() - began) * _SHARE)


def tree_memory(root: int) -> int:
    """Bytes that a process and its descendants use now."""
    try:
        top = psutil.Process(root)
        tree = [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    return sum(_memory(process) for process in tree)


def _memory(process: psutil.Process) -> int:
    """Proportional set size: a page that four processes share counts a quarter in each. Where the system does not tell it
    (macOS), what belongs to this process alone, else its resident size."""
    try:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup")
        if rollup.exists():
            lines = rollup.read_text(encoding="ascii").splitlines()
            return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
        found = process.memory_full_info()
        return int(getattr(found, "uss", 0) or found.rss)
    except (psutil.Error, OSError):
        return 0
