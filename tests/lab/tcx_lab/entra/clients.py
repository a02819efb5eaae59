# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The application behind a sign-in: found, enabled, replicated, and its credential really checked."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from hmac import compare_digest
from itertools import chain
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tcx_lab.entra import errors, federation
from tcx_lab.evidence import Grade, evidence
from tcx_lab.graph.shapes import parse_moment
from tcx_lab.graph.store import APPLICATIONS, SERVICE_PRINCIPALS, Entity, directory_of
from tcx_lab.world import Tenant, World

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SKEW = 300  # seconds of tolerance for the dates of an assertion (assumed; the usual value)


@dataclass(frozen=True, slots=True)
class Client:
    """An application that signs in to a tenant. `app` is its registration, wherever that is; `principal` is here."""

    app: Entity
    home: Tenant
    principal: Entity
    tenant: Tenant


def registration(world: World, app_id: str, first: Tenant) -> tuple[Entity, Tenant] | None:
    """The written registration of an application: in this tenant, or a multi-tenant one elsewhere."""
    for tenant in chain((first,), world.tenants.values()):
        app = directory_of(world, tenant).find_real(APPLICATIONS, "appId", app_id)
        if app is not None and (tenant is first or app["signInAudience"] != "AzureADMyOrg"):
            return app, tenant
    return None


@evidence(Grade.OBSERVED, "public issue reports")
def find_client(world: World, tenant: Tenant, app_id: str) -> Client:
    """The client as sign-in sees it: what is not replicated yet is not there. Raises SignInError."""
    directory = directory_of(world, tenant)
    registered = registration(world, app_id, tenant)
    if registered is None:
        raise errors.unknown_application(app_id, tenant.display_name)
    home = registered[1]
    app = directory_of(world, home).find(APPLICATIONS, "appId", app_id)
    if app is None:
        raise errors.unknown_application(app_id, tenant.display_name)
    principal = directory.find(SERVICE_PRINCIPALS, "appId", app_id)
    if principal is None:
        written = directory.find_real(SERVICE_PRINCIPALS, "appId", app_id)
        if home is tenant and written is None:
            raise errors.missing_service_principal(app_id, tenant.id)
        raise errors.unknown_application(app_id, tenant.display_name)
    if not principal["accountEnabled"]:
        raise errors.disabled_application(app_id, app["displayName"])
    return Client(app, home, principal, tenant)


def check_secret(client: Client, secret: str, now: datetime) -> None:
    """Compare a secret with those of the application and of its service principal. Raises 7000215, 7000222."""
    expired = False
    for tenant, entity in ((client.home, client.app), (client.tenant, client.principal)):
        shown = {credential["keyId"] for credential in entity["passwordCredentials"]}
        for credential in tenant.secrets.get(entity["id"], ()):
            if credential["keyId"] in shown and compare_digest(credential["secretText"].encode(), secret.encode()):
                if parse_moment(credential["endDateTime"]) > now:
                    return
                expired = True
    raise (errors.expired_secret if expired else errors.wrong_secret)(client.app["appId"])


@evidence(Grade.OBSERVED, "public issue reports; behavior of the MSAL libraries")
def check_assertion(client: Client, assertion: str, audiences: set[str], now: datetime) -> str:
    """Verify a client assertion: signed with a registered certificate, or a token of a trusted issuer.
    Returns "certificate" or "federated". Raises SignInError."""
    try:
        header = jwt.get_unverified_header(assertion)
        claims = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise errors.malformed_assertion(str(error)) from error
    if claims.get("iss") != client.app["appId"] and claims.get("iss"):
        _check_federated(client, assertion, claims, now)
        return "federated"
    certificate = _certificate(client, header, now)
    _check_signature(client, certificate, assertion)
    if claims.get("sub") != client.app["appId"]:
        raise errors.assertion_issuer()
    audience = claims.get("aud")
    if not audiences.intersection(audience if isinstance(audience, list) else [audience]):
        raise errors.assertion_audience()
    _check_dates(claims, now)
    return "certificate"


def _check_dates(claims: dict[str, Any], now: datetime) -> None:
    end = _instant(claims.get("exp"))
    start = _instant(claims.get("nbf") or claims.get("iat"))
    seconds = now.timestamp()
    if seconds >= end.timestamp() + _SKEW or seconds < start.timestamp() - _SKEW:
        raise errors.assertion_not_in_time(now, start, end)


def _instant(value: object) -> datetime:
    seconds = value if isinstance(value, int | float) and not isinstance(value, bool) else 0
    return datetime.fromtimestamp(min(max(seconds, 0), 32_503_680_000), UTC)


def _certificate(client: Client, header: dict[str, Any], now: datetime) -> x509.Certificate:
    """The registered certificate that the header's thumbprint names. Raises 700027."""
    name = "x5t#S256" if "x5t#S256" in header else "x5t"
    thumbprint = _thumbprint_bytes(str(header.get(name) or header.get("kid") or ""))
    shown = thumbprint.hex().upper()
    for tenant, entity in ((client.home, client.app), (client.tenant, client.principal)):
        stored = tenant.key_bytes.get(entity["id"], {})
        for key in entity["keyCredentials"]:
            der = stored.get(key["keyId"])
            if not der or key["usage"] != "Verify" or _digest(der, name) != thumbprint:
                continue
            if parse_moment(key["endDateTime"]) <= now:
                raise errors.unregistered_certificate(client.app["appId"], shown, "The key used is expired.")
            return x509.load_der_x509_certificate(der)
    raise errors.unregistered_certificate(client.app["appId"], shown)


def _digest(der: bytes, name: str) -> bytes:
    digest = hashes.Hash(hashes.SHA256() if name == "x5t#S256" else hashes.SHA1())
    digest.update(der)
    return digest.finalize()


def _thumbprint_bytes(text: str) -> bytes:
    try:
        if len(text) in (40, 64):
            return bytes.fromhex(text)
    except ValueError:
        pass
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


def _check_signature(client: Client, certificate: x509.Certificate, assertion: str) -> None:
    options: Any = dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud"), False)
    try:
        jwt.decode(assertion, _rsa_key(certificate), algorithms=["RS256", "PS256"], options=options)
    except jwt.PyJWTError as error:
        shown = certificate.fingerprint(hashes.SHA1()).hex().upper()
        reason = "The key was found, but use of the key to verify the signature failed."
        raise errors.unregistered_certificate(client.app["appId"], shown, reason) from error


def _rsa_key(certificate: x509.Certificate) -> RSAPublicKey:
    public = certificate.public_key()
    if not isinstance(public, RSAPublicKey):
        raise jwt.InvalidKeyError("not an RSA key")
    return public


def _check_federated(client: Client, assertion: str, claims: dict[str, Any], now: datetime) -> None:
    """A token of another issuer, as a federatedIdentityCredential of the application names it (documented)."""
    entries = client.home.federated_credentials.get(client.app["id"], [])
    issuer, subject = str(claims.get("iss")), str(claims.get("sub"))
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    of_issuer = [entry for entry in entries if entry["issuer"].rstrip("/") == issuer.rstrip("/")]
    if not of_issuer:
        raise errors.no_federated_match(700211, "issuer", issuer)
    of_subject = [entry for entry in of_issuer if entry["subject"] == subject]
    if not of_subject:
        raise errors.no_federated_match(700213, "subject", subject)
    if not any(set(entry["audiences"]).intersection(audiences) for entry in of_subject):
        raise errors.no_federated_match(700212, "audience", str(audiences[0]))
    federation.check_signature(assertion)
    _check_dates(claims, now)
