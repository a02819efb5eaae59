# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the plays run is said in one file; the two plays of a whole fleet hold a copy, because Ansible reads files again."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"


@pytest.mark.parametrize("name", ["rollout", "compliance"])
def test_the_plays_of_a_fleet_say_it_as_the_file_does(name: str) -> None:
    said = yaml.safe_load((PLAYBOOKS / "vars" / "controller.yml").read_text(encoding="utf-8"))
    plays = yaml.safe_load((PLAYBOOKS / f"{name}.yml").read_text(encoding="utf-8"))
    assert [play["vars"] for play in plays] == [said]


@pytest.mark.parametrize("name", ["rollout", "compliance"])
def test_no_file_of_variables_is_read_for_each_pbx_and_task(name: str) -> None:
    """The variable manager of ansible-core loads ``vars_files`` in each ``get_vars``, without a cache."""
    plays = yaml.safe_load((PLAYBOOKS / f"{name}.yml").read_text(encoding="utf-8"))
    assert not [play for play in plays if "vars_files" in play]
