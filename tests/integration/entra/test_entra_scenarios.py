# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What operators do with applications and grants, run in this process against the lab."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.integration.entra.customers import (
    APP,
    APP_INFO,
    GRANT,
    GRANT_INFO,
    GUIDE,
    URI,
    Bench,
    Customer,
    guide,
    key_credential,
)
from cryptography.hazmat.primitives import serialization
from tcx_lab.ca import KeyPair
from tcx_lab.graph import seed
from tcx_lab.world import README_PERMISSIONS


def _made(result: dict[str, Any]) -> dict[str, Any]:
    assert "msg" not in result, result
    return result


# --- rights ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("roles", [(), ("User.Read.All",), ("Application.Read.All",)])
def test_a_missing_right_is_named_before_anything_is_written(customer: Customer, roles: tuple[str, ...]) -> None:
    result = customer.allowed(*roles).run().task(APP, **guide())
    assert result["error"]["kind"] == "forbidden"
    assert "Application.ReadWrite.All" in result["error"]["missing"]
    assert customer.writes() == []


def test_an_auditor_may_look_with_fewer_rights(customer: Customer) -> None:
    auditor = customer.allowed("Application.Read.All", "DelegatedPermissionGrant.Read.All")
    run = auditor.run()
    result = _made(run.task(APP, check=True, **guide()))
    assert result["changed"]
    assert any("Application.ReadWrite" in warning for warning in run.warnings)
    assert _made(run.task(APP_INFO, unique_name="3cx-acme"))["applications"] == []
    assert customer.writes() == []


def test_who_may_not_grant_gets_the_address_for_an_administrator(customer: Customer) -> None:
    made = _made(customer.run().task(APP, **guide()))
    weak = customer.allowed("Application.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All")
    customer.clear_log()
    failed = weak.run().task(GRANT, app_id=made["app_id"], permissions=GUIDE)
    url = failed["error"]["admin_consent_url"]
    assert url.startswith(
        f"{customer.bench.world.endpoints.login}/{customer.tenant.id}/adminconsent?client_id={made['app_id']}"
    )
    assert url in failed["msg"]
    assert failed["admin_consent_url"] == url
    assert failed["error"]["missing"] == ["AppRoleAssignment.ReadWrite.All"]
    reported = _made(weak.run().task(GRANT, app_id=made["app_id"], permissions=GUIDE, on_missing_rights="report"))
    assert not reported["changed"]
    assert reported["admin_consent_url"] == url
    assert reported["changes"][0]["after"] == sorted(GUIDE)
    assert customer.writes() == []
    assert _made(weak.run().task(GRANT, app_id=made["app_id"], delegated_permissions=["openid"]))["granted"] == [
        "openid"
    ]


def test_owned_by_is_enough_for_what_the_automation_makes(bench: Bench, customer: Customer) -> None:
    weak = customer.allowed("Application.ReadWrite.OwnedBy", "AppRoleAssignment.ReadWrite.All")
    made = _made(weak.run().task(APP, **guide(bench.pair())))
    assert customer.application()["appId"] == made["app_id"]
    assert not _made(weak.run().task(APP, **guide()))["changed"]


# --- signing in --------------------------------------------------------------------------------------------------------------


def test_one_token_serves_a_run_and_a_refused_secret_is_tried_once(customer: Customer) -> None:
    run = customer.run()
    for number in range(3):
        _made(run.task(APP_INFO, unique_name=f"x{number}"))
    assert len(customer.tokens()) == 1
    customer.clear_log()
    run = customer.run()
    first, second = (run.task(APP, **guide(), client_secret="wrong") for _each in range(2))
    assert first["error"]["code"] == second["error"]["code"] == "AADSTS7000215"
    assert "not tried again" in second["msg"]
    assert len(customer.tokens()) == 1


