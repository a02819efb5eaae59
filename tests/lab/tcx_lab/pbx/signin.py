# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The web client, the admin console, and signing in to them with Microsoft: OpenID Connect with id_token and form_post.

Redirect addresses are observed; which query the real PBX sends and what consumes the token is unknown, so that part is our
inference from the guide (ID tokens on, redirect URI of type Web, /oauth2office2).
"""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tcx_lab.evidence import Grade, evidence
from tcx_lab.pbx import microsoft, pages, sync, tokens
from tcx_lab.pbx.login import address_of, logout, set_cookie
from tcx_lab.pbx.state import Entity, PbxState, Session

REDIRECT_PATH = "/oauth2office2"
_SKEW = 300  # seconds a token may seem too young or too old
_MAX_PENDING = 500


class SignInRefused(Exception):
    """Why the PBX does not let somebody in: a short code and a sentence."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


# --- pages --------------------------------------------------------------------------------------------------------------


async def web_client(state: PbxState, request: Request) -> Response:
    """`/` and `/webclient`: the web client, or its login page."""
    await sync.run_if_due(state, polled=False)
    session, user = _who(state, request)
    if session is None or user is None:
        return pages.login_page(state, False, microsoft_url(state))
    return pages.web_client(state, user, "Microsoft" if session.grant == "Sso" else "password")


async def admin_console(state: PbxState, request: Request) -> Response:
    """`/admin`: the admin console's page about Microsoft 365, or its login page (address assumed)."""
    await sync.run_if_due(state, polled=False)
    session, user = _who(state, request)
    if session is None or user is None:
        return pages.login_page(state, True, microsoft_url(state))
    if user["lab.role"] not in ("system_owners", "system_admins"):
        return pages.problem_page(state, "Admin Console", "forbidden", "You may not use the admin console.", 403)
    return pages.admin_console(state, user, await _facts(state))


async def _facts(state: PbxState) -> list[tuple[str, str]]:
    settings = state.m365
    status = "not configured"
    if settings["ApplicationId"]:
        try:
            async with microsoft.Microsoft(state) as graph:
                await microsoft.check(graph)
            status = "OK"
        except microsoft.MicrosoftError as error:
            status = str(error)
    switches = {"User sync": "IsEnabled", "Sign in with Microsoft": "EnableSSO", "Photos": "IsSyncPhoto"}
    return [
        ("Status", status),
        ("Application ID", settings["ApplicationId"] or "-"),
        ("Tenant ID", settings["TenantId"] or "-"),
        ("Redirect URI", redirect_uri(state)),
        *((label, "on" if state.ad_users.get(name) else "off") for label, name in switches.items()),
        ("Synced users", str(sum("MS" in (user["Tags"] or ()) for user in state.users.values()))),
    ]


def _who(state: PbxState, request: Request) -> tuple[Session | None, Entity | None]:
    session = tokens.session_of(state, request.cookies.get(tokens.COOKIE))
    return session, None if session is None else state.user_by_number(session.number)


async def photo(state: PbxState, request: Request) -> Response:
    """A synced picture, for people who are signed in."""
    session, _user = _who(state, request)
    picture = state.sync.photos.get(request.url.path.rsplit("/", 1)[1])
    if session is None or picture is None:
        return Response(status_code=404)
    return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


async def sign_out(state: PbxState, request: Request) -> Response:
    """The sign-out button: ends the session and goes back to the login page."""
    ended = await logout(state, request)
    answer = RedirectResponse("/", 303)
    answer.headers["set-cookie"] = ended.headers["set-cookie"]
    return answer


# --- sign in with Microsoft ---------------------------------------------------------------------------------------------


def redirect_uri(state: PbxState) -> str:
    """Where Entra sends the browser back to (path observed)."""
    return state.base_url + REDIRECT_PATH


@evidence(Grade.ASSUMED, "EnableSSO is the documented switch; that the button needs both ids as well is inferred")
def microsoft_url(state: PbxState) -> str | None:
    """The address behind "Sign in with Microsoft"; None when the page does not offer it."""
    settings = state.m365
    if not (state.ad_users.get("EnableSSO") and settings["ApplicationId"] and settings["TenantId"]):
        return None
    handle, nonce = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    while len(state.pending) >= _MAX_PENDING:
        state.pending.pop(next(iter(state.pending)))
    state.pending[handle] = {"nonce": nonce}
    query = {
        "client_id": settings["ApplicationId"],
        "response_type": "id_token",
        "response_mode": "form_post",
        "redirect_uri": redirect_uri(state),
        "scope": "openid profile email",
        "nonce": nonce,
        "state": handle,
    }
    return f"{state.world.endpoints.login}/{settings['TenantId']}/oauth2/v2.0/authorize?{urlencode(query)}"


