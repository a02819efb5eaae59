# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab for the tests of the Entra side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.tests.integration.entra.customers import Bench, Customer, Front
from tcx_lab.world import README_PERMISSIONS


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
def customer(request: pytest.FixtureRequest, bench: Bench) -> Customer:
    """A fresh tenant. The automation holds what the README asks for every rollout, and what the test is marked with:
    `rights(...)` adds to it, `rights(..., only=True)` is all that it holds."""
    marker = request.node.get_closest_marker("rights")
    if marker is None:
        return bench.customer()
    return bench.customer(marker.args if marker.kwargs.get("only") else (*README_PERMISSIONS, *marker.args))


@pytest.fixture(params=[True, False], ids=["action", "module"])
def front(request: pytest.FixtureRequest, tmp_path: Path) -> Front:
    """Both ways in which Ansible runs a task."""
    return Front(request.param, tmp_path)
