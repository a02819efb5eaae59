# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What XAPI answers, and what the client makes of it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._errors import (
    BadAnswer,
    Blocked,
    Conflict,
    Forbidden,
    M365Error,
    NotFound,
    Rejected,
    ServiceFault,
    Unlicensed,
    Unsupported,
)
from ansible_collections.tcx.m365.plugins.module_utils._pbx.xapi import plain
from ansible_collections.tcx.m365.plugins.module_utils._pbx.xapi_errors import explain
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._pbx.fakes import jwt, reply, xapi


def warning(code: str, target: str = "Number") -> dict[str, Any]:
    detail = {"code": "", "message": f"WARNINGS.{code}", "target": target}
    return {"error": {"code": "", "message": f"{target}:\nWARNINGS.{code}", "details": [detail]}}


def said(message: str) -> dict[str, Any]:
    return {"error": {"code": "", "message": message}}


DELTA = said("The input was not valid.\n\ndelta:\nThe delta field is required.")


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (400, DELTA, Unsupported, "this release lacks a property"),
        (
            400,
            warning("XAPI.INVALID_LICENSE_TYPE", "SyncEvents"),
            Unlicensed,
            "SyncEvents: the license does not include",
        ),
        (400, warning("LICENSE_NOT_FOUND"), Unlicensed, "no license"),
        (400, warning("XAPI.ALREADY_IN_USE"), Conflict, "in use already"),
        (400, warning("XAPI.OUT_OF_THE_RANGE"), Rejected, "out of range"),
        (400, warning("NO_MORE_NUMBERS_AVAILABLE"), Rejected, "no extension number is free"),
        (400, warning("XAPI.CAPTCHA_ERROR"), Blocked, "CAPTCHA_ERROR"),
        (400, warning("XAPI.SOMETHING_NEW"), Rejected, "WARNINGS.XAPI.SOMETHING_NEW"),
        (400, said("Number:\nWARNINGS.XAPI.REQUIRED"), Rejected, "a value is required"),
        (400, said("AADSTS700016: not found"), Rejected, "AADSTS700016: not found"),
        (400, None, Rejected, "no reason was given"),
        (404, None, NotFound, "does not have it"),
        (500, None, ServiceFault, "without a reason"),
        (500, said("AADSTS65001: consent"), ServiceFault, "AADSTS65001"),
    ],
)
def test_each_refusal_has_its_kind(status: int, body: Any, kind: type[M365Error], words: str) -> None:
    error = explain(reply(status, body), "opaque")
    assert error.__class__ is kind
    assert words in error.message
    assert error.service == "3CX"
    assert error.status == status


def test_a_role_that_is_too_small_is_named() -> None:
    error = explain(reply(403), jwt(MaxRole="users"))
    assert isinstance(error, Forbidden)
    assert "the role is users" in str(error)
    assert error.as_result()["missing"] == ["system_owners"]
    assert "System Owner" in str(error)


def test_an_owner_who_is_forbidden_lacks_the_license() -> None:
    error = explain(reply(403), jwt(MaxRole="system_owners"))
    assert isinstance(error, Unlicensed)
    assert "8 simultaneous calls" in str(error)
    assert "Console Restrictions" in str(error)


def test_several_reasons_are_all_said() -> None:
    details = [
        {"code": "", "message": "WARNINGS.XAPI.REQUIRED", "target": "TenantId"},
        {"code": "", "message": "WARNINGS.XAPI.OUT_OF_THE_RANGE", "target": "StartingExtensionNumber"},
    ]
    error = explain(reply(400, {"error": {"code": "", "message": "x", "details": details}}), "")
    assert "TenantId: a value is required" in error.message
    assert "StartingExtensionNumber: the value is out of range" in error.message


def test_html_of_a_front_end_is_no_reason() -> None:
    assert "<html>" not in str(explain(reply(404, "<html>nginx</html>"), ""))


