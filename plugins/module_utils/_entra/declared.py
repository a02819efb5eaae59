# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""The permissions that an application declares (``requiredResourceAccess``). Declaring grants nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._entra.permissions import (
    APPLICATION,
    DELEGATED,
    Catalog,
    Permission,
    label,
)
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput

Json = dict[str, Any]

OPTIONS = (("permissions", APPLICATION), ("delegated_permissions", DELEGATED))
"""Option of the modules -> type in Graph."""

MOST_RESOURCES, MOST_PERMISSIONS = 50, 400
"""Limits of Graph (documented)."""

Pair = tuple[str, str, str]


def pairs(access: Sequence[Json]) -> set[Pair]:
    """(API, id, type) of every declared permission."""
    return {
        (str(entry.get("resourceAppId", "")).lower(), str(row.get("id", "")).lower(), str(row.get("type", "")))
        for entry in access
        for row in entry.get("resourceAccess") or ()
    }


def merged(permissions: Sequence[Permission], access: Sequence[Json], exclusive: bool) -> list[Json]:
    """The declaration with everything wanted in it; what is there besides stays, unless ``exclusive``.

    Entries that stay keep their place and their spelling.
    """
    want = {(permission.resource, permission.id.lower(), permission.kind) for permission in permissions}
    have = pairs(access)
    result: list[Json] = []
    for entry in access:
        resource = str(entry.get("resourceAppId", "")).lower()
        kept = [
            row
            for row in entry.get("resourceAccess") or ()
            if not exclusive or (resource, str(row.get("id", "")).lower(), str(row.get("type", ""))) in want
        ]
        if kept:
            result.append({**entry, "resourceAccess": kept})
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
