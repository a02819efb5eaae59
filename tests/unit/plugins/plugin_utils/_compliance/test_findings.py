# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Findings of a report: what a difference means, and which verdict a PBX gets."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._compliance.check import host_result
from ansible_collections.tcx.m365.plugins.plugin_utils._compliance.findings import sentence, sentences
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.runner import Taken

PHOTO = {"target": "settings", "field": "user_sync.photo", "before": False, "after": True}


def _change(target: str, field: str, before: Any, after: Any) -> dict[str, Any]:
    return {"target": target, "field": field, "before": before, "after": after}


def test_a_switch_says_in_which_position_it_is() -> None:
    assert sentence(PHOTO) == "The synchronization of photos is switched off, which differs from the desired value."
    on = _change("settings", "sign_in.enabled", True, False)
    assert sentence(on) == "Signing in with Microsoft is switched on, which differs from the desired value."


def test_declared_and_granted_permissions_are_told_apart() -> None:
    declared = sentence(_change("application", "permissions", [], ["Mail.Send"]))
    granted = sentence(_change("app_role_assignments", "permissions", [], ["Mail.Send"]))
    assert declared != granted
    assert "declare" in declared
    assert "granted" in granted


@pytest.mark.parametrize(
    ("target", "field", "before", "after", "said"),
    [
        (
            "application",
            "redirect_uris",
            ["https://a", "https://b"],
            ["https://a"],
            "has redirect URIs that a rollout removes",
        ),
        (
            "application",
            "redirect_uris",
            ["https://b"],
            ["https://b", "https://a"],
            "lacks the redirect URI of the PBX",
        ),
        # The entry of a certificate has expired, the certificate has not.
        ("application", "certificates", ["A"], ["A", "A"], "does not have the certificates that the PBX needs"),
        (
            "app_role_assignments",
            "permissions",
            ["Mail.Send", "User.Read.All"],
            ["User.Read.All"],
            "that a rollout revokes",
        ),
        ("settings", "application_id", "", "a", "linked to no application, so that Microsoft 365 does not work"),
        ("settings", "application_id", "b", "a", "linked to another application than the desired one."),
        ("application", "sign_in_audience", "AzureADMultipleOrgs", "AzureADMyOrg", "supported account types"),
    ],
)
def test_what_is_there_besides_is_not_told_as_missing(
    target: str, field: str, before: Any, after: Any, said: str
) -> None:
    assert said in sentence(_change(target, field, before, after))


def test_a_missing_application_needs_no_further_words() -> None:
    found = sentences(
        [
            _change("application", "state", "absent", "present"),
            _change("application", "redirect_uris", [], ["https://x"]),
            _change("service_principal", "state", "absent", "present"),
            _change("app_role_assignments", "permissions", [], ["Mail.Send"]),
            PHOTO,
        ]
    )
    assert found == [
        "The PBX has no application in Microsoft Entra.",
        "The synchronization of photos is switched off, which differs from the desired value.",
    ]


def test_a_field_without_words_of_its_own_is_named() -> None:
    assert sentence(_change("settings", "presence.pbx_to_m365", [], [1])) == (
        "presence.pbx_to_m365 of the settings differs from the desired value."
    )


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        ("unreachable", "unreachable"),
        ("untrusted", "unreachable"),
        ("service_fault", "unreachable"),
        ("throttled", "unreachable"),
        ("unlicensed", "unlicensed"),
        ("bad_credential", "failed"),
        ("forbidden", "failed"),
        ("bad_input", "failed"),
        ("ambiguous", "failed"),
    ],
)
def test_the_verdict_follows_from_the_kind_of_the_error(kind: str, verdict: str) -> None:
    error = {"kind": kind, "remedy": "Do this."}
    found = host_result("acme", {}, Taken(pbx={"failed": True, "msg": "It went wrong.", "error": error}))
    assert (found.verdict, found.reasons, found.remedies) == (verdict, ["It went wrong."], ["Do this."])


OK = {"ok": True, "application_id": "a", "subscription": True, "message": ""}
SICK = {"ok": False, "application_id": "a", "subscription": None, "message": "AADSTS700027: wrong certificate"}


@pytest.mark.parametrize(
    ("changes", "status", "verdict"),
    [([], OK, "compliant"), ([PHOTO], OK, "drifted"), ([PHOTO], SICK, "drifted"), ([], SICK, "broken")],
)
def test_everything_as_wanted_is_compliant_only_when_it_works(
    changes: list[Any], status: dict[str, Any], verdict: str
) -> None:
    check = Taken(pbx={"version": "20.0.10.1"}, settings={"changes": changes, "status": status})
    found = host_result("acme", {"entra_tenant_id": "t"}, check)
    assert found.verdict == verdict
    assert any("AADSTS700027" in reason for reason in found.reasons) == (status is SICK)
    assert (found.version, found.tenant_id) == ("20.0.10.1", "t")
