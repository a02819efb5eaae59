# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A world that is made once for a file, and set back for each of its tests."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.faults.ground import Ground


@pytest.fixture
def made(whole: tuple[Ground, dict[str, Any]]) -> Ground:
    """The world as the `whole` of the file has it, and no snapshot."""
    found, start = whole
    found.restore(start)
    shutil.rmtree(found.directory / "snapshots", ignore_errors=True)
    return found
