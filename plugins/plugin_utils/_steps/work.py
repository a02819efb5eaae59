# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a step is, and what it works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

from ansible_collections.tcx.m365.plugins.module_utils._task import Capability
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import RunTask
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import is_true

Result = Mapping[str, Any]

CHECK = "check"
"""Reads, before anything is written. Taken by itself where a later step needs it, and then kept for the run."""
WRITE = "write"
VERIFY = "verify"
"""Reads, after everything was written."""

UNREACHABLE_KINDS = frozenset(
    ("unreachable", "untrusted", "interrupted", "service_fault", "throttled", "deadline", "abandoned")
)
"""Kinds of errors after which nobody knows what the PBX or its tenant would have answered. One that did answer, with
something that cannot be right (``bad_answer``), has failed; so has a machine of ours that ran out of something."""
NOT_ASKED = UNREACHABLE_KINDS | {"bad_answer", "unexpected"}
"""Verdicts about one side of a sign-in that tell nothing about the sign-in."""


@dataclass
class Work:
    """One PBX while its steps are taken.

    :param variables: all variables of the host, templated.
    :param check_mode: the mode of the run.
    :param neighbors: thumbprints of the certificates that the inventory has for other PBXs with the same application.
    :param reports: a report is made of the results, which tells what does not work; it ends no step.
    :param configures: the settings of the PBX are to be written, or nothing is and they may be later.
    :ivar results: the results of the steps so far, by name, in order; those that an earlier task has kept included.
    """

    host: str
    variables: Mapping[str, Any]
    run_task: RunTask
    check_mode: bool = False
    results: dict[str, Result] = field(default_factory=dict)
    neighbors: tuple[str, ...] = ()
    reports: bool = False
    configures: bool = True

    def result(self, step: str) -> Result:
        return self.results.get(step) or {}

    def is_set(self, name: str, default: bool = False) -> bool:
        """A boolean variable."""
        value = self.variables.get(name)
        return default if value is None else is_true(value)


@dataclass(frozen=True)
class Step:
    """One row of the table.

    :param kind: ``check``, ``write`` or ``verify``.
    :param arguments: what the capability is asked; of a step without a capability, what its result rests on.
    :param needs: the steps that must have been taken before; they are taken by themselves.
    :param enabled: whether the variables of this PBX ask for the step; judged before anything is taken.
    :param when: whether it applies to this PBX, after what earlier steps have found.
    :param forced_check: the capability runs in check mode, whatever the mode of the run.
    :param finish: makes the step's result of the capability's.
    :param keeps: what of the result of a write the later steps of the run use. Of a check everything is kept.
    """

    name: str
    kind: str
    arguments: Callable[[Work], dict[str, Any]]
    capability: Capability | None = None
    needs: tuple[str, ...] = ()
    enabled: Callable[[Work], bool] = lambda _work: True
    when: Callable[[Work], bool] = lambda _work: True
    forced_check: bool = False
    finish: Callable[[Work, Result], Result] | None = None
    keeps: tuple[str, ...] = ()

    def take(self, work: Work, arguments: Mapping[str, Any]) -> Result:
        """The result of the step, with the arguments that :attr:`arguments` gave."""
        result: Result = {}
        if self.capability is not None:
            if self.forced_check:
                result = work.run_task(self.capability, arguments, check=True)
            else:
                result = work.run_task(self.capability, arguments)
        return self.finish(work, result) if self.finish is not None else result
