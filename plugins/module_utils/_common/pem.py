# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one reader of certificates and private keys, whatever they are given as.

PEM, base64 of DER without the PEM header, or base64 of PEM; as text or in a file, with line ends of any kind, also written
out as ``\\n``, as they come out of variable files and environments. In a file DER as well. The package cryptography does the
parsing. No error ever quotes the content: it may be a key.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import datetime as dt
import hashlib
import ipaddress
import os
import re
from collections.abc import Iterable
from typing import Any

from .._deps import UnsupportedAlgorithm, rsa, serialization, x509
from .._errors import BadInput
from . import dates
from .places import correct_path, to_make_readable, tried_at

_BEGIN = b"-----BEGIN "
_CERTIFICATE = b"CERTIFICATE-----"
_PRIVATE_KEY = b"PRIVATE KEY-----"
_PUBLIC_KEY = b"PUBLIC KEY-----"
_WRITTEN_OUT = re.compile(rb"\\+r(?:\\+n)?|\\+n")
"""A line end as characters, escaped once or more often."""
_BLANK_LINES = re.compile(rb"\s*\n\s*")
_HEADERS = b"DEK-Info:"
"""A blank line ends the headers of a key that OpenSSL encrypted in its old form."""
_LONGEST_PATH = 4096
_FILE_NAME = re.compile(r"[\w./~ @+-]{1,250}\.(?:pem|crt|cer|der|key|pub|txt|p12|pfx)", re.IGNORECASE)
"""What is certainly meant as a file; anything else may be a secret, and is not repeated in a sentence."""


class NoFile(BadInput):
    """A path leads to no file. That says nothing of whether the file was ever made."""


LEAST_RSA_BITS = 2048
"""What Microsoft Entra requires of a key to sign in with (documented: at least 2048 bits)."""


def content_of(value: str, subject: str) -> tuple[bytes, str]:
    """The bytes of what was given, and how to call them in a sentence: the file, or ``subject``.

    :param subject: the user's name for it (``entra_app_public_key``).
    :raises BadInput: it is empty, or neither PEM nor base64 nor a file that can be read.
    """
    text = value.strip()
    if not text:
        raise BadInput(f"{subject} is empty")
    if _BEGIN.decode() in text:
        return plain(text.encode("utf-8")), subject
    path = os.path.expanduser(text)
    one_line = "\n" not in text and len(text) < _LONGEST_PATH
    if one_line and os.path.isfile(path):
        return _read(path, subject), path
    if one_line and os.path.isdir(path):
        raise NoFile(f"{subject}: {text} is a directory{tried_at(text)}", remedy="Name the file in it.")
    decoded = _decoded(text.encode("utf-8"))
    if decoded is not None and (not one_line or _is_plausible(decoded)):
        return plain(decoded), subject
    if decoded is not None:
        # A path without an ending, such as keys/acme/key, is base64 as well. It is not repeated: it may be a secret.
        raise NoFile(
            f"{subject} does not contain a valid certificate or key, read as base64, and is the path of no file (a relative one "
            f"starts in {os.getcwd()})",
            remedy="Correct the path, or give PEM text.",
        )
    if one_line and _FILE_NAME.fullmatch(text):
        raise NoFile(f"{subject}: there is no file {text}{tried_at(text)}", remedy=correct_path(text))
    raise BadInput(f"{subject} is neither PEM text nor a file")


def plain(content: bytes) -> bytes:
    """What a file or a variable holds, as a parser takes it: PEM in UTF-8 with line ends and no blank lines, or DER."""
    content = _utf8(content)
    if _BEGIN not in content:
        content = _decoded(content) or content
    if _BEGIN not in content:
        return content
    lines = _WRITTEN_OUT.sub(b"\n", content)
    return lines if _HEADERS in lines else _BLANK_LINES.sub(b"\n", lines)


def _decoded(content: bytes) -> bytes | None:
    return from_base64(_WRITTEN_OUT.sub(b"", content).decode("ascii", "replace"))


def _is_plausible(content: bytes) -> bool:
    """Whether decoded bytes may be a certificate or a key, perhaps a damaged one: PEM, or the SEQUENCE that DER begins with."""
    return _BEGIN in content or content[:1] == b"0"


def certificates_in(content: bytes, where: str) -> list[Any]:
    """All certificates of a PEM, or the one of a DER; never empty.

    :param where: the file or the variable, for the sentence.
    :raises BadInput: there is none, or it is damaged.
    """
    if _BEGIN in content and _CERTIFICATE not in content:
        what = "a public key" if _PUBLIC_KEY in content else "PEM"
        raise BadInput(f"{where} contains {what} but no certificate")
    try:
        if _BEGIN in content:
            return list(x509.load_pem_x509_certificates(content))
        return [x509.load_der_x509_certificate(content)]
    except ValueError:
        raise BadInput(f"{where} does not contain a valid certificate; it is something else, or damaged") from None


