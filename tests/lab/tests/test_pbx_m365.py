# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Microsoft 365 integration of the lab's PBXs: healthy for a reason, broken for a reason, and what its user sync does."""

from __future__ import annotations

from typing import Any

import pytest
from tcx_lab import ca
from tcx_lab.pbx import linked_application, patch_pbx
from tcx_lab.pbx.kit import GUIDE_PERMISSIONS, Directory, PbxClient, small_world

M365 = "/Microsoft365Integration"
DIRECTORY = f"{M365}/Pbx.GetMicrosoft365Directory()"
PEOPLE = "/Users?$select=Number,EmailAddress,Tags,ContactImage&$filter=Tags/any(t: t eq 'MS')&$orderby=Number"


async def linked(
    version: str = "20.0.10", *, permissions: tuple[str, ...] = GUIDE_PERMISSIONS, **ad_users: Any
) -> PbxClient:
    """A PBX linked to an application that works."""
    world = small_world(version, users=ad_users.pop("users", 6))
    client = PbxClient(world)
    application = await Directory(world, client.pbx).register(*permissions)
    await client.link(application["appId"], **ad_users)
    return client


def application_of(client: PbxClient) -> dict[str, Any]:
    found = linked_application(client.world, client.pbx)
    assert found is not None
    tenant, object_id = found
    return tenant.applications[object_id]


def add_user(client: PbxClient, key: str, **properties: Any) -> dict[str, Any]:
    tenant = client.tenant
    upn = f"{key}@{tenant.domain}"
    user: dict[str, Any] = {
        **next(iter(tenant.users.values())),
        "id": f"00000000-0000-4000-8000-{len(tenant.users):012d}",
        "displayName": key.title(),
        "givenName": key.title(),
        "surname": "Test",
        "userPrincipalName": upn,
        "mail": upn,
        **properties,
    }
    tenant.users[user["id"]] = user
    return user


async def health(client: PbxClient) -> str | None:
    found: str | None = (await client.get(DIRECTORY)).get("ExceptionMessage")
    return found


# --- health follows from causes -----------------------------------------------------------------------------------------


async def test_an_unlinked_pbx_says_nothing_but_where_to_link() -> None:
    client = PbxClient(small_world())
    found = await client.get(DIRECTORY)
    assert found["ProvisionUrl"].startswith("https://integrations.3cx.com")
    assert "ApplicationId" not in found
    assert "ExceptionMessage" not in found
    assert (await client.get(f"{M365}/Pbx.TestSubscription()"))["IsSubscriptionAvailable"] is False
    status, words = await client.refusal(
        "POST", f"{M365}/Pbx.GetM365Users", {"options": {"Count": 1, "TypeOfUser": "Users"}}
    )
    assert (status, words) == (400, "The Microsoft 365 integration is not configured.")


async def test_a_linked_pbx_is_healthy_because_it_reads_the_tenant() -> None:
    client = await linked()
    since = client.world.log.last_seq
    assert await health(client) is None
    own = client.world.log.query(since=since, source="pbx")
    assert [(each.service, each.status) for each in own] == [("login", 200), ("graph", 200)]
    assert (await client.get(f"{M365}/Pbx.TestSubscription()")).items() >= {
        "Fqdn": "localhost",
        "IsSubscriptionAvailable": True,
    }.items()
    token = (await client.get(f"{M365}/Pbx.GetMicrosoftAccessToken()"))["value"]
    url = f"{client.world.endpoints.graph}/v1.0/users?$top=1"
    assert (await client.http.get(url, headers={"Authorization": f"Bearer {token}"})).status_code == 200


async def test_reading_the_status_is_no_write() -> None:
    client = await linked()
    since = client.world.log.last_seq
    await health(client)
    await client.get(f"{M365}/Pbx.TestSubscription()")
    await client.post(f"{M365}/Pbx.GetM365Users", {"options": {"Count": 1, "TypeOfUser": "Users"}})
    assert client.world.log.writes(since=since) == []


async def test_a_new_key_pair_ends_the_health() -> None:
    client = await linked()
    ca.new_key_pair(client.world, client.pbx)
    assert "AADSTS700027" in (await health(client) or "")


