# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rollback gives back what a run has taken, and nothing to somebody who has got in since."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.attacks.conftest import GUIDE, Scene
from ansible_collections.tcx.m365.tests.in_process import Run
from tcx_lab import hostile
from tcx_lab.graph import seed
from tcx_lab.hostile import Intruder

EXTRA = "Group.Read.All"


def _revoked(scene: Scene, directory: Path) -> tuple[Any, Any]:
    """Tenant and application of a PBX from which a run has revoked a permission that an administrator had granted."""
    tenant, automation = scene.tenant("acme"), scene.world.automation
    assert automation is not None
    caller = next(each for each in tenant.service_principals.values() if each["appId"] == automation.app_id)
    seed.grant_app_roles(scene.world, tenant, caller["id"], {"DelegatedPermissionGrant.ReadWrite.All"})
    assert not _run(scene, directory, "rollout", "first").get("failed")
    application = scene.application("pbx0")
    assert application is not None
    principal = seed.ensure_service_principal(scene.world, tenant, application)
    seed.grant_app_roles(scene.world, tenant, principal["id"], {EXTRA})
    revoked = _run(scene, directory, "rollout", "second", entra_app_exclusive=True)
    assert not revoked.get("failed"), revoked["msg"]
    assert scene.roles(application) == GUIDE
    return tenant, application


def _run(scene: Scene, directory: Path, operation: str, name: str, **variables: Any) -> dict[str, Any]:
    content = json.loads(scene.controller.lab.inventory_path.read_text(encoding="utf-8"))
    run = Run.begin(content, ["pbx0"], directory / name, snapshot_dir=str(directory / "kept"), **variables)
    return run.operation(operation)["pbx0"]


@pytest.mark.parametrize("what", ["secret", "federated", "owner"])
def test_a_permission_does_not_come_back_to_an_application_that_others_hold(
    scene: Scene, tmp_path: Path, what: str
) -> None:
    tenant, application = _revoked(scene, tmp_path)
    if what == "secret":
        seed.add_secret(scene.world, tenant, application["id"])
    elif what == "federated":
        hostile.add_federated(scene.world, tenant, application["id"])
    else:
        Intruder(scene.world, tenant).become_owner(application)
    undone = _run(scene, tmp_path, "rollback", "third", snapshot="latest")
    assert scene.roles(application) == GUIDE, undone
    assert undone.get("failed"), undone


def test_a_permission_comes_back_where_nobody_else_holds_the_application(scene: Scene, tmp_path: Path) -> None:
    _tenant, application = _revoked(scene, tmp_path)
    undone = _run(scene, tmp_path, "rollback", "third", snapshot="latest")
    assert not undone.get("failed"), undone
    assert scene.roles(application) == GUIDE | {EXTRA}


def test_what_was_deleted_comes_back_without_permissions_where_others_hold_it(scene: Scene, tmp_path: Path) -> None:
    assert not _run(scene, tmp_path, "rollout", "first").get("failed")
    tenant, application = scene.tenant("acme"), scene.application("pbx0")
    assert application is not None
    hostile.add_federated(scene.world, tenant, application["id"])
    assert not _run(scene, tmp_path, "offboard", "second", offboard_confirm=True).get("failed")
    undone = _run(scene, tmp_path, "rollback", "third", snapshot="latest")
    back = next((each for each in tenant.applications.values() if each["appId"] == application["appId"]), None)
    assert back is None or scene.roles(back) == set(), undone


def test_a_snapshot_leads_no_permission_to_an_application_of_somebody_else(scene: Scene, tmp_path: Path) -> None:
    _tenant, application = _revoked(scene, tmp_path)
    vendor = scene.vendor(passwordCredentials=[], keyCredentials=[])
    held = scene.roles(vendor)
    (kept,) = (tmp_path / "kept" / "latest").glob("*.json")
    kept.write_text(kept.read_text().replace(application["appId"], vendor["appId"]))
    undone = _run(scene, tmp_path, "rollback", "third", snapshot="latest")
    assert scene.roles(vendor) == held
    assert "carry the tag" in undone["msg"]


