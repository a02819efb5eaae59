# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet for the tests of the 3CX side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.tests.integration.pbx.fleet import Bench, Front


@pytest.fixture(scope="module")
def fleet() -> Iterator[Bench]:
    """One lab for the tests of a file."""
    with Bench.start() as bench:
        yield bench


@pytest.fixture
def bench(fleet: Bench) -> Iterator[Bench]:
    """The fleet as it is before anybody has touched it. What a test sent is held against 3CX's API descriptions."""
    fleet.reset()
    yield fleet
    fleet.hold_against_the_contract()


@pytest.fixture(params=[True, False], ids=["action", "module"])
def front(request: pytest.FixtureRequest, bench: Bench, tmp_path: Path) -> Front:
    """Both ways in which Ansible runs a task."""
    return Front(request.param, tmp_path, bench=bench)
