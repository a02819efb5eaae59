# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The user sync: Entra users become extensions. One way, nightly, sooner while change notifications reach the PBX.

A sync that is due runs when somebody next looks at the users, so a lab with 2,000 idle PBXs does nothing.
"""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime, timedelta
from typing import Any

from tcx_lab.evidence import Grade, evidence
from tcx_lab.pbx import microsoft
from tcx_lab.pbx.state import Entity, PbxState, display_name

_NIGHT = 2  # o'clock, UTC (assumed)


def settings_saved(state: PbxState) -> None:
    """The Microsoft 365 settings were saved: plan a sync (that saving starts one is assumed: switch sync_on_save)."""
    if state.switches.sync_on_save and _is_configured(state):
        state.sync.due = state.clock.time() + state.switches.sync_delay
        state.sync.polls = state.switches.sync_polls


def notified(state: PbxState) -> None:
    """Microsoft says that users have changed: the next sync is now, unless one is running."""
    if state.sync.due is not None and state.sync.due != math.inf:
        state.sync.due = state.clock.time()


def _is_configured(state: PbxState) -> bool:
    return bool(state.m365["ApplicationId"] and state.m365["TenantId"] and state.ad_users.get("IsEnabled"))


async def run_if_due(state: PbxState, *, polled: bool = True) -> None:
    """Sync now when one is planned and its time has come; `polled` counts this look at the users."""
    if not _is_configured(state):
        return
    plan = state.sync
    if plan.due is None:
        plan.due = _next(state)
    if state.clock.time() < plan.due:
        return
    if plan.polls > 0:
        plan.polls -= polled
        return
    plan.due = math.inf  # nobody else starts it meanwhile
    await run(state)


@evidence(Grade.DOCUMENTED, "3CX V20 manual: users are synced once a day, during the night")
def _next(state: PbxState) -> float:
    """When the next sync is: in the night; soon, while notifications arrive (documented for V18, interval assumed)."""
    last = state.sync.last if state.sync.last is not None else state.clock.time()
    if state.sync.last is not None and notifications_arrive(state):
        return last + state.switches.sync_interval
    day = datetime.fromtimestamp(last, UTC)
    night = day.replace(hour=_NIGHT, minute=0, second=0, microsecond=0)
    return (night if night > day else night + timedelta(days=1)).timestamp()


def notifications_arrive(state: PbxState) -> bool:
    """Whether Microsoft's change notifications reach the PBX."""
    return state.reachable and state.certificate_valid


async def run(state: PbxState) -> None:
    """One sync. What Microsoft refuses goes to the event log and is tried again at the next time."""
    try:
        async with microsoft.Microsoft(state) as graph:
            for user in await _chosen(state, graph):
                if not await _take_over(state, graph, user):
                    break
    except microsoft.MicrosoftError as error:
        state.log_event("Error", "3CX Microsoft 365", f"User synchronization failed: {error}")
    finally:
        state.sync.last = state.clock.time()
        state.sync.due = _next(state)


async def _chosen(state: PbxState, graph: microsoft.GraphSession) -> list[dict[str, Any]]:
    """The tenant's users that the settings ask for."""
    settings = state.ad_users
    scope = settings.get("SyncType") or "SyncAllUsers"
    selected = set(settings.get("SelectedUsers") or ())
    if scope == "SyncSelectedGroups":
        selected = await microsoft.members(graph, settings.get("SelectedGroups") or ())
    users = [user for user in await microsoft.all_users(graph) if _may_come(settings, user)]
    if scope == "SyncAllUsers":
        return users
    listed = scope != "SyncAllUsersExceptSelected"
    return [user for user in users if _is_selected(state, user, selected) is listed]


@evidence(
    Grade.DOCUMENTED, "3CX integration manuals: userType must be Member; SyncGuestUsers is in the API description"
)
def _may_come(settings: Entity, user: dict[str, Any]) -> bool:
    """Members, and guests when they are wanted; disabled accounts get no new extension (assumed)."""
    if not user.get("accountEnabled", True):
        return False
    return user.get("userType", "Member") == "Member" or bool(settings.get("SyncGuestUsers"))


def _is_selected(state: PbxState, user: dict[str, Any], selected: set[str]) -> bool:
    if user["id"] in selected:
        return True
    if state.switches.selected_users != "any":
        return False
    return (user.get("userPrincipalName") or "").lower() in {name.lower() for name in selected}


