# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is undone, by whom, and what is not: runs that undo themselves, and rollbacks in unusual order."""

from __future__ import annotations

import functools
import json
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import plain
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.sweep import sweep
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.ledger import broken_off
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.table import OPERATIONS
from ansible_collections.tcx.m365.tests.faults import judge
from ansible_collections.tcx.m365.tests.faults.ground import NEIGHBOR, TARGET, Ground, Ran, ground, settle_neighbor
from ansible_collections.tcx.m365.tests.faults.held import HeldBack
from ansible_collections.tcx.m365.tests.in_process import ROLES, Run
from tcx_lab import ca
from tcx_lab.graph.seed import grant_app_roles
from tcx_lab.pbx import state_of
from tcx_lab.pbx.state import Presence
from tcx_lab.wizard import run_wizard

Json = dict[str, Any]

UNDO = {"on_failure": "rollback"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ground, Json]]:
    """The world with a neighbor that works."""
    with ground(tmp_path_factory.mktemp("undo")) as made:
        settle_neighbor(made)
        yield made, made.freeze()


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


def adopted(made: Ground) -> Json:
    """An application of 3CX's wizard, which the first rollout adopts."""
    application = run_wizard(made.world, made.pbx(), ("User.Read.All", "Calendars.Read"))
    assert not judge.failure_of(made.run("rollout"))
    return application


def leave(made: Ground, **variables: Any) -> None:
    left = made.run("offboard", offboard_confirm=True, **variables)
    assert not judge.failure_of(left), judge.failure_of(left)


def linked(made: Ground) -> str:
    return str(state_of(made.world, made.pbx()).m365["ApplicationId"])


def test_a_customer_with_an_adopted_application_comes_back_to_it(made: Ground) -> None:
    app_id = adopted(made)["appId"]
    before = judge.picture(made)
    leave(made)
    planned = made.run("rollout", check=True)
    assert ("deleted", "present") in [(each["before"], each["after"]) for each in planned.target["changes"]]
    back = made.run("rollout")
    assert not judge.failure_of(back), judge.failure_of(back)
    assert linked(made) == app_id
    assert judge.picture(made) == before
    assert made.run("rollout").target["changed"] is False


@pytest.mark.parametrize("why", ["no record of the offboarding", "another key pair", "a mark of another PBX"])
def test_nothing_else_brings_an_adopted_application_back(made: Ground, why: str) -> None:
    """A deleted application says nothing of its owners, so that a tag on it is not enough."""
    app_id = adopted(made)["appId"]
    leave(made)
    if why == "no record of the offboarding":
        shutil.rmtree(made.directory / "snapshots")
    elif why == "another key pair":
        ca.new_key_pair(made.world, made.pbx())
    else:
        for each in made.tenant.deleted_items.values():
            each["tags"] = [f"{tag}x" if "pbx=" in tag else tag for tag in each.get("tags") or ()]
    back = made.run("rollout")
    assert not judge.failure_of(back), judge.failure_of(back)
    assert linked(made) not in ("", app_id)
    assert made.signs_in()


def test_a_pbx_leaves_a_shared_application_once(made: Ground) -> None:
    found = made.application("neighbor")
    assert found is not None
    shared = {"entra_app_unique_name": found["uniqueName"]}
    assert not judge.failure_of(made.run("rollout", **shared))
    leave(made, **shared)
    after = judge.picture(made)
    for check in (True, False):
        again = made.run("offboard", check=check, offboard_confirm=True, **shared)
        assert not judge.failure_of(again), judge.failure_of(again)
        assert again.target["changed"] is False
    assert judge.picture(made) == after
    assert made.signs_in("neighbor")