def test_a_certificate_signs_in(bench: Bench, customer: Customer, tmp_path: Path) -> None:
    pair = bench.pair("automation")
    home = bench.world.tenants[customer.automation.home_tenant_id]
    seed.add_certificate(bench.world, home, customer.automation.object_id, pair.certificate)
    key = pair.private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "automation.pem"
    path.write_bytes(key + pair.public_pem.encode())
    result = _made(customer.run().task(APP_INFO, unique_name="x", client_secret=None, certificate_path=str(path)))
    assert result["auth_source"] == "certificate"
    stranger = bench.pair("stranger")
    text = stranger.private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    refused = customer.run().task(APP_INFO, unique_name="x", client_secret=None, certificate=text + stranger.public_pem)
    assert refused["error"]["code"] == "AADSTS700027"


def test_a_ready_token_works_and_is_checked_for_its_tenant(bench: Bench, customer: Customer) -> None:
    run = customer.run()
    _made(run.task(APP_INFO, unique_name="x"))
    token = max(run.secrets, key=len)
    result = _made(customer.run().task(APP_INFO, unique_name="x", client_secret=None, access_token=token))
    assert result["auth_source"] == "access_token"
    other = bench.customer()
    refused = other.run().task(APP, **guide(), client_secret=None, access_token=token)
    assert f"the token is of tenant {customer.tenant.id}" in refused["msg"]
    assert other.writes() == []