async def test_an_expired_certificate_ends_the_health() -> None:
    world = small_world()
    client = PbxClient(world)
    ca.new_key_pair(world, client.pbx, days=30)
    application = await Directory(world, client.pbx).register(*GUIDE_PERMISSIONS)
    await client.link(application["appId"])
    assert await health(client) is None
    world.clock.advance(31 * 86400)
    client.token = ""
    assert "AADSTS700027" in (await health(client) or "")


async def test_the_certificate_taken_away() -> None:
    client = await linked()
    directory = Directory(client.world, client.pbx)
    await directory.call("PATCH", f"/applications/{application_of(client)['id']}", {"keyCredentials": []})
    assert "AADSTS700027" in (await health(client) or "")


async def test_the_application_deleted() -> None:
    client = await linked()
    await Directory(client.world, client.pbx).call("DELETE", f"/applications/{application_of(client)['id']}")
    assert "AADSTS700016" in (await health(client) or "")


async def test_a_wrong_application_id_and_a_wrong_tenant() -> None:
    client = await linked()
    await client.patch(M365, {"ApplicationId": "11111111-2222-4333-8444-555555555555"})
    assert "AADSTS700016" in (await health(client) or "")
    await client.patch(M365, {"TenantId": "99999999-2222-4333-8444-555555555555"})
    assert "AADSTS90002" in (await health(client) or "")


async def test_without_consent_users_cannot_be_read() -> None:
    client = await linked(permissions=())
    words = await health(client) or ""
    assert "Authorization_RequestDenied" in words
    status, said = await client.refusal(
        "POST", f"{M365}/Pbx.GetM365Users", {"options": {"Count": 1, "TypeOfUser": "Users"}}
    )
    assert status == 400
    assert "Authorization_RequestDenied" in said
    client.world.switches.m365_error_status = 500
    assert (await client.refusal("POST", f"{M365}/Pbx.GetUsersByPrincipalNames", {"principalNames": ["x@y"]}))[0] == 500


async def test_a_clock_that_is_wrong_by_an_hour() -> None:
    client = await linked()
    client.pbx.clock_offset = -3600
    client.token = ""
    assert "AADSTS700024" in (await health(client) or "")


@pytest.mark.parametrize("cause", ["reachable", "certificate_valid"])
async def test_the_subscription_needs_a_way_back_to_the_pbx(cause: str) -> None:
    client = await linked()
    patch_pbx(client.world, client.pbx, {cause: False})
    found = await client.get(f"{M365}/Pbx.TestSubscription()")
    assert found["IsSubscriptionAvailable"] is False
    assert "validation request failed" in found["ExceptionMessage"]
    assert await health(client) is None


async def test_the_subscription_needs_the_right_port() -> None:
    client = await linked()
    client.pbx.https_port = 9
    assert (await client.get(f"{M365}/Pbx.TestSubscription()"))["IsSubscriptionAvailable"] is False


# --- users and groups of the tenant -------------------------------------------------------------------------------------


async def test_users_come_in_pages() -> None:
    client = await linked(users=7)
    names, token = [], None
    for _page in range(10):
        options = {"Count": 3, "TypeOfUser": "Users", **({"NextPageToken": token} if token else {})}
        page = await client.post(f"{M365}/Pbx.GetM365Users", {"options": options})
        names += [each["Email"] for each in page["Users"]]
        token = page.get("NextPageToken")
        if token is None:
            break
    assert sorted(names) == sorted(each["mail"] for each in client.tenant.users.values())
    answer = await client.refusal(
        "POST", f"{M365}/Pbx.GetM365Users", {"options": {"Count": 1, "TypeOfUser": "Users", "NextPageToken": "!"}}
    )
    assert answer[0] == 400


async def test_users_by_kind_and_search() -> None:
    client = await linked()
    add_user(client, "info", accountEnabled=False, assignedLicenses=[])
    add_user(client, "zoe", assignedLicenses=[{"skuId": "x", "disabledPlans": []}])

    async def found(kind: str, **more: Any) -> list[str]:
        options = {"Count": 100, "TypeOfUser": kind, **more}
        page = await client.post(f"{M365}/Pbx.GetM365Users", {"options": options})
        return [each["Name"] for each in page["Users"]]

    assert await found("SharedMailboxes") == ["Info"]
    assert await found("LicensedUsers") == ["Zoe"]
    assert "Info" not in await found("Users")
    assert await found("Users", Search="zo") == ["Zoe"]


