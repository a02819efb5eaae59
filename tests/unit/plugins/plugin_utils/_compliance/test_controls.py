# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The evidence of a compliance check: desired, found and result of each control, also where nothing differs or a step failed."""

from __future__ import annotations

from typing import Any

from ansible_collections.tcx.m365.plugins.plugin_utils._compliance.check import host_result
from ansible_collections.tcx.m365.plugins.plugin_utils._compliance.controls import controls
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.runner import Taken

URI = "https://acme.example.com/oauth2office2"
ARGUMENTS = {
    "application": {"redirect_uris": [URI], "id_tokens": True, "display_name": None, "permissions": ["User.Read.All"]},
    "grant": {"permissions": ["User.Read.All", "Calendars.Read"]},
    "settings": {
        "application_id": "a",
        "user_sync": {"enabled": True, "photo": True, "users_exclusive": False},
        "teams": {"private_key": "secret", "enabled": False},
    },
}
HEALTHY: dict[str, dict[str, Any]] = {
    "pbx": {
        "version": "20.0.10",
        "status": {"ok": True},
        "tls_certificate": {"days_left": 200, "not_after": "2027-06-01"},
    },
    "preflight": {"roles": []},
    "application": {"certificates": [{"thumbprint": "AB", "desired": True}], "credentials": [], "changes": []},
    "grant": {"application_permissions": ["User.Read.All", "Calendars.Read"], "granted": [], "changes": []},
    "settings": {"status": {"ok": True}, "changes": []},
    "sign_in": {"ok": True},
}


