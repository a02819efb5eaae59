# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sums over the fleet: the same cause is told once with its number, and who can do what by tenant."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._report.message import lines
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import HostResult
from ansible_collections.tcx.m365.plugins.plugin_utils._report.wording import days_text
from ansible_collections.tcx.m365.tests.tools.report_texts import render_markdown, render_page
from ansible_collections.tcx.m365.tests.tools.sample_fleet import sample_report
from ansible_collections.tcx.m365.tests.unit.plugins.plugin_utils._report.fleets import NOW, host, report
from jsonschema import Draft202012Validator

CONTROL = {"id": "pbx.answers", "title": "", "desired": True, "found": True, "result": "pass", "reason": ""}
TENANT = "11111111-2222-3333-4444-555555555555"


def troubled(place: int) -> HostResult:
    """One of many PBXs with the same trouble, told with what differs by PBX."""
    url = f"https://pbx{place:02}.example.com:5001"
    reason = f"Could not connect to 3CX at {url}/connect/token (trace {place:08x}-2222-3333-4444-555555555555)."
    return host(f"customer{place:02}", "unreachable", url=url, reasons=[reason])


def sums(*hosts: HostResult) -> dict[str, Any]:
    found: dict[str, Any] = report(*hosts).to_dict()["aggregates"]
    return found


