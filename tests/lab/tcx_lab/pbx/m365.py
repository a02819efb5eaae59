# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""XAPI: the Microsoft 365 integration. Paths and shapes are documented; what they answer follows from what Entra and Graph
answer the PBX."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from tcx_lab.evidence import Grade, evidence
from tcx_lab.pbx import errors, microsoft, sync
from tcx_lab.pbx.calls import Answer, Call, handles, replace_top_level
from tcx_lab.pbx.state import Entity, PbxState, Presence

_PATH = "/Microsoft365Integration"

#: Properties of AdUsers that the Standard edition may not switch on (documented: 3CX's manuals and the guide).
_PAID = ("SyncPersonalContacts", "SyncEvents")


@handles("GET", _PATH)
async def integration(call: Call) -> Answer:
    """The settings. Whether an unlinked PBX shows empty ids or none is assumed (switch unset_ids)."""
    settings = call.state.m365
    if call.state.switches.unset_ids == "omitted":
        settings = {**settings, **{name: settings[name] or None for name in ("ApplicationId", "TenantId")}}
    return call.entity(settings)


@handles("PATCH", _PATH)
async def patch_integration(call: Call) -> Answer:
    """Change the settings."""
    state = call.state
    changes = {**call.body}
    if "AdUsers" in changes:
        changes["AdUsers"] = nested(state, state.m365["AdUsers"], changes["AdUsers"])
    if "SharedMailboxesSync" in changes:
        changes["SharedMailboxesSync"] = nested(
            state, state.m365["SharedMailboxesSync"], changes["SharedMailboxesSync"]
        )
    _check_license(state, changes)
    _check_start(state, changes.get("AdUsers"))
    replace_top_level(state.m365, changes)
    sync.settings_saved(state)
    return None


@evidence(Grade.ASSUMED, "nobody published whether a nested PATCH replaces or merges: switch ad_users_patch")
def nested(state: PbxState, before: Entity | None, sent: Entity | None) -> Entity | None:
    """A nested complex property after a PATCH: what was sent alone, or laid over what was there."""
    if sent is None or before is None or state.switches.ad_users_patch == "replace":
        return sent
    return {**before, **sent}


@evidence(Grade.DOCUMENTED, "the guide and 3CX's manuals: contacts and calendar need Professional or Enterprise")
def _check_license(state: PbxState, settings: Entity) -> None:
    """Refuse to switch on what the edition lacks (that XAPI refuses it with this code is assumed)."""
    if not state.license_active:
        raise errors.warning("Microsoft365Integration", "LICENSE_NOT_FOUND")
    if state.pbx.edition != "Standard":
        return
    users = settings.get("AdUsers") or {}
    for name in _PAID:
        if users.get(name):
            raise errors.warning(name, "XAPI.INVALID_LICENSE_TYPE")
    if (settings.get("SharedMailboxesSync") or {}).get("IsEnabled"):
        raise errors.warning("SharedMailboxesSync", "XAPI.INVALID_LICENSE_TYPE")


def _check_start(state: PbxState, users: Entity | None) -> None:
    """The first extension number must have the system's number length (code documented, rule assumed)."""
    start = (users or {}).get("StartingExtensionNumber")
    if start and not (start.isdigit() and len(start) == state.number_length):
        raise errors.warning("StartingExtensionNumber", "XAPI.OUT_OF_THE_RANGE")


# --- health -------------------------------------------------------------------------------------------------------------


@handles("GET", f"{_PATH}/Pbx.GetMicrosoft365Directory()")
@evidence(
    Grade.ASSUMED, "ExceptionMessage is the only health text in the API description; that it checks by listing: assumed"
)
async def directory(call: Call) -> Answer:
    """Whether the PBX can read the tenant's users, in Microsoft's words when it cannot."""
    state = call.state
    answer: dict[str, Any] = {
        "ProvisionUrl": f"https://integrations.3cx.com/microsoft365?fqdn={state.pbx.fqdn}",
        "ApplicationId": state.m365["ApplicationId"] or None,
    }
    if not (state.m365["ApplicationId"] or state.m365["TenantId"]):
        return answer
    try:
        async with microsoft.Microsoft(state) as graph:
            await microsoft.check(graph)
    except microsoft.MicrosoftError as error:
        answer["ExceptionMessage"] = str(error)
    return answer


@handles("GET", f"{_PATH}/Pbx.TestSubscription()")
@evidence(
    Grade.ASSUMED, "manuals: immediate changes need a reachable HTTPS port; that this function tells so is inferred"
)
async def test_subscription(call: Call) -> Answer:
    """Whether Microsoft's change notifications would reach the PBX."""
    state = call.state
    problem = None
    try:
        async with microsoft.Microsoft(state) as graph:
            await microsoft.try_subscription(graph, state)
    except microsoft.MicrosoftError as error:
        problem = str(error)
    return {"Fqdn": state.pbx.fqdn, "IsSubscriptionAvailable": problem is None, "ExceptionMessage": problem}


