# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The capability behind the module ``entra_conformance``: how Graph behaves in a test tenant."""

from __future__ import annotations

from .._conformance import ask_all
from .._entra import conformance
from .._plan import Change, Plan
from .._task import ArgumentSpec, Capability, Outcome, Task
from . import _entra_connection

ARGUMENT_SPEC: ArgumentSpec = {**_entra_connection.ARGUMENT_SPEC, "write": {"type": "bool", "default": False}}


def run(task: Task) -> Outcome:
    """Ask the questions; with ``write``, on an application that is made for them and removed permanently."""
    client = _entra_connection.client(task.params, task.context)
    writes = bool(task.params["write"]) and not task.check_mode
    with conformance.ground(client, writes=writes) as ground:
        findings = ask_all(conformance.QUESTIONS, ground, writes=writes)
    plan = Plan()
    if task.params["write"]:
        plan.changes.append(Change("conformance", "throw-away application", None, "made and removed"))
    return Outcome({"answers": [finding.as_dict() for finding in findings]}, plan, can_be_undone=False)


CAPABILITY = Capability(name="entra_conformance", argument_spec=ARGUMENT_SPEC, run=run)
