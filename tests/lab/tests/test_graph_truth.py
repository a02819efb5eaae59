# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where Graph is known to refuse, or to answer otherwise than expected, the lab does so by default."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from tcx_lab import evidence
from tcx_lab.clock import Clock
from tcx_lab.evidence import Grade, Switches
from tcx_lab.graph import seed
from tcx_lab.graph.credentials import subject_text
from tcx_lab.graph.kit import Kit
from tcx_lab.requestlog import LogEntry
from tcx_lab.trouble import SCOPE_KEY, Afflictions

URIS = [f"https://pbx{number}.contoso.example/oauth2office2" for number in range(3)]


@pytest.fixture
def kit() -> Kit:
    return Kit()


# --- batches ------------------------------------------------------------------------------------------------------------


async def test_one_item_without_a_content_type_fails_the_whole_batch(kit: Kit) -> None:
    good = {"id": "1", "method": "GET", "url": "/applications"}
    bad = {"id": "2", "method": "POST", "url": "/applications", "body": {"displayName": "x"}}
    error = await kit.refused(400, "BadRequest", "POST", "/$batch", {"requests": [good, bad]})
    assert error["message"] == "Write request with id '2' does not contain a Content-Type header."
    listed = await kit.ok("GET", "/applications?$filter=displayName eq 'x'")
    assert listed["value"] == []
    empty = {"id": "2", "method": "POST", "url": "/directory/deletedItems/x/restore"}
    await kit.refused(400, "BadRequest", "POST", "/$batch", {"requests": [good, empty]})
    sent = {**bad, "headers": {"content-type": "application/json"}}
    answer = await kit.ok("POST", "/$batch", {"requests": [sent]})
    assert answer["responses"][0]["status"] == 201


async def _revoked(kit: Kit, path: str, body: Any) -> Any:
    from tcx_lab.graph import create_graph_app
    from tcx_lab.graph.web import Call

    await kit.sign_in()
    scope: dict[str, Any] = {SCOPE_KEY: Afflictions(drop_token=True)}
    headers = {"authorization": f"Bearer {kit.token}", "content-type": "application/json"}
    call = Call(
        "POST", ["v1.0", path], {}, headers, json.dumps(body).encode(), "https://graph.lab", f"/v1.0/{path}", scope
    )
    return await create_graph_app(kit.world).answer(call)


async def test_a_revoked_token_fails_the_whole_batch_with_a_claims_challenge(kit: Kit) -> None:
    item = {"id": "1", "method": "GET", "url": "/applications"}
    answer = await _revoked(kit, "$batch", {"requests": [item]})
    assert answer.status == 401
    assert answer.body["error"]["code"] == "InvalidAuthenticationToken"
    challenge = answer.headers["WWW-Authenticate"]
    assert 'error="insufficient_claims"' in challenge
    found = re.search(r'claims="([^"]+)"', challenge)
    assert found is not None
    assert "nbf" in json.loads(base64.b64decode(found[1]))["access_token"]


async def test_an_expired_token_fails_the_whole_batch(kit: Kit) -> None:
    await kit.sign_in()
    kit.world.clock.advance(7200)
    item = {"id": "1", "method": "GET", "url": "/applications"}
    await kit.refused(401, "InvalidAuthenticationToken", "POST", "/$batch", {"requests": [item]})


async def test_the_log_tells_which_rule_struck_an_item(kit: Kit) -> None:
    from tcx_lab.graph import create_graph_app
    from tcx_lab.graph.web import Call

    await kit.sign_in()
    rule = kit.world.trouble.add({"action": "throttle", "seconds": 3, "match": {"path": "/applications"}})
    batch: LogEntry = kit.world.log.open(
        service="graph", host="", tenant=kit.tenant.id, source="client", method="POST", path="/v1.0/$batch", query=""
    )
    items = [
        {"id": str(n), "method": "GET", "url": url} for n, url in enumerate(("/applications", "/servicePrincipals"))
    ]
    headers = {"authorization": f"Bearer {kit.token}"}
    body = json.dumps({"requests": items}).encode()
    scope = {"tcx_lab.log": batch}
    await create_graph_app(kit.world).answer(
        Call("POST", ["v1.0", "$batch"], {}, headers, body, "https://graph.lab", "/v1.0/$batch", scope)
    )
    found = {entry.path: (entry.status, entry.trouble) for entry in kit.world.log if entry.batch is not None}
    assert found == {"/v1.0/applications": (429, rule), "/v1.0/servicePrincipals": (200, None)}


