# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab for the tests of the Entra side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.tests.integration.entra.bench import Bench, Customer, Front


@pytest.fixture(scope="module")
def lab() -> Iterator[Bench]:
    """One lab for the tests of a file."""
    with Bench.start() as bench:
        yield bench


@pytest.fixture
def bench(lab: Bench) -> Iterator[Bench]:
    """The lab without trouble. What a test sent is held against Graph's description."""
    lab.reset()
    yield lab
    lab.hold_against_the_contract()


@pytest.fixture
def customer(bench: Bench) -> Customer:
    """A fresh tenant."""
    return bench.customer()


@pytest.fixture(params=[True, False], ids=["action", "module"])
def front(request: pytest.FixtureRequest, tmp_path: Path) -> Front:
    """Both ways in which Ansible runs a task."""
    return Front(request.param, tmp_path)
