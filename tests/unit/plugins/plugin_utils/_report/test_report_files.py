# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a report: written whole or not at all, the same bytes for the same input, signed by a manifest."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import stat
import subprocess
import tracemalloc
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._report import files
from ansible_collections.tcx.m365.plugins.plugin_utils._report.as_csv import COLUMNS
from ansible_collections.tcx.m365.plugins.plugin_utils._report.as_markdown import markdown_text
from ansible_collections.tcx.m365.plugins.plugin_utils._report.files import write_report
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import HostResult, Report
from ansible_collections.tcx.m365.plugins.plugin_utils._report.values import Common
from ansible_collections.tcx.m365.tests.tools.report_texts import render_csv, render_json, render_junit, render_markdown
from ansible_collections.tcx.m365.tests.tools.sample_fleet import (
    GENERATED_AT,
    RUN,
    hostile_hosts,
    sample_hosts,
    sample_report,
)
from ansible_collections.tcx.m365.tests.unit.plugins.plugin_utils._report.fleets import (
    NOW,
    change,
    host,
    host_results,
    report,
)
from hypothesis import given
from hypothesis import strategies as st

NAMES = ["compliance.json", "compliance.csv", "compliance.md", "compliance.html", "compliance.junit.xml", "SHA256SUMS"]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_all_files_are_there_readable_by_all_and_as_told(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "reports"
    old_mask = os.umask(0o077)
    try:
        written = write_report(sample_report(12), folder)
    finally:
        os.umask(old_mask)
    assert [Path(one.path).name for one in written] == NAMES
    assert names_in(folder) == sorted(NAMES)
    for one in written:
        assert stat.S_IMODE(Path(one.path).stat().st_mode) == 0o640
        assert Path(one.path).stat().st_size == one.size


def test_the_manifest_is_checked_by_sha256sum_and_a_change_is_found(tmp_path: Path) -> None:
    write_report(sample_report(12), tmp_path)
    check = ["sha256sum", "--strict", "-c", "SHA256SUMS"]
    whole = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert whole.returncode == 0
    assert whole.stdout.count(": OK") == 5
    page = tmp_path / "compliance.html"
    page.write_text(page.read_text(encoding="utf-8").replace("compliant", "perfect", 1), encoding="utf-8")
    spoiled = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert spoiled.returncode != 0
    assert "compliance.html: FAILED" in spoiled.stdout


def test_the_same_fleet_gives_the_same_bytes_in_whatever_order_it_came(tmp_path: Path) -> None:
    hosts = sample_hosts(60) + hostile_hosts()
    shuffled = list(hosts)
    random.Random(1).shuffle(shuffled)
    for name, fleet in (("one", hosts), ("two", shuffled)):
        write_report(Report.build(fleet, generated_at=GENERATED_AT, run=RUN), tmp_path / name)
    for name in NAMES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_an_error_on_the_way_leaves_the_earlier_report_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_report(sample_report(12), tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in NAMES}

    def broken(_report: Report) -> str:
        raise RuntimeError("no")

    monkeypatch.setitem(files.RENDERERS, "compliance.junit.xml", broken)
    with pytest.raises(RuntimeError):
        write_report(sample_report(13), tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in names_in(tmp_path)} == before


def test_a_disk_that_refuses_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_report(sample_report(3), tmp_path)
    assert names_in(tmp_path) == []


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_every_pbx_once_with_what_differs() -> None:
    rows = read_csv(
        render_csv(
            report(
                host("b"),
                host(
                    "a",
                    "drifted",
                    changes=[change("redirect_uris", ["x", "y"], ["y", "z"]), change("enabled", False, True, "pbx")],
                    certificates=[{"thumbprint": "AB", "not_after": "2026-11-20T00:00:00Z", "days_left": -3}],
                    consent={"missing": ["Mail.Send"]},
                ),
            )
        )
    )
    assert [row["host"] for row in rows] == ["a", "b"]
    assert list(rows[0]) == list(COLUMNS)
    assert rows[0]["changes"] == "application.redirect_uris: removed [x], added [z]; pbx.enabled: false -> true"
    assert rows[0]["differences"] == "2"
    assert (rows[0]["certificate_expires"], rows[0]["certificate_days_left"], rows[0]["certificate_overdue"]) == (
        "2026-11-20",
        "0",
        "yes",
    )
    assert rows[0]["consent_missing"] == "Mail.Send"


DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@given(st.lists(host_results, max_size=3), st.sampled_from(DANGEROUS), st.text(max_size=5))
def test_no_cell_of_the_csv_is_a_formula(hosts: list[HostResult], start: str, rest: str) -> None:
    text = start + rest
    nasty = HostResult(
        text,
        "drifted",
        reasons=[text],
        attention=[text],
        version=text,
        edition=text,
        remedies=[text],
        consent={"missing": [text]},
        credentials=[{"kind": "secret", "name": text, "expires": text, "owner": "foreign"}],
        granted_permissions=[text],
        redirect_uris=[text],
        owners=[text, {"name": text}],
        tenant_id=text,
        tenant_name=text,
        application_id=text,
        url=text,
    )
    rows = list(csv.reader(io.StringIO(render_csv(report(*hosts, nasty, *hostile_hosts())))))
    assert len({len(row) for row in rows}) == 1
    for row in rows[1:]:
        for cell in row:
            assert not cell.lstrip(" ").startswith(DANGEROUS)
            assert "\n" not in cell
            assert "\r" not in cell


def test_junit_has_one_case_per_pbx_and_the_kind_follows_the_verdict() -> None:
    built = report(
        host("ok"),
        host("drift", "drifted", reasons=["Photo is off."], changes=[change("photo", False, True, "pbx")]),
        host("fail", "failed", reasons=["403."]),
        host("gone", "unreachable"),
        host("poor", "unlicensed"),
        run={"duration_s": 12.5},
    )
    root = ET.XML(render_junit(built))
    suite = root.find("testsuite")
    assert suite is not None
    assert {key: suite.attrib[key] for key in ("tests", "failures", "errors", "skipped", "time")} == {
        "tests": "5", "failures": "2", "errors": "2", "skipped": "0", "time": "12.500",
    }  # fmt: skip
    kinds = {case.attrib["name"]: [(one.tag, one.attrib["type"]) for one in case] for case in suite.iter("testcase")}
    assert kinds == {
        "drift": [("failure", "drifted")],
        "fail": [("error", "failed")],
        "gone": [("error", "unreachable")],
        "ok": [],
        "poor": [("failure", "unlicensed")],
    }
    text = suite.findtext("testcase[@name='drift']/failure") or ""
    assert "- pbx.photo: false" in text
    assert "+ pbx.photo: true" in text
    assert "How to fix it: " in text


@given(st.lists(host_results, max_size=4))
def test_junit_is_xml_whatever_the_values(hosts: list[HostResult]) -> None:
    built = report(*hosts, *hostile_hosts(), run={"playbook": "\x00]]><", "duration_s": True})
    cases = list(ET.XML(render_junit(built).encode("utf-8")).iter("testcase"))
    assert len(cases) == len(built.hosts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redirect_uris of acme-1 (old)", "redirect_uris of acme-1 (old)"),
        ("a|b", "a\\|b"),
        ("*x* `y` [z](u) <b>", "\\*x\\* \\`y\\` \\[z\\](u) \\<b\\>"),
        ("# head", "\\# head"),
        ("- item", "\\- item"),
        ("1. item", "1\\. item"),
        ("_x_", "\\_x\\_"),
        ("ask @team, not a@b.c", "ask &#64;team, not a@b.c"),
        ("two\nlines", "two lines"),
        ("a\u202eb", "a\\\\u202eb"),
        ("&amp;", "\\&amp;"),
    ],
)
def test_text_in_markdown_shows_as_it_is(text: str, expected: str) -> None:
    assert markdown_text(text) == expected


