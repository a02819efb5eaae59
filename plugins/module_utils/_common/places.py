# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a file was looked for, for people who started Ansible in another directory than they think."""

from __future__ import annotations

import os
import re

_CONTENT = re.compile(r"[\r\n]|-----BEGIN |\\n|^eyJ[\w-]{8,}\.")
_LONGEST = 1024


def is_content(value: str) -> bool:
    """Whether a value is what a file contains (a key, a token) and not its path: it is never to be shown."""
    return _CONTENT.search(value) is not None or len(value) > _LONGEST


def cannot_be_read(option: str, path: str, reason: str) -> str:
    """The sentence about a file; one that shows nothing of what was given instead of a path."""
    if is_content(path):
        return f"{option} {NO_PATH}"
    return f"{option} {path} cannot be read: {reason}{tried_at(path)}"


NO_PATH = "must be the path of a file, and holds what such a file contains"


def tried_at(path: str) -> str:
    """Ends a sentence about a file; nothing where it was given as an absolute path."""
    home = os.path.expanduser(path)
    whole = os.path.abspath(home)
    if whole == path:
        return ""
    return (
        f" (at {whole})" if os.path.isabs(home) else f" (at {whole}; a relative path starts where Ansible was started)"
    )


def correct_path(path: str) -> str:
    """What to do about a file that is not there."""
    if os.path.isabs(os.path.expanduser(path)):
        return "Correct the path."
    return "Start Ansible in the directory that the path begins in, or give the absolute path."
