# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The types of the properties of Microsoft Graph that this collection reads (documented in its reference, v1.0)."""

from __future__ import annotations

from .._common.documents import Documented

ANSWERS = Documented(
    "Graph",
    "the service",
    texts="appId appOwnerOrganizationId appRoleId clientId consentType createdByAppId createdDateTime "
    "customKeyIdentifier deletedDateTime displayName endDateTime hint homePageUrl id issuer key keyId logoutUrl "
    "mail notes principalId resourceAppId resourceId scope signInAudience startDateTime subject uniqueName "
    "userPrincipalName",
    flags="accountEnabled appRoleAssignmentRequired enableAccessTokenIssuance enableIdTokenIssuance "
    "isFallbackPublicClient",
    objects="implicitGrantSettings optionalClaims publicClient servicePrincipalLockConfiguration spa web",
    lists_of_texts="audiences identifierUris proxyAddresses redirectUris tags",
    lists_of_objects="appRoles federatedIdentityCredentials keyCredentials oauth2PermissionScopes owners passwordCredentials "
    "requiredResourceAccess resourceAccess",
    longest=64 * 1024,
    closed="appRoles oauth2PermissionScopes",
)
check = ANSWERS.check
"""Holds an answer against these at every depth, and raises ``BadAnswer``."""
