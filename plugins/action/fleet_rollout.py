# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Action plugin: takes the steps of a batch of PBXs together; every PBX keeps a result of its own."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible import constants
from ansible.utils.display import Display
from ansible_collections.tcx.m365.plugins.module_utils._arguments import read_arguments
from ansible_collections.tcx.m365.plugins.module_utils._common.option_names import Names
from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error
from ansible_collections.tcx.m365.plugins.module_utils._run import OF_ONE_PBX, RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability, failure, missing_dependency
from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat, _way_back
from ansible_collections.tcx.m365.plugins.plugin_utils._action import CollectionAction
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import plain
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet import undoing
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.batch_check import (
    BatchCheck,
    must_have_passed,
    not_written,
    stops,
    with_warnings,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.fleet import Fleet, one_host
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.gate import Gate, Verdict, limit_of
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.narrator import Narrator, tell_way_back
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.shared_task import SharedTask
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.sharing import may_share
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.sweep import Sweepers
from ansible_collections.tcx.m365.plugins.plugin_utils._host_connection import asks_graph
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.crossings import Crossings
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.unknown import warn_once
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import HostVariables, read_variable
from ansible_collections.tcx.m365.plugins.plugin_utils._option_variables import variables_of_options
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.ledger import broken_off
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.recorder import Announce
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.snapshots import run_id
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.table import OPERATIONS, STEPS, in_order
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import CHECK

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "operation": {"type": "str", "choices": list(OPERATIONS), "default": "rollout"},
    "steps": {"type": "list", "elements": "str"},
    "preflight_only": {"type": "bool", "default": False, "aliases": ["look_only"]},
    "check_first": {"type": "bool", "default": False},
    "concurrency": {"type": "int", "default": 50},
    "processes": {"type": "int", "default": 0},
    "max_unhealthy_percentage": {"type": "float"},
    "on_stop": {"type": "str", "choices": [undoing.KEEP, undoing.ROLLBACK], "default": undoing.KEEP},
    "stop_only": {"type": "bool", "default": False},
}


_LIMIT = "max_unhealthy_percentage"
_FROM_VARIABLES = {
    "concurrency": "rollout_concurrency",
    _LIMIT: "rollout_max_unhealthy_percentage",
    "on_stop": "rollout_on_stop",
}
"""Options of a rollout that variables set where its task does not. Ansible compiles each template of a task again for each host,
which takes longer than all else that a host does to take its result."""

_MANY = 25
"""PBXs from which Ansible takes results while others are worked on: it needs a fork of 20 ms for each, one after the other."""

display = Display()