def test_markdown_tells_drift_consent_and_remedy() -> None:
    text = render_markdown(
        report(
            host(
                "acme",
                "drifted",
                reasons=["The sign-in is off."],
                changes=[change("sign_in", {"enabled": False, "x": 1}, {"enabled": True, "x": 1}, "pbx")],
                consent={"missing": ["Mail.Send"], "unneeded": ["Mail.ReadWrite"]},
                remedies=["Run the rollout."],
                unmanaged={"application": {"redirect_uris": ["https://old"]}},
            ),
            host("fine"),
        )
    )
    for wanted in (
        "1 of 2 PBXs is compliant. 1 is not compliant.",
        "### acme: drifted",
        "- The sign-in is off.",
        "| pbx.sign_in.enabled | false | true |",
        "Consent missing: Mail.Send",
        "Consent unneeded: Mail.ReadWrite",
        "- application.redirect_uris: https://old",
        "1. Run the rollout.",
    ):
        assert wanted in text
    assert "### fine" not in text


def test_markdown_tells_each_reason_and_remedy_once() -> None:
    found = report(*sample_hosts(12))
    text = render_markdown(found)
    for entry in found.hosts:
        for said in (*entry["reasons"], *entry["attention"], *entry["remedies"]):
            assert text.count(markdown_text(said)) <= 1, said
    assert len(text) < 4000, "short enough for a chat message"


@pytest.mark.parametrize(
    ("started_with", "command"),
    [("-i fleet.yml", "tcx.m365.compliance -i fleet.yml --limit "), (None, "tcx.m365.compliance with the limit ")],
    ids=["command line", "job"],
)
def test_markdown_tells_the_same_cause_on_many_pbxs_once_with_a_command_for_all_of_them(
    started_with: str | None, command: str
) -> None:
    names = [f"pbx-{number}" for number in range(12)]
    found = [
        host(name, "unreachable", url=f"https://{name}.example:5001", reasons=[f"https://{name}.example:5001 is down."])
        for name in names
    ]
    text = render_markdown(report(*found, run={"started_with": started_with}))
    assert text.count("is down") == 1
    assert "### 12 PBXs: unreachable" in text
    assert command + ",".join(sorted(names)) in text
    assert len(text) < 1500
    alone = render_markdown(report(*found[:1]))
    assert "https://pbx-0.example:5001 is down." in alone


