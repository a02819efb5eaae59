# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rollout in two slices on two execution nodes that share nothing ends like the same rollout in one piece."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from awx_jobs import Desk, Result, process, start_worker
from fake_controller import FakeController, jobs, syncs
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan, build
from tcx_lab.pbx.state import state_of
from tcx_lab.testing import Lab
from tcx_lab.world import World
from tower_kit import INVENTORY_URL, write_fleet

# In the order of names the slices take turns, so that each tenant has phone systems in both.
PLAN = FleetPlan(
    [TenantPlan("contoso", users=4), TenantPlan("fabrikam", users=3)],
    [
        PbxPlan("aachen", "contoso"),
        PbxPlan("berlin", "contoso", "20.0.8"),
        PbxPlan("calais", "fabrikam", "20.0.9"),
        PbxPlan("dijon", "fabrikam", "20.0.6"),
        PbxPlan("essen", "contoso", "20.0.5"),
        PbxPlan("fulda", "contoso", edition="Professional"),
    ],
    seed=23,
)
SHARED = "3cx-of-the-tenant-"


class Fleet:
    """A lab of its own for one way of rolling out, and jobs for it."""

    def __init__(self, lab: Lab, controller: FakeController, place: Path, *, shared: bool) -> None:
        assert lab.world is not None
        self.lab, self.world = lab, lab.world
        self.place = place
        inventory = copy.deepcopy(lab.inventory)
        common = inventory["tcx"]["vars"]
        common["entra_ca_path"] = common["tcx_ca_path"] = str(lab.ca_path)
        if shared:
            common["entra_app_unique_name"] = SHARED + "{{ entra_tenant_id }}"
        self.store, self.inventory = controller.store, inventory
        self.desk = Desk(controller.store, place)

    def launches(self, template: str, count: int) -> list[jobs.Launch]:
        """What the controller would have carried out, in so many slices."""
        found: list[jobs.Launch] = []

        def keep(launch: jobs.Launch) -> jobs.Ended:
            found.append(launch)
            return jobs.Ended()

        write_fleet(self.store.repositories[INVENTORY_URL], self.inventory)
        item = self.store.one("job_template", template)
        # The credential is in the inventory of the lab: slices are the question here, not how to sign in.
        item.lists["credentials"] = []
        for source in self.store.of("inventory_source"):
            syncs.update_source(self.store, source)
        self.store.runner = keep
        try:
            jobs.launch(self.store, item, {"job_slice_count": count})
        finally:
            self.store.runner = jobs.succeed
        return found

    def in_one_piece(self) -> list[Result]:
        (launch,) = self.launches("3CX rollout", 1)
        return [self.desk.prepare(launch, "whole").run()]

    def in_slices(self, count: int) -> list[Result]:
        """All slices at once: transmit here, worker there, process here."""
        launches = self.launches("3CX rollout", count)
        streams = [self.desk.prepare(each, f"slice-{n}").transmit() for n, each in enumerate(launches)]
        nodes = [start_worker(self.place / f"node-{n}", self.place / f"home-{n}") for n in range(count)]
        for node, stream in zip(nodes, streams, strict=True):
            assert node.stdin is not None
            node.stdin.write(stream)
            node.stdin.close()
            node.stdin = None
        answers = [node.communicate(timeout=300)[0] for node in nodes]
        return [process(self.place / f"answer-{n}", answer) for n, answer in enumerate(answers)]

    def compliance(self, name: str = "compliance", *, code: int | None = None) -> dict[str, int]:
        (launch,) = self.launches("3CX compliance", 1)
        result = self.desk.prepare(launch, name).run()
        assert code is None or result.code == code, result.output
        return result.totals

    def again(self) -> dict[str, int]:
        return self.compliance("compliance-after", code=0)


