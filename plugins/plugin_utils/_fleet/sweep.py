# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many PBXs worked on in one task: a few processes, each with threads that wait for the network together.

A task per PBX and step costs Ansible about 20 ms before anything is asked of anybody. A sweep keeps the result of each
PBX apart, and one PBX's trouble never touches another's:

- a PBX that is later than its deadline is given up, and its place is taken by another (threads cannot be ended, so they
  are daemons, which do not keep a process from ending);
- a process that has not been heard of for a while, or has ended, is ended, and its PBXs are reported;
- nothing in a thread writes to the terminal: releases of ansible-core guard it with a lock that a fork may inherit locked;
- when ``ansible-playbook`` is gone, the processes end before the next PBX and before the next write.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import logging
import multiprocessing
import multiprocessing.connection
import os
import queue
import signal
import sys
import threading
import time
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils import _lifeline
from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible
from ansible_collections.tcx.m365.plugins.plugin_utils import _watch
from ansible_collections.tcx.m365.plugins.plugin_utils._watch import Watch
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import count

Say = Callable[[str, str], None]
"""Tells the operator something at once: the kind ("notice", "trace") and the sentence."""
Work = Callable[[str, Say], dict[str, Any]]
"""From a host's name to its plain (JSON-like) result."""
Hear = Callable[[str, str, str], None]
"""Where host, kind and sentence of what is said arrive, in the process that sweeps."""

_RESULT = "result"
_ALIVE = "alive"
_ENDED = "ended"
"""This process has done what it was asked in this pass."""
_Event = tuple[str, str, Any]

_TICK_S = 0.5

PROGRESS_S = 10.0
_NAMES = 3

SLOW_S = 5.0
"""A PBX that takes longer does not count as one that is worked on: nearly all of this time it waits for somebody else."""
RELIEF = 4
"""At most so many times the PBXs that were asked for are begun and not ended, however many of them wait."""

_BLOCK = 8
"""At most so many hosts after each other are of one process: what the inventory says of them stands side by side in memory, and a
process copies each page that it reads from."""

SILENCE_S = 60.0
"""A process says every tick that it is there. One that is silent for so long is stuck as a whole, and is ended."""


