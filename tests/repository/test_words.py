# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nothing of the machine or of the making of this project is in the files, and no check is waived silently."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import workspace

ROOT = Path(__file__).resolve().parents[2]
TEXT = [
    path
    for path in workspace.tracked_files(ROOT)
    if path.suffix not in {".png", ".svg", ".gz", ".xlsx"}
    and not (ROOT / path).is_symlink()
    and path.name != Path(__file__).name
]
CODE = [path for path in TEXT if path.suffix == ".py"]
WITH_HEADER = [
    path for path in TEXT if path.suffix in {".py", ".yml", ".yaml", ".toml", ".ini", ".sh", ".in", ".js", ".css"}
]
NO_HEADER_NEEDED = ("changelogs/",)

# Each word is written in two parts, so that this file does not hold what it looks for.
HOSTS = "|".join(("py" + "pi", "python" + "hosted", "npm" + "js", "deb" + "ian"))
ELSEWHERE = {
    "a path of one machine": r"(?<![\w.{}*-])/(?:wo" + r"rk|ro" + r"ot|fa" + r"rm)/",
    "a path of a version manager": r"\.py" + r"env/",
    "a package registry": rf"\b(?:{HOSTS})\.(?:org|com)\b",
    "the number of a ticket": r"(?i)\bissue #?\d+\b",
}
WAIVERS = {
    "an unfinished mark": r"#\s*(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b",
    "a linter waiver": r"#\s*(?:no" + r"qa|type:\s*ign" + r"ore|pylint:\s*dis" + r"able|nos" + r"ec)",
    "unfinished code": r"\braise NotImpl" + r"ementedError",
    "a test that always skips": r"@pytest\.mark\.sk" + r"ip\b",
}
LICENSE = re.compile("SPDX-License-Identifier[:] GPL-3.0-or-later$", re.MULTILINE)
LONGEST_FILE = 600


def hits(pattern: str, files: list[Path]) -> list[str]:
    expression = re.compile(pattern)
    return [
        f"{path}:{number}: {line.strip()[:120]}"
        for path in files
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), start=1)
        if expression.search(line)
    ]


@pytest.mark.parametrize("what", ELSEWHERE)
def test_nothing_of_elsewhere(what: str) -> None:
    found = hits(ELSEWHERE[what], TEXT)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("what", WAIVERS)
def test_nothing_is_waived(what: str) -> None:
    found = hits(WAIVERS[what], CODE)
    assert not found, "\n".join(found)


def test_every_file_says_its_license_at_the_top() -> None:
    silent = [
        str(path)
        for path in WITH_HEADER
        if not str(path).startswith(NO_HEADER_NEEDED)
        and (ROOT / path).stat().st_size
        and not LICENSE.search((ROOT / path).read_text(encoding="utf-8")[:600])
    ]
    assert not silent


def test_annotations_are_not_evaluated() -> None:
    """Python 3.9 reads newer annotations only when it does not evaluate them."""
    late = [
        str(path)
        for path in CODE
        if path.parts[0] == "plugins"
        and path.name != "__init__.py"
        and "from __future__ import annotations\n" not in (ROOT / path).read_text(encoding="utf-8")
    ]
    assert not late


def test_files_are_short_enough_to_read() -> None:
    lengths = {str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in CODE}
    assert not {path: length for path, length in lengths.items() if length > LONGEST_FILE}


def test_no_sanity_check_is_ignored() -> None:
    assert not list((ROOT / "tests" / "sanity").glob("ignore-*"))


def test_locks_hold_hashes_and_no_address() -> None:
    for lock in (ROOT / "tests" / "requirements").glob("*.txt"):
        text = lock.read_text(encoding="utf-8")
        pins = re.findall(r"^\S+==.*$", text, re.MULTILINE)
        assert pins
        assert all(pin.endswith("\\") for pin in pins), lock.name
        assert not [pin for pin in pins if "://" in pin], lock.name
