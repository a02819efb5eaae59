# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signing in to a PBX: `/connect/token` for XAPI clients and refresh tokens, `/webclient/api/Login/...` for people."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tcx_lab.evidence import Grade, evidence
from tcx_lab.pbx import guard, tokens
from tcx_lab.pbx.state import Entity, PbxState
from tcx_lab.pbx.totp import verify_totp


def address_of(request: Request) -> str:
    """The caller's address."""
    return request.client.host if request.client is not None else "127.0.0.1"


@evidence(Grade.DOCUMENTED, "3CX XAPI tutorial: multipart form; public clients: urlencoded form")
async def connect_token(state: PbxState, request: Request) -> Response:
    """POST /connect/token: client_credentials, or refresh_token of the web client."""
    form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    grant = form.get("grant_type")
    if grant == "client_credentials":
        return _client_credentials(state, form, address_of(request))
    if grant == "refresh_token":
        return _refresh(state, form.get("refresh_token") or request.cookies.get(tokens.COOKIE), form.get("client_id"))
    return _oauth_error(400, "unsupported_grant_type", "The grant type is not supported.")


def _client_credentials(state: PbxState, form: Mapping[str, str], address: str) -> Response:
    client_id = form.get("client_id", "")
    principal = next((candidate for candidate in state.principals.values() if candidate["Number"] == client_id), None)
    secret = state.secret_of(client_id)
    if (
        principal is None
        or not secret
        or not hmac.compare_digest(secret.encode(), form.get("client_secret", "").encode())
    ):
        if state.switches.bad_secret_counts:
            guard.note_failure(state, address)
        return _oauth_error(state.switches.token_error_status, "invalid_client", "The client credentials are invalid.")
    refused = _refused_client(state, principal, address)
    if refused is not None:
        return refused
    guard.note_success(state, address)
    token = tokens.issue(state, client_id, role_of_principal(state, principal), service_principal=True)
    return _token_answer(state, token.text, None)


def _refused_client(state: PbxState, principal: Entity, address: str) -> Response | None:
    if not principal.get("XAPIEnabled"):
        return _oauth_error(400, "unauthorized_client", "The client may not use the configuration API.")
    if state.switches.xapi_licence == "no_token" and not xapi_licensed(state):
        return _oauth_error(400, "unauthorized_client", "The license does not include the configuration API.")
    if guard.console_closed_for(state, address):
        return Response(status_code=403)
    if state.switches.token_rule == "refuse_second" and tokens.has_active(state, principal["Number"]):
        return _oauth_error(400, "invalid_grant", "An access token of this client is active.")
    return None


def role_of_principal(state: PbxState, principal: Entity) -> str:
    """The role of a service principal: of the inventory's one as the scenario says, else of its first department."""
    if principal["Number"] == state.pbx.client_id:
        return state.role
    groups = principal.get("Groups") or [{}]
    return str((groups[0].get("Rights") or {}).get("RoleName", "users"))


@evidence(Grade.DOCUMENTED, "3CX XAPI tutorial: an Enterprise license is needed; other sources say 8SC and more")
def xapi_licensed(state: PbxState) -> bool:
    """Whether the license includes XAPI."""
    return state.license_active and state.pbx.edition == "Enterprise" and state.pbx.simultaneous_calls >= 8


def _token_answer(state: PbxState, access: str, refresh: str | None) -> JSONResponse:
    return JSONResponse(
        {
            "token_type": "Bearer",
            "expires_in": tokens.expires_in(state),
            "access_token": access,
            "refresh_token": refresh,
        },
        headers={"Cache-Control": "no-store"},
    )


def _oauth_error(status: int, code: str, description: str) -> Response:
    """An OAuth error (shape from the official client's code; wording assumed)."""
    return JSONResponse({"error": code, "error_description": description}, status_code=status)


def _refresh(state: PbxState, token: str | None, client_id: str | None) -> Response:
    session = tokens.session_of(state, token)
    if session is None or client_id != "Webclient":
        return Response(status_code=401)
    user = state.user_by_number(session.number)
    assert user is not None
    tokens.use_session(state, session)
    access = tokens.issue(state, session.number, user["lab.role"], service_principal=False)
    answer = _token_answer(state, access.text, session.token)
    set_cookie(answer, session.token)
    return answer


