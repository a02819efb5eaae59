# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A record of the real services raises grades, and is a contract for the lab."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tcx_lab import records
from tcx_lab.evidence import Grade, Switches, all_statements, statements

Json = dict[str, Any]


def row(behavior: str, answer: Any) -> Json:
    return {"behavior": behavior, "about": f"about {behavior}", "answer": answer, "reason": ""}


def write(directory: Path, *rows: Json, **changes: Any) -> Path:
    content = {
        "schema_version": 1,
        "made_on": "2026-11-01",
        "source": "a test tenant and a test PBX",
        "cloud": "public",
        "xapi_release": "20.0.10.731",
        "graph": list(rows),
        "xapi": [],
        **changes,
    }
    path = directory / "xapi-20.0.10-0.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def graded(directory: Path) -> dict[str, tuple[Grade, str]]:
    found = records.raised(statements(), records.read_all(directory))
    return {each.name: (each.grade, each.source) for each in found if each.name}


def test_one_file_raises_the_grade_of_what_it_answers(tmp_path: Path) -> None:
    before = graded(tmp_path)
    write(tmp_path, row("ad_users_patch", Switches().ad_users_patch), row("unset_ids", None))
    after = graded(tmp_path)
    assert before["ad_users_patch"][0] is Grade.ASSUMED
    assert after["ad_users_patch"] == (Grade.RECORDED, "record xapi-20.0.10-0.json of 2026-11-01")
    assert {name: each for name, each in after.items() if name != "ad_users_patch"} == {
        name: each for name, each in before.items() if name != "ad_users_patch"
    }


def test_documented_stays_documented(tmp_path: Path) -> None:
    write(tmp_path, row("upsert_supported", True))
    assert graded(tmp_path)["upsert_supported"][0] is Grade.DOCUMENTED


def test_behaviors_without_a_switch_are_graded_too(tmp_path: Path) -> None:
    write(tmp_path, *(row(name, answer) for name, answer in records.FIXED.items()))
    assert {graded(tmp_path)[name][0] for name in records.FIXED} == {Grade.RECORDED}


@pytest.mark.parametrize(("behavior", "answer"), [("ad_users_patch", "merge"), ("wrong_inner_type", "accepted")])
def test_a_record_that_says_otherwise_is_an_error_until_the_lab_follows(
    tmp_path: Path, behavior: str, answer: str
) -> None:
    write(tmp_path, row(behavior, answer))
    with pytest.raises(records.RecordError, match=f"{behavior} is '{answer}' in reality"):
        graded(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema_version": 2},
        {"tenant": "contoso"},
        {"graph": [{"behavior": "unset_ids", "answer": "empty"}]},
        {"graph": [row("no_such_behavior", 1)]},
        {"source": "https://pbx.contoso.com"},
        {"source": "6f1c0f6e-4c0c-4d4b-9a53-0f4f1c5b7a10"},
        {"graph": [row("unset_ids", "10.0.0.7")]},
    ],
)
def test_what_is_no_record_or_names_somebody_is_refused(tmp_path: Path, changes: Json) -> None:
    path = write(tmp_path, **changes)
    with pytest.raises(records.RecordError, match=path.name):
        records.read_all(tmp_path)


def test_the_records_of_this_repository_agree_with_the_lab() -> None:
    """The contract: `--evidence` reads them all."""
    held = records.read_all()
    found = {each.name: each for each in all_statements() if each.name}
    for record in held:
        for name in record.answers:
            assert found[name].grade in (Grade.DOCUMENTED, Grade.RECORDED)
