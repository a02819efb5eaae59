# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The token endpoint: every kind of credential really checked, and every error as Entra words it."""

from __future__ import annotations

import base64
import time
import uuid
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tcx_lab.ca import KeyPair, automation_key_pair, make_key_pair
from tcx_lab.entra import mint_federated_token
from tcx_lab.entra.keys import jwk
from tcx_lab.graph import seed
from tcx_lab.graph.kit import Kit


@pytest.fixture
def kit() -> Kit:
    return Kit()


def _claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def _failed(answer: httpx.Response, status: int, error: str, code: int) -> str:
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (status, error, [code]), body
    assert body["error_description"].startswith(f"AADSTS{code}: ")
    assert body["trace_id"] in body["error_description"]
    assert body["correlation_id"] in body["error_description"]
    assert body["error_uri"].endswith(f"/error?code={code}")
    return str(body["error_description"])


def _assertion(
    kit: Kit, pair: KeyPair, client_id: str, *, alg: str = "RS256", header: dict[str, str] | None = None, **more: Any
) -> str:
    sha256 = pair.certificate.fingerprint(hashes.SHA256())
    name, digest = {"RS256": ("x5t", bytes.fromhex(pair.thumbprint)), "PS256": ("x5t#S256", sha256)}[alg]
    thumb = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    now = int(kit.world.clock.time())
    claims = {
        "aud": f"https://login.lab/{kit.tenant.id}/oauth2/v2.0/token",
        "iss": client_id,
        "sub": client_id,
        "jti": str(uuid.uuid4()),
        "nbf": now,
        "exp": now + 600,
        **more,
    }
    return jwt.encode(claims, pair.private_key, algorithm=alg, headers=header or {name: thumb})


async def test_roles_are_in_the_token(kit: Kit) -> None:
    answer = await kit.ask_token()
    assert answer.json().keys() == {"token_type", "expires_in", "ext_expires_in", "access_token"}
    claims = _claims(answer.json()["access_token"])
    assert set(claims["roles"]) == set(kit.automation.permissions)
    assert claims["aud"] == "https://graph.microsoft.com"
    assert (claims["appid"], claims["tid"]) == (kit.automation.app_id, kit.tenant.id)
    assert claims["oid"] == kit.automation.service_principals[kit.tenant.id]
    assert claims["exp"] - time.time() == pytest.approx(3600, abs=30)


async def test_the_signature_is_that_of_the_published_key(kit: Kit) -> None:
    token = (await kit.ask_token()).json()["access_token"]
    keys = (await kit.login.get(f"/{kit.tenant.id}/discovery/v2.0/keys")).json()["keys"]
    key = jwt.PyJWK(next(each for each in keys if each["kid"] == jwt.get_unverified_header(token)["kid"]))
    jwt.decode(token, key.key, algorithms=["RS256"], audience="https://graph.microsoft.com")
    assert jwk("entra") in keys


async def test_a_multi_tenant_application_in_each_tenant(kit: Kit) -> None:
    claims = _claims((await kit.ask_token(kit.other)).json()["access_token"])
    assert claims["oid"] == kit.automation.service_principals[kit.other.id]
    by_domain = await kit.ask_token("fabrikam.example")
    assert _claims(by_domain.json()["access_token"])["tid"] == kit.other.id


async def test_no_roles_still_a_token(kit: Kit) -> None:
    caller = await kit.client_with()
    answer = await kit.ask_token(client_id=caller["appId"], client_secret=caller["secret"])
    assert "roles" not in _claims(answer.json()["access_token"])


@pytest.mark.parametrize(
    "scope",
    [
        "https://graph.lab/.default",
        "https://graph.microsoft.us/.default",
        "00000003-0000-0000-c000-000000000000/.default",
    ],
)
async def test_names_of_the_resource(kit: Kit, scope: str) -> None:
    await kit.sign_in(scope=scope)
    await kit.ok("GET", "/users")


