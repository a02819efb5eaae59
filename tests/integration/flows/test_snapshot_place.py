# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A directory that cannot keep what a run changes: check mode says it, and makes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Flow


def _file(home: Path) -> Path:
    (home / "kept").write_text("not a directory")
    return home / "kept"


def _below_a_file(home: Path) -> Path:
    return _file(home) / "a" / "b"


def _dangling(home: Path) -> Path:
    (home / "link").symlink_to(home / "nowhere")
    return home / "link"


def _of_everybody(home: Path) -> Path:
    (home / "open").mkdir()
    (home / "open").chmod(0o777)
    return home / "open"


@pytest.mark.parametrize("place", [_file, _below_a_file, _dangling, _of_everybody])
def test_an_unusable_directory_is_told_by_check_mode(berlin: Flow, home: Path, place: Callable[[Path], Path]) -> None:
    path = str(place(home))
    done = berlin.rollout(snapshot_dir=path)
    predicted = berlin.run("rollout", check=True, snapshot_dir=path)
    for result in (done, predicted):
        assert result.get("failed")
        assert result["msg"] == done["msg"]
        assert result["error"] == done["error"]
        assert (result["changed"], result["changes"]) == (False, [])
    assert f"Could not keep what this run changes ({path}" in done["msg"]
    assert "snapshot_dir" in done["error"]["remedy"]
    assert berlin.writes() == []


def test_a_directory_without_rights_is_told_by_check_mode(
    berlin: Flow, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for whoever is not root."""
    may = os.access

    def access(path: str, mode: int) -> bool:
        return str(path) != str(home) and may(path, mode)

    monkeypatch.setattr(os, "access", access)
    result = berlin.run("rollout", check=True, snapshot_dir=str(home / "new"))
    assert result.get("failed")
    assert "Permission denied" in result["msg"]
    assert berlin.run("rollout", check=True, snapshot_dir=str(home / "new")).get("failed")
    assert not (home / "new").exists()


def test_the_directory_is_what_is_told_where_settings_are_the_first_write(berlin: Flow, home: Path) -> None:
    assert not berlin.rollout().get("failed")
    berlin.clear_log()
    drifted = {"tcx_console_user_sync": {"photo": True}, "snapshot_dir": str(_file(home))}
    predicted = berlin.run("rollout", check=True, **drifted)
    done = berlin.rollout(**drifted)
    assert (done["msg"], done["error"]) == (predicted["msg"], predicted["error"])
    assert "Could not keep what this run changes" in done["msg"]
    assert berlin.writes() == []


def test_nothing_to_keep_needs_no_directory(berlin: Flow, home: Path) -> None:
    assert not berlin.rollout().get("failed")
    path = str(_file(home))
    for check in (True, False):
        assert not berlin.run("rollout", check=check, snapshot_dir=path).get("failed")
    assert berlin.compliance(snapshot_dir=path).verdict in ("compliant", "attention")
