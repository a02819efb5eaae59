# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a large fleet costs: the commands of an operator, measured from outside. ``python tests/faults/fleet_limits.py 2000``"""

from __future__ import annotations

import datetime as dt
import os
import sys
import tempfile
from pathlib import Path

from ansible_collections.tcx.m365.tests.bench import meter
from tcx_lab.fleet import bench_plan
from tcx_lab.testing import Lab

REPOSITORY = Path(__file__).resolve().parents[2]
RUNS = (("rollout", "first rollout"), ("rollout", "rollout without a change"), ("compliance", "compliance"))


def main(pbxs: int) -> int:
    """A first rollout, one without a change, and a compliance check of many PBXs in tenants of 100 each."""
    print(f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, load average {os.getloadavg()[0]:.1f}\n")
    print("| what | PBXs | ended well | seconds | CPU ms per PBX | peak memory, MiB |")
    print("|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as place, Lab.start(bench_plan(pbxs, max(1, pbxs // 100))) as lab:
        environment = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TMPDIR")},
            "HOME": place,
            "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".build" / "collections"),
            "LC_ALL": "C.UTF-8",
        }
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        for operation, title in RUNS:
            command = [program, f"tcx.m365.{operation}", "-i", str(lab.inventory_path)]
            usage = meter.measure(command, environment, Path(place))
            well = "yes" if usage.code == 0 else f"no ({usage.code})"
            figures = f"{usage.wall:.0f} | {1000 * usage.cpu / pbxs:.0f} | {usage.memory / 2**20:.0f}"
            print(f"| {title} | {pbxs:,} | {well} | {figures} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
