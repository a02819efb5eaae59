# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who asks: bearer tokens, really verified with the key that the sign-in service publishes."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import jwt

from tcx_lab.entra.keys import verify
from tcx_lab.graph.catalog import GRAPH_URLS
from tcx_lab.graph.errors import unauthorized
from tcx_lab.graph.web import Call
from tcx_lab.world import GRAPH_APP_ID, World

_CACHED_TOKENS = 10_000


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
