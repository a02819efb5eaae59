# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is undone, by whom, and what is not: runs that undo themselves, and rollbacks in unusual order."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.attacks.inprocess import ROLES, Run
from ansible_collections.tcx.m365.tests.faults import judge
from ansible_collections.tcx.m365.tests.faults.ground import TARGET, Ground, ground, settle_neighbor
from tcx_lab import ca

Json = dict[str, Any]

UNDO = {"on_failure": "rollback"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ground, Json]]:
    with ground(tmp_path_factory.mktemp("undo")) as made:
        settle_neighbor(made)
        yield made, made.freeze()


@pytest.fixture
def made(whole: tuple[Ground, Json]) -> Ground:
    """The world with a neighbor that works, and no snapshot."""
    found, start = whole
    found.restore(start)
    shutil.rmtree(found.directory / "snapshots", ignore_errors=True)
    return found


def stranger(made: Ground) -> str:
    """A certificate whose key the PBX does not have, so that it cannot sign in."""
    former = ca.key_pair_of(made.world, made.pbx()).public_pem
    ca.new_key_pair(made.world, made.pbx())
    return former


def roles(made: Ground, directory: Path, *tasks: tuple[str, ...], **variables: Any) -> Json:
    hosts = made.hosts()
    hosts[TARGET].update(variables)
    places = {"snapshot_dir": str(made.directory / "snapshots")}
    run = Run.begin({"tcx": {"vars": {}, "hosts": hosts}}, [TARGET], directory, **places)
    return run.roles(*(tasks or ROLES))[TARGET]


def test_roles_that_fail_half_way_undo_what_all_of_them_have_changed(made: Ground, tmp_path: Path) -> None:
    first = judge.picture(made)
    wrong = stranger(made)
    kept = roles(made, tmp_path / "kept-run", entra_app_public_key=wrong)
    assert "AADSTS700027" in kept["msg"]
    assert judge.picture(made) != first

    assert not judge.failure_of(made.run("rollback", snapshot="latest"))
    undone = roles(made, tmp_path / "undone", entra_app_public_key=wrong, **UNDO)
    assert undone.get("rollback", {}).get("restored"), undone["msg"]
    assert judge.picture(made) == first


def test_a_role_that_only_asks_undoes_nothing_it_has_not_changed(made: Ground, tmp_path: Path) -> None:
    before = made.run("rollout")
    assert not judge.failure_of(before)
    first = judge.picture(made)
    failed = roles(made, tmp_path / "asks", ("sign_in",), tcx_console_application_id=made.world.new_guid(), **UNDO)
    assert failed["failed"]
    assert "rollback" not in failed
    assert judge.picture(made) == first


@pytest.mark.parametrize("operation", ["rotate_certificate", "offboard"])
def test_what_goes_on_where_it_was_interrupted_is_not_undone(made: Ground, operation: str) -> None:
    assert not judge.failure_of(made.run("rollout"))
    made.world.trouble.add(
        {"action": "status", "status": 503, "match": {"service": "graph", "method": "DELETE"}, "times": 0}
    )
    made.world.trouble.add(
        {"action": "status", "status": 503, "match": {"service": "pbx", "method": "PATCH"}, "times": 0}
    )
    found = made.run(operation, offboard_confirm=True, entra_app_public_key=stranger(made), **UNDO)
    assert judge.failure_of(found)
    assert "rollback" not in found.target
