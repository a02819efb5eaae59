# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of options in messages: written ``O(client_secret)`` where a message is made, rendered where it is shown.

The libraries know options only. Whoever sets an option by an inventory variable reads the name of the variable, so the
front end that knows where a value came from renders the mark: ``tcx_client_secret``, or ``client_secret`` in a task.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

Names = Mapping[str, str]
"""Option -> the name under which the operator has set it. Options that are not in it keep their own name."""

_MARK = re.compile(r"\bO\(([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*)\)")


def marked(path: str) -> str:
    """The mark of an option, dotted when nested (``user_sync.photo``)."""
    return f"O({path})"


def name_of(path: str, names: Names) -> str:
    """``user_sync.photo`` -> ``tcx_console_user_sync.photo``, where ``user_sync`` was set by that variable."""
    head, dot, rest = path.partition(".")
    return names.get(head, head) + dot + rest


def rendered(text: str, names: Names | None = None) -> str:
    """A message with the names of options as the operator knows them."""
    return _MARK.sub(lambda match: name_of(match.group(1), names or {}), text) if "O(" in text else text


def nearest(word: str, known: Iterable[str]) -> str:
    """The known name that was probably meant, or nothing."""
    plain = {name.replace("_", ""): name for name in sorted(known)}
    matches = difflib.get_close_matches(word.replace("_", "").lower(), plain, n=1, cutoff=0.75)
    return plain[matches[0]] if matches else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean photo?``, or nothing: to be put behind a name that nobody knows."""
    near = nearest(word, known)
    return f"; did you mean {near}?" if near else ""
