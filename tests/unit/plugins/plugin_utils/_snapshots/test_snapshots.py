# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a run: private, whole or not there, harmless names, and foreign data when they are read."""

from __future__ import annotations

import datetime as dt
import json
import os
import stat
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots import snapshots
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.recorder import net
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.snapshots import Snapshots, run_id

RUN = "20261126T174200Z-5f0c3a52"
LATER = "20261127T080000Z-00000000"


@pytest.fixture
def kept(tmp_path: Path) -> Snapshots:
    return Snapshots(str(tmp_path / "deep" / "snapshots"))


def test_a_run_has_one_id_for_all_of_its_forks(tmp_path: Path) -> None:
    first, second = run_id(RunStore(str(tmp_path))), run_id(RunStore(str(tmp_path)))
    assert first == second
    assert run_id(RunStore(None)) != first


def test_runs_of_one_second_sort_by_when_they_began() -> None:
    """The one that was last decides where an interrupted run goes on."""
    moment = dt.datetime(2026, 11, 26, 17, 42, 0, tzinfo=dt.UTC)
    ids = [snapshots._new_id(moment.replace(microsecond=each)) for each in (0, 7, 99_999, 100_000, 999_999)]
    assert ids == sorted(ids)
    assert all(snapshots.is_run_id(each) for each in ids)
    assert len({snapshots._new_id(moment) for _each in range(8)}) > 1


def test_files_and_directories_are_private(kept: Snapshots) -> None:
    path = Path(kept.write(RUN, "acme", {"host": "acme"}, latest=True))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["acme.json"]
    assert kept.read(RUN, "acme") == {"host": "acme"}


@pytest.mark.parametrize("umask", [0o002, 0o000, 0o077])
def test_what_was_kept_from_here_is_believed_whatever_the_umask_and_the_directory_above(
    tmp_path: Path, umask: int
) -> None:
    """The directory of a project often belongs to a group, with setgid."""
    project = tmp_path / "project"
    project.mkdir()
    project.chmod(0o2775)
    kept, before = Snapshots(str(project / "snapshots")), os.umask(umask)
    try:
        for run in (RUN, LATER):
            kept.write(run, "acme", {"host": "acme"}, latest=True)
            kept.check_writable(run)
        store = RunStore(str(project / "ansible-local-1"))
        store.put("kind", "key", True)
    finally:
        os.umask(before)
    assert [run for run, _content in kept.of_host("acme")] == [LATER, RUN]
    assert RunStore(str(project / "ansible-local-1")).get("kind", "key")


