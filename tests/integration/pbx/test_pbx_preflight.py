# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PBX before a rollout: what stands in the way is named, all at once, and nothing is asked that the rollout does not ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.integration.entra.forward_proxy import ForwardProxy
from ansible_collections.tcx.m365.tests.integration.pbx.fleet import NEWEST, RELEASES, Bench, Front

GUIDE: dict[str, Any] = {
    "user_sync": {"enabled": True, "scope": "all", "starting_extension": "200", "photo": True},
    "sign_in": {"enabled": True},
}
ALWAYS = ["version", "license", "role", "certificate", "clock", "integration"]


@contextmanager
def tls(bench: Bench, **shown: Any) -> Iterator[None]:
    """The PBX shows another certificate."""
    bench.lab.control.patch_pbx(NEWEST, tls=shown)
    try:
        yield
    finally:
        bench.lab.control.patch_pbx(NEWEST, tls=None)


@contextmanager
def clock(bench: Bench, offset: float) -> Iterator[None]:
    bench.pbx().clock_offset = offset
    try:
        yield
    finally:
        bench.pbx().clock_offset = 0.0


def found_in(result: dict[str, Any], topic: str) -> list[dict[str, Any]]:
    return [each for each in result["findings"] if each["topic"] == topic]


def settings_look(bench: Bench, name: str, **options: Any) -> tuple[dict[str, Any], list[str], list[str]]:
    """What tcx_m365_settings says in check mode, what it asked, and what the task after it asks."""
    return _two(bench, name, "tcx_m365_settings", **options)


def _two(bench: Bench, name: str, module: str, **options: Any) -> tuple[dict[str, Any], list[str], list[str]]:
    bench.world.log.clear()
    run = bench.run()
    first = run.task(module, check=True, **{**bench.login(name), **options})
    asked = bench.xapi_calls(name)
    bench.world.log.clear()
    run.settings(name, check=True, **options)
    return first, asked, bench.xapi_calls(name)


@pytest.mark.parametrize("linked", [False, True], ids=["fresh", "linked"])
@pytest.mark.parametrize("release", RELEASES)
def test_it_asks_what_the_settings_ask_and_spares_the_next_task_the_same(
    bench: Bench, release: str, linked: bool
) -> None:
    name = f"v{release.replace('.', '-')}"
    if linked:
        bench.run().settings(name, **bench.link(name), **GUIDE)
    expected, asked, after = settings_look(bench, name, **GUIDE)
    found, asked_here, after_here = _two(bench, name, "tcx_preflight", **GUIDE)
    assert (asked_here, after_here) == (asked, after)
    assert found["notes"] == []
    assert found["changed"] is False
    for key in ("status", "version", "edition", "redirect_uri", "unmanaged"):
        assert found[key] == expected[key]
    assert found["presence_redirect_uri"] == found["redirect_uri"].replace("office2", "presence")
    topics = [each["topic"] for each in found["findings"]]
    assert topics == ALWAYS + (["subscription"] if linked else [])
    assert {each["level"] for each in found["findings"]} == {"ok"}
    assert bench.writes(name) == []


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("standard", {"contact_sync": {"enabled": True}}),
        ("v20-0-5", {"user_sync": {"details": True}}),
        (NEWEST, {"user_sync": {"starting_extension": "20"}}),
        (NEWEST, {"user_sync": {"starting_extension": "two"}}),
        (NEWEST, {"client_secret": "wrong"}),
        (NEWEST, {"teams": {"certificate": "nothing"}}),
    ],
    ids=["license", "release", "length", "number", "secret", "files"],
)
def test_it_refuses_what_the_settings_refuse_in_the_same_words(
    bench: Bench, name: str, options: dict[str, Any]
) -> None:
    expected = bench.run().settings(name, check=True, **options)
    found = bench.run().preflight(name, **options)
    assert expected["failed"]
    assert found == expected


