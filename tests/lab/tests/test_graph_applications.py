# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Applications in the lab: defaults, changes, upsert, soft delete, owners, rights. Every exchange is judged by the contract."""

from __future__ import annotations

import pytest
from tcx_lab.graph.kit import Kit


@pytest.fixture
def kit() -> Kit:
    return Kit()


async def test_defaults_of_a_new_application(kit: Kit) -> None:
    app = await kit.ok("POST", "/applications", {"displayName": "x"})
    assert app["signInAudience"] == "AzureADandPersonalMicrosoftAccount"
    assert app["api"]["requestedAccessTokenVersion"] == 2
    assert (app["notes"], app["description"], app["isFallbackPublicClient"]) == (None, None, None)
    assert len(app["createdDateTime"]) == len("2022-05-07T06:52:40.8313021Z")
    shown = await kit.ok("GET", f"/applications/{app['id']}")
    assert len(shown["createdDateTime"]) == len("2022-05-07T06:52:40Z")
    single = await kit.application()
    assert single["api"]["requestedAccessTokenVersion"] is None


async def test_names_are_not_unique(kit: Kit) -> None:
    one, two = await kit.application("twin"), await kit.application("twin")
    assert one["id"] != two["id"]
    found = await kit.ok("GET", "/applications?$filter=displayName eq 'twin'")
    assert {each["id"] for each in found["value"]} == {one["id"], two["id"]}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"displayName": ""},
        {"displayName": "x", "colour": "red"},
        {"displayName": "x", "signInAudience": "Everybody"},
        {"displayName": "x", "web": {"redirectUris": ["http://pbx.example/cb"]}},
        {"displayName": "x", "web": {"redirects": []}},
        {"displayName": "x", "requiredResourceAccess": [{"resourceAppId": "graph", "resourceAccess": []}]},
        {"displayName": "x", "passwordCredentials": [{"displayName": "mine"}]},
        {"displayName": "x", "tags": "one"},
    ],
)
async def test_what_a_new_application_must_not_have(kit: Kit, body: dict[str, object]) -> None:
    answer = await kit.graph("POST", "/applications", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["innerError"]["request-id"] == answer.headers["request-id"]


async def test_patch_replaces_collections_and_merges_complex_values(kit: Kit) -> None:
    app = await kit.application(
        web={
            "redirectUris": ["https://a.example/cb", "https://b.example/cb"],
            "implicitGrantSettings": {"enableIdTokenIssuance": True},
        }
    )
    answer = await kit.graph("PATCH", f"/applications/{app['id']}", {"web": {"redirectUris": ["https://c.example/cb"]}})
    assert (answer.status_code, answer.content) == (204, b"")
    web = (await kit.ok("GET", f"/applications/{app['id']}"))["web"]
    assert web["redirectUris"] == ["https://c.example/cb"]
    assert web["implicitGrantSettings"] == {"enableAccessTokenIssuance": False, "enableIdTokenIssuance": True}
    kit.world.switches.complex_patch_merges = False
    await kit.ok("PATCH", f"/applications/{app['id']}", {"web": {"redirectUris": ["https://d.example/cb"]}})
    web = (await kit.ok("GET", f"/applications/{app['id']}"))["web"]
    assert web["implicitGrantSettings"]["enableIdTokenIssuance"] is False


async def test_read_only_properties_may_go_back_unchanged(kit: Kit) -> None:
    app = await kit.ok("GET", f"/applications/{(await kit.application())['id']}")
    body = {"@odata.context": app["@odata.context"], "id": app["id"], "appId": app["appId"], "notes": "n"}
    body["createdDateTime"] = app["createdDateTime"].replace("Z", ".0000000Z")
    await kit.ok("PATCH", f"/applications/{app['id']}", body)
    assert (await kit.ok("GET", f"/applications/{app['id']}"))["notes"] == "n"
    await kit.refused(400, "Request_BadRequest", "PATCH", f"/applications/{app['id']}", {"appId": kit.world.new_guid()})


async def test_alternate_keys(kit: Kit) -> None:
    app = await kit.application()
    assert (await kit.ok("GET", f"/applications(appId='{app['appId']}')"))["id"] == app["id"]
    missing = await kit.refused(404, "Request_ResourceNotFound", "GET", f"/applications/{app['appId']}")
    assert app["appId"] in missing["message"]
    await kit.refused(404, "Request_ResourceNotFound", "GET", "/applications(uniqueName='nobody')")


async def test_upsert_by_unique_name(kit: Kit) -> None:
    path, prefer = "/applications(uniqueName='pbx-it''s')", {"Prefer": "create-if-missing"}
    await kit.refused(404, "Request_ResourceNotFound", "PATCH", path, {"displayName": "a"})
    created = await kit.graph("PATCH", path, {"displayName": "a", "signInAudience": "AzureADMyOrg"}, headers=prefer)
    assert created.status_code == 201
    assert created.json()["uniqueName"] == "pbx-it's"
    again = await kit.graph("PATCH", path, {"displayName": "b"}, headers=prefer)
    assert (again.status_code, again.content) == (204, b"")
    found = await kit.ok("GET", path)
    assert (found["id"], found["displayName"]) == (created.json()["id"], "b")
    await kit.refused(400, "Request_BadRequest", "PATCH", path, {"notes": "no name"}, headers=prefer)


async def test_unique_name_is_taken_until_it_is_purged(kit: Kit) -> None:
    path, prefer = "/applications(uniqueName='pbx-1')", {"Prefer": "create-if-missing"}
    app = await kit.ok("PATCH", path, {"displayName": "a"}, headers=prefer)
    other = await kit.application("other")
    error = await kit.refused(
        400, "Request_BadRequest", "PATCH", f"/applications/{other['id']}", {"uniqueName": "pbx-1"}
    )
    assert "uniqueName" in error["message"]
    await kit.ok("DELETE", f"/applications/{app['id']}")
    await kit.refused(404, "Request_ResourceNotFound", "GET", path)
    await kit.refused(400, "Request_BadRequest", "PATCH", path, {"displayName": "a"}, headers=prefer)
    await kit.ok("DELETE", f"/directory/deletedItems/{app['id']}")
    assert (await kit.graph("PATCH", path, {"displayName": "a"}, headers=prefer)).status_code == 201


async def test_unique_name_is_set_once(kit: Kit) -> None:
    app = await kit.application()
    await kit.ok("PATCH", f"/applications/{app['id']}", {"uniqueName": "first"})
    await kit.ok("PATCH", f"/applications/{app['id']}", {"uniqueName": "first"})
    assert (await kit.ok("GET", "/applications(uniqueName='first')"))["id"] == app["id"]
    await kit.refused(400, "Request_BadRequest", "PATCH", f"/applications/{app['id']}", {"uniqueName": "second"})


async def test_a_cloud_without_upsert(kit: Kit) -> None:
    kit.world.switches.upsert_supported = False
    for method in ("GET", "PATCH"):
        answer = await kit.graph(
            method, "/applications(uniqueName='x')", {"displayName": "x"}, headers={"Prefer": "create-if-missing"}
        )
        assert answer.status_code == 400


async def test_delete_restore_purge(kit: Kit) -> None:
    app = await kit.application()
    principal = await kit.principal(app)
    await kit.ok("DELETE", f"/applications(appId='{app['appId']}')")
    assert (await kit.ok("GET", f"/applications?$filter=appId eq '{app['appId']}'"))["value"] == []
    await kit.refused(404, "Request_ResourceNotFound", "GET", f"/servicePrincipals/{principal['id']}")
    listed = await kit.ok("GET", "/directory/deletedItems/microsoft.graph.application")
    assert [each["id"] for each in listed["value"]] == [app["id"]]
    assert listed["value"][0]["deletedDateTime"]
    restored = await kit.ok("POST", f"/directory/deletedItems/{app['id']}/restore")
    assert restored["@odata.type"] == "#microsoft.graph.application"
    shown = await kit.ok("GET", f"/applications/{app['id']}")
    assert (shown["appId"], shown["deletedDateTime"]) == (app["appId"], None)
    await kit.refused(404, "Request_ResourceNotFound", "GET", f"/servicePrincipals(appId='{app['appId']}')")
    await kit.ok("DELETE", f"/applications/{app['id']}")
    await kit.ok("DELETE", f"/directory/deletedItems/{app['id']}")
    await kit.refused(404, "Request_ResourceNotFound", "POST", f"/directory/deletedItems/{app['id']}/restore")


async def test_restore_can_bring_the_service_principal_back(kit: Kit) -> None:
    kit.world.switches.restore_restores_service_principal = True
    app = await kit.application()
    principal = await kit.principal(app, appRoleAssignmentRequired=True)
    await kit.ok("DELETE", f"/applications/{app['id']}")
    await kit.ok("POST", f"/directory/deletedItems/{app['id']}/restore")
    assert (await kit.ok("GET", f"/servicePrincipals(appId='{app['appId']}')"))["id"] == principal["id"]


async def test_restore_may_need_a_directory_role(kit: Kit) -> None:
    kit.world.switches.restore_needs_directory_role = True
    app = await kit.application()
    await kit.ok("DELETE", f"/applications/{app['id']}")
    path = f"/directory/deletedItems/{app['id']}/restore"
    await kit.refused(403, "Authorization_RequestDenied", "POST", path)
    automation = next(
        each for each in kit.tenant.service_principals.values() if each["appId"] == kit.world.automation.app_id
    )
    kit.tenant.directory_roles[automation["id"]] = ["Application Administrator"]
    await kit.ok("POST", path)


async def test_owners(kit: Kit) -> None:
    app = await kit.application()
    user = next(iter(kit.tenant.users))
    reference = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{user}"}
    await kit.ok("POST", f"/applications/{app['id']}/owners/$ref", reference)
    error = await kit.refused(400, "Request_BadRequest", "POST", f"/applications/{app['id']}/owners/$ref", reference)
    assert "already exist" in error["message"]
    owners = await kit.ok("GET", f"/applications/{app['id']}/owners")
    assert [(each["@odata.type"], each["id"]) for each in owners["value"]] == [("#microsoft.graph.user", user)]
    expanded = await kit.ok("GET", f"/applications/{app['id']}?$expand=owners")
    assert [each["id"] for each in expanded["owners"]] == [user]
    await kit.ok("DELETE", f"/applications/{app['id']}/owners/{user}/$ref")
    assert (await kit.ok("GET", f"/applications/{app['id']}/owners"))["value"] == []
    bound = await kit.application(**{"owners@odata.bind": [f"https://graph.microsoft.com/v1.0/users/{user}"]})
    assert [each["id"] for each in (await kit.ok("GET", f"/applications/{bound['id']}/owners"))["value"]] == [user]


async def test_owned_by_reaches_its_own_applications_alone(kit: Kit) -> None:
    foreign = await kit.application("foreign")
    caller = await kit.client_with("Application.ReadWrite.OwnedBy")
    own = await kit.application("own")
    owners = await kit.ok("GET", f"/applications/{own['id']}/owners")
    assert [each["id"] for each in owners["value"]] == [caller["principal"]["id"]]
    await kit.ok("PATCH", f"/applications/{own['id']}", {"notes": "mine"})
    await kit.ok("GET", f"/applications/{foreign['id']}")
    for method, body in (("PATCH", {"notes": "x"}), ("DELETE", None)):
        await kit.refused(403, "Authorization_RequestDenied", method, f"/applications/{foreign['id']}", body)
    await kit.refused(403, "Authorization_RequestDenied", "POST", "/servicePrincipals", {"appId": foreign["appId"]})
    assert (await kit.graph("POST", "/servicePrincipals", {"appId": own["appId"]})).status_code == 201


async def test_no_roles_no_rights(kit: Kit) -> None:
    await kit.client_with()
    for method, path, body in (
        ("GET", "/applications", None),
        ("POST", "/applications", {"displayName": "x"}),
        ("GET", "/users", None),
        ("GET", "/organization", None),
        ("GET", "/oauth2PermissionGrants", None),
    ):
        error = await kit.refused(403, "Authorization_RequestDenied", method, path, body)
        assert error["message"] == "Insufficient privileges to complete the operation."


async def test_reading_is_not_writing(kit: Kit) -> None:
    await kit.client_with("Application.Read.All")
    await kit.ok("GET", "/applications")
    await kit.refused(403, "Authorization_RequestDenied", "POST", "/applications", {"displayName": "x"})


async def test_tenants_do_not_see_each_other(kit: Kit) -> None:
    app = await kit.application()
    await kit.sign_in(kit.other)
    await kit.refused(404, "Request_ResourceNotFound", "GET", f"/applications/{app['id']}")


async def test_identifier_uris_are_unique(kit: Kit) -> None:
    await kit.application(identifierUris=["https://one.contoso.example"])
    body = {"displayName": "two", "identifierUris": ["https://one.contoso.example"]}
    error = await kit.refused(400, "Request_BadRequest", "POST", "/applications", body)
    assert error["message"] == "Another object with the same value for property identifierUris already exists."


async def test_verbs_and_segments_that_do_not_exist(kit: Kit) -> None:
    app = await kit.application()
    for method, path in (("PUT", f"/applications/{app['id']}"), ("DELETE", "/applications")):
        answer = await kit._graph.request(method, f"/v1.0{path}", headers={"Authorization": f"Bearer {kit.token}"})
        assert answer.status_code == 405
        assert answer.json()["error"]["message"] == "Specified HTTP method is not allowed for the request target."
    assert (await kit.graph("GET", "/nonsense")).status_code == 400
    assert (await kit.graph("GET", "/me")).status_code == 400


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"{", "application/json", "Unable to read JSON request payload."),
        (b'{"displayName": "x"}', None, "Please ensure Content-Type header is set"),
        (b'{"displayName": "x"}', "text/plain", "Entity only allows writes with a JSON Content-Type header."),
        (
            b"displayName=x",
            "application/x-www-form-urlencoded",
            "Entity only allows writes with a JSON Content-Type header.",
        ),
        (b"", "application/json", "Empty Payload. JSON content expected."),
    ],
)
async def test_a_body_is_json_and_says_so(kit: Kit, content: bytes, kind: str | None, said: str) -> None:
    await kit.sign_in()
    headers = {"Authorization": f"Bearer {kit.token}", **({"Content-Type": kind} if kind else {})}
    answer = await kit._graph.post("/v1.0/applications", content=content, headers=headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "BadRequest")
    assert said in error["message"]
    fine = await kit.graph(
        "POST", "/applications", {"displayName": "x"}, headers={"Content-Type": "application/json;v=1"}
    )
    assert fine.status_code == 201


