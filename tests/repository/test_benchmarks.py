# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of benchmarks says what was measured and kept, and compares nothing that was measured on different days."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
BENCH = REPOSITORY / "tests" / "bench"


@pytest.fixture
def document(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [str(BENCH), *sys.path])
    return __import__("document")


def _results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((BENCH / "results.json").read_text(encoding="utf-8"))
    return found


def test_the_page_is_what_follows_from_the_figures(document: Any, tmp_path: Path) -> None:
    document.write(_results(), tmp_path / "benchmarks.md", tmp_path / "growth.svg")
    for name, place in (("benchmarks.md", "docs"), ("growth.svg", "docs/images")):
        written = (tmp_path / name).read_text(encoding="utf-8")
        assert written == (REPOSITORY / place / name).read_text(encoding="utf-8"), "run.py --write"


def test_figures_of_different_days_are_not_compared(document: Any) -> None:
    series = _results()["series"]
    rows = [row[0] for row in document.budgets.rows(document.Figures(series))]
    compared = "compliance run of 1,000 PBXs beside the bare client, time"
    assert compared in rows
    for run in series["bare client/1000"]:
        run["date"] = "2000-01-01"
    figures = document.Figures(series)
    assert compared not in [row[0] for row in document.budgets.rows(figures)]
    assert "1,000 PBXs beside a bare asynchronous client" not in document.ratios(figures)
