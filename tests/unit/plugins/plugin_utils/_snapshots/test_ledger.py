# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What had been written is told also where the work on a PBX ends without a result."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import azure_app_registration, tcx_m365_settings
from ansible_collections.tcx.m365.plugins.module_utils._plan import Change, Plan
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.plugin_utils import _watch
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet import fleet as fleet_of
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.sweep import Say, sweep
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.crossings import Crossings
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.ledger import Ledger, broken_off

URIS = Change("application", "redirect_uris", [], ["https://acme.example.com/oauth2office2"])
PHOTO = Change("settings", "user_sync.photo", False, True)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(str(tmp_path))


def capability(*announced: Change, done: tuple[Change, ...] = (), then: Any = None) -> Any:
    """A task that announces writes one after the other, and ends in a result or otherwise."""

    def run_task(_capability: Any, _arguments: Any, /, *, announce: Any = None, **_options: Any) -> dict[str, Any]:
        for change in announced:
            announce(Plan([change]))
        if then is not None:
            then()
        return {"changed": bool(done), "changes": [each.as_dict() for each in done]}

    return run_task


@pytest.mark.parametrize("how", ["killed", "late"])
def test_a_pbx_whose_work_left_no_result(store: RunStore, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """One of two processes is killed in the middle of a write; or a PBX is given up after its deadline."""
    monkeypatch.setattr(_watch, "FIRST_S", 1.0)
    monkeypatch.setattr(_watch, "GRACE_S", 0.0)

    def end() -> None:
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        threading.Event().wait(20)

    def work(host: str, _say: Say) -> dict[str, Any]:
        ledger = Ledger(store, host)
        ledger.begin()
        first = capability(URIS, done=(URIS,))
        ledger.recording(first, check_mode=False)(azure_app_registration.CAPABILITY, {})
        if host == "acme":
            ledger.recording(capability(PHOTO, then=end), check_mode=False)(tcx_m365_settings.CAPABILITY, {})
        return {"result": {"changed": True}}

    found = dict(sweep(["acme", "bolt"], work, threads=2, processes=2))
    assert found["bolt"] == {"result": {"changed": True}}
    result = broken_off(store, "acme", found["acme"]["crashed"])
    assert (result["failed"], result["changed"]) == (True, True)
    assert result["changes"] == [URIS.as_dict(), PHOTO.as_dict()]
    assert "application.redirect_uris, settings.user_sync.photo" in result["msg"]


def test_a_pbx_to_which_nothing_was_written(store: RunStore) -> None:
    ledger = Ledger(store, "acme")
    ledger.recording(capability(done=(URIS,)), check_mode=True)(azure_app_registration.CAPABILITY, {})
    result = broken_off(store, "acme", "it was late")
    assert (result["failed"], result["changed"]) == (True, False)
    assert "Nothing had been written by then" in result["msg"]


def test_what_was_announced_gives_way_to_what_was_carried_out(store: RunStore) -> None:
    ledger = Ledger(store, "acme")
    ledger.recording(capability(URIS, PHOTO, done=(URIS,)), check_mode=False)(azure_app_registration.CAPABILITY, {})
    assert ledger.changes() == [URIS.as_dict()]
    ledger.begin()
    assert ledger.changes() == []


def test_a_mistake_of_ours_after_a_write_does_not_hide_the_write(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def __init__(self, *_arguments: Any, **_options: Any) -> None:
            """As :class:`Runner`."""

        def run(self, _variables: Any, run_task: Any, _names: Any) -> Any:
            run_task(tcx_m365_settings.CAPABILITY, {})
            raise KeyError("id")

    monkeypatch.setattr(fleet_of, "Runner", Broken)
    monkeypatch.setattr(fleet_of.Recorder, "recording", lambda _self, run_task, **_options: run_task)
    run_task = capability(PHOTO, done=(PHOTO,))
    variables = {"tcx_url": "https://acme.example.com"}
    found = fleet_of.one_host(
        "acme", variables, run_task, ["settings"], store, Crossings({}), operation="rollout", check_mode=False
    )
    assert (found["failed"], found["changed"], found["changes"]) == (True, True, [PHOTO.as_dict()])
    assert "KeyError" not in found["msg"]
