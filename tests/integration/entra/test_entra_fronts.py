# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user sees, through both front ends: the action plugin and the plain module behave alike."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.integration.entra.customers import (
    APP,
    APP_INFO,
    GRANT,
    GRANT_INFO,
    GUIDE,
    URI,
    Bench,
    Customer,
    Front,
    guide,
    key_credential,
)


@pytest.mark.smoke
@pytest.mark.rights("DelegatedPermissionGrant.ReadWrite.All")
def test_create_check_repeat_and_repair(bench: Bench, customer: Customer, front: Front) -> None:
    pair = bench.pair()
    grant = {"permissions": GUIDE, "delegated_permissions": ["openid"]}
    pending = "(known after apply)"

    predicted, consent = front.play(customer, (APP, guide(pair)), (GRANT, {"app_id": pending, **grant}), check=True)
    assert customer.writes() == []
    assert predicted["app_id"] == pending
    assert predicted["changed"]
    assert consent["changed"]

    (made,) = front.play(customer, (APP, guide(pair)))
    assert made["changes"] == predicted["changes"]
    assert made["certificates"][0]["thumbprint"] == pair.thumbprint
    application = customer.application()
    assert made["app_id"] == application["appId"]
    assert application["signInAudience"] == "AzureADMyOrg"
    assert application["web"]["implicitGrantSettings"]["enableIdTokenIssuance"] is True
    assert "tcx.m365" in application["tags"]

    (granted,) = front.play(customer, (GRANT, {"app_id": made["app_id"], **grant}))
    assert granted["granted"] == [*sorted(GUIDE), "openid"]
    assert customer.roles(made["app_id"]) == set(GUIDE)
    assert granted["service_principal_id"] == made["service_principal_id"]

    customer.clear_log()
    again = front.play(customer, (APP, guide(pair)), (GRANT, {"app_id": made["app_id"], **grant}))
    assert [each["changed"] for each in again] == [False, False]
    assert customer.writes() == []

    customer.change(
        application, web={"redirectUris": ["https://wrong.example"]}, displayName="renamed", keyCredentials=[]
    )
    (drift,) = front.play(customer, (APP, guide(pair)), check=True)
    assert customer.writes() == []
    assert {each["field"] for each in drift["changes"]} >= {"display_name", "redirect_uris", "certificates"}
    (repaired,) = front.play(customer, (APP, guide(pair)))
    assert repaired["changes"] == drift["changes"]
    assert set(customer.application()["web"]["redirectUris"]) == {"https://wrong.example", URI}
    assert repaired["unmanaged"]["redirect_uris"] == ["https://wrong.example"]
    assert customer.thumbprints() == {pair.thumbprint}


@pytest.mark.smoke
def test_info_twins(bench: Bench, customer: Customer, front: Front) -> None:
    pair = bench.pair()
    made = customer.run().task(APP, **guide(pair))
    customer.run().task(GRANT, app_id=made["app_id"], permissions=[*GUIDE, "Directory.Read.All"])
    customer.clear_log()
    found, everything, consent, none = front.play(
        customer,
        (APP_INFO, {"unique_name": "3cx-acme"}),
        (APP_INFO, {}),
        (GRANT_INFO, {"app_id": made["app_id"]}),
        (APP_INFO, {"unique_name": "nothing"}),
    )
    (shown,) = found["applications"]
    assert shown["app_id"] == made["app_id"]
    for option in ("display_name", "redirect_uris", "id_tokens", "public_client", "permissions"):
        assert shown[option] == guide()[option]
    assert shown["certificates"][0]["thumbprint"] == pair.thumbprint
    assert everything["applications"] == found["applications"]
    assert none["applications"] == []
    assert consent["application_permissions"] == sorted([*GUIDE, "Directory.Read.All"])
    assert consent["declared"] == sorted(GUIDE)
    assert consent["unneeded"] == ["Directory.Read.All"]
    assert customer.writes() == []


def test_permissions_that_a_task_does_not_list_are_reported_by_name(customer: Customer, front: Front) -> None:
    customer.run().task(APP, **guide())
    (left_alone,) = front.play(customer, (APP, {"unique_name": "3cx-acme", "display_name": "3CX Server-side"}))
    assert not left_alone["changed"]
    assert sorted(left_alone["unmanaged"]["permissions"]) == sorted(GUIDE)


