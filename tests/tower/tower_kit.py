# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Applies the playbook `controller_setup` to a controller that exists only in memory, with the real modules of awx.awx."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environments import COLLECTIONS
from fake_controller import FakeController

REPOSITORY = Path(__file__).resolve().parents[2]
PLAYBOOKS_URL = "https://github.com/tcx-m365/tcx.m365"
INVENTORY_URL = "https://git.example.com/telephony/inventory.git"
SECRET = "canary-5up3r-s3cr3t"

_RECAP = re.compile(r"^localhost\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)
_CHANGED = re.compile(r"^changed: \[localhost\] => \(item=(.*?)\)(?: => .*)?$", re.MULTILINE)

VARIABLES: dict[str, Any] = {
    "controller_setup_image": "registry.example.com/tcx-m365:1.0.0",
    "controller_setup_playbooks_url": PLAYBOOKS_URL,
    "controller_setup_inventory_url": INVENTORY_URL,
    "controller_setup_slices": 2,
    "controller_setup_credentials": [
        {
            "name": "Automation app",
            "type": "Microsoft Entra app (client secret)",
            "inputs": {"client_id": "11111111-2222-4333-8444-555555555555", "client_secret": SECRET},
        },
        {"name": "Vault of the fleet", "type": "Vault", "inputs": {"vault_password": SECRET}},
    ],
    "controller_setup_notifications": [
        {"name": "Operations", "type": "webhook", "configuration": {"url": "https://hooks.example.com/tcx"}}
    ],
}


@dataclass(frozen=True)
class Outcome:
    """How a run of the playbook ended. `changed` counts tasks; `items` are the objects that they changed."""

    code: int
    output: str

    @property
    def changed(self) -> int:
        found = _RECAP.search(self.output)
        assert found, self.output
        return int(found[2])

    @property
    def items(self) -> list[str]:
        return _CHANGED.findall(self.output)


@dataclass
class Setup:
    """Runs the playbook against one controller, in a home of its own."""

    controller: FakeController
    home: Path
    modules: Path

    def run(self, *arguments: str, binaries: Path | None = None, modules: bool = True, **variables: Any) -> Outcome:
        """Run it; `modules` says whether awx.awx is installed."""
        where = [str(self.modules)] if modules else []
        known = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        environment = {
            **known,
            "HOME": str(self.home),
            "ANSIBLE_HOME": str(self.home / ".ansible"),
            "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join([*where, str(COLLECTIONS)]),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_DEPRECATION_WARNINGS": "0",  # those of awx.awx are not ours
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "LC_ALL": "C.UTF-8",
            **self.controller.environment,
        }
        program = (binaries or Path(sys.executable).parent) / "ansible-playbook"
        values = json.dumps({**VARIABLES, **variables})
        done = subprocess.run(
            [str(program), "tcx.m365.controller_setup", "-i", "localhost,", "-e", values, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            cwd=self.home,
            timeout=900,
        )
        return Outcome(done.returncode, done.stdout + done.stderr)