@dataclass(frozen=True)
class TaskInput:
    """What a task has to work with."""

    task_vars: dict[str, Any]
    options: dict[str, Any]
    store: RunStore
    variables: HostVariables

    @property
    def host(self) -> str:
        return str(self.task_vars["inventory_hostname"])

    @property
    def batch(self) -> list[str]:
        return [str(host) for host in self.task_vars.get("ansible_play_batch", [])]

    @property
    def play_hosts(self) -> list[str]:
        return [str(host) for host in self.task_vars.get("ansible_play_hosts_all", [])]

    @property
    def gone(self) -> set[str]:
        """The hosts that an earlier task of the play has stopped."""
        return set(self.play_hosts) - {str(host) for host in self.task_vars.get("ansible_play_hosts", [])}

    @property
    def extra(self) -> Mapping[str, Any]:
        """The variables of ``-e``."""
        return _core_compat.extra_variables(self.task_vars.get("hostvars"))

    @property
    def checks_only(self) -> bool:
        return bool(self.options["preflight_only"])

    @property
    def operation(self) -> str:
        """What the task is for, in a word or by its steps."""
        return ", ".join(self.options["steps"]) if self.options["steps"] else str(self.options["operation"])

    @property
    def steps(self) -> list[str]:
        """The steps that the options name, once :meth:`check` has found that they exist."""
        return [name for name in self._named if STEPS[name].kind == CHECK or not self.checks_only]

    @property
    def _named(self) -> Sequence[str]:
        return self.options["steps"] or OPERATIONS[self.options["operation"]]

    def check(self) -> None:
        """Raise :class:`BadInput` where the options name a step that does not exist."""
        in_order(self._named)

    def for_checks(self) -> TaskInput:
        """The same for a check before the task writes."""
        return replace(self, options={**self.options, "preflight_only": True})

    def crossings(self) -> Crossings:
        """The hosts of the play that the steps must not be taken on; an export of what is there may be made of anything."""
        writing = (*OPERATIONS["rollout"], *OPERATIONS["offboard"][-2:])
        crosses = any(name in writing for name in self.steps)
        return Crossings.of(self.variables, self.play_hosts, self.store) if crosses else Crossings({})

    def gate(self) -> Gate:
        return Gate(self.store, self.play_hosts)

    def fleet(self, *, check_mode: bool) -> Fleet:
        """All hosts of the play, to take these steps on. A task that checks first leaves its readings to no other one."""
        own = OF_ONE_PBX if self.options["check_first"] else ()
        return Fleet(
            self.variables,
            RunStore(constants.DEFAULT_LOCAL_TMP, own),
            self.steps,
            self.crossings(),
            operation=self.operation,
            check_mode=check_mode,
        )


