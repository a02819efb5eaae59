# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""What the caller may do, from the roles in its own token, so that a missing right is named before anything is written.

Sources: permissions tables of the Graph reference, per call (documented).
"""

from __future__ import annotations

from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._entra.tokens import Token
from ansible_collections.tcx.m365.plugins.module_utils._errors import Forbidden

READ_APPLICATIONS = (
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Application.ReadWrite.OwnedBy",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
)
WRITE_APPLICATIONS = ("Application.ReadWrite.All", "Application.ReadWrite.OwnedBy")
GRANT_APPLICATION_PERMISSIONS = ("AppRoleAssignment.ReadWrite.All",)
GRANT_DELEGATED_PERMISSIONS = ("DelegatedPermissionGrant.ReadWrite.All", "Directory.ReadWrite.All")
READ_USERS = ("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
"""``User.ReadBasic.All`` is not among them: it does not show whether an account is enabled (documented)."""

READ_GROUP_MEMBERS = (
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
)
READ_PHOTOS = ("User.Read.All", "User.ReadWrite.All", "ProfilePhoto.Read.All", "ProfilePhoto.ReadWrite.All")
READ_POLICIES = ("Policy.Read.All", "Policy.Read.ApplicationConfiguration", "Policy.ReadWrite.ApplicationConfiguration")


class MissingRight(Forbidden):
    """The caller's token lacks a permission.

    :param consent_url: where an administrator can give the consent that the caller cannot; empty where that is no way.
    """

    def __init__(self, said: str, *, consent_url: str = "", **details: Any) -> None:
        super().__init__(said, **details)
        self.consent_url = consent_url

    def as_result(self) -> dict[str, Any]:
        return {**super().as_result(), **self.values()}

    def values(self) -> dict[str, Any]:
        return {"admin_consent_url": self.consent_url} if self.consent_url else {}


def lacking(token: Token, any_of: tuple[str, ...]) -> list[str]:
    """The permissions of which the token has none; empty where it has one, or where its roles do not tell.

    A signed-in user's token names no roles: what the user may do, only Graph knows.
    """
    if not token.app_only or token.roles.intersection(any_of):
        return []
    return list(any_of)


def require(token: Token, any_of: tuple[str, ...], tried: str, target: str = "", consent_url: str = "") -> None:
    """Raise :class:`MissingRight` unless the token may do it, or may be able to."""
    missing = lacking(token, any_of)
    if not missing:
        return
    remedy = f"Give the automation's app the application permission {' or '.join(missing)}, with admin consent."
    if consent_url:
        remedy += f" Or let an administrator of the tenant consent at {consent_url}"
    raise MissingRight(
        f"the automation's app has not been granted {' or '.join(missing)}",
        missing=missing,
        tried=tried,
        target=target,
        remedy=remedy,
        consent_url=consent_url,
    )
