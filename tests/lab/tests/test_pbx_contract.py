# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every operation of 3CX's API descriptions, 20.0.5 to 20.0.10: the lab serves it, and request and answer are as described."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tcx_lab.pbx import contract, distill, model
from tcx_lab.pbx.contract import Contract, ContractError
from tcx_lab.pbx.kit import GUIDE_PERMISSIONS, Directory, PbxClient, small_world
from tcx_lab.pbx.xapi import EXTRA
from tcx_lab.published import NEEDS_XAPI_DESCRIPTION

pytestmark = NEEDS_XAPI_DESCRIPTION

VERSIONS = [f"20.0.{update}" for update in range(model.FIRST_UPDATE, model.LAST_UPDATE + 1)]


@pytest.fixture(params=VERSIONS)
async def client(request: pytest.FixtureRequest) -> AsyncIterator[PbxClient]:
    """A PBX of each build, linked to an application that works."""
    world = small_world(request.param)
    made = PbxClient(world)
    application = await Directory(world, made.pbx).register(*GUIDE_PERMISSIONS, "Group.Read.All")
    await made.link(application["appId"], IsEnabled=True, EnableSSO=True)
    yield made
    await made.http.aclose()


def test_the_table_is_what_the_descriptions_say() -> None:
    assert model.TABLE.read_text(encoding="utf-8") == distill.distill(distill.contracts_in(contract.WHERE))


class _Script:
    """Plausible calls for every operation, in an order that works."""

    def __init__(self, client: PbxClient) -> None:
        self.client = client
        self.done: set[tuple[str, str]] = set()

    async def call(self, method: str, path: str, body: Any = None, *, expect: int = 0) -> Any:
        described = self.client.contract
        assert described is not None
        template = described.template(method, path.partition("?")[0])
        self.done.add((method, template))
        answer = await self.client.call(method, path, body)
        wanted = expect or {"GET": 200, "PATCH": 204, "DELETE": 204}.get(method)
        assert answer.status_code in ((wanted,) if wanted else (200, 201, 204)), f"{method} {path}: {answer.text}"
        assert answer.headers["X-3CX-Version"] == self.client.pbx.version
        return answer.json() if answer.content and "json" in answer.headers["content-type"] else None

    def has(self, method: str, template: str) -> bool:
        described = self.client.contract
        assert described is not None
        return (method, template) in described.operations()

    async def run(self) -> None:
        await self._singletons()
        await self._entities("/Groups", {"Name": "Sales"}, {"Language": "DE"})
        await self._entities("/Users", {"FirstName": "Ada", "EmailAddress": "ada@contoso.example"}, {"Mobile": "+49"})
        await self._entities("/Blocklist", {"IPAddrMask": "203.0.113.7/32", "BlockType": "Allow"}, {"Description": "x"})
        await self._functions()
        await self._microsoft()
        principal = await self.call("POST", "/ServicePrincipals", {"Number": "901", "XAPIEnabled": True})
        secret = await self.call("POST", f"/ServicePrincipals({principal['Id']})/Pbx.GenerateAppToken")
        assert len(secret["value"]) >= 32
        await self._entities("/ServicePrincipals", {"Number": "902"}, {"XAPIEnabled": True})
        await self._sessions()

    async def _singletons(self) -> None:
        for path, change in {
            "/AntiHackingSettings": {"HackAuthRequests": 30},
            "/ConsoleRestrictions": {"AccessRestricted": False, "IpWhitelist": ["127.0.0.0/8"]},
            "/Defs": None,
            "/GoogleSettings": {"ReCaptchaEnabled": False},
            "/LicenseStatus": None,
            "/MailSettings": {"MailServerType": "MS365"},
            "/Microsoft365Integration": {"SharedMailboxesSync": {"IsEnabled": False}},
            "/Microsoft365TeamsIntegration": {"DialPlanCode": "49"},
            "/SystemStatus": None,
        }.items():
            if self.has("GET", path):
                whole = await self.call("GET", path)
                assert len(whole) > 1
            if change is not None and self.has("PATCH", path):
                await self.call("PATCH", path, change)
                shown = await self.call("GET", path)
                assert {name: shown[name] for name in change} == change

    async def _entities(self, path: str, new: dict[str, Any], change: dict[str, Any]) -> None:
        made = await self.call("POST", path, new)
        one = f"{path}({made['Id']})"
        await self.call("PATCH", one, change)
        assert {**made, **change}.items() <= (await self.call("GET", one)).items()
        listed = await self.call("GET", f"{path}?$count=true&$top=100&$orderby=Id desc&$filter=Id eq {made['Id']}")
        assert [each["Id"] for each in listed["value"]] == [made["Id"]]
        assert listed["@odata.count"] == 1
        await self.call("DELETE", one)
        assert (await self.client.refusal("GET", one))[0] == 404

    async def _functions(self) -> None:
        for path in (
            "/Defs/Pbx.GetSystemParameters()",
            "/Defs/Pbx.GetLicenseParameters()",
            "/SystemStatus/Pbx.GetVersionType()",
            "/Users/Pbx.GetFirstAvailableExtensionNumber()",
        ):
            if self.has("GET", path):
                await self.call("GET", path)
        await self.call("POST", "/LicenseStatus/Pbx.RefreshLicenseStatus")
        await self.call("POST", "/Users/Pbx.GetDuplicatedEmails", {"emails": ["ada@contoso.example"]})
        await self.call("POST", "/Blocklist/Pbx.BulkIpsDelete", {"ids": [1, 2]})
        await self.call("GET", "/Parameters/Pbx.GetParameterByName(name='OFFICE365_CONFIG')")
        await self.call("GET", "/EventLogs?$orderby=TimeGenerated desc&$top=5")
        if self.has("GET", "/Users(Number={Number})"):
            await self.call("GET", "/Users(Number='100')?$expand=Groups,Phones")

    async def _microsoft(self) -> None:
        base, teams = "/Microsoft365Integration", "/Microsoft365TeamsIntegration"
        status = await self.call("GET", f"{base}/Pbx.GetMicrosoft365Directory()")
        assert "ExceptionMessage" not in status
        await self.call("GET", f"{base}/Pbx.TestSubscription()")
        await self.call("GET", f"{base}/Pbx.GetMicrosoftAccessToken()")
        found = await self.call("POST", f"{base}/Pbx.GetM365Users", {"options": {"Count": 3, "TypeOfUser": "Users"}})
        assert len(found["Users"]) == 3
        if self.has("POST", f"{base}/Pbx.GetM365Groups"):
            await self.call("POST", f"{base}/Pbx.GetM365Groups", {"options": {"Count": 3}})
        name = next(iter(self.client.tenant.users.values()))["userPrincipalName"]
        named = await self.call("POST", f"{base}/Pbx.GetUsersByPrincipalNames", {"principalNames": [name, "nobody@x"]})
        assert len(named["value"]) == 1
        await self.call("POST", f"{base}/Pbx.AuthorizePresence", {"accessToken": "not a token"}, expect=400)
        await self.call("POST", f"{base}/Pbx.TestPresence", expect=400)
        await self.call("POST", f"{base}/Pbx.DeauthorizePresence")
        await self.call("GET", f"{teams}/Pbx.CheckFqdnRecord(fqdn='localhost')")
        await self.call("GET", f"{teams}/Pbx.CheckMapUsersScript()")
        await self.call("GET", f"{teams}/Pbx.GetDialPlanScript()")
        await self.call("GET", "/Users?$select=Id,Tags")
        await self.call("GET", f"{teams}/Pbx.GetMapUsersScript()")

    async def _sessions(self) -> None:
        admin = self.client.pbx.admin
        assert (await self.client.log_in(admin.username, admin.password)).json()["Status"] == "AuthSuccess"
        me = await self.call("GET", "/MyUser")
        await self.call("PATCH", "/MyUser", {"Mobile": "+49 30 1"})
        await self.call("POST", "/Users/Pbx.MultiUserUpdate", {"ids": [me["Id"]], "user": {"MS365SignInEnabled": True}})
        listed = await self.call("GET", "/MyTokens?$select=Id,Username")
        await self.call("POST", f"/MyTokens({listed['value'][0]['Id']})/Pbx.RevokeToken")
        assert (await self.client.log_in(admin.username, admin.password)).status_code == 200
        newest = (await self.call("GET", "/SecurityTokens?$orderby=Created desc"))["value"][0]
        await self.call("POST", f"/SecurityTokens({newest['Id']})/Pbx.RevokeToken")