@pytest.mark.parametrize("before", [False, True], ids=["at once", "after it was deleted"])
def test_what_was_purged_does_not_come_back_and_that_is_told(made: Ground, before: bool) -> None:
    assert not judge.failure_of(made.run("rollout"))
    if before:
        leave(made)
    leave(made, offboard_purge=True)
    for check in (True, False):
        said = judge.failure_of(made.run("rollback", snapshot="latest", check=check))
        assert "deleted permanently" in said
        assert "Nothing was changed" in said
    assert linked(made) == ""


def test_a_renamed_host_is_told_that_it_was_another(made: Ground) -> None:
    assert not judge.failure_of(made.run("rollout"))
    (kept,) = made.directory.glob("snapshots/2*/target.json")
    kept.with_name("former.json").write_text(kept.read_text().replace('"host": "target"', '"host": "former"'))
    kept.with_name("former.json").chmod(0o600)
    kept.unlink()
    said = judge.failure_of(made.run("rollback", snapshot="latest"))
    assert "this PBX was the host former" in said
    other = made.run("rollback", "neighbor", snapshot="latest").results["neighbor"]
    assert not other.get("failed")
    assert "has changed nothing on this PBX" in other["notes"][0]


@pytest.mark.parametrize("how", ["offboard", "rotate_certificate", "rollback"])
def test_a_certificate_of_two_pbxs_stays_while_one_of_them_signs_in_with_it(
    made: Ground, tmp_path: Path, how: str
) -> None:
    """One key pair at two PBXs is no good idea, and nobody who shares an application by intent is stopped for it."""
    neighbor, pair = made.pbx("neighbor"), ca.key_pair_of(made.world, made.pbx())
    former, neighbor.key_pair = neighbor.key_pair, pair
    found = made.application("neighbor")
    assert found is not None
    try:
        made.variables = {"entra_app_unique_name": found["uniqueName"]}

        def play(operation: str, host: str, **variables: Any) -> None:
            run = Run.begin(
                {"tcx": {"vars": {}, "hosts": made.hosts()}},
                [host],
                tmp_path / f"{operation}-{host}-{len(list(tmp_path.iterdir()))}",
                snapshot_dir=str(made.directory / "snapshots"),
                **variables,
            )
            result = run.operation(operation)[host]
            assert not result.get("failed"), result["msg"]

        play("rollout", "neighbor")
        play("rollout", TARGET)
        assert made.signs_in()
        if how == "rotate_certificate":
            ca.new_key_pair(made.world, made.pbx())
            play(how, TARGET)
            made.world.clock.advance(15 * 86400)
        play(how, TARGET, offboard_confirm=True, snapshot="latest")
        assert made.signs_in("neighbor")
        assert made.signs_in() == (how == "rotate_certificate")
    finally:
        neighbor.key_pair = former


@pytest.mark.parametrize("operation", ["rollout", "offboard"])
def test_a_directory_that_is_none_is_told_once(made: Ground, tmp_path: Path, operation: str) -> None:
    if operation == "offboard":
        assert not judge.failure_of(made.run("rollout"))
    before = judge.picture(made)
    (tmp_path / "file").write_text("in the way")
    said = judge.failure_of(made.run(operation, offboard_confirm=True, snapshot_dir=str(tmp_path / "file")))
    assert said.count("Could not keep what this run changes") == 1
    assert judge.picture(made) == before


def slice_of(
    made: Ground, tmp_path: Path, *hosts: str, operation: str = "rollout", **variables: Any
) -> dict[str, Json]:
    """A run of some hosts that shares the directory of snapshots with others, and nothing else, as a slice does."""
    run = Run.begin(
        {"tcx": {"vars": {}, "hosts": made.hosts()}},
        hosts,
        tmp_path / uuid.uuid4().hex,
        snapshot_dir=str(made.directory / "snapshots"),
        **variables,
    )
    return run.operation(operation)


