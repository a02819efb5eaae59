# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values inside of nested mappings, by their path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Union

Path = Union[str, Sequence[str]]
"""``user_sync.photo``, or the names in order (those of claims and tags may have dots)."""


def _names(path: Path) -> Sequence[str]:
    return path.split(".") if isinstance(path, str) else path


def dig(tree: Any, path: Path) -> Any:
    """The value at a path; ``None`` where a part of the path is missing, null or no mapping."""
    value = tree
    for name in _names(path):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def with_value(tree: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A copy in which one nested value is another; what is missing on the way is made."""
    names = _names(path)
    copy = dict(tree)
    if len(names) == 1:
        copy[names[0]] = value
    else:
        inner = copy.get(names[0])
        copy[names[0]] = with_value(inner if isinstance(inner, Mapping) else {}, names[1:], value)
    return copy
