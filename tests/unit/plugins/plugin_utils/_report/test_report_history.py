# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Earlier reports: kept by date, compared by themselves, and never in the way of the new one."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._report.files import write_report
from ansible_collections.tcx.m365.plugins.plugin_utils._report.history import (
    find_baseline,
    keep_report,
    kept_reports,
    narrowed,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import TREND_RUNS, HostResult, Report
from ansible_collections.tcx.m365.tests.unit.plugins.plugin_utils._report.fleets import NOW, change, host, report
from jsonschema import Draft202012Validator


def run(directory: Path, *hosts: HostResult, day: int = 0, keep: int = 30, limit: str = "") -> dict[str, Any]:
    """One run as the action plugin makes it; the content of its compliance.json."""
    baseline = find_baseline(directory, keep=keep, limit=limit)
    report = Report.build(hosts, NOW + timedelta(days=day), {"limit": limit})
    if baseline.content is not None:
        asked = [one.host for one in hosts]
        earlier = baseline.content if baseline.limit == limit else narrowed(baseline.content, asked)
        report = report.compared_with(earlier)
    report = report if limit else report.after(baseline.trend)
    write_report(report, directory)
    if keep:
        keep_report(directory, report.generated_at, keep)
    content: dict[str, Any] = json.loads((directory / "compliance.json").read_text())
    return content


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if path.is_dir() and not path.is_symlink())


def test_the_first_run_is_no_error_and_compares_with_nothing(tmp_path: Path) -> None:
    found = run(tmp_path / "reports", host("acme"))
    assert "comparison" not in found
    assert [point["compliant"] for point in found["trend"]] == [1]


@pytest.mark.parametrize("umask", [0o002, 0o000, 0o077])
def test_what_was_made_from_here_is_believed_whatever_the_umask_and_the_directory_above(
    tmp_path: Path, umask: int
) -> None:
    """Many systems give each user a group of his own and a umask of 002, and shared projects have setgid directories."""
    tmp_path.chmod(0o2775)
    before = os.umask(umask)
    try:
        run(tmp_path / "reports", host("acme"))
        found = find_baseline(tmp_path / "reports", keep=30)
        last = find_baseline(tmp_path / "reports", keep=0)
    finally:
        os.umask(before)
    assert (found.problems, last.problems) == ([], [])
    assert found.content is not None
    assert last.content is not None


def test_each_run_is_kept_whole_under_its_date_and_latest_is_the_newest(tmp_path: Path) -> None:
    run(tmp_path, host("acme"))
    run(tmp_path, host("acme", "drifted"), day=1)
    assert names(tmp_path) == ["2026-11-22T100000Z", "2026-11-23T100000Z"]
    assert (tmp_path / "latest").readlink() == Path("2026-11-23T100000Z")
    for name in (
        "compliance.json",
        "compliance.html",
        "compliance.csv",
        "compliance.md",
        "compliance.junit.xml",
        "SHA256SUMS",
    ):
        assert (tmp_path / "latest" / name).read_bytes() == (tmp_path / name).read_bytes()
        assert (tmp_path / "2026-11-22T100000Z" / name).exists()


def test_the_second_run_is_compared_with_the_first(tmp_path: Path) -> None:
    run(tmp_path, host("acme"), host("berlin", "drifted", changes=[change("redirect_uris", [], ["a"])]))
    found = run(tmp_path, host("acme", "drifted"), host("berlin"), day=1)
    assert [one["host"] for one in found["comparison"]["new_drift"]] == ["acme"]
    assert found["comparison"]["resolved"][0]["changes"]["resolved"] == ["application.redirect_uris"]
    assert found["comparison"]["earlier_generated_at"] == "2026-11-22T10:00:00Z"


def test_without_history_the_run_is_compared_with_the_one_that_it_replaces(tmp_path: Path) -> None:
    run(tmp_path, host("acme"), keep=0)
    found = run(tmp_path, host("acme", "drifted"), day=1, keep=0)
    assert found["comparison"]["counts"]["new_drift"] == 1
    assert names(tmp_path) == []
    assert not (tmp_path / "latest").is_symlink()


