# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two reports side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._report.comparison import compare
from ansible_collections.tcx.m365.plugins.plugin_utils._report.files import read_report, write_report
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import HostResult
from ansible_collections.tcx.m365.tests.unit.plugins.plugin_utils._report.fleets import (
    change,
    host,
    host_results,
    report,
)
from hypothesis import given
from hypothesis import strategies as st

CATEGORIES = ("new_drift", "new_failures", "still_open", "resolved", "added", "removed")


def names(comparison: dict[str, Any]) -> dict[str, list[str]]:
    return {category: [one["host"] for one in comparison[category]] for category in CATEGORIES if comparison[category]}


@pytest.mark.parametrize(
    ("before", "now", "category"),
    [
        ("compliant", "compliant", None),
        ("compliant", "drifted", "new_drift"),
        ("compliant", "failed", "new_failures"),
        ("compliant", "unreachable", "new_failures"),
        ("compliant", "unlicensed", "new_failures"),
        ("drifted", "compliant", "resolved"),
        ("unreachable", "compliant", "resolved"),
        ("drifted", "drifted", "still_open"),
        ("drifted", "unreachable", "still_open"),
        ("failed", "drifted", "still_open"),
        (None, "drifted", "added"),
        ("drifted", None, "removed"),
    ],
)
def test_each_pair_of_verdicts_has_its_category(before: str | None, now: str | None, category: str | None) -> None:
    earlier = report(*([host("a", before)] if before else [])).to_dict()
    later = report(*([host("a", now)] if now else [])).to_dict()
    comparison = compare(earlier, later)
    assert names(comparison) == ({category: ["a"]} if category else {})
    if category:
        assert comparison[category][0]["earlier"] == before
        assert comparison[category][0]["now"] == now
        assert comparison["counts"][category] == 1


def test_settings_are_compared_where_both_reports_saw_them() -> None:
    earlier = report(host("a", "drifted", changes=[change("x", 1, 2), change("y", 1, 2)])).to_dict()
    later = report(host("a", "drifted", changes=[change("y", 3, 2), change("z", 1, 2)])).compared_with(earlier)
    assert later.comparison is not None
    assert later.comparison["still_open"][0]["changes"] == {
        "new": ["application.z"],
        "resolved": ["application.x"],
        "open": ["application.y"],
    }


def test_a_pbx_that_could_not_be_seen_has_resolved_nothing() -> None:
    earlier = report(host("a", "drifted", changes=[change("x", 1, 2)])).to_dict()
    entry = compare(earlier, report(host("a", "unreachable")).to_dict())["still_open"][0]
    assert "changes" not in entry


@given(st.lists(host_results, max_size=6), st.lists(host_results, max_size=6))
def test_every_pbx_is_in_one_category_or_was_and_is_as_desired(before: list[HostResult], now: list[HostResult]) -> None:
    earlier, later = report(*before), report(*now)
    comparison = compare(earlier.to_dict(), later.to_dict())
    listed = [one["host"] for category in CATEGORIES for one in comparison[category]]
    as_desired = ("compliant", "attention")
    fine = {one["host"] for one in earlier.hosts if one["verdict"] in as_desired} & {
        one["host"] for one in later.hosts if one["verdict"] in as_desired
    }
    everyone = {one["host"] for one in (*earlier.hosts, *later.hosts)}
    assert sorted(listed) == sorted(everyone - fine)
    assert comparison["counts"] == {category: len(comparison[category]) for category in CATEGORIES}


def test_write_report_compares_and_every_format_for_people_tells_it(tmp_path: Path) -> None:
    earlier = report(host("resolved-one", "drifted"), host("gone-one"), host("drift-one")).to_dict()
    now = report(host("resolved-one"), host("drift-one", "drifted"), host("new-one"))
    write_report(now.compared_with(earlier), tmp_path)
    comparison = json.loads((tmp_path / "compliance.json").read_text(encoding="utf-8"))["comparison"]
    assert names(comparison) == {
        "new_drift": ["drift-one"],
        "resolved": ["resolved-one"],
        "added": ["new-one"],
        "removed": ["gone-one"],
    }
    markdown = (tmp_path / "compliance.md").read_text(encoding="utf-8")
    assert (
        "| Resolved | 1 | neither compliant nor attention before, compliant or attention now | resolved-one |"
        in markdown
    )
    assert "| Removed | 1 | only in the earlier report | gone-one |" in markdown
    page = (tmp_path / "compliance.html").read_text(encoding="utf-8")
    assert "Since the earlier report</h2>" in page
    assert "gone-one" in page
    assert ",New drift\n" in (tmp_path / "compliance.csv").read_text(encoding="utf-8")


def test_of_an_earlier_report_is_read_what_a_comparison_and_a_trend_ask(tmp_path: Path) -> None:
    """All of a large one takes more memory than the run."""
    drifted = host("a", "drifted", changes=[change("x", ["long"], None)], status={"ok": True})
    written = report(drifted, run={"limit": "a", "playbook": "tcx.m365.compliance"}).after([])
    write_report(written, tmp_path)
    assert read_report(tmp_path / "compliance.json") == {
        "schema_version": 2,
        "generated_at": written.generated_at,
        "hosts": [{"host": "a", "verdict": "drifted", "changes": [{"target": "application", "field": "x"}]}],
        "run": {"limit": "a"},
        "trend": list(written.trend),
    }


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read: No such file"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        (b"\xff\xfe{", "is not text in UTF-8"),
        ("[]", "'schema_version' and a list 'hosts'"),
        ('{"schema_version": 1}', "a list 'hosts'"),
        ('{"schema_version": 7, "hosts": []}', "schema_version is 7, known are 1, 2"),
        ('{"schema_version": 1, "hosts": [{"host": "a", "verdict": "fine"}]}', "entry 0 of 'hosts'"),
        ('{"schema_version": 1, "hosts": [{"host": "a", "verdict": []}]}', "entry 0 of 'hosts'"),
        ('{"schema_version": 1, "hosts": [{"host": "a", "verdict": "drifted", "changes": 5}]}', "no list of changes"),
    ],
)
def test_what_is_no_earlier_report_is_refused_by_name(tmp_path: Path, content: str | bytes | None, told: str) -> None:
    path = tmp_path / "earlier.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=told) as refused:
        read_report(path)
    assert str(path) in str(refused.value)


def test_an_earlier_report_with_little_in_it_is_enough() -> None:
    earlier = {"schema_version": 1, "hosts": [{"host": "a", "verdict": "drifted"}]}
    later = report(host("a")).compared_with(earlier)
    assert later.comparison is not None
    assert names(later.comparison) == {"resolved": ["a"]}