def test_latest_is_the_slice_that_wrote_last_and_the_others_are_named(made: Ground, tmp_path: Path) -> None:
    first = slice_of(made, tmp_path, NEIGHBOR, tcx_console_contact_sync={"enabled": True})[NEIGHBOR]["snapshot"]
    second = slice_of(made, tmp_path, TARGET)[TARGET]["snapshot"]
    assert first != second
    undone = slice_of(made, tmp_path, TARGET, NEIGHBOR, operation="rollback", snapshot="latest")
    assert linked(made) == ""
    assert not undone[NEIGHBOR].get("failed")
    assert undone[NEIGHBOR]["changed"] is False
    assert undone[NEIGHBOR]["notes"] == [
        f"the run {second} has changed nothing on this PBX; the last one that has is {first} (rollout)"
    ]
    theirs = slice_of(made, tmp_path, TARGET, NEIGHBOR, operation="rollback", snapshot=first)
    assert theirs[NEIGHBOR]["changed"] is True
    assert theirs[TARGET]["changed"] is False


# --- a PBX that was given up ----------------------------------------------------------------------------------------------


def given_up_and_undone(made: Ground, directory: Path, processes: int) -> Json:
    """The result of a rollout that undoes itself on a PBX that is given up, as the task of the playbook makes it."""
    places = {"snapshot_dir": str(made.directory / "snapshots")}
    run = Run.begin({"tcx": {"vars": {}, "hosts": made.hosts(**UNDO)}}, [TARGET], directory, **places)
    fleet = run.fleet("rollout")
    work = functools.partial(fleet.work, names=list(OPERATIONS["rollout"]), connection="local")
    ((_host, entry),) = sweep([TARGET], work, threads=1, processes=processes)
    assert entry["late"]
    assert fleet.undoes(TARGET)
    results = {TARGET: broken_off(run.store, TARGET, entry["crashed"])}
    ((_host, result),) = fleet.undone([TARGET], results, threads=1, processes=1)
    return result