def visible_text(page: str) -> str:
    """What a reader without a script reads, on one line."""
    body = re.sub(r"<(script|style)\b.*?</\1>|<svg.*?</svg>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_the_same_cause_on_twelve_pbxs_is_told_once_with_its_number() -> None:
    hosts = [troubled(place) for place in range(12)]
    causes = sums(*hosts)["causes"]
    assert [len(cause["hosts"]) for cause in causes] == [12]
    assert causes[0]["text"] == "Could not connect to 3CX at [address]/connect/token (trace [ID])."
    assert "12 × Could not connect to 3CX at [address]/connect/token" in visible_text(render_page(report(*hosts)))


def test_different_causes_are_not_one() -> None:
    causes = sums(
        host("a", "failed", reasons=["AADSTS700016: unknown."]), host("b", "failed", reasons=["AADSTS7000215: wrong."])
    )["causes"]
    assert sorted(len(cause["hosts"]) for cause in causes) == [1, 1]


def test_a_host_name_inside_of_a_word_is_no_host_name() -> None:
    causes = sums(host("cert", "failed", reasons=["The certificate of cert is wrong."]))["causes"]
    assert causes[0]["text"] == "The certificate of [PBX] is wrong."


def test_who_can_do_what_is_told_by_tenant_and_application() -> None:
    rights = {"tenant_id": TENANT, "tenant_name": "Contoso"}
    hosts = [
        host("berlin", application_id="app-1", granted_permissions=["User.Read.All", "Mail.Send"], **rights),
        host("munich", application_id="app-1", granted_permissions=["User.Read.All", "Mail.Send"], **rights),
        host(
            "lyon",
            application_id="app-2",
            granted_permissions=["User.Read.All"],
            credentials=[{"kind": "secret", "name": "x", "expires": None, "owner": "foreign"}],
            **rights,
        ),
        host("nowhere"),
    ]
    tenants = sums(*hosts)["tenants"]
    assert tenants == [
        {
            "tenant_id": TENANT,
            "tenant_name": "Contoso",
            "applications": [
                {
                    "application_id": "app-1",
                    "hosts": ["berlin", "munich"],
                    "permissions": ["Mail.Send", "User.Read.All"],
                    "foreign_credentials": 0,
                },
                {
                    "application_id": "app-2",
                    "hosts": ["lyon"],
                    "permissions": ["User.Read.All"],
                    "foreign_credentials": 1,
                },
            ],
        }
    ]
    page = visible_text(render_page(report(*hosts)))
    assert "Mail.Send send mail as any user 2 0 0" in page
    assert "User.Read.All read the profiles of all users 3 0 0" in page
    assert f"Contoso {TENANT} berlin , munich Mail.Send , User.Read.All none" in page
    assert "lyon User.Read.All yes, see the details of the PBX" in page


def test_a_permission_that_is_missing_or_not_needed_is_counted_as_such() -> None:
    found = sums(
        host(
            "acme",
            "drifted",
            consent={"missing": ["Mail.Send"], "unneeded": ["Mail.Read"]},
            granted_permissions=["Mail.Read"],
        )
    )["permissions"]
    assert [(one["name"], one["granted"], one["unneeded"], one["missing"]) for one in found] == [
        ("Mail.Read", 1, 1, 0),
        ("Mail.Send", 0, 0, 1),
    ]


def test_the_sums_stand_in_the_json_as_the_schema_says(validator: Draft202012Validator) -> None:
    content = sample_report(60).to_dict()
    validator.validate(content)
    assert sum(one["pbxs"] for one in content["aggregates"]["versions"]) == 60


def test_the_trend_is_told_in_numbers_that_stand_in_the_json() -> None:
    found = sample_report(40)
    text = visible_text(render_page(found))
    for point in found.to_dict()["trend"]:
        share = f"{100 * point['compliant'] / point['total']:.1f} %"
        row = (
            f"{point['generated_at'][:10]} 10:00 UTC {point['total']} {point['compliant']} {share} {point['attention']}"
        )
        assert f"{row} {point['certificates_due']}" in text


def test_a_long_sentence_of_microsoft_is_told_to_the_end_of_a_sentence() -> None:
    said = (
        "3CX reports: AADSTS700016: Application with identifier '3c3da911-36a5-4df9-b824-7e70b2194ff3' was not found in the "
        "directory 'Contoso'. This can happen if the application has not been installed by the administrator of the tenant or "
        "consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant. Trace ID: "
        "695f069c-f9c0-4169-ab1f-2380dc35b226 Correlation ID: f4e3c1b2-bcf6-4741-ad8a-0d2c3cd6c0ad Timestamp: 2026-11-27 15:01:30Z"
    )
    [told] = [line for line in lines(report(host("disabled", "broken", reasons=[said]))) if "AADSTS" in line]
    assert told == (
        "disabled: 3CX reports: AADSTS700016: Application with identifier '3c3da911-36a5-4df9-b824-7e70b2194ff3' was not found "
        "in the directory 'Contoso'. \u2026"
    )


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (-49, "expired on 2026-11-20"),
        (-1, "expired on 2026-11-22"),
        (1, "expires on 2026-11-22, within 24 hours"),
        (20, "expires on 2026-11-23, within 24 hours"),
        (25, "expires on 2026-11-23, in 1 day"),
        (50, "expires on 2026-11-24, in 2 days"),
    ],
)
def test_a_certificate_of_the_last_days_is_told_in_words_that_hold_in_every_time_zone(hours: int, said: str) -> None:
    end = (NOW + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")
    certificate = {"thumbprint": "AB", "not_after": end, "desired": True, "managed": True}
    [entry] = report(host("acme", certificates=[certificate], controls=[CONTROL])).to_dict()["hosts"]
    assert entry["verdict"] == "attention"
    assert entry["attention"] == [f"A certificate of the application {said}: AB."]


def test_days_are_told_in_words() -> None:
    told = [days_text(days) for days in (-3, -1, 0, 1, 12)]
    assert told == [
        "expired 3 days ago",
        "expired within the last 24 hours",
        "expires within 24 hours",
        "1 day left",
        "12 days left",
    ]


def test_what_is_said_of_two_in_the_same_words_is_one_cause_with_both_names() -> None:
    said = "The hosts bolt and dock of the inventory have the same certificate. Correct the inventory."
    made = report(host("bolt", "failed", reasons=[said]), host("dock", "failed", reasons=[said]))
    [counted] = made.aggregates["causes"]
    assert counted == {"text": said, "hosts": ["bolt", "dock"]}
    assert f"2 \u00d7 {said}" in lines(made)
    assert render_markdown(made).count("have the same certificate") == 1
