# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The automation's own application, without any service: presets of federated credentials, addresses for consent in every
cloud, rows of the table of tenants, and what the files say."""

from __future__ import annotations

import datetime as dt
import json
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.tcx.m365.plugins.module_utils._deps import rsa, x509
from ansible_collections.tcx.m365.plugins.module_utils._entra import federation, person, rights
from ansible_collections.tcx.m365.plugins.module_utils._entra.tokens import Token
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.plugin_utils._automation import key as keys
from ansible_collections.tcx.m365.plugins.plugin_utils._automation import tenants
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.consent import page, tenants_of
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.outcome import Outcome, lines_of
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.place import (
    Place,
    Record,
    Template,
    Vaulted,
    rendered,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import Variables, read_variables

APP = "0b7d3c1e-7b0e-4b7e-8a0e-2f1d3c4b5a69"
TENANT = "6f1c0f6e-4c0c-4d4b-9a53-0f4f1c5b7a10"
FULL = ["Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All"]


@pytest.mark.parametrize(
    ("platform", "given", "issuer", "subject"),
    [
        (
            "github",
            {"repository": "octo/phones"},
            "https://token.actions.githubusercontent.com",
            "repo:octo/phones:ref:refs/heads/main",
        ),
        (
            "github",
            {"repository": "octo@1/phones@2", "environment": "Production"},
            "https://token.actions.githubusercontent.com",
            "repo:octo@1/phones@2:environment:Production",
        ),
        (
            "github",
            {"repository": "octo/phones", "ref": "refs/tags/v1"},
            "https://token.actions.githubusercontent.com",
            "repo:octo/phones:ref:refs/tags/v1",
        ),
        (
            "gitlab",
            {"repository": "group/sub/phones", "ref": "release"},
            "https://gitlab.com",
            "project_path:group/sub/phones:ref_type:branch:ref:release",
        ),
        (
            "gitlab",
            {"repository": "g/p", "ref": "refs/tags/v1", "issuer": "https://git.example"},
            "https://git.example",
            "project_path:g/p:ref_type:tag:ref:v1",
        ),
        (
            "awx",
            {"issuer": "https://oidc.example/id", "service_account": "awx/jobs"},
            "https://oidc.example/id",
            "system:serviceaccount:awx:jobs",
        ),
        (
            "aap",
            {"issuer": "https://aap.example/o", "organization": "Voice", "job_template": "3CX rollout"},
            "https://aap.example/o",
            "workload_type:aap_controller_automation_job:organization:Voice:job_template:3CX rollout",
        ),
        ("other", {"issuer": "https://i.example", "subject": "me"}, "https://i.example", "me"),
    ],
)
def test_a_platform_gives_issuer_and_subject(platform: str, given: dict[str, str], issuer: str, subject: str) -> None:
    found = federation.preset(platform, given, "public")
    assert (found.issuer, found.subject, found.audience) == (issuer, subject, "api://AzureADTokenExchange")


@pytest.mark.parametrize(
    ("cloud", "audience"), [("usgov", "api://AzureADTokenExchangeUSGov"), ("china", "api://AzureADTokenExchangeChina")]
)
def test_each_cloud_has_its_audience(cloud: str, audience: str) -> None:
    assert federation.preset("github", {"repository": "o/r"}, cloud).audience == audience


@pytest.mark.parametrize(
    ("platform", "given", "named"),
    [
        ("github", {}, "bootstrap_federated_repository"),
        ("github", {"repository": "only-a-name"}, "bootstrap_federated_repository"),
        ("github", {"repository": "o/r", "ref": "release/*"}, "wildcard"),
        ("kubernetes", {"service_account": "a/b"}, "bootstrap_federated_issuer"),
        ("awx", {"issuer": "https://i"}, "bootstrap_federated_service_account"),
        ("other", {"issuer": "https://i"}, "bootstrap_federated_subject"),
        ("other", {"issuer": "http://i", "subject": "s"}, "not an https address"),
        ("other", {"issuer": "https://i", "subject": "s" * 601}, "longer than 600"),
    ],
)
def test_what_would_be_accepted_and_never_match_is_refused(platform: str, given: dict[str, str], named: str) -> None:
    with pytest.raises(BadInput) as wrong:
        federation.preset(platform, given, "public")
    assert named in str(wrong.value)


def test_case_counts_in_a_subject() -> None:
    desired = federation.preset("github", {"repository": "octo/Phones"}, "public")
    there = {**desired.body(), "id": "1", "subject": desired.subject.lower()}
    assert [each.field for each in federation.planned(desired, [there]).changes] == ["subject"]
    assert not federation.planned(desired, [{**desired.body(), "id": "1", "name": "made-by-hand"}])


# --- consent -----------------------------------------------------------------------------------------------------------


def variables(host: str, **given: Any) -> tuple[str, Variables]:
    return host, read_variables(given, host=host, defaults={})


@pytest.mark.parametrize(
    ("given", "login"),
    [
        ({}, "https://login.microsoftonline.com"),
        ({"entra_cloud": "usgov"}, "https://login.microsoftonline.us"),
        ({"entra_cloud": "usgov_dod"}, "https://login.microsoftonline.us"),
        ({"entra_cloud": "china"}, "https://login.partner.microsoftonline.cn"),
        ({"entra_authority_host": "login.microsoftonline.us"}, "https://login.microsoftonline.us"),
    ],
)
def test_the_address_is_that_of_the_cloud_and_filled_in(given: dict[str, str], login: str) -> None:
    (found,) = tenants_of([variables("acme", entra_tenant_id=TENANT, **given)])
    assert found.consent_url(APP) == f"{login}/{TENANT}/adminconsent?client_id={APP}"
    assert found.consent_url("") == ""


def test_hosts_of_one_tenant_are_one_row_and_a_missing_tenant_is_told() -> None:
    found = tenants_of(
        [
            variables("acme", entra_tenant_id=TENANT),
            variables("acme-2", entra_tenant_id=TENANT.upper()),
            variables("bolt"),
        ]
    )
    assert [each.hosts for each in found] == [["acme", "acme-2"], ["bolt"]]
    assert found[1].problem == "bolt has no entra_tenant_id."
    text = page("automation", FULL, found, APP)
    assert text.count("adminconsent?client_id=") == 1
    assert all(name in text for name in FULL)


# --- the table ---------------------------------------------------------------------------------------------------------


def row(result: dict[str, Any] | None, **given: Any) -> tenants.Row:
    given = {"entra_tenant_id": TENANT, "entra_client_id": APP, **given}
    (customer,) = tenants_of([variables("acme", **given)])
    return tenants.row_of(customer, result, "automation")


def signed_in(*roles: str, **more: Any) -> dict[str, Any]:
    return {"roles": list(roles), "app_only": True, "app_id": APP, "principal": {}, "credential": {}, **more}


def refused(code: str, said: str = "") -> dict[str, Any]:
    return {"failed": True, "msg": said or code, "error": {"code": code, "said": said}}


@pytest.mark.parametrize(
    ("result", "state", "consented"),
    [
        (signed_in(*FULL), tenants.READY, True),
        (signed_in(*FULL, "User.Read.All"), tenants.READY, True),
        (signed_in(*FULL, "Mail.Send"), tenants.TOO_WIDE, True),
        (signed_in("Application.ReadWrite.All"), tenants.MISSING_RIGHTS, True),
        (signed_in(), tenants.NOT_CONSENTED, False),
        (refused("AADSTS700016"), tenants.NOT_CONSENTED, False),
        (refused("AADSTS7000229"), tenants.NOT_CONSENTED, False),
        (refused("AADSTS7000112"), tenants.DISABLED, False),
        (refused("AADSTS53003"), tenants.NOT_CHECKED, None),
        (refused(""), tenants.NOT_CHECKED, None),
        ({**signed_in(), "app_only": False}, tenants.NOT_CHECKED, None),
        (None, tenants.NOT_CHECKED, None),
    ],
)
def test_a_tenant_is_verified_missing_or_not_checked(
    result: dict[str, Any] | None, state: str, consented: bool | None
) -> None:
    found = row(result)
    assert (found.state, found.consented) == (state, consented)
    assert found.consent_url.endswith(f"/{TENANT}/adminconsent?client_id={APP}")
    assert bool(found.message) == (not found.settled)


def test_a_profile_of_fewer_rights_makes_others_too_wide() -> None:
    found = row(signed_in(*FULL, "Application.Read.All"), bootstrap_profile="read_only")
    assert found.too_wide == sorted(FULL)
    assert row(signed_in(*FULL), bootstrap_profile="owned_by").missing == []
    more = row(signed_in(*FULL), bootstrap_permissions=["User.Read.All"])
    assert more.missing == ["User.Read.All"]


def test_the_name_is_the_one_that_entra_says_and_is_made_harmless() -> None:
    said = "AADSTS700016: Application with identifier 'x' was not found in the directory 'Ac\u001bme\u202e'. This can happen"
    found = row(refused("AADSTS700016", said))
    assert found.name.startswith("Ac")
    assert not {"\u001b", "\u202e"} & set(found.name)
    later = row(signed_in(*FULL))
    tenants.remember_names([later], tenants.document([found], dt.datetime(2026, 11, 26, tzinfo=dt.UTC), {}))
    assert later.name == found.name
    tenants.remember_names([later], "[]")


def test_the_table_ends_with_the_counts_and_names_each_address() -> None:
    lines = tenants.table([row(signed_in(*FULL)), row(refused("AADSTS700016"))])
    assert lines[0].split() == ["TENANT", "NAME", "PBXS", "CONSENT", "RIGHTS", "CREDENTIAL"]
    assert lines[-1] == "2 tenants: 1 consented, 1 not consented"
    assert sum("adminconsent?client_id=" in each for each in lines) == 1


# --- rights ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"scp": person.CONSENT, "wids": [person.PRIVILEGED_ROLE_ADMINISTRATOR]}, True),
        ({"scp": person.CONSENT, "wids": [person.GLOBAL_ADMINISTRATOR]}, True),
        ({"scp": person.CONSENT, "wids": ["9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"]}, False),
        ({"scp": person.CONSENT}, None),
        ({"scp": "User.Read", "wids": [person.GLOBAL_ADMINISTRATOR]}, False),
        ({"idtyp": "app", "roles": [person.CONSENT, "Application.Read.All"]}, True),
        ({"idtyp": "app", "roles": [person.CONSENT]}, False),
    ],
)
def test_who_may_consent_is_what_the_token_tells(claims: dict[str, Any], expected: bool | None) -> None:
    assert person.may_consent(Token("x", 0.0, claims)) is expected


def test_a_wider_right_is_not_missing_and_too_wide_at_once() -> None:
    found = rights.judged(["Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All"], "owned_by")
    assert found.missing == ()
    assert found.too_wide == ("Application.ReadWrite.All",)


# --- files -------------------------------------------------------------------------------------------------------------


class Loader(yaml.SafeLoader):
    """Reads the marks of Ansible as (mark, text)."""


for mark in ("!unsafe", "!vault"):
    Loader.add_constructor(mark, lambda loader, node: (node.tag, loader.construct_scalar(node)))


def test_variables_are_data_that_ansible_does_not_evaluate() -> None:
    text = rendered(
        {
            "path": "/srv/{{ 6*7 }}/a: b # c\n- d",
            "key": Vaulted("$ANSIBLE_VAULT;1.1;AES256\n6162\n"),
            "token": Template("{{ lookup('env', 'T') }}"),
            "many": ["a", "b"],
        }
    )
    found = yaml.load(text, Loader=Loader)
    assert found["path"] == ("!unsafe", "/srv/{{ 6*7 }}/a: b # c\n- d")
    assert found["key"] == ("!vault", "$ANSIBLE_VAULT;1.1;AES256\n6162\n")
    assert found["token"] == "{{ lookup('env', 'T') }}"
    assert found["many"] == ["a", "b"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_a_key_that_others_can_read_is_there_all_the_same(tmp_path: Path, mode: int) -> None:
    """A checkout of Git gives an encrypted key the mode 0644: no reason to register another one, nor to leave it behind."""
    place = Place(str(tmp_path / "bootstrap"))
    place.write("automation-1234.vault", "$ANSIBLE_VAULT;1.1;AES256")
    (tmp_path / "bootstrap" / "automation-1234.vault").chmod(mode)
    assert place.text("automation-1234.vault") == "$ANSIBLE_VAULT;1.1;AES256"


def test_a_key_in_clear_text_is_made_private_again(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "bootstrap"))
    place.write("automation-1234.pem", "key")
    path = tmp_path / "bootstrap" / "automation-1234.pem"
    path.chmod(0o644)
    assert place.make_private("automation-1234.pem")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not place.make_private("automation-1234.pem")


@pytest.mark.parametrize(
    ("spoiled", "mode"), [("automation.json", 0o666), ("automation.json", 0o660), (".", 0o777), (".", 0o770)]
)
def test_a_record_that_others_can_write_proves_nothing(tmp_path: Path, spoiled: str, mode: int) -> None:
    place = Place(str(tmp_path / "bootstrap"))
    place.write_record(Record(app_id=APP, tenant_id=TENANT))
    assert place.record() == Record(app_id=APP, tenant_id=TENANT)
    (tmp_path / "bootstrap" / spoiled).chmod(mode)
    with pytest.raises(BadInput, match="others can write"):
        place.record()


def test_a_key_is_long_enough_and_its_certificate_is_its_own() -> None:
    pair = keys.make("automation " + "x" * 100, 90)
    certificate = x509.load_pem_x509_certificate(pair.certificate.encode())
    public = certificate.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    assert public.key_size >= 3072
    assert (pair.not_after - dt.datetime.now(dt.UTC)).days in (89, 90)
    assert "PRIVATE KEY" in pair.pem
    assert "PRIVATE KEY" not in repr(pair) + json.dumps(pair.certificate)


@pytest.mark.parametrize("check_mode", [False, True])
def test_without_a_customer_in_the_inventory_it_says_when_the_addresses_come(check_mode: bool) -> None:
    made = Outcome(values={"app_id": APP, "tenant_id": TENANT, "variables": {"entra_client_id": APP}})
    assert any(
        "Run this again with an inventory" in line for line in lines_of(made, check_mode=check_mode, consents=[])
    )
    known = [{"hosts": ["acme"], "url": "https://login.example.com/consent", "note": ""}]
    assert not any("Run this again" in line for line in lines_of(made, check_mode=check_mode, consents=known))
    removed = Outcome(values={"app_id": APP, "tenant_id": TENANT})
    assert not any("Run this again" in line for line in lines_of(removed, check_mode=check_mode, consents=[]))