async def test_old_endpoint(kit: Kit) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": kit.automation.app_id,
        "resource": "https://graph.microsoft.com",
    }
    answer = await kit.login.post(
        f"/{kit.tenant.id}/oauth2/token", data={**form, "client_secret": kit.automation.client_secret}
    )
    assert answer.json()["resource"] == "https://graph.microsoft.com"
    assert isinstance(answer.json()["expires_on"], str)


async def test_basic_authentication(kit: Kit) -> None:
    form = {"grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default"}
    answer = await kit.login.post(
        f"/{kit.tenant.id}/oauth2/v2.0/token", data=form, auth=(kit.automation.app_id, kit.automation.client_secret)
    )
    assert answer.status_code == 200


async def test_secrets(kit: Kit) -> None:
    text = _failed(await kit.ask_token(client_secret="wrong"), 401, "invalid_client", 7000215)
    assert f"for a secret added to app '{kit.automation.app_id}'" in text
    app = seed.create_application(kit.world, kit.tenant, "x")
    seed.ensure_service_principal(kit.world, kit.tenant, app)
    old = seed.add_secret(kit.world, kit.tenant, app["id"], days=-3)
    _failed(await kit.ask_token(client_id=app["appId"], client_secret=old), 401, "invalid_client", 7000222)
    _failed(await kit.ask_token(client_secret=""), 401, "invalid_client", 7000218)


async def test_tenants_and_applications(kit: Kit) -> None:
    nobody = kit.world.new_guid()
    text = _failed(await kit.ask_token(client_id=nobody), 400, "unauthorized_client", 700016)
    assert f"'{nobody}' was not found in the directory 'Contoso'" in text
    _failed(await kit.ask_token(nobody), 400, "invalid_request", 90002)
    _failed(await kit.ask_token("nonsense"), 400, "invalid_request", 900023)
    _failed(await kit.ask_token("common"), 400, "invalid_request", 50059)
    discovery = await kit.login.get(f"/{nobody}/v2.0/.well-known/openid-configuration")
    _failed(discovery, 400, "invalid_tenant", 90002)
    app = seed.create_application(kit.world, kit.tenant, "alone")
    secret = seed.add_secret(kit.world, kit.tenant, app["id"])
    _failed(await kit.ask_token(client_id=app["appId"], client_secret=secret), 401, "invalid_client", 7000229)
    _failed(
        await kit.ask_token(kit.other, client_id=app["appId"], client_secret=secret), 400, "unauthorized_client", 700016
    )
    principal = seed.ensure_service_principal(kit.world, kit.tenant, app)
    kit.tenant.service_principals[principal["id"]] = {**principal, "accountEnabled": False}
    _failed(await kit.ask_token(client_id=app["appId"], client_secret=secret), 400, "unauthorized_client", 7000112)


async def test_requests_that_are_none(kit: Kit) -> None:
    _failed(await kit.ask_token(scope=""), 400, "invalid_request", 900144)
    _failed(await kit.ask_token(client_id=""), 400, "invalid_request", 900144)
    _failed(await kit.ask_token(grant_type=""), 400, "invalid_request", 900144)
    _failed(await kit.ask_token(grant_type="password"), 400, "unsupported_grant_type", 70003)
    _failed(await kit.ask_token(scope="https://graph.microsoft.com/User.Read"), 400, "invalid_scope", 1002012)
    _failed(await kit.ask_token(scope="api://nobody/.default"), 400, "invalid_resource", 500011)
    _failed(await kit.login.get(f"/{kit.tenant.id}/oauth2/v2.0/token"), 400, "invalid_request", 900561)


async def test_conditional_access(kit: Kit) -> None:
    kit.world.switches.conditional_access_blocks = kit.automation.app_id
    _failed(await kit.ask_token(), 400, "interaction_required", 53003)
    kit.world.switches.error_line_breaks = False
    assert "\r\n" not in (await kit.ask_token()).json()["error_description"]


