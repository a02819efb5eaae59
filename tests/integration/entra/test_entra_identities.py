# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signing in without a secret: federated tokens, GitHub Actions, managed identities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.integration.entra.bench import APP_INFO, Bench, Customer
from tcx_lab.entra import mint_federated_token
from tcx_lab.entra.management import IDENTITY_HEADER

ISSUER = "https://platform.example/oidc"
AUDIENCE = "api://AzureADTokenExchange"


def _trust(customer: Customer, issuer: str, subject: str) -> None:
    home = customer.bench.world.tenants[customer.automation.home_tenant_id]
    entry = {"id": "f", "name": "f", "issuer": issuer, "subject": subject, "audiences": [AUDIENCE]}
    home.federated_credentials[customer.automation.object_id] = [entry]


def _read(customer: Customer, **options: Any) -> dict[str, Any]:
    return customer.run().task(APP_INFO, unique_name="x", client_secret=None, **options)


def test_a_token_of_a_platform_as_text_and_in_a_file(bench: Bench, customer: Customer, tmp_path: Path) -> None:
    _trust(customer, ISSUER, "job:42")
    token = mint_federated_token(bench.world, issuer=ISSUER, subject="job:42")
    path = tmp_path / "token"
    path.write_text(token)
    for options in ({"federated_token": token}, {"federated_token_file": str(path)}):
        result = _read(customer, **options)
        assert result.get("auth_source") == "federated_token", result
    stranger = mint_federated_token(bench.world, issuer=ISSUER, subject="job:43")
    refused = _read(customer, federated_token=stranger)
    assert refused["error"]["kind"] == "bad_credential"
    assert "subject" in refused["msg"]


def test_github_actions(bench: Bench, customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = "repo:acme/telephony:ref:refs/heads/main"
    _trust(customer, "https://token.actions.githubusercontent.com", subject)
    url = f"{bench.world.endpoints.login}/_issuer/github/token?sub={subject}"
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", url)
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-token")
    assert _read(customer).get("auth_source") == "github"


@pytest.mark.parametrize("platform", ["virtual machine", "app service"])
def test_a_managed_identity(bench: Bench, customer: Customer, monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    management = bench.world.endpoints.management
    if platform == "app service":
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{management}/MSI/token")
        monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
    else:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", management)
    home = bench.world.tenants[customer.automation.home_tenant_id]
    result = _read(customer, client_id=None, tenant_id=home.id)
    assert result.get("auth_source") == "managed_identity", result
    if platform == "app service":
        monkeypatch.setenv("IDENTITY_HEADER", "wrong")
        refused = _read(customer, client_id=None, tenant_id=home.id)
        assert refused["error"]["service"] == "the identity endpoint of this machine"
