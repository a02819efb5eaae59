# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""Sign in with a certificate: PEM or PFX, from a file or in memory, with or without a password."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import os
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ansible_collections.tcx.m365.plugins.module_utils._deps import pkcs12, rsa, serialization, x509
from ansible_collections.tcx.m365.plugins.module_utils._entra.credentials._base import (
    ConfidentialCredential,
    check_client_id,
)
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._x509 import validity

_BEGIN = b"-----BEGIN "
_END_OF_CERTIFICATE = b"-----END CERTIFICATE-----"


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
        begins, ends = validity(certificate)
        if ends <= now:
            raise BadInput(
                f"the certificate to sign in with ended on {ends:%Y-%m-%d}",
                target=self._where(),
                remedy="Make a new one and add it to the automation's app.",
            )
        if begins > now:
            raise BadInput(
                f"the certificate to sign in with is valid only from {begins:%Y-%m-%d %H:%M} UTC",
                target=self._where(),
                remedy="Check the clock of this machine.",
            )

    def material(self) -> tuple[str, ...]:
        _key, certificate = self._load()
        return (hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest(),)

    def secrets(self) -> tuple[str, ...]:
        return tuple(each for each in (self.data, self.password) if each)

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
                    "the private key to sign in with is not an RSA key", target=self._where(), remedy="Entra takes RSA."
                )
            own = key.public_key().public_numbers()
            matching = [each for each in certificates if _numbers(each) == own]
            if not matching:
                raise BadInput("no certificate that belongs to the private key was found", target=self._where())
            unencrypted = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            self._loaded = (unencrypted, matching[0])
        return self._loaded

    def _content(self) -> bytes:
        if self.data:
            raw = self.data.encode("utf-8")
            if _BEGIN in raw:
                return raw
            try:
                return base64.b64decode("".join(self.data.split()), validate=True)
            except (ValueError, binascii.Error):
                raise BadInput("certificate is neither PEM text nor a PFX in base64") from None
        try:
            with open(os.path.expanduser(self.path), "rb") as stream:
                return stream.read()
        except OSError as error:
            raise BadInput(
                f"certificate_path {self.path} cannot be read: {error.strerror}",
                remedy="Give a PEM file with certificate and private key, or a PFX file.",
            ) from None

    def _from_pem(self, content: bytes) -> tuple[Any, list[Any]]:
        certificates = []
        for part in content.split(_END_OF_CERTIFICATE)[:-1]:
            begin = part.rfind(b"-----BEGIN CERTIFICATE-----")
            try:
                certificates.append(x509.load_pem_x509_certificate(part[begin:] + _END_OF_CERTIFICATE + b"\n"))
            except ValueError:
                raise BadInput("a certificate in the PEM cannot be read", target=self._where()) from None
        if not certificates:
            raise BadInput(
                "there is a private key but no certificate"
                if b"PRIVATE KEY-----" in content
                else "no certificate found",
                target=self._where(),
                remedy="The PEM must hold both, one after the other.",
            )
        if b"PRIVATE KEY-----" not in content:
            raise BadInput(
                "there is a certificate but no private key",
                target=self._where(),
                remedy="The PEM must hold both, one after the other.",
            )
        return self._private_key(content), certificates

    def _private_key(self, content: bytes) -> Any:
        begin = next(
            position
            for position in range(len(content))
            if content.startswith(_BEGIN, position)
            and content[position : content.index(b"\n", position)].strip().endswith(b"PRIVATE KEY-----")
        )
        try:
            return serialization.load_pem_private_key(
                content[begin:], self.password.encode("utf-8") if self.password else None
            )
        except TypeError:
            if self.password:
                # The password is for other files of the same kind; a key that needs none is no error.
                return serialization.load_pem_private_key(content[begin:], None)
            raise BadInput(
                "the private key is encrypted", target=self._where(), remedy="Give certificate_password."
            ) from None
        except ValueError:
            raise BadInput(
                "the private key cannot be read: wrong password or damaged file", target=self._where()
            ) from None

    def _from_pfx(self, content: bytes) -> tuple[Any, list[Any]]:
        try:
            key, certificate, others = pkcs12.load_key_and_certificates(
                content, self.password.encode("utf-8") if self.password else None
            )
        except (ValueError, TypeError):
            raise BadInput(
                "it is neither PEM nor a PFX that opens with the given password",
                target=self._where(),
                remedy="Check certificate_password.",
            ) from None
        if key is None or certificate is None:
            raise BadInput("the PFX does not hold both a private key and its certificate", target=self._where())
        return key, [certificate, *others]


def _numbers(certificate: Any) -> Any:
    key = certificate.public_key()
    return key.public_numbers() if isinstance(key, rsa.RSAPublicKey) else None
