# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's certificate authority, its server certificate, and the key pairs of the PBXs.

TLS lives in real time, so the authority's certificates follow the machine's clock. The PBXs' own certificates (the guide's
`public_key.pem`) belong to the lab's world and follow its clock.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from tcx_lab.world import Automation, Pbx, World

#: Days a server certificate may live before Apple's verifiers refuse it (documented: 825, public ones 398).
_SERVER_DAYS = 397
_PBX_DAYS = 3650


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@dataclass(frozen=True)
class Shown:
    """The TLS certificate that a server shows. `days`: until it ends, from when the lab began; negative when it has ended."""

    days: int = _SERVER_DAYS
    names: tuple[str, ...] = ("localhost", "127.0.0.1", "::1")
    self_signed: bool = False


class CertificateAuthority:
    """A throw-away authority for one lab. ECDSA P-256 throughout: handshakes cost the server a tenth of RSA's."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._start = datetime.now(UTC) - timedelta(hours=1)
        self.certificate = self._sign(
            _name("tcx lab CA"),
            self._key.public_key(),
            days=3650,
            extensions=[
                (x509.BasicConstraints(ca=True, path_length=0), True),
                (_key_usage(key_cert_sign=True, crl_sign=True, digital_signature=True), True),
            ],
        )

    @cached_property
    def pem(self) -> bytes:
        """The authority's certificate as PEM, for `ca_path` options and `REQUESTS_CA_BUNDLE`."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def server_context(self, shown: Shown | None = None) -> ssl.SSLContext:
        """A TLS context for sockets of the lab: by default one certificate for localhost, 127.0.0.1 and ::1."""
        shown = shown or Shown()
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(
            _name(shown.names[0]),
            key.public_key(),
            days=shown.days,
            extensions=[
                (x509.BasicConstraints(ca=False, path_length=None), True),
                (_key_usage(digital_signature=True), True),
                (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
                (x509.SubjectAlternativeName(_general_names(shown.names)), False),
            ],
            own_key=key if shown.self_signed else None,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        # One ticket, not none: a client with Nagle's algorithm on would hold its request back until we say something (40 ms).
        context.num_tickets = 1
        _load_chain(context, certificate.public_bytes(serialization.Encoding.PEM) + self.pem, _pem(key))
        return context

    def client_context(self) -> ssl.SSLContext:
        """A TLS context that trusts this authority and nobody else."""
        return ssl.create_default_context(cadata=self.pem.decode())

    def _sign(
        self,
        subject: x509.Name,
        public_key: ec.EllipticCurvePublicKey,
        *,
        days: int,
        extensions: list[tuple[x509.ExtensionType, bool]],
        own_key: ec.EllipticCurvePrivateKey | None = None,
    ) -> x509.Certificate:
        """:param own_key: the certificate is signed with its own key instead of the authority's."""
        # What has ended must have begun before it did.
        start = self._start - timedelta(days=max(0, 1 - days))
        signer = own_key or self._key
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if own_key else _name("tcx lab CA"))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(self._start + timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(signer, hashes.SHA256())


def _general_names(names: Sequence[str]) -> list[x509.GeneralName]:
    general_names: list[x509.GeneralName] = []
    for name in names:
        try:
            general_names.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            general_names.append(x509.DNSName(name))
    return general_names


def _key_usage(**granted: bool) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign "
        "encipher_only decipher_only"
    )
    return x509.KeyUsage(**{name: granted.get(name, False) for name in names.split()})


def _load_chain(context: ssl.SSLContext, chain: bytes, key: bytes) -> None:
    """`load_cert_chain` takes paths alone, so the key passes through a file that only we can read and that is gone at once."""
    handle, path = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key + chain)
        context.load_cert_chain(path)
    finally:
        Path(path).unlink()


@dataclass(frozen=True)
class KeyPair:
    """A private key and its own self-signed certificate."""

    private_key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @cached_property
    def public_pem(self) -> str:
        """The certificate as PEM text: what the guide calls `public_key.pem`."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @cached_property
    def private_pem(self) -> bytes:
        """The private key as unencrypted PKCS #8 PEM."""
        return _pem(self.private_key)

    @cached_property
    def thumbprint(self) -> str:
        """SHA-1 of the DER, upper-case hex, as Graph shows it in customKeyIdentifier (recorded)."""
        return self.certificate.fingerprint(hashes.SHA1()).hex().upper()


class KeyPool:
    """A few RSA-2048 keys for many certificates: making keys is slow and is not what the lab is about."""

    def __init__(self, size: int = 4) -> None:
        self._size = size
        self._keys: list[rsa.RSAPrivateKey] = []
        self._next = 0
        self._lock = threading.Lock()

    def take(self) -> rsa.RSAPrivateKey:
        """A key; keys repeat after `size` calls, yet neighbors never share one."""
        with self._lock:
            if len(self._keys) < self._size:
                self._keys.append(rsa.generate_private_key(public_exponent=65537, key_size=2048))
                return self._keys[-1]
            self._next = (self._next + 1) % self._size
            return self._keys[self._next]


def pool_of(world: World) -> KeyPool:
    """The world's pool of keys, made on first use."""
    if world.key_pool is None:
        world.key_pool = KeyPool()
    return world.key_pool


def make_key_pair(world: World, common_name: str, *, days: int = _PBX_DAYS, start: datetime | None = None) -> KeyPair:
    """A new pair from the pool, valid in lab time from `start` (now, less five minutes for wrong clocks) for `days`."""
    key = pool_of(world).take()
    begin = start if start is not None else world.clock.now() - timedelta(minutes=5)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .issuer_name(_name(common_name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return KeyPair(key, certificate)


def key_pair_of(world: World, pbx: Pbx) -> KeyPair:
    """The pair that the PBX signs its assertions with, made on first use."""
    if pbx.key_pair is None:
        pbx.key_pair = make_key_pair(world, f"3CX {pbx.name}")
    return pbx.key_pair


def new_key_pair(world: World, pbx: Pbx, *, days: int = _PBX_DAYS) -> KeyPair:
    """The guide's "Generate new key pair": the old one is gone for good."""
    pbx.key_pair = make_key_pair(world, f"3CX {pbx.name}", days=days)
    return pbx.key_pair


def automation_key_pair(world: World, automation: Automation) -> KeyPair:
    """The certificate credential of the automation's application, made on first use."""
    if automation.key_pair is None:
        automation.key_pair = make_key_pair(world, automation.display_name)
    return automation.key_pair
