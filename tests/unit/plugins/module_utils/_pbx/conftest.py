# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the 3CX side share: each published release."""

from __future__ import annotations

import pytest

RELEASES = ("20.0.5", "20.0.6", "20.0.7", "20.0.8", "20.0.9", "20.0.10")


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """Each published release."""
    return str(request.param)
