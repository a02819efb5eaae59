# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lives of two PBXs in one application cross, and a PBX moves: each keeps what is its own."""

from __future__ import annotations

import datetime as dt
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.remove import AbsentApplication
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import plain
from ansible_collections.tcx.m365.plugins.plugin_utils._steps import rotation
from ansible_collections.tcx.m365.tests.faults import judge
from ansible_collections.tcx.m365.tests.faults.ground import NEIGHBOR, TARGET, Ground, ground
from ansible_collections.tcx.m365.tests.faults.processes import hit
from tcx_lab import ca
from tcx_lab.pbx import patch_pbx, state_of
from tcx_lab.wizard import run_wizard

Json = dict[str, Any]

SHARED = "3cx-acme"
OVERLAP_S = 15 * 86400


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ground, Json]]:
    """The world before the first rollout."""
    with ground(tmp_path_factory.mktemp("crossed")) as made:
        for host in (TARGET, NEIGHBOR):
            state_of(made.world, made.pbx(host))
        yield made, made.freeze()


@pytest.fixture
def shared(made: Ground) -> Ground:
    """Both PBXs have one application, and both work."""
    made.variables = {"entra_app_unique_name": SHARED}
    for host in (NEIGHBOR, TARGET):
        done(made, "rollout", host)
    assert made.application(TARGET) == made.application(NEIGHBOR)
    return made


def done(made: Ground, operation: str, host: str = TARGET, **variables: Any) -> Json:
    """The result of a run on one PBX, which has come through."""
    result = made.run(operation, host, **variables).results[host]
    assert not result.get("failed"), result["msg"]
    return result


def thumbprints(made: Ground, host: str = TARGET) -> set[str]:
    found = made.application(host)
    return {each["customKeyIdentifier"] for each in found["keyCredentials"]} if found else set()


def own(made: Ground, host: str) -> str:
    return ca.key_pair_of(made.world, made.pbx(host)).thumbprint


def linked(made: Ground, host: str = TARGET) -> str:
    return str(state_of(made.world, made.pbx(host)).m365["ApplicationId"])


