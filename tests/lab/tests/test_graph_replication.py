# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What fails right after a write: the symptoms of replication, by seconds, by reads, by chance, and by a rule of trouble."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from tcx_lab.ca import make_key_pair
from tcx_lab.clock import Clock
from tcx_lab.graph import create_graph_app, patch_application
from tcx_lab.graph.kit import Kit
from tcx_lab.graph.web import Answer, Call
from tcx_lab.trouble import SCOPE_KEY, Afflictions


@pytest.fixture
def kit() -> Kit:
    return Kit(clock=Clock(frozen=True))


async def _lagging(kit: Kit, seconds: float = 30.0) -> dict[str, Any]:
    await kit.sign_in()
    kit.world.switches.replication_lag = seconds
    return await kit.application()


async def test_a_new_application_is_missing_at_first(kit: Kit) -> None:
    app = await _lagging(kit)
    for method, body in (("GET", None), ("PATCH", {"notes": "n"}), ("DELETE", None)):
        await kit.refused(404, "Request_ResourceNotFound", method, f"/applications/{app['id']}", body)
    assert (await kit.ok("GET", f"/applications?$filter=appId eq '{app['appId']}'"))["value"] == []
    assert app["id"] not in [each["id"] for each in (await kit.ok("GET", "/applications"))["value"]]
    error = await kit.refused(400, "Request_BadRequest", "POST", "/servicePrincipals", {"appId": app["appId"]})
    assert error["details"][0]["code"] == "NoBackingApplicationObject"
    assert (await kit.ask_token(client_id=app["appId"])).json()["error_codes"] == [700016]
    kit.world.clock.advance(31)
    await kit.ok("GET", f"/applications/{app['id']}")
    await kit.principal(app)


async def test_owned_by_says_it_differently(kit: Kit) -> None:
    await kit.client_with("Application.ReadWrite.OwnedBy")
    kit.world.switches.replication_lag = 30.0
    app = await kit.application()
    error = await kit.refused(403, "Authorization_RequestDenied", "POST", "/servicePrincipals", {"appId": app["appId"]})
    assert error["message"].endswith("must in the local tenant")


async def test_references_to_a_new_service_principal(kit: Kit) -> None:
    app = await kit.application()
    kit.world.switches.replication_lag = 30.0
    principal = await kit.principal(app)
    resource = kit.resource()["id"]
    body = {"principalId": principal["id"], "resourceId": resource, "appRoleId": kit.role("User.Read.All")}
    path = f"/servicePrincipals/{resource}/appRoleAssignedTo"
    error = await kit.refused(400, "Request_BadRequest", "POST", path, body)
    assert error["message"] == "Not a valid reference update."
    grant = {"clientId": principal["id"], "consentType": "AllPrincipals", "resourceId": resource, "scope": "openid"}
    error = await kit.refused(404, "Request_ResourceNotFound", "POST", "/oauth2PermissionGrants", grant)
    assert "reference-property objects" in error["message"]
    kit.world.clock.advance(31)
    await kit.ok("POST", path, body)
    duplicate = await kit.graph("POST", path, body)
    assert duplicate.status_code == 400, "a write that nobody sees yet is written all the same"
    assert (await kit.ok("GET", f"/servicePrincipals/{principal['id']}/appRoleAssignments"))["value"] == []


async def test_old_values_for_a_while(kit: Kit) -> None:
    app = await kit.application(notes="old")
    kit.world.switches.replication_lag = 30.0
    path = f"/applications/{app['id']}"
    await kit.ok("PATCH", path, {"notes": "new"})
    assert (await kit.ok("GET", path))["notes"] == "old"
    await kit.ok("PATCH", path, {"description": "d"})
    kit.world.clock.advance(31)
    shown = await kit.ok("GET", path)
    assert (shown["notes"], shown["description"]) == ("new", "d")
    await kit.ok("DELETE", path)
    assert (await kit.ok("GET", path))["id"] == app["id"]
    kit.world.clock.advance(31)
    await kit.refused(404, "Request_ResourceNotFound", "GET", path)


