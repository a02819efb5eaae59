# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nobody is sent to consent to, or to change, an application that only a PBX names."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.advice import careful, remedy_beside
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import Work

EVIL = "11111111-2222-4333-8444-555555555555"
URL = f"https://login.example/t/adminconsent?client_id={EVIL}"
CONSENT = f"Let an administrator consent to the permissions of application {EVIL} at {URL}."


def work(variables: dict[str, Any] | None = None, **results: Any) -> Work:
    return Work(
        "acme", variables or {}, lambda *_a, **_b: {}, results={"pbx": {"status": {"application_id": EVIL}}, **results}
    )


def failed(remedy: str) -> dict[str, Any]:
    return {"failed": True, "msg": f"It failed. {remedy}", "error": {"remedy": remedy}, "entra": {"remedy": remedy}}


def test_no_address_of_a_consent_to_it_is_told() -> None:
    told = careful(work(), failed(CONSENT))
    assert URL not in str(told)
    assert told["msg"].startswith("It failed. Only the PBX names the application")
    assert told["error"]["remedy"] in told["msg"]


def test_other_advice_comes_with_a_caution() -> None:
    told = careful(work(), failed("Add the redirect URI to it."))
    assert "--check" in told["msg"]
    assert told["msg"].endswith("Add the redirect URI to it.")
    assert told["entra"]["remedy"] == told["error"]["remedy"]


@pytest.mark.parametrize(
    "known",
    [
        work(application={"app_id": EVIL}),
        work(candidate={"app_id": EVIL}),
        work({"entra_app_app_id": EVIL}),
        work({"tcx_console_application_id": EVIL}),
        work(pbx={"status": {"application_id": ""}}),
    ],
    ids=["judged", "judged before", "stated", "stated for the console", "none"],
)
def test_what_a_step_has_judged_or_the_inventory_states_is_spoken_of_as_it_is(known: Work) -> None:
    assert careful(known, failed(CONSENT)) == failed(CONSENT)


def test_a_step_that_did_not_fail_is_left_alone() -> None:
    assert careful(work(), {"changed": True, "msg": "done"}) == {"changed": True, "msg": "done"}


def test_nobody_is_sent_to_consent_to_what_others_can_sign_in_as() -> None:
    """Somebody else grants the permissions, so that the application is taken all the same."""
    held = {"app_id": EVIL, "unknown_credentials": ["the client secret 'eve'", "the owner eve@acme.example (guest)"]}
    told = careful(work(application=held), failed(CONSENT))
    assert URL not in str(told)
    assert "the client secret 'eve', the owner eve@acme.example (guest)" in told["msg"]
    assert "entra_app_app_id" in told["error"]["remedy"]
    assert remedy_beside(held["unknown_credentials"], CONSENT) == told["error"]["remedy"]
    assert remedy_beside([], CONSENT) == CONSENT
