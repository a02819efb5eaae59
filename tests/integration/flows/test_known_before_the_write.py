# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cannot work in the end fails before the first write, in check mode and in a rollout with the same sentence."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.in_process import ROLES, Run
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.testing import Lab
from tcx_lab.world import World

from .conftest import Flow

Json = dict[str, Any]

ABSENT = "11111111-2222-4333-8444-555555555555"
FLEET = FleetPlan(
    [TenantPlan("contoso", users=3), TenantPlan("fabrikam", users=1)],
    [PbxPlan("berlin", "contoso", "20.0.10"), PbxPlan("rome", "fabrikam", "20.0.10")],
)

DOORS: dict[str, Callable[[Run, str], Json]] = {
    "rollout": lambda run, host: run.operation("rollout")[host],
    "roles": lambda run, host: run.roles(*ROLES)[host],
    "the role entra_app": lambda run, host: run.roles(("application",), ("grant",))[host],
    "the role tcx_console": lambda run, host: run.roles(("settings",))[host],
}
MANAGED = ("rollout", "roles", "the role entra_app")
UNMANAGED = ("rollout", "roles", "the role tcx_console")


@pytest.fixture(scope="module")
def lab() -> Any:
    with Lab.start(FLEET, mode="thread") as running:
        yield running


@pytest.fixture
def berlin(lab: Lab, world: World) -> Flow:
    return Flow(lab, world, "berlin")


def _refused(flow: Flow, doors: tuple[str, ...], said: str, **changes: Any) -> None:
    flow.clear_log()
    for door in doors:
        told = []
        for check in (False, True):
            result = DOORS[door](flow.begin(check=check, **changes), flow.host)
            assert result.get("failed"), f"{door}, check: {check}"
            assert said in result["msg"], door
            assert (result["changed"], result.get("changes") or []) == (False, [])
            told.append((result["msg"], result["error"]))
        assert told[0] == told[1], door
    assert flow.writes() == []


@pytest.mark.parametrize("linked", [False, True], ids=["new", "linked"])
@pytest.mark.parametrize("console", [{}, {"tcx_console_sign_in": {"enabled": True}}], ids=["default", "switched on"])
def test_a_sign_in_without_id_tokens(berlin: Flow, linked: bool, console: Json) -> None:
    if linked:
        assert not berlin.rollout().get("failed")
    changes = {"entra_app_id_tokens": "no", **console}
    _refused(berlin, MANAGED, "entra_app_id_tokens is false, and the sign-in with Microsoft, which", **changes)
    assert not berlin.rollout(sso_verify_enabled=False, **changes).get("failed")


