# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""XAPI: sessions, block list, anti-hacking, console restrictions, event log. Shapes are documented, rules in guard.py."""

from __future__ import annotations

from tcx_lab.pbx import errors, guard, tokens
from tcx_lab.pbx.calls import Answer, Call, Created, handles, replace_top_level
from tcx_lab.pbx.state import Session


@handles("GET", "/SecurityTokens")
async def security_tokens(call: Call) -> Answer:
    """Everybody's sessions. `Token` is among the properties, as it really is: clients must select narrowly."""
    return call.listing([tokens.as_entity(call.state, session) for session in call.state.sessions])


@handles("GET", "/MyTokens")
async def my_tokens(call: Call) -> Answer:
    """The caller's own sessions."""
    return call.listing([tokens.as_entity(call.state, session) for session in _own(call)])


def _own(call: Call) -> list[Session]:
    return [session for session in call.state.sessions if session.number == call.token.subject]


@handles("POST", "/SecurityTokens({Id})/Pbx.RevokeToken")
async def revoke_token(call: Call) -> Answer:
    """End anybody's session."""
    _revoke(call, call.state.sessions)
    return None


@handles("POST", "/MyTokens({Id})/Pbx.RevokeToken")
async def revoke_my_token(call: Call) -> Answer:
    """End one of the caller's sessions."""
    _revoke(call, _own(call))
    return None


def _revoke(call: Call, sessions: list[Session]) -> None:
    session = next((candidate for candidate in sessions if str(candidate.id) == call.key), None)
    if session is None:
        raise errors.no_such_entity()
    tokens.revoke(call.state, session, "Manual", call.address)


@handles("GET", "/Blocklist")
async def blocklist(call: Call) -> Answer:
    """Blocked and allowed addresses."""
    return call.listing(list(call.state.blocklist.values()))


@handles("POST", "/Blocklist")
async def add_to_blocklist(call: Call) -> Answer:
    """Block or allow an address."""
    if not call.body.get("IPAddrMask"):
        raise errors.warning("IPAddrMask", "XAPI.REQUIRED")
    if any(entry["IPAddrMask"] == call.body["IPAddrMask"] for entry in call.state.blocklist.values()):
        raise errors.warning("IPAddrMask", "XAPI.DUPLICATE")
    return Created(guard.add_block(call.state, call.body))


@handles("GET", "/Blocklist({Id})")
async def one_of_blocklist(call: Call) -> Answer:
    """One row."""
    return call.entity(call.pick(call.state.blocklist))


@handles("PATCH", "/Blocklist({Id})")
async def patch_blocklist(call: Call) -> Answer:
    """Change a row."""
    replace_top_level(call.pick(call.state.blocklist), call.body)
    return None


@handles("DELETE", "/Blocklist({Id})")
async def delete_from_blocklist(call: Call) -> Answer:
    """Remove a row."""
    call.state.blocklist.pop(call.pick(call.state.blocklist)["Id"])
    return None


@handles("POST", "/Blocklist/Pbx.BulkIpsDelete")
async def bulk_delete(call: Call) -> Answer:
    """Remove several rows; unknown ones are passed over (assumed)."""
    for entry_id in call.body.get("ids", ()):
        call.state.blocklist.pop(entry_id, None)
    return None


@handles("GET", "/AntiHackingSettings")
async def anti_hacking(call: Call) -> Answer:
    """Limits of the anti-hacking module."""
    return call.entity(call.state.singleton("anti_hacking"))


@handles("PATCH", "/AntiHackingSettings")
async def patch_anti_hacking(call: Call) -> Answer:
    """Change them."""
    replace_top_level(call.state.singleton("anti_hacking"), call.body)
    return None


@handles("GET", "/ConsoleRestrictions")
async def console_restrictions(call: Call) -> Answer:
    """From where the console may be used."""
    return call.entity({**call.state.singleton("console"), "MyIpAddress": call.address})


@handles("PATCH", "/ConsoleRestrictions")
async def patch_console_restrictions(call: Call) -> Answer:
    """Change it; MyIpAddress only reads."""
    call.body.pop("MyIpAddress", None)
    replace_top_level(call.state.singleton("console"), call.body)
    return None


@handles("GET", "/EventLogs")
async def event_logs(call: Call) -> Answer:
    """What happened on the PBX."""
    return call.listing(list(call.state.events))
