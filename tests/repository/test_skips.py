# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is not looked at says why: a comment above each skip, and no waiver of a check anywhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
HERE = Path(__file__).name
SKIP = re.compile(r"\bpytest\.(?:mark\.)?(?:skip|skipif|importorskip|xfail)\(")
WAIVER = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma:\s*no cover|pylint:\s*disable|nosec)", re.IGNORECASE)
FILES = sorted(
    path for folder in ("plugins", "tests", "tools", "extensions") for path in (REPOSITORY / folder).rglob("*.py")
)


def without_reason(text: str) -> list[str]:
    """The lines that skip something, with no comment right above."""
    lines = text.splitlines()
    pairs = zip(["", *lines], lines, strict=False)
    return [line.strip() for above, line in pairs if SKIP.search(line) and not above.lstrip().startswith("#")]


def test_each_skip_has_a_comment_above() -> None:
    unexplained = {path.name: without_reason(path.read_text(encoding="utf-8")) for path in FILES if path.name != HERE}
    assert {name: lines for name, lines in unexplained.items() if lines} == {}


def test_no_check_is_waived() -> None:
    waived = [path.name for path in FILES if path.name != HERE and WAIVER.search(path.read_text(encoding="utf-8"))]
    assert waived == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("    pytest.skip('no Java')", ["pytest.skip('no Java')"]),
        ("    # Nothing of ours installs Java.\n    pytest.skip('no Java')", []),
        ("@pytest.mark.skipif(True, reason='later')", ["@pytest.mark.skipif(True, reason='later')"]),
    ],
)
def test_a_skip_without_a_comment_is_found(text: str, found: list[str]) -> None:
    assert without_reason(text) == found
