# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Service principals, application consent and delegated grants."""

from __future__ import annotations

import pytest
from tcx_lab.graph import seed
from tcx_lab.graph.catalog import EXCHANGE_APP_ID
from tcx_lab.graph.kit import Kit

TAG = "WindowsAzureActiveDirectoryIntegratedApp"


@pytest.fixture
def kit() -> Kit:
    return Kit()


async def test_a_service_principal_shows_its_application(kit: Kit) -> None:
    app = await kit.application(
        web={"redirectUris": ["https://pbx.example/cb"]}, identifierUris=["api://pbx.contoso.example"]
    )
    principal = await kit.principal(app, tags=[TAG])
    assert principal["appOwnerOrganizationId"] == kit.tenant.id
    assert principal["servicePrincipalNames"] == [app["appId"], "api://pbx.contoso.example"]
    assert principal["replyUrls"] == ["https://pbx.example/cb"]
    assert principal["tags"] == [TAG]
    await kit.ok("PATCH", f"/applications/{app['id']}", {"displayName": "new name"})
    shown = await kit.ok("GET", f"/servicePrincipals(appId='{app['appId']}')")
    assert (shown["displayName"], shown["appDisplayName"]) == ("new name", "new name")


async def test_one_per_application(kit: Kit) -> None:
    app = await kit.application()
    await kit.principal(app)
    error = await kit.refused(
        409, "Request_MultipleObjectsWithSameKeyValue", "POST", "/servicePrincipals", {"appId": app["appId"]}
    )
    assert app["appId"] in error["message"]


async def test_no_application_behind_it(kit: Kit) -> None:
    app_id = kit.world.new_guid()
    error = await kit.refused(400, "Request_BadRequest", "POST", "/servicePrincipals", {"appId": app_id})
    assert error["details"][0]["code"] == "NoBackingApplicationObject"
    assert error["details"][0]["target"] == "appId"


async def test_a_foreign_application_needs_to_be_multi_tenant(kit: Kit) -> None:
    single = await kit.application()
    multi = await kit.application("multi", signInAudience="AzureADMultipleOrgs")
    await kit.sign_in(kit.other)
    await kit.refused(400, "Request_BadRequest", "POST", "/servicePrincipals", {"appId": single["appId"]})
    assert (await kit.principal(multi))["appOwnerOrganizationId"] == kit.tenant.id


async def test_change_and_delete(kit: Kit) -> None:
    principal = await kit.principal(await kit.application())
    path = f"/servicePrincipals/{principal['id']}"
    changes = {"tags": [TAG], "accountEnabled": False, "appRoleAssignmentRequired": True, "notes": "n"}
    await kit.ok("PATCH", path, changes)
    shown = await kit.ok("GET", path)
    assert {name: shown[name] for name in changes} == changes
    assert (await kit.graph("PATCH", path, {"accountEnabled": "no"})).status_code == 400
    assert (await kit.graph("PATCH", path, {"colour": 1})).status_code == 400
    await kit.ok("DELETE", path)
    await kit.refused(404, "Request_ResourceNotFound", "GET", path)
    deleted = await kit.ok("GET", "/directory/deletedItems/microsoft.graph.servicePrincipal")
    assert [each["id"] for each in deleted["value"]] == [principal["id"]]


async def test_upsert_by_app_id(kit: Kit) -> None:
    app = await kit.application()
    path = f"/servicePrincipals(appId='{app['appId']}')"
    await kit.refused(404, "Request_ResourceNotFound", "PATCH", path, {"notes": "n"})
    prefer = {"Prefer": "create-if-missing"}
    assert (await kit.graph("PATCH", path, {"notes": "n"}, headers=prefer)).status_code == 201
    assert (await kit.graph("PATCH", path, {"notes": "m"}, headers=prefer)).status_code == 204
    assert (await kit.ok("GET", path))["notes"] == "m"


async def test_tags_of_the_application_show_too(kit: Kit) -> None:
    app = await kit.application(tags=["tcx"])
    principal = await kit.principal(app, tags=[TAG])
    assert principal["tags"] == [TAG, "tcx"]
    kit.world.switches.application_tags_reach_service_principal = False
    assert (await kit.ok("GET", f"/servicePrincipals/{principal['id']}"))["tags"] == [TAG]


