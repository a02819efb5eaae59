# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flows of the playbooks from where they begin, and one case of trouble in one of them from beginning to verdict."""

from __future__ import annotations

import shutil
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tcx.m365.tests.faults import judge
from ansible_collections.tcx.m365.tests.faults.ground import Ground, Ran, Request, add_foreign, settle_neighbor
from ansible_collections.tcx.m365.tests.faults.kinds import TOLD, Case, cases
from ansible_collections.tcx.m365.tests.faults.states import state_of_everything
from tcx_lab import ca

Json = dict[str, Any]

MOST_SECONDS = 400.0
"""Of the clock of the flow: two steps that each wait until their deadline, with their grace."""
MOST_CPU_SECONDS = 30.0
"""Of this process. A machine that is busy with something else takes longer, and says nothing of the run."""
AUDITED = 20
"""One case in so many makes the runs after it from a state that is known already."""
_FILES = frozenset(("captured", "snapshots", "kept"))


@dataclass(frozen=True)
class Flow:
    """:param begin: from a world with a rolled out neighbor to where the flow begins.
    :param ends: the PBX is unlinked afterwards.
    :param later: seconds until it is run again.
    """

    name: str
    operation: str
    begin: Callable[[Ground], None] = lambda _made: None
    variables: Json = field(default_factory=dict)
    ends: bool = False
    later: float = 0.0


def _rolled_out(made: Ground) -> None:
    done = made.run("rollout")
    assert not judge.failure_of(done), judge.failure_of(done)
    add_foreign(made)


def _alone(made: Ground) -> None:
    """Nobody else uses the application, so that it is deleted."""
    done = made.run("rollout")
    assert not judge.failure_of(done), judge.failure_of(done)


def _offboarded(made: Ground) -> None:
    _alone(made)
    done = made.run("offboard", offboard_confirm=True)
    assert not judge.failure_of(done), judge.failure_of(done)


def _new_key(made: Ground) -> None:
    """The inventory has the new key, and so has the PBX."""
    _rolled_out(made)
    ca.new_key_pair(made.world, made.pbx())


def _overlap_over(made: Ground) -> None:
    """Both keys are registered, and the older one is due."""
    _new_key(made)
    done = made.run("rotate_certificate")
    assert not judge.failure_of(done), judge.failure_of(done)
    made.world.clock.advance(15 * 86400)


def _changed(made: Ground) -> None:
    """A rollout has switched off what worked before; its snapshot can undo it."""
    _rolled_out(made)
    done = made.run(
        "rollout", tcx_console_user_sync={"enabled": True, "photo": False}, tcx_console_sign_in={"enabled": False}
    )
    assert not judge.failure_of(done), judge.failure_of(done)


FLOWS = {
    each.name: each
    for each in (
        Flow("first rollout", "rollout"),
        Flow("rollout without a change", "rollout", _rolled_out),
        Flow("compliance", "compliance", _rolled_out),
        Flow("rotation", "rotate_certificate", _new_key),
        Flow("end of a rotation", "rotate_certificate", _overlap_over, later=15 * 86400.0),
        Flow("capture", "capture", _rolled_out),
        Flow("rollback", "rollback", _changed, {"snapshot": "latest"}),
        Flow("rollback of a first rollout", "rollback", _alone, {"snapshot": "latest"}, ends=True),
        Flow("rollback of an offboarding", "rollback", _offboarded, {"snapshot": "latest"}),
        Flow("rollout that undoes itself", "rollout", variables={"on_failure": "rollback"}),
        Flow("offboarding", "offboard", _alone, {"offboard_confirm": True}, ends=True),
        Flow("offboarding of what others use", "offboard", _rolled_out, {"offboard_confirm": True}, ends=True),
        Flow("return of a customer", "rollout", _offboarded),
    )
}


