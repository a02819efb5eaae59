# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""XAPI: users (extensions), groups (departments) and service principals. Answers without `$select` hold a user's secrets,
as on a real PBX (observed), so that tests can prove that nobody asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tcx_lab.evidence import Grade, evidence
from tcx_lab.pbx import errors, sync
from tcx_lab.pbx.calls import Answer, Call, Created, handles, replace_top_level
from tcx_lab.pbx.state import Entity, PbxState, display_name


@evidence(
    Grade.OBSERVED, "error fixtures of a public client: ALREADY_IN_USE; that a number cannot change: 3CX's own tests"
)
def _check_number(state: PbxState, entity: Entity | None, body: Mapping[str, Any]) -> None:
    """Numbers are unique and final."""
    number = body.get("Number")
    if entity is not None:
        if number is not None and number != entity["Number"]:
            raise errors.warning("Number", "XAPI.FORBIDDEN_CHANGE")
    elif number in state.numbers():
        raise errors.warning("Number", "XAPI.ALREADY_IN_USE")


def _groups(state: PbxState, memberships: Iterable[Mapping[str, Any]]) -> list[Entity]:
    """Memberships as they are stored, from those a client sent."""
    stored = []
    for membership in memberships:
        group = state.groups.get(membership.get("GroupId", -1))
        if group is None:
            raise errors.warning("Groups", "XAPI.NOT_FOUND")
        role = (membership.get("Rights") or {}).get("RoleName", "users")
        stored.append(state.membership(group["Id"], role))
    return stored


# --- users --------------------------------------------------------------------------------------------------------------


@handles("GET", "/Users")
async def users(call: Call) -> Answer:
    """All extensions; a sync that is due comes first."""
    await sync.run_if_due(call.state)
    return call.listing(list(call.state.users.values()))


@handles("POST", "/Users")
async def add_user(call: Call) -> Answer:
    """A new extension; without a number it gets the first free one (3CX's own tests post an empty object)."""
    state, body = call.state, dict(call.body)
    body.pop("Id", None)
    body["Number"] = body.get("Number") or sync.first_free_number(state)
    if body["Number"] is None or len(state.users) >= state.max_user_extensions:
        raise errors.warning("Number", "NO_MORE_NUMBERS_AVAILABLE")
    _check_number(state, None, body)
    if "Groups" in body:
        body["Groups"] = _groups(state, body["Groups"])
    user = state.add_user(body)
    _follow_groups(user)
    return Created(user)


@handles("GET", "/Users({Id})")
async def user(call: Call) -> Answer:
    """One extension by id."""
    await sync.run_if_due(call.state)
    return call.entity(call.pick(call.state.users))


@handles("GET", "/Users(Number={Number})")
async def user_by_number(call: Call) -> Answer:
    """One extension by number (documented: from 20.0.8)."""
    await sync.run_if_due(call.state)
    extension = call.state.user_by_number(call.arguments["Number"])
    if extension is None:
        raise errors.no_such_entity()
    return call.entity(extension)


@handles("PATCH", "/Users({Id})")
async def patch_user(call: Call) -> Answer:
    """Change an extension."""
    _change_user(call.state, call.pick(call.state.users), call.body)
    return None


def _change_user(state: PbxState, entity: Entity, body: dict[str, Any]) -> None:
    _check_number(state, entity, body)
    if "Groups" in body:
        body = {**body, "Groups": _groups(state, body["Groups"])}
    replace_top_level(entity, body)
    _follow_groups(entity)
    if {"FirstName", "LastName"} & set(body):
        entity["DisplayName"] = display_name(entity)


def _follow_groups(user: Entity) -> None:
    """The role of a user is that of the first department."""
    if user["Groups"]:
        user["lab.role"] = user["Groups"][0]["Rights"]["RoleName"]


@handles("DELETE", "/Users({Id})")
async def delete_user(call: Call) -> Answer:
    """Remove an extension. If it is still in Microsoft 365 it comes back with the next sync (documented)."""
    entity = call.pick(call.state.users)
    del call.state.users[entity["Id"]]
    return None


@handles("POST", "/Users/Pbx.MultiUserUpdate")
async def multi_user_update(call: Call) -> Answer:
    """Change several extensions alike; all of them or, when one is unknown, none (assumed)."""
    state = call.state
    ids = call.body.get("ids", [])
    if any(user_id not in state.users for user_id in ids):
        raise errors.warning("ids", "XAPI.NOT_FOUND")
    for user_id in ids:
        _change_user(state, state.users[user_id], call.body.get("user", {}))
    return None


@handles("POST", "/Users/Pbx.GetDuplicatedEmails")
async def duplicated_emails(call: Call) -> Answer:
    """Which of some addresses several extensions have; with switch duplicated_emails "any": which one has (both assumed)."""
    least = 1 if call.state.switches.duplicated_emails == "any" else 2
    return [address for address in call.body.get("emails", []) if len(call.state.users_by_email(address)) >= least]


@handles("GET", "/Users({Id})/Pbx.HasDuplicatedEmail()")
async def has_duplicated_email(call: Call) -> Answer:
    """Whether another extension has the same address (documented in the full API description)."""
    return len(call.state.users_by_email(call.pick(call.state.users).get("EmailAddress") or "")) > 1


@handles("GET", "/Users/Pbx.GetFirstAvailableExtensionNumber()")
async def first_available(call: Call) -> Answer:
    """The first free number."""
    number = sync.first_free_number(call.state)
    if number is None:
        raise errors.warning("Number", "NO_MORE_NUMBERS_AVAILABLE")
    return {"Number": number}


