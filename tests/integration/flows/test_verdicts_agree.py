# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verdict, reasons, points of attention and controls of a PBX say the same, whatever is the matter with it, in every format."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import Report
from ansible_collections.tcx.m365.tests.tools.report_texts import render_csv, render_junit, render_markdown, render_page
from tcx_lab.graph import seed

from .conftest import Flow

Json = dict[str, Any]
AS_DESIRED = ("compliant", "attention")
USER_SYNC = {"enabled": True, "scope": "all", "photo": True}


def application(flow: Flow) -> Json:
    return next(each for each in tenant(flow).applications.values() if each["uniqueName"] == f"3cx-{flow.host}")


def tenant(flow: Flow) -> Any:
    return flow.world.tenants[flow.world.pbxs[flow.host].tenant_id]


def principal(flow: Flow, **changes: Any) -> None:
    app_id = application(flow)["appId"]
    next(each for each in tenant(flow).service_principals.values() if each["appId"] == app_id).update(changes)


def foreign_secret(flow: Flow, days: float) -> None:
    seed.add_secret(flow.world, tenant(flow), application(flow)["id"], days=days)


def tls(flow: Flow, days: int) -> None:
    flow.lab.control.patch_pbx(flow.host, tls={"days": days})


def key_that_expires(flow: Flow, days: int) -> Json:
    key = flow.lab.control.new_key_pair(flow.host, days=days)["public_key"]
    flow.rollout(entra_app_public_key=key)
    return {"entra_app_public_key": key}


@dataclass(frozen=True)
class Case:
    """What happens to a PBX that was rolled out, the verdict of the next check, and the controls that are not as they should be."""

    verdict: str
    happens: Callable[[Flow], Json | None] = lambda _flow: None
    controls: tuple[str, ...] = ()
    before: Json | None = None


CASES: dict[str, Case] = {
    "nothing": Case("compliant"),
    "a setting differs": Case(
        "drifted",
        lambda _flow: {"tcx_console_user_sync": {**USER_SYNC, "photo": False}},
        ("settings.user_sync.photo",),
    ),
    "assignment is required": Case(
        "attention",
        lambda flow: principal(flow, appRoleAssignmentRequired=True),
        ("application.assignment_required",),
    ),
    "the application is disabled": Case(
        "broken",
        lambda flow: principal(flow, accountEnabled=False),
        ("application.enabled", "integration.works"),
    ),
    "a foreign secret": Case("attention", lambda flow: foreign_secret(flow, 700), ("application.foreign_credentials",)),
    "a foreign secret that has expired": Case("compliant", lambda flow: foreign_secret(flow, -30)),
    "permissions that nothing needs": Case("compliant", before={"entra_app_permissions_profile": "guide"}),
    "TLS for 12 days": Case("attention", lambda flow: tls(flow, 12), ("pbx.tls_certificate",)),
    "TLS for 30 days": Case("compliant", lambda flow: tls(flow, 31)),  # 30 whole days are left
    "TLS has expired, and nobody validates it": Case(
        "failed",
        lambda flow: tls(flow, -3) or {"tcx_validate_certs": False},
        ("pbx.answers",),
    ),
    "the key expires": Case("attention", lambda flow: key_that_expires(flow, 12), ("application.certificate_expiry",)),
}


def rolled_out(flow: Flow, before: Json | None) -> None:
    result = flow.rollout(tcx_console_user_sync=USER_SYNC, **(before or {}))
    assert not result.get("failed"), result["msg"]


@pytest.mark.parametrize("name", CASES)
def test_a_verdict_is_what_the_controls_say(berlin: Flow, name: str) -> None:
    case = CASES[name]
    rolled_out(berlin, case.before)
    more = case.happens(berlin) or {}
    found = Report.build(
        [berlin.compliance(**{"tcx_console_user_sync": USER_SYNC, **more})], generated_at=datetime.now(UTC)
    )
    [entry] = found.hosts
    ids = [control["id"] for control in entry["controls"]]
    results = {control["id"]: control["result"] for control in entry["controls"]}
    assert len(set(ids)) == len(ids)
    assert entry["verdict"] == case.verdict, entry["reasons"] + entry["attention"]
    assert {each for each, result in results.items() if result in ("fail", "attention")} == set(case.controls)
    assert ("fail" in results.values()) == (entry["verdict"] not in AS_DESIRED)
    assert bool(entry["attention"]) >= ("attention" in results.values())
    if entry["verdict"] == "attention":
        assert "attention" in results.values()
    every_format_agrees(found)
    # Nobody wants to read the same twice.
    words = [frozenset(sentence.lower().split()) for sentence in (*entry["reasons"], *entry["attention"])]
    for place, one in enumerate(words):
        for other in words[place + 1 :]:
            assert len(one & other) < 0.6 * min(len(one), len(other)), (entry["reasons"], entry["attention"])


def every_format_agrees(found: Report) -> None:
    [entry] = found.hosts
    [row] = csv.DictReader(io.StringIO(render_csv(found)))
    suite = ET.XML(render_junit(found))
    assert row["verdict"] == entry["verdict"]
    assert row["attention"] == " ".join(entry["attention"])
    assert row["consent_unneeded"] == " ".join(entry["consent"]["unneeded"])
    unwell = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
    assert unwell == (entry["verdict"] not in AS_DESIRED)
    markdown, page, junit = render_markdown(found), render_page(found), render_junit(found)
    for sentence in entry["attention"]:
        start = sentence.split(":")[0].replace("&", "&amp;")[:40]
        assert start in markdown
        assert start in page
        assert start in junit
    for permission in entry["consent"]["unneeded"]:
        assert permission in markdown
        assert permission in page
