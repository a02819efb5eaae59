# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names of ansible-core that are not public: there in every release of the matrix, and done without elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.playbook.task import Task
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.variables import HostVariables

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
PRIVATE = re.compile(
    r"(?:hostvars|manager|inventory|task|node|validation|action)\._(?:variable_manager|inventory|play|parent|uuid|"
    r"no_log_values)\b|_compute_environment_string"
)


@pytest.fixture
def world(tmp_path: Path) -> tuple[Task, HostVars, DataLoader]:
    """A play on two hosts, one of them described in the inventory, as ansible-core builds it."""
    source = tmp_path / "inventory.yml"
    source.write_text(
        "tcx:\n  hosts:\n    acme: {tcx_url: 'https://acme.example.com'}\n    bolt: {}\n"
        "  vars: {entra_cloud: ' usgov '}\n"
    )
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[str(source)])
    manager = VariableManager(loader=loader, inventory=inventory)
    play = Play.load(
        {
            "hosts": "tcx",
            "gather_facts": False,
            "vars": {"tcx_timeout": "7", "tcx_uri": "x"},
            "tasks": [{"debug": {"msg": "x"}, "environment": {"TCX_URL": "{{ inventory_hostname }}"}}],
        },
        variable_manager=manager,
        loader=loader,
    )
    hostvars = HostVars(inventory=inventory, variable_manager=manager, loader=loader)
    return play.compile()[1].block[0], hostvars, loader


def test_every_release_tells_what_a_sweep_needs(world: tuple[Task, HostVars, DataLoader]) -> None:
    task, hostvars, loader = world
    assert _core_compat.tells_variables(task, hostvars)
    assert _core_compat.play_of(task).hosts == ["tcx"] or str(_core_compat.play_of(task).hosts) == "tcx"
    assert _core_compat.hosts_of_play(task, hostvars) == ["acme", "bolt"]
    assert _core_compat.task_identity(task) == str(task._uuid)
    known = HostVariables(task, loader, hostvars).of("acme")
    assert (known["tcx_url"], known["entra_cloud"], known["tcx_timeout"]) == ("https://acme.example.com", "usgov", 7.0)
    assert [each.name for each in known.unknown] == ["tcx_uri"]


def test_without_the_private_names_the_host_of_the_task_is_known(world: tuple[Task, HostVars, DataLoader]) -> None:
    task, hostvars, loader = world
    public: Any = {host: hostvars[host] for host in ("acme", "bolt")}
    assert not _core_compat.tells_variables(task, public)
    assert _core_compat.variables_of_host(task, public, "acme") is None
    assert _core_compat.hosts_of_play(task, public) == []
    assert _core_compat.extra_variables(public) == {}
    task_vars = {"inventory_hostname": "acme", "tcx_url": "https://acme.example.com", "tcx_timeout": 7}
    variables = HostVariables(task, loader, public, task_vars)
    assert not variables.of_all_hosts
    assert variables.of("acme")["tcx_timeout"] == 7.0
    assert variables.of("bolt")["entra_cloud"] == "usgov"


def test_without_an_id_the_place_of_a_task_tells_it_from_others() -> None:
    task = SimpleNamespace(get_path=lambda: "play.yml:7", get_name=lambda: "Roll out")
    assert _core_compat.task_identity(task) == "play.yml:7|Roll out"
    assert _core_compat.play_of(task) is None


def test_without_the_private_method_the_environment_is_templated_here() -> None:
    templar = Templar(loader=DataLoader(), variables={})
    task = SimpleNamespace(environment=[{"TCX_URL": "https://acme.example.com"}, {"TCX_TIMEOUT": 7}])
    found = _core_compat.task_environment(SimpleNamespace(), task, templar)
    assert found == {"TCX_URL": "https://acme.example.com", "TCX_TIMEOUT": "7"}


def test_private_names_stand_in_one_file() -> None:
    found = [
        f"{path.name}: {match.group()}"
        for path in sorted(PLUGINS.rglob("*.py"))
        if path.name != "_core_compat.py"
        for match in PRIVATE.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found
