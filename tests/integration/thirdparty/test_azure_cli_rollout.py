# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rollout has left behind, told by the Azure CLI, which knows nothing of this collection."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.integration.playbooks.conftest import Controller
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.graph.catalog import app_role_ids
from tcx_lab.graph.seed import AUTOMATION_ROLES
from tcx_lab.testing import Lab
from tcx_lab.world import GRAPH_APP_ID

from .azure_cli import NEEDS_AZ, AzureCli

pytestmark = [NEEDS_AZ, pytest.mark.slow]

FLEET = FleetPlan(
    [TenantPlan("contoso", users=3)], [PbxPlan("berlin", "contoso"), PbxPlan("munich", "contoso")], seed=9
)
GUIDE: dict[str, Any] = {
    "tcx_console_user_sync": {"enabled": True, "scope": "all", "starting_extension": "200", "photo": True},
    "tcx_console_calendar_sync": {"enabled": True},
    "entra_app_permissions_profile": "guide",
}
PERMISSIONS = ("User.Read.All", "Calendars.Read", "Contacts.Read", "Mail.Send")


@pytest.fixture(scope="module")
def az(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureCli]:
    """az, signed in to the tenant of two PBXs that have been rolled out."""
    with Lab.start(FLEET) as lab:
        done = Controller(lab, tmp_path_factory.mktemp("home")).rollout(variables=GUIDE)
        assert done.code == 0, done.output
        assert done.changed() == ["berlin", "munich"]
        lab.control.set_permissions(*AUTOMATION_ROLES, "Directory.Read.All")  # az looks up objects by id, and owners
        tcx = lab.inventory["tcx"]
        tenant = tcx["hosts"]["berlin"]["entra_tenant_id"]
        cli = AzureCli(lab, tmp_path_factory.mktemp("az"), tenant, tcx["vars"]["entra_client_id"])
        cli.make_the_lab_its_cloud()
        cli.login("--password", tcx["vars"]["entra_client_secret"])
        yield cli


@pytest.fixture(scope="module", params=["berlin", "munich"])
def host(request: pytest.FixtureRequest) -> str:
    """Each PBX of the rollout."""
    return str(request.param)


@pytest.fixture(scope="module")
def app_id(az: AzureCli, host: str) -> str:
    """The client id of the PBX's application, found by the name that is its own."""
    [found] = az("ad", "app", "list", "--filter", f"uniqueName eq '3cx-{host}'")
    return str(found["appId"])


def test_the_application_is_as_the_guide_wants_it(az: AzureCli, host: str, app_id: str) -> None:
    pbx = az.lab.control.pbx(host)
    shown = az("ad", "app", "show", "--id", app_id)
    assert shown["displayName"] == "3CX Server-side"
    assert shown["uniqueName"] == f"3cx-{host}"
    assert shown["signInAudience"] == "AzureADMyOrg"
    assert shown["web"]["redirectUris"] == [f"https://{pbx['fqdn']}:{pbx['https_port']}/oauth2office2"]
    assert shown["web"]["implicitGrantSettings"] == {
        "enableIdTokenIssuance": True,
        "enableAccessTokenIssuance": False,
    }
    assert not shown["isFallbackPublicClient"]


def test_its_only_credential_is_the_certificate_of_the_pbx(az: AzureCli, host: str, app_id: str) -> None:
    pem = az.lab.inventory["tcx"]["hosts"][host]["entra_app_public_key"]
    thumbprint = hashlib.sha1(ssl.PEM_cert_to_DER_cert(pem), usedforsecurity=False).hexdigest().upper()
    [listed] = az("ad", "app", "credential", "list", "--id", app_id, "--cert")
    assert listed["customKeyIdentifier"] == thumbprint
    assert (listed["type"], listed["usage"]) == ("AsymmetricX509Cert", "Verify")
    assert az("ad", "app", "credential", "list", "--id", app_id) == [], "no client secret"


def test_it_asks_for_the_four_permissions_of_the_guide_and_has_them(az: AzureCli, app_id: str) -> None:
    wanted = {app_role_ids()[name] for name in PERMISSIONS}
    [listed] = az("ad", "app", "permission", "list", "--id", app_id)
    assert listed["resourceAppId"] == GRAPH_APP_ID
    assert {(each["id"], each["type"]) for each in listed["resourceAccess"]} == {(role, "Role") for role in wanted}
    principal = az("ad", "sp", "show", "--id", app_id)
    url = f"{az.lab.endpoints['graph']}/v1.0/servicePrincipals/{principal['id']}/appRoleAssignments"
    granted = az("rest", "--method", "GET", "--url", url, "--resource", az.lab.endpoints["graph"])["value"]
    assert {each["appRoleId"] for each in granted} == wanted


def test_nothing_else_was_made(az: AzureCli) -> None:
    names = [each["uniqueName"] for each in az("ad", "app", "list", "--display-name", "3CX Server-side")]
    assert sorted(names) == ["3cx-berlin", "3cx-munich"]