@pytest.mark.parametrize("overlap_over", [False, True], ids=["the new key is added", "the old one is retired"])
def test_a_rotation_in_a_shared_application_is_killed_anywhere(shared: Ground, overlap_over: bool) -> None:
    """The next run completes it, whoever it is of; the other PBX signs in at every moment."""
    made, old, other = shared, own(shared, TARGET), own(shared, NEIGHBOR)
    ca.new_key_pair(made.world, made.pbx())
    if overlap_over:
        done(made, "rotate_certificate")
        made.world.clock.advance(OVERLAP_S)
    begin = made.freeze()
    kept = made.directory / "kept-snapshots"
    shutil.copytree(made.directory / "snapshots", kept, symlinks=True)
    with made.recorded() as requests:
        done(made, "rotate_certificate")
    wanted = judge.picture(made)
    assert thumbprints(made) == ({own(made, TARGET), other} if overlap_over else {own(made, TARGET), other, old})
    writes = [each.number for each in requests if each.facts.method in ("PATCH", "DELETE", "POST")]
    after = [number + 1 for number in writes if requests[number].facts.method == "PATCH"]
    try:
        for number in sorted({*writes[:: max(1, len(writes) // 3)], *after}):
            made.restore(begin)
            shutil.rmtree(made.directory / "snapshots")
            shutil.copytree(kept, made.directory / "snapshots", symlinks=True)
            hit(made, number, signal.SIGKILL, lambda: made.run("rotate_certificate"))
            assert made.signs_in(NEIGHBOR), f"after request {number}"
            assert not done(made, "rotate_certificate", NEIGHBOR)["changed"], f"after request {number}"
            made.world.clock.advance(OVERLAP_S if overlap_over else 0)
            done(made, "rotate_certificate")
            assert made.signs_in(), f"after request {number}"
            assert made.signs_in(NEIGHBOR), f"after request {number}"
            assert judge.picture(made) == wanted, f"after request {number}"
    finally:
        shutil.rmtree(kept)


MEETINGS: dict[str, str | None] = {
    "at the same time": None,
    "between what the offboarding has read and its write": "exclusively",
    "while the offboarding writes": "apply",
}
"""When a rotation begins, by the method of the resource that an offboarding has come to by then."""


@pytest.mark.parametrize("method", MEETINGS.values(), ids=MEETINGS)
def test_one_pbx_leaves_a_shared_application_while_the_other_rotates(
    shared: Ground, method: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One finds the application by its id, the other by its name."""
    made, old = shared, own(shared, NEIGHBOR)
    leaves = own(made, TARGET)
    ca.new_key_pair(made.world, made.pbx(NEIGHBOR))

    def rotate() -> None:
        done(made, "rotate_certificate", NEIGHBOR)

    with made.warp.slowed(), ThreadPoolExecutor() as other:
        rotations: list[Future[None]] = []
        if method is None:
            rotations.append(other.submit(rotate))
        else:
            real = getattr(AbsentApplication, method)

            def met(resource: AbsentApplication, *given: Any) -> Any:
                if not rotations:
                    rotations.append(other.submit(rotate))
                    wait(rotations, 2 if method == "apply" else 60)
                return real(resource, *given)

            monkeypatch.setattr(AbsentApplication, method, met)
        done(made, "offboard", offboard_confirm=True)
        (rotation_ended,) = rotations
        rotation_ended.result(60)
    monkeypatch.undo()
    assert linked(made) == ""
    assert thumbprints(made, NEIGHBOR) == {old, own(made, NEIGHBOR)}
    assert leaves not in thumbprints(made, NEIGHBOR)
    assert made.signs_in(NEIGHBOR)
    assert not done(made, "offboard", offboard_confirm=True)["changed"]
    made.world.clock.advance(OVERLAP_S)
    assert done(made, "rotate_certificate", NEIGHBOR)["rotation"]["state"] == "retired"
    assert thumbprints(made, NEIGHBOR) == {own(made, NEIGHBOR)}
    assert made.signs_in(NEIGHBOR)


def test_one_pbx_rotates_between_a_killed_offboarding_of_the_other_and_its_end(shared: Ground) -> None:
    made, begin = shared, shared.freeze()
    with made.recorded() as requests:
        done(made, "offboard", offboard_confirm=True)
    writes = [each.number for each in requests if each.facts.method in ("PATCH", "DELETE", "POST")]
    for number in [each + 1 for each in writes if requests[each].facts.method == "PATCH"]:
        made.restore(begin)
        shutil.rmtree(made.directory / "snapshots")
        hit(made, number, signal.SIGKILL, lambda: made.run("offboard", offboard_confirm=True))
        old = own(made, NEIGHBOR)
        ca.new_key_pair(made.world, made.pbx(NEIGHBOR))
        done(made, "rotate_certificate", NEIGHBOR)
        assert made.signs_in(NEIGHBOR), f"after request {number}"
        done(made, "offboard", offboard_confirm=True)
        assert linked(made) == "", f"after request {number}"
        assert thumbprints(made, NEIGHBOR) == {old, own(made, NEIGHBOR)}, f"after request {number}"
        assert made.signs_in(NEIGHBOR), f"after request {number}"


def wizard(made: Ground) -> Json:
    """What the wizard of the 3CX console leaves, and a user synchronization that somebody has switched on."""
    application = run_wizard(made.world, made.pbx(), ("User.Read.All", "Calendars.Read"))
    patch_pbx(made.world, made.pbx(), {"AdUsers": {"EnableSSO": True, "IsSyncPhoto": True}})
    return application


def captured(made: Ground, reached: Json) -> Json:
    """The variables that reach a PBX, and what a capture has found."""
    path = done(made, "capture", only={TARGET: reached})["captured"]["path"]
    kept = {"snapshot_dir": str(made.directory / "snapshots")}
    return {**reached, **plain(DataLoader().load_from_file(path)), **kept}


def test_an_application_of_the_wizard_is_captured_taken_over_and_lives_on(made: Ground) -> None:
    """As it is it stays as it is; once somebody lets it be managed, it is the same application for its whole life."""
    app_id = wizard(made)["appId"]
    reached = {**made.reached(), "entra_app_public_key": ca.key_pair_of(made.world, made.pbx()).public_pem}
    described, before = captured(made, reached), judge.picture(made)
    assert described.pop("entra_app_manage") is False
    for check in (True, False):
        assert (
            done(made, "rollout", check=check, only={TARGET: {**described, "entra_app_manage": False}})["changes"] == []
        )
    assert judge.picture(made) == before

    taken = done(made, "rollout", only={TARGET: described})
    assert {(each["target"], each["field"]) for each in taken["changes"]} == {
        ("application", "adopted"),
        ("application", "tags"),
        ("application", "permissions"),
    }
    again = captured(made, reached)
    assert "entra_app_manage" not in again
    assert done(made, "rollout", only={TARGET: again})["changes"] == []

    old = own(made, TARGET)
    again["entra_app_public_key"] = ca.new_key_pair(made.world, made.pbx()).public_pem
    done(made, "rotate_certificate", only={TARGET: again})
    assert thumbprints(made) == {old, own(made, TARGET)}
    working = judge.picture(made)
    done(made, "offboard", only={TARGET: {**again, "offboard_confirm": True}})
    assert linked(made) == ""
    done(made, "rollback", only={TARGET: {**again, "snapshot": "latest"}})
    assert (linked(made), made.signs_in()) == (app_id, True)
    assert judge.picture(made) == working


def test_what_is_captured_of_a_shared_application_is_its_part_of_each_pbx(shared: Ground) -> None:
    before = judge.picture(shared)
    for host in (TARGET, NEIGHBOR):
        reached = {**shared.reached(host), **shared.variables}
        path = done(shared, "capture", host, only={host: reached})["captured"]["path"]
        described = {**reached, **plain(DataLoader().load_from_file(path))}
        assert done(shared, "rollout", host, only={host: described})["changes"] == []
        other = ca.key_pair_of(shared.world, shared.pbx(NEIGHBOR if host == TARGET else TARGET))
        assert other.thumbprint not in str(described)
    assert judge.picture(shared) == before


# --- another tenant -------------------------------------------------------------------------------------------------------


def other_tenant(made: Ground) -> str:
    return next(key for key in made.world.tenants if key != made.tenant.id)


def names_in(made: Ground, tenant: str) -> set[str]:
    return {str(each["uniqueName"]) for each in made.world.tenants[tenant].applications.values()}


def test_a_pbx_that_comes_back_to_another_tenant_starts_anew_there(made: Ground) -> None:
    """Nothing of the former tenant is taken over, restored or undone from the new one; back home everything is there."""
    done(made, "rollout")
    home, app_id = made.tenant.id, linked(made)
    done(made, "offboard", offboard_confirm=True)
    left = made.directory / "snapshots"
    offboarding = (left / "latest").readlink().name
    moved = {"entra_tenant_id": other_tenant(made)}

    new = done(made, "rollout", **moved)
    assert new["application_id"] not in ("", app_id)
    assert state_of(made.world, made.pbx()).m365["TenantId"] == moved["entra_tenant_id"]
    assert f"3cx-{TARGET}" in names_in(made, moved["entra_tenant_id"])
    assert f"3cx-{TARGET}" not in names_in(made, home)

    wrong = made.run("rollback", snapshot=offboarding, **moved)
    assert "it is not one of this PBX: entra_tenant_id is" in judge.failure_of(wrong)
    back_home = made.run("rollback", snapshot=offboarding)
    assert judge.failure_of(back_home), "the PBX belongs to another tenant by now"
    assert linked(made) == new["application_id"]

    done(made, "offboard", offboard_confirm=True, **moved)
    assert done(made, "rollout")["application_id"] == app_id
    assert made.signs_in()


def test_a_pbx_of_another_tenant_is_not_taken_along_unless_somebody_says_so(made: Ground) -> None:
    done(made, "rollout")
    before, moved = judge.picture(made), {"entra_tenant_id": other_tenant(made)}
    for operation in ("rollout", "rotate_certificate", "offboard"):
        refused = made.run(operation, offboard_confirm=True, **moved)
        assert judge.failure_of(refused), operation
        assert judge.clear(made, refused) == []
        assert judge.picture(made) == before
    assert f"3cx-{TARGET}" not in names_in(made, moved["entra_tenant_id"])
    taken = done(made, "rollout", entra_app_move_tenant=True, **moved)
    assert linked(made) == taken["application_id"]
    undone = done(made, "rollback", snapshot="latest", **moved)
    assert undone["changed"]
    assert judge.picture(made) == before
    assert made.signs_in()


def test_a_pbx_that_was_never_switched_is_an_alarm_until_it_is(made: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=lambda _zone: made.world.clock.now())
    known = {"datetime": clock, "timedelta": dt.timedelta, "timezone": dt.timezone}
    monkeypatch.setattr(rotation, "dt", SimpleNamespace(**known))
    done(made, "rollout")
    pbx = made.pbx()
    old = pbx.key_pair
    new = ca.new_key_pair(made.world, pbx)
    pbx.key_pair = old
    key = {"entra_app_public_key": new.public_pem}

    def alarms() -> list[str]:
        """What the compliance report wants attention for, of the certificates of a PBX that works."""
        entry = made.run("compliance", **key).target
        assert entry["verdict"] == "compliant", entry["reasons"]
        return [each for each in entry["attention"] if new.thumbprint in each or old.thumbprint in each]

    try:
        assert done(made, "rotate_certificate", **key)["rotation"]["state"] == "new_key_uploaded"
        assert alarms() == []
        made.world.clock.advance(OVERLAP_S)
        (due,) = alarms()
        assert "Run tcx.m365.rotate_certificate" in due
        assert "put back" in judge.failure_of(made.run("rotate_certificate", **key))
        assert made.signs_in()
        (never,) = alarms()
        assert f"The certificate {old.thumbprint} was not registered before {new.thumbprint}" in never
        pbx.key_pair = new
        made.world.clock.advance(OVERLAP_S)
        assert done(made, "rotate_certificate", **key)["rotation"]["state"] == "retired"
        assert thumbprints(made) == {new.thumbprint}
        assert alarms() == []
    finally:
        pbx.key_pair = old