def test_the_environment_signs_in(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = customer.connection
    for variable, option in {
        "AZURE_TENANT_ID": "tenant_id",
        "AZURE_CLIENT_ID": "client_id",
        "AZURE_CLIENT_SECRET": "client_secret",
        "AZURE_AUTHORITY_HOST": "authority_host",
        "ENTRA_GRAPH_ENDPOINT": "graph_endpoint",
        "ENTRA_CA_PATH": "ca_path",
    }.items():
        monkeypatch.setenv(variable, connection[option])
    run = customer.run()
    nothing = dict.fromkeys(connection)
    assert _made(run.task(APP_INFO, **{**nothing, "unique_name": "x"}))["auth_source"] == "client_secret"
    assert connection["client_secret"] in run.secrets, "it is kept out of all output, though no option carries it"


def test_a_domain_names_the_tenant(customer: Customer) -> None:
    result = _made(customer.run().task(APP_INFO, unique_name="x", tenant_id=customer.tenant.domain))
    assert result["tenant_id"] == customer.tenant.id


@pytest.mark.parametrize("cloud", ["usgov", "usgov_dod", "china"])
def test_national_clouds_by_their_own_addresses(cloud: str, customer: Customer) -> None:
    """Without endpoints of a lab the addresses of the cloud are used; here nobody answers there."""
    result = customer.run().task(
        APP_INFO,
        unique_name="x",
        cloud=cloud,
        authority_host=None,
        graph_endpoint=None,
        proxy="http://127.0.0.1:9",
        deadline=5,
    )
    host = {"china": "login.partner.microsoftonline.cn"}.get(cloud, "login.microsoftonline.us")
    assert result["error"]["kind"] in ("unreachable", "deadline")
    assert host in result["msg"]


# --- applications ------------------------------------------------------------------------------------------------------------


def test_a_name_that_two_applications_have(customer: Customer) -> None:
    both = [customer.register(name="3CX Server-side") for _each in range(2)]
    result = customer.run().task(APP, **{**guide(), "unique_name": None})
    assert result["error"]["kind"] == "ambiguous"
    assert all(each["appId"] in result["msg"] for each in both)
    assert customer.writes() == []


def test_adoption_by_redirect_uri(customer: Customer) -> None:
    theirs = customer.register(web={"redirectUris": [URI, "https://other.example"]})
    customer.register(name="another", web={"redirectUris": [URI]}, uniqueName="3cx-other")
    result = _made(customer.run().task(APP, **guide(adopt=["redirect_uri"])))
    assert result["app_id"] == theirs["appId"]
    assert {"target": "application", "field": "unique_name", "before": None, "after": "3cx-acme"} in result["changes"]


def test_two_keys_that_lead_apart(customer: Customer) -> None:
    customer.run().task(APP, **guide())
    other = customer.register()
    customer.clear_log()
    result = customer.run().task(APP, **guide(), app_id=other["appId"])
    assert result["error"]["kind"] == "conflict"
    assert customer.writes() == []


def test_an_app_id_that_does_not_exist(customer: Customer) -> None:
    result = customer.run().task(APP, **guide(), app_id="99999999-1111-2222-3333-444444444444")
    assert result["error"]["kind"] == "not_found"
    assert customer.writes() == []
    gone = customer.run().task(APP, app_id="99999999-1111-2222-3333-444444444444", state="absent")
    assert not _made(gone)["changed"]


def test_a_read_that_is_refused_is_not_absence(bench: Bench, customer: Customer) -> None:
    bench.trouble("status", method="GET", path="uniqueName", status=403, times=0)
    bench.trouble("status", path="batch", status=403, times=0)
    result = customer.run().task(APP, **guide())
    assert result["error"]["status"] == 403
    assert customer.applications() == []


def test_a_foreign_application_is_neither_deleted_nor_emptied(customer: Customer) -> None:
    theirs = customer.register(web={"redirectUris": ["https://theirs.example"]})
    for options in ({"state": "absent"}, {"redirect_uris": [URI], "redirect_uris_exclusive": True}):
        result = customer.run().task(APP, app_id=theirs["appId"], **options)
        assert result["error"]["kind"] == "not_ours", options
    assert customer.writes() == []
    assert _made(customer.run().task(APP, app_id=theirs["appId"], state="absent", force=True))["changed"]


def test_every_other_property(customer: Customer) -> None:
    customer = customer.allowed(*README_PERMISSIONS, "Directory.Read.All")  # to add owners
    owner = next(iter(customer.tenant.service_principals))
    options = guide(
        spa_redirect_uris=["https://acme.example.com/webclient"],
        public_client_redirect_uris=["http://localhost"],
        home_page_url="https://acme.example.com",
        logout_url="https://acme.example.com/logout",
        notes="PBX of Acme",
        tags=["telephony"],
        optional_claims={"id_token": [{"name": "upn", "essential": True}]},
        service_principal_lock={"enabled": True, "all_properties": True},
        service_principal={"enabled": True, "assignment_required": True, "visible": True},
        owners=[owner],
        features=["presence", "groups"],
        delegated_permissions=["openid"],
    )
    made = _made(customer.run().task(APP, **options))
    (shown,) = _made(customer.run().task(APP_INFO, unique_name="3cx-acme"))["applications"]
    for name in ("spa_redirect_uris", "public_client_redirect_uris", "home_page_url", "logout_url", "notes"):
        assert shown[name] == options[name]
    assert {"telephony", "tcx.m365"} <= set(shown["tags"])
    assert shown["optional_claims"]["id_token"][0]["name"] == "upn"
    assert shown["service_principal_lock"]["all_properties"]
    assert shown["service_principal"] == {"enabled": True, "assignment_required": True, "visible": True}
    assert owner in shown["owners"]
    assert shown["permissions"] == [*GUIDE, "Presence.ReadWrite.All", "GroupMember.Read.All"]
    assert shown["delegated_permissions"] == ["openid"]
    again = _made(customer.run().task(APP, **options))
    assert (again["changes"], again["app_id"]) == ([], made["app_id"])
    off = _made(customer.run().task(APP, unique_name="3cx-acme", notes="", service_principal={"visible": False}))
    assert {each["field"] for each in off["changes"]} == {"notes", "visible"}


def test_restoring_when_the_service_principal_comes_back_or_not(bench: Bench, customer: Customer) -> None:
    for comes_back in (True, False):
        bench.switch(restore_restores_service_principal=comes_back)
        made = _made(customer.run().task(APP, **guide()))
        _made(customer.run().task(APP, unique_name="3cx-acme", state="absent"))
        back = _made(customer.run().task(APP, **guide()))
        assert back["app_id"] == made["app_id"]
        assert back["service_principal_id"] in customer.tenant.service_principals


# --- certificates --------------------------------------------------------------------------------------------------------------


def test_rotation_over_the_overlap(bench: Bench, customer: Customer) -> None:
    old, new, theirs = bench.pair("old"), bench.pair("new"), bench.pair("theirs")
    _made(customer.run().task(APP, **guide(old)))
    customer.change(customer.application(), keyCredentials=[*_kept(customer), key_credential(theirs)])
    desired = guide(new, certificates_rotate_overlap_days=14)
    _made(customer.run().task(APP, **desired))
    everything = {old.thumbprint, new.thumbprint, theirs.thumbprint}
    assert customer.thumbprints() == everything
    assert not _made(customer.run().task(APP, **desired))["changed"]
    # As if the old one had been registered a year and the new one three weeks ago.
    _registered(customer, new, days=21)
    _made(customer.run().task(APP, **desired))
    assert customer.thumbprints() == everything, "the old one was registered today: a PBX may have needed it back"
    _registered(customer, old, days=365)
    _made(customer.run().task(APP, **desired))
    assert customer.thumbprints() == {new.thumbprint, theirs.thumbprint}


def _registered(customer: Customer, pair: KeyPair, days: int) -> None:
    """As if an entry had been registered that many days ago."""
    since = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
    for entry in customer.application()["keyCredentials"]:
        if entry["customKeyIdentifier"] == pair.thumbprint:
            entry["displayName"] = f"tcx.m365 {since:%Y-%m-%d}"


def _kept(customer: Customer) -> list[dict[str, Any]]:
    return [{**entry, "key": None} for entry in customer.application()["keyCredentials"]]


def test_exclusive_certificates_and_what_is_kept(bench: Bench, customer: Customer) -> None:
    one, two, three = (bench.pair(name) for name in ("one", "two", "three"))
    _made(customer.run().task(APP, **guide(certificates=[each.public_pem for each in (one, two, three)])))
    _made(
        customer.run().task(APP, **guide(one, certificates_exclusive=True, certificates_keep=[two.thumbprint.lower()]))
    )
    assert customer.thumbprints() == {one.thumbprint, two.thumbprint}


def test_a_policy_that_forbids_the_lifetime_is_read_first(bench: Bench, customer: Customer) -> None:
    policy = {
        "id": "p",
        "isEnabled": True,
        "applicationRestrictions": {
            "keyCredentials": [{"restrictionType": "asymmetricKeyLifetime", "maxLifetime": "P90D", "state": "enabled"}]
        },
    }
    customer.tenant.default_policy = policy
    pair = bench.pair()
    reader = customer.allowed("Application.ReadWrite.All", "Policy.Read.All")
    told = reader.run().task(APP, **guide(pair))
    assert "allows certificates to be valid for 90 days" in told["msg"]
    assert customer.writes() == []
    blind = customer.allowed("Application.ReadWrite.All").run().task(APP, **guide(pair))
    assert blind["error"]["code"] == "CredentialInvalidLifetimeAsPerAppPolicy"
    assert "shorter lifetime" in blind["msg"]


@pytest.mark.parametrize("blocks", [False, True])
def test_an_entry_that_expired_before_its_certificate_is_replaced(
    bench: Bench, customer: Customer, *, blocks: bool
) -> None:
    """Graph takes no other dates for an entry that is there, and a new one in its place."""
    pair = bench.pair("pbx")
    _made(customer.run().task(APP, **guide(pair)))
    ids = []
    for _year in range(2):
        (entry,) = customer.application()["keyCredentials"]
        ids.append(entry["keyId"])
        yesterday = bench.world.clock.now() - dt.timedelta(days=1)
        entry.update(endDateTime=f"{yesterday:%Y-%m-%dT%H:%M:%SZ}")
        bench.switch(expired_key_blocks_patch=blocks)
        planned = customer.run().task(APP, check=True, **guide(pair))
        done = _made(customer.run().task(APP, **guide(pair)))
        assert [change["field"] for change in done["changes"]] == ["certificates"]
        assert planned["changes"] == done["changes"]
        (entry,) = customer.application()["keyCredentials"]
        assert entry["keyId"] != ids[-1]
        assert customer.run().task(APP, **guide(pair))["changed"] is False


def test_an_expired_entry_that_blocks_is_explained_and_pruned(bench: Bench, customer: Customer) -> None:
    now = dt.datetime.now(dt.UTC)
    _made(customer.run().task(APP, **guide()))
    dead = bench.pair("dead")
    customer.change(customer.application(), keyCredentials=[key_credential(dead)])
    customer.application()["keyCredentials"][0]["endDateTime"] = (now - dt.timedelta(days=2)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )
    bench.switch(expired_key_blocks_patch=True)
    new = bench.pair("new")
    blocked = customer.run().task(APP, **guide(new))
    assert "certificates_prune_expired" in blocked["msg"]
    _made(customer.run().task(APP, **guide(new, certificates_prune_expired=True)))
    assert customer.thumbprints() == {new.thumbprint}


# --- grants --------------------------------------------------------------------------------------------------------------------


@pytest.mark.rights("DelegatedPermissionGrant.ReadWrite.All")
def test_exclusive_grants_and_other_scopes(customer: Customer) -> None:
    made = _made(customer.run().task(APP, **guide()))
    app = {"app_id": made["app_id"]}
    _made(
        customer.run().task(GRANT, **app, permissions=["Directory.Read.All"], delegated_permissions=["openid", "email"])
    )
    more = _made(customer.run().task(GRANT, **app, features=["user_sync"], delegated_permissions=["profile"]))
    assert more["granted"] == ["User.Read.All", "profile"]
    assert more["unneeded"] == ["Directory.Read.All", "email", "openid"]
    assert more["delegated_permissions"] == ["email", "openid", "profile"]
    strict = _made(
        customer.run().task(GRANT, **app, features=["user_sync"], delegated_permissions=["profile"], exclusive=True)
    )
    assert strict["revoked"] == ["Directory.Read.All", "email", "openid"]
    assert customer.roles(made["app_id"]) == {"User.Read.All"}
    nothing = _made(customer.run().task(GRANT, **app, state="absent"))
    assert nothing["revoked"] == ["User.Read.All", "profile"]
    info = _made(customer.run().task(GRANT_INFO, **app))
    assert (info["application_permissions"], info["delegated_permissions"]) == ([], [])


def test_other_apis(customer: Customer) -> None:
    resources = {
        each["displayName"]: each for each in customer.tenant.service_principals.values() if each.get("appRoles")
    }
    name, resource = next((key, each) for key, each in resources.items() if key != "Microsoft Graph")
    role = next(each for each in resource["appRoles"] if "Application" in each["allowedMemberTypes"])
    made = _made(
        customer.run().task(APP, **guide(permissions=[{"resource": resource["appId"], "name": role["value"]}]))
    )
    grant = {"app_id": made["app_id"], "permissions": [f"{resource['appId']}/{role['value']}"]}
    assert _made(customer.run().task(GRANT, **grant))["granted"] == [f"{name}/{role['value']}"]
    assert not _made(customer.run().task(GRANT, **grant))["changed"]
    assert _made(customer.run().task(GRANT_INFO, app_id=made["app_id"]))["unneeded"] == []


def test_grants_of_an_application_without_a_service_principal(customer: Customer) -> None:
    application = customer.register()
    predicted = _made(customer.run().task(GRANT, check=True, app_id=application["appId"], permissions=GUIDE))
    granted = _made(customer.run().task(GRANT, app_id=application["appId"], permissions=GUIDE))
    assert granted["changes"] == predicted["changes"]
    assert customer.roles(application["appId"]) == set(GUIDE)


def test_grants_of_an_unknown_application(customer: Customer) -> None:
    result = customer.run().task(GRANT, app_id="99999999-1111-2222-3333-444444444444", permissions=GUIDE)
    assert result["error"]["kind"] == "not_found"
    assert "azure_app_registration" in result["msg"]


def test_a_typo_in_a_grant_fails_before_any_write(customer: Customer) -> None:
    made = _made(customer.run().task(APP, **guide()))
    customer.clear_log()
    result = customer.run().task(GRANT, app_id=made["app_id"], permissions=["User.Read.All", "Mail.Sent"])
    assert "Did you mean Mail.Send" in result["msg"]
    assert customer.writes() == []
    assert result["error"]["kind"] == "bad_input"


def test_nothing_of_a_token_is_in_any_result(customer: Customer) -> None:
    run = customer.run()
    made = _made(run.task(APP, **guide()))
    granted = _made(run.task(GRANT, app_id=made["app_id"], permissions=GUIDE))
    shown = json.dumps([made, granted, run.trace, run.warnings])
    assert run.secrets
    assert not [secret for secret in run.secrets if secret in shown]
