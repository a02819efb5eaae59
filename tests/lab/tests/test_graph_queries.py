# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""$filter, $select, $count, $orderby, paging, $batch, throttling; people, photos, subscriptions; and how fast it is."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from tcx_lab.graph import add_group, patch_user, seed
from tcx_lab.graph.kit import Kit
from tcx_lab.graph.odata import parse_filter
from tcx_lab.requestlog import LogEntry

EVENTUAL = {"ConsistencyLevel": "eventual"}


@pytest.fixture
def kit() -> Kit:
    return Kit()


def _names(body: dict[str, Any]) -> list[str]:
    return [each["displayName"] for each in body["value"]]


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        ("displayName eq 'Alpha''s'", ["Alpha's"]),
        ("displayName eq 'alpha''s'", ["Alpha's"]),
        ("startswith(displayName,'B')", ["Beta", "Brav"]),
        ("startsWith(displayName, 'B') and tags/any(t:t eq 'two')", ["Brav"]),
        ("identifierUris/any(s:s eq 'api://beta.contoso.example')", ["Beta"]),
        ("displayName in ('Beta','Brav')", ["Beta", "Brav"]),
        ("(displayName eq 'Beta') or (displayName eq 'Brav')", ["Beta", "Brav"]),
        ("tags/any(t:startswith(t,'tw'))", ["Brav"]),
    ],
)
async def test_filters(kit: Kit, clause: str, found: list[str]) -> None:
    await kit.application("Alpha's")
    await kit.application("Beta", identifierUris=["api://beta.contoso.example"])
    await kit.application("Brav", tags=["one", "two"])
    answer = await kit.graph("GET", f"/applications?$filter={httpx.QueryParams({'f': clause})!s}".replace("=f=", "="))
    assert answer.status_code == 200, answer.text
    assert sorted(_names(answer.json())) == sorted(found)


@pytest.mark.parametrize(
    "clause",
    [
        "displayName ne 'x'",
        "not(displayName eq 'x')",
        "endswith(displayName,'x')",
        "web/redirectUris/any(p:p eq 'https://pbx.example/cb')",
    ],
)
async def test_advanced_queries_need_their_header(kit: Kit, clause: str) -> None:
    await kit.application("adv", web={"redirectUris": ["https://pbx.example/cb"]})
    path = f"/applications?$filter={clause}"
    error = await kit.refused(400, "Request_UnsupportedQuery", "GET", path)
    assert "ConsistencyLevel:eventual" in error["message"]
    await kit.refused(400, "Request_UnsupportedQuery", "GET", path, headers=EVENTUAL)
    assert (await kit.graph("GET", f"{path}&$count=true", headers=EVENTUAL)).status_code == 200


async def test_other_advanced_rules(kit: Kit) -> None:
    await kit.application("b")
    await kit.application("a")
    plain = await kit.ok("GET", "/applications?$count=true")
    assert "@odata.count" not in plain
    counted = await kit.ok("GET", "/applications?$count=true", headers=EVENTUAL)
    assert counted["@odata.count"] == len(counted["value"])
    error = await kit.refused(400, "Request_BadRequest", "GET", "/applications/$count")
    assert error["message"] == "$count is not currently supported."
    count = await kit.graph("GET", "/applications/$count", headers=EVENTUAL)
    assert count.text == str(counted["@odata.count"])
    await kit.refused(400, "Request_UnsupportedQuery", "GET", '/applications?$search="displayName:a"')
    found = await kit.ok("GET", '/applications?$search="displayName:automation"&$count=true', headers=EVENTUAL)
    assert _names(found) == ["tcx automation"]
    ordered = "/applications?$orderby=displayName&$filter=startswith(displayName,'')"
    await kit.refused(400, "Request_UnsupportedQuery", "GET", ordered)
    answer = await kit.ok("GET", f"{ordered}&$count=true", headers=EVENTUAL)
    assert _names(answer) == ["a", "b", "tcx automation"]


