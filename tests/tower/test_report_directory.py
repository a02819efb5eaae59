# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source for reports in a directory: which files it believes, what becomes of them, and its documentation."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
import logging
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from tower_kit import REPOSITORY

SOURCE = REPOSITORY / "extensions" / "eda" / "plugins" / "event_source" / "report_directory.py"
REPORT: dict[str, Any] = {
    "schema_version": 2,
    "generated_at": "2026-01-01T02:00:00Z",
    "summary": {"total": 2, "drifted": 1},
    "hosts": [
        {
            "host": "berlin",
            "verdict": "drifted",
            "certificates": [{"days_left": 12}],
            "findings": ["secret of a customer"],
        },
        {"host": "munich", "verdict": "compliant", "certificates": []},
    ],
}


@pytest.fixture(scope="module")
def source() -> ModuleType:
    spec = importlib.util.spec_from_file_location("report_directory", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(place: Path, report: Any = None, mode: int = 0o600) -> Path:
    place.mkdir(exist_ok=True)
    path = place / "compliance.json"
    report = REPORT if report is None else report
    path.write_text(report if isinstance(report, str) else json.dumps(report), encoding="utf-8")
    path.chmod(mode)
    return path


def test_totals_alone_leave_the_report(source: ModuleType) -> None:
    assert source.events_of(REPORT, hosts=False) == [
        {"payload": {name: REPORT[name] for name in ("schema_version", "generated_at", "summary")}}
    ]


def test_hosts_with_certificates_are_events_when_asked_for(source: ModuleType) -> None:
    assert source.events_of(REPORT, hosts=True)[1:] == [
        {"payload": {"host": "berlin", "verdict": "drifted", "certificates": [{"days_left": 12}]}}
    ]


def test_what_was_there_before_is_known_and_what_is_written_again_is_new(source: ModuleType, tmp_path: Path) -> None:
    write(tmp_path)
    watched = source.Watched(tmp_path)
    assert watched.new() == []
    write(tmp_path, {**REPORT, "generated_at": "2026-01-02T02:00:00Z and later"})
    write(tmp_path / "slice", REPORT)
    assert len(watched.new()) == 2
    assert watched.new() == []


def link(path: Path) -> None:
    path.rename(path.with_suffix(".real"))
    path.symlink_to(path.with_suffix(".real"))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("report", "change", "said"),
    [
        pytest.param(REPORT, lambda path: path.chmod(0o620), "others than its owner may write", id="group"),
        pytest.param(REPORT, lambda path: path.chmod(0o602), "others than its owner may write", id="others"),
        pytest.param(REPORT, link, "cannot be opened", id="a link"),
        pytest.param(REPORT, pipe, "not a file", id="a pipe"),
        pytest.param("{", None, "not JSON", id="half written"),
        pytest.param("[" * 100_000, None, "not JSON", id="deep"),
        pytest.param([], None, "not a compliance report", id="a list"),
        pytest.param({"summary": 5, "schema_version": 2}, None, "not a compliance report", id="no totals"),
    ],
)
def test_what_is_not_believed_is_said_once(
    source: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture, report: Any, change: Any, said: str
) -> None:
    watched = source.Watched(tmp_path)
    path = write(tmp_path, report)
    if change:
        change(path)
    with caplog.at_level(logging.WARNING):
        assert watched.new() == []
        assert watched.new() == []
    assert [said in each.getMessage() for each in caplog.records] == [True]


def test_a_file_of_somebody_else(source: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root is always believed, so that the file of a user of this machine is taken to be another user's."""
    path = write(tmp_path)
    monkeypatch.setattr(source, "TRUSTED", ())
    with pytest.raises(source.NotBelieved, match=f"belongs to the user {os.getuid()}"):
        source.read_report(path)


def test_no_end_of_a_file(source: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MOST_BYTES", 10)
    with pytest.raises(source.NotBelieved, match="larger than 10 bytes"):
        source.read_report(write(tmp_path))


async def test_it_puts_events_into_the_queue_until_it_is_cancelled(source: ModuleType, tmp_path: Path) -> None:
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    running = asyncio.create_task(source.main(queue, {"directory": str(tmp_path), "delay": "0.01", "hosts": True}))
    await asyncio.sleep(0)
    while queue.empty():
        write(tmp_path, {**REPORT, "generated_at": os.urandom(4).hex()})
        await asyncio.sleep(0.02)
    found = [(await queue.get())["payload"] for _each in range(2)]
    running.cancel()
    assert [sorted(each) for each in found] == [
        ["generated_at", "schema_version", "summary"],
        ["certificates", "host", "verdict"],
    ]


async def test_a_directory_has_to_be_there(source: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no directory"):
        await source.main(asyncio.Queue(), {"directory": str(tmp_path / "nowhere")})


def test_every_option_is_documented_and_read(source: ModuleType) -> None:
    documented = yaml.safe_load(source.DOCUMENTATION)["options"]
    text = inspect.getsource(source.main)
    assert [name for name in documented if f'"{name}"' not in text] == []


def test_the_rules_are_those_of_the_listener() -> None:
    folder = REPOSITORY / "extensions" / "eda" / "rulebooks"
    rules = [
        yaml.safe_load((folder / f"{name}.yml").read_text(encoding="utf-8"))[0]["rules"]
        for name in ("compliance_report", "report_directory")
    ]
    assert rules[0] == rules[1]
