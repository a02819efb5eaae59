# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The permissions that an application declares (``requiredResourceAccess``). Declaring grants nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable

from ..._errors import BadInput
from .permissions import APPLICATION, DELEGATED, Catalog, Permission, label

Json = dict[str, Any]

OPTIONS = (("permissions", APPLICATION), ("delegated_permissions", DELEGATED))
"""Option of the modules -> type in Graph."""

MOST_RESOURCES, MOST_PERMISSIONS = 50, 400
"""Limits of Graph (documented)."""

Pair = tuple[str, str, str]


def pairs(access: Sequence[Json]) -> set[Pair]:
    """(API, id, type) of every declared permission."""
    return {_pair(entry, row) for entry in access for row in entry.get("resourceAccess") or ()}


def without(permissions: Sequence[Permission], access: Sequence[Json]) -> list[Json]:
    """The declaration with none of these in it."""
    gone = _pairs_of(permissions)
    return _those(access, lambda pair: pair not in gone)


def merged(permissions: Sequence[Permission], access: Sequence[Json], exclusive: bool = False) -> list[Json]:
    """The declaration with everything wanted in it; what is there besides stays, unless ``exclusive``.

    Entries that stay keep their place and their spelling.
    """
    want, have = _pairs_of(permissions), pairs(access)
    result = _those(access, lambda pair: not exclusive or pair in want)
    for permission in permissions:
        if (permission.resource, permission.id.lower(), permission.kind) not in have:
            _add(result, permission)
    _check_limits(result)
    return result


def labels(access: Sequence[Json], kind: str, catalogs: Mapping[str, Catalog]) -> list[str]:
    """The declared permissions of one type, as they are written in results."""
    names = []
    for entry in access:
        resource = str(entry.get("resourceAppId", "")).lower()
        for row in entry.get("resourceAccess") or ():
            if row.get("type") == kind:
                identifier = str(row.get("id", ""))
                known = catalogs.get(resource)
                names.append(label(resource, known.name_of(kind, identifier) if known else identifier, catalogs))
    return names


def resources(access: Sequence[Json]) -> list[str]:
    """The APIs that are declared, for reading their names."""
    return [str(entry.get("resourceAppId", "")).lower() for entry in access]


def _pair(entry: Json, row: Json) -> Pair:
    return (str(entry.get("resourceAppId", "")).lower(), str(row.get("id", "")).lower(), str(row.get("type", "")))


def _pairs_of(permissions: Sequence[Permission]) -> set[Pair]:
    return {(permission.resource, permission.id.lower(), permission.kind) for permission in permissions}


def _those(access: Sequence[Json], stays: Callable[[Pair], bool]) -> list[Json]:
    """Some of a declaration; an API of which nothing is left is left out."""
    kept = [
        {**entry, "resourceAccess": [row for row in entry.get("resourceAccess") or () if stays(_pair(entry, row))]}
        for entry in access
    ]
    return [entry for entry in kept if entry["resourceAccess"]]


def _add(result: list[Json], permission: Permission) -> None:
    item = {"id": permission.id, "type": permission.kind}
    for index, entry in enumerate(result):
        if str(entry.get("resourceAppId", "")).lower() == permission.resource:
            result[index] = {**entry, "resourceAccess": [*entry["resourceAccess"], item]}
            return
    result.append({"resourceAppId": permission.resource, "resourceAccess": [item]})


def _check_limits(access: Sequence[Json]) -> None:
    if len(access) > MOST_RESOURCES or len(pairs(access)) > MOST_PERMISSIONS:
        raise BadInput(
            f"an application can declare {MOST_PERMISSIONS} permissions of {MOST_RESOURCES} APIs; "
            f"these would be {len(pairs(access))} of {len(access)}",
            tried="declare permissions",
        )
