# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which application permissions allow which call: `rights.json`, taken from Microsoft's published table.

A call that is not in the table is refused. The same table says what this lab simulates at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from tcx_lab.evidence import Grade, evidence

OWNED_BY: Final = "Application.ReadWrite.OwnedBy"
#: What the lab does itself, behind everybody's back, is subject to no rights.
EVERYTHING: Final = frozenset({"*"})
#: In the table: which permission is needed depends on the request, and the handler knows.
BY_RESOURCE: Final = "by resource"

READ_USERS: Final = frozenset({"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"})
READ_GROUPS: Final = frozenset(
    {"Group.Read.All", "Group.ReadWrite.All", "GroupMember.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"}
)
#: The Microsoft Entra roles whose holders change every application (documented).
APPLICATION_ADMINISTRATORS: Final = frozenset(
    {"Application Administrator", "Cloud Application Administrator", "Global Administrator"}
)
#: The role that a restore needs beside the permission, with the switch restore_needs_directory_role.
RESTORE_ROLES: Final = APPLICATION_ADMINISTRATORS

_KEYED = re.compile(r"(?P<set>[A-Za-z0-9]+)\((?:(?P<name>[A-Za-z]+)=)?'(?P<value>.*)'\)")
_CAST = re.compile(r"(?:microsoft\.)?graph\.", re.IGNORECASE)
_TAILS = frozenset({"$count", "$ref", "$value"})
_CASTS = frozenset({"user", "group", "serviceprincipal", "application", "directoryrole", "device", "orgcontact"})


@dataclass(frozen=True, slots=True)
class Call:
    """One row of the table. `path` as in the reference; `any_of`: alternatives, each one or several permissions."""

    method: str
    path: str
    any_of: tuple[frozenset[str], ...]
    source: str = ""

    def allowed(self, roles: Iterable[str]) -> frozenset[frozenset[str]]:
        """The alternatives that a caller with these permissions fulfills; empty when it may not."""
        held = frozenset(roles)
        return frozenset(alternative for alternative in self.any_of if alternative <= held)


@cache
def table() -> dict[str, Any]:
    """The data as it is written down."""
    content: dict[str, Any] = json.loads(
        resources.files(__package__).joinpath("rights.json").read_text(encoding="utf-8")
    )
    return content


@cache
def simulated() -> dict[tuple[str, str], Call]:
    """Every call that the lab simulates, by method and canonical path."""
    data = table()
    rows = [(key, any_of, data["_source"]) for key, any_of in data["calls"].items()]
    rows += [(key, entry["any_of"], entry["source"]) for key, entry in data["added"].items()]
    calls = {}
    for key, any_of, source in rows:
        method, _space, path = key.partition(" ")
        alternatives = tuple(frozenset(alternative.split(" + ")) for alternative in any_of)
        calls[method, path.lower()] = Call(method, path, alternatives, source)
    return calls


@cache
def _known_paths() -> dict[int, list[tuple[str, ...]]]:
    """Paths of the table by their length, those with the fewest keys first."""
    paths = {path for _method, path in simulated()} | {path.lower() for path in table()["elsewhere"]}
    by_length: dict[int, list[tuple[str, ...]]] = {}
    for path in sorted(paths, key=lambda known_path: (known_path.count("{"), known_path)):
        parts = tuple(path.strip("/").split("/"))
        by_length.setdefault(len(parts), []).append(parts)
    return by_length


def plain(segments: Sequence[str]) -> list[str]:
    """Segments of a path with `graph.` written out as `microsoft.graph.` (an alias that Microsoft's SDKs use), and with a
    key in brackets, `users('x')`, as a segment of its own."""
    parts: list[str] = []
    for segment in segments:
        match = _KEYED.fullmatch(segment)
        if match is not None and not match["name"]:
            parts += [match["set"], match["value"].replace("''", "'")]
        elif segment.lower().startswith("graph."):
            parts.append(f"microsoft.{segment}")
        else:
            parts.append(segment)
    return parts


def canonical(segments: Sequence[str]) -> str:
    """The path of the table that a request's path (as `plain` gives it) stands for, in lower case."""
    parts: list[str] = []
    for segment in segments:
        match = _KEYED.fullmatch(segment)
        if match is not None:
            parts += [match["set"].lower(), "\0"]
        else:
            parts.append(_CAST.sub("", segment, count=1).lower())
    while len(parts) > 1 and parts[-1] in _TAILS:
        parts.pop()
    if len(parts) > 2 and parts[-1] in _CASTS and parts[0] != "directory":
        parts.pop()
    return "/" + "/".join(_matched(parts))


def _matched(parts: list[str]) -> list[str]:
    """The parts with `{id}` where the table has it; a literal goes before a key."""
    for path in _known_paths().get(len(parts), ()):
        if all(expected == part or expected.startswith("{") for expected, part in zip(path, parts, strict=True)):
            return list(path)
    return parts


@evidence(
    Grade.DOCUMENTED,
    "https://github.com/microsoftgraph/microsoft-graph-devx-content, permissions/new/permissions.json",
)
def needed(method: str, segments: Sequence[str]) -> Call | None:
    """The row of the table for a request; None when the lab does not simulate it."""
    return simulated().get((method, canonical(segments)))


def is_elsewhere(method: str, segments: Sequence[str]) -> bool:
    """Whether Graph has this call and the lab has not."""
    data = table()
    if segments and segments[0].partition("(")[0].lower() in {name.lower() for name in data["sets"]}:
        return True
    path = canonical(segments)
    known = next((methods for template, methods in data["elsewhere"].items() if template.lower() == path), ())
    return method in known or (path, method) in _BESIDES


#: Not in the source and not in the lab, yet in the reference.
_BESIDES = frozenset({("/directory/deleteditems/user", "GET"), ("/directory/deleteditems/group", "GET")})
