# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tenants of a report have consented to: one row each, from what the check of each PBX has read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.tenants import consent_row
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import Variables
from ansible_collections.tcx.m365.tests.tools.report_texts import render_json, render_markdown, render_page
from ansible_collections.tcx.m365.tests.unit.plugins.plugin_utils._report.fleets import host, report
from jsonschema import Draft202012Validator

TENANT, APP = "6f1c0f6e-4c0c-4d4b-9a53-0f4f1c5b7a10", "0b7d3c1e-7b0e-4b7e-8a0e-2f1d3c4b5a69"
RIGHTS = ["AppRoleAssignment.ReadWrite.All", "Application.ReadWrite.All"]
KNOWN = Variables({"entra_tenant_id": TENANT, "entra_client_id": APP})
CREDENTIAL = {"app_id": APP, "kind": "secret", "expires": "2026-12-02T10:00:00Z", "reason": ""}
SIGNED_IN = {"roles": RIGHTS, "app_only": True}


def row(preflight: dict[str, Any] | None, name: str = "acme", **about: Any) -> dict[str, Any]:
    found = consent_row(name, KNOWN, preflight, about)
    assert found is not None
    return found


def refused(code: str, **more: Any) -> dict[str, Any]:
    return {"failed": True, "msg": "Refused.", "error": {"code": code, "said": "refused"}, **more}


@pytest.mark.parametrize(
    ("preflight", "state"),
    [
        (SIGNED_IN, "ready"),
        ({**SIGNED_IN, "roles": [*RIGHTS, "Directory.ReadWrite.All"]}, "too_wide"),
        ({**SIGNED_IN, "roles": RIGHTS[1:]}, "missing_rights"),
        ({**SIGNED_IN, "roles": []}, "not_consented"),
        ({"roles": [], "app_only": False}, "not_checked"),
        (refused("AADSTS700016"), "not_consented"),
        (refused("AADSTS7000112"), "disabled"),
        (refused("Authorization_RequestDenied", missing=["Application.Read.All"]), "missing_rights"),
        (refused("AADSTS7000215"), "not_checked"),
        (None, "not_checked"),
    ],
)
def test_the_state_of_a_tenant_is_what_its_token_says(preflight: dict[str, Any] | None, state: str) -> None:
    found = row(preflight)
    assert found["state"] == state
    assert bool(found["reason"]) == (state != "ready") or state == "missing_rights"
    assert "message" not in found


def test_a_pbx_without_a_tenant_has_no_row() -> None:
    assert consent_row("acme", Variables({}), None, {}) is None


def test_one_row_for_a_tenant_and_what_was_found_wins(validator: Draft202012Validator) -> None:
    rows = [row(None, "berlin"), row(SIGNED_IN, "acme", tenant_name="Acme", credential=CREDENTIAL), row(None, "lyon")]
    for order in (rows, rows[::-1]):
        made = report(host("acme")).of_tenants(order)
        (one,) = made.tenants
        assert (one["state"], one["name"], one["hosts"]) == ("ready", "Acme", ["acme", "berlin", "lyon"])
        assert one["credential"]["days_left"] == 10
        validator.validate(json.loads(render_json(made)))


def test_pbxs_that_ask_one_tenant_for_different_rights_are_told_the_worst_in_any_order() -> None:
    """With one profile for all of them nothing is missing; one host wants more, or has another credential."""
    lacking = row({**SIGNED_IN, "roles": RIGHTS[1:]}, "berlin")
    rows = [row(SIGNED_IN, "acme"), lacking, row(refused("AADSTS7000215"), "lyon")]
    for order in (rows, rows[::-1], [rows[1], rows[2], rows[0]]):
        (one,) = report(host("acme")).of_tenants(order).tenants
        assert (one["state"], one["missing"]) == ("missing_rights", ["AppRoleAssignment.ReadWrite.All"])
        assert one["hosts"] == ["acme", "berlin", "lyon"]


def test_each_format_for_people_tells_who_has_to_consent() -> None:
    made = report(host("acme")).of_tenants([row(refused("AADSTS700016"))])
    for text in (render_page(made), render_markdown(made)):
        assert "1 tenant: 1 not consented" in text
        assert "No administrator of the tenant has consented" in text
    assert f"{TENANT}/adminconsent" in render_markdown(made).replace("\\", "")
    assert "Consent to the automation" not in render_page(report(host("acme")))
