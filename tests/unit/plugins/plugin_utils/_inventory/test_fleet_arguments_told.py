# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each step is given of the variables of a host, and the variable that a message about it names."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import permissions as entra_permissions
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of

Json = dict[str, Any]

TENANT = "11111111-2222-3333-4444-555555555555"
CONSOLE_TENANT = "99999999-2222-3333-4444-555555555555"
APP, STATED = "aaaaaaaa-2222-3333-4444-555555555555", "bbbbbbbb-2222-3333-4444-555555555555"
URI = "https://pbx.example.com/oauth2office2"
HOST: Json = {
    "tcx_url": "https://pbx.example.com",
    "tcx_client_id": "automation",
    "tcx_client_secret": "S3CRET",
    "tcx_fqdn": ["pbx.internal.example"],
    "entra_tenant_id": TENANT,
    "entra_client_id": STATED,
    "entra_client_secret": "S3CRET",
}


def test_the_check_of_the_tenant_knows_what_the_pbx_has_said() -> None:
    said = {
        "status": {"application_id": APP, "ok": True},
        "linked_tenant_id": CONSOLE_TENANT,
        "tls_certificate": {"thumbprint": "AB" * 20},
    }
    given = arguments_of.entra_preflight_arguments({**HOST, "sso_verify_people": True}, said)
    assert (given["pbx_app_id"], given["pbx_healthy"], given["pbx_tenant_id"]) == (APP, True, CONSOLE_TENANT)
    assert (given["pbx"], given["pbx_names"]) == ("https://pbx.example.com", ["pbx.internal.example"])
    assert (given["users"], given["pbx_tls_thumbprint"]) == (True, "AB" * 20)


@pytest.mark.parametrize("said", [{}, {"status": None, "tls_certificate": None, "linked_tenant_id": None}])
def test_a_pbx_that_has_said_nothing_points_to_nothing(said: Json) -> None:
    given = arguments_of.entra_preflight_arguments({"tcx_url": "https://pbx.example.com"}, said)
    assert (given["pbx_app_id"], given["pbx_healthy"], given["pbx_tenant_id"]) == ("", False, "")
    assert (given["pbx_names"], given["users"]) == ([], False)
    assert "pbx_tls_thumbprint" not in given


@pytest.mark.parametrize(
    ("variables", "application", "tenant", "named"),
    [
        ({}, APP, TENANT, "entra_tenant_id"),
        ({"tcx_console_application_id": STATED}, STATED, TENANT, "entra_tenant_id"),
        ({"tcx_console_tenant_id": CONSOLE_TENANT}, APP, CONSOLE_TENANT, "tcx_console_tenant_id"),
    ],
)
def test_the_pbx_and_the_probe_get_one_identity(variables: Json, application: str, tenant: str, named: str) -> None:
    known = {**HOST, **variables}
    for given in (arguments_of.settings_arguments(known, APP), arguments_of.probe_arguments(known, APP, URI)):
        assert (given["application_id"], given["tenant_id"]) == (application, tenant)
        assert given.names["application_id"] == "tcx_console_application_id"
        assert given.names["tenant_id"] == named


def test_without_a_tenant_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_TENANT_ID", raising=False)
    given = arguments_of.settings_arguments({"tcx_url": "https://pbx.example.com"}, APP)
    assert "tenant_id" not in given


@pytest.mark.parametrize(
    ("variables", "uri"),
    [({}, URI), ({"entra_app_redirect_uris": ["https://a.example/x", URI]}, "https://a.example/x")],
)
def test_the_probe_signs_in_to_neither_side(variables: Json, uri: str) -> None:
    given = arguments_of.probe_arguments({**HOST, **variables}, APP, URI)
    assert (given["redirect_uri"], given["require"]) == (uri, True)
    assert given.names["redirect_uri"] == "entra_app_redirect_uris"
    assert "S3CRET" not in str(dict(given))


def test_who_is_removed_is_told_with_the_evidence_that_is_asked_for() -> None:
    by_name = arguments_of.removal_identity({**HOST, "entra_app_public_key": "PEM"})
    expected = {"pbx": "https://pbx.example.com", "pbx_names": ["pbx.internal.example"], "certificates": ["PEM"]}
    assert by_name == {**expected, "require_evidence": True}
    stated = arguments_of.removal_identity({**HOST, "entra_app_app_id": APP})
    assert stated == {**expected, "certificates": None, "require_evidence": False}


def test_the_directory_is_the_one_that_the_pbx_works_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_TENANT_ID", raising=False)
    assert arguments_of.directory_arguments(HOST)["tenant_id"] == TENANT
    console = {**HOST, "tcx_console_tenant_id": CONSOLE_TENANT}
    assert arguments_of.directory_arguments(console)["tenant_id"] == CONSOLE_TENANT
    assert arguments_of.directory_arguments(console)["client_secret"] == "S3CRET"
    assert "tenant_id" not in arguments_of.directory_arguments({})


def test_people_are_compared_with_those_of_the_directory() -> None:
    given = arguments_of.people_arguments(HOST, [{"id": "u"}])
    assert (given["gather"], given["health"], given["directory_users"]) == (["users"], False, [{"id": "u"}])
    assert given["url"] == "https://pbx.example.com"