def sweep(
    hosts: Sequence[str],
    work: Work,
    *,
    threads: int,
    processes: int = 0,
    hear: Hear | None = None,
    progress: Callable[[str], None] | None = None,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run ``work`` for each host and yield ``(host, result)`` as they come in; each host once, whatever happens to it.

    The parameters are those of :class:`Sweepers` and of one pass of them.
    """
    with contextlib.closing(Sweepers(hosts, work, threads=threads, processes=processes)) as sweepers:
        yield from sweepers.sweep(hosts, hear=hear, progress=progress)


class Sweepers:
    """Threads of this process, or processes with threads, that work on hosts; in more than one pass, if need be.

    A host stays with its process, so that a later pass over it has the connections that are open and what is known by now.

    :param hosts: all that any pass works on.
    :param threads: how many hosts are worked on at the same time in all.
    :param processes: how many processes share them; 0 takes one per processor, and one where there is little to do.
    """

    def __init__(self, hosts: Sequence[str], work: Callable[..., Any], *, threads: int, processes: int = 0) -> None:
        self._work = work
        self._threads = threads
        count = processes or min(os.cpu_count() or 1, max(1, len(hosts) // 25))
        self._processes = _Processes(hosts, work, threads, count) if count > 1 else None

    def close(self) -> None:
        """End the processes."""
        if self._processes is not None:
            self._processes.end()

    def sweep(
        self,
        hosts: Sequence[str],
        *asked: Any,
        hear: Hear | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """One pass: ``(host, result)`` as they come in, each of these hosts once, whatever happens to it.

        :param asked: what the work is asked in this pass, besides the host; small and picklable.
        :param hear: is called for what the work has to say meanwhile.
        :param progress: is called with a sentence every `PROGRESS_S` seconds, also while nothing comes in.
        """
        _lifeline.begin()
        missing = set(hosts)
        told = time.monotonic()
        with contextlib.closing(self._events(hosts, asked)) as events, _quiet(), _rarely_collected():
            for host, kind, content in events:
                if kind == _RESULT and host in missing:
                    missing.discard(host)
                    yield host, content
                elif kind not in (_RESULT, _ALIVE) and hear is not None:
                    hear(host, kind, content)
                if progress is not None and missing and time.monotonic() - told > PROGRESS_S:
                    told = time.monotonic()
                    progress(_progress(len(hosts), missing))
        for host in sorted(missing):
            yield host, crashed("the process that worked on this PBX was terminated unexpectedly")

    def _events(self, hosts: Sequence[str], asked: tuple[Any, ...]) -> Generator[_Event, None, None]:
        if self._processes is not None:
            return self._processes.events(hosts, asked)
        return _in_threads(hosts, _asking(self._work, asked), self._threads)


def _asking(work: Callable[..., Any], asked: tuple[Any, ...]) -> Work:
    return lambda host, say: work(host, say, *asked)


def _progress(total: int, missing: set[str]) -> str:
    """How far the sweep is; the last ones by name, because one of them may need somebody's help."""
    names = f", waiting for {', '.join(sorted(map(visible, missing)))}" if len(missing) <= _NAMES else ""
    return f"{total - len(missing):,} of {count(total, 'PBX', 'PBXs')} done{names}"


def crashed(reason: str) -> dict[str, Any]:
    """What stands for the result of a host whose work broke in a way nobody foresaw; with ``late`` where it was given up."""
    return {"crashed": reason}


@dataclass(eq=False)
class _Worker:
    """A process of the sweep, as its parent sees it."""

    process: Any
    orders: Any
    events: Any
    has_ended: bool = False

    def event(self) -> _Event:
        """The next one, or that nothing more comes because the process has ended."""
        try:
            event: _Event = self.events.recv()
        except (EOFError, OSError):
            self.has_ended = True
            return "", _ENDED, None
        return event

    def order(self, order: Any) -> None:
        """Tell it what to do; one that has just ended is seen by its other pipe."""
        with contextlib.suppress(OSError):
            self.orders.send(order)

    def kill(self) -> None:
        self.has_ended = True
        self.process.kill()


class _Processes:
    """The processes that share the hosts of a sweep, each begun when it is first needed."""

    def __init__(self, hosts: Sequence[str], work: Callable[..., Any], threads: int, count: int) -> None:
        self._shares = _shares(hosts, count)
        self._work = work
        self._threads = max(1, threads // count)
        self._workers: dict[int, _Worker] = {}
        self._all: list[_Worker] = []

    def events(self, hosts: Sequence[str], asked: tuple[Any, ...]) -> Generator[_Event, None, None]:
        """What the processes have to say of these hosts, and every tick that this one still listens."""
        workers = self._ordered(frozenset(hosts), asked)
        checked = time.monotonic()
        silent = dict.fromkeys(workers, 0.0)
        while silent:
            for ready in multiprocessing.connection.wait(list(silent), timeout=_TICK_S):
                pipe: Any = ready
                event = workers[pipe].event()
                silent[pipe] = 0.0
                if event[1] == _ENDED:
                    del silent[pipe]
                elif event[1] != _ALIVE:
                    yield event
            if time.monotonic() - checked < _TICK_S:
                continue
            checked = time.monotonic()
            if _lifeline.abandoned():
                return
            yield "", _ALIVE, None
            for pipe in list(silent):
                silent[pipe] += _TICK_S  # however much time has passed: a paused process hears nothing
                if silent[pipe] > SILENCE_S:
                    del silent[pipe]
                    workers[pipe].kill()

    def end(self) -> None:
        """No process outlives the sweep: those that have not ended by themselves are told to, and then made to."""
        for worker in self._workers.values():
            worker.order(None)
        processes = [worker.process for worker in self._all]
        for process in processes:
            process.join(timeout=0.2)
            if process.is_alive():
                process.terminate()
        for process in processes:
            process.join(timeout=2.0)
            if process.is_alive():
                process.kill()
                process.join(timeout=2.0)

    def _ordered(self, hosts: frozenset[str], asked: tuple[Any, ...]) -> dict[Any, _Worker]:
        """Each process with its share of these hosts under way, by the pipe that its events come from."""
        workers = {}
        for number, share in enumerate(self._shares):
            mine = [host for host in share if host in hosts]
            if mine:
                worker = self._worker(number)
                worker.order((mine, asked))
                workers[worker.events] = worker
        return workers

    def _worker(self, number: int) -> _Worker:
        worker = self._workers.get(number)
        if worker is None or worker.has_ended or not worker.process.is_alive():
            worker = self._workers[number] = self._begun()
            self._all.append(worker)
        return worker

    def _begun(self) -> _Worker:
        context = multiprocessing.get_context("fork")
        receiver, orders = context.Pipe(duplex=False)
        events, sender = context.Pipe(duplex=False)
        process = context.Process(target=_obey, args=(self._work, self._threads, receiver, sender), daemon=True)
        process.start()
        receiver.close()
        sender.close()  # so that the end of the process is seen as the end of the pipe
        return _Worker(process, orders, events)


def _shares(hosts: Sequence[str], count: int) -> list[list[str]]:
    """The hosts of each process: a few after each other, so that trouble in one part of the inventory is everybody's."""
    size = max(1, min(_BLOCK, len(hosts) // (16 * count)))
    blocks = [hosts[start : start + size] for start in range(0, len(hosts), size)]
    return [[host for block in blocks[number::count] for host in block] for number in range(count)]


def _obey(work: Callable[..., Any], threads: int, orders: Any, events: Any) -> None:
    """What a process of the sweep does. It ends at a signal, whatever handlers it has inherited, and at a closed pipe."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    _lifeline.begin()
    # Whatever is in there writes to standard output or error, it is not what Ansible's terminal is for.
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        sys.stdout = sys.stderr = nowhere
        with contextlib.suppress(OSError):  # nobody reads any more
            for hosts, asked in _received(orders):
                late = False
                for event in _in_threads(hosts, _asking(work, asked), threads):
                    late = late or (event[1] == _RESULT and "late" in event[2])
                    events.send(event)
                if late:
                    break  # the thread that was given up may hold a lock: another process makes the next pass
                events.send(("", _ENDED, None))
        events.close()
        # Threads that were given up would be waited for by some of Python's own cleaning up.
        os._exit(0)


def _received(orders: Any) -> Iterator[tuple[list[str], tuple[Any, ...]]]:
    """What the parent asks for, until it asks for nothing more or is gone."""
    while True:
        while not orders.poll(_TICK_S):
            if _lifeline.abandoned():
                return
        try:
            order = orders.recv()
        except EOFError:
            return
        if order is None:
            return
        yield order


class _Outcome:
    """The result of the work on one host; whatever ends that work, the exit of its thread included, becomes one."""

    result: dict[str, Any]

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        if error is not None:
            self.result = crashed(_told(error))
        return True


class _Crew:
    """Daemon threads that work on hosts, and where each of them is."""

    def __init__(self, hosts: Sequence[str], work: Work, threads: int, events: queue.SimpleQueue[_Event]) -> None:
        self._waiting = deque(hosts)
        self._work = work
        self._events = events
        self._lock = threading.Lock()
        self._watches: dict[str, Watch] = {}
        self._places = max(1, threads)
        self._most = RELIEF * threads if threads > 1 else 1
        self.fill()

    def overdue(self) -> list[str]:
        """Hosts that are later than they may be; each is given up, and its place is free."""
        with self._lock:
            late = [watch for watch in self._watches.values() if watch.overdue]
            for watch in late:
                watch.abandoned = True
                del self._watches[watch.host]
        return [watch.host for watch in late]

    def fill(self) -> None:
        """Let threads go on in the places of those that wait: for replication, health, a throttled tenant, a slow PBX."""
        with self._lock:
            slow = time.monotonic() - SLOW_S
            for watch in self._watches.values():
                watch.relieved = watch.waits or watch.since < slow
            free = self._free()
        for _place in range(free):
            threading.Thread(target=self._run, daemon=True, name="tcx.m365 sweep").start()

    def _free(self) -> int:
        """How many further hosts can be begun. One that has waited goes on at once, and then there is a place less."""
        taken = sum(not watch.relieved for watch in self._watches.values())
        return min(self._places - taken, self._most - len(self._watches), len(self._waiting))

    def stop(self) -> None:
        """Nothing further is begun, and what is under way writes nothing more."""
        with self._lock:
            self._waiting.clear()
            for watch in self._watches.values():
                watch.abandoned = True

    def _run(self) -> None:
        while True:
            watch = self._next()
            if watch is None:
                return
            _watch.take(watch)
            outcome = _Outcome()
            with outcome:
                outcome.result = self._work(watch.host, functools.partial(self._say, watch))
            with self._lock:
                if watch.abandoned:
                    return
                self._watches.pop(watch.host, None)
            self._events.put((watch.host, _RESULT, outcome.result))

    def _next(self) -> Watch | None:
        with self._lock:
            if self._free() < 1 or _lifeline.abandoned():
                return None
            watch = Watch(self._waiting.popleft())
            self._watches[watch.host] = watch
            return watch

    def _say(self, watch: Watch, kind: str, content: str) -> None:
        if not watch.abandoned:
            self._events.put((watch.host, kind, content))


def _in_threads(hosts: Sequence[str], work: Work, threads: int) -> Generator[_Event, None, None]:
    """What the threads have to say, and every tick that this process is there."""
    events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
    crew = _Crew(hosts, work, threads, events)
    left = set(hosts)
    checked = time.monotonic()
    try:
        while left:
            with contextlib.suppress(queue.Empty):
                event = events.get(timeout=_TICK_S)
                if event[1] == _RESULT:
                    left.discard(event[0])
                yield event
            if time.monotonic() - checked < _TICK_S:
                continue
            checked = time.monotonic()
            if _lifeline.abandoned():
                return
            for host in crew.overdue():
                left.discard(host)
                yield host, _RESULT, {**crashed(_LATE), "late": True}
            crew.fill()
            yield "", _ALIVE, None
    finally:
        crew.stop()


_LATE = "it did not end within its deadline, and the other PBXs went on"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What threads of this process print or warn meanwhile goes nowhere; the thread that sweeps keeps its streams."""
    own = threading.get_ident()
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Of(out, own), _Of(err, own)
    last = logging.lastResort
    logging.lastResort = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.stdout, sys.stderr = out, err
        logging.lastResort = last


_COLLECTED_AFTER = 20_000
"""New objects after which Python looks for garbage in cycles, instead of 700: nearly all of a sweep needs no such search."""


@contextlib.contextmanager
def _rarely_collected() -> Iterator[None]:
    """Python does not search what was there before the sweep: all of Ansible, which no search finds anything in. A fork that
    searches it also copies it."""
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_COLLECTED_AFTER, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


class _Of:
    """A stream for one thread; what others write to it is dropped, without taking any lock."""

    def __init__(self, stream: Any, thread: int) -> None:
        self._stream = stream
        self._thread = thread

    def write(self, text: str) -> int:
        if threading.get_ident() == self._thread:
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        if threading.get_ident() == self._thread:
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _told(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({os.path.basename(last.filename)}:{last.lineno})"
