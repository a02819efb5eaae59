# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is reported of a PBX is what was written: whatever others change in between, and whatever fails afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._pbx.properties import (
    BINDINGS,
    BY_OPTION,
    CHOICE,
    FLAG,
    GUID,
    INTEGRATION,
    MAIL,
    NUMBER,
    PROPERTIES,
    TEAMS,
    TEXT,
    Property,
    shape,
    write,
)
from ansible_collections.tcx.m365.plugins.module_utils._pbx.settings_plan import _place
from ansible_collections.tcx.m365.tests.integration.pbx.fleet import Bench

ACCOUNT = "11111111-2222-4333-8444-555555555555"
"""An id stands for itself."""
DESIRED: dict[str, Any] = {
    "user_sync": {"enabled": True, "scope": "all", "photo": True, "office_phone": True, "starting_extension": "200"},
    "sign_in": {"enabled": True},
    "calendar_sync": {"enabled": True},
    "contact_sync": {"enabled": True},
}

QUICK = {"deadline": 6}

_BY_KIND: dict[str, tuple[Any, Any]] = {FLAG: (True, False), NUMBER: (5070, 5080), TEXT: ("200", "300")}
_MEANT: dict[str, tuple[Any, Any]] = {
    # A name has to lead to the PBX.
    "teams.sbc_fqdn": ("localhost", ""),
    # What is kept besides is not taken away, so somebody who takes something away is noticed.
    "user_sync.users": ([ACCOUNT], []),
    "user_sync.groups": ([ACCOUNT], []),
    "shared_mailboxes.mailboxes": ([ACCOUNT], []),
}
_STORES = {TEAMS: "teams", MAIL: "mail"}


def _values(each: Property) -> tuple[Any, Any]:
    """What is desired of a property, and what somebody makes of it."""
    if each.option in _MEANT:
        return _MEANT[each.option]
    if each.kind == CHOICE:
        first, second, *_others = each.values
        return second, first
    if each.kind == BINDINGS:
        origin, goal = each.sides
        return [{"from": next(iter(origin)), "to": next(iter(goal))}], []
    return _BY_KIND[each.kind]


DECLARED = [each for each in PROPERTIES if each.kind != GUID]


def _store(bench: Bench, each: Property) -> dict[str, Any]:
    state = bench.state()
    return state.m365 if each.resource == INTEGRATION else state.singleton(_STORES[each.resource])


def _drift(bench: Bench, each: Property, value: Any) -> None:
    """Somebody changes one setting in the console."""
    held = _store(bench, each)
    body: dict[str, Any] = {}
    _place(body, each.field, write(each, value), held)
    held.update(body)


@pytest.mark.parametrize("each", DECLARED, ids=[each.option for each in DECLARED])
def test_a_setting_that_changes_after_the_check_is_repaired_and_reported(bench: Bench, each: Property) -> None:
    """Every setting that is declared; something else is to be written as well, or nothing, by turns."""
    desired, drifted = _values(each)
    other = BY_OPTION["user_sync.guests" if each.option != "user_sync.guests" else "user_sync.photo"]
    something = DECLARED.index(each) % 2 == 0
    wanted = {each.option: desired, **({other.option: True} if something else {})}
    link = bench.link()
    first = bench.run().settings(**link, **shape({each.option: desired}))
    assert not first.get("failed"), first
    run = bench.run()
    predicted = run.settings(check=True, **link, **shape(wanted))
    assert [change["field"] for change in predicted["changes"]] == ([other.option] if something else [])
    _drift(bench, each, drifted)
    done = run.settings(**link, **shape(wanted))
    assert sorted(change["field"] for change in done["changes"]) == sorted(wanted)
    (repaired,) = [change for change in done["changes"] if change["field"] == each.option]
    assert repaired["before"] == drifted
    assert done["changed"] is True
    again = bench.run().settings(**link, **shape(wanted))
    assert again["changes"] == [], "a second look finds nothing that was left"


