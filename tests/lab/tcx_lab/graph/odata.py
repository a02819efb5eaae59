# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The OData subset of the directory: `$filter`, `$select`, `$orderby`, paging. Advanced queries are refused without their header.

Grades: which filters need `ConsistencyLevel: eventual` and `$count=true` is documented, except redirect URIs (observed in
public code); wordings are observed except where the text says assumed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from tcx_lab.graph.errors import GraphError, bad_request
from tcx_lab.graph.shapes import parse_moment

Entity = dict[str, Any]
Test = Callable[[Any], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<punct>[(),:])|(?P<word>[^\s(),:']+))",
)
_COMPARISONS = {"eq", "ne", "gt", "ge", "lt", "le"}
_FUNCTIONS = {"startswith", "endswith", "contains"}
#: Filters on these need the advanced query parameters (observed in four public code bases).
_ADVANCED_PROPERTIES = {"web/redirectUris", "spa/redirectUris", "publicClient/redirectUris"}
_HINT = (
    "is not supported because the required parameters might be missing. Try adding $count=true query parameter and "
    "ConsistencyLevel:eventual header. Refer to https://aka.ms/graph-docs/advanced-queries for more information"
)


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed `$filter`: its test, the operators that need an advanced query, and a plain `property eq 'value'` if it is one."""

    test: Test
    advanced: tuple[str, ...]
    names: frozenset[str]
    equality: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Path:
    """The value at a path of the object itself (not of a lambda's variable)."""

    path: str

    def __call__(self, item: Any) -> Any:
        return _walk(item, self.path)


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.at = 0
        self.advanced: list[str] = []
        self.names: set[str] = set()
        self.equalities: list[tuple[str, str]] = []

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if not token or (expected is not None and token.lower() != expected):
            raise ValueError(f"expected {expected or 'more'} at token {self.at}")
        self.at += 1
        return token

    def whole(self) -> Test:
        test = self.disjunction()
        if self.peek():
            raise ValueError("text after the end")
        return test

    def disjunction(self, scope: str = "") -> Test:
        tests = [self.conjunction(scope)]
        while self.peek().lower() == "or":
            self.take()
            tests.append(self.conjunction(scope))
        return tests[0] if len(tests) == 1 else lambda item: any(test(item) for test in tests)

    def conjunction(self, scope: str) -> Test:
        tests = [self.negation(scope)]
        while self.peek().lower() == "and":
            self.take()
            tests.append(self.negation(scope))
        return tests[0] if len(tests) == 1 else lambda item: all(test(item) for test in tests)

    def negation(self, scope: str) -> Test:
        if self.peek().lower() == "not":
            self.take()
            self.advanced.append("Not")
            test = self.negation(scope)
            return lambda item: not test(item)
        if self.peek() == "(":
            self.take()
            test = self.disjunction(scope)
            self.take(")")
            return test
        return self.condition(scope)

    def condition(self, scope: str) -> Test:
        word = self.take()
        if word.lower() in _FUNCTIONS and self.peek() == "(":
            return self.function(word.lower(), scope)
        if word.lower().endswith(("/any", "/all")) and self.peek() == "(":
            return self.collection(word)
        return self.comparison(self.path(word, scope))

    def function(self, name: str, scope: str) -> Test:
        self.take("(")
        get = self.path(self.take(), scope)
        self.take(",")
        value = str(_literal(self.take())).lower()
        self.take(")")
        if name != "startswith":
            self.advanced.append("EndsWith" if name == "endswith" else "Contains")
        method = {"startswith": str.startswith, "endswith": str.endswith, "contains": str.__contains__}[name]
        return lambda item: bool(method(str(get(item) or "").lower(), value))

    def collection(self, word: str) -> Test:
        path, _slash, quantifier = word.rpartition("/")
        self.names.add(path.split("/")[0])
        if path in _ADVANCED_PROPERTIES:
            self.advanced.append("Any")
        self.take("(")
        if self.peek() == ")":
            self.take()
            return lambda item: bool(_walk(item, path))
        variable = self.take()
        self.take(":")
        test = self.disjunction(variable)
        self.take(")")
        check = any if quantifier.lower() == "any" else all
        return lambda item: check(test(element) for element in _walk(item, path) or [])

    def comparison(self, get: Callable[[Any], Any]) -> Test:
        operator = self.take().lower()
        if operator == "in":
            return self.membership(get)
        if operator not in _COMPARISONS:
            raise ValueError(f"unknown operator {operator}")
        if operator == "ne":
            self.advanced.append("NotEqualsMatch")
        literal = _literal(self.take())
        if operator == "eq" and isinstance(literal, str) and isinstance(get, _Path):
            self.equalities.append((get.path, literal))
        return lambda item: _compare(get(item), operator, literal)

    def membership(self, get: Callable[[Any], Any]) -> Test:
        self.take("(")
        values = [_literal(self.take())]
        while self.peek() == ",":
            self.take()
            values.append(_literal(self.take()))
        self.take(")")
        return lambda item: any(_compare(get(item), "eq", value) for value in values)

    def path(self, word: str, scope: str) -> Callable[[Any], Any]:
        if scope and (word == scope or word.startswith(scope + "/")):
            inner = word[len(scope) + 1 :]
            return lambda item: _walk(item, inner) if inner else item
        self.names.add(word.split("/", maxsplit=1)[0])
        return _Path(word)


@lru_cache(maxsize=2048)
def parse_filter(text: str) -> Filter:
    """Parse a `$filter`. Raises GraphError 400 (observed code, assumed detail)."""
    try:
        parser = _Parser(text)
        test = parser.whole()
    except (ValueError, IndexError) as error:
        raise bad_request(f"Invalid filter clause: {error}", "BadRequest") from error
    alone = len(parser.tokens) == 3 and len(parser.equalities) == 1
    return Filter(test, tuple(parser.advanced), frozenset(parser.names), parser.equalities[0] if alone else None)


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"syntax error at position {at}")
        tokens.append(match["text"] or match["punct"] or match["word"])
        at = match.end()
    return tokens


def _literal(token: str) -> Any:
    if token.startswith("'"):
        return token[1:-1].replace("''", "'")
    low = token.lower()
    if low in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[low]
    if re.fullmatch(r"-?\d+", token):
        return int(token)
    if re.fullmatch(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}", token) or re.match(r"\d{4}-\d\d-\d\d", token):
        return token
    raise ValueError(f"{token} is not a value")


def _walk(item: Any, path: str) -> Any:
    for name in path.split("/"):
        if not isinstance(item, dict):
            return None
        item = item.get(name)
    return item


def _compare(actual: Any, operator: str, literal: Any) -> bool:
    if isinstance(actual, str) and isinstance(literal, str):
        actual, literal = _comparable(actual, literal)
    if operator == "eq":
        return bool(actual == literal)
    if operator == "ne":
        return bool(actual != literal)
    if actual is None or literal is None or type(actual) is not type(literal):
        return False
    outcomes = {"gt": actual > literal, "ge": actual >= literal, "lt": actual < literal, "le": actual <= literal}
    return bool(outcomes[operator])


def _comparable(actual: str, literal: str) -> tuple[Any, Any]:
    if re.match(r"\d{4}-\d\d-\d\dT", literal):
        try:
            return parse_moment(actual), parse_moment(literal)
        except (ValueError, IndexError):
            pass
    return actual.lower(), literal.lower()  # the directory compares text without regard to case (documented)


def check_advanced(parsed: Filter, eventual: bool) -> None:
    """Refuse a filter that needs an advanced query when the request is none. Raises GraphError 400."""
    if parsed.advanced and not eventual:
        raise bad_request(f"Operator: '{parsed.advanced[0]}' {_HINT}", "Request_UnsupportedQuery")


def unknown_names(names: Iterable[str], known: Iterable[str], entity_type: str) -> GraphError | None:
    """The error for the first name that the type does not have (observed wording)."""
    allowed = set(known)
    for name in sorted(names):
        if name not in allowed:
            return bad_request(
                f"Could not find a property named '{name}' on type 'microsoft.graph.{entity_type}'.", "BadRequest"
            )
    return None


def select(entity: Entity, names: list[str] | None) -> Entity:
    """The chosen properties of an object, with its type annotation."""
    if not names:
        return entity
    return {name: entity.get(name) for name in names} | {k: v for k, v in entity.items() if k == "@odata.type"}


def order(entities: list[Entity], clause: str) -> list[Entity]:
    """Sort by `$orderby`; text without regard to case, null first."""
    for part in reversed(clause.split(",")):
        name, _space, direction = part.strip().partition(" ")
        entities = sorted(entities, key=partial(_sort_text, name), reverse=direction.strip().lower() == "desc")
    return entities


def _sort_text(path: str, entity: Entity) -> str:
    return str(_walk(entity, path) or "").lower()


def search(entities: Iterable[Entity], clause: str) -> list[Entity]:
    """Objects that match `$search="property:text"` (terms joined by AND or OR)."""
    terms = re.findall(r'"([^":]+):([^"]*)"', clause)
    if not terms:
        raise bad_request('Syntax error: $search needs the form "property:value".', "BadRequest")
    check = any if re.search(r'"\s+OR\s+"', clause) else all
    return [
        entity
        for entity in entities
        if check(text.lower() in str(_walk(entity, name) or "").lower() for name, text in terms)
    ]
