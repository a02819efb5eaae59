# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of docs/security.md: each attack has a test that exists, in a table that can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.tests.attacks.test_every_door import TRAPS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
HEADS = {"Attack", "Attack or mishap", "Asset"}


def _tables() -> list[list[list[str]]]:
    """The tables of the page: rows of cells, the head first."""
    tables: list[list[list[str]]] = []
    row_before = False
    for line in PAGE.splitlines():
        is_row = line.startswith("|")
        if is_row:
            if not row_before:
                tables.append([])
            tables[-1].append([cell.strip() for cell in line.strip("|").split(" | ")])
        row_before = is_row
    return tables


ATTACKS = [row for table in _tables() if table[0][0] != "Asset" for row in table[2:]]


@pytest.fixture(scope="module")
def defined() -> set[str]:
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        found.update(re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
    return found


def test_every_row_has_the_cells_of_its_head() -> None:
    tables = _tables()
    assert {table[0][0] for table in tables} == HEADS
    for table in tables:
        for row in table[2:]:
            assert len(row) == len(table[0]), row[0]


@pytest.mark.parametrize("row", ATTACKS, ids=lambda row: row[0][:60])
def test_every_attack_names_tests_that_exist(row: list[str], defined: set[str]) -> None:
    named = re.findall(r"`([^`]+)`", row[-1])
    assert named
    for each in named:
        assert each in defined or (ROOT / each).is_file(), each


def test_the_page_counts_the_traps_and_names_no_other_test_that_is_missing(defined: set[str]) -> None:
    assert f"tries each of {len(TRAPS)} traps" in PAGE
    assert {each for each in re.findall(r"`(test_\w+)`", PAGE) if each not in defined} == set()
