# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What XAPI of one build knows: types, enums and operations, read from the table `xapi.model` (made by distill.py).

Lines of the table: `Name TYPE [nav] [@FIRST-[LAST]]` for a property, where TYPE is a scalar, `Pbx.Name` or `[TYPE]`, with `?`
when null is allowed and `<N` for the longest string; `MEMBER [@..]` for an enum; `VERB [parameter=TYPE ...] [-> TYPE]` for a
path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("xapi.model")

#: The updates of 20.0 whose API description was published and distilled.
FIRST_UPDATE, LAST_UPDATE = 5, 10

_RANGE = re.compile(r" @(\d+)-(\d*)$")


@dataclass(frozen=True, slots=True)
class Kind:
    """The type of a property, a parameter or a result."""

    name: str  # string, bool, int32, int64, uint8, float, datetime, time, duration, uuid, object or Pbx.Something
    many: bool = False
    nullable: bool = False
    max_length: int | None = None

    @classmethod
    def parse(cls, text: str) -> Kind:
        """A kind from its spelling in the table."""
        nullable, text = text.endswith("?"), text.rstrip("?")
        text, _angle, longest = text.partition("<")
        if text.startswith("["):
            return cls(text[1:-1], many=True, nullable=nullable)
        return cls(text, nullable=nullable, max_length=int(longest) if longest else None)


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a type. A navigation property is left out of answers unless `$expand` asks for it (OData v4)."""

    name: str
    kind: Kind
    navigation: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One verb of one path: the parameters of its body (`body` alone: the entity itself) and what it answers."""

    verb: str
    path: str
    parameters: dict[str, Kind]
    result: Kind | None


@dataclass(slots=True)
class Model:
    """The names of one build."""

    update: int
    types: dict[str, dict[str, Property]] = field(default_factory=dict)
    enums: dict[str, frozenset[str]] = field(default_factory=dict)
    operations: dict[tuple[str, str], Operation] = field(default_factory=dict)

    def verbs(self, path: str) -> set[str]:
        """Which verbs a path template has; empty when the build lacks the path."""
        return {verb for verb, template in self.operations if template == path}

    def has(self, type_name: str, name: str) -> bool:
        """Whether a type has a property in this build."""
        return name in self.types.get(type_name, ())


def model_of(release: tuple[int, int, int]) -> Model:
    """The model of a build. Builds outside the published range get the nearest published one (assumed)."""
    return _model(min(max(release[2], FIRST_UPDATE), LAST_UPDATE))


@cache
def _model(update: int) -> Model:
    model = Model(update)
    for word, name, lines in _sections():
        present = [text for text, first, last in lines if first <= update <= last]
        if not present:
            continue
        if word == "enum":
            model.enums[name] = frozenset(present)
        elif word == "type":
            model.types[name] = {prop.name: prop for prop in map(_property, present)}
        else:
            for text in present:
                operation = _operation(name, text)
                model.operations[operation.verb, name] = operation
    return model


@cache
def _sections() -> list[tuple[str, str, list[tuple[str, int, int]]]]:
    sections: list[tuple[str, str, list[tuple[str, int, int]]]] = []
    for line in _lines():
        if line.startswith("  "):
            limits = _RANGE.search(line)
            first, last = (
                (FIRST_UPDATE, LAST_UPDATE) if limits is None else (int(limits[1]), int(limits[2] or LAST_UPDATE))
            )
            sections[-1][2].append((_RANGE.sub("", line).strip(), first, last))
        else:
            word, _space, name = line.partition(" ")
            sections.append((word, name, []))
    return sections


def _lines() -> Iterator[str]:
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line


def _property(text: str) -> Property:
    name, kind, *flags = text.split()
    return Property(name, Kind.parse(kind), navigation="nav" in flags)


def _operation(path: str, text: str) -> Operation:
    call, _arrow, result = text.partition(" -> ")
    verb, *parameters = call.split()
    pairs = (parameter.split("=", 1) for parameter in parameters)
    return Operation(
        verb, path, {name: Kind.parse(kind) for name, kind in pairs}, Kind.parse(result) if result else None
    )
