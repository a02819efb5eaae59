# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""Many PBXs worked on in one task: a few processes, each with threads that wait for the network together.

A task per PBX and step costs Ansible about 20 ms before anything is asked of anybody. A sweep keeps the result of each
PBX apart, and one PBX's trouble never touches another's.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import multiprocessing.connection
import os
import queue
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

Say = Callable[[str, str], None]
"""Tells the operator something at once: the kind ("notice", "trace") and the sentence."""
Work = Callable[[str, Say], dict[str, Any]]
"""From a host's name to its plain (JSON-like) result."""
Hear = Callable[[str, str, str], None]
"""Where host, kind and sentence of what is said arrive, in the process that sweeps."""

_RESULT = "result"
_Event = tuple[str, str, Any]


def sweep(
    hosts: Sequence[str], work: Work, *, threads: int, processes: int = 0, hear: Hear | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run ``work`` for each host and yield ``(host, result)`` as they come in.

    :param threads: how many hosts are worked on at the same time in all.
    :param processes: how many processes share them; 0 takes one per processor, and one where there is little to do.
    :param hear: is called for what the work has to say meanwhile.
    """
    count = processes or min(os.cpu_count() or 1, max(1, len(hosts) // 25))
    missing = set(hosts)
    events = _in_threads(hosts, work, threads) if count == 1 else _in_processes(hosts, work, threads, count)
    with contextlib.closing(events):
        for host, kind, content in events:
            if kind == _RESULT:
                missing.discard(host)
                yield host, content
            elif hear is not None:
                hear(host, kind, content)
    for host in sorted(missing):
        yield host, crashed("the process that worked on this PBX ended early")


def crashed(said: str) -> dict[str, Any]:
    """What stands for the result of a host whose work broke in a way nobody foresaw."""
    return {"crashed": said}


def _in_processes(hosts: Sequence[str], work: Work, threads: int, count: int) -> Generator[_Event, None, None]:
    context = multiprocessing.get_context("fork")
    share = max(1, threads // count)
    readers, workers = [], []
    for number in range(count):
        reader, writer = context.Pipe(duplex=False)
        worker = context.Process(target=_send_all, args=(list(hosts[number::count]), work, share, writer))
        worker.start()
        writer.close()  # so that the end of the process is seen as the end of the pipe
        readers.append(reader)
        workers.append(worker)
    while readers:
        for ready in multiprocessing.connection.wait(readers):
            pipe: Any = ready
            try:
                yield pipe.recv()
            except EOFError:
                readers.remove(pipe)
    for worker in workers:
        worker.join()


def _send_all(hosts: Sequence[str], work: Work, threads: int, writer: Any) -> None:
    with writer:
        for event in _in_threads(hosts, work, threads):
            writer.send(event)


def _in_threads(hosts: Sequence[str], work: Work, threads: int) -> Generator[_Event, None, None]:
    events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
    left = len(hosts)
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        for host in hosts:
            future = pool.submit(work, host, functools.partial(_put, events, host))
            future.add_done_callback(functools.partial(_put_result, events, host))
        while left:
            event = events.get()
            left -= event[1] == _RESULT
            yield event


def _put(events: queue.SimpleQueue[_Event], host: str, kind: str, content: Any) -> None:
    events.put((host, kind, content))


def _put_result(events: queue.SimpleQueue[_Event], host: str, future: Future[dict[str, Any]]) -> None:
    error = future.exception()
    _put(events, host, _RESULT, crashed(_told(error)) if error else future.result())


def _told(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({os.path.basename(last.filename)}:{last.lineno})"
