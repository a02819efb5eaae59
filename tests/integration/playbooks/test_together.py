# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rollout works on all PBXs of a batch together, and each host keeps what Ansible's users know of a task of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Controller

ALL = ["berlin", "lyon", "munich"]
SIGN_INS = ("/connect/token", "/webclient/api/Login/GetAccessToken")
"""Of a service principal, and of an administrator where the license includes none."""


def _play(small: Controller, tmp_path: Path, *tasks: dict[str, Any], **keywords: Any) -> Any:
    play = {"hosts": "tcx", "connection": "local", "gather_facts": False, "tasks": list(tasks), **keywords}
    path = tmp_path / "play.yml"
    path.write_text(json.dumps([play]))
    return small.play(str(path))


@pytest.mark.smoke
@pytest.mark.parametrize("strategy", ["free", "host_pinned"])
def test_with_any_strategy_each_pbx_is_worked_on_once(small: Controller, strategy: str) -> None:
    done = small.rollout(ANSIBLE_STRATEGY=strategy)
    assert done.code == 0, done.output
    assert done.changed() == ALL
    tokens = [entry["host"] for entry in small.lab.control.log(source="client") if entry["path"] in SIGN_INS]
    assert sorted(tokens) == ALL


@pytest.mark.smoke
def test_one_fork_is_enough_for_all(small: Controller) -> None:
    done = small.rollout("--forks", "1", "--diff")
    assert done.code == 0, done.output
    assert done.changed() == ALL
    assert all(f"changed: [{host}]" in done.output for host in ALL)
    assert [done.recap[host]["ok"] for host in ALL] == [1, 1, 1], "one task, which checks all before it writes"


@pytest.mark.smoke
@pytest.mark.parametrize("serial", [1, [1, 2]], ids=["one", "canary"])
def test_batches_are_rolled_out_one_after_the_other(small: Controller, serial: Any) -> None:
    done = small.rollout(variables={"rollout_serial": serial})
    assert done.code == 0, done.output
    assert done.changed() == ALL
    order = [entry["host"] for entry in small.lab.control.log(source="client") if entry["host"] in ALL]
    canary = order[0]
    assert canary not in order[order.count(canary) :], "nobody is asked before the first batch is done"
    assert done.output.count("TASK [Check every PBX") == (2 if isinstance(serial, list) else 3)


def test_slow_pbxs_that_fill_all_places_are_not_waited_for_by_the_others(small: Controller) -> None:
    """Two at a time, and two of three write their settings after 20 s: the third one is done before."""
    slow, other = list(small.lab.inventory["tcx"]["hosts"])[:2], "lyon"
    for host in slow:
        small.lab.control.add_trouble(
            "delay", match={"service": "pbx", "host": host, "method": "PATCH"}, seconds=20, times=1
        )
    done = small.rollout(variables={"rollout_concurrency": 2})
    assert done.code == 0, done.output
    assert done.changed() == ALL
    log = small.lab.control.log(source="client")
    last = max(each["seq"] for each in log if each["host"] == other)
    for host in slow:
        delayed = next(each["seq"] for each in log if each["host"] == host and each["trouble"])
        following = min(each["seq"] for each in log if each["host"] == host and each["seq"] > delayed)
        assert delayed < last < following, f"{other} was held up by {host}"


def _slow_to_sign_in(small: Controller, host: str) -> None:
    """Once, after 20 s."""
    for path in SIGN_INS:
        match = {"service": "pbx", "host": host, "path": path}
        small.lab.control.add_trouble("delay", match=match, seconds=20, times=1)


