# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an auditor asks besides the verdicts, and which findings make a compliance run fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.tcx.m365.tests.integration.playbooks.conftest import SMALL, Controller
from ansible_collections.tcx.m365.tests.unit.plugins.plugin_utils._compliance.test_notify import Chat, chat
from tcx_lab.testing import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["chat"]
READING = ("Application.Read.All",)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """Three PBXs that were rolled out; one of them has drifted since."""
    home = tmp_path_factory.mktemp("evidence")
    with Lab.start(SMALL) as lab:
        controller = Controller(lab, home)
        done = controller.rollout()
        assert done.code == 0, done.output
        assert lab.control.drift(["lyon"]) == ["lyon"]
        yield controller


@pytest.fixture(scope="module")
def first(fleet: Controller, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    fleet.lab.control.clear_log()
    _done, report = fleet.compliance(directory=tmp_path_factory.mktemp("first"))
    return report


def test_without_the_right_to_read_it_a_tenant_has_the_name_that_the_inventory_gives(
    fleet: Controller, first: dict[str, Any], tmp_path: Path
) -> None:
    assert {entry["tenant_name"] for entry in first["hosts"]} == {""}
    asked = [each for each in fleet.lab.control.log(source="client") if each["path"].endswith("/organization")]
    assert asked == [], "what would be refused is not asked"
    _done, report = fleet.compliance("--limit", "berlin", directory=tmp_path, entra_tenant_name="Contoso AG")
    assert report["hosts"][0]["tenant_name"] == "Contoso AG"
    assert report["hosts"][0]["unknown_variables"] == []


def test_with_the_right_tenants_have_their_names_asked_once_each(
    fleet: Controller, first: dict[str, Any], tmp_path: Path
) -> None:
    fleet.lab.control.set_permissions(*READING, "Organization.Read.All")
    fleet.lab.control.clear_log()
    _done, report = fleet.compliance(directory=tmp_path)
    names = {entry["host"]: entry["tenant_name"] for entry in report["hosts"]}
    assert names == {"berlin": "Contoso", "munich": "Contoso", "lyon": "Fabrikam"}
    asked = [each for each in fleet.lab.control.log(source="client") if each["path"].endswith("/organization")]
    assert len(asked) == 2
    [credential] = report["run"]["automation_credentials"]
    assert credential == first["run"]["automation_credentials"][0], "an auditor's application reads its own as well"


def test_the_end_of_the_automations_own_secret_is_read_in_its_home_tenant(
    fleet: Controller, first: dict[str, Any]
) -> None:
    [credential] = first["run"]["automation_credentials"]
    assert credential["app_id"] == fleet.lab.inventory["tcx"]["vars"]["entra_client_id"]
    assert credential["kind"] == "secret"
    assert credential["days_left"] > 30, "the lab's secret lasts"
    assert credential["reason"] == ""
    assert first["run"]["attention"] == []
    secret = fleet.lab.inventory["tcx"]["vars"]["entra_client_secret"]
    assert secret[:8] not in str(first)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"compliance_fail_on": ["drifted", "failed"]}, "Not every PBX is as it must be: 1 drifted."),
        ({"compliance_fail_on": "drifted"}, "Not every PBX is as it must be: 1 drifted."),
        ({"compliance_fail_on": ["broken", "failed"]}, ""),
        ({"compliance_fail_on_drift": True}, "Not every PBX is as it must be: 1 drifted."),
        ({"compliance_min_hosts": 4}, "3 of 3 PBXs could be checked, and at least 4 must be."),
        ({"compliance_fail_on": "", "compliance_min_hosts": "", "compliance_keep": ""}, ""),
    ],
)
def test_what_makes_a_run_fail(fleet: Controller, tmp_path: Path, variables: dict[str, Any], said: str) -> None:
    done, report = fleet.compliance(directory=tmp_path, **variables)
    assert (done.code != 0) == bool(said), done.output
    assert said in " ".join(done.output.split())
    assert report["summary"]["total"] == 3


