# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signing in to a simulated PBX: tokens that are shared, superseded and refused, and a secret that a fleet shares."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._pbx import totp
from ansible_collections.tcx.m365.tests.integration.pbx.fleet import NEWEST, RELEASES, Bench

PHOTO: dict[str, Any] = {"user_sync": {"photo": True}}
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.mark.parametrize("release", RELEASES)
def test_one_sign_in_for_all_tasks_of_a_run(bench: Bench, release: str) -> None:
    name = f"v{release.replace('.', '-')}"
    run = bench.run()
    for _task in range(3):
        assert not run.info(name).get("failed")
    assert bench.sign_ins(name) == 1


@pytest.mark.parametrize("status", [400, 401])
def test_a_refused_secret_is_sent_once(bench: Bench, status: int) -> None:
    bench.lab.control.set_switches(token_error_status=status)
    run = bench.run()
    for _task in range(3):
        failed = run.settings(client_secret="wrong", **PHOTO)
        assert failed["error"]["kind"] == "bad_credential"
        assert "wrong" not in failed["msg"].split()
    assert bench.sign_ins() == 1
    assert bench.state().failures == {"127.0.0.1": 1}
    assert bench.xapi_calls() == []


def test_a_secret_of_the_whole_fleet_is_stopped_after_three(bench: Bench) -> None:
    run = bench.run()
    shared = {"client_id": "900", "client_secret": "wrong"}
    results = {name: run.settings(name, **shared, **PHOTO) for name in bench.world.pbxs}
    assert all(each["error"]["kind"] == "bad_credential" for each in results.values())
    assert sum(bench.sign_ins(name) for name in results) == 3
    assert sum("it was not sent here" in each["msg"] for each in results.values()) == len(results) - 3


def test_a_superseded_token_is_replaced(bench: Bench) -> None:
    run = bench.run()
    run.info()
    bench.state().tokens.clear()
    assert not run.info().get("failed")
    assert bench.sign_ins() == 2
    assert [each.status for each in bench.requests()].count(401) == 1


def test_a_token_that_is_dropped_in_the_middle_of_a_task_is_replaced(bench: Bench) -> None:
    link = bench.link()
    bench.lab.control.add_trouble("drop_token", match={"method": "PATCH", "path": "/xapi/v1/Microsoft365Integration"})
    done = bench.run().settings(**link, **PHOTO)
    assert not done.get("failed"), done
    assert bench.sign_ins() == 2


def test_a_client_that_another_program_uses_is_told(bench: Bench) -> None:
    bench.lab.control.set_switches(token_rule="refuse_second")
    bench.run().info()
    failed = bench.run().info()
    assert failed["error"]["kind"] == "conflict"
    assert "service principal of its own" in failed["msg"]


def test_an_address_that_is_blocked_is_told(bench: Bench) -> None:
    for secret in ("a", "b", "c"):
        bench.run().info(client_secret=secret)
    failed = bench.run().info()
    assert failed["error"]["kind"] == "blocked"
    assert "IP Blacklist" in failed["msg"]


def test_a_console_restriction_is_told(bench: Bench) -> None:
    bench.lab.control.patch_pbx(NEWEST, console={"AccessRestricted": True, "IpWhitelist": ["203.0.113.9"]})
    failed = bench.run().info()
    assert failed["error"]["kind"] == "blocked"
    assert "Console Restrictions" in failed["msg"]


@pytest.mark.parametrize("position", ["no_token", "forbidden"])
def test_a_license_without_xapi_is_told(bench: Bench, position: str) -> None:
    bench.lab.control.set_switches(xapi_licence=position)
    failed = bench.run().task("tcx_m365_settings_info", **bench.client("professional"))
    assert failed["error"]["kind"] == "unlicensed"
    assert "Enterprise license of 8" in failed["msg"]


@pytest.mark.parametrize("body", ["empty", "odata"])
def test_a_role_that_is_too_small_is_told(bench: Bench, body: str) -> None:
    bench.lab.control.set_switches(forbidden_body=body)
    bench.lab.control.patch_pbx(NEWEST, role="users")
    failed = bench.run().settings(**PHOTO)
    assert failed["error"]["kind"] == "forbidden"
    assert failed["error"]["missing"] == ["system_owners"]
    assert "System Owner" in failed["msg"]


# --- administrators ------------------------------------------------------------------------------------------------------


def administered(bench: Bench, **options: Any) -> dict[str, Any]:
    return bench.run().task("tcx_m365_settings_info", **{**bench.administrator(), **options})


def test_an_administrator_needs_no_service_principal(bench: Bench) -> None:
    found = administered(bench)
    assert not found.get("failed"), found
    assert found["role"] == "system_owners"


def test_a_wrong_password_is_sent_once(bench: Bench) -> None:
    run = bench.run()
    for _task in range(2):
        failed = run.task("tcx_m365_settings_info", **{**bench.administrator(), "password": "wrong"})
        assert failed["error"]["kind"] == "bad_credential"
    assert bench.sign_ins() == 1


