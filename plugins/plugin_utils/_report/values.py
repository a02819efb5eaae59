# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values on their way into a report: to plain JSON, to text that people can read, and the difference between two of them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.dates import iso
from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible

_SURROGATES = re.compile("[\ud800-\udfff]")

# Made once: large fleets compare millions of values.
_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True)
class Limits:
    """How much of one PBX a page shows: characters of a value, items of a list, differences."""

    characters: int = 320
    items: int = 30
    differences: int = 80


@dataclass(frozen=True)
class Difference:
    """One setting that differs, ready to be shown.

    `is_set` tells which fields count: `removed`, `added` and `kept` (a number) for lists, `before` and `after` otherwise.
    """

    path: str
    is_set: bool
    before: str = ""
    after: str = ""
    removed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    kept: int = 0


def plain_text(text: str) -> str:
    """An ordinary `str` that UTF-8 can carry. Undecodable bytes (lone surrogates) become the replacement character."""
    if text.isascii():
        return str.__str__(text)
    return _SURROGATES.sub("\ufffd", str.__str__(text))


def plain(value: Any) -> Any:
    """The value as plain JSON data.

    Ansible hands over its own kinds of str, dict and list, sets, bytes and times; JSON knows no NaN. Keys become strings, sets become
    sorted lists. Anything unknown becomes its text.
    """
    if value is None or isinstance(value, bool):
        return value
    # Nearly all values of a report are of these kinds; the search below would cost a fleet's report half of its time.
    kind = type(value)
    if kind is str:
        return plain_text(value)
    if kind is dict:
        return _plain_mapping(value)
    if kind is list:
        return [plain(item) for item in value]
    for kinds, convert in _PLAIN:
        if isinstance(value, kinds):
            return convert(value)
    return plain_text(str(value))


def _plain_number(value: float) -> Any:
    if isinstance(value, int):
        return int(value)
    return float(value) if math.isfinite(value) else str(float(value))


def _plain_mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        plain_text(key if isinstance(key, str) else as_text(plain(key))): plain(item) for key, item in value.items()
    }


# The order counts: a datetime is a date, text and bytes can be iterated.
_PLAIN: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    ((int, float), _plain_number),
    (str, plain_text),
    ((bytes, bytearray), lambda value: bytes(value).decode("utf-8", "replace")),
    (datetime, iso),
    (date, date.isoformat),
    (Mapping, _plain_mapping),
    (AbstractSet, lambda value: sorted((plain(item) for item in value), key=canonical)),
    (Iterable, lambda value: [plain(item) for item in value]),
)


class Common:
    """What many entries have in common as one object: those of a fleet differ in names, and came from another process each.

    Nobody may change an entry in place.
    """

    _LONGEST = 200
    """Characters of a text, and of the JSON of what holds some: what is longer is hardly ever the same."""
    _SMALL = 8
    """Items of a list or mapping whose JSON is looked at; most controls have six and are the same on each PBX."""
    _MOST = 20_000
    """So many are remembered: what a fleet has in common is met early."""

    def __init__(self) -> None:
        self._known: dict[tuple[type, str], Any] = {}

    def shared(self, value: Any) -> Any:
        """A copy of plain JSON data, of which what is short, keys included, is that of the entries before."""
        if isinstance(value, str):
            return self._one(value, value)
        if isinstance(value, dict):
            made: Any = {self.shared(name): self.shared(item) for name, item in value.items()}
        elif isinstance(value, list):
            made = [self.shared(item) for item in value]
        else:
            return value
        # Not as canonical JSON: the order of keys is that of the file.
        return self._one(json.dumps(made), made) if len(made) <= self._SMALL else made

    def _one(self, key: str, value: Any) -> Any:
        if len(key) > self._LONGEST * (1 if isinstance(value, str) else 2):
            return value
        known = self._known.get((type(value), key))
        if known is None:
            known = value
            if len(self._known) < self._MOST:
                self._known[type(value), key] = value
        return known


def canonical(value: Any) -> str:
    """One text per JSON value: equal texts, equal values. Tells 1, 1.0, true and "1" apart."""
    return _CANONICAL.encode(value)


