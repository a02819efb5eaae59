# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who left? The users of a PBX against those of its tenant, by the role and by a play of one's own."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tcx_lab.world import README_PERMISSIONS

from .conftest import Controller

FRONT_ENDS = pytest.mark.parametrize("in_process", [True, False], ids=["action", "module"])
VARIABLES: dict[str, Any] = {
    "tcx_console_user_sync": {"enabled": True, "scope": "all", "photo": True, "starting_extension": "200"},
    "sso_verify_people": True,
}
ROLES = ("preflight", "entra_app", "tcx_console", "sso_verify")


class Company:
    """A PBX that has been rolled out, and its tenant."""

    def __init__(self, controller: Controller, directory: Path, host: str = "berlin") -> None:
        self.controller = controller
        self.control = controller.lab.control
        self.host = host
        self.tenant = controller.lab.inventory["tcx"]["hosts"][host]["entra_tenant_id"]
        self.playbook = directory / "who_left.yml"

    def users(self) -> list[dict[str, Any]]:
        return self.control.objects(self.tenant, "users")

    def play(self, *arguments: str, roles: Sequence[str] = ROLES, **variables: Any) -> Any:
        """The roles as their documentation shows them, and a look at what they have registered."""
        shown = {"var": "sso_verify_people_result.users.comparison"}
        play = {
            "hosts": self.host,
            "connection": "local",
            "gather_facts": False,
            "roles": [{"role": f"tcx.m365.{role}"} for role in roles],
            "post_tasks": [{"ansible.builtin.debug": shown}],
        }
        self.playbook.write_text(json.dumps([play]))
        return self.controller.play(str(self.playbook), *arguments, variables={**VARIABLES, **variables})


@pytest.fixture
def company(small: Controller, tmp_path: Path) -> Company:
    small.lab.control.set_permissions(*README_PERMISSIONS, "User.Read.All")  # to compare users
    return Company(small, tmp_path)


def sentences(done: Any) -> list[str]:
    """The warnings about users of this PBX; they are wrapped in the terminal."""
    said = " ".join(done.output.split())
    begin, end = "(?:Deprovisioned|Extensions|Users)", r"(?= \[WARNING\]| ok:| PLAY| TASK|$)"
    return re.findall(rf"\[WARNING\]: berlin: ({begin} .*?\.){end}", said)


def comparison(done: Any) -> dict[str, Any]:
    found = re.search(
        r'"sso_verify_people_result.users.comparison": (\{.*?^    \})', done.output, re.MULTILINE | re.DOTALL
    )
    assert found, done.output
    value: dict[str, Any] = json.loads(found[1])
    return value


@FRONT_ENDS
def test_leavers_and_strangers_are_told_apart_and_nobody_else_is_named(company: Company, in_process: bool) -> None:
    disabled, deleted, *staying = company.users()
    # The administrator's extension belongs to somebody who stays.
    company.control.patch_pbx(company.host, users=[{"Number": "100", "EmailAddress": staying[0]["mail"]}])
    before = company.play()
    assert before.code == 0, before.output
    assert sentences(before) == [], "where nobody has left and nobody is a stranger, nothing is said"
    assert len(comparison(before)["synced"]) == len(staying) + 2

    company.control.patch_user(company.tenant, disabled["id"], accountEnabled=False)
    company.control.delete_object(company.tenant, "users", deleted["id"])
    company.control.patch_pbx(company.host, users=[{"Number": "299", "EmailAddress": "temp@agency.example"}])
    company.control.clear_log()
    # As a module each step starts a program, and one of the roles compares users.
    after = company.play(roles=ROLES if in_process else ["sso_verify"], tcx_m365_in_process=in_process)
    assert after.code == 0, after.output
    assert company.controller.writes() == []
    found = comparison(after)
    assert {each["email"]: each["reason"] for each in found["leavers"]} == {
        disabled["mail"]: "disabled in Microsoft 365",
        deleted["mail"]: "not in Microsoft 365",
    }
    assert [each["email"] for each in found["strangers"]] == ["temp@agency.example"]
    left, strangers = sentences(after)
    assert f"{disabled['mail']} (disabled in Microsoft 365)" in left
    assert f"{deleted['mail']} (not in Microsoft 365)" in left
    assert strangers == "Extensions of users without a Microsoft 365 account: 299 temp@agency.example."
    assert not [each["mail"] for each in staying if each["mail"] in left + strangers]


