# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Undoing changes that were carried out before: what is compared with what, and what is left alone. Pure.

An entry says what a change has made of a value. Of a single value only what is still as the change left it is set back:
anything else is somebody else's work. Of a list those members go that the change added, and those come back that it
removed; what others have added to it, or removed from it, stays as they left it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._plan import Normalize, Plan, as_is

TEXT, FLAG, NUMBER, NAMES, ROWS, MAPPING = "text", "flag", "number", "names", "rows", "mapping"

_TYPES: Mapping[str, tuple[type, ...]] = {TEXT: (str,), FLAG: (bool,), NUMBER: (int,)}

Kinds = Mapping[tuple[str, str], str]
"""What can be undone: target and field -> kind of value."""


@dataclass(frozen=True)
class Entry:
    """One change that was carried out.

    :param details: see :class:`_plan.Change`.
    """

    target: str
    field: str
    before: Any
    after: Any
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def added(self) -> list[Any]:
        return [item for item in self.after or () if item not in (self.before or ())]

    def removed(self) -> list[Any]:
        return [item for item in self.before or () if item not in (self.after or ())]


@dataclass(frozen=True)
class Refused:
    """A value that is left as it is.

    :param why: as the end of a sentence; without it, that somebody else has changed it since.
    """

    target: str
    field: str
    expected: Any = None
    actual: Any = None
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "field": self.field,
            "expected": self.expected,
            "found": self.actual,
            "reason": self.why or "it was changed since",
        }


@dataclass
class Undo:
    """A plan that undoes entries, and what of them it leaves alone."""

    plan: Plan = dataclasses.field(default_factory=Plan)
    refused: list[Refused] = dataclasses.field(default_factory=list)

    def refuse(self, entry: Entry, actual: Any = None, why: str = "") -> None:
        self.refused.append(Refused(entry.target, entry.field, entry.after, actual, why))

    def refusals(self) -> list[dict[str, Any]]:
        return [refusal.as_dict() for refusal in self.refused]


def entries(raw: Any, kinds: Kinds) -> list[Entry]:
    """Entries as a task or a snapshot gives them: foreign data, so every type is checked.

    :param raw: a list of ``{"target", "field", "before", "after"}``, some with ``details``.
    :raises BadInput: it is something else, or names what nobody here can undo.
    """
    if not isinstance(raw, list):
        raise BadInput("it is not a list of changes", tried="read what is to be undone")
    return [_entry(change, kinds) for change in raw]


def _entry(raw: Any, kinds: Kinds) -> Entry:
    if not isinstance(raw, Mapping) or not all(isinstance(raw.get(name), str) for name in ("target", "field")):
        raise BadInput("an entry of it is not a change with target and field", tried="read what is to be undone")
    key = (raw["target"], raw["field"])
    kind = kinds.get(key)
    details = raw.get("details", {})
    if kind is None or not isinstance(details, Mapping):
        raise BadInput(f"{' '.join(key)!r} is nothing that can be undone here", tried="read what is to be undone")
    for side in ("before", "after"):
        if side not in raw or not _fits(raw[side], kind):
            raise BadInput(f"{side} of {' '.join(key)!r} is not a {kind}", tried="read what is to be undone")
    return Entry(key[0], key[1], raw["before"], raw["after"], details)


def _fits(value: Any, kind: str) -> bool:
    if value is None:
        return True
    if kind in _TYPES:
        return isinstance(value, _TYPES[kind]) and (kind == FLAG or not isinstance(value, bool))
    if kind == MAPPING:
        return isinstance(value, Mapping)
    item = str if kind == NAMES else Mapping
    return isinstance(value, list) and all(isinstance(member, item) for member in value)


def is_undone(entry: Entry, have: Any, rule: Normalize = as_is) -> bool:
    """Whether a single value is as it was before the change."""
    return bool(rule(have) == rule(entry.before))


def is_untouched(entry: Entry, have: Any, rule: Normalize = as_is) -> bool:
    """Whether a single value is still as the change left it."""
    return bool(rule(have) == rule(entry.after))


def members(have: Sequence[Any], removed: Iterable[Any], added: Iterable[Any], rule: Normalize = as_is) -> list[Any]:
    """A list without what a change added, and with what it removed; what stays keeps its place.

    :param removed: what the change removed; :param added: what it added.
    """
    gone = [rule(item) for item in added]
    kept = [item for item in have if rule(item) not in gone]
    present = [rule(item) for item in kept]
    return kept + [item for item in removed if rule(item) not in present]
