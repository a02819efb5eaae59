# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""Certificates as an operator gives them and as Graph lists them, and when the two are the same.

The identity of a certificate is the SHA-1 of its DER (recorded: Graph shows it as ``customKeyIdentifier``).
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import functools
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common import dates
from ansible_collections.tcx.m365.plugins.module_utils._deps import serialization, x509
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._x509 import validity

MARK = "tcx.m365"
"""Begins the display name of the entries that we make; the date of the registration follows."""

_BEGIN = b"-----BEGIN "
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_HEX = re.compile(r"[0-9A-Fa-f]{40}")
_WHERE_TO_CLICK = "Give the public_key.pem of the PBX: in its console under Integrations, Microsoft 365, generate the key pair and download it."


@dataclass(frozen=True)
class Certificate:
    """A certificate without its private key.

    :param der: its bytes.
    :param thumbprint: SHA-1 of ``der``, 40 upper-case hexadecimal digits.
    """

    der: bytes
    thumbprint: str
    subject: str
    not_before: dt.datetime
    not_after: dt.datetime

    def ended(self, now: dt.datetime) -> bool:
        return self.not_after <= now


def parse(value: str) -> Certificate:
    """The certificate in a PEM text, in base64 of DER, or in a file of PEM or DER. Of a chain the first.

    :raises BadInput: it is something else; the message never quotes the content.
    """
    text = value.strip()
    if not text:
        raise BadInput("an empty certificate was given", remedy=_WHERE_TO_CLICK)
    if "-----BEGIN " in text:
        # A PEM that went through a variable file or an environment often has its line ends written out.
        return _from_bytes(text.replace("\\n", "\n").encode("utf-8"), "the given PEM")
    path = os.path.expanduser(text)
    if "\n" not in text and len(text) < 4096 and os.path.isfile(path):
        return _from_bytes(_read(path), path)
    der = _base64(text)
    if der is not None:
        return _from_bytes(der, "the given base64")
    looks_like_path = "\n" not in text and len(text) < 300 and ("/" in text or "." in text)
    raise BadInput(
        f"there is no file {text}" if looks_like_path else "a certificate is neither PEM text nor a file",
        tried="read a certificate",
        remedy=_WHERE_TO_CLICK,
    )


def parse_all(values: list[str] | None) -> list[Certificate]:
    """Each certificate once, in the given order."""
    found: dict[str, Certificate] = {}
    for value in values or ():
        certificate = parse(value)
        found.setdefault(certificate.thumbprint, certificate)
    return list(found.values())


def thumbprint_of(entry: Mapping[str, Any]) -> str:
    """The SHA-1 thumbprint of an entry of ``keyCredentials``, or empty where nothing tells it.

    ``key`` is there when one application was read with ``$select=keyCredentials``. Otherwise ``customKeyIdentifier``:
    hexadecimal digits (recorded), base64 of the 20 bytes, or base64 of the digits (seen from generated clients).
    """
    return _thumbprint_of(str(entry.get("key") or ""), str(entry.get("customKeyIdentifier") or ""))


@functools.lru_cache(maxsize=1024)
def _thumbprint_of(key: str, identifier: str) -> str:
    content = _base64(key)
    if content is None:
        return identifier_to_thumbprint(identifier)
    # Some tools store the base64 of a whole PEM (seen in the source of one).
    block = _PEM.search(content)
    der = _base64("".join(block.group().decode("ascii", "replace").splitlines()[1:-1])) if block else content
    return thumbprint(der or content)


def identifier_to_thumbprint(identifier: str) -> str:
    """The thumbprint in one of the three forms of a ``customKeyIdentifier``; empty for anything else."""
    if _HEX.fullmatch(identifier):
        return identifier.upper()
    decoded = _base64(identifier)
    if decoded is None:
        return ""
    if len(decoded) == 20:
        return decoded.hex().upper()
    inner = decoded.decode("ascii", "replace")
    return inner.upper() if _HEX.fullmatch(inner) else ""


def thumbprint(der: bytes) -> str:
    # SHA-1 names certificates in Entra; nothing here relies on it for safety.
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def normalized_thumbprint(value: str) -> str:
    """A thumbprint as people copy it, with colons, spaces and any case; raises :class:`BadInput` for anything else."""
    plain = re.sub(r"[\s:]", "", value)
    if not _HEX.fullmatch(plain):
        raise BadInput(f"{value!r} is not a SHA-1 thumbprint of 40 hexadecimal digits")
    return plain.upper()


def registered_on(entry: Mapping[str, Any]) -> dt.datetime | None:
    """Since when an entry has been there: the date in our display name, else the begin of its validity."""
    match = re.match(re.escape(MARK) + r" (\d{4}-\d{2}-\d{2})", str(entry.get("displayName") or ""))
    return dates.parse(match.group(1)) if match else dates.parse(entry.get("startDateTime"))


def is_ours(entry: Mapping[str, Any]) -> bool:
    """Whether this collection has made the entry."""
    return str(entry.get("displayName") or "").startswith(MARK)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}", tried="read a certificate") from None


def _base64(text: str) -> bytes | None:
    compact = "".join(text.split())
    if not compact or len(compact) % 4:
        return None
    try:
        return base64.b64decode(compact, validate=True)
    except (ValueError, binascii.Error):
        return None


def _from_bytes(content: bytes, where: str) -> Certificate:
    if b"PRIVATE KEY-----" in content:
        raise BadInput(
            f"{where} holds a private key; it must stay where it was made and is not sent anywhere",
            tried="read a certificate",
            remedy="Give the certificate alone. " + _WHERE_TO_CLICK,
        )
    blocks = _PEM.findall(content)
    if _BEGIN in content and not blocks:
        what = "a public key without a certificate" if b"PUBLIC KEY-----" in content else "PEM without a certificate"
        raise BadInput(f"{where} is {what}", tried="read a certificate", remedy=_WHERE_TO_CLICK)
    try:
        if blocks:
            found = _leaf([x509.load_pem_x509_certificate(block + b"\n") for block in blocks])
        else:
            found = x509.load_der_x509_certificate(content)
    except ValueError:
        raise BadInput(
            f"{where} is not a certificate, or it is damaged", tried="read a certificate", remedy=_WHERE_TO_CLICK
        ) from None
    der = found.public_bytes(serialization.Encoding.DER)
    begin, end = validity(found)
    return Certificate(der, thumbprint(der), found.subject.rfc4514_string(), begin, end)


def _leaf(chain: list[Any]) -> Any:
    """The certificate of a chain that has issued none of the others, wherever it stands."""
    issuers = [each.issuer for each in chain if each.issuer != each.subject]
    return next((each for each in chain if each.subject not in issuers), chain[0])