@pytest.mark.parametrize(
    ("variable", "written", "said"),
    [
        ("entra_app_permissions", ["User.Raed.All"], "Microsoft Graph has no application permission 'User.Raed.All'"),
        (
            "entra_app_permissions",
            [{"name": "opnid", "type": "delegated"}],
            "Microsoft Graph has no delegated permission",
        ),
        ("entra_app_permissions", [{"nme": "User.Read.All"}], "a permission has nme"),
        ("entra_app_permissions", ["Exchnge/full_access_as_app"], "'Exchnge' is not a known API"),
        ("entra_app_delegated_permissions", ["opnid"], "Microsoft Graph has no delegated permission 'opnid'"),
        ("entra_app_guide_permissions", ["User.Raed.All"], "Microsoft Graph has no application permission"),
    ],
    ids=str,
)
def test_a_permission_that_does_not_exist(berlin: Flow, variable: str, written: list[Any], said: str) -> None:
    """The sentence names the variable that asks for it."""
    rights = ("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All")
    profile = "guide" if "guide" in variable else "features"
    changes = {variable: written, "entra_app_permissions_profile": profile, **berlin.caller(*rights)}
    _refused(berlin, MANAGED, f"{variable}: {said}", **changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"entra_app_notes": "x" * 1025}, "entra_app_notes is longer than 1024 characters"),
        (
            {"entra_app_create_with": {"display_name": "x" * 257}},
            "entra_app_create_with.display_name is longer than 256 characters",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_text_that_graph_does_not_take(berlin: Flow, changes: Json, said: str) -> None:
    _refused(berlin, MANAGED, said, **changes)


@pytest.mark.parametrize("linked", [False, True], ids=["new", "linked"])
@pytest.mark.parametrize(
    ("owner", "said"),
    [
        ("ada@contoso.example", "entra_app_owners: 'ada@contoso.example' is not an object ID"),
        (ABSENT, f"entra_app_owners: the tenant has no object {ABSENT}"),
    ],
    ids=["name", "nobody"],
)
def test_an_owner_whom_the_tenant_does_not_have(berlin: Flow, owner: str, said: str, linked: bool) -> None:
    """Graph says of it what it says of an application that has not reached every replica, which a rollout waits for."""
    if linked:
        assert not berlin.rollout().get("failed")
    rights = ("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "Directory.Read.All")
    _refused(berlin, MANAGED, said, entra_app_owners=[owner], **berlin.caller(*rights))


@pytest.mark.parametrize("planned", [{}, {"tcx_console_user_sync": {"photo": True}}], ids=str)
def test_a_user_that_nothing_brings(berlin: Flow, planned: Json) -> None:
    """Only a synchronization that begins, or reaches more users, can bring a user that the PBX does not have."""
    assert not berlin.rollout().get("failed")
    changes = {"tcx_console_sign_in": {"enabled": True, "opt_out": ["999"]}, **planned}
    _refused(berlin, UNMANAGED, "the PBX has no user '999'", **changes)
    coming = {**changes, "tcx_console_user_sync": {"enabled": True, "scope": "all"}}
    berlin.run("rollout", check=True, **coming)
    assert any("tcx_console_sign_in: not checked" in warning for warning in berlin.warnings)


@pytest.mark.parametrize("linked", [False, True], ids=["new", "linked"])
def test_a_pbx_of_another_tenant_than_its_application(berlin: Flow, linked: bool) -> None:
    """Only an application for several tenants can be used in another one."""
    if linked:
        assert not berlin.rollout().get("failed")
    other = berlin.world.pbxs["rome"].tenant_id
    changes = {"tcx_console_tenant_id": other, "entra_app_move_tenant": True}
    _refused(
        berlin, MANAGED, f"tcx_console_tenant_id is {other}, and the application belongs to the tenant ", **changes
    )
    done = berlin.run("rollout", check=True, entra_app_sign_in_audience="AzureADMultipleOrgs", **changes)
    assert not done.get("failed"), done["msg"]


def test_a_policy_of_the_tenant_that_a_pbx_leaves_does_not_hold_it(berlin: Flow) -> None:
    """What Microsoft 365 answers today, it answers for that tenant alone."""
    assert not berlin.rollout().get("failed")
    berlin.lab.control.set_switches(conditional_access_blocks=_own(berlin)[1]["appId"])
    moved = {"tcx_console_tenant_id": berlin.world.pbxs["rome"].tenant_id, "entra_app_move_tenant": True}
    done = berlin.run("rollout", check=True, entra_app_sign_in_audience="AzureADMultipleOrgs", **moved)
    assert not done.get("failed"), done["msg"]
    assert "tenant_id" in [change["field"] for change in done["changes"]]


@pytest.mark.parametrize("linked", [False, True], ids=["new", "linked"])
def test_an_application_of_somebody_else_that_does_not_exist(berlin: Flow, linked: bool) -> None:
    if linked:
        assert not berlin.rollout().get("failed")
    changes = {"entra_app_manage": False, "tcx_console_application_id": ABSENT}
    _refused(berlin, UNMANAGED, "the application does not exist in the tenant ", **changes)
    assert berlin.compliance(**changes).verdict == "failed"


def test_an_application_of_somebody_else_that_is_gone(berlin: Flow) -> None:
    """The PBX still points to it: nobody waits until it works again."""
    assert not berlin.rollout().get("failed")
    tenant = berlin.world.tenants[berlin.world.pbxs["berlin"].tenant_id]
    own = next(each for each in tenant.applications.values() if each["uniqueName"] == "3cx-berlin")
    principal = next(each for each in tenant.service_principals.values() if each["appId"] == own["appId"])
    assert not berlin.rollout(entra_app_manage=False).get("failed")
    berlin.lab.control.delete_object(tenant.id, "servicePrincipals", principal["id"])
    _refused(berlin, UNMANAGED, "the application has no service principal in the tenant ", entra_app_manage=False)
    assert berlin.compliance(entra_app_manage=False).verdict == "broken"
    berlin.lab.control.delete_object(tenant.id, "applications", own["id"])
    _refused(berlin, UNMANAGED, "the PBX names it, and entra_app_manage is false", entra_app_manage=False)


def test_who_may_not_ask_is_told(berlin: Flow) -> None:
    """A play for the PBX alone has no credential of the tenant."""
    gone = dict.fromkeys(("entra_client_id", "entra_client_secret"))
    changes = {"entra_app_manage": False, "tcx_console_application_id": ABSENT, "tcx_console_wait": False, **gone}
    for check in (True, False):
        result = DOORS["the role tcx_console"](berlin.begin(check=check, **changes), "berlin")
        assert not result.get("failed"), result["msg"]
        assert any(f"whether the application {ABSENT} exists was not checked" in note for note in result["notes"])


def test_names_are_looked_up_as_soon_as_the_pbx_can(berlin: Flow) -> None:
    """A PBX that is not linked cannot ask Microsoft 365: check mode says that nothing was checked."""
    named = {"tcx_console_user_sync": {"enabled": True, "scope": "selected", "users": ["nobody@contoso.example"]}}
    for door in UNMANAGED:
        run = berlin.begin(check=True, **named)
        DOORS[door](run, "berlin")
        assert any("tcx_console_user_sync.users: not checked" in warning for warning in run.warnings), door
    ids = {"tcx_console_user_sync": {"enabled": True, "scope": "selected", "users": [ABSENT]}}
    berlin.run("rollout", check=True, **ids)
    assert "not checked" not in str(berlin.warnings)
    assert not berlin.rollout().get("failed")
    _refused(berlin, UNMANAGED, "has no user 'nobody@contoso.example'", **named)


def test_the_right_to_revoke_is_asked_for_first(berlin: Flow) -> None:
    """Reading what is granted takes less than revoking it, which came after the application was written."""
    rights = ("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "Directory.Read.All")
    changes = {"entra_app_exclusive": True, **berlin.caller(*rights)}
    _refused(berlin, MANAGED, "Could not revoke delegated permissions: the automation's application has not", **changes)
    for check in (False, True):
        error = berlin.run("preflight", check=check, **changes)["error"]
        assert error["tried"] == "revoke delegated permissions"
        assert error["missing"] == ["DelegatedPermissionGrant.ReadWrite.All", "Directory.ReadWrite.All"]
    reported = berlin.compliance(**changes)
    assert reported.verdict == "drifted"
    assert berlin.writes() == []


@pytest.mark.parametrize("linked", [False, True], ids=["new", "linked"])
@pytest.mark.parametrize(
    ("rights", "lacking"),
    [
        (("Application.Read.All",), "register applications"),
        (("Application.Read.All", "Directory.Read.All"), "register applications"),
        (("Application.ReadWrite.All",), "grant application permissions"),
    ],
)
def test_a_check_with_too_few_rights_fails_as_its_rollout_does(
    berlin: Flow, linked: bool, rights: tuple[str, ...], lacking: str
) -> None:
    """A report is made with the rights to read, and a check of a rollout must not promise what the rollout could not do."""
    if linked:
        assert not berlin.rollout().get("failed")
    changes = berlin.caller(*rights)
    _refused(berlin, MANAGED, f"Could not {lacking}: the automation's application has not", **changes)
    assert berlin.compliance(**changes).verdict == ("compliant" if linked else "drifted")


@pytest.mark.parametrize("operation", ["offboard", "rotate_certificate"])
def test_a_check_of_what_changes_a_pbx_names_the_right_that_is_missing(berlin: Flow, operation: str) -> None:
    assert not berlin.rollout().get("failed")
    changes = {"offboard_confirm": True, **berlin.caller("Application.Read.All")}
    berlin.clear_log()
    told = [berlin.run(operation, check=check, **changes) for check in (True, False)]
    assert [result["error"]["kind"] for result in told] == ["forbidden"] * 2
    assert told[0]["msg"] == told[1]["msg"]
    assert [result.get("changes") or [] for result in told] == [[], []]
    assert berlin.writes() == []


@pytest.mark.parametrize("linked", [False, True], ids=["new", "linked"])
@pytest.mark.parametrize(
    "asked",
    [
        {"entra_app_exclusive": True},
        {"entra_app_delegated_permissions": ["openid"]},
        {"entra_app_features": ["sign_in"]},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_permissions_that_the_automation_cannot_read(berlin: Flow, asked: Json, linked: bool) -> None:
    """What cannot be read cannot be compared either: check mode predicts nothing, and names the right that a rollout names."""
    if linked:
        assert not berlin.rollout().get("failed")
    changes = {**asked, **berlin.caller("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All")}
    tried = "revoke" if "entra_app_exclusive" in asked else "grant"
    _refused(
        berlin, MANAGED, f"Could not {tried} delegated permissions: the automation's application has not", **changes
    )
    auditor = {**asked, **berlin.caller("Application.Read.All")}
    reported = berlin.compliance(**auditor)
    assert reported.verdict == "failed"
    assert "Could not read what is granted" in reported.reasons[0]
    assert "Directory.Read.All" in reported.reasons[0]


@pytest.mark.parametrize("state", ["new", "linked", "deleted"])
@pytest.mark.parametrize(
    "planned", [{}, {"entra_app_notes": "new"}, {"tcx_console_user_sync": {"photo": True}}], ids=str
)
def test_an_application_that_is_disabled(berlin: Flow, state: str, planned: Json) -> None:
    """Whatever else is planned does not make it work."""
    assert not berlin.rollout().get("failed")
    tenant, own, principal = _own(berlin)
    principal["accountEnabled"] = False
    if state == "new":
        berlin.lab.control.patch_pbx("berlin", ApplicationId="", TenantId="")
    if state == "deleted":
        berlin.lab.control.delete_object(tenant, "applications", own["id"])
    _refused(berlin, MANAGED, "is disabled (AADSTS7000112), so that nobody can sign in", **planned)
    enabled = {**planned, "entra_app_service_principal": {"enabled": True}}
    assert not berlin.run("rollout", check=True, **enabled).get("failed")
    assert not berlin.rollout(**enabled).get("failed")


@pytest.mark.parametrize("planned", [{}, {"tcx_console_user_sync": {"photo": True}}], ids=str)
def test_an_application_of_somebody_else_that_is_disabled(berlin: Flow, planned: Json) -> None:
    assert not berlin.rollout().get("failed")
    _own(berlin)[2]["accountEnabled"] = False
    _refused(berlin, UNMANAGED, "is disabled, so that nobody can sign in", entra_app_manage=False, **planned)
    assert berlin.compliance(entra_app_manage=False, **planned).verdict in ("broken", "drifted")


def test_who_waits_for_nothing_may_prepare_what_is_disabled(berlin: Flow) -> None:
    changes = {"tcx_console_wait": False, "entra_app_notes": "new"}
    assert not berlin.rollout().get("failed")
    _own(berlin)[2]["accountEnabled"] = False
    for check in (True, False):
        assert berlin.run("rollout", check=check, **changes)["changed"]
        assert any("is disabled (AADSTS7000112)" in warning for warning in berlin.warnings)


def _own(flow: Flow) -> tuple[str, Json, Json]:
    """The ID of the tenant, the application of the PBX, and its service principal."""
    tenant = flow.world.tenants[flow.world.pbxs[flow.host].tenant_id]
    own = next(each for each in tenant.applications.values() if each["uniqueName"] == f"3cx-{flow.host}")
    return tenant.id, own, next(each for each in tenant.service_principals.values() if each["appId"] == own["appId"])


def test_a_sign_in_that_does_not_work_and_that_nothing_would_change(berlin: Flow) -> None:
    """A rollout has nothing to repair it with, and says so in check mode too. A report calls it broken, as before."""
    assert not berlin.rollout().get("failed")
    tenant = berlin.world.tenants[berlin.world.pbxs["berlin"].tenant_id]
    own = next(each for each in tenant.applications.values() if each["uniqueName"] == "3cx-berlin")
    own["web"]["implicitGrantSettings"]["enableIdTokenIssuance"] = False
    berlin.clear_log()
    told = []
    for check in (False, True):
        result = berlin.run("rollout", check=check, entra_app_manage=False)
        assert (result.get("failed"), result["changed"]) == (True, False)
        assert result["error"]["code"] == "AADSTS700054"
        told.append(_steady(result["msg"]))
    assert told[0] == told[1]
    assert berlin.writes() == []
    assert berlin.compliance(entra_app_manage=False).verdict == "broken"
    assert not berlin.run("rollout", check=True).get("failed"), "what is planned repairs it"


def _token(**claims: Any) -> str:
    """A token that nobody has signed."""
    parts = (json.dumps(part).encode() for part in ({"alg": "RS256"}, claims, "signature"))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


@pytest.mark.parametrize("linked", [False, True], ids=["new", "linked"])
def test_a_token_of_the_presence_account_that_has_expired(berlin: Flow, linked: bool) -> None:
    if linked:
        assert not berlin.rollout().get("failed")
    changes = {"tcx_console_presence": {"enabled": True, "account_token": _token(exp=1)}}
    _refused(berlin, UNMANAGED, "tcx_console_presence.account_token has expired", **changes)


def test_a_token_of_the_presence_account_that_expired_after_the_pbx_took_it(berlin: Flow) -> None:
    """It stays in the inventory; the PBX renews its own."""
    token = berlin.lab.automation_token(berlin.world.pbxs["berlin"].tenant_id)
    done = berlin.rollout(tcx_console_presence={"account_token": token})
    assert not done.get("failed"), done["msg"]
    expired = {"tcx_console_presence": {"account_token": _token(exp=1)}}
    for check in (True, False):
        assert not berlin.run("rollout", check=check, **expired).get("failed")


def test_a_token_of_the_presence_account_of_another_tenant(berlin: Flow) -> None:
    assert not berlin.rollout().get("failed")
    foreign = _token(exp=time.time() + 3600, tid=berlin.world.pbxs["rome"].tenant_id)
    changes = {"tcx_console_presence": {"enabled": True, "account_token": foreign}}
    _refused(berlin, UNMANAGED, "tcx_console_presence.account_token is of the tenant ", **changes)


EXPIRED = "expired"
FOREIGN = "of another tenant"


def _useless(flow: Flow, why: str) -> str:
    other = flow.world.pbxs["rome"].tenant_id
    return _token(exp=1) if why == EXPIRED else _token(exp=time.time() + 3600, tid=other)


@pytest.mark.parametrize("why", [EXPIRED, FOREIGN])
def test_a_token_that_the_pbx_does_not_need_does_not_matter(berlin: Flow, why: str) -> None:
    """It stays in the inventory, and the PBX keeps the account that it has."""
    good = berlin.lab.automation_token(berlin.world.pbxs["berlin"].tenant_id)
    assert not berlin.rollout(tcx_console_presence={"account_token": good}).get("failed")
    stale = {"tcx_console_presence": {"account_token": _useless(berlin, why)}}
    for door in UNMANAGED:
        for check in (True, False):
            result = DOORS[door](berlin.begin(check=check, **stale), berlin.host)
            assert not result.get("failed"), result["msg"]
    assert berlin.compliance(**stale).verdict == "compliant"


@pytest.mark.parametrize("why", [EXPIRED, FOREIGN])
def test_a_report_is_made_whatever_token_the_inventory_has(berlin: Flow, why: str) -> None:
    """A report hands nothing over; that the account is missing is one difference among the controls."""
    assert not berlin.rollout().get("failed")
    entry = berlin.compliance(tcx_console_presence={"account_token": _useless(berlin, why)})
    assert (entry.verdict, [change["field"] for change in entry.changes]) == ("drifted", ["presence.account"])
    assert any(control["id"] == "sign_in.ready" for control in entry.controls)
    assert not [warning for warning in berlin.warnings if "account_token" in warning]


@pytest.mark.parametrize("synchronizes", [False, True], ids=["a new PBX", "a PBX that only lacks its link"])
@pytest.mark.parametrize("door", ["rollout", "roles"])
def test_users_who_come_with_the_link_can_be_opted_out_in_the_same_run(
    berlin: Flow, door: str, *, synchronizes: bool
) -> None:
    """The preflight reads a PBX before anybody knows the application that it is about to be linked to."""
    tenant = berlin.world.tenants[berlin.world.pbxs["berlin"].tenant_id]
    ada = next(iter(tenant.users.values()))["userPrincipalName"]
    if synchronizes:
        berlin.lab.control.patch_pbx("berlin", AdUsers={"IsEnabled": True, "SyncType": "SyncAllUsers"})
    changes = {"tcx_console_user_sync": {"enabled": True, "scope": "all"}, "tcx_console_sign_in": {"opt_out": [ada]}}
    assert berlin.compliance(**changes).verdict == "drifted"
    for check in (True, False):
        result = DOORS[door](berlin.begin(check=check, **changes), "berlin")
        assert not result.get("failed"), result["msg"]
    assert berlin.compliance(**changes).verdict == "compliant"


@pytest.mark.parametrize("why", [EXPIRED, FOREIGN])
@pytest.mark.parametrize("steps", [(("application",), ("grant",)), (("sign_in",),)], ids=["entra_app", "sso_verify"])
def test_a_role_that_hands_no_token_over_does_not_ask_how_good_it_is(berlin: Flow, steps: Any, why: str) -> None:
    assert not berlin.rollout().get("failed")
    changes = {"tcx_console_presence": {"account_token": _useless(berlin, why)}}
    for check in (True, False):
        result = berlin.begin(check=check, **changes).roles(*steps)[berlin.host]
        assert not result.get("failed"), result["msg"]


def test_check_mode_says_that_a_token_of_the_presence_account_was_not_tried(berlin: Flow) -> None:
    """Only the PBX can try it, and it keeps what it tries."""
    assert not berlin.rollout().get("failed")
    for token in ("opaque", _token(exp=time.time() + 3600)):
        berlin.run("rollout", check=True, tcx_console_presence={"account_token": token})
        told = [warning for warning in berlin.warnings if "account_token" in warning]
        assert len(told) == 1
        assert "tcx_console_presence.account_token: not checked" in told[0]


def _steady(text: str) -> str:
    return re.sub(r"(Trace ID|Correlation ID|Timestamp): \S+( \d\S+Z)?", r"\1", text)
