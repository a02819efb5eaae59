# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The info twin: what it reads, what it never reads, and what it says of users, license and sign-ins."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.integration.pbx.fleet import NEWEST, RELEASES, Bench

EVERYTHING = ["users", "license", "duplicates", "extensions", "sessions", "teams"]


def synced_fleet(bench: Bench, name: str = NEWEST) -> dict[str, str]:
    """A PBX whose users come from Microsoft 365."""
    link = bench.link(name)
    options = {"user_sync": {"enabled": True, "scope": "all", "photo": True, "starting_extension": "200"}}
    bench.run().settings(name, **link, **options, sign_in={"enabled": True})
    bench.run().info(name, gather=["users"])
    bench.world.log.clear()
    return link


@pytest.mark.parametrize("release", RELEASES)
def test_everything_on_every_release(bench: Bench, release: str) -> None:
    name = f"v{release.replace('.', '-')}"
    link = synced_fleet(bench, name)
    found = bench.run().info(name, gather=EVERYTHING)
    assert not found.get("failed"), found
    assert found["changed"] is False
    assert found["status"]["ok"] is True
    assert found["version"].startswith(release)
    assert found["settings"]["application_id"] == link["application_id"]
    assert found["settings"]["user_sync"]["photo"] is True
    assert ("details" in found["settings"]["user_sync"]) == (release != "20.0.5")
    assert found["number_length"] == [3, 3]
    assert found["first_free_extension"].isdigit()
    assert found["license"]["active"] is True
    assert (found["license"]["users_limit"] is not None) == (release in ("20.0.9", "20.0.10"))
    assert found["edition"] == ("Enterprise" if release == "20.0.10" else found["edition"])
    assert found["duplicates"] == []
    assert found["sessions"] == {"known": release == "20.0.10", "sso": []}
    comparison = found["users"]["comparison"]
    assert comparison["synced"]
    assert comparison["leavers"] == []


def test_no_secret_of_the_pbx_is_read(bench: Bench) -> None:
    synced_fleet(bench)
    run = bench.run()
    text = json.dumps(run.info(gather=EVERYTHING))
    state = bench.state()
    for user in state.users.values():
        for name in ("AccessPassword", "AuthPassword", "DeskphonePassword"):
            assert user[name] not in text
    queries = [each.query for each in bench.requests() if "/Users" in each.path or "/S" in each.path]
    assert queries
    assert all("select" in query for query in queries if query)
    assert "LicenseKey" not in "".join(queries)


def test_leavers_and_strangers(bench: Bench) -> None:
    synced_fleet(bench)
    tenant = bench.tenant()
    gone = next(each for each in tenant.users.values() if bench.state().users_by_email(each.get("mail") or ""))
    del tenant.users[gone["id"]]
    try:
        comparison = bench.run().info(gather=["users"])["users"]["comparison"]
    finally:
        tenant.users[gone["id"]] = gone
    assert [each["email"].lower() for each in comparison["leavers"]] == [gone["mail"].lower()]
    assert [each["number"] for each in comparison["strangers"]] == ["100"]


def test_disabled_users_are_leavers_when_the_directory_says_so(bench: Bench) -> None:
    synced_fleet(bench)
    directory: list[dict[str, Any]] = [
        {"user_principal_name": each["userPrincipalName"], "mail": each.get("mail"), "enabled": False}
        for each in bench.tenant().users.values()
    ]
    comparison = bench.run().info(gather=["users"], directory_users=directory)["users"]["comparison"]
    assert comparison["synced"]
    assert len(comparison["leavers"]) == len(comparison["synced"])
    assert {each["reason"] for each in comparison["leavers"]} == {"disabled in Microsoft 365"}


def test_the_photo_is_there_after_the_rollout_and_not_before(bench: Bench) -> None:
    link = bench.link()
    with_photo = next(
        each for each in bench.tenant().users.values() if each["id"] in bench.tenant().photos and each["mail"]
    )
    bench.lab.control.patch_pbx(NEWEST, users=[{"Number": "250", "EmailAddress": with_photo["mail"]}])
    before = bench.run().info(gather=["users"], health=False)["users"]
    assert before["comparison"] is None
    bench.run().settings(**link, user_sync={"enabled": True, "scope": "all", "photo": True})
    changes = bench.run().info(gather=["users"], users_before=before["all"])["users"]["changes"]
    assert with_photo["mail"] in changes["photo_added"]
    assert with_photo["mail"] in changes["mapped"]
    assert changes["added"]
    assert changes["removed"] == []


def test_double_addresses_are_told(bench: Bench) -> None:
    bench.lab.control.patch_pbx(
        NEWEST,
        users=[{"Number": "301", "EmailAddress": "a@x.example"}, {"Number": "302", "EmailAddress": "A@X.example"}],
    )
    found = bench.run().info(gather=["duplicates"])
    assert found["duplicates"] == [{"email": "a@x.example", "numbers": ["301", "302"]}]


def test_a_pbx_with_many_users_is_read_page_by_page(bench: Bench) -> None:
    users = [{"Number": str(number), "EmailAddress": f"u{number}@x.example"} for number in range(300, 550)]
    bench.lab.control.patch_pbx(NEWEST, users=users)
    found = bench.run().info(gather=["users"], health=False)
    assert len(found["users"]["all"]) == 251
    assert len([each for each in bench.requests() if each.path == "/xapi/v1/Users"]) == 3


def test_a_clock_that_is_wrong_is_told(bench: Bench) -> None:
    assert abs(bench.run().info(health=False)["clock_offset"]) <= 5
    bench.pbx().clock_offset = 900.0
    try:
        assert bench.run().info(health=False)["clock_offset"] == pytest.approx(900, abs=5)
    finally:
        bench.pbx().clock_offset = 0.0


def test_the_cheapest_look_takes_two_requests(bench: Bench) -> None:
    found = bench.run().info(health=False)
    assert found["status"] is None
    assert len(bench.xapi_calls()) == 2


def test_an_unlinked_pbx_is_told_without_asking_microsoft(bench: Bench) -> None:
    found = bench.run().info()
    assert found["status"]["ok"] is False
    assert "not linked" in found["status"]["message"]
    assert len(bench.xapi_calls()) == 2


def test_a_license_that_has_ended_is_told(bench: Bench) -> None:
    bench.lab.control.patch_pbx(NEWEST, license_active=False, maintenance_days=-5)
    found = bench.run().info(gather=["license"])["license"]
    assert found["active"] is False
    assert found["maintenance_expired"] is True
    assert found["maintenance_expires"]


def test_the_certificate_of_the_pbx(bench: Bench) -> None:
    found = bench.run().info(gather=["certificate"])["certificate"]
    assert found["days_left"] > 0
    assert found["not_after"].endswith("Z")
    assert found["subject"] != found["issuer"]
    assert found["self_signed"] is False
