# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A partner's person consents for customers, against a lab in which each customer meets another obstacle."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsiblePromptNoninteractive
from ansible_collections.tcx.m365.plugins.action import fleet_partner_consent as subject
from ansible_collections.tcx.m365.plugins.module_utils._arguments import read_arguments
from ansible_collections.tcx.m365.plugins.module_utils._capabilities.partner_consent import TEMPORARY
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, M365Error
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import Variables
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.graph.store import GRANTS, directory_of
from tcx_lab.testing import Lab

CUSTOMERS = ("acme", "bolt", "cargo", "delta", "echo")
PLAN = FleetPlan(
    [TenantPlan("msp", users=1), *(TenantPlan(name, users=1) for name in CUSTOMERS)], [PbxPlan("x", "acme")]
)
FULL = ["AppRoleAssignment.ReadWrite.All", "Application.ReadWrite.All"]


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    with Lab.start(PLAN, mode="thread") as lab:
        yield lab


def read(given: dict[str, Any]) -> dict[str, Any]:
    names = {name: f"partner_consent_{name}" for name in subject.ARGUMENT_SPEC}
    return dict(read_arguments(subject.ARGUMENT_SPEC, given, names=names).parameters)


class Msp:
    """A managed service provider that is a Microsoft partner; its customers have not consented to anything."""

    def __init__(self, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
        lab.control.reset()
        assert lab.world is not None
        assert lab.world.automation is not None
        self.lab, self.control, self.world, self.automation = lab, lab.control, lab.world, lab.world.automation
        self.ids = {each["domain"].partition(".")[0]: each["id"] for each in lab.control.state()["tenants"]}
        redirect = {"redirectUris": ["http://localhost"]}
        self.control.patch_application(self.ids["msp"], self.automation.object_id, web=redirect)
        for name in CUSTOMERS:
            self.control.withdraw_consent(self.ids[name], self.automation.app_id)
        self.user, self.asked = "", 0
        self.shown: list[str] = []
        monkeypatch.setattr(subject.display, "prompt_until", self._answer, raising=False)
        monkeypatch.setattr(
            subject.display, "display", lambda text, **_options: self.shown.append(str(text)), raising=False
        )
        monkeypatch.setattr(subject.display, "warning", self.shown.append, raising=False)

    def _answer(self, text: str, **_options: Any) -> bytes:
        """What the person does: opens the address, signs in, accepts, copies the address of the page that is not there."""
        self.asked += 1
        self.shown.append(text)
        address = next(line.strip() for line in text.splitlines() if "/authorize?" in line)
        return self.lab.browse(address, self.user).encode()

    def arrange(self, **customers: Any) -> None:
        person = customers.pop("person", {})
        listed = [{"tenant": self.ids[name], **wanted} for name, wanted in customers.items()]
        self.user = self.control.partner(self.ids["msp"], *listed, **person)["user"]

    def variables(self, name: str, **more: Any) -> Variables:
        known = {
            "entra_tenant_id": self.ids[name],
            "entra_client_id": self.automation.app_id,
            "entra_client_secret": self.automation.client_secret,
            "entra_authority_host": self.lab.endpoints["login"],
            "entra_graph_endpoint": self.lab.endpoints["graph"],
            "entra_ca_path": str(self.lab.ca_path),
            **more,
        }
        return Variables(known, host=name)

    def run(
        self, *names: str, check: bool = False, more: dict[str, Any] | None = None, **options: Any
    ) -> dict[str, Any]:
        given = {
            "tenant_id": self.ids["msp"],
            "partner_center": self.lab.endpoints["management"],
            "wait_timeout": 0,
            **options,
        }
        found: dict[str, Any] = subject.consent_for(
            read(given), [(name, self.variables(name, **(more or {}))) for name in names], check_mode=check
        )
        return found

    def states(self, result: dict[str, Any]) -> dict[str, tuple[str, str]]:
        return {each["hosts"][0]: (each["state"], each["obstacle"]) for each in result["tenants"]}

    def delegated(self, name: str) -> list[str]:
        return [each["scope"] for each in self.control.objects(self.ids[name], "oauth2PermissionGrants")]

    def roles(self, name: str) -> list[str]:
        graph = next(
            each
            for each in self.control.objects(self.ids[name], "servicePrincipals")
            if each["appId"] == "00000003-0000-0000-c000-000000000000"
        )
        names = {each["id"]: each["value"] for each in graph["appRoles"]}
        return sorted(names[each["appRoleId"]] for each in self.control.objects(self.ids[name], "appRoleAssignments"))

    def there(self, name: str) -> bool:
        found = self.control.objects(self.ids[name], "servicePrincipals")
        return self.automation.app_id in [each["appId"] for each in found]

    def writes(self) -> list[str]:
        log = self.control.writes()
        return [each["path"] for each in log if each["service"] != "login" and each["path"] != "/v1.0/$batch"]


@pytest.fixture
def msp(running: Lab, monkeypatch: pytest.MonkeyPatch) -> Msp:
    return Msp(running, monkeypatch)


def test_each_customer_meets_another_obstacle_and_none_stops_the_others(msp: Msp) -> None:
    msp.arrange(
        acme={},
        bolt={"relationship": "approvalPending"},
        cargo={"roles": ["Cloud Application Administrator"]},
        delta={"member": False},
        echo={"assignment": "pending"},
    )
    result = msp.run(*CUSTOMERS)
    assert msp.states(result) == {
        "acme": ("consented", ""),
        "bolt": ("blocked", "relationship_pending"),
        "cargo": ("blocked", "role_missing"),
        "delta": ("blocked", "not_in_group"),
        "echo": ("blocked", "assignment_pending"),
    }
    assert msp.roles("acme") == FULL
    assert [msp.there(name) for name in CUSTOMERS] == [True, False, False, False, False]
    assert msp.delegated("acme") == [], "what was wide is gone"
    assert result["failed"] is True
    assert "delta (not_in_group)" in result["failure_reason"]
    rows = {each["hosts"][0]: each for each in result["tenants"]}
    assert [(each["name"], each["status"]) for each in rows["acme"]["steps"]] == [
        (name, "ok") for name in ("invitation", "roles", "group", "consent", "test")
    ]
    text = "\n".join(result["table"])
    assert f"/{msp.ids['bolt']}/adminconsent?client_id={msp.automation.app_id}" in text
    assert "5 tenants: 1 consented, 4 blocked" in text
    assert msp.asked == 1


def test_a_second_run_asks_nobody_and_changes_nothing(msp: Msp) -> None:
    msp.arrange(acme={})
    assert msp.run("acme")["changed"] is True
    msp.control.clear_log()
    again = msp.run("acme")
    assert (again["changed"], msp.states(again), msp.asked, msp.writes()) == (False, {"acme": ("ready", "")}, 1, [])


def test_check_mode_says_what_it_would_do_and_writes_nothing(msp: Msp) -> None:
    msp.arrange(acme={}, bolt={"relationship": None})
    msp.control.clear_log()
    result = msp.run("acme", "bolt", check=True)
    assert msp.states(result) == {"acme": ("would_consent", ""), "bolt": ("blocked", "no_relationship")}
    assert msp.writes() == []
    assert not msp.there("acme")
    assert f"Would consent to {', '.join(reversed(FULL))}" in "\n".join(result["table"])
    assert result["changed"] is True


@pytest.mark.parametrize(
    ("customer", "obstacle"),
    [
        ({"relationship": None}, "no_relationship"),
        ({"relationship": "expired"}, "relationship_expired"),
        ({"days": -1}, "relationship_expired"),
        ({"assignment": None}, "assignment_missing"),
        ({"assignment": "error"}, "assignment_missing"),
        ({"kind": "direct"}, "not_a_customer"),
        ({"guest": True}, "guest"),
    ],
    ids=str,
)
def test_the_steps_name_what_is_missing(msp: Msp, customer: dict[str, Any], obstacle: str) -> None:
    msp.arrange(acme=customer)
    assert msp.states(msp.run("acme")) == {"acme": ("blocked", obstacle)}
    assert (msp.there("acme"), msp.delegated("acme")) == (False, []), "what Partner Center has made is taken back"


@pytest.mark.parametrize("form", ["coded", "nested", "empty"])
@pytest.mark.parametrize("status", [401, 403])
def test_a_token_without_a_second_factor_is_refused_whatever_the_body(msp: Msp, form: str, status: int) -> None:
    msp.control.set_switches(partner_center_errors=form, partner_center_mfa_status=status)
    msp.arrange(acme={}, person={"mfa": False})
    row = msp.run("acme")["tenants"][0]
    assert (row["state"], row["obstacle"]) == ("blocked", "mfa_missing")
    assert "multifactor authentication" in row["reason"]
    assert not msp.there("acme")


def test_somebody_who_is_no_admin_agent_is_told_what_is_missing(msp: Msp) -> None:
    msp.arrange(acme={}, person={"agent": False})
    row = msp.run("acme")["tenants"][0]
    assert (row["state"], row["obstacle"]) == ("blocked", "not_allowed")
    assert "AdminAgents" in row["reason"]


@pytest.mark.parametrize("status", [400, 409])
@pytest.mark.parametrize("form", ["coded", "empty"])
def test_a_consent_that_is_there_already_is_used_and_taken_away(msp: Msp, form: str, status: int) -> None:
    msp.control.set_switches(partner_center_errors=form, partner_center_exists_status=status)
    msp.arrange(acme={})
    _leave_behind(msp, "acme", TEMPORARY)
    assert msp.states(msp.run("acme")) == {"acme": ("consented", "")}
    assert (msp.roles("acme"), msp.delegated("acme")) == (FULL, [])


def _leave_behind(msp: Msp, name: str, scopes: Any) -> None:
    """As an interrupted run has left it."""
    from tcx_lab import graph

    tenant, home = msp.world.tenants[msp.ids[name]], msp.world.tenants[msp.ids["msp"]]
    principal = graph.ensure_service_principal(msp.world, tenant, home.applications[msp.automation.object_id], home)
    resource = directory_of(msp.world, tenant).find_real(
        "servicePrincipals", "appId", "00000003-0000-0000-c000-000000000000"
    )
    assert resource is not None
    from tcx_lab.graph import shapes

    grant_id = shapes.guid_bytes(principal["id"], resource["id"])
    grant = {
        "clientId": principal["id"],
        "consentType": "AllPrincipals",
        "id": grant_id,
        "principalId": None,
        "resourceId": resource["id"],
        "scope": " ".join(scopes),
    }
    directory_of(msp.world, tenant).put(GRANTS, grant_id, grant)


def test_delegated_permissions_that_are_not_ours_stay(msp: Msp) -> None:
    msp.arrange(acme={})
    _leave_behind(msp, "acme", (*TEMPORARY, "User.Read"))
    assert msp.states(msp.run("acme")) == {"acme": ("consented", "")}
    assert msp.delegated("acme") == ["User.Read"]


def test_an_older_delegated_consent_without_the_permissions_is_no_silent_success(msp: Msp) -> None:
    msp.arrange(acme={})
    _leave_behind(msp, "acme", ("User.Read",))
    row = msp.run("acme")["tenants"][0]
    assert (row["state"], msp.roles("acme"), msp.delegated("acme")) == ("failed", [], ["User.Read"])
    assert "does not carry" in row["reason"]
    assert "Permission entry already exists" in row["reason"]


def test_missing_permissions_are_added_to_those_that_are_there(msp: Msp) -> None:
    msp.arrange(acme={})
    msp.run("acme", more={"bootstrap_profile": "read_only"})
    assert msp.roles("acme") == ["Application.Read.All"]
    msp.run("acme", more={"bootstrap_profile": "owned_by"})
    assert msp.roles("acme") == [
        "AppRoleAssignment.ReadWrite.All",
        "Application.Read.All",
        "Application.ReadWrite.OwnedBy",
    ]
    assert msp.delegated("acme") == []


def test_refused_grants_leave_nothing_wide_behind_and_what_was_granted_is_told(msp: Msp) -> None:
    msp.arrange(acme={})
    match = {"service": "graph", "method": "POST", "path": ".*appRoleAssignments"}
    msp.control.add_trouble("status", match=match, status=403)  # the first of the two alone
    result = msp.run("acme")
    row = result["tenants"][0]
    assert row["state"] == "blocked"
    assert (msp.roles("acme"), msp.delegated("acme"), row["left"]) == (FULL[:1], [], [])
    told = next(each for each in result["changes"] if each["target"] == "app_role_assignments")
    assert told["after"] == FULL[:1]


def test_temporary_permissions_that_stay_are_shouted_about(msp: Msp) -> None:
    msp.arrange(acme={})
    for method in ("PATCH", "DELETE"):
        msp.control.add_trouble(
            "status", match={"service": "graph", "method": method, "path": ".*oauth2PermissionGrants.*"}, status=403
        )
    result = msp.run("acme")
    row = result["tenants"][0]
    assert (row["state"], row["obstacle"], row["left"]) == ("failed", "temporary_left", list(TEMPORARY))
    assert "TEMPORARY PERMISSIONS ARE STILL THERE" in "\n".join(result["table"])
    msp.control.clear_trouble()
    assert msp.delegated("acme") == [" ".join(TEMPORARY)]


@pytest.mark.parametrize("code", [65001, 700016, 90099])
def test_a_consent_that_takes_its_time_is_waited_for(msp: Msp, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is in effect the person's token is refused; the lab shows the new service principal after three seconds."""
    msp.control.set_switches(replication_lag=3, partner_without_principal=code)
    msp.arrange(acme={})
    monkeypatch.setattr(subject, "pause", lambda _seconds: msp.control.advance_clock(2), raising=False)
    result = msp.run("acme", wait_timeout=60)
    assert msp.states(result) == {"acme": ("consented", "")}


def test_the_own_tenant_and_another_application_are_left_alone(msp: Msp) -> None:
    msp.arrange(acme={})
    assert msp.states(msp.run("msp")) == {"msp": ("blocked", "own_tenant")}
    hosts = [("acme", msp.variables("acme")), ("bolt", msp.variables("bolt", entra_client_id=msp.ids["bolt"]))]
    options = read({"tenant_id": msp.ids["msp"], "partner_center": msp.lab.endpoints["management"], "wait_timeout": 0})
    assert msp.states(subject.consent_for(options, hosts, check_mode=False)) == {
        "acme": ("consented", ""),
        "bolt": ("blocked", "another_application"),
    }


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "https://me:secret@example.com", "https://example.com/v1"])
def test_a_token_goes_to_a_plain_https_address_alone(msp: Msp, address: str) -> None:
    msp.arrange(acme={})
    with pytest.raises(BadInput, match="is not a usable address") as refused:
        msp.run("acme", partner_center=address)
    assert "secret" not in str(refused.value)
    assert msp.asked == 0


