# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a compliance run reports of its tenants and of itself; no module of its own."""

from __future__ import annotations

from .._entra import own_application
from .._errors import M365Error
from .._task import ArgumentSpec, Capability, Outcome, Task
from . import _entra_connection

ARGUMENT_SPEC: ArgumentSpec = {**_entra_connection.ARGUMENT_SPEC}


def run(task: Task) -> Outcome:
    """Read, and change nothing. A name that cannot be read is empty: it decides nothing."""
    client = _entra_connection.client(task.params, task.context)
    try:
        name = own_application.tenant_name(client)
    except M365Error:
        name = ""
    return Outcome({"tenant_name": name, "credential": own_application.credential(client)})


CAPABILITY = Capability(name="own_application", argument_spec=ARGUMENT_SPEC, run=run)
