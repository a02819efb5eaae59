# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the controller are whole, private, and where they were asked for; nothing else is left behind."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils import _files


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_file_is_replaced_with_its_mode_and_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere, path = tmp_path / "elsewhere", tmp_path / "file"
    elsewhere.write_text("theirs")
    path.symlink_to(elsewhere)
    _files.replace(str(path), b"ours", durable=True)
    assert (path.read_bytes(), path.is_symlink(), mode(path)) == (b"ours", False, 0o600)
    assert elsewhere.read_text() == "theirs"
    _files.replace(str(path), b"for the group", 0o640)
    assert (path.read_bytes(), mode(path)) == (b"for the group", 0o640)


def test_what_cannot_take_its_place_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    (path / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        _files.replace(str(path), b"ours")
    assert list(tmp_path.iterdir()) == [path]


def test_directories_above_have_the_mode_too(tmp_path: Path) -> None:
    below = tmp_path / "one" / "two"
    for _again in range(2):
        _files.make_directory(str(below), 0o750)
    assert (mode(below), mode(below.parent)) == (0o750, 0o750)


def test_a_file_that_others_can_read_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert _files.content_of(str(path), 0o600) is None
    _files.replace(str(path), b"ours")
    assert _files.content_of(str(path), 0o600) == b"ours"
    path.chmod(0o640)
    assert _files.content_of(str(path), 0o600) is None
    assert _files.content_of(str(path), 0o640) == b"ours"
    link = tmp_path / "link"
    link.symlink_to(path)
    assert _files.content_of(str(link), 0o640) is None