def test_the_second_factor(bench: Bench) -> None:
    bench.pbx().admin.totp_secret = SECRET
    try:
        failed = administered(bench)
        assert failed["error"]["kind"] == "bad_credential"
        assert "needs a second factor" in failed["msg"]
        assert "was refused" in administered(bench, security_code="000000")["msg"]
        bench.state().failures.clear()
        code = totp.code_at(SECRET, time.time())
        assert not administered(bench, security_code=code).get("failed")
        assert not administered(bench, security_code=SECRET).get("failed")
    finally:
        bench.pbx().admin.totp_secret = None


def test_a_session_that_loses_its_token_is_refreshed_and_the_code_is_used_once(bench: Bench) -> None:
    bench.pbx().admin.totp_secret = SECRET
    try:
        run = bench.run()
        options = {**bench.administrator(), "security_code": totp.code_at(SECRET, time.time())}
        for _task in range(3):
            done = run.task("tcx_m365_settings_info", **options)
            assert not done.get("failed"), done
            bench.state().tokens.clear()
    finally:
        bench.pbx().admin.totp_secret = None
    paths = [each.path for each in bench.requests()]
    assert paths.count("/webclient/api/Login/GetAccessToken") == 1
    assert paths.count("/connect/token") == 2


def test_a_recaptcha_is_told(bench: Bench) -> None:
    bench.lab.control.patch_pbx(NEWEST, google={"ReCaptchaEnabled": True})
    failed = administered(bench)
    assert failed["error"]["kind"] == "blocked"
    assert "service principal" in failed["msg"]


# --- trouble on the way --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "details"),
    [
        ("status", {"status": 503, "times": 2}),
        ("status", {"status": 504, "body": "<html>nginx</html>", "times": 2}),
        ("throttle", {"seconds": 1, "times": 1}),
        ("reset_before", {"times": 1}),
        ("reset_after", {"times": 1}),
    ],
)
@pytest.mark.parametrize(
    "path", ["/connect/token", "/xapi/v1/Defs/.*", "/xapi/v1/Microsoft365Integration", "/xapi/v1/.*GetM365Users"]
)
def test_trouble_passes_and_the_settings_are_right(
    bench: Bench, action: str, details: dict[str, Any], path: str
) -> None:
    link = bench.link()
    bench.lab.control.add_trouble(action, match={"path": path}, **details)
    done = bench.run().settings(**link, **PHOTO)
    assert not done.get("failed"), done
    assert done["status"]["ok"]
    assert bench.state().m365["AdUsers"]["IsSyncPhoto"] is True


def test_a_write_whose_answer_is_lost_is_repeated_without_harm(bench: Bench) -> None:
    link = bench.link()
    bench.lab.control.add_trouble("reset_after", match={"method": "PATCH"}, times=1)
    done = bench.run().settings(**link, **PHOTO)
    assert not done.get("failed"), done
    assert len(bench.writes()) == 2
    assert len({str(each.body) for each in bench.writes()}) == 1


def test_a_pbx_that_is_down_is_told(bench: Bench) -> None:
    failed = bench.run().info(url="https://127.0.0.1:1")
    assert failed["error"]["kind"] == "unreachable"
    assert "5001" in failed["msg"]


def test_a_certificate_that_nobody_knows_is_told(bench: Bench) -> None:
    failed = bench.run().info(ca_path=None)
    assert failed["error"]["kind"] == "untrusted"
    assert "ca_path" in failed["msg"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"client_secret": None}, "client_id is given and client_secret is not"),
        ({"client_id": None}, "client_secret is given and client_id is not"),
        ({"client_id": None, "client_secret": None}, "no credential"),
        ({"url": "pbx"}, "https://HOST"),
        ({"ca_path": "/does/not/exist"}, "does not exist"),
        ({"timeout": 0.0}, "timeout"),
        ({"application_id": "x"}, "not a GUID"),
        ({"tenant_id": "x"}, "neither a GUID nor a domain name"),
        ({"user_sync": {"starting_extension": "2a"}}, "is not a number"),
        ({"user_sync": {"users": [" "]}}, "empty entry"),
        ({"presence": {"account_token": "t", "deauthorize": True}}, "exclude each other"),
        ({"teams": {"certificate": "x"}}, "need each other"),
        ({"teams": {"scripts_dir": "/does/not/exist"}}, "is not a directory"),
        (
            {"presence": {"pbx_to_m365": [{"from": "away", "to": "away"}, {"from": "away", "to": "busy"}]}},
            "from the same status",
        ),
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_sent(
    bench: Bench, given: dict[str, Any], words: str
) -> None:
    failed = bench.run().settings(**given)
    assert failed["error"]["kind"] == "bad_input", failed
    assert words in failed["msg"]
    assert bench.requests() == []
