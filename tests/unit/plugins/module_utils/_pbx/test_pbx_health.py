# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the integration works: what proves it, what disproves it, and when waiting is of no use."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._common.aadsts import Parties
from ansible_collections.tcx.m365.plugins.module_utils._pbx import health
from ansible_collections.tcx.m365.plugins.module_utils._pbx.health import DIRECTORY, LIST_USERS, SUBSCRIPTION
from ansible_collections.tcx.m365.plugins.module_utils._pbx.xapi import Xapi
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._pbx.fakes import xapi

APP = "6b1f2f0e-0000-4000-8000-00000000000a"
UNKNOWN_APP = "AADSTS700016: Application with identifier 'x' was not found in the directory 'y'.\r\nTrace ID: 1"


def pbx(directory: Any = None, listing: Any = (200, {"Users": []}), subscription: Any = None) -> tuple[Xapi, list[str]]:
    asked: list[str] = []
    answers = {
        DIRECTORY: (200, {"ApplicationId": APP} if directory is None else directory),
        LIST_USERS: listing,
        SUBSCRIPTION: (200, {"IsSubscriptionAvailable": True} if subscription is None else subscription),
    }

    def script(_method: str, path: str, _request: Any) -> Any:
        asked.append(path)
        answer = answers[path]
        return (
            answer.pop(0)
            if isinstance(answer, list) and len(answer) > 1
            else (answer[0] if isinstance(answer, list) else answer)
        )

    return xapi(script), asked


def test_three_answers_prove_it() -> None:
    client, asked = pbx()
    assert health.check(client).as_dict() == {"ok": True, "application_id": APP, "subscription": True, "message": ""}
    assert asked == [DIRECTORY, LIST_USERS, SUBSCRIPTION]


def test_an_exception_is_quoted_on_one_line_and_nothing_more_is_asked() -> None:
    client, asked = pbx({"ApplicationId": APP, "ExceptionMessage": UNKNOWN_APP})
    found = health.check(client)
    assert not found.ok
    assert found.message.endswith("directory 'y'. Trace ID: 1")
    assert asked == [DIRECTORY]


def test_another_application_than_the_wanted_one_is_no_proof() -> None:
    client, _asked = pbx()
    found = health.check(client, application_id="00000000-0000-4000-8000-000000000000")
    assert not found.ok
    assert APP in found.message
    assert health.check(pbx()[0], application_id=APP.upper()).ok


@pytest.mark.parametrize("status", [400, 500])
def test_users_that_cannot_be_listed_disprove_it(status: int) -> None:
    refusal = {"error": {"code": "", "message": "Authorization_RequestDenied: Insufficient privileges"}}
    client, _asked = pbx(listing=(status, refusal))
    found = health.check(client)
    assert not found.ok
    assert "Insufficient privileges" in found.message
    assert "graph_permission_grant" in str(found.error(10))


def test_notifications_that_do_not_arrive_are_a_warning_only() -> None:
    client, _asked = pbx(subscription={"IsSubscriptionAvailable": False, "ExceptionMessage": "timed out"})
    found = health.check(client)
    assert found.ok
    assert found.subscription is False
    assert "nightly" in health.subscription_warning(found, "acme.example.com")


def test_it_waits_until_microsoft_has_caught_up() -> None:
    denied = {"error": {"code": "", "message": "AADSTS65001: no consent"}}
    client, asked = pbx(listing=[(400, denied), (400, denied), (200, {"Users": []})])
    assert health.verify(client, application_id=APP, within=300).ok
    assert asked.count(DIRECTORY) == 3


def test_it_ends_at_its_deadline_with_the_pbxs_own_words() -> None:
    client, asked = pbx({"ApplicationId": APP, "ExceptionMessage": UNKNOWN_APP})
    found = health.verify(client, application_id=APP, within=60)
    assert not found.ok
    assert client.context.deadline.waited <= 60
    assert len(asked) > 3
    text = str(found.error(60))
    assert "within 60 s" in text
    assert "AADSTS700016" in text
    assert "compare the application ID and the tenant ID" in text


def test_a_wrong_tenant_is_not_waited_for() -> None:
    client, asked = pbx({"ApplicationId": APP, "ExceptionMessage": "AADSTS90002: Tenant 'x' not found."})
    assert not health.verify(client, application_id=APP, within=300).ok
    assert asked == [DIRECTORY]


@pytest.mark.parametrize("where", ["directory", "listing"])
@pytest.mark.parametrize(
    ("code", "door"),
    [
        ("7000112", "Enabled for users to sign in"),
        ("7000110", "compare the application ID"),
        ("500014", "Enabled for users to sign in"),
        ("53003", "Conditional Access"),
        ("50105", "Assignment required"),
        ("500133", "NTP"),
        ("700024", "NTP"),
        ("900382", "another cloud"),
    ],
)
def test_what_cannot_pass_is_not_waited_for(code: str, door: str, where: str) -> None:
    said = f"AADSTS{code}: No. Trace ID: 1"
    if where == "directory":
        client, asked = pbx({"ApplicationId": APP, "ExceptionMessage": said})
    else:
        client, asked = pbx(listing=(400, {"error": {"code": "", "message": said}}))
    found = health.verify(client, application_id=APP, within=300)
    assert asked.count(DIRECTORY) == 1
    assert client.context.deadline.waited == 0
    text = str(found.error(300, Parties(APP, "contoso.example")))
    assert door in text
    assert "within 300 s" not in text
    assert found.error(300).code == f"AADSTS{code}"


@pytest.mark.parametrize("said", ["AADSTS65001: no consent", "Authorization_RequestDenied: Insufficient privileges"])
def test_the_consent_of_a_person_is_not_waited_for(said: str) -> None:
    parties = Parties(APP, "contoso.example", "https://login.example/contoso.example/adminconsent?client_id=" + APP)
    client, asked = pbx(listing=(400, {"error": {"code": "", "message": said}}))
    found = health.verify(client, application_id=APP, within=300, parties=parties)
    assert asked.count(DIRECTORY) == 1
    assert parties.consent_url in str(found.error(300, parties))
    client, asked = pbx(listing=(400, {"error": {"code": "", "message": said}}))
    health.verify(client, application_id=APP, within=30)
    assert asked.count(DIRECTORY) > 1, "our own consent may still be on its way"


def test_an_unknown_code_may_pass() -> None:
    client, asked = pbx({"ApplicationId": APP, "ExceptionMessage": "AADSTS123456: New."})
    found = health.verify(client, application_id=APP, within=30)
    assert asked.count(DIRECTORY) > 1
    assert "Admin Console > Integrations > Microsoft 365" in str(found.error(30))


def test_without_waiting_there_is_one_look() -> None:
    client, asked = pbx({"ApplicationId": APP, "ExceptionMessage": UNKNOWN_APP})
    health.verify(client, application_id=APP, within=0)
    assert asked == [DIRECTORY]


def test_a_proof_is_believed_once_and_not_after_a_change_of_the_tenant() -> None:
    client, _asked = pbx()
    store = client.context.store
    found = health.check(client)
    health.remember(client, found)
    assert health.remembered(client, "TENANT") == found
    assert health.remembered(client, "TENANT") is None
    health.remember(client, found)
    store.put("tenant_changed", "another", time.time() + 1)
    assert health.remembered(client, "TENANT") == found
    health.remember(client, found)
    store.put("tenant_changed", "tenant", time.time() + 1)
    assert health.remembered(client, "TENANT") is None