# --- redirect URIs, types, identifiers --------------------------------------------------------------------------------------


async def test_redirect_uris_are_read_in_the_opposite_order(kit: Kit) -> None:
    app = await kit.application(web={"redirectUris": URIS})
    assert app["web"]["redirectUris"] == URIS  # what a POST answers is what was sent
    await kit.ok("PATCH", f"/applications/{app['id']}", {"web": {"logoutUrl": "https://pbx.contoso.example/out"}})
    assert (await kit.ok("GET", f"/applications/{app['id']}"))["web"]["redirectUris"] == URIS[::-1]
    kit.world.switches.redirect_uris_order_kept = True
    await kit.ok("PATCH", f"/applications/{app['id']}", {"web": {"redirectUris": URIS}})
    assert (await kit.ok("GET", f"/applications/{app['id']}"))["web"]["redirectUris"] == URIS


async def test_a_redirect_uri_stands_under_one_platform(kit: Kit) -> None:
    app = await kit.application(web={"redirectUris": URIS})
    path = f"/applications/{app['id']}"
    for platform in ("spa", "publicClient"):
        error = await kit.refused(400, "Request_BadRequest", "PATCH", path, {platform: {"redirectUris": URIS[:1]}})
        assert "distinct" in error["message"]
    await kit.ok("PATCH", path, {"web": {"redirectUris": URIS[1:]}, "spa": {"redirectUris": URIS[:1]}})


def test_a_certificate_without_a_name_is_shown_by_its_subject() -> None:
    """As recorded: C, ST and O of a certificate come back as `O=..., S=..., C=...`."""
    names = (
        (NameOID.COUNTRY_NAME, "AU"),
        (NameOID.STATE_OR_PROVINCE_NAME, "Some-State"),
        (NameOID.ORGANIZATION_NAME, "Internet Widgits Pty Ltd"),
    )
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in names])
    assert subject_text(subject) == "O=Internet Widgits Pty Ltd, S=Some-State, C=AU"


@pytest.mark.parametrize("kept", [False, True])
async def test_grants_of_a_deleted_service_principal(kit: Kit, *, kept: bool) -> None:
    kit.world.switches.restored_principal_keeps_grants = kept
    app = await kit.application()
    principal = await kit.principal(app)
    seed.grant_app_roles(kit.world, kit.tenant, principal["id"], {"User.Read.All"})
    path = f"/servicePrincipals/{principal['id']}/appRoleAssignments"
    assert len((await kit.ok("GET", path))["value"]) == 1
    await kit.ok("DELETE", f"/applications/{app['id']}")
    assert not kit.tenant.app_role_assignments.keys() & {principal["id"]}
    await kit.ok("POST", f"/directory/deletedItems/{app['id']}/restore")
    await kit.ok("POST", f"/directory/deletedItems/{principal['id']}/restore")
    assert len((await kit.ok("GET", path))["value"]) == int(kept)


async def test_256_redirect_uris_over_all_platforms_are_the_most(kit: Kit) -> None:
    many = [f"https://pbx.contoso.example/{number}" for number in range(256)]
    app = await kit.application(web={"redirectUris": many})
    for body in (
        {"web": {"redirectUris": [*many, "https://one.more"]}},
        {"spa": {"redirectUris": ["https://one.more"]}},
    ):
        error = await kit.refused(400, "Request_BadRequest", "PATCH", f"/applications/{app['id']}", body)
        assert "256" in error["message"]
    personal = {"displayName": "p", "web": {"redirectUris": many[:101]}}
    await kit.refused(400, "Request_BadRequest", "POST", "/applications", personal)


