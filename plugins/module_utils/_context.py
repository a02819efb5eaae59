# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""What the libraries below the front ends may use of the task they work for, without knowing Ansible."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

from ansible_collections.tcx.m365.plugins.module_utils._http import Connections, Http, RetryPolicy, Transport
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._time import Deadline

Say = Callable[[str], None]


def _silent(_text: str) -> None:
    """Nobody listens."""


@dataclass
class Context:
    """Deadline, shared store and the ways to talk to the operator.

    :param warn: a warning that stays visible after the task.
    :param notice: a sentence while the task is running, before a wait.
    :param trace: one line per exchange at the highest verbosity; never a body, never a secret.
    :param hide: registers a secret that was obtained on the way (a token), so that no output shows it.
    :param connections: kept-alive connections; one task's own, or those of a sweep over many PBXs.
    """

    deadline: Deadline
    store: RunStore
    warn: Say = _silent
    notice: Say = _silent
    trace: Say = _silent
    hide: Say = _silent
    connections: Connections = field(default_factory=Connections)

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


def standalone(seconds: float = 600.0, *, deadline: Deadline | None = None) -> Context:
    """A context outside any Ansible task: for tests and for programs that use the libraries directly."""
    return Context(deadline=deadline or Deadline(seconds), store=RunStore(None))
