# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading the users of a tenant: everybody, by name, by group; who is disabled, and who has no photo."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from ansible_collections.tcx.m365.tests.integration.entra.customers import USER_INFO, Bench, Customer, Front
from tcx_lab import graph
from tcx_lab.published import NEEDS_GRAPH_DESCRIPTION

pytestmark = pytest.mark.rights("User.Read.All", only=True)
GROUP_RIGHTS = ("User.Read.All", "GroupMember.Read.All")
SELECT = "$select=id,userPrincipalName,mail,displayName,accountEnabled,userType,proxyAddresses&$top=999"


@pytest.fixture
def people(customer: Customer) -> dict[str, dict[str, Any]]:
    """Four users of the tenant by first name: one disabled, one guest, one with a photo, one without a type."""
    world, tenant = customer.bench.world, customer.tenant
    guest = f"gus_partner.example#EXT#@{tenant.domain}"
    made = {
        "ada": graph.add_user(world, tenant, "ada.o'hara", "Ada", "O'Hara"),
        "bela": graph.add_user(world, tenant, "bela", "Bela", "Adler", accountEnabled=False),
        "gus": graph.add_user(
            world,
            tenant,
            "gus",
            "Gus",
            "Fischer",
            userType="Guest",
            userPrincipalName=guest,
            mail="gus@partner.example",
        ),
        "ines": graph.add_user(world, tenant, "ines", "Ines", "Costa", userType=None, mail=None),
    }
    tenant.photos[made["ada"]["id"]] = b"\xff\xd8\xff"
    return made


def principals(result: dict[str, Any]) -> list[str]:
    assert not result.get("failed"), result
    return [each["user_principal_name"].partition("@")[0].partition("_")[0] for each in result["users"]]


def queries(customer: Customer) -> list[str]:
    return [unquote(f"{each.path}?{each.query}" if each.query else each.path) for each in customer.requests()]


@pytest.mark.usefixtures("people")
@pytest.mark.smoke
def test_everybody_through_both_front_ends(customer: Customer, front: Front) -> None:
    everybody, enabled, disabled, members, named = front.play(
        customer,
        (USER_INFO, {}),
        (USER_INFO, {"enabled": True}),
        (USER_INFO, {"enabled": False}),
        (USER_INFO, {"guests": False}),
        (USER_INFO, {"users": ["ADA.O'HARA@" + customer.tenant.domain, "nobody@x.example"], "photo": True}),
        check=True,
    )
    assert principals(everybody) == ["ada.o'hara", "bela", "gus", "ines"]
    assert principals(enabled) == ["ada.o'hara", "gus", "ines"]
    assert principals(disabled) == ["bela"]
    assert principals(members) == ["ada.o'hara", "bela", "ines"]
    assert principals(named) == ["ada.o'hara"]
    assert named["users"][0]["photo"] is True
    assert named["missing"] == ["nobody@x.example"]
    assert everybody["changed"] is False
    assert everybody["tenant_id"] == customer.tenant.id
    assert [each["photo"] for each in everybody["users"]] == [None] * 4
    assert len(customer.tokens()) == (1 if front.in_process else 5)


def test_what_is_returned(customer: Customer, people: dict[str, dict[str, Any]]) -> None:
    shown = customer.run().task(USER_INFO, photo=True)["users"]
    assert shown[1] == {
        "id": people["bela"]["id"],
        "user_principal_name": people["bela"]["userPrincipalName"],
        "mail": people["bela"]["mail"],
        "display_name": "Bela Adler",
        "enabled": False,
        "guest": False,
        "photo": False,
        "aliases": [],
    }
    assert [each["photo"] for each in shown] == [True, False, False, False]
    assert [each["guest"] for each in shown] == [False, False, True, False]
    assert shown[3]["mail"] is None


