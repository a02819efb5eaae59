# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a fleet without `ansible-playbook`: the same code, a hundred times as often.

What a whole command adds (a process, its forks, its output) is tried where playbooks are run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.tcx.m365.plugins.action import fleet_compliance
from ansible_collections.tcx.m365.plugins.module_utils._http import Connections
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import run_capability
from ansible_collections.tcx.m365.plugins.plugin_utils._compliance.check import host_result
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.fleet import Fleet, one_host
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.sweep import Say, sweep
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.crossings import Crossings
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import (
    Variables,
    read_variables,
    resolve_tenant,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import HostResult
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.recorder import Announce
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.runner import Runner
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.table import OPERATIONS, STEPS
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import CHECK

Json = dict[str, Any]


class Inventory:
    """The variables of all hosts, as `HostVariables` gives them in a task."""

    def __init__(self, content: Mapping[str, Any], extra: Mapping[str, Any]) -> None:
        self._group = content["tcx"]
        self._extra = extra

    def of(self, host: str) -> Variables:
        given = {**self._group["vars"], **self._group["hosts"][host], **self._extra}
        found = read_variables(given, host=host, resolve=resolve_tenant)
        found.setdefault("entra_app_unique_name", f"3cx-{host}")
        return found

    def some(self, host: str, names: Iterable[str], *, without_extra: bool) -> Variables:
        given = {**self._group["vars"], **self._group["hosts"][host], **({} if without_extra else self._extra)}
        wanted = {name: given[name] for name in names if name in given}
        return read_variables(wanted, host=host, resolve=resolve_tenant, defaults={})

    def all_of_play(self) -> list[str]:
        return list(self._group["hosts"])


@dataclass
class Run:
    """One run of a playbook: what its tasks share, and what they have said.

    :param hosts: those of the run; the others of the inventory are known all the same.
    :param crossings: what is known of hosts that must not be crossed; without, the inventory is searched for them.
    :param directory: where a run of an inventory keeps its files.
    """

    inventory: Inventory
    hosts: list[str]
    store: RunStore
    check_mode: bool = False
    warnings: list[str] = field(default_factory=list)
    crossings: Crossings | None = None
    directory: Path = Path()

    @classmethod
    def begin(
        cls,
        content: Mapping[str, Any],
        hosts: Iterable[str],
        directory: Path,
        *,
        check_mode: bool = False,
        **extra: Any,
    ) -> Run:
        directory.mkdir(parents=True)
        places = {"snapshot_dir": str(directory / "snapshots"), "capture_dir": str(directory / "captured")}
        store = RunStore(str(directory))
        return cls(Inventory(content, {**places, **extra}), list(hosts), store, check_mode, directory=directory)

    @classmethod
    def of_host(cls, host: str, variables: Mapping[str, Any], *, check_mode: bool = False) -> Run:
        """A run on one host with these variables, which shares nothing with others."""
        inventory = Inventory({"tcx": {"vars": {}, "hosts": {host: variables}}}, {})
        return cls(inventory, [host], RunStore(None), check_mode, crossings=Crossings({}))

    def task(
        self,
        capability: Capability,
        arguments: Mapping[str, Any],
        /,
        *,
        check: bool = False,
        announce: Announce | None = None,
    ) -> Json:
        """One module, by itself."""
        return run_capability(
            capability,
            arguments,
            check_mode=self.check_mode or check,
            store=self.store,
            warn=self.warnings.append,
            notice=self.warnings.append,
            trace=lambda _text: None,
            announce=announce,
        )

    def steps(self, *names: str, hosts: Iterable[str] | None = None, operation: str = "rollout") -> dict[str, Json]:
        """One task `fleet_rollout` on the hosts of the run."""
        crossings = self._crossings()
        return {
            host: one_host(
                host,
                self.inventory.of(host),
                self.task,
                list(names),
                self.store,
                crossings,
                operation=operation,
                check_mode=self.check_mode,
            )
            for host in (self.hosts if hosts is None else hosts)
        }

    def fleet(self, operation: str) -> Fleet:
        """What the task of a playbook works on all hosts with."""
        names = list(OPERATIONS[operation])
        return Fleet(
            self.inventory, self.store, names, self._crossings(), operation=operation, check_mode=self.check_mode
        )

    def swept(self, operation: str, connections: dict[int, Connections], said: list[str]) -> dict[str, Json]:
        """A playbook on all hosts together, by the sweep that its task makes; :param said: what it tells meanwhile."""
        fleet = self.fleet(operation)
        fleet._connections = connections

        def work(host: str, say: Say) -> Json:
            return fleet.work(host, say, list(OPERATIONS[operation]), connection="local")

        found = sweep(self.hosts, work, threads=1, processes=1, hear=lambda *each: said.append(str(each)))
        return {host: entry.get("result", entry) for host, entry in found}

    def checked(self, connections: dict[int, Connections]) -> dict[str, Json]:
        """The entries of a compliance report, by the sweep that its task makes."""
        crossings = self._crossings()

        def work(host: str, say: Say) -> Json:
            return fleet_compliance._check(
                host, say, variables=self.inventory, store=self.store, crossings=crossings, connections=connections
            )

        return dict(sweep(self.hosts, work, threads=1, processes=1))

    def _crossings(self) -> Crossings:
        return Crossings.of(self.inventory, self.hosts, self.store) if self.crossings is None else self.crossings

    def operation(self, name: str) -> dict[str, Json]:
        """A playbook: the checks of all hosts, then everything on those that passed them."""
        names = OPERATIONS[name]
        looked = self.steps(*(each for each in names if STEPS[each].kind == CHECK), operation=name)
        left = [host for host, result in looked.items() if not result.get("failed")]
        return {**looked, **self.steps(*names, hosts=left, operation=name)}

    def roles(self, *tasks: tuple[str, ...]) -> dict[str, Json]:
        """The roles one after the other: a host that failed takes no further task."""
        found: dict[str, Json] = {host: {} for host in self.hosts}
        for names in tasks:
            left = [host for host, result in found.items() if not result.get("failed")]
            found.update(self.steps(*names, hosts=left))
        return found

    def report(self) -> list[HostResult]:
        """The entries of a compliance report."""
        assert self.check_mode
        entries = []
        for host in self.hosts:
            variables = self.inventory.of(host)
            runner = Runner(host, self.store, check_mode=True, reports=True)
            taken = runner.run(variables, self.task, list(OPERATIONS["compliance"]))
            entries.append(host_result(host, variables, taken))
        return entries


ROLES = (
    ("pbx",),
    ("preflight",),
    ("candidate", "grantable", "linkable"),
    ("application",),
    ("grant",),
    ("settings",),
    ("sign_in",),
    ("people",),
)
"""The tasks of the roles preflight, entra_app, tcx_console and sso_verify."""
