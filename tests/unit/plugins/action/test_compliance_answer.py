# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sentence with which a compliance run ends."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.action.fleet_compliance import _answer
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import HostResult, Report

MOMENT = dt.datetime(2026, 11, 26, tzinfo=dt.UTC)
OPTIONS: dict[str, Any] = {"min_hosts": 3, "fail_on": [], "fail_on_drift": False, "enforce": True}


@pytest.mark.parametrize(("hosts", "told"), [(["acme"], "1 PBX"), (["acme", "bolt"], "2 PBXs")])
def test_the_pbxs_are_counted_in_words(hosts: list[str], told: str) -> None:
    report = Report.build([HostResult(host, "failed") for host in hosts], MOMENT)
    said = _answer(report, ["", "", "", "/srv/reports/compliance.html"], OPTIONS)["msg"]
    assert said.startswith(f"0 of {told} could be checked, and at least 3 must be. {told}: ")
