# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Graph and Entra say, and the typed error that becomes of it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra import sign_in_errors
from ansible_collections.tcx.m365.plugins.module_utils._entra.graph_errors import fault
from ansible_collections.tcx.m365.plugins.module_utils._errors import (
    BadCredential,
    Blocked,
    Conflict,
    Forbidden,
    M365Error,
    NotFound,
    NotYetReplicated,
    Rejected,
    ServiceFault,
    Throttled,
)
from ansible_collections.tcx.m365.plugins.module_utils._http import Reply

REFERENCE = "Resource 'x' does not exist or one of its queried reference-property objects are not present."
LOCAL = "When using this permission, the backing application of the service principal being created must in the local tenant"

GRAPH = [
    (404, "Request_ResourceNotFound", REFERENCE, NotFound),
    (404, "", "", Rejected),
    (404, "BadRequest", "Resource not found for the segment 'x'.", Rejected),
    (400, "Request_BadRequest", REFERENCE, NotYetReplicated),
    (400, "Request_BadRequest", "Not a valid reference update.", NotYetReplicated),
    (403, "Authorization_RequestDenied", LOCAL, NotYetReplicated),
    (409, "Directory_ConcurrencyViolation", "x", NotYetReplicated),
    (409, "Error_MsaAppDoesNotExist", "x", NotYetReplicated),
    (403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.", Forbidden),
    (409, "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists.", Conflict),
    (400, "Request_MultipleObjectsWithSameKeyValue", "EntitlementGrant entry already exists.", Conflict),
    (400, "Request_BadRequest", "Permission being assigned already exists on the object", Conflict),
    (400, "Request_BadRequest", "EntitlementGrant being updated or deleted is not found.", NotFound),
    (400, "Request_BadRequest", "Permission being assigned was not found on application", Rejected),
    (400, "KeyCredentialsInvalidEndDate", "Key credential end date is invalid.", Rejected),
    (401, "InvalidAuthenticationToken", "Access token has expired.", BadCredential),
    (429, "TooManyRequests", "", Throttled),
    (503, "", "", ServiceFault),
]


@pytest.mark.parametrize(("status", "code", "message", "kind"), GRAPH)
def test_graph(status: int, code: str, message: str, kind: type[M365Error]) -> None:
    content = {"error": {"code": code, "message": message, "innerError": {"request-id": "r1"}}} if code else None
    error = fault(status, content, {})
    assert error.__class__ is kind
    assert (error.status, error.code) == (status, code)
    assert error.request_id == ("r1" if code else "")


def test_a_missing_backing_application_is_told_by_its_detail() -> None:
    body = {
        "error": {"code": "Request_BadRequest", "message": "x", "details": [{"code": "NoBackingApplicationObject"}]}
    }
    assert isinstance(fault(400, body, {}), NotYetReplicated)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("CredentialInvalidLifetimeAsPerAppPolicy", "shorter lifetime"),
        ("KeyCredentialsInvalidEndDate", "certificates_prune_expired"),
        ("CannotUpdateLockedServicePrincipalProperty", "servicePrincipalLockConfiguration"),
        ("CannotUpdateLockedServicePrincipalPropertyWithEnforcementScope", "servicePrincipalLockConfiguration"),
    ],
)
def test_graph_refusals_say_what_to_do(code: str, remedy: str) -> None:
    error = fault(400, {"error": {"code": code, "message": "No."}}, {"request-id": "outer"})
    assert remedy in str(error)
    assert "request id outer" in str(error)


ENTRA = [
    (7000215, BadCredential, "not its ID"),
    (7000222, BadCredential, "new client secret"),
    (700016, BadCredential, "open https://login.example/t/adminconsent?client_id=c"),
    (700027, BadCredential, "Add this certificate"),
    (7000218, BadCredential, "certificate_path"),
    (700024, BadCredential, "clock"),
    (700213, BadCredential, "subject"),
    (90002, BadCredential, "tenant_id"),
    (53003, Blocked, "Conditional Access"),
    (7000112, Blocked, "Enabled for users to sign in"),
    (7000110, BadCredential, "check that client_id"),
    (50105, Blocked, "requires assignment"),
    (500133, BadCredential, "NTP"),
    (90051, BadCredential, "set cloud"),
    (90033, ServiceFault, ""),
    (123456, BadCredential, ""),
]


def _body(code: int, separator: str = "\r\n") -> dict[str, Any]:
    text = separator.join(
        (f"AADSTS{code}: No.", "Trace ID: t1", "Correlation ID: c1", "Timestamp: 2026-11-22 10:00:00Z")
    )
    return {"error": "invalid_client", "error_description": text, "error_codes": [code], "trace_id": "t1"}


@pytest.mark.parametrize("separator", ["\r\n", " "])
@pytest.mark.parametrize(("code", "kind", "remedy"), ENTRA)
def test_entra(code: int, kind: type[M365Error], remedy: str, separator: str) -> None:
    error = sign_in_errors.of_token(
        _body(code, separator),
        Reply("POST", "", 401, {}, b""),
        tenant="t",
        consent_url="https://login.example/t/adminconsent?client_id=c",
    )
    assert error.__class__ is kind
    assert (error.code, error.status, error.request_id) == (f"AADSTS{code}", 401, "t1")
    assert remedy in str(error)
    assert "Trace ID" not in str(error)
    assert str(error).count(f"AADSTS{code}") == 1


def test_the_number_counts_not_the_text() -> None:
    body = {**_body(7000222), "error_description": "Something translated."}
    assert "new client secret" in str(sign_in_errors.of_token(body, None))
    assert sign_in_errors.of_token({"error": "temporarily_unavailable"}, None).kind == "service_fault"


def test_a_refusal_is_remembered_with_its_words_and_what_to_do() -> None:
    first = sign_in_errors.of_token(_body(7000215), None).while_trying("sign in to Entra", "tenant x")
    second = sign_in_errors.again(sign_in_errors.remember(first))
    assert type(second) is type(first)
    assert (second.message, second.code, second.target) == (first.message, first.code, "tenant x")
    assert "not tried again" in str(second)
    assert isinstance(
        sign_in_errors.again(sign_in_errors.remember(sign_in_errors.of_token(_body(53003), None))), Blocked
    )


def test_an_authority_that_is_none() -> None:
    html = Reply("GET", "", 200, {}, b"<html>proxy</html>")
    assert "does not describe itself" in str(sign_in_errors.of_discovery(html, ValueError("no json\nmore")))
    known = Reply("GET", "", 400, {}, b'{"error": "invalid_tenant", "error_codes": [90002], "error_description": "x"}')
    assert sign_in_errors.of_discovery(known, ValueError("x")).code == "AADSTS90002"
