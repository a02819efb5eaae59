# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An application registration: what is desired of it, what has been seen of it, and which property is which.

Shapes of Graph follow its published metadata; the defaults (null for a flag never set) are recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..._plan import Normalize, as_flag, as_is, as_set
from .certificates import Certificate
from .ownership import Pbx
from .permissions import Permission

Json = dict[str, Any]

MARK = "tcx.m365"
"""Tag of the applications that this collection has made or adopted."""

KEY_TAG = "tcx.m365:unique_name="
"""Begin of a tag that carries the key in clouds that do not know unique names."""

VISIBLE_TAG = "WindowsAzureActiveDirectoryIntegratedApp"
"""Tag of service principals that the portal lists under Enterprise applications (observed)."""

DEFAULT_AUDIENCE = "AzureADMyOrg"
"""Sent on creation; Graph's own default admits personal accounts and a far smaller quota (recorded)."""

SELECT = (
    "id,appId,uniqueName,displayName,createdDateTime,deletedDateTime,signInAudience,isFallbackPublicClient,notes,tags,"
    "optionalClaims,servicePrincipalLockConfiguration,web,spa,publicClient,keyCredentials,requiredResourceAccess,"
    "passwordCredentials,createdByAppId,isDisabled"
)

SP_SELECT = (
    "id,appId,displayName,accountEnabled,appRoleAssignmentRequired,tags,"
    "appOwnerOrganizationId,keyCredentials,passwordCredentials"
)


@dataclass(frozen=True)
class Property:
    """One plain option and where Graph keeps it."""

    option: str
    path: tuple[str, ...]
    compare: Normalize = as_is


PROPERTIES = (
    Property("display_name", ("displayName",)),
    Property("sign_in_audience", ("signInAudience",)),
    Property("id_tokens", ("web", "implicitGrantSettings", "enableIdTokenIssuance"), as_flag),
    Property("home_page_url", ("web", "homePageUrl")),
    Property("logout_url", ("web", "logoutUrl")),
    Property("public_client", ("isFallbackPublicClient",), as_flag),
    Property("notes", ("notes",)),
)

URI_LISTS = (
    Property("redirect_uris", ("web", "redirectUris")),
    Property("spa_redirect_uris", ("spa", "redirectUris")),
    Property("public_client_redirect_uris", ("publicClient", "redirectUris")),
)

LOCK = tuple(
    Property(option, ("servicePrincipalLockConfiguration", name), as_flag)
    for option, name in (
        ("enabled", "isEnabled"),
        ("all_properties", "allProperties"),
        ("credentials_with_usage_sign", "credentialsWithUsageSign"),
        ("credentials_with_usage_verify", "credentialsWithUsageVerify"),
        ("token_encryption_key_id", "tokenEncryptionKeyId"),
    )
)

CLAIM_LISTS = (
    Property("id_token", ("optionalClaims", "idToken"), as_set),
    Property("access_token", ("optionalClaims", "accessToken"), as_set),
    Property("saml2_token", ("optionalClaims", "saml2Token"), as_set),
)

SERVICE_PRINCIPAL = (
    Property("enabled", ("accountEnabled",), as_flag),
    Property("assignment_required", ("appRoleAssignmentRequired",), as_flag),
)


@dataclass(frozen=True)
class Key:
    """How an application is found; empty where that is not given. ``adopt`` says what else may lead to it.

    :param prefer_app_id: ``app_id`` and ``unique_name`` need not belong together: the first wins where it exists.
    """

    unique_name: str = ""
    app_id: str = ""
    display_name: str = ""
    adopt: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    prefer_app_id: bool = False

    def settled(self, by_id: Json | None, by_name: Json | None) -> Key:
        """The key that counts, now that it is known what the two of them lead to."""
        if by_id is None:
            return replace(self, app_id="", prefer_app_id=False)
        taken = by_name is not None and by_name["id"] != by_id["id"]
        named_otherwise = unique_name_of(by_id) not in ("", self.unique_name)
        return replace(self, unique_name="") if taken or named_otherwise else self

    def text(self) -> str:
        """The key in a sentence."""
        if self.app_id:
            return self.app_id
        return self.unique_name or self.display_name


