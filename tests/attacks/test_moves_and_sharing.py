# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A working PBX is not moved, and what several PBXs share is nobody's alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from ansible_collections.tcx.m365.tests.attacks.conftest import GUIDE, Scene
from tcx_lab.graph import seed
from tcx_lab.hostile import Intruder
from tcx_lab.pbx import patch_pbx

SHARED: dict[str, Any] = {"entra_app_unique_name": "3cx-shared"}


def test_a_wrong_tenant(scene: Scene) -> None:
    assert scene.rollout("pbx0").code == 0
    scene.inventory("pbx0", entra_tenant_id=scene.tenant("bolt").id)
    before = scene.frozen()
    assert scene.rollout("pbx0").failed() == ["pbx0"]
    assert scene.frozen() == before
    assert scene.works("pbx0")
    moved = scene.rollout("pbx0", entra_app_move_tenant=True)
    assert scene.named("3cx-pbx0", "bolt") is not None, moved.output
    assert scene.tenant("acme").id in moved.output, "what stays behind is told"


def test_an_application_of_another_tenant(scene: Scene) -> None:
    """Only its service principal is in the customer's tenant."""
    home = scene.tenant("bolt")
    foreign = seed.create_application(scene.world, home, "3CX of a partner", signInAudience="AzureADMultipleOrgs")
    principal = seed.ensure_service_principal(scene.world, scene.tenant("acme"), foreign, home)
    seed.grant_app_roles(scene.world, scene.tenant("acme"), principal["id"], GUIDE)
    scene.inventory("pbx0", entra_app_public_key=None)
    scene.point("pbx0", foreign["appId"])
    before = scene.frozen()
    for variables in ({}, {"entra_app_mode": "adopt"}, {"entra_app_app_id": foreign["appId"]}):
        assert scene.rollout("pbx0", **variables).failed() == ["pbx0"]
        assert scene.frozen() == before
    created = scene.rollout("pbx0", entra_app_mode="create", tcx_console_wait=False, sso_verify_enabled=False)
    assert scene.named("3cx-pbx0") is not None, created.output


def test_a_pointer_that_leads_nowhere_is_replaced(scene: Scene) -> None:
    patch_pbx(
        scene.world,
        scene.pbx("pbx0"),
        {"ApplicationId": "11111111-2222-4333-8444-555555555555", "TenantId": scene.tenant("acme").id},
    )
    done = scene.rollout("pbx0")
    assert done.code == 0, done.output
    assert scene.works("pbx0")


def test_rotation_leaves_the_certificate_of_a_neighbor(scene: Scene) -> None:
    assert scene.rollout("pbx0", "pbx1", **SHARED).code == 0
    old, neighbor = scene.thumbprint("pbx0"), scene.thumbprint("pbx1")
    new = scene.controller.lab.control.new_key_pair("pbx0")  # made now: no certificate begins in the future
    scene.controller.lab.control.advance_clock(86400)
    rotated = {**SHARED, "entra_app_public_key": new["public_key"]}
    first = scene.play("rotate_certificate", "pbx0", **rotated)
    assert first.code == 0, first.output
    scene.controller.lab.control.advance_clock(15 * 86400)
    done = scene.play("rotate_certificate", "pbx0", **rotated)
    assert done.code == 0, done.output
    application = scene.named("3cx-shared")
    assert application is not None
    left = {each["customKeyIdentifier"] for each in application["keyCredentials"]}
    assert left == {new["thumbprint"], neighbor}
    assert old not in left


def test_a_certificate_named_like_a_neighbors_former_one_is_told(scene: Scene, tmp_path: Path) -> None:
    """Whoever names a certificate chooses the day in its name as well, so no overlap of a neighbor's rotation vouches for it."""
    assert scene.rollout("pbx0", "pbx1", **SHARED).code == 0
    for host in ("pbx0", "pbx1"):
        scene.inventory(host, **SHARED)
    application = scene.named("3cx-shared")
    assert application is not None
    eve = Intruder(scene.world, scene.tenant("acme"))
    eve.become_owner(application)
    label = scene.controller.lab.inventory["tcx"]["hosts"]["pbx1"]["tcx_url"].removeprefix("https://")
    name = f"tcx.m365 {scene.world.clock.now() - timedelta(days=1):%Y-%m-%d} {label}"
    hers = eve.add_certificate(application, displayName=name)
    eve.leave(application)
    _done, report = scene.controller.compliance("--limit", "pbx0,pbx1", directory=tmp_path)
    entries = {entry["host"]: entry for entry in report["hosts"]}
    assert entries["pbx0"]["verdict"] == "attention"
    assert hers in str(entries["pbx0"]["attention"])


def test_the_last_one_out_deletes_a_shared_application(scene: Scene) -> None:
    assert scene.rollout("pbx0", "pbx1", **SHARED).code == 0
    first = scene.play("offboard", "pbx0", offboard_confirm=True, offboard_purge=True, **SHARED)
    assert first.code == 0, first.output
    application = scene.named("3cx-shared")
    assert application is not None
    assert scene.works("pbx1")
    assert not scene.can_sign_in("pbx0", application)
    assert f":{scene.pbx('pbx0').https_port}/" not in str(application["web"])
    last = scene.play("offboard", "pbx1", offboard_confirm=True, **SHARED)
    assert last.code == 0, last.output
    assert scene.named("3cx-shared") is None


def test_a_shared_application_of_an_earlier_release(scene: Scene) -> None:
    """Marks that do not say whose they are: nothing of a neighbor's is taken for one's own."""
    assert scene.rollout("pbx0", "pbx1", **SHARED).code == 0
    application = scene.named("3cx-shared")
    assert application is not None
    for entry in application["keyCredentials"]:
        entry["displayName"] = " ".join(entry["displayName"].split()[:2])
    application["tags"] = ["tcx.m365"]
    done = scene.play("offboard", "pbx0", offboard_confirm=True, **SHARED)
    assert done.code == 0, done.output
    assert scene.named("3cx-shared") is not None
    assert scene.works("pbx1")


def test_the_automation_by_the_inventory(scene: Scene) -> None:
    automation = scene.world.automation
    assert automation is not None
    before = scene.frozen()
    for playbook, more in (("rollout", {}), ("offboard", {"offboard_confirm": True, "entra_app_force": True})):
        done = scene.play(
            playbook, "pbx0", entra_app_app_id=automation.app_id, entra_tenant_id=automation.home_tenant_id, **more
        )
        assert done.failed() == ["pbx0"], done.output
        assert scene.frozen() == before


def test_neighbors_in_an_application_of_somebody_else_know_each_other(scene: Scene, tmp_path: Path) -> None:
    """The automation did not register it, so that the inventory alone says whose certificates are in it."""
    made = scene.wizard("pbx0")
    for host in ("pbx0", "pbx1"):
        scene.inventory(host, entra_app_app_id=made["appId"])
    done = scene.rollout("pbx0", "pbx1")
    assert done.code == 0, done.output
    keys = {scene.thumbprint("pbx0"), scene.thumbprint("pbx1")}
    for host in ("pbx0", "pbx1"):
        _done, report = scene.controller.compliance("--limit", host, directory=tmp_path / host)
        (entry,) = report["hosts"]
        found = {each["name"]: each["owner"] for each in entry["credentials"]}
        assert set(found) == keys
        assert found[scene.thumbprint(host)] == "this_pbx"
        assert "foreign" not in found.values(), entry
