# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gate after a batch of which a PBX was given up, or could not be set back: what it decides, undoes and says."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.utils.display import Display
from ansible_collections.tcx.m365.plugins.action import fleet_rollout
from ansible_collections.tcx.m365.plugins.action.fleet_rollout import ARGUMENT_SPEC, ActionModule, TaskInput
from ansible_collections.tcx.m365.plugins.module_utils._arguments import read_arguments
from ansible_collections.tcx.m365.plugins.module_utils._pbx import probe
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.fleet import Fleet
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.narrator import Narrator
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.sweep import Sweepers
from ansible_collections.tcx.m365.tests.faults import judge
from ansible_collections.tcx.m365.tests.faults.ground import NEIGHBOR, TARGET, Ground, ground, settle_neighbor
from ansible_collections.tcx.m365.tests.faults.held import HeldBack
from ansible_collections.tcx.m365.tests.in_process import Run
from tcx_lab import ca
from tcx_lab.pbx import state_of

Json = dict[str, Any]

LATER = "later"
"""A PBX of the next batch."""
CHANGE: Json = {"tcx_console_user_sync": {"enabled": True, "scope": "all", "photo": False, "starting_extension": "200"}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ground, Json]]:
    """The world with a neighbor that works."""
    with ground(tmp_path_factory.mktemp("batches")) as made:
        settle_neighbor(made)
        yield made, made.freeze()


@dataclass
class Batch:
    """The task of a rollout on its first batch, and the task after it that stops the rollout.

    :ivar said: what the terminal shows.
    """

    made: Ground
    run: Run
    said: list[str]
    options: Json
    results: dict[str, Json] = field(default_factory=dict)

    @classmethod
    def of(
        cls, made: Ground, directory: Path, monkeypatch: pytest.MonkeyPatch, *, on_stop: str, **variables: Any
    ) -> Batch:
        said: list[str] = []
        monkeypatch.setattr(Display, "display", lambda _self, text, *_more, **_options: said.append(text))
        places = {"snapshot_dir": str(made.directory / "snapshots")}
        inventory: Json = {"tcx": {"vars": {}, "hosts": made.hosts(**{**CHANGE, **variables})}}
        inventory["tcx"]["hosts"][LATER] = {"tcx_url": "https://later.example.com"}
        run = Run.begin(inventory, [TARGET, NEIGHBOR], directory, **places)
        given = {"max_unhealthy_percentage": 40, "on_stop": on_stop, "processes": 1, "concurrency": 2}
        return cls(made, run, said, read_arguments(ARGUMENT_SPEC, given).parameters)

    def take(self) -> dict[str, Json]:
        """The results of the PBXs."""
        fleet = self.run.fleet("rollout")
        work = functools.partial(fleet.work, connection="local")
        threads, processes = self.options["concurrency"], self.options["processes"]
        with contextlib.closing(Sweepers(self.run.hosts, work, threads=threads, processes=processes)) as sweepers:
            task, inputs = self._task(), self._inputs()
            narrator = Narrator(task._task, self.run.hosts, inputs.play_hosts, self.run.store)
            together = fleet_rollout.Batch(fleet, sweepers, narrator)
            for host, result in task._in_passes(self.run.hosts, inputs, together):
                assert result is not None
                self.results[host] = result
        return self.results

    def stop(self) -> Json:
        """The result of the task after it."""
        return self._task()._stop(self._inputs())

    def _inputs(self) -> TaskInput:
        inventory: Any = self.run.inventory
        return TaskInput(self._variables(), self.options, self.run.store, inventory)

    def told(self) -> str:
        return "\n".join(self.said)

    def _task(self) -> Any:
        action: Any = object.__new__(ActionModule)
        play = SimpleNamespace(max_fail_percentage=100)
        action._task = SimpleNamespace(
            check_mode=False, diff=False, connection="local", any_errors_fatal=False, _play=play, _uuid="1"
        )
        return action

    def _variables(self) -> Json:
        """A third host of the play is in the next batch."""
        hosts = [*self.run.hosts, LATER]
        return {"ansible_play_hosts_all": hosts, "ansible_play_hosts": hosts, "ansible_play_batch": self.run.hosts}


