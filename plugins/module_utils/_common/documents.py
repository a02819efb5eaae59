# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers held against what a service documents: a property of another type is an error of that service, and no surprise later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import typed

_HIGHEST = 2**31


class Documented:
    """The properties of one service that this collection reads; each may be null. Names stand with blanks between them.

    :param subject: what is at the address, in the advice of an error.
    :param longest: characters of a text; :param longer: those of the texts that may have more.
    :param closed: objects in these are not looked into: large lists of which each item is read by itself.
    """

    def __init__(
        self,
        service: str,
        subject: str,
        *,
        texts: str = "",
        flags: str = "",
        numbers: str = "",
        objects: str = "",
        lists_of_texts: str = "",
        lists_of_objects: str = "",
        longest: int,
        longer: Mapping[str, int] | None = None,
        closed: str = "",
    ) -> None:
        self._service = service
        self._subject = subject
        self._longest = longest
        self._longer = dict(longer or {})
        self._closed = frozenset(closed.split())
        self._items: dict[str, tuple[type, str]] = {
            **dict.fromkeys(lists_of_texts.split(), (str, "texts")),
            **dict.fromkeys(lists_of_objects.split(), (dict, "objects")),
        }
        self._types: dict[str, tuple[type, str]] = {
            **dict.fromkeys(texts.split(), (str, "a text")),
            **dict.fromkeys(flags.split(), (bool, "a boolean")),
            **dict.fromkeys(numbers.split(), (int, "a number")),
            **dict.fromkeys(objects.split(), (dict, "an object")),
            **dict.fromkeys(self._items, (list, "a list")),
        }

    @property
    def names(self) -> list[str]:
        return list(self._types)

    def check(self, answer: Mapping[str, Any]) -> None:
        """Hold an answer against the table, at every depth.

        :raises BadAnswer: a property has another type than documented; the sentence names it.
        """
        left: list[Mapping[str, Any]] = [answer]
        while left:
            for name, value in left.pop().items():
                if name in self._types and value is not None:
                    self._check_one(name, value)
                if isinstance(value, dict):
                    left.append(value)
                elif isinstance(value, list) and name not in self._closed:
                    left.extend(item for item in value if isinstance(item, dict))

    def _check_one(self, name: str, value: Any) -> None:
        expected, words = self._types[name]
        is_number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _HIGHEST
        if not (is_number if expected is int else isinstance(value, expected)):
            raise self._wrong(name, value, words)
        if isinstance(value, str) and len(value) > self._longer.get(name, self._longest):
            raise self._wrong(name, value, "a text of sensible length")
        if isinstance(value, list):
            kind, plural = self._items[name]
            strange = [item for item in value if not isinstance(item, kind)]
            if strange:
                raise self._wrong(name, strange[0], f"a list of {plural}")

    def _wrong(self, name: str, value: Any, expected: str) -> Exception:
        return typed.wrong(name, value, expected, self._service, self._subject)
