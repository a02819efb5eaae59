# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which right each request needs, held against Microsoft's table, and what a refusal says."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra import rights
from ansible_collections.tcx.m365.plugins.module_utils._entra.graph import Answer, Call
from ansible_collections.tcx.m365.plugins.module_utils._entra.tokens import Token
from ansible_collections.tcx.m365.plugins.module_utils._errors import Forbidden

DENIED = {
    "error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges to complete the operation."}
}
FULL = ("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All")


def _token(*roles: str, **claims: Any) -> Token:
    return Token("t", 0, {"idtyp": "app", "roles": list(roles), **claims})


def _refusal(method: str, path: str, token: Token) -> Forbidden:
    error = Answer(403, DENIED, {}, (Call(method, path), token)).error
    assert isinstance(error, Forbidden)
    return error


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/applications(appId='x')?$select=id", "GET /applications/{id}"),
        ("PATCH", "/applications(uniqueName='3cx-acme')", "PATCH /applications/{id}"),
        ("POST", "/applications/1/owners/$ref", "POST /applications/{id}/owners"),
        (
            "GET",
            "/directory/deletedItems/microsoft.graph.application?$top=9",
            "GET /directory/deletedItems/application",
        ),
        ("POST", "/directory/deletedItems/1/restore", "POST /directory/deletedItems/{id}/restore"),
        ("GET", "/groups/1/transitiveMembers/microsoft.graph.user?$count=true", "GET /groups/{id}/transitiveMembers"),
        ("PUT", "/applications/1", ""),
    ],
)
def test_a_request_finds_its_right(method: str, path: str, name: str) -> None:
    assert rights.request_of(method, path) == name


@pytest.mark.parametrize(
    ("method", "path", "token", "missing", "words"),
    [
        (
            "POST",
            "/servicePrincipals/1/appRoleAssignments",
            _token(FULL[0]),
            [FULL[1]],
            "Give the automation's application",
        ),
        (
            "PATCH",
            "/applications/1",
            _token("Application.ReadWrite.OwnedBy"),
            ["Application.ReadWrite.All"],
            "an owner of this application",
        ),
        ("PATCH", "/applications/1", _token(*FULL), [], "for another reason"),
        ("GET", "/users?$top=1", _token(*FULL), list(rights.READ_USERS), "User.Read.All"),
        ("POST", "/directory/deletedItems/1/restore", _token(*FULL), [], "Application Administrator"),
        ("PATCH", "/applications/1", Token("t", 0, {"scp": "x"}), [], "Microsoft Entra role"),
    ],
)
def test_a_refusal_says_step_target_and_the_way_on(
    method: str, path: str, token: Token, missing: list[str], words: str
) -> None:
    error = _refusal(method, path, token)
    assert error.missing == missing
    assert error.tried
    assert error.target == path.partition("?")[0]
    assert words in error.remedy
    assert "Insufficient privileges" in str(error)


def test_who_knows_the_step_better_says_it() -> None:
    error = _refusal("PATCH", "/applications/1", _token(*FULL))
    assert error.while_trying("change the application 3cx-acme").tried == "change the application 3cx-acme"
    assert error.while_trying("something else", "x").tried == "change the application 3cx-acme"


@pytest.mark.parametrize(
    ("roles", "any_of", "missing"),
    [
        (FULL, rights.GRANT_APPLICATION_PERMISSIONS, []),
        (FULL[:1], rights.GRANT_APPLICATION_PERMISSIONS, ["AppRoleAssignment.ReadWrite.All"]),
        ((), rights.GRANT_APPLICATION_PERMISSIONS, ["AppRoleAssignment.ReadWrite.All + Application.Read.All"]),
        (("Directory.Read.All",), rights.ADD_OWNERS[:1], ["Application.ReadWrite.All"]),
        ((), rights.WRITE_APPLICATIONS, ["Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"]),
    ],
)
def test_what_is_lacking(roles: tuple[str, ...], any_of: tuple[str, ...], missing: list[str]) -> None:
    assert rights.lacking(_token(*roles), any_of) == missing
