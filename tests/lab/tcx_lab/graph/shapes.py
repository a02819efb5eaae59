# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a new application and a new service principal look like: defaults and nulls as recorded, newer properties as published."""

from __future__ import annotations

import base64
import uuid
from datetime import UTC, datetime
from typing import Any

PERSONAL_AUDIENCES = frozenset({"AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount"})
AUDIENCES = PERSONAL_AUDIENCES | {"AzureADMyOrg", "AzureADMultipleOrgs"}

#: Complex properties of an application, whose parts a PATCH may name one by one (switch complex_patch_merges).
COMPLEX_PROPERTIES = frozenset(
    {"api", "info", "parentalControlSettings", "publicClient", "spa", "verifiedPublisher", "web", "optionalClaims"}
    | {"servicePrincipalLockConfiguration", "requestSignatureVerification", "certification"}
    | {"authenticationBehaviors", "samlSingleSignOnSettings"}
)


def info() -> dict[str, Any]:
    """An empty informationalUrl."""
    return dict.fromkeys(("logoUrl", "marketingUrl", "privacyStatementUrl", "supportUrl", "termsOfServiceUrl"))


def publisher() -> dict[str, Any]:
    """An empty verifiedPublisher."""
    return {"displayName": None, "verifiedPublisherId": None, "addedDateTime": None}


def application(object_id: str, app_id: str, created: str, domain: str, audience: str) -> dict[str, Any]:
    """An application with nothing but defaults (recorded; properties newer than the recordings are published)."""
    return {
        "id": object_id,
        "deletedDateTime": None,
        "appId": app_id,
        "applicationTemplateId": None,
        "disabledByMicrosoftStatus": None,
        "createdByAppId": None,
        "createdDateTime": created,
        "displayName": None,
        "description": None,
        "groupMembershipClaims": None,
        "identifierUris": [],
        "isDeviceOnlyAuthSupported": None,
        "isDisabled": None,
        "isFallbackPublicClient": None,
        "nativeAuthenticationApisEnabled": None,
        "notes": None,
        "publisherDomain": domain,
        "serviceManagementReference": None,
        "signInAudience": audience,
        "tags": [],
        "tokenEncryptionKeyId": None,
        "uniqueName": None,
        "samlMetadataUrl": None,
        "defaultRedirectUri": None,
        "certification": None,
        "optionalClaims": None,
        "servicePrincipalLockConfiguration": None,
        "requestSignatureVerification": None,
        "addIns": [],
        "api": {
            "acceptMappedClaims": None,
            "knownClientApplications": [],
            "requestedAccessTokenVersion": 2 if audience in PERSONAL_AUDIENCES else None,
            "oauth2PermissionScopes": [],
            "preAuthorizedApplications": [],
        },
        "appRoles": [],
        "info": info(),
        "keyCredentials": [],
        "parentalControlSettings": {"countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow"},
        "passwordCredentials": [],
        "publicClient": {"redirectUris": []},
        "requiredResourceAccess": [],
        "verifiedPublisher": publisher(),
        "web": {
            "homePageUrl": None,
            "logoutUrl": None,
            "redirectUris": [],
            "implicitGrantSettings": {"enableAccessTokenIssuance": False, "enableIdTokenIssuance": False},
            "redirectUriSettings": [],
        },
        "spa": {"redirectUris": []},
    }


def service_principal(object_id: str, created: str | None) -> dict[str, Any]:
    """A service principal with nothing but defaults (recorded)."""
    return {
        "id": object_id,
        "deletedDateTime": None,
        "accountEnabled": True,
        "alternativeNames": [],
        "appDisplayName": None,
        "appDescription": None,
        "appId": None,
        "applicationTemplateId": None,
        "appOwnerOrganizationId": None,
        "appRoleAssignmentRequired": False,
        "createdByAppId": None,
        "createdDateTime": created,
        "description": None,
        "disabledByMicrosoftStatus": None,
        "displayName": None,
        "homepage": None,
        "isDisabled": None,
        "loginUrl": None,
        "logoutUrl": None,
        "notes": None,
        "notificationEmailAddresses": [],
        "preferredSingleSignOnMode": None,
        "preferredTokenSigningKeyThumbprint": None,
        "replyUrls": [],
        "servicePrincipalNames": [],
        "servicePrincipalType": "Application",
        "signInAudience": None,
        "tags": [],
        "tokenEncryptionKeyId": None,
        "samlSingleSignOnSettings": None,
        "addIns": [],
        "appRoles": [],
        "info": info(),
        "keyCredentials": [],
        "oauth2PermissionScopes": [],
        "passwordCredentials": [],
        "resourceSpecificApplicationPermissions": [],
        "verifiedPublisher": publisher(),
    }


def from_application(app: dict[str, Any]) -> dict[str, Any]:
    """What a service principal of the home tenant shows of its application (recorded: reply URLs, names)."""
    names = [app["appId"], *(uri for uri in app["identifierUris"] if uri != app["appId"])]
    web = app.get("web") or {}
    urls = [*(web.get("redirectUris") or []), *((app.get("spa") or {}).get("redirectUris") or [])]
    urls += (app.get("publicClient") or {}).get("redirectUris") or []
    return {
        "appDisplayName": app["displayName"],
        "appDescription": app["description"],
        "appId": app["appId"],
        "applicationTemplateId": app["applicationTemplateId"],
        "displayName": app["displayName"],
        "homepage": web.get("homePageUrl"),
        "logoutUrl": web.get("logoutUrl"),
        "replyUrls": urls,
        "servicePrincipalNames": names,
        "signInAudience": app["signInAudience"],
        "appRoles": [{**role, "origin": "Application"} for role in app["appRoles"]],
        "info": app["info"],
        "oauth2PermissionScopes": (app.get("api") or {}).get("oauth2PermissionScopes") or [],
        "verifiedPublisher": app["verifiedPublisher"],
    }


def moment(when: datetime) -> str:
    """A date-time as the directory keeps it: whole seconds, Z."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def fine_moment(when: datetime) -> str:
    """The same with the seven digits that only a 201 answer has (recorded)."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.%f") + "3Z"


def parse_moment(text: str) -> datetime:
    """Aware UTC datetime of a date-time in JSON; any number of fractional digits. Raises ValueError."""
    body, zone = (text[:-1], "+00:00") if text[-1:] in "Zz" else (text[:-6], text[-6:])
    if zone[0] not in "+-":
        body, zone = text, "+00:00"
    seconds, _dot, digits = body.partition(".")
    return datetime.fromisoformat(f"{seconds}.{(digits + '000000')[:6]}{zone}").astimezone(UTC)


def guid_bytes(*guids: str) -> str:
    """Unpadded base64url of GUIDs in little-endian order: the id of a delegated grant (recorded, decoded)."""
    raw = b"".join(uuid.UUID(guid).bytes_le for guid in guids)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def assignment_id(principal_id: str, rest: bytes) -> str:
    """The id of an app role assignment: 43 characters, 32 bytes, beginning with the principal (observed)."""
    return base64.urlsafe_b64encode(uuid.UUID(principal_id).bytes_le + rest).rstrip(b"=").decode()


def is_assignment_id(text: str) -> bool:
    """Whether a text can be the id of an app role assignment."""
    if len(text) != 43:
        return False
    try:
        return len(base64.urlsafe_b64decode(text + "=")) == 32
    except ValueError:
        return False


def is_guid(text: object) -> bool:
    """Whether a value is a GUID in its usual spelling."""
    if not isinstance(text, str) or len(text) != 36:
        return False
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
