# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A partner and its customers: who may consent for whom, and everything that refuses it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt
import pytest
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.testing import Lab, LabError

PLAN = FleetPlan(
    [TenantPlan("msp", users=1), TenantPlan("acme", users=1), TenantPlan("bolt", users=1)], [PbxPlan("berlin", "acme")]
)
CENTER = "https://api.partnercenter.microsoft.com"
SCOPES = "AppRoleAssignment.ReadWrite.All,DelegatedPermissionGrant.ReadWrite.All"
GRAPH_APP = "00000003-0000-0000-c000-000000000000"
REDIRECT = "http://localhost"


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    with Lab.start(PLAN, mode="thread") as lab:
        yield lab


class Msp:
    """A partner's person at work, with the partner's own multi-tenant application."""

    def __init__(self, lab: Lab) -> None:
        lab.control.reset()
        self.lab, self.http = lab, lab.client()
        self.ids = {each["domain"].partition(".")[0]: each["id"] for each in lab.control.state()["tenants"]}
        assert lab.world is not None
        assert lab.world.automation is not None
        self.world, self.app = lab.world, lab.world.automation
        lab.control.patch_application(self.ids["msp"], self.app.object_id, web={"redirectUris": [REDIRECT]})
        for name in ("acme", "bolt"):
            lab.control.withdraw_consent(self.ids[name], self.app.app_id)
        self.user, self.refresh = "", ""

    def arrange(self, *customers: dict[str, Any], **options: Any) -> None:
        listed = customers or ({"tenant": self.ids["acme"]},)
        self.user = self.lab.control.partner(self.ids["msp"], *listed, **options)["user"]

    def redeem(self, tenant: str, **form: str) -> httpx.Response:
        fields = {"client_id": self.app.app_id, "client_secret": self.app.client_secret, **form}
        return self.http.post(f"{self.lab.endpoints['login']}/{self.ids[tenant]}/oauth2/v2.0/token", data=fields)

    def sign_in(self) -> None:
        graph = self.lab.endpoints["graph"]
        scopes = (
            f"{CENTER}/user_impersonation {graph}/DelegatedAdminRelationship.Read.All {graph}/User.Read offline_access"
        )
        query = {"client_id": self.app.app_id, "response_type": "code", "redirect_uri": REDIRECT, "scope": scopes}
        address = f"{self.lab.endpoints['login']}/{self.ids['msp']}/oauth2/v2.0/authorize?{urlencode(query)}"
        code = parse_qs(urlsplit(self.lab.browse(address, self.user)).query)["code"][0]
        scope = f"{CENTER}/user_impersonation offline_access"
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "scope": scope}
        answer = self.redeem("msp", **form)
        assert answer.status_code == 200, answer.text
        self.refresh = answer.json()["refresh_token"]

    def ask(self, tenant: str, scope: str) -> httpx.Response:
        return self.redeem(tenant, grant_type="refresh_token", refresh_token=self.refresh, scope=scope)

    def token(self, tenant: str = "msp", scope: str = f"{CENTER}/.default") -> str:
        answer = self.ask(tenant, scope)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def consent(
        self, tenant: str = "acme", *, token: str = "", scope: Any = SCOPES, method: str = "POST"
    ) -> httpx.Response:
        body = {
            "applicationId": self.app.app_id,
            "applicationGrants": [{"enterpriseApplicationId": GRAPH_APP, "scope": scope}],
        }
        path = f"{self.lab.endpoints['management']}/v1/customers/{self.ids[tenant]}/applicationconsents"
        headers = {"Authorization": f"Bearer {token or self.token()}"}
        if method == "DELETE":
            return self.http.delete(f"{path}/{self.app.app_id}", headers=headers)
        return self.http.post(path, json=body, headers=headers)

    def graph(self, token: str, path: str) -> httpx.Response:
        return self.http.get(f"{self.lab.endpoints['graph']}/v1.0{path}", headers={"Authorization": f"Bearer {token}"})

    @property
    def default(self) -> str:
        return f"{self.lab.endpoints['graph']}/.default"