@pytest.mark.parametrize(
    "clause", ["displayName eq", "displayName is 'x'", "nonsense eq 'x'", "displayName eq 'x", "eq", "a'b"]
)
async def test_filters_that_are_none(kit: Kit, clause: str) -> None:
    await kit.refused(400, "BadRequest", "GET", f"/applications?$filter={clause}")


@pytest.mark.parametrize("clause", ["colour", "displayName up", "displayName,colour desc"])
async def test_orders_that_are_none(kit: Kit, clause: str) -> None:
    await kit.refused(400, "BadRequest", "GET", f"/applications?$orderby={clause}")


async def test_select_and_unknown_names(kit: Kit) -> None:
    app = await kit.application()
    body = await kit.ok("GET", f"/applications/{app['id']}?$select=id,displayName")
    assert set(body) == {"@odata.context", "id", "displayName"}
    await kit.refused(400, "BadRequest", "GET", f"/applications/{app['id']}?$select=colour")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("colour", "Could not find a property named 'colour' on type 'microsoft.graph.application'."),
        ("displayName", "Only navigation properties can be expanded."),
        ("owners,federatedIdentityCredentials", "contained at least 2 items, but the maximum allowed is 1."),
    ],
)
async def test_expansions_that_are_refused(kit: Kit, asked: str, said: str) -> None:
    app = await kit.application()
    for path in (f"/applications/{app['id']}", "/applications"):
        error = await kit.refused(400, "BadRequest", "GET", f"{path}?$expand={asked}")
        assert said in error["message"]


async def test_expansions_that_the_lab_has_not(kit: Kit) -> None:
    app = await kit.application()
    principal = await kit.principal(app)
    path = f"/servicePrincipals/{principal['id']}?$expand=appRoleAssignments"
    await kit.refused(501, "LabNotSimulated", "GET", path)


async def test_one_expansion_may_have_options(kit: Kit) -> None:
    app = await kit.application()
    listed = await kit.ok(
        "GET", f"/applications?$select=id&$expand=owners($select=id,displayName)&$filter=id eq '{app['id']}'"
    )
    assert [set(each) for each in listed["value"]] == [{"id", "owners"}]


async def test_paging(kit: Kit) -> None:
    for index in range(5):
        await kit.application(f"app {index}")
    seen: list[str] = []
    path = "/applications?$top=2&$filter=startswith(displayName,'app ')"
    while path:
        body = await kit.ok("GET", path)
        seen += _names(body)
        link = body.get("@odata.nextLink", "")
        assert link.startswith("https://graph.lab/v1.0/applications?") or not link
        path = link.removeprefix("https://graph.lab/v1.0")
    assert seen == [f"app {index}" for index in range(5)]
    for wrong in ("0", "1000", "x"):
        assert (await kit.graph("GET", f"/applications?$top={wrong}")).status_code == 400
    await kit.refused(400, "Directory_ExpiredPageToken", "GET", "/applications?$skiptoken=abc")


async def test_default_page_has_a_hundred(kit: Kit) -> None:
    for index in range(105):
        seed.create_application(kit.world, kit.tenant, f"many {index}")
    body = await kit.ok("GET", "/applications")
    assert len(body["value"]) == 100
    assert "@odata.nextLink" in body


def test_a_plain_equality_is_recognized() -> None:
    assert parse_filter("appId eq 'x'").equality == ("appId", "x")
    assert parse_filter("appId eq 'x' or appId eq 'y'").equality is None
    assert parse_filter("not(appId eq 'x')").equality is None


# --- $batch ------------------------------------------------------------------------------------------------------------


def _item(number: int, method: str, url: str, body: Any = None, **more: Any) -> dict[str, Any]:
    item = {"id": str(number), "method": method, "url": url, **more}
    return item if body is None else {**item, "body": body, "headers": {"Content-Type": "application/json"}}


