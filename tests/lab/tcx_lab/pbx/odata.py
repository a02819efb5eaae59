# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The query options of XAPI: `$select`, `$expand`, `$filter`, `$search`, `$orderby`, `$top`, `$skip`, `$count`.

Entities are plain dicts with every property that has a value; what a build lacks is left out here, and so is null
(observed on 20.0.9: a null property has no key).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tcx_lab.evidence import Grade, evidence
from tcx_lab.pbx import errors
from tcx_lab.pbx.filters import compile_filter
from tcx_lab.pbx.model import Model

Entity = dict[str, Any]

MAX_TOP = 100  # observed: two independent clients page with it

_SINGLE = frozenset({"$select", "$expand"})
_LISTING = _SINGLE | {"$filter", "$search", "$orderby", "$top", "$skip", "$count"}


@dataclass(slots=True)
class Shape:
    """Which properties an answer has: `select` None means all but navigation properties."""

    type_name: str
    select: list[str] | None = None
    expand: dict[str, Shape] = field(default_factory=dict)

    def context(self) -> str:
        """The part in parentheses of `@odata.context`, for example "(Id,Number)"; "" without `$select`."""
        if self.select is None:
            return ""
        opened = [f"{name}{inner.context() or '()'}" for name, inner in self.expand.items()]
        return f"({','.join([*self.select, *opened])})"


@dataclass(slots=True)
class Query:
    """The options of one request, checked against the type."""

    shape: Shape
    matches: Callable[[Entity], bool] | None = None
    search: str = ""
    order: list[tuple[str, bool]] = field(default_factory=list)  # (property, descending)
    top: int | None = None
    skip: int = 0
    count: bool = False


def parse_query(model: Model, type_name: str, options: Mapping[str, str], *, listing: bool) -> Query:
    """Check the query options of a request. Raises `Refusal` 400 for what XAPI refuses."""
    known = _LISTING if listing else _SINGLE
    for name in options:
        if name.startswith("$") and name not in known:
            raise errors.bad_query(f"The query parameter '{name}' is not supported.")
    query = Query(_shape(model, type_name, options.get("$select"), options.get("$expand")))
    if not listing:
        return query
    if text := options.get("$filter", "").strip():
        query.matches = compile_filter(model, type_name, text)
    query.search = options.get("$search", "").strip().strip('"').lower()
    query.order = _order(model, type_name, options.get("$orderby", ""))
    query.top, query.skip = _top(options.get("$top")), _number("$skip", options.get("$skip")) or 0
    query.count = _flag(options.get("$count"))
    return query


def _shape(model: Model, type_name: str, select: str | None, expand: str | None) -> Shape:
    shape = Shape(type_name)
    if select is not None:
        shape.select = [name for name in (part.strip() for part in select.split(",")) if name and name != "*"] or None
        for name in shape.select or ():
            _known(model, type_name, name.split("/")[0])
    for name, options in _expansions(expand or ""):
        prop = _known(model, type_name, name)
        if not prop.navigation:
            reason = f"Property '{name}' on type '{type_name}' is not a navigation property or complex property."
            raise errors.bad_query(f"{reason} Only navigation properties can be expanded.")
        shape.expand[name] = _shape(model, prop.kind.name, options.get("$select"), options.get("$expand"))
    return shape


def _known(model: Model, type_name: str, name: str) -> Any:
    prop = model.types[type_name].get(name)
    if prop is None:
        raise errors.no_such_property(name, type_name)
    return prop


def _expansions(text: str) -> Iterable[tuple[str, dict[str, str]]]:
    """("Groups", {"$select": "Name"}) of "Groups($select=Name),Phones"."""
    for item in _split(text, ","):
        name, _bracket, rest = item.strip().partition("(")
        options = {}
        for option in _split(rest.removesuffix(")"), ";"):
            key, _equals, value = option.partition("=")
            options[key.strip()] = value
        if name:
            yield name.strip(), options


def _split(text: str, mark: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == mark and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [part for part in [*parts, text[start:]] if part.strip()]


def _order(model: Model, type_name: str, text: str) -> list[tuple[str, bool]]:
    ordering = []
    for item in _split(text, ","):
        name, _space, direction = item.strip().partition(" ")
        _known(model, type_name, name)
        if direction.strip() not in ("", "asc", "desc"):
            raise errors.bad_query(f"Syntax error at position {len(name) + 1} in '{item.strip()}'.")
        ordering.append((name, direction.strip() == "desc"))
    return ordering


@evidence(Grade.OBSERVED, "public clients of XAPI: more than 100 in $top is refused with the limit in the text")
def _top(text: str | None) -> int | None:
    """`$top` of at most 100."""
    value = _number("$top", text)
    if value is not None and value > MAX_TOP:
        reason = f"The limit of '{MAX_TOP}' for Top query has been exceeded."
        raise errors.bad_query(f"{reason} The value from the incoming request is '{value}'.")
    return value


def _number(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdigit():
        raise errors.bad_query(f"Invalid value '{text}' for {name} query option found.")
    return int(text)


def _flag(text: str | None) -> bool:
    if text in (None, "true", "false"):
        return text == "true"
    raise errors.bad_query(f"Invalid value '{text}' for $count query option found.")


def apply_query(
    model: Model, query: Query, entities: Sequence[Entity], default_top: int = 0
) -> tuple[list[Entity], int]:
    """The page of entities that a query asks for, in shape, and how many match in all."""
    matching: Sequence[Entity] = entities
    if query.matches is not None:
        matching = [entity for entity in matching if query.matches(entity)]
    if query.search:
        matching = [entity for entity in matching if _mentions(entity, query.search)]
    if query.order:
        matching = list(matching)
        for name, descending in reversed(query.order):
            matching.sort(key=_sort_key(name), reverse=descending)
    top = query.top if query.top is not None else (default_top or len(matching))
    page = matching[query.skip : query.skip + top]
    return [shaped(model, query.shape, entity) for entity in page], len(matching)


def _sort_key(name: str) -> Callable[[Entity], tuple[int, Any]]:
    def key(entity: Entity) -> tuple[int, Any]:
        value = entity.get(name)
        if value is None:
            return (0, "")
        return (1, value) if isinstance(value, (int, float)) else (2, str(value))

    return key


def _mentions(entity: Entity, text: str) -> bool:
    return any(isinstance(value, str) and text in value.lower() for value in entity.values())


@evidence(
    Grade.OBSERVED, "XAPI 20.0.9: a property without a value has no key; navigation properties need $expand (OData v4)"
)
def shaped(model: Model, shape: Shape, entity: Entity) -> Entity:
    """An entity as an answer shows it: without nulls, without what this build lacks, and with what was expanded."""
    properties = model.types[shape.type_name]
    names: Iterable[str] = properties if shape.select is None else (name.split("/")[0] for name in shape.select)
    answer: Entity = {}
    for name in names:
        prop = properties[name]
        value = entity.get(name)
        if prop.navigation or value is None:
            continue
        answer[name] = _visible(model, prop.kind.name, value) if prop.kind.name in model.types else value
    for name, inner in shape.expand.items():
        value = entity.get(name)
        if isinstance(value, list):
            answer[name] = [shaped(model, inner, item) for item in value]
        elif value is not None:
            answer[name] = shaped(model, inner, value)
    return answer


def _visible(model: Model, type_name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_visible(model, type_name, item) for item in value]
    return shaped(model, Shape(type_name), value)
