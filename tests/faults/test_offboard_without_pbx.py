# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A customer has left, and the PBX with him: what it has in Entra is removed where its host is named, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._errors import DeadlineExceeded
from ansible_collections.tcx.m365.plugins.module_utils._pbx import settings
from ansible_collections.tcx.m365.tests.faults import judge
from ansible_collections.tcx.m365.tests.faults.ground import NEIGHBOR, TARGET, Ground, ground, settle_neighbor
from tcx_lab import hostile
from tcx_lab.graph import patch_application
from tcx_lab.pbx import state_of
from tcx_lab.wizard import run_wizard

Json = dict[str, Any]

CONFIRMED: Json = {"offboard_confirm": True}
LEFT_OUT: Json = {**CONFIRMED, "offboard_without_pbx": [TARGET]}
SHARED: Json = {"entra_app_unique_name": "3cx-acme"}
GONE: Json = {"action": "reset_before", "match": {"service": "pbx", "host": TARGET}, "times": 0}
REFUSES: Json = {
    "action": "status",
    "status": 403,
    "match": {"service": "pbx", "host": TARGET, "method": "PATCH"},
    "times": 0,
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ground, Json]]:
    """Two PBXs that work, each with its application."""
    with ground(tmp_path_factory.mktemp("left")) as made:
        settle_neighbor(made)
        assert not judge.failure_of(made.run("rollout"))
        yield made, made.freeze()


def names(made: Ground) -> list[str]:
    return sorted(str(each["uniqueName"]) for each in made.tenant.applications.values() if each["uniqueName"])


def kept(made: Ground) -> Json:
    """What the PBX has of Microsoft 365."""
    return dict(state_of(made.world, made.pbx()).m365)


@pytest.mark.parametrize("named", [None, [NEIGHBOR], ["targets"]], ids=["nobody", "another", "a slip"])
def test_a_pbx_that_is_down_stays_with_its_application_unless_it_is_named(
    made: Ground, named: list[str] | None
) -> None:
    made.world.trouble.add(GONE)
    before, variables = judge.picture(made), {**CONFIRMED, **({"offboard_without_pbx": named} if named else {})}
    done = made.run("offboard", **variables)
    assert done.target["failed"]
    assert "If this PBX is gone, offboard_without_pbx=target removes what it has in Entra alone." in done.target["msg"]
    assert done.target["error"]["remedy"] in done.target["msg"]
    assert judge.picture(made) == before


def test_what_a_pbx_that_is_gone_has_in_entra_is_removed(made: Ground) -> None:
    made.world.trouble.add(GONE)
    before, applications = kept(made), names(made)
    planned = made.run("offboard", check=True, **LEFT_OUT)
    assert not judge.failure_of(planned), judge.failure_of(planned)
    assert names(made) == applications
    done = made.run("offboard", **LEFT_OUT)
    assert not judge.failure_of(done), judge.failure_of(done)
    assert names(made) == ["3cx-neighbor"]
    assert kept(made) == before
    assert made.signs_in(NEIGHBOR)
    assert planned.target["changes"] == done.target["changes"]
    for result in (planned.target, done.target):
        assert "unlink" not in result["steps"]
        assert result["not_unlinked"]["kind"] in ("unreachable", "interrupted")
        assert result["not_unlinked"]["stays"] == ["link to its application", "key pair", "synchronized users"]
        (note,) = [each for each in result["notes"] if "cannot be unlinked" in each]
        assert note.startswith("target cannot be unlinked, because it could not be asked (")
        assert "On the PBX stay the link to its application" in note
        assert not judge.faults_of_sentence(note, judge.secrets_of(made))
    assert made.run("offboard", **LEFT_OUT).target["changed"] is False

    # The PBX comes back: offboarded again, it loses its link; or the run is undone, and it works as before.
    made.world.trouble.clear()
    found = made.freeze()
    again = made.run("offboard", **CONFIRMED)
    assert not judge.failure_of(again), judge.failure_of(again)
    assert kept(made)["ApplicationId"] == ""
    made.restore(found)
    undone = made.run("rollback", snapshot=done.target["snapshot"])
    assert not judge.failure_of(undone), judge.failure_of(undone)
    assert made.signs_in()


