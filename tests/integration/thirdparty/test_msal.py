# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""MSAL for Python, unchanged, against the lab's sign-in service over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msal
import pytest
import requests
from tcx_lab.ca import automation_key_pair
from tcx_lab.entra import mint_federated_token
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan, build
from tcx_lab.graph import seed
from tcx_lab.testing import Lab
from tcx_lab.world import Automation, World

SCOPE = "https://graph.microsoft.com/.default"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    plan = FleetPlan([TenantPlan("contoso"), TenantPlan("fabrikam")], [PbxPlan("contoso", "contoso")], seed=5)
    with Lab.start(build(plan), mode="thread") as running:
        yield running


@pytest.fixture(autouse=True)
def _no_other_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """requests prefers these variables to the option of a session."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def _parts(lab: Lab) -> tuple[World, Automation]:
    assert lab.world is not None
    assert lab.world.automation is not None
    return lab.world, lab.world.automation


def _token(lab: Lab, credential: Any, tenant: str = "", **options: Any) -> dict[str, Any]:
    _world, automation = _parts(lab)
    tenant = tenant or automation.home_tenant_id
    options = options or {"authority": f"{lab.endpoints['login']}/{tenant}", "instance_discovery": False}
    app = msal.ConfidentialClientApplication(
        automation.app_id, client_credential=credential, verify=str(lab.ca_path), **options
    )
    answer: dict[str, Any] = app.acquire_token_for_client([SCOPE])
    return answer


def test_secret_in_every_tenant(lab: Lab) -> None:
    world, automation = _parts(lab)
    seed.set_permissions(
        world, automation, (*automation.permissions, "Organization.Read.All")
    )  # to ask who the tenant is
    for tenant in world.tenants:
        answer = _token(lab, automation.client_secret, tenant)
        assert answer["token_type"] == "Bearer"
        headers = {"Authorization": f"Bearer {answer['access_token']}"}
        shown = requests.get(
            f"{lab.endpoints['graph']}/v1.0/organization", headers=headers, verify=str(lab.ca_path), timeout=30
        )
        assert shown.json()["value"][0]["id"] == tenant
    assert _token(lab, "wrong")["error_codes"] == [7000215]


@pytest.mark.parametrize("form", ["pem", "thumbprint", "both", "pfx"])
def test_certificate(lab: Lab, form: str, tmp_path: Any) -> None:
    world, automation = _parts(lab)
    pair = automation_key_pair(world, automation)
    credential: dict[str, Any] = {"private_key": pair.private_pem.decode()}
    if form in ("pem", "both"):
        credential["public_certificate"] = pair.public_pem
    if form in ("thumbprint", "both"):
        credential["thumbprint"] = pair.thumbprint
    if form == "pfx":
        from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

        path = tmp_path / "automation.pfx"
        sealed = BestAvailableEncryption(b"pass")
        path.write_bytes(pkcs12.serialize_key_and_certificates(b"a", pair.private_key, pair.certificate, None, sealed))
        credential = {"private_key_pfx_path": str(path), "passphrase": "pass"}
    assert "access_token" in _token(lab, credential)


def test_federated_token(lab: Lab) -> None:
    world, automation = _parts(lab)
    entry = {
        "id": "1",
        "name": "ci-main",
        "issuer": "https://i.example",
        "subject": "s",
        "audiences": ["api://AzureADTokenExchange"],
    }
    world.tenants[automation.home_tenant_id].federated_credentials[automation.object_id] = [entry]
    credential = {"client_assertion": lambda: mint_federated_token(world, issuer="https://i.example", subject="s")}
    assert "access_token" in _token(lab, credential)


def test_other_authorities(lab: Lab) -> None:
    _world, automation = _parts(lab)
    base = f"{lab.endpoints['login']}/{automation.home_tenant_id}"
    assert "access_token" in _token(lab, automation.client_secret, oidc_authority=f"{base}/v2.0")
    assert "access_token" in _token(lab, automation.client_secret, authority=base, validate_authority=False)
    with pytest.raises(ValueError, match="authority configuration"):
        _token(lab, "x", tenant="0b8c4b6e-0000-4000-8000-000000000001")


def test_managed_identity(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT", "MSI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    session = requests.Session()
    session.trust_env, session.verify = False, str(lab.ca_path)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{lab.endpoints['management']}/MSI/token")
    monkeypatch.setenv("IDENTITY_HEADER", "lab-identity-header")
    client = msal.ManagedIdentityClient(msal.SystemAssignedManagedIdentity(), http_client=session)
    assert "access_token" in client.acquire_token_for_client(resource="https://graph.microsoft.com")