def test_a_long_value_is_short_for_people_and_whole_in_json(tmp_path: Path) -> None:
    before, after = "x" * 9000 + "old", "x" * 9000 + "new"
    write_report(report(host("a", "drifted", changes=[change("key", before, after)])), tmp_path)
    assert after in (tmp_path / "compliance.json").read_text(encoding="utf-8")
    for name in ("compliance.md", "compliance.html"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert after not in text
        # What differs stays in sight, at the end of much that does not.
        assert "xold" in text
        assert "xnew" in text


def test_every_line_of_a_markdown_table_has_the_same_columns() -> None:
    text = render_markdown(report(*hostile_hosts(), *sample_hosts(40)))
    width = 0
    for line in text.splitlines():
        cells = line.replace("\\\\", "").replace("\\|", "").count("|")
        width = 0 if not line.startswith("| ") else (width or cells)
        assert cells == width or not line.startswith("| ")


def test_an_empty_fleet_has_a_report_too(tmp_path: Path) -> None:
    write_report(Report.build([], generated_at=NOW), tmp_path)
    assert "No PBX was part of this run." in (tmp_path / "compliance.md").read_text(encoding="utf-8")
    assert "No PBX was part of this run." in (tmp_path / "compliance.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "made",
    [report(), sample_report(5), report(HostResult("a\x1b[2J\u202e", "failed", ['one\ntwo \u2028 {["\\']))],
    ids=["none", "sample", "hostile"],
)
def test_json_written_one_pbx_after_the_other_is_what_json_dumps_would_write(made: Report) -> None:
    whole = json.dumps(made.to_dict(), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    assert render_json(made) == files.TRICKY.sub(lambda found: json.dumps(found.group())[1:-1], whole)


def test_what_a_report_takes_to_write_hardly_grows_with_the_fleet(tmp_path: Path) -> None:
    """Of 10,000 PBXs each format as one text, or as one tree, was the largest of all that a run held."""
    highest(tmp_path, 10)  # what is made once in a process
    few, many = (highest(tmp_path, pbxs) for pbxs in (150, 600))
    grown = {name: (many[name] - few[name]) / 450 for name in files.RENDERERS}
    bounds = dict.fromkeys(files.RENDERERS, 600)
    bounds["compliance.html"] = (
        3500  # its size decides how long its values may be, so that it is written when it is complete
    )
    assert {name: grown[name] for name, bound in bounds.items() if grown[name] > bound} == {}


def highest(folder: Path, pbxs: int) -> dict[str, int]:
    """The most bytes that each format of a report held at one moment, besides the report itself."""
    made = sample_report(pbxs)
    assert made.aggregates
    held = {}
    for name, parts in files.RENDERERS.items():
        tracemalloc.start()
        try:
            with (folder / name).open("w", encoding="utf-8") as out:
                out.writelines(parts(made))
            held[name] = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    return held


def test_the_cases_of_junit_stand_in_their_suite_as_if_written_at_once() -> None:
    text = render_junit(sample_report(40))
    root = ET.XML(text)
    ET.indent(root)
    declaration = '<?xml version="1.0" encoding="UTF-8"?>'
    assert text == f"{declaration}\n{ET.tostring(root, encoding='unicode')}\n"


def test_what_entries_have_in_common_is_one_object_and_nothing_else_changes() -> None:
    common = Common()
    twins = [{**sample_hosts(1)[0].to_dict(), "host": host} for host in ("acme", "bolt")]
    entries = [json.loads(json.dumps(one)) for one in (*twins, *(one.to_dict() for one in sample_hosts(5)))]
    shared = [common.shared(entry) for entry in entries]
    assert json.dumps(shared) == json.dumps(entries)
    verdicts = [key for entry in shared for key in entry if key == "verdict"]
    assert all(key is verdicts[0] for key in verdicts)
    assert all(one is other for one, other in zip(shared[0]["controls"], shared[1]["controls"], strict=True))
    assert shared[0]["status"] is shared[1]["status"]


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (0, False), (1, 1.0), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ("[]", [])]
)
def test_what_is_written_differently_is_never_one_object(one: Any, other: Any) -> None:
    common = Common()
    assert [json.dumps(common.shared({"value": value})) for value in (one, other)] == [
        json.dumps({"value": value}) for value in (one, other)
    ]


def test_markdown_tells_what_compliant_pbxs_have_been_granted_without_need() -> None:
    """They are compliant, because what is there besides is kept; whoever reads the text alone has to know all the same."""
    wide = {"consent": {"missing": [], "unneeded": ["Mail.ReadWrite", "Mail.Send"]}}
    text = render_markdown(report(host("acme", **wide), host("bolt", **wide), host("fine")))
    assert (
        "acme, bolt, fine\n\nGranted, and needed by no setting that is on:\n\n- Mail.ReadWrite, Mail.Send: acme, bolt"
        in text
    )
    assert "Granted, and needed" not in render_markdown(report(host("fine")))
