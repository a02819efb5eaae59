# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facade for azure-cli and Terraform, and managed identities; msal against all of it, in process."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msal
import pytest
from tcx_lab.ca import automation_key_pair
from tcx_lab.entra import mint_federated_token
from tcx_lab.entra.management import ARC_KEY, IDENTITY_HEADER
from tcx_lab.graph.kit import Kit

IMDS = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://graph.microsoft.com"


@pytest.fixture
def kit() -> Kit:
    return Kit()


async def test_endpoints_of_the_cloud(kit: Kit) -> None:
    cloud = (await kit.management.get("/metadata/endpoints?api-version=2022-09-01")).json()
    assert cloud["authentication"]["loginEndpoint"] == "https://login.lab"
    assert cloud["microsoftGraphResourceId"] == "https://graph.lab/"
    assert cloud["resourceManager"] == "https://management.lab/"
    old = (await kit.management.get("/metadata/endpoints?api-version=2019-05-01")).json()
    assert old[0]["name"] == cloud["name"]


async def test_subscriptions_and_tenants(kit: Kit) -> None:
    assert (await kit.management.get("/subscriptions?api-version=2022-12-01")).status_code == 401
    token = await kit.sign_in(scope="https://management.lab/.default")
    headers = {"Authorization": f"Bearer {token}"}
    assert (await kit.management.get("/subscriptions?api-version=2022-12-01", headers=headers)).json()["value"] == []
    tenants = (await kit.management.get("/tenants?api-version=2022-12-01", headers=headers)).json()["value"]
    assert kit.tenant.id in {each["tenantId"] for each in tenants}
    assert (await kit.management.get("/nothing", headers=headers)).status_code == 404


async def test_managed_identity(kit: Kit) -> None:
    assert (await kit.management.get(IMDS)).json()["error"] == "invalid_request"
    answer = (await kit.management.get(IMDS, headers={"Metadata": "true"})).json()
    assert answer["token_type"] == "Bearer"
    kit.token = answer["access_token"]
    await kit.ok("GET", "/users")
    other = await kit.management.get(f"{IMDS}&client_id={kit.world.new_guid()}", headers={"Metadata": "true"})
    assert (other.status_code, other.json()["error_description"]) == (400, "Identity not found")
    path = "/MSI/token?api-version=2019-08-01&resource=https://graph.microsoft.com"
    assert (await kit.management.get(path)).status_code == 401
    assert (await kit.management.get(path, headers={"X-IDENTITY-HEADER": IDENTITY_HEADER})).status_code == 200
    arc = IMDS.replace("2018-02-01", "2020-06-01")
    challenge = await kit.management.get(arc, headers={"Metadata": "true"})
    assert challenge.headers["www-authenticate"].startswith("Basic realm=/var/opt/azcmagent/tokens/")
    headers = {"Metadata": "true", "Authorization": f"Basic {ARC_KEY}"}
    assert (await kit.management.get(arc, headers=headers)).status_code == 200


class _Response:
    """What msal wants of an answer."""

    def __init__(self, status: int, text: str, headers: dict[str, str]) -> None:
        self.status_code, self.text, self.headers = status, text, headers

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise RuntimeError(self.text)


class _Http:
    """msal's http_client over the services in process."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit

    def _send(self, method: str, url: str, **options: Any) -> _Response:
        async def send() -> _Response:
            client = self.kit.management if "management.lab" in url or "169.254" in url else self.kit.login
            path = url.replace("http://169.254.169.254", "https://management.lab")
            answer = await client.request(method, path, **options)
            return _Response(answer.status_code, answer.text, dict(answer.headers))

        return asyncio.run(send())

    def get(self, url: str, params: Any = None, headers: Any = None, **_more: Any) -> _Response:
        return self._send("GET", url, headers=headers, **({"params": params} if params else {}))

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_more: Any) -> _Response:
        data = {name: value.decode() if isinstance(value, bytes) else value for name, value in (data or {}).items()}
        return self._send("POST", url, data=data, headers=headers, **({"params": params} if params else {}))

    def close(self) -> None:
        """Nothing to close."""


def _confidential(kit: Kit, credential: Any, **options: Any) -> dict[str, Any]:
    app = msal.ConfidentialClientApplication(
        kit.automation.app_id,
        authority=f"https://login.lab/{kit.tenant.id}",
        client_credential=credential,
        instance_discovery=False,
        http_client=_Http(kit),
        **options,
    )
    answer: dict[str, Any] = app.acquire_token_for_client(["https://graph.microsoft.com/.default"])
    return answer


def test_msal_with_a_secret(kit: Kit) -> None:
    assert "access_token" in _confidential(kit, kit.automation.client_secret)
    wrong = _confidential(kit, "wrong")
    assert (wrong["error"], wrong["error_codes"]) == ("invalid_client", [7000215])


def test_msal_with_a_certificate(kit: Kit) -> None:
    pair = automation_key_pair(kit.world, kit.automation)
    key = pair.private_pem.decode()
    for credential in (
        {"private_key": key, "public_certificate": pair.public_pem},
        {"private_key": key, "thumbprint": pair.thumbprint},
        {"private_key": key, "thumbprint": pair.thumbprint, "public_certificate": pair.public_pem},
    ):
        answer = _confidential(kit, credential)
        assert "access_token" in answer, answer


def test_msal_with_a_federated_token(kit: Kit) -> None:
    entry = {"id": "1", "name": "ci", "issuer": "https://i.example", "subject": "s", "audiences": ["a"]}
    kit.tenant.federated_credentials[kit.automation.object_id] = [entry]
    token = mint_federated_token(kit.world, issuer="https://i.example", subject="s", audience="a")
    assert "access_token" in _confidential(kit, {"client_assertion": lambda: token})


def test_msal_at_an_unknown_tenant(kit: Kit) -> None:
    with pytest.raises(ValueError, match="Unable to get authority configuration"):
        msal.ConfidentialClientApplication(
            kit.automation.app_id,
            authority=f"https://login.lab/{kit.world.new_guid()}",
            client_credential="x",
            instance_discovery=False,
            http_client=_Http(kit),
        ).acquire_token_for_client(["https://graph.microsoft.com/.default"])


def test_msal_oidc_authority(kit: Kit) -> None:
    app = msal.ConfidentialClientApplication(
        kit.automation.app_id,
        oidc_authority=f"https://login.lab/{kit.tenant.id}/v2.0",
        client_credential=kit.automation.client_secret,
        http_client=_Http(kit),
    )
    assert "access_token" in app.acquire_token_for_client(["https://graph.microsoft.com/.default"])


def test_msal_managed_identity(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "IDENTITY_ENDPOINT",
        "IDENTITY_HEADER",
        "IMDS_ENDPOINT",
        "MSI_ENDPOINT",
        "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    ):
        monkeypatch.delenv(name, raising=False)
    client = msal.ManagedIdentityClient(msal.SystemAssignedManagedIdentity(), http_client=_Http(kit))
    answer = client.acquire_token_for_client(resource="https://graph.microsoft.com")
    assert "access_token" in answer, json.dumps(answer)
    monkeypatch.setenv("IDENTITY_ENDPOINT", "https://management.lab/MSI/token")
    monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
    client = msal.ManagedIdentityClient(msal.SystemAssignedManagedIdentity(), http_client=_Http(kit))
    assert "access_token" in client.acquire_token_for_client(resource="https://graph.microsoft.com")
