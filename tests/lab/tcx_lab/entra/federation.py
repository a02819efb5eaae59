# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Token issuers that are not Entra: what GitHub Actions, Kubernetes or an automation platform would be. All sign with keys of
the lab, under the issuer name of the real one or under an address of the lab, which then has discovery documents."""

from __future__ import annotations

import uuid
from typing import Any

import jwt

from tcx_lab.entra import errors
from tcx_lab.entra.keys import jwk, sign, verify
from tcx_lab.graph.web import Answer, Call
from tcx_lab.world import World

AUDIENCE = "api://AzureADTokenExchange"
_LIFETIME = 300  # GitHub's tokens live five minutes (observed)
_KEY = "federation"


def mint(
    world: World, *, issuer: str, subject: str, audience: str = AUDIENCE, lifetime: int = _LIFETIME, **claims: Any
) -> str:
    """A federated token, valid in lab time."""
    now = int(world.clock.time())
    return sign(
        _KEY,
        {
            "jti": str(uuid.uuid4()),
            "iss": issuer,
            "sub": subject,
            "aud": audience,
            "iat": now,
            "nbf": now - 60,
            "exp": now + lifetime,
            **claims,
        },
    )


def check_signature(token: str) -> None:
    """Whether the issuer signed it. Raises SignInError 50013 (code observed, for assertions in general)."""
    try:
        verify(_KEY, token)
    except jwt.PyJWTError as error:
        raise errors.SignInError(
            50013,
            "invalid_client",
            "Assertion failed signature validation. [Reason - The key was not found.]",
            status=401,
        ) from error


def handle(world: World, call: Call, parts: list[str]) -> Answer | None:
    """`/_issuer/{name}/...`: discovery and keys of an issuer at the lab, and GitHub's token request endpoint.

    `GET /_issuer/github/token?sub=repo:o/r:ref:refs/heads/main&audience=..` with any bearer token stands for
    ACTIONS_ID_TOKEN_REQUEST_URL; `iss=` overrides the issuer (default: GitHub's own name).
    """
    base = f"{call.base}/_issuer/{parts[0]}"
    rest = parts[1:]
    if rest == [".well-known", "openid-configuration"]:
        return Answer(
            200,
            {
                "issuer": base,
                "jwks_uri": f"{base}/.well-known/jwks",
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            },
        )
    if rest == [".well-known", "jwks"]:
        return Answer(200, {"keys": [jwk(_KEY)]})
    if rest == ["token"]:
        return _token(world, call, base)
    return None


def _token(world: World, call: Call, base: str) -> Answer:
    if not call.headers.get("authorization", "").lower().startswith("bearer "):
        return Answer(401, {"message": "a bearer token is needed"})
    query = call.query
    github = base.endswith("/github")
    value = mint(
        world,
        issuer=query.get("iss") or ("https://token.actions.githubusercontent.com" if github else base),
        subject=query.get("sub", "repo:octo-org/octo-repo:environment:Production"),
        audience=query.get("audience", AUDIENCE),
    )
    return Answer(200, {"count": len(value), "value": value})