def by_id(results: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = controls(ARGUMENTS, results)
    assert len({each["id"] for each in found}) == len(found)
    return {each["id"]: each for each in found}


def test_what_is_as_desired_stands_there_with_its_value() -> None:
    found = by_id(HEALTHY)
    assert {each["result"] for each in found.values()} == {"pass"}
    assert found["application.redirect_uris"]["found"] == [URI]
    assert found["application.certificates"]["desired"] == ["AB"]
    assert found["consent.application_permissions"]["found"] == ["User.Read.All", "Calendars.Read"]
    assert found["settings.user_sync.photo"]["title"] == "User sync: photo"
    assert "application.display_name" not in found
    assert "secret" not in str(found)


def test_what_differs_shows_what_is_there_today() -> None:
    change = {
        "target": "application",
        "field": "redirect_uris",
        "before": ["https://old"],
        "after": ["https://old", URI],
    }
    photo = {"target": "settings", "field": "user_sync.photo", "before": False, "after": True}
    granting = {
        "target": "app_role_assignments",
        "field": "permissions",
        "before": ["User.Read.All"],
        "after": ["User.Read.All", "Calendars.Read"],
    }
    found = by_id(
        {
            **HEALTHY,
            "application": {**HEALTHY["application"], "changes": [change]},
            "grant": {**HEALTHY["grant"], "changes": [granting]},
            "settings": {**HEALTHY["settings"], "changes": [photo]},
        }
    )
    uris = found["application.redirect_uris"]
    assert (uris["result"], uris["found"], uris["reason"]) == ("fail", ["https://old"], f"missing: {URI}")
    assert found["settings.user_sync.photo"]["found"] is False
    consent = found["consent.application_permissions"]
    assert (consent["result"], consent["found"]) == ("fail", ["User.Read.All"])


def test_who_has_consented_is_not_checked_and_says_why() -> None:
    grant = {
        **HEALTHY["grant"],
        "not_readable": ["delegated permissions: not readable with these rights (Directory.Read.All)"],
        "consents": [{"permission": "User.Read.All", "kind": "application", "granted_on": None, "user": None}],
    }
    found = by_id({**HEALTHY, "grant": grant})
    for name, word in (
        ("granted_by", "Enterprise applications > the application > Audit logs"),
        ("delegated_permissions", "Directory.Read.All"),
    ):
        entry = found[f"consent.{name}"]
        assert entry["result"] == "not_checked"
        assert word in entry["reason"]


def test_an_application_that_does_not_exist_has_nothing() -> None:
    created = {"target": "application", "field": "state", "before": "absent", "after": "present"}
    found = by_id({**HEALTHY, "application": {"changes": [created], "certificates": []}})
    assert (found["application.id_tokens"]["result"], found["application.id_tokens"]["found"]) == ("fail", None)


def test_after_a_failure_the_rest_was_not_checked() -> None:
    found = by_id({"pbx": {"failed": True, "msg": "No answer."}})
    assert (found["pbx.answers"]["result"], found["pbx.answers"]["reason"]) == ("fail", "No answer.")
    assert {each["result"] for name, each in found.items() if name != "pbx.answers"} == {"not_checked"}
    assert all(each["reason"] for name, each in found.items() if each["result"] == "not_checked")


def test_a_required_assignment_needs_attention() -> None:
    application = {
        **HEALTHY["application"],
        "service_principal": {"enabled": False, "assignment_required": True},
    }
    found = by_id({**HEALTHY, "application": application})
    assert found["application.assignment_required"]["result"] == "attention"
    assert found["application.enabled"]["result"] == "fail"


def test_a_disabled_application_is_drift_and_a_failed_control() -> None:
    change = {"target": "service_principal", "field": "enabled", "before": False, "after": True}
    application = {**HEALTHY["application"], "changes": [change], "service_principal": {"enabled": False}}
    taken = Taken({**HEALTHY, "application": application})
    taken.arguments.update(ARGUMENTS)
    found = host_result("acme", {}, taken)
    assert found.verdict == "drifted"
    assert found.reasons == [
        "The application's service principal, which signing in needs, is switched off, which differs from the desired value."
    ]
    control = next(each for each in found.controls if each["id"] == "application.enabled")
    assert (control["desired"], control["found"], control["result"]) == (True, False, "fail")


def test_a_sign_in_that_would_not_work_is_broken_with_its_remedy_once() -> None:
    entra = {"ok": False, "verdict": "application_disabled", "message": "AADSTS7000112", "remedy": "Enable it."}
    taken = Taken({**HEALTHY, "sign_in": {"ok": False, "entra": entra, "pbx": {"ok": True}}})
    taken.arguments.update(ARGUMENTS)
    found = host_result("acme", {}, taken)
    assert found.verdict == "broken"
    assert len(found.reasons) == 1
    assert found.remedies == ["Enable it."]
    assert found.granted_permissions == ["User.Read.All", "Calendars.Read"]
    assert found.redirect_uris == [URI]


def test_a_permission_that_nothing_needs_is_found_and_not_desired() -> None:
    """It stays granted, which makes nobody want it."""
    grant = {
        **HEALTHY["grant"],
        "application_permissions": ["User.Read.All", "Mail.Send"],
        "unmanaged": {"permissions": ["Mail.Send"]},
    }
    derived = {**ARGUMENTS, "grant": {}}
    found = {each["id"]: each for each in controls(derived, {**HEALTHY, "grant": grant})}
    consent = found["consent.application_permissions"]
    assert (consent["desired"], consent["found"]) == (["User.Read.All"], ["User.Read.All", "Mail.Send"])
    assert (consent["result"], found["consent.unneeded"]["found"]) == ("pass", ["Mail.Send"])
    assert found["consent.unneeded"]["result"] == "pass", "it is kept, and that is no trouble"


def consent_of(permission: str, kind: str, user: str | None = None) -> dict[str, Any]:
    return {"permission": permission, "kind": kind, "granted_on": None, "user": user}


def test_application_and_delegated_permissions_of_one_name_are_not_confused() -> None:
    """The application needs Mail.Send, and nothing needs it for a signed-in user; `User.Read` of two users is no one's but theirs."""
    grant = {
        "application_permissions": ["Mail.Send", "User.Read.All"],
        "delegated_permissions": ["Mail.Send"],
        "unmanaged": {"permissions": [], "delegated_permissions": ["Mail.Send"]},
        "changes": [],
        "consents": [
            consent_of("Mail.Send", "application"),
            consent_of("User.Read.All", "application"),
            consent_of("Mail.Send", "delegated"),
            consent_of("User.Read", "delegated", "ada"),
            consent_of("User.Read", "delegated", "bela"),
        ],
    }
    taken = Taken({**HEALTHY, "grant": grant})
    taken.arguments.update({**ARGUMENTS, "grant": {"permissions": ["Mail.Send", "User.Read.All"]}})
    result = host_result("acme", {}, taken)
    assert result.granted_permissions == [
        "Mail.Send",
        "User.Read.All",
        "Mail.Send (delegated)",
        "User.Read (delegated, single users)",
    ]
    assert result.consent == {"missing": [], "unneeded": ["Mail.Send (delegated)"]}
    made = {control["id"]: control for control in result.controls}
    assert made["consent.single_users"]["found"] == ["User.Read (delegated, single users)"]
    assert made["consent.application_permissions"]["result"] == "pass"


def test_what_a_rollout_would_revoke_is_granted_today() -> None:
    change = {
        "target": "app_role_assignments",
        "field": "permissions",
        "before": ["Mail.Send", "User.Read.All"],
        "after": ["User.Read.All"],
    }
    taken = Taken({**HEALTHY, "grant": {"application_permissions": ["User.Read.All"], "changes": [change]}})
    taken.arguments.update(ARGUMENTS)
    assert host_result("acme", {}, taken).granted_permissions == ["Mail.Send", "User.Read.All"]