def test_names_are_addresses_or_ids_and_the_unknown_ones_are_told(
    customer: Customer, people: dict[str, dict[str, Any]]
) -> None:
    names = [
        "nobody@x.example",
        people["ines"]["userPrincipalName"].upper(),
        "Gus@Partner.example",
        people["gus"]["userPrincipalName"],
        people["bela"]["id"].upper(),
        "00000000-0000-4000-8000-000000000000",
        "GUS@partner.example",
    ]
    found = customer.run().task(USER_INFO, users=names)
    assert principals(found) == ["bela", "gus", "ines"]
    assert found["missing"] == ["nobody@x.example", "00000000-0000-4000-8000-000000000000"]
    assert len(customer.calls()) == 1, "all names in one batch"


def test_who_is_filtered_out_is_not_missing(customer: Customer, people: dict[str, dict[str, Any]]) -> None:
    names = [each["userPrincipalName"] for each in people.values()]
    found = customer.run().task(USER_INFO, users=names, enabled=True, guests=False)
    assert principals(found) == ["ada.o'hara", "ines"]
    assert found["missing"] == []


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("options", [{"users": []}, {"groups": []}, {"users": [], "groups": []}])
def test_an_empty_list_names_nobody(customer: Customer, options: dict[str, list[str]]) -> None:
    allowed = customer.allowed(*GROUP_RIGHTS)
    found = allowed.run().task(USER_INFO, **options)
    assert (found["users"], found["missing"]) == ([], [])
    assert customer.calls() == []


def test_many_users_are_read_page_by_page(customer: Customer) -> None:
    for number in range(1001):
        graph.add_user(customer.bench.world, customer.tenant, f"u{number:04}", "U", str(number))
    found = customer.run().task(USER_INFO)["users"]
    assert len({each["id"] for each in found}) == 1001
    assert len(customer.calls()) == 2


def test_many_names_and_photos_go_in_batches(customer: Customer) -> None:
    made = [
        graph.add_user(customer.bench.world, customer.tenant, f"u{number:04}", "U", str(number)) for number in range(45)
    ]
    for user in made[::2]:
        customer.tenant.photos[user["id"]] = b"\xff\xd8\xff"
    found = customer.run().task(USER_INFO, users=[each["userPrincipalName"] for each in made], photo=True)
    assert [each["photo"] for each in found["users"]] == [number % 2 == 0 for number in range(45)]
    assert found["missing"] == []
    assert len(customer.calls()) == 1 + 3, "seven names at a time in one batch; twenty photos in each of three"


def test_throttled_items_of_a_batch_are_asked_again(
    bench: Bench, customer: Customer, people: dict[str, dict[str, Any]]
) -> None:
    path = f"/v1.0/users/{people['ada']['id']}/photo"
    bench.trouble("throttle", path=path, seconds=0, times=2)
    found = customer.run().task(USER_INFO, photo=True)
    assert [each["photo"] for each in found["users"]] == [True, False, False, False]
    asked = [each.path for each in customer.requests() if each.path.endswith("/photo")]
    assert len(asked) == 4 + 2, "only the throttled item is asked again"


# --- groups -------------------------------------------------------------------------------------------------------------


def test_members_of_groups_and_of_groups_in_them(customer: Customer, people: dict[str, dict[str, Any]]) -> None:
    world, tenant = customer.bench.world, customer.tenant
    inner = graph.add_group(world, tenant, "Inner", [people["bela"]["id"], people["gus"]["id"]])
    outer = graph.add_group(
        world, tenant, "R&D", [people["ada"]["id"], people["bela"]["id"], inner["id"]], mail="rd@contoso.example"
    )
    allowed = customer.allowed(*GROUP_RIGHTS)
    by_name = allowed.run().task(USER_INFO, groups=["r&d"])
    assert principals(by_name) == ["ada.o'hara", "bela", "gus"]
    assert by_name["groups"] == [{"id": outer["id"], "display_name": "R&D", "mail": "rd@contoso.example"}]
    for name in (outer["id"], "RD@contoso.example"):
        assert allowed.run().task(USER_INFO, groups=[name])["users"] == by_name["users"]
    both = allowed.run().task(USER_INFO, groups=["Inner"], users=[people["ines"]["userPrincipalName"]], guests=False)
    assert principals(both) == ["bela", "ines"]