@pytest.fixture
def msp(running: Lab) -> Msp:
    return Msp(running)


def test_a_consent_makes_the_application_and_a_delegated_grant_and_nothing_else(msp: Msp) -> None:
    msp.arrange()
    msp.sign_in()
    assert "AADSTS65001" in msp.ask("acme", msp.default).text
    assert msp.consent().status_code == 201
    claims = jwt.decode(msp.token("acme", msp.default), options={"verify_signature": False})
    assert claims["scp"].split() == SCOPES.split(",")
    assert (claims["tid"], claims["wids"]) == (msp.ids["acme"], ["e8611ab8-c189-46e8-94e1-60213ab1f814"])
    assert msp.lab.control.objects(msp.ids["acme"], "appRoleAssignments") == []
    again = msp.consent()
    assert (again.status_code, "Permission entry already exists" in again.text) == (400, True)
    assert msp.consent(method="DELETE").status_code == 204
    principals = msp.lab.control.objects(msp.ids["acme"], "servicePrincipals")
    assert msp.app.app_id not in [each["appId"] for each in principals]


@pytest.mark.parametrize(
    ("obstacle", "status"),
    [
        ({"relationship": None}, 403),
        ({"relationship": "approvalPending"}, 403),
        ({"relationship": "expired"}, 403),
        ({"days": -1}, 403),
        ({"roles": ["Application Developer"]}, 403),
        ({"assigned": ["Application Developer"]}, 403),
        ({"assignment": None}, 403),
        ({"assignment": "pending"}, 403),
        ({"member": False}, 403),
        ({"kind": "direct"}, 404),
    ],
    ids=str,
)
def test_whatever_is_missing_at_a_customer_refuses_the_consent(msp: Msp, obstacle: dict[str, Any], status: int) -> None:
    msp.arrange({"tenant": msp.ids["acme"], **obstacle})
    msp.sign_in()
    assert msp.consent().status_code == status
    if obstacle != {"kind": "direct"}:
        refused = msp.ask("acme", msp.default).json()["error_codes"]
        assert refused == ([65001] if "Developer" in str(obstacle) and "assigned" not in obstacle else [50020])


def test_the_token_must_be_of_a_person_with_a_second_factor_for_partner_center(msp: Msp) -> None:
    msp.arrange(mfa=False)
    msp.sign_in()
    assert msp.consent().status_code == 403
    msp.world.switches.update({"partner_center_mfa_status": 401})
    assert msp.consent().status_code == 401
    app_only = msp.redeem("msp", grant_type="client_credentials", scope=f"{CENTER}/.default").json()["access_token"]
    assert msp.consent(token=app_only).status_code == 403
    assert msp.consent(token=msp.token("msp", msp.default)).status_code == 401
    assert msp.consent(token="nonsense").status_code == 401


def test_somebody_who_is_no_admin_agent_is_refused(msp: Msp) -> None:
    msp.arrange(agent=False)
    msp.sign_in()
    assert msp.consent().status_code == 403


@pytest.mark.parametrize(
    "scope", ["AppRoleAssignment.ReadWrite.All Application.Read.All", "Nothing.Read.All", "", ["User.Read"]]
)
def test_scopes_are_one_text_with_commas(msp: Msp, scope: Any) -> None:
    msp.arrange()
    msp.sign_in()
    assert msp.consent(scope=scope).status_code == 400


def test_the_own_tenant_and_a_strangers_tenant_are_refused(msp: Msp) -> None:
    msp.arrange()
    msp.sign_in()
    assert msp.consent("msp").status_code == 400
    assert msp.consent("bolt").status_code == 404


