# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Azure CLI, unchanged, with a lab as its cloud.

Its program is found by TCX_AZ, in the directory TCX_BIN_AZURE_CLI, or on the path.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tcx_lab.testing import Lab

_APART = os.environ.get("TCX_BIN_AZURE_CLI")
AZ = os.environ.get("TCX_AZ") or (str(Path(_APART) / "az") if _APART else shutil.which("az"))
# The gate makes an environment that has it, and sets the variable; a run by hand goes without.
NEEDS_AZ = pytest.mark.skipif(AZ is None, reason="the Azure CLI (az) is neither at TCX_AZ nor on the path")


class AzureCli:
    """az with a configuration of its own, for one application in one tenant."""

    def __init__(self, lab: Lab, home: Path, tenant_id: str, app_id: str) -> None:
        self.lab, self.home, self.tenant_id, self.app_id = lab, home, tenant_id, app_id
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = {**kept, "AZURE_CONFIG_DIR": str(home / "azure"), "REQUESTS_CA_BUNDLE": str(lab.ca_path)}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        assert AZ is not None
        return subprocess.run(
            [AZ, *words, "--output", "json"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def __call__(self, *words: str) -> Any:
        done = self.run(*words)
        assert done.returncode == 0, f"az {' '.join(words[:3])}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def make_the_lab_its_cloud(self) -> None:
        self("config", "set", "core.instance_discovery=false", "core.collect_telemetry=no")
        self("cloud", "register", "--name", "lab", "--endpoint-resource-manager", self.lab.endpoints["management"])
        self("cloud", "set", "--name", "lab")

    def login(self, *credential: str) -> Any:
        who = ("--username", self.app_id, "--tenant", self.tenant_id, "--allow-no-subscriptions")
        return self("login", "--service-principal", *who, *credential)
