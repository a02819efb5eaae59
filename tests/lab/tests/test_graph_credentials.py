# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates, passwords, proofs and federated credentials, and the policies over them."""

from __future__ import annotations

import base64
import time
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from tcx_lab.ca import KeyPair, make_key_pair
from tcx_lab.graph.kit import Kit


@pytest.fixture
def kit() -> Kit:
    return Kit()


def _entry(pair: KeyPair, **more: Any) -> dict[str, Any]:
    key = base64.b64encode(pair.certificate.public_bytes(Encoding.DER)).decode()
    return {"type": "AsymmetricX509Cert", "usage": "Verify", "key": key, **more}


async def _patch(kit: Kit, app: dict[str, Any], *entries: dict[str, Any]) -> None:
    await kit.ok("PATCH", f"/applications/{app['id']}", {"keyCredentials": list(entries)})


async def _keys(kit: Kit, app: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await kit.ok("GET", f"/applications/{app['id']}"))["keyCredentials"]
    return found


async def test_a_certificate_as_the_service_shows_it(kit: Kit) -> None:
    app, pair = await kit.application(), make_key_pair(kit.world, "pbx")
    await _patch(kit, app, _entry(pair))
    [key] = await _keys(kit, app)
    assert key["customKeyIdentifier"] == pair.thumbprint
    assert key["displayName"] == "CN=pbx"
    assert key["key"] is None
    assert key["endDateTime"] == pair.certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_key_bytes_only_on_select_of_one(kit: Kit) -> None:
    app, pair = await kit.application(), make_key_pair(kit.world, "pbx")
    await _patch(kit, app, _entry(pair))
    one = await kit.ok("GET", f"/applications/{app['id']}?$select=id,keyCredentials")
    assert base64.b64decode(one["keyCredentials"][0]["key"]) == pair.certificate.public_bytes(Encoding.DER)
    many = await kit.ok("GET", f"/applications?$filter=appId eq '{app['appId']}'&$select=keyCredentials")
    assert many["value"][0]["keyCredentials"][0]["key"] is None


async def test_pem_text_inside_base64_and_line_breaks(kit: Kit) -> None:
    app, pair = await kit.application(), make_key_pair(kit.world, "pbx")
    await _patch(kit, app, _entry(pair, key=base64.encodebytes(pair.public_pem.encode()).decode()))
    assert (await _keys(kit, app))[0]["customKeyIdentifier"] == pair.thumbprint


async def test_patch_replaces_what_it_does_not_name(kit: Kit) -> None:
    app = await kit.application()
    one, two = make_key_pair(kit.world, "one"), make_key_pair(kit.world, "two")
    await _patch(kit, app, _entry(one))
    await _patch(kit, app, _entry(two))
    assert [key["customKeyIdentifier"] for key in await _keys(kit, app)] == [two.thumbprint]


async def test_a_known_key_id_without_key_is_kept(kit: Kit) -> None:
    app = await kit.application()
    one, two = make_key_pair(kit.world, "one"), make_key_pair(kit.world, "two")
    await _patch(kit, app, _entry(one))
    await _patch(kit, app, *(await _keys(kit, app)), _entry(two))
    assert {key["customKeyIdentifier"] for key in await _keys(kit, app)} == {one.thumbprint, two.thumbprint}
    with_bytes = await kit.ok("GET", f"/applications/{app['id']}?$select=keyCredentials")
    await _patch(kit, app, *with_bytes["keyCredentials"])
    assert len(await _keys(kit, app)) == 2


@pytest.mark.parametrize("name", ["displayName", "endDateTime", "customKeyIdentifier", "startDateTime"])
async def test_a_kept_entry_may_not_change(kit: Kit, name: str) -> None:
    app = await kit.application()
    await _patch(kit, app, _entry(make_key_pair(kit.world, "one")))
    [kept] = await _keys(kit, app)
    other = "2030-01-01T00:00:00Z" if name.endswith("DateTime") else "FF"
    for changed in ({**kept, name: other}, {key: value for key, value in kept.items() if key != name}):
        error = await kit.refused(
            400, "Request_BadRequest", "PATCH", f"/applications/{app['id']}", {"keyCredentials": [changed]}
        )
        assert error["details"][0]["code"] == "KeyNotUpdatable"
        assert kept["keyId"] in error["message"]
    kit.world.switches.kept_key_must_be_complete = False
    await _patch(kit, app, {key: value for key, value in kept.items() if key != name})
    assert await _keys(kit, app) == [kept]


