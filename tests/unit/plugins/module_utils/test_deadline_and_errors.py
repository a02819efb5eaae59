# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting ends, and errors say four things."""

from __future__ import annotations

import inspect

import pytest
from ansible_collections.tcx.m365.plugins.module_utils import _errors as errors
from ansible_collections.tcx.m365.plugins.module_utils._time import Deadline

from .conftest import SleepingClock


def test_until_returns_as_soon_as_the_fact_is_there(clock: SleepingClock) -> None:
    answers = iter([(False, 1), (False, 2), (True, 3)])
    deadline = Deadline(600, clock=clock)
    assert deadline.until(lambda: next(answers), "the consent") == (True, 3)
    assert deadline.waited == pytest.approx(sum(clock.sleeps))


def test_until_ends_with_the_last_answer_when_its_own_time_is_over(clock: SleepingClock) -> None:
    done, value = Deadline(600, clock=clock).until(lambda: (False, "not yet"), "the consent", within=30)
    assert (done, value) == (False, "not yet")
    assert clock.now <= 1030


def test_no_wait_outlasts_the_deadline_of_the_task(clock: SleepingClock) -> None:
    Deadline(20, clock=clock).until(lambda: (False, None), "x", within=300)
    assert clock.now <= 1020
    with pytest.raises(errors.DeadlineExceeded):
        Deadline(20, clock=clock).pause(21, "x")


def test_back_off_grows_and_is_bounded(clock: SleepingClock) -> None:
    deadline = Deadline(600, clock=clock)
    pauses = [deadline.backoff(attempt, first=1, most=8) for attempt in range(1, 30)]
    assert all(0.5 <= pause <= 8 for pause in pauses)
    assert min(pauses[5:]) >= 4


def test_the_sentence_has_its_four_parts() -> None:
    error = errors.Forbidden(
        "Insufficient privileges to complete the operation.",
        missing=["AppRoleAssignment.ReadWrite.All"],
        tried="grant Mail.Send",
        target="application 3cx-acme",
        remedy="Give the automation app AppRoleAssignment.ReadWrite.All.",
        service="Graph",
        status=403,
        code="Authorization_RequestDenied",
        request_id="r-1",
    )
    assert str(error) == (
        "Could not grant Mail.Send (application 3cx-acme): Graph answered 403 Authorization_RequestDenied: "
        "Insufficient privileges to complete the operation (request id r-1). "
        "Give the automation app AppRoleAssignment.ReadWrite.All."
    )
    assert error.as_result()["missing"] == ["AppRoleAssignment.ReadWrite.All"]


def test_the_place_nearest_to_the_fault_names_what_was_tried() -> None:
    error = errors.Conflict("changed meanwhile", tried="add the certificate")
    assert error.while_trying("register the application", "3cx-acme").tried == "add the certificate"
    assert error.target == "3cx-acme"


def test_each_kind_of_error_has_a_name_of_its_own() -> None:
    """A class without one is a case of the class above it, such as a name that cannot be resolved of what is unreachable."""
    classes = [
        each for _name, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, errors.M365Error)
    ]
    kinds = [each.kind for each in classes if "kind" in vars(each)]
    assert len(set(kinds)) == len(kinds)
    assert {each for each in classes if "kind" not in vars(each)} == {errors.UnknownName, errors.NoAnswerInTime}
