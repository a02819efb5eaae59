# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of the lab's shell that need no socket: clock, switches, log, trouble rules, key pairs, fleet plans."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tcx_lab import ca, fleet
from tcx_lab.clock import Clock
from tcx_lab.evidence import Grade, Switches, evidence, statements
from tcx_lab.portrait import portrait
from tcx_lab.requestlog import RequestLog, is_write, scrub
from tcx_lab.trouble import Facts, Trouble
from tcx_lab.world import Administrator, Pbx, Tenant, World

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def test_a_frozen_clock_moves_only_when_told() -> None:
    clock = Clock(START, frozen=True)
    assert clock.now() == START
    assert clock.advance(90) == START + timedelta(seconds=90)
    early = clock.skewed(-60)
    assert early.now() == START + timedelta(seconds=30)
    assert early.time() == pytest.approx(clock.time() - 60)
    with pytest.raises(ValueError, match="time zone"):
        Clock(START.replace(tzinfo=None))


def test_every_switch_says_what_it_is_and_takes_only_its_positions() -> None:
    listed = [each for each in statements() if each.source == "switch"]
    assert all(len(each.behavior) > 20 and each.grade in Grade for each in listed)
    switches = Switches()
    switches.update({"replication_lag": 3, "ad_users_patch": "merge"})
    assert (switches.replication_lag, switches.ad_users_patch) == (3.0, "merge")
    for changes in ({"replication_lag": True}, {"ad_users_patch": 1}, {"ad_users_patch": "guess"}, {"nothing": 1}):
        with pytest.raises(ValueError, match="switch"):
            switches.update(changes)


def test_graded_functions_are_listed_by_their_first_line() -> None:
    @evidence(Grade.RECORDED, "traffic of a public client")
    def behave() -> None:
        """PATCH replaces the whole collection.

        More.
        """

    assert behave() is None
    found = [each for each in statements() if each.source == "traffic of a public client"]
    assert [(each.behavior, each.grade) for each in found] == [("PATCH replaces the whole collection.", Grade.RECORDED)]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v1.0/applications", False),
        ("POST", "/v1.0/applications", True),
        ("DELETE", "/v1.0/applications/1", True),
        ("POST", "/v1.0/$batch", False),
        ("POST", "/v1.0/directoryObjects/getByIds", False),
        ("POST", "/tenant/oauth2/v2.0/token", False),
        ("POST", "/connect/token", False),
        ("POST", "/webclient/api/Login/GetAccessToken", False),
        ("PATCH", "/xapi/v1/Microsoft365Integration", True),
        ("POST", "/xapi/v1/Microsoft365Integration/Pbx.GetM365Users", False),
        ("POST", "/xapi/v1/Microsoft365Integration/Pbx.TestPresence", False),
        ("POST", "/xapi/v1/Microsoft365Integration/Pbx.DeauthorizePresence", True),
        ("POST", "/xapi/v1/Users/Pbx.GetDuplicatedEmails()", False),
        ("POST", "/v1.0/applications/1/addPassword", True),
    ],
)
def test_what_counts_as_a_write(method: str, path: str, expected: bool) -> None:
    assert is_write(method, path) is expected


def test_secrets_are_scrubbed_at_any_depth_and_certificates_are_not() -> None:
    shown = scrub(
        {
            "a": [{"secretText": "x", "key": "MIIC"}],
            "client_assertion": "y",
            "passwordCredentials": [],
            "accessToken": "z",
        }
    )
    assert shown == {
        "a": [{"secretText": "***", "key": "MIIC"}],
        "client_assertion": "***",
        "passwordCredentials": [],
        "accessToken": "***",
    }


def _open(log: RequestLog, **facts: str) -> None:
    usual = {
        "service": "graph",
        "host": "",
        "tenant": "",
        "source": "client",
        "method": "GET",
        "path": "/",
        "query": "",
    }
    log.open(**{**usual, **facts}).status = 200


