# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab as a whole: the guide's steps by hand over real sockets, through Entra, Graph and a PBX, and the command line."""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from tcx_lab import fleet
from tcx_lab.testing import Lab, LabError

GRAPH = "00000003-0000-0000-c000-000000000000"
LAB_PATH = Path(__file__).resolve().parents[1]


class Engineer:
    """Somebody with the inventory and an HTTP client."""

    def __init__(self, lab: Lab, http: httpx.Client, host: str) -> None:
        self.lab, self.http, self.host = lab, http, host
        self.shared = lab.inventory["tcx"]["vars"]
        self.vars = lab.inventory["tcx"]["hosts"][host]
        self.tenant = self.vars["entra_tenant_id"]

    def token(self) -> dict[str, str]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.shared["entra_client_id"],
            "client_secret": self.shared["entra_client_secret"],
            "scope": f"{self.shared['entra_graph_endpoint']}/.default",
        }
        answer = self.http.post(f"{self.shared['entra_authority_host']}/{self.tenant}/oauth2/v2.0/token", data=form)
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def graph(self, method: str, path: str, body: Any = None, *, status: int) -> Any:
        url = f"{self.shared['entra_graph_endpoint']}/v1.0{path}"
        answer = self.http.request(method, url, json=body, headers=self.token())
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def pbx(self, method: str, path: str, body: Any = None, *, status: int) -> Any:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.vars["tcx_client_id"],
            "client_secret": self.vars["tcx_client_secret"],
        }
        answer = self.http.post(f"{self.vars['tcx_url']}/connect/token", data=form)
        assert answer.status_code == 200, answer.text
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        answer = self.http.request(method, f"{self.vars['tcx_url']}/xapi/v1{path}", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def register(self) -> dict[str, Any]:
        """Steps 3 to 7 of the guide."""
        der = x509.load_pem_x509_certificate(self.vars["entra_app_public_key"].encode()).public_bytes(Encoding.DER)
        key = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.b64encode(der).decode()}
        port = self.lab.control.pbx(self.host)["https_port"]
        body = {
            "displayName": "3CX Server-side",
            "signInAudience": "AzureADMyOrg",
            "keyCredentials": [key],
            "web": {
                "redirectUris": [f"https://localhost:{port}/oauth2office2"],
                "implicitGrantSettings": {"enableIdTokenIssuance": True},
            },
        }
        application: dict[str, Any] = self.graph("POST", "/applications", body, status=201)
        return application

    def consent(self, app_id: str, *names: str) -> None:
        """Step 8."""
        principal = self.graph("POST", "/servicePrincipals", {"appId": app_id}, status=201)["id"]
        resource = self.graph("GET", f"/servicePrincipals(appId='{GRAPH}')", status=200)
        roles = {role["value"]: role["id"] for role in resource["appRoles"]}
        for name in names:
            body = {"principalId": principal, "resourceId": resource["id"], "appRoleId": roles[name]}
            self.graph("POST", f"/servicePrincipals/{resource['id']}/appRoleAssignedTo", body, status=201)

    def connect(self, app_id: str) -> None:
        """Steps 10 to 12."""
        users = {"IsEnabled": True, "EnableSSO": True, "IsSyncPhoto": True, "SyncType": "SyncAllUsers"}
        body = {
            "ApplicationId": app_id,
            "TenantId": self.tenant,
            "AdUsers": {**users, "StartingExtensionNumber": "200"},
        }
        self.pbx("PATCH", "/Microsoft365Integration", body, status=204)

    def trouble(self) -> str:
        """What the PBX says is wrong with its integration; "" when nothing is."""
        found = self.pbx("GET", "/Microsoft365Integration/Pbx.GetMicrosoft365Directory()", status=200)
        return str(found.get("ExceptionMessage") or "")


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab.start("demo", mode="thread") as running:
        yield running


@pytest.fixture
def engineer(lab: Lab) -> Iterator[Engineer]:
    with lab.client() as http:
        yield Engineer(lab, http, "acme")


