# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PBX that needs no write goes on at once, while other PBXs of its batch are still checked.

Nothing is written before all of a batch have been checked. A PBX that is as the inventory describes it has nothing to wait
for: the steps that would write find nothing to do, and what is left is to verify. Where one of them wants to write after all
(what the checks tell is whether the application changes, not the consent nor the settings of the PBX), the PBX stops in front
of the write, and its steps are taken again after the check of the others.
"""

from __future__ import annotations

from ansible_collections.tcx.m365.plugins.module_utils._errors import Abandoned
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import Variables
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.runner import Taken


class Ahead:
    """How far one PBX is ahead of the check of the others.

    :ivar goes_on: its own check has passed, and it needs no write.
    :ivar stopped: a step was about to write all the same; what the steps have found by then counts for nothing.
    """

    def __init__(self) -> None:
        self.goes_on = False
        self.stopped = False

    def judge(self, variables: Variables, checks: Taken) -> None:
        """Decide whether the PBX goes on, by what its checks have found."""
        self.goes_on = needs_no_write(variables, checks)

    def before_writing(self) -> None:
        """:raises Abandoned: always, because others of the batch have not been checked yet."""
        self.stopped = True
        raise Abandoned("others of the batch are still being checked; nothing was written")


def needs_no_write(variables: Variables, checks: Taken) -> bool:
    """Whether the checks of a PBX have found its application as the inventory describes it, and the PBX at work with it.

    One that does not work may need waiting and healing, which is for after the check of the others.
    """
    pbx = checks.of("pbx")
    status = pbx.get("status") or {}
    linked = str(status.get("application_id") or "").lower()
    if checks.failed or not (linked and status.get("ok")) or pbx.get("gated"):
        return False
    candidate = checks.of("candidate")
    if candidate:
        return not candidate.get("changed") and str(candidate.get("app_id") or "").lower() == linked
    return str(variables.get("tcx_console_application_id") or linked).strip().lower() == linked
