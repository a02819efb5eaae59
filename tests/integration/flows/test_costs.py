# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one PBX of a fleet costs the controller: counted, because times depend on the machine."""

from __future__ import annotations

import functools
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.action import fleet_compliance, fleet_rollout
from ansible_collections.tcx.m365.plugins.module_utils import _arguments
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import tcx_m365_settings
from ansible_collections.tcx.m365.plugins.module_utils._common import pem
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import certificates
from ansible_collections.tcx.m365.plugins.module_utils._run import OF_AN_ADDRESS, OF_ONE_PBX, RunStore
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.fleet import Fleet
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import families
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.crossings import Crossings
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import Variables
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.table import OPERATIONS, STEPS
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import CHECK

from .conftest import Flow


def checked(flow: Flow, store: RunStore) -> dict[str, Any]:
    """The entry of the report, by what a thread of the sweep does."""
    inventory: Any = flow.begin(check=True).inventory
    return fleet_compliance._check(
        flow.host, lambda _kind, _text: None, variables=inventory, store=store, crossings=Crossings({}), connections={}
    )


def own_calls(work: Callable[[], object]) -> int:
    """How many functions of this collection are called; the number is nearly the same whatever the machine and the releases."""
    calls = 0

    def note(frame: Any, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call" and "/m365/plugins/" in frame.f_code.co_filename

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def kinds(directory: Path) -> Counter[str]:
    """The files of the run's store by kind; of the locks, which stay, as well."""
    return Counter(file.name.partition("-")[0] + file.suffix for file in directory.iterdir() if file.name[0] != ".")


def test_a_pbx_of_a_compliance_run_makes_files_only_of_what_other_pbxs_may_need(berlin: Flow, tmp_path: Path) -> None:
    assert not berlin.rollout().get("failed")
    store = fleet_compliance._store_of_sweep(str(tmp_path))
    assert checked(berlin, store)["verdict"] == "compliant"
    made = kinds(Path(str(store.directory)))
    of_the_run = {"graph_roles", "graph_roles_asked", "graph_roles.lock", "own_application", "own_application.lock"}
    assert Counter({kind: number for kind, number in made.items() if kind not in of_the_run}) == {
        "entra_token": 1,
        "entra_token.lock": 1,
        "credential.lock": 1,
        "pbx_token": 1,
        "pbx_token.lock": 1,
        "pbx_work.lock": 1,
    }


def test_a_process_of_a_compliance_run_keeps_nothing_of_a_pbx_that_is_done(berlin: Flow, tmp_path: Path) -> None:
    """Of thousands of PBXs that was most of what it held at the end."""
    assert not berlin.rollout().get("failed")
    store = fleet_compliance._store_of_sweep(str(tmp_path))
    assert checked(berlin, store)["verdict"] == "compliant"
    assert {name.partition("-")[0] for name in store._memory} & OF_AN_ADDRESS == set()


def test_a_pbx_of_a_compliance_run_calls_no_more_functions_than_its_budget(
    berlin: Flow, lyon: Flow, tmp_path: Path
) -> None:
    """At the time of writing 8,618 with Python 3.11, fewer with later ones. The first PBX reads and works out what is the same for all of them."""
    for flow in (berlin, lyon):
        assert not flow.rollout().get("failed")
        store = fleet_compliance._store_of_sweep(str(tmp_path))
        calls = own_calls(functools.partial(checked, flow, store))
    assert calls <= 9000


class Described:
    """What the inventory says of hosts; the address of each holds the process that has read it."""

    def all_of_play(self) -> list[str]:
        return [f"host{number}" for number in range(60)]

    def some(self, host: str, _names: object, *, without_extra: bool) -> Variables:
        return Variables({"tcx_url": f"https://{host}.p{os.getpid()}.example.com", "tcx_fqdn": [str(without_extra)]})


def test_hosts_are_compared_by_what_other_processes_have_read_of_them(tmp_path: Path) -> None:
    """Of 10,000 the process of the task read for ten seconds, and copied all that Ansible knows of them."""
    variables: Any = Described()
    hosts, run = variables.all_of_play(), frozenset(("host3",))
    identities = dict(fleet_compliance._identities(variables, 2, hosts, run))
    assert sorted(identities) == sorted(hosts)
    readers = {identity.address.split(".")[1] for identity in identities.values()}
    assert len(readers) == 2
    assert f"p{os.getpid()}" not in readers
    assert {host for host, identity in identities.items() if "false:443" in identity.names} == run
    asked: list[Any] = []

    def read(universe: list[str], left: frozenset[str]) -> list[Any]:
        asked.append((sorted(universe), left))
        return [("host1", identities["host2"])]

    crossings = Crossings.of(variables, ["host3"], RunStore(str(tmp_path)), read)
    assert asked == [(sorted(hosts), run)]
    crossings.check("host3")
    assert Crossings.of(variables, ["host3"], RunStore(str(tmp_path)), read)._refused == crossings._refused
    assert len(asked) == 1, "once in a run"


def test_a_certificate_of_the_inventory_is_read_once_for_all_steps(
    berlin: Flow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To load its key takes longer than to send a request."""
    assert not berlin.rollout().get("failed")
    loaded: list[Any] = []
    flaw_of_key = pem.flaw_of_key
    monkeypatch.setattr(pem, "flaw_of_key", lambda certificate: loaded.append(certificate) or flaw_of_key(certificate))
    certificates._read.cache_clear()
    assert checked(berlin, fleet_compliance._store_of_sweep(str(tmp_path)))["verdict"] == "compliant"
    assert len(loaded) == 1


def test_ansible_validates_what_is_stated_and_what_has_a_default() -> None:
    capability = tcx_m365_settings.CAPABILITY
    read = capability.read({"url": "https://pbx.example.com", "client_id": "900", "client_secret": "s"}, {})
    assert set(read.parameters) == set(capability.argument_spec)
    prepared = _arguments._prepared(capability.argument_spec)
    validator = prepared.validator(capability.constraints(), frozenset(("url",)))
    assert {"url", "deadline", "timeout"} <= set(validator.argument_spec) < set(capability.argument_spec)


def test_what_follows_from_the_specs_is_worked_out_once() -> None:
    for source in families.SOURCES.values():
        assert source.variables is source.variables


def test_the_two_passes_of_a_rollout_make_files_only_of_what_others_may_need(berlin: Flow, tmp_path: Path) -> None:
    assert not berlin.rollout().get("failed")
    inventory: Any = berlin.begin().inventory
    store, names = RunStore(str(tmp_path), OF_ONE_PBX), list(OPERATIONS["rollout"])
    fleet = Fleet(inventory, store, names, Crossings({}), operation="rollout", check_mode=False)
    for steps in ([name for name in names if STEPS[name].kind == CHECK], names):
        result = fleet.work(berlin.host, lambda _kind, _text: None, steps, connection="local")["result"]
        assert not result["changed"], result
        assert not result.get("failed"), result
    made = set(kinds(Path(str(store.directory))))
    assert not made.intersection(OF_ONE_PBX)
    assert {"pbx_token", "entra_token", "credential.lock"} <= made


@pytest.mark.parametrize(("check_first", "own"), [(True, OF_ONE_PBX), (False, ())])
def test_a_task_that_checks_and_writes_leaves_no_check_to_another(check_first: bool, own: Any, tmp_path: Path) -> None:
    """One that only checks, or only writes, shares what it has read with the task before or after it."""
    options = {"check_first": check_first, "preflight_only": False, "steps": [], "operation": "capture"}
    inventory: Any = None
    inputs = fleet_rollout.TaskInput({}, options, RunStore(str(tmp_path)), inventory)
    assert inputs.fleet(check_mode=False)._store._own == own


def test_what_a_rollout_has_left_behind_is_known_to_a_compliance_run(berlin: Flow, tmp_path: Path) -> None:
    before = RunStore(str(tmp_path))
    assert checked(berlin, before)["verdict"] == "drifted"
    assert kinds(Path(str(before.directory)))["pbx_token"] == 1
    berlin.clear_log()
    assert checked(berlin, fleet_compliance._store_of_sweep(str(tmp_path)))["verdict"] == "drifted"
    assert not [each for each in berlin.requests("pbx") if each.path == "/connect/token"]