@pytest.mark.parametrize(
    "uri",
    [
        "http://pbx.contoso.example/oauth2office2",
        "http://localhost.evil.example/oauth2office2",
        "http://localhost@evil.example/oauth2office2",
        "http://127.0.0.1.evil.example/",
        "http://[::1]/",
        "https:///oauth2office2",
        "https://pbx.contoso.example/oauth2office2;a",
        "https://pbx.contoso.example/oauth2(office)2",
        "https://pbx.contoso.example/" + "x" * 256,
    ],
)
async def test_web_redirect_uris_that_are_none(kit: Kit, uri: str) -> None:
    app = await kit.application()
    await kit.refused(
        400, "Request_BadRequest", "PATCH", f"/applications/{app['id']}", {"web": {"redirectUris": [uri]}}
    )


@pytest.mark.parametrize("uri", ["https://pbx.contoso.example/oauth2office2?a=b", "https://*.contoso.example/"])
async def test_queries_and_wildcards_are_for_work_accounts_alone(kit: Kit, uri: str) -> None:
    app = await kit.application(web={"redirectUris": [uri, "http://localhost:8080/x", "http://127.0.0.1/x"]})
    assert uri in app["web"]["redirectUris"]
    body = {"displayName": "x", "signInAudience": "AzureADandPersonalMicrosoftAccount", "web": {"redirectUris": [uri]}}
    await kit.refused(400, "Request_BadRequest", "POST", "/applications", body)