def test_a_list_on_the_command_line_is_read_as_such(made: Ground) -> None:
    made.world.trouble.add(GONE)
    done = made.run("offboard", **{**LEFT_OUT, "offboard_without_pbx": f"{NEIGHBOR}, {TARGET}"})
    assert not judge.failure_of(done), judge.failure_of(done)
    assert names(made) == ["3cx-neighbor"]


@pytest.mark.parametrize("word", ["true", "all", ["*"], "tcx"])
def test_one_word_for_the_whole_fleet_is_refused(made: Ground, word: Any) -> None:
    made.world.trouble.add(GONE)
    before = judge.picture(made)
    done = made.run("offboard", **{**LEFT_OUT, "offboard_without_pbx": word})
    assert done.target["failed"]
    assert "it names hosts" in done.target["msg"]
    assert "offboard_without_pbx=target" in done.target["msg"]
    assert judge.picture(made) == before


def test_it_is_no_switch(made: Ground) -> None:
    done = made.run("offboard", **{**LEFT_OUT, "offboard_without_pbx": True})
    assert "offboard_without_pbx must be a list, not a boolean" in done.target["msg"]
    assert "3cx-target" in names(made)


def test_an_application_that_the_pbx_alone_knows_is_stated_by_hand(made: Ground) -> None:
    """One that was adopted has not the name that the inventory would give it."""
    found, other = made.application(), {"entra_app_unique_name": "3cx-of-the-inventory"}
    assert found is not None
    made.world.trouble.add(GONE)
    done = made.run("offboard", **other, **LEFT_OUT)
    assert not judge.failure_of(done), judge.failure_of(done)
    assert any("name it in entra_app_app_id" in note for note in done.target["notes"])
    assert "3cx-target" in names(made)
    stated = made.run("offboard", entra_app_app_id=found["appId"], **other, **LEFT_OUT)
    assert not judge.failure_of(stated), judge.failure_of(stated)
    assert names(made) == ["3cx-neighbor"]


def test_it_needs_the_confirmation_as_well(made: Ground) -> None:
    made.world.trouble.add(GONE)
    done = made.run("offboard", offboard_without_pbx=[TARGET])
    assert "was not confirmed" in done.target["msg"]
    assert "3cx-target" in names(made)


def test_a_pbx_whose_login_is_gone_counts_as_one_that_cannot_be_asked(made: Ground) -> None:
    done = made.run("offboard", tcx_client_secret="of another year", **LEFT_OUT)
    assert not judge.failure_of(done), judge.failure_of(done)
    assert done.target["not_unlinked"]["kind"] == "bad_credential"
    assert names(made) == ["3cx-neighbor"]


def test_a_pbx_that_answers_is_unlinked_as_always(made: Ground) -> None:
    done = made.run("offboard", **LEFT_OUT)
    assert not judge.failure_of(done), judge.failure_of(done)
    assert "not_unlinked" not in done.target
    assert kept(made)["ApplicationId"] == ""


def test_a_pbx_that_refuses_to_be_unlinked_keeps_nobody_from_removing_its_application(made: Ground) -> None:
    made.world.trouble.add(REFUSES)
    before = kept(made)
    held = made.run("offboard", **CONFIRMED)
    assert held.target["failed"]
    assert "3cx-target" in names(made)
    done = made.run("offboard", **LEFT_OUT)
    assert not judge.failure_of(done), judge.failure_of(done)
    assert names(made) == ["3cx-neighbor"]
    assert kept(made) == before
    assert done.target["not_unlinked"]["kind"] == "forbidden"
    assert any("because it refuses" in note for note in done.target["notes"])