async def test_batch(kit: Kit) -> None:
    principal = await kit.principal(await kit.application())
    entry = LogEntry(1, "", "graph", "", kit.tenant.id, "client", "POST", "/v1.0/$batch", "", client="c")
    roles = ("User.Read.All", "Calendars.Read")
    items = [
        _item(
            number,
            "POST",
            f"/servicePrincipals/{principal['id']}/appRoleAssignments",
            {"principalId": principal["id"], "resourceId": kit.resource()["id"], "appRoleId": kit.role(role)},
        )
        for number, role in enumerate(roles, 1)
    ]
    items.append(_item(3, "GET", f"/servicePrincipals/{principal['id']}/appRoleAssignments", dependsOn=["1", "2"]))
    items.append(_item(4, "GET", "/applications/nobody"))
    items.append(_item(5, "GET", "/users", dependsOn=["4"]))
    body = await kit.ok("POST", "/$batch", {"requests": items})
    answers = {each["id"]: each for each in body["responses"]}
    assert {number: answer["status"] for number, answer in answers.items()} == {
        "1": 201,
        "2": 201,
        "3": 200,
        "4": 404,
        "5": 424,
    }
    assert len(answers["3"]["body"]["value"]) == 2
    assert answers["4"]["body"]["error"]["code"] == "Request_ResourceNotFound"
    assert entry.client == "c"


async def test_batch_items_are_logged_and_troubled_one_by_one(kit: Kit) -> None:
    kit.world.trouble.add({"match": {"path": "/users"}, "action": "throttle", "seconds": 7})
    batch = kit.world.log.open(
        service="graph", host="", tenant=kit.tenant.id, source="client", method="POST", path="/v1.0/$batch", query=""
    )
    from tcx_lab.graph.web import Call

    await kit.sign_in()
    payload = b'{"requests":[{"id":"1","method":"GET","url":"/users"},{"id":"2","method":"GET","url":"/users?$top=1"}]}'
    call = Call(
        "POST", ["v1.0", "$batch"], {}, {"authorization": f"Bearer {kit.token}"}, payload, "https://graph.lab",
        "/v1.0/$batch", {"tcx_lab.log": batch},
    )  # fmt: skip
    from tcx_lab.graph import create_graph_app

    answer = await create_graph_app(kit.world).answer(call)
    first, second = answer.body["responses"]
    assert (first["status"], first["headers"]["Retry-After"]) == (429, "7")
    assert second["status"] == 200
    logged = [(entry.path, entry.status, entry.batch) for entry in kit.world.log if entry.batch]
    assert logged == [("/v1.0/users", 429, batch.seq), ("/v1.0/users", 200, batch.seq)]


@pytest.mark.parametrize(
    "items",
    [
        [],
        [_item(number, "GET", "/users") for number in range(21)],
        [_item(1, "GET", "/users"), _item(1, "GET", "/users")],
        [_item(1, "GET", "/users", dependsOn=["9"])],
        [_item(1, "GET", "/users", dependsOn=["2"]), _item(2, "GET", "/users", dependsOn=["1"])],
        [{"id": "1"}],
    ],
)
async def test_batches_that_are_refused_whole(kit: Kit, items: list[Any]) -> None:
    await kit.refused(400, "BadRequest", "POST", "/$batch", {"requests": items})