@pytest.mark.parametrize("needs_a_write", [False, True], ids=["nothing to write", "something to write"])
def test_only_what_is_to_be_written_waits_for_the_check_of_a_slow_pbx(small: Controller, needs_a_write: bool) -> None:
    assert small.rollout().code == 0
    small.lab.control.clear_log()
    _slow_to_sign_in(small, "berlin")
    done = small.rollout(variables={"tcx_console_user_sync": {"enabled": True}} if needs_a_write else None)
    assert done.code == 0, done.output
    assert done.output.count("3 PBXs: ") == 1, done.output
    log = small.lab.control.log(source="client")
    slow = next(each["seq"] for each in log if each["host"] == "berlin" and each["path"] in SIGN_INS)
    checked = next(each["seq"] for each in log if each["host"] == "berlin" and each["seq"] > slow)
    last = {host: max(each["seq"] for each in log if each["host"] == host) for host in ALL}
    if needs_a_write:
        assert all(each["seq"] > checked for each in small.lab.control.writes()), "nothing before all have been checked"
    else:
        assert last["munich"] < checked
        assert last["lyon"] < checked
        assert small.writes() == []


@pytest.mark.parametrize("serial", [None, [2, 1]], ids=["all", "two and one"])
def test_a_pbx_that_needs_no_write_keeps_its_result_where_others_stop_the_rollout(
    small: Controller, serial: Any
) -> None:
    assert small.rollout().code == 0
    small.lab.control.clear_log()
    inventory = small.lab.inventory
    inventory["tcx"]["hosts"]["berlin"]["tcx_client_secret"] = "a wrong one"
    inventory["tcx"]["hosts"]["lyon"]["tcx_console_user_sync"] = {"photo": True}
    small.lab.inventory_path.write_text(json.dumps(inventory))
    variables: dict[str, Any] = {"rollout_max_fail_percentage": 30, **({"rollout_serial": serial} if serial else {})}
    done = small.rollout("-v", variables=variables)
    assert done.failed() == ["berlin"]
    assert small.writes() == []
    assert done.changed() == []
    assert done.recap["munich"]["ok"] == 1, done.output
    assert "2 PBXs: 1 unchanged, 1 failed" in done.output
    if serial is None:
        assert "Nothing was written to this PBX: 1 of 3 PBXs failed the check" in done.output


def test_the_check_and_the_writes_go_over_one_connection_to_each_pbx(small: Controller) -> None:
    small.rollout()
    small.lab.control.clear_log()
    done = small.rollout()
    assert done.code == 0, done.output
    requests = small.lab.control.log(source="client")
    connections = {(entry["host"], entry["connection"]) for entry in requests if entry["host"]}
    assert sorted(host for host, _connection in connections) == ALL


def test_what_was_checked_is_what_is_written(small: Controller, tmp_path: Path) -> None:
    """A template that comes to something else each time is evaluated once for a PBX."""
    count = tmp_path / "count"
    command = f"echo x >> {count}; wc -l < {count}"
    done = small.rollout(
        "--limit", "berlin", variables={"tcx_timeout": f"{{{{ 30 + lookup('pipe', '{command}') | int }}}}"}
    )
    assert done.code == 0, done.output
    assert count.read_text(encoding="utf-8") == "x\n"


def test_too_many_failures_of_the_look_stop_the_rollout_before_anything_is_written(small: Controller) -> None:
    inventory = small.lab.inventory
    for host, name in (("berlin", "tcx_client_secret"), ("munich", "tcx_password")):
        inventory["tcx"]["hosts"][host][name] = "a wrong one"
    small.lab.inventory_path.write_text(json.dumps(inventory))
    done = small.rollout("-v", variables={"rollout_max_fail_percentage": 30})
    assert done.failed() == ["berlin", "munich"]
    assert done.changed() == []
    assert small.writes() == []
    lyon = done.recap["lyon"]
    assert (lyon["ok"], lyon["changed"]) == (0, 0), "what passed is skipped, and the play ends"
    assert "Nothing was written to this PBX: 2 of 3 PBXs failed the check" in done.output


@pytest.mark.smoke
@pytest.mark.parametrize(("limit", "changed"), [(99, []), (100, ["lyon"])])
def test_the_limit_of_ansible_counts_earlier_batches_before_a_later_one_is_written_to(
    small: Controller, limit: int, changed: list[str]
) -> None:
    """``failed hosts of the play / hosts of this batch`` (linear strategy of ansible-core), and each host once."""
    inventory = small.lab.inventory
    inventory["tcx"]["hosts"]["munich"]["tcx_password"] = "a wrong one"
    hosts = inventory["tcx"]["hosts"]
    inventory["tcx"]["hosts"] = {name: hosts[name] for name in ("munich", "berlin", "lyon")}
    small.lab.inventory_path.write_text(json.dumps(inventory))
    done = small.rollout(variables={"rollout_serial": [2, 1], "rollout_max_fail_percentage": limit})
    assert "munich" in done.failed()
    assert done.changed() == sorted(["berlin", *changed]), done.output