def test_a_write_of_which_nobody_knows_the_end_is_no_refusal(made: Ground) -> None:
    made.world.trouble.add({**REFUSES, "action": "reset_before"})
    done = made.run("offboard", **LEFT_OUT)
    assert done.target["failed"]
    assert "3cx-target" in names(made)


def test_an_application_that_is_not_proven_to_be_of_this_pbx_stays(made: Ground) -> None:
    found = made.application()
    assert found is not None
    patch_application(made.world, made.tenant, found["id"], {"tags": []})
    made.world.trouble.add(GONE)
    before = judge.picture(made)
    done = made.run("offboard", **LEFT_OUT)
    assert done.target["failed"]
    assert judge.picture(made) == before


def test_of_a_shared_application_the_part_of_this_pbx_alone_is_removed(made: Ground) -> None:
    for host in (TARGET, NEIGHBOR):
        done = made.run("rollout", host, entra_app_mode="create", **SHARED)
        assert not done.results[host].get("failed"), done.results[host]
    made.world.trouble.add(GONE)
    done = made.run("offboard", **SHARED, **LEFT_OUT)
    assert not judge.failure_of(done), judge.failure_of(done)
    shared = made.application(NEIGHBOR)
    assert shared is not None
    assert (len(shared["keyCredentials"]), len(shared["web"]["redirectUris"])) == (1, 1)
    assert made.signs_in(NEIGHBOR)
    assert not made.signs_in()


def test_an_application_that_was_adopted_is_found_by_its_redirect_uri(made: Ground) -> None:
    """It has no unique name, and the PBX that points to it is gone; that it is this PBX's says the mark that we put there."""
    assert not judge.failure_of(made.run("offboard", offboard_purge=True, **CONFIRMED))
    wizards = run_wizard(made.world, made.pbx(), ("User.Read.All", "Calendars.Read"))
    assert not judge.failure_of(made.run("rollout"))
    decoy = hostile.Intruder(made.world, made.tenant).register(
        "3CX", web={"redirectUris": wizards["web"]["redirectUris"]}
    )
    made.world.trouble.add(GONE)
    done = made.run("offboard", **LEFT_OUT)
    assert not judge.failure_of(done), judge.failure_of(done)
    assert (
        wizards["id"] not in made.tenant.applications or not made.tenant.applications[wizards["id"]]["keyCredentials"]
    )
    assert done.target["changes"]
    assert decoy["id"] in made.tenant.applications
    assert made.signs_in(NEIGHBOR)


def test_one_that_no_rollout_has_adopted_stays_and_is_asked_for(made: Ground) -> None:
    assert not judge.failure_of(made.run("offboard", offboard_purge=True, **CONFIRMED))
    wizards = run_wizard(made.world, made.pbx(), ("User.Read.All", "Calendars.Read"))
    made.world.trouble.add(GONE)
    done = made.run("offboard", **LEFT_OUT)
    assert not judge.failure_of(done), judge.failure_of(done)
    assert any("name it in entra_app_app_id" in note for note in done.target["notes"])
    assert wizards["id"] in made.tenant.applications


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_pbx_that_does_not_answer_in_time_is_asked_what_became_of_it(
    made: Ground, monkeypatch: pytest.MonkeyPatch, carried_out: bool
) -> None:
    """What the run says of the link is what the PBX has, whatever the answer to the write was."""
    write = settings.Settings.write

    def late(self: settings.Settings, plan: Any) -> None:
        if carried_out:
            write(self, plan)
        raise DeadlineExceeded("the deadline of 120 s is over", tried="write the Microsoft 365 settings")

    monkeypatch.setattr(settings.Settings, "write", late)
    done = made.run("offboard", **LEFT_OUT)
    assert not judge.failure_of(done), judge.failure_of(done)
    assert names(made) == ["3cx-neighbor"]
    linked = kept(made)["ApplicationId"]
    assert bool(linked) is not carried_out
    assert ("not_unlinked" in done.target) is not carried_out
    told = [each["field"] for each in done.target["changes"] if each["target"] == "settings"]
    assert ("application_id" in told) is carried_out
