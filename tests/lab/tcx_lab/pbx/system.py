# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""XAPI: the system, its license and its general settings. Like the real thing, status answers hold the license key."""

from __future__ import annotations

import json
from typing import Any

from tcx_lab.evidence import Grade, evidence
from tcx_lab.pbx import defaults, errors
from tcx_lab.pbx.calls import Answer, Call, handles, replace_top_level
from tcx_lab.pbx.state import Entity, PbxState, stamp


@handles("GET", "/Defs")
async def defs(call: Call) -> Answer:
    """Definitions; clients read it to learn the version from the header (observed)."""
    return call.entity(defaults.DEFS)


def license_of(state: PbxState) -> Entity:
    """The license as Pbx.License (documented: the flags exist from 20.0.10)."""
    pbx = state.pbx
    return {
        "ProductCode": defaults.PRODUCT_CODES.get(pbx.edition, pbx.edition),
        "MaxSimCalls": pbx.simultaneous_calls,
        "CountryCode": "DE",
        "IsMaintainceExpired": state.maintenance_days < 0,
        "IsEnterprise": pbx.edition == "Enterprise",
        "IsProfessional": pbx.edition in ("Professional", "Enterprise"),
        "IsBrandingEnabled": pbx.edition == "Enterprise",
        "IsCfdEnabled": pbx.edition in ("Professional", "Enterprise"),
    }


@handles("GET", "/Defs/Pbx.GetSystemParameters()")
async def system_parameters(call: Call) -> Answer:
    """FQDN, ports and the length of numbers: the source of the redirect URI."""
    state = call.state
    length = state.number_length
    return {
        "FQDN": state.pbx.fqdn,
        "PbxExternalHost": state.pbx.fqdn,
        "HttpsPort": state.pbx.https_port,
        "HttpPort": 5000,
        "Is3CXFQDN": False,
        "IsHosted": False,
        "IsHosted3CX": False,
        "IsMulticompanyMode": False,
        "ENL": length,
        "ENLRange": {"From": length, "To": length},
        "Version": state.pbx.version,
        "License": license_of(state),
        "MaxDIDPerTrunk": 500,
        "ProcessorCount": 2,
        "SipPort": 5060,
        "SipsPort": 5061,
        "TunnnelPort": 5090,
        "FirstExternalPort": 9000,
        "WebrtcLastPort": 10999,
        "IsStaticIp": True,
        "StaticIp": "203.0.113.20",
        "GlobalLanguage": "EN",
        "IsChatLogEnabled": True,
        "IsTranscriptionEnabled": False,
        "IsRemoteBackup": False,
        "RemoteStorageStatus": "NotConfigured",
        "RpsEnabled": True,
        "EmRuleCreationAllowed": True,
        "AIVersion": "1.0",
    }


@handles("GET", "/Defs/Pbx.GetLicenseParameters()")
async def license_parameters(call: Call) -> Answer:
    """The license alone (documented: from 20.0.8)."""
    return license_of(call.state)


def license_key(state: PbxState) -> str:
    """A license key of the lab; nothing but XAPI's answers may ever show it."""
    text = state.secret("license", length=16).upper()
    return "-".join(text[at : at + 4] for at in range(0, 16, 4))


@handles("GET", "/SystemStatus")
@evidence(Grade.OBSERVED, "a live PBX 20.0.9: the answer holds the license key")
async def system_status(call: Call) -> Answer:
    """The state of the system."""
    state = call.state
    ends = stamp(state.license_ends())
    return call.entity(
        {
            "Id": 0,
            "Version": state.pbx.version,
            "FQDN": state.pbx.fqdn,
            "Activated": True,
            "LicenseActive": state.license_active,
            "LicenseKey": license_key(state),
            "ProductCode": defaults.PRODUCT_CODES.get(state.pbx.edition, state.pbx.edition),
            "Support": state.maintenance_days >= 0,
            "ExpirationDate": ends,
            "MaintenanceExpiresAt": ends,
            "MaxSimCalls": state.pbx.simultaneous_calls,
            "MaxUserExtensions": state.max_user_extensions,
            "UserExtensions": len(state.users),
            "ExtensionsTotal": len(state.users),
            "ExtensionsRegistered": 0,
            "CallsActive": 0,
            "Ip": "203.0.113.20",
            "IpV4": "203.0.113.20",
            "IpV6": "",
            "CurrentLocalIp": "192.0.2.20",
            "AvailableLocalIps": "192.0.2.20",
            "LocalIpValid": True,
            "OS": "Linux",
            "HasNotRunningServices": False,
            "HasUnregisteredSystemExtensions": False,
            "BackupScheduled": True,
            "LastBackupDateTime": stamp(state.clock.now()),
            "RemoteConfigurationRequired": False,
            "RemoteStorageStatus": "NotConfigured",
            "AutoUpdateEnabled": True,
            "DBMaintenanceInProgress": False,
            "DiskUsage": 21,
            "FreeDiskSpace": 42_000_000_000,
            "TotalDiskSpace": 53_000_000_000,
            "TrunksTotal": 1,
            "TrunksRegistered": 1,
            "OutboundRules": 1,
            "ResellerName": "",
        }
    )


