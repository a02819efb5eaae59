# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every position of every switch of the lab under a rollout, a second one and a compliance check.

The cases come from the table of switches itself, so a new switch is tried without anybody remembering it; one without a list
of positions needs its values in `VALUES`, or the first test here fails.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.integration.flows.conftest import Flow
from tcx_lab.evidence import Switches

WANTED: dict[str, Any] = {
    "tcx_console_user_sync": {"enabled": True, "scope": "all", "photo": True, "starting_extension": "200"},
    "tcx_console_contact_sync": {"enabled": True},
    "tcx_console_wait_timeout": 10,
    "entra_deadline": 120,
}

VALUES: dict[str, list[Any]] = {
    "replication_lag": [0.3],
    "replication_reads": [2],
    "throttle_resource_units": [60],
    "throttle_writes": [40],
    "default_page_size": [1],
    "token_lifetime": [60],
    "conditional_access_blocks": ["*"],
    "block_after": [1],
    "page_limit": [1],
    "second_factor_status": ["SecondFactorRequired"],
    "sync_polls": [2],
    "sync_interval": [0.1],
    "sync_delay": [5.0],
}
"""Other values than the default, of switches that take any."""

REFUSED = {
    ("conditional_access_blocks", "*"): "AADSTS53003",
}
"""Where a rollout cannot succeed: what its message says."""

FIELDS = {each.name: each for each in dataclasses.fields(Switches)}


def _positions() -> list[tuple[str, Any]]:
    """Every position but the default, which all other tests have."""
    return [
        (name, position)
        for name, each in FIELDS.items()
        for position in each.metadata["choices"] or VALUES.get(name, ())
        if position != each.default
    ]


def test_every_switch_is_tried() -> None:
    tried = {name for name, _position in _positions()}
    assert tried == set(FIELDS)
    assert all(VALUES[name] != [FIELDS[name].default] for name in VALUES)


def test_with_the_defaults(berlin: Flow) -> None:
    _works(berlin)
    _comes_back(berlin)


@pytest.mark.parametrize(("name", "position"), _positions(), ids=str)
def test_a_rollout_is_right_in_each_position(berlin: Flow, name: str, position: Any) -> None:
    berlin.world.switches.update({name: position})
    if position == "refuse_second":
        _one_token_an_hour(berlin)
        return
    said = REFUSED.get((name, position))
    if said is None:
        _works(berlin)
        _comes_back(berlin)
        return
    result = berlin.rollout(**WANTED)
    assert result["failed"]
    assert said in result["msg"]
    assert result["error"]["remedy"]
    assert berlin.compliance(**WANTED).verdict in ("failed", "broken")


def _works(flow: Flow) -> None:
    """A rollout that succeeds, one that has nothing left to do, and a check that finds nothing."""
    done = flow.rollout(**WANTED)
    assert not done.get("failed"), done["msg"]
    assert done["changed"]
    flow.clear_log()
    again = flow.rollout(**WANTED)
    assert not again.get("failed"), again["msg"]
    assert (again["changed"], again["changes"], flow.writes()) == (False, [], [])
    found = flow.compliance(**WANTED)
    assert found.verdict in ("compliant", "attention"), found.reasons
    assert flow.writes() == []


def _comes_back(flow: Flow) -> None:
    """Somebody deletes the application: the rollout brings it back as it was, or names what it may not do."""
    tenant = flow.world.tenants[flow.world.pbxs[flow.host].tenant_id]
    ours = next(each for each in tenant.applications.values() if each["uniqueName"] == f"3cx-{flow.host}")
    flow.lab.control.delete_object(tenant.id, "applications", ours["id"])
    assert flow.verdict_after_a_while(**WANTED) in ("drifted", "broken")
    done = flow.rollout(**WANTED)
    if flow.world.switches.restore_needs_directory_role:
        assert done["error"]["kind"] == "forbidden", done["msg"]
        assert done["error"]["remedy"]
        return
    if done.get("failed") and flow.world.switches.replication_reads:
        # Grants that replicas still show are taken for granted; the proof notices, and the next run repairs it.
        assert done["error"]["kind"] == "unhealthy", done["msg"]
        done = flow.rollout(**WANTED)
    assert not done.get("failed"), done["msg"]
    assert ours["id"] in tenant.applications
    again = flow.rollout(**WANTED)
    assert (again.get("failed"), again["changed"]) == (None, False), again["msg"] if again.get("failed") else again


def _one_token_an_hour(flow: Flow) -> None:
    """A PBX that gives no second token: the run within the hour is refused with the reason, the one after it works."""
    done = flow.rollout(**WANTED)
    assert not done.get("failed"), done["msg"]
    again = flow.rollout(**WANTED)
    assert again["error"]["kind"] == "conflict"
    assert "within the last hour" in again["msg"]
    flow.lab.control.advance_clock(3601)
    assert not flow.rollout(**WANTED).get("failed")
