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
PLAYBOOKS_URL = "https://git.example.com/telephony/playbooks.git"
INVENTORY_URL = "https://git.example.com/telephony/inventory.git"
SECRET = "canary-5up3r-s3cr3t"

_RECAP = re.compile(r"^localhost\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)
_CHANGED = re.compile(r"^changed: \[localhost\] => \(item=(.*?)\)(?: => .*)?$", re.MULTILINE)

#: What a playbook of the project consists of: the collection is in the image alone.
IMPORT = "- name: {title}\n  ansible.builtin.import_playbook: tcx.m365.{name}\n"
#: The groups of the fleet, as docs/tower.md gives them.
GROUPS = """\
plugin: ansible.builtin.constructed
strict: false
use_vars_plugins: true
groups:
  tcx_canary: tcx_canary | default(false) | bool
keyed_groups:
  - key: entra_tenant_id
    prefix: tenant
    separator: _
"""


def make_project(place: Path) -> Path:
    """A repository with playbooks that import those of the collection."""
    (place / "playbooks").mkdir(parents=True)
    for path in (REPOSITORY / "playbooks").glob("*.yml"):
        if path.stem != "controller_setup":
            text = IMPORT.format(title=path.stem.replace("_", " ").capitalize(), name=path.stem)
            (place / "playbooks" / path.name).write_text(text, encoding="utf-8")
    return place


def write_fleet(place: Path, inventory: Any) -> None:
    """The directory of an inventory."""
    (place / "fleet").mkdir(parents=True, exist_ok=True)
    (place / "fleet" / "inventory.yml").write_text(json.dumps(inventory), encoding="utf-8")
    (place / "fleet" / "tcx_groups.yml").write_text(GROUPS, encoding="utf-8")


VARIABLES: dict[str, Any] = {
    "controller_setup_image": "registry.example.com/tcx-m365:2.0.0",
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
    "controller_setup_other_credentials": [
        {
            "name": "Registry",
            "type": "Container Registry",
            "inputs": {"host": "registry.example.com", "username": "puller", "password": SECRET},
        },
        {
            "name": "Hub",
            "type": "Ansible Galaxy/Automation Hub API Token",
            "inputs": {"url": "https://hub.example.com/", "token": SECRET},
        },
    ],
    "controller_setup_image_credential": "Registry",
    "controller_setup_galaxy_credentials": ["Hub"],
    "controller_setup_notifications": [
        {"name": "Operations", "type": "webhook", "configuration": {"url": "https://hooks.example.com/tcx"}},
        {"name": "Chat", "type": "slack", "configuration": {"token": SECRET, "channels": ["#telephony"]}},
        {
            "name": "Mail",
            "type": "email",
            "configuration": {
                "host": "mail.example.com",
                "port": 587,
                "username": "tower",
                "password": SECRET,
                "use_tls": True,
                "use_ssl": False,
                "sender": "tower@example.com",
                "recipients": ["telephony@example.com"],
            },
        },
        {
            "name": "On call",
            "type": "pagerduty",
            "configuration": {
                "subdomain": "example",
                "token": SECRET,
                "service_key": "0123456789abcdef",
                "client_name": "3CX telephony",
            },
            "events": ["failure"],
        },
        {
            "name": "Cards",
            "type": "teams",
            "configuration": {"url": "https://hooks.example.com/teams"},
            "events": ["started", "success", "failure", "approval"],
        },
    ],
    "controller_setup_teams": [
        {"name": "Telephony", "launch": ["3CX compliance", "3CX rollout with approval"], "approve": True, "read": True}
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
    """Runs the playbook against one controller, in a home of its own; `more` holds further collections."""

    controller: FakeController
    home: Path
    modules: Path
    more: Path | None = None

    @property
    def token(self) -> dict[str, str]:
        """What saves each module the making of a token of its own."""
        return {"CONTROLLER_OAUTH_TOKEN": self.controller.api.token_of(None)}

    def run(
        self,
        *arguments: str,
        binaries: Path | None = None,
        modules: bool = True,
        environment: dict[str, str] | None = None,
        **variables: Any,
    ) -> Outcome:
        """Run it; `modules` says whether awx.awx is installed, `environment` whatever else the process gets."""
        where = [str(each) for each in (self.modules, self.more) if each is not None] if modules else []
        known = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        variables_of_process = {
            **known,
            "HOME": str(self.home),
            "ANSIBLE_HOME": str(self.home / ".ansible"),
            "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join([*where, str(COLLECTIONS)]),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_DEPRECATION_WARNINGS": "0",  # those of awx.awx are not ours
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "LC_ALL": "C.UTF-8",
            # Each request would read the certificate authorities of the system, for a controller without TLS.
            "SSL_CERT_FILE": os.devnull,
            **self.controller.environment,
            **({} if "controller_setup_username" in variables else self.token),
            **(environment or {}),
        }
        program = (binaries or Path(sys.executable).parent) / "ansible-playbook"
        values = json.dumps({**VARIABLES, **variables})
        done = subprocess.run(
            [str(program), "tcx.m365.controller_setup", "-i", "localhost,", "-e", values, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=variables_of_process,
            cwd=self.home,
            timeout=900,
        )
        return Outcome(done.returncode, done.stdout + done.stderr)
