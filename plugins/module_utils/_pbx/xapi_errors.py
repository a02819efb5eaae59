# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What XAPI's refusals mean: from status and body to one of our typed errors.

Observed on live PBXs: ``error.code`` is empty in every refusal, the reason is a ``WARNINGS.`` word in ``details`` or in the
message; 401 and 403 have empty bodies; a property that the release lacks gives a 400 about a field called "delta"; an enum
word or date it cannot read gives an empty 500; the front-end answers HTML when it gives up after 60 seconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .. import _errors as errors
from .._common import jwt
from .._common.text import without_login
from .._http import Reply
from .connection import SERVICE
from .sign_in_errors import LICENSE_REMEDY

OWNER_ROLES = ("system_owners",)
"""The role that is sure to be enough; what the integration needs exactly is documented nowhere."""

_TITLE = re.compile(r"<title[^>]{0,100}>([^<]{1,200})", re.IGNORECASE)
_WARNING = re.compile(r"WARNINGS\.[A-Z0-9_.]+")

_MEANINGS: dict[str, tuple[type[errors.M365Error], str]] = {
    "WARNINGS.XAPI.INVALID_LICENSE_TYPE": (errors.Unlicensed, "the license does not include this"),
    "WARNINGS.LICENSE_NOT_FOUND": (errors.Unlicensed, "the PBX has no license"),
    "WARNINGS.LIMIT_REACHED": (errors.Unlicensed, "a limit of the license is reached"),
    "WARNINGS.NO_MORE_NUMBERS_AVAILABLE": (
        errors.Rejected,
        "no extension number is free from the starting extension on",
    ),
    "WARNINGS.XAPI.OUT_OF_THE_RANGE": (errors.Rejected, "the value is out of range"),
    "WARNINGS.XAPI.CAN_NOT_BE_EMPTY_STRING": (errors.Rejected, "the value must not be empty"),
    "WARNINGS.XAPI.REQUIRED": (errors.Rejected, "a value is required"),
    "WARNINGS.XAPI.NOT_FOUND": (errors.NotFound, "there is no such object"),
    "WARNINGS.XAPI.NON_EXISTENT_EXT_NUMBER": (errors.NotFound, "there is no such extension"),
    "WARNINGS.XAPI.DUPLICATE": (errors.Conflict, "it exists already"),
    "WARNINGS.XAPI.ALREADY_IN_USE": (errors.Conflict, "the value is in use already"),
    "WARNINGS.XAPI.FORBIDDEN_CHANGE": (errors.Rejected, "this cannot be changed"),
    "WARNINGS.XAPI.NOT_SUPPORTED": (errors.Unsupported, "the PBX does not support this"),
    "WARNINGS.XAPI.MCM_MODE_REQUIRED": (errors.Unsupported, "this needs multi-company mode"),
    "WARNINGS.XAPI.INVALID_CREDENTIALS": (errors.Rejected, "the credentials in the settings were refused"),
    "WARNINGS.XAPI.TOO_MANY_ITEMS_IN_LIST": (errors.Rejected, "the list is too long"),
    "WARNINGS.XAPI.NO_USERS_IN_TEAMS": (errors.Rejected, "no user is licensed for Teams"),
    "WARNINGS.XAPI.SBC_CERT_FQDN_MISMATCH": (errors.Rejected, "the SBC certificate is not for the SBC FQDN"),
    "WARNINGS.XAPI.SBC_CERT_EXPIRED": (errors.Rejected, "the SBC certificate has expired"),
    "WARNINGS.XAPI.SBC_KEY_CERT_MISMATCH": (errors.Rejected, "the private key does not belong to the SBC certificate"),
    "WARNINGS.XAPI.CERTIFICATE_EXPIRED": (errors.Rejected, "the certificate has expired"),
}
"""Documented words of the enum ``Pbx.Warnings`` that this collection can meet, and what they mean."""


@dataclass(frozen=True)
class Refusal:
    """What is in the body of a refusal."""

    message: str
    words: list[tuple[str, str]]
    """(field, ``WARNINGS.`` word) of each reason; the field may be empty."""


def refusal_in(reply: Reply) -> Refusal:
    """Read a refusal; tolerant of empty bodies and of HTML."""
    content = reply.json()
    error = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict):
        return Refusal("", [])
    message = str(error.get("message") or "")
    words = []
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if not isinstance(detail, dict):
            continue
        target = str(detail.get("target") or "")
        words += [(target, word) for word in _WARNING.findall(str(detail.get("message") or ""))]
    if not words:
        words = [("", word) for word in _WARNING.findall(message)]
    return Refusal(message, words)


def without_reason(reply: Reply) -> bool:
    """Whether an answer says nothing about what was asked: it is empty, or a page of a web server."""
    refusal = refusal_in(reply)
    return not refusal.message and not refusal.words


