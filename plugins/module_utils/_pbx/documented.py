# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documented types of what this collection reads from XAPI, by the name of the property.

Each answer is held against this table as a whole when it arrives, so that code behind it can rely on the types. The types
are those of 3CX's OpenAPI document of XAPI 20.0.10, where each of these names has the same type in every entity that is read
here. Null is allowed everywhere: the services answer it for what was never set. Names that are not listed pass.
"""

from __future__ import annotations

from .._common.documents import Documented
from .connection import SERVICE

ANSWERS = Documented(
    SERVICE,
    "the PBX",
    texts="ApplicationId AreaCode ContactImage DialPlanCode DisplayName Email EmailAddress ExceptionMessage "
    "ExpirationDate FQDN MailServerType MaintenanceExpiresAt Name NextPageToken Number PbxExternalHost "
    "ProductCode SbcCertificateExpirationDate SbcFQDN SipDomain StartingExtensionNumber SyncType TenantId Version",
    flags="Activated CanEditMailServerType EnableSSO Enabled IsEnabled IsEnterprise IsMaintainceExpired IsProfessional "
    "IsSubscriptionAvailable IsSyncDepartments IsSyncDetails IsSyncOfficePhone IsSyncPhoto LicenseActive "
    "MS365SignInEnabled SecureSipEnabled SetTeamsPresence Support SyncEvents SyncGuestUsers SyncPersonalContacts",
    numbers="HttpsPort MaxSimCalls MaxUserExtensions TlsPortForNativeFQDN TlsPortForNonNativeFQDN UserExtensions",
    objects="AdUsers ENLRange License SbcCertificate SbcPrivateKey SharedMailboxesSync StatusSyncConfiguration",
    lists_of_texts="SelectedGroups SelectedUsers Tags",
    lists_of_objects="Groups M365ToPbxBindings PBXToM365Bindings Users",
    longest=16 * 1024,
    longer={"ContactImage": 1024 * 1024},  # a photo may be in it
)
check = ANSWERS.check
"""Holds an answer against these at every depth, and raises ``BadAnswer``. What a PBX says is kept and shown for each PBX of a fleet."""
