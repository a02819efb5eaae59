# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as data: the pinned shape, every PBX once, attention, plain values, the schema."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import HostResult, Report
from ansible_collections.tcx.m365.tests.tools.sample_fleet import hostile_hosts, sample_report
from ansible_collections.tcx.m365.tests.unit.plugins.plugin_utils._report.fleets import (
    NOW,
    VERDICTS,
    change,
    host,
    host_results,
    report,
)
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator


def test_the_pinned_keys_have_the_pinned_meaning() -> None:
    drifted = host(
        "acme",
        "drifted",
        reasons=["The redirect URI differs."],
        changes=[change("redirect_uris", ["https://a"], ["https://b"])],
        certificates=[{"thumbprint": "AB", "not_after": "2026-12-04T12:00:00Z", "days_left": 12}],
        version="20.0.10",
        edition="Enterprise",
    )
    content = report(host("zeta", "unreachable"), drifted, host("beta"), run={"check_mode": True}).to_dict()
    assert content["schema_version"] == 2
    assert content["generated_at"] == "2026-11-22T10:00:00Z"
    assert content["summary"] == {
        "total": 3, "compliant": 1, "attention": 0, "drifted": 1, "broken": 0, "failed": 0, "unreachable": 1, "unlicensed": 0,
    }  # fmt: skip
    assert [entry["host"] for entry in content["hosts"]] == ["acme", "beta", "zeta"]
    acme = content["hosts"][0]
    assert acme["verdict"] == "drifted"
    assert acme["reasons"] == ["The redirect URI differs."]
    assert acme["changes"] == [change("redirect_uris", ["https://a"], ["https://b"])]
    assert acme["certificates"] == [{"thumbprint": "AB", "not_after": "2026-12-04T12:00:00Z", "days_left": 12}]
    assert (acme["unmanaged"], acme["version"], acme["edition"]) == ({}, "20.0.10", "Enterprise")


def test_a_verdict_nobody_knows_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ValueError,
        match=r"'fine' is no verdict.*compliant, attention, drifted, broken, failed, unreachable, unlicensed",
    ):
        host("acme", "fine")


@pytest.mark.parametrize("verdict", VERDICTS[1:])
def test_who_is_not_compliant_always_learns_why_and_what_to_do(verdict: str) -> None:
    entry = report(host("acme; rm -rf /", verdict)).hosts[0]
    assert entry["reasons"]
    assert entry["remedies"]
    commands = [remedy for remedy in entry["remedies"] if "--limit" in remedy]
    assert commands
    assert all("--limit 'acme; rm -rf /'" in command for command in commands)


def test_of_several_results_of_one_host_the_last_one_counts() -> None:
    content = report(host("b"), host("a", "failed", reasons=["No."]), host("a"), host("b", "drifted")).to_dict()
    assert [(entry["host"], entry["verdict"]) for entry in content["hosts"]] == [("a", "compliant"), ("b", "drifted")]
    assert content["summary"]["total"] == 2


FOREIGN = {"kind": "secret", "name": "old script", "expires": "2028-01-01T00:00:00Z", "owner": "foreign"}
DESIRED = {"thumbprint": "AA", "not_after": "2026-12-03T00:00:00Z", "desired": True, "managed": True}
LONG_OLD = {"thumbprint": "BB", "not_after": "2036-01-01T00:00:00Z", "desired": False, "managed": True}
OVER = {"thumbprint": "CC", "not_after": "2026-01-01T00:00:00Z"}
FAR = {"thumbprint": "DD", "not_after": "2036-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"certificates": [DESIRED, LONG_OLD]}, "AA"),
        ({"certificates": [OVER], "status": {"ok": True}}, ""),
        ({"certificates": [OVER], "status": {"ok": False}}, "CC"),
        ({"certificates": [OVER, FAR], "status": {"ok": True}}, ""),
        (
            {
                "certificates": [
                    {**LONG_OLD, "not_after": "2026-12-03T00:00:00Z"},
                    {**DESIRED, "not_after": "2036-01-01"},
                ]
            },
            "",
        ),
        ({"certificates": [FAR]}, ""),
        ({"credentials": [FOREIGN]}, "old script"),
        ({"credentials": [{**FOREIGN, "owner": "other_pbx"}]}, ""),
        ({"credentials": [{**FOREIGN, "expires": "2020-01-01T00:00:00Z"}]}, ""),
        ({"credentials": [{**FOREIGN, "expires": None, "kind": "federated"}]}, "federated"),
        (
            {"unknown_variables": [{"variable": "tcx_console_usersync", "nearest": "tcx_console_user_sync"}]},
            "did you mean",
        ),
        (
            {
                "unknown_variables": [{"variable": "tcx_uri", "nearest": ""}],
                "reasons": ["Could not read the variables: unknown variable tcx_uri of acme"],
            },
            "",
        ),
        ({"attention": ["The PBX's TLS certificate expires in 4 days."]}, "TLS"),
    ],
    ids=range(13),
)
def test_what_expires_is_foreign_or_is_unknown_makes_a_compliant_pbx_one_that_needs_attention(
    found: dict[str, Any], told: str
) -> None:
    made = report(host("acme", **found))
    entry = made.hosts[0]
    assert (entry["verdict"] == "attention") == bool(told)
    assert made.summary["attention"] == (1 if told else 0)
    assert len(entry["attention"]) == (1 if told else 0)
    assert told in " ".join(entry["attention"])
    assert made.all_compliant == (not told)


