# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was deleted and comes back: it shows who holds it only after it is restored, and then nothing more is done with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.attacks.conftest import GUIDE, Scene
from ansible_collections.tcx.m365.tests.in_process import Run
from tcx_lab import hostile
from tcx_lab.graph import backdoor, seed
from tcx_lab.hostile import Intruder
from tcx_lab.pbx import state_of

MARK = "tcx.m365"


def _run(scene: Scene, directory: Path, operation: str, name: str, **variables: Any) -> dict[str, Any]:
    content = json.loads(scene.controller.lab.inventory_path.read_text(encoding="utf-8"))
    run = Run.begin(content, ["pbx0"], directory / name, **{"snapshot_dir": str(directory / "kept"), **variables})
    return run.operation(operation)["pbx0"]


def _trap(scene: Scene, **properties: Any) -> tuple[Intruder, dict[str, Any]]:
    """An application of a user of the tenant, with everything that is public of the PBX, and the PBX that names it."""
    eve = Intruder(scene.world, scene.tenant("acme"))
    uri = f"{state_of(scene.world, scene.pbx('pbx0')).base_url}/oauth2office2"
    made = eve.register("Meeting rooms", web={"redirectUris": [uri]}, **properties)
    url = json.loads(scene.controller.lab.inventory_path.read_text(encoding="utf-8"))["tcx"]["hosts"]["pbx0"]["tcx_url"]
    eve.set_tags(made, MARK, f"{MARK}:pbx={url.split('/')[2]}")
    scene.point("pbx0", made["appId"])
    return eve, made


@pytest.mark.parametrize("hidden", ["federated", "owner"])
@pytest.mark.parametrize("deleted_by", ["its owner", "offboarding"])
@pytest.mark.parametrize("grants", [True, False])
def test_an_application_that_a_pbx_named_before_it_was_offboarded(
    scene: Scene, tmp_path: Path, hidden: str, deleted_by: str, *, grants: bool
) -> None:
    eve, made = _trap(scene)
    if hidden == "federated":
        hostile.add_federated(scene.world, scene.tenant("acme"), made["id"])
        eve.leave(made)
    if deleted_by == "its owner":
        backdoor.delete_object(scene.world, scene.tenant("acme"), "applications", made["id"])
    assert not _run(scene, tmp_path, "offboard", "first", offboard_confirm=True).get("failed")
    before = scene.tenant("acme").deleted_items[made["id"]]
    done = _run(scene, tmp_path, "rollout", "second", entra_app_manage_grants=grants)
    assert made["id"] not in scene.tenant("acme").applications, done
    after = scene.tenant("acme").deleted_items[made["id"]]
    volatile = {"deletedDateTime": None}
    assert {**after, **volatile} == {**before, **volatile}, "nothing was written into it"
    if deleted_by == "its owner":
        assert scene.named("3cx-pbx0") is not None, "nobody here has deleted it, so that the PBX gets one of its own"
    else:
        assert done["failed"]
        assert "entra_app_app_id" in done["msg"]


@pytest.mark.parametrize("what", ["secret", "owner"])
@pytest.mark.parametrize("operation", ["rollout", "rollback"])
def test_who_holds_a_restored_service_principal_is_not_rewarded(
    scene: Scene, tmp_path: Path, what: str, operation: str
) -> None:
    """A service principal has owners and secrets of its own, and they come back with it."""
    assert not _run(scene, tmp_path, "rollout", "first", entra_app_permissions=["User.Read.All"]).get("failed")
    tenant, application = scene.tenant("acme"), scene.application("pbx0")
    assert application is not None
    principal = seed.ensure_service_principal(scene.world, tenant, application)
    if what == "owner":
        eve = Intruder(scene.world, tenant)
        tenant.owners[principal["id"]] = [eve.user["id"]]
    else:
        secret = {"keyId": scene.world.new_guid(), "displayName": "eve", "hint": "eve", "endDateTime": None}
        tenant.service_principals[principal["id"]]["passwordCredentials"] = [secret]
    assert not _run(scene, tmp_path, "offboard", "second", offboard_confirm=True).get("failed")
    scene.world.switches.restored_principal_keeps_grants = False
    done = _run(scene, tmp_path, operation, "third", snapshot="latest")
    assert done["failed"], done
    assert "service principal" in done["msg"]
    back = tenant.applications.get(application["id"])
    assert back is None or not scene.roles(back)


def test_what_was_offboarded_by_mistake_comes_back(scene: Scene, tmp_path: Path) -> None:
    """The adopted application of the wizard too, which nobody but the record of the offboarding knows."""
    made = scene.wizard("pbx0")
    assert not _run(scene, tmp_path, "rollout", "first").get("failed")
    assert not _run(scene, tmp_path, "offboard", "second", offboard_confirm=True).get("failed")
    done = _run(scene, tmp_path, "rollout", "third")
    assert not done.get("failed"), done["msg"]
    back = scene.application("pbx0")
    assert back is not None
    assert back["appId"] == made["appId"]
    assert scene.works("pbx0")
    assert scene.roles(back) == GUIDE


