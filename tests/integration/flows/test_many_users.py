# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PBX with 2,000 users, which are compared with those of its tenant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.testing import Lab

from .conftest import Flow

USERS = 2000
PAGES = USERS // 100 + 1


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    plan = FleetPlan([TenantPlan("contoso", users=USERS)], [PbxPlan("berlin", "contoso")])
    with Lab.start(plan, mode="thread") as running:
        yield running


def _give_extensions(flow: Flow) -> None:
    users = flow.lab.control.objects(flow.variables()["entra_tenant_id"], "users")
    extensions = [
        {"Number": str(2000 + number), "EmailAddress": user["userPrincipalName"], "Tags": ["MS"]}
        for number, user in enumerate(users)
    ]
    flow.lab.control.patch_pbx(flow.host, number_length=4, max_user_extensions=USERS + 100, users=extensions)


def _together(entries: list[Any]) -> int:
    """How many of these requests were under way at the most."""
    moments: Counter[datetime] = Counter()
    for entry in entries:
        began = datetime.fromisoformat(entry.at)
        moments[began] += 1
        moments[began + timedelta(milliseconds=entry.duration_ms)] -= 1
    under_way = most = 0
    for moment in sorted(moments):
        under_way += moments[moment]
        most = max(most, under_way)
    return most


def test_the_users_of_a_large_pbx_are_read_in_pages_side_by_side(berlin: Flow) -> None:
    """Four at the most, because the PBX has telephones to serve; nobody is missing, and nobody is asked for twice."""
    assert not berlin.rollout().get("failed")
    _give_extensions(berlin)
    berlin.lab.control.add_trouble(
        "delay", match={"service": "pbx", "method": "GET", "path": "/xapi/v1/Users$"}, seconds=0.5, times=0
    )
    berlin.clear_log()
    caller = berlin.caller("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "User.Read.All")
    entry = berlin.compliance(sso_verify_people=True, **caller)
    assert entry.attention == ["Extensions of users without a Microsoft 365 account: 100 admin@berlin.example."]
    pages = [each for each in berlin.requests("pbx") if each.path == "/xapi/v1/Users"]
    skipped = sorted(int(each.query.partition("skip=")[2].partition("&")[0]) for each in pages)
    assert skipped[:PAGES] == [100 * page for page in range(PAGES)]
    assert len(pages) <= PAGES + 3, "at most what stands behind the last page of a wave"
    assert _together(pages) == 4
    graph = [each for each in berlin.requests("graph") if each.path.startswith("/v1.0/users") and each.batch is None]
    assert len(graph) == USERS // 999 + 1
