# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tokens that a PBX issues: XAPI's access tokens (ES256 JWT) and the refresh tokens behind web client sessions."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from tcx_lab.evidence import Grade, evidence
from tcx_lab.pbx import errors
from tcx_lab.pbx.state import OWNER, AccessToken, Entity, PbxState, Session, stamp

LIFETIME = 3600  # seconds (observed: 60 minutes on every build)
_REFRESH_DAYS = 60  # observed: 60 to 90 days
COOKIE = "RefreshTokenCookie"

# One signing key for all PBXs of a process: the lab never checks its own tokens by signature but by what it has issued.
_SIGNING_KEY = ec.derive_private_key(0x3C, ec.SECP256R1())


@evidence(Grade.OBSERVED, "tokens of live PBXs 20.0.8: role names, MaxRole, ES256, exp")
def _claims(state: PbxState, subject: str, role: str, now: float) -> dict[str, Any]:
    """What is in an access token."""
    roles = ["MyUser", "Local", "SingleCompany"]
    if role in (OWNER, "system_admins"):
        roles += ["Reports", "PhoneSystemAdmin", "Groups.Create", "Users", "Trunks", "GlobalAdmin", "Admin"]
    if role == OWNER:
        roles += ["Apps.ReadWrite", "MachineAdmin"]
    if state.license_active:
        roles += ["Paid", *(["Enterprise"] if state.pbx.edition == "Enterprise" else [])]
    return {
        "unique_name": subject,
        "client_id": subject,
        "role": roles,
        "MaxRole": role,
        "jti": uuid.uuid4().hex,
        "iss": state.base_url,
        "aud": state.base_url,
        "nbf": int(now),
        "iat": int(now),
        "exp": int(now) + LIFETIME,
    }


def issue(state: PbxState, subject: str, role: str, *, service_principal: bool) -> AccessToken:
    """A new access token; it supersedes others as switch `token_scope` says."""
    now = state.clock.time()
    _supersede(state, subject, now, service_principal)
    text = jwt.encode(_claims(state, subject, role, now), _SIGNING_KEY, algorithm="ES256", headers={"kid": "xapi"})
    token = AccessToken(text, subject, role, now + LIFETIME, service_principal)
    state.tokens[text] = token
    return token


@evidence(
    Grade.DOCUMENTED, "3CX XAPI tutorial: only one access token can be active at a time (which one wins: assumed)"
)
def _supersede(state: PbxState, subject: str, now: float, service_principal: bool) -> None:
    """Only one access token of an XAPI client is active."""
    for token in list(state.tokens.values()):
        same = token.subject == subject and token.service_principal
        if token.expires <= now or (service_principal and (same or state.switches.token_scope == "pbx")):
            state.tokens.pop(token.text, None)


def has_active(state: PbxState, subject: str) -> bool:
    """Whether a client's token is still good (for switch `token_rule` refuse_second)."""
    now = state.clock.time()
    everyone = state.switches.token_scope == "pbx"
    return any(token.expires > now and (everyone or token.subject == subject) for token in state.tokens.values())


@evidence(
    Grade.DOCUMENTED,
    "3CX XAPI tutorial: expires_in is in seconds since 20.0.9 (observed: 60 on 20.0.8, 3600 on 20.0.9)",
)
def expires_in(state: PbxState) -> int:
    """Minutes up to 20.0.8, seconds from 20.0.9."""
    return LIFETIME if state.pbx.release >= (20, 0, 9) else LIFETIME // 60


def find(state: PbxState, authorization: str, *, dropped: bool) -> AccessToken:
    """The token of an Authorization header. `dropped` supersedes it first. Raises the empty 401."""
    scheme, _space, text = authorization.partition(" ")
    token = state.tokens.get(text.strip()) if scheme.lower() == "bearer" else None
    if dropped and token is not None:
        state.tokens.pop(token.text, None)
        token = None
    if token is None or token.expires <= state.clock.time():
        raise errors.unauthorized()
    return token


# --- refresh tokens -----------------------------------------------------------------------------------------------------


def open_session(state: PbxState, user: Entity, grant: str, address: str, agent: str) -> Session:
    """A new session of a user; `grant` is Password or Sso."""
    now = state.clock.now()
    session = Session(
        id=state.new_id(),
        token=_refresh_text(state, user),
        number=user["Number"],
        grant=grant,
        created=now,
        used=now,
        expires=now + timedelta(days=_REFRESH_DAYS),
        address=address,
        user_agent=agent,
    )
    state.sessions.append(session)
    return session


def _refresh_text(state: PbxState, user: Entity) -> str:
    claims = {
        "unique_name": user["Number"],
        "jti": uuid.uuid4().hex,
        "exp": int(state.clock.time()) + _REFRESH_DAYS * 86400,
    }
    return jwt.encode(claims, _SIGNING_KEY, algorithm="ES256", headers={"kid": "refresh"})


def session_of(state: PbxState, token: str | None) -> Session | None:
    """The live session with a refresh token whose user still exists and is enabled."""
    if not token:
        return None
    now = state.clock.now()
    for session in state.sessions:
        if session.token == token and session.revoked is None and session.expires > now:
            user = state.user_by_number(session.number)
            return session if user is not None and user["Enabled"] else None
    return None


@evidence(Grade.OBSERVED, "public clients of the web client's login: refresh tokens rotate, the newest must be kept")
def use_session(state: PbxState, session: Session) -> None:
    """Note that a refresh token was used; it is replaced by a new one."""
    session.used = state.clock.now()
    user = state.user_by_number(session.number)
    if state.switches.admin_token_rotates and user is not None:
        session.token = _refresh_text(state, user)


def revoke(state: PbxState, session: Session, reason: str, address: str) -> None:
    """End a session; `reason` is a member of Pbx.RevokeReason."""
    session.revoked, session.reason, session.revoked_by = state.clock.now(), reason, address


def as_entity(state: PbxState, session: Session) -> Entity:
    """A session as /SecurityTokens and /MyTokens show it."""
    return {
        "Id": session.id,
        "Token": session.token,
        "Username": session.number,
        "DisplayName": session.user_agent[:40] or "unknown",
        "Created": stamp(session.created),
        "CreatedByIp": session.address,
        "CreatedByUserAgent": session.user_agent,
        "Expires": stamp(session.expires),
        "LoginType": _login_type(state, session),
        "Used": stamp(session.used),
        "UsedByIp": session.address,
        "UsedByUserAgent": session.user_agent,
        "SlidingExpiration": True,
        "RotateOnRefresh": state.switches.admin_token_rotates,
        "OverrideConsoleRestrictions": False,
        "Scopes": [],
        "Revoked": stamp(session.revoked) if session.revoked else None,
        "ReasonRevoked": session.reason,
        "RevokedByIp": session.revoked_by,
    }


@evidence(
    Grade.DOCUMENTED, "3CX API descriptions: LoginType is Local or Guest in 20.0.6 to 20.0.9, a GrantType from 20.0.10"
)
def _login_type(state: PbxState, session: Session) -> str:
    """How the user signed in. Before 20.0.10 a sign-in with Microsoft shows as Local (assumed: no other member fits)."""
    return session.grant if "Pbx.GrantType" in state.model.enums else "Local"
