# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which permissions allow which call, app-only (documented, per call in the Graph reference)."""

from __future__ import annotations

OWNED_BY = "Application.ReadWrite.OwnedBy"
_DIRECTORY = {"Directory.Read.All", "Directory.ReadWrite.All"}

WRITE_ALL_APPLICATIONS = frozenset({"Application.ReadWrite.All"})
WRITE_APPLICATIONS = frozenset({"Application.ReadWrite.All", OWNED_BY})
#: OwnedBy lists every application, not only its own (documented per call; observed by a user who hoped otherwise).
READ_APPLICATIONS = frozenset({"Application.Read.All", *WRITE_APPLICATIONS, *_DIRECTORY})
READ_ASSIGNMENTS = frozenset({*READ_APPLICATIONS, "AppRoleAssignment.ReadWrite.All"})
WRITE_ASSIGNMENTS = frozenset({"AppRoleAssignment.ReadWrite.All"})
READ_GRANTS = frozenset({"DelegatedPermissionGrant.Read.All", "DelegatedPermissionGrant.ReadWrite.All", *_DIRECTORY})
WRITE_GRANTS = frozenset({"DelegatedPermissionGrant.ReadWrite.All", "Directory.ReadWrite.All"})
READ_ORGANIZATION = frozenset({"Organization.Read.All", "Organization.ReadWrite.All", *_DIRECTORY})
READ_DOMAINS = frozenset({"Domain.Read.All", "Domain.ReadWrite.All", *_DIRECTORY})
READ_USERS = frozenset({"User.Read.All", "User.ReadWrite.All", "User.ReadBasic.All", *_DIRECTORY})
READ_PHOTOS = frozenset({"User.Read.All", "User.ReadWrite.All", "ProfilePhoto.Read.All", "ProfilePhoto.ReadWrite.All"})
READ_GROUPS = frozenset({"Group.Read.All", "Group.ReadWrite.All", "GroupMember.Read.All", *_DIRECTORY})
READ_POLICIES = frozenset(
    {"Policy.Read.All", "Policy.Read.ApplicationConfiguration", "Policy.ReadWrite.ApplicationConfiguration"}
)
WRITE_POLICIES = frozenset({"Policy.ReadWrite.ApplicationConfiguration"})
#: The role that a restore needs beside the permission, with the switch restore_needs_directory_role.
RESTORE_ROLES = frozenset({"Application Administrator", "Cloud Application Administrator", "Global Administrator"})
