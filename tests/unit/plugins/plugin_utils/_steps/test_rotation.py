# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a rotation stands, from what is registered and since when."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.rotation import standing

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
LABEL = "acme.example:5001"


def entry(thumbprint: str, registered: str, *, desired: bool = False, label: str = LABEL) -> dict[str, Any]:
    return {
        "thumbprint": thumbprint,
        "display_name": f"tcx.m365 {registered} {label}".strip(),
        "not_before": "2026-01-01T00:00:00Z",
        "not_after": "2030-01-01T00:00:00Z",
        "desired": desired,
    }


OLD = entry("OLD", "2026-01-02")


@pytest.mark.parametrize(
    ("registered", "old", "state"),
    [
        ("2026-11-20", OLD, "new_key_uploaded"),
        ("2026-11-12", OLD, "overlap_over"),
        ("2026-11-11", OLD, "overlap_over"),
        ("2026-11-01", entry("OLD", "2026-11-25"), "not_switched"),
        ("2026-11-20", entry("OLD", "2026-11-20"), "not_switched"),
        ("2026-11-20", {**entry("OLD", "2026-11-20"), "not_before": "2025-12-31T00:00:00Z"}, "new_key_uploaded"),
        ("2026-11-20", {**entry("OLD", "2026-11-20"), "not_before": "2026-01-02T00:00:00Z"}, "not_switched"),
        ("2026-11-01", None, "pbx_switched"),
    ],
)
def test_a_rotation_stands_at(registered: str, old: dict[str, Any] | None, state: str) -> None:
    found = standing([entry("NEW", registered, desired=True), *([old] if old else [])], LABEL, 14, NOW)
    assert found is not None
    assert found.state == state
    assert found.is_alarm is (state in ("overlap_over", "not_switched"))
    if old:
        assert "OLD" in found.sentence()


def test_the_day_of_retirement_is_told() -> None:
    found = standing([entry("NEW", "2026-11-20", desired=True), OLD], LABEL, 14, NOW)
    assert found is not None
    assert found.as_dict()["retires_on"] == "2026-12-04"
    assert "2026-12-04" in found.sentence()


def test_a_neighbor_in_the_same_application_has_a_rotation_of_its_own() -> None:
    theirs = entry("THEIRS", "2026-01-02", label="other.example")
    unnamed = entry("UNNAMED", "2026-01-02", label="")
    found = standing([entry("NEW", "2026-11-01", desired=True), theirs, unnamed], LABEL, 14, NOW)
    assert found is not None
    assert (found.state, found.old) == ("pbx_switched", ())


def test_a_stranger_s_certificate_is_no_rotation() -> None:
    theirs = {**OLD, "display_name": "CN=somebody"}
    found = standing([entry("NEW", "2026-11-01", desired=True), theirs], LABEL, 14, NOW)
    assert found is not None
    assert found.old == ()


def test_what_this_run_retired_is_told_once() -> None:
    found = standing([entry("NEW", "2026-11-01", desired=True)], LABEL, 14, NOW, [{"thumbprint": "OLD"}])
    assert found is not None
    assert (found.state, found.retired) == ("retired", ("OLD",))
    assert "signs in with NEW" in found.sentence()


@pytest.mark.parametrize("certificates", [[], [OLD]])
def test_without_a_certificate_of_the_inventory_there_is_none(certificates: list[dict[str, Any]]) -> None:
    assert standing(certificates, LABEL, 14, NOW) is None