def test_the_guide_by_hand_ends_with_people_and_their_photos_on_the_pbx(engineer: Engineer) -> None:
    application = engineer.register()
    engineer.consent(application["appId"], "User.Read.All", "Calendars.Read")
    engineer.connect(application["appId"])
    assert engineer.trouble() == ""
    body = {"options": {"Count": 5, "TypeOfUser": "Users"}}
    listed = engineer.pbx("POST", "/Microsoft365Integration/Pbx.GetM365Users", body, status=200)
    assert listed["Users"]
    people = engineer.pbx("GET", "/Users?$select=Number,EmailAddress,ContactImage,Tags", status=200)["value"]
    synced = {person["EmailAddress"]: person for person in people if "MS" in person.get("Tags", [])}
    assert engineer.lab.world is not None
    tenant = engineer.lab.world.tenants[engineer.tenant]
    members = {user["mail"]: user["id"] for user in tenant.users.values() if user["userType"] == "Member"}
    assert set(synced) == set(members)
    for mail, person in synced.items():
        assert bool(person.get("ContactImage")) is (members[mail] in tenant.photos)


def test_health_follows_from_causes(engineer: Engineer) -> None:
    application = engineer.register()
    engineer.connect(application["appId"])
    assert "AADSTS" in engineer.trouble()  # an application without a service principal cannot sign in
    engineer.consent(application["appId"], "User.Read.All")
    assert engineer.trouble() == ""
    engineer.lab.control.new_key_pair("acme")
    assert "AADSTS700027" in engineer.trouble()
    engineer.graph("DELETE", f"/applications/{application['id']}", status=204)
    assert "AADSTS700016" in engineer.trouble()


def test_what_the_pbx_asks_for_itself_is_logged_as_its_own(engineer: Engineer) -> None:
    application = engineer.register()
    engineer.consent(application["appId"], "User.Read.All")
    engineer.connect(application["appId"])
    engineer.lab.control.clear_log()
    assert engineer.trouble() == ""
    own = engineer.lab.control.log(source="pbx:acme")
    assert {entry["service"] for entry in own} == {"login", "graph"}
    assert own[0]["client"] == application["appId"]
    assert all(entry["tenant"] == engineer.tenant for entry in own)
    assert engineer.lab.control.writes() == []


def test_trouble_of_the_pbx_itself_shows_in_its_own_words(engineer: Engineer) -> None:
    application = engineer.register()
    engineer.consent(application["appId"], "User.Read.All")
    engineer.connect(application["appId"])
    engineer.lab.control.add_trouble("reset_before", match={"service": "graph", "source": "pbx:acme"}, times=0)
    assert engineer.trouble() != ""
    engineer.lab.control.clear_trouble()
    assert engineer.trouble() == ""


def test_drift_changes_both_sides_and_no_more(lab: Lab) -> None:
    with lab.client() as http:
        for host in ("acme", "contoso-berlin"):
            each = Engineer(lab, http, host)
            application = each.register()
            each.consent(application["appId"], "User.Read.All")
            each.connect(application["appId"])
        assert lab.control.drift(["acme", "contoso-berlin", "northwind"]) == ["acme", "contoso-berlin"]
        first, second = Engineer(lab, http, "acme"), Engineer(lab, http, "contoso-berlin")
        settings = first.pbx("GET", "/Microsoft365Integration", status=200)
        assert settings["AdUsers"]["EnableSSO"] is False
        assert settings["AdUsers"]["IsSyncPhoto"] is True
        found = lab.control.objects(second.tenant, "applications")
        changed = [each for each in found if each["displayName"] == "3CX Server-side"]
        assert [each["web"]["redirectUris"] for each in changed] == [[]]
        assert changed[0]["keyCredentials"]


def _enter(http: httpx.Client, host: dict[str, Any]) -> httpx.Response:
    """Sign in to a PBX with what its inventory has: below Enterprise an administrator's login."""
    if "tcx_username" in host:
        assert "tcx_client_id" not in host
        body = {"Username": host["tcx_username"], "Password": host["tcx_password"], "SecurityCode": ""}
        return http.post(f"{host['tcx_url']}/webclient/api/Login/GetAccessToken", json=body)
    form = {"client_id": host["tcx_client_id"], "client_secret": host["tcx_client_secret"]}
    return http.post(f"{host['tcx_url']}/connect/token", data={**form, "grant_type": "client_credentials"})