def test_a_verdict_that_there_is_none_of_is_refused(fleet: Controller, tmp_path: Path) -> None:
    done = fleet.play(
        "tcx.m365.compliance", variables={"compliance_report_dir": str(tmp_path), "compliance_fail_on": ["drift"]}
    )
    assert done.code != 0
    assert "compliance_fail_on must be one of compliant, attention, drifted" in " ".join(done.output.split())
    assert "not 'drift'" in done.output


def test_a_message_is_sent_and_one_that_is_not_changes_nothing(fleet: Controller, chat: Chat, tmp_path: Path) -> None:
    targets = [
        {"type": "slack", "url": chat.url},
        {"type": "teams", "url": "https://127.0.0.1:9/T0K3N-of-teams"},
        {"type": "mail", "hots": "smtp.example.com"},
        {"type": "slack", "url": chat.url, "only": "changes"},
    ]
    done, report = fleet.compliance("-vvv", directory=tmp_path, compliance_notify=targets)
    assert done.code == 0, done.output
    assert len(chat.bodies) == 2, "a first run with findings is news"
    assert "2 of 3 PBXs are compliant. 1 is not compliant." in chat.bodies[0]["text"]
    assert "Drifted (1): lyon" in chat.bodies[0]["text"]
    said = " ".join(done.output.split())
    assert "Message 2 of compliance_notify (teams) was not sent: it could not be reached" in said
    assert "Message 3 of compliance_notify (mail) was not sent: it does not know hots;" in said
    assert "T0K3N" not in done.output
    assert report["summary"]["drifted"] == 1
    again, _report = fleet.compliance(directory=tmp_path, compliance_notify=targets[3])
    assert again.code == 0, again.output
    assert len(chat.bodies) == 2, "nothing has changed since"


ONE_JSON = """
import json

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "one_json"

    def v2_playbook_on_stats(self, stats):
        self._display.display(json.dumps({"hosts": sorted(stats.processed)}))
"""


def test_what_is_said_meanwhile_leaves_the_stdout_of_a_json_callback_alone(fleet: Controller, tmp_path: Path) -> None:
    (tmp_path / "one_json.py").write_text(ONE_JSON, encoding="utf-8")
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "compliance.json").write_text("broken", encoding="utf-8")
    done = fleet.play(
        "tcx.m365.compliance",
        variables={
            "compliance_report_dir": str(reports),
            # Each of these is worth a warning.
            "compliance_notify": {"type": "teams", "url": "https://127.0.0.1:9/x"},
            "compliance_sign_with": "gpg",
            "compliance_sign_key": "nobody@example.com",
            "compliance_fail_on_drfit": True,
        },
        ANSIBLE_STDOUT_CALLBACK="one_json",
        ANSIBLE_CALLBACK_PLUGINS=str(tmp_path),
    )
    assert done.code == 0, done.output
    # Since ansible-core 2.19 a callback is given the warnings of a task; before, they are on stderr.
    assert json.loads(done.stdout)["hosts"], done.stdout


def test_what_could_not_be_done_is_said_and_the_report_is_written(fleet: Controller, tmp_path: Path) -> None:
    (tmp_path / "compliance.json").write_text("broken", encoding="utf-8")
    done, report = fleet.compliance(
        directory=tmp_path, compliance_sign_with="gpg", compliance_sign_key="nobody@example.com"
    )
    assert done.code == 0, done.output
    said = " ".join(done.output.split())
    assert "An earlier report was passed over: The earlier report" in said
    assert "is not signed: gpg ended with 2: " in said
    assert report["summary"]["total"] == 3


GRAPH = "00000003-0000-0000-c000-000000000000"


