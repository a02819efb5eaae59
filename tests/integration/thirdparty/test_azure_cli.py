# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Azure CLI, unchanged, against the lab over TLS: sign-in, applications, credentials, permissions, owners."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tcx_lab.ca import automation_key_pair, make_key_pair
from tcx_lab.entra import mint_federated_token
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan, build
from tcx_lab.graph import seed
from tcx_lab.graph.catalog import app_role_ids
from tcx_lab.testing import Lab
from tcx_lab.world import GRAPH_APP_ID, Tenant, World

from .azure_cli import NEEDS_AZ, AzureCli

pytestmark = NEEDS_AZ

USER_READ = "e1fe6dd8-ba31-4d61-89e7-88639da4683d"
AUDIENCE = "api://AzureADTokenExchange"
CALLBACK = "https://pbx.example/oauth2office2"


class Cli(AzureCli):
    """az, and the world that it works in."""

    def __init__(self, lab: Lab, home: Path) -> None:
        assert lab.world is not None
        assert lab.world.automation is not None
        self.world = lab.world
        self.tenant: Tenant = next(iter(self.world.tenants.values()))
        super().__init__(lab, home, self.tenant.id, lab.world.automation.app_id)


def _world() -> World:
    return build(FleetPlan([TenantPlan("contoso"), TenantPlan("fabrikam")], [PbxPlan("contoso", "contoso")], seed=3))