@dataclass
class Prepared:
    """A flow that has been run once without trouble: where it begins, what it asks for, and how it ends."""

    flow: Flow
    begin: Json
    requests: list[Request]
    files: int
    picture: Json
    foreign: Json
    worked: bool

    def cases(self) -> list[Case]:
        return cases(self.flow.name, self.requests, self.files)


@dataclass
class Verdict:
    """:ivar why: what is wrong; empty for a good one.
    :ivar said: the sentence with which the flow failed.
    """

    case: Case
    verdict: str
    why: list[str]
    said: str = ""


class Field:
    """All flows on one ground."""

    def __init__(self, made: Ground) -> None:
        self.made = made
        settle_neighbor(made)
        self._start = made.freeze()
        self._prepared: dict[str, Prepared] = {}
        self._known: dict[tuple[str, str, bool], tuple[str, ...]] = {}

    def prepared(self, name: str) -> Prepared:
        if name not in self._prepared:
            made, flow = self.made, FLOWS[name]
            made.restore(self._start)
            self._forget_files()
            flow.begin(made)
            self._keep_files(name)
            begin = made.freeze()
            foreign, worked = judge.foreign(made), made.signs_in()
            made.restore(begin)
            self._restore_files(name)
            with made.recorded() as requests:
                done = made.run(flow.operation, **flow.variables)
            assert not judge.failure_of(done), judge.failure_of(done)
            assert self._silent(flow) == [], f"{name} is not silent without any trouble"
            self._prepared[name] = Prepared(flow, begin, requests, 3, judge.picture(made), foreign, worked)
        return self._prepared[name]

    def case(self, name: str) -> Case:
        """The case with this name."""
        found = [each for each in self.prepared(name.partition(":")[0]).cases() if each.name == name]
        if not found:
            raise LookupError(f"there is no case {name!r}")
        return found[0]

    def judge(self, case: Case) -> Verdict:
        """Run one case from beginning to end."""
        made, prepared = self.made, self.prepared(case.flow)
        flow = prepared.flow
        made.restore(prepared.begin)
        self._restore_files(flow.name)
        if case.kind.handshake:
            made.connections.clear()
        began = time.process_time()
        with case.inflict(made, prepared.requests):
            ran = made.run(flow.operation, **{**flow.variables, **case.kind.variables})
        took = time.process_time() - began
        made.world.trouble.clear()
        said = judge.failure_of(ran)
        broken = self._broken(prepared, ran, took, told=case.lasting and case.kind.name in TOLD)
        broken += [*self._left_behind(), *self._afterwards(case, prepared, again=bool(said or flow.later))]
        if broken:
            return Verdict(case, judge.CORRUPTED, broken, said)
        unclear = judge.clear(made, ran) if said else judge.faults_of_quiet(made, ran)
        if unclear:
            return Verdict(case, judge.UNCLEAR, unclear, said)
        return Verdict(case, judge.CLEAR if said else judge.HEALED, [], said)

    def _afterwards(self, case: Case, prepared: Prepared, *, again: bool) -> tuple[str, ...]:
        """What the runs after the trouble come to. They are not made again from a state that is known.

        One in some is, all the same: what is taken for one state has to be one.

        :param again: one may do what is left; otherwise nothing may be left to do.
        """
        state = state_of_everything(self.made)
        if state is None:
            return self._run_again(prepared, again=again)
        key = (prepared.flow.name, state, again)
        audited = zlib.crc32(case.name.encode()) % AUDITED == 0
        if key not in self._known or audited:
            found = self._run_again(prepared, again=again)
            if self._known.setdefault(key, found) != found:
                return (
                    f"the runs after it came to this: {found}; and to that in what was taken for the same state: {self._known[key]}",
                )
        return self._known[key]

    def _run_again(self, prepared: Prepared, *, again: bool) -> tuple[str, ...]:
        made, flow, broken = self.made, prepared.flow, []
        if again:
            made.world.clock.advance(flow.later)
            done = made.run(flow.operation, **flow.variables)
            if judge.failure_of(done):
                broken.append(f"the run after it fails: {judge.failure_of(done)}")
        if judge.picture(made) != prepared.picture:
            broken.append(f"another state than without trouble: {_difference(judge.picture(made), prepared.picture)}")
        return (*broken, *self._lost(prepared), *self._silent(flow))

    def _broken(self, prepared: Prepared, ran: Ran, took: float, *, told: bool) -> list[str]:
        """What the run that met the trouble has broken by itself.

        :param told: what the service says for good is a fact; a page that is never found is not there.
        """
        made, flow, found = self.made, prepared.flow, []
        if ran.seconds > MOST_SECONDS or took > MOST_CPU_SECONDS:
            found.append(f"it took {ran.seconds:.0f} s ({took:.0f} s of CPU)")
        if flow.operation == "compliance" and ran.target.get("changes"):
            found.append(f"a false alarm: {ran.target['changes']}")
        if flow.operation == "compliance" and ran.target.get("verdict") in ("drifted", "broken") and not told:
            found.append(f"a false verdict: {ran.target['verdict']}: {ran.target['reasons']}")
        if prepared.worked and not flow.ends and not made.signs_in():
            found.append("nobody can sign in any more")
        if not made.signs_in("neighbor"):
            found.append("nobody can sign in to the neighbor any more")
        if not judge.failure_of(ran) and judge.picture(made) != prepared.picture:
            found.append(f"it says that all is well: {_difference(judge.picture(made), prepared.picture)}")
        return found + self._lost(prepared)

    def _lost(self, prepared: Prepared) -> list[str]:
        found = [f"there twice: {each}" for each in judge.duplicates(self.made)]
        now = judge.foreign(self.made)
        expected = {**prepared.foreign, "address": prepared.foreign["address"] and not prepared.flow.ends}
        if {**now, "address": now["address"] and not prepared.flow.ends} != expected:
            found.append("something of others is not as it was")
        return found

    def _silent(self, flow: Flow) -> list[str]:
        """What one more run has to do; nothing."""
        made = self.made
        made.world.log.clear()
        third = made.run(flow.operation, **flow.variables)
        found = [f"one more run writes: {each.method} {each.path}" for each in made.world.log.writes()]
        if judge.failure_of(third):
            found.append(f"one more run fails: {judge.failure_of(third)}")
        if third.target.get("changed") or third.target.get("changes"):
            found.append("one more run says that it has changed something")
        return found + self._left_behind()

    def _left_behind(self) -> list[str]:
        """Files that no run may leave."""
        folder = self.made.directory / "captured"
        left = [path.name for path in folder.rglob(".*")] if folder.exists() else []
        left += [path.name for path in self.made.directory.iterdir() if path.name not in _FILES]
        return [f"left behind: {name}" for name in left]

    def _forget_files(self) -> None:
        for name in ("captured", "snapshots"):
            shutil.rmtree(self.made.directory / name, ignore_errors=True)

    def _keep_files(self, flow: str) -> None:
        snapshots = self.made.directory / "snapshots"
        if snapshots.exists():
            shutil.copytree(snapshots, self.made.directory / "kept" / flow, symlinks=True)

    def _restore_files(self, flow: str) -> None:
        """The snapshots that are there when a flow begins."""
        self._forget_files()
        kept = self.made.directory / "kept" / flow
        if kept.exists():
            shutil.copytree(kept, self.made.directory / "snapshots", symlinks=True)


def _difference(found: Any, wanted: Any, where: str = "") -> str:
    """The first place where two pictures differ."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for name in sorted({*found, *wanted}):
            if found.get(name) != wanted.get(name):
                return _difference(found.get(name), wanted.get(name), f"{where}.{name}")
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for index, (one, other) in enumerate(zip(found, wanted, strict=True)):
            if one != other:
                return _difference(one, other, f"{where}[{index}]")
    return f"{where or 'state'}: {found!r} instead of {wanted!r}"
