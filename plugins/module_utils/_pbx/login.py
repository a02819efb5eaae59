# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signing in to a PBX: one token per PBX and run, and never a second try with a refused credential."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Callable

from .._context import Context
from .._errors import BadCredential, Blocked, Interrupted, M365Error
from .._http import Http, Reply
from . import sign_in_errors, totp
from .connection import SERVICE, Connection
from .shared_secret import SharedSecret
from .token import Token, clock_offset, lifetime
from .version import VERSION_HEADER, Release

CONNECT_PATH = "/connect/token"
LOGIN_PATH = "/webclient/api/Login/GetAccessToken"
WEB_CLIENT = "Webclient"

_ATTEMPTS = 6
_UNJUDGED = 3
"""Attempts while what comes back says nothing about the credential; nobody counts them as failures."""
_MOST_BYTES = 64 * 1024
"""Of an answer to a sign-in."""
_REMEMBERED: dict[str, type[M365Error]] = {BadCredential.kind: BadCredential, Blocked.kind: Blocked}


class Login:
    """Gives the token of one PBX to the tasks of a run.

    :param release: asks for the release of the PBX, as far as it is known.
    """

    def __init__(
        self, connection: Connection, http: Http, context: Context, release: Callable[[], Release | None]
    ) -> None:
        self._connection = connection
        self._http = http
        self._context = context
        self._release = release
        self._held: Token | None = None

    def token(self) -> Token:
        """The token of the run, or a new one.

        :raises BadCredential, Blocked, Forbidden, Unlicensed, Unsupported: the PBX does not let us in, and why.
        """
        if self._held is None or self._held.expires <= time.time():
            with self._lock():
                self._held = self._stored() or self._new()
        return self._held

    def renewed(self, refused: Token) -> Token | None:
        """A new token in place of one that worked and is refused now: superseded, expired, or the PBX was restarted.

        :returns: ``None`` when the refused token was new: another one would be refused as well.
        """
        if not refused.proven:
            return None
        with self._lock():
            stored = self._stored()
            if stored is None or stored.access == refused.access:
                self._context.store.drop("pbx_token", self._connection.key)
                stored = self._refreshed(refused) or self._new()
            self._held = stored
        return stored

    def _lock(self) -> Any:
        return self._context.store.lock("pbx_token", self._connection.key, self._context.deadline)

    def _stored(self) -> Token | None:
        value = self._context.store.get("pbx_token", self._connection.key)
        if value is None:
            return None
        self._context.hide(value["access"])
        return Token.from_value(value)

    def _new(self) -> Token:
        self._refuse_to_repeat()
        try:
            with SharedSecret(self._connection, self._context).sent():
                reply = self._sign_in()
                answer = self._granted(reply)
        except (BadCredential, Blocked) as error:
            self._remember(error)
            raise
        return self._keep(answer, reply)

    def _sign_in(self) -> Reply:
        if self._connection.administrator:
            return self._send(LOGIN_PATH, body=self._login_body())
        form = {
            "client_id": self._connection.principal,
            "client_secret": self._connection.secret,
            "grant_type": "client_credentials",
        }
        return self._send(CONNECT_PATH, form=form)

    def _login_body(self) -> dict[str, Any]:
        code = self._connection.security_code.strip()
        if code and not totp.is_code(code):
            code = totp.code_at(code, self._context.deadline.clock.time())
        return {"Username": self._connection.principal, "Password": self._connection.secret, "SecurityCode": code}

    def _granted(self, reply: Reply) -> Mapping[str, Any]:
        """The token in an answer, or the error that the answer means."""
        content = reply.json()
        if self._connection.administrator:
            token = content.get("Token") if isinstance(content, dict) else None
            if reply.status == 200 and isinstance(token, dict) and _is_token(token.get("access_token")):
                return token
            error = sign_in_errors.refused_administrator(reply, bool(self._connection.security_code))
        else:
            if reply.status == 200 and isinstance(content, dict) and _is_token(content.get("access_token")):
                return content
            error = sign_in_errors.refused_client(reply)
        raise error.while_trying("sign in to the PBX", self._connection.url)

    def _refreshed(self, refused: Token) -> Token | None:
        """A new token of an administrator's session, which needs no second factor; ``None`` when there is no session."""
        if not refused.refresh:
            return None
        form = {"client_id": WEB_CLIENT, "grant_type": "refresh_token", "refresh_token": refused.refresh}
        reply = self._send(CONNECT_PATH, form=form)
        content = reply.json()
        if reply.status == 200 and isinstance(content, dict) and _is_token(content.get("access_token")):
            return self._keep(dict(content, refresh_token=content.get("refresh_token") or refused.refresh), reply)
        if totp.is_code(self._connection.security_code):
            raise BadCredential(
                "the session has expired, and the security code has been used already",
                service=SERVICE,
                status=reply.status,
                remedy="Run again with the code of the moment, or give the base32 secret as O(security_code).",
            ).while_trying("sign in to the PBX again", self._connection.url)
        return None

    def _keep(self, answer: Mapping[str, Any], reply: Reply) -> Token:
        access = str(answer["access_token"])
        refresh = str(answer.get("refresh_token") or "") if self._connection.administrator else ""
        for secret in filter(None, (access, refresh)):
            self._context.hide(secret)
        now = time.time()
        release = Release.parse(reply.headers.get(VERSION_HEADER)) or self._release()
        expires = now + lifetime(answer, release, reply.headers.get("Date", ""), now)
        token = Token(access, expires, refresh, clock_offset=clock_offset(access, now))
        self._context.store.put("pbx_token", self._connection.key, token.as_value(), expires=token.expires)
        return token

    def _send(self, path: str, *, form: Any = None, body: Any = None) -> Reply:
        """Send a sign-in. A service in trouble is asked again, an answer never; a cut connection only once more."""
        attempt = cuts = 0
        while True:
            attempt += 1
            try:
                reply = self._http.send("POST", path, form=form, body=body, safe=False, secret=True, most=_MOST_BYTES)
                if not _judges_nothing(reply) or attempt >= _UNJUDGED:
                    return reply
            except Interrupted as error:
                cuts += error.status is None
                if attempt >= _ATTEMPTS or cuts > 1:
                    raise error.while_trying("sign in to the PBX", self._connection.url) from None
            self._context.deadline.pause(self._context.deadline.backoff(attempt), "the PBX did not answer a sign-in")

    def _refuse_to_repeat(self) -> None:
        store, connection = self._context.store, self._connection
        known = store.get("refused", connection.key)
        if known:
            raise _REMEMBERED[known["kind"]](
                f"{known['said']}; not sent again in this run",
                tried="sign in to the PBX",
                target=connection.url,
                remedy=known["remedy"],
                code=known["code"],
            )

    def _remember(self, error: M365Error) -> None:
        value = {"kind": error.kind, "said": error.message, "remedy": error.remedy, "code": error.code}
        self._context.store.put("refused", self._connection.key, value)


def _judges_nothing(reply: Reply) -> bool:
    """Whether an answer is cut off, or a failure without a reason: the services of the PBX restart, or the line is bad."""
    if isinstance(reply.json(), dict):
        return False
    return reply.status == 404 or (not reply.is_page and (reply.status == 200 or reply.status >= 500))


def _is_token(value: Any) -> bool:
    """Whether it can stand in a header; anything else that a PBX sends is no token."""
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable() and " " not in value