def test_groups_through_both_front_ends(customer: Customer, people: dict[str, dict[str, Any]], front: Front) -> None:
    world, tenant = customer.bench.world, customer.tenant
    twins = [graph.add_group(world, tenant, "Twins", [])["id"] for _each in range(2)]
    staff = graph.add_group(world, tenant, "Staff", [people["ada"]["id"]])
    found, double, unknown = front.play(
        customer.allowed(*GROUP_RIGHTS),
        (USER_INFO, {"groups": ["Staff", staff["id"]]}),
        (USER_INFO, {"groups": ["Twins"]}),
        (USER_INFO, {"groups": ["Nobody", "Staff", "Nowhere"]}),
    )
    assert principals(found) == ["ada.o'hara"]
    assert len(found["groups"]) == 1
    assert double["error"]["kind"] == "ambiguous"
    assert all(each in double["msg"] for each in twins)
    assert unknown["error"]["kind"] == "not_found"
    assert "no group 'Nobody', no group 'Nowhere'" in unknown["msg"]
    assert "'Staff'" not in unknown["msg"]


def test_a_group_with_many_members_is_read_page_by_page(customer: Customer) -> None:
    world, tenant = customer.bench.world, customer.tenant
    ids = [graph.add_user(world, tenant, f"u{number:04}", "U", str(number))["id"] for number in range(1001)]
    graph.add_group(world, tenant, "Crowd", ids)
    found = customer.allowed(*GROUP_RIGHTS).run().task(USER_INFO, groups=["Crowd"])
    assert len(found["users"]) == 1001


# --- rights, and what is sent -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roles", "options", "missing"),
    [
        (["Application.Read.All"], {}, "User.Read.All"),
        (["User.Read.All"], {"groups": ["Staff"]}, "GroupMember.Read.All"),
        (["Directory.Read.All"], {"photo": True}, "ProfilePhoto.Read.All"),
    ],
)
def test_a_missing_right_is_named_before_any_request(
    customer: Customer, roles: list[str], options: dict[str, Any], missing: str
) -> None:
    result = customer.allowed(*roles).run().task(USER_INFO, **options)
    assert result["failed"]
    assert missing in result["msg"]
    assert customer.calls() == []


def test_an_empty_name_is_refused_before_anything_is_sent(customer: Customer) -> None:
    result = customer.run().task(USER_INFO, users=["a@x.example", " "])
    assert "an entry of users is empty" in result["msg"]
    assert (customer.calls(), customer.tokens()) == ([], [])


def test_a_refusal_of_graph_is_told_with_what_was_tried(bench: Bench, customer: Customer) -> None:
    body = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges."}}
    bench.trouble("status", path="/v1.0/users", status=403, body=body, times=1)
    result = customer.run().task(USER_INFO)
    assert result["error"]["code"] == "Authorization_RequestDenied"
    assert result["error"]["tried"] == "list the users of the tenant"


@NEEDS_GRAPH_DESCRIPTION
def test_requests_are_what_microsoft_publishes(
    bench: Bench, customer: Customer, people: dict[str, dict[str, Any]]
) -> None:
    """Users and photos against the description; groups, which it leaves out, word by word as Microsoft documents them."""
    staff = graph.add_group(bench.world, customer.tenant, "Staff", [people["ada"]["id"]])
    run = customer.allowed(*GROUP_RIGHTS).run()
    run.task(USER_INFO, enabled=True)
    run.task(USER_INFO, users=[people["bela"]["id"], "gus@partner.example"], photo=True)
    sent = len(customer.requests())
    assert bench.hold_against_the_contract() == sent

    customer.clear_log()
    run.task(USER_INFO, groups=["Staff", staff["id"]])
    assert queries(customer) == [
        "/v1.0/$batch",
        "/v1.0/groups?$filter=displayName eq 'Staff' or mail eq 'Staff'&$select=id,displayName,mail",
        f"/v1.0/groups/{staff['id']}?$select=id,displayName,mail",
        f"/v1.0/groups/{staff['id']}/transitiveMembers/microsoft.graph.user?$count=true&{SELECT}",
    ]