async def test_entries_that_are_refused(kit: Kit) -> None:
    app, pair = await kit.application(), make_key_pair(kit.world, "one")
    path = f"/applications/{app['id']}"
    unknown = {**_entry(pair), "key": None, "keyId": kit.world.new_guid()}
    no_usage = {name: value for name, value in _entry(pair).items() if name != "usage"}
    rubbish = _entry(pair, key=base64.b64encode(b"rubbish").decode())
    for entry in (unknown, no_usage, rubbish):
        assert (await kit.graph("PATCH", path, {"keyCredentials": [entry]})).status_code == 400
    error = await kit.refused(400, "Request_BadRequest", "PATCH", path, {"keyCredentials": [no_usage]})
    assert "Acceptable values are Sign, Verify." in error["message"]
    assert await _keys(kit, app) == []


async def test_end_dates(kit: Kit) -> None:
    app, pair = await kit.application(), make_key_pair(kit.world, "one", days=30)
    path = f"/applications/{app['id']}"
    expired = make_key_pair(kit.world, "old", days=1, start=kit.world.clock.now() - timedelta(days=9))
    for entry in (
        _entry(expired),
        _entry(pair, endDateTime="2100-01-01T00:00:00Z"),
        _entry(pair, endDateTime="2020-01-01T00:00:00Z"),
    ):
        await kit.refused(400, "KeyCredentialsInvalidEndDate", "PATCH", path, {"keyCredentials": [entry]})
    sooner = (kit.world.clock.now() + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    await _patch(kit, app, _entry(pair, endDateTime=sooner))
    assert (await _keys(kit, app))[0]["endDateTime"] == sooner


async def test_an_expired_kept_entry_can_block(kit: Kit) -> None:
    app = await kit.application()
    await _patch(kit, app, _entry(make_key_pair(kit.world, "short", days=1)))
    kit.world.clock.advance(3 * 86400)
    await kit.sign_in()
    kept, fresh = await _keys(kit, app), _entry(make_key_pair(kit.world, "new"))
    kit.world.switches.expired_key_blocks_patch = True
    path = f"/applications/{app['id']}"
    await kit.refused(400, "KeyCredentialsInvalidEndDate", "PATCH", path, {"keyCredentials": [*kept, fresh]})
    kit.world.switches.expired_key_blocks_patch = False
    await _patch(kit, app, *kept, fresh)


async def test_certificates_at_creation(kit: Kit) -> None:
    pair = make_key_pair(kit.world, "one")
    app = await kit.application(keyCredentials=[_entry(pair, keyId="88888888-0000-0000-0000-000000000002")])
    assert app["keyCredentials"][0]["keyId"] == "88888888-0000-0000-0000-000000000002"
    principal = await kit.principal(app)
    assert principal["keyCredentials"] == []


async def test_passwords(kit: Kit) -> None:
    app = await kit.application()
    path = f"/applications/{app['id']}"
    made = await kit.ok("POST", f"{path}/addPassword", {"passwordCredential": {"displayName": "one"}})
    assert made["hint"] == made["secretText"][:3]
    shown = (await kit.ok("GET", path))["passwordCredentials"]
    assert [(each["keyId"], each["secretText"]) for each in shown] == [(made["keyId"], None)]
    await kit.sign_in()
    await kit.principal(app)
    assert (await kit.ask_token(client_id=app["appId"], client_secret=made["secretText"])).status_code == 200
    await kit.ok("POST", f"{path}/removePassword", {"keyId": made["keyId"]})
    assert (await kit.ask_token(client_id=app["appId"], client_secret=made["secretText"])).status_code == 401
    assert (await kit.graph("POST", f"{path}/removePassword", {"keyId": made["keyId"]})).status_code == 400


async def test_locked_service_principal(kit: Kit) -> None:
    app = await kit.application(servicePrincipalLockConfiguration={"isEnabled": True, "allProperties": True})
    principal = await kit.principal(app)
    error = await kit.refused(
        400,
        "CannotUpdateLockedServicePrincipalProperty",
        "POST",
        f"/servicePrincipals/{principal['id']}/addPassword",
        {"passwordCredential": {}},
    )
    assert error["message"] == "Property passwordCredentials is invalid."


def _proof(app: dict[str, Any], pair: KeyPair, **more: Any) -> str:
    now = int(time.time())
    claims = {"aud": "00000002-0000-0000-c000-000000000000", "iss": app["id"], "nbf": now, "exp": now + 600, **more}
    return jwt.encode(claims, pair.private_key, algorithm="RS256")


async def test_rolling_a_key_with_a_proof(kit: Kit) -> None:
    app = await kit.application()
    one, two = make_key_pair(kit.world, "one"), make_key_pair(kit.world, "two")
    await _patch(kit, app, _entry(one))
    path = f"/applications/{app['id']}"
    body = {"keyCredential": _entry(two), "passwordCredential": None, "proof": _proof(app, one)}
    added = await kit.ok("POST", f"{path}/addKey", body)
    assert added["customKeyIdentifier"] == two.thumbprint
    for proof in (
        _proof(app, make_key_pair(kit.world, "three"), iss="x"),
        _proof(app, one, exp=int(time.time()) + 9999),
    ):
        assert (await kit.graph("POST", f"{path}/addKey", {**body, "proof": proof})).status_code == 403
    first = next(key for key in await _keys(kit, app) if key["customKeyIdentifier"] == one.thumbprint)
    await kit.ok("POST", f"{path}/removeKey", {"keyId": first["keyId"], "proof": _proof(app, two)})
    assert [key["customKeyIdentifier"] for key in await _keys(kit, app)] == [two.thumbprint]


async def test_federated_credentials(kit: Kit) -> None:
    app = await kit.application()
    path = f"/applications/{app['id']}/federatedIdentityCredentials"
    body: dict[str, Any] = {
        "name": "ci-main",
        "issuer": "https://token.actions.githubusercontent.com",
        "subject": "repo:o/r:ref:refs/heads/main",
    }
    await kit.refused(400, "Request_BadRequest", "POST", path, body)
    body["audiences"] = ["api://AzureADTokenExchange"]
    made = await kit.ok("POST", path, body)
    assert (await kit.ok("GET", f"{path}/ci-main"))["id"] == made["id"]
    await kit.refused(409, "Request_MultipleObjectsWithSameKeyValue", "POST", path, body)
    await kit.refused(400, "Request_BadRequest", "POST", path, {**body, "name": "again"})
    await kit.ok("PATCH", f"{path}/{made['id']}", {"subject": "repo:o/r:pull_request"})
    assert (await kit.ok("GET", path))["value"][0]["subject"] == "repo:o/r:pull_request"
    await kit.ok("DELETE", f"{path}/{made['id']}")
    await kit.refused(404, "Request_ResourceNotFound", "GET", f"{path}/ci-main")


async def test_default_policy_limits_certificates(kit: Kit) -> None:
    policy = await kit.ok("GET", "/policies/defaultAppManagementPolicy")
    assert policy["isEnabled"] is False
    restriction = {"restrictionType": "asymmetricKeyLifetime", "state": "enabled", "maxLifetime": "P90D"}
    await kit.ok(
        "PATCH",
        "/policies/defaultAppManagementPolicy",
        {"isEnabled": True, "applicationRestrictions": {"keyCredentials": [restriction], "passwordCredentials": []}},
    )
    app, long = await kit.application(), make_key_pair(kit.world, "long", days=365)
    path = f"/applications/{app['id']}"
    error = await kit.refused(
        400, "CredentialInvalidLifetimeAsPerAppPolicy", "PATCH", path, {"keyCredentials": [_entry(long)]}
    )
    assert error["details"][0] == {"code": "InvalidKeyEndDate", "message": error["message"], "target": "EndDate"}
    await _patch(kit, app, _entry(make_key_pair(kit.world, "short", days=60)))


async def test_assigned_policy_goes_before_the_default(kit: Kit) -> None:
    restriction = {"restrictionType": "passwordAddition", "state": "enabled"}
    policy = await kit.ok(
        "POST",
        "/policies/appManagementPolicies",
        {"displayName": "no passwords", "isEnabled": True, "restrictions": {"passwordCredentials": [restriction]}},
    )
    app = await kit.application()
    path = f"/applications/{app['id']}"
    reference = {"@odata.id": f"https://graph.microsoft.com/v1.0/policies/appManagementPolicies/{policy['id']}"}
    await kit.ok("POST", f"{path}/appManagementPolicies/$ref", reference)
    assert (await kit.ok("GET", f"{path}/appManagementPolicies"))["value"][0]["id"] == policy["id"]
    await kit.refused(
        400, "CredentialTypeNotAllowedAsPerAppPolicy", "POST", f"{path}/addPassword", {"passwordCredential": {}}
    )
    await kit.ok("DELETE", f"{path}/appManagementPolicies/{policy['id']}/$ref")
    await kit.ok("POST", f"{path}/addPassword", {"passwordCredential": {}})


async def test_policies_need_their_own_permission(kit: Kit) -> None:
    await kit.client_with("Application.ReadWrite.All")
    await kit.refused(403, "Authorization_RequestDenied", "GET", "/policies/defaultAppManagementPolicy")
