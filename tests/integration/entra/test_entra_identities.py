# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signing in without a secret: federated tokens, GitHub Actions, managed identities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msal.managed_identity
import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra.credentials import managed_identity
from ansible_collections.tcx.m365.tests.integration.entra.customers import APP_INFO, Bench, Customer
from tcx_lab.entra import mint_federated_token
from tcx_lab.entra.management import ARC_KEY, IDENTITY_HEADER

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


@pytest.fixture
def keys(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The directory of an Azure Arc agent on this machine, where it leaves the keys of its challenges."""
    prefixes = msal.managed_identity._supported_arc_platforms_and_their_prefixes
    directory = tmp_path / "tokens"
    directory.mkdir()
    monkeypatch.setitem(prefixes, "linux", str(directory))
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{bench.world.endpoints.management}/metadata/identity/oauth2/token")
    monkeypatch.setenv("IMDS_ENDPOINT", "http://127.0.0.1:9")
    return directory


def _on_arc(customer: Customer, **options: Any) -> dict[str, Any]:
    home = customer.automation.home_tenant_id
    return _read(customer, **{"client_id": None, "tenant_id": home, **options})


def test_azure_arc_answers_its_challenge_with_the_key_of_the_agent(customer: Customer, keys: Path) -> None:
    (keys / "lab.key").write_text(ARC_KEY)
    assert _on_arc(customer).get("auth_source") == "managed_identity"


def _no_key(_keys: Path) -> None:
    """The agent has left nothing."""


def _unreadable(keys: Path) -> None:
    # A directory in its place cannot be read by anybody, not even by root, who may run these tests.
    (keys / "lab.key").mkdir()


def _too_large(keys: Path) -> None:
    (keys / "lab.key").write_text(ARC_KEY + " " * 4096)


def _elsewhere(keys: Path) -> None:
    """What lies beside the directory is never sent, wherever a challenge points."""
    (keys.parent / "lab.key").write_text(ARC_KEY)


def _other_suffix(keys: Path) -> None:
    (keys / "lab").write_text(ARC_KEY)
    (keys / "lab.txt").write_text(ARC_KEY)


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (_no_key, "group himds"),
        (_unreadable, "group himds"),
        (_too_large, "larger than 4KB"),
        (_elsewhere, "group himds"),
        (_other_suffix, "group himds"),
    ],
)
def test_only_a_small_key_file_of_the_agents_directory_is_sent(
    bench: Bench, customer: Customer, keys: Path, prepare: Any, said: str
) -> None:
    prepare(keys)
    refused = _on_arc(customer)
    assert refused["error"]["kind"] == "bad_credential", refused
    assert said in refused["msg"]
    asked = bench.world.log.query(service="management")
    assert len(asked) == 1, "the challenge was not answered"


def test_a_key_that_the_agent_does_not_know_is_told(customer: Customer, keys: Path) -> None:
    (keys / "lab.key").write_text("canary-of-another-challenge")
    refused = _on_arc(customer)
    assert refused["error"]["service"] == "the identity endpoint of this machine"
    assert "canary" not in str(refused)


def test_azure_arc_is_found_without_its_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not managed_identity.announced({})
    agent = tmp_path / "himds"
    agent.touch()
    monkeypatch.setattr(managed_identity, "ARC_AGENT", str(agent))
    assert managed_identity.announced({})


@pytest.mark.parametrize("platform", ["virtual machine", "app service"])
def test_a_user_assigned_identity_is_asked_for_by_its_client_id(
    bench: Bench, customer: Customer, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    management = bench.world.endpoints.management
    if platform == "app service":
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{management}/MSI/token")
        monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
    else:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", management)
    home = customer.automation.home_tenant_id
    named = _read(customer, tenant_id=home, auth_source="managed_identity")
    assert named.get("auth_source") == "managed_identity", named
    stranger = "99999999-1111-2222-3333-444444444444"
    refused = _read(customer, tenant_id=home, auth_source="managed_identity", client_id=stranger)
    assert "Identity not found" in refused["msg"]
    assert refused["error"]["kind"] == "bad_credential"


def test_an_identity_of_another_tenant_is_not_used(
    bench: Bench, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", bench.world.endpoints.management)
    refused = _read(customer, client_id=None, auth_source="managed_identity")
    assert f"not of {customer.tenant.id}" in refused["msg"]
    assert customer.requests() == []