def end_state(world: World) -> dict[str, Any]:
    """What both sides hold, without what no two labs have in common: ids, ports, dates."""
    assert world.automation is not None
    return {
        "pbxs": {name: _pbx(world, name) for name in world.pbxs},
        "applications": {
            tenant.display_name: {app["uniqueName"]: _application(world, app) for app in tenant.applications.values()}
            for tenant in world.tenants.values()
        },
        "grants": {
            tenant.display_name: sorted(
                (each["principalDisplayName"], _role(tenant.service_principals, each))
                for each in tenant.app_role_assignments.values()
            )
            for tenant in world.tenants.values()
        },
    }


def _pbx(world: World, name: str) -> dict[str, Any]:
    settings = state_of(world, world.pbxs[name]).m365
    tenant = world.find_tenant(settings["TenantId"])
    assert tenant is not None
    linked = [app["uniqueName"] for app in tenant.applications.values() if app["appId"] == settings["ApplicationId"]]
    plain = {key: value for key, value in settings.items() if key not in ("ApplicationId", "ApplicationId@odata.type")}
    return {"application": linked, "settings": repr(sorted(plain.items(), key=lambda pair: pair[0]))}


def _application(world: World, app: dict[str, Any]) -> dict[str, Any]:
    ports = {str(pbx.port): name for name, pbx in world.pbxs.items()}
    return {
        "name": app["displayName"],
        "redirect_uris": sorted(_named(uri, ports) for uri in app["web"]["redirectUris"]),
        "certificates": len(app["keyCredentials"]),
        "id_tokens": app["web"]["implicitGrantSettings"]["enableIdTokenIssuance"],
        "tags": sorted(_named(tag, ports) for tag in app["tags"]),
        "declared": sorted(
            each["id"] for resource in app["requiredResourceAccess"] for each in resource["resourceAccess"]
        ),
    }


def _named(uri: str, ports: dict[str, str]) -> str:
    for port, name in ports.items():
        uri = re.sub(rf":{port}(?=/|$)", f":<{name}>", uri)
    return uri


def _role(principals: dict[str, dict[str, Any]], assignment: dict[str, Any]) -> str:
    resource = principals[assignment["resourceId"]]
    values = {role["id"]: role["value"] for role in resource["appRoles"]}
    return str(values.get(assignment["appRoleId"], assignment["appRoleId"]))


@pytest.fixture(params=[False, True], ids=["an application for each PBX", "an application for each tenant"])
def fleets(request: pytest.FixtureRequest, described: FakeController, tmp_path: Path) -> Iterator[tuple[Fleet, Fleet]]:
    """The same fleet twice: one to be rolled out in one piece, one in slices."""
    with Lab.start(build(PLAN), mode="thread") as one, Lab.start(build(PLAN), mode="thread") as two:
        places = [tmp_path / "whole", tmp_path / "sliced"]
        yield (
            Fleet(one, described, places[0], shared=request.param),
            Fleet(two, described, places[1], shared=request.param),
        )


def test_slices_end_like_the_whole(fleets: tuple[Fleet, Fleet]) -> None:
    whole, sliced = fleets
    (result,) = whole.in_one_piece()
    assert result.code == 0, result.output
    results = sliced.in_slices(2)
    assert [result.code for result in results] == [0, 0], "\n".join(result.output for result in results)
    recaps = [{line.split()[0] for line in result.output.splitlines() if " ok=" in line} for result in results]
    assert recaps == [{"aachen", "calais", "essen"}, {"berlin", "dijon", "fulda"}]
    expected = end_state(whole.world)
    assert all(pbx["application"] for pbx in expected["pbxs"].values())
    assert all(grants for grants in expected["grants"].values())
    assert end_state(sliced.world) == expected
    # The directory of snapshots is the default, which ends with the job: nobody is sent to undo what nothing is left of.
    said = [next(line for line in result.output.splitlines() if "snapshot" in line) for result in results]
    assert all("cannot undo this job" in each and "exposed to jobs" in each for each in said), said
    assert said[0] != said[1], "each slice is a run with an ID of its own"
    assert sliced.again()["compliant"] == len(PLAN.pbxs)
