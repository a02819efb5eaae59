# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the forks of one run share, and who may read it."""

from __future__ import annotations

import base64
import json
import multiprocessing
import os
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.plugins.module_utils import _run
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, DeadlineExceeded
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore, machine_lock
from ansible_collections.tcx.m365.plugins.module_utils._time import Deadline


@pytest.fixture(params=["memory", "directory", "own"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RunStore:
    own = ("token", "pbx_work") if request.param == "own" else ()
    return RunStore(None if request.param == "memory" else str(tmp_path), own)


def test_values_come_back_until_they_expire(store: RunStore) -> None:
    store.put("token", "tenant|client", {"access_token": "x"}, expires=time.time() + 60)
    store.put("token", "old", "y", expires=time.time() - 1)
    assert store.get("token", "tenant|client") == {"access_token": "x"}
    assert store.get("token", "old") is None
    assert store.get("other kind", "tenant|client") is None
    store.drop("token", "tenant|client")
    store.drop("token", "tenant|client")
    assert store.get("token", "tenant|client") is None


def test_only_the_owner_can_read_what_is_stored(tmp_path: Path) -> None:
    store = RunStore(str(tmp_path))
    store.put("token", "secret-key-name", "canary")
    with store.lock("token", "secret-key-name"):
        pass
    directory = Path(str(store.directory))
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    for file in directory.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        assert "secret-key-name" not in file.name


def test_what_no_other_process_asks_for_makes_no_file(tmp_path: Path) -> None:
    own, other = RunStore(str(tmp_path), own={"token"}), RunStore(str(tmp_path))
    with own.lock("token", "key"), own.lock_if_free("token", "other"):
        own.put("token", "key", "x")
    assert own.get("token", "key") == "x"
    assert other.get("token", "key") is None
    assert [file.name for file in Path(str(own.directory)).iterdir()] == [".owners"]
    own.put("other kind", "key", "y")
    assert other.get("other kind", "key") == "y"
    own.drop("token", "key")
    assert own.get("token", "key") is None


def test_what_another_process_has_left_before_is_taken(tmp_path: Path) -> None:
    other = RunStore(str(tmp_path))
    other.put("token", "key", "old")
    own = RunStore(str(tmp_path), own={"token"})
    assert own.get("token", "key") == "old"
    own.put("token", "key", "new")
    assert own.get("token", "key") == "new"
    assert other.get("token", "key") is None, "a later task reads again what is not true any more"
    own.drop("token", "key")
    assert own.get("token", "key") is other.get("token", "key") is None


def test_what_no_other_process_asks_for_is_not_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = RunStore(str(tmp_path), own={"token"})
    asked: list[str] = []
    for name in ("stat", "unlink"):
        monkeypatch.setattr(os, name, lambda path, name=name: asked.append(f"{name} {path}"))
    assert own.get("token", "key") is None
    own.put("token", "key", "x")
    assert own.get("token", "key") == "x"
    own.drop("token", "key")
    assert not asked


def test_a_directory_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tcx_m365").mkdir(mode=0o755)
    (tmp_path / "tcx_m365").chmod(0o755)
    with pytest.raises(BadInput, match="private"):
        RunStore(str(tmp_path))


def test_what_is_known_together_is_kept_as_it_was_left(store: RunStore) -> None:
    for refused in (["acme", "bolt"], [], ["a"]):
        with store.shared("token", "key") as known:
            known["refused"] = refused
        with store.shared("token", "key") as known:
            assert known == {"refused": refused}
    with store.shared("token", "other") as known:
        assert known == {}


def test_what_is_known_together_makes_one_file(tmp_path: Path) -> None:
    store = RunStore(str(tmp_path))
    for refused in (["acme"], []):
        with store.shared("credential", "key") as known:
            known["refused"] = refused
    [file] = [file for file in Path(str(store.directory)).iterdir() if file.name != ".owners"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_whoever_fails_with_what_is_known_together_changes_nothing(tmp_path: Path) -> None:
    store = RunStore(str(tmp_path))
    with pytest.raises(KeyError), store.shared("credential", "key") as known:
        known["accepted"] = known.setdefault("refused", {})["acme"]
    with store.shared("credential", "key") as known:
        assert known == {}


def test_a_full_disk_is_told_of_what_is_known_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore(str(tmp_path))
    monkeypatch.setattr(os, "pwrite", lambda _descriptor, _content, _offset: 0)
    with pytest.raises(OSError, match="space"), store.shared("credential", "key") as known:
        known["refused"] = ["acme"]


def _count(directory: str, kind: str) -> None:
    store = RunStore(directory)
    for _turn in range(40):
        if kind == "shared":
            with store.shared("counter", "c") as known:
                known["c"] = known.get("c", 0) + 1
            continue
        with store.lock("counter", "c") if kind == "run" else machine_lock(directory, Deadline(60), "counting"):
            store.put("counter", "c", (store.get("counter", "c") or 0) + 1)


@pytest.mark.parametrize("kind", ["run", "machine", "shared"])
def test_locks_hold_between_processes(tmp_path: Path, kind: str) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_count, args=(str(tmp_path), kind)) for _number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with RunStore(str(tmp_path)).shared("counter", "c") as known:
        assert 160 in (known.get("c"), RunStore(str(tmp_path)).get("counter", "c"))


def test_a_lock_that_somebody_keeps_ends_with_the_deadline(tmp_path: Path) -> None:
    key = str(tmp_path)
    second = machine_lock(key, Deadline(0.3), "another run changes this application")
    with machine_lock(key, Deadline(60), "x"), pytest.raises(DeadlineExceeded, match="another run"), second:
        pytest.fail("two hold the lock")


def test_a_task_waits_for_another_no_longer_than_it_may(store: RunStore) -> None:
    """A PBX that was given up may hold its lock for ever."""
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with store.lock("pbx_work", "acme"):
            begun.set()
            go_on.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert begun.wait(30)
    waiting = store.lock("pbx_work", "acme", Deadline(0.2))
    with pytest.raises(DeadlineExceeded, match="another task"), waiting:
        pytest.fail("two hold the lock")
    go_on.set()
    holder.join()
    with store.lock("pbx_work", "acme", Deadline(10)):
        pass


def test_a_reader_never_sees_half_a_value(tmp_path: Path) -> None:
    store = RunStore(str(tmp_path))
    store.put("big", "k", "a" * 100_000)
    pid = os.fork()
    if pid == 0:
        for turn in range(200):
            store.put("big", "k", ("a" if turn % 2 else "b") * 100_000)
        os._exit(0)
    seen = {(store.get("big", "k") or "")[:1] + str(len(store.get("big", "k") or "")) for _turn in range(200)}
    os.waitpid(pid, 0)
    assert seen <= {"a100000", "b100000"}


@pytest.mark.parametrize("kind", ["entra_token", "pbx_token"])
def test_a_token_is_not_readable_in_its_file_and_comes_back_in_the_forks_of_this_run(tmp_path: Path, kind: str) -> None:
    RunStore(str(tmp_path)).put(kind, "key", {"value": "CANARY-token"}, expires=time.time() + 60)
    for file in (tmp_path / "tcx_m365").iterdir():
        assert b"CANARY" not in file.read_bytes()
    assert RunStore(str(tmp_path)).get(kind, "key") == {"value": "CANARY-token"}
    process = os.fork()
    if process == 0:
        os._exit(0 if RunStore(str(tmp_path)).get(kind, "key") == {"value": "CANARY-token"} else 1)
    assert os.waitpid(process, 0)[1] == 0


def test_another_run_cannot_open_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RunStore(str(tmp_path)).put("pbx_token", "key", "CANARY")
    monkeypatch.setattr(_run, "_KEY", base64.urlsafe_b64encode(b"x" * 32))
    assert RunStore(str(tmp_path)).get("pbx_token", "key") is None


def _dead_process() -> int:
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    return int(done.stdout)


def test_stores_of_dead_runs_are_removed_and_those_of_others_stay(tmp_path: Path) -> None:
    for name in ("dead", "alive", "unsigned"):
        (tmp_path / name).mkdir()
        RunStore(str(tmp_path / name)).put("pbx_token", "key", "CANARY")
    dead = [[_dead_process(), ""], [os.getpid(), "a process that was there before"]]
    (tmp_path / "dead" / "tcx_m365" / ".owners").write_text(json.dumps(dead), encoding="ascii")
    (tmp_path / "dead" / "ansible").write_text("not ours", encoding="ascii")
    (tmp_path / "unsigned" / "tcx_m365" / ".owners").unlink()
    (tmp_path / "new").mkdir()
    RunStore(str(tmp_path / "new"))
    assert not (tmp_path / "dead" / "tcx_m365").exists()
    assert (tmp_path / "dead" / "ansible").exists()
    assert (tmp_path / "alive" / "tcx_m365").exists()
    assert (tmp_path / "unsigned" / "tcx_m365").exists()


def test_a_directory_that_somebody_has_made_in_the_temporary_directory_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    squatted = tmp_path / "tmp"
    squatted.mkdir()
    (squatted / f"tcx_m365-{os.getuid()}").mkdir(mode=0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(squatted))
    monkeypatch.setenv("ANSIBLE_HOME", str(tmp_path / "home" / ".ansible"))
    with machine_lock("application", Deadline(5), "another run"):
        assert stat.S_IMODE((tmp_path / "home" / ".ansible" / "tcx_m365").stat().st_mode) == 0o700


def test_without_a_home_the_session_directory_holds_the_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a file").write_text("", encoding="ascii")
    monkeypatch.setenv("ANSIBLE_HOME", str(tmp_path / "a file" / ".ansible"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with machine_lock("application", Deadline(5), "another run"):
        assert (tmp_path / "tcx_m365").is_dir()
