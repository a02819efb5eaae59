# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measures a night at a controller: compliance, a first rollout in one piece or in slices, compliance again.

Usage: PYTHONPATH=tests/tower:tests/lab:tools .venv-tower/bin/python tests/tower/measure_slices.py [PBXS] [SLICES]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import package_parts
from fake_controller import FakeController
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan, build
from tcx_lab.testing import Lab
from test_slices import Fleet, end_state
from tower_kit import INVENTORY_URL, PLAYBOOKS_URL, Setup, make_project, write_fleet

PBXS_OF_A_TENANT = 5


def plan(count: int) -> FleetPlan:
    tenants = [TenantPlan(f"tenant-{n:04}", users=2) for n in range(max(1, count // PBXS_OF_A_TENANT))]
    pbxs = [PbxPlan(f"pbx-{n:04}", f"tenant-{n % len(tenants):04}") for n in range(count)]
    return FleetPlan(tenants, pbxs, seed=7)


def measured(lab: Lab, work: Callable[[], Any]) -> tuple[float, int, Any]:
    """Seconds, calls to Entra, Graph and PBXs, and what came of it."""
    lab.control.clear_log()
    start = time.monotonic()
    result = work()
    return time.monotonic() - start, len(lab.control.log(source="client")), result


def night(fleet: Fleet, slices: int) -> dict[str, tuple[float, int]]:
    rollout = fleet.in_one_piece if slices == 1 else lambda: fleet.in_slices(slices)
    found = {}
    for name, work in (("compliance", fleet.compliance), ("rollout", rollout), ("compliance after", fleet.again)):
        seconds, calls, result = measured(fleet.lab, work)
        found[name] = (seconds, calls)
        if name == "rollout":
            assert [each.code for each in result] == [0] * slices, result[0].output[-3000:]
    return found


def main(count: int, slices: int) -> None:
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_fleet(place / "inventory", {"tcx": {"hosts": {}}})
        repositories = {PLAYBOOKS_URL: make_project(place / "project"), INVENTORY_URL: place / "inventory"}
        controller = stack.enter_context(FakeController.start(repositories))
        (place / "home").mkdir()
        outcome = Setup(controller, place / "home", package_parts.ensure("awx")).run()
        assert outcome.code == 0, outcome.output
        nights, states = {}, []
        for parts in (1, slices):
            lab = stack.enter_context(Lab.start(build(plan(count)), mode="thread"))
            (place / f"jobs-{parts}").mkdir()
            fleet = Fleet(lab, controller, place / f"jobs-{parts}", shared=False)
            nights[parts] = night(fleet, parts)
            states.append(end_state(fleet.world))
        for name in nights[1]:
            (whole, calls), (sliced, more) = nights[1][name], nights[slices][name]
            times = f"time {sliced / whole:.2f} ({whole:.0f} s, {sliced:.0f} s)"
            sys.stdout.write(f"{name:17} {calls:6} calls {more:6} in slices, {times}\n")
        sys.stdout.write(f"the same end: {states[0] == states[1]}\n")
        for part in states[0]:
            for name in states[0][part]:
                if states[0][part][name] != states[1][part].get(name):
                    sys.stdout.write(f"{part} {name}: {states[0][part][name]} and {states[1][part].get(name)}\n")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:] or (200, 4)))
