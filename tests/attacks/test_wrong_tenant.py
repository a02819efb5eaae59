# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PBX that works in one tenant, and an inventory that names another: nothing of either is touched, at any door."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.attacks.conftest import Scene
from ansible_collections.tcx.m365.tests.attacks.test_every_door import DOORS
from ansible_collections.tcx.m365.tests.in_process import Run
from tcx_lab.pbx import patch_pbx, state_of

SHORT = {"tcx_console_wait_timeout": 2, "offboard_confirm": True, "offboard_purge": True}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """One PBX that works in the tenant acme."""
    with Scene.start(tmp_path) as scene:
        first = _begin(scene, tmp_path / "first").operation("rollout")
        assert not first["pbx0"].get("failed"), first
        yield scene


def _begin(scene: Scene, directory: Path, **extra: Any) -> Run:
    return Run.begin(scene.controller.lab.inventory, ["pbx0"], directory, **{**SHORT, **extra})


def _state(scene: Scene) -> Any:
    return copy.deepcopy([scene.frozen(), state_of(scene.world, scene.pbx("pbx0")).m365])


def test_no_door_touches_it(scene: Scene, tmp_path: Path) -> None:
    before = _state(scene)
    for variable in ("entra_tenant_id", "tcx_console_tenant_id"):
        wrong = {variable: scene.tenant("bolt").id}
        # The modules one by one take what a task of the user's own names.
        for door in DOORS.keys() - {"modules"}:
            if variable == "tcx_console_tenant_id" and door in ("offboard", "capture"):
                continue  # the tenant of the application, which these work on, is right
            run = _begin(scene, tmp_path / variable / door, **wrong)
            result: Any = DOORS[door](run)
            assert result["pbx0"].get("failed"), (variable, door)
            assert variable in result["pbx0"]["msg"], door
            assert _state(scene) == before, (variable, door)
            assert not list((tmp_path / variable / door).rglob("host_vars/*.yml"))


def test_what_is_meant_is_done_and_told(scene: Scene, tmp_path: Path) -> None:
    bolt, acme = scene.tenant("bolt").id, scene.tenant("acme").id
    run = _begin(scene, tmp_path / "offboard", entra_tenant_id=bolt, entra_app_move_tenant=True)
    done = run.operation("offboard")["pbx0"]
    assert not done.get("failed"), done
    assert any(acme in each and bolt in each for each in done["warnings"]), done
    assert scene.named("3cx-pbx0") is not None, "what is in the other tenant stays"


def test_a_pbx_that_does_not_work_does_not_stop_its_own_removal(scene: Scene, tmp_path: Path) -> None:
    """It may name any tenant that it likes."""
    patch_pbx(scene.world, scene.pbx("pbx0"), {"TenantId": scene.tenant("bolt").id})
    done = _begin(scene, tmp_path / "offboard").operation("offboard")["pbx0"]
    assert not done.get("failed"), done
    assert any("nothing was removed" in each for each in done["warnings"])


def test_a_tenant_by_its_domain_is_no_other_tenant(scene: Scene, tmp_path: Path) -> None:
    acme, bolt = scene.tenant("acme"), scene.tenant("bolt")
    before = _state(scene)
    for variable, door in (("entra_tenant_id", "rollout"), ("tcx_console_tenant_id", "roles")):
        run = _begin(scene, tmp_path / variable / door, **{variable: f" {acme.domain.upper()} "})
        result: Any = DOORS[door](run)
        assert not result["pbx0"].get("failed"), (variable, result)
        assert _state(scene) == before, variable
    wrong = _begin(scene, tmp_path / "wrong", entra_tenant_id=bolt.domain)
    assert wrong.operation("rollout")["pbx0"]["failed"]
    assert _state(scene) == before
    done = _begin(scene, tmp_path / "offboard", entra_tenant_id=acme.domain).operation("offboard")["pbx0"]
    assert not done.get("failed"), done
    assert not done.get("warnings"), done