@evidence(Grade.OBSERVED, "a 3CX reseller's manual: a user whose UPN is no extension's e-mail gets a new extension")
async def _take_over(state: PbxState, graph: microsoft.GraphSession, user: dict[str, Any]) -> bool:
    """Map or create the extension of one user and bring it up to date; False when there is no number left."""
    extension = _extension_of(state, user)
    if extension is None:
        number = _free_number(state, user)
        if number is None:
            message = "No more extension numbers are available: WARNINGS.NO_MORE_NUMBERS_AVAILABLE"
            state.log_event("Error", "3CX Microsoft 365", message)
            return False
        mail = user.get("mail") or user.get("userPrincipalName")
        extension = state.add_user({"Number": number, "EmailAddress": mail, "Tags": ["MS"]})
    state.sync.mapped[user["id"]] = extension["Id"]
    if "MS" not in extension["Tags"]:
        extension["Tags"] = [*extension["Tags"], "MS"]
    await _update(state, graph, extension, user)
    return True


def _extension_of(state: PbxState, user: dict[str, Any]) -> Entity | None:
    """The extension that a user has already. One deleted on the PBX comes back as a new one (documented)."""
    known = state.users.get(state.sync.mapped.get(user["id"], -1))
    if known is not None:
        return known
    name = user.get("mail" if state.switches.sync_match == "mail" else "userPrincipalName")
    return next(iter(state.users_by_email(name or "")), None)


def _free_number(state: PbxState, user: dict[str, Any]) -> str | None:
    if len(state.users) >= state.max_user_extensions:
        return None
    settings, taken = state.ad_users, state.numbers()
    phones = user.get("businessPhones") or []
    if settings.get("IsSyncOfficePhone") and state.switches.office_phone == "extension" and phones:
        number = "".join(filter(str.isdigit, phones[0]))[-state.number_length :]
        if len(number) == state.number_length and number not in taken:
            return number
    return first_free_number(state, settings.get("StartingExtensionNumber") or "")


def first_free_number(state: PbxState, start: str = "") -> str | None:
    """The first extension number from `start` that nobody has, within the number length; None when there is none."""
    length, taken = state.number_length, state.numbers()
    first = int(start) if start.isdigit() else 10 ** (length - 1)
    return next(
        (text for text in map(str, range(first, 10**length)) if text not in taken and len(text) == length), None
    )


async def _update(state: PbxState, graph: microsoft.GraphSession, extension: Entity, user: dict[str, Any]) -> None:
    settings = state.ad_users
    extension["FirstName"] = user.get("givenName") or (user.get("displayName") or "").partition(" ")[0]
    extension["LastName"] = user.get("surname") or (user.get("displayName") or "").partition(" ")[2]
    extension["DisplayName"] = display_name(extension)
    phones = user.get("businessPhones") or []
    if settings.get("IsSyncOfficePhone") and phones and state.switches.office_phone == "caller_id":
        extension["OutboundCallerID"] = phones[0]
    if settings.get("IsSyncDetails"):
        extension["Mobile"] = user.get("mobilePhone") or ""
    if settings.get("IsSyncDepartments") and user.get("department"):
        _move_to(state, extension, user["department"])
    if settings.get("IsSyncPhoto"):
        _picture(state, extension, await graph.photo(user["id"]))


def _move_to(state: PbxState, extension: Entity, department: str) -> None:
    """Put an extension into the department of that name, made when it does not exist."""
    group = next((candidate for candidate in state.groups.values() if candidate["Name"] == department), None)
    if group is None:
        group = state.add_group(department)
    extension["PrimaryGroupId"] = group["Id"]
    if all(membership["GroupId"] != group["Id"] for membership in extension["Groups"]):
        extension["Groups"].append(state.membership(group["Id"], "users"))


def _picture(state: PbxState, extension: Entity, picture: bytes | None) -> None:
    """Keep a picture under a name of its own (the format of ContactImage is unknown; a file name is assumed)."""
    if picture is None:
        return
    name = f"{extension['Number']}_{hashlib.sha256(picture).hexdigest()[:12]}.jpg"
    if extension["ContactImage"] != name:
        state.sync.photos.pop(extension["ContactImage"], None)
        state.sync.photos[name] = picture
        extension["ContactImage"] = name
