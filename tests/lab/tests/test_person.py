# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""People at a screen: a person's token does what its scopes and the person's roles allow together, and a consent gives what
the application declares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.testing import Lab, LabError

PLAN = FleetPlan([TenantPlan("msp", users=1), TenantPlan("contoso", users=1)], [PbxPlan("berlin", "contoso")])
NOTHING = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    with Lab.start(PLAN, mode="thread") as lab:
        yield lab


@pytest.fixture
def lab(running: Lab) -> Lab:
    running.control.reset()
    return running


def tenants(lab: Lab) -> dict[str, str]:
    return {each["domain"].partition(".")[0]: each["id"] for each in lab.control.state()["tenants"]}


class Person:
    """Graph as a signed-in person has it."""

    def __init__(self, lab: Lab, *roles: str, **options: Any) -> None:
        self.token = lab.control.sign_in(tenants(lab)["msp"], *roles, **options)["accessToken"]
        self._graph = lab.endpoints["graph"]
        self._http: httpx.Client = lab.client(headers={"Authorization": f"Bearer {self.token}"})

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self._http.request(method, f"{self._graph}/v1.0{path}", json=body, headers=headers)

    def registered(self, **properties: Any) -> dict[str, Any]:
        answer = self("POST", "/applications", {"displayName": "automation", **properties})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found


def test_a_token_names_the_scopes_and_the_roles_of_the_person(lab: Lab) -> None:
    claims = jwt.decode(Person(lab, "Application Administrator").token, options={"verify_signature": False})
    assert "Application.ReadWrite.All" in claims["scp"].split()
    assert claims["wids"] == ["9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"]
    assert "roles" not in claims


def test_scopes_that_were_not_consented_do_nothing_whatever_the_role(lab: Lab) -> None:
    person = Person(lab, "Global Administrator", scopes=["User.Read.All"])
    assert person("POST", "/applications", {"displayName": "x"}).status_code == 403


def test_an_administrator_changes_what_others_own_and_does_not_become_an_owner(lab: Lab) -> None:
    app = Person(lab, "Application Administrator").registered()
    assert Person(lab, "Cloud Application Administrator", user="colleague")(
        "PATCH", f"/applications/{app['id']}", {"notes": "seen"}
    ).is_success
    owners = Person(lab, "Application Administrator")("GET", f"/applications/{app['id']}/owners").json()["value"]
    assert owners == []


def test_a_person_without_a_role_owns_what_it_registers_and_changes_nothing_else(lab: Lab) -> None:
    others = Person(lab, "Application Administrator", user="admin").registered()
    person = Person(lab, user="clerk")
    own = person.registered()
    assert person("PATCH", f"/applications/{own['id']}", {"notes": "mine"}).is_success
    assert person("POST", "/servicePrincipals", {"appId": own["appId"]}).is_success
    assert person("PATCH", f"/applications/{others['id']}", {"notes": "no"}).status_code == 403
    assert person("DELETE", f"/applications/{others['id']}").status_code == 403
    assert person("POST", "/servicePrincipals", {"appId": others["appId"]}).status_code == 403


def test_a_tenant_may_keep_registration_for_some_roles(lab: Lab) -> None:
    lab.control.set_switches(users_may_register_applications=False)
    assert Person(lab, user="clerk")("POST", "/applications", {"displayName": "x"}).status_code == 403
    assert Person(lab, "Application Developer", user="developer").registered()


@pytest.mark.parametrize(
    ("role", "allowed"), [("Application Administrator", False), ("Privileged Role Administrator", True)]
)
def test_permissions_of_graph_are_granted_by_few(lab: Lab, role: str, allowed: bool) -> None:
    administrator = Person(lab, "Application Administrator", user="admin")
    app = administrator.registered()
    principal = administrator("POST", "/servicePrincipals", {"appId": app["appId"]}).json()
    graph = administrator("GET", "/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')").json()
    right = next(each["id"] for each in graph["appRoles"] if each["value"] == "User.Read.All")
    body = {"principalId": principal["id"], "resourceId": graph["id"], "appRoleId": right}
    answer = Person(lab, role, user="other")("POST", f"/servicePrincipals/{principal['id']}/appRoleAssignments", body)
    assert answer.is_success == allowed
    assert allowed or answer.status_code == 403


def test_consent_gives_what_the_application_declares_and_can_be_withdrawn(lab: Lab) -> None:
    person = Person(lab, "Application Administrator")
    graph = person("GET", "/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')").json()
    right = next(each["id"] for each in graph["appRoles"] if each["value"] == "User.Read.All")
    app = person.registered(
        signInAudience="AzureADMultipleOrgs",
        requiredResourceAccess=[
            {"resourceAppId": graph["appId"], "resourceAccess": [{"id": right, "type": "Role"}]},
        ],
    )
    customer = tenants(lab)["contoso"]
    principal = lab.control.consent(customer, app["appId"])["service_principal_id"]
    held = [each for each in lab.control.objects(customer, "appRoleAssignments") if each["principalId"] == principal]
    assert [each["appRoleId"] for each in held] == [right]
    lab.control.withdraw_consent(customer, app["appId"])
    assert principal not in [each["id"] for each in lab.control.objects(customer, "servicePrincipals")]


def test_an_application_of_one_tenant_cannot_be_consented_to_elsewhere(lab: Lab) -> None:
    app = Person(lab, "Application Administrator").registered(signInAudience="AzureADMyOrg")
    with pytest.raises(LabError, match="no application"):
        lab.control.consent(tenants(lab)["contoso"], app["appId"])


def test_the_page_refuses_an_application_without_a_reply_address(lab: Lab) -> None:
    app = Person(lab, "Application Administrator").registered(signInAudience="AzureADMultipleOrgs")
    with lab.client() as http:
        page = http.get(f"{lab.endpoints['login']}/{tenants(lab)['contoso']}/adminconsent?client_id={app['appId']}")
    assert "AADSTS900971" in page.text


@pytest.mark.parametrize(
    "change", [{"name": "ab"}, {"name": "a b c"}, {"subject": "x" * 601}, {"audiences": ["one", "two"]}]
)
def test_federated_credentials_keep_to_the_documented_limits(lab: Lab, change: dict[str, Any]) -> None:
    person = Person(lab, "Application Administrator")
    app = person.registered()
    path = f"/applications/{app['id']}/federatedIdentityCredentials"
    entry = {"name": "github", "issuer": "https://issuer", "subject": "s", "audiences": ["a"]}
    assert person("POST", path, {**entry, **change}).status_code == 400
    assert person("POST", path, entry).status_code == 201
    assert person("PATCH", f"{path}/github", {"name": "renamed"}).status_code == 400
