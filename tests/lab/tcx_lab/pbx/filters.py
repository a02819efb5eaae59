# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""OData's `$filter` (documented, OData v4): comparisons, and, or, not, in, contains, startswith, endswith, tolower, toupper,
and `any` or `all` over a collection. An expression is compiled to a function of an entity."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from tcx_lab.odata import (
    Call,
    Comparison,
    FilterError,
    Junction,
    Lambda,
    Membership,
    Negation,
    Node,
    Value,
    parse,
)
from tcx_lab.pbx import errors
from tcx_lab.pbx.model import Model, model_of

Entity = dict[str, Any]
Term = Callable[[Any], Any]

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


@lru_cache(maxsize=512)
def _compiled(model_key: int, type_name: str, text: str) -> Term:
    return _Compiler(model_of((20, 0, model_key)), type_name, text).compile()


def compile_filter(model: Model, type_name: str, text: str) -> Callable[[Entity], bool]:
    """A test of entities from the text of a `$filter`. Raises `Refusal` 400 for bad syntax or an unknown property."""
    term = _compiled(model.update, type_name, text)
    return lambda entity: term(entity) is True


class _Compiler:
    """What XAPI makes of a tree."""

    def __init__(self, model: Model, type_name: str, text: str) -> None:
        self._model = model
        self._type = type_name
        self._text = text
        self._variables: dict[str, str] = {}  # range variable of any/all -> type of what it stands for

    def compile(self) -> Term:
        try:
            tree = parse(self._text)
        except FilterError as error:
            raise self._error(error.at) from error
        return self._term(tree)

    def _error(self, at: int) -> errors.Refusal:
        return errors.bad_query(f"Syntax error at position {at} in '{self._text}'.")

    def _term(self, node: Node) -> Term:
        match node:
            case Junction() | Negation():
                return self._joined(node)
            case Comparison() | Membership():
                return self._compared(node)
            case Value(kind, value, at):
                if kind == "guid":  # assumed: its ids are text
                    raise self._error(at)
                return _constant(value)
            case Call(name, arguments):
                return self._call(name, [self._term(argument) for argument in arguments])
        return self._lambda(node) if isinstance(node, Lambda) else self._path(node.names)

    def _joined(self, node: Junction | Negation) -> Term:
        if isinstance(node, Negation):
            inner = self._term(node.inner)
            return lambda entity: not inner(entity)
        terms, fold = [self._term(part) for part in node.parts], any if node.word == "or" else all
        return lambda entity: fold(bool(term(entity)) for term in terms)

    def _compared(self, node: Comparison | Membership) -> Term:
        left = self._term(node.left)
        if isinstance(node, Membership):
            choices = [self._term(value) for value in node.values]
            return lambda entity: left(entity) in [choice(entity) for choice in choices]
        right, word, compare = self._term(node.right), node.word, _COMPARE[node.word]
        return lambda entity: _compare(compare, word, left(entity), right(entity))

    def _call(self, name: str, arguments: list[Term]) -> Term:
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

    def _lambda(self, node: Lambda) -> Term:
        if node.test is None:
            raise self._error(node.at)
        items, fold, variable = (
            self._path(node.collection.names),
            any if node.quantifier == "any" else all,
            node.variable,
        )
        self._variables[variable] = self._type_of(node.collection.names)
        inner = self._term(node.test)
        del self._variables[variable]
        return lambda entity: fold(inner({**entity, variable: item}) for item in items(entity) or ())

    def _type_of(self, names: tuple[str, ...]) -> str:
        kind = self._type
        for name in names:
            kind = self._model.types[kind][name].kind.name
        return kind

    def _path(self, path: tuple[str, ...]) -> Term:
        first, *rest = path
        kind, names = self._type, list(path)
        if first in self._variables:
            kind, names = self._variables[first], rest
        for name in names:
            if name not in self._model.types.get(kind, {}):
                raise errors.no_such_property(name, kind)
            kind = self._model.types[kind][name].kind.name
        return lambda entity: _follow(entity, path)


def _constant(value: Any) -> Term:
    return lambda _entity: value


def _compare(compare: Callable[[Any, Any], Any], word: str, left: Any, right: Any) -> bool:
    # Text compares with regard to case (assumed: public clients wrap both sides in tolower).
    if word in ("eq", "ne") or None not in (left, right):
        try:
            return bool(compare(left, right))
        except TypeError:
            return False
    return False


def _follow(entity: Any, names: Iterable[str]) -> Any:
    for name in names:
        if not isinstance(entity, dict):
            return None
        entity = entity.get(name)
    return entity