@dataclass(frozen=True)
class Desired:
    """How an application should be. ``None`` means: not mentioned, left alone.

    :param plain: options of :data:`PROPERTIES`; the empty string clears.
    :param uris: options of :data:`URI_LISTS`.
    :param claims: options of :data:`CLAIM_LISTS` -> list of claims in Graph's shape.
    :param lock: options of :data:`LOCK`.
    :param keep: thumbprints that an exclusive list of certificates leaves alone, with those that other PBXs sign in with.
    :param overlap_days: how long a new certificate must have been there before an older one of ours is retired.
    :param owners: object ids.
    :param service_principal: ``enabled``, ``assignment_required``, ``visible``.
    :param force: remove also where our mark is missing, and certificates although no other is known to work.
    :param pbx: the PBX that the task works for: only its entries are removed, and the application is marked for it.
    :param removes: whether the application carried the mark of that PBX before this run: marking and removing never
        happen in one run.
    :param stated: the operator named the application himself, by its id.
    :param adopts: the application was there before us; a tag says so from then on.
    :param registered: thumbprints of the certificates that could be used when the run began; ``None``: those that are
        there now.
    """

    key: Key
    plain: Mapping[str, Any] = field(default_factory=dict)
    uris: Mapping[str, Sequence[str] | None] = field(default_factory=dict)
    uris_exclusive: bool = False
    tags: Sequence[str] = ()
    claims: Mapping[str, Sequence[Json] | None] | None = None
    lock: Mapping[str, bool | None] | None = None
    certificates: Sequence[Certificate] | None = None
    certificates_exclusive: bool = False
    keep: frozenset[str] = frozenset()
    prune_expired: bool = False
    prune_duplicates: bool = False
    overlap_days: int | None = None
    permissions: Sequence[Permission] | None = None
    permissions_exclusive: bool = False
    owners: Sequence[str] | None = None
    service_principal: Mapping[str, bool | None] = field(default_factory=dict)
    force: bool = False
    pbx: Pbx | None = None
    removes: bool = True
    stated: bool = True
    adopts: bool = False
    registered: frozenset[str] | None = None

    @property
    def thumbprints(self) -> list[str]:
        """Those of the desired certificates."""
        return [certificate.thumbprint for certificate in self.certificates or ()]


@dataclass(frozen=True)
class Observed:
    """What is there. ``None`` means: certainly not there.

    :param application: with :data:`SELECT`.
    :param deleted: a soft-deleted application with our key; only looked for where ``application`` is ``None``.
    :param deleted_principal: its soft-deleted service principal; only looked for where there is no live one.
    :param owners: object ids; empty when nobody asked for them.
    :param owner_objects: the same as objects; :param principal_owners: those of the service principal.
    :param federated: federated identity credentials of the application.
    :param roles: names of the application permissions that it has been granted; :param scopes: of the delegated ones. Only
        read where it is to be deleted, because they go with it.
    """

    application: Json | None = None
    service_principal: Json | None = None
    deleted: Json | None = None
    deleted_principal: Json | None = None
    owners: tuple[str, ...] = ()
    owner_objects: tuple[Json, ...] = ()
    principal_owners: tuple[Json, ...] = ()
    federated: tuple[Json, ...] = ()
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()

    def but(self, **changes: Any) -> Observed:
        return replace(self, **changes)

    @property
    def marked(self) -> bool:
        return MARK in ((self.application or self.deleted or {}).get("tags") or ())


def unique_name_of(application: Mapping[str, Any]) -> str:
    """The key of an application, wherever its cloud lets it be kept."""
    stated = str(application.get("uniqueName") or "")
    tagged = (str(tag)[len(KEY_TAG) :] for tag in application.get("tags") or () if str(tag).startswith(KEY_TAG))
    return stated or next(tagged, "")
