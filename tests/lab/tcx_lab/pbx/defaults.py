# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values that every PBX starts with, shared by all of them and never changed. Names are documented (3CX's API description),
values are assumed unless a comment says otherwise."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

#: ProductCode by edition (assumed: no public sample says what it looks like).
PRODUCT_CODES: Final = MappingProxyType({"Standard": "3CXPSSTD", "Professional": "3CXPSPROF", "Enterprise": "3CXPSENT"})

USER: Final = MappingProxyType(
    {
        "AllowLanOnly": False,
        "AllowOwnRecordings": True,
        "BlockTunnel": False,
        "CallScreening": False,
        "CallUsEnableChat": True,
        "CallUsEnablePhone": True,
        "CallUsEnableVideo": True,
        "CallUsRequirement": "Both",
        "ContactImage": "",  # observed: empty when there is no photo
        "CurrentProfileName": "Available",
        "DatevEnabled": False,
        "DisplayName": "",
        "EmailAddress": "",
        "Enable2FA": False,
        "Enabled": True,
        "EnableHotdesking": False,
        "FirstName": "",
        "ForbidRecording": False,
        "GoogleCalendarEnabled": True,
        "GoogleContactsEnabled": True,
        "GoogleSignInEnabled": True,
        "HideInPhonebook": False,
        "Internal": False,
        "IsRegistered": False,
        "Language": "EN",
        "LastName": "",
        "Mobile": "",
        # observed: templates of new users in public clients have all four switched on
        "MS365CalendarEnabled": True,
        "MS365ContactsEnabled": True,
        "MS365SignInEnabled": True,
        "MS365TeamsEnabled": True,
        "MyPhoneAllowDeleteRecordings": False,
        "MyPhoneHideForwardings": False,
        "MyPhonePush": True,
        "MyPhoneShowRecordings": False,
        "OfficeHoursProps": (),
        "OutboundCallerID": "",
        "PbxDeliversAudio": False,
        "PinProtected": False,
        "PinProtectTimeout": 120,
        "QueueStatus": "LoggedOut",
        "RecordCalls": False,
        "RecordEmailNotify": False,
        "RecordExternalCallsOnly": False,
        "Require2FA": False,
        "SendEmailMissedCalls": True,
        "SRTPMode": "SRTPDisabled",
        "Tags": (),
        "TranscriptionMode": "Inherit",
        "VMDisablePinAuth": False,
        "VMEmailOptions": "Notification",
        "VMEnabled": True,
        "VMPlayCallerID": True,
        "VMPlayMsgDateTime": "None",
        "WebMeetingApproveParticipants": False,
    }
)

GROUP: Final = MappingProxyType(
    {
        "AllowCallService": True,
        "CallUsEnableChat": True,
        "CallUsEnablePhone": True,
        "CallUsEnableVideo": True,
        "CallUsRequirement": "Both",
        "CurrentGroupHours": "Default",
        "DisableCustomPrompt": True,
        "GloballyVisible": True,
        "IsDefault": False,
        "Language": "EN",
        "OverrideHolidays": False,
        "PromptSet": "1e6ed594-af95-4bb4-af56-b957ac87d6d7",
        "TimeZoneId": "51",
        "TranscriptionMode": "Inherit",
    }
)

AD_USERS: Final = MappingProxyType(
    {
        "EnableSSO": False,
        "IsEnabled": False,
        "IsSyncDepartments": False,
        "IsSyncDetails": False,
        "IsSyncOfficePhone": False,
        "IsSyncPhoto": False,
        "SelectedGroups": (),
        "SelectedUsers": (),
        "SetTeamsPresence": False,
        "StartingExtensionNumber": "200",
        "SyncEvents": False,
        "SyncGuestUsers": False,
        "SyncPersonalContacts": False,
        "SyncType": "SyncAllUsers",
    }
)

SHARED_MAILBOXES: Final = MappingProxyType({"IsEnabled": False, "SelectedUsers": (), "SyncType": "SyncAllUsers"})

TEAMS: Final = MappingProxyType(
    {
        "Id": 0,
        "Enabled": False,
        "DialPlanCode": "",
        "AreaCode": "",
        "IsDynamicIP": False,
        "IsNativeFQDN": True,
        "TlsPortForNativeFQDN": 5062,
        "TlsPortForNonNativeFQDN": 5063,
        "SbcFQDN": "",
        "SipDomain": "",
        "SecureSipEnabled": False,
    }
)

GOOGLE: Final = MappingProxyType(
    {
        "Id": "GoogleSettings",
        "ClientId": "",
        "ClientSecret": MappingProxyType({"Concealed": True, "Value": ""}),
        "IsExtensionSignInEnabled": False,
        "ProjectId": "",
        "ReCaptchaEnabled": False,
        "UserSync": MappingProxyType(
            {
                "IsEnabled": False,
                "IsSyncDepartments": False,
                "IsSyncPersonalContacts": False,
                "IsSyncPhoto": False,
                "SelectedUsers": (),
                "StartingExtensionNumber": "200",
                "SyncType": "SyncAllUsers",
                "UseCalendarEventsAsPresence": False,
            }
        ),
    }
)

MAIL: Final = MappingProxyType(
    {
        "CanEditMailServerType": True,
        "MailAddress": "",
        "MailPassword": MappingProxyType({"Concealed": True, "Value": ""}),
        "MailServer": "",
        "MailServerType": "Tcx",
        "MailSslEnabled": True,
        "MailUser": "",
    }
)

ANTI_HACKING: Final = MappingProxyType(
    {
        "HackAuthRequests": 25,
        "HackBarrierAmber": 80,
        "HackBarrierGreen": 40,
        "HackBarrierRed": 160,
        "HackBlacklistDuration": 86400,  # seconds
        "HackChallengeRequests": 1000,
        "MaxRequestPerPeriod": 2000,
        "SecurityDefenseProgram": True,
        "ThrottlePeriodLength": 60,
    }
)

CONSOLE: Final = MappingProxyType({"Id": "ConsoleRestrictions", "AccessRestricted": False, "IpWhitelist": ()})

DEFS: Final[dict[str, Any]] = {
    "Id": 0,
    "Codecs": [{"Id": 1, "Name": "G.711 U-law", "RfcName": "PCMU"}, {"Id": 2, "Name": "OPUS", "RfcName": "OPUS"}],
    "GatewayParameters": [
        {
            "Id": 1,
            "Name": "$CallerNum",
            "Description": "Caller number",
            "CanHaveDID": False,
            "InboundPossibleValues": ["FromUserPart"],
            "OutboundPossibleValues": ["FromUserPart"],
            "SourceIDPossibleValues": [],
        }
    ],
    "GatewayParameterValues": [{"Id": 1, "Name": "FromUserPart", "Description": "From: user part"}],
    "TimeZones": [
        {"Id": "51", "Name": "UTC", "IanaName": "Etc/UTC", "WindowsName": "UTC"},
        {"Id": "58", "Name": "Berlin", "IanaName": "Europe/Berlin", "WindowsName": "W. Europe Standard Time"},
    ],
}
