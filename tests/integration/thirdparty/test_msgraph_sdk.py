# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Microsoft's Graph SDK for Python (with azure-identity), unchanged, against the lab over TLS.

The SDK may live in an interpreter of its own, in the directory TCX_BIN_MSGRAPH_SDK; otherwise it has to be importable here.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tcx_lab.ca import make_key_pair
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan, build
from tcx_lab.graph import seed
from tcx_lab.testing import Lab

from .apart import python_with

DRIVER = Path(__file__).with_name("msgraph_driver.py")


def test_a_rollout_in_small() -> None:
    python = python_with("msgraph", "TCX_BIN_MSGRAPH_SDK")
    world = build(FleetPlan([TenantPlan("contoso", users=4)], [PbxPlan("contoso", "contoso")], seed=4))
    automation = world.automation
    assert automation is not None
    seed.set_permissions(world, automation, (*seed.AUTOMATION_ROLES, "Directory.Read.All"))  # the SDK tries everything
    pems = [make_key_pair(world, name).public_pem for name in ("one", "two", "three")]
    with Lab.start(world, mode="thread") as lab:
        ends = lab.endpoints
        command = [python, str(DRIVER), ends["login"], ends["graph"], str(lab.ca_path), automation.home_tenant_id]
        given = json.dumps({"secret": automation.client_secret, "certificates": pems})
        done = subprocess.run(
            [*command, automation.app_id], input=given, capture_output=True, text=True, check=False, timeout=300
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "found": True,
        "keys": 3,
        "secret": True,
        "held": [True],
        "duplicate": "Permission being assigned already exists on the object",
        "missing": 404,
        "users": 4,
    }