async def test_a_number_of_reads(kit: Kit) -> None:
    await kit.sign_in()
    kit.world.switches.replication_reads = 3
    app = await kit.application()
    path = f"/applications/{app['id']}"
    statuses = [(await kit.graph("GET", path)).status_code for _read in range(5)]
    assert statuses == [404, 404, 404, 200, 200]
    await kit.ok("PATCH", path, {"notes": "n"})
    assert [(await kit.ok("GET", path))["notes"] for _read in range(4)] == [None, None, None, "n"]


async def test_replicas_disagree_for_a_while(kit: Kit) -> None:
    kit.world.switches.replication_flapping = True
    app = await _lagging(kit)
    path = f"/applications/{app['id']}"
    statuses = {(await kit.graph("GET", path)).status_code for _read in range(40)}
    assert statuses == {200, 404}
    kit.world.clock.advance(31)
    assert {(await kit.graph("GET", path)).status_code for _read in range(20)} == {200}


async def test_new_credentials_work_later(kit: Kit) -> None:
    app = await kit.application()
    await kit.principal(app)
    pair = make_key_pair(kit.world, "pbx")
    key = base64.b64encode(pair.certificate.public_bytes(Encoding.DER)).decode()
    kit.world.switches.replication_lag = 30.0
    body = {"keyCredentials": [{"type": "AsymmetricX509Cert", "usage": "Verify", "key": key}]}
    await kit.ok("PATCH", f"/applications/{app['id']}", body)
    made = await kit.ok("POST", f"/applications/{app['id']}/addPassword", {"passwordCredential": {}})
    answer = await kit.ask_token(client_id=app["appId"], client_secret=made["secretText"])
    assert answer.json()["error_codes"] == [7000215]
    kit.world.clock.advance(31)
    assert (await kit.ask_token(client_id=app["appId"], client_secret=made["secretText"])).status_code == 200


async def test_changes_behind_the_back_show_at_once(kit: Kit) -> None:
    app = await kit.application()
    kit.world.switches.replication_lag = 30.0
    patch_application(kit.world, kit.tenant, app["id"], {"notes": "clicked"})
    assert (await kit.ok("GET", f"/applications/{app['id']}"))["notes"] == "clicked"
    kit.tenant.applications[app["id"]] = {**kit.tenant.applications[app["id"]], "notes": "direct"}
    assert (await kit.ok("GET", f"/applications/{app['id']}"))["notes"] == "direct"


async def _get(kit: Kit, path: str, trouble: Afflictions) -> Answer:
    segments = ["v1.0", *path.strip("/").split("/")]
    headers = {"authorization": f"Bearer {kit.token}"}
    call = Call("GET", segments, {}, headers, b"", "https://graph.lab", f"/v1.0{path}", {SCOPE_KEY: trouble})
    return await create_graph_app(kit.world).answer(call)


async def test_a_stale_read_on_demand(kit: Kit) -> None:
    app = await kit.application(notes="one")
    path = f"/applications/{app['id']}"
    kit.world.clock.advance(100)
    await kit.ok("PATCH", path, {"notes": "two"})
    assert (await _get(kit, path, Afflictions(stale_reads=1))).body["notes"] == "one"
    assert (await _get(kit, path, Afflictions(stale_seconds=50))).body["notes"] == "one"
    assert (await _get(kit, path, Afflictions(stale_seconds=500))).status == 404
    assert (await _get(kit, path, Afflictions())).body["notes"] == "two"


async def test_a_token_that_dies(kit: Kit) -> None:
    await kit.sign_in()
    app = create_graph_app(kit.world)
    scope: dict[str, Any] = {SCOPE_KEY: Afflictions(drop_token=True)}
    headers = {"authorization": f"Bearer {kit.token}"}
    for each in (scope, {}):
        call = Call("GET", ["v1.0", "users"], {}, headers, b"", "https://graph.lab", "/v1.0/users", each)
        assert (await app.answer(call)).status == 401
    await kit.sign_in()
    call.headers = {"authorization": f"Bearer {kit.token}"}
    assert (await app.answer(call)).status == 200