@pytest.mark.parametrize(
    "body",
    [
        {"web": {"implicitGrantSettings": {"enableIdTokenIssuance": "yes"}}},
        {"web": {"implicitGrantSettings": {"enableIdTokenIssuance": 1}}},
        {"web": {"logoutUrl": True}},
        {"web": {"redirectUris": "https://pbx.contoso.example"}},
        {"web": {"redirectUriSettings": [{"uri": "https://x.example", "index": "1"}]}},
        {"api": {"requestedAccessTokenVersion": "2"}},
        {"api": {"oauth2PermissionScopes": [{"isEnabled": "true"}]}},
        {"optionalClaims": {"idToken": [{"name": "upn", "essential": "true"}]}},
        {"servicePrincipalLockConfiguration": {"isEnabled": "true"}},
        {"info": {"logoUrl": 7}},
        {"tags": [None]},
        {"tags": "one"},
        {"isFallbackPublicClient": "false"},
    ],
)
async def test_wrong_types_inside_are_refused(body: dict[str, Any], kit: Kit) -> None:
    app = await kit.application()
    answer = await kit.graph("PATCH", f"/applications/{app['id']}", body)
    assert answer.status_code == 400, answer.text
    assert (await kit.ok("GET", f"/applications/{app['id']}"))["web"] == app["web"]


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("api://{app_id}", 204),
        ("api://{tenant}/pbx", 204),
        ("https://contoso.example/pbx", 204),
        ("https://pbx.contoso.example", 204),
        ("api://pbx", 400),
        ("https://fabrikam.example/pbx", 400),
        ("https://contoso.example.evil.test", 400),
        ("ftp://contoso.example", 400),
        ("urn:pbx", 400),
    ],
)
async def test_identifier_uris_need_a_verified_domain(uri: str, status: int, kit: Kit) -> None:
    app = await kit.application()
    uri = uri.format(app_id=app["appId"], tenant=kit.tenant.id)
    answer = await kit.graph("PATCH", f"/applications/{app['id']}", {"identifierUris": [uri]})
    assert answer.status_code == status, answer.text


async def test_policies_judge_identifier_uris_and_passwords(kit: Kit) -> None:
    restrictions = {
        "identifierUris": {"nonDefaultUriAddition": {"state": "enabled"}},
        "passwordCredentials": [{"restrictionType": "symmetricKeyAddition", "state": "enabled"}],
        "keyCredentials": [],
    }
    body = {"isEnabled": True, "applicationRestrictions": restrictions}
    await kit.ok("PATCH", "/policies/defaultAppManagementPolicy", body)
    app = await kit.application()
    path = f"/applications/{app['id']}"
    await kit.refused(400, "Request_BadRequest", "PATCH", path, {"identifierUris": ["https://pbx.contoso.example"]})
    await kit.ok("PATCH", path, {"identifierUris": [f"api://{app['appId']}"]})
    wanted = {"passwordCredential": {"displayName": "x"}}
    await kit.refused(400, "CredentialTypeNotAllowedAsPerAppPolicy", "POST", f"{path}/addPassword", wanted)


async def test_app_roles_show_their_origin(kit: Kit) -> None:
    role = {
        "allowedMemberTypes": ["Application"],
        "description": "d",
        "displayName": "r",
        "id": "11111111-2222-3333-4444-555555555555",
        "isEnabled": True,
        "value": "Do.It",
    }
    app = await kit.application(appRoles=[role])
    assert app["appRoles"] == [{**role, "origin": "Application"}]
    await kit.ok("PATCH", f"/applications/{app['id']}", {"appRoles": app["appRoles"]})


async def test_the_subject_of_a_certificate_is_written_as_windows_does(kit: Kit) -> None:
    key = rsa.generate_private_key(65537, 2048)
    names = [
        (NameOID.COUNTRY_NAME, "DE"),
        (NameOID.STATE_OR_PROVINCE_NAME, "Berlin"),
        (NameOID.ORGANIZATION_NAME, "Contoso"),
        (NameOID.COMMON_NAME, "pbx.contoso.example"),
    ]
    name = x509.Name([x509.NameAttribute(each, text) for each, text in names])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(7).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
    )
    der = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    entry = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.b64encode(der).decode()}
    app = await kit.application(keyCredentials=[entry])
    assert app["keyCredentials"][0]["displayName"] == "CN=pbx.contoso.example, O=Contoso, S=Berlin, C=DE"


# --- queries and addresses -------------------------------------------------------------------------------------------------


async def test_skip_is_refused(kit: Kit) -> None:
    for path in ("/applications?$skip=1", "/users?$top=1&$skip=1"):
        await kit.refused(400, "Request_BadRequest", "GET", path)


