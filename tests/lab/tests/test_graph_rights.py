# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may call what: every call of the table with and without the permissions that allow it, in batches as well."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tcx_lab.graph import contract, rights
from tcx_lab.graph.kit import Kit
from tcx_lab.published import NEEDS_GRAPH_DESCRIPTION

README = ("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All")
OWNED_BY = ("Application.ReadWrite.OwnedBy", "Application.Read.All", "AppRoleAssignment.ReadWrite.All")
_PUBLISHED = contract.RECORDINGS.parent / "msgraph" / "rights.json"
_NOBODY = "99999999-1111-2222-3333-444444444444"


@pytest.fixture
def kit() -> Kit:
    return Kit()


def _rows() -> list[rights.Call]:
    return sorted(rights.simulated().values(), key=lambda each: (each.path, each.method))


def _permissions() -> set[str]:
    return {name for row in _rows() for each in row.any_of for name in each if name != rights.BY_RESOURCE}


async def _status(kit: Kit, row: rights.Call) -> int:
    path = row.path.replace("{id}", _NOBODY).replace("deletedItems/application", "deletedItems/graph.application")
    path = path.replace("deletedItems/servicePrincipal", "deletedItems/graph.servicePrincipal")
    body: Any = {} if row.method in ("POST", "PATCH") else None
    return (await kit.graph(row.method, path, body)).status_code


def _judged_by_the_table() -> list[rights.Call]:
    """Without calls whose right depends on what is in the request."""
    by_request = frozenset({rights.BY_RESOURCE})
    return [
        each for each in _rows() if by_request not in each.any_of and not each.path.endswith(("addKey", "removeKey"))
    ]


@pytest.mark.parametrize("row", _judged_by_the_table(), ids=lambda row: f"{row.method} {row.path}")
async def test_only_who_may_is_not_refused(row: rights.Call, kit: Kit) -> None:
    known = {role["value"] for role in kit.resource()["appRoles"]}
    halves = {name for each in row.any_of if len(each) > 1 for name in each} - {
        name for each in row.any_of if len(each) == 1 for name in each
    }
    others = sorted((_permissions() | halves) & known - {name for e in row.any_of if len(e) == 1 for name in e})
    singles = [name for name in others if frozenset({name}) not in row.any_of]
    for name in halves & known:
        await kit.client_with(name, name=f"half {name}")
        assert await _status(kit, row) == 403, f"{name} alone"
    wrong = [name for name in singles if name not in halves]
    if wrong:
        await kit.client_with(*wrong, name="everything else")
        assert await _status(kit, row) == 403, wrong
    for each in row.any_of:
        if each <= known:
            await kit.client_with(*each, name=f"just {sorted(each)}")
            status = await _status(kit, row)
            if not any(name == rights.OWNED_BY for name in each):
                assert status != 403, sorted(each)
            assert status not in (405, 501), f"{row.method} {row.path} is not simulated"


async def test_items_of_a_batch_are_judged_one_by_one(kit: Kit) -> None:
    await kit.client_with(*README)
    items = [
        {"id": "1", "method": "GET", "url": "/applications"},
        {"id": "2", "method": "GET", "url": "/oauth2PermissionGrants"},
        {"id": "3", "method": "GET", "url": "/users"},
    ]
    found = (await kit.ok("POST", "/$batch", {"requests": items}))["responses"]
    assert {each["id"]: each["status"] for each in found} == {"1": 200, "2": 403, "3": 403}
    refused = next(each for each in found if each["id"] == "2")["body"]["error"]
    assert refused["code"] == "Authorization_RequestDenied"


async def test_app_roles_are_given_by_who_may_read_as_well(kit: Kit) -> None:
    app = await kit.application()
    principal = await kit.principal(app)
    body = {"principalId": principal["id"], "resourceId": kit.resource()["id"], "appRoleId": kit.role("User.Read.All")}
    path = f"/servicePrincipals/{principal['id']}/appRoleAssignments"
    for roles in (("AppRoleAssignment.ReadWrite.All",), ("Application.ReadWrite.All",), ("Directory.Read.All",)):
        await kit.client_with(*roles, name="half")
        await kit.refused(403, "Authorization_RequestDenied", "POST", path, body)
    await kit.client_with("AppRoleAssignment.ReadWrite.All", "Application.Read.All", name="both")
    await kit.ok("POST", path, body)


async def test_owned_by_changes_its_own_and_reads_all(kit: Kit) -> None:
    theirs = await kit.application("theirs")
    await kit.client_with(*OWNED_BY)
    mine = await kit.application("mine")
    await kit.ok("PATCH", f"/applications/{mine['id']}", {"notes": "x"})
    await kit.ok("GET", f"/applications/{theirs['id']}")
    for method, path, body in (
        ("PATCH", f"/applications/{theirs['id']}", {"notes": "x"}),
        ("DELETE", f"/applications/{theirs['id']}", None),
        ("POST", f"/applications/{theirs['id']}/addPassword", {"passwordCredential": {}}),
        ("POST", "/servicePrincipals", {"appId": theirs["appId"]}),
    ):
        await kit.refused(403, "Authorization_RequestDenied", method, path, body)
    await kit.principal(mine)
    await kit.ok("DELETE", f"/applications/{mine['id']}")
    await kit.ok("POST", f"/directory/deletedItems/{mine['id']}/restore", {})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", f"/users/{_NOBODY}"),
        ("GET", "/devices"),
        ("GET", "/auditLogs/signIns"),
        ("GET", "/domains/x/rootDomain"),
    ],
)
async def test_what_is_not_simulated_says_so(method: str, path: str, kit: Kit) -> None:
    error = await kit.refused(501, "LabNotSimulated", method, path)
    assert "does not simulate" in error["message"]


async def test_what_graph_has_not_either_is_refused_in_its_words(kit: Kit) -> None:
    error = await kit.refused(400, "BadRequest", "GET", "/nothings")
    assert error["message"] == "Resource not found for the segment 'nothings'."


@NEEDS_GRAPH_DESCRIPTION
def test_the_table_is_microsofts() -> None:
    published = {
        path: methods
        for path, methods in json.loads(_PUBLISHED.read_text(encoding="utf-8"))["paths"].items()
        if "(appid" not in path
    }
    data = rights.table()
    for key, any_of in data["calls"].items():
        method, _space, path = key.partition(" ")
        entry = published[path.lower()][method]
        if key in data["differs"]:
            assert "http" in data["differs"][key], key
            continue
        pairs = {
            frozenset((name, other.strip()))
            for name, text in entry.items()
            for group in re.findall(r"and one of ([\w.,\- ]+)", text)
            for other in group.split(",")
        }
        partners = {name for pair in pairs for name in pair}
        alone = {frozenset({name}) for name, text in entry.items() if "and one of" not in text and name not in partners}
        assert {frozenset(each.split(" + ")) for each in any_of} == pairs | alone, key
    listed = {key.lower() for key in (*data["calls"], *data["added"])}
    listed |= {f"{method} {path}".lower() for path, methods in data["elsewhere"].items() for method in methods}
    missing = {f"{method} {path}" for path, methods in published.items() for method in methods if "}}" not in path} - {
        each.replace(each.split(" ")[0], each.split(" ")[0].upper(), 1) for each in listed
    }
    assert not missing, "the lab neither simulates these calls nor says that it does not"
    for key, entry in data["added"].items():
        assert entry["source"].startswith("https://"), key