@pytest.fixture(scope="module")
def az(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """az that knows the lab as its cloud and has signed in with the automation's secret."""
    with Lab.start(_world(), mode="thread") as lab:
        cli = Cli(lab, tmp_path_factory.mktemp("az"))
        cli.make_the_lab_its_cloud()
        assert cli.world.automation is not None
        # az looks objects up by id and takes care of owners and delegated permissions.
        wide = (*seed.AUTOMATION_ROLES, "Directory.Read.All")
        seed.set_permissions(cli.world, cli.world.automation, wide)
        cli.login("--password", cli.world.automation.client_secret)
        yield cli


@pytest.fixture
def app(az: Cli) -> Iterator[dict[str, Any]]:
    made = az(
        "ad", "app", "create", "--display-name", "3CX Server-side", "--sign-in-audience", "AzureADMyOrg",
        "--web-redirect-uris", CALLBACK, "--enable-id-token-issuance", "true",
    )  # fmt: skip
    yield made
    az("ad", "app", "delete", "--id", made["appId"])


def test_what_it_knows_of_the_cloud(az: Cli) -> None:
    endpoints = az("cloud", "show")["endpoints"]
    assert endpoints["activeDirectory"] == az.lab.endpoints["login"]
    assert endpoints["microsoftGraphResourceId"].rstrip("/") == az.lab.endpoints["graph"]
    assert az("account", "show")["tenantId"] == az.tenant.id


@pytest.fixture
def signing_in(az: Cli) -> Iterator[Cli]:
    """az that nobody has signed in with; afterwards the secret counts again."""
    automation = az.world.automation
    assert automation is not None
    az("account", "clear")
    yield az
    az("account", "clear")
    az.login("--password", automation.client_secret)


def test_signing_in_with_a_certificate(signing_in: Cli) -> None:
    az, automation = signing_in, signing_in.world.automation
    assert automation is not None
    pair = automation_key_pair(az.world, automation)
    pem = az.home / "automation.pem"
    pem.write_bytes(pair.private_pem + pair.public_pem.encode())
    assert az.login("--certificate", str(pem))[0]["tenantId"] == az.tenant.id


def test_signing_in_with_a_federated_token(signing_in: Cli) -> None:
    az, automation = signing_in, signing_in.world.automation
    assert automation is not None
    entry = {"id": "1", "name": "ci-main", "issuer": "https://ci.example", "subject": "s", "audiences": [AUDIENCE]}
    az.world.tenants[automation.home_tenant_id].federated_credentials[automation.object_id] = [entry]
    token = mint_federated_token(az.world, issuer="https://ci.example", subject="s")
    assert az.login("--federated-token", token)[0]["tenantId"] == az.tenant.id


def test_a_wrong_password_is_told(signing_in: Cli) -> None:
    az, automation = signing_in, signing_in.world.automation
    assert automation is not None
    who = ("--username", automation.app_id, "--tenant", az.tenant.id, "--password", "wrong")
    done = az.run("login", "--service-principal", *who)
    assert done.returncode != 0
    assert "AADSTS7000215" in done.stderr


def test_an_application_and_its_service_principal(az: Cli, app: dict[str, Any]) -> None:
    shown = az("ad", "app", "show", "--id", app["appId"])
    assert shown["web"]["redirectUris"] == [CALLBACK]
    assert shown["web"]["implicitGrantSettings"]["enableIdTokenIssuance"] is True
    assert [each["appId"] for each in az("ad", "app", "list", "--display-name", "3CX Server")] == [app["appId"]]
    principal = az("ad", "sp", "create", "--id", app["appId"])
    assert az("ad", "sp", "show", "--id", app["appId"])["id"] == principal["id"]
    az("ad", "app", "update", "--id", app["appId"], "--web-redirect-uris", CALLBACK, "https://second.example/cb")
    assert len(az("ad", "app", "show", "--id", app["appId"])["web"]["redirectUris"]) == 2
    az("ad", "sp", "delete", "--id", app["appId"])
    assert az.run("ad", "sp", "show", "--id", app["appId"]).returncode == 3


def test_credentials_are_added_not_replaced(az: Cli, app: dict[str, Any]) -> None:
    thumbprints = set()
    for name in ("one", "two"):
        pair = make_key_pair(az.world, name, days=300)
        path = az.home / f"{name}.pem"
        path.write_text(pair.public_pem, encoding="ascii")
        az("ad", "app", "credential", "reset", "--id", app["appId"], "--cert", f"@{path}", "--append")
        thumbprints.add(pair.thumbprint)
    keys = az("ad", "app", "credential", "list", "--id", app["appId"], "--cert")
    assert {key["customKeyIdentifier"] for key in keys} == thumbprints
    made = az("ad", "app", "credential", "reset", "--id", app["appId"], "--append", "--display-name", "pw")
    assert made["password"]
    [listed] = az("ad", "app", "credential", "list", "--id", app["appId"])
    az("ad", "app", "credential", "delete", "--id", app["appId"], "--key-id", listed["keyId"])
    assert az("ad", "app", "credential", "list", "--id", app["appId"]) == []
    assert len(az("ad", "app", "credential", "list", "--id", app["appId"], "--cert")) == 2


def test_permissions(az: Cli, app: dict[str, Any]) -> None:
    az("ad", "sp", "create", "--id", app["appId"])
    role = app_role_ids()["User.Read.All"]
    wanted = ("--api", GRAPH_APP_ID, "--api-permissions", f"{role}=Role", f"{USER_READ}=Scope")
    az("ad", "app", "permission", "add", "--id", app["appId"], *wanted)
    [listed] = az("ad", "app", "permission", "list", "--id", app["appId"])
    assert {each["id"] for each in listed["resourceAccess"]} == {role, USER_READ}
    az("ad", "app", "permission", "grant", "--id", app["appId"], "--api", GRAPH_APP_ID, "--scope", "User.Read")
    [granted] = az("ad", "app", "permission", "list-grants", "--id", app["appId"])
    assert granted["scope"] == "User.Read"
    az("ad", "app", "permission", "delete", "--id", app["appId"], "--api", GRAPH_APP_ID)
    assert az("ad", "app", "permission", "list", "--id", app["appId"]) == []


def test_owners_and_federated_credentials(az: Cli, app: dict[str, Any]) -> None:
    user = next(iter(az.tenant.users))
    az("ad", "app", "owner", "add", "--id", app["appId"], "--owner-object-id", user)
    assert [each["id"] for each in az("ad", "app", "owner", "list", "--id", app["appId"])] == [user]
    az("ad", "app", "owner", "remove", "--id", app["appId"], "--owner-object-id", user)
    assert az("ad", "app", "owner", "list", "--id", app["appId"]) == []
    entry = {"name": "ci-main", "issuer": "https://i.example", "subject": "s", "audiences": ["a"]}
    az("ad", "app", "federated-credential", "create", "--id", app["appId"], "--parameters", json.dumps(entry))
    [listed] = az("ad", "app", "federated-credential", "list", "--id", app["appId"])
    assert listed["name"] == "ci-main"


def test_people_and_any_request(az: Cli) -> None:
    users = az("ad", "user", "list")
    assert {each["id"] for each in users} == set(az.tenant.users)
    url = f"{az.lab.endpoints['graph']}/v1.0/organization"
    answer = az("rest", "--method", "GET", "--url", url, "--resource", az.lab.endpoints["graph"])
    assert answer["value"][0]["id"] == az.tenant.id


def test_a_missing_permission_is_told(az: Cli) -> None:
    assert az.world.automation is not None
    assert "Policy.ReadWrite.ApplicationConfiguration" not in az.world.automation.permissions
    graph = az.lab.endpoints["graph"]
    url = f"{graph}/v1.0/policies/defaultAppManagementPolicy"
    done = az.run("rest", "--method", "PATCH", "--url", url, "--resource", graph, "--body", '{"isEnabled": true}')
    assert done.returncode == 1
    assert "Insufficient privileges to complete the operation." in done.stderr


def test_everything_for_a_new_service(az: Cli) -> None:
    made = az("ad", "sp", "create-for-rbac", "--name", "rbac")
    assert made["password"]
    assert az("ad", "sp", "show", "--id", made["appId"])["displayName"] == "rbac"
    az("ad", "app", "delete", "--id", made["appId"])