def test_a_report_from_before_the_history_is_compared_as_well(tmp_path: Path) -> None:
    (tmp_path / "compliance.json").write_text(
        json.dumps({"schema_version": 1, "hosts": [{"host": "acme", "verdict": "compliant"}]})
    )
    assert run(tmp_path, host("acme", "drifted"))["comparison"]["counts"]["new_drift"] == 1


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema_version": 9, "hosts": []}', '{"schema_version": 2, "hosts": [{}]}']
)
def test_a_broken_report_is_passed_over_with_a_sentence(tmp_path: Path, text: str) -> None:
    run(tmp_path, host("acme"))
    run(tmp_path, host("acme"), day=1)
    (tmp_path / "2026-11-23T100000Z" / "compliance.json").write_text(text)
    baseline = find_baseline(tmp_path, keep=30)
    assert len(baseline.problems) == 1
    assert "2026-11-23T100000Z" in baseline.problems[0]
    found = run(tmp_path, host("acme", "drifted"), day=2)
    assert found["comparison"]["earlier_generated_at"] == "2026-11-22T10:00:00Z"


@pytest.mark.parametrize("mode", [0o777, 0o770])
@pytest.mark.parametrize("spoiled", ["2026-11-22T100000Z/compliance.json", "2026-11-22T100000Z", "."])
def test_a_report_that_others_can_write_is_passed_over(tmp_path: Path, spoiled: str, mode: int) -> None:
    run(tmp_path, host("acme"))
    assert find_baseline(tmp_path, keep=30).content is not None
    (tmp_path / spoiled).chmod(mode)
    (tmp_path / "compliance.json").unlink()
    baseline = find_baseline(tmp_path, keep=30)
    assert baseline.content is None
    assert "others can write" in baseline.problems[0]


def test_a_report_from_the_future_is_passed_over(tmp_path: Path) -> None:
    """Every later run would be compared with it."""
    run(tmp_path, host("acme"))
    run(tmp_path, host("acme"), day=400)
    (tmp_path / "compliance.json").unlink()
    baseline = find_baseline(tmp_path, keep=30, now=NOW + timedelta(days=1))
    assert baseline.content is not None
    assert baseline.content["generated_at"] == "2026-11-22T10:00:00Z"
    assert "in the future" in baseline.problems[0]


def test_only_so_many_runs_are_kept(tmp_path: Path) -> None:
    for day in range(5):
        run(tmp_path, host("acme"), day=day, keep=3)
    assert names(tmp_path) == ["2026-11-24T100000Z", "2026-11-25T100000Z", "2026-11-26T100000Z"]
    run(tmp_path, host("acme"), day=5, keep=1)
    assert names(tmp_path) == ["2026-11-27T100000Z"]


def test_the_run_of_a_clock_that_was_ahead_does_not_push_out_todays(tmp_path: Path) -> None:
    run(tmp_path, host("acme"), day=400, keep=1)
    run(tmp_path, host("acme"), keep=1)
    assert names(tmp_path) == ["2026-11-22T100000Z"]
    assert (tmp_path / "latest" / "compliance.json").is_file()


def test_a_run_that_vanishes_or_cannot_be_read_is_told_and_the_others_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(2):
        run(tmp_path, host("acme"), day=day)
    listed = Path.iterdir

    def refuse(path: Path) -> Any:
        if path.name == "2026-11-23T100000Z":
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    report = Report.build([host("acme")], NOW + timedelta(days=2), {})
    write_report(report, tmp_path)
    kept, problems = keep_report(tmp_path, report.generated_at, 1)
    monkeypatch.undo()
    assert Path(kept).is_dir()
    assert ["Permission denied" in each for each in problems] == [True]
    assert names(tmp_path) == ["2026-11-23T100000Z", "2026-11-24T100000Z"]


