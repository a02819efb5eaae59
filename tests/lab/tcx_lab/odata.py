# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The grammar of OData's `$filter`, once for Graph and for XAPI: from text to a tree.

What a service makes of a tree, and what of the grammar it refuses, is its own business (`graph/odata.py`, `pbx/filters.py`).
https://docs.oasis-open.org/odata/odata/v4.01/os/part2-url-conventions/odata-v4.01-os-part2-url-conventions.html, 5.1.1
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

COMPARISONS = ("eq", "ne", "gt", "ge", "lt", "le")
_CONSTANTS = {"true": True, "false": False, "null": None}
_NAME = r"[A-Za-z_$@][A-Za-z0-9_.]*"
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|(?P<guid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![\w-]))"
    r"|(?P<moment>\d{4}-\d\d-\d\d(?:T[0-9:.]+(?:Z|[+-]\d\d:\d\d))?)"
    r"|(?P<number>-?\d+(?:\.\d+)?)"
    rf"|(?P<name>{_NAME}(?:/{_NAME})*)"
    r"|(?P<mark>[(),:]))"
)


class FilterError(ValueError):
    """Text that is no filter; `at` is the position where that shows."""

    def __init__(self, at: int) -> None:
        super().__init__(f"syntax error at position {at}")
        self.at = at


@dataclass(frozen=True, slots=True)
class Value:
    """A literal: `kind` is text, guid, moment, number or constant."""

    kind: str
    value: Any
    at: int


@dataclass(frozen=True, slots=True)
class Path:
    """A property, or one of what it holds: `web/redirectUris`."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function: `startswith(displayName,'3CX')`."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Lambda:
    """`any` or `all` over a collection; without a variable and a test, whether there is anything in it."""

    collection: Path
    quantifier: str
    variable: str
    test: Node | None
    at: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left word right`; the word in lower case."""

    word: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Membership:
    """`left in (values)`."""

    left: Node
    values: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """`not inner`."""

    inner: Node


@dataclass(frozen=True, slots=True)
class Junction:
    """Parts that are joined by `and` or `or`."""

    word: str
    parts: tuple[Node, ...]


Node = Value | Path | Call | Lambda | Comparison | Membership | Negation | Junction


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def parse(text: str, *, any_case: bool = False) -> Node:
    """The tree of a `$filter`.

    :param any_case: keywords and constants may be in upper case (OData 4.01), as the directory takes them.
    :raises FilterError: the text is no filter.
    """
    return _Parser(text, any_case).whole()


class _Parser:
    def __init__(self, text: str, any_case: bool) -> None:
        self._text = text
        self._fold = str.lower if any_case else str
        self._tokens = list(_split(text.rstrip()))
        self._at = 0

    def whole(self) -> Node:
        node = self._either()
        if self._at != len(self._tokens):
            raise self._error()
        return node

    def _error(self) -> FilterError:
        return FilterError(self._peek().at)

    def _peek(self) -> _Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _Token("end", "", len(self._text))

    def _take(self, *expected: str) -> str | None:
        token = self._peek()
        word = self._fold(token.text)
        if token.kind in ("name", "mark") and word in expected:
            self._at += 1
            return word
        return None

    def _need(self, mark: str) -> None:
        if self._take(mark) is None:
            raise self._error()

    def _either(self) -> Node:
        parts = [self._both()]
        while self._take("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Junction("or", tuple(parts))

    def _both(self) -> Node:
        parts = [self._negation()]
        while self._take("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else Junction("and", tuple(parts))

    def _negation(self) -> Node:
        return Negation(self._negation()) if self._take("not") else self._comparison()

    def _comparison(self) -> Node:
        left = self._operand()
        word = self._take(*COMPARISONS, "in")
        if word is None:
            return left
        return Membership(left, self._list()) if word == "in" else Comparison(word, left, self._operand())

    def _list(self) -> tuple[Node, ...]:
        self._need("(")
        values = [self._operand()]
        while self._take(","):
            values.append(self._operand())
        self._need(")")
        return tuple(values)

    def _operand(self) -> Node:
        if self._take("("):
            inner = self._either()
            self._need(")")
            return inner
        kind, text, at = self._peek()
        if kind in ("end", "mark"):
            raise self._error()
        self._at += 1
        if kind == "text":
            return Value(kind, text[1:-1].replace("''", "'"), at)
        if kind == "number":
            return Value(kind, float(text) if "." in text else int(text), at)
        if kind != "name":
            return Value(kind, text, at)
        if self._fold(text) in _CONSTANTS:
            return Value("constant", _CONSTANTS[self._fold(text)], at)
        return self._call(text) if self._peek()[:2] == ("mark", "(") else _path(text)

    def _call(self, name: str) -> Node:
        collection, _slash, word = name.rpartition("/")
        if collection and self._fold(word) in ("any", "all"):
            return self._lambda(_path(collection), self._fold(word))
        return Call(self._fold(name), self._list())

    def _lambda(self, collection: Path, quantifier: str) -> Lambda:
        self._need("(")
        kind, variable, at = self._peek()
        if self._take(")"):
            return Lambda(collection, quantifier, "", None, at)
        if kind != "name":
            raise self._error()
        self._at += 1
        self._need(":")
        test = self._either()
        self._need(")")
        return Lambda(collection, quantifier, variable, test, at)


def _path(text: str) -> Path:
    return Path(tuple(text.split("/")))


def _split(text: str) -> list[_Token]:
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise FilterError(at)
        tokens.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        at = match.end()
    return tokens