def _grant(lab: Lab, host: str, scope: str, user: str | None) -> None:
    """What an administrator of the tenant, or a user for himself, consents to."""
    tenant = lab.inventory["tcx"]["hosts"][host]["entra_tenant_id"]
    principals = {one["appId"]: one["id"] for one in lab.control.objects(tenant, "servicePrincipals")}
    applications = lab.control.objects(tenant, "applications")
    app_id = next(one["appId"] for one in applications if one.get("uniqueName") == f"3cx-{host}")
    body = {
        "clientId": principals[app_id],
        "consentType": "Principal" if user else "AllPrincipals",
        "principalId": user,
        "resourceId": principals[GRAPH],
        "scope": scope,
    }
    with lab.client() as client:
        token = {"Authorization": f"Bearer {lab.automation_token(tenant)}"}
        answer = client.post(f"{lab.endpoints['graph']}/v1.0/oauth2PermissionGrants", json=body, headers=token)
    assert answer.status_code == 201, answer.text


def test_what_users_have_consented_to_for_themselves_is_in_every_format(small: Controller, tmp_path: Path) -> None:
    done = small.rollout("--limit", "lyon")
    assert done.code == 0, done.output
    small.lab.control.set_permissions(
        "Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All"
    )
    tenant = small.lab.inventory["tcx"]["hosts"]["lyon"]["entra_tenant_id"]
    one, other = [user["id"] for user in small.lab.control.objects(tenant, "users")][:2]
    _grant(small.lab, "lyon", "Mail.Send User.Read", None)
    _grant(small.lab, "lyon", "User.Read Mail.ReadWrite", one)
    _grant(small.lab, "lyon", "User.Read", other)
    _done, report = small.compliance("--limit", "lyon", directory=tmp_path)
    [entry] = report["hosts"]
    delegated = ["Mail.Send (delegated)", "User.Read (delegated)"]
    of_users = ["Mail.ReadWrite (delegated, single users)", "User.Read (delegated, single users)"]
    assert entry["granted_permissions"] == sorted([*delegated, *of_users, "User.Read.All"])
    assert entry["consent"]["unneeded"] == delegated
    assert entry["verdict"] == "compliant"
    for name in ("csv", "md", "html"):
        text = (tmp_path / f"compliance.{name}").read_text(encoding="utf-8")
        assert all(label in text for label in delegated), name
        assert name == "md" or all(label in text for label in of_users), name
    assert f"for 2 users: {', '.join(sorted((one, other)))}" in (tmp_path / "compliance.html").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize("platform", ["web", "spa", "publicClient"])
def test_a_redirect_uri_of_somebody_else_needs_attention(fleet: Controller, tmp_path: Path, platform: str) -> None:
    """Tokens of the users are sent there, whatever the path; on an application that we made, for the PBX alone."""
    control, uri = fleet.lab.control, "https://evil.example/callback"
    tenant = fleet.lab.inventory["tcx"]["hosts"]["munich"]["entra_tenant_id"]
    app_id = control.pbx("munich")["integration"]["ApplicationId"]
    [before] = [each for each in control.objects(tenant, "applications") if each["appId"] == app_id]
    part = before[platform]
    control.patch_application(tenant, before["id"], **{platform: {"redirectUris": [*part["redirectUris"], uri]}})
    _done, report = fleet.compliance("--limit", "munich", directory=tmp_path)
    [entry] = report["hosts"]
    assert entry["verdict"] == "attention", entry
    assert any(uri in sentence for sentence in entry["attention"]), entry["attention"]
    prefix = {"web": "", "spa": "spa_", "publicClient": "public_client_"}[platform]
    stated = {f"entra_app_{prefix}redirect_uris": [*part["redirectUris"], uri]}
    _done, report = fleet.compliance("--limit", "munich", directory=tmp_path, **stated)
    control.patch_application(tenant, before["id"], **{platform: {"redirectUris": part["redirectUris"]}})
    assert report["hosts"][0]["verdict"] == "compliant", report["hosts"][0]
