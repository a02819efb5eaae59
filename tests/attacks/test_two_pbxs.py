# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two PBXs that have something in common, one batch after the other; a tenant that is written in two ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.attacks.conftest import Scene
from ansible_collections.tcx.m365.tests.in_process import Run
from tcx_lab import ca, hostile
from tcx_lab.pbx import patch_pbx

ROLLOUT = ("pbx", "preflight", "candidate", "grantable", "linkable", "license", "application", "grant", "settings")
LOOK = ROLLOUT[:4]


def _batches(scene: Scene, directory: Path, **extra: Any) -> dict[str, dict[str, Any]]:
    """A rollout with `serial: 1`, the hostile PBX first."""
    run = Run.begin(scene.controller.lab.inventory, ["pbx0", "pbx1"], directory, tcx_console_wait_timeout=3, **extra)
    found = {}
    for host in ("pbx0", "pbx1"):
        looked = run.steps(*LOOK, hosts=[host])[host]
        found[host] = looked if looked.get("failed") else run.steps(*ROLLOUT, hosts=[host])[host]
    return found


def test_one_certificate_at_two_pbxs(scene: Scene, tmp_path: Path) -> None:
    pem = ca.key_pair_of(scene.world, scene.pbx("pbx1")).public_pem
    scene.inventory("pbx0", entra_app_public_key=pem)
    before = scene.frozen()
    found = _batches(scene, tmp_path / "run")
    assert all(result["failed"] and "pbx0" in result["msg"] and "pbx1" in result["msg"] for result in found.values())
    assert scene.frozen() == before


def test_one_application_at_two_pbxs_of_two_tenants(scene: Scene, tmp_path: Path) -> None:
    made = scene.wizard("pbx0")
    for host in ("pbx0", "pbx1"):
        scene.inventory(host, entra_app_app_id=made["appId"].upper() if host == "pbx1" else made["appId"])
    scene.inventory("pbx1", entra_tenant_id=scene.tenant("bolt").id)
    before = scene.frozen()
    assert all(result["failed"] for result in _batches(scene, tmp_path / "run").values())
    assert scene.frozen() == before


def test_one_application_at_two_pbxs_of_one_tenant_that_is_written_in_two_ways(scene: Scene, tmp_path: Path) -> None:
    """By its ID at one host, by a domain at the other: the layout is meant, and nobody is refused."""
    made = scene.wizard("pbx0")
    for host in ("pbx0", "pbx1"):
        scene.inventory(host, entra_app_app_id=made["appId"])
    scene.inventory("pbx1", entra_tenant_id=scene.tenant("acme").domain.upper())
    found = _batches(scene, tmp_path / "run")
    assert not any(result.get("failed") for result in found.values()), found
    assert scene.works("pbx0")
    assert scene.works("pbx1")


def test_a_pbx_that_takes_the_address_of_the_next_one(scene: Scene, tmp_path: Path) -> None:
    """Its port is a lie, so that both would be one PBX: neither key gets into the other's application."""
    hostile.lie(scene.pbx("pbx0"), HttpsPort=scene.pbx("pbx1").https_port)
    _batches(scene, tmp_path / "run")
    for host in ("pbx0", "pbx1"):
        made = scene.named(f"3cx-{host}")
        other = "pbx1" if host == "pbx0" else "pbx0"
        assert made is None or not scene.can_sign_in(other, made)


def test_a_pbx_that_was_linked_by_a_domain_is_not_taken_for_a_moved_one(scene: Scene, tmp_path: Path) -> None:
    assert not _batches(scene, tmp_path / "first")["pbx0"].get("failed")
    tenant = scene.tenant("acme")
    patch_pbx(scene.world, scene.pbx("pbx0"), {"TenantId": tenant.domain.upper()})
    before = scene.application("pbx0")
    found = _batches(scene, tmp_path / "second")
    assert not found["pbx0"].get("failed"), found["pbx0"]
    assert scene.application("pbx0") == before
    assert scene.works("pbx0")
    patch_pbx(scene.world, scene.pbx("pbx0"), {"TenantId": tenant.domain})
    scene.inventory("pbx0", entra_tenant_id=scene.tenant("bolt").id)
    frozen = scene.frozen()
    assert _batches(scene, tmp_path / "third")["pbx0"]["failed"]
    assert scene.frozen() == frozen


@pytest.mark.parametrize("written", [str.upper, str.lower])
def test_the_automation_in_any_spelling(scene: Scene, tmp_path: Path, written: Any) -> None:
    automation = scene.world.automation
    assert automation is not None
    scene.inventory("pbx0", entra_tenant_id=automation.home_tenant_id, entra_client_id=written(automation.app_id))
    scene.point("pbx0", automation.app_id.swapcase(), "provider")
    before = scene.frozen()
    for turn, stated in enumerate((None, automation.app_id, f" {automation.app_id.upper()} ")):
        scene.inventory("pbx0", entra_app_app_id=stated)
        run = Run.begin(scene.controller.lab.inventory, ["pbx0"], tmp_path / str(turn), entra_app_force=True)
        assert run.operation("rollout")["pbx0"]["failed"]
        assert run.operation("offboard")["pbx0"]["failed"]
        assert scene.frozen() == before