def test_only_what_is_ours_is_removed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "compliance.json").write_text("kept elsewhere")
    reports = tmp_path / "reports"
    run(reports, host("acme"))
    (reports / "2020-01-01T000000Z").symlink_to(outside)
    (reports / "2026-01-01").mkdir()
    (reports / "2026-11-22T100000Z" / "letter.txt").write_text("to the auditor")
    report = Report.build([host("acme")], NOW + timedelta(days=1), {})
    write_report(report, reports)
    _kept, problems = keep_report(reports, report.generated_at, 1)
    assert len(problems) == 1
    assert "letter.txt" in problems[0]
    assert (reports / "2026-11-22T100000Z" / "letter.txt").exists()
    assert (reports / "2026-01-01").is_dir()
    assert (outside / "compliance.json").read_text() == "kept elsewhere"


def test_two_runs_of_one_second_are_both_kept_in_their_order(tmp_path: Path) -> None:
    for _each in range(11):
        run(tmp_path, host("acme"))
    newest = kept_reports(tmp_path)
    assert [path.name for path in newest[:2]] == ["2026-11-22T100000Z-11", "2026-11-22T100000Z-10"]
    assert newest[-1].name == "2026-11-22T100000Z"


def test_a_file_with_the_name_of_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    report = Report.build([host("acme")], NOW, {})
    write_report(report, tmp_path)
    kept, problems = keep_report(tmp_path, report.generated_at, 3)
    assert Path(kept).is_dir()
    assert len(problems) == 1
    assert (tmp_path / "latest").is_dir()


def test_a_run_on_a_part_says_nothing_of_the_rest(tmp_path: Path) -> None:
    run(tmp_path, host("acme"), host("berlin"), host("lyon"))
    part = run(tmp_path, host("acme", "drifted"), day=1, limit="acme")
    assert part["comparison"]["counts"] | {"new_drift": 1} == part["comparison"]["counts"]
    assert part["comparison"]["removed"] == []
    assert "trend" not in part
    whole = run(tmp_path, host("acme"), host("berlin"), host("lyon"), day=2)
    assert whole["comparison"]["added"] == [], "compared with the last run on the whole inventory"
    assert [point["total"] for point in whole["trend"]] == [3, 3]


def test_the_same_part_twice_is_compared_with_itself(tmp_path: Path) -> None:
    run(tmp_path, host("acme"), host("berlin"))
    run(tmp_path, host("acme", "drifted"), day=1, limit="acme")
    again = run(tmp_path, host("acme"), day=2, limit="acme")
    assert [one["host"] for one in again["comparison"]["resolved"]] == ["acme"]


def test_the_trend_tells_the_last_runs_and_no_more(tmp_path: Path, validator: Draft202012Validator) -> None:
    certificate = {"thumbprint": "A1", "not_after": "2026-12-10T00:00:00Z", "desired": True}
    for day in range(TREND_RUNS + 2):
        hosts = [host("acme", certificates=[certificate]), host("berlin", "drifted")]
        found = run(tmp_path, *hosts, day=day, keep=2)
    assert len(found["trend"]) == TREND_RUNS
    assert found["trend"][-1] == {
        "generated_at": found["generated_at"],
        "total": 2,
        "compliant": 0,
        "attention": 1,
        "certificates_due": 1,
    }
    assert [point["generated_at"] for point in found["trend"]] == sorted(
        point["generated_at"] for point in found["trend"]
    )
    validator.validate(found)


@pytest.mark.parametrize("points", [None, "x", [1], [{"generated_at": "x"}], [{"generated_at": 1, "total": -1}]])
def test_a_trend_that_somebody_has_edited_is_left_out(tmp_path: Path, points: Any) -> None:
    run(tmp_path, host("acme"))
    path = tmp_path / "2026-11-22T100000Z" / "compliance.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "trend": points}))
    assert len(run(tmp_path, host("acme"), day=1)["trend"]) == 1


def test_a_run_that_was_interrupted_is_nothing_to_compare_with(tmp_path: Path) -> None:
    """What it had not reached would be told as new."""
    write_report(report(host("acme"), run={"not_checked": ["bolt"]}), tmp_path)
    baseline = find_baseline(tmp_path, keep=0)
    assert (baseline.content, baseline.problems) == (None, [])
