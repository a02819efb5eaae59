# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PBX that is reached from a host beside it: what goes there, what does not, and what a report says of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tcx_lab.testing import Lab

from .conftest import SMALL, Controller

PLUGIN = '''
"""A host of its own in all but its files: what is sent there is kept, and commands begin in another directory."""
import shutil
import uuid

from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = """
name: jump
short_description: stands for a jump host
description: [local, by another name]
extends_documentation_fragment: [connection_pipelining]
"""


class Connection(Local):
    transport = "jump"

    def put_file(self, in_path, out_path):
        shutil.copy(in_path, "SENT/" + uuid.uuid4().hex + "-" + out_path.rpartition("/")[2])
        return super().put_file(in_path, out_path)

    def exec_command(self, cmd, in_data=None, sudoable=True):
        return super().exec_command("cd / && " + cmd, in_data=in_data, sudoable=sudoable)
'''


@dataclass
class JumpHost:
    """A host beside the PBXs, and all that is sent to it."""

    controller: Controller
    sent: Path

    def play(self, playbook: str, *arguments: str, **variables: Any) -> Any:
        return self.controller.play(
            playbook,
            "--limit",
            "berlin",
            *arguments,
            variables={"tcx_m365_connection": "jump", **variables},
            ANSIBLE_CONNECTION_PLUGINS=str(self.sent.parent / "plugins"),
            ANSIBLE_PIPELINING="false",
        )

    def modules(self) -> set[str]:
        """The names of the modules that were sent."""
        return {path.name.partition("_")[2].removesuffix(".py") for path in self.sent.glob("*AnsiballZ_*")}

    def texts(self) -> str:
        """All that was sent, in plain text."""
        return "\n".join(path.read_text(errors="replace") for path in self.sent.iterdir())


@pytest.fixture
def jump(tmp_path: Path) -> Iterator[JumpHost]:
    sent, plugins, home = (tmp_path / name for name in ("sent", "plugins", "home"))
    for directory in (sent, plugins, home):
        directory.mkdir()
    (plugins / "jump.py").write_text(PLUGIN.replace("SENT", str(sent)))
    with Lab.start(SMALL) as lab:
        yield JumpHost(Controller(lab, home), sent)


def test_the_credentials_of_the_automation_stay_on_the_controller(jump: JumpHost) -> None:
    """They open the tenants of all customers, and the host belongs to one of them."""
    done = jump.play("tcx.m365.rollout")
    assert done.code == 0, done.output
    assert done.changed() == ["berlin"]
    assert "tcx_m365_settings" in jump.modules()
    assert jump.modules() <= {"tcx_preflight", "tcx_m365_settings", "sso_probe"}
    assert jump.controller.lab.inventory["tcx"]["vars"]["entra_client_secret"] not in jump.texts()


def test_a_file_of_the_controller_is_read_on_the_controller(jump: JumpHost) -> None:
    """As the README has it, paths are relative to where Ansible was started."""
    lab = jump.controller.lab
    inventory = lab.inventory
    values = inventory["tcx"]["hosts"]["berlin"]
    path = jump.controller.home / "keys" / "public_key.pem"
    path.parent.mkdir()
    path.write_text(values["entra_app_public_key"])
    values["entra_app_public_key"] = "keys/public_key.pem"
    lab.inventory_path.write_text(json.dumps(inventory))
    done = jump.play("tcx.m365.rollout")
    assert done.code == 0, done.output
    assert done.changed() == ["berlin"]


def test_a_report_says_that_it_asks_from_the_controller(jump: JumpHost) -> None:
    lab = jump.controller.lab
    lab.control.patch_pbx("berlin", down=True)
    done = jump.play("tcx.m365.compliance", compliance_report_dir=str(jump.controller.home / "reports"))
    assert done.code != 0
    report = json.loads((jump.controller.home / "reports" / "compliance.json").read_text())
    (host,) = report["hosts"]
    assert host["verdict"] == "unreachable"
    assert "tcx_m365_connection" in " ".join(host["reasons"])
    assert any("rollout --check" in remedy for remedy in host["remedies"]), host["remedies"]
