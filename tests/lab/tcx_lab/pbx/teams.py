# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""XAPI: Teams direct routing. Certificate and key go in and never come out."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from tcx_lab.evidence import Grade, evidence
from tcx_lab.pbx import errors
from tcx_lab.pbx.calls import Answer, Call, TextFile, handles, replace_top_level
from tcx_lab.pbx.state import Entity, PbxState, stamp

_PATH = "/Microsoft365TeamsIntegration"
_FILES = ("SbcCertificate", "SbcPrivateKey")


@handles("GET", _PATH)
async def teams(call: Call) -> Answer:
    """The settings; files show their name and that they are concealed (assumed: the shape is documented)."""
    settings = call.state.singleton("teams")
    shown = {name: _concealed(settings.get(name)) for name in _FILES}
    return call.entity({**settings, **shown})


def _concealed(file: Entity | None) -> Entity | None:
    return None if file is None else {"Concealed": True, "Name": file.get("Name")}


@handles("PATCH", _PATH)
async def patch_teams(call: Call) -> Answer:
    """Change the settings. A file without contents leaves the stored one alone."""
    state = call.state
    settings = state.singleton("teams")
    body = dict(call.body)
    body.pop("SbcCertificateExpirationDate", None)
    for name in _FILES:
        if name in body and body[name] is not None and not body[name].get("Contents"):
            del body[name]
    desired = {**settings, **body}
    _check_license(state, desired)
    if any(name in body for name in (*_FILES, "SbcFQDN")):
        body["SbcCertificateExpirationDate"] = _check_files(state, desired)
    replace_top_level(settings, body)
    return None


@evidence(Grade.DOCUMENTED, "3CX manual: Teams direct routing needs Enterprise with 16 simultaneous calls or more")
def _check_license(state: PbxState, desired: Entity) -> None:
    """Refuse to switch it on without the license."""
    if desired.get("Enabled") and not (state.pbx.edition == "Enterprise" and state.pbx.simultaneous_calls >= 16):
        raise errors.warning("Enabled", "XAPI.INVALID_LICENSE_TYPE")


@evidence(
    Grade.DOCUMENTED,
    "3CX API description: SBC_CERT_EXPIRED, SBC_KEY_CERT_MISMATCH, SBC_CERT_FQDN_MISMATCH (rules assumed)",
)
def _check_files(state: PbxState, desired: Entity) -> str | None:
    """Check certificate, key and FQDN against each other; returns when the certificate ends."""
    certificate = _certificate(desired.get("SbcCertificate"))
    key = _public_bytes(desired.get("SbcPrivateKey"))
    if certificate is None:
        return None
    if certificate.not_valid_after_utc <= state.clock.now():
        raise errors.warning("SbcCertificate", "XAPI.SBC_CERT_EXPIRED")
    if key is not None and key != _spki(certificate.public_key()):
        raise errors.warning("SbcPrivateKey", "XAPI.SBC_KEY_CERT_MISMATCH")
    fqdn = desired.get("SbcFQDN")
    if fqdn and not any(_name_fits(name, fqdn) for name in _names(certificate)):
        raise errors.warning("SbcCertificate", "XAPI.SBC_CERT_FQDN_MISMATCH")
    return stamp(certificate.not_valid_after_utc)


def _pem(file: Entity) -> bytes:
    """The PEM of a file's contents: as text, or in base64 (which of the two XAPI wants is unknown)."""
    text = str(file.get("Contents") or "")
    if "-----BEGIN" in text:
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


def _certificate(file: Entity | None) -> x509.Certificate | None:
    if file is None:
        return None
    try:
        return x509.load_pem_x509_certificate(_pem(file))
    except ValueError:
        raise errors.warning("SbcCertificate", "INVALID") from None


def _public_bytes(file: Entity | None) -> bytes | None:
    if file is None:
        return None
    try:
        key = serialization.load_pem_private_key(_pem(file), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise errors.warning("SbcPrivateKey", "INVALID") from None
    return _spki(key.public_key())


def _spki(key: Any) -> bytes:
    encoded: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return extension.value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        return [str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def _name_fits(pattern: str, fqdn: str) -> bool:
    pattern, fqdn = pattern.lower(), fqdn.lower()
    if pattern.startswith("*."):
        return fqdn.partition(".")[2] == pattern[2:]
    return pattern == fqdn


# --- functions ----------------------------------------------------------------------------------------------------------


@handles("GET", f"{_PATH}/Pbx.CheckFqdnRecord(fqdn={{fqdn}})")
async def check_fqdn(call: Call) -> Answer:
    """Whether a name leads to this PBX: its own does, others as the scenario says."""
    name = call.arguments["fqdn"].lower()
    return call.state.dns.get(name, name == call.state.pbx.fqdn.lower())


def _teams_users(state: PbxState) -> list[Entity]:
    return [user for user in state.users.values() if "MS" in user["Tags"] and user.get("MS365TeamsEnabled")]


@handles("GET", f"{_PATH}/Pbx.GetDialPlanScript()")
async def dial_plan_script(call: Call) -> Answer:
    """A PowerShell script that makes the dial plan in Teams (form of the answer: switch script_answer; contents ours)."""
    settings = call.state.singleton("teams")
    fqdn = settings.get("SbcFQDN") or call.state.pbx.fqdn
    lines = [
        "Connect-MicrosoftTeams",
        f'New-CsOnlinePSTNGateway -Fqdn "{fqdn}" -SipSignalingPort {settings["TlsPortForNativeFQDN"]} -Enabled $true',
        f'New-CsOnlineVoiceRoute -Identity "3CX" -NumberPattern ".*" -OnlinePstnGatewayList "{fqdn}"',
    ]
    return _script(call, "dialplan.ps1", lines)


@evidence(Grade.ASSUMED, "3CX's API description says Pbx.IActionResult, which describes no body; switch script_answer")
def _script(call: Call, name: str, lines: list[str]) -> Answer:
    """A script as a file, or as JSON."""
    text = "\r\n".join(lines) + "\r\n"
    return TextFile(name, text) if call.state.switches.script_answer == "file" else text


@handles("GET", f"{_PATH}/Pbx.GetMapUsersScript()")
async def map_users_script(call: Call) -> Answer:
    """A PowerShell script that gives Teams users their numbers; without such users NO_USERS_IN_TEAMS (code documented)."""
    users = _teams_users(call.state)
    if not users:
        raise errors.warning("Users", "XAPI.NO_USERS_IN_TEAMS")
    lines = [
        f'Set-CsPhoneNumberAssignment -Identity "{user["EmailAddress"]}" -PhoneNumber "{user["Number"]}" '
        "-PhoneNumberType DirectRouting"
        for user in users
    ]
    return _script(call, "mapusers.ps1", ["Connect-MicrosoftTeams", *lines])


@handles("GET", f"{_PATH}/Pbx.CheckMapUsersScript()")
async def check_map_users_script(call: Call) -> Answer:
    """Whether there is anybody to map."""
    return bool(_teams_users(call.state))