async def test_groups_need_their_own_consent() -> None:
    client = await linked()
    client.tenant.groups["g1"] = {"id": "g1", "displayName": "Telephony", "description": None}
    asked = {"options": {"Count": 10}}
    assert "Authorization_RequestDenied" in (await client.refusal("POST", f"{M365}/Pbx.GetM365Groups", asked))[1]
    directory = Directory(client.world, client.pbx)
    found = await directory.call("GET", f"/servicePrincipals(appId='{application_of(client)['appId']}')")
    await directory.grant(found["id"], "GroupMember.Read.All")
    page = await client.post(f"{M365}/Pbx.GetM365Groups", asked)
    assert {"Id": "g1", "DisplayName": "Telephony", "Description": ""} in page["Groups"]
    found = await client.post(f"{M365}/Pbx.GetM365Groups", {"options": {"Count": 10, "Search": "Tele"}})
    assert [each["Id"] for each in found["Groups"]] == ["g1"]


async def test_names_become_accounts_and_unknown_ones_are_left_out() -> None:
    client = await linked()
    user = add_user(client, "o'neil")
    asked = {"principalNames": [user["userPrincipalName"].upper(), "nobody@contoso.example"]}
    found = await client.post(f"{M365}/Pbx.GetUsersByPrincipalNames", asked)
    assert found["value"] == [{"Id": user["id"], "Name": "O'Neil", "Email": user["mail"]}]


# --- user sync ----------------------------------------------------------------------------------------------------------


async def synced(client: PbxClient) -> dict[str, dict[str, Any]]:
    return {each["EmailAddress"]: each for each in (await client.get(PEOPLE))["value"]}


async def test_saving_brings_the_users_with_number_tag_and_photo() -> None:
    client = await linked(IsEnabled=True, IsSyncPhoto=True, StartingExtensionNumber="300")
    people = await synced(client)
    members = {each["mail"]: each for each in client.tenant.users.values() if each["userType"] == "Member"}
    assert set(people) == set(members)
    assert [each["Number"] for each in people.values()] == [str(300 + index) for index in range(len(people))]
    for mail, person in people.items():
        assert bool(person["ContactImage"]) is (members[mail]["id"] in client.tenant.photos)


async def test_without_photo_sync_there_is_no_photo() -> None:
    client = await linked(IsEnabled=True)
    assert {each["ContactImage"] for each in (await synced(client)).values()} == {""}
    now = (await client.get(M365))["AdUsers"]
    await client.patch(M365, {"AdUsers": {**now, "IsSyncPhoto": True}})
    assert any(each["ContactImage"] for each in (await synced(client)).values())


async def test_nobody_comes_while_the_sync_is_off_or_not_linked() -> None:
    client = await linked(IsEnabled=False)
    assert await synced(client) == {}


async def test_the_sync_takes_its_time() -> None:
    client = await linked()
    client.world.switches.update({"sync_delay": 30.0, "sync_polls": 2})
    await client.patch(M365, {"AdUsers": {"IsEnabled": True, "StartingExtensionNumber": "200"}})
    assert await synced(client) == {}
    client.world.clock.advance(31)
    assert await synced(client) == {}
    assert await synced(client) == {}
    assert await synced(client) != {}


async def test_saving_may_not_start_a_sync_and_then_the_night_does() -> None:
    client = await linked()
    client.world.switches.sync_on_save = False
    await client.patch(M365, {"AdUsers": {"IsEnabled": True}})
    assert await synced(client) == {}
    client.world.clock.advance(86400)
    client.token = ""
    assert await synced(client) != {}