@pytest.mark.parametrize("alg", ["RS256", "PS256"])
async def test_certificate(kit: Kit, alg: str) -> None:
    pair = automation_key_pair(kit.world, kit.automation)
    answer = await kit.ask_token(client_assertion=_assertion(kit, pair, kit.automation.app_id, alg=alg))
    assert answer.status_code == 200, answer.text


async def test_certificates_that_do_not_count(kit: Kit) -> None:
    pair, client_id = automation_key_pair(kit.world, kit.automation), kit.automation.app_id
    stranger = make_key_pair(kit.world, "stranger")
    text = _failed(
        await kit.ask_token(client_assertion=_assertion(kit, stranger, client_id)), 401, "invalid_client", 700027
    )
    assert f"Thumbprint of key used by client: '{stranger.thumbprint}'" in text
    thumb = base64.urlsafe_b64encode(bytes.fromhex(pair.thumbprint)).rstrip(b"=").decode()
    forged = _assertion(kit, make_key_pair(kit.world, "forger"), client_id, header={"x5t": thumb})
    text = _failed(await kit.ask_token(client_assertion=forged), 401, "invalid_client", 700027)
    assert "use of the key to verify the signature failed" in text
    now = int(kit.world.clock.time())
    cases = [
        ({"nbf": now - 2000, "exp": now - 1000}, 700024),
        ({"nbf": now + 1000, "exp": now + 2000}, 700024),
        ({"aud": "https://somewhere.example/token"}, 700023),
        ({"sub": kit.world.new_guid()}, 700021),
    ]
    for claims, code in cases:
        answer = await kit.ask_token(client_assertion=_assertion(kit, pair, client_id, **claims))
        _failed(answer, 401, "invalid_client", code)
    _failed(await kit.ask_token(client_assertion="rubbish"), 400, "invalid_request", 50027)
    kind = await kit.ask_token(client_assertion=_assertion(kit, pair, client_id), client_assertion_type="saml")
    _failed(kind, 400, "invalid_request", 900144)


async def test_an_expired_certificate(kit: Kit) -> None:
    app = seed.create_application(kit.world, kit.tenant, "x")
    seed.ensure_service_principal(kit.world, kit.tenant, app)
    old = make_key_pair(kit.world, "old", days=1, start=kit.world.clock.now() - timedelta(days=5))
    seed.add_certificate(kit.world, kit.tenant, app["id"], old.certificate)
    answer = await kit.ask_token(client_id=app["appId"], client_assertion=_assertion(kit, old, app["appId"]))
    _failed(answer, 401, "invalid_client", 700027)


async def test_a_certificate_with_an_elliptic_curve_is_taken_and_signs_nobody_in(kit: Kit) -> None:
    """As reported: the upload succeeds, and the first sign-in fails."""
    app = seed.create_application(kit.world, kit.tenant, "x")
    seed.ensure_service_principal(kit.world, kit.tenant, app)
    key, now = ec.generate_private_key(ec.SECP256R1()), kit.world.clock.now()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pbx")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=100))
        .sign(key, hashes.SHA256())
    )
    seed.add_certificate(kit.world, kit.tenant, app["id"], certificate)
    (shown,) = kit.tenant.applications[app["id"]]["keyCredentials"]
    thumb = base64.urlsafe_b64encode(bytes.fromhex(shown["customKeyIdentifier"])).rstrip(b"=").decode()
    moment = int(kit.world.clock.time())
    claims = {
        "aud": f"https://login.lab/{kit.tenant.id}/oauth2/v2.0/token",
        "iss": app["appId"],
        "sub": app["appId"],
        "nbf": moment,
        "exp": moment + 600,
    }
    assertion = jwt.encode(claims, key, algorithm="ES256", headers={"x5t": thumb})
    answer = await kit.ask_token(client_id=app["appId"], client_assertion=assertion)
    _failed(answer, 401, "invalid_client", 700027)


