# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No single answer of Graph is believed: what was deleted, created or missing is read, and the last answer is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra.graph import Answer, Call, GraphClient
from ansible_collections.tcx.m365.tests.integration.entra.customers import APP, GRANT, GUIDE, Bench, Customer, guide

Json = dict[str, Any]

APPLICATION = r"/applications/[0-9a-f-]{36}$"


def _missing(name: str = "Request_ResourceNotFound") -> Json:
    return {"error": {"code": name, "message": "Resource does not exist or one of its queried objects is not present."}}


@pytest.mark.parametrize("purge", [False, True])
@pytest.mark.parametrize(("status", "body"), [(404, _missing()), (204, None), (200, {})])
def test_a_deletion_without_effect_is_done_again(
    bench: Bench, customer: Customer, status: int, body: Json | None, purge: bool
) -> None:
    customer.run().task(APP, **guide())
    bench.trouble("status", method="DELETE", path=APPLICATION, status=status, body=body, times=1)
    done = customer.run().task(APP, unique_name="3cx-acme", state="absent", purge=purge)
    assert not done.get("failed"), done
    assert done["changed"] is True
    assert customer.applications() == []
    assert bool(customer.bench.world and not purge) is any(
        each.get("uniqueName") == "3cx-acme" for each in customer.tenant.deleted_items.values()
    )


@pytest.mark.parametrize("purge", [False, True])
def test_a_deletion_whose_answer_was_lost_is_reported(bench: Bench, customer: Customer, purge: bool) -> None:
    customer.run().task(APP, **guide())
    bench.trouble("reset_after", method="DELETE", path=APPLICATION, times=1)
    bench.trouble("reset_after", method="DELETE", path="deletedItems", times=1)
    done = customer.run().task(APP, unique_name="3cx-acme", state="absent", purge=purge)
    assert not done.get("failed"), done
    assert [change["after"] for change in done["changes"]] == ["purged" if purge else "absent"]
    assert customer.applications() == []


def test_an_application_that_cannot_be_deleted_is_an_error(bench: Bench, customer: Customer) -> None:
    customer.run().task(APP, **guide())
    bench.trouble("status", method="DELETE", path=APPLICATION, status=204, body=None, times=0)
    done = customer.run().task(APP, unique_name="3cx-acme", state="absent", wait_timeout=2)
    assert done["failed"]
    assert customer.applications()


def test_a_batch_that_is_answered_with_404_is_no_absence(bench: Bench, customer: Customer) -> None:
    made = customer.run().task(APP, **guide())
    bench.trouble("status", method="POST", path=r"batch", status=404, body=_missing(), times=1)
    done = customer.run().task(APP, app_id=made["app_id"], state="absent")
    assert done.get("failed") or customer.applications() == []
    assert not (done.get("changed") is False and not done.get("failed"))


@pytest.mark.parametrize("path", [r"/servicePrincipals\(appId='{app_id}", r"/applications\(uniqueName"])
def test_one_stale_answer_is_no_drift(bench: Bench, customer: Customer, path: str) -> None:
    made = customer.run().task(APP, **guide())
    path = path.format(app_id=made["app_id"])
    bench.trouble("status", method="GET", path=path, status=404, body=_missing(), times=1)
    seen = customer.run().task(APP, check=True, **guide())
    assert seen["changes"] == [], "one replica that lags is no verdict"


def test_one_stale_answer_about_the_service_principal_creates_no_grant_twice(bench: Bench, customer: Customer) -> None:
    made = customer.run().task(APP, **guide())
    customer.run().task(GRANT, app_id=made["app_id"], permissions=GUIDE)
    bench.trouble("status", method="GET", path=r"/servicePrincipals\(appId", status=404, body=_missing(), times=1)
    seen = customer.run().task(GRANT, check=True, app_id=made["app_id"], permissions=GUIDE)
    assert seen["changes"] == []