def test_each_side_gets_its_own_connection_and_no_more() -> None:
    pbx = arguments_of.pbx_connection(HOST)
    assert pbx["url"] == "https://pbx.example.com"
    assert pbx["client_secret"] == "S3CRET"
    assert pbx.names["url"] == "tcx_url"
    assert "tenant_id" not in pbx
    entra = arguments_of.entra_connection({**HOST, "entra_app_tags": ["x"]})
    assert (entra["client_id"], entra["tenant_id"]) == (STATED, TENANT)
    assert "tags" not in entra
    bare = arguments_of.without_credentials(entra)
    assert bare["tenant_id"] == TENANT
    assert bare.names == entra.names
    assert not {"client_id", "client_secret", "auth_source"} & set(bare)


@pytest.mark.parametrize(
    ("variables", "texts", "named"),
    [
        ({}, None, None),
        ({"entra_app_public_key": "PEM"}, ["PEM"], "entra_app_public_key"),
        ({"entra_app_certificates": ["ONE", "TWO"]}, ["ONE", "TWO"], "entra_app_certificates"),
        ({"entra_app_certificates": ["ONE"], "entra_app_public_key": "PEM"}, ["ONE"], "entra_app_certificates"),
        ({"entra_app_certificates": [], "entra_app_public_key": "PEM"}, ["PEM"], "entra_app_public_key"),
    ],
)
def test_a_certificate_is_named_by_the_variable_that_has_it(variables: Json, texts: Any, named: str | None) -> None:
    assert arguments_of.certificates(variables) == texts
    given = arguments_of.application_arguments({**HOST, **variables}, {}, URI)
    assert given.get("certificates") == texts
    if named:
        assert given.names["certificates"] == named


@pytest.mark.parametrize(
    ("variables", "permissions", "features"),
    [
        ({"entra_app_permissions": ["A"]}, ["A"], None),
        ({"entra_app_permissions": []}, None, entra_permissions.features_of(arguments_of.settings({}))),
        ({"entra_app_permissions_profile": "guide"}, list(entra_permissions.GUIDE), None),
        ({"entra_app_permissions_profile": "guide", "entra_app_guide_permissions": ["B"]}, ["B"], None),
        ({"entra_app_permissions_profile": "guide", "entra_app_features": ["sign_in"]}, None, ["sign_in"]),
        ({"entra_app_permissions": ["A"], "entra_app_features": ["sign_in"]}, ["A"], ["sign_in"]),
        ({}, None, entra_permissions.features_of(arguments_of.settings({}))),
    ],
)
def test_permissions_are_stated_or_follow_from_features(variables: Json, permissions: Any, features: Any) -> None:
    assert arguments_of.permissions(variables) == permissions
    assert arguments_of.features(variables) == features
    for given in (
        arguments_of.application_arguments({**HOST, **variables}, {}, URI),
        arguments_of.grant_arguments({**HOST, **variables}, APP),
    ):
        assert (given.get("permissions"), given.get("features")) == (permissions, features)
    assert arguments_of.grant_arguments({**HOST, **variables}, APP)["app_id"] == APP


def test_a_trial_of_the_license_writes_as_the_pbx_and_waits_for_nothing() -> None:
    known = {**HOST, "tcx_console_shared_mailboxes": {"mailboxes": ["office@acme.example"]}}
    gated = ["shared_mailboxes.enabled"]
    linked = {"gated": gated, "status": {"ok": True}, "linked_tenant_id": TENANT}
    given = arguments_of.trial_arguments(known, linked)
    assert (given["url"], given["wait"]) == ("https://pbx.example.com", False)
    assert given.names["shared_mailboxes"] == "tcx_console_shared_mailboxes"
    assert given["shared_mailboxes"]["mailboxes"] == ["office@acme.example"]
    assert "shared_mailboxes" not in arguments_of.trial_arguments(known, {**linked, "status": {}})
    unlinked = arguments_of.trial_arguments(known, {**linked, "linked_tenant_id": ""})
    assert unlinked["shared_mailboxes"] == {"enabled": None}
    assert arguments_of.trial_arguments(known, {})["wait"] is False


def test_settings_are_those_of_the_console_alone() -> None:
    known = {**HOST, "tcx_console_user_sync": {"enabled": True}}
    assert arguments_of.settings(known) == {"sign_in": {"enabled": True}, "user_sync": {"enabled": True}}


def test_a_tenant_of_the_environment_is_that_of_entra_and_of_the_console(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT.upper())
    assert arguments_of.entra_connection({})["tenant_id"] == TENANT
    assert arguments_of.directory_arguments({})["tenant_id"] == TENANT
    assert "tenant_id" not in arguments_of.pbx_connection(HOST)


def test_an_application_gets_the_address_of_the_pbx_unless_others_are_stated() -> None:
    assert arguments_of.application_arguments(HOST, {}, URI)["redirect_uris"] == [URI]
    stated = {**HOST, "entra_app_redirect_uris": ["https://a.example/x"]}
    assert arguments_of.application_arguments(stated, {}, URI)["redirect_uris"] == ["https://a.example/x"]


def test_users_come_back_to_every_name_that_the_inventory_has_for_a_pbx() -> None:
    derived = [URI, "https://pbx.internal.example/oauth2office2"]
    assert arguments_of.redirect_uris_of(HOST) == derived
    stated = "https://other.example/oauth2office2"
    assert arguments_of.redirect_uris_of({**HOST, "entra_app_redirect_uris": [stated, URI]}) == [stated, *derived]
    with_port = {"tcx_url": "https://pbx.example.com:5001"}
    assert arguments_of.redirect_uris_of(with_port) == ["https://pbx.example.com:5001/oauth2office2"]
    assert arguments_of.redirect_uris_of({}) == []
