# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directories on the controller in which a run, and the runs of a user, keep what they share.

They are the user's own and nobody else can enter them. A run that was killed cannot remove its directory, so each directory
says whose it is, and the next run removes those of processes that have ended.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shutil
import stat
import tempfile

from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput

_NAME = "tcx_m365"
_OWNERS = ".owners"


def of_run(directory: str) -> str:
    """The store of a run below Ansible's own per-run directory; made, and those of dead runs removed, by the first to ask.

    :raises BadInput: somebody else owns it, or others can enter it.
    """
    path = os.path.join(directory, _NAME)
    if not os.path.lexists(path):
        _private(path)
        _sign(path)
        _sweep(os.path.dirname(os.path.abspath(directory)), keep=os.path.abspath(path))
    return _private(path)


def of_user() -> str:
    """Where the locks among all runs of this user are: below the home directory, where nobody else can make it first.

    Without a home that can be written to, the directory of the login session, and then the system's temporary one.

    :raises BadInput: none of them can be used.
    """
    places = [os.path.join(os.environ.get("ANSIBLE_HOME") or os.path.expanduser("~/.ansible"), _NAME)]
    if os.environ.get("XDG_RUNTIME_DIR"):
        places.append(os.path.join(os.environ["XDG_RUNTIME_DIR"], _NAME))
    for place in places:
        if os.path.isabs(place):
            with contextlib.suppress(OSError, BadInput):
                return _private(place)
    return _private(os.path.join(tempfile.gettempdir(), f"{_NAME}-{os.getuid()}"))


def _private(path: str) -> str:
    """Create a directory only its owner can enter; refuse one that somebody else owns or can enter."""
    with contextlib.suppress(FileExistsError):
        os.makedirs(path, mode=0o700)
    if not _is_private(path):
        raise BadInput(
            f"{path} exists and is not a private directory of this user",
            tried="keep what the tasks of a run share",
            remedy="Find out who made it, and remove it.",
        )
    return path


def _is_private(path: str) -> bool:
    status = os.lstat(path)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077


def _sign(path: str) -> None:
    """Write down the processes that this store is for: the one that asked first and, of a fork, the one that waits for it.

    The parent of ``ansible-playbook`` itself is a shell, which may be there for days.
    """
    forked = multiprocessing.parent_process() is not None
    owners = [[process, _started(process)] for process in ((os.getpid(), os.getppid()) if forked else (os.getpid(),))]
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(os.path.join(path, _OWNERS), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            json.dump(owners, stream)


def _sweep(place: str, keep: str) -> None:
    """Remove the stores of runs of this user whose processes have all ended."""
    with contextlib.suppress(OSError):
        for name in os.listdir(place):
            path = os.path.join(place, name, _NAME)
            if path != keep and _is_dead(path):
                shutil.rmtree(path, ignore_errors=True)
                with contextlib.suppress(OSError):
                    os.rmdir(os.path.join(place, name))  # Ansible's own; it stays where something else is in it


def _is_dead(path: str) -> bool:
    try:
        if not _is_private(path):
            return False
        with open(os.path.join(path, _OWNERS), encoding="ascii") as stream:
            owners = json.load(stream)
        return bool(owners) and not any(_runs(int(process), started) for process, started in owners)
    except (OSError, OverflowError, TypeError, ValueError):
        return False


def _runs(process: int, started: str) -> bool:
    """Whether a process is there and is still the same one."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return _started(process) == started


def _started(process: int) -> str:
    """When a process was started, in the ticks of the system; empty where the system does not say it."""
    try:
        with open(f"/proc/{process}/stat", encoding="ascii", errors="replace") as stream:
            return stream.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
