# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""keyCredentials and passwordCredentials: what the directory accepts, keeps and shows (facts: recorded and observed)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tcx_lab.evidence import Grade, evidence
from tcx_lab.graph import policies
from tcx_lab.graph.errors import GraphError, bad_request, invalid_end_date, invalid_value, key_not_updatable
from tcx_lab.graph.session import Session
from tcx_lab.graph.shapes import is_guid, moment, parse_moment
from tcx_lab.graph.store import Entity

_USAGE = 'The value for the property "usage" in one of your credentials is invalid. Acceptable values are Sign, Verify.'
_KEPT = ("customKeyIdentifier", "displayName", "endDateTime", "startDateTime", "type", "usage")
_TYPES = frozenset({"AsymmetricX509Cert", "X509CertAndPassword", "Symmetric"})


@dataclass(frozen=True, slots=True)
class Target:
    """The object whose credentials change."""

    object_id: str
    created: str | None
    keys: list[Entity]
    resource: str = "Application"


def decode_key(text: str) -> bytes:
    """Bytes of a `key`: base64 of DER with or without line breaks (recorded), or of the whole PEM text (public code).
    Raises ValueError."""
    try:
        raw = base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        raw = base64.urlsafe_b64decode("".join(text.split()) + "==")
    if raw.lstrip().startswith(b"-----BEGIN"):
        return x509.load_pem_x509_certificate(raw).public_bytes(Encoding.DER)
    return raw


def thumbprint(der: bytes) -> str:
    """SHA-1 as 40 upper-case hex digits: customKeyIdentifier on read (recorded)."""
    digest = hashes.Hash(hashes.SHA1())
    digest.update(der)
    return digest.finalize().hex().upper()


@evidence(Grade.RECORDED, "azure-cli test recordings; public issue reports for what is refused")
def replace_keys(session: Session, target: Target, entries: Any) -> tuple[list[Entity], dict[str, bytes]]:
    """The collection after a PATCH: entries with a known keyId and no key are kept, others are new, the rest is gone.
    Returns what Graph shows and the bytes by keyId. Raises GraphError 400."""
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise invalid_value("keyCredentials", target.resource)
    known = {entry["keyId"].lower(): entry for entry in target.keys}
    stored = session.tenant.key_bytes.get(target.object_id, {})
    shown: list[Entity] = []
    kept_bytes: dict[str, bytes] = {}
    for entry in entries:
        if entry.get("usage") not in ("Sign", "Verify"):
            raise bad_request(_USAGE)
        old = known.get(str(entry.get("keyId") or "").lower())
        made, der = _keep(session, entry, old, stored) if old is not None else _new_key(session, target, entry)
        if made["keyId"] in kept_bytes:
            raise bad_request("Update contains credentials with the same KeyId.", "KeyCredentialsDuplicateKeyId")
        kept_bytes[made["keyId"]] = der
        shown.append(made)
    return shown, kept_bytes


def _keep(session: Session, sent: Entity, old: Entity, stored: dict[str, bytes]) -> tuple[Entity, bytes]:
    der = stored.get(old["keyId"], b"")
    if sent.get("key") is not None:
        try:
            same = decode_key(sent["key"]) == der
        except (ValueError, TypeError):
            same = False
        if not same:
            raise key_not_updatable(old["keyId"])
    for name in _KEPT:
        if name not in sent and not session.world.switches.kept_key_must_be_complete:
            continue
        if not _same_value(name, sent.get(name), old.get(name)):
            raise key_not_updatable(old["keyId"])
    if session.world.switches.expired_key_blocks_patch and parse_moment(old["endDateTime"]) <= session.now():
        raise invalid_end_date()
    return old, der


def _same_value(name: str, sent: object, old: object) -> bool:
    if sent == old:
        return True
    if not isinstance(sent, str) or not isinstance(old, str):
        return False
    if name.endswith("DateTime"):
        try:
            return parse_moment(sent) == parse_moment(old)
        except ValueError:
            return False
    return name == "customKeyIdentifier" and sent.lower() == old.lower()


