# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Action plugin: takes the steps of a batch of PBXs together; every PBX keeps a result of its own."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.fleet import DONE, Fleet, one_host
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


@dataclass
class Batch:
    """The PBXs of a batch while they are worked on together, and what their check has come to.

    :param narrator: of all that is done to the batch in the end.
    :ivar passed: the results of the checks of those that are to be written to.
    :ivar done: the results of all steps of those that needed no write.
    :ivar ended: the results of those that are not worked on here; ``None`` where one is to be worked on alone.
    :ivar stops: so many have failed that nothing is written to any of them.
    """

    fleet: Fleet
    sweepers: Sweepers
    narrator: Narrator
    passed: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    done: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    ended: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    stops: bool = False

    def left(self, hosts: Sequence[str]) -> list[str]:
        """Those that nothing is final about yet."""
        return [host for host in hosts if host not in self.ended and host not in self.done]


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
                narrator = Narrator(self._task, hosts, inputs.play_hosts, inputs.store)
                yield from self._in_passes(hosts, inputs, Batch(fleet, sweepers, narrator))

        # Few results in one piece are better to read. What is undone after the others changes a result that was final.
        as_they_come = len(batch) >= _MANY and options["on_stop"] != undoing.ROLLBACK
        together = SharedTask(inputs.store, _core_compat.task_identity(self._task))
        return together.result_of(inputs.host, batch, work, as_they_come=as_they_come)

    def _in_passes(
        self, hosts: list[str], inputs: TaskInput, batch: Batch
    ) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """Work on these hosts together, where the task asks for it after a check of all of them."""
        if inputs.options["check_first"]:
            yield from self._check_first(hosts, inputs, batch)
        rest = batch.left(hosts)
        batch.narrator.follow([*rest, *batch.done])
        if batch.stops and batch.done:
            batch.narrator.end()
        if batch.stops or not (rest or batch.done):
            return
        for host, host_result in self._sweep_all(rest, inputs, batch):
            if inputs.options["check_first"] and host_result is not None:
                # That of a host by itself is for itself, which may be at work by now.
                BatchCheck(inputs.store).take(host)
            yield host, host_result and with_warnings(batch.passed.get(host, {}), host_result)

    def _check_first(
        self, hosts: list[str], inputs: TaskInput, batch: Batch
    ) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """Check these hosts: the results of those that need no write as they come, then of all that are not written to.

        Hosts that are not worked on here end with ``None``. Where too many have failed, all others end as well.
        """
        batch_check = BatchCheck(inputs.store)
        unchecked = [host for host in hosts if not batch_check.has_passed(host)]
        if not unchecked:
            return
        for host, result in self._sweep_all(unchecked, inputs.for_checks(), batch):
            if host in batch.done:
                yield host, result
            elif result is not None and not result.get("failed"):
                batch.passed[host] = result
            else:
                batch.ended[host] = result
        refused = (host for host, result in batch.ended.items() if result is not None)
        total = len(inputs.batch)
        everywhere = inputs.gone.union(batch_check.failed(_core_compat.task_identity(self._task), refused))
        failed = len(everywhere.intersection(inputs.batch))
        limit, any_fatal = _max_fail_percentage(self._task), bool(self._task.any_errors_fatal)
        batch.stops = stops(failed, len(everywhere), total, limit, any_fatal=any_fatal)
        if batch.stops:
            for host in batch.left(hosts):
                batch.ended[host] = not_written(len(everywhere), total, batch.passed.get(host, {}))
        yield from batch.ended.items()

    def _sweep_all(
        self, hosts: list[str], inputs: TaskInput, batch: Batch
    ) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """One pass over these hosts; ``None`` where one has to be worked on alone.

        A pass of checks adds to those that are done without a write, and the pass after it counts them.
        """
        store = inputs.store
        gate = inputs.gate() if inputs.operation == "rollout" else None
        results: dict[str, Mapping[str, Any]] = dict(batch.done)
        for host, host_result in self._sweep(hosts, inputs, batch, gate):
            results.update({} if host_result is None else {host: host_result})
            if inputs.checks_only and host not in batch.done:
                BatchCheck(store).keep(host, host_result)
            yield host, host_result
        alone = bool(inputs.options["steps"])
        ends = alone or _ends(results, batch.narrator, gate, checks_only=inputs.checks_only)
        tell_way_back(store, results.values(), inputs.extra, ends=ends, once=alone)

    def _sweep(
        self, hosts: list[str], inputs: TaskInput, batch: Batch, gate: Gate | None
    ) -> Iterator[tuple[str, dict[str, Any] | None]]:
        options, store = inputs.options, inputs.store
        unknown: dict[str, Mapping[str, Any]] = {}
        outcomes = {} if inputs.checks_only else dict(batch.done)
        broken: list[str] = []
        progress = functools.partial(_core_compat.show, stderr=True)
        for host, entry in batch.sweepers.sweep(hosts, inputs.steps, hear=_hear, progress=progress):
            unknown[host] = entry.get("result") or {}
            result = _from_entry(entry, store, host)
            if result is not None and DONE in entry:
                batch.done[host] = result
                outcomes[host] = {}  # its check has passed; what it came to counts with those that are written to
                batch.narrator.tell(host, result)
                yield host, result
                continue
            outcomes.update({} if result is None else {host: result})
            undoes = "crashed" in entry and not inputs.checks_only and batch.fleet.undoes(host)
            if result is not None and not inputs.checks_only:
                # The gate decides after the last PBX.
                may_be_undone = undoes or (gate is not None and options["on_stop"] == undoing.ROLLBACK)
                batch.narrator.tell(host, result, final=not may_be_undone)
            if undoes:
                broken.append(host)
            else:
                yield host, result
        warn_once(unknown, store, display.warning)
        if inputs.checks_only:
            checks = Narrator(self._task, hosts, inputs.play_hosts, store)
            checks.end_of_checks(host for host, result in outcomes.items() if result.get("failed"))
        else:
            batch.narrator.end()
        outcomes.update(self._undone(broken, outcomes, options, batch.fleet))
        yield from ((host, dict(outcomes[host])) for host in broken)
        if gate is not None:
            yield from self._judge(outcomes, options, batch.fleet, gate)

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
