# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Releases of 3CX, and 3CX's own API description of each."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._pbx.conftest import RELEASES
from tcx_lab.pbx.contract import Contract


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """Each published release."""
    return str(request.param)


@pytest.fixture
def contract(release: str) -> Any:
    """3CX's API description of that release."""
    found = Contract.load(release)
    assert found is not None
    return found
