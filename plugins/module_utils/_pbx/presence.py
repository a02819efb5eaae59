# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""The account that sets presence in Teams for everybody.

The PBX gets an access token of it, never gives it back, and cannot say whose it is; all it can do is test it (documented:
``AuthorizePresence``, ``TestPresence``, ``DeauthorizePresence``). So a token that works is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.tcx.m365.plugins.module_utils._errors import Conflict, NotFound, Rejected, ServiceFault
from ansible_collections.tcx.m365.plugins.module_utils._pbx.xapi import Xapi
from ansible_collections.tcx.m365.plugins.module_utils._plan import Change, Plan, Write

_ACTIONS = "/Microsoft365Integration/Pbx."


@dataclass(frozen=True)
class PresenceAccount:
    """What is wanted: a token to hand over, or that the PBX forgets the one it has."""

    token: str = field(default="", repr=False)
    forget: bool = False

    def __bool__(self) -> bool:
        return bool(self.token or self.forget)


def works(xapi: Xapi) -> bool:
    """Whether the PBX has a token of a presence account that still works."""
    try:
        xapi.act(_ACTIONS + "TestPresence", "test the presence account", reads=True)
    except (Rejected, NotFound, Conflict, ServiceFault):
        return False
    return True


def plan(wanted: PresenceAccount, authorized: bool) -> Plan:
    """Pure."""
    made = Plan()
    if authorized is not wanted.forget:
        return made
    states = ("authorized", "not authorized") if wanted.forget else ("not authorized", "authorized")
    made.changes.append(Change("settings", "presence.account", *states))
    made.writes.append(Write("deauthorize" if wanted.forget else "authorize", wanted.token))
    return made


def apply(xapi: Xapi, plan: Plan) -> None:
    """Hand the token over, or have it forgotten; both can be repeated."""
    for write in plan.writes:
        if write.action == "authorize":
            tried = "hand the token of the presence account to the PBX"
            xapi.act(_ACTIONS + "AuthorizePresence", tried, {"accessToken": write.payload}, reads=True)
        else:
            xapi.act(_ACTIONS + "DeauthorizePresence", "make the PBX forget the presence account", reads=True)
