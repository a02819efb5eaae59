# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task has written on one PBX by now, kept where the process that sweeps finds it if the work never ends.

The work on a PBX can break off in ways that leave no result: its process is killed, or it is given up after its deadline.
What was written until then has been written all the same, and the result of the task must say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible_data
from ansible_collections.tcx.m365.plugins.module_utils._plan import Change, Plan, joined
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.recorder import Announce, AnnouncingTask
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.snapshots import run_id

Json = dict[str, Any]

_KIND = "fleet_written"


class Ledger:
    """The writes of one task on one PBX."""

    def __init__(self, store: RunStore, host: str) -> None:
        self._store = store
        self._host = host

    def begin(self) -> None:
        """A new task begins; what an earlier one wrote stands in the result of that one."""
        self._store.drop(_KIND, self._host)

    def changes(self) -> list[Json]:
        """What has been written by now, and what was about to be: whether that was carried out is not known."""
        return list(self._store.get(_KIND, self._host) or ())

    def recording(self, run_task: AnnouncingTask, *, check_mode: bool) -> AnnouncingTask:
        """``run_task`` whose writes are kept, each before it is sent."""

        def run(
            capability: Capability,
            arguments: Mapping[str, Any],
            /,
            *,
            check: bool = False,
            announce: Announce | None = None,
        ) -> Json:
            if check or check_mode:
                return run_task(capability, arguments, check=check, announce=announce)
            before = self.changes()
            announced: list[Change] = []

            def expect(plan: Plan) -> None:
                if announce is not None:
                    announce(plan)
                announced.extend(plan.changes)
                self._keep([*before, *(visible_data(change.as_dict()) for change in joined(announced))])

            result = run_task(capability, arguments, check=check, announce=expect)
            if announced or result.get("changes"):
                self._keep([*before, *(result.get("changes") or ())])
            return result

        return run

    def with_written(self, result: Json) -> Json:
        """The result of work that broke off, with what it had written by then."""
        changes = self.changes()
        if changes and not result.get("changes"):
            return {**result, "changed": True, "changes": changes}
        return result

    def _keep(self, changes: list[Json]) -> None:
        self._store.put(_KIND, self._host, changes)


AGAIN = " Run it again."
"""What to do about work that broke off; not where it is undone instead."""


def broken_off(store: RunStore, host: str, reason: str) -> Json:
    """The result for a PBX whose work has left none."""
    ledger = Ledger(store, host)
    names = ", ".join(dict.fromkeys(f"{change['target']}.{change['field']}" for change in ledger.changes()))
    written = f"Written by then, and kept: {names}" if names else "Nothing had been written by then"
    result = {"failed": True, "changed": False, "msg": f"{reason}. {written}.{AGAIN}"}
    return ledger.with_written({**result, "snapshot": run_id(store)} if names else result)
