# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Action plugin: rolls a batch of PBXs out together; every PBX keeps a result of its own."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ansible import constants
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.utils.display import Display
from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error
from ansible_collections.tcx.m365.plugins.module_utils._http import Connections
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability, failure, missing_dependency
from ansible_collections.tcx.m365.plugins.plugin_utils._action import IN_PROCESS_VARIABLE, CollectionAction
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import given, plain, run_capability
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.rollout import HostRollout, in_one_result
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.shared_task import SharedTask
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.steps import RunTask, is_true
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.sweep import Say, sweep
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.variables import HostVariables, identity_of

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "look_only": {"type": "bool", "default": False},
    "concurrency": {"type": "int", "default": 50},
    "processes": {"type": "int", "default": 0},
}

PROGRESS_S = 10.0
TRACE_VERBOSITY = 4

display = Display()


class ActionModule(CollectionAction):
    """The result of this host; the first host of the batch that comes here works on all of them."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        self._refuse_async("fleet_rollout")
        result: dict[str, Any] = super().run(tmp, task_vars)
        validation = ArgumentSpecValidator(ARGUMENT_SPEC).validate(given(plain(self._task.args)))
        if validation.error_messages:
            return dict(result, failed=True, changed=False, msg="; ".join(validation.error_messages))
        problem = missing_dependency()
        if problem:
            return dict(result, **problem)
        options = validation.validated_parameters
        store = RunStore(constants.DEFAULT_LOCAL_TMP)
        variables = HostVariables(self._task, self._loader, task_vars["hostvars"])
        found = None
        # The environment of a task may differ from host to host, and a process has only one.
        if self._runs_in_process(task_vars) and not self._task_environment():
            found = self._together(task_vars, options, store, variables)
        if found is None:
            found = self._alone(task_vars, options, store, variables)
        return dict(result, **found)

    def _together(
        self, task_vars: dict[str, Any], options: dict[str, Any], store: RunStore, variables: HostVariables
    ) -> dict[str, Any] | None:
        batch = [str(host) for host in task_vars.get("ansible_play_batch", [])]
        work = functools.partial(self._sweep, options=options, store=store, variables=variables)
        together = SharedTask(store, identity_of(self._task))
        return together.result_of(str(task_vars["inventory_hostname"]), batch, work)

    def _sweep(
        self, hosts: list[str], *, options: dict[str, Any], store: RunStore, variables: HostVariables
    ) -> Iterator[tuple[str, dict[str, Any] | None]]:
        fleet = _Fleet(variables, store, bool(self._task.check_mode), bool(options["look_only"]), self._task.connection)
        shown = time.monotonic()
        threads, processes = options["concurrency"], options["processes"]
        results = sweep(hosts, fleet.roll_out, threads=threads, processes=processes, hear=_hear)
        for done, (host, entry) in enumerate(results, start=1):
            if time.monotonic() - shown > PROGRESS_S:
                shown = time.monotonic()
                display.display(
                    f"{'looked at' if options['look_only'] else 'rolled out to'} {done} of {len(hosts)} PBXs",
                    stderr=True,
                )
            yield host, _from_entry(entry)

    def _alone(
        self, task_vars: dict[str, Any], options: dict[str, Any], store: RunStore, variables: HostVariables
    ) -> dict[str, Any]:
        """This host by itself: it has an environment of its own, is behind a jump host, or wants to be done again."""
        host = str(task_vars["inventory_hostname"])
        run = self._run_in_process if self._runs_in_process(task_vars) else self._run_as_module

        def run_task(capability: Capability, arguments: Mapping[str, Any]) -> dict[str, Any]:
            return run(capability, arguments, task_vars)

        rollout = HostRollout(host, store, check_mode=bool(self._task.check_mode))
        try:
            return in_one_result(rollout.run(variables.of(host), run_task, look_only=options["look_only"]))
        except M365Error as error:
            return failure(error)


class _Fleet:
    """What the threads of a sweep share; each process of it has its own connections."""

    def __init__(
        self, variables: HostVariables, store: RunStore, check_mode: bool, look_only: bool, connection: str
    ) -> None:
        self._variables = variables
        self._store = store
        self._check_mode = check_mode
        self._look_only = look_only
        self._connection = connection
        self._connections: dict[int, Connections] = {}

    def roll_out(self, host: str, say: Say) -> dict[str, Any]:
        """``{"result": …}`` for a host that can be worked on here, ``{}`` for one that cannot."""
        warnings: list[str] = []
        rollout = HostRollout(host, self._store, check_mode=self._check_mode)
        variables = self._variables.of(host)
        try:
            if not self._is_here(variables):
                return {}
            steps = rollout.run(variables, self._runner(say, warnings), look_only=self._look_only)
        except M365Error as error:
            return {"result": failure(error)}
        result = in_one_result(steps)
        if warnings:
            result["warnings"] = list(dict.fromkeys(warnings + result.get("warnings", [])))
        return {"result": result}

    def _is_here(self, variables: Mapping[str, Any]) -> bool:
        return (
            is_true(variables.get(IN_PROCESS_VARIABLE, True))
            and variables.get("ansible_connection", self._connection) in ("local", "ansible.builtin.local")
            and not is_true(variables.get("ansible_become", False))
        )

    def _runner(self, say: Say, warnings: list[str]) -> RunTask:
        shared = self._connections.setdefault(os.getpid(), Connections(size=64))

        def run_task(capability: Capability, arguments: Mapping[str, Any]) -> dict[str, Any]:
            return run_capability(
                capability,
                arguments,
                check_mode=self._check_mode,
                store=self._store,
                warn=warnings.append,
                notice=functools.partial(say, "notice"),
                trace=functools.partial(say, "trace") if display.verbosity >= TRACE_VERBOSITY else _silent,
                connections=shared,
            )

        return run_task


def _hear(host: str, kind: str, text: str) -> None:
    if kind == "notice":
        display.display(f"[{host}] {text}", stderr=True)
    else:
        display.vvvv(text, host=host)


def _silent(_text: str) -> None:
    """Nobody has asked for the lines of the highest verbosity."""


def _from_entry(entry: dict[str, Any]) -> dict[str, Any] | None:
    if "crashed" in entry:
        said = f"The rollout broke: {entry['crashed']}. What was written so far stays; run it again."
        return {"failed": True, "changed": False, "msg": said}
    found: dict[str, Any] | None = entry.get("result")
    return found