async def test_scopes() -> None:
    client = await linked("20.0.9", permissions=(*GUIDE_PERMISSIONS, "GroupMember.Read.All"))
    one, two, *_rest = client.tenant.users.values()
    client.tenant.groups["g1"] = {"id": "g1", "displayName": "Telephony"}
    client.tenant.group_members["g1"] = [two["id"]]
    everybody = {each["mail"] for each in client.tenant.users.values() if each["userType"] == "Member"}
    for scope, expected in {
        "SyncSelected": {one["mail"]},
        "SyncAllUsersExceptSelected": everybody - {one["mail"]},
        "SyncSelectedGroups": {two["mail"]},
        "SyncAllUsers": everybody,
    }.items():
        for user in list(client.state.users.values())[1:]:
            del client.state.users[user["Id"]]
        settings = {"IsEnabled": True, "SyncType": scope, "SelectedUsers": [one["id"]], "SelectedGroups": ["g1"]}
        await client.patch(M365, {"AdUsers": settings})
        assert set(await synced(client)) == expected, scope


async def test_selected_users_are_object_ids_unless_switched() -> None:
    client = await linked()
    one = next(iter(client.tenant.users.values()))
    settings = {"IsEnabled": True, "SyncType": "SyncSelected", "SelectedUsers": [one["userPrincipalName"]]}
    await client.patch(M365, {"AdUsers": settings})
    assert await synced(client) == {}
    client.world.switches.selected_users = "any"
    await client.patch(M365, {"AdUsers": settings})
    assert set(await synced(client)) == {one["mail"]}


async def test_guests_come_only_when_wanted_and_disabled_accounts_never() -> None:
    client = await linked(IsEnabled=True)
    add_user(client, "guest", userType="Guest")
    add_user(client, "gone", accountEnabled=False)
    patch_pbx(client.world, client.pbx, {"sync": True})
    assert not {"guest@contoso.example", "gone@contoso.example"} & set(await synced(client))
    await client.patch(M365, {"AdUsers": {"IsEnabled": True, "SyncGuestUsers": True}})
    people = await synced(client)
    assert "guest@contoso.example" in people
    assert "gone@contoso.example" not in people


async def test_an_extension_with_the_upn_as_address_is_taken_over() -> None:
    client = await linked()
    one = next(iter(client.tenant.users.values()))
    patch_pbx(
        client.world, client.pbx, {"users": [{"Number": "150", "EmailAddress": one["userPrincipalName"].upper()}]}
    )
    await client.patch(M365, {"AdUsers": {"IsEnabled": True, "SyncType": "SyncSelected", "SelectedUsers": [one["id"]]}})
    people = (await client.get(PEOPLE))["value"]
    assert [(each["Number"], each["Tags"]) for each in people] == [("150", ["MS"])]


async def test_an_address_that_differs_from_the_upn_makes_a_second_extension() -> None:
    client = await linked()
    user = add_user(client, "eve", mail="eve.adams@contoso.example")
    patch_pbx(client.world, client.pbx, {"users": [{"Number": "150", "EmailAddress": user["mail"]}]})
    settings = {"IsEnabled": True, "SyncType": "SyncSelected", "SelectedUsers": [user["id"]]}
    await client.patch(M365, {"AdUsers": settings})
    assert len(await client.post("/Users/Pbx.GetDuplicatedEmails", {"emails": [user["mail"]]})) == 2
    assert (await synced(client))[user["mail"]]["Number"] != "150"
    duplicates = await client.post("/Users/Pbx.GetDuplicatedEmails", {"emails": [user["mail"]]})
    assert duplicates["value"] == [user["mail"]]


async def test_mapping_by_mail_can_be_switched_on() -> None:
    client = await linked()
    client.world.switches.sync_match = "mail"
    user = add_user(client, "eve", mail="eve.adams@contoso.example")
    patch_pbx(client.world, client.pbx, {"users": [{"Number": "150", "EmailAddress": user["mail"]}]})
    await client.patch(
        M365, {"AdUsers": {"IsEnabled": True, "SyncType": "SyncSelected", "SelectedUsers": [user["id"]]}}
    )
    assert (await synced(client))[user["mail"]]["Number"] == "150"


async def test_leavers_stay_and_the_deleted_come_back() -> None:
    client = await linked(IsEnabled=True)
    before = await synced(client)
    leaver, deleted, *_rest = before
    user = next(each for each in client.tenant.users.values() if each["mail"] == leaver)
    del client.tenant.users[user["id"]]
    row = client.state.users_by_email(deleted)[0]
    await client.call("DELETE", f"/Users({row['Id']})")
    assert set(await synced(client)) == set(before) - {deleted}
    client.world.clock.advance(86400)
    client.token = ""
    assert set(await synced(client)) == set(before)


