# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes to a PBX behind everybody's back: what an administrator does by hand, and what a scenario wants to be true."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tcx_lab.evidence import is_exactly
from tcx_lab.pbx import sync
from tcx_lab.pbx.state import Entity, PbxState, state_of

if TYPE_CHECKING:
    from tcx_lab.world import Pbx, Tenant, World


def prepare_pbx(_world: World, pbx: Pbx) -> None:
    """A PBX as it comes from the box: what it knows is made anew on its first use."""
    pbx.state = None


def linked_application(world: World, pbx: Pbx) -> tuple[Tenant, str] | None:
    """The tenant and the object id of the application that a PBX is linked to; None when there is no such application."""
    settings = state_of(world, pbx).m365
    tenant = world.find_tenant(settings["TenantId"]) if settings["TenantId"] else None
    if tenant is None:
        return None
    app_id = settings["ApplicationId"]
    object_id = next(
        (key for key, application in tenant.applications.items() if application.get("appId") == app_id), None
    )
    return None if object_id is None else (tenant, object_id)


#: Plain facts of a PBX and their types.
_FACTS: dict[str, type] = {
    "role": str,
    "reachable": bool,
    "certificate_valid": bool,
    "license_active": bool,
    "maintenance_days": int,
    "max_user_extensions": int,
    "number_length": int,
    "dns": dict,
}
_SETTINGS = {"google": "google", "mail": "mail", "teams": "teams", "anti_hacking": "anti_hacking", "console": "console"}


def patch_pbx(world: World, pbx: Pbx, changes: dict[str, Any]) -> None:
    """Change a PBX by names. Raises ValueError for an unknown name or a wrong type; then nothing is changed.

    `role, reachable, certificate_valid, license_active, maintenance_days, max_user_extensions, number_length, dns`: facts.
    `ApplicationId, TenantId, AdUsers, SharedMailboxesSync`: settings; nested ones are merged, and no sync starts.
    `google, mail, teams, anti_hacking, console`: merged into those settings.
    `users`: [{"Number": "200", ...}]: changes the extension with that number, or makes it. `delete_users`: numbers.
    `unblock`: true empties the block list. `sync`: true plans a user sync for now.
    """
    state = state_of(world, pbx)
    unknown = set(changes) - set(_FACTS) - set(_SETTINGS) - set(_ACTIONS)
    if unknown:
        raise ValueError(f"a PBX has no {', '.join(sorted(unknown))}")
    for name, value in changes.items():
        kind = _FACTS.get(name)
        if kind is not None and not is_exactly(value, kind):
            raise ValueError(f"{name} takes {kind.__name__}, not {type(value).__name__}")
    for name, value in changes.items():
        if name in _FACTS:
            setattr(state, name, value)
        elif name in _SETTINGS:
            state.singleton(_SETTINGS[name]).update(value)
        else:
            _ACTIONS[name](state, value)


def _set_id(name: str) -> Callable[[PbxState, Any], None]:
    def change(state: PbxState, value: str) -> None:
        state.m365[name] = value

    return change


def _merge(name: str) -> Callable[[PbxState, Any], None]:
    def change(state: PbxState, value: Entity) -> None:
        state.m365[name] = {**(state.m365[name] or {}), **value}

    return change


def _users(state: PbxState, users: list[Entity]) -> None:
    for entity in users:
        user = state.user_by_number(str(entity["Number"]))
        if user is None:
            state.add_user(entity)
        else:
            user.update(entity)


def _delete_users(state: PbxState, numbers: list[str]) -> None:
    for user in [candidate for candidate in state.users.values() if candidate["Number"] in numbers]:
        del state.users[user["Id"]]


def _unblock(state: PbxState, do: bool) -> None:
    if do:
        state.blocklist.clear()
        state.failures.clear()


def _sync(state: PbxState, do: bool) -> None:
    if do:
        sync.settings_saved(state)
        state.sync.due = state.clock.time()


_ACTIONS: dict[str, Callable[[PbxState, Any], None]] = {
    "ApplicationId": _set_id("ApplicationId"),
    "TenantId": _set_id("TenantId"),
    "AdUsers": _merge("AdUsers"),
    "SharedMailboxesSync": _merge("SharedMailboxesSync"),
    "users": _users,
    "delete_users": _delete_users,
    "unblock": _unblock,
    "sync": _sync,
}