def holds_private_key(content: bytes) -> bool:
    """Whether there is a private key in a PEM or DER."""
    if _BEGIN in content:
        return _PRIVATE_KEY in content
    try:
        serialization.load_der_private_key(content, None)
    except TypeError:
        return True  # an encrypted one
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def private_key_in(content: bytes, where: str, password: str = "") -> Any:
    """The private key of a PEM that may hold certificates besides, or of a DER.

    :raises BadInput: there is none, it is damaged, or the password does not open it.
    """
    begin = _begin_of_private_key(content)
    if _BEGIN in content and begin is None:
        raise BadInput(f"{where} does not contain a private key")
    body = content if begin is None else content[begin:]
    load = serialization.load_pem_private_key if begin is not None else serialization.load_der_private_key
    try:
        return load(body, password.encode("utf-8") if password else None)
    except TypeError:
        if not password:
            raise BadInput(f"the private key in {where} is encrypted") from None
    except (ValueError, UnsupportedAlgorithm):
        reason = "the password is wrong, or the key is damaged" if password else "it is damaged"
        raise BadInput(
            f"the private key in {where} cannot be read: {reason}",
            remedy=f"Give the {'password that belongs to it, or the ' if password else ''}key as it was made.",
        ) from None
    # The password is for other files of the same kind; a key that needs none is no error.
    return load(body, None)


def leaf(chain: list[Any]) -> Any:
    """The certificate of a chain that has issued none of the others, wherever it stands."""
    issuers = [certificate.issuer for certificate in chain if certificate.issuer != certificate.subject]
    return next((certificate for certificate in chain if certificate.subject not in issuers), chain[0])


def validity(certificate: Any) -> tuple[dt.datetime, dt.datetime]:
    """Begin and end of a certificate, in UTC."""
    return certificate.not_valid_before_utc, certificate.not_valid_after_utc


def thumbprint(der: bytes) -> str:
    """SHA-1 in upper-case hexadecimal digits, by which Entra and Windows name a certificate; nothing relies on it for safety."""
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def flaw_of_key(certificate: Any) -> str:
    """Why Microsoft Entra cannot check signatures made with the key of a certificate; empty when it can."""
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        kind = type(key).__name__.replace("PublicKey", "").strip("_")
        return f"has a key of the kind {'EC' if kind.startswith('EllipticCurve') else kind}, and Microsoft Entra supports RSA only"
    if key.key_size < LEAST_RSA_BITS:
        return f"has an RSA key of {key.key_size} bits, and Microsoft Entra requires at least {LEAST_RSA_BITS}"
    return ""


def flaw_of_dates(begin: dt.datetime, end: dt.datetime, now: dt.datetime, skew: dt.timedelta = dt.timedelta()) -> str:
    """Why a certificate cannot be used at this time, as the end of a sentence; empty when it can.

    :param skew: by how much the clock that dated it may be ahead.
    """
    if end <= now:
        return f"expired on {dates.iso(end)}"
    if begin > now + skew:
        return f"is not valid before {dates.iso(begin)}"
    return ""


def same_key(one: Any, other: Any) -> bool:
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return bool(one.public_bytes(*form) == other.public_bytes(*form))


def text_of(certificate: Any) -> str:
    """A certificate as PEM."""
    return str(certificate.public_bytes(serialization.Encoding.PEM).decode("ascii"))


def text_of_key(content: bytes, key: Any) -> str:
    """A private key as PEM, in the form in which it was given (of OpenSSL, else PKCS 8), with nothing around it."""
    begin = _begin_of_private_key(content)
    old = begin is not None and content.startswith((b"-----BEGIN RSA ", b"-----BEGIN EC "), begin)
    form = serialization.PrivateFormat.TraditionalOpenSSL if old else serialization.PrivateFormat.PKCS8
    return str(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode("ascii"))


def names(certificate: Any) -> tuple[str, ...]:
    """The DNS names and addresses a certificate is for; without alternative names, its common name."""
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(x509.oid.NameOID.COMMON_NAME)
        return tuple(str(attribute.value) for attribute in common)
    addresses = [str(address) for address in alternatives.get_values_for_type(x509.IPAddress)]
    return (*alternatives.get_values_for_type(x509.DNSName), *addresses)


def covers(names_of_it: Iterable[str], host: str) -> bool:
    """Whether names of a certificate are for a host; a star stands for exactly one label at the begin (RFC 6125)."""
    name = _canonical(host)
    _label, _dot, parent = name.partition(".")
    return any(_canonical(pattern) in (name, f"*.{parent}") for pattern in names_of_it)


def from_base64(text: str) -> bytes | None:
    """The bytes of a text that is base64 and nothing else, line ends and blanks aside; ``None`` for any other text."""
    compact = "".join(text.split())
    if not compact or len(compact) % 4:
        return None
    try:
        return base64.b64decode(compact, validate=True)
    except (ValueError, binascii.Error):
        return None


def _begin_of_private_key(content: bytes) -> int | None:
    """Where the header of a private key begins, whatever stands before it."""
    end = content.find(_PRIVATE_KEY)
    begin = content.rfind(_BEGIN, 0, end) if end >= 0 else -1
    return begin if begin >= 0 else None


def _read(path: str, subject: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return plain(stream.read())
    except OSError as error:
        raise BadInput(
            f"{subject}: {path} cannot be read: {error.strerror}{tried_at(path)}", remedy=to_make_readable(path, error)
        ) from None


def _utf8(content: bytes) -> bytes:
    """A text file as PowerShell and editors of Windows save it (UTF-16, byte order mark) as plain UTF-8."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace").encode("utf-8")
    return content.removeprefix(codecs.BOM_UTF8)


def _canonical(name: str) -> str:
    text = name.strip("[]").rstrip(".").lower()
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text
