# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The suite of faults goes on where it was stopped, and begins anew when what it tries has changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tcx.m365.tests.faults import run
from ansible_collections.tcx.m365.tests.faults.ground import SHARED, ground
from ansible_collections.tcx.m365.tests.faults.states import state_of_everything


def test_what_an_interrupted_suite_has_done_is_known_less_a_line_that_was_cut_off(tmp_path: Path) -> None:
    first = run.line_of("capture:3:429:once", "healed", [], "")
    second = run.line_of("rotation:4:kill -9:command", "corrupted", ["two\nlines", "and\ttabs"], "said")
    (tmp_path / "0-1.tsv").write_text(first)
    (tmp_path / "1-1.tsv").write_text(second + "capture:4:429:once\thealed\t\t")
    assert run.rows_of(tmp_path) == {
        "capture:3:429:once": ("429", "capture", "healed"),
        "rotation:4:kill -9:command": ("kill -9", "rotation", "corrupted"),
    }


@pytest.mark.parametrize(
    ("name", "anew"),
    [("plugins/lookup/x.py", True), ("tests/lab/tcx_lab/x.py", True), ("docs/x.md", False), ("plugins/x.pyc", True)],
)
def test_it_begins_anew_when_its_sources_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, anew: bool
) -> None:
    monkeypatch.setattr(run, "REPOSITORY", tmp_path)
    before = run.kept_in()
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text("changed")
    assert (run.kept_in() != before) is anew
    cached = tmp_path / "plugins" / "__pycache__" / "x.pyc"
    cached.parent.mkdir(parents=True)
    with_it = run.kept_in()
    cached.write_text("changed")
    assert run.kept_in() == with_it


def test_two_states_are_one_by_what_is_in_them_and_not_by_when(tmp_path: Path) -> None:
    """A rollout twice from one beginning, with other ids and at another time; and one that came to something else."""
    with ground(tmp_path) as made:
        begin = made.freeze()
        states = []
        for seed, variables in ((1, {}), (2, {}), (3, {"tcx_console_sign_in": {"enabled": False}})):
            made.restore(begin)
            made.world.rng.seed(seed)
            made.world.clock.advance(3.0 * seed)
            for path in sorted((made.directory / "snapshots").rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            assert not made.run("rollout", **variables).target.get("failed")
            states.append(state_of_everything(made))
        assert states[0] == states[1] != states[2]
        assert "applications" not in SHARED
