# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a sign-in with Microsoft would work, asked without a credential and without a browser.

Entra's authorize endpoint checks application, tenant, redirect URI and response type before it looks for a user. With
``prompt=none`` and no session it then answers AADSTS50058, "nobody is signed in" (documented): everything before it is
right. Errors stand in a page while the redirect URI is not trusted, and in the redirect afterwards (OAuth 2.0).
Consent is checked only once there is a user, so a missing one shows here only where Entra chooses to say it first.
"""

from __future__ import annotations

import html
import re
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

from .._common import aadsts
from .._common.aadsts import NOBODY, Parties
from .._context import Context
from .._errors import BadAnswer, M365Error, Unhealthy, sentence_of_answer
from .._http import Reply, RetryPolicy, Transport, origin

_MESSAGE = re.compile(r"AADSTS\d{5,8}:[^\"<\r\n]*")
_PAGE_CODE = re.compile(r"\"(?:sErrorCode|iErrorCode)\"\s*:\s*\"?(\d{5,8})")

ONCE_MORE = RetryPolicy(attempts=2)


@dataclass(frozen=True)
class Verdict:
    """What one side said.

    :param verdict: one word for programs; ``would_work`` and ``reachable`` are the good ones.
    :param code: ``AADSTS50011``; empty where there is none.
    """

    ok: bool
    verdict: str
    code: str = ""
    message: str = ""
    remedy: str = ""
    trouble: M365Error | None = field(default=None, compare=False)

    @classmethod
    def unknown(cls, error: M365Error) -> Verdict:
        """Nobody could be asked, which tells nothing about the sign-in."""
        return cls(False, error.kind, "", sentence_of_answer(error), error.remedy, error)

    def as_dict(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "trouble"}


def ask_entra(
    context: Context, transport: Transport, login: str, *, tenant: str, application_id: str, redirect_uri: str
) -> Verdict:
    """Ask the authorize endpoint of a tenant.

    :param login: base URL of the cloud's sign-in service.
    """
    query = {
        "client_id": application_id,
        "redirect_uri": redirect_uri,
        "response_type": "id_token",
        "response_mode": "fragment",
        "scope": "openid profile email",
        "nonce": uuid.uuid4().hex,
        "state": uuid.uuid4().hex,
        "prompt": "none",
    }
    http = context.http("Entra", login, transport)
    try:
        reply = http.send("GET", f"/{tenant}/oauth2/v2.0/authorize", params=query, headers={"Accept": "text/html"})
    except M365Error as error:
        return Verdict.unknown(error)
    consent = f"{login}/{tenant}/adminconsent?client_id={application_id}"
    return judge(reply, redirect_uri, Parties(application_id, tenant, consent))


def judge(reply: Reply, redirect_uri: str, parties: Parties = NOBODY) -> Verdict:
    """What an answer of the authorize endpoint means. Pure."""
    text = _words(reply, redirect_uri)
    on_page = _PAGE_CODE.search(text)
    code = next(iter(aadsts.codes_in(text)), on_page.group(1) if on_page else "")
    if not code:
        return _without_code(reply)
    message = _MESSAGE.search(text)
    meaning = aadsts.TABLE.get(code)
    verdict, remedy = (meaning.verdict, parties.fill(meaning.remedy)) if meaning else ("refused", aadsts.LOOK_UP)
    description = " ".join(message.group(0).split()) if message else f"AADSTS{code}"
    return Verdict(code == aadsts.WOULD_WORK, verdict, f"AADSTS{code}", description, remedy)


def _without_code(reply: Reply) -> Verdict:
    if reply.status >= 400:
        error = BadAnswer("", service="Entra", status=reply.status)
        return Verdict(False, "unexpected", "", sentence_of_answer(error), error.remedy, error)
    # A page that asks for a user, or an answer for one who is signed in: application and redirect URI were accepted.
    return Verdict(True, "would_work", "", "Entra accepts the application and its redirect URI")


def _words(reply: Reply, redirect_uri: str) -> str:
    """Where the error stands: in the answer to the application, else in the page."""
    location = reply.headers.get("Location") or ""
    if location and origin(location) == origin(redirect_uri):
        parts = urlsplit(location)
        parameters = parse_qs(parts.fragment or parts.query)
        return " ".join(parameters.get("error_description", []) + parameters.get("error", []))
    return html.unescape(unquote_plus(location) + " " + reply.text)


def ask_pbx(context: Context, transport: Transport, address: str) -> Verdict:
    """Whether the page that Microsoft sends users back to answers over valid TLS.

    What it answers to a request without a token is documented nowhere, so anything but a failure of the server counts.
    """
    http = context.http("3CX", origin(address), transport, policy=ONCE_MORE)
    try:
        reply = http.send("GET", address, headers={"Accept": "text/html"})
        if reply.status == 404:
            # While its services restart, the front end of a PBX knows no page (observed).
            context.deadline.pause(context.deadline.backoff(1, first=4.0), "the PBX may be starting")
            reply = http.send("GET", address, headers={"Accept": "text/html"})
    except M365Error as error:
        return Verdict.unknown(error)
    if reply.status == 404:
        message = "the PBX answered 404 for the path of the redirect URI"
        return Verdict(False, "not_found", "", message, "Compare the path of the redirect URI.")
    return Verdict(True, "reachable", "", f"answered {reply.status}")


def error_of(entra: Verdict, pbx: Verdict | None) -> M365Error:
    """What to raise where a sign-in has to work: that it would not, or that nobody could be asked."""
    bad = [("Entra", entra)] if not entra.ok else []
    if pbx is not None and not pbx.ok:
        bad.append(("the PBX", pbx))
    if all(verdict.trouble is not None for _who, verdict in bad) and bad[0][1].trouble is not None:
        return bad[0][1].trouble
    clauses = "; ".join(_clause(who, verdict) for who, verdict in bad)
    remedy = " ".join(verdict.remedy for _who, verdict in bad if verdict.remedy)
    return Unhealthy(f"a sign-in with Microsoft would not work: {clauses}", code=bad[0][1].code, remedy=remedy)


def _clause(who: str, verdict: Verdict) -> str:
    """``Entra answered AADSTS50011: ...``; what is a clause already, as it is."""
    if verdict.code:
        return f"{who} answered {verdict.message}"
    return verdict.message if verdict.message.startswith(who) else f"{who} cannot be asked: {verdict.message}"
