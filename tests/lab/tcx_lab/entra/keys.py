# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's signing key: tokens are really signed and really verified. One key per process, because making keys is slow."""

from __future__ import annotations

import base64
import hashlib
from collections import OrderedDict
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tcx_lab.graph.catalogue import GRAPH_URLS
from tcx_lab.graph.errors import unauthorized
from tcx_lab.graph.web import Call
from tcx_lab.world import GRAPH_APP_ID, World

_CACHED_TOKENS = 10_000


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


class TokenReader:
    """Verifies bearer tokens for Graph; a token is verified once and remembered."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._dropped: set[str] = set()

    def claims(self, call: Call) -> dict[str, Any]:
        """The claims of the request's token. Raises GraphError 401."""
        scheme, _space, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise unauthorized("Access token is empty.")
        token = token.strip()
        claims = self._known.get(token)
        if claims is None:
            claims = self._verified(token)
        if token in self._dropped or not self._within_lifetime(claims):
            raise unauthorized("Lifetime validation failed, the token is expired.")
        return claims

    def drop(self, call: Call) -> None:
        """From now on the request's token is dead."""
        self._dropped.add(call.headers.get("authorization", "").partition(" ")[2].strip())

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            claims = verify("entra", token)
        except jwt.DecodeError as error:
            if token.count(".") != 2:
                raise unauthorized("IDX14100: JWT is not well formed, there are no dots (.).") from error
            raise unauthorized("Access token validation failure. Invalid signature.") from error
        except jwt.PyJWTError as error:
            raise unauthorized("CompactToken validation failed.") from error
        if str(claims.get("aud", "")).rstrip("/") not in self._audiences():
            raise unauthorized("Access token validation failure. Invalid audience.")
        if claims.get("tid") not in self._world.tenants:
            raise unauthorized("Invalid token: the tenant is not known.")
        self._known[token] = claims
        if len(self._known) > _CACHED_TOKENS:
            self._known.popitem(last=False)
        return claims

    def _audiences(self) -> set[str]:
        return {GRAPH_APP_ID, self._world.endpoints.graph, *GRAPH_URLS.values()}

    def _within_lifetime(self, claims: dict[str, Any]) -> bool:
        tenant = self._world.tenants[claims["tid"]]
        now = self._world.clock.time() + tenant.clock_offset
        return bool(claims["nbf"] - 300 <= now < claims["exp"])