def test_another_host_that_changed_nothing_takes_the_directory_away(
    kept: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between making it and using it: PBXs of a run are worked on together, and most of them change nothing."""
    real, vanished = tempfile.mkstemp, []

    def as_the_other_host_ends(*arguments: Any, **options: Any) -> tuple[int, str]:
        if len(vanished) < 2:
            kept.forget_empty(RUN)
            vanished.append(not Path(kept.directory, RUN).exists())
        return real(*arguments, **options)

    for use in (lambda: kept.check_writable(RUN), lambda: kept.write(RUN, "acme", {"host": "acme"}, latest=True)):
        vanished.clear()
        monkeypatch.setattr("tempfile.mkstemp", as_the_other_host_ends)
        use()
        monkeypatch.undo()
        assert vanished == [True, True]
    assert kept.read(RUN, "acme") == {"host": "acme"}
    assert [each.name for each in Path(kept.directory, RUN).iterdir()] == ["acme.json"]


def test_hosts_that_change_nothing_at_the_same_time_are_in_nobodys_way(kept: Snapshots) -> None:
    """At any moment, that is: each makes the directory, looks at it and takes it away."""

    def work(_host: int) -> None:
        for _time in range(400):
            kept.check_writable(RUN)
            kept.forget_empty(RUN)

    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(work, range(4)))
    assert not Path(kept.directory, RUN).exists()


@pytest.mark.parametrize("place", ["a file", "a link that leads nowhere"])
def test_something_else_in_the_place_of_the_directory_is_told(kept: Snapshots, place: str) -> None:
    Path(kept.directory).parent.mkdir(parents=True, exist_ok=True)
    if place == "a file":
        Path(kept.directory).write_text("mine")
    else:
        Path(kept.directory).symlink_to("nowhere")
    with pytest.raises(BadInput, match=r"(?i)(not a|than a) directory"):
        kept.check_writable(RUN)


@pytest.mark.parametrize("host", ["../../evil", "a/b", ".hidden", "-rf", "x" * 300, "naïve", "latest", "%2e%2e"])
def test_a_host_name_leads_nowhere_else(kept: Snapshots, host: str) -> None:
    path = Path(kept.write(RUN, host, {"host": host}, latest=True)).resolve()
    assert path.parent == Path(kept.directory, RUN).resolve()
    assert kept.read(RUN, host) == {"host": host}


def test_latest_follows_the_runs(kept: Snapshots) -> None:
    with pytest.raises(BadInput, match="no latest run"):
        kept.resolve("latest")
    kept.write(RUN, "acme", {}, latest=True)
    kept.write(LATER, "acme", {}, latest=False)
    assert kept.resolve("latest") == RUN
    kept.write(LATER, "acme", {}, latest=True)
    assert kept.resolve("latest") == LATER
    assert kept.resolve(RUN) == RUN
    assert kept.runs() == [RUN, LATER]


@pytest.mark.parametrize("name", ["../..", "/etc", "", ".", "20261126T174200Z-nothing0", "latest/../.."])
def test_only_a_run_can_be_named(kept: Snapshots, name: str) -> None:
    kept.write(RUN, "acme", {}, latest=True)
    with pytest.raises(BadInput, match=RUN):
        kept.resolve(name)


def test_a_latest_that_leads_elsewhere_is_not_followed(kept: Snapshots, tmp_path: Path) -> None:
    kept.write(RUN, "acme", {}, latest=False)
    Path(kept.directory, "latest").symlink_to(tmp_path)
    with pytest.raises(BadInput, match="there is no run"):
        kept.resolve("latest")


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o772])
@pytest.mark.parametrize("spoiled", ["file", "run", "directory"])
def test_what_others_can_write_is_not_believed(kept: Snapshots, spoiled: str, mode: int) -> None:
    path = Path(kept.write(RUN, "acme", {}, latest=True))
    {"file": path, "run": path.parent, "directory": path.parent.parent}[spoiled].chmod(mode)
    with pytest.raises(BadInput, match="others can write it"):
        kept.read(RUN, "acme")


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_nothing_is_kept_where_it_would_not_be_believed(tmp_path: Path, mode: int) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(mode)
    kept = Snapshots(str(tmp_path / "shared"))
    for keep in (lambda: kept.check_writable(RUN), lambda: kept.write(RUN, "acme", {}, latest=True)):
        with pytest.raises(BadInput, match=r"others can write it.*rollback refuses"):
            keep()
    assert not list((tmp_path / "shared").iterdir())
    within = Snapshots(str(tmp_path / "shared" / "mine"))
    within.check_writable(RUN)
    within.write(RUN, "acme", {"a": 1}, latest=True)
    assert within.read(RUN, "acme") == {"a": 1}


def test_a_link_in_the_place_of_a_snapshot_is_not_followed(kept: Snapshots, tmp_path: Path) -> None:
    path = Path(kept.write(RUN, "acme", {}, latest=True))
    (tmp_path / "other.json").write_text("{}")
    path.unlink()
    path.symlink_to(tmp_path / "other.json")
    with pytest.raises(BadInput):
        kept.read(RUN, "acme")


@pytest.mark.parametrize("content", ["", "[]", "{", "null", "[" * 100_000])
def test_what_is_no_snapshot_is_refused_in_a_sentence(kept: Snapshots, content: str) -> None:
    Path(kept.write(RUN, "acme", {}, latest=True)).write_text(content)
    with pytest.raises(BadInput, match="Could not read the snapshot"):
        kept.read(RUN, "acme")


def test_a_file_in_the_way_is_told_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "snapshots").write_text("")
    with pytest.raises(BadInput, match=r"Could not keep what this run changes .*snapshot_dir"):
        Snapshots(str(tmp_path / "snapshots")).check_writable(RUN)


def change(target: str, field: str, before: Any, after: Any, name: str = "app") -> dict[str, Any]:
    return {"target": target, "field": field, "before": before, "after": after, "object": name}


def test_only_what_is_left_in_the_end_is_kept() -> None:
    made = [change("settings", "user_sync.photo", False, True), change("settings", "user_sync.photo", True, False)]
    assert net(made) == []
    grown = [change("application", "tags", [], ["a"]), change("application", "tags", ["a"], ["a", "b"])]
    assert net(grown) == [change("application", "tags", [], ["a", "b"])]


def test_an_application_that_came_and_went_has_left_nothing() -> None:
    made = [
        change("application", "state", "absent", "present"),
        change("application", "tags", [], ["tcx.m365"]),
        change("settings", "application_id", "", "app", "pbx"),
        change("application", "state", "present", "absent"),
    ]
    assert net(made) == [change("settings", "application_id", "", "app", "pbx")]


def test_the_entries_behind_thumbprints_stay_with_them() -> None:
    first = {**change("application", "certificates", ["A"], ["A", "B"]), "details": {"B": [{"keyId": "b"}]}}
    second = {**change("application", "certificates", ["A", "B"], ["B"]), "details": {"A": [{"keyId": "a"}]}}
    (found,) = net([first, second])
    assert json.loads(json.dumps(found["details"])) == {"A": [{"keyId": "a"}], "B": [{"keyId": "b"}]}
