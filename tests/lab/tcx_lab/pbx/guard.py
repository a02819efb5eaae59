# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The PBX's defenses: addresses that failed to sign in are blocked, and the console can be restricted to some addresses."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tcx_lab.evidence import Grade, evidence
from tcx_lab.pbx.state import PbxState, stamp

if TYPE_CHECKING:
    from tcx_lab.pbx.state import Entity


def _covers(mask: str, address: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(mask, strict=False)
    except ValueError:
        return False


def _in_force(state: PbxState, entry: Entity) -> bool:
    ends = entry.get("ExpiresAt")
    return ends is None or datetime.fromisoformat(ends) > state.clock.now()


def _listed(state: PbxState, address: str, kind: str) -> bool:
    return any(
        entry.get("BlockType", "Block") == kind and _in_force(state, entry) and _covers(entry["IPAddrMask"], address)
        for entry in state.blocklist.values()
    )


def is_blocked(state: PbxState, address: str) -> bool:
    """Whether a PBX refuses everything from an address: it is on the block list and not on the allow list."""
    if not state.blocklist:
        return False
    return _listed(state, address, "Block") and not _listed(state, address, "Allow")


@evidence(
    Grade.OBSERVED,
    "https://help.3cx.com/kb/en-us/16-for-customers/224-i-blacklisted-the-ip-address-of-my-management-console: more than three",
)
def note_failure(state: PbxState, address: str) -> None:
    """Count a failed sign-in of an address; when there are too many, block it and say so in the event log."""
    count = state.failures.get(address, 0) + 1
    state.failures[address] = count
    state.log_event("Warning", "3CX Webclient", f"Failed sign-in from {address}")
    if count < state.switches.block_after or _listed(state, address, "Allow"):
        return
    seconds = state.singleton("anti_hacking").get("HackBlacklistDuration") or 86400
    add_block(
        state,
        {
            "IPAddrMask": f"{address}/{'128' if ':' in address else '32'}",
            "BlockType": "Block",
            "AddedBy": "AutoBlacklist",
            "Description": "Blocked by anti-hacking: too many failed sign-ins",
            "ExpiresAt": stamp(state.clock.now() + timedelta(seconds=seconds)),
        },
    )
    state.failures.pop(address, None)
    state.log_event("Error", "3CX Anti-hacking", f"Address {address} was blocked after {count} failed sign-ins")


def note_success(state: PbxState, address: str) -> None:
    """A sign-in that worked clears the count of its address (assumed)."""
    state.failures.pop(address, None)


def add_block(state: PbxState, properties: dict[str, Any]) -> Entity:
    """A new row of /Blocklist."""
    entry = {"BlockType": "Block", "AddedBy": "Manual", **properties, "Id": state.new_id()}
    state.blocklist[entry["Id"]] = entry
    return entry


def console_closed_for(state: PbxState, address: str) -> bool:
    """Whether ConsoleRestrictions keep administrators at this address out (that XAPI obeys them is assumed)."""
    restrictions = state.singleton("console")
    if not restrictions["AccessRestricted"]:
        return False
    return not any(_covers(mask, address) for mask in restrictions["IpWhitelist"])