def not_xapi(reply: Reply) -> errors.M365Error:
    """The error for an answer that something else than XAPI has given: a firewall, a proxy, a web server, a login page."""
    title = _TITLE.search(reply.text[:20_000]) if reply.is_page else None
    what = (
        "a web page"
        if reply.is_page
        else f"{len(reply.body)} bytes that are no JSON"
        if reply.body
        else "nothing at all"
    )
    if title and title.group(1).strip():
        what += f" ({' '.join(title.group(1).split())[:80]!r})"
    return errors.BadAnswer(
        f"this is not an answer of XAPI, but {what}",
        service=SERVICE,
        status=reply.status,
        remedy="A firewall, a proxy or a web server between here and the PBX may have answered, or the PBX is starting: check "
        "O(url) and O(proxy), and run again in some minutes.",
    )


OUSTED = "the access token is refused although it is new"
"""Somebody else has signed in to the PBX in the same name meanwhile."""


def explain(reply: Reply, access: str, *, served: bool = False) -> errors.M365Error:
    """The error that an answer of XAPI means.

    :param access: the token it was asked with; its claims tell a missing role from a missing license.
    :param served: the PBX has answered another request with this very token, so neither token nor license are at fault.
    """
    refusal = refusal_in(reply)
    if reply.is_page and 400 <= reply.status < 500:
        return not_xapi(reply)
    details: dict[str, Any] = {"service": SERVICE, "status": reply.status}
    if refusal.words:
        return _warned(refusal, details)
    if reply.status == 401:
        return errors.BadCredential(
            OUSTED,
            remedy="Another program may be using the same client id (3CX honors one token per client): give the automation "
            "its own, or run again.",
            **details,
        )
    if reply.status == 403:
        return _forbidden(refusal, access, details, served)
    return _other(reply, refusal, details)


def _other(reply: Reply, refusal: Refusal, details: dict[str, Any]) -> errors.M365Error:
    if reply.status == 404:
        message = refusal.message or "the PBX does not have it: its release lacks it, or its services are starting"
        return errors.NotFound(message, remedy="Run again in some minutes; where it stays, update the PBX.", **details)
    if reply.status in (409, 412):
        return errors.Conflict(refusal.message or "no reason was given", **details)
    if reply.status < 400:
        where = without_login(reply.headers.get("Location") or "another place")[:200]
        return errors.Rejected(
            f"redirected to {where}, which is not followed",
            remedy="Give that address as O(url), if it is the PBX.",
            **details,
        )
    if reply.status >= 500:
        return errors.ServiceFault(
            refusal.message or f"the PBX failed without a reason ({reply.status}, empty)", **details
        )
    return _rejected(refusal, details)


def _rejected(refusal: Refusal, details: dict[str, Any]) -> errors.M365Error:
    if "delta" in refusal.message:
        return errors.Unsupported(
            "the request was not understood: this release lacks a property of it, or has it with another type",
            remedy="Update the PBX, or leave the newest options out.",
            **details,
        )
    remedy = (
        ""
        if refusal.message
        else "Look in the event log of the PBX (Admin Console > Dashboard > Event Log), and run again."
    )
    return errors.Rejected(refusal.message or "no reason was given", remedy=remedy, **details)


def _warned(refusal: Refusal, details: dict[str, Any]) -> errors.M365Error:
    kind, _meaning = _MEANINGS.get(refusal.words[0][1], (errors.Rejected, ""))
    parts = []
    for target, word in refusal.words:
        meaning = _MEANINGS.get(word, (errors.Rejected, ""))[1]
        parts.append(": ".join(filter(None, (target, meaning or word))) + (f" ({word})" if meaning else ""))
    if any(word == "WARNINGS.XAPI.CAPTCHA_ERROR" for _target, word in refusal.words):
        kind = errors.Blocked
    remedy = "Switch the option off, or upgrade the license of this PBX." if kind is errors.Unlicensed else ""
    return kind("; ".join(parts), code=refusal.words[0][1], remedy=remedy, **details)


def _forbidden(refusal: Refusal, access: str, details: dict[str, Any], served: bool) -> errors.M365Error:
    role = str((jwt.claims(access) or {}).get("MaxRole") or "")
    owner = (
        "Give the service principal (or the administrator) the system-wide role System Owner: Admin Console > "
        "Integrations > API > Role."
    )
    if served:
        refused = "this request is refused, although others with the same token were answered"
        return errors.Forbidden(
            refusal.message or (f"{refused}; the role is {role}" if role else refused),
            missing=list(OWNER_ROLES),
            remedy=f"{owner} Console Restrictions of the PBX, or a firewall in front of it, can refuse changes as well.",
            **details,
        )
    if role in OWNER_ROLES:
        return errors.Unlicensed(
            refusal.message or f"the role is {role}, which may do everything, and XAPI still refuses",
            remedy=LICENSE_REMEDY + " Console Restrictions that leave out this address look the same.",
            **details,
        )
    having = f"the role is {role}" if role else "the role is not enough"
    return errors.Forbidden(refusal.message or having, missing=list(OWNER_ROLES), remedy=owner, **details)