def test_a_redirect_and_a_strange_page_are_no_success() -> None:
    with pytest.raises(Rejected, match="redirected to https://elsewhere"):
        xapi(lambda *_request: (302, None, {"Location": "https://elsewhere"})).get("/Defs", "read")
    with pytest.raises(BadAnswer, match="not an answer of XAPI, but a web page"):
        xapi(lambda *_request: (200, "<html>please log in</html>")).get("/Defs", "read")


# --- the client ----------------------------------------------------------------------------------------------------------


def test_a_listing_comes_page_by_page() -> None:
    asked: list[dict[str, Any]] = []

    def script(_method: str, _path: str, request: dict[str, Any]) -> Any:
        asked.append(request["params"])
        start = request["params"]["$skip"]
        return 200, {"value": [{"Id": number} for number in range(start, min(start + 100, 230))]}

    found = list(xapi(script).entities("/Users", "list", select=("Id",)))
    assert [each["Id"] for each in found] == list(range(230))
    assert sorted(each["$skip"] for each in asked) == [0, 100, 200]
    assert all(each["$top"] == 100 for each in asked)


def test_the_pages_of_a_long_list_are_asked_for_together_and_never_more_than_four() -> None:
    together = {1: threading.Barrier(2), 3: threading.Barrier(4)}
    """Each wave by its first page: who asks for one page after the other never comes past the first barrier."""
    lock, now, most = threading.Lock(), [0], [0]

    def script(_method: str, _path: str, request: dict[str, Any]) -> Any:
        page = request["params"]["$skip"] // 100
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        if 1 <= page <= 6:
            together[1 if page < 3 else 3].wait(timeout=20)
        with lock:
            now[0] -= 1
        return 200, {"value": [{"Id": number} for number in range(page * 100, min(page * 100 + 100, 1_950))]}

    users = list(xapi(script).entities("/Users", "list", select=("Id",)))
    assert [each["Id"] for each in users] == list(range(1_950))
    assert most == [4]


def test_a_page_that_fails_ends_the_list_with_its_own_error() -> None:
    def script(_method: str, _path: str, request: dict[str, Any]) -> Any:
        start = request["params"]["$skip"]
        return (403, {"error": {"message": "no"}}) if start == 200 else (200, {"value": [{"Id": start}] * 100})

    listing = xapi(script).entities("/Users", "list the users", select=("Id",))
    with pytest.raises(Forbidden, match="list the users"):
        list(listing)


def test_what_stands_behind_the_last_page_is_not_taken() -> None:
    """A PBX whose list grew while it was read, or one that lies: a short page is the end of the list."""

    def script(_method: str, _path: str, request: dict[str, Any]) -> Any:
        start = request["params"]["$skip"]
        return 200, {"value": [{"Id": start}] * (30 if start == 100 else 100)}

    assert len(list(xapi(script).entities("/Users", "list", select=("Id",)))) == 130


def test_annotations_never_travel_back() -> None:
    seen: list[Any] = []

    def script(method: str, _path: str, request: dict[str, Any]) -> Any:
        if method == "PATCH":
            seen.append(request["body"])
            return 204, None
        return 200, {"@odata.context": "x", "AdUsers": {"SyncType@odata.type": "#Pbx", "IsEnabled": True}}

    client = xapi(script)
    found = client.get("/Microsoft365Integration", "read")
    assert found == {"AdUsers": {"IsEnabled": True}}
    client.patch("/Microsoft365Integration", {"@odata.context": "x", **found}, "write")
    assert seen == [{"AdUsers": {"IsEnabled": True}}]
    assert plain([{"@odata.id": 1, "a": 2}]) == [{"a": 2}]


def test_the_error_says_what_was_tried_and_on_what() -> None:
    with pytest.raises(Rejected) as caught:
        xapi(lambda *_request: (400, said("no"))).get("/Users", "list the users of the PBX")
    assert str(caught.value) == "Could not list the users of the PBX (https://pbx.example): 3CX answered 400: no."


def test_release_and_role_are_learned_on_the_way() -> None:
    client = xapi(lambda *_request: (200, {}, {"X-3CX-Version": "20.0.9.995"}))
    client.get("/Defs", "read")
    assert str(client.release) == "20.0.9"
    assert client.version == "20.0.9.995"
    assert client.role == "system_owners"
