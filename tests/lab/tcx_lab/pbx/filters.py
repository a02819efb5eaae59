# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""OData's `$filter` (documented, OData v4): comparisons, and, or, not, in, contains, startswith, endswith, tolower, toupper,
and `any` or `all` over a collection. An expression is compiled to a function of an entity."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from tcx_lab.pbx import errors
from tcx_lab.pbx.model import Model, model_of

Entity = dict[str, Any]
Term = Callable[[Any], Any]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|(?P<moment>\d{4}-\d\d-\d\d(?:T[0-9:.]+(?:Z|[+-]\d\d:\d\d))?)"
    r"|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_$@][A-Za-z0-9_.]*(?:/[A-Za-z_][A-Za-z0-9_.]*)*)"
    r"|(?P<mark>[(),:]))"
)

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": str.startswith,
    "endswith": str.endswith,
}
_TEXT_CHANGES: dict[str, Callable[[str], str]] = {"tolower": str.lower, "toupper": str.upper, "trim": str.strip}
_CONSTANTS = {"true": True, "false": False, "null": None}


@lru_cache(maxsize=512)
def _compiled(model_key: int, type_name: str, text: str) -> Term:
    return _Parser(model_of((20, 0, model_key)), type_name, text).parse()


def compile_filter(model: Model, type_name: str, text: str) -> Callable[[Entity], bool]:
    """A test of entities from the text of a `$filter`. Raises `Refusal` 400 for bad syntax or an unknown property."""
    term = _compiled(model.update, type_name, text)
    return lambda entity: term(entity) is True


class _Parser:
    def __init__(self, model: Model, type_name: str, text: str) -> None:
        self._model = model
        self._type = type_name
        self._text = text
        self._variables: dict[str, str] = {}  # range variable of any/all -> type of what it stands for
        self._tokens = list(self._split())
        self._at = 0

    def parse(self) -> Term:
        term = self._either()
        if self._at != len(self._tokens):
            raise self._error()
        return term

    def _split(self) -> list[tuple[str, str, int]]:
        tokens, at = [], 0
        text = self._text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                raise self._error(at)
            tokens.append((match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
            at = match.end()
        return tokens

    def _error(self, at: int | None = None) -> errors.Refusal:
        if at is None:
            at = self._tokens[self._at][2] if self._at < len(self._tokens) else len(self._text)
        return errors.bad_query(f"Syntax error at position {at} in '{self._text}'.")

    def _peek(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            return ("end", "")
        return self._tokens[self._at][:2]

    def _take(self, *expected: str) -> str | None:
        kind, text = self._peek()
        if kind in ("name", "mark") and text in expected:
            self._at += 1
            return text
        return None

    def _need(self, mark: str) -> None:
        if self._take(mark) is None:
            raise self._error()

    def _either(self) -> Term:
        left = self._both()
        while self._take("or"):
            left = _join(left, self._both(), any)
        return left

    def _both(self) -> Term:
        left = self._negation()
        while self._take("and"):
            left = _join(left, self._negation(), all)
        return left

    def _negation(self) -> Term:
        if self._take("not"):
            inner = self._negation()
            return lambda entity: not inner(entity)
        return self._comparison()

    def _comparison(self) -> Term:
        left = self._operand()
        word = self._take(*_COMPARE, "in")
        if word is None:
            return left
        if word == "in":
            values = self._list()
            return lambda entity: left(entity) in [value(entity) for value in values]
        right, compare = self._operand(), _COMPARE[word]
        return lambda entity: _compare(compare, word, left(entity), right(entity))

    def _list(self) -> list[Term]:
        self._need("(")
        values = [self._operand()]
        while self._take(","):
            values.append(self._operand())
        self._need(")")
        return values

    def _operand(self) -> Term:
        kind, text = self._peek()
        if kind == "mark" and text == "(":
            self._at += 1
            inner = self._either()
            self._need(")")
            return inner
        if kind in ("end", "mark"):
            raise self._error()
        self._at += 1
        if kind == "text":
            return _constant(text[1:-1].replace("''", "'"))
        if kind == "number":
            return _constant(float(text) if "." in text else int(text))
        if kind == "moment":
            return _constant(text)
        if text in _CONSTANTS:
            return _constant(_CONSTANTS[text])
        return self._call(text) if self._peek() == ("mark", "(") else self._path(text)

    def _call(self, name: str) -> Term:
        collection, _slash, word = name.rpartition("/")
        if word in ("any", "all") and collection:
            return self._lambda(collection, any if word == "any" else all)
        arguments = self._list()
        if name in _TEXT_TESTS and len(arguments) == 2:
            test = _TEXT_TESTS[name]
            text, part = arguments
            return lambda entity: test(text(entity) or "", part(entity) or "")
        if name in _TEXT_CHANGES and len(arguments) == 1:
            change, inner = _TEXT_CHANGES[name], arguments[0]
            return lambda entity: change(inner(entity) or "")
        if name == "length" and len(arguments) == 1:
            inner = arguments[0]
            return lambda entity: len(inner(entity) or "")
        raise errors.bad_query(f"An unknown function with name '{name}' was found.")

    def _lambda(self, collection: str, fold: Callable[[Any], bool]) -> Term:
        items = self._path(collection)
        self._need("(")
        kind, variable = self._peek()
        if kind != "name":
            raise self._error()
        self._at += 1
        self._need(":")
        self._variables[variable] = self._type_of(collection)
        inner = self._either()
        self._need(")")
        del self._variables[variable]
        return lambda entity: fold(inner({**entity, variable: item}) for item in items(entity) or ())

    def _type_of(self, path: str) -> str:
        kind = self._type
        for name in path.split("/"):
            kind = self._model.types[kind][name].kind.name
        return kind

    def _path(self, text: str) -> Term:
        first, *rest = text.split("/")
        kind = self._type
        names = [first, *rest]
        if first in self._variables:
            kind, names = self._variables[first], rest
        for name in names:
            if name not in self._model.types.get(kind, {}):
                raise errors.no_such_property(name, kind)
            kind = self._model.types[kind][name].kind.name
        return lambda entity: _follow(entity, [first, *rest])


def _constant(value: Any) -> Term:
    return lambda _entity: value


def _join(left: Term, right: Term, fold: Callable[[Any], bool]) -> Term:
    return lambda entity: fold(bool(side(entity)) for side in (left, right))


def _compare(compare: Callable[[Any, Any], Any], word: str, left: Any, right: Any) -> bool:
    # Text compares with regard to case (assumed: public clients wrap both sides in tolower).
    if word in ("eq", "ne") or None not in (left, right):
        try:
            return bool(compare(left, right))
        except TypeError:
            return False
    return False


def _follow(entity: Any, names: list[str]) -> Any:
    for name in names:
        if not isinstance(entity, dict):
            return None
        entity = entity.get(name)
    return entity