@pytest.mark.parametrize("serial", [None, [1, 2]], ids=["all", "canary"])
def test_a_first_host_that_cannot_be_read_fails_alone(small: Controller, serial: Any) -> None:
    inventory = small.lab.inventory
    inventory["tcx"]["hosts"]["berlin"]["ansible_host"] = "{{ nobody_has_set_this }}"
    small.lab.inventory_path.write_text(json.dumps(inventory))
    done = small.rollout(variables={"rollout_serial": serial} if serial else None)
    assert done.changed() == (["lyon", "munich"] if serial is None else []), done.output
    assert "berlin" in done.output


def test_a_pbx_behind_a_jump_host_keeps_a_check_of_its_own_for_each(small: Controller) -> None:
    inventory = small.lab.inventory
    inventory["tcx"]["hosts"]["lyon"]["tcx_m365_in_process"] = False
    inventory["tcx"]["hosts"]["berlin"]["tcx_client_secret"] = "a wrong one"
    small.lab.inventory_path.write_text(json.dumps(inventory))
    done = small.rollout(variables={"rollout_max_fail_percentage": 30})
    assert done.failed() == ["berlin"]
    assert small.writes() == []
    assert "TASK [Register" not in done.output, "the play ends between the two tasks"


def test_a_pbx_behind_a_jump_host_is_rolled_out_beside_the_others(small: Controller) -> None:
    inventory = small.lab.inventory
    inventory["tcx"]["hosts"]["lyon"]["tcx_m365_in_process"] = False
    small.lab.inventory_path.write_text(json.dumps(inventory))
    done = small.rollout()
    assert done.code == 0, done.output
    assert done.changed() == ALL


def test_a_check_counts_for_one_task_that_writes(small: Controller, tmp_path: Path) -> None:
    """What has become of the PBX by the second task is not known from the check of the first one."""
    task = {"tcx.m365.fleet_rollout": {"check_first": True}}
    more = {"ansible.builtin.set_fact": {"tcx_console_user_sync": {"enabled": True}}}
    gone = {"ansible.builtin.set_fact": {"tcx_url": "https://127.0.0.1:1"}, "when": "inventory_hostname == 'munich'"}
    done = _play(small, tmp_path, task, more, gone, task, max_fail_percentage=0)
    assert done.failed() == ["munich"], done.output
    assert [entry["host"] for entry in small.lab.control.writes(service="pbx")].count("berlin") == 1


def test_a_later_batch_with_a_jump_host_is_checked_host_by_host(small: Controller) -> None:
    """A PBX behind one in any batch has all batches checked so, and what fails ends a batch before anything is written to it."""
    inventory = small.lab.inventory
    inventory["tcx"]["hosts"]["munich"]["tcx_m365_in_process"] = False
    inventory["tcx"]["hosts"]["lyon"]["tcx_client_secret"] = "a wrong one"
    small.lab.inventory_path.write_text(json.dumps(inventory))
    done = small.rollout(variables={"rollout_serial": [1, 2], "rollout_max_fail_percentage": 30})
    assert done.changed() == ["berlin"], done.output
    assert done.failed() == ["lyon"]
    assert {entry["host"] for entry in small.lab.control.writes() if entry["service"] == "pbx"} == {"berlin"}
    checks = done.output.split("TASK [Check every PBX")[1:]
    assert "ok: [berlin]" in checks[0].partition("TASK [")[0]
    assert "ok: [munich]" in checks[1].partition("TASK [")[0], "checked by a task of its own"


def test_what_nobody_has_checked_is_not_written_to(small: Controller, tmp_path: Path) -> None:
    """A host by itself cannot check the others, and only a task of all hosts before it can."""
    done = _play(small, tmp_path, {"tcx.m365.fleet_rollout": {"check_first": True}, "when": "true"})
    assert done.failed() == ALL
    assert small.writes() == []
    assert "cannot be checked together with the others" in done.output


