# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run changes is kept, and can be undone."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from .conftest import Controller

GUIDE: dict[str, Any] = {
    "tcx_console_user_sync": {"enabled": True, "scope": "all", "photo": True, "starting_extension": "200"}
}


def snapshot(small: Controller, host: str, run: str = "latest") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((small.home / "snapshots" / run / f"{host}.json").read_text())
    return found


def test_a_rollout_keeps_what_it_changed(small: Controller) -> None:
    done = small.rollout("--limit", "berlin", variables=GUIDE)
    assert done.code == 0, done.output
    folder = small.home / "snapshots"
    (run,) = [path.name for path in folder.iterdir() if path.name != "latest"]
    assert (folder / "latest").readlink() == Path(run)
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE((folder / run).stat().st_mode) == 0o700
    assert [path.name for path in (folder / run).iterdir()] == ["berlin.json"]
    assert stat.S_IMODE((folder / run / "berlin.json").stat().st_mode) == 0o600
    found = snapshot(small, "berlin")
    assert (found["schema_version"], found["run_id"], found["host"]) == (1, run, "berlin")
    assert found["pending"] == []
    assert small.lab.inventory["tcx"]["hosts"]["berlin"]["tcx_client_secret"] not in json.dumps(found)

    again = small.rollout("--limit", "berlin", variables=GUIDE)
    assert again.changed() == []
    assert sorted(path.name for path in folder.iterdir()) == sorted([run, "latest"])


def state(small: Controller, host: str) -> dict[str, Any]:
    """What there is of a PBX on both sides, without what no undo can take away."""
    values = small.lab.inventory["tcx"]["hosts"][host]
    tenant = values["entra_tenant_id"]
    control = small.lab.control
    objects = {kind: control.objects(tenant, kind) for kind in ("applications", "appRoleAssignments")}
    return {"tenant": objects, "pbx": control.pbx(host)}


def test_a_first_rollout_is_undone(small: Controller) -> None:
    first = state(small, "berlin")
    assert small.rollout("--limit", "berlin", variables=GUIDE).code == 0
    after = state(small, "berlin")
    assert after != first
    small.lab.control.clear_log()
    planned = small.play("tcx.m365.rollback", "--limit", "berlin", "--check", variables={"snapshot": "latest"})
    assert planned.code == 0
    assert small.writes() == []
    done = small.play("tcx.m365.rollback", "--limit", "berlin", variables={"snapshot": "latest"})
    assert done.code == 0
    again = small.play("tcx.m365.rollback", "--limit", "berlin", variables={"snapshot": "latest"})
    assert again.changed() == []
    assert again.code == 0
