# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Until when the automation itself can sign in: in every format, and never a guess."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import Report
from ansible_collections.tcx.m365.tests.tools.report_texts import render_junit, render_markdown, render_page
from ansible_collections.tcx.m365.tests.unit.plugins.plugin_utils._report.fleets import host, report
from jsonschema import Draft202012Validator


def signed_in_with(**more: Any) -> Report:
    credential = {"app_id": "0b7d", "kind": "secret", "expires": None, "reason": "", **more}
    return report(host("acme"), run={"automation_credentials": [credential]})


def test_a_secret_that_expires_soon_needs_attention_in_every_format(validator: Draft202012Validator) -> None:
    found = signed_in_with(expires="2026-12-03T10:00:00Z")
    said = "The client secret with which the automation signs in to Entra expires on 2026-12-03, in 11 days."
    assert found.run["attention"] == [said]
    assert found.run["automation_credentials"][0]["days_left"] == 11
    validator.validate(found.to_dict())
    assert said in render_page(found)
    assert said in render_markdown(found).replace("\\", "")
    assert said in render_junit(found)


def test_one_that_has_passed_is_told_as_such() -> None:
    assert signed_in_with(expires="2026-11-20T10:00:00Z", kind="certificate").run["attention"] == [
        "The certificate with which the automation signs in to Entra expired on 2026-11-20."
    ]


@pytest.mark.parametrize(
    ("credential", "told"),
    [
        ({"expires": "2027-12-03T10:00:00Z"}, "client secret, expires 2027-12-03 (376 days left)"),
        ({"reason": "not readable: Forbidden"}, "client secret, expiry not readable: Forbidden"),
        (
            {"kind": "managed_identity", "reason": "it has no expiry of its own"},
            "managed identity, it has no expiry of its own",
        ),
    ],
)
def test_what_is_not_due_or_not_known_is_told_and_no_attention(credential: dict[str, Any], told: str) -> None:
    found = signed_in_with(**credential)
    assert found.run["attention"] == []
    assert told in render_page(found)
    assert told in render_markdown(found).replace("\\", "")


def test_a_run_that_says_nothing_of_it_has_no_such_fact() -> None:
    assert "Automation" not in render_markdown(report(host("acme")))