@pytest.mark.parametrize("content", [None, {}, {"id": "cut"}])
@pytest.mark.parametrize("path", ["/applications(uniqueName", "/servicePrincipals"])
def test_an_answer_that_was_cut_off_after_the_commit(
    customer: Customer, monkeypatch: pytest.MonkeyPatch, content: Any, path: str
) -> None:
    """The object is there, and its id was never heard: it is read, and reported as made."""
    real_send, real_batch, cut = GraphClient.send, GraphClient.batch, []

    def shortened(call: Call, answer: Answer) -> Answer:
        if not cut and call.is_write and call.path.startswith(path) and answer.status == 201:
            cut.append(call)
            return Answer(answer.status, content, answer.headers)
        return answer

    def send(self: GraphClient, call: Call, **options: Any) -> Answer:
        return shortened(call, real_send(self, call, **options))

    def batch(self: GraphClient, calls: list[Call], **options: Any) -> list[Answer]:
        return [shortened(call, answer) for call, answer in zip(calls, real_batch(self, calls, **options), strict=True)]

    monkeypatch.setattr(GraphClient, "send", send)
    monkeypatch.setattr(GraphClient, "batch", batch)
    done = customer.run().task(APP, **guide())
    assert cut
    assert not done.get("failed"), done
    assert len(customer.applications()) == 1
    reported = {(each["target"], each["field"]) for each in done["changes"]}
    assert {("application", "state"), ("service_principal", "state"), ("application", "permissions")} <= reported
    assert customer.run().task(APP, **guide())["changes"] == []


def test_a_reading_without_content_ends_in_a_sentence(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    customer.run().task(APP, **guide())
    real_send, real_batch = GraphClient.send, GraphClient.batch

    def emptied(call: Call, answer: Answer) -> Answer:
        return Answer(200, None, answer.headers) if "/applications(" in call.path else answer

    def batch(self: GraphClient, calls: list[Call], **options: Any) -> list[Answer]:
        return [emptied(call, answer) for call, answer in zip(calls, real_batch(self, calls, **options), strict=True)]

    monkeypatch.setattr(GraphClient, "batch", batch)
    monkeypatch.setattr(
        GraphClient, "send", lambda self, call, **options: emptied(call, real_send(self, call, **options))
    )
    failed = customer.run().task(APP, **guide())
    assert failed["failed"]
    assert "the answer is incomplete" in failed["msg"]


def test_a_write_that_always_fails_alike_is_final_after_five_answers(bench: Bench, customer: Customer) -> None:
    customer.run().task(APP, **guide())
    body = {
        "error": {"code": "InternalServerError", "message": "Something broke.", "innerError": {"request-id": "r-1"}}
    }
    bench.trouble(
        "status", method="PATCH", path=APPLICATION, status=500, body=body, headers={"request-id": "r-1"}, times=0
    )
    customer.clear_log()
    failed = customer.run().task(APP, **guide(notes="new"), deadline=60)
    assert failed["failed"]
    assert failed["changed"] is False
    assert len(customer.writes()) == 5
    assert failed["msg"].startswith("Could not change the application 3cx-acme: Graph answered")
    assert "Something broke" in failed["msg"]
    assert failed["error"]["status"] == 500
    assert "r-1" in failed["error"]["request_id"]


def test_the_end_of_the_deadline_tells_the_last_answer(bench: Bench, customer: Customer) -> None:
    customer.run().task(APP, **guide())
    bodies = [{"error": {"code": "UnknownError", "message": f"Trouble number {number}."}} for number in range(40)]
    for body in bodies:
        bench.trouble("status", method="PATCH", path=APPLICATION, status=500, body=body, times=1)
    failed = customer.run().task(APP, **guide(notes="new"), deadline=4)
    assert failed["failed"]
    assert "Trouble number" in failed["msg"]
    assert failed["error"]["status"] == 500
    assert "settling" not in failed["msg"]
