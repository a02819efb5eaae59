# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the controller that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import Callable, TypeVar

from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput

T = TypeVar("T")


def written(option: str, stated: str, write: Callable[[str], T]) -> T:
    """What ``write`` returns for the whole path of a file or directory of the user.

    :param option: which option states the path; the sentence names its variable.
    :raises BadInput: it cannot be written.
    """
    path = os.path.abspath(os.path.expanduser(stated))
    try:
        return write(path)
    except OSError as error:
        raise BadInput(
            f"O({option}) {path} cannot be written: {error.strerror or error}",
            tried="write what this task found",
            remedy="Give a place that you may write to. A relative path is relative to where Ansible was started.",
        ) from error


def make_directory(path: str, mode: int) -> None:
    """Make what is missing of a directory with a mode of our own: ``makedirs`` gives parents that of the umask."""
    parent = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(parent):
        make_directory(parent, mode)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, mode)


def content_of(path: str, mode: int) -> bytes | None:
    """What a file holds; ``None`` where it is none, or more than the mode lets somebody read it, so that it is written anew."""
    try:
        if os.path.islink(path) or os.stat(path).st_mode & 0o777 & ~mode:
            return None
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def replace(
    path: str, content: bytes, mode: int = 0o600, *, durable: bool = False, opened: tuple[int, str] | None = None
) -> None:
    """Give a file that content in one step; a link that somebody has put in its place is replaced, not followed.

    :param durable: it is on the disk before it takes its place.
    :param opened: descriptor and path of the temporary file, in the same directory, where the caller has made it.
    :raises OSError: it cannot be written.
    """
    descriptor, temporary = opened or tempfile.mkstemp(dir=os.path.dirname(path), prefix=".tcx-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
