# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The capability behind the module ``tcx_conformance``: how XAPI behaves on a test PBX."""

from __future__ import annotations

from .._conformance import ask_all
from .._pbx import conformance
from .._pbx.xapi import Xapi
from .._plan import Change, Plan
from .._task import ArgumentSpec, Capability, Outcome, Task
from . import _pbx_connection

ARGUMENT_SPEC: ArgumentSpec = {**_pbx_connection.ARGUMENT_SPEC, "write": {"type": "bool", "default": False}}


def run(task: Task) -> Outcome:
    """Ask the questions; with ``write``, single settings are written and what was there is written back."""
    connection = _pbx_connection.connection(task.params, task.context)
    writes = bool(task.params["write"]) and not task.check_mode
    with task.context.store.lock("pbx_work", connection.url, task.context.deadline):
        xapi = Xapi(connection, task.context)
        findings = ask_all(conformance.QUESTIONS, xapi, writes=writes)
    plan = Plan()
    if task.params["write"]:
        plan.changes.append(Change("conformance", "settings of users", None, "written and written back"))
    release = str(xapi.release) if xapi.release is not None else ""
    answers = [finding.as_dict() for finding in findings]
    return Outcome({"answers": answers, "release": release}, plan, can_be_undone=False)


CAPABILITY = Capability(name="tcx_conformance", argument_spec=ARGUMENT_SPEC, run=run)
