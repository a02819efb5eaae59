# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps on one PBX, and on the PBXs of a sweep, as the result of a task."""

from __future__ import annotations

import functools
import os
import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible.utils.display import Display
from ansible_collections.tcx.m365.plugins.module_utils import _unforeseen
from ansible_collections.tcx.m365.plugins.module_utils._common.text import without_repeats
from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error
from ansible_collections.tcx.m365.plugins.module_utils._http import Connections
from ansible_collections.tcx.m365.plugins.module_utils._pbx.xapi_errors import OUSTED
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability, failure
from ansible_collections.tcx.m365.plugins.plugin_utils import _watch
from ansible_collections.tcx.m365.plugins.plugin_utils._action import IN_PROCESS_VARIABLE, is_in_process
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import run_capability, silent
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet import undoing
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.batch_check import with_warnings
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.sweep import Hear, Say, sweep
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.crossings import Crossings, claim, with_one_credential
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import (
    HostVariables,
    Variables,
    is_reached_from_here,
    is_true,
    read_variables,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.ledger import Ledger
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.recorder import Announce, AnnouncingTask, Recorder
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.ahead import Ahead
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.results import in_one_result, told_once
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.runner import Runner
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import Result, Step
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import listed

TRACE_VERBOSITY = 4

_OPEN = 256
"""To so many addresses at most a process keeps its connections open until the next pass."""

_MOST_TOLD = 5

DONE = "done"
"""Beside the result of a PBX in a pass of checks: it needed no write, and has gone through all steps already."""

display = Display()


def one_host(
    host: str,
    variables: Mapping[str, Any],
    run_task: AnnouncingTask,
    names: list[str],
    store: RunStore,
    crossings: Crossings,
    *,
    operation: str,
    check_mode: bool,
    announces: bool = True,
    checks: Ahead | None = None,
    ahead: Ahead | None = None,
) -> dict[str, Any]:
    """The result of the named steps on one PBX; whatever is refused, only that PBX fails.

    :param operation: what the steps are for; stands in the snapshot of what they change.
    :param announces: the work is done in this process.
    :param checks: is told what the steps have found, which are the checks of the PBX.
    :param ahead: keeps the steps from writing, because others of the batch are still being checked.
    """
    known = read_variables(variables)
    started = time.monotonic()
    before_writing = ahead.before_writing if ahead else _watch.check
    recorder = Recorder(host, known, store, operation, announces=announces, before_writing=before_writing)
    ledger = Ledger(store, host)

    def after(step: Step, result: Result) -> None:
        if step.name in ("pbx", "linked") and result.get("redirect_uri"):
            claim(store, host, str(result["redirect_uri"]))
        if step.name in ("pbx", "linked") and result.get("status"):
            recorder.healthy_before = bool(result["status"].get("ok"))

    try:
        crossings.check(host)
        runner = Runner(
            host,
            store,
            check_mode=check_mode,
            after=after,
            keeps=lambda: not (ahead and ahead.stopped),
            neighbors=crossings.neighbors(host),
        )
        ledger.begin()
        recorded = recorder.recording(ledger.recording(run_task, check_mode=check_mode), check_mode=check_mode)
        taken = runner.run(known, recorded, names)
        if checks is not None:
            checks.judge(known, taken)
        result = in_one_result(host, taken, names)
        result.update(recorder.told() if result["changed"] and not check_mode else {})
    except M365Error as error:
        result = ledger.with_written(failure(error))
    except _unforeseen.KINDS as error:
        result = ledger.with_written(failure(_unforeseen.of(error)))
    if not check_mode and not (ahead and ahead.stopped) and undoing.applies(known, result, names):
        result = undoing.undone(host, known, run_task, recorder, result)
    took = round(time.monotonic() - started, 1)
    return {**result, "duration_s": took, "unknown_variables": known.unknown_entries()}


class Fleet:
    """What the threads of a sweep share; each process of it has its own connections.

    :param names: the steps to take on each PBX, in the last pass over it.
    """

    def __init__(
        self,
        variables: HostVariables,
        store: RunStore,
        names: list[str],
        crossings: Crossings,
        *,
        operation: str,
        check_mode: bool,
    ) -> None:
        self._operation = operation
        self._variables = variables
        self._store = store
        self._names = names
        self._crossings = crossings
        self._check_mode = check_mode
        self._connections: dict[int, Connections] = {}
        self._known: dict[str, Variables] = {}

    def work(self, host: str, say: Say, names: list[str], *, connection: str) -> dict[str, Any]:
        """``{"result": …}`` for a host that can be worked on here, ``{}`` for one that cannot.

        In a pass of checks, a PBX that needs no write goes on: its result is that of all steps then, and ``DONE`` says so.

        :param names: the steps of this pass.
        :param connection: of a host whose variables name none.
        """
        only_checks = names != self._names
        try:
            variables = self._variables_of(host, again=only_checks)
            if not _is_here(variables, connection):
                return {}
        except M365Error as error:
            return {"result": failure(error)}
        checks = Ahead() if only_checks and not self._check_mode else None
        result = self._result(host, variables, say, names, checks=checks)
        if checks is None or not checks.goes_on:
            return {"result": result}
        ended = self._result(host, variables, say, self._names, ahead=checks)
        if checks.stopped:
            return {"result": result}
        self._known.pop(host, None)
        return {"result": with_warnings(result, ended), DONE: True}

    def _result(
        self,
        host: str,
        variables: Variables,
        say: Say,
        names: list[str],
        *,
        checks: Ahead | None = None,
        ahead: Ahead | None = None,
    ) -> dict[str, Any]:
        warnings: list[str] = []
        result = one_host(
            host,
            variables,
            self._run_task(say, warnings),
            names,
            self._store,
            self._crossings,
            operation=self._operation,
            check_mode=self._check_mode,
            checks=checks,
            ahead=ahead,
        )
        warnings = without_repeats([*(f"{host}: {warning}" for warning in warnings), *result.get("warnings", [])])
        if warnings:
            result["warnings"] = warnings
        return told_once(self._told_by_name(host, result))

    def _told_by_name(self, host: str, result: dict[str, Any]) -> dict[str, Any]:
        """The result of a host that has lost its token to another one of the inventory, which names the same PBX otherwise."""
        error = result.get("error") or {}
        others = with_one_credential(self._variables, host, self._store) if error.get("said") == OUSTED else ()
        if not others:
            return result
        told = (
            f"In the same name this run signs in for {listed(others, _MOST_TOLD)}: if that is the same PBX, keep one of the "
            "hosts of the inventory."
        )
        return {**result, "msg": f"{result['msg']} {told}", "error": {**error, "remedy": f"{error['remedy']} {told}"}}

    def _variables_of(self, host: str, *, again: bool) -> Variables:
        """What the check was made with is what is written, also where a template would come to something else by then.

        :param again: another pass comes over this host.
        """
        variables = self._known.pop(host, None) or self._variables.of(host)
        if again:
            self._known[host] = variables
        return variables

    def undoes(self, host: str) -> bool:
        """Whether a PBX on which the work broke off without a result is set back: it has failed half-way as any other."""
        try:
            return not self._check_mode and undoing.applies(self._variables.of(host), {"failed": True}, self._names)
        except M365Error:
            return False

    def undo(self, host: str, say: Say) -> dict[str, Any]:
        """``{"result": …}`` of a host on which what this run has changed is undone; ``{}`` where it has changed nothing."""
        warnings: list[str] = []
        try:
            known = self._variables.of(host)
            recorder = Recorder(host, known, self._store, self._operation)
            if not recorder.told():
                return {}
            return {"result": undoing.undo_run(host, known, self._run_task(say, warnings), recorder)}
        except M365Error as error:
            return {"result": failure(error)}

    def undone(
        self,
        hosts: Sequence[str],
        results: Mapping[str, Mapping[str, Any]],
        reason: str = "",
        *,
        threads: int,
        processes: int = 0,
        hear: Hear | None = None,
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """The results of hosts after what this run has changed on them was undone; none of those that it had not changed.

        :param results: of their tasks; :param reason: why, for those that have not failed; the others as of a sweep.
        """
        entries = sweep(hosts, self.undo, threads=threads, processes=processes, hear=hear) if hosts else ()
        for host, entry in entries:
            undone = {"failed": True, "msg": str(entry["crashed"])} if "crashed" in entry else entry.get("result")
            if undone is not None:
                result = dict(results[host])
                yield host, undoing.with_undone({**result, "failed": True, "msg": result.get("msg") or reason}, undone)

    def _run_task(self, say: Say, warnings: list[str]) -> AnnouncingTask:
        if os.getpid() not in self._connections:
            self._connections.setdefault(os.getpid(), Connections(size=64, addresses=_kept_open()))
        shared = self._connections[os.getpid()]

        def run_task(
            capability: Capability,
            arguments: Mapping[str, Any],
            /,
            *,
            check: bool = False,
            announce: Announce | None = None,
        ) -> dict[str, Any]:
            return run_capability(
                capability,
                arguments,
                check_mode=self._check_mode or check,
                store=self._store,
                warn=warnings.append,
                notice=functools.partial(say, "notice"),
                trace=functools.partial(say, "trace") if display.verbosity >= TRACE_VERBOSITY else silent,
                connections=shared,
                announce=announce,
                provisional=check and not self._check_mode,
            )

        return run_task


def _kept_open() -> int:
    """A quarter of the files that this process may have, which are 1,024 as a rule, and 256 on macOS."""
    files, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _OPEN if files == resource.RLIM_INFINITY else max(1, min(_OPEN, files // 4))


def _is_here(variables: Mapping[str, Any], connection: str) -> bool:
    return (
        is_in_process(variables.get(IN_PROCESS_VARIABLE))
        and is_reached_from_here(variables, connection)
        and not is_true(variables.get("ansible_become", False))
    )