async def oauth2office2(state: PbxState, request: Request) -> Response:
    """Where Entra sends the browser: with an id_token or with an error, in the body or in the query."""
    parameters: dict[str, Any] = dict(request.query_params)
    if request.method == "POST":
        parameters.update(await request.form())
    try:
        user = await _signed_in_user(state, parameters)
    except SignInRefused as refusal:
        state.log_event("Warning", "3CX Webclient", f"Sign-in with Microsoft refused: {refusal.description}")
        return pages.problem_page(state, "Sign-in failed", refusal.code, refusal.description, 403)
    session = tokens.open_session(state, user, "Sso", address_of(request), request.headers.get("user-agent", ""))
    answer = RedirectResponse("/#/people", 303)
    set_cookie(answer, session.token)
    return answer


async def _signed_in_user(state: PbxState, parameters: dict[str, Any]) -> Entity:
    if parameters.get("error"):
        raise SignInRefused(str(parameters["error"]), str(parameters.get("error_description") or parameters["error"]))
    pending = state.pending.pop(str(parameters.get("state", "")), None)
    if pending is None or not parameters.get("id_token"):
        raise SignInRefused("invalid_request", "This sign-in was not started here, or it has been used already.")
    try:
        claims = await microsoft.verified_claims(state, str(parameters["id_token"]))
    except microsoft.MicrosoftError as error:
        raise SignInRefused("invalid_token", str(error)) from error
    _check_claims(state, claims, pending["nonce"])
    return _user_of(state, claims)


@evidence(Grade.DOCUMENTED, "OpenID Connect Core 3.2.2.11: what a client must check in an ID token")
def _check_claims(state: PbxState, claims: dict[str, Any], nonce: str) -> None:
    """Refuse a token that is not for this application, tenant and sign-in, or not of now."""
    settings, now = state.m365, state.clock.time()
    if claims.get("aud") != settings["ApplicationId"]:
        raise SignInRefused("invalid_token", "The token is meant for another application.")
    if claims.get("tid") != settings["TenantId"] or settings["TenantId"] not in str(claims.get("iss")):
        raise SignInRefused("invalid_token", "The token comes from another tenant.")
    if claims.get("nonce") != nonce:
        raise SignInRefused("invalid_token", "The token belongs to another sign-in.")
    if not claims.get("nbf", 0) - _SKEW <= now <= claims.get("exp", 0) + _SKEW:
        raise SignInRefused("invalid_token", "The token is expired or not yet valid; check the clock of the PBX.")


@evidence(Grade.ASSUMED, "MS365SignInEnabled of a user is documented; that a user is found by e-mail is inferred")
def _user_of(state: PbxState, claims: dict[str, Any]) -> Entity:
    """The extension of somebody who has proven who they are, if they may sign in so."""
    if not state.ad_users.get("EnableSSO"):
        raise SignInRefused("sign_in_disabled", "Sign-in with Microsoft is switched off on this phone system.")
    user = state.users.get(state.sync.mapped.get(str(claims.get("oid")), -1))
    if user is None:
        names = [str(claims[name]) for name in ("preferred_username", "email", "upn") if claims.get(name)]
        user = next(iter(state.users_by_email(*names)), None)
    if user is None:
        name = claims.get("preferred_username") or claims.get("name") or "This account"
        raise SignInRefused("unknown_user", f"{name} has no extension on this phone system.")
    if not user["Enabled"]:
        raise SignInRefused("user_disabled", f"Extension {user['Number']} is disabled.")
    if not user["MS365SignInEnabled"]:
        raise SignInRefused(
            "sign_in_disabled", f"Sign-in with Microsoft is switched off for extension {user['Number']}."
        )
    return user


# --- presence account ---------------------------------------------------------------------------------------------------


async def oauth2presence(state: PbxState, request: Request) -> Response:
    """Where Microsoft sends the presence account back to (path observed, flow assumed)."""
    parameters: dict[str, Any] = dict(request.query_params)
    if request.method == "POST":
        parameters.update(await request.form())
    return pages.presence_page(
        state, str(parameters.get("error_description") or parameters.get("error") or "One moment ...")
    )
