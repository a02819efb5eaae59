# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Entra says when it gives no token, by the numbers in ``error_codes``, never by the text.

Sources: bodies of the token endpoint as reported in public; each number is documented in Microsoft's list of AADSTS codes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._common import aadsts
from .._errors import BadCredential, Blocked, M365Error, ServiceFault
from .._http import Reply

_BLOCKED = frozenset((aadsts.BLOCKED, aadsts.DISABLED, "assignment_required"))
"""Verdicts of :mod:`aadsts` that no other credential would change."""

_TRAILER = re.compile(r"[\s.]*Trace ID: .*", re.DOTALL)


def of_token(
    result: Mapping[str, Any], reply: Reply | None, service: str = "Entra", *, tenant: str = "", consent_url: str = ""
) -> M365Error:
    """The error for a token endpoint's answer without a token.

    :param consent_url: where an administrator of the tenant consents to the application that signs in.
    """
    text = str(result.get("error_description") or result.get("error") or "no token and no reason")
    if text == "None, None" and reply is not None:
        # msal looks for other names than this platform's in the refusal of a managed identity (msal source, 1.39).
        answer = reply.json()
        words = answer.get("error_description") or answer.get("error") if isinstance(answer, dict) else None
        text = str(words or "no token and no reason")
    number = _number(result, text)
    meaning = aadsts.TABLE.get(number)
    remedy = aadsts.remedy_for_caller(number, tenant=tenant, consent_url=consent_url)
    return _kind(meaning, str(result.get("error")))(
        _TRAILER.sub("", text).strip()[:600],
        remedy=remedy,
        service=service,
        status=reply.status if reply else None,
        code=f"AADSTS{number}" if number else str(result.get("error", "")),
        request_id=str(result.get("trace_id") or ""),
    )


def not_json(reply: Reply, service: str, expected: str = "") -> M365Error:
    """The error for an answer that is not what a sign-in service gives. Nothing of it is shown: it may hold a token."""
    kind = (reply.headers.get("Content-Type") or "").split(";")[0].strip() or "no content type"
    size = f"{len(reply.body)} bytes of {kind}" if reply.body else "an empty body"
    return ServiceFault(
        expected or f"the answer is not the JSON of a sign-in service ({size})",
        service=service,
        status=reply.status,
        request_id=reply.headers.get("x-ms-request-id") or "",
        remedy="Something between here and the service may have answered: check O(authority_host) and any proxy, and run again.",
    )


def _kind(meaning: aadsts.Meaning | None, error: str) -> type[M365Error]:
    if error == "temporarily_unavailable" or (meaning is not None and meaning.verdict == "temporary"):
        return ServiceFault
    return Blocked if meaning is not None and meaning.verdict in _BLOCKED else BadCredential


def of_discovery(reply: Reply | None, error: Exception, *, tenant: str = "", consent_url: str = "") -> M365Error:
    """The error for an authority that msal could not read."""
    answer = reply.json() if reply is not None else None
    if isinstance(answer, dict) and answer.get("error"):
        return of_token(answer, reply, tenant=tenant, consent_url=consent_url)
    return BadCredential(
        f"the authority does not describe itself as one: {str(error).splitlines()[0][:200]}",
        service="Entra" if reply is not None else "",
        status=reply.status if reply is not None else None,
        remedy="Check O(authority_host), O(tenant_id) and any proxy in between.",
    )


def is_final(error: M365Error) -> bool:
    """Whether asking again in the same run would only be refused again."""
    return isinstance(error, (BadCredential, Blocked))


def remember(error: M365Error) -> dict[str, Any]:
    """A refusal as plain data for the other tasks of the run."""
    names = ("remedy", "service", "status", "code", "request_id", "tried", "target")
    values = {name: getattr(error, name) for name in names}
    return {"blocked": isinstance(error, Blocked), "said": error.message, **values}


def again(remembered: Mapping[str, Any]) -> M365Error:
    """The same refusal for the next task, which did not ask again."""
    details = {name: value for name, value in remembered.items() if name not in ("blocked", "said", "remedy")}
    kind = Blocked if remembered["blocked"] else BadCredential
    remedy = f"{remembered['remedy']} It was refused earlier in this run and is not tried again.".strip()
    return kind(remembered["said"], remedy=remedy, **details)


def _number(result: Mapping[str, Any], text: str) -> str:
    codes = result.get("error_codes")
    if isinstance(codes, list) and codes and str(codes[0]).isdigit():
        return str(codes[0])
    return next(iter(aadsts.codes_in(text)), "")