@handles("GET", "/SystemStatus/Pbx.GetVersionType()")
async def version_type(_call: Call) -> Answer:
    """Whether the build is a release."""
    return {"Type": "Release"}


@handles("GET", "/SystemStatus/Pbx.SystemHealthStatus()")
async def system_health(_call: Call) -> Answer:
    """Whether firewall, phones and trunks are well; in the lab they are."""
    health = {
        "Firewall": True,
        "Phones": True,
        "Trunks": True,
        "CustomTemplatesCount": 0,
        "UnsupportedFirmwaresCount": 0,
    }
    return {"Id": 0, **health}


@handles("GET", "/LicenseStatus")
@evidence(Grade.OBSERVED, "a live PBX 20.0.9: the answer holds the license key")
async def license_status(call: Call) -> Answer:
    """The license and whom it belongs to."""
    state = call.state
    ends = stamp(state.license_ends())
    return call.entity(
        {
            "LicenseActive": state.license_active,
            "Activated": True,
            "LicenseKey": license_key(state),
            "ProductCode": defaults.PRODUCT_CODES.get(state.pbx.edition, state.pbx.edition),
            "ActiveModules": ["CallCenter"] if state.pbx.edition == "Enterprise" else [],
            "MaxSimCalls": state.pbx.simultaneous_calls,
            "ExpirationDate": ends,
            "MaintenanceExpiresAt": ends,
            "Support": state.maintenance_days >= 0,
            "Version": "20.0",
            "CompanyName": state.pbx.name,
            "ContactName": "Lab",
            "EMail": f"admin@{state.pbx.name}.example",
            "AdminEMail": f"admin@{state.pbx.name}.example",
            "Telephone": "",
            "ResellerName": "",
            "CountryCode": "DE",
            "CountryName": "Germany",
            "SimMeetingParticipants": 25,
        }
    )


@handles("POST", "/LicenseStatus/Pbx.RefreshLicenseStatus")
async def refresh_license(_call: Call) -> Answer:
    """Asks 3CX's license server again; in the lab it has nothing new."""
    return None


@handles("GET", "/Parameters/Pbx.GetParameterByName(name={name})")
@evidence(Grade.OBSERVED, "one public client reads OFFICE365_CONFIG, a JSON string with a part called Public")
async def parameter(call: Call) -> Answer:
    """A system parameter; the lab knows OFFICE365_CONFIG alone, and only for reading."""
    name = call.arguments["name"]
    if name != "OFFICE365_CONFIG":
        raise errors.no_such_entity()
    settings = call.state.ad_users
    shown = {key: settings.get(key) for key in ("IsEnabled", "EnableSSO", "SetTeamsPresence", "SyncPersonalContacts")}
    value = {"Public": {"ADUsers": shown}, "TenantId": call.state.m365["TenantId"]}
    return {"Id": 1237, "Name": name, "Description": "", "Value": json.dumps(value)}


# --- general settings ---------------------------------------------------------------------------------------------------


def _conceal(body: dict[str, Any], name: str) -> None:
    """Keep no password: what was sent is stored elsewhere on a real PBX and never comes back."""
    if body.get(name) is not None:
        body[name] = {"Concealed": True, "Value": ""}


@handles("GET", "/GoogleSettings")
async def google(call: Call) -> Answer:
    """Sign-in with Google, and reCAPTCHA at the login page."""
    provision = "https://integrations.3cx.com/google"
    return call.entity({**call.state.singleton("google"), "ProvisionUrl": provision})


@handles("PATCH", "/GoogleSettings")
async def patch_google(call: Call) -> Answer:
    """Change them."""
    _conceal(call.body, "ClientSecret")
    replace_top_level(call.state.singleton("google"), call.body)
    return None


@handles("GET", "/MailSettings")
async def mail(call: Call) -> Answer:
    """Which server sends the PBX's mail (documented: from 20.0.7)."""
    return call.entity(call.state.singleton("mail"))


@handles("PATCH", "/MailSettings")
async def patch_mail(call: Call) -> Answer:
    """Change it; mail through Microsoft 365 needs a linked application (assumed)."""
    if call.body.get("MailServerType") == "MS365" and not call.state.m365["ApplicationId"]:
        raise errors.warning("MailServerType", "XAPI.NOT_SUPPORTED")
    _conceal(call.body, "MailPassword")
    replace_top_level(call.state.singleton("mail"), call.body)
    return None
