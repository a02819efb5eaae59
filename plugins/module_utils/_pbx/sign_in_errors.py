# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the answers to a refused sign-in mean, in plain words.

The bodies of these answers are documented nowhere: status and the OAuth ``error`` are what clients of live PBXs rely on
(observed), everything else in here looks for words that would say it (inferred) and otherwise names all likely causes.
"""

from __future__ import annotations

from typing import Any

from .. import _errors as errors
from .._http import Reply
from .connection import SERVICE

LICENSE_REMEDY = (
    "XAPI for service principals needs an Enterprise license of 8 simultaneous calls or more; without it give an "
    "administrator's O(username) and O(password) instead of O(client_id) and O(client_secret)."
)
CLIENT_REMEDY = (
    "Compare O(client_id) and O(client_secret) with Admin Console > Integrations > API; a secret is shown only once, when it "
    "is made. It was tried once and will not be tried again in this run, because 3CX blocks addresses after a few failures."
)
LOGIN_REMEDY = (
    "Check O(username) and O(password) at the PBX's login page. They were tried once and will not be tried again in this run, "
    "because 3CX blocks addresses after a few failures."
)
UNEXPECTED_REMEDY = (
    "Check O(url): it must be the address of the PBX itself. Run again in some minutes, and look in its event log (Admin "
    "Console > Dashboard > Event Log)."
)
BLOCKED_REMEDY = (
    "Look in Admin Console > Security > IP Blacklist for this controller's address and allow it; check Console Restrictions "
    "(only listed addresses may administer); then run again."
)
CAPTCHA_REMEDY = (
    "A scripted login cannot solve a reCAPTCHA: use a service principal (O(client_id), O(client_secret)), or switch reCAPTCHA off "
    "in Admin Console > Integrations > Google."
)


def page_answered(reply: Reply) -> errors.M365Error:
    """The error for a page in place of a token. With 401 or 403 a page counts as a refusal, so that it is not tried again."""
    return errors.BadAnswer(
        f"a web page answered the sign-in (status {reply.status}); the credential was not judged",
        service=SERVICE,
        status=reply.status,
        remedy="A firewall, a proxy or a login page between here and the PBX may have answered: check O(url) and O(proxy).",
    )


def refused_client(reply: Reply) -> errors.M365Error:
    """``POST /connect/token`` of a service principal was not answered with a token."""
    code, words = _oauth(reply)
    reason = words or code or "no reason was given"
    details: dict[str, Any] = {"service": SERVICE, "status": reply.status, "code": code}
    if reply.is_page and reply.status == 200:
        return page_answered(reply)
    if reply.status in (404, 405):
        return errors.Unsupported(
            "there is no token endpoint at this address",
            remedy="The address must be that of a 3CX V20 (20.0.5 or later); V18 and older have no XAPI.",
            **details,
        )
    known = _known_client(code, reason, details)
    if known is not None:
        return known
    if reply.status == 403:
        return errors.Blocked(f"this address may not sign in ({reason})", remedy=BLOCKED_REMEDY, **details)
    if reply.status in (400, 401):
        return errors.BadCredential(
            f"O(client_id) and O(client_secret) were refused ({reason})", remedy=CLIENT_REMEDY, **details
        )
    return _not_judged(reason, details)


def _not_judged(reason: str, details: dict[str, Any]) -> errors.M365Error:
    """The credential was neither taken nor refused."""
    if details["status"] >= 500:
        return errors.ServiceFault(reason, **details)
    if details["status"] == 200:
        return errors.BadAnswer("the answer to the sign-in holds no token that can be used", **details)
    return errors.Rejected(f"unexpected answer to a token request: {reason}", remedy=UNEXPECTED_REMEDY, **details)


def _known_client(code: str, reason: str, details: dict[str, Any]) -> errors.M365Error | None:
    """The secret is right, and the client still gets no token."""
    if "licen" in reason.lower():
        return errors.Unlicensed(reason, remedy=LICENSE_REMEDY, **details)
    if code == "unauthorized_client":
        remedy = "Tick 3CX Configuration API Access in Admin Console > Integrations > API. " + LICENSE_REMEDY
        return errors.Forbidden(reason, remedy=remedy, **details)
    if code == "invalid_grant" and "active" in reason.lower():
        remedy = (
            "3CX honors one access token per client, and this PBX gives no other before it expires: a run of yours within the "
            "last hour may hold it, so run again later. If it is another program's, give the automation a service principal "
            "of its own."
        )
        return errors.Conflict(f"the access token of this client is in use: {reason}", remedy=remedy, **details)
    return None


def refused_administrator(reply: Reply, with_code: bool) -> errors.M365Error:
    """``POST /webclient/api/Login/GetAccessToken`` was not answered with ``AuthSuccess``."""
    content = reply.json()
    text = reply.text.lower()
    details: dict[str, Any] = {"service": SERVICE, "status": reply.status}
    if "captcha" in text:
        return errors.Blocked("the login asks for a reCAPTCHA", remedy=CAPTCHA_REMEDY, **details)
    if reply.status == 404:
        return errors.Unsupported(
            "there is no V20 login at this address", remedy="The address must be that of a 3CX V20.", **details
        )
    if reply.status == 403:
        return errors.Blocked("this address may not sign in", remedy=BLOCKED_REMEDY, **details)
    if reply.status == 200 and isinstance(content, dict) and content.get("Status") and "fail" not in text:
        return _second_factor(str(content["Status"]), with_code, details)
    if "security_code" in text:
        return _second_factor("INVALID_SECURITY_CODE", with_code, details)
    refused = errors.BadCredential("username and password were refused", remedy=LOGIN_REMEDY, **details)
    return page_answered(reply) if reply.is_page and reply.status == 200 else refused


def _second_factor(status: str, with_code: bool, details: dict[str, Any]) -> errors.M365Error:
    if with_code:
        return errors.BadCredential(
            "the password is right, the security code was refused",
            code=status,
            remedy="A code is valid for 30 seconds and can be used once. Check the clock of this machine, or give the base32 secret.",
            **details,
        )
    return errors.BadCredential(
        "the password is right, and the account needs a second factor",
        code=status,
        remedy="Give O(security_code): the code of the moment, or the base32 secret that makes it.",
        **details,
    )


def _oauth(reply: Reply) -> tuple[str, str]:
    """``error`` and ``error_description`` of an OAuth refusal; empty where the body says nothing."""
    content = reply.json()
    if not isinstance(content, dict):
        return "", ""
    error = content.get("error")
    if isinstance(error, dict):
        return str(error.get("code") or ""), str(error.get("message") or "")
    return str(error or ""), str(content.get("error_description") or "")
