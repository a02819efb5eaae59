# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PBX names as its application what cannot be one: nothing is asked or written by it, and the words are the PBX's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.in_process import Run
from ansible_collections.tcx.m365.tests.integration.playbooks.conftest import Controller
from tcx_lab.pbx import state_of
from tcx_lab.testing import Lab

from .conftest import FLEET, Scene

HOST = "pbx0"
STRANGE = ("<b>{{ 7*7 }}' or 1 eq 1 or '../../" + "x" * 5000, "{0b7d0000-0000-4000-8000-00000000000a}")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Lab.start(FLEET, mode="thread") as lab:
        assert lab.world is not None
        yield Scene(Controller(lab, tmp_path_factory.mktemp("home")), lab.world)


def _begin(scene: Scene, directory: Path, *, check: bool = False, **extra: Any) -> Run:
    content = scene.controller.lab.inventory
    return Run.begin(content, [HOST], directory, check_mode=check, tcx_console_wait_timeout=3, **extra)


@pytest.mark.parametrize("named", STRANGE, ids=["code", "braces"])
def test_it_is_told_and_can_be_left(running: Scene, tmp_path: Path, named: str) -> None:
    control = running.controller.lab.control
    control.reset()
    state_of(running.world, running.pbx(HOST)).m365["ApplicationId"] = named
    before = running.frozen()
    for check in (True, False):
        refused = _begin(running, tmp_path / f"check-{check}", check=check).operation("rollout")[HOST]
        assert refused["failed"]
        assert "as its application, and no application can have that ID" in refused["msg"]
        assert "entra_app_mode: create" in refused["msg"]
        assert "entra_app_app_id" in refused["msg"]
        assert len(refused["msg"]) < 600, "foreign text has its bounds"
    (entry,) = _begin(running, tmp_path / "report", check=True).report()
    assert entry.verdict == "failed"
    assert "the PBX names" in entry.reasons[0]
    assert control.writes() == []
    assert running.frozen() == before
    captured = _begin(running, tmp_path / "capture").operation("capture")[HOST]
    assert not captured.get("failed"), captured["msg"]
    made = _begin(running, tmp_path / "create", entra_app_mode="create").operation("rollout")[HOST]
    assert not made.get("failed"), made["msg"]
    assert running.works(HOST)
    state_of(running.world, running.pbx(HOST)).m365["ApplicationId"] = named
    left = _begin(running, tmp_path / "offboard", offboard_confirm=True).operation("offboard")[HOST]
    assert not left.get("failed"), left["msg"]
    assert running.named(f"3cx-{HOST}") is None
    assert not state_of(running.world, running.pbx(HOST)).m365["ApplicationId"]
