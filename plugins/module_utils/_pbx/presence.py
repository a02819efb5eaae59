# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The account that sets presence in Teams for everybody.

The PBX gets an access token of it, never gives it back, and cannot say whose it is; all it can do is test it (documented:
``AuthorizePresence``, ``TestPresence``, ``DeauthorizePresence``). So a token that works is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Callable

from .._common import jwt
from .._errors import BadInput, Conflict, M365Error, NotFound, Rejected, ServiceFault, Unhealthy
from .._plan import Change, Plan, Write
from .._reconcile import Applied, Resource
from .xapi import Xapi

_ACTIONS = "/Microsoft365Integration/Pbx."


@dataclass(frozen=True)
class PresenceAccount:
    """What is wanted: a token to hand over, or that the PBX forgets the one it has."""

    token: str = field(default="", repr=False)
    forget: bool = False

    def __bool__(self) -> bool:
        return bool(self.token or self.forget)


ACCOUNT = "presence.account"
AUTHORIZED, NOT_AUTHORIZED = "authorized", "not authorized"
"""What a change says of it; the token itself is nowhere said."""
KEPT_BACK = "not handed over"
"""In place of a token that the run does not hand over: it is planned with, and nothing is said of how good the token is."""


def works(xapi: Xapi) -> bool:
    """Whether the PBX has a token of a presence account that still works."""
    try:
        xapi.act(_ACTIONS + "TestPresence", "test the presence account")
    except (Rejected, NotFound, Conflict, ServiceFault):
        return False
    return True


def check(xapi: Xapi, desired: PresenceAccount) -> None:
    """Raise :class:`BadInput` for a token that has expired, where the PBX has none that works.

    An opaque token says nothing; only the PBX can try it.
    """
    expires = (jwt.claims(desired.token) or {}).get("exp")
    expired = isinstance(expires, (int, float)) and expires <= datetime.now(timezone.utc).timestamp()
    if expired and not works(xapi):
        raise BadInput(
            "O(presence.account_token) has expired",
            tried="compare the settings with what the PBX needs; nothing was written",
            remedy="Get a fresh token of the account that sets presence.",
        )


def plan(desired: PresenceAccount, authorized: bool) -> Plan:
    """Pure."""
    made = Plan()
    if authorized is not desired.forget:
        return made
    states = (AUTHORIZED, NOT_AUTHORIZED) if desired.forget else (NOT_AUTHORIZED, AUTHORIZED)
    made.changes.append(Change("settings", ACCOUNT, *states))
    made.writes.append(Write("deauthorize" if desired.forget else "authorize", desired.token))
    return made


class Account(Resource[bool]):
    """Whether the PBX has an account whose token works, as a resource."""

    what = "the presence account"

    def __init__(self, xapi: Xapi, desired: PresenceAccount) -> None:
        self._xapi = xapi
        self._desired = desired

    def observe(self) -> bool:
        return works(self._xapi)

    def plan(self, state: bool) -> Plan:
        return plan(self._desired, state)

    def expected(self, state: bool, plan: Plan) -> bool:
        return not self._desired.forget if plan else state

    def announce(self, plan: Plan) -> None:
        self._xapi.context.announce(plan)

    def apply(self, plan: Plan, state: bool, note: Callable[[bool], None]) -> Applied[bool]:
        """Hand the token over, or have it forgotten; both can be repeated."""
        if self._desired.forget:
            self._xapi.act(_ACTIONS + "DeauthorizePresence", "make the PBX forget the presence account")
        else:
            tried = "hand the token of the presence account to the PBX"
            self._xapi.act(_ACTIONS + "AuthorizePresence", tried, {"accessToken": self._desired.token})
        state = self.expected(state, plan)
        note(state)
        return Applied(state)

    def read(self, _known: bool) -> bool:
        return works(self._xapi)

    def not_kept(self, _left: Plan) -> M365Error:
        complaint = (
            "still works" if self._desired.forget else "does not work: the PBX took the token, and its test fails"
        )
        return Unhealthy(
            f"the presence account {complaint}",
            service="3CX",
            tried="change the presence account",
            target=self._xapi.connection.url,
            remedy="Get a fresh token of the account, and check that it may set presence in Teams.",
        )
