# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page as a file: self-contained, escaped, small; and the charts and differences in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._report import page
from ansible_collections.tcx.m365.plugins.plugin_utils._report.certificates import host_certificates, timeline
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import HostResult, Report
from ansible_collections.tcx.m365.plugins.plugin_utils._report.values import Limits, differences, shorten
from ansible_collections.tcx.m365.tests.tools.report_texts import render_page
from ansible_collections.tcx.m365.tests.tools.sample_fleet import hostile_hosts, sample_report
from ansible_collections.tcx.m365.tests.unit.plugins.plugin_utils._report.fleets import (
    NOW,
    change,
    host,
    host_results,
    report,
)
from hypothesis import given
from hypothesis import strategies as st

VOID = {"meta", "link", "br", "input"}


class Page(HTMLParser):
    """Reads a page: its elements, the texts of scripts and styles, whether everything is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[str, dict[str, str | None], str]] = []
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        opened, _attributes = self.open.pop()
        assert opened == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1][0] in ("script", "style"):
            tag, attributes = self.open[-1]
            self.raw.append((tag, attributes, data))


def data_of(text: str) -> dict[str, Any]:
    page = Page(text)
    blocks = [data for tag, attributes, data in page.raw if attributes.get("id") == "data"]
    content: dict[str, Any] = json.loads("".join(blocks))
    return content


def test_the_page_needs_nothing_from_anywhere() -> None:
    text = render_page(sample_report(40))
    page = Page(text)
    assert page.open == []
    for tag, attributes in page.elements:
        assert tag not in ("iframe", "object", "embed", "img", "audio", "video", "base")
        assert "src" not in attributes
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        if tag in ("link", "use", "a"):
            href = attributes["href"] or ""
            is_followed = tag == "a" and attributes.get("rel") == "noopener noreferrer"
            assert href.startswith(("data:", "#", "https://login.") if is_followed else ("data:", "#"))
    assert not re.search(r"url\(|@import", "".join(data for tag, _attributes, data in page.raw if tag == "style"))


def test_the_policy_names_the_hashes_of_exactly_what_is_inline() -> None:
    page = Page(render_page(report(*hostile_hosts())))
    policy = next(
        attributes["content"] or ""
        for tag, attributes in page.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    inline = [data for tag, attributes, data in page.raw if attributes.get("type") != "application/json"]
    hashes = {"sha256-" + base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in inline}
    assert set(re.findall(r"sha256-[A-Za-z0-9+/=]+", policy)) == hashes
    assert len(hashes) == 3


def structure(text: str) -> list[str]:
    return [tag for tag, _attributes in Page(text).elements]


def test_hostile_names_and_values_add_no_element() -> None:
    hostile = hostile_hosts()
    tame = [HostResult.from_dict({**one.to_dict(), "host": f"host{place:02}"}) for place, one in enumerate(hostile)]
    for place, one in enumerate(tame):
        # Each with a reason of its own: what several PBXs share is told once more.
        reason = f"Reason {place}."
        one.reasons, one.remedies, one.certificates = [reason], ["Remedy."], [{"thumbprint": "a", "not_after": "x"}]
    run = {"playbook": "</script><script>x</script>", "limit": "<b>"}
    assert sorted(structure(render_page(report(*hostile, run=run)))) == sorted(
        structure(render_page(report(*tame, run={"playbook": "p", "limit": "l"})))
    )


@given(st.lists(host_results, min_size=1, max_size=3))
def test_any_value_leaves_the_page_whole(hosts: list[HostResult]) -> None:
    built = report(*hosts).compared_with(report(*hosts[:1], host("x")).to_dict())
    page = Page(render_page(built))
    assert page.open == []
    assert len(data_of(render_page(built))["hosts"]) == len(built.hosts)
    assert [tag for tag, _attributes in page.elements].count("script") == 3


def test_text_that_changes_direction_is_made_visible_and_isolated() -> None:
    text = render_page(report(host("gpj\u202etxt.exe", "drifted", reasons=["שלום"])))
    assert "\u202e" not in text
    assert "gpj\\u202etxt.exe" in text
    assert "<bdi>שלום</bdi>" in text
    assert data_of(text)["hosts"][0]["host"] == "gpj\\u202etxt.exe"


@pytest.mark.parametrize("build", [lambda: sample_report(2000), lambda: everything_wrong(2000)])
def test_a_page_of_2000_pbxs_stays_below_5_mb(build: Any) -> None:
    built = build()
    text = render_page(built)
    assert len(text.encode("utf-8")) < 5_000_000
    shown = data_of(text)["hosts"]
    assert [one["host"] for one in shown] == [entry["host"] for entry in built.hosts]
    assert all(one.get("reasons") or one.get("attention") for one in shown if one["verdict"] != "compliant")


def everything_wrong(number: int) -> Report:
    """The worst case: every PBX with much to tell, and all of it different."""
    hosts = []
    for place in range(number):
        changes = [
            change(f"field_{n}", [f"{place} {n} old " * 30] * 5, [f"{place} {n} {i} new " * 30 for i in range(5)])
            for n in range(30)
        ]
        hosts.append(host(f"pbx-{place:05}", "drifted", reasons=[f"Reason {place} " * 40] * 3, changes=changes))
    return report(*hosts)


def test_a_page_whose_values_were_cut_says_so() -> None:
    assert "Long values are shortened to keep the page small." in render_page(everything_wrong(300))
    assert "Long values are shortened to keep the page small." not in render_page(sample_report(40))


def test_without_a_script_the_page_lists_who_is_not_compliant() -> None:
    text = render_page(report(host("fine-one"), host("bad-one", "failed", reasons=["403 refused."], remedies=["Ask."])))
    table = text[text.index("<noscript>") : text.index("</noscript>")]
    assert "bad-one" in table
    assert "403 refused." in table
    assert "Ask." in table
    assert "fine-one" not in table


LIMITS = Limits()


def test_lists_are_compared_as_sets() -> None:
    one = differences("uris", ["a", "b", "b"], ["c", "b"], LIMITS)[0]
    assert (one.is_set, one.removed, one.added, one.kept) == (True, ["a"], ["c"], 1)
    one = differences("certs", [{"k": 1, "n": 2}], [{"n": 2, "k": 1}, {"k": 3}], LIMITS)[0]
    assert (one.removed, one.added, one.kept) == ([], ['{"k": 3}'], 1)
    one = differences("uris", None, ["a"], LIMITS)[0]
    assert (one.removed, one.added) == ([], ["a"])


def test_a_difference_in_order_alone_is_still_shown() -> None:
    one = differences("order", ["a", "b"], ["b", "a"], LIMITS)[0]
    assert (one.before, one.after) == ('["a","b"]', '["b","a"]')


def test_values_that_read_the_same_are_told_apart() -> None:
    one = differences("enabled", "true", True, LIMITS)[0]
    assert (one.before, one.after) == ('"true"', "true")


def test_mappings_are_compared_key_by_key() -> None:
    found = differences("sync", {"a": 1, "b": {"c": [1]}, "same": 0}, {"a": 2, "b": {"c": [2]}, "same": 0}, LIMITS)
    assert [(one.path, one.is_set) for one in found] == [("sync.a", False), ("sync.b.c", True)]
    gone = differences("sync", {"a": None}, {}, LIMITS)
    assert [one.path for one in gone] == ["sync.a"]


def test_a_long_list_says_how_many_it_left_out() -> None:
    one = differences("x", [], list(range(100)), Limits(items=3))[0]
    assert one.added == ["0", "1", "2", "… and 97 more"]
    assert shorten("abcdef", 3) == "abc… (6 characters)"


def certificate(days: int, name: str = "") -> dict[str, Any]:
    return {"thumbprint": name or str(days), "not_after": None, "days_left": days}


def test_the_timeline_counts_overdue_months_and_later() -> None:
    ends = host_certificates("a", [certificate(days) for days in (-1, 0, 8, 9, 40, 720, 800)], NOW)
    buckets = timeline(ends, NOW)
    assert len(buckets) == 26
    counted = {bucket.label: len(bucket.certificates) for bucket in buckets if bucket.certificates}
    assert counted == {"Expired": 1, "Nov 2026": 2, "Dec 2026": 1, "Jan 2027": 1, "Later": 2}
    assert buckets[0].kind == "overdue"
    assert [bucket.kind for bucket in buckets[1:4]] == ["soon", "soon", "fine"]


def test_only_a_newer_certificate_of_the_inventory_replaces_one() -> None:
    ends = host_certificates("a", [{**certificate(400, "new"), "desired": True}, certificate(5, "old")], NOW)
    assert [(one.thumbprint, one.superseded, one.state) for one in ends] == [
        ("old", True, "soon"),
        ("new", False, "fine"),
    ]
    both_over = host_certificates("a", [certificate(-5), certificate(-9)], NOW)
    assert [one.superseded for one in both_over] == [False, False]
    text = render_page(
        report(host("renewed-one", certificates=[{**certificate(400), "desired": True}, certificate(5)]))
    )
    assert "Renew first" not in text
    assert "Renew first" in render_page(report(host("late-one", certificates=[certificate(5)])))


def test_the_charts_have_a_name_a_description_and_a_table() -> None:
    text = render_page(sample_report(40))
    assert re.search(
        r'<desc id="verdict-chart-desc">Bar divided by verdict: 27 compliant, 4 attention, 5 drifted, 1 broken, 1 failed',
        text,
    )
    assert '<desc id="timeline-desc">2 certificates expired.' in text
    assert '<desc id="trend-desc">From 50.0 % compliant on ' in text
    assert text.count('role="img"') == 3
    assert '<th scope="row">Drifted</th><td class="num">5</td><td class="num">12.5 %</td>' in text
    assert '<th scope="row">Expired</th><td class="num">2</td>' in text


def test_a_large_fleet_is_not_rendered_at_lengths_that_cannot_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    made = report(*(host(f"pbx-{number}", reasons=["said " * 400]) for number in range(50)))
    tried: list[Limits] = []
    render = page._render
    monkeypatch.setattr(page, "_PART", 10)
    monkeypatch.setattr(page, "SIZE_LIMIT", 1000)
    monkeypatch.setattr(page, "_render", lambda made, limits: tried.append(limits) or render(made, limits))
    whole = render_page(made)
    assert tried == [page.LEVELS[-1]]
    monkeypatch.setattr(page, "_PART", 1000)
    assert render_page(made) == whole
    assert len(tried) == 1 + len(page.LEVELS)