@pytest.mark.parametrize("intruder", [False, True], ids=["", "with an intruder"])
def test_what_was_offboarded_during_a_rotation_comes_back_by_a_rollback(
    scene: Scene, tmp_path: Path, *, intruder: bool
) -> None:
    """Its former certificate had what is given back; a foreign one gets nothing."""
    scene.quick = False
    assert not _run(scene, tmp_path, "rollout", "first").get("failed")
    made = scene.application("pbx0")
    assert made is not None
    if intruder:
        eve = Intruder(scene.world, scene.tenant("acme"))
        eve.become_owner(made)
        eve.add_certificate(made)
        eve.leave(made)
    new = {"entra_app_public_key": scene.controller.lab.control.new_key_pair("pbx0")["public_key"]}
    scene.controller.lab.control.advance_clock(86400)
    assert not _run(scene, tmp_path, "rotate_certificate", "second", **new).get("failed")
    assert not _run(scene, tmp_path, "offboard", "third", offboard_confirm=True, **new).get("failed")
    done = _run(scene, tmp_path, "rollback", "fourth", snapshot="latest", **new)
    back = scene.application("pbx0")
    assert (bool(done.get("failed")), scene.works("pbx0")) == (intruder, not intruder), done.get("msg")
    assert bool(back and scene.roles(back)) is not intruder


def test_a_pbx_does_not_survive_its_own_offboarding_behind_a_decoy(scene: Scene, tmp_path: Path) -> None:
    """It names another application, that a user of the tenant has registered for it, so that this one is deleted."""
    assert not _run(scene, tmp_path, "rollout", "first").get("failed")
    real = scene.application("pbx0")
    assert real is not None
    _eve, decoy = _trap(scene)
    done = _run(scene, tmp_path, "offboard", "second", offboard_confirm=True)
    assert done["failed"], done
    assert real["appId"] in done["msg"]
    assert state_of(scene.world, scene.pbx("pbx0")).m365["ApplicationId"] == decoy["appId"], "nothing was changed"
    done = _run(scene, tmp_path, "offboard", "third", offboard_confirm=True, entra_app_app_id=real["appId"])
    assert not done.get("failed"), done["msg"]
    assert real["id"] not in scene.tenant("acme").applications


def test_a_pbx_that_has_unlinked_itself_is_not_said_to_be_removed(scene: Scene, tmp_path: Path) -> None:
    """The adopted application has no name that leads to it, and the PBX names none."""
    made = scene.wizard("pbx0")
    assert not _run(scene, tmp_path, "rollout", "first").get("failed")
    scene.point("pbx0", "")
    content = json.loads(scene.controller.lab.inventory_path.read_text(encoding="utf-8"))
    run = Run.begin(content, ["pbx0"], tmp_path / "elsewhere", offboard_confirm=True)
    done = run.operation("offboard")["pbx0"]
    if made["id"] in scene.tenant("acme").applications:
        assert any("tcx.m365.orphans" in note for note in done["notes"]), done


@pytest.mark.parametrize("how", ["the PBX is gone", "the PBX names none"])
def test_a_decoy_with_the_name_is_not_removed_in_place_of_the_adopted_application(
    scene: Scene, tmp_path: Path, how: str
) -> None:
    """The adopted one has no name that leads to it. A user of the tenant has registered one that looks like that of the PBX."""
    made = scene.wizard("pbx0")
    assert not _run(scene, tmp_path, "rollout", "first").get("failed")
    eve, decoy = _trap(scene, uniqueName="3cx-pbx0")
    eve.leave(decoy)
    scene.point("pbx0", "" if how.endswith("none") else made["appId"])
    if how.endswith("gone"):
        gone = {"service": "pbx", "host": "pbx0"}
        scene.controller.lab.control.add_trouble("reset_before", match=gone, times=0)
    elsewhere = {
        "offboard_confirm": True,
        "offboard_without_pbx": ["pbx0"],
        "snapshot_dir": str(tmp_path / "elsewhere"),
    }
    before = scene.frozen()
    done = _run(scene, tmp_path, "offboard", "second", **elsewhere, tcx_deadline=10)
    assert done.get("failed"), done["notes"]
    assert made["appId"] in done["msg"]
    assert decoy["appId"] in done["msg"]
    assert "entra_app_app_id" in done["msg"]
    assert scene.frozen() == before
    done = _run(scene, tmp_path, "offboard", "third", **elsewhere, tcx_deadline=10, entra_app_app_id=made["appId"])
    assert not done.get("failed"), done["msg"]
    assert made["id"] not in scene.tenant("acme").applications


def test_a_deleted_decoy_with_the_name_hides_no_adopted_application(scene: Scene, tmp_path: Path) -> None:
    made = scene.wizard("pbx0")
    assert not _run(scene, tmp_path, "rollout", "first").get("failed")
    _eve, decoy = _trap(scene, uniqueName="3cx-pbx0")
    backdoor.delete_object(scene.world, scene.tenant("acme"), "applications", decoy["id"])
    scene.point("pbx0", "")
    elsewhere = {"offboard_confirm": True, "snapshot_dir": str(tmp_path / "elsewhere")}
    done = _run(scene, tmp_path, "offboard", "second", **elsewhere)
    assert not done.get("failed"), done["msg"]
    assert made["id"] not in scene.tenant("acme").applications
    assert any(made["appId"] in note for note in done["notes"]), done["notes"]
