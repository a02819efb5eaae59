# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether somebody still waits for what this process does.

When ``ansible-playbook`` is killed, or the session that started it ends, its forks are not told: they would go on and
write to phone systems and tenants that nobody reports on. A process whose parent is gone gets another one, so each
process remembers its own, asks before each host and before each write, and stops.
"""

from __future__ import annotations

import os

from ansible_collections.tcx.m365.plugins.module_utils._errors import Abandoned

_parents: dict[int, int] = {}
"""Process and its parent when its work began; a fork inherits those of the processes that it comes from."""


def begin() -> None:
    """Remember who waits for this process; called where its work begins. Only the first call in a process counts."""
    _parents.setdefault(os.getpid(), os.getppid())


def abandoned() -> bool:
    """Whether the parent of this process, or of one that it was forked from, is gone."""
    process = os.getpid()
    parent = _parents.get(process)
    if parent is None:
        return False
    if os.getppid() != parent:
        return True
    while parent in _parents:
        process, parent = parent, _parents[parent]
        actual_parent = _parent_of(process)
        if actual_parent is not None and actual_parent != parent:
            return True
    return False


def check() -> None:
    """:raises Abandoned: nobody waits for this any more."""
    if abandoned():
        raise Abandoned("ansible-playbook was terminated; nothing more is written")


def _parent_of(process: int) -> int | None:
    """The parent of another process; ``None`` where the system does not say it (anything but Linux)."""
    try:
        descriptor = os.open(f"/proc/{process}/stat", os.O_RDONLY)  # a stream takes three times as long
        try:
            return int(os.read(descriptor, 4096).rpartition(b")")[2].split()[1])
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return 0 if os.path.isdir("/proc/self") else None
    except (OSError, ValueError, IndexError):
        return None
