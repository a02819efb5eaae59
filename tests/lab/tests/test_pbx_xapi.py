# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How XAPI of the lab behaves as an API: versions, queries, bodies, roles, license. One test per rule of a real PBX."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tcx_lab.pbx import patch_pbx
from tcx_lab.pbx.kit import PbxClient, small_world
from tcx_lab.pbx.state import SECRET_FIELDS
from tcx_lab.pbx.system import license_key

DELTA = "The input was not valid.\n\ndelta:\nThe delta field is required."
M365 = "/Microsoft365Integration"
VERSIONS = ["20.0.5", "20.0.6", "20.0.7", "20.0.8", "20.0.9", "20.0.10"]


@pytest.fixture
def client() -> PbxClient:
    return PbxClient(small_world())


def users(client: PbxClient, *numbers: str, **properties: Any) -> None:
    patch_pbx(client.world, client.pbx, {"users": [{"Number": number, **properties} for number in numbers]})


# --- versions -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_version_probe(version: str) -> None:
    client = PbxClient(small_world(version))
    answer = await client.call("GET", "/Defs?$select=Id")
    assert answer.headers["X-3CX-Version"] == client.pbx.version
    assert answer.json() == {
        "@odata.context": f"https://localhost:{client.pbx.https_port}/xapi/v1/$metadata#Defs(Id)",
        "Id": 0,
    }


