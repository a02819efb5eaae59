# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's signing key: tokens are really signed and really verified. One key per process, because making keys is slow."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


@cache
def _key(_name: str) -> RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _base64url(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@cache
def jwk(name: str) -> dict[str, str]:
    """The public part of a signing key as a JSON web key. Names: "entra", or the issuer of federated tokens."""
    numbers = _key(name).public_key().public_numbers()
    modulus = _base64url(numbers.n)
    kid = base64.urlsafe_b64encode(hashlib.sha256(modulus.encode()).digest()[:20]).rstrip(b"=").decode()
    return {
        "kty": "RSA",
        "use": "sig",
        "kid": kid,
        "x5t": kid,
        "n": modulus,
        "e": _base64url(numbers.e),
        "alg": "RS256",
    }


def sign(name: str, claims: dict[str, Any]) -> str:
    """A token signed with a key of the lab (RS256)."""
    kid = jwk(name)["kid"]
    headers = {"kid": kid, "x5t": kid} if name == "entra" else {"kid": kid}
    return jwt.encode(claims, _key(name), algorithm="RS256", headers=headers)


def verify(name: str, token: str) -> dict[str, Any]:
    """The claims of a token that this key has signed; dates and audience are the caller's business. Raises jwt errors."""
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
    claims: dict[str, Any] = jwt.decode(token, _key(name).public_key(), algorithms=["RS256"], options=options)
    return claims
