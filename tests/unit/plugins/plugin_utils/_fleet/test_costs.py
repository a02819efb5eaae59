# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a PBX more costs a run: counted, because times depend on the machine."""

from __future__ import annotations

import io
import queue
import threading
import time
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible.template import Templar
from ansible_collections.tcx.m365.plugins.lookup import shared_check
from ansible_collections.tcx.m365.plugins.module_utils import _limits, _run
from ansible_collections.tcx.m365.plugins.module_utils._http import Connections, Transport
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.plugin_utils import _provenance
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.shared_task import SharedTask
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import variables
from ansible_collections.tcx.m365.plugins.plugin_utils._snapshots.recorder import Recorder

REPOSITORY = Path(__file__).resolve().parents[5]


def counted(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[Any]:
    """The first arguments of the calls of a function from now on."""
    calls: list[Any] = []
    original = getattr(owner, name)

    def call(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        return original(*arguments, **options)

    monkeypatch.setattr(owner, name, call)
    return calls


def test_what_is_the_same_for_all_pbxs_is_parsed_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    variables.role_defaults.cache_clear()
    _provenance.collection_version.cache_clear()
    parsed = [counted(monkeypatch, module, "yaml_load") for module in (variables, _provenance)]
    for number in range(5):
        known = variables.read_variables({"snapshot_dir": str(tmp_path)}, host=f"pbx-{number}")
        Recorder(f"pbx-{number}", known, RunStore(str(tmp_path)), "rollout").told()
    defaults, version = map(len, parsed)
    assert (defaults, version) in ((4, 1), (4, 0)), (
        "one file for each role; none for the version of an installed artifact"
    )


def test_the_run_is_asked_for_its_id_once_for_each_pbx(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    locks = counted(monkeypatch, RunStore, "lock")
    known = variables.read_variables({"snapshot_dir": str(tmp_path)}, host="lyon")
    recorder = Recorder("lyon", known, RunStore(str(tmp_path)), "rollout")
    for _step in range(3):
        recorder.told()
        assert recorder.run
    assert len(locks) == 1


def test_a_host_that_waits_for_its_result_does_not_ask_for_the_lock_each_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    looks, locks = counted(monkeypatch, RunStore, "get"), counted(monkeypatch, RunStore, "lock_if_free")
    store, on = RunStore(str(tmp_path)), threading.Event()

    def work(hosts: list[str]) -> Any:
        assert on.wait(10)
        return [(host, {}) for host in hosts]

    batch = ["berlin", "lyon"]
    take = SharedTask(store, "task").result_of
    threads = [threading.Thread(target=take, args=[host, batch, work], kwargs={"as_they_come": True}) for host in batch]
    for thread in threads:
        thread.start()
    time.sleep(0.4)
    assert len(locks) <= 3
    assert len(looks) > len(locks)
    on.set()
    for thread in threads:
        thread.join(10)


def test_the_variables_of_a_pbx_are_put_together_once_to_tell_where_it_is_worked_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class HostVars(dict[str, Any]):
        asked: list[str]

        def __getitem__(self, host: str) -> Any:
            self.asked.append(host)
            return super().__getitem__(host)

    hostvars = HostVars(berlin={"tcx_url": "x"}, lyon={"tcx_url": "y"})
    hostvars.asked = []
    monkeypatch.setattr(shared_check, "_known", {})
    monkeypatch.setattr(shared_check.constants, "DEFAULT_STRATEGY", "linear")
    known = {"ansible_play_hosts_all": ["berlin", "lyon"], "hostvars": hostvars}
    lookup = shared_check.LookupModule(templar=Templar(loader=None, variables=known))
    for _task in range(3):
        assert lookup.run([], known) == [True]
    assert hostvars.asked == ["berlin", "lyon"]


@pytest.mark.parametrize(("stated", "expected"), [(None, "local"), (" ", "local"), ("ssh ", "ssh")])
def test_the_connection_of_the_playbooks_is_one_short_template(stated: str | None, expected: str) -> None:
    source = yaml.safe_load((REPOSITORY / "playbooks" / "vars" / "controller.yml").read_text(encoding="utf-8"))
    connection, become = source["ansible_connection"], source["ansible_become"]
    assert connection.count("|") == become.count("|") == 2, "each filter takes longer to compile than all it does"
    environment = jinja2.Environment(autoescape=True)
    assert environment.from_string(connection).render(tcx_m365_connection=stated) == expected
    assert environment.from_string(become).render(tcx_m365_become=False) == "False"
    assert environment.from_string(become).render(tcx_m365_become=" yes ") == "yes"


def test_no_option_of_a_rollout_is_a_template_that_each_host_would_compile() -> None:
    plays = yaml.safe_load((REPOSITORY / "playbooks" / "rollout.yml").read_text(encoding="utf-8"))
    tasks = [task for play in plays for task in play["tasks"]]
    options = [task["tcx.m365.fleet_rollout"] for task in tasks]
    assert len(options) == 3
    assert not [value for each in options for value in each.values() if "{{" in str(value)]


def test_the_time_limit_of_a_socket_is_set_only_where_it_changes() -> None:
    timeouts = [30.0]

    class Sock:
        def gettimeout(self) -> float:
            return timeouts[-1]

        def settimeout(self, seconds: float) -> None:
            timeouts.append(seconds)

    stream = _limits.Timed(io.BytesIO(b"x" * 100), Sock())
    with _limits.exchange(60.0, 30.0, 1000):
        while stream.read(10):
            pass
    assert timeouts == [30.0]
    with _limits.exchange(20.0, 30.0, 1000):
        stream.read(10)
    assert 19.0 < timeouts[-1] <= 20.0, "what is left of the whole exchange"


@pytest.mark.parametrize("size", [2, 64])
def test_a_further_address_makes_no_places_for_connections_that_nobody_needs(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    queues = counted(monkeypatch, queue.Queue, "put")
    pool = Connections(size=size).pool(Transport(), "https://pbx.example")
    assert len(queues) <= 1
    connections = [pool._get_conn() for _thread in range(size + 1)]
    for connection in connections:
        pool._put_conn(connection)
    assert pool.pool.qsize() == size
    assert pool._get_conn() is connections[size - 1], "the newest first"
    pool.close()


def test_the_steps_on_a_pbx_open_its_tokens_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened = counted(monkeypatch, _run, "_opened")
    own, of_another_process = RunStore(str(tmp_path)), RunStore(str(tmp_path))
    own.put("pbx_token", "lyon", {"access": "first"})
    for _step in range(5):
        assert own.get("pbx_token", "lyon") == of_another_process.get("pbx_token", "lyon") == {"access": "first"}
    assert len(opened) == 1, "by the other process: who has put it there knows it"
    own.put("pbx_token", "lyon", {"access": "second"})
    assert of_another_process.get("pbx_token", "lyon") == {"access": "second"}
    of_another_process.drop("pbx_token", "lyon")
    assert own.get("pbx_token", "lyon") is None


def test_a_large_fleet_does_not_fill_the_memory_with_tokens(tmp_path: Path) -> None:
    store = RunStore(str(tmp_path))
    for number in range(_run._MOST_KEPT + 50):
        store.put("pbx_token", f"pbx-{number}", {"access": number})
    assert len(store._parsed) == _run._MOST_KEPT
    assert store.get("pbx_token", "pbx-0") == {"access": 0}