@pytest.mark.parametrize("option", ["application_id", "tenant_id"])
def test_a_link_that_is_turned_after_the_check_is_put_back_and_reported(bench: Bench, option: str) -> None:
    link = bench.link()
    assert not bench.run().settings(**link, **DESIRED).get("failed")
    run = bench.run()
    assert run.settings(check=True, **link, **DESIRED)["changes"] == []
    _drift(bench, BY_OPTION[option], ACCOUNT)
    done = run.settings(**link, **DESIRED)
    assert [(each["field"], each["before"], each["after"]) for each in done["changes"]] == [
        (option, ACCOUNT, link[option])
    ]


def test_what_was_written_before_a_failure_is_reported(bench: Bench) -> None:
    link = {**bench.link(), "tenant_id": "6f1c0000-0000-4000-8000-000000000000"}
    failed = bench.run().settings(**link, **DESIRED)
    assert failed["failed"]
    assert failed["changed"] is True
    fields = {change["field"] for change in failed["changes"]}
    assert {"application_id", "tenant_id", "user_sync.photo"} <= fields
    assert failed["diff"]["before_header"].startswith("Microsoft 365 settings of https://")


def test_a_failure_before_the_first_write_changed_nothing(bench: Bench) -> None:
    bench.lab.control.add_trouble(
        "status", match={"service": "pbx", "method": "PATCH"}, status=400, body={"error": {"code": "", "message": "no"}}
    )
    failed = bench.run().settings(**bench.link(), **DESIRED)
    bench.lab.control.clear_trouble()
    assert failed["failed"]
    assert failed["changed"] is False
    assert "changes" not in failed


@pytest.mark.parametrize(("fault", "written"), [("status", False), ("reset_before", False), ("reset_after", True)])
def test_what_a_pbx_does_not_confirm_is_reported_as_it_is_found(bench: Bench, fault: str, *, written: bool) -> None:
    details = {"status": 500} if fault == "status" else {}
    bench.lab.control.add_trouble(fault, match={"service": "pbx", "method": "PATCH"}, times=0, **details)
    failed = bench.run().settings(**bench.link(), **DESIRED, **QUICK)
    bench.lab.control.clear_trouble()
    assert failed["failed"]
    assert failed["changed"] is written
    assert bool(failed.get("changes")) is written


AT_WORK: dict[str, list[tuple[str, dict[str, int]]]] = {
    "no answer in time": [("delay", {"seconds": 30, "times": 0})],
    "a proxy that waits no longer": [("status", {"status": 504, "times": 0})],
    "no answer in time, then resets": [("delay", {"seconds": 30, "times": 1}), ("reset_before", {"times": 0})],
    "no answer in time, then faults": [("delay", {"seconds": 30, "times": 1}), ("status", {"status": 500, "times": 0})],
    "no answer in time, then no access": [
        ("delay", {"seconds": 30, "times": 1}),
        ("status", {"status": 401, "times": 0}),
    ],
}


@pytest.mark.parametrize("faults", AT_WORK.values(), ids=AT_WORK)
def test_what_a_pbx_may_still_be_at_work_on_is_reported(bench: Bench, faults: list[tuple[str, dict[str, int]]]) -> None:
    """Whoever undoes the run has to know of it: nothing that is read before it is done proves that it never will be."""
    for fault, details in faults:
        bench.lab.control.add_trouble(fault, match={"service": "pbx", "method": "PATCH"}, **details)
    failed = bench.run().settings(**bench.link(), **DESIRED, timeout=1, deadline=60)
    bench.lab.control.clear_trouble()
    assert failed["failed"]
    assert "settings.application_id" in [f"{each['target']}.{each['field']}" for each in failed.get("changes", ())]


def test_users_whose_switch_was_turned_are_reported_where_others_are_unknown(bench: Bench) -> None:
    link = bench.link()
    assert not bench.run().settings(**link, **DESIRED).get("failed")
    name = next(each["EmailAddress"] for each in bench.state().users.values() if each.get("EmailAddress"))
    wanted = {**DESIRED, "user_sync": {**DESIRED["user_sync"], "guests": True}}
    wanted["sign_in"] = {"enabled": True, "opt_out": [name, "7999"]}
    failed = bench.run().settings(**link, **wanted, wait_timeout=1)
    assert failed["failed"]
    assert "no user '7999'" in failed["msg"]
    changes = {change["field"]: change for change in failed["changes"]}
    assert changes["sign_in.opt_out"]["after"] == [name]
    assert "user_sync.guests" in changes
