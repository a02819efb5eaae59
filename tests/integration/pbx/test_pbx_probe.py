# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probe against the simulated sign-in service: each thing that can be wrong, told apart without a credential."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.integration.pbx.fleet import NEWEST, Bench


def probe(bench: Bench, *, check: bool = False, **options: Any) -> dict[str, Any]:
    given = {
        "tenant_id": bench.pbx().tenant_id,
        "redirect_uri": bench.redirect_uri(),
        "authority_host": bench.lab.endpoints["login"],
        "entra_ca_path": str(bench.lab.ca_path),
        "ca_path": str(bench.lab.ca_path),
        **options,
    }
    return bench.run().task("sso_probe", check=check, **given)


def stored(bench: Bench, application: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = bench.tenant().applications[application["id"]]
    return found


def test_a_sign_in_would_work(bench: Bench) -> None:
    application = bench.register()
    found = probe(bench, application_id=application["appId"])
    assert found["ok"], found
    assert (found["entra"]["verdict"], found["entra"]["code"]) == ("would_work", "AADSTS50058")
    assert found["pbx"]["verdict"] == "reachable"
    assert found["changed"] is False
    assert bench.sign_ins() == 0
    assert not [each for each in bench.world.log.query(source="client") if each.is_write]


def test_the_address_of_the_pbx_stands_in_for_the_redirect_uri(bench: Bench) -> None:
    application = bench.register()
    found = probe(bench, application_id=application["appId"], url=bench.pbx().url)
    assert found["ok"], found
    found = probe(bench, application_id=application["appId"], url=bench.pbx().url, redirect_uri=None)
    assert found["entra"]["verdict"] == "redirect_uri_mismatch", "127.0.0.1 is not the name that is registered"


def break_redirect(bench: Bench, application: dict[str, Any]) -> None:
    stored(bench, application)["web"]["redirectUris"] = ["https://elsewhere.example/oauth2office2"]


def break_id_tokens(bench: Bench, application: dict[str, Any]) -> None:
    stored(bench, application)["web"]["implicitGrantSettings"]["enableIdTokenIssuance"] = False


def break_nothing(_bench: Bench, _application: dict[str, Any]) -> None:
    """The options alone are wrong."""


OTHER = "6b1f2f0e-0000-4000-8000-00000000000a"


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(
    ("broken", "options", "code", "verdict"),
    [
        (break_redirect, {}, "AADSTS50011", "redirect_uri_mismatch"),
        (break_id_tokens, {}, "AADSTS700054", "id_tokens_off"),
        (break_nothing, {"application_id": OTHER}, "AADSTS700016", "application_not_found"),
        (break_nothing, {"tenant_id": "common"}, "AADSTS50194", "single_tenant"),
        (break_nothing, {"tenant_id": OTHER}, "AADSTS90002", "tenant_not_found"),
    ],
)
def test_each_fault_has_its_verdict(
    bench: Bench, broken: Any, options: dict[str, Any], code: str, verdict: str, check: bool
) -> None:
    application = bench.register()
    broken(bench, application)
    given = {"application_id": application["appId"], **options}
    found = probe(bench, check=check, **given)
    assert not found.get("failed"), found
    assert not found["ok"]
    assert (found["entra"]["code"], found["entra"]["verdict"]) == (code, verdict)
    assert found["entra"]["message"].startswith(code)
    assert found["entra"]["remedy"]
    required = probe(bench, check=check, require=True, **given)
    assert bool(required.get("failed")) is not check
    if not check:
        assert required["error"]["code"] == code
        assert found["entra"]["remedy"] in required["msg"]


def test_a_pbx_that_does_not_answer_is_told(bench: Bench) -> None:
    application = bench.register()
    found = probe(bench, application_id=application["appId"], url="https://127.0.0.1:1")
    assert not found["ok"]
    assert found["entra"]["ok"]
    assert found["pbx"]["verdict"] == "unreachable"


def test_a_pbx_whose_certificate_is_not_valid_is_told(bench: Bench) -> None:
    application = bench.register()
    found = probe(bench, application_id=application["appId"], ca_path=None)
    assert found["pbx"]["verdict"] == "untrusted"
    assert not found["ok"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"application_id": "x"}, "not a GUID"),
        ({"redirect_uri": None}, "neither redirect_uri nor url"),
        ({"redirect_uri": "http://x/oauth2office2"}, "not an https address"),
        ({"tenant_id": "x y"}, "neither a GUID nor a domain name"),
    ],
)
def test_what_cannot_be_right_is_refused(bench: Bench, options: dict[str, Any], words: str) -> None:
    failed = probe(bench, **{"application_id": OTHER, **options})
    assert failed["error"]["kind"] == "bad_input"
    assert words in failed["msg"]


def test_a_disabled_user_or_missing_consent_is_beyond_the_probe_and_said_so(bench: Bench) -> None:
    application = bench.register(NEWEST, "Mail.Send")
    assert probe(bench, application_id=application["appId"])["entra"]["code"] == "AADSTS50058"
