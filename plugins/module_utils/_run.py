# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tasks of one run share, and the locks that keep them apart.

The forks of a run have no memory in common, so tokens, tenant-wide facts and throttling notices live in files below
Ansible's own per-run temporary directory: readable by the owner only, gone when the run ends. Without such a directory
(a plain module) the store is a dictionary that dies with the process.

Tokens are sealed with a key that only the memory of this run's processes holds, so that a run that was killed leaves nothing
behind that could be used; the next run removes the directory.

Locks come in two kinds: :meth:`RunStore.lock` holds among the tasks of one run, :func:`machine_lock` among all runs of
one user on this machine (two playbooks that change one application at the same time).
"""

from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import functools
import hashlib
import json
import os
import threading
import time
from collections.abc import Collection, Iterator
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils import _stores
from ansible_collections.tcx.m365.plugins.module_utils._deps import fernet
from ansible_collections.tcx.m365.plugins.module_utils._errors import DeadlineExceeded
from ansible_collections.tcx.m365.plugins.module_utils._time import Deadline

_SEALED = frozenset(("entra_token", "pbx_token"))
"""Kinds of values that are secrets."""

OF_AN_ADDRESS = frozenset(("pbx_facts", "pbx_health", "pbx_integration"))
"""Kinds of values whose key is the address of a PBX."""

OF_ONE_PBX = OF_AN_ADDRESS | {"fleet_steps", "organization", "service_principal", "tenant_api"}
"""Kinds of what the steps on one PBX tell each other, where one process takes all of them. No token is among them, because a code
of two-factor authentication signs in once and a later task may need it; nor the lock of a PBX, which a thread that was given up
holds against the process that sets the PBX back."""

_KEY = base64.urlsafe_b64encode(os.urandom(32))
"""Made when the controller loads this collection; its forks inherit it. A process with another key finds no tokens."""

LONGEST_WAIT_S = 3600.0
"""What a task without a deadline of its own waits for another task of the run. The longest deadline that is usual is 600 s."""

_ANOTHER_TASK = "another task of this run works on the same PBX or tenant"

_WORTH_KEEPING = 10_000
"""Bytes from which a value is kept in its parsed form: the catalog of Graph's permissions takes a millisecond to parse. So are
secrets: each step on a PBX asks for its tokens, and to open one takes longer than to send it."""

_MOST_KEPT = 256


class RunStore:
    """Small JSON values shared by the tasks of one run.

    :param directory: the per-run directory of the controller; ``None`` keeps everything in memory.
    :param own: kinds of values and locks that no other process asks for: they stay in memory, because the making of a file
        costs more than anything else that a value does.
    """

    def __init__(self, directory: str | None = None, own: Collection[str] = ()) -> None:
        self._own = own
        self.directory = _stores.of_run(directory) if directory else None
        self._memory: dict[str, dict[str, Any]] = {}
        self._parsed: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {}
        self._thread_locks: dict[str, threading.RLock] = {}

    @functools.cached_property
    def _left(self) -> set[str]:
        """What an earlier task has left of those kinds; to ask for each of them costs as much as to make it."""
        files = os.listdir(self.directory) if self.directory and self._own else ()
        return {name for name in files if name.partition("-")[0] in self._own}

    def get(self, kind: str, key: str) -> Any | None:
        """The value stored under ``kind`` and ``key``, or ``None`` when there is none or it has expired.

        Not to be changed by who gets it: the threads of a sweep share it.
        """
        entry = self._read(kind, _name(kind, key))
        if not entry or (entry["expires"] is not None and entry["expires"] <= time.time()):
            return None
        return entry["value"]

    def put(self, kind: str, key: str, value: Any, *, expires: float | None = None) -> None:
        """Store a JSON value.

        :param expires: Unix time after which :meth:`get` no longer returns it.
        """
        name = _name(kind, key)
        entry = {"expires": expires, "value": value}
        if self.directory is None or kind in self._own:
            self._unlink(kind, name)  # what an earlier task has left is not true any more, for a later one either
            self._memory[name] = entry
            return
        written = {"expires": expires, "sealed": _sealed(value)} if kind in _SEALED else entry
        content = json.dumps(written)  # json.dump takes five times as long: it never uses the C encoder
        temporary = os.path.join(self.directory, f".{kind}{os.urandom(8).hex()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content.encode("utf-8"))
            stream.flush()
            status = os.fstat(descriptor)
        os.replace(temporary, os.path.join(self.directory, name))
        if kind in _SEALED:
            self._keep(name, status, entry)

    def drop(self, kind: str, key: str) -> None:
        """Forget a value; no error when there is none."""
        name = _name(kind, key)
        self._memory.pop(name, None)
        self._unlink(kind, name)

    def _unlink(self, kind: str, name: str) -> None:
        if self.directory is not None and self._has_file(kind, name):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.directory, name))

    def _has_file(self, kind: str, name: str) -> bool:
        return kind not in self._own or name in self._left

    @contextlib.contextmanager
    def lock(self, kind: str, key: str, deadline: Deadline | None = None, *, unbounded: bool = False) -> Iterator[None]:
        """Hold an exclusive lock among the tasks of this run.

        :param deadline: of the task that waits; without one, :data:`LONGEST_WAIT_S`.
        :param unbounded: the holder works on the whole batch, and is watched itself.
        :raises DeadlineExceeded: another task of this run holds it for too long.
        """
        name = _name(kind, key) + ".lock"
        within = None if unbounded else deadline or Deadline(LONGEST_WAIT_S)
        if self.directory is None or kind in self._own:
            with _thread_lock(self._thread_locks.setdefault(name, threading.RLock()), within):
                yield
            return
        with _file_lock(os.path.join(self.directory, name), within, _ANOTHER_TASK, most=0.1):
            yield

    @contextlib.contextmanager
    def lock_if_free(self, kind: str, key: str) -> Iterator[bool]:
        """Whether the lock of :meth:`lock` was free; then it is held."""
        name = _name(kind, key) + ".lock"
        if self.directory is None or kind in self._own:
            lock = self._thread_locks.setdefault(name, threading.RLock())
            taken = lock.acquire(blocking=False)
            try:
                yield taken
            finally:
                if taken:
                    lock.release()
            return
        descriptor = _lock_file(os.path.join(self.directory, name))
        try:
            yield _taken(descriptor)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def shared(self, kind: str, key: str, deadline: Deadline | None = None) -> Iterator[dict[str, Any]]:
        """What the tasks of the run know together about a matter, empty at first; what is changed in it is kept.

        It stands in the file of its lock: to make a file beside that takes longer than to send a request.

        :param deadline: as for :meth:`lock`.
        """
        name = _name(kind, key)
        if self.directory is None or kind in self._own:
            with self.lock(kind, key, deadline):
                yield self._memory.setdefault(name, {"expires": None, "value": {}})["value"]
            return
        path, within = os.path.join(self.directory, f"{name}.lock"), deadline or Deadline(LONGEST_WAIT_S)
        with _file_lock(path, within, _ANOTHER_TASK, most=0.1) as descriptor:
            before = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
            known: dict[str, Any] = json.loads(before or b"{}")
            yield known
            after = json.dumps(known).encode("utf-8").ljust(len(before))
            if after != before and os.pwrite(descriptor, after, 0) < len(after):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    def _read(self, kind: str, name: str) -> dict[str, Any] | None:
        kept = self._memory.get(name)
        if kept is not None or self.directory is None or not self._has_file(kind, name):
            return kept
        path = os.path.join(self.directory, name)
        try:
            status = os.stat(path)
            known = self._parsed.get(name)
            if known and known[0] == _version(status):
                return known[1]
            with open(path, "rb") as stream:
                entry: dict[str, Any] = json.loads(stream.read())
        except FileNotFoundError:
            return None
        if "sealed" in entry:
            entry["value"] = _opened(entry.pop("sealed"))
            self._keep(name, status, entry)
        elif status.st_size > _WORTH_KEEPING:
            self._keep(name, status, entry)
        return entry

    def _keep(self, name: str, status: os.stat_result, entry: dict[str, Any]) -> None:
        """In memory, as long as the file is the same one; the newest of many."""
        self._parsed.pop(name, None)
        self._parsed[name] = (_version(status), entry)
        for oldest in list(self._parsed)[:-_MOST_KEPT]:
            self._parsed.pop(oldest, None)


def _version(status: os.stat_result) -> tuple[int, int]:
    return status.st_ino, status.st_mtime_ns  # put() makes a new file each time


@contextlib.contextmanager
def _thread_lock(lock: Any, deadline: Deadline | None) -> Iterator[None]:
    if not lock.acquire(timeout=-1 if deadline is None else min(deadline.remaining(), threading.TIMEOUT_MAX)):
        raise DeadlineExceeded(_ANOTHER_TASK)
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def machine_lock(key: str, deadline: Deadline, why: str) -> Iterator[None]:
    """Hold an exclusive lock among all processes of this user on this machine.

    :param why: what somebody else is doing while we wait.
    :raises DeadlineExceeded: somebody else holds it for too long.
    """
    with _file_lock(os.path.join(_stores.of_user(), _name("machine", key) + ".lock"), deadline, why):
        yield


@contextlib.contextmanager
def _file_lock(path: str, deadline: Deadline | None, why: str, most: float = 1.0) -> Iterator[int]:
    """The open file of the lock.

    :param deadline: ``None`` waits as long as it takes; :param most: seconds between two looks.
    """
    descriptor = _lock_file(path)
    try:
        if deadline is None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        else:
            _take(descriptor, deadline, why, most)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock_file(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)


def _take(descriptor: int, deadline: Deadline, why: str, most: float) -> None:
    attempt = 0
    while not _taken(descriptor):
        attempt += 1
        deadline.pause(deadline.backoff(attempt, first=most / 20, most=most), why)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _name(kind: str, key: str) -> str:
    return f"{kind}-{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:40]}"


@functools.lru_cache(maxsize=1)
def _seal(key: bytes) -> Any:
    return fernet.Fernet(key)


def _sealed(value: Any) -> str:
    return str(_seal(_KEY).encrypt(json.dumps(value).encode("utf-8")).decode("ascii"))


def _opened(sealed: str) -> Any | None:
    """The value, or ``None`` where another process than one of this run has sealed it."""
    try:
        return json.loads(_seal(_KEY).decrypt(sealed.encode("ascii")))
    except fernet.InvalidToken:
        return None
