# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rollout keeps connections to its PBXs open, and never so many that no file is left for anything else."""

from __future__ import annotations

import resource

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet import fleet


@pytest.mark.parametrize(
    ("files", "kept"), [(resource.RLIM_INFINITY, 256), (1_048_576, 256), (1024, 256), (256, 64), (3, 1)]
)
def test_a_quarter_of_the_files_of_a_process_is_kept_for_connections(
    monkeypatch: pytest.MonkeyPatch, files: int, kept: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (files, files))
    assert fleet._kept_open() == kept
