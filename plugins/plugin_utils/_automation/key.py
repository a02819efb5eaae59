# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key pair that the automation signs in with: made here, so that the private key is never sent anywhere."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field

from ansible_collections.tcx.m365.plugins.module_utils._deps import hashes, rsa, serialization, x509

KEY_BITS = 3072
_BEFORE = dt.timedelta(minutes=5)
"""By how much the clock of the service may be behind ours."""


@dataclass(frozen=True)
class KeyPair:
    """A private key with its self-signed certificate.

    :param pem: both, one after the other, unencrypted.
    :param certificate: the certificate alone.
    :param thumbprint: SHA-1, in upper-case hexadecimal digits.
    """

    pem: str = field(repr=False)
    certificate: str
    thumbprint: str
    not_after: dt.datetime


def make(name: str, days: int) -> KeyPair:
    """A new RSA key pair whose certificate is valid for some days.

    :param name: of the certificate's subject, for people who read the list in the portal.
    """
    now = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64])])
    end = now + dt.timedelta(days=days)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")
    public = certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
    der = certificate.public_bytes(serialization.Encoding.DER)
    return KeyPair(private + public, public, hashlib.sha1(der, usedforsecurity=False).hexdigest().upper(), end)