@handles("GET", "/MyUser")
async def my_user(call: Call) -> Answer:
    """The caller's own extension; a service principal has none."""
    return call.entity(_me(call))


@handles("PATCH", "/MyUser")
async def patch_my_user(call: Call) -> Answer:
    """Change it."""
    _change_user(call.state, _me(call), call.body)
    return None


def _me(call: Call) -> Entity:
    extension = call.state.user_by_number(call.token.subject)
    if extension is None:
        raise errors.no_such_entity()
    return extension


# --- groups -------------------------------------------------------------------------------------------------------------


def _with_members(state: PbxState, group: Entity) -> Entity:
    members = [
        {"Id": user["Id"], "Number": user["Number"], "MemberName": display_name(user), "Type": "Extension"}
        for user in state.users.values()
        if any(membership["GroupId"] == group["Id"] for membership in user["Groups"])
    ]
    return {**group, "Members": members, "HasMembers": bool(members), "Groups": [], "Rights": [], "OfficeHolidays": []}


@handles("GET", "/Groups")
async def groups(call: Call) -> Answer:
    """All departments."""
    return call.listing([_with_members(call.state, department) for department in call.state.groups.values()])


@handles("POST", "/Groups")
async def add_group(call: Call) -> Answer:
    """A new department; its number is the server's."""
    name = call.body.get("Name") or f"Department {len(call.state.groups) + 1}"
    if any(department["Name"] == name for department in call.state.groups.values()):
        raise errors.warning("Name", "XAPI.ALREADY_IN_USE")
    _check_number(call.state, None, call.body)
    group = call.state.add_group(name)
    _change_group(call.state, group, {**call.body, "Name": name, "Number": call.body.get("Number") or group["Number"]})
    return Created(_with_members(call.state, group))


@handles("GET", "/Groups({Id})")
async def group(call: Call) -> Answer:
    """One department."""
    return call.entity(_with_members(call.state, call.pick(call.state.groups)))


@handles("PATCH", "/Groups({Id})")
async def patch_group(call: Call) -> Answer:
    """Change a department; `Members` is the full list."""
    entity = call.pick(call.state.groups)
    _check_number(call.state, entity, call.body)
    _change_group(call.state, entity, call.body)
    return None


def _change_group(state: PbxState, entity: Entity, body: dict[str, Any]) -> None:
    replace_top_level(entity, {name: value for name, value in body.items() if name not in ("Members", "Groups")})
    if "Members" not in body:
        return
    numbers = {member.get("Number") for member in body["Members"]}
    if numbers - {user["Number"] for user in state.users.values()}:
        raise errors.warning("Members", "XAPI.NON_EXISTENT_EXT_NUMBER")
    for user in state.users.values():
        kept = [membership for membership in user["Groups"] if membership["GroupId"] != entity["Id"]]
        if user["Number"] in numbers:
            kept.append(state.membership(entity["Id"], "users"))
        user["Groups"] = kept


@handles("DELETE", "/Groups({Id})")
async def delete_group(call: Call) -> Answer:
    """Remove a department; the default one stays."""
    entity = call.pick(call.state.groups)
    if entity["IsDefault"]:
        raise errors.warning("Id", "XAPI.FORBIDDEN_CHANGE")
    _change_group(call.state, entity, {"Members": []})
    del call.state.groups[entity["Id"]]
    return None


# --- service principals -------------------------------------------------------------------------------------------------


@handles("GET", "/ServicePrincipals")
async def principals(call: Call) -> Answer:
    """All API clients."""
    return call.listing(list(call.state.principals.values()))


@handles("POST", "/ServicePrincipals")
async def add_principal(call: Call) -> Answer:
    """A new API client. It has no secret until GenerateAppToken."""
    state = call.state
    if not call.body.get("Number"):
        raise errors.warning("Number", "XAPI.REQUIRED")
    _check_number(state, None, call.body)
    memberships = _groups(state, call.body["Groups"]) if call.body.get("Groups") else None
    principal = state.add_principal(call.body["Number"])
    replace_top_level(principal, {name: value for name, value in call.body.items() if name != "Groups"})
    principal["Groups"] = memberships or [state.membership(state.default_group(), "users")]
    return Created(principal)


@handles("GET", "/ServicePrincipals({Id})")
async def principal(call: Call) -> Answer:
    """One API client."""
    return call.entity(call.pick(call.state.principals))


@handles("PATCH", "/ServicePrincipals({Id})")
async def patch_principal(call: Call) -> Answer:
    """Change an API client."""
    entity = call.pick(call.state.principals)
    _check_number(call.state, entity, call.body)
    if "Groups" in call.body:
        call.body["Groups"] = _groups(call.state, call.body["Groups"])
    replace_top_level(entity, call.body)
    return None


@handles("DELETE", "/ServicePrincipals({Id})")
async def delete_principal(call: Call) -> Answer:
    """Remove an API client; its tokens end with it."""
    entity = call.pick(call.state.principals)
    for token in [one for one in call.state.tokens.values() if one.subject == entity["Number"]]:
        call.state.tokens.pop(token.text)
    del call.state.principals[entity["Id"]]
    return None


@handles("POST", "/ServicePrincipals({Id})/Pbx.GenerateAppToken")
async def generate_app_token(call: Call) -> Answer:
    """A new secret for an API client, shown once; the old one ends."""
    entity = call.pick(call.state.principals)
    secret = call.state.world.new_secret(32)
    call.state.set_secret(entity["Number"], secret)
    return secret
