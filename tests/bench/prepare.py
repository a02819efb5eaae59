# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rolls a fleet out in one process, so that a large lab is ready in a minute; used by the benchmarks alone.

The playbook does the same with a line per PBX and task, which is what an operator wants and what takes its time. This
runs the tasks of the rollout, from the same variables, through the sweep of the compliance run with writing allowed.

Usage: prepare.py INVENTORY
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._http import Connections
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import run_capability
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.sweep import Say, sweep
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import role_defaults
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.runner import Runner

STEPS_OF_A_ROLLOUT = ("pbx", "preflight", "application", "grant", "settings")


def main(inventory: Mapping[str, Any]) -> Counter[str]:
    """How many PBXs were rolled out, and how many not."""
    hosts, common = inventory["tcx"]["hosts"], inventory["tcx"]["vars"]
    defaults = role_defaults()
    connections: dict[int, Connections] = {}
    with tempfile.TemporaryDirectory() as directory:
        store = RunStore(directory)

        def roll_out(host: str, _say: Say) -> dict[str, Any]:
            own = {**defaults, **common, **hosts[host], "entra_app_unique_name": f"3cx-{host}"}
            shared = connections.setdefault(os.getpid(), Connections(size=64))

            def run_task(
                capability: Capability, arguments: Mapping[str, Any], /, *, check: bool = False
            ) -> dict[str, Any]:
                return run_capability(
                    capability,
                    arguments,
                    check_mode=check,
                    store=store,
                    warn=_silent,
                    notice=_silent,
                    trace=_silent,
                    connections=shared,
                )

            taken = Runner(host, None, check_mode=False).run(own, run_task, STEPS_OF_A_ROLLOUT)
            return {"failed": taken.failed is not None}

        results = [result for _host, result in sweep(list(hosts), roll_out, threads=50)]
    broken = [result["crashed"] for result in results if "crashed" in result]
    if broken:
        raise RuntimeError(broken[0])
    return Counter("failed" if result["failed"] else "rolled out" for result in results)


def _silent(_text: str) -> None:
    """The counts at the end say enough."""


if __name__ == "__main__":
    print(json.dumps(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