def _new_key(session: Session, target: Target, sent: Entity) -> tuple[Entity, bytes]:
    if not isinstance(sent.get("key"), str) or sent.get("type") not in _TYPES:
        # No recording shows this case; the code and the text are assumed.
        raise invalid_value("keyCredentials", target.resource)
    try:
        der = decode_key(sent["key"])
        subject, first, last = _validity(der)
    except ValueError as error:
        raise bad_request("Key value is invalid certificate", "KeyCredentialsInvalidCertificate") from error
    now = session.now()
    start = _date(sent, "startDateTime", max(first, min(now, last)))
    end = _date(sent, "endDateTime", last)
    if end <= now or end > last or start >= end:
        raise invalid_end_date()
    policies.check_key(session, target.object_id, target.created, start, end)
    key_id = sent.get("keyId") or session.world.new_guid()
    if not is_guid(key_id):
        raise invalid_value("keyCredentials", target.resource)
    shown = {
        "customKeyIdentifier": sent.get("customKeyIdentifier") or thumbprint(der),
        "displayName": sent.get("displayName") or subject,
        "endDateTime": moment(end),
        "key": None,
        "keyId": key_id.lower(),
        "startDateTime": moment(start),
        "type": sent["type"],
        "usage": sent["usage"],
    }
    return shown, der


def _validity(der: bytes) -> tuple[str, datetime, datetime]:
    certificate = x509.load_der_x509_certificate(der)
    return (
        subject_text(certificate.subject),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
    )


#: Names of attributes as Windows writes them; the others keep the name of RFC 4514.
_WINDOWS = {NameOID.STATE_OR_PROVINCE_NAME: "S", NameOID.EMAIL_ADDRESS: "E"}


@evidence(
    Grade.RECORDED,
    "https://github.com/Azure/azure-cli/blob/2b2fc6d8abfa/src/azure-cli/azure/cli/command_modules/role/tests/latest/"
    "recordings/test_app_scenario.yaml: O=Internet Widgits Pty Ltd, S=Some-State, C=AU",
)
def subject_text(subject: x509.Name) -> str:
    """A certificate's subject as the directory shows it: most specific part first, `, ` between, `S=` for the state."""
    named = (" + ".join(attribute.rfc4514_string(_WINDOWS) for attribute in rdn) for rdn in reversed(subject.rdns))
    return ", ".join(named)


def _date(sent: Entity, name: str, default: datetime) -> datetime:
    text = sent.get(name)
    if text is None:
        return default
    try:
        return parse_moment(text)
    except (ValueError, TypeError, AttributeError) as error:
        raise bad_request(
            f"Cannot convert the literal '{text}' to the expected type 'Edm.DateTimeOffset'.", "BadRequest"
        ) from error


def with_key_values(keys: list[Entity], stored: dict[str, bytes]) -> list[Entity]:
    """The collection with `key` filled in: only a single object read with `$select=keyCredentials` shows it (documented)."""
    return [
        {**entry, "key": base64.b64encode(stored[entry["keyId"]]).decode() if entry["keyId"] in stored else None}
        for entry in keys
    ]


@evidence(Grade.RECORDED, "azure-cli test recordings")
def new_password(session: Session, target: Target, sent: Any, *, with_hint: bool) -> tuple[Entity, Entity, str]:
    """A password that the service makes: (as stored, as answered once with its text, the text). `hint` is null on service
    principals (recorded)."""
    sent = sent if isinstance(sent, dict) else {}
    now = session.now()
    start = _date(sent, "startDateTime", now)
    end = _date(sent, "endDateTime", start + timedelta(days=730))
    if end <= start or end <= now:
        raise bad_request("Password credential end date is invalid.", "PasswordCredentialsInvalidEndDate")
    policies.check_password(session, target.object_id, target.created, start, end)
    text = session.world.new_secret()
    stored = {
        "customKeyIdentifier": sent.get("customKeyIdentifier"),
        "displayName": sent.get("displayName"),
        "endDateTime": moment(end.astimezone(UTC)),
        "hint": text[:3] if with_hint else None,
        "keyId": session.world.new_guid(),
        "secretText": None,
        "startDateTime": moment(start.astimezone(UTC)),
    }
    return stored, {**stored, "secretText": text}, text


def unknown_key(key_id: object) -> GraphError:
    """400 for removing a credential that is not there (observed)."""
    return bad_request(f"No credentials found to be removed. KeyId: '{key_id}'.")
