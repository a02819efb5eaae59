# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The questions about how the services behave: what is written for them is gone afterwards, whatever happens meanwhile."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import entra_conformance, tcx_conformance
from ansible_collections.tcx.m365.plugins.module_utils._entra import conformance
from ansible_collections.tcx.m365.plugins.module_utils._entra.conformance import QUESTIONS as OF_GRAPH
from ansible_collections.tcx.m365.plugins.module_utils._pbx import conformance as pbx_conformance
from ansible_collections.tcx.m365.plugins.module_utils._pbx.conformance import QUESTIONS as OF_XAPI
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of
from ansible_collections.tcx.m365.tests.integration.flows.conftest import Flow
from tcx_lab import records
from tcx_lab.evidence import Grade, statements
from tcx_lab.pbx import state_of

Json = dict[str, Any]

NOT_ASKED = {
    "replication_lag": "no answer holds for the next minute",
    "replication_reads": "as the lag",
    "restored_principal_keeps_grants": "the restore is asked about, and what was granted is gone by then",
    "conditional_access_blocks": "a policy of the tenant, no behavior of the service",
    "consent_required": "needs a person who signs in",
    "silent_consent_first": "needs a person who signs in",
    "token_scope": "a second token takes the one of the questions",
    "token_rule": "as above",
    "token_error_status": "a wrong secret counts for the block of this address",
    "bad_secret_counts": "as above",
    "block_after": "as above",
    "block_symptom": "as above",
    "forbidden_body": "needs a second client with a smaller role",
    "system_admins_m365": "as above",
    "second_factor_status": "needs an administrator with a second factor",
    "duplicated_emails": "needs users with the same address",
    "selected_users": "needs a healthy link, and users of the tenant that would be synchronized",
    "sync_polls": "needs users of the tenant that are synchronized",
    "office_phone": "as above",
    "sync_interval": "as above",
    "sync_on_save": "as above",
    "sync_delay": "as above",
    "m365_error_status": "needs a broken link",
    "partner_center_mfa_status": "needs a Microsoft partner, and a person who signs in",
    "partner_center_errors": "as above",
    "partner_center_exists_status": "as above",
    "partner_without_access": "as above",
    "partner_without_principal": "as above",
}
"""Assumed behaviors that no question finds out, and why."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "PATIENCE_S", 0.5)
    monkeypatch.setattr(conformance, "REMOVAL_S", 8.0)
    monkeypatch.setattr(pbx_conformance, "PUT_BACK_S", 1.0)


def ask(flow: Flow, *, write: bool = True) -> tuple[Json, Json]:
    """The results of both modules."""
    run = flow.begin()
    variables = flow.variables()
    graph = {**arguments_of.entra_connection(variables), "write": write, "deadline": 60}
    xapi = {**arguments_of.pbx_connection(variables), "write": write, "deadline": 60}
    return run.task(entra_conformance.CAPABILITY, graph), run.task(tcx_conformance.CAPABILITY, xapi)


def there(flow: Flow) -> Json:
    tenant = flow.world.tenants[flow.world.pbxs[flow.host].tenant_id]
    kinds = (tenant.applications, tenant.service_principals, tenant.deleted_items, tenant.app_role_assignments)
    return {"graph": [sorted(each) for each in kinds], "pbx": copy.deepcopy(state_of(flow.world, _pbx(flow)).m365)}


def _pbx(flow: Flow) -> Any:
    return flow.world.pbxs[flow.host]


def test_every_assumed_behavior_is_asked_or_says_why_not() -> None:
    asked = {each.name for each in (*OF_GRAPH, *OF_XAPI)}
    assumed = {each.name for each in statements() if each.name and each.grade is Grade.ASSUMED}
    assert assumed - asked == set(NOT_ASKED)


def test_the_lab_knows_every_question() -> None:
    assert {each.name for each in (*OF_GRAPH, *OF_XAPI)} <= set(records.known())


TROUBLE: list[Json] = [
    {"action": "reset_after", "match": {"service": "graph", "method": "PATCH", "path": "uniqueName"}},
    {"action": "reset_before", "match": {"service": "graph", "method": "PATCH", "path": "uniqueName"}},
    {"action": "reset_after", "match": {"service": "graph", "method": "POST", "path": "/servicePrincipals$"}},
    {"action": "reset_after", "match": {"service": "graph", "method": "POST", "path": "appRoleAssignments"}},
    {"action": "reset_after", "match": {"service": "graph", "method": "DELETE", "path": "/applications/"}},
    {"action": "status", "status": 503, "match": {"service": "graph", "method": "DELETE"}, "times": 3},
    {"action": "status", "status": 404, "match": {"service": "graph", "method": "DELETE", "path": "deletedItems"}},
    {"action": "status", "status": 500, "match": {"service": "graph", "method": "GET", "path": "deletedItems"}},
    {"action": "reset_after", "match": {"service": "graph", "method": "POST", "path": "restore"}},
]


@pytest.mark.parametrize("trouble", TROUBLE, ids=lambda each: f"{each['action']}-{each['match'].get('path', '')}")
def test_nothing_is_left_behind_after_trouble(berlin: Flow, trouble: Json) -> None:
    before = there(berlin)
    berlin.lab.control.add_trouble(**trouble)
    ask(berlin)
    assert there(berlin) == before


def test_replicas_hide_nothing(berlin: Flow) -> None:
    before = there(berlin)
    berlin.world.switches.update({"replication_lag": 0.6})
    graph, _xapi = ask(berlin)
    assert not graph.get("failed"), graph["msg"]
    assert there(berlin) == before


def test_what_cannot_be_removed_is_told(berlin: Flow) -> None:
    match = {"service": "graph", "method": "DELETE", "path": "deletedItems"}
    berlin.lab.control.add_trouble("status", status=403, times=0, match=match)
    graph, _xapi = ask(berlin)
    assert graph["failed"]
    assert "tcx-m365-conformance-" in graph["msg"]
    assert "Deleted applications" in graph["error"]["remedy"]


def test_settings_that_cannot_be_put_back_are_told(berlin: Flow) -> None:
    assert not berlin.rollout(tcx_console_user_sync={"enabled": True, "scope": "all", "photo": True}).get("failed")
    match = {"service": "pbx", "method": "PATCH", "path": "/Microsoft365Integration"}
    # The first PATCH asks about annotations, the second writes one setting alone; what puts it back is refused.
    berlin.lab.control.add_trouble("status", status=403, skip=2, times=0, match=match)
    _graph, xapi = ask(berlin)
    assert xapi["failed"]
    assert "put back" in xapi["msg"]


def test_a_caller_who_may_only_read_is_told_what_lacks(berlin: Flow) -> None:
    berlin.lab.control.set_permissions("Application.Read.All")
    graph, _xapi = ask(berlin)
    assert graph["failed"]
    assert "Application.ReadWrite.All" in graph["msg"]
    graph, _xapi = ask(berlin, write=False)
    assert not graph.get("failed"), graph["msg"]


@pytest.mark.parametrize("answer", ["file", "json"])
def test_the_form_of_a_script_is_found_out(berlin: Flow, answer: str) -> None:
    berlin.world.switches.update({"script_answer": answer})
    _graph, xapi = ask(berlin, write=False)
    assert {each["behavior"]: each["answer"] for each in xapi["answers"]}["script_answer"] == answer