@pytest.mark.parametrize("processes", [1, 2], ids=["its thread is stuck", "its process is ended"])
def test_a_write_that_arrives_after_its_pbx_was_given_up_can_be_undone(
    made: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    """A thread that is stuck keeps its lock on the PBX, so that nobody undoes a write that it is about to make."""
    first = judge.picture(made)
    held = HeldBack(made, tmp_path, monkeypatch)
    try:
        result = given_up_and_undone(made, tmp_path / "run", processes)
        ended = processes > 1
        assert (result["failed"], result["rollback"]["restored"], result["rollback"]["under_way"]) == (
            True,
            ended,
            ended,
        )
        command = f"tcx.m365.rollback -e snapshot={result['snapshot']}"
        said = f"may still arrive at the service: find out with {command} --check." if ended else f"with {command}."
        assert said in result["msg"]
        assert (judge.picture(made) == first) is ended
    finally:
        held.arrives()
    assert polled(lambda: judge.picture(made) != first), "the write has arrived"
    again = made.run("rollback", snapshot=result["snapshot"])
    assert not judge.failure_of(again), judge.failure_of(again)
    assert judge.picture(made) == first


def test_an_undo_that_comes_before_a_slow_write_says_so(
    made: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt runs into a time-out, the later ones are reset: the PBX is still at work on the first."""
    first = judge.picture(made)
    held = HeldBack(made, tmp_path, monkeypatch, gives_up=False)
    try:
        result = made.run("rollout", **UNDO, tcx_timeout=1).results[TARGET]
        told = result["rollback"]
        assert (result["failed"], told["restored"], told["under_way"]) == (True, True, True), result["msg"]
        assert f"find out with tcx.m365.rollback -e snapshot={result['snapshot']} --check." in result["msg"]
    finally:
        made.world.trouble.clear()
        held.arrives()
    assert polled(lambda: judge.picture(made) != first), "the write has arrived"
    again = made.run("rollback", snapshot=result["snapshot"])
    assert not judge.failure_of(again), judge.failure_of(again)
    assert judge.picture(made) == first


def polled(condition: Callable[[], bool], within: float = 20.0) -> bool:
    end = time.monotonic() + within
    while not condition() and time.monotonic() < end:
        threading.Event().wait(0.02)
    return condition()


# --- the presence account -------------------------------------------------------------------------------------------------


def hand_over(made: Ground) -> None:
    """Somebody authorizes the presence account in the console."""
    state_of(made.world, made.pbx()).presence = Presence(
        "token", "presence@acme.example", made.world.clock.time() + 1e6
    )


def presence(made: Ground) -> bool:
    return state_of(made.world, made.pbx()).presence is not None


def test_a_presence_account_that_a_run_handed_over_is_forgotten_again(made: Ground) -> None:
    assert not judge.failure_of(made.run("rollout"))
    token = made.lab.automation_token(made.tenant.id)
    given = made.run("rollout", tcx_console_presence={"account_token": token})
    assert not judge.failure_of(given), judge.failure_of(given)
    assert presence(made)
    (kept,) = made.directory.glob("snapshots/latest/target.json")
    assert token not in kept.read_text()
    planned = made.run("rollback", snapshot="latest", check=True)
    assert presence(made)
    assert [(each["field"], each["after"]) for each in planned.target["changes"]] == [
        ("presence.account", "not authorized")
    ]
    undone = made.run("rollback", snapshot="latest")
    assert not judge.failure_of(undone), judge.failure_of(undone)
    assert not presence(made)
    assert made.signs_in()


def test_a_presence_account_that_a_run_forgot_is_named_and_the_rest_comes_back(made: Ground) -> None:
    assert not judge.failure_of(made.run("rollout"))
    hand_over(made)
    forgot = {"tcx_console_presence": {"deauthorize": True}, "tcx_console_sign_in": {"enabled": False}}
    assert not judge.failure_of(made.run("rollout", **forgot))
    assert not presence(made)
    done = made.run("rollback", snapshot="latest")
    said = judge.failure_of(done)
    assert "settings.presence.account (the token of the presence account is nowhere kept)" in said
    assert [each["field"] for each in done.target["refused"]] == ["presence.account"]
    assert state_of(made.world, made.pbx()).m365["AdUsers"]["EnableSSO"] is True
    assert made.signs_in()


def test_a_capture_neither_takes_nor_forgets_the_presence_account(made: Ground) -> None:
    assert not judge.failure_of(made.run("rollout"))
    hand_over(made)
    captured = made.run("capture")
    text = Path(captured.target["captured"]["path"]).read_text(encoding="utf-8")
    assert "account_token" not in text
    assert "deauthorize" not in text
    variables = {**made.hosts()[TARGET], **plain(DataLoader().load_from_file(captured.target["captured"]["path"]))}
    again = made.run("rollout", only={TARGET: variables})
    assert not judge.failure_of(again), judge.failure_of(again)
    assert again.target["changed"] is False
    assert presence(made)


# --- other directories, other releases, other rollbacks -------------------------------------------------------------------


def test_a_rollback_with_another_directory_changes_nothing_until_the_snapshots_are_there(made: Ground) -> None:
    first = judge.picture(made)
    run = made.run("rollout").target["snapshot"]
    rolled_out = judge.picture(made)
    elsewhere = made.directory / "moved"
    for name in ("latest", run):
        said = judge.failure_of(made.run("rollback", snapshot=name, snapshot_dir=str(elsewhere)))
        assert str(elsewhere) in said
        assert "snapshot_dir" in said
    assert judge.picture(made) == rolled_out
    (made.directory / "snapshots").rename(elsewhere)
    try:
        done = made.run("rollback", snapshot="latest", snapshot_dir=str(elsewhere))
        assert not judge.failure_of(done), judge.failure_of(done)
        assert judge.picture(made) == first
        assert done.target["snapshot_path"].startswith(str(elsewhere))
        assert not (made.directory / "snapshots").exists()
    finally:
        shutil.rmtree(elsewhere)


@pytest.mark.parametrize("version", [0, None, "1", 2], ids=["older", "without one", "a text", "newer"])
def test_a_snapshot_of_another_release_is_refused_and_hinders_nothing_else(made: Ground, version: Any) -> None:
    assert not judge.failure_of(made.run("rollout"))
    before = judge.picture(made)
    (kept,) = made.directory.glob("snapshots/2*/target.json")
    content = json.loads(kept.read_text())
    kept.write_text(json.dumps({**content, "schema_version": version}))
    made.world.log.clear()
    done = made.run("rollback", snapshot="latest")
    assert "its schema_version is not 1. Another release of this collection wrote it" in judge.failure_of(done)
    assert made.world.log.writes() == []
    for operation in ("rollout", "rotate_certificate", "capture"):
        ran = made.run(operation)
        assert not judge.failure_of(ran), judge.failure_of(ran)
    assert judge.picture(made) == before
    leave(made)
    back = made.run("rollback", snapshot="latest")
    assert not judge.failure_of(back), judge.failure_of(back)
    assert judge.picture(made) == before


def test_rollbacks_undo_each_other_for_as_long_as_somebody_likes(made: Ground) -> None:
    pictures = [judge.picture(made)]
    run = made.run("rollout").target["snapshot"]
    pictures.append(judge.picture(made))
    for number in range(4):
        done = made.run("rollback", snapshot=run)
        assert not judge.failure_of(done), judge.failure_of(done)
        assert judge.picture(made) == pictures[number % 2]
        assert made.signs_in() == bool(number % 2)
        run = done.target["snapshot"]
    assert len({each["uniqueName"] for each in made.tenant.applications.values()}) == len(made.tenant.applications)


def test_two_rollbacks_of_one_run_at_the_same_time_are_one(made: Ground, tmp_path: Path) -> None:
    first = judge.picture(made)
    assert not judge.failure_of(made.run("rollout"))
    found: list[Json] = []

    def undo() -> None:
        found.append(slice_of(made, tmp_path, TARGET, operation="rollback", snapshot="latest")[TARGET])

    both = [threading.Thread(target=undo) for _number in range(2)]
    with made.warp.slowed():
        for each in both:
            each.start()
        for each in both:
            each.join(60)
    assert len(found) == 2
    for each in found:
        said = judge.failure_of(Ran({TARGET: each}, 0, []))
        assert not said or not judge.faults_of_sentence(said, judge.secrets_of(made)), said
    last = made.run("rollback", snapshot="latest")
    assert not judge.failure_of(last), judge.failure_of(last)
    assert last.target["changed"] is False
    assert judge.picture(made) == first
    assert made.signs_in(NEIGHBOR)


def test_an_owner_that_a_rollout_has_added_goes_and_those_of_others_stay(made: Ground) -> None:
    principals = made.tenant.service_principals.values()
    own = next(each["id"] for each in principals if each["appId"] == made.world.automation.app_id)
    grant_app_roles(made.world, made.tenant, own, ["Directory.Read.All"])  # to add owners
    assert not judge.failure_of(made.run("rollout"))
    application = made.application()
    assert application is not None
    ours, theirs = list(made.tenant.users)[:2]
    before = list(made.tenant.owners.get(application["id"], ()))
    added = made.run("rollout", entra_app_owners=[ours])
    assert not judge.failure_of(added), judge.failure_of(added)
    assert ours in made.tenant.owners[application["id"]]
    made.tenant.owners[application["id"]].append(theirs)

    undone = made.run("rollback", snapshot="latest")
    assert not judge.failure_of(undone), judge.failure_of(undone)
    assert made.tenant.owners[application["id"]] == [*before, theirs]
    told = [each for each in undone.target["changes"] if each["field"] == "owners"]
    assert [(each["before"], each["after"]) for each in told] == [([*before, ours, theirs], [*before, theirs])]
