# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys and certificates, made once: making keys is slow and not what is tested."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

NOW = dt.datetime(2026, 11, 22, 10, 0, tzinfo=dt.timezone.utc)


@dataclass(frozen=True)
class Pair:
    """A private key and its certificate."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def thumbprint(self) -> str:
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest().upper()

    def key_pem(self, password: str = "") -> str:
        protection = (
            serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
        )
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
        ).decode()

    def pfx(self, password: str = "") -> bytes:
        protection = (
            serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
        )
        assert isinstance(self.key, rsa.RSAPrivateKey)
        return pkcs12.serialize_key_and_certificates(b"app", self.key, self.certificate, None, protection)


_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def make_pair(
    name: str = "3CX",
    begins: dt.datetime | None = None,
    ends: dt.datetime | None = None,
    *,
    other_key: bool = False,
    curve: bool = False,
    issuer: Pair | None = None,
) -> Pair:
    """A pair; every certificate has its own serial number and so its own thumbprint."""
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = _OTHER_RSA if other_key else _RSA
    if curve:
        key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins or NOW - dt.timedelta(days=1))
        .not_valid_after(ends or NOW + dt.timedelta(days=3650))
    )
    return Pair(key, builder.sign(issuer.key if issuer else key, hashes.SHA256()))


@pytest.fixture(scope="session")
def pair() -> Pair:
    """A valid pair."""
    return make_pair()


@pytest.fixture(scope="session")
def stranger() -> Pair:
    """A pair with another key."""
    return make_pair("stranger", other_key=True)