@pytest.mark.parametrize("verdict", ["drifted", "broken", "failed", "unreachable", "unlicensed"])
def test_attention_never_hides_a_worse_verdict(verdict: str) -> None:
    entry = report(host("acme", verdict, credentials=[FOREIGN])).hosts[0]
    assert entry["verdict"] == verdict
    assert "old script" in entry["attention"][0]


def test_a_control_has_one_of_four_results() -> None:
    control = {"id": "app.redirect_uris", "title": "Redirect URI", "desired": ["a"], "found": ["a"], "result": "pass"}
    assert report(host("acme", controls=[control])).hosts[0]["controls"] == [{**control, "reason": ""}]
    with pytest.raises(ValueError, match="pass, fail, attention, not_checked"):
        report(host("acme", controls=[{**control, "result": "fine"}]))


def test_commands_in_remedies_name_the_inventory_of_the_run() -> None:
    made = report(host("acme", "drifted"), run={"started_with": "-i 'my fleet.yml'"})
    assert "tcx.m365.rollout -i 'my fleet.yml' --limit acme" in made.hosts[0]["remedies"][0]
    assert "started_with" not in made.to_dict()["run"]


def test_remedies_of_a_job_name_its_template_and_no_command_line() -> None:
    """The inventory and the files of a job end with it."""
    made = report(host("acme", "drifted"), host("bolt", "failed"), run={"started_with": None})
    assert made.hosts[0]["remedies"][0] == (
        "To make the PBX follow the inventory: launch the job template of tcx.m365.rollout with the limit acme"
    )
    assert "the job template of tcx.m365.compliance with the limit bolt" in made.hosts[1]["remedies"][-1]
    assert "started_with" not in made.to_dict()["run"]


class Tagged(str):
    """As Ansible's own kinds of text: a `str` that is more than that."""

    __slots__ = ()

    def __str__(self) -> str:
        return "not this"


def test_values_become_plain_json_whatever_ansible_hands_over() -> None:
    odd = {
        Tagged("text"): Tagged("value"),
        1: {"b", "a"},
        "bytes": b"caf\xc3\xa9",
        "nan": float("nan"),
        "when": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "undecodable": "a\udcffb",
        "pair": (True, None),
    }
    value = report(host("a", "drifted", changes=[change("x", odd)])).hosts[0]["changes"][0]["before"]
    assert value == {
        "text": "value",
        "1": ["a", "b"],
        "bytes": "café",
        "nan": "nan",
        "when": "2026-01-02T03:04:05Z",
        "undecodable": "a\ufffdb",
        "pair": [True, None],
    }
    assert all(key.__class__ is str for key in value)
    assert value["text"].__class__ is str


def test_a_time_is_told_in_utc_and_a_time_without_zone_is_taken_as_utc() -> None:
    east = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert Report.build([], generated_at=east).generated_at == "2026-11-22T10:00:00Z"
    assert Report.build([], generated_at=NOW.replace(tzinfo=None)).generated_at == "2026-11-22T10:00:00Z"