@pytest.mark.parametrize("release", RELEASES)
def test_a_thorough_look_on_every_release(bench: Bench, release: str) -> None:
    name = f"v{release.replace('.', '-')}"
    found = bench.run().preflight(name, **GUIDE, thorough=True)
    assert [each["topic"] for each in found["findings"]] == [*ALWAYS, "addresses", "numbers"]
    assert found["notes"] == []
    assert len(bench.xapi_calls(name)) == 5
    assert bench.writes(name) == []


def test_a_license_that_has_ended_stops_the_rollout_as_unlicensed(bench: Bench) -> None:
    bench.lab.control.patch_pbx(NEWEST, license_active=False, maintenance_days=-5)
    found = bench.run().preflight(**GUIDE, thorough=True)
    assert found["failed"]
    assert found["error"]["kind"] == "unlicensed"
    assert "license of the PBX has expired" in found["msg"]
    assert "Renew it" in found["msg"]


@pytest.mark.parametrize(
    ("days", "thorough", "words"),
    [
        (-5, False, "maintenance of the license has expired"),
        (-5, True, "maintenance of the license expired on"),
        (12, True, "maintenance of the license expires in 1"),
        (12, False, ""),
        (200, True, ""),
    ],
)
def test_maintenance_warns_and_stops_nobody(bench: Bench, days: int, thorough: bool, words: str) -> None:
    bench.lab.control.patch_pbx(NEWEST, maintenance_days=days)
    run = bench.run()
    found = run.preflight(**GUIDE, thorough=thorough)
    assert not found.get("failed"), found
    assert run.warnings == found["notes"]
    assert any(words in note.lower() for note in found["notes"]) if words else not found["notes"]


DOUBLE = [{"Number": "301", "EmailAddress": "a@x.example"}, {"Number": "302", "EmailAddress": "A@X.example"}]


@pytest.mark.parametrize(
    ("options", "failed"),
    [(GUIDE, True), ({"user_sync": {"enabled": False}}, False), ({}, False)],
    ids=["wanted", "unwanted", "unsaid"],
)
def test_double_addresses(bench: Bench, options: dict[str, Any], failed: bool) -> None:
    bench.lab.control.patch_pbx(NEWEST, users=DOUBLE)
    found = bench.run().preflight(**options, thorough=True)
    assert bool(found.get("failed")) is failed
    (told,) = found_in(found, "addresses")
    assert told["said"] == "extensions 301, 302 all have the address a@x.example"
    assert told["level"] == ("error" if failed else "warning")
    assert not bench.run().preflight(**options).get("failed"), "without a thorough look nobody reads the users"


def test_double_addresses_of_a_pbx_that_synchronizes_already(bench: Bench) -> None:
    bench.lab.control.patch_pbx(NEWEST, users=DOUBLE, AdUsers={"IsEnabled": True})
    assert bench.run().preflight(thorough=True)["failed"]


def test_an_occupied_range(bench: Bench) -> None:
    bench.lab.control.patch_pbx(NEWEST, users=[{"Number": str(number)} for number in range(990, 1000)])
    options = {"user_sync": {**GUIDE["user_sync"], "starting_extension": "990"}}
    found = bench.run().preflight(**options, thorough=True)
    assert found["failed"]
    assert "No extension number is free from 990 on" in found["msg"]
    assert "starting_extension" in found["msg"]
    assert not bench.run().preflight(**GUIDE, thorough=True).get("failed")


def test_a_range_that_is_too_small_for_those_who_will_come(bench: Bench) -> None:
    link = bench.link()
    bench.lab.control.patch_pbx(NEWEST, ApplicationId=link["application_id"], TenantId=link["tenant_id"])
    tenant_users = len([each for each in bench.tenant().users.values() if each.get("mail")])
    room = {"users": [{"Number": str(number)} for number in range(992, 1000)]}
    bench.lab.control.patch_pbx(NEWEST, **room)
    options = {"user_sync": {**GUIDE["user_sync"], "starting_extension": "990"}}
    found = bench.run().preflight(**options, thorough=True)
    assert found["failed"], tenant_users
    (told,) = found_in(found, "numbers")
    assert "have no extension yet, and 2 numbers are free from 990 on" in told["said"]
    bench.run().settings(**link, **GUIDE)
    found = bench.run().preflight(**options, thorough=True)
    assert not found.get("failed"), "everybody has an extension by now"


