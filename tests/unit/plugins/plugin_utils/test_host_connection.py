# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A task takes its connection from its host, and no credential goes where the inventory does not have it for."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import (
    graph_user_info,
    sso_probe,
    tcx_m365_settings,
    tcx_m365_settings_info,
    tcx_preflight,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._host_connection import connected

HOST = {
    "tcx_url": "https://acme.example.com:5001",
    "tcx_client_id": "900",
    "tcx_client_secret": "pbx-secret",
    "tcx_ca_path": "/ca/pbx.pem",
    "entra_tenant_id": "acme.example",
    "entra_client_id": "automation",
    "entra_client_secret": "entra-secret",
    "entra_ca_path": "/ca/entra.pem",
}
ADMINISTRATOR = {"tcx_url": HOST["tcx_url"], "tcx_username": "100", "tcx_password": "pw", "tcx_security_code": "123456"}
CERTIFICATE = {"entra_tenant_id": "acme.example", "entra_client_id": "automation", "entra_certificate_path": "/c.pem"}


def pbx(given: dict[str, Any], host: dict[str, Any] | None = None) -> dict[str, Any]:
    return connected(tcx_m365_settings_info.CAPABILITY, given, HOST if host is None else host)


def entra(given: dict[str, Any], host: dict[str, Any] | None = None) -> dict[str, Any]:
    return connected(graph_user_info.CAPABILITY, given, HOST if host is None else host)


def test_a_task_that_names_nothing_takes_everything_of_its_host() -> None:
    assert pbx({"gather": ["users"]}) == {
        "gather": ["users"],
        "url": HOST["tcx_url"],
        "client_id": "900",
        "client_secret": "pbx-secret",
        "ca_path": "/ca/pbx.pem",
    }
    assert entra({}) == {
        "tenant_id": "acme.example",
        "client_id": "automation",
        "client_secret": "entra-secret",
        "ca_path": "/ca/entra.pem",
    }


def test_what_the_task_gives_wins_and_null_is_not_given() -> None:
    assert pbx({"ca_path": "/mine", "client_secret": None})["ca_path"] == "/mine"
    assert pbx({"client_secret": None})["client_secret"] == "pbx-secret"


def test_what_the_pbx_of_the_host_may_call_itself_is_known_for_that_pbx_alone() -> None:
    host = {**HOST, "tcx_fqdn": ["phones.acme.example"]}
    assert connected(tcx_preflight.CAPABILITY, {}, host)["fqdn"] == ["phones.acme.example"]
    assert connected(tcx_preflight.CAPABILITY, {"fqdn": ["mine.example"]}, host)["fqdn"] == ["mine.example"]
    assert connected(tcx_preflight.CAPABILITY, {"url": "https://bolt.example.com"}, host) == {
        "url": "https://bolt.example.com"
    }
    assert "fqdn" not in pbx({}, host)


@pytest.mark.parametrize(
    "url", ["https://bolt.example.com:5001", "https://acme.example.com:5002", "https://acme.example.com"]
)
def test_nothing_of_the_host_goes_to_another_pbx(url: str) -> None:
    assert pbx({"url": url}) == {"url": url}
    assert pbx({"url": url}, ADMINISTRATOR) == {"url": url}


@pytest.mark.parametrize("url", ["https://ACME.example.com:5001/", "https://acme.example.com.:5001"])
def test_another_spelling_of_the_address_is_no_other_pbx(url: str) -> None:
    assert pbx({"url": url})["client_secret"] == "pbx-secret"


@pytest.mark.parametrize(
    "given",
    [
        {"username": "100", "password": "pw"},
        {"client_id": "901", "client_secret": "another"},
        {"client_id": "901"},
        {"password": "pw"},
    ],
)
def test_the_pbx_is_never_given_two_kinds_of_credential(given: dict[str, Any]) -> None:
    assert "pbx-secret" not in pbx(given).values()


def test_the_rest_of_one_credential_may_come_from_the_host() -> None:
    assert pbx({"security_code": "654321"}, ADMINISTRATOR) == {
        "url": HOST["tcx_url"],
        "username": "100",
        "password": "pw",
        "security_code": "654321",
    }
    assert pbx({"client_id": "900"})["client_secret"] == "pbx-secret"
    assert entra({"client_secret": "newer"})["client_id"] == "automation"


@pytest.mark.parametrize(
    "given",
    [
        {"access_token": "token"},
        {"certificate_path": "/mine.pem"},
        {"federated_token": "token"},
        {"client_id": "another"},
        {"authority_host": "https://login.elsewhere.example"},
        {"cloud": "usgov"},
        {"graph_endpoint": "https://graph.elsewhere.example"},
    ],
)
def test_no_secret_of_the_host_goes_with_another_identity_or_to_another_endpoint(given: dict[str, Any]) -> None:
    assert "entra-secret" not in entra(given).values()


def test_another_kind_of_the_host_is_not_mixed_with_a_secret_of_the_task() -> None:
    assert entra({"client_secret": "mine"}, {**CERTIFICATE, "entra_auth_source": "certificate"}) == {
        "client_secret": "mine",
        "client_id": "automation",
        "tenant_id": "acme.example",
    }


def test_the_automation_may_sign_in_to_another_tenant() -> None:
    found = entra({"tenant_id": "bolt.example"})
    assert (found["tenant_id"], found["client_secret"]) == ("bolt.example", "entra-secret")


def test_what_a_pbx_is_set_to_is_no_connection() -> None:
    """The tenant of the inventory must not link a PBX by a task that speaks of its photos."""
    found = connected(tcx_m365_settings.CAPABILITY, {"user_sync": {"photo": True}}, HOST)
    assert "tenant_id" not in found


def test_a_probe_gets_addresses_and_trust_and_no_credential() -> None:
    found = connected(sso_probe.CAPABILITY, {"application_id": "a"}, HOST)
    assert found == {
        "application_id": "a",
        "url": HOST["tcx_url"],
        "ca_path": "/ca/pbx.pem",
        "tenant_id": "acme.example",
        "entra_ca_path": "/ca/entra.pem",
    }
