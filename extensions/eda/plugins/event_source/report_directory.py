# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An event source of ansible-rulebook: compliance reports that appear in a directory.

For places where a job cannot reach the listener, and both see one directory: an exposed path of a controller, a share. An
event is what a compliance run would have sent with ``compliance_events_url``, below ``payload`` as a webhook has it, so that
the same conditions fit.

What is in the directory starts jobs, so that not every file is believed: it has to be a file and no link, belong to the user
of ansible-rulebook or to root, and be writable by its owner alone. What was there before the start is taken as known.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import stat
from pathlib import Path
from typing import Any

DOCUMENTATION = r"""
---
short_description: Compliance reports in a directory
description:
  - Puts the totals of each new compliance report in a directory into the queue of a rulebook.
options:
  directory:
    description: Where reports appear, as compliance.json there or in a directory below it.
    type: str
    required: true
  delay:
    description: Seconds between two looks.
    type: float
    default: 5
  hosts:
    description: Whether there is another event for each PBX, with its certificates.
    type: bool
    default: false
"""

EXAMPLES = r"""
- tcx.m365.report_directory:
    directory: /var/lib/tcx-reports
    delay: 10
"""

NAME = "compliance.json"
#: Users whose files are believed: root, and whoever runs ansible-rulebook.
TRUSTED = (0, os.geteuid())
MOST_BYTES = 64 * 1024 * 1024
TOTALS = ("schema_version", "generated_at", "summary")
OF_A_HOST = ("host", "verdict", "certificates")

logger = logging.getLogger(__name__)
Json = dict[str, Any]


class NotBelieved(Exception):
    """A file is there, and must not start anything; the text says why."""


def read_report(path: Path) -> Json:
    """The report in a file.

    :raises NotBelieved: others could have written it, or it is no report.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise NotBelieved(f"it cannot be opened: {error.strerror}") from error
    with open(descriptor, "rb") as handle:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotBelieved("it is not a file")
        if status.st_uid not in TRUSTED:
            raise NotBelieved(f"it belongs to the user {status.st_uid}")
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise NotBelieved("others than its owner may write to it")
        content = handle.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise NotBelieved(f"it is larger than {MOST_BYTES} bytes")
    try:
        report = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise NotBelieved("it is not JSON") from error
    if not isinstance(report, dict) or not isinstance(report.get("summary"), dict) or "schema_version" not in report:
        raise NotBelieved("it is not a compliance report")
    return report


def events_of(report: Json, *, hosts: bool) -> list[Json]:
    """The totals, and when asked for, each PBX with its certificates."""
    found: list[Json] = [{name: report.get(name) for name in TOTALS}]
    if hosts:
        listed = report.get("hosts")
        found += [
            {name: host.get(name) for name in OF_A_HOST}
            for host in (listed if isinstance(listed, list) else [])
            if isinstance(host, dict) and host.get("certificates")
        ]
    return [{"payload": event} for event in found]


def _believed(path: Path) -> Json | None:
    try:
        return read_report(path)
    except NotBelieved as reason:
        logger.warning("%s is ignored: %s", path, reason)
        return None


class Watched:
    """The reports of a directory, and which of them are known."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._known = self._look()

    def _look(self) -> dict[Path, tuple[int, int, int]]:
        """Each report with what is different after it has been written again."""
        found = {}
        for pattern in (NAME, f"*/{NAME}"):
            for path in self.directory.glob(pattern):
                with contextlib.suppress(OSError):  # gone in between
                    status = path.lstat()
                    found[path] = (status.st_ino, status.st_mtime_ns, status.st_size)
        return found

    def new(self) -> list[Json]:
        """The reports that were written since the last look, oldest first; what is not believed is logged once."""
        now = self._look()
        fresh = [path for path in now if self._known.get(path) != now[path]]
        self._known = now
        read = [_believed(path) for path in sorted(fresh, key=lambda each: now[each][1])]
        return [report for report in read if report is not None]


async def main(queue: asyncio.Queue[Any], args: Json) -> None:
    """What ansible-rulebook calls; runs until it is cancelled."""
    directory = Path(str(args["directory"]))
    if not directory.is_dir():
        raise ValueError(f"report_directory: there is no directory {directory.absolute()}")
    watched = await asyncio.to_thread(Watched, directory)
    while True:
        for report in await asyncio.to_thread(watched.new):
            for event in events_of(report, hosts=bool(args.get("hosts", False))):
                await queue.put(event)
        await asyncio.sleep(float(args.get("delay", 5)))