@pytest.mark.parametrize(
    ("setting", "value", "first"),
    [
        ("IsSyncDepartments", True, 5),
        ("StatusSyncConfiguration", {"PBXToM365Busy": True}, 5),
        ("IsSyncDetails", True, 6),
        ("SelectedGroups", ["x"], 9),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_build_refuses_settings_it_does_not_have(version: str, setting: str, value: object, first: int) -> None:
    client = PbxClient(small_world(version))
    body = {"AdUsers": {setting: value}}
    if int(version.split(".")[2]) < first:
        assert await client.refusal("PATCH", M365, body) == (400, DELTA)
        assert setting not in (await client.get(M365))["AdUsers"]
    else:
        await client.patch(M365, body)
        assert (await client.get(M365))["AdUsers"][setting] == value


@pytest.mark.parametrize(
    ("method", "path", "first"),
    [
        ("POST", f"{M365}/Pbx.GetM365Groups", 9),
        ("GET", "/MailSettings", 7),
        ("GET", "/Users(Number='100')", 8),
        ("GET", "/Defs/Pbx.GetLicenseParameters()", 8),
        ("POST", f"{M365}/Pbx.GetUsers", 99),
        ("GET", "/AuditLog", 99),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_build_answers_404_for_what_it_lacks(version: str, method: str, path: str, first: int) -> None:
    client = PbxClient(small_world(version))
    answer = await client.call(method, path, checked=False)
    assert (answer.status_code == 404) is (int(version.split(".")[2]) < first)


async def test_the_system_is_well(client: PbxClient) -> None:
    answer = await client.call("GET", "/SystemStatus/Pbx.SystemHealthStatus()", checked=False)
    assert answer.json()["Trunks"] is True


async def test_edition_flags_are_there_from_update_10_only() -> None:
    for version, known in (("20.0.9", False), ("20.0.10", True)):
        found = await PbxClient(small_world(version, "Professional")).get("/Defs/Pbx.GetSystemParameters()")
        assert found["License"].get("IsProfessional") is (True if known else None)
        assert found["License"].get("IsEnterprise") is (False if known else None)
        assert found["License"]["ProductCode"]


async def test_the_public_address_comes_from_the_system_parameters(client: PbxClient) -> None:
    client.pbx.fqdn, client.pbx.https_port = "pbx.acme.example", 5001
    found = await client.get("/Defs/Pbx.GetSystemParameters()")
    assert (found["FQDN"], found["HttpsPort"], found["ENL"]) == ("pbx.acme.example", 5001, 3)


# --- queries ------------------------------------------------------------------------------------------------------------


async def test_an_unknown_name_in_select_fails_the_whole_read(client: PbxClient) -> None:
    words = "The query specified in the URI is not valid. Could not find a property named 'Nope' on type 'Pbx.User'."
    answer = await client.call("GET", "/Users?$select=Id,Nope")
    assert answer.status_code == 400
    assert answer.json() == {"error": {"code": "", "message": words, "details": []}}


async def test_more_than_100_in_top_is_refused(client: PbxClient) -> None:
    status, words = await client.refusal("GET", "/Users?$top=101")
    assert status == 400
    assert "'100'" in words
    assert "'101'" in words
    assert len((await client.get("/Users?$top=100"))["value"]) == 1


@pytest.mark.parametrize(
    "query",
    [
        "$top=x",
        "$skip=-1",
        "$count=yes",
        "$foo=1",
        "$orderby=Nope",
        "$orderby=Number sideways",
        "$filter=Nope eq 1",
        "$filter=Number eq",
        "$filter=frobnicate(Number) eq 1",
        "$expand=Number",
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(client: PbxClient, query: str) -> None:
    status, words = await client.refusal("GET", f"/Users?{query}")
    assert status == 400
    assert words.startswith("The query specified in the URI is not valid. ")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Number eq '201'", ["201"]),
        ("Number ne '100'", ["201", "202", "203"]),
        ("EmailAddress eq 'BOB@contoso.example'", []),
        ("tolower(EmailAddress) eq 'bob@contoso.example'", ["202"]),
        ("contains(tolower(EmailAddress), 'ob@')", ["202"]),
        ("startswith(FirstName,'O''') or Number eq '201'", ["201", "203"]),
        ("endswith(EmailAddress,'.example') and not (Number eq '202')", ["100", "201", "203"]),
        ("Number in ('201','203')", ["201", "203"]),
        ("Enabled eq true and Tags/any(t: t eq 'MS')", ["202"]),
        ("Enabled eq false", ["203"]),
        ("MS365SignInEnabled ne false", ["100", "201", "202"]),
        ("Number gt '201' and Number le '203'", ["202", "203"]),
        ("OutboundCallerID eq null", []),
    ],
)
async def test_filters(client: PbxClient, text: str, numbers: list[str]) -> None:
    users(client, "201", FirstName="Ada", EmailAddress="ada@contoso.example")
    users(client, "202", FirstName="Bob", EmailAddress="Bob@contoso.example", Tags=["MS"])
    users(client, "203", FirstName="O'Neil", EmailAddress="o@x.example", Enabled=False, MS365SignInEnabled=False)
    found = await client.call("GET", "/Users?$select=Number&$orderby=Number&$filter=" + text.replace("'", "%27"))
    assert [each["Number"] for each in found.json()["value"]] == numbers


async def test_paging_order_and_count(client: PbxClient) -> None:
    users(client, *(str(number) for number in range(200, 350)))
    page = await client.get(
        "/Users?$select=Number&$orderby=Number desc&$top=3&$skip=2&$count=true&$filter=Number ge '200'"
    )
    assert page["@odata.count"] == 150
    assert page["value"] == [{"Number": "347"}, {"Number": "346"}, {"Number": "345"}]
    assert len((await client.get("/Users"))["value"]) == 151
    client.world.switches.page_limit = 50
    assert len((await client.get("/Users"))["value"]) == 50


async def test_what_has_no_value_has_no_key(client: PbxClient) -> None:
    users(client, "200", Mobile=None)
    found = (await client.get("/Users?$filter=Number eq '200'&$select=Number,Mobile,HotdeskingAssignment"))["value"]
    assert found == [{"Number": "200"}]


async def test_navigation_properties_come_only_when_expanded(client: PbxClient) -> None:
    assert "Groups" not in (await client.get("/Users"))["value"][0]
    asked = "/Users?$select=Number&$expand=Groups($select=Name;$expand=Rights($select=RoleName))"
    found = (await client.get(asked))["value"][0]
    assert found == {"Number": "100", "Groups": [{"Name": "DEFAULT", "Rights": {"RoleName": "system_owners"}}]}


async def test_secrets_are_in_answers_that_do_not_select(client: PbxClient) -> None:
    whole = (await client.get("/Users"))["value"][0]
    assert all(whole[name] for name in SECRET_FIELDS)
    narrow = (await client.get("/Users?$select=Id,Number"))["value"][0]
    assert set(narrow) == {"Id", "Number"}
    key = license_key(client.state)
    assert (await client.get("/SystemStatus"))["LicenseKey"] == key
    assert (await client.get("/LicenseStatus"))["LicenseKey"] == key
    assert key not in json.dumps(await client.get("/SystemStatus?$select=Version,LicenseActive"))


# --- bodies -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {"Nope": 1},
        {"delta": {"ApplicationId": "x"}},
        {"ApplicationId": 7},
        {"ApplicationId": None},
        {"AdUsers": {"IsEnabled": "true"}},
        {"AdUsers": {"SelectedUsers": "x"}},
        {"AdUsers": [1]},
        {"@odata.context": "https://x", "ApplicationId": "x"},
        ["x"],
        "x",
    ],
)
async def test_a_body_that_does_not_bind(client: PbxClient, body: object) -> None:
    assert await client.refusal("PATCH", M365, body) == (400, DELTA)
    assert (await client.get(M365))["ApplicationId"] == ""


async def test_annotations_can_be_allowed(client: PbxClient) -> None:
    client.world.switches.annotations_refused = False
    answer = await client.call("PATCH", M365, {"@odata.context": "x", "ApplicationId": "a"}, checked=False)
    assert answer.status_code == 204
    assert (await client.get(M365))["ApplicationId"] == "a"


async def test_an_enum_member_that_does_not_exist(client: PbxClient) -> None:
    body = {"AdUsers": {"SyncType": "SyncNobody"}}
    assert await client.refusal("PATCH", M365, body) == (500, "")
    client.world.switches.bad_literal = "delta"
    assert await client.refusal("PATCH", M365, body) == (400, DELTA)


async def test_singletons_take_patch_and_not_put(client: PbxClient) -> None:
    assert (await client.call("PUT", M365, {}, checked=False)).status_code == 405
    assert (await client.call("POST", M365, {}, checked=False)).status_code == 405
    answer = await client.call("PATCH", M365, {"ApplicationId": "a"})
    assert (answer.status_code, answer.content) == (204, b"")


async def test_nested_patch_replaces_or_merges(client: PbxClient) -> None:
    await client.patch(M365, {"AdUsers": {"IsSyncPhoto": True, "SelectedUsers": ["a", "b"]}})
    assert (await client.get(M365))["AdUsers"] == {"IsSyncPhoto": True, "SelectedUsers": ["a", "b"]}
    client.world.switches.ad_users_patch = "merge"
    await client.patch(M365, {"AdUsers": {"EnableSSO": True, "SelectedUsers": ["c"]}})
    shown = (await client.get(M365))["AdUsers"]
    assert shown == {"EnableSSO": True, "IsSyncPhoto": True, "SelectedUsers": ["c"]}


async def test_what_is_not_mentioned_stays(client: PbxClient) -> None:
    before = await client.get(M365)
    await client.patch(M365, {"TenantId": "t"})
    assert await client.get(M365) == {**before, "TenantId": "t"}


async def test_an_unlinked_pbx_shows_empty_ids_or_none(client: PbxClient) -> None:
    assert (await client.get(M365))["ApplicationId"] == ""
    client.world.switches.unset_ids = "omitted"
    assert "ApplicationId" not in await client.get(M365)


async def test_actions_cannot_return_a_representation(client: PbxClient) -> None:
    answer = await client.call("POST", "/LicenseStatus/Pbx.RefreshLicenseStatus", Prefer="return=representation")
    assert (answer.status_code, answer.content) == (500, b"")


# --- users, groups, clients ---------------------------------------------------------------------------------------------


async def test_numbers_are_unique_and_final(client: PbxClient) -> None:
    made = await client.post("/Users", {})
    assert made["Number"] == "101"
    answer = await client.call("POST", "/Users", {"Number": "101"})
    words = "WARNINGS.XAPI.ALREADY_IN_USE"
    assert answer.status_code == 400
    assert answer.json() == {
        "error": {
            "code": "",
            "message": f"Number:\n{words}",
            "details": [{"code": "", "message": words, "target": "Number"}],
        }
    }
    status, message = await client.refusal("PATCH", f"/Users({made['Id']})", {"Number": "102"})
    assert (status, message) == (400, "Number:\nWARNINGS.XAPI.FORBIDDEN_CHANGE")
    await client.patch(f"/Users({made['Id']})", {"Number": "101", "FirstName": "Ada"})


async def test_no_more_numbers(client: PbxClient) -> None:
    patch_pbx(client.world, client.pbx, {"number_length": 1})
    users(client, *"123456789")
    for path in ("/Users/Pbx.GetFirstAvailableExtensionNumber()",):
        status, words = await client.refusal("GET", path)
        assert (status, words) == (400, "Number:\nWARNINGS.NO_MORE_NUMBERS_AVAILABLE")
    assert (await client.refusal("POST", "/Users", {}))[1].endswith("NO_MORE_NUMBERS_AVAILABLE")


async def test_many_users_change_at_once_or_not_at_all(client: PbxClient) -> None:
    users(client, "201", "202")
    ids = [each["Id"] for each in (await client.get("/Users?$filter=Number ne '100'&$select=Id"))["value"]]
    change = {"MS365SignInEnabled": False}
    status, _words = await client.refusal("POST", "/Users/Pbx.MultiUserUpdate", {"ids": [*ids, 9999], "user": change})
    assert status == 400
    asked = "/Users?$filter=MS365SignInEnabled eq false&$select=Number"
    assert (await client.get(asked))["value"] == []
    await client.post("/Users/Pbx.MultiUserUpdate", {"ids": ids, "user": change})
    assert [each["Number"] for each in (await client.get(asked))["value"]] == ["201", "202"]


async def test_duplicated_addresses(client: PbxClient) -> None:
    users(client, "201", "202", EmailAddress="Same@contoso.example")
    users(client, "203", EmailAddress="own@contoso.example")
    asked = {"emails": ["same@contoso.example", "own@contoso.example", "free@contoso.example"]}
    assert (await client.post("/Users/Pbx.GetDuplicatedEmails", asked))["value"] == ["same@contoso.example"]
    client.world.switches.duplicated_emails = "any"
    assert len((await client.post("/Users/Pbx.GetDuplicatedEmails", asked))["value"]) == 2
    for number, expected in (("201", True), ("203", False)):
        user = client.state.user_by_number(number)
        assert user is not None
        path = f"/Users({user['Id']})/Pbx.HasDuplicatedEmail()"
        assert (await client.call("GET", path, checked=False)).json()["value"] is expected


async def test_groups_keep_their_members(client: PbxClient) -> None:
    users(client, "201", "202")
    group = await client.post("/Groups", {"Name": "Sales", "Members": [{"Number": "201"}]})
    path = f"/Groups({group['Id']})?$expand=Members&$select=Name"
    assert [each["Number"] for each in (await client.get(path))["Members"]] == ["201"]
    await client.patch(f"/Groups({group['Id']})", {"Members": [{"Number": "202"}]})
    assert [each["Number"] for each in (await client.get(path))["Members"]] == ["202"]
    status, words = await client.refusal("PATCH", f"/Groups({group['Id']})", {"Members": [{"Number": "999"}]})
    assert (status, words) == (400, "Members:\nWARNINGS.XAPI.NON_EXISTENT_EXT_NUMBER")
    default = client.state.default_group()
    assert (await client.refusal("DELETE", f"/Groups({default})"))[0] == 400


async def test_a_new_api_client_signs_in_with_the_secret_it_was_given(client: PbxClient) -> None:
    owners = [{"GroupId": client.state.default_group(), "Rights": {"RoleName": "system_owners"}}]
    made = await client.post("/ServicePrincipals", {"Number": "901", "XAPIEnabled": True, "Groups": owners})
    assert (await client.sign_in("901", "guess")).status_code == 400
    secret = (await client.post(f"/ServicePrincipals({made['Id']})/Pbx.GenerateAppToken"))["value"]
    assert (await client.sign_in("901", secret)).status_code == 200
    await client.get(M365)
    await client.patch(f"/ServicePrincipals({made['Id']})", {"XAPIEnabled": False})
    assert (await client.sign_in("901", secret)).json()["error"] == "unauthorized_client"


# --- roles and license --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["users", "managers", "group_owners", "receptionists"])
async def test_an_ordinary_role_is_kept_out_of_everything_but_itself(client: PbxClient, role: str) -> None:
    patch_pbx(client.world, client.pbx, {"role": role})
    for path in ("/Users", "/SystemStatus", M365, "/SecurityTokens"):
        assert await client.refusal("GET", path) == (403, "")
    await client.get("/Defs?$select=Id")
    await client.get("/MyTokens")
    client.world.switches.forbidden_body = "odata"
    assert await client.refusal("GET", "/Users") == (403, "Forbidden")


async def test_system_admins_need_a_switch_for_microsoft_365(client: PbxClient) -> None:
    patch_pbx(client.world, client.pbx, {"role": "system_admins"})
    await client.get("/Users?$select=Id")
    assert (await client.refusal("GET", M365))[0] == 403
    client.world.switches.system_admins_m365 = True
    await client.get(M365)


@pytest.mark.parametrize("setting", ["SyncPersonalContacts", "SyncEvents"])
async def test_standard_lacks_contacts_and_calendar(setting: str) -> None:
    client = PbxClient(small_world(edition="Standard"))
    status, words = await client.refusal("PATCH", M365, {"AdUsers": {setting: True}})
    assert (status, words) == (400, f"{setting}:\nWARNINGS.XAPI.INVALID_LICENSE_TYPE")
    await client.patch(M365, {"AdUsers": {setting: False, "EnableSSO": True}})
    client.pbx.edition = "Professional"
    await client.patch(M365, {"AdUsers": {setting: True}})


async def test_standard_lacks_shared_mailboxes() -> None:
    client = PbxClient(small_world(edition="Standard"))
    status, words = await client.refusal("PATCH", M365, {"SharedMailboxesSync": {"IsEnabled": True}})
    assert (status, words) == (400, "SharedMailboxesSync:\nWARNINGS.XAPI.INVALID_LICENSE_TYPE")


@pytest.mark.parametrize(
    ("edition", "calls", "works"), [("Professional", 32, False), ("Enterprise", 8, False), ("Enterprise", 16, True)]
)
async def test_teams_needs_enterprise_with_16_calls(edition: str, calls: int, works: bool) -> None:
    client = PbxClient(small_world(edition=edition, simultaneous_calls=calls))
    answer = await client.call("PATCH", "/Microsoft365TeamsIntegration", {"Enabled": True})
    assert answer.status_code == (204 if works else 400)
    assert works or "INVALID_LICENSE_TYPE" in answer.text


async def test_an_inactive_license_refuses_settings_and_shows(client: PbxClient) -> None:
    patch_pbx(client.world, client.pbx, {"license_active": False, "maintenance_days": -3})
    assert (await client.get("/SystemStatus?$select=LicenseActive"))["LicenseActive"] is False
    assert (await client.get("/Defs/Pbx.GetSystemParameters()"))["License"]["IsMaintainceExpired"] is True
    status, words = await client.refusal("PATCH", M365, {"AdUsers": {"EnableSSO": True}})
    assert (status, words) == (400, "Microsoft365Integration:\nWARNINGS.LICENSE_NOT_FOUND")


@pytest.mark.parametrize(
    ("edition", "calls", "included"), [("Standard", 32, False), ("Enterprise", 4, False), ("Enterprise", 8, True)]
)
async def test_xapi_can_be_gated_by_license(edition: str, calls: int, included: bool) -> None:
    world = small_world(edition=edition, simultaneous_calls=calls)
    world.switches.xapi_licence = "no_token"
    assert (await PbxClient(world).sign_in()).status_code == (200 if included else 400)
    world.switches.xapi_licence = "forbidden"
    client = PbxClient(world)
    assert (await client.sign_in()).status_code == 200
    assert (await client.call("GET", "/Defs?$select=Id")).status_code == (200 if included else 403)
    assert (await client.log_in("100", client.pbx.admin.password)).status_code == 200
    await client.get("/Defs?$select=Id")


async def test_the_starting_extension_must_fit_the_number_length(client: PbxClient) -> None:
    status, words = await client.refusal("PATCH", M365, {"AdUsers": {"StartingExtensionNumber": "2000"}})
    assert (status, words) == (400, "StartingExtensionNumber:\nWARNINGS.XAPI.OUT_OF_THE_RANGE")
    await client.patch(M365, {"AdUsers": {"StartingExtensionNumber": "300"}})


async def test_concealed_passwords_never_come_back(client: PbxClient) -> None:
    await client.patch("/GoogleSettings", {"ClientSecret": {"Concealed": False, "Value": "hunter2"}})
    assert (await client.get("/GoogleSettings"))["ClientSecret"] == {"Concealed": True, "Value": ""}
    await client.patch("/MailSettings", {"MailPassword": {"Concealed": False, "Value": "hunter2"}})
    assert (await client.get("/MailSettings"))["MailPassword"] == {"Concealed": True, "Value": ""}


async def test_mail_through_microsoft_365_needs_a_linked_application(client: PbxClient) -> None:
    status, words = await client.refusal("PATCH", "/MailSettings", {"MailServerType": "MS365"})
    assert (status, words) == (400, "MailServerType:\nWARNINGS.XAPI.NOT_SUPPORTED")
    await client.patch(M365, {"ApplicationId": "a", "TenantId": "t"})
    await client.patch("/MailSettings", {"MailServerType": "MS365"})


async def test_the_backing_parameter_shows_the_settings(client: PbxClient) -> None:
    await client.patch(M365, {"TenantId": "t", "AdUsers": {"EnableSSO": True}})
    found = await client.get("/Parameters/Pbx.GetParameterByName(name='OFFICE365_CONFIG')")
    value = json.loads(found["Value"])
    assert value["TenantId"] == "t"
    assert value["Public"]["ADUsers"]["EnableSSO"] is True
    assert (await client.refusal("GET", "/Parameters/Pbx.GetParameterByName(name='NOPE')"))[0] == 404


async def test_a_scenario_cannot_be_mistyped(client: PbxClient) -> None:
    with pytest.raises(ValueError, match="rechable"):
        patch_pbx(client.world, client.pbx, {"rechable": False})
    with pytest.raises(ValueError, match="takes bool"):
        patch_pbx(client.world, client.pbx, {"reachable": "no"})
