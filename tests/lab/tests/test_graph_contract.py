# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The judge over requests to Graph: it lets pass what Microsoft's description allows, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from tcx_lab.graph import contract
from tcx_lab.graph.contract import ContractError
from tcx_lab.published import NEEDS_GRAPH_DESCRIPTION

pytestmark = NEEDS_GRAPH_DESCRIPTION

GUID = "b0ae8ca9-0f2b-4a5c-9a37-1d1b5a9c6e01"
APPLICATION = f"/applications/{GUID}"
ITEM: dict[str, Any] = {"id": "1", "method": "GET", "url": "/organization"}


@pytest.mark.parametrize(
    ("method", "path", "body", "query"),
    [
        ("POST", "/applications", {"displayName": "x", "owners@odata.bind": ["https://graph.example/v1.0/x"]}, ""),
        ("PATCH", APPLICATION, {"description": "x", "web": {"redirectUris": []}, "spa": None}, ""),
        ("PATCH", "/applications(uniqueName='3cx-acme')", {"displayName": "x"}, ""),
        ("PATCH", APPLICATION, {"addIns": [{"id": GUID, "type": "t", "properties": [{"key": "k", "value": "v"}]}]}, ""),
        ("GET", "/applications", None, "$select=id,appId,keyCredentials&$top=5&$filter=displayName%20eq%20'x'"),
        ("GET", APPLICATION, None, "$select=id,deletedDateTime"),
        ("DELETE", APPLICATION, None, ""),
        ("POST", "/$batch", {"requests": [{**ITEM, "headers": {"ConsistencyLevel": "eventual"}}]}, ""),
    ],
)
def test_allowed(method: str, path: str, body: Any, query: str) -> None:
    contract.contract().check_request(method, path, body, query)


@pytest.mark.parametrize(
    ("method", "path", "body", "query", "told"),
    [
        ("PATCH", APPLICATION, {"colour": "red"}, "", "colour"),
        ("PATCH", APPLICATION, {"description": 1}, "", "description"),
        ("PATCH", APPLICATION, {"web": {"redirects": []}}, "", "redirects"),
        ("PATCH", APPLICATION, {"web": {"implicitGrantSettings": {"enableIdTokenIssuance": "yes"}}}, "", "yes"),
        ("PATCH", APPLICATION, {"keyCredentials": [{"pem": "x"}]}, "", "pem"),
        ("POST", f"/servicePrincipals/{GUID}/appRoleAssignedTo", {"principalId": GUID}, "", "resourceId"),
        ("POST", "/applications", None, "", "a body is missing"),
        ("DELETE", APPLICATION, {}, "", "takes no body"),
        ("GET", "/applications", None, "$select=id,name", r"\$select of name"),
        ("GET", "/applications", None, "filter=id", "no query option filter"),
        ("GET", f"{APPLICATION}/colours", None, "", "not described"),
        ("PUT", APPLICATION, {}, "", "not described"),
        ("POST", "/$batch", {"requests": [{**ITEM, "id": 1}]}, "", "1 is not of type"),
    ],
)
def test_refused(method: str, path: str, body: Any, query: str, told: str) -> None:
    with pytest.raises(ContractError, match=told):
        contract.contract().check_request(method, path, body, query)


def _entry(path: str, **facts: Any) -> dict[str, Any]:
    base = {"service": "graph", "method": "GET", "status": 200, "trouble": None, "body": None, "query": ""}
    return {**base, "path": f"/v1.0{path}", **facts}


def test_a_log_is_held_without_what_the_description_leaves_out_and_what_was_never_read() -> None:
    log = [
        _entry("/organization"),
        _entry("/applications(uniqueName%3D'3cx-acme')"),
        _entry("/policies/defaultAppManagementPolicy"),
        _entry(f"{APPLICATION}/appManagementPolicies"),
        _entry("/applications", method="POST", status=0),
        _entry("/organization", service="login"),
    ]
    assert contract.hold(log) == 2
    with pytest.raises(ContractError):
        contract.hold([*log, _entry("/me/messages")])
    with pytest.raises(ContractError):
        contract.hold([{**_entry(""), "path": "/beta/applications"}])