async def test_changes_arrive_soon_while_notifications_do_and_else_at_night() -> None:
    for reachable in (True, False):
        client = await linked(IsEnabled=True)
        patch_pbx(client.world, client.pbx, {"reachable": reachable})
        client.world.clock.advance(86400)
        client.token = ""
        await synced(client)
        patch_pbx(client.world, client.pbx, {"reachable": reachable})
        add_user(client, "newcomer")
        client.world.clock.advance(61)
        assert ("newcomer@contoso.example" in await synced(client)) is reachable
        client.world.clock.advance(86400)
        client.token = ""
        assert "newcomer@contoso.example" in await synced(client)


async def test_details_departments_and_office_phone() -> None:
    client = await linked("20.0.6", IsEnabled=True, IsSyncDetails=True, IsSyncDepartments=True, IsSyncOfficePhone=True)
    user = add_user(client, "zoe", mobilePhone="+49 171 1", businessPhones=["+49 30 77"], department="Sales")
    patch_pbx(client.world, client.pbx, {"sync": True})
    asked = f"/Users?$filter=EmailAddress eq '{user['mail']}'&$expand=Groups&$select=Mobile,OutboundCallerID,FirstName"
    found = (await client.get(asked))["value"][0]
    assert (found["Mobile"], found["OutboundCallerID"], found["FirstName"]) == ("+49 171 1", "+49 30 77", "Zoe")
    assert [each["Name"] for each in found["Groups"]] == ["DEFAULT", "Sales"]


async def test_the_office_phone_may_become_the_number() -> None:
    client = await linked()
    client.world.switches.office_phone = "extension"
    user = add_user(client, "zoe", businessPhones=["+49 30 5550 777"])
    settings = {"IsEnabled": True, "IsSyncOfficePhone": True, "SyncType": "SyncSelected", "SelectedUsers": [user["id"]]}
    await client.patch(M365, {"AdUsers": settings})
    assert (await synced(client))[user["mail"]]["Number"] == "777"


async def test_no_number_left_is_told_in_the_event_log() -> None:
    client = await linked(users=8)
    await client.patch(M365, {"AdUsers": {"IsEnabled": True, "StartingExtensionNumber": "998"}})
    assert len(await synced(client)) == 2
    rows = (await client.get("/EventLogs?$filter=Type eq 'Error'"))["value"]
    assert "NO_MORE_NUMBERS_AVAILABLE" in rows[0]["Message"]


async def test_what_microsoft_refuses_is_told_in_the_event_log() -> None:
    client = await linked(permissions=(), IsEnabled=True)
    assert await synced(client) == {}
    rows = (await client.get("/EventLogs"))["value"]
    assert "Authorization_RequestDenied" in rows[0]["Message"]


# --- presence -----------------------------------------------------------------------------------------------------------


async def test_the_presence_account_needs_a_token_of_the_right_tenant() -> None:
    client = await linked()
    refused = await client.refusal("POST", f"{M365}/Pbx.TestPresence")
    assert refused == (400, "Presence:\nWARNINGS.XAPI.INVALID_CREDENTIALS")
    assert (await client.refusal("POST", f"{M365}/Pbx.AuthorizePresence", {"accessToken": "x"}))[0] == 400
    assert (await client.refusal("POST", f"{M365}/Pbx.AuthorizePresence", {}))[
        1
    ] == "accessToken:\nWARNINGS.XAPI.REQUIRED"
    token = (await client.get(f"{M365}/Pbx.GetMicrosoftAccessToken()"))["value"]
    await client.post(f"{M365}/Pbx.AuthorizePresence", {"accessToken": token})
    await client.post(f"{M365}/Pbx.TestPresence")
    client.world.clock.advance(7200)
    client.token = ""
    assert "AADSTS" in (await client.refusal("POST", f"{M365}/Pbx.TestPresence"))[1]
    await client.post(f"{M365}/Pbx.DeauthorizePresence")
    assert (await client.refusal("POST", f"{M365}/Pbx.TestPresence"))[1].endswith("INVALID_CREDENTIALS")
