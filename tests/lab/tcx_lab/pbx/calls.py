# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a handler of XAPI gets and gives, and the table of all handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tcx_lab.pbx import errors
from tcx_lab.pbx.odata import Query, apply_query, shaped
from tcx_lab.pbx.state import AccessToken, Entity, PbxState


@dataclass(slots=True)
class Call:
    """One request to XAPI, signed in, bound and checked. Shared by all handlers."""

    state: PbxState
    token: AccessToken
    address: str
    user_agent: str
    key: str  # what stands in the parentheses of an entity, "" without
    arguments: dict[str, str]  # of a function
    body: dict[str, Any]
    query: Query | None

    def entity(self, entity: Entity) -> Entity:
        """An entity in the shape that the request asks for."""
        assert self.query is not None
        return shaped(self.state.model, self.query.shape, entity)

    def listing(self, entities: Sequence[Entity]) -> Listing:
        """The page of entities that the request asks for."""
        assert self.query is not None
        page, total = apply_query(self.state.model, self.query, entities, self.state.switches.page_limit)
        return Listing(page, total if self.query.count else None)

    def pick(self, entities: dict[int, Entity]) -> Entity:
        """The entity with the key of the request. Raises 404."""
        try:
            return entities[int(self.key)]
        except (KeyError, ValueError):
            raise errors.no_such_entity() from None


@dataclass(slots=True)
class Listing:
    """A page of a collection; `total` is there when it was asked for."""

    page: list[Entity]
    total: int | None = None


@dataclass(slots=True)
class Created:
    """A new entity: answered with 201."""

    entity: Entity


@dataclass(slots=True)
class TextFile:
    """A file to download."""

    name: str
    text: str


#: None: 204. dict: an entity or a complex value. str or bool: `{"value": ...}`. list: a collection of complex values.
Answer = None | dict[str, Any] | str | bool | list[Any] | Listing | Created | TextFile
Handler = Callable[[Call], Awaitable[Answer]]

HANDLERS: dict[tuple[str, str], Handler] = {}

_Handler = TypeVar("_Handler", bound=Handler)


def handles(verb: str, path: str) -> Callable[[_Handler], _Handler]:
    """Put a function into the table for one verb of one path template of the API description."""

    def register(function: _Handler) -> _Handler:
        HANDLERS[verb, path] = function
        return function

    return register


def replace_top_level(entity: Entity, body: dict[str, Any]) -> None:
    """PATCH of XAPI: direct properties and whole arrays are replaced (documented); keys cannot be changed."""
    entity.update({name: value for name, value in body.items() if name != "Id"})