@pytest.mark.parametrize("name", ["graph.application", "microsoft.graph.application", "Graph.Application"])
async def test_both_names_of_the_namespace(name: str, kit: Kit) -> None:
    app = await kit.application()
    await kit.ok("DELETE", f"/applications/{app['id']}")
    listed = await kit.ok("GET", f"/directory/deletedItems/{name}")
    assert [each["id"] for each in listed["value"]] == [app["id"]]


async def test_users_by_key_in_brackets(kit: Kit) -> None:
    user = next(iter(kit.tenant.users.values()))
    for key in (user["userPrincipalName"], user["id"]):
        assert (await kit.ok("GET", f"/users('{key}')"))["id"] == user["id"]
    assert (await kit.graph("GET", f"/users('{user['userPrincipalName']}')/photo/$value")).status_code == 200


async def test_groups_of_a_user_through_other_groups(kit: Kit) -> None:
    from tcx_lab.graph import seed

    user = next(iter(kit.tenant.users.values()))
    inner = seed.add_group(kit.world, kit.tenant, "Inner", [user["id"]])
    outer = seed.add_group(kit.world, kit.tenant, "Outer", [inner["id"]], securityEnabled=False)
    path = f"/users('{user['userPrincipalName']}')/getMemberGroups"
    everything = await kit.ok("POST", path, {"securityEnabledOnly": False})
    assert {inner["id"], outer["id"]} <= set(everything["value"])
    security = await kit.ok("POST", path, {"securityEnabledOnly": True})
    assert inner["id"] in security["value"]
    assert outer["id"] not in security["value"]


async def test_what_has_changed_since(kit: Kit) -> None:
    kept, gone = await kit.application("kept"), await kit.application("gone")
    first = await kit.ok("GET", "/applications/delta?$select=displayName")
    assert {kept["id"], gone["id"]} <= {each["id"] for each in first["value"]}
    link = first["@odata.deltaLink"].partition("/v1.0")[2]
    assert (await kit.ok("GET", link))["value"] == []
    await kit.ok("PATCH", f"/applications/{kept['id']}", {"displayName": "renamed"})
    await kit.ok("DELETE", f"/applications/{gone['id']}")
    changed = {each["id"]: each for each in (await kit.ok("GET", link))["value"]}
    assert changed[kept["id"]]["displayName"] == "renamed"
    assert changed[gone["id"]]["@removed"] == {"reason": "changed"}
    await kit.refused(400, "Directory_ExpiredPageToken", "GET", "/applications/delta?$deltatoken=old")


@pytest.mark.parametrize("status", [409, 503])
async def test_writes_that_follow_too_closely_may_be_refused(status: int) -> None:
    clock = Clock()
    kit = Kit(clock=clock)
    app = await kit.application()
    path = f"/applications/{app['id']}"
    kit.world.switches.concurrent_writes = str(status)
    await kit.ok("PATCH", path, {"notes": "one"})
    error = await kit.refused(status, "Directory_ConcurrencyViolation", "PATCH", path, {"notes": "two"})
    assert error["message"].startswith("Error due to concurrent requests being made to the tenant.")
    await kit.ok("PATCH", path, {"notes": "two"})
    clock.advance(5)
    await kit.ok("PATCH", path, {"notes": "three"})


# --- grades -----------------------------------------------------------------------------------------------------------------


RECORDINGS = ("azure-cli", "azure-powershell", "record ")


def test_what_is_recorded_names_its_recording() -> None:
    for each in evidence.all_statements():
        if each.grade is Grade.RECORDED:
            assert any(name in each.source for name in RECORDINGS), each.behavior


def test_every_grade_has_its_source() -> None:
    for each in evidence.all_statements():
        assert each.source, each.behavior
        assert each.source != "switch", each.behavior


def test_defaults_are_those_that_the_evidence_says() -> None:
    switches = Switches()
    assert switches.xapi_licence == "no_token"
    assert switches.restore_restores_service_principal is False
    assert switches.redirect_uris_order_kept is False
    grades = {each.behavior.partition(":")[0]: each.grade for each in evidence.statements()}
    assert grades["switch restore_restores_service_principal"] is Grade.DOCUMENTED
    assert grades["switch token_lifetime"] is Grade.OBSERVED
    assert grades["switch block_after"] is Grade.ASSUMED
    assert grades["switch redirect_uris_order_kept"] is Grade.RECORDED
