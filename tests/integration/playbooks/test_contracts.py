# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the playbooks send on six releases is what Microsoft and 3CX have published: every request of a whole life."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.graph import contract as graph
from tcx_lab.pbx import contract as pbx
from tcx_lab.published import NEEDS_GRAPH_DESCRIPTION, NEEDS_XAPI_DESCRIPTION
from tcx_lab.testing import Lab

from .conftest import Controller

RELEASES = {f"v{update}": f"20.0.{update}" for update in range(5, 11)}
FLEET = FleetPlan(
    [TenantPlan("contoso", users=4), TenantPlan("fabrikam", users=3)],
    [PbxPlan(name, "contoso" if name < "v8" else "fabrikam", release) for name, release in RELEASES.items()],
)
EVERY_TAB: dict[str, Any] = {
    "tcx_console_user_sync": {"enabled": True, "scope": "all", "starting_extension": "200", "photo": True},
    "tcx_console_sign_in": {"enabled": True},
    "tcx_console_contact_sync": {"enabled": True},
    "tcx_console_calendar_sync": {"enabled": True},
    "tcx_console_presence": {"enabled": True},
}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """What the collection sent: two rollouts, drift, compliance, repair, a new certificate, the end of a PBX."""
    reports: Path = tmp_path_factory.mktemp("reports")
    with Lab.start(FLEET) as lab:
        controller = Controller(lab, tmp_path_factory.mktemp("home"))
        for _time in ("first", "second"):
            done = controller.rollout(variables=EVERY_TAB)
            assert done.code == 0, done.output
        assert done.changed() == []
        assert sorted(lab.control.drift(["v5", "v10"])) == ["v10", "v5"]
        done, report = controller.compliance(directory=reports, **EVERY_TAB)
        assert report["summary"]["drifted"] == 2, done.output
        assert controller.rollout(variables=EVERY_TAB).changed() == ["v10", "v5"]
        renewed = {**EVERY_TAB, "entra_app_public_key": lab.control.new_key_pair("v9")["public_key"]}
        done = controller.play("tcx.m365.rotate_certificate", "--limit", "v9", variables=renewed)
        assert done.code == 0, done.output
        gone = {"offboard_confirm": True}
        done = controller.play("tcx.m365.offboard", "--limit", "v6", variables=gone)
        assert done.code == 0, done.output
        yield lab.control.log(source="client")


@NEEDS_GRAPH_DESCRIPTION
def test_every_request_to_graph_is_as_microsoft_has_published_it(log: list[dict[str, Any]]) -> None:
    sent = [each for each in log if each["service"] == "graph"]
    assert graph.hold(sent) == len(sent), "nothing that a playbook sends is left out"
    assert len({each["tenant"] for each in sent if each["is_write"]}) == 2
    assert {each["method"] for each in sent} == {"GET", "POST", "PATCH", "DELETE"}


@NEEDS_XAPI_DESCRIPTION
def test_every_request_to_a_pbx_is_as_3cx_has_published_it_for_the_release(log: list[dict[str, Any]]) -> None:
    sent = [each for each in log if each["service"] == "pbx"]
    for name in RELEASES:
        own = [each for each in sent if each["host"] == name and each["path"].startswith("/xapi/")]
        assert {each["method"] for each in own} >= {"GET", "PATCH"}
        assert pbx.hold(own, RELEASES) == len(own)
    others = {each["path"] for each in sent if not each["path"].startswith("/xapi/")}
    assert others == {"/connect/token", "/oauth2office2"}, "signing in, and the probe of the redirect URI"
