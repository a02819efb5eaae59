# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sign in with a certificate: PEM or PFX, from a file or in memory, with or without a password."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..._common import pem
from ..._common.places import cannot_be_read, to_make_readable
from ..._deps import pkcs12, rsa, serialization
from ..._errors import BadInput
from ._base import ConfidentialCredential, check_client_id

_BEGIN = b"-----BEGIN "


@dataclass
class ClientCertificate(ConfidentialCredential):
    """Application (client) id, and a private key with its certificate.

    :param path: a PEM or PFX file.
    :param data: the same in memory: PEM text, or a PFX in base64. Wins over ``path``.
    :param password: of the private key or of the PFX.
    """

    source: ClassVar[str] = "certificate"

    client_id: str = ""
    path: str = ""
    data: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    _loaded: tuple[bytes, Any] | None = field(default=None, init=False, repr=False)

    def validate(self) -> None:
        check_client_id(self.client_id, self.source)
        _key, certificate = self._load()
        now = dt.datetime.now(dt.timezone.utc)
        begins, ends = pem.validity(certificate)
        if ends <= now:
            raise BadInput(
                f"the certificate to sign in with expired on {ends:%Y-%m-%d}",
                target=self._where(),
                remedy="Create a new one and add it to the automation's application.",
            )
        if begins > now:
            raise BadInput(
                f"the certificate to sign in with is not valid before {begins:%Y-%m-%d %H:%M} UTC",
                target=self._where(),
                remedy="Check the clock of this machine.",
            )

    def validity(self) -> tuple[dt.datetime, dt.datetime]:
        """From when until when the certificate is valid."""
        return pem.validity(self._load()[1])

    def material(self) -> tuple[str, ...]:
        _key, certificate = self._load()
        return (hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest(),)

    def described(self) -> tuple[str, dt.datetime]:
        """SHA-1 thumbprint in upper-case hexadecimal digits, and when the certificate expires."""
        _key, certificate = self._load()
        der = certificate.public_bytes(serialization.Encoding.DER)
        return pem.thumbprint(der), pem.validity(certificate)[1]

    def secrets(self) -> tuple[str, ...]:
        return tuple(secret for secret in (self.data, self.password) if secret)

    def for_msal(self) -> dict[str, Any]:
        # Without a SHA-1 thumbprint msal signs with PS256 and names the certificate by SHA-256 (msal source, 1.35).
        key, certificate = self._load()
        return {
            "private_key": key.decode("ascii"),
            "public_certificate": certificate.public_bytes(serialization.Encoding.PEM).decode("ascii"),
        }

    def _where(self) -> str:
        return "certificate" if self.data else self.path

    def _load(self) -> tuple[bytes, Any]:
        """Private key as unencrypted PEM, and the certificate that belongs to it."""
        if self._loaded is None:
            content = self._content()
            key, certificates = self._from_pem(content) if _BEGIN in content else self._from_pfx(content)
            if not isinstance(key, rsa.RSAPrivateKey):
                raise BadInput(
                    "the private key to sign in with is not an RSA key",
                    target=self._where(),
                    remedy="Microsoft Entra supports RSA only.",
                )
            own = key.public_key()
            matching = [certificate for certificate in certificates if pem.same_key(certificate.public_key(), own)]
            if not matching:
                raise BadInput("no certificate matches the private key", target=self._where())
            unencrypted = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            self._loaded = (unencrypted, matching[0])
        return self._loaded

    def _content(self) -> bytes:
        if self.data:
            if "-----BEGIN " not in self.data and pem.from_base64(self.data) is None:
                raise BadInput("O(certificate) is neither PEM text nor a PFX in base64")
            return pem.content_of(self.data, "O(certificate)")[0]
        try:
            with open(os.path.expanduser(self.path), "rb") as stream:
                return pem.plain(stream.read())
        except (OSError, ValueError) as error:
            raise BadInput(
                cannot_be_read("O(certificate_path)", self.path, getattr(error, "strerror", None) or "it is no path"),
                tried="read the certificate of the automation",
                remedy=f"{to_make_readable(self.path, error)} It is a PEM file with certificate and private key, or a PFX file.",
            ) from None

    def _from_pem(self, content: bytes) -> tuple[Any, list[Any]]:
        has_certificate, has_key = b"CERTIFICATE-----" in content, pem.holds_private_key(content)
        if not (has_certificate and has_key):
            raise BadInput(
                "the PEM contains a certificate but no private key"
                if has_certificate
                else "the PEM contains a private key but no certificate"
                if has_key
                else "the PEM contains neither a certificate nor a private key",
                target=self._where(),
                remedy="Give both in one PEM, one after the other.",
            )
        try:
            return pem.private_key_in(content, self._where(), self.password), pem.certificates_in(
                content, self._where()
            )
        except BadInput as error:
            if not self.password and "encrypted" in error.message:
                error.remedy = "Give O(certificate_password)."
            raise

    def _from_pfx(self, content: bytes) -> tuple[Any, list[Any]]:
        try:
            key, certificate, others = pkcs12.load_key_and_certificates(
                content, self.password.encode("utf-8") if self.password else None
            )
        except (ValueError, TypeError):
            raise BadInput(
                "it is neither PEM nor a PFX that the given password opens",
                target=self._where(),
                remedy="Check O(certificate_password).",
            ) from None
        if key is None or certificate is None:
            raise BadInput("the PFX does not contain both a private key and its certificate", target=self._where())
        return key, [certificate, *others]
