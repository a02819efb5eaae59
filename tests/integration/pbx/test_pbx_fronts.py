# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same tasks through Ansible itself, in the controller's process and as modules: nobody could tell the difference."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.integration.pbx.fleet import NEWEST, Bench, Front

GUIDE: dict[str, Any] = {
    "user_sync": {"enabled": True, "scope": "all", "starting_extension": "200", "photo": True},
    "sign_in": {"enabled": True},
}


@pytest.mark.smoke
def test_check_do_check_again_do_again(front: Front) -> None:
    bench = front.bench
    options = {**bench.login(), **bench.link(), **GUIDE}
    predicted = front.one("tcx_m365_settings", check=True, **options)
    assert predicted["changed"] is True
    assert bench.writes() == []
    done = front.one("tcx_m365_settings", **options)
    assert not done.get("failed"), done
    assert done["changed"] is True
    assert done["changes"] == predicted["changes"]
    assert done["status"]["ok"] is True
    bench.world.log.clear()
    assert front.one("tcx_m365_settings", check=True, **options)["changed"] is False
    assert front.one("tcx_m365_settings", **options)["changed"] is False
    assert bench.writes() == []


def test_the_diff_is_shown_and_ordered(front: Front) -> None:
    options = {**front.bench.login(), "user_sync": {"photo": True, "guests": True}, "wait": False}
    play = {"gather_facts": False, "connection": "local", "tasks": [{"tcx.m365.tcx_m365_settings": options}]}
    playbook = front.directory / "play.yml"
    playbook.write_text(json.dumps([{"hosts": host, **play} for host in ("acme", "localhost")]), encoding="utf-8")
    found, of_controller = front.play_file(playbook, "-i", "acme,", "--diff", check=True)
    header = f"Microsoft 365 settings of {options['url']} (before)"
    assert f"--- before: acme: {header}\n" in front.output
    assert found["diff"]["after_header"] == f"acme: {header.replace('before', 'after')}"
    assert of_controller["diff"]["before_header"] == header
    before, after = (json.loads(found["diff"][side]) for side in ("before", "after"))
    assert before == {"settings": {"user_sync.guests": False, "user_sync.photo": False}}
    assert after == {"settings": {"user_sync.guests": True, "user_sync.photo": True}}
    assert '+    "user_sync.photo": true' in front.output


def test_nothing_secret_is_shown_at_the_highest_verbosity(front: Front) -> None:
    bench = front.bench
    login = bench.login()
    secrets = [login["client_secret"], "wrong-secret-value", "presence-token-value", "MIIEsecretkey"]
    key = "-----BEGIN PRIVATE KEY-----\nMIIEsecretkey\n-----END PRIVATE KEY-----\n"
    options = {**login, **bench.link(), "user_sync": {"photo": True}, "presence": {"account_token": secrets[2]}}
    results = front.play(
        ("tcx_m365_settings", options),
        ("tcx_m365_settings_info", {**login, "gather": ["users", "license"]}),
        ("tcx_m365_settings", {**login, "teams": {"certificate": key, "private_key": key}}),
        ("tcx_m365_settings_info", {**login, "client_secret": secrets[1]}),
        arguments=("-vvvv", "--diff"),
    )
    assert len(results) == 4
    secrets += list(bench.state().tokens)
    text = front.output + json.dumps(results)
    assert "PATCH" in text or not front.in_process, "the exchanges are traced in the controller's process"
    for secret in secrets:
        assert secret not in text
    files = [path for path in front.directory.rglob("*") if path.is_file() and path.name != "play.yml"]
    assert not [path for path in files if any(secret in path.read_text(errors="replace") for secret in secrets)]