def _refused(call: Call, error: microsoft.MicrosoftError) -> errors.Refusal:
    """What an action answers when Microsoft refuses the PBX (status assumed: switch m365_error_status)."""
    return errors.odata_error(call.state.switches.m365_error_status, str(error))


@handles("GET", f"{_PATH}/Pbx.GetMicrosoftAccessToken()")
async def access_token(call: Call) -> Answer:
    """A live Graph token of the application: a secret."""
    try:
        async with microsoft.Microsoft(call.state) as graph:
            return graph.token
    except microsoft.MicrosoftError as error:
        raise _refused(call, error) from error


# --- users and groups of the tenant -------------------------------------------------------------------------------------


async def _page(call: Call, graph: microsoft.GraphSession, first: Any) -> microsoft.Page:
    """The page that the options ask for: the first one, or the one of a page token (opaque; its content is ours)."""
    options = call.body.get("options") or {}
    token = options.get("NextPageToken")
    if not token:
        page: microsoft.Page = await first(graph, options.get("Count") or 100, options.get("Search") or "")
        return page
    try:
        link = base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, ValueError):
        raise errors.warning("NextPageToken", "INVALID") from None
    return await graph.follow(link)


def _token_of(page: microsoft.Page) -> str | None:
    return base64.urlsafe_b64encode(page.next_link.encode()).decode() if page.next_link else None


def _is_of_kind(kind: str, user: dict[str, Any]) -> bool:
    """Whether a user is of a kind of Pbx.TypeOfUser (names documented, meaning assumed)."""
    if kind == "LicensedUsers":
        return bool(user.get("assignedLicenses"))
    return microsoft.is_shared_mailbox(user) == (kind == "SharedMailboxes")


@handles("POST", f"{_PATH}/Pbx.GetM365Users")
async def m365_users(call: Call) -> Answer:
    """Users of the tenant, page by page."""
    kind = (call.body.get("options") or {}).get("TypeOfUser", "Users")
    try:
        async with microsoft.Microsoft(call.state) as graph:
            page = await _page(call, graph, microsoft.users_page)
    except microsoft.MicrosoftError as error:
        raise _refused(call, error) from error
    users = [microsoft.external_account(user) for user in page.items if _is_of_kind(kind, user)]
    return {"NextPageToken": _token_of(page), "Users": users}


@handles("POST", f"{_PATH}/Pbx.GetM365Groups")
async def m365_groups(call: Call) -> Answer:
    """Groups of the tenant, page by page (documented: from 20.0.9)."""
    try:
        async with microsoft.Microsoft(call.state) as graph:
            page = await _page(call, graph, microsoft.groups_page)
    except microsoft.MicrosoftError as error:
        raise _refused(call, error) from error
    groups = [
        {
            "Id": group["id"],
            "DisplayName": group.get("displayName") or "",
            "Description": group.get("description") or "",
        }
        for group in page.items
    ]
    return {"NextPageToken": _token_of(page), "Groups": groups}


@handles("POST", f"{_PATH}/Pbx.GetUsersByPrincipalNames")
async def users_by_principal_names(call: Call) -> Answer:
    """Users by principal name; names that nobody has are left out (assumed)."""
    try:
        async with microsoft.Microsoft(call.state) as graph:
            users = [await microsoft.user_by_name(graph, name) for name in call.body.get("principalNames", [])]
    except microsoft.MicrosoftError as error:
        raise _refused(call, error) from error
    return [microsoft.external_account(user) for user in users if user is not None]


# --- presence -----------------------------------------------------------------------------------------------------------


@handles("POST", f"{_PATH}/Pbx.AuthorizePresence")
@evidence(
    Grade.ASSUMED, "the parameter is documented; that it is a delegated Graph token of the presence account is inferred"
)
async def authorize_presence(call: Call) -> Answer:
    """Take the presence account's token: signed by the configured tenant, in force, with a user behind it."""
    state = call.state
    token = call.body.get("accessToken")
    if not token:
        raise errors.warning("accessToken", "XAPI.REQUIRED")
    try:
        claims = await microsoft.verified_claims(state, token)
    except microsoft.MicrosoftError as error:
        raise _refused(call, error) from error
    if claims.get("tid") != state.m365["TenantId"] or claims.get("exp", 0) <= state.clock.time():
        raise errors.warning("accessToken", "XAPI.INVALID_CREDENTIALS")
    account = claims.get("upn") or claims.get("preferred_username") or claims.get("oid") or ""
    state.presence = Presence(token, str(account), float(claims["exp"]))
    return None


@handles("POST", f"{_PATH}/Pbx.TestPresence")
async def test_presence(call: Call) -> Answer:
    """Succeeds while the presence account's token is in force."""
    presence = call.state.presence
    if presence is None:
        raise errors.warning("Presence", "XAPI.INVALID_CREDENTIALS")
    if presence.expires <= call.state.clock.time():
        message = "AADSTS700082: The refresh token has expired due to inactivity."
        raise errors.odata_error(call.state.switches.m365_error_status, message)
    return None


@handles("POST", f"{_PATH}/Pbx.DeauthorizePresence")
async def deauthorize_presence(call: Call) -> Answer:
    """Forget the presence account."""
    call.state.presence = None
    return None
