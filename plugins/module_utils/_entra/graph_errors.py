# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Graph says when it refuses, by status and code; by text only where one code has several meanings.

Sources: recorded traffic of azure-cli and error bodies reported in public (documented per entry in docs/errors-entra.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import _errors as errors

_ABSENT = frozenset(("Request_ResourceNotFound", "ResourceNotFound", "Directory_ObjectNotFound"))
_BUSY = frozenset(("Directory_ConcurrencyViolation", "Error_MsaAppDoesNotExist"))
"""The directory has not finished with an earlier change of the same object; the same request works a little later."""

_REMEDIES = {
    "CredentialInvalidLifetimeAsPerAppPolicy": "The tenant's app management policy limits the lifetime of certificates; "
    "use one with a shorter lifetime, or exempt this application from the policy.",
    "CredentialTypeNotAllowedAsPerAppPolicy": "The tenant's app management policy forbids this kind of credential.",
    "KeyCredentialsInvalidEndDate": "One of the application's certificates has expired; set O(certificates_prune_expired): true.",
    "KeyCredentialsInvalidStartDate": "Check the clock of this machine and the dates of the certificate.",
    "InvalidAppIdInPath": "Check the application id.",
}
_UNEXPLAINED = "Something between here and Graph may have answered: check O(graph_endpoint) and O(proxy), and run again in some minutes."
_LOCKED = "CannotUpdateLockedServicePrincipalProperty"
_LOCKED_REMEDY = "The application locks this property of its service principals (servicePrincipalLockConfiguration)."


def fault(status: int, content: Any, headers: Mapping[str, str]) -> errors.M365Error:
    """The typed error for an answer that is not a success.

    :param content: the body as JSON, or ``None`` where it was something else.
    :param headers: of the answer, or of the item inside of a ``$batch``.
    """
    told = content.get("error") if isinstance(content, dict) else None
    told = told if isinstance(told, dict) else {}
    code = str(told.get("code") or "")
    message = str(told.get("message") or "").strip() or f"status {status} without an explanation"
    message += _particulars(told, message)
    details: dict[str, Any] = {
        "service": "Graph",
        "status": status,
        "code": code,
        "request_id": _request_id(told, headers),
    }
    return _classify(status, code, message, told, details)


def _classify(
    status: int, code: str, message: str, told: Mapping[str, Any], details: dict[str, Any]
) -> errors.M365Error:
    remedy = ""
    kind: type[errors.M365Error] = errors.Rejected
    if status == 429:
        kind = errors.Throttled
    elif status >= 500:
        kind = errors.ServiceFault
    elif status == 401:
        kind, remedy = errors.BadCredential, "Sign in again; check that the token is for this cloud's Graph."
    elif _is_lag(status, code, message, told):
        kind = errors.NotYetReplicated
    elif status == 403:
        kind = errors.Forbidden
    elif _is_absence(status, code, message):
        kind = errors.NotFound
    elif _is_duplicate(status, code, message):
        kind = errors.Conflict
    else:
        remedy = _LOCKED_REMEDY if code.startswith(_LOCKED) else _REMEDIES.get(code, "" if told else _UNEXPLAINED)
    return kind(message, remedy=remedy, **details)


def _is_lag(status: int, code: str, message: str, told: Mapping[str, Any]) -> bool:
    """Written elsewhere, not visible here yet."""
    codes = {str(detail.get("code")) for detail in _details(told)}
    return (
        code in _BUSY
        or "NoBackingApplicationObject" in codes
        # One code, many meanings: the text is all that tells these apart (observed in other tools' sources).
        or (status == 400 and message.startswith("Not a valid reference update"))
        or (status == 403 and "must in the local tenant" in message)
        or (status == 400 and "queried reference-property objects are not present" in message)
    )


def _details(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    details = told.get("details")
    return [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []


def _particulars(told: Mapping[str, Any], message: str) -> str:
    """Which property each detail is about, and what it says beyond the general sentence."""
    parts = []
    for detail in _details(told)[:10]:
        target, words = str(detail.get("target") or "").strip(), str(detail.get("message") or "").strip()
        words = "" if words in message else words
        part = ": ".join(filter(None, (target if target not in message else "", words)))
        if part:
            parts.append(part[:300])
    return f" ({'; '.join(parts)})" if parts else ""


def _is_absence(status: int, code: str, message: str) -> bool:
    """A 404 of something that is not Graph (a proxy, a wrong address) is not absence."""
    if status == 404:
        return code in _ABSENT
    return status == 400 and message.startswith("EntitlementGrant being updated or deleted is not found")


def _is_duplicate(status: int, code: str, message: str) -> bool:
    return (
        status == 409
        or code == "Request_MultipleObjectsWithSameKeyValue"
        or (status == 400 and message.startswith("Permission being assigned already exists"))
    )


def _request_id(told: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    inner = told.get("innerError")
    inside = inner.get("request-id") if isinstance(inner, dict) else ""
    return str(headers.get("request-id") or inside or "")