def test_the_demo_fleet_answers_as_its_inventory_deserves(lab: Lab) -> None:
    hosts = lab.inventory["tcx"]["hosts"]
    assert len(hosts) == 12
    answers = {}
    with lab.client() as http:
        for name, each in hosts.items():
            try:
                answer = _enter(http, each)
            except httpx.ConnectError:
                answers[name] = "down"
            else:
                answers[name] = "in" if answer.status_code == 200 else "refused"
    assert {name for name, found in answers.items() if found == "down"} == {"acme-hamburg"}
    assert {name for name, found in answers.items() if found == "refused"} == {"fabrikam-nantes"}
    planned = {each["name"]: each["trouble"] for each in lab.control.state()["pbxs"] if each["trouble"]}
    assert planned == {
        "acme-hamburg": ["down"],
        "fabrikam-nantes": ["wrong_secret"],
        "northwind-hotline": ["unlicensed"],
    }
    wishes = [name for name, each in hosts.items() if each.get("tcx_console_contact_sync")]
    assert [lab.control.pbx(name)["edition"] for name in wishes] == ["Standard"]


def test_changes_behind_the_scenes_that_make_no_sense_are_refused(engineer: Engineer) -> None:
    control = engineer.lab.control
    application = engineer.register()
    with pytest.raises(LabError, match=r"400.*signInAudience"):
        control.patch_application(engineer.tenant, application["id"], signInAudience="Everybody")
    with pytest.raises(LabError, match="no color"):
        control.patch_pbx("acme", color="red")
    with pytest.raises(LabError, match="has no applications 1"):
        control.delete_object(engineer.tenant, "applications", "1")
    control.delete_object(engineer.tenant, "applications", application["id"])
    assert application["id"] in [each["id"] for each in control.objects(engineer.tenant, "deletedItems")]


def test_the_same_seed_gives_the_same_world() -> None:
    first, second, other = (fleet.build(fleet.demo_plan(seed)) for seed in (1, 1, 2))
    assert list(first.tenants) == list(second.tenants) != list(other.tenants)
    assert [each.client_secret for each in first.pbxs.values()] == [each.client_secret for each in second.pbxs.values()]
    assert first.automation is not None
    assert set(first.automation.service_principals) == set(first.tenants)


def test_a_tenant_sees_only_its_own(engineer: Engineer) -> None:
    engineer.register()
    other = Engineer(engineer.lab, engineer.http, "tailwind")
    names = [each["displayName"] for each in other.graph("GET", "/applications", status=200)["value"]]
    assert "3CX Server-side" not in names


def test_the_command_line_prints_the_inventory_and_stops_on_request(tmp_path: Path) -> None:
    target = tmp_path / "inventory.json"
    command = [sys.executable, "-m", "tcx_lab", "--pbxs", "3", "--tenants", "2", "--inventory", str(target)]
    with subprocess.Popen(command, cwd=LAB_PATH, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        text = ""
        for line in process.stdout:
            text += line
            if line == "}\n":
                break
        process.send_signal(signal.SIGINT)
        _out, errors = process.communicate(timeout=30)
    assert json.loads(text) == json.loads(target.read_text(encoding="utf-8"))
    assert len(json.loads(text)["tcx"]["hosts"]) == 3
    assert errors == ""
    assert process.returncode == 0
    assert not Path(json.loads(text)["tcx"]["vars"]["entra_ca_path"]).exists()


def test_the_command_line_lists_its_evidence() -> None:
    command = [sys.executable, "-m", "tcx_lab", "--evidence"]
    lines = subprocess.run(command, cwd=LAB_PATH, capture_output=True, text=True, check=True).stdout.splitlines()
    assert all(re.match(r"(documented|recorded|observed|assumed) +\S.* \[.+\]$", line) for line in lines)
    assert {line.split()[0] for line in lines} == {"documented", "recorded", "observed", "assumed"}


def test_the_command_line_refuses_nonsense_in_one_line() -> None:
    for options in (["--switch", "gravity=1"], ["--fleet", "/nonexistent.yml"], ["--pbxs", "2", "--tenants", "3"]):
        command = [sys.executable, "-m", "tcx_lab", *options]
        done = subprocess.run(command, cwd=LAB_PATH, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert re.fullmatch(r"tcx_lab: .+\n", done.stderr), done.stderr
