# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What opens the approval of the workflow, and what does not: the gates are run by Ansible, the other jobs are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from awx_jobs import Desk
from fake_controller import FakeController, Store, jobs
from fake_controller.store import Item

WORKFLOW = "3CX rollout with approval"
GATES = ("3CX gate: nothing differs", "3CX gate: something differs")


class Night:
    """One run of the workflow, of whose compliance job the end is given."""

    def __init__(self, store: Store, place: Path) -> None:
        self.store, self.place = store, place
        self.desk = Desk(store, place)
        self.limits: list[tuple[str, str]] = []

    def run(self, compliance: jobs.Ended, broken_gate: str = "") -> Item:
        def carry_out(launch: jobs.Launch) -> jobs.Ended:
            name = launch.template.name
            self.limits.append((name, launch.job.values["limit"]))
            if name == broken_gate:
                return jobs.Ended(code=1, output="an execution node went away")
            if name in GATES:
                return self.desk.run(launch)
            return compliance if name == "3CX compliance" else jobs.Ended()

        self.store.sent.clear()
        self.store.runner = carry_out
        return jobs.launch(self.store, self.store.one("workflow_job_template", WORKFLOW), {})

    @property
    def approvals(self) -> list[Item]:
        return [each for each in self.store.of("workflow_approval") if each.values["status"] == "pending"]

    @property
    def started(self) -> list[str]:
        return [name for name, _limit in self.limits]


@pytest.fixture
def night(described: FakeController, tmp_path: Path) -> Iterator[Night]:
    store = described.store
    for type_ in ("job", "workflow_job", "workflow_job_node", "workflow_approval"):
        for item in store.of(type_):
            store.items.pop(item.id)
    yield Night(store, tmp_path)
    store.runner = jobs.succeed


def totals(**counts: int) -> jobs.Ended:
    return jobs.Ended(artifacts={"tcx_m365_compliance": {"total": 12, "compliant": 12, **counts}})


def test_nothing_differs(night: Night) -> None:
    workflow = night.run(totals())
    assert (workflow.values["status"], night.approvals) == ("successful", [])
    assert night.started == ["3CX compliance", GATES[0]]


def test_drift_is_approved_and_rolled_out(night: Night) -> None:
    workflow = night.run(totals(compliant=8, drifted=3, broken=1, would_adopt=2))
    assert workflow.values["status"] == "running"
    said = [each["subject"] for each in night.store.sent if "4 of 12 PBXs differ" in each["subject"]]
    assert said, night.store.sent
    assert "2 of them would adopt an application that is there already" in said[0]
    (approval,) = night.approvals
    jobs.decide(night.store, approval, "approved")
    assert night.limits[3:] == [("3CX rollout", "tcx_canary"), *[("3CX rollout", "")] * 2, ("3CX compliance", "")]
    assert workflow.values["status"] == "successful"
    assert {each["event"] for each in night.store.sent} >= {"approval running", "approval approved"}


@pytest.mark.parametrize(
    ("compliance", "broken"),
    [
        pytest.param(jobs.Ended(code=1), "", id="compliance could not run"),
        pytest.param(jobs.Ended(), "", id="compliance left no totals"),
        pytest.param(totals(total=0, compliant=0), "", id="no PBX was compared"),
        pytest.param(totals(compliant=9, unreachable=3), "", id="PBXs could not be reached"),
        pytest.param(totals(), GATES[0], id="the first gate broke down"),
        pytest.param(totals(drifted=1), GATES[1], id="the second gate broke down"),
    ],
)
def test_what_went_wrong_opens_no_approval(night: Night, compliance: jobs.Ended, broken: str) -> None:
    workflow = night.run(compliance, broken)
    assert (workflow.values["status"], night.approvals) == ("failed", [])
    assert "3CX rollout" not in night.started


def test_a_failed_sync_opens_no_approval(night: Night) -> None:
    source = night.store.one("inventory_source", "3CX inventory files of the project")
    source.values["source_path"], before = "nowhere", source.values["source_path"]
    try:
        workflow = night.run(totals(drifted=1))
    finally:
        source.values["source_path"] = before
    assert (workflow.values["status"], night.approvals, night.started) == ("failed", [], [])


@pytest.mark.parametrize(("verdict", "said"), [("denied", "Denied."), ("timed_out", "Nobody answered in time")])
def test_without_a_yes_nothing_is_changed(night: Night, verdict: str, said: str) -> None:
    workflow = night.run(totals(compliant=11, drifted=1))
    jobs.decide(night.store, night.approvals[0], verdict)
    assert workflow.values["status"] == "failed"
    assert "3CX rollout" not in night.started
    told = {each["to"]: each for each in night.store.sent if each["event"] == f"approval {verdict}"}
    assert set(told) == {"Operations", "Chat", "Mail", "Cards"}
    for name in ("Chat", "Mail"):
        assert told[name]["subject"].startswith("Roll out to the PBXs that differ?")
        assert said in told[name]["subject"]
        assert "https://tower.example.com/" in told[name]["subject"]
    assert json.loads(told["Operations"]["body"])["event"] == f"approval {verdict}"
    (card,) = json.loads(told["Cards"]["body"])["attachments"]
    assert verdict.replace("_", " ") in card["content"]["body"][0]["text"]


def test_who_asked_for_it_hears_of_every_beginning_and_end(night: Night) -> None:
    """With the totals, when a job has left some; the mail and the pager only of what went wrong."""
    night.run(totals(compliant=10, drifted=2))
    events = [(each["to"], each["event"]) for each in night.store.sent]
    assert ("Cards", "started") in events
    assert ("Mail", "started") not in events
    (card,) = json.loads(next(each["body"] for each in night.store.sent if each["event"] == "success"))["attachments"]
    assert {"title": "drifted", "value": "2"} in card["content"]["body"][2]["facts"]

    night.run(jobs.Ended(code=1))
    failed = {each["to"]: each for each in night.store.sent if each["event"] == "error"}
    assert set(failed) == {"Operations", "Chat", "Mail", "On call", "Cards"}
    for name in ("Mail", "On call", "Chat"):
        assert failed[name]["subject"].startswith("3CX ")
        assert "https://tower.example.com/" in failed[name]["subject"]
