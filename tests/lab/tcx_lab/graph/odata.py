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
from tcx_lab.odata import Call, Comparison, Junction, Lambda, Membership, Negation, Node, Path, Value, parse

Entity = dict[str, Any]
Test = Callable[[Any], bool]

_FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": str.__contains__,
}
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


class _Compiler:
    """What the directory makes of a tree. Raises ValueError for what of the grammar it does not take."""

    def __init__(self) -> None:
        self.advanced: list[str] = []
        self.names: set[str] = set()

    def test(self, node: Node, scope: str = "") -> Test:
        """The test of an entity; within a lambda, `scope` is the variable, and the test that of an item."""
        match node:
            case Junction(word, parts):
                tests = [self.test(part, scope) for part in parts]
                fold = any if word == "or" else all
                return lambda item: fold(test(item) for test in tests)
            case Negation(inner):
                self.advanced.append("Not")
                test = self.test(inner, scope)
                return lambda item: not test(item)
            case Call(name, (subject, value)) if name in _FUNCTIONS:
                return self.function(name, self.path(subject, scope), str(_literal(value)).lower())
            case Lambda():
                return self.collection(node)
            case Comparison(word, left, right):
                get = self.path(left, scope)
                if word == "ne":
                    self.advanced.append("NotEqualsMatch")
                literal = _literal(right)
                return lambda item: _compare(get(item), word, literal)
            case Membership(left, choices):
                get, values = self.path(left, scope), [_literal(choice) for choice in choices]
                return lambda item: any(_compare(get(item), "eq", value) for value in values)
        raise ValueError("a condition is missing, or is none")

    def function(self, name: str, get: Callable[[Any], Any], value: str) -> Test:
        if name != "startswith":
            self.advanced.append("EndsWith" if name == "endswith" else "Contains")
        method = _FUNCTIONS[name]
        return lambda item: bool(method(str(get(item) or "").lower(), value))

    def collection(self, node: Lambda) -> Test:
        path = "/".join(node.collection.names)
        self.names.add(node.collection.names[0])
        if path in _ADVANCED_PROPERTIES:
            self.advanced.append("Any")
        if node.test is None:
            return lambda item: bool(_walk(item, path))
        test, check = self.test(node.test, node.variable), any if node.quantifier == "any" else all
        return lambda item: check(test(element) for element in _walk(item, path) or [])

    def path(self, node: Node, scope: str) -> Callable[[Any], Any]:
        match node:
            case Path():
                pass
            case _:
                raise ValueError("a property is missing")
        if scope and node.names[0] == scope:
            inner = "/".join(node.names[1:])
            return lambda item: _walk(item, inner) if inner else item
        self.names.add(node.names[0])
        path = "/".join(node.names)
        return lambda item: _walk(item, path)


@lru_cache(maxsize=2048)
def parse_filter(text: str) -> Filter:
    """Parse a `$filter`. Raises GraphError 400 (observed code, assumed detail)."""
    compiler = _Compiler()
    try:
        tree = parse(text, any_case=True)
        test = compiler.test(tree)
    except ValueError as error:
        raise bad_request(f"Invalid filter clause: {error}", "BadRequest") from error
    equality = None
    match tree:
        case Comparison("eq", Path(names), Value(value=str() as value)):
            equality = ("/".join(names), value)
    return Filter(test, tuple(compiler.advanced), frozenset(compiler.names), equality)


def _literal(node: Node) -> Any:
    match node:
        case Value(value=str() | int() | None as value):
            return value
    raise ValueError("a value is missing")


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


def sorted_names(clause: str) -> list[str]:
    """The properties that `$orderby` names. Raises 400 (wording assumed) where one has another direction."""
    names = []
    for part in filter(None, clause.split(",")):
        name, _space, direction = part.strip().partition(" ")
        if direction.strip().lower() not in ("", "asc", "desc"):
            raise bad_request(f"Syntax error at position {len(name) + 1} in '{part.strip()}'.", "BadRequest")
        names.append(name.split("/")[0])
    return names


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