REASON = "The rollout stops after this batch: 1 of 2 PBXs (50 %) failed or do not work (target)"
NOT_REACHED = "Not reached, and not changed: 1 PBX (later)."


@pytest.mark.parametrize("on_failure", ["keep", "rollback"])
def test_a_pbx_that_was_given_up_closes_the_gate_and_the_rest_is_kept(
    made: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_failure: str
) -> None:
    """Its thread still holds the PBX, so that nobody undoes a write which it is about to make."""
    held = HeldBack(made, tmp_path, monkeypatch)
    batch = Batch.of(made, tmp_path / "run", monkeypatch, on_stop="keep", on_failure=on_failure)
    try:
        results = batch.take()
        stopped = batch.stop()
    finally:
        held.arrives()
    assert not results[NEIGHBOR].get("failed")
    assert settings_of(made, NEIGHBOR)["photo"] is False
    assert results[TARGET]["failed"]
    assert "given up: it did not end within its deadline, and the other PBXs went on." in results[TARGET]["msg"]
    assert stopped["failed"]
    assert stopped["unhealthy"] == [TARGET]
    assert stopped["msg"].startswith(REASON)
    assert NOT_REACHED in stopped["msg"]
    tried = on_failure == "rollback"
    assert (
        stopped["msg"].endswith("Not undone as a whole: 1 PBX (target); the result of each says what is left.") is tried
    )
    assert ("rollback" in results[TARGET]) is tried
    # Either a run is told to be repeated, or to be undone.
    assert ("Run it again." in results[TARGET]["msg"]) is not tried
    assert ("Undo the rest with tcx.m365.rollback" in results[TARGET]["msg"]) is tried
    assert f"-e snapshot={results[TARGET]['snapshot']}" in batch.told()


