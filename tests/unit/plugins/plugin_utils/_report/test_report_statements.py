# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every statement of the formats for people, read back from compliance.json: the same counts, names and sentences everywhere."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._report.message import message
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import Report
from ansible_collections.tcx.m365.plugins.plugin_utils._report.page_data import data_parts
from ansible_collections.tcx.m365.plugins.plugin_utils._report.values import Limits
from ansible_collections.tcx.m365.tests.tools.report_texts import (
    render_csv,
    render_json,
    render_junit,
    render_markdown,
    render_page,
)
from ansible_collections.tcx.m365.tests.tools.sample_fleet import sample_report
from ansible_collections.tcx.m365.tests.unit.plugins.plugin_utils._report.fleets import host, report

VERDICTS = ("compliant", "attention", "drifted", "broken", "failed", "unreachable", "unlicensed")


def page_data(made: Report) -> dict[str, Any]:
    """What the script of the page knows."""
    data: dict[str, Any] = json.loads("".join(data_parts(made, Limits())))
    return data


class Words(HTMLParser):
    """The text of a page by heading, its tables, and the data that its script shows."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.data: dict[str, Any] = {}
        self.rows: dict[str, list[list[str]]] = {}
        self.sections: dict[str, str] = {}
        self._section, self._inside, self._caption = "", "", ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "section":
            self._section = str(known.get("aria-labelledby"))
        if tag == "caption":
            self._caption = ""
        if tag == "tr" and self._caption:
            self.rows.setdefault(self._caption, []).append([])
        if tag in ("th", "td") and self._caption:
            self.rows[self._caption][-1].append("")
        self._inside = "data" if tag == "script" and known.get("id") == "data" else tag

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._caption = ""
        # What stands after a row is the line break before the next one.
        self._inside = tag if tag == "tr" else "" if tag in ("script", "style", "caption") else self._inside

    def handle_data(self, data: str) -> None:
        if self._inside == "data":
            self.data = json.loads(data)
            for host in self.data["hosts"]:
                known = self.data["controls"]
                host["controls"] = [known[one] if isinstance(one, int) else one for one in host.get("controls", [])]
        elif self._inside in ("script", "style"):
            return
        elif self._inside == "caption":
            self._caption += data
        elif self._inside != "tr" and self._caption and self.rows.get(self._caption) and self.rows[self._caption][-1]:
            self.rows[self._caption][-1][-1] += data
        if self._inside not in ("script", "style", "data"):
            self.sections[self._section] = self.sections.get(self._section, "") + " " + data

    def section(self, name: str) -> str:
        return " ".join(self.sections.get(name, "").split())


@pytest.fixture(scope="module")
def made() -> Report:
    return sample_report(60)


@pytest.fixture(scope="module")
def content(made: Report) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(render_json(made))
    return found


@pytest.fixture(scope="module")
def page(made: Report) -> Words:
    return Words(render_page(made))


def test_the_sums_are_those_of_the_entries(content: dict[str, Any]) -> None:
    counted = {verdict: sum(one["verdict"] == verdict for one in content["hosts"]) for verdict in VERDICTS}
    assert content["summary"] == {"total": len(content["hosts"]), **counted}


def test_every_format_has_the_same_sums(made: Report, content: dict[str, Any], page: Words) -> None:
    summary = content["summary"]
    table = {row[0].lower(): int(row[1]) for row in page.rows["PBXs by verdict"][1:]}
    assert table == summary
    markdown = {
        name.lower(): int(number)
        for name, number in re.findall(r"^\| \**(\w+)\** \| \**(\d+)\** \|", render_markdown(made), re.MULTILINE)
    }
    assert {name: markdown[name] for name in ("total", *VERDICTS)} == summary
    listed = [row["verdict"] for row in csv.DictReader(io.StringIO(render_csv(made)))]
    assert {verdict: listed.count(verdict) for verdict in VERDICTS} == {
        verdict: summary[verdict] for verdict in VERDICTS
    }
    suite = ET.XML(render_junit(made))
    assert int(suite.attrib["tests"]) == summary["total"]
    assert int(suite.attrib["failures"]) == summary["drifted"] + summary["broken"] + summary["unlicensed"]
    assert int(suite.attrib["errors"]) == summary["failed"] + summary["unreachable"]
    for verdict in VERDICTS[1:]:
        assert f"{verdict.capitalize()} ({summary[verdict]}): " in message(made) or not summary[verdict]


def test_what_the_page_tells_of_a_pbx_is_what_the_json_has(content: dict[str, Any], page: Words) -> None:
    entries = {entry["host"]: entry for entry in content["hosts"]}
    assert sorted(entries) == sorted(shown["host"] for shown in page.data["hosts"])
    for shown in page.data["hosts"]:
        entry = entries[shown["host"]]
        assert shown["verdict"] == entry["verdict"]
        for name, key in (("reasons", "reasons"), ("attention", "attention"), ("remedies", "remedies")):
            assert shown.get(name, []) == entry[key]
        assert shown.get("granted", []) == entry["granted_permissions"]
        assert shown.get("missing", []) == entry["consent"]["missing"]
        assert shown.get("unneeded", []) == entry["consent"]["unneeded"]
        assert [one["title"] for one in shown.get("controls", [])] == [one["title"] for one in entry["controls"]]
        assert [one["result"] for one in shown.get("controls", [])] == [one["result"] for one in entry["controls"]]
        assert sorted(one["thumbprint"] for one in shown.get("certs", [])) == sorted(
            one["thumbprint"] for one in entry["certificates"]
        )
        assert (shown.get("version", ""), shown.get("tenantName", "")) == (entry["version"], entry["tenant_name"])


def test_what_the_page_tells_of_the_fleet_is_what_the_json_has(content: dict[str, Any], page: Words) -> None:
    sums = content["aggregates"]
    for cause in sums["causes"][:12]:
        if len(cause["hosts"]) > 1:
            assert f"{len(cause['hosts'])} × {cause['text']}" in page.section("fleet-heading")
    for version in sums["versions"]:
        assert f"{version['pbxs']} × {version['version'] or 'unknown version'}" in page.section("fleet-heading")
    rights = [
        [one["name"] + one["meaning"], *(str(one[kind]) for kind in ("granted", "unneeded", "missing"))]
        for one in sums["permissions"]
    ]
    assert page.rows["Permissions of the applications"][1:] == rights
    counts = content["comparison"]["counts"]
    for category, label in (("new_drift", "New drift"), ("resolved", "Resolved"), ("still_open", "Still open")):
        assert f"{counts[category]} {label}" in page.section("since-heading")


def test_no_format_says_compliant_where_one_does_not() -> None:
    """A certificate in use that expires in 11 days: neither green in one format nor silent in another."""
    certificate = {"thumbprint": "A1B2", "not_after": "2026-12-03T10:00:00Z", "desired": True}
    old = {"thumbprint": "C3D4", "not_after": "2036-12-03T10:00:00Z", "managed": True}
    found = report(host("acme", certificates=[certificate, old]), host("berlin"))
    assert found.summary["attention"] == 1
    for text in (render_page(found), render_markdown(found), render_csv(found), render_junit(found), message(found)):
        assert "All 2 PBXs are compliant" not in text
        assert "2026-12-03" in text or "11 days left" in text


def test_a_run_that_has_seen_nobody_calls_nothing_well() -> None:
    found = report(*(host(name, "unreachable") for name in ("acme", "berlin", "lyon")))
    for text in (render_page(found), render_markdown(found), message(found)):
        assert "0 of 3 PBXs are compliant" in text
        assert "No certificate is overdue" not in text
    assert "The certificates of 0 of 3 PBXs were read" in render_markdown(found)


def test_what_many_pbxs_have_alike_is_in_the_page_once() -> None:
    """With all that a real check finds, 2,000 PBXs would otherwise be 8 MB."""
    control = {"id": "a", "title": "Only once", "desired": True, "found": True, "result": "pass", "reason": ""}
    own = {**control, "title": "Application of the PBX"}
    fleet = [host(f"pbx{number}", controls=[control, {**own, "found": f"id {number}"}]) for number in range(50)]
    text = render_page(report(*fleet))
    assert text.count("Only once") == 1
    shown = Words(text).data["hosts"]
    assert [[one["title"] for one in each["controls"]] for each in shown] == [["Only once", own["title"]]] * 50
    assert [each["controls"][1]["found"] for each in shown] == [f"id {number}" for number in sorted(range(50), key=str)]


def test_what_single_users_have_granted_hides_nothing_of_the_tenant() -> None:
    """One name, granted by an administrator for all and by two users for themselves: three statements, none in the place of another."""
    everybody = {"permission": "User.Read", "kind": "delegated", "granted_on": None, "user": None}
    rows = [everybody, {**everybody, "user": "ada"}, {**everybody, "user": "bela"}]
    [shown] = page_data(report(host("acme", consents=rows)))["hosts"]
    assert shown["consents"] == [
        ["User.Read (delegated)", "for the whole tenant"],
        ["User.Read (delegated, single users)", "for 2 users: ada, bela"],
    ]


def test_two_tenants_of_one_name_are_told_apart_and_others_have_no_ids() -> None:
    made = report(
        host("a", tenant_id="11111111", tenant_name="Contoso"),
        host("b", tenant_id="22222222", tenant_name="Contoso"),
        host("c", tenant_id="33333333", tenant_name="Acme"),
        host("d", tenant_id="44444444"),
    )
    assert page_data(made)["tenants"] == [
        ["44444444", 1, "44444444"],
        ["33333333", 1, "Acme"],
        ["11111111", 1, "Contoso, 11111111"],
        ["22222222", 1, "Contoso, 22222222"],
    ]


def test_without_a_script_a_pbx_that_needs_attention_says_why() -> None:
    said = "The TLS certificate of the PBX expires in 3 days, on 2026-12-01."
    page = render_page(report(host("acme", "attention", attention=[said])))
    assert said in page.partition("<noscript>")[2] or said in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ([], "No PBX was part of this run."),
        (["drifted"], "0 of 1 PBX is compliant. 1 is not compliant."),
        (["unreachable", "failed"], "0 of 2 PBXs are compliant. 2 could not be checked."),
        (
            ["compliant", "broken", "unreachable"],
            "1 of 3 PBXs is compliant. 1 is not compliant, 1 could not be checked.",
        ),
    ],
)
def test_what_could_not_be_checked_is_neither_compliant_nor_not(verdicts: list[str], said: str) -> None:
    made = report(*(host(f"pbx{place}", verdict) for place, verdict in enumerate(verdicts)))
    for told in (message(made), render_markdown(made), render_page(made)):
        assert said in told


def test_a_part_of_the_fleet_is_not_told_as_the_whole() -> None:
    made = report(host("acme"), run={"limit": "acme,<b>"})
    assert message(made).startswith("The PBX is compliant. Only the PBXs of --limit acme,<b> were checked.")
    assert "Only the PBXs of --limit acme,\\<b\\> were checked." in render_markdown(made)
    assert "Only the PBXs of --limit acme,&lt;b&gt; were checked." in render_page(made)


def test_a_run_that_ended_before_its_last_batch_says_whom_it_did_not_reach() -> None:
    made = report(host("acme"), run={"not_checked": ["bolt", "ca\x1brl"], "automation_credentials": []})
    said = "The run was not finished: 2 PBXs were not checked yet: bolt, ca\\x1brl."
    assert made.run["attention"] == [said]
    for told in (message(made), render_page(made), render_junit(made)):
        assert said in told
    assert "The run was not finished" in render_markdown(made)
    whole = report(host("acme"), run={"not_checked": []})
    assert "not_checked" not in whole.run