def test_a_license_without_room_for_those_who_will_come(bench: Bench) -> None:
    link = bench.link()
    bench.lab.control.patch_pbx(
        NEWEST, ApplicationId=link["application_id"], TenantId=link["tenant_id"], max_user_extensions=2
    )
    found = bench.run().preflight(**GUIDE, thorough=True)
    assert not found.get("failed"), found
    assert any("The license is for 2 users" in note for note in found["notes"])


@pytest.mark.parametrize(("offset", "direction"), [(900.0, "ahead of"), (-900.0, "behind")])
def test_a_wrong_clock(bench: Bench, offset: float, direction: str) -> None:
    with clock(bench, offset):
        run = bench.run()
        found = run.preflight(**GUIDE)
    assert not found.get("failed"), found
    (note,) = found["notes"]
    assert direction in note
    assert "NTP" in note
    assert run.warnings == [note]


def test_an_administrator_is_told_that_the_owner_may_more(bench: Bench) -> None:
    bench.world.switches.system_admins_m365 = True
    bench.lab.control.patch_pbx(NEWEST, role="system_admins")
    found = bench.run().preflight(**GUIDE)
    (told,) = found_in(found, "role")
    assert told["level"] == "warning"
    assert "System Owner" in told["remedy"]


def test_a_role_of_a_department_is_refused_before_anything_is_judged(bench: Bench) -> None:
    bench.lab.control.patch_pbx(NEWEST, role="managers")
    found = bench.run().preflight(**GUIDE)
    assert found["error"]["kind"] == "forbidden"
    assert "the role is managers" in found["msg"]
    assert "System Owner" in found["msg"]


def test_a_certificate_that_expires_soon(bench: Bench) -> None:
    with tls(bench, days=12):
        found = bench.run().preflight(**GUIDE)
        (note,) = found["notes"]
        assert "expires in 11 days" in note
        assert bench.run().preflight(**GUIDE, warning_days=11)["notes"] == []


def test_a_certificate_that_has_ended_is_told_whoever_looks(bench: Bench) -> None:
    with tls(bench, days=-3):
        found = bench.run().preflight(**GUIDE)
        assert found["error"]["kind"] == "untrusted"
        found = bench.run().preflight(**GUIDE, validate_certs=False)
        assert found["failed"]
        assert "TLS certificate of the PBX expired on" in found["msg"]
        assert "Renew it" in found["msg"]


def test_a_certificate_for_another_name_by_nobody(bench: Bench) -> None:
    with tls(bench, names=["old.example.com"], self_signed=True):
        found = bench.run().preflight(**GUIDE, validate_certs=False)
    assert not found.get("failed"), found
    assert [each["level"] for each in found_in(found, "certificate")] == ["warning", "warning"]
    assert "old.example.com" in found["notes"][0]
    assert "localhost" in found["notes"][0]
    assert "self-signed" in found["notes"][1]


def test_behind_a_proxy_it_is_still_the_certificate_of_the_pbx(bench: Bench) -> None:
    with tls(bench, days=12), ForwardProxy().running() as proxy:
        found = bench.run().preflight(**GUIDE, proxy=proxy.url)
        told = bench.run().info(gather=["certificate"], health=False, proxy=proxy.url)["certificate"]
        assert proxy.connected
    assert "expires in 11 days" in found["notes"][0]
    assert told["days_left"] == 11
    assert told["names"] == ["localhost", "127.0.0.1", "::1"]


def test_a_pbx_that_microsoft_does_not_reach(bench: Bench) -> None:
    bench.run().settings(**bench.link(), **GUIDE)
    bench.lab.control.patch_pbx(NEWEST, reachable=False)
    run = bench.run()
    found = run.preflight(**GUIDE)
    (told,) = found_in(found, "subscription")
    assert told["level"] == "warning"
    assert run.warnings == found["notes"]
    assert len(run.warnings) == 1


