# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names of ansible-core that are not public: there in every release of the matrix, and done without elsewhere."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.module_utils.basic import AnsibleModule
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.playbook.task import Task
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.tcx.m365.plugins.module_utils._core_compat import ModuleWithReader
from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.sharing import may_share
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import HostVariables


@pytest.fixture
def world(tmp_path: Path) -> tuple[Task, HostVars, DataLoader]:
    """A play on two hosts, one of them described in the inventory, as ansible-core builds it."""
    source = tmp_path / "inventory.yml"
    source.write_text(
        "tcx:\n  hosts:\n    acme: {tcx_url: 'https://acme.example.com'}\n    bolt: {}\n"
        "  vars: {entra_cloud: ' usgov '}\n"
    )
    loader = DataLoader()
    loader.set_basedir(str(tmp_path))
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


def test_the_hosts_of_a_play_are_looked_for_once_for_all_of_them(
    world: tuple[Task, HostVars, DataLoader], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each of them it was time that grows with the square of the fleet."""
    task, hostvars, loader = world
    looked: list[Any] = []
    inventory = hostvars._inventory
    get_hosts = inventory.get_hosts
    monkeypatch.setattr(inventory, "get_hosts", lambda *args, **known: looked.append(args) or get_hosts(*args, **known))
    variables = HostVariables(task, loader, hostvars)
    variables.of("acme")
    times = len(looked)
    variables.of("bolt")
    variables.some("bolt", ["tcx_url"], without_extra=True)
    assert (times > 0, len(looked)) == (True, times)
    names: _core_compat.Names = {}
    for host in ("acme", "bolt"):
        alone = _core_compat.variables_of_host(task, hostvars, host, {})
        assert alone is not None
        assert alone["ansible_play_batch"] == ["acme", "bolt"]
        assert _core_compat.variables_of_host(task, hostvars, host, names) == alone


@pytest.mark.parametrize(
    ("files", "handed"), [([], ["bolt"]), (["{{ ansible_play_hosts_all[0] }}.yml"], ["acme", "bolt"])]
)
def test_no_answer_about_a_host_goes_through_all_hosts_of_its_play(
    world: tuple[Task, HostVars, DataLoader], files: list[str], handed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 10,000 that was a third of the time that each answer took. The names of files may be made of them, though."""
    task, hostvars, loader = world
    Path(loader.get_basedir(), "acme.yml").write_text("tcx_proxy: http://proxy.example.com\n")
    _core_compat.play_of(task).vars_files = [_core_compat._PLAIN(file) for file in files]
    names: _core_compat.Names = {}
    first = _core_compat.variables_of_host(task, hostvars, "acme", names)
    assert first is not None
    assert ("tcx_proxy" in first) == bool(files)
    given: list[Any] = []
    get_vars = VariableManager.get_vars
    monkeypatch.setattr(
        VariableManager,
        "get_vars",
        lambda *args, **known: given.append(known["_hosts_all"]) or get_vars(*args, **known),
    )
    second = _core_compat.variables_of_host(task, hostvars, "bolt", names)
    assert second is not None
    assert given == [handed]
    for name in ("ansible_play_hosts", "ansible_play_hosts_all", "ansible_play_batch", "play_hosts"):
        assert second[name] == second["vars"][name] == ["acme", "bolt"]
    assert second.get("tcx_proxy") == first.get("tcx_proxy")


def test_without_the_private_names_the_host_of_the_task_is_known(world: tuple[Task, HostVars, DataLoader]) -> None:
    task, hostvars, loader = world
    public: Any = {host: hostvars[host] for host in ("acme", "bolt")}
    assert not _core_compat.tells_variables(task, public)
    assert _core_compat.variables_of_host(task, public, "acme", {}) is None
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


def test_where_the_place_of_a_task_is_not_told_its_hosts_are_worked_on_one_by_one() -> None:
    play = SimpleNamespace(strategy="linear")
    known: dict[str, Any] = {"action": "debug", "get_ds": lambda: {"debug": {}}, "_parent": None}
    assert may_share(SimpleNamespace(**known), play, {})
    for name in ("get_ds", "_parent"):
        assert not may_share(SimpleNamespace(**{key: known[key] for key in known if key != name}), play, {}), name
    assert _core_compat.splits_hosts(SimpleNamespace())
    assert not _core_compat.splits_hosts(SimpleNamespace(rescue=[], always=[]))


def test_the_results_of_a_callback_by_either_name(monkeypatch: pytest.MonkeyPatch) -> None:
    host = SimpleNamespace(get_name=lambda: "acme")
    for names in ({"result": {"a": 1}, "host": host, "task": "t"}, {"_result": {"a": 1}, "_host": host, "_task": "t"}):
        told = SimpleNamespace(**names)
        assert _core_compat.result_of(told) == {"a": 1}
        assert (_core_compat.host_of_result(told), _core_compat.task_of_result(told)) == ("acme", "t")
    shown: list[str] = []
    monkeypatch.setattr(_core_compat.Display, "warning", lambda _self, text: shown.append(text))
    nothing = SimpleNamespace()
    _core_compat.show_warnings(nothing, {"warnings": ["late"]})
    assert shown == ["late"]
    assert (_core_compat.result_of(nothing), _core_compat.host_of_result(nothing)) == ({}, "")


def test_a_module_reads_its_arguments_once_with_and_without_the_private_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for ansible-core: only the order of its constructor counts here."""
    monkeypatch.setattr(AnsibleModule, "__init__", lambda self, **_options: self._load_params())
    monkeypatch.setattr(AnsibleModule, "_load_params", lambda self: setattr(self, "params", {"wait": " no "}))

    class Module(ModuleWithReader):
        def read_arguments(self) -> None:
            self.params = {name: value.strip() for name, value in self.params.items()}
            self.times = getattr(self, "times", 0) + 1

    module = Module(argument_spec={})
    assert (module.params, module.times) == ({"wait": "no"}, 1)
    monkeypatch.setattr(AnsibleModule, "__init__", lambda self, **_options: setattr(self, "params", {"wait": " no "}))
    module = Module(argument_spec={})
    assert (module.params, module.times) == ({"wait": "no"}, 1)


def test_without_the_private_method_the_environment_is_templated_here() -> None:
    templar = Templar(loader=DataLoader(), variables={})
    task = SimpleNamespace(environment=[{"TCX_URL": "https://acme.example.com"}, {"TCX_TIMEOUT": 7}])
    found = _core_compat.task_environment(SimpleNamespace(), task, templar)
    assert found == {"TCX_URL": "https://acme.example.com", "TCX_TIMEOUT": "7"}


@pytest.mark.parametrize(
    "warning", ["the license ends", SimpleNamespace(event=SimpleNamespace(msg="the license ends"))]
)
def test_a_warning_of_a_module_is_its_sentence_on_each_release(warning: Any) -> None:
    assert _core_compat.warning_text(warning) == "the license ends"


def test_a_text_of_a_task_reaches_the_process_that_shows_it_without_what_others_put_around_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the process of a task; elsewhere, and where a release lacks the queue, it is shown there and then."""
    sent: list[tuple[Any, ...]] = []
    shown: list[str] = []
    queue = SimpleNamespace(send_display=lambda *arguments, **options: sent.append((*arguments, options)))
    display = _core_compat.Display()
    monkeypatch.setattr(display, "display", lambda text, **_options: shown.append(text))
    monkeypatch.setattr(display, "_final_q", queue, raising=False)
    _core_compat.show("to the queue", stderr=True)
    monkeypatch.setattr(display, "_final_q", None, raising=False)
    _core_compat.show("at once")
    assert (sent, shown) == ([("display", "to the queue", {"stderr": True})], ["at once"])