def test_the_log_is_bounded_and_answers_questions() -> None:
    log = RequestLog(Clock(START, frozen=True), limit=3)
    for number in range(4):
        _open(log, path=f"/{number}")
    assert [entry.path for entry in log] == ["/1", "/2", "/3"]
    _open(log, service="pbx", host="acme", source="pbx:acme", method="PATCH")
    _open(log, service="pbx", host="acme", method="PATCH")
    assert [entry.seq for entry in log.query(since=4)] == [5, 6]
    assert [entry.seq for entry in log.query(host="acme", source="pbx")] == [5]
    assert [entry.seq for entry in log.writes()] == [6]
    assert next(iter(log)).at == "2026-11-22T10:00:00.000Z"


def test_the_log_has_room_for_what_a_large_fleet_is_asked() -> None:
    log = RequestLog(Clock(), limit=2)
    log.make_room(4)
    log.make_room(3)
    for _request in range(5):
        _open(log)
    assert [entry.seq for entry in log] == [2, 3, 4, 5]


def test_items_of_a_batch_are_entries_of_their_own_and_counted_apart() -> None:
    log = RequestLog(Clock())
    batch = log.open(
        service="graph", host="", tenant="t", source="client", method="POST", path="/v1.0/$batch", query=""
    )
    item = log.add_batch_item(batch, "PATCH", "/applications/1?$select=id", 204, {"displayName": "x", "password": "y"})
    assert item is not None
    assert (item.batch, item.path, item.query, item.tenant, item.is_write) == (
        batch.seq,
        "/applications/1",
        "$select=id",
        "t",
        True,
    )
    assert item.body == {"displayName": "x", "password": "***"}
    assert log.counts()["total"] == {"requests": 1, "writes": 0, "batch_items": 1, "batch_writes": 1}
    assert log.add_batch_item(None, "GET", "/", 200) is None


def _facts(**given: str) -> Facts:
    usual = {"service": "graph", "host": "", "tenant": "t", "method": "GET", "path": "/v1.0/users", "source": "client"}
    return Facts(**{**usual, **given})


def test_chance_is_seeded_and_rules_do_not_disturb_each_other() -> None:
    def run(*actions: str) -> list[bool]:
        trouble = Trouble(seed=5)
        for action in actions:
            trouble.add({"action": action, "times": 0, "probability": 0.5})
        return [any(rule.action == "delay" for rule in trouble.strike(_facts())) for _each in range(50)]

    alone = run("delay")
    assert alone == run("delay") == run("delay", "stale")
    assert 10 < sum(alone) < 40


def test_the_first_final_rule_ends_the_matter() -> None:
    trouble = Trouble()
    for action in ("delay", "status", "reset_before"):
        trouble.add({"action": action})
    assert [rule.action for rule in trouble.strike(_facts())] == ["delay", "status"]
    assert [rule.action for rule in trouble.strike(_facts())] == ["reset_before"]
    assert trouble.strike(_facts()) == []


def test_every_field_of_a_match_counts() -> None:
    trouble = Trouble()
    match = {"service": "pbx", "host": "acme", "tenant": "t", "method": "patch", "path": "365", "source": "client"}
    trouble.add({"action": "status", "times": 0, "match": match})
    hit = {"service": "pbx", "host": "acme", "method": "PATCH", "path": "/xapi/v1/Microsoft365Integration"}
    assert trouble.strike(_facts(**hit))
    for name, value in {
        "service": "graph",
        "host": "b",
        "tenant": "u",
        "method": "GET",
        "path": "/",
        "source": "browser",
    }.items():
        assert not trouble.strike(_facts(**{**hit, name: value})), name


def test_key_pairs_share_keys_but_never_certificates() -> None:
    world = World(clock=Clock(START, frozen=True))
    world.key_pool = ca.KeyPool(size=2)
    pairs = [ca.make_key_pair(world, f"3CX {number}", days=30) for number in range(5)]
    assert len({pair.thumbprint for pair in pairs}) == 5
    assert len({pair.private_key.private_numbers().p for pair in pairs}) == 2
    first = pairs[0].certificate
    assert first.not_valid_before_utc <= START < first.not_valid_after_utc < START + timedelta(days=31)
    assert b"PRIVATE KEY" in pairs[0].private_pem
    assert "PRIVATE" not in pairs[0].public_pem