async def test_batch_without_a_token(kit: Kit) -> None:
    await kit.sign_in()
    answer = await kit._graph.post("/v1.0/$batch", json={"requests": [_item(1, "GET", "/users")]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


# --- tokens and limits -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "rubbish", "a.b.c"])
async def test_tokens_that_are_none(kit: Kit, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = await kit._graph.get("/v1.0/users", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


async def test_a_token_ends_and_one_for_another_resource_is_none(kit: Kit) -> None:
    await kit.ok("GET", "/users")
    await kit.sign_in(scope="https://outlook.office365.com/.default")
    error = await kit.refused(401, "InvalidAuthenticationToken", "GET", "/users")
    assert "audience" in error["message"]
    await kit.sign_in()
    kit.world.clock.advance(4000)
    error = await kit.refused(401, "InvalidAuthenticationToken", "GET", "/users")
    assert "expired" in error["message"]


async def test_resource_units_run_out(kit: Kit) -> None:
    kit.world.switches.throttle_resource_units = 6
    for _attempt in range(3):
        assert (await kit.graph("GET", "/applications")).status_code == 200
    answer = await kit.graph("GET", "/applications")
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "TooManyRequests")
    kit.world.clock.advance(int(answer.headers["retry-after"]))
    assert (await kit.graph("GET", "/applications")).status_code == 200


async def test_writes_run_out(kit: Kit) -> None:
    kit.world.switches.throttle_writes = 1
    await kit.application()
    assert (await kit.graph("POST", "/applications", {"displayName": "x"})).status_code == 429
    assert (await kit.graph("GET", "/applications")).status_code == 200


# --- people ------------------------------------------------------------------------------------------------------------


async def test_users(kit: Kit) -> None:
    body = await kit.ok("GET", "/users?$top=2")
    assert "accountEnabled" not in body["value"][0]
    wanted = await kit.ok(
        "GET", "/users?$select=id,accountEnabled,userType,mail&$filter=accountEnabled eq true and userType eq 'Member'"
    )
    assert all(each["accountEnabled"] for each in wanted["value"])
    user = next(iter(kit.tenant.users.values()))
    assert (await kit.ok("GET", f"/users/{user['userPrincipalName']}"))["id"] == user["id"]
    await kit.refused(404, "Request_ResourceNotFound", "GET", "/users/nobody@contoso.example")
    group = next(iter(kit.tenant.groups))
    members = await kit.ok("GET", f"/groups/{group}/members")
    assert user["id"] in {each["id"] for each in members["value"]}
    assert (await kit.ok("GET", f"/users/{user['id']}/memberOf"))["value"][0]["id"] == group


async def test_members_of_members(kit: Kit) -> None:
    first, second, *_others = kit.tenant.users
    inner = add_group(kit.world, kit.tenant, "Inner", [second])
    outer = add_group(kit.world, kit.tenant, "Outer", [first, inner["id"]])
    kit.tenant.group_members[inner["id"]].append(outer["id"])  # a circle
    direct = (await kit.ok("GET", f"/groups/{outer['id']}/members"))["value"]
    assert [each["id"] for each in direct] == [first, inner["id"]]
    path = f"/groups/{outer['id']}/transitiveMembers/microsoft.graph.user?$select=id,userType&$count=true"
    answer = await kit.ok("GET", path, headers={"ConsistencyLevel": "eventual"})
    assert answer["@odata.count"] == 2
    assert {each["id"] for each in answer["value"]} == {first, second}
    assert {each["@odata.type"] for each in answer["value"]} == {"#microsoft.graph.user"}


async def test_a_user_changed_in_the_portal(kit: Kit) -> None:
    user = next(iter(kit.tenant.users))
    patch_user(kit.world, kit.tenant, user, {"accountEnabled": False})
    assert (await kit.ok("GET", f"/users/{user}?$select=accountEnabled"))["accountEnabled"] is False
    with pytest.raises(ValueError, match="accountEnabeld"):
        patch_user(kit.world, kit.tenant, user, {"accountEnabeld": True})


async def test_photos(kit: Kit) -> None:
    with_photo = next(iter(kit.tenant.photos))
    without = next(each for each in kit.tenant.users if each not in kit.tenant.photos)
    meta = await kit.ok("GET", f"/users/{with_photo}/photo")
    assert (meta["@odata.mediaContentType"], meta["id"]) == ("image/jpeg", "240x240")
    photo = await kit.graph("GET", f"/users/{with_photo}/photo/$value")
    assert (photo.headers["content-type"], photo.content[:3]) == ("image/jpeg", b"\xff\xd8\xff")
    assert (await kit.graph("GET", f"/users/{with_photo}/photos/48x48/$value")).status_code == 200
    await kit.refused(404, "ImageNotFound", "GET", f"/users/{without}/photo/$value")
    await kit.client_with("Directory.Read.All")
    await kit.refused(403, "Authorization_RequestDenied", "GET", f"/users/{with_photo}/photo")


async def test_organization_and_domains(kit: Kit) -> None:
    [organization] = (await kit.ok("GET", "/organization"))["value"]
    assert (organization["id"], organization["displayName"]) == (kit.tenant.id, "Contoso")
    assert organization["verifiedDomains"][0]["name"] == "contoso.example"
    assert (await kit.ok("GET", "/domains"))["value"][0]["id"] == "contoso.example"


async def test_objects_by_id(kit: Kit) -> None:
    app, user = await kit.application(), next(iter(kit.tenant.users))
    body = await kit.ok("POST", "/directoryObjects/getByIds", {"ids": [user, app["id"], "nobody"], "types": ["user"]})
    assert [each["id"] for each in body["value"]] == [user]
    assert (await kit.ok("GET", f"/directoryObjects/{app['id']}"))["@odata.type"] == "#microsoft.graph.application"


async def test_subscriptions_check_the_address(kit: Kit) -> None:
    answers = {"good": lambda token: httpx.Response(200, text=token), "bad": lambda _token: httpx.Response(500)}

    def reply(request: httpx.Request) -> httpx.Response:
        return answers[request.url.host.partition(".")[0]](request.url.params["validationToken"])

    kit.world.internal_client_factory = lambda _source: httpx.AsyncClient(transport=httpx.MockTransport(reply))
    end = kit.world.clock.now().replace(microsecond=0)
    body = {
        "changeType": "updated",
        "notificationUrl": "https://good.example/notify",
        "resource": "users",
        "expirationDateTime": end.replace(year=end.year + 1).isoformat(),
    }
    await kit.refused(400, "InvalidRequest", "POST", "/subscriptions", body)
    body["expirationDateTime"] = end.isoformat().replace("+00:00", "Z")
    await kit.refused(400, "InvalidRequest", "POST", "/subscriptions", body)
    kit.world.clock.advance(-3600)
    await kit.sign_in()
    made = await kit.ok("POST", "/subscriptions", body)
    assert [each["id"] for each in (await kit.ok("GET", "/subscriptions"))["value"]] == [made["id"]]
    for wrong in ({"notificationUrl": "https://bad.example/n"}, {"notificationUrl": "http://good.example/n"}):
        await kit.refused(400, "InvalidRequest", "POST", "/subscriptions", {**body, **wrong})
    await kit.client_with("User.Read.All")
    assert (await kit.ok("GET", "/subscriptions"))["value"] == []
    await kit.refused(404, "Request_ResourceNotFound", "DELETE", f"/subscriptions/{made['id']}")


async def test_beta_and_metadata(kit: Kit) -> None:
    app = await kit.application()
    principal = await kit.principal(app)
    assert (await kit.ok("GET", f"/applications/{app['id']}", version="beta"))["id"] == app["id"]
    assert (await kit.ok("GET", f"/servicePrincipals/{principal['id']}", version="beta"))["id"] == principal["id"]
    metadata = await kit._graph.get("/v1.0/$metadata")
    assert "EntitySet" in metadata.text
    assert (await kit._graph.get("/v9/users", headers={"Authorization": f"Bearer {kit.token}"})).status_code == 400


async def test_cost_does_not_grow_with_the_directory(kit: Kit) -> None:
    """A ratio, not a wall time: finding one application among 3,000 costs about what it costs among few."""

    async def seconds(app_id: str) -> float:
        begin = time.process_time()
        for _attempt in range(60):
            await kit.graph("GET", f"/applications?$filter=appId eq '{app_id}'&$select=id")
        return time.process_time() - begin

    app = await kit.application()
    few = min([await seconds(app["appId"]) for _round in range(3)])
    for index in range(3000):
        seed.create_application(kit.world, kit.tenant, f"app {index}")
    many = min([await seconds(app["appId"]) for _round in range(3)])
    assert many < few * 3