def set_cookie(answer: Response, token: str) -> None:
    """Give the browser its session (HttpOnly observed)."""
    answer.set_cookie(tokens.COOKIE, token, httponly=True, secure=True, samesite="none", path="/")


# --- people -------------------------------------------------------------------------------------------------------------


def find_login(state: PbxState, username: str, password: str) -> Entity | None:
    """The user whose number or e-mail and password these are. The administrator of the inventory is one of them."""
    admin = state.pbx.admin
    if username.lower() == admin.username.lower():
        owner = next(iter(state.users.values()), None)
        return owner if owner is not None and hmac.compare_digest(admin.password.encode(), password.encode()) else None
    user = state.user_by_number(username) or next(iter(state.users_by_email(username)), None)
    if user is None or not hmac.compare_digest(str(user["AccessPassword"]).encode(), password.encode()):
        return None
    return user


@evidence(Grade.OBSERVED, "public clients of live PBXs 20.0.8 and 20.0.9: keys, statuses, cookie")
async def get_access_token(state: PbxState, request: Request) -> Response:
    """POST /webclient/api/Login/GetAccessToken: a person signs in with number or e-mail, password and maybe a code."""
    try:
        body = await request.json()
    except ValueError:
        return Response(status_code=400)
    fields = {str(name).lower(): value for name, value in body.items()} if isinstance(body, dict) else {}
    address = address_of(request)
    if state.singleton("google")["ReCaptchaEnabled"] and not fields.get("recaptcharesponse"):
        return _warning_answer("WARNINGS.XAPI.CAPTCHA_ERROR")
    user = find_login(state, str(fields.get("username") or ""), str(fields.get("password") or ""))
    if user is None or not user["Enabled"]:
        guard.note_failure(state, address)
        return Response(status_code=401)
    refused = _second_factor(state, user, str(fields.get("securitycode") or ""), address)
    if refused is not None:
        return refused
    if guard.console_closed_for(state, address) and user["lab.role"] != "users":
        return Response(status_code=403)
    guard.note_success(state, address)
    session = tokens.open_session(state, user, "Password", address, request.headers.get("user-agent", ""))
    access = tokens.issue(state, user["Number"], user["lab.role"], service_principal=False)
    return _signed_in(state, access.text, session.token)


def _warning_answer(code: str) -> Response:
    """A refusal of the web client's own API (shape assumed: that of XAPI)."""
    error = {"code": "", "message": code, "details": [{"code": "", "message": code}]}
    return JSONResponse({"error": error}, status_code=400)


def _second_factor(state: PbxState, user: Entity, code: str, address: str) -> Response | None:
    """The answer of a sign-in whose security code is missing or wrong; None when all is well."""
    secret = state.pbx.admin.totp_secret if user is next(iter(state.users.values())) else None
    if secret is None or verify_totp(secret, code, state.clock.time()):
        return None
    if code:
        guard.note_failure(state, address)
    body: dict[str, Any] = {"Status": state.switches.second_factor_status, "TwoFactorAuth": None, "Token": None}
    return JSONResponse(body)


def _signed_in(state: PbxState, access: str, refresh: str) -> Response:
    token = {
        "token_type": "Bearer",
        "expires_in": tokens.expires_in(state),
        "access_token": access,
        "refresh_token": refresh,
    }
    answer = JSONResponse({"Status": "AuthSuccess", "TwoFactorAuth": None, "Token": token})
    set_cookie(answer, refresh)
    return answer


@evidence(Grade.OBSERVED, "public clients: POST /webclient/api/Logout exists")
async def logout(state: PbxState, request: Request) -> Response:
    """POST /webclient/api/Logout: ends the session of the cookie and the access tokens of its user."""
    session = tokens.session_of(state, request.cookies.get(tokens.COOKIE))
    if session is not None:
        tokens.revoke(state, session, "Logout", address_of(request))
        for token in [one for one in state.tokens.values() if one.subject == session.number]:
            state.tokens.pop(token.text, None)
    answer = Response(status_code=200)
    answer.delete_cookie(tokens.COOKIE, path="/", secure=True, httponly=True, samesite="none")
    return answer
