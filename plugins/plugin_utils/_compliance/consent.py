# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which permissions an application has today, lacks and does not need: application and delegated ones are never confused. Pure.

Both kinds share their names: that nothing needs ``Mail.Send`` for a signed-in user says nothing about the application's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.tcx.m365.plugins.plugin_utils._report.consents import (
    DELEGATED_MARK,
    consents_by_label,
    is_of_user,
)

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """Where the result of the step has the permissions of a kind, and by which option and target it changes them."""

    values: str
    option: str
    target: str
    title: str
    mark: str = ""


APPLICATION = Kind("application_permissions", "permissions", "app_role_assignments", "Granted application permissions")
DELEGATED = Kind(
    "delegated_permissions",
    "delegated_permissions",
    "oauth2_permission_grants",
    "Granted delegated permissions",
    DELEGATED_MARK,
)
KINDS = (APPLICATION, DELEGATED)


@dataclass(frozen=True)
class Permissions:
    """The names of one kind: granted today, missing from what is desired, and granted without need."""

    granted: list[str]
    missing: list[str]
    unneeded: list[str]


def permissions(grant: Json, kind: Kind) -> Permissions:
    """Of the result of the step in check mode, which has what a rollout would leave: the rest stands in its changes."""
    after = [name_of(permission) for permission in grant.get(kind.values) or ()]
    before = after
    for change in grant.get("changes") or ():
        if (change.get("target"), change.get("field")) == (kind.target, kind.option):
            before = [name_of(permission) for permission in change.get("before") or ()]
    unneeded = (grant.get("unmanaged") or {}).get(kind.option) or ()
    return Permissions(before, [name for name in after if name not in before], [str(name) for name in unneeded])


def labels(grant: Json, which: str) -> list[str]:
    """All that are ``granted``, ``missing`` or ``unneeded``, with their kind."""
    listed = [f"{name}{kind.mark}" for kind in KINDS for name in getattr(permissions(grant, kind), which)]
    return listed + (of_single_users(grant) if which == "granted" else [])


def of_single_users(grant: Json) -> list[str]:
    """What single users have granted for themselves: no rollout asks for it, and none removes it."""
    return list(consents_by_label(consent for consent in grant.get("consents") or () if is_of_user(consent)))


def name_of(permission: Any) -> str:
    """The name of a permission, as the modules return or take it."""
    return str(permission.get("name") or permission.get("id")) if isinstance(permission, Mapping) else str(permission)
