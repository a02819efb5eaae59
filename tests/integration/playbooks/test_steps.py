# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One composition: roles, playbooks and steps do the same, on the hosts that they are meant for and on no other."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from .conftest import Controller, hosts_for, limit_for

ALL = ["berlin", "lyon", "munich"]
ROLES = ["preflight", "entra_app", "tcx_console", "sso_verify"]
FRONT_ENDS = pytest.mark.parametrize("in_process", [True, False], ids=["action", "module"])
SYNC: dict[str, Any] = {
    "tcx_console_user_sync": {"enabled": True, "scope": "all", "photo": True, "starting_extension": "200"}
}


def play(small: Controller, tmp_path: Path, *arguments: str, variables: Any = None, **keywords: Any) -> Any:
    path = tmp_path / "play.yml"
    path.write_text(json.dumps([{"hosts": "tcx", "connection": "local", "gather_facts": False, **keywords}]))
    return small.play(str(path), *arguments, variables=variables)


def role(name: str, **keywords: Any) -> dict[str, Any]:
    return {"role": f"tcx.m365.{name}", **keywords}


def requests(small: Controller, host: str) -> list[str]:
    """What was asked about one PBX of both services, without what the services choose."""
    entries = small.lab.control.log(source="client")
    paths = [f"{each['method']} {each['path']}" for each in entries if each["host"] == host]
    return [re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", path) for path in paths]


def written(small: Controller, host: str) -> list[Any]:
    tenant = small.lab.inventory["tcx"]["hosts"][host]["entra_tenant_id"]
    entries = [each for each in small.lab.control.writes() if each["host"] == host or each["tenant"] == tenant]
    return [(each["method"], re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", each["path"])) for each in entries]


def change_inventory(small: Controller, **hosts: dict[str, Any]) -> dict[str, Any]:
    inventory = small.lab.inventory
    for host, values in hosts.items():
        inventory["tcx"]["hosts"].setdefault(host, {}).update(values)
    small.lab.inventory_path.write_text(json.dumps(inventory))
    return inventory


SETTINGS: list[dict[str, Any]] = [
    {},
    SYNC,
    {"entra_app_manage_grants": False, "sso_verify_enabled": False, "tcx_console_wait": False},
    {"entra_app_permissions": ["User.Read.All"], "tcx_console_calendar_sync": {"enabled": True}},
    {"entra_app_redirect_uris": [], "tcx_console_application_id": "", "tcx_console_wait": "no", "entra_cloud": " "},
]


@pytest.mark.parametrize("variables", SETTINGS, ids=["none", "sync", "without", "permissions", "empty"])
def test_roles_and_rollout_send_the_same(small: Controller, tmp_path: Path, variables: dict[str, Any]) -> None:
    """The roles check once more than the rollout only where their own task asks for it."""
    seen = []
    for run in ("rollout", "roles"):
        fresh = small.afresh(tmp_path / run)
        if run == "rollout":
            done = fresh.rollout("--limit", "lyon", variables=variables)
        else:
            roles = [role(name) for name in ROLES]
            done = play(fresh, fresh.home, "--limit", "lyon", roles=roles, variables=variables)
        assert done.code == 0, done.output
        seen.append((requests(fresh, "lyon"), written(fresh, "lyon")))
    assert seen[0] == seen[1]


@FRONT_ENDS
def test_a_role_works_by_itself(small: Controller, tmp_path: Path, in_process: bool) -> None:
    variables, limit = {"tcx_m365_in_process": in_process}, limit_for(in_process)
    assert small.rollout(*limit).code == 0
    small.lab.control.clear_log()
    shown = {"ansible.builtin.debug": {"msg": "OK={{ sso_verify_result.ok }} {{ sso_verify_result.redirect_uri }}"}}
    done = play(small, tmp_path, *limit, roles=[role("sso_verify")], post_tasks=[shown], variables=variables)
    assert done.code == 0, done.output
    assert done.output.count("OK=True https://") == len(hosts_for(in_process))
    done = play(small, tmp_path, *limit, roles=[role("tcx_console")], variables=variables)
    assert done.code == 0, done.output
    assert done.changed() == []
    assert small.writes() == []


def test_each_role_registers_what_its_documentation_names(small: Controller, tmp_path: Path) -> None:
    seen = (
        "{{ preflight_pbx_result.redirect_uri }} {{ preflight_result.application.unique_name }} "
        "{{ entra_app_result.app_id | length }} {{ entra_app_grant_result.granted | length }} "
        "{{ tcx_console_result.status.ok }} {{ sso_verify_result.ok }}"
    )
    tasks = [{"ansible.builtin.include_role": {"name": f"tcx.m365.{name}"}} for name in ROLES]
    done = play(small, tmp_path, "--limit", "lyon", tasks=[*tasks, {"ansible.builtin.debug": {"msg": f"SEEN {seen}"}}])
    assert done.code == 0, done.output
    assert re.search(r"SEEN https://\S+/oauth2office2 3cx-lyon 36 [1-9] True True", done.output), done.output


@pytest.mark.parametrize("where", ["role", "include", "rescue", "loop"])
def test_nothing_is_done_to_a_host_that_does_not_run_the_task(small: Controller, tmp_path: Path, where: str) -> None:
    """A shared sweep must not reach a PBX that a condition, an include or a failure has left out."""
    include = {"ansible.builtin.include_role": {"name": "tcx.m365.entra_app"}}
    plays: dict[str, dict[str, Any]] = {
        "role": {"roles": [role("entra_app", when="inventory_hostname != 'berlin'")]},
        "include": {"tasks": [{**include, "when": "inventory_hostname != 'berlin'"}]},
        "rescue": {
            "tasks": [
                {
                    "block": [
                        {"ansible.builtin.fail": {"msg": "stop"}, "when": "inventory_hostname == 'berlin'"},
                        {"ansible.builtin.import_role": {"name": "tcx.m365.entra_app"}},
                    ],
                    "rescue": [{"ansible.builtin.debug": {"msg": "left"}}],
                }
            ]
        },
        "loop": {
            "tasks": [
                {
                    "tcx.m365.fleet_rollout": {"steps": ["application"]},
                    "loop": "{{ [] if inventory_hostname == 'berlin' else [1] }}",
                }
            ]
        },
    }
    done = play(small, tmp_path, **plays[where])
    assert done.code == 0, done.output
    tenants = {host: values["entra_tenant_id"] for host, values in small.lab.inventory["tcx"]["hosts"].items()}
    names = {
        each["uniqueName"]
        for tenant in set(tenants.values())
        for each in small.lab.control.objects(tenant, "applications")
    }
    assert {"3cx-lyon", "3cx-munich"} <= names
    assert "3cx-berlin" not in names


def test_variables_of_a_role_count_for_each_host(small: Controller, tmp_path: Path) -> None:
    name = {"entra_app_display_name": "Telephony {{ inventory_hostname }}"}
    done = play(small, tmp_path, roles=[role("entra_app", vars=name)])
    assert done.code == 0, done.output
    found = {
        each["displayName"]
        for tenant in {values["entra_tenant_id"] for values in small.lab.inventory["tcx"]["hosts"].values()}
        for each in small.lab.control.objects(tenant, "applications")
    }
    assert {f"Telephony {host}" for host in ALL} <= found


def test_a_step_that_does_not_exist_is_named(small: Controller, tmp_path: Path) -> None:
    done = play(small, tmp_path, tasks=[{"tcx.m365.fleet_rollout": {"steps": ["aplication"]}}])
    assert done.failed() == ALL
    assert (
        "Could not take the steps of the task: there is no step 'aplication'; did you mean application?" in done.output
    )
    assert small.writes() == []


@FRONT_ENDS
def test_a_task_takes_its_connection_from_its_host(small: Controller, tmp_path: Path, in_process: bool) -> None:
    tasks = [
        {"tcx.m365.tcx_m365_settings_info": {}, "register": "pbx"},
        {"tcx.m365.azure_app_registration_info": {"unique_name": "3cx-none"}, "register": "entra"},
        {"ansible.builtin.debug": {"msg": "READ {{ pbx.version }} {{ entra.tenant_id == entra_tenant_id }}"}},
    ]
    done = play(small, tmp_path, *limit_for(in_process), tasks=tasks, variables={"tcx_m365_in_process": in_process})
    assert done.code == 0, done.output
    assert len(re.findall(r"READ 20\.0\.\S+ True", done.output)) == len(hosts_for(in_process))


def test_no_credential_of_a_host_goes_to_another_address(small: Controller, tmp_path: Path) -> None:
    hosts = small.lab.inventory["tcx"]["hosts"]
    task = {"tcx.m365.tcx_m365_settings_info": {"url": hosts["munich"]["tcx_url"]}}
    done = play(small, tmp_path, "--limit", "berlin", tasks=[task])
    assert done.failed() == ["berlin"]
    assert not [each for each in small.lab.control.log(source="client") if each["host"] == "munich"]


@pytest.mark.parametrize(
    ("playbook", "in_process"),
    [
        *((playbook, True) for playbook in ("rollout", "rotate_certificate", "capture", "compliance", "offboard")),
        ("rollout", False),  # of the modules, the shell says how they are started
        ("conformance", True),  # makes directories and files by Ansible's own modules
    ],
)
def test_an_inventory_for_other_hosts_does_not_decide_where_a_playbook_runs(
    small: Controller, playbook: str, in_process: bool
) -> None:
    change_inventory(
        small,
        **{
            key: {
                "ansible_connection": "ssh",
                "ansible_host": "192.0.2.1",
                "ansible_become": True,
                "ansible_python_interpreter": "/nonexistent/python",
                "ansible_shell_type": "powershell",
                "ansible_shell_executable": "/nonexistent/shell",
            }
            for key in ALL
        },
    )
    done = small.play(
        f"tcx.m365.{playbook}",
        variables={"offboard_confirm": True, "tcx_m365_in_process": in_process},
        ANSIBLE_BECOME="true",
        ANSIBLE_BECOME_METHOD="su",
    )
    assert done.code == 0, done.output
    assert done.failed() == []
    # A compliance run is one task for the whole fleet, and stands with the first host.
    assert sorted(done.recap) == (ALL[:1] if playbook == "compliance" else ALL)
    made = {"compliance": "reports/compliance.json", "capture": "captured/host_vars/lyon.yml"}.get(playbook)
    assert made is None or (small.home / made).is_file(), "relative to where Ansible was started"


def test_a_jump_host_stays_possible(small: Controller) -> None:
    """The tasks of that PBX leave the controller; nobody listens at its jump host here."""
    change_inventory(small, lyon={"tcx_m365_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1})
    done = small.rollout("--check", "--limit", "lyon,munich")
    assert done.failed() == ["lyon"]
    assert "fatal: [lyon]: UNREACHABLE!" in done.output
    assert done.changed() == ["munich"]
    assert not [each for each in small.lab.control.log(source="client") if each["host"] == "lyon"]


def test_batches_may_be_text(small: Controller) -> None:
    done = small.play("tcx.m365.rollout", "--check", "-e", 'rollout_serial=[1,"50%","100%"]')
    assert done.code == 0, done.output
    assert done.output.count("TASK [Check every PBX") == 3


# --- customers that an inventory crosses ------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [(), ("--limit", "berlin,copy")], ids=["all", "limited"])
def test_two_hosts_that_are_one_pbx_are_refused_by_name(small: Controller, limit: tuple[str, ...]) -> None:
    hosts = small.lab.inventory["tcx"]["hosts"]
    copy = {**hosts["berlin"], "entra_tenant_id": hosts["lyon"]["entra_tenant_id"]}
    copy["tcx_url"] = copy["tcx_url"].replace("https", "HTTPS") + "/"
    change_inventory(small, copy=copy)
    done = small.rollout(*limit)
    assert {"berlin", "copy"} <= set(done.failed())
    assert "The hosts berlin and copy of the inventory are one PBX" in done.sentence("berlin")
    assert done.sentence("berlin") == done.sentence("copy")
    assert not [each for each in small.lab.control.log(source="client") if each["host"] == "berlin"]


def test_two_addresses_of_one_pbx_are_refused_by_name(small: Controller, tmp_path: Path) -> None:
    """The addresses of the inventory differ, and both PBXs say that they are the same one."""
    for host in ("berlin", "munich"):
        small.lab.control.patch_pbx(host, fqdn="pbx.contoso.example", https_port=5001)
    change_inventory(small, **{host: {"tcx_fqdn": ["pbx.contoso.example"]} for host in ("berlin", "munich")})
    said = "berlin, munich of the inventory are one PBX: each of them says that it is pbx.contoso.example:5001"
    _done, report = small.compliance(directory=tmp_path)
    verdicts = {entry["host"]: (entry["verdict"], " ".join(entry["reasons"])) for entry in report["hosts"]}
    assert {host: said in verdicts[host][1] for host in ALL} == {"berlin": True, "munich": True, "lyon": False}
    assert verdicts["berlin"][0] == verdicts["munich"][0] == "failed"
    for arguments in (["--check"], [], ["--limit", "berlin,munich", "-e", "tcx_m365_in_process=false"]):
        done = small.rollout(*arguments)
        assert done.failed() == ["berlin", "munich"], done.output
        assert said in done.sentence("berlin")
        assert said in done.sentence("munich")
    tenants = {each["tenant"] for each in small.lab.control.writes()}
    assert tenants == {small.lab.inventory["tcx"]["hosts"]["lyon"]["entra_tenant_id"]}
    assert not [each for each in small.lab.control.writes() if each["host"] in ("berlin", "munich")]


@pytest.mark.parametrize("playbook", ["capture", "rollout"])
def test_one_pbx_by_two_names_is_told_by_name(small: Controller, tmp_path: Path, playbook: str) -> None:
    """A PBX honors one token of a client: the two hosts take it from each other, or both say that they are one PBX."""
    copy = dict(small.lab.inventory["tcx"]["hosts"]["berlin"])
    copy.update(tcx_url=copy["tcx_url"].replace("127.0.0.1", "localhost"), entra_app_public_key=None)
    change_inventory(small, copy=copy)
    variables = {"capture_dir": str(tmp_path)}
    done = small.play(f"tcx.m365.{playbook}", "--limit", "berlin,copy", variables=variables)
    assert done.failed(), done.output
    for host, other in (("berlin", "copy"), ("copy", "berlin")):
        assert host not in done.failed() or other in done.sentence(host)


def test_one_key_for_two_customers_is_refused_although_the_other_is_not_in_the_run(small: Controller) -> None:
    munich = small.lab.inventory["tcx"]["hosts"]["munich"]
    change_inventory(small, berlin={"entra_app_public_key": munich["entra_app_public_key"]})
    done = small.rollout("--limit", "berlin")
    assert done.failed() == ["berlin"]
    assert "The hosts berlin and munich of the inventory have the same certificate" in done.sentence("berlin")
    assert small.writes() == []


def test_the_report_says_it_too(small: Controller, tmp_path: Path) -> None:
    hosts = small.lab.inventory["tcx"]["hosts"]
    change_inventory(small, copy={**hosts["berlin"]})
    _done, report = small.compliance(directory=tmp_path)
    verdicts = {entry["host"]: (entry["verdict"], entry["reasons"]) for entry in report["hosts"]}
    for host in ("berlin", "copy"):
        assert verdicts[host][0] == "failed"
        assert "are one PBX" in verdicts[host][1][0]
    assert "are one PBX" not in str(verdicts["lyon"])


# --- what was checked, and what was done ------------------------------------------------------------------------------


def test_a_run_that_could_check_nobody_does_not_end_green(small: Controller, tmp_path: Path) -> None:
    change_inventory(small, **{key: {"tcx_client_secret": "a wrong one"} for key in ALL})
    done, report = small.compliance(directory=tmp_path)
    assert report["summary"]["failed"] == 3
    assert done.code != 0
    assert "0 of 3 PBXs could be checked" in done.output
    allowed, _report = small.compliance(directory=tmp_path, compliance_min_hosts=0)
    assert allowed.code == 0, allowed.output
    demanding, _report = small.compliance(
        directory=tmp_path, compliance_min_hosts=0, compliance_fail_on="drifted,failed"
    )
    assert demanding.code != 0
    assert "Not every PBX is as it must be: 3 failed." in demanding.output


def test_a_place_for_the_report_that_is_none_is_named_as_a_whole(small: Controller) -> None:
    (small.home / "reports").write_text("a file", encoding="utf-8")
    done = small.play("tcx.m365.compliance")
    assert done.code == 2
    said = done.sentence("berlin")
    assert f"compliance_report_dir {small.home / 'reports'} cannot be written" in said
    assert "relative to where Ansible was started" in said


def test_a_report_is_written_although_there_is_none_to_compare_with(small: Controller, tmp_path: Path) -> None:
    done, report = small.compliance(directory=tmp_path, compliance_compare=str(tmp_path / "yesterday.json"))
    assert done.code == 0, done.output
    assert "not compared with an earlier one" in " ".join(done.output.split())
    assert "comparison" not in report
    [remedy] = {
        each for entry in report["hosts"] for each in entry["remedies"] if "tcx.m365.rollout" in each and "lyon" in each
    }
    assert f"ansible-playbook tcx.m365.rollout -i {small.lab.inventory_path} --limit lyon" in remedy


def test_a_remedy_of_a_report_repeats_the_files_of_the_run_and_no_value(small: Controller, tmp_path: Path) -> None:
    (small.home / "my vars.yml").write_text("entra_app_notes: new\n", encoding="utf-8")
    (small.home / "vault").write_text("opens sesame\n", encoding="utf-8")
    files = ("-e", "@my vars.yml", "--vault-password-file", "vault")
    done, report = small.compliance(*files, directory=tmp_path, my_secret="s3cret-of-a-line")
    assert done.code == 0, done.output
    remedies = [each for entry in report["hosts"] for each in entry["remedies"] if "--limit lyon" in each]
    named = f"-i {small.lab.inventory_path} -e '@my vars.yml' --vault-password-file vault --limit lyon"
    assert remedies
    assert all(named in each for each in remedies), remedies
    assert "s3cret-of-a-line" not in str(report)


def test_an_application_that_must_not_be_deleted_leaves_its_pbx_linked(small: Controller) -> None:
    assert small.rollout("--limit", "lyon").code == 0
    tenant = small.lab.inventory["tcx"]["hosts"]["lyon"]["entra_tenant_id"]
    [application] = [
        each for each in small.lab.control.objects(tenant, "applications") if each["uniqueName"] == "3cx-lyon"
    ]
    small.lab.control.patch_application(tenant, application["id"], tags=[])
    small.lab.control.clear_log()
    done = small.play("tcx.m365.offboard", "--limit", "lyon", variables={"offboard_confirm": True})
    assert done.failed() == ["lyon"]
    assert "force" in done.sentence("lyon")
    assert small.writes() == []


def test_what_is_not_managed_is_in_the_result(small: Controller, tmp_path: Path) -> None:
    assert small.rollout("--limit", "lyon").code == 0
    new = small.lab.control.new_key_pair("lyon")
    shown = {
        "ansible.builtin.debug": {"msg": "KEPT {{ rollout.unmanaged.certificates | length }} {{ rollout.adopted }}"}
    }
    rollout = {"tcx.m365.fleet_rollout": {}, "register": "rollout"}
    done = play(
        small,
        tmp_path,
        "--limit",
        "lyon",
        tasks=[rollout, shown],
        variables={"entra_app_public_key": new["public_key"]},
    )
    assert "KEPT 1 False" in done.output, done.output


@FRONT_ENDS
def test_a_failure_after_a_write_says_what_was_written(small: Controller, in_process: bool) -> None:
    small.lab.control.new_key_pair("lyon")  # the PBX has another key than the one in the inventory
    variables = {"tcx_console_wait_timeout": 2, "tcx_m365_in_process": in_process}
    done = small.rollout("--limit", "lyon", variables=variables)
    assert done.failed() == ["lyon"]
    found = re.search(r"fatal: \[lyon\]: FAILED! => (\{.*\})", done.output)
    assert found, done.output
    result = json.loads(found[1])
    assert result["changed"] is True
    fields = {(each["target"], each["field"]) for each in result["changes"]}
    assert ("settings", "application_id") in fields
    assert any(target == "application" for target, _field in fields)
    assert result["steps"]["settings"] == "failed"
    assert result["steps"]["application"] == "changed"
    assert "verified" not in done.output.replace("not verified", "")
    assert "The changes above were made before it failed." in done.output
