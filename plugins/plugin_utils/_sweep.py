# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""Many PBXs checked in one task: a few processes, each with threads that wait for the network together.

A task per PBX costs Ansible about 20 ms before anything is asked of anybody. A sweep asks in check mode only, keeps
the result of each PBX apart, and one PBX's trouble never touches another's.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

Check = Callable[[str], dict[str, Any]]
"""From a host's name to its plain (JSON-like) result."""


def sweep(
    hosts: Sequence[str], check: Check, *, threads: int, processes: int = 0
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run ``check`` for each host and yield ``(host, result)`` as they come in.

    :param threads: how many hosts are worked on at the same time in all.
    :param processes: how many processes share them; 0 takes one per processor, and one where there is little to do.
    """
    count = processes or min(os.cpu_count() or 1, max(1, len(hosts) // 25))
    if count == 1:
        yield from _in_threads(hosts, check, threads)
        return
    context = multiprocessing.get_context("fork")
    share = max(1, threads // count)
    readers, workers = [], []
    for number in range(count):
        reader, writer = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(list(hosts[number::count]), check, share, writer))
        worker.start()
        writer.close()  # so that the end of the process is seen as the end of the pipe
        readers.append(reader)
        workers.append(worker)
    missing = set(hosts)
    while readers:
        for ready in multiprocessing.connection.wait(readers):
            pipe: Any = ready
            try:
                host, result = pipe.recv()
            except EOFError:
                readers.remove(pipe)
                continue
            missing.discard(host)
            yield host, result
    for worker in workers:
        worker.join()
    for host in sorted(missing):
        yield host, crashed("the process that checked this PBX ended early")


def crashed(said: str) -> dict[str, Any]:
    """What stands for the result of a host whose check broke in a way nobody foresaw."""
    return {"crashed": said}


def _work(hosts: Sequence[str], check: Check, threads: int, writer: Any) -> None:
    with writer:
        for item in _in_threads(hosts, check, threads):
            writer.send(item)


def _in_threads(hosts: Sequence[str], check: Check, threads: int) -> Iterator[tuple[str, dict[str, Any]]]:
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        futures = {pool.submit(check, host): host for host in hosts}
        for future in as_completed(futures):
            error = future.exception()
            yield futures.pop(future), crashed(_told(error)) if error else future.result()


def _told(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({os.path.basename(last.filename)}:{last.lineno})"