async def test_every_described_operation_works_as_described(client: PbxClient) -> None:
    script = _Script(client)
    await script.run()
    assert client.contract is not None
    assert script.done == client.contract.operations()


async def test_the_model_has_exactly_the_described_operations(client: PbxClient) -> None:
    assert client.contract is not None
    assert set(client.state.model.operations) == client.contract.operations()
    assert not set(EXTRA) & client.contract.operations()


def test_the_check_itself_can_fail() -> None:
    found = Contract.load("20.0.5")
    assert found is not None
    with pytest.raises(ContractError, match="SelectedGroups"):
        found.check_request("PATCH", "/Microsoft365Integration", {"AdUsers": {"SelectedGroups": []}})
    with pytest.raises(ContractError, match="has no POST"):
        found.check_request("POST", "/Microsoft365Integration/Pbx.GetM365Groups", {})
    with pytest.raises(ContractError, match="not of type"):
        found.check_request("PATCH", "/Microsoft365Integration", {"ApplicationId": 7})
    with pytest.raises(ContractError, match="query option"):
        found.check_request("GET", "/Defs", None, "$top=1")
    with pytest.raises(ContractError, match="Surprise"):
        found.check_response("GET", "/Defs", 200, {"Id": 0, "Surprise": 1})
    with pytest.raises(ContractError, match="never answers 200"):
        found.check_response("PATCH", "/Microsoft365Integration", 200, None)
    with pytest.raises(ContractError, match="is not one of"):
        found.check_request("POST", "/Blocklist", {"BlockType": "Maybe"})
