# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates as an operator gives them and as Graph lists them, and when the two are the same.

The identity of a certificate is the SHA-1 of its DER (recorded: Graph shows it as ``customKeyIdentifier``).
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._common import dates, pem
from ..._deps import serialization
from ..._errors import BadInput

MARK = "tcx.m365"
"""Begins the display name of the entries that we make; the date of the registration follows."""

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_HEX = re.compile(r"[0-9A-Fa-f]{40}")
SKEW = dt.timedelta(minutes=5)
"""By how much the clock that dated a new certificate may be ahead of ours."""

EXPIRED_REMEDY = (
    "3CX V20: run the Microsoft 365 wizard of its console again, and leave the certificate out of the inventory; the application "
    "that the PBX then reports is adopted. No console of V20 makes a new public_key.pem: it comes from 3CX V18."
)
_WHERE_TO_CLICK = (
    "Give the public_key.pem of the PBX. If the Microsoft 365 wizard of 3CX V20 created the application, there is no such "
    "file: give no certificate, and the application that the PBX reports is adopted."
)


class PrivateKeyGiven(BadInput):
    """A private key stands where a certificate is wanted: what to do is to take it out, and not to look for a file."""


@dataclass(frozen=True)
class Certificate:
    """A certificate without its private key.

    :param der: its bytes.
    :param thumbprint: SHA-1 of ``der``, 40 upper-case hexadecimal digits.
    :param key_flaw: why its key can never be used to sign in, as the end of a sentence; empty when it can.
    :param alongside: thumbprints of all certificates that stood in the same text or file.
    """

    der: bytes
    thumbprint: str
    subject: str
    not_before: dt.datetime
    not_after: dt.datetime

    key_flaw: str = ""
    alongside: frozenset[str] = frozenset()

    def ended(self, now: dt.datetime) -> bool:
        return self.not_after <= now

    def flaw(self, now: dt.datetime) -> str:
        """Why nobody can sign in with it at this time, as the end of a sentence; empty when it can work."""
        return self.key_flaw or pem.flaw_of_dates(self.not_before, self.not_after, now, SKEW)


def parse(value: str, subject: str = "O(certificates)") -> Certificate:
    """The certificate in a PEM text, in base64 of DER, or in a file of one of them. Of a chain the leaf.

    :param subject: the option it was given in, for the sentence.
    :raises BadInput: it is something else, or holds a private key; the message never quotes the content.
    """
    try:
        return _read(*pem.content_of(value, subject))
    except PrivateKeyGiven as error:
        raise error.while_trying("read a certificate") from None
    except BadInput as error:
        error.remedy = f"{error.remedy} {_WHERE_TO_CLICK}".strip()
        raise error.while_trying("read a certificate") from None


def parse_all(values: list[str] | None) -> list[Certificate]:
    """Each certificate once, in the given order."""
    by_thumbprint: dict[str, Certificate] = {}
    for value in values or ():
        certificate = parse(value)
        by_thumbprint.setdefault(certificate.thumbprint, certificate)
    return list(by_thumbprint.values())


def check_keys(certificates: Sequence[Certificate]) -> None:
    """Raise :class:`BadInput` for a certificate whose key Microsoft Entra does not take."""
    for certificate in certificates:
        if certificate.key_flaw:
            raise unusable(certificate, certificate.key_flaw)


def check_usable(certificates: Sequence[Certificate], now: dt.datetime) -> None:
    """Raise :class:`BadInput` for a certificate that can never work again, or where none of them works now.

    Beside one that works, one that is not valid yet may be added: that is how a key is replaced in time.
    """
    check_keys(certificates)
    flaws = [certificate.flaw(now) for certificate in certificates]
    for certificate, flaw in zip(certificates, flaws):
        if flaw and (certificate.ended(now) or all(flaws)):
            raise unusable(certificate, flaw)


def unusable(certificate: Certificate, flaw: str) -> BadInput:
    """The error for one of them."""
    return BadInput(
        f"the certificate {certificate.thumbprint} {flaw}", tried="check the certificates", target=certificate.subject
    )


@functools.lru_cache(maxsize=256)
def _read(content: bytes, where: str) -> Certificate:
    """The newest ones once: to load a key takes longer than to send a request, and several steps on a PBX ask for it."""
    if pem.holds_private_key(content):
        raise PrivateKeyGiven(
            f"{where} contains a private key, which must stay where it was generated; nothing was sent",
            remedy="Give the certificate alone: the part from BEGIN CERTIFICATE to END CERTIFICATE. Whoever could read the private "
            "key here can sign in as the PBX, so consider a new key pair.",
        )
    chain = pem.certificates_in(content, where)
    return _described(pem.leaf(chain), chain)


def _described(certificate: Any, chain: list[Any]) -> Certificate:
    der = certificate.public_bytes(serialization.Encoding.DER)
    begin, end = pem.validity(certificate)
    alongside = frozenset(pem.thumbprint(issued.public_bytes(serialization.Encoding.DER)) for issued in chain)
    return Certificate(
        der,
        pem.thumbprint(der),
        certificate.subject.rfc4514_string(),
        begin,
        end,
        pem.flaw_of_key(certificate),
        alongside,
    )


def thumbprint_of(entry: Mapping[str, Any]) -> str:
    """The SHA-1 thumbprint of an entry of ``keyCredentials``, or empty where nothing tells it.

    ``key`` is there when one application was read with ``$select=keyCredentials``. Otherwise ``customKeyIdentifier``:
    hexadecimal digits (recorded), base64 of the 20 bytes, or base64 of the digits (seen from generated clients).
    """
    return _thumbprint_of(str(entry.get("key") or ""), str(entry.get("customKeyIdentifier") or ""))


@functools.lru_cache(maxsize=1024)
def _thumbprint_of(key: str, identifier: str) -> str:
    content = pem.from_base64(key)
    if content is None:
        return identifier_to_thumbprint(identifier)
    # Some tools store the base64 of a whole PEM (seen in the source of one).
    block = _PEM.search(content)
    der = pem.from_base64("".join(block.group().decode("ascii", "replace").splitlines()[1:-1])) if block else content
    return pem.thumbprint(der or content)


def name_of(entry: Mapping[str, Any]) -> str:
    """What an entry is called in results: its thumbprint, or its id where it has none."""
    return thumbprint_of(entry) or str(entry.get("keyId"))


def identifier_to_thumbprint(identifier: str) -> str:
    """The thumbprint in one of the three forms of a ``customKeyIdentifier``; empty for anything else."""
    if _HEX.fullmatch(identifier):
        return identifier.upper()
    decoded = pem.from_base64(identifier)
    if decoded is None:
        return ""
    if len(decoded) == 20:
        return decoded.hex().upper()
    inner = decoded.decode("ascii", "replace")
    return inner.upper() if _HEX.fullmatch(inner) else ""


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


def pem_of(entry: Mapping[str, Any]) -> str | None:
    """The certificate of a key credential as PEM text, where its bytes were read."""
    der = pem.from_base64(str(entry.get("key") or ""))
    if not der:
        return None
    text = base64.b64encode(der).decode("ascii")
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])