async def test_the_catalog(kit: Kit) -> None:
    path = "/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')?$select=id,appId,appRoles,oauth2PermissionScopes"
    graph = await kit.ok("GET", path)
    roles = {role["value"]: role["id"] for role in graph["appRoles"]}
    assert roles["User.Read.All"] == "df021288-bdef-4463-88db-98f22de89214"
    assert roles["Calendars.Read"] == "798ee544-9d2d-430c-a058-570e29e34338"
    assert len(roles) > 500
    scopes = {scope["value"]: (scope["id"], scope["type"]) for scope in graph["oauth2PermissionScopes"]}
    assert scopes["User.Read"] == ("e1fe6dd8-ba31-4d61-89e7-88639da4683d", "User")
    exchange = await kit.ok("GET", f"/servicePrincipals(appId='{EXCHANGE_APP_ID}')")
    assert "full_access_as_app" in {role["value"] for role in exchange["appRoles"]}
    assert kit.resource()["id"] != kit.resource(tenant=kit.other)["id"]


async def _assignable(kit: Kit) -> tuple[str, dict[str, str]]:
    principal = await kit.principal(await kit.application())
    body = {"principalId": principal["id"], "resourceId": kit.resource()["id"], "appRoleId": kit.role("User.Read.All")}
    return principal["id"], body


@pytest.mark.parametrize("side", ["appRoleAssignments", "appRoleAssignedTo"])
async def test_assign_list_and_take_back(kit: Kit, side: str) -> None:
    principal_id, body = await _assignable(kit)
    owner = principal_id if side == "appRoleAssignments" else body["resourceId"]
    made = await kit.ok("POST", f"/servicePrincipals/{owner}/{side}", body)
    assert (made["principalType"], made["resourceDisplayName"], len(made["id"])) == (
        "ServicePrincipal",
        "Microsoft Graph",
        43,
    )
    listed = await kit.ok("GET", f"/servicePrincipals/{principal_id}/appRoleAssignments")
    assert [each["id"] for each in listed["value"]] == [made["id"]]
    on_resource = await kit.ok("GET", f"/servicePrincipals/{body['resourceId']}/appRoleAssignedTo")
    assert made["id"] in [each["id"] for each in on_resource["value"]]
    assert (await kit.ok("GET", f"/servicePrincipals/{owner}/{side}/{made['id']}"))["appRoleId"] == body["appRoleId"]
    await kit.ok("DELETE", f"/servicePrincipals/{owner}/{side}/{made['id']}")
    assert (await kit.ok("GET", f"/servicePrincipals/{principal_id}/appRoleAssignments"))["value"] == []
    gone = await kit.refused(400, "Request_BadRequest", "DELETE", f"/servicePrincipals/{owner}/{side}/{made['id']}")
    assert gone["message"] == "EntitlementGrant being updated or deleted is not found."
    strange = await kit.refused(
        400, "Request_BadRequest", "DELETE", f"/servicePrincipals/{owner}/{side}/{body['appRoleId']}"
    )
    assert strange["message"] == "Invalid resource identifier for EntitlementGrant"


@pytest.mark.parametrize(
    ("wording", "status", "code", "message"),
    [
        ("permission", 400, "Request_BadRequest", "Permission being assigned already exists on the object"),
        ("entitlement", 409, "Request_MultipleObjectsWithSameKeyValue", "EntitlementGrant entry already exists."),
    ],
)
async def test_twice_the_same(kit: Kit, wording: str, status: int, code: str, message: str) -> None:
    kit.world.switches.update({"duplicate_assignment_wording": wording, "duplicate_assignment_status": status})
    principal_id, body = await _assignable(kit)
    path = f"/servicePrincipals/{principal_id}/appRoleAssignments"
    await kit.ok("POST", path, body)
    assert (await kit.refused(status, code, "POST", path, body))["message"] == message


async def test_assignments_that_cannot_be(kit: Kit) -> None:
    principal_id, body = await _assignable(kit)
    path = f"/servicePrincipals/{principal_id}/appRoleAssignments"
    error = await kit.refused(400, "Request_BadRequest", "POST", path, {**body, "appRoleId": kit.world.new_guid()})
    assert error["message"] == "Permission being assigned was not found on application"
    for name in ("principalId", "resourceId"):
        error = await kit.refused(400, "Request_BadRequest", "POST", path, {**body, name: kit.world.new_guid()})
        assert error["message"] == "Not a valid reference update."
    assert (await kit.graph("POST", path, {**body, "appRoleId": "User.Read.All"})).status_code == 400


