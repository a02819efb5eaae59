# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A client of XAPI that nobody here wrote, 3cx-xapi-python-sdk, works against the lab's PBXs over TLS, unchanged.

It takes `expires_in` for seconds, so it is fair to it from 20.0.9 on; its models refuse wrong types and unknown enum members.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan, build
from tcx_lab.pbx import patch_pbx
from tcx_lab.pbx.kit import GUIDE_PERMISSIONS, Directory
from tcx_lab.testing import Lab
from tcx_lab.world import Pbx

# A gate of its own runs this file where the package is; a run by hand elsewhere goes without.
threecx = pytest.importorskip(
    "threecx", reason="the package 3cx-xapi-python-sdk is not installed", exc_type=ModuleNotFoundError
)

NAMES = ("older", "newest")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Two PBXs, 20.0.9 and 20.0.10, of one tenant."""
    versions = zip(NAMES, ("20.0.9", "20.0.10"), strict=True)
    plan = FleetPlan([TenantPlan("contoso")], [PbxPlan(name, "contoso", version) for name, version in versions])
    with Lab.start(build(plan), mode="thread") as running:
        yield running


@pytest.fixture(params=NAMES)
def pbx(lab: Lab, request: pytest.FixtureRequest) -> Pbx:
    assert lab.world is not None
    return lab.world.pbxs[request.param]


@pytest.fixture
def sdk(lab: Lab, pbx: Pbx, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The SDK as its documentation says; its token request has no option for a CA, hence the variable."""
    monkeypatch.setenv("SSL_CERT_FILE", str(lab.ca_path))
    return threecx.ThreeCXClient(pbx.url, pbx.client_id, pbx.client_secret)


def link(lab: Lab, pbx: Pbx, sdk: Any) -> None:
    """The guide's steps in Entra by Graph, those in 3CX by the SDK."""
    assert lab.world is not None
    application = asyncio.run(Directory(lab.world, pbx).register(*GUIDE_PERMISSIONS, "Group.Read.All"))
    settings = sdk.integrations.get_m365()
    users = {**settings["AdUsers"], "IsEnabled": True, "EnableSSO": True, "IsSyncPhoto": True}
    sdk.integrations.update_m365({"ApplicationId": application["appId"], "TenantId": pbx.tenant_id, "AdUsers": users})


def test_system_and_license(sdk: Any, pbx: Pbx) -> None:
    status = sdk.system.get_status(threecx.ODataQuery().select("Version", "FQDN", "LicenseActive"))
    assert (status.version, status.license_active) == (pbx.version, True)
    assert sdk.system.get_license().max_sim_calls == pbx.simultaneous_calls
    assert sdk.system.get_parameters().fqdn == pbx.fqdn
    assert sdk.system.get_version_type()


def test_the_integration_from_nothing_to_healthy(lab: Lab, sdk: Any, pbx: Pbx) -> None:
    link(lab, pbx, sdk)
    assert "ExceptionMessage" not in sdk.integrations.get_m365_directory()
    assert sdk.integrations.test_m365_subscription()["IsSubscriptionAvailable"] is True
    assert sdk.integrations.get_m365()["AdUsers"]["EnableSSO"] is True
    found = sdk.integrations.get_m365_users({"Count": 2, "TypeOfUser": "Users"})
    assert len(found["Users"]) == 2
    assert found["NextPageToken"]
    assert sdk.integrations.get_m365_groups({"Count": 5})["Groups"]
    assert sdk.integrations.get_m365_access_token().count(".") == 2
    assert lab.world is not None
    name = next(iter(lab.world.tenants[pbx.tenant_id].users.values()))["userPrincipalName"]
    assert len(sdk.integrations.get_users_by_principal_names([name])) == 1


def test_synced_users_are_in_shape(lab: Lab, sdk: Any, pbx: Pbx) -> None:
    link(lab, pbx, sdk)
    query = threecx.ODataQuery().filter("Tags/any(t: t eq 'MS')").select("Id", "Number", "EmailAddress", "ContactImage")
    synced = sdk.users.list(query)
    assert synced
    assert {user.email_address for user in synced} <= {
        user["mail"] for tenant in (lab.world.tenants if lab.world else {}).values() for user in tenant.users.values()
    }
    assert any(user.contact_image for user in synced)
    assert len(list(sdk.users.iterate())) == len(sdk.users.list())


def test_users_and_groups_come_and_go(sdk: Any) -> None:
    made = sdk.users.create({"FirstName": "Ada", "EmailAddress": "ada@lab.example"})
    assert sdk.users.get_by_number(made.number).first_name == "Ada"
    sdk.users.update(made.id, {"LastName": "Adler"})
    assert sdk.users.get(made.id).last_name == "Adler"
    assert sdk.users.has_duplicated_email(made.id) is False
    with pytest.raises(threecx.ValidationError, match="FORBIDDEN_CHANGE"):
        sdk.users.update(made.id, {"Number": "999"})
    sdk.users.delete(made.id)
    with pytest.raises(threecx.NotFoundError):
        sdk.users.get(made.id)
    group = sdk.groups.create({"Name": "SDK"})
    assert "SDK" in {each.name for each in sdk.groups.list()}
    sdk.groups.delete(group.id)


def test_security_lists(sdk: Any) -> None:
    entry = sdk.security.create_blocklist({"IPAddrMask": "203.0.113.9/32", "BlockType": "Allow"})
    assert sdk.security.get_blocklist_entry(entry["Id"])["BlockType"] == "Allow"
    sdk.security.delete_blocklist_entry(entry["Id"])
    assert sdk.security.get_anti_hacking_settings()["HackBlacklistDuration"] > 0
    principal = sdk.security.create_service_principal({"Number": "905", "XAPIEnabled": True})
    assert len(sdk.security.generate_app_token(principal["Id"])) >= 32
    sdk.security.delete_service_principal(principal["Id"])
    assert sdk.security.list_security_tokens() == []


def test_teams(sdk: Any, pbx: Pbx) -> None:
    sdk.integrations.update_m365_teams({"DialPlanCode": "49"})
    assert sdk.integrations.get_m365_teams()["DialPlanCode"] == "49"
    assert sdk.integrations.check_fqdn_record(pbx.fqdn) is True


def test_errors_arrive_as_errors(lab: Lab, sdk: Any, pbx: Pbx) -> None:
    with pytest.raises(threecx.ValidationError, match="delta field is required"):
        sdk.integrations.update_m365({"Nope": True})
    with pytest.raises(threecx.ValidationError, match="Could not find a property named 'Nope'"):
        sdk.users.list(threecx.ODataQuery().select("Nope"))
    assert lab.world is not None
    wrong = threecx.ThreeCXClient(pbx.url, pbx.client_id, "wrong")
    with pytest.raises(threecx.AuthenticationError, match="invalid_client"):
        wrong.users.list()
    patch_pbx(lab.world, pbx, {"unblock": True})
