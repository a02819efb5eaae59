# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens to the process itself: killed, interrupted, terminated, without files, without a home.

A child does the work and is hit while a chosen request is under way; then the same work is done again in peace.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from ansible_collections.tcx.m365.tests.faults import judge
from ansible_collections.tcx.m365.tests.faults.flows import FLOWS, Field
from ansible_collections.tcx.m365.tests.faults.ground import TARGET, TOKEN, ground
from ansible_collections.tcx.m365.tests.faults.processes import hit


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    with ground(tmp_path_factory.mktemp("processes")) as made:
        yield Field(made)


def hit_flow(field: Field, flow: str, number: int, how: int) -> None:
    """Run a flow from its beginning in a child that gets a signal when request ``number`` arrives."""
    field.made.restore(field.prepared(flow).begin)
    field._restore_files(flow)
    hit(field.made, number, how, lambda: field.made.run(FLOWS[flow].operation, **FLOWS[flow].variables))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=["kill", "interrupt", "terminate"])
@pytest.mark.parametrize("flow", ["first rollout", "end of a rotation", "offboarding", "rollback"])
def test_a_process_that_is_hit_leaves_what_the_next_run_completes(field: Field, flow: str, how: int) -> None:
    prepared = field.prepared(flow)
    writes = [each.number for each in prepared.requests if each.facts.method in ("PATCH", "DELETE", "POST")]
    for number in writes[:: max(1, len(writes) // 4)]:
        hit_flow(field, flow, number, how)
        made = field.made
        assert made.signs_in() or not prepared.worked or prepared.flow.ends, "the sign-in is gone"
        left = [path.name for path in made.directory.iterdir() if path.name.startswith("run-")]
        made.world.clock.advance(prepared.flow.later)
        again = made.run(prepared.flow.operation, **prepared.flow.variables)
        assert not judge.failure_of(again), f"after request {number}: {judge.failure_of(again)}"
        assert judge.picture(made) == prepared.picture, f"after request {number}"
        assert field._lost(prepared) == []
        for name in left:  # what a killed process leaves belongs to Ansible, and holds no token in plain text
            for path in (made.directory / name).rglob("*"):
                assert path.is_dir() or not TOKEN.search(path.read_text(errors="replace"))
            shutil.rmtree(made.directory / name, ignore_errors=True)  # where the next run has not removed it itself


@pytest.mark.parametrize("flow", ["first rollout", "compliance"])
def test_few_file_descriptors_are_told(field: Field, flow: str) -> None:
    made, prepared = field.made, field.prepared(flow)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    said = set()
    for spare in range(0, 8, 2):
        made.restore(prepared.begin)
        field._restore_files(flow)
        used = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            while os.dup(0) < used:
                pass  # no number below is free
            resource.setrlimit(resource.RLIMIT_NOFILE, (used + 2 + spare, hard))
            # To remove the directory of the run takes more descriptors than the run; the parent does that.
            with contextlib.suppress(BaseException), mock.patch.object(tempfile.TemporaryDirectory, "cleanup"):
                ran = made.run(prepared.flow.operation, **prepared.flow.variables)
                os.write(writer, (judge.failure_of(ran) or "it worked").encode())
            os._exit(0)
        os.close(writer)
        said.add(os.read(reader, 65536).decode())
        os.close(reader)
        os.waitpid(child, 0)
        for left in made.directory.glob("run-*"):
            shutil.rmtree(left)  # of Ansible, which removes it
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == soft
    told = said - {"it worked", ""}
    assert told
    for sentence in told:
        assert not judge.faults_of_sentence(sentence, judge.secrets_of(made)), sentence
        assert "ulimit -n" in sentence or "this machine" in sentence


@pytest.mark.parametrize("home", ["/dev/null/home", "/nonexistent/home"])
def test_a_home_that_cannot_be_written_to_stops_nobody(field: Field, home: str) -> None:
    made, prepared = field.made, field.prepared("first rollout")
    made.restore(prepared.begin)
    field._restore_files("first rollout")
    with mock.patch.dict(os.environ, {"HOME": home, "ANSIBLE_HOME": f"{home}/.ansible"}):
        done = made.run("rollout")
    assert not judge.failure_of(done), judge.failure_of(done)
    assert made.signs_in(TARGET)


def newest(field: Field, flow: str) -> str:
    """The latest run before the flow begins."""
    field._restore_files(flow)
    latest = field.made.directory / "snapshots" / "latest"
    return latest.readlink().name if latest.is_symlink() else ""


UNDOABLE = ["first rollout", "rotation", "end of a rotation", "offboarding", "offboarding of what others use"]


@pytest.mark.parametrize("flow", UNDOABLE)
def test_a_run_that_was_killed_is_undone(field: Field, flow: str) -> None:
    """Wherever it was killed: what it had done by then, and what it was about to do, is in its snapshot."""
    prepared, made = field.prepared(flow), field.made
    made.restore(prepared.begin)
    begin = judge.picture(made)
    writes = [each.number for each in prepared.requests if each.facts.method in ("PATCH", "DELETE", "POST")]
    changing = [number + 1 for number in writes if prepared.requests[number].facts.method == "PATCH"]
    latest = made.directory / "snapshots" / "latest"
    before = newest(field, flow)
    for number in sorted({*writes[:: max(1, len(writes) // 5)], *changing[:3]}):
        hit_flow(field, flow, number, signal.SIGKILL)
        for left in made.directory.glob("run-*"):
            shutil.rmtree(left, ignore_errors=True)
        changed, works = judge.picture(made) != begin, made.signs_in()
        killed = latest.readlink().name if latest.is_symlink() else ""
        if killed == before:
            assert not changed, f"after request {number} something was changed, and nothing was kept"
            continue
        done = made.run("rollback", snapshot=killed)
        if flow == "rotation":  # the PBX has the new key by now, and nobody takes that away from it
            assert made.signs_in() or not works, f"after request {number}"
            continue
        assert not judge.failure_of(done), f"after request {number}: {judge.failure_of(done)}"
        assert judge.picture(made) == begin, f"after request {number}"
