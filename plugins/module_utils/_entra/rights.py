# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which application permissions each request needs, and whether the caller has them, so that a missing one is named before
anything is written.

Source: Microsoft's table of permissions per request,
https://github.com/microsoftgraph/microsoft-graph-devx-content (permissions/new/permissions.json), and for what is not in it
the page of the Graph reference that :data:`REQUESTS` gives. An alternative ``A + B`` needs both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._errors import Forbidden
from .tokens import Token

OWNED_BY = "Application.ReadWrite.OwnedBy"
_ASSIGN = "AppRoleAssignment.ReadWrite.All"

READ_APPLICATIONS = ("Application.Read.All", "Application.ReadWrite.All", OWNED_BY, "Directory.Read.All")
WRITE_APPLICATIONS = ("Application.ReadWrite.All", OWNED_BY)
READ_DELETED = ("Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
GRANT_APPLICATION_PERMISSIONS = (
    f"{_ASSIGN} + Application.Read.All",
    f"{_ASSIGN} + Application.ReadWrite.All",
    f"{_ASSIGN} + Directory.Read.All",
)
REVOKE_APPLICATION_PERMISSIONS = (_ASSIGN,)
READ_DELEGATED_PERMISSIONS = ("DelegatedPermissionGrant.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
GRANT_DELEGATED_PERMISSIONS = ("DelegatedPermissionGrant.ReadWrite.All", "Directory.ReadWrite.All")
READ_OWNERS = (*READ_APPLICATIONS, "Directory.ReadWrite.All")
ADD_OWNERS = (
    "Application.ReadWrite.All + Directory.Read.All",
    f"{OWNED_BY} + Directory.Read.All",
    "Directory.ReadWrite.All",
)
READ_USERS = ("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
"""``User.ReadBasic.All`` is not among them: it does not show whether an account is enabled (documented)."""

READ_GROUP_MEMBERS = ("GroupMember.Read.All", "Group.Read.All", "Directory.Read.All")
READ_PHOTOS = ("User.Read.All", "ProfilePhoto.Read.All", "ProfilePhoto.ReadWrite.All")
READ_ORGANIZATION = ("Organization.Read.All", "Directory.Read.All", "Directory.ReadWrite.All", "User.Read.All")
READ_DELEGATED_ADMINISTRATION = ("DelegatedAdminRelationship.Read.All", "DelegatedAdminRelationship.ReadWrite.All")
READ_OWN_GROUPS = ("User.Read", "User.Read.All", "GroupMember.Read.All", "Directory.Read.All")
READ_DIRECTORY = ("Directory.Read.All",)
READ_POLICIES = ("Policy.Read.All", "Policy.Read.ApplicationConfiguration", "Policy.ReadWrite.ApplicationConfiguration")

REQUESTS: Mapping[str, tuple[str, ...]] = {
    "GET /applications": READ_APPLICATIONS,
    "GET /applications/{id}": READ_APPLICATIONS,
    "POST /applications": WRITE_APPLICATIONS,
    "PATCH /applications/{id}": WRITE_APPLICATIONS,
    "DELETE /applications/{id}": WRITE_APPLICATIONS,
    "GET /applications/{id}/owners": READ_OWNERS,
    "POST /applications/{id}/owners": ADD_OWNERS,
    "GET /applications/{id}/federatedIdentityCredentials": (
        "Application.Read.All",
        "Application.ReadWrite.All",
        OWNED_BY,
    ),
    "POST /applications/{id}/federatedIdentityCredentials": WRITE_APPLICATIONS,
    "PATCH /applications/{id}/federatedIdentityCredentials/{id}": WRITE_APPLICATIONS,
    "GET /applications/{id}/appManagementPolicies": (
        "Policy.Read.All + Application.Read.All",
        "Policy.Read.All + Application.ReadWrite.All",
    ),
    "GET /directory/deletedItems/application": READ_DELETED,
    "GET /directory/deletedItems/{id}": READ_DELETED,
    "POST /directory/deletedItems/{id}/restore": WRITE_APPLICATIONS,
    "DELETE /directory/deletedItems/{id}": WRITE_APPLICATIONS,
    "GET /servicePrincipals": READ_APPLICATIONS,
    "GET /servicePrincipals/{id}": READ_APPLICATIONS,
    "POST /servicePrincipals": WRITE_APPLICATIONS,
    "PATCH /servicePrincipals/{id}": WRITE_APPLICATIONS,
    "DELETE /servicePrincipals/{id}": WRITE_APPLICATIONS,
    "GET /servicePrincipals/{id}/owners": READ_OWNERS,
    "GET /servicePrincipals/{id}/appRoleAssignments": READ_APPLICATIONS,
    "POST /servicePrincipals/{id}/appRoleAssignments": GRANT_APPLICATION_PERMISSIONS,
    "DELETE /servicePrincipals/{id}/appRoleAssignments/{id}": REVOKE_APPLICATION_PERMISSIONS,
    "GET /oauth2PermissionGrants": READ_DELEGATED_PERMISSIONS,
    "POST /oauth2PermissionGrants": GRANT_DELEGATED_PERMISSIONS,
    "PATCH /oauth2PermissionGrants/{id}": GRANT_DELEGATED_PERMISSIONS,
    "DELETE /oauth2PermissionGrants/{id}": GRANT_DELEGATED_PERMISSIONS,
    "GET /policies/defaultAppManagementPolicy": READ_POLICIES,
    "GET /organization": READ_ORGANIZATION,
    "GET /users": READ_USERS,
    "GET /users/{id}": READ_USERS,
    "GET /users/{id}/photo": READ_PHOTOS,
    "POST /directoryObjects/getByIds": READ_DIRECTORY,
    "GET /groups": READ_GROUP_MEMBERS,
    "GET /groups/{id}": READ_GROUP_MEMBERS,
    "GET /groups/{id}/transitiveMembers": READ_GROUP_MEMBERS,
    "GET /tenantRelationships/delegatedAdminRelationships": READ_DELEGATED_ADMINISTRATION,
    "GET /tenantRelationships/delegatedAdminRelationships/{id}/accessAssignments": READ_DELEGATED_ADMINISTRATION,
    "GET /me/transitiveMemberOf": READ_OWN_GROUPS,
}
"""Every request that this collection sends to Graph, and the permissions of which one is enough.

The alternate keys count as ``{id}``; ``$ref``, ``$count`` and casts at the end of a path do not count. Not in Microsoft's
table: https://learn.microsoft.com/graph/api/directory-deleteditems-list, ``-get``, ``-delete``, ``-restore``,
appmanagementpolicy-list-appliesto,
tenantrelationship-list-delegatedadminrelationships, delegatedadminrelationship-list-accessassignments,
user-list-transitivememberof.
"""


def to_roll_out(
    *, grants: bool, delegated: bool, owners: bool, exclusive: bool = False
) -> list[tuple[str, tuple[str, ...]]]:
    """What a rollout does in a tenant, and the permissions of which one is needed for it.

    :param grants: application permissions are granted.
    :param delegated: delegated permissions are granted.
    :param exclusive: permissions that are not listed are revoked; which ones, is known later.
    :param owners: owners are added to the application.
    """
    needed: list[tuple[str, tuple[str, ...]]] = [("register applications", WRITE_APPLICATIONS)]
    if grants:
        needed.append(("grant application permissions", GRANT_APPLICATION_PERMISSIONS))
    if delegated:
        needed.append(("grant delegated permissions", GRANT_DELEGATED_PERMISSIONS))
    if exclusive:
        needed.append(("revoke delegated permissions", GRANT_DELEGATED_PERMISSIONS))
    if owners:
        needed.append(("add owners to applications", ADD_OWNERS))
    return needed


_KEY = re.compile(r"\((?:\w+=)?'[^']*'\)")
_TAIL = re.compile(r"/(?:\$ref|\$count|\$value|microsoft\.graph\.(?:user|group))$")


def request_of(method: str, path: str) -> str:
    """The entry of :data:`REQUESTS` for a request; empty where there is none.

    :param path: below the version, with or without a query.
    """
    plain = _TAIL.sub("", _KEY.sub("/{id}", path.partition("?")[0]))
    parts = plain.replace("microsoft.graph.", "").strip("/").split("/")
    for name in REQUESTS:
        known_method, _blank, known = name.partition(" ")
        pattern = known.strip("/").split("/")
        fits = known_method == method and len(pattern) == len(parts)
        if fits and all(expected in (part, "{id}") for part, expected in zip(parts, pattern)):
            return name
    return ""


@dataclass(frozen=True)
class Purpose:
    """One row of the README's table: what a right is for, and the least permissions for it, by profile of the caller.

    :param full: registers and changes every application of the tenant.
    :param owned_by: changes the applications that it owns.
    :param read_only: compliance and capture alone.
    """

    text: str
    full: tuple[str, ...]
    owned_by: tuple[str, ...]
    read_only: tuple[str, ...] = ()


_WRITE_ALL = "Application.ReadWrite.All"
_READ_ALL = "Application.Read.All"

ALWAYS = (
    Purpose("Register, find and check the applications", (_WRITE_ALL,), (OWNED_BY, _READ_ALL), (_READ_ALL,)),
    Purpose(
        "Grant application permissions; without it set `entra_app_manage_grants: false` and have a person consent",
        (_ASSIGN,),
        (_ASSIGN,),
    ),
)
"""What every rollout with consent needs."""

ON_DEMAND = (
    Purpose(
        "`entra_app_delegated_permissions`, the sign-in of `entra_app_features`, `entra_app_exclusive`",
        ("DelegatedPermissionGrant.ReadWrite.All",),
        ("DelegatedPermissionGrant.ReadWrite.All",),
        ("Directory.Read.All",),
    ),
    Purpose("`entra_app_owners`", ("Directory.Read.All",), ("Directory.Read.All",)),
    Purpose("`sso_verify_people`, `graph_user_info`: compare users", *[("User.Read.All",)] * 3),
    Purpose("`graph_user_info` by group", *[("GroupMember.Read.All",)] * 3),
    Purpose(
        "Optional: say beforehand that an app management policy forbids the certificate", *[("Policy.Read.All",)] * 3
    ),
)
"""What is needed where an inventory asks for it."""


def profile(name: str) -> tuple[str, ...]:
    """The permissions of a profile, ``full``, ``owned_by`` or ``read_only``, for what every run does."""
    return tuple(dict.fromkeys(permission for row in ALWAYS for permission in getattr(row, name)))


class MissingRight(Forbidden):
    """The caller's token lacks a permission.

    :param consent_url: where an administrator can give the consent that the caller cannot; empty where that is no way.
    """

    def __init__(self, message: str, *, consent_url: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.consent_url = consent_url

    @classmethod
    def of(cls, missing: list[str], tried: str, target: str = "", consent_url: str = "") -> MissingRight:
        """The error for permissions of which one would be enough."""
        remedy = (
            f"Give the automation's application the application permission {' or '.join(missing)}, with admin consent."
        )
        if consent_url:
            remedy += f" Or let an administrator of the tenant consent at {consent_url}"
        message = f"the automation's application has not been granted {' or '.join(missing)}"
        return cls(message, missing=missing, tried=tried, target=target, remedy=remedy, consent_url=consent_url)

    def as_result(self) -> dict[str, Any]:
        return {**super().as_result(), **self.values()}

    def values(self) -> dict[str, Any]:
        return {"admin_consent_url": self.consent_url} if self.consent_url else {}


def lacking(token: Token, any_of: Sequence[str]) -> list[str]:
    """What the token lacks to do it; empty where it has enough, or where its roles do not tell.

    A signed-in user's token names no roles: what the user may do, only Graph knows.

    :returns: the permissions of which any one would be enough; one ``A + B``, the least, where two are lacking.
    """
    if not token.app_only:
        return []
    missing = [[name for name in alternative.split(" + ") if name not in token.roles] for alternative in any_of]
    fewest = min((len(names) for names in missing), default=0)
    nearest = list(dict.fromkeys(" + ".join(names) for names in missing if len(names) == fewest and fewest))
    return nearest if fewest < 2 else nearest[:1]


def not_readable(what: str, any_of: Sequence[str]) -> str:
    """The sentence for something that is left out because the caller may not read it."""
    return f"{what}: not readable with these rights (needs {' or '.join(any_of)})"


def require(token: Token, any_of: Sequence[str], tried: str, target: str = "", consent_url: str = "") -> None:
    """Raise :class:`MissingRight` unless the token may do it, or may be able to."""
    missing = lacking(token, any_of)
    if missing:
        raise MissingRight.of(missing, tried, target, consent_url)


def explain(error: Forbidden, token: Token, method: str, path: str) -> Forbidden:
    """Fill in what a refusal of Graph does not say: which right is missing, or whose application it is.

    :param path: of the refused request, below the version.
    """
    any_of = REQUESTS.get(request_of(method, path), ())
    error.provisionally(purpose(method, path), path.partition("?")[0])
    missing = lacking(token, any_of) if any_of else []
    if missing:
        remedy = (
            f"Give the automation's application the application permission {' or '.join(missing)}, with admin consent."
        )
    elif not token.app_only:
        remedy = (
            "The signed-in user lacks a Microsoft Entra role for this, for example Cloud Application Administrator; "
            "granting Microsoft Graph permissions needs Privileged Role Administrator."
        )
    elif method != "GET" and _only_owned(token, any_of):
        missing = [_WRITE_ALL]
        remedy = (
            f"{OWNED_BY} changes only what the automation's application owns: make the automation's service principal an owner of "
            "this application and of its service principal, or give the automation's application Application.ReadWrite.All."
        )
    elif "/restore" in path:
        remedy = (
            "Assign the automation's service principal the Microsoft Entra role Application Administrator, or let an "
            "administrator restore the application."
        )
    else:
        remedy = (
            "The permissions in the token are enough for this request, so the tenant refuses it for another reason: a "
            "Conditional Access policy for workload identities, a protected or foreign object, or a consent that is not in "
            "effect yet. Look the request id up in the tenant's audit and sign-in logs, or run again in some minutes."
        )
    error.missing, error.remedy = error.missing or missing, error.remedy or remedy
    return error


_NOUNS = {
    "applications": "an application",
    "servicePrincipals": "a service principal",
    "owners": "owners",
    "federatedIdentityCredentials": "federated credentials",
    "appRoleAssignments": "granted application permissions",
    "oauth2PermissionGrants": "granted delegated permissions",
    "deletedItems": "a deleted application",
    "restore": "a deleted application",
    "defaultAppManagementPolicy": "the app management policy",
    "appManagementPolicies": "the app management policies of an application",
    "users": "users",
    "photo": "the photo of a user",
    "groups": "groups",
    "transitiveMembers": "the members of a group",
    "delegatedAdminRelationships": "the delegated administration of customers",
    "accessAssignments": "the delegated administration of a customer",
    "transitiveMemberOf": "the groups of the person",
}
_VERBS = {"GET": "read", "POST": "create", "PATCH": "change", "DELETE": "delete"}


def purpose(method: str, path: str) -> str:
    """What a request is for, as an infinitive phrase."""
    path = request_of(method, path) or path.partition("?")[0]
    names = [part for part in re.split(r"[/(]", path) if part in _NOUNS]
    noun = _NOUNS[names[-1]] if names else "a directory object"
    return f"{'restore' if path.endswith('/restore') else _VERBS.get(method, 'change')} {noun}"


def _only_owned(token: Token, any_of: Iterable[str]) -> bool:
    fulfilled = [alternative for alternative in any_of if set(alternative.split(" + ")) <= token.roles]
    return bool(fulfilled) and all(OWNED_BY in alternative for alternative in fulfilled)


_WIDER: Mapping[str, tuple[str, ...]] = {
    _READ_ALL: (_WRITE_ALL, "Directory.Read.All", "Directory.ReadWrite.All"),
    OWNED_BY: (_WRITE_ALL,),
}
"""Permission -> those that include it."""


@dataclass(frozen=True)
class Judgment:
    """What a caller holds, compared with a profile.

    :param missing: permissions of the profile that nothing held includes.
    :param too_wide: held, and more than the profile and the README's table ask for.
    :param optional: held, not part of the profile, and in the README's table for those who need it.
    """

    missing: tuple[str, ...]
    too_wide: tuple[str, ...]
    optional: tuple[str, ...]


def judged(held: Iterable[str], name: str, further: Iterable[str] = ()) -> Judgment:
    """Compare what the token of a caller carries with a profile. Pure.

    :param name: of the profile: ``full``, ``owned_by``, ``read_only``.
    :param further: permissions that the operator asks for besides.
    """
    has = frozenset(held)
    needed = tuple(dict.fromkeys((*profile(name), *further)))
    on_demand = {permission for row in ON_DEMAND for permission in getattr(row, name)}
    besides = sorted(has - set(needed))
    return Judgment(
        missing=tuple(
            permission for permission in needed if not has.intersection((permission, *_WIDER.get(permission, ())))
        ),
        too_wide=tuple(permission for permission in besides if permission not in on_demand),
        optional=tuple(permission for permission in besides if permission in on_demand),
    )