def test_an_application_that_the_pbx_names_in_other_letters_is_not_deleted_under_it(
    scene: Scene, tmp_path: Path
) -> None:
    """One run made it, a later one linked the PBX to it; the first of them is rolled back."""
    content = json.loads(scene.controller.lab.inventory_path.read_text(encoding="utf-8"))
    kept = tmp_path / "kept"
    for name, steps in (("first", ("application", "grant")), ("second", ("application", "settings"))):
        run = Run.begin(content, ["pbx0"], tmp_path / name, snapshot_dir=str(kept))
        assert not run.steps(*steps)["pbx0"].get("failed")
    first, _second = sorted(path.name for path in kept.iterdir() if not path.is_symlink())
    application = scene.application("pbx0")
    assert application is not None
    hostile.lie(scene.pbx("pbx0"), ApplicationId=application["appId"].upper())
    undone = _run(scene, tmp_path, "rollback", "third", snapshot=first)
    assert undone["failed"]
    assert "the PBX points to it" in undone["msg"]
    assert application["id"] in scene.tenant("acme").applications


@pytest.mark.parametrize("shared", [True, False])
def test_a_rollback_takes_from_a_shared_application_what_is_of_its_pbx_alone(
    scene: Scene, tmp_path: Path, *, shared: bool
) -> None:
    """A run gave it a permission, and the other PBX, rolled out after it, needs that as well and found it there."""
    scene.grant_every_right()
    later = {"entra_app_permissions": [*sorted(GUIDE), EXTRA], "entra_app_notes": "since the second run"}
    hosts = ["pbx0", "pbx1"] if shared else ["pbx0"]
    content = json.loads(scene.controller.lab.inventory_path.read_text(encoding="utf-8"))
    for host in hosts:
        content["tcx"]["hosts"][host]["entra_app_unique_name"] = "3cx-acme"
    nothing: dict[str, Any] = {}
    for name, variables in (("first", nothing), ("second", later)):
        for host in hosts:
            places = {"snapshot_dir": str(tmp_path / f"kept-{host}")}
            done = Run.begin(content, [host], tmp_path / name / host, **places, **variables).operation("rollout")[host]
            assert not done.get("failed"), done["msg"]
    application = scene.application("pbx0")
    assert application is not None
    undo = {"snapshot": "latest", "snapshot_dir": str(tmp_path / "kept-pbx0")}
    planned = Run.begin(content, ["pbx0"], tmp_path / "check", check_mode=True, **undo).operation("rollback")["pbx0"]
    undone = Run.begin(content, ["pbx0"], tmp_path / "undo", **undo).operation("rollback")["pbx0"]
    assert planned["changes"] == undone["changes"]
    application = scene.application("pbx0")
    assert application is not None
    assert bool(undone.get("failed")) is shared
    assert (EXTRA in scene.roles(application)) is shared
    assert (application["notes"] == "since the second run") is shared
    left = {(refusal["target"], refusal["field"]) for refusal in undone.get("refused") or ()}
    everyones = {("application", "permissions"), ("app_role_assignments", "permissions"), ("application", "notes")}
    assert left == (everyones if shared else set())
    again = Run.begin(content, hosts, tmp_path / "again", **later).operation("rollout")
    assert not [host for host in hosts if again[host].get("failed")]
    assert all(scene.works(host) for host in hosts)


def test_the_mark_of_an_application_stays_while_another_pbx_uses_it(scene: Scene, tmp_path: Path) -> None:
    """The run that is rolled back had adopted it, and the other PBX has joined it since."""
    made = scene.wizard("pbx0")
    stated = {"entra_app_app_id": made["appId"], "snapshot_dir": str(tmp_path / "kept")}
    assert not _run(scene, tmp_path, "rollout", "first", entra_app_app_id=made["appId"]).get("failed")
    content = json.loads(scene.controller.lab.inventory_path.read_text(encoding="utf-8"))
    elsewhere = {**stated, "snapshot_dir": str(tmp_path / "elsewhere")}
    assert not Run.begin(content, ["pbx1"], tmp_path / "second", **elsewhere).operation("rollout")["pbx1"].get("failed")
    undone = Run.begin(content, ["pbx0"], tmp_path / "third", snapshot="latest", **stated).operation("rollback")["pbx0"]
    application = scene.application("pbx1")
    assert application is not None
    own = [tag for tag in application["tags"] if tag.startswith("tcx.m365:pbx=")]
    assert len(own) == 1, undone
    assert "tcx.m365" in application["tags"], undone
    done = Run.begin(content, ["pbx1"], tmp_path / "fourth", offboard_confirm=True, **elsewhere).operation("offboard")
    assert not done["pbx1"].get("failed"), done["pbx1"]["msg"]
