# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""The documented types of what this collection reads from XAPI, by the name of the property.

Each answer is held against this table as a whole when it arrives, so that code behind it can rely on the types. The types
are those of 3CX's OpenAPI document of XAPI 20.0.10, where each of these names has the same type in every entity that is read
here. Null is allowed everywhere: the services answer it for what was never set. Names that are not listed pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common import typed
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadAnswer
from ansible_collections.tcx.m365.plugins.module_utils._pbx.connection import SERVICE

_TEXTS = (
    "ApplicationId",
    "AreaCode",
    "ContactImage",
    "DialPlanCode",
    "DisplayName",
    "Email",
    "EmailAddress",
    "ExceptionMessage",
    "ExpirationDate",
    "FQDN",
    "MailServerType",
    "MaintenanceExpiresAt",
    "Name",
    "NextPageToken",
    "Number",
    "PbxExternalHost",
    "ProductCode",
    "SbcCertificateExpirationDate",
    "SbcFQDN",
    "SipDomain",
    "StartingExtensionNumber",
    "SyncType",
    "TenantId",
    "Version",
)
_FLAGS = (
    "Activated",
    "CanEditMailServerType",
    "EnableSSO",
    "Enabled",
    "IsEnabled",
    "IsEnterprise",
    "IsMaintainceExpired",
    "IsProfessional",
    "IsSubscriptionAvailable",
    "IsSyncDepartments",
    "IsSyncDetails",
    "IsSyncOfficePhone",
    "IsSyncPhoto",
    "LicenseActive",
    "MS365SignInEnabled",
    "SecureSipEnabled",
    "SetTeamsPresence",
    "Support",
    "SyncEvents",
    "SyncGuestUsers",
    "SyncPersonalContacts",
)
_NUMBERS = (
    "HttpsPort",
    "MaxSimCalls",
    "MaxUserExtensions",
    "TlsPortForNativeFQDN",
    "TlsPortForNonNativeFQDN",
    "UserExtensions",
)
_OBJECTS = (
    "AdUsers",
    "ENLRange",
    "License",
    "SbcCertificate",
    "SbcPrivateKey",
    "SharedMailboxesSync",
    "StatusSyncConfiguration",
)
_LISTS_OF_TEXTS = ("SelectedGroups", "SelectedUsers", "Tags")
_LISTS_OF_OBJECTS = ("Groups", "M365ToPbxBindings", "PBXToM365Bindings", "Users")

_LONGEST_TEXT = 1024 * 1024

_TYPES: dict[str, tuple[type, str]] = {
    **dict.fromkeys(_TEXTS, (str, "a text")),
    **dict.fromkeys(_FLAGS, (bool, "a boolean")),
    **dict.fromkeys(_NUMBERS, (int, "a number")),
    **dict.fromkeys(_OBJECTS, (dict, "an object")),
    **dict.fromkeys((*_LISTS_OF_TEXTS, *_LISTS_OF_OBJECTS), (list, "a list")),
}
_ITEMS: dict[str, tuple[type, str]] = {
    **dict.fromkeys(_LISTS_OF_TEXTS, (str, "texts")),
    **dict.fromkeys(_LISTS_OF_OBJECTS, (dict, "objects")),
}


def check(answer: Mapping[str, Any]) -> None:
    """Hold an answer against the table, at every depth.

    :raises BadAnswer: a property has another type than documented; the sentence names it.
    """
    left: list[Mapping[str, Any]] = [answer]
    while left:
        for name, value in left.pop().items():
            _check_one(name, value)
            if isinstance(value, Mapping):
                left.append(value)
            elif isinstance(value, list):
                left.extend(item for item in value if isinstance(item, Mapping))


def _check_one(name: str, value: Any) -> None:
    documented: tuple[Any, str] = _TYPES.get(name, (None, ""))
    expected, words = documented
    if expected is None or value is None:
        return
    if not isinstance(value, expected) or (expected is int and (isinstance(value, bool) or not 0 <= value < 2**31)):
        raise _wrong(name, value, words)
    if expected is str and len(value) > _LONGEST_TEXT:
        raise _wrong(name, value[:40], "a text of sensible length")
    if expected is list and name in _ITEMS:
        kind, plural = _ITEMS[name]
        strange = [item for item in value if not isinstance(item, kind)]
        if strange:
            raise _wrong(name, strange[0], f"a list of {plural}")


def _wrong(name: str, value: Any, expected: str) -> BadAnswer:
    return typed.wrong(name, value, expected, SERVICE, "the PBX")