async def test_granting_needs_its_own_permission(kit: Kit) -> None:
    principal_id, body = await _assignable(kit)
    await kit.client_with("Application.ReadWrite.All")
    path = f"/servicePrincipals/{principal_id}/appRoleAssignments"
    await kit.refused(403, "Authorization_RequestDenied", "POST", path, body)
    await kit.ok("GET", path)
    grant = {
        "clientId": principal_id,
        "consentType": "AllPrincipals",
        "resourceId": body["resourceId"],
        "scope": "openid",
    }
    await kit.refused(403, "Authorization_RequestDenied", "POST", "/oauth2PermissionGrants", grant)


async def test_roles_of_a_token_are_those_of_its_hour(kit: Kit) -> None:
    caller = await kit.client_with("User.Read.All")
    await kit.ok("GET", "/users")
    for each in list(kit.tenant.app_role_assignments.values()):
        if each["principalId"] == caller["principal"]["id"]:
            del kit.tenant.app_role_assignments[each["id"]]
    await kit.ok("GET", "/users")
    await kit.sign_in(client_id=caller["appId"], client_secret=caller["secret"])
    await kit.refused(403, "Authorization_RequestDenied", "GET", "/users")


async def test_declaring_grants_nothing(kit: Kit) -> None:
    access = {
        "resourceAppId": kit.resource()["appId"],
        "resourceAccess": [{"id": kit.role("User.Read.All"), "type": "Role"}],
    }
    app = await kit.application(requiredResourceAccess=[access])
    principal = await kit.principal(app)
    assert (await kit.ok("GET", f"/servicePrincipals/{principal['id']}/appRoleAssignments"))["value"] == []
    seed.grant_declared(kit.world, kit.tenant, kit.tenant.applications[app["id"]], kit.tenant)
    assert len((await kit.ok("GET", f"/servicePrincipals/{principal['id']}/appRoleAssignments"))["value"]) == 1
    await kit.ok("PATCH", f"/applications/{app['id']}", {"requiredResourceAccess": []})
    assert len((await kit.ok("GET", f"/servicePrincipals/{principal['id']}/appRoleAssignments"))["value"]) == 1


async def test_delegated_grants(kit: Kit) -> None:
    principal = await kit.principal(await kit.application())
    body = {
        "clientId": principal["id"],
        "consentType": "AllPrincipals",
        "principalId": None,
        "resourceId": kit.resource()["id"],
        "scope": "openid profile",
    }
    made = await kit.ok("POST", "/oauth2PermissionGrants", body)
    error = await kit.refused(409, "Request_MultipleObjectsWithSameKeyValue", "POST", "/oauth2PermissionGrants", body)
    assert error["message"] == "Permission entry already exists."
    user = next(iter(kit.tenant.users))
    personal = await kit.ok(
        "POST", "/oauth2PermissionGrants", {**body, "consentType": "Principal", "principalId": user}
    )
    assert personal["id"] != made["id"]
    await kit.ok("PATCH", f"/oauth2PermissionGrants/{made['id']}", {"scope": "openid profile User.Read"})
    found = await kit.ok("GET", f"/oauth2PermissionGrants?$filter=clientId eq '{principal['id']}'")
    assert {each["id"]: each["scope"] for each in found["value"]}[made["id"]] == "openid profile User.Read"
    of_client = await kit.ok("GET", f"/servicePrincipals/{principal['id']}/oauth2PermissionGrants")
    assert len(of_client["value"]) == 2
    await kit.ok("DELETE", f"/oauth2PermissionGrants/{made['id']}")
    await kit.refused(404, "Request_ResourceNotFound", "GET", f"/oauth2PermissionGrants/{made['id']}")
    for wrong in ({**body, "consentType": "Principal"}, {**body, "consentType": "All"}, {**body, "clientId": "x"}):
        assert (await kit.graph("POST", "/oauth2PermissionGrants", wrong)).status_code == 400
    unknown = {**body, "clientId": kit.world.new_guid()}
    await kit.refused(404, "Request_ResourceNotFound", "POST", "/oauth2PermissionGrants", unknown)


async def test_consent_ends_with_the_service_principal(kit: Kit) -> None:
    principal_id, body = await _assignable(kit)
    await kit.ok("POST", f"/servicePrincipals/{principal_id}/appRoleAssignments", body)
    await kit.ok("DELETE", f"/servicePrincipals/{principal_id}")
    assert not [each for each in kit.tenant.app_role_assignments.values() if each["principalId"] == principal_id]