@pytest.mark.smoke
def test_a_host_that_is_tried_again_is_worked_on_again(small: Controller, tmp_path: Path) -> None:
    """The first answer of a retried task must not be served for ever."""
    task = {
        "tcx.m365.fleet_rollout": {},
        "register": "rollout",
        "until": "rollout is not changed",
        "retries": 2,
        "delay": 0,
    }
    done = _play(small, tmp_path, task)
    assert done.code == 0, done.output
    assert all(counts["ok"] == 1 and not counts["failed"] for counts in done.recap.values())


def test_the_environment_of_a_task_is_that_of_its_host(small: Controller, tmp_path: Path) -> None:
    """Credentials of one customer must not be tried on another."""
    inventory = small.lab.inventory
    for values in inventory["tcx"]["hosts"].values():
        own = "tcx_client_secret" if "tcx_client_secret" in values else "tcx_password"
        values["secret_of_this_pbx"] = values.pop(own)
    small.lab.inventory_path.write_text(json.dumps(inventory))
    done = _play(
        small,
        tmp_path,
        {"tcx.m365.fleet_rollout": {}},
        environment={
            "TCX_CLIENT_SECRET": "{{ secret_of_this_pbx if tcx_client_id is defined else '' }}",
            "TCX_PASSWORD": "{{ '' if tcx_client_id is defined else secret_of_this_pbx }}",
        },
    )
    assert done.code == 0, done.output
    assert done.changed() == ALL


def test_a_result_tells_the_steps_and_the_application(small: Controller, tmp_path: Path) -> None:
    seen = "SEEN {{ rollout.steps | to_json }} {{ rollout.application_id | length }} {{ rollout.findings.0.topic }}"
    show = {"ansible.builtin.debug": {"msg": seen}}
    done = _play(small, tmp_path, {"tcx.m365.fleet_rollout": {}, "register": "rollout"}, show)
    assert done.code == 0, done.output
    steps = '{"pbx": "ok", "preflight": "ok", "candidate": "ok", "application": "changed", "grant": "changed", '
    steps += '"settings": "changed", "sign_in": "ok"}'
    assert done.output.replace("\\", "").count(f"SEEN {steps} 36 version") == len(ALL)


def test_an_option_nobody_knows_is_refused(small: Controller, tmp_path: Path) -> None:
    done = _play(small, tmp_path, {"tcx.m365.fleet_rollout": {"look_onyl": True}})
    assert done.failed() == ALL
    assert "look_onyl" in done.output
    assert small.writes() == []


@pytest.mark.smoke
@pytest.mark.parametrize("in_process", [True, False], ids=["action", "module"])
def test_a_variable_without_a_value_stops_its_own_pbx_alone(
    small: Controller, tmp_path: Path, in_process: bool
) -> None:
    inventory = small.lab.inventory
    hosts = inventory["tcx"]["hosts"]
    hosts["berlin"]["tcx_client_secret"] = "{{ secret_that_nobody_has_defined }}"
    hosts["lyon"]["tcx_of_another_project"] = "{{ not_ours_to_ask }}"
    hosts["munich"]["tcx_proxy"] = "{{ proxy_of_munich | default(omit) }}"
    small.lab.inventory_path.write_text(json.dumps(inventory))
    others = ["lyon", "munich"] if in_process else ["munich"]  # for modules one other is enough
    variables, limit = {"tcx_m365_in_process": in_process}, ("--limit", ",".join(["berlin", *others]))
    done = small.rollout(*limit, variables=variables)
    assert done.failed() == ["berlin"]
    assert done.changed() == others
    assert "the variable tcx_client_secret cannot be read" in done.sentence("berlin")
    assert "secret_that_nobody_has_defined" in done.sentence("berlin")
    _done, report = small.compliance(directory=tmp_path)
    [berlin] = [entry for entry in report["hosts"] if entry["host"] == "berlin"]
    assert berlin["verdict"] == "failed"
    assert "the variable tcx_client_secret cannot be read" in berlin["reasons"][0]
