# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run keeps of what it writes, where it is hit between two pieces of one task."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import tcx_m365_settings
from ansible_collections.tcx.m365.plugins.module_utils._plan import Change, Plan, Write
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability
from ansible_collections.tcx.m365.plugins.plugin_utils import _watch
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import read_variables
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.ledger import Ledger
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.recorder import Announce, Recorder

Json = dict[str, Any]
Running = Callable[[Announce], Json]

PHOTO = Change("settings", "user_sync.photo", False, True)
ACCOUNT = Change("settings", "presence.account", "not authorized", "authorized")
OPT_OUT = Change("settings", "sign_in.opt_out", [], ["anna@acme.example"])


class Killed(BaseException):
    """What no code of the run catches, as after a signal."""


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    variables = {"tcx_url": "https://acme.example:5001", "snapshot_dir": str(tmp_path / "snapshots")}
    return Recorder("acme", read_variables(variables, host="acme"), RunStore(str(tmp_path)), "rollout")


def take(recorder: Recorder, running: Running, ledger: Ledger | None = None) -> Json:
    def run_task(
        _capability: Capability,
        _arguments: Mapping[str, Any],
        /,
        *,
        check: bool = False,
        announce: Announce | None = None,
    ) -> Json:
        assert announce is not None
        assert not check
        return running(announce)

    task = ledger.recording(run_task, check_mode=False) if ledger else run_task
    return recorder.recording(task, check_mode=False)(tcx_m365_settings.CAPABILITY, {})


def kept(recorder: Recorder) -> Json:
    found: Json = json.loads(Path(recorder.place.path(recorder.run, "acme")).read_text())
    return found


def fields(entries: list[Json]) -> dict[str, tuple[Any, Any]]:
    return {each["field"]: (each["before"], each["after"]) for each in entries}


def plan(*changes: Change) -> Plan:
    return Plan(list(changes), [Write("patch")])


def killed_after(*plans: Plan) -> Running:
    def running(announce: Announce) -> Json:
        for each in plans:
            announce(each)
        raise Killed

    return running


def test_a_kill_between_two_resources_leaves_both(recorder: Recorder, tmp_path: Path) -> None:
    ledger = Ledger(RunStore(str(tmp_path)), "acme")
    with pytest.raises(Killed):
        take(recorder, killed_after(plan(PHOTO), plan(ACCOUNT), plan(OPT_OUT)), ledger)
    expected = {"user_sync.photo": (False, True), "presence.account": ("not authorized", "authorized")}
    expected["sign_in.opt_out"] = ([], ["anna@acme.example"])
    assert fields(kept(recorder)["pending"]) == fields(ledger.changes()) == expected


def test_what_is_planned_anew_is_kept_from_its_first_state_to_its_last(recorder: Recorder) -> None:
    again = Change("settings", "user_sync.photo", False, True)
    more = Change("settings", "sign_in.opt_out", ["anna@acme.example"], ["anna@acme.example", "ben@acme.example"])
    with pytest.raises(Killed):
        take(recorder, killed_after(plan(PHOTO, OPT_OUT), plan(again, more)))
    assert fields(kept(recorder)["pending"]) == {
        "user_sync.photo": (False, True),
        "sign_in.opt_out": ([], ["anna@acme.example", "ben@acme.example"]),
    }


def test_what_a_task_that_broke_off_was_about_to_do_outlives_the_next_task(recorder: Recorder) -> None:
    with pytest.raises(Killed):
        take(recorder, killed_after(plan(PHOTO)))

    def running(announce: Announce) -> Json:
        announce(plan(OPT_OUT))
        return {"changed": True, "changes": [OPT_OUT.as_dict()], "undo": [OPT_OUT.as_undo()]}

    take(recorder, running)
    assert fields(kept(recorder)["changes"]) == {
        "user_sync.photo": (False, True),
        "sign_in.opt_out": ([], ["anna@acme.example"]),
    }
    assert kept(recorder)["pending"] == []


def test_what_was_carried_out_takes_the_place_of_what_was_announced(recorder: Recorder) -> None:
    def running(announce: Announce) -> Json:
        announce(plan(PHOTO))
        announce(plan(OPT_OUT))
        return {"failed": True, "msg": "no", "changed": True, "undo": [PHOTO.as_undo()]}

    take(recorder, running)
    assert fields(kept(recorder)["changes"]) == {"user_sync.photo": (False, True)}
    assert kept(recorder)["pending"] == []


def test_a_worker_that_was_given_up_writes_nothing_over_what_was_undone_meanwhile(recorder: Recorder) -> None:
    """It hangs where no deadline reaches it, and wakes up after its PBX has been set back."""
    watch = _watch.Watch("acme")

    def wakes_up_late(announce: Announce) -> Json:
        announce(plan(PHOTO))
        watch.abandoned = True
        Path(recorder.place.path(recorder.run, "acme")).write_text('{"undone": true}', encoding="utf-8")
        return {"changed": True, "undo": [{**PHOTO.as_undo(), "object": ""}]}

    _watch.take(watch)
    try:
        result = take(recorder, wakes_up_late)
        again = take(recorder, wakes_up_late)
    finally:
        _watch.take(None)
    assert result["error"]["kind"] == again["error"]["kind"] == "abandoned"
    assert kept(recorder) == {"undone": True}


def test_a_worker_that_was_given_up_announces_nothing_more(recorder: Recorder) -> None:
    watch = _watch.Watch("acme", abandoned=True)

    def running(announce: Announce) -> Json:
        announce(plan(PHOTO))
        raise AssertionError("it went on to write")

    _watch.take(watch)
    try:
        assert take(recorder, running)["error"]["kind"] == "abandoned"
    finally:
        _watch.take(None)
    assert not Path(recorder.place.path(recorder.run, "acme")).exists()
