# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An application is an orphan only when everybody who could use it was asked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._compliance.orphans import Pbx, Tenant, judge, table

ONE, OTHER = "11111111-0000-0000-0000-000000000000", "22222222-0000-0000-0000-000000000000"
APP = "AAAAAAAA-0000-0000-0000-000000000000"


def state(*pbxs: Pbx, tenant: str = ONE, unique_name: str | None = "3cx-gone") -> str:
    application = {"app_id": APP, "unique_name": unique_name, "display_name": "3CX"}
    found = judge([Tenant(tenant, [application])], pbxs)
    return str(found["tenants"][0]["applications"][0]["state"])


@pytest.mark.parametrize(
    ("pbxs", "expected"),
    [
        ([Pbx("a", ONE, "")], "orphan"),
        ([Pbx("a", ONE, APP.lower())], "in_use"),
        ([Pbx("a", OTHER, APP)], "in_use"),
        ([Pbx("a", ONE, "", named=frozenset({APP.lower()}))], "named"),
        ([Pbx("a", ONE, "", named=frozenset({"3cx-gone"}))], "named"),
        ([Pbx("a", OTHER, "", named=frozenset({"3cx-gone"}))], "orphan"),
        ([Pbx("a", ONE, None)], "unknown"),
        ([Pbx("a", "", None)], "unknown"),
        ([Pbx("a", OTHER, None)], "orphan"),
        ([Pbx("a", ONE, "", automation=APP)], "automation"),
    ],
)
def test_the_state_of_an_application(pbxs: list[Pbx], expected: str) -> None:
    assert state(*pbxs) == expected


def test_an_application_without_a_key_is_no_match_for_a_pbx_without_one() -> None:
    assert state(Pbx("a", ONE, "", named=frozenset({""})), unique_name=None) == "orphan"


def test_the_table_has_what_is_not_in_use_and_who_was_silent() -> None:
    applications: list[dict[str, Any]] = [
        {"app_id": APP, "unique_name": "3cx-a", "display_name": "3CX a", "created": "2026-01-02T03:04:05Z"},
        {"app_id": "b", "unique_name": "3cx-b", "display_name": "3CX b", "created": None},
    ]
    tenants = [Tenant(ONE, applications), Tenant(OTHER, problem="Entra refused the secret.")]
    pbxs = [Pbx("berlin", ONE, "b"), Pbx("lyon", OTHER, None, problem="No answer.")]
    lines = table(judge(tenants, pbxs))
    assert lines[0].split() == ["STATE", "TENANT", "APPLICATION", "NAME", "CREATED"]
    assert lines[1].split() == ["orphan", ONE, APP, "3CX", "a", "2026-01-02"]
    assert lines[2:] == [
        f"Tenant {OTHER} could not be read: Entra refused the secret.",
        "PBX lyon could not be read: No answer.",
        "1 of 2 tenants read, 2 applications of this collection: 1 that no PBX of the inventory uses; 1 in use.",
    ]


def test_a_name_makes_no_row_of_its_own() -> None:
    """Owners call an application what they like."""
    named = {"app_id": APP, "unique_name": None, "display_name": "3CX\norphan  x\u202e", "created": None}
    lines = table(judge([Tenant(ONE, [named]), Tenant(OTHER, problem="no\nPBX x")], [Pbx("a", ONE, "")]))
    assert len(lines) == 4
    assert not any("\n" in line or "\u202e" in line for line in lines)
