# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files in which a run keeps what it has changed on each PBX: ``<snapshot_dir>/<run id>/<host>.json``.

They hold no secret, and still tell much about a customer, so that nobody but their owner may read them. Whoever could write
one could have a tenant changed: a file that others can write is not believed, and the content of any is checked as foreign
data. ``docs/rollback.md`` describes the schema.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import json
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common import owners
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.plugin_utils import _files
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.capture_file import file_name

SCHEMA_VERSION = 1
DEFAULT_DIRECTORY = "./snapshots"
LATEST = "latest"

_RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
_MOST_BYTES = 16 * 1024 * 1024
_TRIES = 1000
"""How often a directory that vanishes is made again: each other host of a run removes it at most once."""
_KIND = "snapshot_run"
_NO_DIRECTORY = "something else than a directory is in its place"
_TRIED = "keep what this run changes"
_TRIED_READ = "read the snapshot"
_PRIVATE_REMEDY = (
    "Make it your own (chown it, and chmod go-w), or name a directory in it in snapshot_dir, which is then made for you alone: "
    "tcx.m365.rollback refuses what others could have written."
)
_REMEDY = "Give snapshot_dir a directory that you may write to, or run again when there is room."

Json = dict[str, Any]


def directory_of(variables: Mapping[str, Any]) -> str:
    """``snapshot_dir``, relative to where Ansible was started, as every path of this collection is."""
    return os.path.abspath(os.path.expanduser(str(variables.get("snapshot_dir") or DEFAULT_DIRECTORY)))


def run_id(store: RunStore) -> str:
    """The id of this run, the same for all of its hosts and tasks; those of later runs are greater."""
    with store.lock(_KIND, ""):
        run = store.get(_KIND, "")
        if run is None:
            run = _new_id(dt.datetime.now(dt.timezone.utc))
            store.put(_KIND, "", run)
    return str(run)


def _new_id(now: dt.datetime) -> str:
    """The digits behind the time begin with what of the second has passed, so that runs of one second sort as well."""
    return f"{now:%Y%m%dT%H%M%SZ}-{now.microsecond:05x}{secrets.token_hex(2)[:3]}"


def is_run_id(text: str) -> bool:
    """Whether a text is the id of a run, so that it leads nowhere else as a part of a path."""
    return _RUN_ID.fullmatch(text) is not None