def test_leavers_fail_the_host_when_they_are_to(company: Company) -> None:
    first = company.play(sso_verify_fail_on_leavers=True)
    assert first.code == 0, first.output
    gone = company.users()[0]
    company.control.delete_object(company.tenant, "users", gone["id"])
    done = company.play(sso_verify_fail_on_leavers=True)
    assert done.failed() == [company.host]
    assert re.search(rf"still have an extension: \d+ {re.escape(gone['mail'])} \(not in Microsoft 365\)\.", done.output)


def test_users_that_cannot_be_read_do_not_fail_the_host_unless_leavers_do(company: Company) -> None:
    body = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges."}}
    match = {"service": "graph", "path": "/v1.0/users", "source": "client"}
    company.control.add_trouble("status", match=match, status=403, body=body, times=2)
    done = company.play()
    assert done.code == 0, done.output
    assert "Authorization_RequestDenied" in done.output
    assert sentences(done) == []
    strict = company.play(sso_verify_fail_on_leavers=True)
    assert strict.failed() == [company.host]
    assert "Authorization_RequestDenied" in strict.sentence(company.host)


def test_nobody_is_asked_by_default(company: Company) -> None:
    done = company.play(sso_verify_people=False)
    assert done.code == 0, done.output
    assert not [each for each in company.control.log(service="graph", source="client") if each["path"] == "/v1.0/users"]


def test_who_was_renamed_has_not_left(company: Company) -> None:
    assert company.play().code == 0
    renamed = company.users()[0]
    old, new = renamed["mail"], "married." + renamed["mail"]
    proxies = [f"smtp:{old}", f"SMTP:{new}", f"SIP:{new}"]
    company.control.patch_user(company.tenant, renamed["id"], mail=new, userPrincipalName=new, proxyAddresses=proxies)
    done = company.play(sso_verify_fail_on_leavers=True)
    assert done.code == 0, done.output
    found = comparison(done)
    assert found["leavers"] == []
    assert [(each["email"], each["renamed_to"]) for each in found["renamed"]] == [(old, new)]
    assert f"{old} is now {new}" in " ".join(sentences(done))


def test_check_mode_tells_the_same(company: Company) -> None:
    assert company.play().code == 0
    gone = company.users()[0]
    company.control.patch_user(company.tenant, gone["id"], accountEnabled=False)
    done = company.play("--check")
    assert done.code == 0, done.output
    [leaver] = comparison(done)["leavers"]
    assert (leaver["email"], leaver["reason"]) == (gone["mail"], "disabled in Microsoft 365")


def test_the_playbooks_tell_the_same_as_the_role(company: Company, tmp_path: Path) -> None:
    assert company.controller.rollout("--limit", company.host, variables=VARIABLES).code == 0
    disabled, *_staying = company.users()
    company.control.patch_user(company.tenant, disabled["id"], accountEnabled=False)
    company.control.patch_pbx(company.host, users=[{"Number": "299", "EmailAddress": "temp@agency.example"}])
    left = f"{disabled['mail']} (disabled in Microsoft 365)"
    done = company.controller.rollout("--limit", company.host, variables=VARIABLES)
    assert done.code == 0, done.output
    assert done.changed() == []
    said = " ".join(done.output.split())  # warnings are wrapped
    assert left in said
    assert "users without a Microsoft 365 account: 100 admin@berlin.example, 299 temp@agency.example." in said
    _run, report = company.controller.compliance("--limit", company.host, directory=tmp_path, **VARIABLES)
    [entry] = report["hosts"]
    assert entry["verdict"] == "attention"
    assert [left in sentence for sentence in entry["attention"]].count(True) == 1
    strict = company.controller.rollout(
        "--limit", company.host, variables={**VARIABLES, "sso_verify_fail_on_leavers": True}
    )
    assert strict.failed() == [company.host]
    assert left in strict.sentence(company.host)
