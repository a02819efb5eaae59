# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""What Entra says when it gives no token, by the numbers in ``error_codes``, never by the text.

Sources: bodies of the token endpoint as reported in public; each number is documented in Microsoft's list of AADSTS codes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._errors import BadCredential, Blocked, M365Error, ServiceFault
from ansible_collections.tcx.m365.plugins.module_utils._http import Reply

_EXPIRED = "Make a new client secret for the automation's app, or use a certificate."
_CONSENT = (
    "Check client_id and tenant_id. In a customer's tenant the automation's app needs admin consent first: "
    "open <login>/<tenant>/adminconsent?client_id=<client_id> as an administrator of that tenant."
)
_FEDERATION = "Compare issuer, subject and audience of the token with the federated credential of the automation's app."
_CLOCK = "Check the clock of this machine."
_TENANT = "Check tenant_id, and that the cloud is the one the tenant lives in."

_MEANINGS: dict[int, tuple[type[M365Error], str]] = {
    7000215: (
        BadCredential,
        "Give the value of the client secret, not its id; check that it belongs to this client_id.",
    ),
    7000222: (BadCredential, _EXPIRED),
    7000218: (BadCredential, "Give client_secret, certificate_path or federated_token_file."),
    700016: (BadCredential, _CONSENT),
    7000229: (BadCredential, _CONSENT),
    65001: (BadCredential, _CONSENT),
    700027: (BadCredential, "Add this certificate to the automation's app, or sign in with one that is there."),
    700024: (BadCredential, _CLOCK),
    700021: (BadCredential, _CLOCK),
    70021: (BadCredential, _FEDERATION),
    700211: (BadCredential, _FEDERATION),
    700212: (BadCredential, _FEDERATION),
    700213: (BadCredential, _FEDERATION),
    90002: (BadCredential, _TENANT),
    900023: (BadCredential, _TENANT),
    90038: (BadCredential, "The tenant lives in another cloud: set cloud."),
    500011: (BadCredential, "The tenant does not know this Graph address: check cloud and graph_endpoint."),
    53003: (
        Blocked,
        "A Conditional Access policy for workload identities blocks this address or this app; see the sign-in log.",
    ),
    7000112: (Blocked, "The automation's app is disabled in this tenant; enable its service principal."),
    7000110: (Blocked, "The automation's app is disabled in this tenant; enable its service principal."),
    90033: (ServiceFault, ""),
    90051: (ServiceFault, ""),
}

_TRAILER = re.compile(r"[\s.]*Trace ID: .*", re.DOTALL)
_NUMBER = re.compile(r"AADSTS(\d+)")


def of_token(result: Mapping[str, Any], reply: Reply | None, service: str = "Entra") -> M365Error:
    """The error for a token endpoint's answer without a token."""
    text = str(result.get("error_description") or result.get("error") or "no token and no reason")
    if text == "None, None" and reply is not None:
        # msal looks for other names than this platform's in the refusal of a managed identity (msal source, 1.39).
        answer = reply.json()
        found = answer.get("error_description") or answer.get("error") if isinstance(answer, dict) else None
        text = str(found or "no token and no reason")
    number = _number(result, text)
    kind, remedy = _MEANINGS.get(number, (BadCredential, ""))
    if str(result.get("error")) == "temporarily_unavailable":
        kind = ServiceFault
    return kind(
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
        remedy="Something between here and the service may have answered: check authority_host and any proxy, and run again.",
    )


def of_discovery(reply: Reply | None, error: Exception) -> M365Error:
    """The error for an authority that msal could not read."""
    answer = reply.json() if reply is not None else None
    if isinstance(answer, dict) and answer.get("error"):
        return of_token(answer, reply)
    return BadCredential(
        f"the authority does not describe itself as one: {str(error).splitlines()[0][:200]}",
        service="Entra" if reply is not None else "",
        status=reply.status if reply is not None else None,
        remedy="Check authority_host, tenant_id and any proxy in between.",
    )


def is_final(error: M365Error) -> bool:
    """Whether asking again in the same run would only be refused again."""
    return isinstance(error, (BadCredential, Blocked))


def remember(error: M365Error) -> dict[str, Any]:
    """A refusal as plain data for the other tasks of the run."""
    return {
        "blocked": isinstance(error, Blocked),
        "said": error.said,
        "remedy": error.remedy,
        "service": error.service,
        "status": error.status,
        "code": error.code,
        "request_id": error.request_id,
        "tried": error.tried,
        "target": error.target,
    }


def again(remembered: Mapping[str, Any]) -> M365Error:
    """The same refusal for the next task, which did not ask again."""
    details = {name: value for name, value in remembered.items() if name not in ("blocked", "said", "remedy")}
    kind = Blocked if remembered["blocked"] else BadCredential
    remedy = f"{remembered['remedy']} It was refused earlier in this run and is not tried again.".strip()
    return kind(remembered["said"], remedy=remedy, **details)


def _number(result: Mapping[str, Any], text: str) -> int:
    codes = result.get("error_codes")
    if isinstance(codes, list) and codes and str(codes[0]).isdigit():
        return int(codes[0])
    found = _NUMBER.search(text)
    return int(found.group(1)) if found else 0
