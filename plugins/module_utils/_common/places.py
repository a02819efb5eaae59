# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a file was looked for, for people who started Ansible in another directory than they think."""

from __future__ import annotations

import os
import re

_CONTENT = re.compile(r"[\r\n\0]|-----(?:BEGIN|END)|\\n|^eyJ[\w-]{8,}\.|\beyJ[\w-]{8,}\.[\w-]+\.")
_PERHAPS_A_KEY = re.compile(
    r"[A-Za-z0-9+/=\s]{48,}"
    r"|[A-Za-z0-9_=-]{48,}"  # in the letters for addresses, without a slash: a long path of words and hyphens is none
    r"|[A-Za-z0-9+/_-]{8,}={1,2}"
    r"|(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])(?!.*[a-z]{7})[A-Za-z0-9+_-]{20,}"
    r"|[\w~.-]{3}[0-9]Q~[\w~.-]{31,34}"
)
"""A line of a key whose header was lost is never quoted, although it may look like a path: a long one, the last one with its
filling, and a short one, which mixes letters and digits as no name of a file without an ending does. Nor is a client secret."""
_LONGEST = 1024


def is_content(value: str) -> bool:
    """Whether a value is what a file contains (a key, a token) and not its path: it is never to be shown."""
    return _CONTENT.search(value) is not None or len(value) > _LONGEST


def may_be_shown(path: str) -> bool:
    """Whether a sentence may repeat what was given as a path: what leads to something is one, whatever it looks like."""
    return not is_content(path) and (_PERHAPS_A_KEY.fullmatch(path) is None or os.path.exists(os.path.expanduser(path)))


def option_and_path(option: str, path: str) -> str:
    """How a sentence begins that is about a file."""
    return f"{option} {path}" if may_be_shown(path) else f"{option} (not shown, because it may be a part of a key)"


def cannot_be_read(option: str, path: str, reason: str) -> str:
    """The sentence about a file; one that shows nothing of what was given instead of a path."""
    if is_content(path):
        return f"{option} {NO_PATH}"
    return f"{option_and_path(option, path)} cannot be read: {reason}{tried_at(path)}"


NO_PATH = "must be the path of a file, and holds what such a file contains"


def tried_at(path: str) -> str:
    """Ends a sentence about a file; nothing where it was given as an absolute path, or must not be shown."""
    home = os.path.expanduser(path)
    whole = os.path.abspath(home)
    if whole == path or not may_be_shown(path):
        return ""
    return (
        f" (at {whole})" if os.path.isabs(home) else f" (at {whole}; a relative path starts where Ansible was started)"
    )


def to_make_readable(path: str, error: Exception) -> str:
    """What to do about a file that cannot be opened."""
    if isinstance(error, PermissionError):
        return "Give the user who runs the task the right to read it."
    if isinstance(error, FileNotFoundError) and may_be_shown(path):
        return correct_path(path)
    return "Give the path of the file."


def correct_path(path: str) -> str:
    """What to do about a file that is not there."""
    if os.path.isabs(os.path.expanduser(path)):
        return "Correct the path."
    return "Start Ansible in the directory that the path begins in, or give the absolute path."
