# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong between us and Graph: replication, throttling, faults, cut connections, other writers, other clouds."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import apply as application_apply
from ansible_collections.tcx.m365.tests.integration.bench import COLLECTIONS
from ansible_collections.tcx.m365.tests.integration.entra.customers import (
    APP,
    GRANT,
    GUIDE,
    URI,
    Bench,
    Customer,
    Run,
    guide,
    key_credential,
)
from tcx_lab.graph.app import GraphApp
from tcx_lab.graph.web import Answer, Call
from tcx_lab.world import README_PERMISSIONS

pytestmark = pytest.mark.rights("DelegatedPermissionGrant.ReadWrite.All")
RIGHTS = (*README_PERMISSIONS, "DelegatedPermissionGrant.ReadWrite.All")
PATCH_APPLICATION = r"/applications/[0-9a-f-]{36}$"


def _rollout(customer: Customer, run: Run | None = None, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    run = run or customer.run()
    made = run.task(APP, **guide(**options))
    assert "msg" not in made, made
    granted = run.task(GRANT, app_id=made["app_id"], permissions=GUIDE, delegated_permissions=["openid"])
    assert "msg" not in granted, granted
    return made, granted


def _is_as_desired(customer: Customer) -> None:
    application = customer.application()
    assert application["uniqueName"] == "3cx-acme"
    assert set(application["web"]["redirectUris"]) == {URI}
    assert customer.roles(application["appId"]) == set(GUIDE)
    assert (
        len([each for each in customer.tenant.service_principals.values() if each["appId"] == application["appId"]])
        == 1
    )
    customer.clear_log()
    _rollout(customer)
    assert customer.writes() == []


@pytest.mark.parametrize("reads_policies", [False, True], ids=["plain", "with Policy.Read.All"])
def test_calls_of_the_first_and_of_an_idle_rollout(bench: Bench, customer: Customer, *, reads_policies: bool) -> None:
    """The optional right to read policies costs the one request in which they are read before a certificate is added."""
    customer = customer.allowed(*RIGHTS, *(["Policy.Read.All"] if reads_policies else []))
    pair = bench.pair()
    _rollout(customer, certificates=[pair.public_pem])
    policies = [each for each in customer.calls() if "defaultAppManagementPolicy" in str(each.body)]
    assert len(policies) == reads_policies
    assert len(customer.calls()) <= 8 + reads_policies
    assert len(customer.tokens()) == 1
    customer.clear_log()
    _rollout(customer, certificates=[pair.public_pem])
    assert len(customer.calls()) <= 3
    assert len(customer.tokens()) == 1


TROUBLES: dict[str, list[dict[str, Any]]] = {
    "throttled": [{"action": "throttle", "seconds": 1, "times": 3}],
    "throttled writes": [{"action": "throttle", "seconds": 1, "method": "PATCH", "times": 2}],
    "unavailable": [{"action": "status", "status": 503, "times": 2}],
    "gateway": [{"action": "status", "status": 504, "method": "PATCH", "times": 1}],
    "cut before": [{"action": "reset_before", "times": 1}, {"action": "reset_before", "skip": 2, "times": 1}],
    "cut after upsert": [{"action": "reset_after", "method": "PATCH", "path": "uniqueName", "times": 1}],
    "cut after batch": [{"action": "reset_after", "path": "batch", "skip": 1, "times": 1}],
    "cut after grants": [{"action": "reset_after", "path": "batch", "skip": 4, "times": 1}],
    "no token at first": [{"action": "status", "status": 503, "service": "login", "times": 1}],
}


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_that_passes(bench: Bench, customer: Customer, name: str) -> None:
    for rule in TROUBLES[name]:
        bench.trouble(**rule)
    _rollout(customer)
    bench.lab.control.clear_trouble()
    _is_as_desired(customer)


@pytest.mark.parametrize(
    "switches",
    [
        {"replication_lag": 2.0},
        {"replication_reads": 3},
        {"replication_lag": 2.0, "replication_flapping": True},
    ],
    ids=["seconds", "reads", "flapping"],
)
def test_replication(bench: Bench, customer: Customer, switches: dict[str, Any]) -> None:
    bench.switch(**switches)
    run = customer.run()
    made, granted = _rollout(customer, run)
    assert made["waited"] + granted["waited"] > 0
    assert not [line for line in run.trace if "another process" in line]
    bench.reset()
    _is_as_desired(customer)


def test_created_but_unknown_and_not_replicated_either(bench: Bench, customer: Customer) -> None:
    """Graph says that the name is taken (observed wording), and shows the application that has it only later."""
    bench.switch(replication_lag=5.0)
    bench.trouble("reset_after", method="PATCH", path="uniqueName", times=1)
    result = customer.run().task(APP, **guide())
    assert "msg" not in result, result
    assert customer.application()["appId"] == result["app_id"]


def test_a_name_that_something_invisible_keeps_is_told(
    bench: Bench, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application_apply, "_REAPPEAR_S", 2.0)
    said = "Another object with the same value for property uniqueName already exists."
    taken = {"code": "Request_BadRequest", "message": said, "details": [{"code": "ObjectConflict", "message": said}]}
    bench.trouble("status", status=400, body={"error": taken}, method="PATCH", path="uniqueName", times=0)
    result = customer.run().task(APP, **guide())
    assert said.rstrip(".") in result["msg"]
    assert customer.applications() == []


def test_replication_that_outlasts_the_wait_is_told(bench: Bench, customer: Customer) -> None:
    bench.switch(replication_lag=600.0)
    result = customer.run().task(APP, **guide(), wait_timeout=2)
    assert result["error"]["kind"] == "not_yet_replicated"
    assert "run again" in result["msg"]


def test_without_waiting_what_was_accepted_counts(bench: Bench, customer: Customer) -> None:
    customer.run().task(APP, **guide())
    bench.switch(replication_lag=600.0)
    result = customer.run().task(APP, **guide(notes="new"), wait=False)
    assert result["changed"]
    assert customer.application()["notes"] == "new"


@pytest.mark.parametrize("key", ["unique_name", "display_name"])
def test_created_but_unknown(bench: Bench, customer: Customer, key: str) -> None:
    """The connection breaks after Graph has created the application: no second one is made."""
    bench.switch(upsert_supported=key == "unique_name")
    options = guide() if key == "unique_name" else {**guide(), "unique_name": None}
    bench.trouble("reset_after", method="POST", path="/applications$", times=1)
    bench.trouble("reset_after", method="PATCH", path="uniqueName", times=1)
    result = customer.run().task(APP, **options)
    assert result["changed"], result
    assert len(customer.applications()) == 1


def test_a_cloud_without_upsert(bench: Bench, customer: Customer) -> None:
    bench.switch(upsert_supported=False)
    made, _granted = _rollout(customer)
    bench.lab.control.clear_trouble()
    again = customer.run().task(APP, **guide())
    assert (again["changed"], again["app_id"]) == (False, made["app_id"])
    assert len(customer.applications()) == 1


@pytest.mark.parametrize("merges", [True, False])
def test_nested_properties_survive_whether_graph_merges_or_replaces(
    bench: Bench, customer: Customer, merges: bool
) -> None:
    bench.switch(complex_patch_merges=merges)
    web = {"homePageUrl": "https://home.example", "redirectUris": ["https://theirs.example"]}
    theirs = customer.register(name="3CX Server-side", web=web)
    customer.run().task(APP, **guide(adopt=["display_name"]))
    application = customer.application()
    assert application["id"] == theirs["id"]
    assert application["web"]["homePageUrl"] == "https://home.example"
    assert set(application["web"]["redirectUris"]) == {"https://theirs.example", URI}


@pytest.mark.parametrize("wording", ["permission", "entitlement"])
@pytest.mark.parametrize("status", [400, 409])
def test_a_grant_that_somebody_else_was_faster_with(
    bench: Bench, customer: Customer, wording: str, status: int
) -> None:
    """The list does not show it yet and the POST says that it exists: that is success."""
    choices = bench.world.switches.__dataclass_fields__["duplicate_assignment_wording"].metadata["choices"]
    bench.switch(duplicate_assignment_status=status, duplicate_assignment_wording=choices[wording == "entitlement"])
    made = customer.run().task(APP, **guide())
    bench.switch(replication_lag=3.0)
    grant = {"app_id": made["app_id"], "permissions": GUIDE}
    assert customer.run().task(GRANT, **grant, wait=False)["changed"]
    granted = customer.run().task(GRANT, **grant)
    assert "msg" not in granted, granted
    assert customer.roles(made["app_id"]) == set(GUIDE)
    assert len([each for each in customer.requests() if each.status == status and each.is_write]) == len(GUIDE)


def test_an_application_that_is_always_said_to_exist_ends_with_that_answer(bench: Bench, customer: Customer) -> None:
    bench.trouble("status", status=409, method="PATCH", path="uniqueName", times=0)
    result = customer.run().task(APP, **guide(), deadline=4)
    assert "the last answer: Graph answered 409" in result["msg"], result
    assert result["error"]["status"] == 409


def test_a_grant_that_is_said_to_exist_and_never_shown_ends_with_that_answer(bench: Bench, customer: Customer) -> None:
    made = customer.run().task(APP, **guide())
    bench.trouble("status", status=409, method="POST", path="appRoleAssignments", times=0)
    result = customer.run().task(GRANT, app_id=made["app_id"], permissions=GUIDE, wait_timeout=2)
    assert "the last answer: Graph answered" in result["msg"], result
    assert result["error"]["status"] == 409


@pytest.mark.parametrize("faulty", [0, len(GUIDE) - 1], ids=["before", "after"])
def test_a_grant_that_was_made_in_spite_of_a_fault_is_told_beside_one_that_existed(
    customer: Customer, monkeypatch: pytest.MonkeyPatch, faulty: int
) -> None:
    """Of one batch Graph carries out one assignment and answers 503, and another was made by somebody else meanwhile."""
    made = customer.run().task(APP, **guide())
    handled = GraphApp._handled
    posts: list[Call] = []

    async def troubled(self: GraphApp, call: Call) -> Answer:
        if call.method != "POST" or call.segments[-1] != "appRoleAssignments":
            return await handled(self, call)
        if len(posts) == 1:
            await handled(self, call)
        posts.append(call)
        answer = await handled(self, call)
        return Answer(503) if len(posts) - 1 == faulty else answer

    monkeypatch.setattr(GraphApp, "_handled", troubled)
    grant = {"app_id": made["app_id"], "permissions": GUIDE}
    predicted = customer.run().task(GRANT, **grant, check=True)
    granted = customer.run().task(GRANT, **grant)
    assert len(posts) == len(GUIDE)
    assert granted["changes"] == predicted["changes"], granted
    assert granted["undo"] == predicted["undo"]


def test_a_certificate_added_by_somebody_else_meanwhile_survives(bench: Bench, customer: Customer) -> None:
    ours, theirs = bench.pair(), bench.pair("theirs")
    customer.run().task(APP, **guide())
    run = customer.run()
    application = customer.application()

    def interfere(text: str) -> None:
        run.trace.append(text)
        if "PATCH" in text and application["id"] in text and "theirs" not in seen:
            seen.append("theirs")
            # Somebody who has read the list before our write replaces it after our write.
            customer.change(application, keyCredentials=[key_credential(theirs)])

    seen: list[str] = []
    run.trace = _Listener(interfere)
    result = run.task(APP, **guide(ours))
    assert "msg" not in result, result
    assert seen == ["theirs"]
    assert customer.thumbprints() == {ours.thumbprint, theirs.thumbprint}


class _Listener(list[str]):
    def __init__(self, hear: Any) -> None:
        super().__init__()
        self._hear = hear

    def append(self, text: str) -> None:
        super().append(text)
        self._hear_once(text)

    def _hear_once(self, text: str) -> None:
        hear, self._hear = self._hear, lambda _text: None
        try:
            hear(text)
        finally:
            self._hear = hear


WRITER = textwrap.dedent(
    """
    import json, sys
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
    from ansible_collections.tcx.m365.plugins.module_utils._capabilities.azure_app_registration import CAPABILITY
    from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
    from ansible_collections.tcx.m365.plugins.module_utils._task import Task

    def silent(_text):
        pass

    validation = ArgumentSpecValidator(CAPABILITY.argument_spec, **CAPABILITY.constraints()).validate(json.load(sys.stdin))
    task = Task(
        validation.validated_parameters, check_mode=False, store=RunStore(None), warn=silent, notice=silent, trace=silent
    )
    CAPABILITY.run(task)
    """
)


@pytest.mark.slow
@pytest.mark.parametrize("controllers", ["one", "many", "many, and readings two seconds old"])
def test_many_processes_add_to_one_application(
    bench: Bench, customer: Customer, tmp_path: Path, controllers: str
) -> None:
    """Each adds a certificate and a redirect URI. All entries are there at the end, also without a common lock."""
    bench.switch(replication_lag=2.0 if "old" in controllers else 0.0)
    processes_in_all = 20 if "old" in controllers else 8
    pairs = [bench.pair(f"pbx{number}") for number in range(processes_in_all)]
    uris = [f"https://pbx{number}.example.com/oauth2office2" for number in range(processes_in_all)]
    processes = []
    for number, (pair, uri) in enumerate(zip(pairs, uris, strict=True)):
        scratch = tmp_path / (str(number) if controllers.startswith("many") else "shared")
        scratch.mkdir(exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PYTHONPATH": str(COLLECTIONS), "TMPDIR": str(scratch), "PATH": "/usr/bin:/bin"},
            text=True,
        )
        options = {**customer.connection, **guide(pair, unique_name="3cx-shared"), "redirect_uris": [uri]}
        assert process.stdin is not None
        process.stdin.write(json.dumps(options))
        process.stdin.close()
        processes.append(process)
    for process in processes:
        assert process.wait(timeout=300) == 0, process.stderr and process.stderr.read()
    application = customer.application()
    assert set(application["web"]["redirectUris"]) == set(uris)
    assert customer.thumbprints() == {pair.thumbprint for pair in pairs}