def test_it_is_removable(msp: Msp) -> None:
    msp.arrange(acme={}, bolt={})
    msp.run("acme")
    with pytest.raises(BadInput, match="partner_consent_confirm"):
        msp.run("acme", state="absent")
    would = msp.run("acme", "bolt", state="absent", check=True)
    assert msp.states(would) == {"acme": ("would_remove", ""), "bolt": ("absent", "")}
    assert msp.there("acme")
    gone = msp.run("acme", "bolt", state="absent", confirm=True)
    assert (msp.states(gone), msp.there("acme")) == ({"acme": ("removed", ""), "bolt": ("absent", "")}, False)
    asked = msp.asked
    again = msp.run("acme", state="absent", confirm=True)
    assert (again["changed"], msp.states(again), msp.asked) == (False, {"acme": ("absent", "")}, asked)


def test_a_removal_that_removes_less_than_known_is_not_believed(msp: Msp) -> None:
    msp.arrange(acme={})
    msp.run("acme")
    msp.control.set_switches(partner_center_removes="grants")
    assert msp.states(msp.run("acme", state="absent", confirm=True)) == {"acme": ("not_verified", "")}


class Brought:
    """A person who brings a token for the customer's tenant."""

    def __init__(self, msp: Msp, *roles: str, **options: Any) -> None:
        self.msp = msp
        self.token = msp.control.sign_in(msp.ids["acme"], *roles, **options)["accessToken"]

    def run(self, *names: str, **options: Any) -> dict[str, Any]:
        return self.msp.run(*names, access_token=self.token, **options)