class ActionModule(CollectionAction):
    """The result of this host; the first host of the batch that comes here works on all of them."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        self._refuse_async("fleet_rollout")
        result: dict[str, Any] = super().run(tmp, task_vars)
        problem = missing_dependency()
        if problem:
            return dict(result, **problem)
        try:
            stated, known_as = self._stated(task_vars)
            name = known_as.get(_LIMIT, _LIMIT)
            stated[_LIMIT] = limit_of(stated.get(_LIMIT), name)
            options = read_arguments(ARGUMENT_SPEC, stated, names=known_as).parameters
        except M365Error as error:
            return dict(result, **failure(error))
        variables = HostVariables(self._task, self._loader, task_vars["hostvars"], task_vars)
        inputs = TaskInput(task_vars, options, RunStore(constants.DEFAULT_LOCAL_TMP), variables)
        if options["stop_only"]:
            return dict(result, **self._stop(inputs))
        try:
            inputs.check()
            # The environment of a task may differ from host to host, and a process has only one.
            together = self._runs_in_process(task_vars) and not self._task_environment() and variables.of_all_hosts
            host_result = None
            if together and may_share(self._task, variables.play, task_vars):
                host_result = self._together(inputs)
            if host_result is None:
                host_result = self._by_itself(inputs)
        except M365Error as error:
            return dict(result, **failure(error))
        return dict(result, **host_result)

    def _stated(self, task_vars: Mapping[str, Any]) -> tuple[dict[str, Any], Names]:
        """The options of the task and of the variables that it leaves them to, and by which names the operator knows them."""
        stated, known_as = plain(self._task.args), dict(variables_of_options(self._task))
        if stated.get("steps") or stated.get("operation") not in (None, "rollout"):
            return stated, known_as
        for option, name in _FROM_VARIABLES.items():
            if option not in stated and name in task_vars:
                stated[option], known_as[option] = read_variable(self._templar, name, task_vars), name
        return stated, known_as

    def _together(self, inputs: TaskInput) -> dict[str, Any] | None:
        """The result of this host; ``None`` where it is to be worked on alone.

        What takes the inventory of all hosts is made by the one that works on them, not by each that takes its result.
        """
        options, batch = inputs.options, inputs.batch

        def work(hosts: list[str]) -> Iterator[tuple[str, dict[str, Any] | None]]:
            fleet = inputs.fleet(check_mode=bool(self._task.check_mode))
            do = functools.partial(fleet.work, connection=str(self._task.connection))
            threads, processes = options["concurrency"], options["processes"]
            with contextlib.closing(Sweepers(hosts, do, threads=threads, processes=processes)) as sweepers:
                yield from self._in_passes(hosts, inputs, fleet, sweepers)

        # Few results in one piece are better to read. What is undone after the others changes a result that was final.
        as_they_come = len(batch) >= _MANY and options["on_stop"] != undoing.ROLLBACK
        together = SharedTask(inputs.store, _core_compat.task_identity(self._task))
        return together.result_of(inputs.host, batch, work, as_they_come=as_they_come)

    def _in_passes(
        self, hosts: list[str], inputs: TaskInput, fleet: Fleet, sweepers: Sweepers
    ) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """Work on these hosts together, where the task asks for it after a check of all of them."""
        if not inputs.options["check_first"]:
            yield from self._sweep_all(hosts, inputs, fleet, sweepers)
            return
        checks, ended = self._check_first(hosts, inputs, fleet, sweepers)
        yield from ended.items()
        rest = [host for host in hosts if host not in ended]
        if not rest:
            return
        for host, host_result in self._sweep_all(rest, inputs, fleet, sweepers):
            if host_result is not None:
                BatchCheck(inputs.store).take(
                    host
                )  # that of a host by itself is for itself, which may be at work by now
            yield host, host_result and with_warnings(checks.get(host, {}), host_result)

    def _check_first(
        self, hosts: list[str], inputs: TaskInput, fleet: Fleet, sweepers: Sweepers
    ) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any] | None]]:
        """The results of the checks that are made here, and those with which the work on a host ends.

        Hosts that are not worked on here end with ``None``. Where too many have failed, all others end as well.
        """
        batch_check = BatchCheck(inputs.store)
        unchecked = [host for host in hosts if not batch_check.has_passed(host)]
        if not unchecked:
            return {}, {}
        results = dict(self._sweep_all(unchecked, inputs.for_checks(), fleet, sweepers))
        passed = {host: result for host, result in results.items() if result is not None and not result.get("failed")}
        ended = {host: result for host, result in results.items() if host not in passed}
        refused = (host for host, result in ended.items() if result is not None)
        batch = inputs.batch
        everywhere = inputs.gone.union(batch_check.failed(_core_compat.task_identity(self._task), refused))
        failed = len(everywhere.intersection(batch))
        limit, any_fatal = _max_fail_percentage(self._task), bool(self._task.any_errors_fatal)
        if stops(failed, len(everywhere), len(batch), limit, any_fatal=any_fatal):
            stopped = {host: not_written(len(everywhere), len(batch), passed.get(host, {})) for host in hosts}
            ended = {**stopped, **ended}
        return passed, ended

    def _sweep_all(
        self, hosts: list[str], inputs: TaskInput, fleet: Fleet, sweepers: Sweepers
    ) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """One pass over these hosts; ``None`` where one has to be worked on alone."""
        store = inputs.store
        gate = inputs.gate() if inputs.operation == "rollout" else None
        narrator = Narrator(self._task, hosts, inputs.play_hosts, store)
        results: dict[str, Mapping[str, Any]] = {}
        for host, host_result in self._sweep(hosts, inputs, fleet, sweepers, gate, narrator):
            results.update({} if host_result is None else {host: host_result})
            if inputs.checks_only:
                BatchCheck(store).keep(host, host_result)
            yield host, host_result
        alone = bool(inputs.options["steps"])
        ends = alone or _ends(results, narrator, gate, checks_only=inputs.checks_only)
        tell_way_back(store, results.values(), inputs.extra, ends=ends, once=alone)

    def _sweep(
        self,
        hosts: list[str],
        inputs: TaskInput,
        fleet: Fleet,
        sweepers: Sweepers,
        gate: Gate | None,
        narrator: Narrator,
    ) -> Iterator[tuple[str, dict[str, Any] | None]]:
        options, store = inputs.options, inputs.store
        unknown: dict[str, Mapping[str, Any]] = {}
        outcomes: dict[str, Mapping[str, Any]] = {}
        broken: list[str] = []
        progress = functools.partial(_core_compat.show, stderr=True)
        for host, entry in sweepers.sweep(hosts, inputs.steps, hear=_hear, progress=progress):
            unknown[host] = entry.get("result") or {}
            result = _from_entry(entry, store, host)
            outcomes.update({} if result is None else {host: result})
            undoes = "crashed" in entry and not inputs.checks_only and fleet.undoes(host)
            if result is not None and not inputs.checks_only:
                # The gate decides after the last PBX.
                may_be_undone = undoes or (gate is not None and options["on_stop"] == undoing.ROLLBACK)
                narrator.tell(host, result, final=not may_be_undone)
            if undoes:
                broken.append(host)
            else:
                yield host, result
        warn_once(unknown, store, display.warning)
        if inputs.checks_only:
            narrator.end_of_checks(host for host, result in outcomes.items() if result.get("failed"))
        else:
            narrator.end()
        outcomes.update(self._undone(broken, outcomes, options, fleet))
        yield from ((host, dict(outcomes[host])) for host in broken)
        if gate is not None:
            yield from self._judge(outcomes, options, fleet, gate)

    def _judge(
        self, results: Mapping[str, Mapping[str, Any]], options: dict[str, Any], fleet: Fleet, gate: Gate
    ) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """Say whether the rollout goes on after this batch; undo the batch where it does not and that is wanted."""
        verdict = self._verdict(results, options, gate)
        if not verdict.closed or self._task.check_mode:
            return
        restored = {
            host: bool(result["rollback"]["restored"]) for host, result in results.items() if result.get("rollback")
        }
        left = {host for host, result in results.items() if not result.get("failed")}
        if options["on_stop"] == undoing.ROLLBACK:
            hosts = [host for host, result in results.items() if result.get("changed") and not result.get("rollback")]
            for host, result in self._undone(hosts, results, options, fleet, verdict.sentence()):
                restored[host] = bool(result["rollback"]["restored"])
                left.discard(host)
                yield host, result
        told = gate.undone(restored)
        if told and not left:  # so that no PBX is left for the task that would say it
            _core_compat.show(told, color=constants.COLOR_ERROR)

    def _undone(
        self,
        hosts: list[str],
        results: Mapping[str, Mapping[str, Any]],
        options: dict[str, Any],
        fleet: Fleet,
        reason: str = "",
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """The results of hosts on which what this run has changed was undone.

        :param reason: why, for those that have not failed.
        """
        threads, processes = options["concurrency"], options["processes"]
        undone = fleet.undone(hosts, results, reason, threads=threads, processes=processes, hear=_hear)
        for host, rolled_back in undone:
            _core_compat.show(
                f"# {host}: {'undone' if rolled_back['rollback']['restored'] else 'NOT undone as a whole'}"
            )
            yield host, rolled_back

    def _verdict(self, results: Mapping[str, Mapping[str, Any]], options: dict[str, Any], gate: Gate) -> Verdict:
        checks_only = bool(options["preflight_only"])
        gate.note(results, checks_only=checks_only, check_mode=bool(self._task.check_mode))
        verdict = gate.verdict(
            list(results),
            unhealthy_percentage=None if checks_only else options["max_unhealthy_percentage"],
            fail_percentage=_max_fail_percentage(self._task),
            last=not checks_only,
        )
        # Where a PBX of the batch is left, the task that stops the rollout says it.
        goes_on = any(not result.get("failed") for result in results.values()) and not self._task.check_mode
        if verdict.is_told and not (verdict.closed and goes_on):
            _core_compat.show(verdict.sentence(), color=constants.COLOR_ERROR)
        return verdict

    def _stop(self, inputs: TaskInput) -> dict[str, Any]:
        """The result of the task that ends a rollout whose last batch passed the limit."""
        options, gate = inputs.options, inputs.gate()
        if gate.is_open():
            limit = options["max_unhealthy_percentage"]
            fail_percentage = _max_fail_percentage(self._task)
            gate.verdict(inputs.batch, unhealthy_percentage=limit, fail_percentage=fail_percentage, last=True)
            if gate.closed() and options["on_stop"] == undoing.ROLLBACK:
                display.warning(
                    "The batch is not undone, because its PBXs were worked on one by one. "
                    f"{_way_back.sentence(run_id(inputs.store), '', _way_back.Started.of(inputs.extra))}"
                )
        closed = gate.closed()
        return {"changed": False} if closed is None else {"changed": False, "failed": True, **closed}

    def _by_itself(self, inputs: TaskInput) -> dict[str, Any]:
        """The result of this host, which nobody works on with the others; kept for whoever asks for it later.

        :raises M365Error: it may not be worked on.
        """
        store, host = inputs.store, inputs.host
        if inputs.options["check_first"]:
            must_have_passed(BatchCheck(store).take(host))
        result = self._alone(inputs, inputs.crossings())
        if inputs.checks_only:
            BatchCheck(store).keep(host, result)
        if inputs.operation == "rollout":
            # For the task that stops the rollout.
            inputs.gate().note({host: result}, checks_only=inputs.checks_only, check_mode=bool(self._task.check_mode))
        if not inputs.options["preflight_only"]:
            Narrator(self._task, [host], inputs.play_hosts, store).tell(host, result)
        tell_way_back(store, [result], inputs.extra, ends=True, once=True)
        warn_once({host: result}, store, display.warning)
        return result

    def _alone(self, inputs: TaskInput, crossings: Crossings) -> dict[str, Any]:
        """This host by itself: others may not run this task now, it is behind a jump host, or it is to be done again."""
        here = self._runs_in_process(inputs.task_vars)
        # The credentials of the automation open the tenants of all customers; a jump host belongs to one of them.
        graph_here = here or (not self._is_local() and self._may_run_here(inputs.task_vars))

        def run_task(
            capability: Capability,
            arguments: Mapping[str, Any],
            /,
            *,
            check: bool = False,
            announce: Announce | None = None,
        ) -> dict[str, Any]:
            is_here = graph_here if asks_graph(capability) else here
            run = self._run_in_process if is_here else self._run_as_module
            before = self._task.check_mode
            self._task.check_mode = before or check
            try:
                return run(capability, arguments, inputs.task_vars, announce)
            finally:
                self._task.check_mode = before

        return one_host(
            inputs.host,
            inputs.variables.own(inputs.task_vars),
            run_task,
            inputs.steps,
            inputs.store,
            crossings,
            operation=inputs.operation,
            check_mode=bool(self._task.check_mode),
            announces=here,
        )


def _max_fail_percentage(task: Any) -> float | None:
    """Ansible's own limit on failures in the play."""
    limit = getattr(_core_compat.play_of(task), "max_fail_percentage", None)
    return float(limit) if isinstance(limit, (int, float)) else None


def _ends(
    results: Mapping[str, Mapping[str, Any]], narrator: Narrator, gate: Gate | None, *, checks_only: bool
) -> bool:
    """Whether nothing comes after this task: it works on the last batch, or the play ends here."""
    stopped = gate.stopped() if gate is not None else bool(results) and all(r.get("failed") for r in results.values())
    return stopped or (narrator.is_last and not checks_only)


def _hear(host: str, kind: str, text: str) -> None:
    if kind == "notice":
        _core_compat.show(f"[{host}] {text}", stderr=True)
    else:
        display.vvvv(text, host=host)


def _from_entry(entry: dict[str, Any], store: RunStore, host: str) -> dict[str, Any] | None:
    if "crashed" in entry:
        how = "The PBX was given up" if entry.get("late") else "Unexpected error"
        return broken_off(store, host, f"{how}: {entry['crashed']}")
    result: dict[str, Any] | None = entry.get("result")
    return result