class Snapshots:
    """The snapshots below one directory."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def path(self, run: str, host: str) -> str:
        return os.path.join(self.directory, run, file_name(host).removesuffix(".yml") + ".json")

    def write(self, run: str, host: str, content: Mapping[str, Any], *, latest: bool) -> str:
        """Write the file of a host, whole or not at all; its path.

        :param latest: from now on this run is the latest.
        :raises BadInput: it cannot be written.
        """
        path = self.path(run, host)
        with _told(_TRIED, self.directory, _REMEDY):
            self._check_places(run)
            text = json.dumps(content, indent=1, ensure_ascii=True) + "\n"
            opened = _temporary(os.path.dirname(path), ".snapshot-")
            _files.replace(path, text.encode("ascii"), durable=True, opened=opened)
            if latest:
                self._point_to(run)
        return path

    def _check_places(self, run: str) -> None:
        """What is kept where others can write would not be believed when it is needed, so it is not kept there."""
        for folder in (self.directory, os.path.join(self.directory, run)):
            with contextlib.suppress(FileNotFoundError):
                _check_owner(os.stat(folder), folder, _TRIED, _PRIVATE_REMEDY)

    def check_writable(self, run: str) -> None:
        """Raise :class:`BadInput` where this run could not keep what it changes."""
        with _told(_TRIED, self.directory, _REMEDY):
            self._check_places(run)
            descriptor, path = _temporary(os.path.join(self.directory, run), ".check-")
            os.close(descriptor)
            os.unlink(path)

    def check_usable(self, run: str) -> None:
        """The same for check mode, which makes no directory: by the rights of the one in which it would be made."""
        with _told(_TRIED, self.directory, _REMEDY):
            self._check_places(run)
            folder = os.path.join(self.directory, run)
            while not os.path.lexists(folder):
                folder = os.path.dirname(folder)
            if not os.path.isdir(folder):
                raise NotADirectoryError(errno.ENOTDIR, _NO_DIRECTORY)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def forget_empty(self, run: str) -> None:
        """Remove the directory of a run that has changed nothing."""
        with contextlib.suppress(OSError):
            os.rmdir(os.path.join(self.directory, run))

    def own(self, run: str, host: str) -> Json | None:
        """What this very run has written about a host before."""
        return self.read(run, host) if os.path.lexists(self.path(run, host)) else None

    def resolve(self, name: str) -> str:
        """The run that ``snapshot`` names.

        :raises BadInput: there is none.
        """
        if name == LATEST:
            try:
                name = os.readlink(os.path.join(self.directory, LATEST))
            except OSError:
                raise BadInput(
                    "there is no latest run",
                    tried=_TRIED_READ,
                    target=self.directory,
                    remedy="Nothing was changed from here, or snapshot_dir is another directory.",
                ) from None
        if not is_run_id(name) or not os.path.isdir(os.path.join(self.directory, name)):
            raise BadInput(
                f"there is no run {name!r}",
                tried=_TRIED_READ,
                target=self.directory,
                remedy=f"Name one of {', '.join(self.runs()[-5:]) or 'another directory in snapshot_dir'}, or latest.",
            )
        return name

    def runs(self) -> list[str]:
        """The ids of all runs, oldest first."""
        try:
            return sorted(name for name in os.listdir(self.directory) if is_run_id(name))
        except OSError:
            return []

    def of_host(self, host: str) -> Iterator[tuple[str, Json]]:
        """The runs that have changed something of a host, latest first; files that must not be believed are left out."""
        for run in reversed(self.runs()):
            if not os.path.lexists(self.path(run, host)):
                continue
            with contextlib.suppress(OSError, BadInput):
                yield run, self.read(run, host)

    def hosts(self, run: str) -> list[str]:
        """The hosts that a run has changed something of, by the names of their files."""
        try:
            names = os.listdir(os.path.join(self.directory, run))
        except OSError:
            return []
        return sorted(name.removesuffix(".json") for name in names if name.endswith(".json"))

    def read(self, run: str, host: str) -> Json:
        """The content of one file; its form is checked by ``snapshot_content``.

        :raises FileNotFoundError: that run has changed nothing of this host.
        :raises BadInput: it cannot be read, or others could have written it.
        """
        path = self.path(run, host)
        try:
            for folder in (self.directory, os.path.dirname(path)):
                _check_owner(os.stat(folder), folder)
            # Without O_NONBLOCK a named pipe in the place of the file would be waited for.
            flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
            descriptor = os.open(path, flags)
            with os.fdopen(descriptor, "rb") as stream:
                _check_owner(os.fstat(stream.fileno()), path)
                content = stream.read(_MOST_BYTES + 1)
            snapshot = json.loads(content) if len(content) <= _MOST_BYTES else None
        except FileNotFoundError:
            raise
        except (OSError, ValueError, RecursionError) as error:
            raise BadInput(
                _reason(error) if isinstance(error, OSError) else "it is not JSON", tried=_TRIED_READ, target=path
            ) from None
        if not isinstance(snapshot, dict):
            raise BadInput("it is no snapshot", tried=_TRIED_READ, target=path)
        return snapshot

    def _point_to(self, run: str) -> None:
        """``latest`` is a link to the directory of the run; it is exchanged, never absent."""
        link = os.path.join(self.directory, LATEST)
        if os.path.islink(link) and os.readlink(link) == run:
            return
        temporary = os.path.join(self.directory, f".latest-{secrets.token_hex(8)}")
        os.symlink(run, temporary)
        try:
            os.replace(temporary, link)
        except OSError:
            os.unlink(temporary)
            raise


@contextlib.contextmanager
def _told(tried: str, target: str, remedy: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInput(_reason(error), tried=tried, target=target, remedy=remedy) from None


def _reason(error: OSError) -> str:
    return str(error.strerror or error)


def _make_private(folder: str) -> None:
    """Make a directory that nobody but its owner can enter, and those above that are missing."""
    parent = os.path.dirname(folder)
    if not os.path.isdir(parent):
        _make_private(parent)
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    try:
        is_directory = stat.S_ISDIR(os.stat(folder).st_mode)
    except FileNotFoundError:
        # Another host of this run has removed it while it was empty; a link that leads nowhere stays.
        is_directory = not os.path.islink(folder)
    if not is_directory:
        raise NotADirectoryError(errno.ENOTDIR, _NO_DIRECTORY)


def _temporary(folder: str, prefix: str) -> tuple[int, str]:
    """An open file, mode 0600, in a directory that is made where it is missing.

    Another host of the same run, that has changed nothing, may remove the directory while it is still empty.
    """
    for _attempt in range(_TRIES):
        _make_private(folder)
        with contextlib.suppress(FileNotFoundError):
            return tempfile.mkstemp(dir=folder, prefix=prefix)
    return tempfile.mkstemp(dir=folder, prefix=prefix)


def _check_owner(status: os.stat_result, path: str, tried: str = _TRIED_READ, remedy: str = owners.REMEDY) -> None:
    if owners.others_can_write(status):
        raise BadInput(
            "others can write it, so that what is in it is not believed", tried=tried, target=path, remedy=remedy
        )
