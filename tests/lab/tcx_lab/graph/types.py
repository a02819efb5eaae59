# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Types of what stands inside the complex properties of an application, as published in
https://graph.microsoft.com/v1.0/$metadata; a value of another type is refused (documented by OData; wording assumed)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tcx_lab.evidence import Grade, evidence, is_exactly
from tcx_lab.graph.errors import GraphError, bad_request, unknown_property

_TEXT, _BOOLEAN, _NUMBER = "Edm.String", "Edm.Boolean", "Edm.Int32"
_PYTHON: Final[Mapping[str, type]] = {_TEXT: str, _BOOLEAN: bool, _NUMBER: int}

_SCOPE = {
    "adminConsentDescription": _TEXT,
    "adminConsentDisplayName": _TEXT,
    "id": _TEXT,
    "isEnabled": _BOOLEAN,
    "origin": _TEXT,
    "type": _TEXT,
    "userConsentDescription": _TEXT,
    "userConsentDisplayName": _TEXT,
    "value": _TEXT,
}
_APP_ROLE = {
    "allowedMemberTypes": [_TEXT],
    "description": _TEXT,
    "displayName": _TEXT,
    "id": _TEXT,
    "isEnabled": _BOOLEAN,
    "origin": _TEXT,
    "value": _TEXT,
}
_CLAIM = {"additionalProperties": [_TEXT], "essential": _BOOLEAN, "name": _TEXT, "source": _TEXT}
_REDIRECTS = {"redirectUris": [_TEXT]}

#: Property of an application -> its type: a name, a mapping (complex) or a list with one type (collection).
TYPES: Final[Mapping[str, Any]] = {
    "addIns": [{"id": _TEXT, "type": _TEXT, "properties": [{"key": _TEXT, "value": _TEXT}]}],
    "api": {
        "acceptMappedClaims": _BOOLEAN,
        "knownClientApplications": [_TEXT],
        "oauth2PermissionScopes": [_SCOPE],
        "preAuthorizedApplications": [{"appId": _TEXT, "delegatedPermissionIds": [_TEXT]}],
        "requestedAccessTokenVersion": _NUMBER,
    },
    "appRoles": [_APP_ROLE],
    "identifierUris": [_TEXT],
    "info": dict.fromkeys(("logoUrl", "marketingUrl", "privacyStatementUrl", "supportUrl", "termsOfServiceUrl"), _TEXT),
    "isDeviceOnlyAuthSupported": _BOOLEAN,
    "isFallbackPublicClient": _BOOLEAN,
    "optionalClaims": {"accessToken": [_CLAIM], "idToken": [_CLAIM], "saml2Token": [_CLAIM]},
    "parentalControlSettings": {"countriesBlockedForMinors": [_TEXT], "legalAgeGroupRule": _TEXT},
    "publicClient": _REDIRECTS,
    "requestSignatureVerification": {"allowedWeakAlgorithms": _TEXT, "isSignedRequestRequired": _BOOLEAN},
    "requiredResourceAccess": [{"resourceAppId": _TEXT, "resourceAccess": [{"id": _TEXT, "type": _TEXT}]}],
    "servicePrincipalLockConfiguration": dict.fromkeys(
        (
            "allProperties",
            "credentialsWithUsageSign",
            "credentialsWithUsageVerify",
            "isEnabled",
            "tokenEncryptionKeyId",
        ),
        _BOOLEAN,
    ),
    "spa": _REDIRECTS,
    "tags": [_TEXT],
    "web": {
        "homePageUrl": _TEXT,
        "implicitGrantSettings": {"enableAccessTokenIssuance": _BOOLEAN, "enableIdTokenIssuance": _BOOLEAN},
        "logoutUrl": _TEXT,
        "redirectUris": [_TEXT],
        "redirectUriSettings": [{"index": _NUMBER, "uri": _TEXT}],
    },
}


@evidence(Grade.DOCUMENTED, "https://graph.microsoft.com/v1.0/$metadata and OData JSON format 4.01, section 7.1")
def check(name: str, value: Any) -> None:
    """A value inside of a property of an application has the published type. Raises 400."""
    if name in TYPES:
        _check(TYPES[name], value, name)


def _check(kind: Any, value: Any, where: str) -> None:
    if value is None:
        return  # null sets a property back
    if isinstance(kind, str):
        if not is_exactly(value, _PYTHON[kind]):
            raise _wrong(value, kind)
    elif isinstance(kind, list):
        _check_collection(kind[0], value, where)
    elif not isinstance(value, dict):
        raise _wrong(value, where)
    else:
        for name, part in value.items():
            if name not in kind:
                raise unknown_property(name, where)
            _check(kind[name], part, name)


def _check_collection(kind: Any, value: Any, where: str) -> None:
    if not isinstance(value, list):
        raise _wrong(value, f"Collection of {where}")
    for item in value:
        if item is None:
            raise bad_request(f"A null value was found in the collection '{where}'.", "Request_BadRequest")
        _check(kind, item, where)


def _wrong(value: Any, kind: str) -> GraphError:
    shown = str(value).lower() if isinstance(value, bool) else value
    return bad_request(f"Cannot convert the literal '{shown}' to the expected type '{kind}'.", "BadRequest")