async def test_clock_of_the_tenant_counts(kit: Kit) -> None:
    kit.tenant.clock_offset = 3600
    pair = automation_key_pair(kit.world, kit.automation)
    answer = await kit.ask_token(client_assertion=_assertion(kit, pair, kit.automation.app_id))
    _failed(answer, 401, "invalid_client", 700024)


async def test_federated_token(kit: Kit) -> None:
    issuer, subject = "https://token.actions.githubusercontent.com", "repo:o/r:environment:prod"
    home, object_id = kit.tenant, kit.automation.object_id
    home.federated_credentials[object_id] = [
        {
            "id": "1",
            "name": "ci-main",
            "issuer": issuer,
            "subject": subject,
            "description": None,
            "audiences": ["api://AzureADTokenExchange"],
        }
    ]
    token = mint_federated_token(kit.world, issuer=issuer, subject=subject)
    assert (await kit.ask_token(client_assertion=token)).status_code == 200
    assert (await kit.ask_token(kit.other, client_assertion=token)).status_code == 200
    cases: list[tuple[dict[str, Any], int]] = [
        ({"issuer": "https://issuer.example"}, 700211),
        ({"audience": "api://else"}, 700212),
        ({"subject": "repo:o/r:pull_request"}, 700213),
        ({"lifetime": -4000}, 700024),
    ]
    for change, code in cases:
        wrong = mint_federated_token(kit.world, **{"issuer": issuer, "subject": subject, **change})
        _failed(await kit.ask_token(client_assertion=wrong), 401, "invalid_client", code)
    now = int(time.time())
    claims = {"iss": issuer, "sub": subject, "aud": "api://AzureADTokenExchange", "exp": now + 60, "nbf": now}
    forged = jwt.encode(claims, make_key_pair(kit.world, "f").private_key, algorithm="RS256")
    _failed(await kit.ask_token(client_assertion=forged), 401, "invalid_client", 50013)


async def test_the_labs_own_issuer(kit: Kit) -> None:
    config = (await kit.login.get("/_issuer/platform/.well-known/openid-configuration")).json()
    assert config["issuer"] == "https://login.lab/_issuer/platform"
    [key] = (await kit.login.get(config["jwks_uri"])).json()["keys"]
    asked = await kit.login.get(
        "/_issuer/github/token?sub=repo:o/r:ref:refs/heads/main&audience=x", headers={"Authorization": "Bearer t"}
    )
    claims = jwt.decode(asked.json()["value"], jwt.PyJWK(key).key, algorithms=["RS256"], audience="x")
    assert (claims["iss"], claims["sub"]) == (
        "https://token.actions.githubusercontent.com",
        "repo:o/r:ref:refs/heads/main",
    )
    assert (await kit.login.get("/_issuer/github/token")).status_code == 401


async def test_discovery(kit: Kit) -> None:
    new = (await kit.login.get(f"/{kit.tenant.domain}/v2.0/.well-known/openid-configuration")).json()
    assert new["issuer"] == f"https://login.lab/{kit.tenant.id}/v2.0"
    assert new["token_endpoint"] == f"https://login.lab/{kit.tenant.id}/oauth2/v2.0/token"
    old = (await kit.login.get(f"/{kit.tenant.id}/.well-known/openid-configuration")).json()
    assert old["issuer"] == f"https://sts.windows.net/{kit.tenant.id}/"
    common = (await kit.login.get("/common/v2.0/.well-known/openid-configuration")).json()
    assert common["issuer"] == "https://login.lab/{tenantid}/v2.0"
    asked = (
        "/common/discovery/instance?api-version=1.1&authorization_endpoint=https://login.lab/t/oauth2/v2.0/authorize"
    )
    instance = (await kit.login.get(asked)).json()
    assert instance["tenant_discovery_endpoint"] == "https://login.lab/t/v2.0/.well-known/openid-configuration"
    assert instance["metadata"][0]["aliases"] == ["login.lab"]
    assert (await kit.login.get("/")).status_code == 404