def test_a_world_finds_its_parts_again() -> None:
    world = World(seed=3)
    tenant = world.add_tenant(Tenant(world.new_guid(), "Contoso", "contoso.example"))
    pbx = world.add_pbx(Pbx("a", "20.0.9.995", "Standard", tenant.id, "900", "s", Administrator("100", "p")))
    assert pbx.release == (20, 0, 9)
    world.place(pbx, 5001)
    assert (world.pbx_on(5001), pbx.https_port, pbx.url) == (pbx, 5001, "https://127.0.0.1:5001")
    pbx.https_port = 443
    world.place(pbx, 5002)
    assert (world.pbx_on(5001), world.pbx_on(5002), pbx.https_port) == (None, pbx, 443)
    assert world.find_tenant("CONTOSO.example") is world.find_tenant(tenant.id.upper()) is tenant
    assert world.find_tenant("other.example") is None
    with pytest.raises(ValueError, match="two PBXs"):
        world.add_pbx(Pbx("a", "20.0.9.995", "Standard", tenant.id, "900", "s", Administrator("100", "p")))
    assert World(seed=3).new_guid() == tenant.id


def test_the_demo_fleet_is_what_the_readme_promises() -> None:
    plan = fleet.demo_plan()
    assert (len(plan.pbxs), len(plan.tenants)) == (12, 5)
    assert {pbx.version for pbx in plan.pbxs} == set(fleet.BUILDS)
    assert {pbx.edition for pbx in plan.pbxs} == set(fleet.EDITIONS)
    assert Counter(name for pbx in plan.pbxs for name in pbx.trouble) == {"down": 1, "wrong_secret": 1, "unlicensed": 1}


def test_a_bench_fleet_has_the_shares_it_was_asked_for() -> None:
    plan = fleet.bench_plan(1000, down=3, wrong_secret=3, unlicensed=3, drifted=3)
    assert Counter(name for pbx in plan.pbxs for name in pbx.trouble) == dict.fromkeys(fleet.TROUBLES, 30)
    assert all(len(pbx.trouble) < 2 for pbx in plan.pbxs)
    assert len({pbx.name for pbx in plan.pbxs}) == len({tenant.name for tenant in plan.tenants}) == 1000
    assert plan == fleet.bench_plan(1000, down=3, wrong_secret=3, unlicensed=3, drifted=3)
    assert plan != fleet.bench_plan(1000, down=3, wrong_secret=3, unlicensed=3, drifted=3, seed=1)
    shared = fleet.bench_plan(2000, 7)
    assert len({pbx.name for pbx in shared.pbxs}) == 2000
    assert len(shared.tenants) == 7
    for wrong in (
        {"pbxs": 0},
        {"pbxs": 2, "tenants": 3},
        {"pbxs": 2, "down": 60, "drifted": 60},
        {"pbxs": 1, "flood": 1},
    ):
        with pytest.raises(ValueError, match=r"bench fleet|100 percent|no such trouble"):
            fleet.bench_plan(**wrong)


def test_a_fleet_file_is_read_and_mistakes_in_it_are_named(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yml"
    path.write_text(
        "seed: 4\ntenants: [{name: t, cloud: usgov}]\npbxs: [{name: a, tenant: t}, {name: b, tenant: u, trouble: [down]}]"
    )
    plan = fleet.file_plan(path)
    assert (plan.seed, [each.name for each in plan.tenants], plan.pbxs[1].trouble) == (4, ["t", "u"], ("down",))
    assert fleet.file_plan(path, seed=9).seed == 9
    for text, words in (
        ("[]", "fleet file is a mapping"),
        ("pbxs: [{name: a}]", "tenant"),
        ("pbxs: [{name: a, tenant: t, color: red}]", "its keys are"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=words):
            fleet.file_plan(path)


def test_portraits_are_small_jpegs_that_tell_people_apart() -> None:
    first, second = portrait("ada@contoso.example"), portrait("bela@contoso.example")
    assert first == portrait("ada@contoso.example") != second
    for picture in (first, second):
        assert picture.startswith(b"\xff\xd8\xff\xe0")
        assert picture.endswith(b"\xff\xd9")
        assert len(picture) < 1000