def test_errors_are_structured_and_say_what_to_do(front: Front) -> None:
    login = front.bench.login()
    unknown, wrong, impossible = front.play(
        ("tcx_m365_settings", {**login, "user_sync": {"nonsense": True}}),
        ("tcx_m365_settings", {**login, "client_secret": "wrong"}),
        ("tcx_m365_settings", {**login, "user_sync": {"scope": "nobody"}}),
    )
    assert "nonsense" in unknown["msg"]
    assert "nobody" in impossible["msg"]
    assert wrong["error"]["kind"] == "bad_credential"
    assert wrong["error"]["remedy"] in wrong["msg"]
    assert front.bench.sign_ins() == 1


def test_the_tasks_of_a_run_share_one_token_in_the_controllers_process(front: Front) -> None:
    login = front.bench.login()
    results = front.play(*(("tcx_m365_settings_info", login) for _task in range(3)))
    assert not any(each.get("failed") for each in results)
    assert front.bench.sign_ins() == (1 if front.in_process else 3)


def test_connection_options_come_from_the_environment(front: Front) -> None:
    login = front.bench.login()
    environment = {
        "TCX_URL": login["url"],
        "TCX_CLIENT_ID": login["client_id"],
        "TCX_CLIENT_SECRET": login["client_secret"],
        "TCX_CA_PATH": login["ca_path"],
    }
    found = front.play(("tcx_m365_settings_info", {}), **environment)[0]
    assert not found.get("failed"), found
    assert found["version"] == front.bench.pbx().version


def test_module_defaults_of_the_group_reach_all_modules(front: Front) -> None:
    playbook = front.directory / "defaults.yml"
    login = front.bench.login()
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "module_defaults": {"group/tcx.m365.pbx": login},
        "tasks": [
            {"tcx.m365.tcx_m365_settings_info": {"health": False}},
            {"tcx.m365.tcx_m365_settings": {"wait": False}},
        ],
    }
    results = front.play(("tcx_m365_settings_info", login))
    assert not results[0].get("failed")
    playbook.write_text(json.dumps([play]), encoding="utf-8")
    results = front.play_file(playbook)
    assert len(results) == 2
    assert not any(each.get("failed") for each in results), results


def test_the_probe_needs_no_credential(front: Front) -> None:
    bench = front.bench
    application = bench.register(NEWEST)
    found = front.one(
        "sso_probe",
        tenant_id=bench.pbx().tenant_id,
        application_id=application["appId"],
        redirect_uri=bench.redirect_uri(),
        authority_host=bench.lab.endpoints["login"],
        entra_ca_path=str(bench.lab.ca_path),
        ca_path=str(bench.lab.ca_path),
    )
    assert found["ok"], found
    assert bench.sign_ins() == 0


def test_an_outcome_looks_the_same_from_both_fronts(bench: Bench, tmp_path: Path) -> None:
    options = {**bench.login(), "user_sync": {"photo": True}, "sign_in": {"opt_out": ["100"]}, "wait": False}
    shown = []
    for in_process in (True, False):
        (tmp_path / str(in_process)).mkdir()
        found = Front(in_process, tmp_path / str(in_process), bench=bench).one(
            "tcx_m365_settings", check=True, **options
        )
        shown.append(
            {name: value for name, value in found.items() if not name.startswith("_") and name != "invocation"}
        )
    assert shown[0] == shown[1]


def test_a_token_file_is_readable_by_its_owner_alone(bench: Bench, tmp_path: Path) -> None:
    """Seen from inside a run: a shell task looks at Ansible's own temporary directory."""
    playbook = tmp_path / "play.yml"
    look = f"find {tmp_path}/home/tmp/*/tcx_m365 -printf '%m %y\\n' | sort -u"
    tasks = [{"tcx.m365.tcx_m365_settings_info": bench.login()}, {"ansible.builtin.shell": look}]
    playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
    results = Front(True, tmp_path, bench=bench).play_file(playbook)
    assert results[1]["stdout"].splitlines() == ["600 f", "700 d"], results[1]
    assert os.getuid() == tmp_path.stat().st_uid
