# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signals that hit ``ansible-playbook`` itself while a request of it is under way: the whole command, with its forks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from ansible_collections.tcx.m365.tests.faults import judge
from ansible_collections.tcx.m365.tests.faults.flows import Field
from ansible_collections.tcx.m365.tests.faults.ground import TARGET, TOKEN, Ground
from tcx_lab.trouble import Facts

REPOSITORY = Path(__file__).resolve().parents[2]
SIGNALS: Mapping[str, int] = {
    "kill -9": signal.SIGKILL,
    "SIGINT": signal.SIGINT,
    "SIGTERM": signal.SIGTERM,
    "SIGHUP": signal.SIGHUP,
}
HIT = ("first rollout", "rotation", "end of a rotation", "rollback", "offboarding")
"""The flows that write."""
POINTS = 2
"""At how many of the requests of a flow that write a command is hit."""
_LIMIT_S = 90.0
_MARK = "TCX_FAULTS_COMMAND"
_real_sleep = time.sleep


@dataclass(frozen=True)
class Hit:
    """One command that is hit.

    :param number: the request that is under way.
    """

    flow: str
    number: int
    signal: str

    @property
    def name(self) -> str:
        return f"{self.flow}:{self.number}:{self.signal}:command"


@dataclass
class Ended:
    """How a command has ended. :ivar said: its output. :ivar left: files with a token in plain text, by name."""

    code: int
    said: str
    left: list[str]
    outlived: bool


def hits(field: Field, flow: str) -> list[Hit]:
    """All cases of a flow: each signal at some of the requests that change something."""
    writes = [each.number for each in field.prepared(flow).requests if _writes(each.facts)]
    chosen = writes[:: max(1, len(writes) // POINTS)][:POINTS]
    return [Hit(flow, number, name) for name in SIGNALS for number in chosen]


def _writes(facts: Facts) -> bool:
    return facts.method in ("PATCH", "DELETE") or (facts.method == "POST" and facts.path.endswith("/restore"))


def judged(field: Field, case: Hit) -> tuple[str, list[str]]:
    """The verdict on one command that was hit, and why."""
    made, prepared = field.made, field.prepared(case.flow)
    flow = prepared.flow
    made.restore(prepared.begin)
    field._restore_files(case.flow)
    ended = hit(made, case, prepared.flow.operation, flow.variables)
    wrong = [] if ended.code else ["it ended well, so that nothing hit it"]
    wrong += [f"a token is left in {name}" for name in ended.left]
    wrong += ["something of it went on without it"] if ended.outlived else []
    wrong += [f"it shows {each}" for each in ("Traceback", "eyJ") if each in ended.said]
    if prepared.worked and not flow.ends and not made.signs_in():
        # A rotation puts back what the PBX needs, and a run that is killed cannot: the next one does.
        wrong += [] if case.flow == "end of a rotation" else ["nobody can sign in any more"]
    wrong += field._lost(prepared)
    made.world.clock.advance(flow.later)
    again = made.run(flow.operation, **flow.variables)
    if judge.failure_of(again):
        wrong.append(f"the run after it fails: {judge.failure_of(again)}")
    if judge.picture(made) != prepared.picture:
        wrong.append("another state than without trouble")
    wrong += field._lost(prepared) + field._silent(flow)
    return (judge.CORRUPTED if wrong else judge.HEALED), wrong


def hit(made: Ground, case: Hit, operation: str, variables: Mapping[str, Any]) -> Ended:
    """Run a playbook by its command, and hit it while a request is under way."""
    strike, seen, process = made.world.trouble.strike, 0, None

    def struck(facts: Facts) -> Any:
        nonlocal seen
        if not facts.source.startswith("pbx:"):
            seen += 1
            if seen == case.number + 1 and process is not None:
                _send(process, case.signal)
        return strike(facts)

    with (
        tempfile.TemporaryDirectory(prefix="tcx-command-") as place,
        mock.patch.object(made.world.trouble, "strike", struck),
    ):
        mark = uuid.uuid4().hex
        with Path(place, "output").open("wb") as output:
            # Under nohup, this process and its children would ignore a hangup.
            ignored = signal.signal(signal.SIGHUP, signal.SIG_DFL)
            process = subprocess.Popen(
                _command(made, Path(place), operation, variables),
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_environment(Path(place), mark),
                cwd=place,
                start_new_session=True,
            )
            signal.signal(signal.SIGHUP, ignored)
            try:
                code = process.wait(timeout=_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
        outlived = not _all_ended(mark)
        said = Path(place, "output").read_text(encoding="utf-8", errors="replace")
        left = [
            path.name
            for path in Path(place).rglob("*")
            if path.is_file() and path.name != "output" and TOKEN.search(path.read_text(errors="replace"))
        ]
    return Ended(code, said, left, outlived)


def _send(process: subprocess.Popen[bytes], name: str) -> None:
    """Ctrl-C reaches every process of the terminal; the other signals are sent to the command alone."""
    if name == "SIGINT":
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(SIGNALS[name])


def _command(made: Ground, place: Path, operation: str, variables: Mapping[str, Any]) -> list[str]:
    inventory = place / "inventory.json"
    inventory.write_text(json.dumps({"tcx": {"hosts": {TARGET: made.hosts()[TARGET]}}}), encoding="utf-8")
    more = {"snapshot_dir": str(made.directory / "snapshots"), **variables}
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    return [program, f"tcx.m365.{operation}", "-i", str(inventory), "-e", json.dumps(more)]


def _environment(place: Path, mark: str) -> dict[str, str]:
    known = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TMPDIR")}
    return {
        **known,
        "HOME": str(place),
        "ANSIBLE_HOME": str(place / ".ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".build" / "collections"),
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
        _MARK: mark,
    }


def _all_ended(mark: str, within: float = 20.0) -> bool:
    """Whether no process of the command is left before long: who works for nobody has to notice it."""
    end = time.perf_counter() + within
    while any(True for _each in _processes(mark)):
        if time.perf_counter() > end:
            for number in _processes(mark):
                os.kill(number, signal.SIGKILL)
            return False
        _real_sleep(0.1)
    return True


def _processes(mark: str) -> Iterator[int]:
    wanted = f"{_MARK}={mark}".encode()
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                if wanted in (each / "environ").read_bytes():
                    yield int(each.name)
            except OSError:
                continue  # it has ended, or is somebody else's
