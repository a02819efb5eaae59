# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The automation's own application against the lab: made, found again, rotated, removed; and what must never be touched."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.action.automation_bootstrap import ARGUMENT_SPEC
from ansible_collections.tcx.m365.plugins.module_utils._arguments import read_arguments
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import automation
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability
from ansible_collections.tcx.m365.plugins.plugin_utils._automation import key as keys
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.bootstrap import (
    Bootstrap,
    Vault,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.outcome import Failed, Outcome, lines_of
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.place import Place
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import HostArguments, run_capability
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.graph import backdoor
from tcx_lab.hostile import Intruder
from tcx_lab.testing import Lab

PLAN = FleetPlan([TenantPlan("msp", users=1), TenantPlan("contoso", users=1)], [PbxPlan("berlin", "contoso")])
FULL = ["AppRoleAssignment.ReadWrite.All", "Application.ReadWrite.All"]


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    with Lab.start(PLAN, mode="thread") as lab:
        yield lab


class Msp:
    """A managed service provider with a home tenant and an empty directory."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab, self.control, self.directory = lab, lab.control, directory
        domains = {each["domain"].partition(".")[0]: each["id"] for each in lab.control.state()["tenants"]}
        self.home, self.customer = domains["msp"], domains["contoso"]
        self.roles: tuple[str, ...] = ("Application Administrator", "Privileged Role Administrator")
        self.scopes: list[str] | None = None
        self.user = "operator"

    def connection(self) -> dict[str, Any]:
        return {
            "authority_host": self.lab.endpoints["login"],
            "graph_endpoint": self.lab.endpoints["graph"],
            "ca_path": str(self.lab.ca_path),
            "deadline": 60,
        }

    def run(self, *, check: bool = False, vault: Vault | None = None, **given: Any) -> Outcome:
        names = {name: f"bootstrap_{name}" for name in ARGUMENT_SPEC}
        given.setdefault("wait_timeout", 20)
        options = read_arguments(ARGUMENT_SPEC, given, constraints={}, files=(), names=names).parameters
        options["cloud"] = "public"
        signed_in = self.control.sign_in(self.home, *self.roles, user=self.user, scopes=self.scopes)
        token = signed_in["accessToken"]
        connection = HostArguments({**self.connection(), "access_token": token, "auth_source": "access_token"}, {})
        place = Place(str(self.directory))
        work = Bootstrap(options, connection, self.runner(check), place, vault or Vault(), check_mode=check)
        return work.present() if options["state"] == "present" else work.absent()

    def runner(self, check: bool) -> Any:
        def run(capability: Capability, arguments: Mapping[str, Any], /, *, fresh: bool = False) -> dict[str, Any]:
            assert fresh in (True, False)
            return run_capability(
                capability,
                arguments,
                check_mode=check,
                store=RunStore(None),
                warn=lambda _text: None,
                notice=lambda _text: None,
                trace=lambda _text: None,
            )

        return run

    def application(self) -> dict[str, Any]:
        """The one application of ours in the home tenant."""
        found = [each for each in self.control.objects(self.home, "applications") if "tcx.m365" in each["tags"]]
        assert len(found) == 1
        return found[0]

    def access(self, tenant: str, **credential: Any) -> dict[str, Any]:
        arguments = {**self.connection(), "tenant_id": tenant, **credential}
        return dict(self.runner(check=False)(automation.ACCESS, HostArguments(arguments, {})))

    def variables(self) -> dict[str, str]:
        text = (self.directory / "inventory_vars.yml").read_text(encoding="utf-8")
        return dict(re.findall(r'^(\w+): "?([^"\n]*)"?$', text, re.MULTILINE))

    def writes(self) -> list[str]:
        return [f"{each['method']} {each['path']}" for each in self.control.writes()]


@pytest.fixture
def msp(running: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Msp:
    """Nothing has been made yet. Keys are short, because making long ones is most of the time of these tests."""
    monkeypatch.setattr(keys, "KEY_BITS", 2048)
    running.control.reset()
    return Msp(running, tmp_path / "bootstrap")


def test_it_makes_an_application_that_signs_in_and_a_second_run_changes_nothing(msp: Msp) -> None:
    first = msp.run()
    app = msp.application()
    assert app["signInAudience"] == "AzureADMultipleOrgs"
    assert app["web"]["redirectUris"] == ["http://localhost"]
    assert app["servicePrincipalLockConfiguration"]["isEnabled"] is True
    assert first.values["signed_in"] is True
    assert first.values["home_consented"] is True
    known = msp.variables()
    found = msp.access(msp.home, client_id=known["entra_client_id"], certificate_path=known["entra_certificate_path"])
    assert found["roles"] == FULL
    msp.control.clear_log()
    again = msp.run()
    assert (again.changes, msp.writes()) == ([], [])


def test_the_files_are_for_their_owner_alone_and_hold_no_key_but_in_its_file(msp: Msp) -> None:
    outcome = msp.run()
    assert stat.S_IMODE(msp.directory.stat().st_mode) == 0o700
    for path in msp.directory.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert ("PRIVATE KEY" in path.read_text(encoding="utf-8")) == (path.suffix == ".pem"), path
    shown = json.dumps([outcome.values, outcome.changes, outcome.diff])
    assert "PRIVATE KEY" not in shown + "\n".join(lines_of(outcome, check_mode=False, consents=[]))


def test_check_mode_predicts_and_writes_nothing(msp: Msp) -> None:
    outcome = msp.run(check=True)
    fields = {(each["target"], each["field"]) for each in outcome.changes}
    assert {("application", "state"), ("credential", "certificate"), ("app_role_assignments", "permissions")} <= fields
    assert msp.writes() == []
    assert not msp.directory.exists()


@pytest.mark.parametrize(
    ("profile", "roles"),
    [
        ("full", FULL),
        (
            "owned_by",
            ["AppRoleAssignment.ReadWrite.All", "Application.Read.All", "Application.ReadWrite.OwnedBy"],
        ),
        ("read_only", ["Application.Read.All"]),
    ],
)
def test_a_profile_is_exactly_the_rights_of_the_readme(msp: Msp, profile: str, roles: list[str]) -> None:
    msp.run(profile="full")
    msp.run(profile=profile)
    known = msp.variables()
    credential = {"client_id": known["entra_client_id"], "certificate_path": known["entra_certificate_path"]}
    assert msp.access(msp.home, **credential)["roles"] == roles
    msp.control.consent(msp.customer, known["entra_client_id"])
    assert msp.access(msp.customer, **credential)["roles"] == roles


def test_a_name_is_no_proof_whoever_took_it_first(msp: Msp) -> None:
    squatter = Msp(msp.lab, msp.directory.parent / "elsewhere")
    squatter.roles, squatter.user = (), "clerk"
    squatter.run()
    msp.control.clear_log()
    with pytest.raises(Failed, match="nothing shows that it was made here") as refused:
        msp.run()
    assert "bootstrap_app_id" in str(refused.value)
    assert (msp.writes(), msp.directory.exists() and list(msp.directory.glob("inventory*"))) in (([], False), ([], []))


def test_a_stranger_with_the_display_name_alone_stops_it_too(msp: Msp) -> None:
    other = Msp(msp.lab, msp.directory.parent / "elsewhere")
    other.run(unique_name="something-else")
    with pytest.raises(Failed, match="has an application with this name already"):
        msp.run()


def test_a_certificate_that_calls_itself_by_our_thumbprint_makes_nobody_the_automation(msp: Msp) -> None:
    """A run ended before it was recorded, and what it had made is gone; whoever adds a certificate to an application of his own
    chooses its `customKeyIdentifier`, and lists show nothing else of it."""
    made = msp.run()
    world, app = msp.lab.world, msp.application()
    assert world is not None
    tenant, record = world.tenants[msp.home], msp.directory / "automation.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "app_id": ""}))
    backdoor.delete_object(world, tenant, "applications", app["id"])
    tenant.deleted_items.clear()
    eve = Intruder(world, tenant)
    trap = eve.register(app["displayName"])
    eve.add_certificate(trap, customKeyIdentifier=app["keyCredentials"][0]["customKeyIdentifier"])
    eve.leave(trap)
    with pytest.raises(Failed, match="nothing shows that it was made here"):
        msp.run()
    assert made.values["app_id"] != trap["appId"]
    assert tenant.applications[trap["id"]]["tags"] == []


@pytest.mark.parametrize("what", ["secret", "owner"])
def test_what_somebody_else_can_use_stops_it_until_the_application_is_stated(msp: Msp, what: str) -> None:
    made = msp.run()
    app = msp.application()
    world = msp.lab.world
    assert world is not None
    tenant = world.tenants[msp.home]
    if what == "secret":
        from tcx_lab.graph import add_secret

        add_secret(world, tenant, app["id"])
    else:
        stranger = msp.control.sign_in(msp.home, user="clerk")["user_id"]
        tenant.owners.setdefault(app["id"], []).append(stranger)
    msp.control.clear_log()
    with pytest.raises(Failed, match="did not come from here"):
        msp.run(permissions=["User.Read.All"])
    assert msp.writes() == []
    stated = msp.run(permissions=["User.Read.All"], app_id=made.values["app_id"])
    assert any("did not come from here" in each for each in stated.warnings)
    assert "User.Read.All" in stated.values["permissions"]


def test_rotation_adds_sees_and_only_then_retires(msp: Msp) -> None:
    msp.run()
    old = msp.variables()["entra_certificate_path"]
    rotated = msp.run(rotate=True)
    assert len(msp.application()["keyCredentials"]) == 2
    new = msp.variables()["entra_certificate_path"]
    assert new != old
    assert any("stays until" in each for each in rotated.notes)
    app_id = msp.variables()["entra_client_id"]
    for path in (old, new):
        assert not msp.access(msp.home, client_id=app_id, certificate_path=path).get("failed")
    # Asked for again before the earlier one has gone, it finishes this rotation instead of beginning another.
    msp.run(rotate=True)
    assert len(msp.application()["keyCredentials"]) == 2
    done = msp.run(rotate_overlap_days=0)
    assert [each["thumbprint"] for each in done.values["certificates"]] == [
        each["customKeyIdentifier"] for each in msp.application()["keyCredentials"]
    ]
    assert not Path(old).exists()
    assert Path(new).exists()


def test_a_certificate_that_cannot_sign_in_retires_nothing(msp: Msp) -> None:
    msp.run()
    msp.control.set_switches(conditional_access_blocks="*")
    with pytest.raises(Failed, match="53003"):
        msp.run(rotate=True, rotate_overlap_days=0)
    assert len(msp.application()["keyCredentials"]) == 2


def test_replication_is_waited_for(msp: Msp) -> None:
    msp.control.set_switches(replication_reads=2)
    assert msp.run().values["signed_in"] is True
    assert msp.run().changes == []


def test_it_can_be_removed_and_made_again(msp: Msp) -> None:
    app_id = msp.run().values["app_id"]
    checked = msp.run(check=True, state="absent")
    assert checked.changes
    assert msp.application()
    msp.run(state="absent")
    assert not [each for each in msp.control.objects(msp.home, "applications") if each["appId"] == app_id]
    assert sorted(path.name for path in msp.directory.iterdir()) == ["automation.json"]
    assert msp.run(state="absent").changes == []
    assert msp.run().values["app_id"] == app_id
    msp.run(state="absent", purge=True)
    assert list(msp.directory.iterdir()) == []


def test_nothing_of_somebody_else_is_removed(msp: Msp) -> None:
    other = Msp(msp.lab, msp.directory.parent / "elsewhere")
    other.run()
    with pytest.raises(Failed, match="bootstrap_app_id"):
        msp.run(state="absent")
    assert msp.application()


def test_without_the_scope_nothing_is_written(msp: Msp) -> None:
    msp.scopes = ["User.Read.All", "Application.Read.All"]
    with pytest.raises(Failed, match=r"delegated permission Application\.ReadWrite\.All"):
        msp.run()
    assert msp.writes() == []


def test_who_may_not_consent_gets_the_address(msp: Msp) -> None:
    msp.roles = ("Application Administrator",)
    outcome = msp.run()
    assert outcome.values["home_consented"] is False
    assert any(
        f"{msp.home}/adminconsent?client_id={outcome.values['app_id']}" in each
        and "Privileged Role Administrator" in each
        for each in outcome.notes
    )
    assert outcome.values["signed_in"] is True


def test_a_federated_credential_signs_in_without_any_key(msp: Msp) -> None:
    given = {"credential": "federated", "federated_repository": "octo-org/phones", "federated_ref": "main"}
    msp.run(**given)
    assert not list(msp.directory.glob("*.pem"))
    assert msp.application()["keyCredentials"] == []
    base = f"{msp.lab.endpoints['login']}/_issuer/github/token"
    with msp.lab.client() as http:
        answer = http.get(
            base, params={"sub": "repo:octo-org/phones:ref:refs/heads/main"}, headers={"Authorization": "Bearer x"}
        ).json()
    found = msp.access(msp.home, client_id=msp.variables()["entra_client_id"], federated_token=answer["value"])
    assert found["roles"] == FULL
    assert msp.run(**given).changes == []
    changed = msp.run(**{**given, "federated_ref": "release"})
    assert [each["field"] for each in changed.changes if each["target"] == "federated_credential"] == ["subject"]


def test_a_key_of_ansible_vault_stands_nowhere_in_clear(msp: Msp) -> None:
    kept: dict[str, str] = {}

    def encrypt(text: str) -> str:
        kept["$ANSIBLE_VAULT;1.1;AES256\n616263"] = text
        return "$ANSIBLE_VAULT;1.1;AES256\n616263\n"

    vault = Vault(encrypt, lambda text: kept[text])
    assert msp.run(vault=vault).values["signed_in"] is True
    assert not list(msp.directory.glob("*.pem"))
    assert not any("PRIVATE KEY" in path.read_text(encoding="utf-8") for path in msp.directory.iterdir())
    text = (msp.directory / "inventory_vars.yml").read_text(encoding="utf-8")
    assert "entra_certificate: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  616263\n" in text
    assert msp.run(vault=vault).changes == []
    without = msp.run()
    assert without.changes == []
    assert any("--vault-password-file" in each for each in without.warnings)


def test_a_rotation_that_was_cut_off_never_takes_one_key_for_another(msp: Msp) -> None:
    kept: list[str] = []

    def encrypt(text: str) -> str:
        kept.append(text)
        return f"$ANSIBLE_VAULT;1.1;AES256\n{len(kept) - 1:04}\n"

    vault = Vault(encrypt, lambda text: kept[int(text.splitlines()[1])])
    msp.run(vault=vault)
    msp.control.set_switches(conditional_access_blocks="*")
    with pytest.raises(Failed, match="53003"):
        msp.run(vault=vault, rotate=True, rotate_overlap_days=0)
    msp.control.set_switches(conditional_access_blocks="")
    done = msp.run(vault=vault, rotate_overlap_days=0)
    (left,) = msp.application()["keyCredentials"]
    assert [each["thumbprint"] for each in done.values["certificates"]] == [left["customKeyIdentifier"]]
    text = (msp.directory / "inventory_vars.yml").read_text(encoding="utf-8")
    assert "  0001\n" in text
    assert len(list(msp.directory.glob("*.vault"))) == 1


def test_a_directory_belongs_to_one_home_tenant(msp: Msp) -> None:
    msp.run()
    elsewhere = Msp(msp.lab, msp.directory)
    elsewhere.home = msp.customer
    with pytest.raises(BadInput, match="belongs to the tenant"):
        elsewhere.run()


def test_a_damaged_record_is_an_error_and_not_a_new_application(msp: Msp) -> None:
    msp.run()
    (msp.directory / "automation.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BadInput, match=r"automation\.json cannot be read"):
        msp.run()


def test_a_later_run_remembers_what_the_first_was_given(msp: Msp) -> None:
    msp.run(profile="read_only", permissions=["User.Read.All"])
    later = msp.run(rotate=True)
    assert later.values["permissions"] == ["Application.Read.All", "User.Read.All"]
    assert not [each for each in later.changes if "permissions" in each["field"]]
    federated = Msp(msp.lab, msp.directory.parent / "federated")
    names = {"unique_name": "federated", "display_name": "federated"}
    federated.run(credential="federated", federated_repository="o/r", **names)
    assert federated.run(**names).changes == []
    assert not list(federated.directory.glob("*.pem"))


def test_what_a_policy_forbids_is_tried_again_with_what_it_allows(msp: Msp) -> None:
    world = msp.lab.world
    assert world is not None
    restriction = {"restrictionType": "asymmetricKeyLifetime", "state": "enabled", "maxLifetime": "P90D"}
    world.tenants[msp.home].default_policy = {
        "id": "00000000-0000-0000-0000-000000000000",
        "isEnabled": True,
        "applicationRestrictions": {"keyCredentials": [restriction], "passwordCredentials": []},
    }
    with pytest.raises(Failed, match="bootstrap_certificate_days"):
        msp.run()
    assert not list(msp.directory.glob("*.pem"))
    assert msp.run(certificate_days=60).values["signed_in"] is True


def test_an_application_that_was_deleted_by_hand_is_restored_or_made_anew(msp: Msp) -> None:
    app_id = msp.run().values["app_id"]
    msp.control.delete_object(msp.home, "applications", msp.application()["id"])
    assert msp.run().values["app_id"] == app_id
    object_id = msp.application()["id"]
    msp.control.delete_object(msp.home, "applications", object_id)
    msp.control.delete_object(msp.home, "deletedItems", object_id)
    assert msp.run().values["app_id"] != app_id
    msp.control.delete_object(msp.home, "applications", msp.application()["id"])
    assert msp.run(state="absent", purge=True).values["app_id"]


def test_an_application_may_make_it_instead_of_a_person(msp: Msp) -> None:
    """Whose rights are those of its token: nobody has to sign in where that is forbidden."""
    world = msp.lab.world
    assert world is not None
    automation = world.automation
    assert automation is not None
    given = {"client_id": automation.app_id, "client_secret": automation.client_secret, "tenant_id": msp.home}
    options = read_arguments(ARGUMENT_SPEC, {"wait_timeout": 20}, constraints={}, files=(), names={}).parameters
    connection = HostArguments({**msp.connection(), **given, "auth_source": "client_secret"}, {})
    work = Bootstrap(
        {**options, "cloud": "public"},
        connection,
        msp.runner(check=False),
        Place(str(msp.directory)),
        Vault(),
        check_mode=False,
    )
    assert work.present().values["signed_in"] is True