def test_adopt_restore_and_delete(bench: Bench, customer: Customer, front: Front) -> None:
    theirs, ours = bench.pair("theirs"), bench.pair()
    foreign = customer.register(
        keyCredentials=[key_credential(theirs)], web={"redirectUris": ["https://theirs.example"]}
    )
    adopted = front.one(customer, APP, **guide(ours), app_id=foreign["appId"])
    assert adopted["object_id"] == foreign["id"]
    assert customer.application()["uniqueName"] == "3cx-acme"
    assert customer.thumbprints() == {theirs.thumbprint, ours.thumbprint}
    assert [each["thumbprint"] for each in adopted["unmanaged"]["certificates"]] == [theirs.thumbprint]

    gone = front.one(customer, APP, unique_name="3cx-acme", state="absent")
    assert gone["changed"]
    assert customer.applications() == []
    back = front.one(customer, APP, **guide(ours))
    assert back["app_id"] == foreign["appId"], "restored, not made anew"
    assert customer.thumbprints() == {theirs.thumbprint, ours.thumbprint}

    purged = front.one(customer, APP, unique_name="3cx-acme", state="absent", purge=True)
    assert purged["changed"]
    assert customer.tenant.deleted_items.get(foreign["id"]) is None
    assert not front.one(customer, APP, unique_name="3cx-acme", state="absent", purge=True)["changed"]


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "typo": ({"permissions": ["Calendar.Read"]}, "Did you mean Calendars.Read"),
    "delegated": ({"permissions": ["openid"]}, "It is a delegated permission"),
    "no certificate": ({"certificates": ["/nowhere/public_key.pem"]}, "there is no file /nowhere/public_key.pem"),
    "redirect": ({"redirect_uris": ["http://acme.example.com"]}, "does not begin with https://"),
    "tenant": ({"tenant_id": "common"}, "does not name one tenant"),
    "secret": ({"client_secret": "wrong"}, "AADSTS7000215"),
    "unknown tenant": ({"tenant_id": "99999999-1111-2222-3333-444444444444"}, "AADSTS90002"),
    "unknown client": ({"client_id": "99999999-1111-2222-3333-444444444444"}, "AADSTS700016"),
    "ca": ({"ca_path": "/nowhere/ca.pem"}, "ca_path /nowhere/ca.pem does not exist"),
    "no key": ({"unique_name": None, "display_name": None}, "one of the following is required"),
}


def test_mistakes_are_told_before_anything_is_written(customer: Customer, front: Front) -> None:
    tasks = [
        (APP, {name: value for name, value in {**guide(), **change}.items() if value is not None})
        for change, _said in MISTAKES.values()
    ]
    results = front.play(customer, *tasks)
    for (name, (_change, said)), result in zip(MISTAKES.items(), results, strict=True):
        assert not result.get("changed"), name
        assert said in result.get("msg", ""), (name, result)
    assert customer.writes() == []


@pytest.mark.smoke
def test_nothing_secret_is_shown(bench: Bench, customer: Customer, front: Front) -> None:
    """Neither the secret nor a token, at the highest verbosity and with a diff, in success and in failure."""
    made, *_rest = front.play(
        customer,
        (APP, guide(bench.pair())),
        (GRANT, {"app_id": "99999999-1111-2222-3333-444444444444", "permissions": GUIDE}),
        (APP, {**guide(), "client_secret": "canary-secret-canary"}),
        arguments=("-vvvv", "--diff"),
    )
    assert made["changed"]
    assert customer.automation.client_secret not in front.output
    assert "canary-secret-canary" not in front.output
    assert "eyJ" not in front.output, "a token begins like this"
    assert "PRIVATE KEY" not in front.output


@pytest.mark.smoke
def test_an_explicit_ca_wins_over_the_environment(customer: Customer, front: Front, tmp_path: Any) -> None:
    other = tmp_path / "other.pem"
    other.write_text((customer.bench.lab.ca_path).read_text())
    empty = tmp_path / "empty-bundle.pem"
    empty.write_text("")
    (result,) = front.play(customer, (APP, guide()), REQUESTS_CA_BUNDLE=str(empty), CURL_CA_BUNDLE=str(empty))
    assert result["changed"], front.output