def test_a_batch_that_is_undone_says_which_pbx_is_not(
    made: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = judge.picture(made)
    held = HeldBack(made, tmp_path, monkeypatch)
    batch = Batch.of(made, tmp_path / "run", monkeypatch, on_stop="rollback")
    try:
        results = batch.take()
        stopped = batch.stop()
        assert judge.picture(made)["pbxs"][NEIGHBOR] == first["pbxs"][NEIGHBOR]
    finally:
        held.arrives()
    assert (results[NEIGHBOR]["rollback"]["restored"], results[TARGET]["rollback"]["restored"]) == (True, False)
    assert results[NEIGHBOR]["msg"].startswith(REASON)
    assert "undone (1 change)." in results[NEIGHBOR]["msg"]
    told = "Undone: 1 PBX (neighbor). Not undone as a whole: 1 PBX (target); the result of each says what is left."
    assert told in batch.told(), "no PBX is left for the task that stops the rollout"
    assert stopped["msg"].endswith(told)
    assert (stopped["undone"], stopped["not_undone"]) == ([NEIGHBOR], [TARGET])
    assert f"-e snapshot={results[TARGET]['snapshot']}" in batch.told(), "something of the run is left"
    # The write of the PBX that was given up has arrived by now; the snapshot undoes the rest.
    again = made.run("rollback", TARGET, NEIGHBOR, snapshot=results[TARGET]["snapshot"])
    assert not judge.failure_of(again), judge.failure_of(again)
    assert judge.picture(made) == first


@pytest.mark.parametrize("on_stop", ["keep", "rollback"])
def test_a_pbx_that_is_undone_afterwards_is_not_said_to_be_continued(
    made: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_stop: str
) -> None:
    """Its certificate is another one's, so that it fails after it was written to."""
    former = ca.key_pair_of(made.world, made.pbx()).public_pem
    ca.new_key_pair(made.world, made.pbx())
    batch = Batch.of(made, tmp_path / "run", monkeypatch, on_stop=on_stop, entra_app_public_key=former)
    inventory = batch.run.inventory._group["hosts"]
    inventory[NEIGHBOR]["entra_app_public_key"] = ca.key_pair_of(made.world, made.pbx(NEIGHBOR)).public_pem
    results = batch.take()
    assert results[TARGET]["failed"]
    assert results[TARGET]["changed"]
    undone = on_stop == "rollback"
    assert ("rollback" in results[TARGET]) is undone
    assert "The changes above were made before it failed." in batch.told()
    assert (f"# {TARGET}: undone" in batch.told()) is undone
    assert ("Running the playbook again continues from there." in batch.told()) is not undone


def test_what_somebody_has_changed_meanwhile_stays_and_is_told(
    made: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An undo that is refused for one setting: the PBX is not as it was."""
    undone = Fleet.undone

    def late(fleet: Fleet, hosts: Any, results: Any, reason: str = "", **options: Any) -> Any:
        if NEIGHBOR in hosts:
            state_of(made.world, made.pbx(NEIGHBOR)).m365["AdUsers"]["StartingExtensionNumber"] = "400"
        yield from undone(fleet, hosts, results, reason, threads=options.pop("threads"), **options)

    monkeypatch.setattr(Fleet, "undone", late)
    numbered = {**CHANGE["tcx_console_user_sync"], "starting_extension": "300"}
    batch = Batch.of(made, tmp_path / "run", monkeypatch, on_stop="rollback", tcx_console_user_sync=numbered)
    batch.run.inventory._group["hosts"][TARGET]["tcx_url"] = "https://127.0.0.1:1"
    results = batch.take()
    stopped = batch.stop()
    assert results[TARGET]["error"]["kind"] == "unreachable"
    assert "rollback" not in results[TARGET], "nothing had been changed there"
    assert [each["found"] for each in results[NEIGHBOR]["rollback"]["refused"]] == ["400"]
    said = results[NEIGHBOR]["msg"]
    assert said.count("not undone as a whole") == 1
    assert (
        "as a whole: left as it is: settings.user_sync.starting_extension (the run left '300', now it is '400')."
        in said
    )
    assert stopped["msg"].startswith(REASON)
    assert stopped["msg"].endswith("Not undone as a whole: 1 PBX (neighbor); the result of each says what is left.")
    settings = settings_of(made, NEIGHBOR)
    assert (settings["photo"], settings["starting_extension"]) == (True, "400")


def test_a_pbx_that_needed_no_write_and_does_not_work_counts_with_the_others(
    made: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It went through all steps while the others were checked, so that nothing else happens to it."""
    assert not judge.failure_of(made.run("rollout"))
    address = made.hosts()[TARGET]["tcx_url"]
    asked = probe.ask_pbx

    def ask(context: Any, transport: Any, page: str) -> probe.Verdict:
        gone = probe.Verdict(False, "not_found", message="the PBX answered 404 for the path of the redirect URI")
        return gone if page.startswith(address) else asked(context, transport, page)

    monkeypatch.setattr(probe, "ask_pbx", ask)
    batch = Batch.of(made, tmp_path / "run", monkeypatch, on_stop="keep")
    batch.options["check_first"] = True
    del batch.run.inventory._group["hosts"][TARGET]["tcx_console_user_sync"]
    results = batch.take()
    assert (results[TARGET]["failed"], results[TARGET]["changed"]) == (True, False)
    assert results[TARGET]["steps"]["settings"] == "ok"
    assert results[NEIGHBOR]["changed"]
    assert not results[NEIGHBOR].get("failed"), "a failure behind the check keeps nobody from being written to"
    stopped = batch.stop()
    assert stopped["msg"].startswith(REASON)
    assert NOT_REACHED in stopped["msg"]
    assert "2 PBXs: 1 changed, 1 failed" in batch.told()


def settings_of(made: Ground, host: str) -> Json:
    """The user sync of a PBX, by our names."""
    found = state_of(made.world, made.pbx(host)).m365["AdUsers"]
    return {"photo": found["IsSyncPhoto"], "starting_extension": found["StartingExtensionNumber"]}
