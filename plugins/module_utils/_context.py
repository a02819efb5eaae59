# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""What the libraries below the front ends may use of the task they work for, without knowing Ansible."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable

from ansible_collections.tcx.m365.plugins.module_utils._http import Connections, Http, RetryPolicy, Transport
from ansible_collections.tcx.m365.plugins.module_utils._plan import Plan
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._time import Deadline

Say = Callable[[str], None]
RunProgram = Callable[[list[str], float], tuple[int, str, str]]
"""Runs a program for some seconds at most: exit status, standard output, standard error.

Raises ``OSError`` when it cannot be started and ``TimeoutError`` when it has not ended in time. The front end brings it,
because a module has to start programs in Ansible's way and the controller has another.
"""


def _silent(_text: str) -> None:
    """Nobody listens."""


def _unheard(_plan: Plan) -> None:
    """Nobody keeps what is about to be done."""


def _no_programs(command: list[str], _seconds: float) -> tuple[int, str, str]:
    raise OSError(f"{command[0]} cannot be started from here")


@dataclass
class Context:
    """Deadline, shared store and the ways to talk to the operator.

    :param warn: a warning that stays visible after the task.
    :param notice: a sentence while the task is running, before a wait.
    :param trace: one line per exchange at the highest verbosity; never a body, never a secret.
    :param hide: registers a secret that was obtained on the way (a token), so that no output shows it.
    :param connections: kept-alive connections; one task's own, or those of a sweep over many PBXs.
    :param run_program: starts a program of this machine.
    :param provisional: another task of this run reads the same again before it writes, so that no absence has to be
        confirmed now.
    :param announce: is told what is about to be carried out, before anything of it is sent; what it raises ends the task.
    """

    deadline: Deadline
    store: RunStore
    warn: Say = _silent
    notice: Say = _silent
    trace: Say = _silent
    hide: Say = _silent
    connections: Connections = field(default_factory=Connections)
    run_program: RunProgram = _no_programs
    provisional: bool = False
    announce: Callable[[Plan], None] = _unheard

    def http(
        self,
        service: str,
        base_url: str,
        transport: Transport,
        *,
        policy: RetryPolicy | None = None,
        throttle_key: str = "",
    ) -> Http:
        """A conversation with a service that keeps to this task's deadline and run."""
        return Http(
            service,
            base_url,
            transport,
            self.deadline,
            policy=policy,
            run=self.store,
            throttle_key=throttle_key,
            trace=self.trace,
            connections=self.connections,
        )

    def once(self, kind: str, key: str, ask: Callable[[], Any]) -> Any:
        """A fact that is asked for once in a run, as plain data (JSON); never ``None``."""
        kept = self.store.get(kind, key)
        if kept is not None:
            return kept
        with self.store.lock(kind, key, self.deadline):
            kept = self.store.get(kind, key)
            if kept is None:
                kept = ask()
                self.store.put(kind, key, kept)
        return kept


def standalone(seconds: float = 600.0) -> Context:
    """A context outside any Ansible task: for tests and for programs that use the libraries directly."""
    return Context(deadline=Deadline(seconds), store=RunStore(None))