def test_a_brought_token_consents_without_partner_center_and_without_anything_temporary(msp: Msp) -> None:
    person = Brought(msp, "Privileged Role Administrator", "Cloud Application Administrator")
    would = person.run("acme", check=True)
    assert (msp.states(would), msp.there("acme"), would["changed"]) == ({"acme": ("would_consent", "")}, False, True)
    assert msp.states(person.run("acme")) == {"acme": ("consented", "")}
    assert (msp.roles("acme"), msp.delegated("acme"), msp.asked) == (FULL, [], 0)
    assert msp.states(person.run("acme", state="absent", confirm=True)) == {"acme": ("removed", "")}
    assert not msp.there("acme")


def test_a_brought_token_without_the_role_or_of_another_tenant_is_refused(msp: Msp) -> None:
    person = Brought(msp, "Cloud Application Administrator")
    row = person.run("acme")["tenants"][0]
    assert (row["state"], row["obstacle"], msp.roles("acme")) == ("blocked", "not_allowed", [])
    assert "Privileged Role Administrator" in row["reason"]
    assert "is of tenant" in person.run("bolt")["tenants"][0]["reason"]


def test_a_token_of_an_application_consents_to_nothing(msp: Msp) -> None:
    row = msp.run("acme", access_token=msp.lab.automation_token(msp.ids["msp"]))["tenants"][0]
    assert row["state"] != "consented"
    assert not msp.there("acme")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"nothing of the kind", "has no code"),
        (b"http://localhost/?code=abc&state=forged", "another sign-in"),
        (b"http://localhost/?error=access_denied&error_description=AADSTS65004%3A+declined", "AADSTS65004"),
    ],
)
def test_what_is_pasted_is_checked(msp: Msp, answer: bytes, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    msp.arrange(acme={})

    def given(text: str, **_options: Any) -> bytes:
        return _with_state(answer, text)

    monkeypatch.setattr(subject.display, "prompt_until", given, raising=False)
    with pytest.raises(M365Error, match=words):
        msp.run("acme")
    assert msp.writes() == []


def _with_state(answer: bytes, text: str) -> bytes:
    state = text.partition("&state=")[2].partition("&")[0].split()[0]
    return answer if b"error" not in answer else answer + b"&state=" + state.encode()


def test_without_a_terminal_the_other_ways_are_named(msp: Msp, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_text: str, **_options: Any) -> bytes:
        raise AnsiblePromptNoninteractive("stdin is not interactive")

    msp.arrange(acme={})
    monkeypatch.setattr(subject.display, "prompt_until", nobody, raising=False)
    with pytest.raises(BadInput, match=r"there is no terminal to ask on.*azure_cli"):
        msp.run("acme")


def test_no_token_code_or_secret_is_shown(msp: Msp) -> None:
    msp.arrange(acme={}, bolt={"member": False})
    shown = json.dumps(msp.run("acme", "bolt")) + "\n".join(msp.shown)
    assert msp.automation.client_secret not in shown
    assert "eyJ" not in shown
    assert "code=" not in shown.replace("response_type=code", "").replace("code_challenge", "")


def test_a_customer_who_has_switched_it_off_is_left_alone(msp: Msp) -> None:
    msp.arrange(acme={})
    msp.run("acme")
    tenant = msp.world.tenants[msp.ids["acme"]]
    directory = directory_of(msp.world, tenant)
    principal = directory.find_real("servicePrincipals", "appId", msp.automation.app_id)
    assert principal is not None
    directory.put("servicePrincipals", principal["id"], {**principal, "accountEnabled": False})
    msp.control.clear_log()
    assert msp.states(msp.run("acme")) == {"acme": ("blocked", "disabled")}
    assert msp.writes() == []


AZ = """#!{python}
import json, sys
tokens = json.loads({tokens!r})
words = sys.argv[1:]
if words[:2] != ["account", "get-access-token"] or words[-2] != "--tenant":
    sys.exit("ERROR: unexpected: " + " ".join(words))
if words[-1] not in tokens:
    sys.exit("ERROR: AADSTS50020: User account from identity provider does not exist in tenant. Please run 'az login'.")
print(json.dumps(tokens[words[-1]]))
"""


def test_the_azure_cli_consents_where_its_person_is_known_and_says_where_not(
    msp: Msp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One token for each tenant; one that the Azure CLI does not get stops that tenant alone."""
    roles = ("Privileged Role Administrator", "Cloud Application Administrator")
    tokens = {msp.ids[name]: msp.control.sign_in(msp.ids[name], *roles) for name in ("acme", "bolt")}
    program = tmp_path / "az"
    program.write_text(AZ.format(python=sys.executable, tokens=json.dumps(tokens)), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    would = msp.run("acme", "bolt", check=True, auth_source="azure_cli")
    assert (set(msp.states(would).values()), msp.there("acme")) == ({("would_consent", "")}, False)
    result = msp.run("acme", "cargo", "bolt", auth_source="azure_cli")
    states = {name: state for name, (state, _obstacle) in msp.states(result).items()}
    assert (states["acme"], states["bolt"]) == ("consented", "consented")
    assert states["cargo"] not in {"consented", "ready"}
    reason = next(row["reason"] for row in result["tenants"] if row["hosts"] == ["cargo"])
    assert f"az login --tenant {msp.ids['cargo']}" in reason + "\n".join(result["table"])
    assert [(msp.roles(name), msp.delegated(name)) for name in ("acme", "bolt")] == [(FULL, [])] * 2
    assert (msp.there("cargo"), msp.asked) == (False, 0)
    shown = json.dumps(result) + "".join(msp.shown)
    assert not [token for token in tokens.values() if token["accessToken"] in shown]
    again = msp.run("acme", "bolt", auth_source="azure_cli")
    assert (again["changed"], set(msp.states(again).values())) == (False, {("ready", "")})


def test_without_the_azure_cli_its_mode_says_so(msp: Msp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    row = msp.run("acme", auth_source="azure_cli")["tenants"][0]
    assert "not installed" in row["reason"]
    assert (row["state"] == "consented", msp.there("acme")) == (False, False)