def as_text(value: Any) -> str:
    """A JSON value for people: text as it is, the rest as JSON, nothing as "not set"."""
    if value is None:
        return "not set"
    if isinstance(value, str):
        return value or "(empty)"
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def shorten(text: str, characters: int) -> str:
    """The text, or its beginning, an ellipsis and its length."""
    if len(text) <= characters:
        return text
    return f"{text[:characters].rstrip()}\u2026 ({len(text)} characters)"


def shorten_pair(before: str, after: str, characters: int) -> tuple[str, str]:
    """Both texts shortened such that the place where they part stays in sight."""
    if max(len(before), len(after)) <= characters:
        return before, after
    parting = next(
        (place for place, (one, two) in enumerate(zip(before, after)) if one != two), min(len(before), len(after))
    )
    start = max(0, parting - characters // 4) if parting > characters // 2 else 0
    lead = "\u2026" if start else ""
    return lead + shorten(before[start:], characters), lead + shorten(after[start:], characters)


def differences(path: str, before: Any, after: Any, limits: Limits) -> list[Difference]:
    """What differs between two JSON values: lists as sets, mappings key by key, everything else as a pair.

    Shape: one entry per setting, in the order of the keys; never empty, so that no reported change gets lost.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        differing: list[Difference] = []
        for key in sorted(set(before) | set(after)):
            if canonical(before.get(key)) != canonical(after.get(key)) or (key in before) != (key in after):
                differing.extend(differences(f"{path}.{visible(key)}", before.get(key), after.get(key), limits))
        return differing or [_pair(path, before, after, limits)]
    if _listlike(before, after):
        return [_sets(path, before or [], after or [], limits)]
    return [_pair(path, before, after, limits)]


def all_differences(changes: Iterable[dict[str, Any]], limits: Limits) -> list[Difference]:
    """Every setting that the changes of one PBX are about, named `target.field`."""
    differing: list[Difference] = []
    for change in changes:
        path = visible(f"{change['target']}.{change['field']}".strip("."))
        differing.extend(differences(path, change["before"], change["after"], limits))
    return differing


def _listlike(before: Any, after: Any) -> bool:
    return (isinstance(before, list) and isinstance(after, (list, type(None)))) or (
        before is None and isinstance(after, list)
    )


def _pair(path: str, before: Any, after: Any, limits: Limits) -> Difference:
    one, two = as_text(before), as_text(after)
    if one == two:
        # true and "true" read the same: only their JSON tells what is wrong.
        one, two = canonical(before), canonical(after)
    one, two = shorten_pair(one, two, limits.characters)
    return Difference(path=path, is_set=False, before=visible(one), after=visible(two))


def _sets(path: str, before: list[Any], after: list[Any], limits: Limits) -> Difference:
    earlier: dict[str, Any] = {canonical(item): item for item in before}
    later: dict[str, Any] = {canonical(item): item for item in after}
    removed = [item for key, item in earlier.items() if key not in later]
    added = [item for key, item in later.items() if key not in earlier]
    if not removed and not added and canonical(before) != canonical(after):
        return _pair(path, canonical(before), canonical(after), limits)
    return Difference(
        path=path,
        is_set=True,
        removed=shown_items(removed, limits),
        added=shown_items(added, limits),
        kept=len(earlier) - len(removed),
    )


def shown_items(items: Iterable[Any], limits: Limits) -> list[str]:
    """Items of a list as short texts; the last one tells how many were left out."""
    everything = list(items)
    texts = [visible(shorten(as_text(item), limits.characters)) for item in everything[: limits.items]]
    left_out = len(everything) - len(texts)
    return [*texts, f"\u2026 and {left_out} more"] if left_out else texts


def flat_items(value: Any, path: str = "") -> list[tuple[str, list[Any]]]:
    """A nested mapping as pairs of a dotted path and the values there; empty branches are left out."""
    if isinstance(value, dict):
        pairs: list[tuple[str, list[Any]]] = []
        for key in sorted(value):
            pairs.extend(flat_items(value[key], f"{path}.{key}" if path else key))
        return pairs
    items = value if isinstance(value, list) else [value]
    return [(path, items)] if items and value not in (None, "") else []


def optional_text(value: Any | None) -> str:
    """Text, or an empty text for None."""
    return "" if value is None else plain_text(value if isinstance(value, str) else as_text(plain(value)))