@pytest.mark.parametrize("kind", ["applications", "servicePrincipals"])
async def test_an_application_id_in_a_path_is_a_guid(kit: Kit, kind: str) -> None:
    error = await kit.refused(400, "Request_BadRequest", "GET", f"/{kind}(appId='3cx')")
    assert error["message"].startswith("Invalid value specified for object reference property 'appId'.")
    nobody = f"/{kind}(appId='00000000-0000-0000-0000-000000000000')"
    await kit.refused(404, "Request_ResourceNotFound", "GET", nobody)


async def test_an_expanded_relation_shows_twenty() -> None:
    kit = Kit(users=25)
    app = await kit.application()
    kit.tenant.owners[app["id"]] = list(kit.tenant.users)[:21]
    shown = await kit.ok("GET", f"/applications/{app['id']}?$select=id&$expand=owners")
    assert len(shown["owners"]) == 20
    assert not [name for name in shown if "nextLink" in name]
    whole = await kit.ok("GET", f"/applications/{app['id']}/owners")
    assert len(whole["value"]) == 21


async def test_headers(kit: Kit) -> None:
    answer = await kit.graph(
        "GET", "/applications", headers={"client-request-id": "0b8c4b6e-0000-4000-8000-000000000001"}
    )
    assert answer.headers["client-request-id"] == "0b8c4b6e-0000-4000-8000-000000000001"
    assert answer.headers["x-ms-resource-unit"] == "2"
    missing = await kit.graph("GET", f"/applications/{kit.world.new_guid()}", headers={"client-request-id": "abc"})
    inner = missing.json()["error"]["innerError"]
    assert (inner["client-request-id"], inner["request-id"]) == ("abc", missing.headers["request-id"])
    assert "Z" not in inner["date"]
    assert (await kit.graph("GET", "/applications?$select=id&$top=5")).headers["x-ms-resource-unit"] == "1"
