# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rollout works on two PBXs at a time, and two wait for something: the others are done before them. That the two go on is
what the others bring about, so whoever kept a place would be waited for in vain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet import sweep as sweeping
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.table import OPERATIONS
from ansible_collections.tcx.m365.tests.in_process import Run
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.testing import Lab

Json = dict[str, Any]

WAITING = ["berlin", "lyon"]
OTHERS = ["munich", "oslo", "rome", "vienna", "zurich"]
NAMES = [*WAITING, *OTHERS]
PATIENCE_S = 60

TROUBLE: dict[str, Json] = {
    "a fact that replicas do not know yet": {
        "action": "stale",
        "seconds": 3600,
        "service": "graph",
        "method": "GET",
    },
    "a tenant that throttles": {"action": "throttle", "seconds": 1, "service": "graph", "method": "PATCH"},
    "a sign-in that is throttled": {"action": "throttle", "seconds": 1, "service": "login", "path": "/token"},
    "a PBX that is not healthy yet": {
        "action": "status",
        "status": 200,
        "body": {"ApplicationId": "", "ExceptionMessage": "AADSTS700016: Application was not found in the directory"},
        "service": "pbx",
        "path": "GetMicrosoft365Directory",
    },
    "a PBX in maintenance": {"action": "status", "status": 503, "headers": {"Retry-After": "3"}, "service": "pbx"},
}
"""What one waits for; the rule of the lab, with what it matches."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    plan = FleetPlan([TenantPlan(name, users=1) for name in NAMES], [PbxPlan(name, name) for name in NAMES])
    with Lab.start(plan, mode="thread") as running:
        yield running


def _strike(lab: Lab, trouble: Json) -> None:
    hosts = lab.inventory["tcx"]["hosts"]
    match = {name: trouble[name] for name in ("service", "method", "path") if name in trouble}
    rule = {name: value for name, value in trouble.items() if name not in match}
    for host in WAITING:
        whose = {"host": host} if trouble["service"] == "pbx" else {"tenant": hosts[host]["entra_tenant_id"]}
        lab.control.add_trouble(match={**match, **whose}, times=0, **rule)


@pytest.mark.parametrize("waits_for", TROUBLE)
def test_a_pbx_that_waits_keeps_no_place_that_another_could_use(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits_for: str
) -> None:
    monkeypatch.setattr(sweeping, "SLOW_S", 10 * PATIENCE_S)  # so that nobody gets a place because time has passed
    lab.control.reset()
    _strike(lab, TROUBLE[waits_for])
    options = {"entra_deadline": PATIENCE_S, "tcx_deadline": PATIENCE_S, "tcx_console_wait_timeout": PATIENCE_S}
    run = Run.begin(lab.inventory, NAMES, tmp_path / "run", **options)
    fleet = run.fleet("rollout")
    done: dict[str, Json] = {}

    def work(host: str, say: sweeping.Say) -> Json:
        return fleet.work(host, say, list(OPERATIONS["rollout"]), connection="local")

    for host, entry in sweeping.sweep(NAMES, work, threads=2, processes=1):
        done[host] = entry["result"]
        if set(OTHERS) <= set(done):
            lab.control.clear_trouble()
    assert {host: result["msg"] for host, result in done.items() if result.get("failed")} == {}
    assert list(done)[-2:] in (WAITING, WAITING[::-1]), list(done)
    assert all(result["changed"] for result in done.values())
    struck = Counter(each["host"] or each["tenant"] for each in lab.control.log(source="client") if each["trouble"])
    assert len(struck) == 2, struck