def test_fifty_requests_in_a_second_and_no_more(msp: Msp) -> None:
    msp.arrange()
    msp.sign_in()
    token = msp.token()
    assert msp.world.partner is not None
    msp.world.partner.requests[msp.app.app_id] = deque([msp.world.clock.time() + 5] * 50)
    refused = msp.consent(token=token)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")


@pytest.mark.parametrize("code", [65001, 700016, 90099])
def test_without_the_application_in_the_tenant_no_token(msp: Msp, code: int) -> None:
    msp.world.switches.update({"partner_without_principal": code})
    msp.arrange()
    msp.sign_in()
    assert msp.ask("acme", msp.default).json()["error_codes"] == [code]


def test_a_guest_gets_no_token(msp: Msp) -> None:
    msp.arrange({"tenant": msp.ids["acme"], "guest": True})
    msp.sign_in()
    assert msp.consent().status_code == 201
    assert msp.ask("acme", msp.default).json()["error_codes"] == [50177]


@pytest.mark.parametrize(
    ("role", "status"), [("Privileged Role Administrator", 201), ("Cloud Application Administrator", 403)]
)
def test_permissions_of_graph_need_the_privileged_role_at_the_customer(msp: Msp, role: str, status: int) -> None:
    msp.arrange({"tenant": msp.ids["acme"], "roles": [role]})
    msp.sign_in()
    assert msp.consent(scope=f"{SCOPES},Application.Read.All").status_code == 201
    token = msp.token("acme", msp.default)
    own = msp.graph(token, f"/servicePrincipals(appId='{msp.app.app_id}')").json()
    graph = msp.graph(token, f"/servicePrincipals(appId='{GRAPH_APP}')").json()
    right = next(each["id"] for each in graph["appRoles"] if each["value"] == "Application.Read.All")
    answer = msp.http.post(
        f"{msp.lab.endpoints['graph']}/v1.0/servicePrincipals/{own['id']}/appRoleAssignments",
        json={"principalId": own["id"], "resourceId": graph["id"], "appRoleId": right},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == status


def test_a_partner_reads_its_relationships_and_a_customer_sees_none(msp: Msp) -> None:
    msp.arrange(
        {"tenant": msp.ids["acme"], "assignment": "pending"}, {"tenant": msp.ids["bolt"], "relationship": "expired"}
    )
    msp.sign_in()
    token = msp.token("msp", msp.default)
    listed = msp.graph(token, "/tenantRelationships/delegatedAdminRelationships").json()["value"]
    assert [(each["customer"]["tenantId"], each["status"]) for each in listed] == [
        (msp.ids["acme"], "active"),
        (msp.ids["bolt"], "expired"),
    ]
    path = f"/tenantRelationships/delegatedAdminRelationships/{listed[0]['id']}/accessAssignments"
    assigned = msp.graph(token, path).json()["value"]
    assert [each["status"] for each in assigned] == ["pending"]
    groups = {each["id"] for each in msp.graph(token, "/me/transitiveMemberOf/microsoft.graph.group").json()["value"]}
    assert assigned[0]["accessContainer"]["accessContainerId"] in groups


def test_a_person_without_a_role_cannot_consent_to_the_scopes_of_administrators(msp: Msp) -> None:
    msp.arrange(roles=[])
    with pytest.raises(LabError, match="AADSTS90094"):
        msp.sign_in()


def test_one_token_is_for_one_interface(msp: Msp) -> None:
    msp.arrange()
    msp.sign_in()
    assert msp.ask("msp", f"{CENTER}/user_impersonation {msp.lab.endpoints['graph']}/User.Read").json()[
        "error_codes"
    ] == [28000]


@pytest.mark.parametrize("form", ["coded", "nested", "empty"])
def test_bodies_of_refusals_are_not_published(msp: Msp, form: str) -> None:
    msp.world.switches.update({"partner_center_errors": form})
    msp.arrange({"tenant": msp.ids["acme"], "relationship": None})
    msp.sign_in()
    refused = msp.consent()
    assert (refused.status_code, bool(refused.content)) == (403, form != "empty")