@pytest.mark.parametrize(
    ("not_after", "days"),
    [
        ("2026-11-22T10:00:00Z", 0),
        ("2026-11-22T09:59:59Z", -1),
        ("2026-11-23T10:00:00.0000000Z", 1),
        ("2026-11-23T15:30:00+05:30", 1),
        ("2026-12-22", 29),
        ("soon", None),
        (None, None),
        ("2026-02-31T00:00:00Z", None),
    ],
)
def test_days_left_are_counted_when_the_check_did_not(not_after: str | None, days: int | None) -> None:
    entry = report(host("a", certificates=[{"thumbprint": "AB", "not_after": not_after}])).hosts[0]
    assert entry["certificates"][0]["days_left"] == days


def test_a_result_survives_the_way_through_a_mapping() -> None:
    result = hostile_hosts()[0]
    assert HostResult.from_dict(result.to_dict()).to_dict() == result.to_dict()
    assert HostResult.from_dict({"host": "a", "verdict": "compliant", "unknown": 1, "version": None}).version == ""


def test_generated_reports_satisfy_the_published_schema(validator: Draft202012Validator) -> None:
    for content in (sample_report(120).to_dict(), report(*hostile_hosts()).to_dict(), report().to_dict()):
        validator.validate(json.loads(json.dumps(content)))


@given(st.lists(host_results, max_size=5), st.none() | st.lists(host_results, max_size=5))
def test_any_hosts_give_a_valid_report(
    validator: Draft202012Validator, hosts: list[HostResult], before: list[HostResult] | None
) -> None:
    built = report(*hosts, run={"limit": None})
    if before is not None:
        built = built.compared_with(report(*before).to_dict())
    content = json.loads(json.dumps(built.to_dict(), allow_nan=False))
    validator.validate(content)
    names = [entry["host"] for entry in content["hosts"]]
    assert len(names) == len(set(names))
    assert names == sorted(names)
    assert (
        content["summary"]["total"]
        == len(names)
        == sum(number for verdict, number in content["summary"].items() if verdict != "total")
    )


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content.pop("summary"),
        lambda content: content.update(schema_version=1),
        lambda content: content["hosts"][0].update(verdict="fine"),
        lambda content: content["hosts"][0].pop("changes"),
        lambda content: content["hosts"][0].update(verdict="failed", reasons=[]),
        lambda content: content["hosts"][0].update(reason="typo"),
        lambda content: content["summary"].update(total=-1),
        lambda content: content["hosts"][0]["changes"][0].pop("after"),
    ],
)
def test_the_schema_refuses_what_is_no_report(validator: Draft202012Validator, spoil: Any) -> None:
    content = report(host("a", "drifted", changes=[change("x", 1, 2)])).to_dict()
    assert validator.is_valid(content)
    spoiled = copy.deepcopy(content)
    spoil(spoiled)
    assert not validator.is_valid(spoiled)


def test_all_compliant_tells_the_exit_status() -> None:
    assert report(host("a"), host("b")).all_compliant
    assert not report(host("a"), host("b", "unlicensed")).all_compliant


def test_each_point_of_attention_has_its_control_where_something_was_checked() -> None:
    read = {"id": "pbx.answers", "title": "The PBX answers", "desired": True, "found": True, "result": "pass"}
    found = report(
        host(
            "acme",
            controls=[read],
            certificates=[{"thumbprint": "A1B2", "not_after": "2026-12-03T10:00:00Z", "desired": True}],
            credentials=[
                {"kind": "secret", "name": "script", "expires": None, "owner": "foreign"},
                {"kind": "secret", "name": "old", "expires": "2020-01-01T00:00:00Z", "owner": "foreign"},
            ],
            unknown_variables=[{"variable": "tcx_uri", "nearest": "tcx_url"}],
        ),
        host("bolt"),
    )
    acme, bolt = found.hosts
    controls = {control["id"]: (control["result"], control["found"]) for control in acme["controls"]}
    assert controls == {
        "pbx.answers": ("pass", True),
        "application.certificate_expiry": ("attention", ["A1B2 (expires on 2026-12-03)"]),
        "application.foreign_credentials": ("attention", ["client secret script"]),
        "inventory.variables": ("attention", ["tcx_uri"]),
    }
    assert len(acme["attention"]) == 3
    assert bolt["controls"] == [], "nothing was checked there"