def test_all_that_stands_in_the_way_is_one_message(bench: Bench) -> None:
    users = [*DOUBLE, *({"Number": str(number)} for number in range(990, 1000))]
    bench.lab.control.patch_pbx(NEWEST, license_active=False, users=users)
    options = {"user_sync": {**GUIDE["user_sync"], "starting_extension": "990"}}
    with tls(bench, days=-3), clock(bench, 900.0):
        run = bench.run()
        found = run.preflight(**options, thorough=True, validate_certs=False)
    for words in ("license of the PBX has expired", "TLS certificate of the PBX expired", "301, 302", "from 990 on"):
        assert words in found["msg"]
    assert "clock" not in found["msg"]
    assert any("clock" in warning for warning in run.warnings)
    assert [each["topic"] for each in found["findings"] if each["level"] == "error"] == [
        "license",
        "certificate",
        "addresses",
        "numbers",
    ]


def test_no_secret_is_read_and_none_is_shown(bench: Bench) -> None:
    run = bench.run()
    text = str(run.preflight(**GUIDE, thorough=True))
    assert bench.login()["client_secret"] not in text
    queries = [each.query for each in bench.requests() if "/Users" in each.path or "/SystemStatus" in each.path]
    assert "LicenseKey" not in "".join(queries)
    assert all("select" in query for query in queries if query)


@pytest.mark.smoke
def test_both_fronts(front: Front) -> None:
    bench = front.bench
    bench.lab.control.patch_pbx(NEWEST, users=DOUBLE, maintenance_days=12)
    named = {**bench.login(), "fqdn": ["localhost"]}
    well, thorough, checked = front.play(
        ("tcx_preflight", {**named, **GUIDE}),
        ("tcx_preflight", {**named, **GUIDE, "thorough": True}),
        ("tcx_preflight", {**named, "thorough": True}),
    )
    assert not well.get("failed"), well
    assert well["changed"] is False
    assert [each["topic"] for each in well["findings"]] == ALWAYS
    assert thorough["error"]["kind"] == "failed"
    assert "extensions 301, 302 all have the address a@x.example" in thorough["msg"].replace("Extensions", "extensions")
    assert [each["level"] for each in found_in(thorough, "addresses")] == ["error"]
    assert not checked.get("failed"), checked
    assert any("aintenance of the license expires in 1" in note for note in checked["notes"])
    assert "aintenance of the license expires" in " ".join(front.output.split()), "an operator sees a warning"
    assert bench.writes() == []


@pytest.mark.parametrize("name", ["evil.example", "localhost@evil.example", "*.localhost", "127.0.0.1", "localhost/x"])
def test_a_name_that_the_inventory_does_not_know(bench: Bench, name: str) -> None:
    bench.lab.control.patch_pbx(NEWEST, lies={"FQDN": name, "PbxExternalHost": name})
    try:
        found = bench.run().preflight(**GUIDE)
        assert [each["level"] for each in found_in(found, "name")] == ["error"]
        known = bench.run().preflight(**GUIDE, fqdn=[name])
        assert bool(known.get("failed")) == (name != "evil.example"), "what is no host name is never allowed"
    finally:
        bench.lab.control.patch_pbx(NEWEST, lies={})


@pytest.mark.parametrize("name", ["https://pbx.example.com", "*.example.com", "pbx.example.com:0:1", "localhost/x"])
def test_a_name_that_can_be_none_is_refused_before_the_pbx_is_asked(bench: Bench, name: str) -> None:
    bench.lab.control.clear_log()
    found = bench.run().preflight(**GUIDE, fqdn=[name])
    assert f"{name!r} is no host name" in found["msg"]
    assert bench.lab.control.log(source="client") == []


def test_an_edition_that_the_release_does_not_report(bench: Bench) -> None:
    options = {"contact_sync": {"enabled": True}, "fqdn": [bench.pbx("old-standard").fqdn]}
    done = bench.run().task("tcx_preflight", **{**bench.login("old-standard"), **options})
    assert "msg" not in done, done
    assert any("contact_sync.enabled needs Professional" in note for note in done["notes"])
