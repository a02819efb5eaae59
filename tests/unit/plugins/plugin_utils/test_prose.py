# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person reads of a run: the plan of each PBX, failures once, one line for all."""

from __future__ import annotations

import os
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._prose import Totals, folded, host_lines, object_plans
from hypothesis import given
from hypothesis import strategies as st

STEPS = {"pbx": "ok", "preflight": "ok", "application": "changed", "settings": "changed", "sign_in": "ok"}
WORKS = {"status": {"ok": True}, "version": "20.0.10", "edition": "Enterprise", "steps": STEPS}


def change(target: str, field: str, before: Any, after: Any) -> dict[str, Any]:
    return {"target": target, "field": field, "before": before, "after": after}


FIRST = [
    change("application", "state", "absent", "present"),
    change("application", "unique_name", None, "3cx-acme"),
    change("application", "redirect_uris", [], ["https://acme.example.com/oauth2office2"]),
    change("settings", "user_sync.photo", False, True),
]


def lines(result: dict[str, Any], *, check_mode: bool = False, host: str = "acme") -> list[str]:
    return "\n".join(host_lines(host, result, check_mode=check_mode)).split("\n")


def test_a_plan_names_pbx_and_object_and_each_change_of_it() -> None:
    assert lines({**WORKS, "changed": True, "changes": FIRST}, check_mode=True) == [
        "# acme: application 3cx-acme will be created",
        "    + unique_name: 3cx-acme",
        "    + redirect_uris: https://acme.example.com/oauth2office2",
        "# acme: 3CX settings will be changed",
        "    ~ user_sync.photo: false -> true",
    ]


def test_what_was_done_says_so_and_what_was_verified() -> None:
    told = lines({**WORKS, "changed": True, "changes": FIRST})
    assert told[0] == "# acme: application 3cx-acme created"
    assert told[-1] == "    verified: Microsoft 365 works on the PBX, sign-in is ready, 3CX 20.0.10 Enterprise"


def test_what_was_done_names_the_application_and_how_long_it_took() -> None:
    told = lines({**WORKS, "changed": True, "changes": FIRST, "application_id": "1234", "duration_s": 3.25})
    assert " ".join(" ".join(told).split()).endswith("3CX 20.0.10 Enterprise, application 1234, 3.2 s")


def test_a_pbx_without_changes_is_one_line() -> None:
    told = lines({**WORKS, "changed": False, "changes": []})
    assert told == ["# acme: no changes (Microsoft 365 works on the PBX, sign-in is ready, 3CX 20.0.10 Enterprise)"]


def test_a_failure_stands_once_with_what_was_written_before() -> None:
    told = lines(
        {"failed": True, "msg": "Could not do it. Do this.", "changed": True, "changes": FIRST, "steps": STEPS}
    )
    assert sum("FAILED" in line for line in told) == 1
    assert "Could not do it. Do this." in " ".join(told)
    assert "were made before it failed" in told[-1]
    assert "were made" not in " ".join(lines({"failed": True, "msg": "No.", "changes": []}))


def test_removed_objects_and_values() -> None:
    plans = object_plans(
        {
            "changes": [
                change("application", "state", "present", "absent"),
                change("settings", "application_id", "1234", ""),
                change("settings", "user_sync.users", ["a", "b"], ["b", "c"]),
            ]
        }
    )
    assert [(plan.action, plan.lines) for plan in plans] == [
        ("remove", ()),
        ("change", ("- application_id: 1234", "+ user_sync.users: c", "- user_sync.users: a")),
    ]


def test_what_is_deleted_permanently_is_removed_and_what_comes_back_is_restored() -> None:
    purged = {**WORKS, "changes": [change("application", "state", "present", "purged")]}
    emptied = {**WORKS, "changes": [change("application", "state", "deleted", "purged")]}
    restored = {**WORKS, "changes": [change("service_principal", "state", "deleted", "present")]}
    assert lines(purged)[0] == "# acme: application removed"
    assert lines(emptied, check_mode=True)[0] == "# acme: application will be removed"
    assert lines(restored)[0] == "# acme: service principal restored"
    totals = Totals()
    for host, result in (("acme", purged), ("bolt", restored)):
        totals.add(host, {**result, "changed": True})
    assert totals.plan() == "Plan: 0 to create, 0 to change, 1 to remove, 1 to restore (on 2 PBXs)."


def test_a_captured_file_is_written_or_nothing_changes() -> None:
    """One line must not say "no changes" where the next counts the PBX as changed."""
    captured = {**WORKS, "changes": [], "captured": {"path": "/srv/captured/host_vars/acme.yml"}}
    for check_mode in (False, True):  # it is written in check mode as well
        told = lines({**captured, "changed": True}, check_mode=check_mode)
        assert told[0] == "# acme: /srv/captured/host_vars/acme.yml written"
    assert lines({**captured, "changed": False})[0].startswith("# acme: no changes (")
    totals = Totals()
    totals.add("acme", {**captured, "changed": True})
    totals.add("bolt", {**captured, "changed": False})
    assert totals.plan() == "No changes to a PBX or a tenant."
    assert totals.summary(check_mode=True) == "2 PBXs: 1 written, 1 unchanged"


def test_an_edition_that_the_pbx_does_not_report_is_named_as_one() -> None:
    told = lines({**WORKS, "edition": "unknown (3CXPSENT)", "changes": []})
    assert told == [
        "# acme: no changes (Microsoft 365 works on the PBX, sign-in is ready, 3CX 20.0.10, edition unknown (3CXPSENT))"
    ]


def test_a_long_list_is_cut_with_its_length() -> None:
    many = [change("settings", f"option_{number}", False, True) for number in range(100)]
    told = lines({"changed": True, "changes": many, "steps": STEPS}, check_mode=True)
    assert len(told) == 42
    assert "60 more" in told[-1]


def test_totals_of_a_run() -> None:
    totals = Totals()
    totals.add("a", {"changed": False, "steps": {"pbx": "ok"}})
    totals.add("a", {**WORKS, "changed": True, "changes": FIRST})
    totals.add("b", {**WORKS, "changed": False, "changes": []})
    totals.add("c", {"failed": True, "msg": "No."})
    totals.add_failure("d")
    assert totals.summary() == "4 PBXs: 1 changed, 1 unchanged, 2 failed"
    assert totals.summary(check_mode=True) == "4 PBXs: 1 to change, 1 unchanged, 2 failed"
    assert totals.plan() == "Plan: 1 to create, 1 to change, 0 to remove (on 1 PBX)."
    assert Totals().plan().startswith("No changes")
    nobody = Totals()
    nobody.add("a", {"failed": True, "msg": "No."})
    assert nobody.plan() == "No plan: none of the PBXs could be checked."


def test_a_plan_speaks_of_the_inventory_where_it_was_compared_with_it() -> None:
    """A rollback that has nothing to undo says nothing about a PBX that has drifted."""
    rollback, rollout = Totals(), Totals()
    rollback.add("a", {"changed": False, "changes": [], "steps": {"snapshot": "ok"}})
    rollout.add("a", {**WORKS, "changed": False, "changes": []})
    assert rollback.plan() == "No changes: there is nothing to do."
    assert rollout.plan() == "No changes: every object that was checked is as the inventory describes it."


def test_a_later_success_does_not_hide_a_failure_and_a_later_look_no_change() -> None:
    totals = Totals()
    totals.add("a", {"failed": True, "msg": "No."})
    totals.add("a", {"changed": False, "changes": []})
    totals.add("b", {"changed": True, "changes": FIRST})
    totals.add("b", {"changed": False, "changes": []})
    assert totals.outcomes == {"a": "failed", "b": "changed"}


def test_an_application_that_is_taken_over_is_said_first_and_once() -> None:
    adopted = change("application", "adopted", None, "ADOPTED application X")
    told = lines({**WORKS, "adopted": True, "adoption": "ADOPTED application X", "changes": [adopted, *FIRST]})
    assert "ADOPTED application X" in told[0]
    assert sum("ADOPTED" in line for line in told) == 1


@given(st.text(), st.text(), st.text())
def test_no_foreign_text_reaches_the_terminal_as_it_is(host: str, value: str, message: str) -> None:
    result = {
        "failed": True,
        "msg": message,
        "changed": True,
        "changes": [change(value, value, value, [value]), change("application", value, None, {value: value})],
        "status": {"message": value},
        "notes": [value],
        "adopted": True,
        "adoption": value,
        "steps": STEPS,
    }
    for shown in (result, {**result, "failed": False}):
        for line in host_lines(host, shown, check_mode=False):
            assert all(part.isprintable() or not part.isascii() for part in line.split("\n"))
            assert "\x1b" not in line
            assert "\u202e" not in line


def test_a_pbx_that_is_unlinked_on_purpose_is_verified_and_another_has_a_status() -> None:
    not_linked = {
        "ok": False,
        "application_id": "",
        "message": "the PBX is not linked to an application of Microsoft 365",
    }
    removed = change("settings", "application_id", "1234", "")
    done = {"status": not_linked, "changed": True, "changes": [removed], "steps": {"unlink": "changed"}}
    assert lines(done)[-1] == "    verified: the PBX is not linked to an application of Microsoft 365"
    captured = {
        "status": not_linked,
        "changed": True,
        "captured": {"path": "/srv/acme.yml"},
        "steps": {"export": "changed"},
    }
    assert lines(captured)[-1] == "    status: the PBX is not linked to an application of Microsoft 365"


def test_nothing_is_called_verified_that_was_read_before_the_changes() -> None:
    """As the role entra_app has it, which does not ask the PBX again."""
    steps = {"pbx": "ok", "preflight": "ok", "application": "changed"}
    told = lines({**WORKS, "changed": True, "changes": FIRST, "steps": steps})
    assert told[-1] == "    status: Microsoft 365 works on the PBX, 3CX 20.0.10 Enterprise"


def test_of_a_status_its_first_sentence_is_told() -> None:
    said = (
        "AADSTS700027: The certificate is not registered on application. [Reason - The key was not found., Please visit the "
        "Azure Portal]. Trace ID: 1 Correlation ID: 2 Timestamp: 2026-11-27 22:52:12Z"
    )
    told = " ".join(lines({**WORKS, "changed": True, "changes": FIRST, "status": {"ok": False, "message": said}}))
    assert "the PBX reports: AADSTS700027: The certificate is not registered on application, sign-in is ready" in told


def test_an_application_without_a_name_has_its_id() -> None:
    removed = {"changes": [change("application", "state", "present", "absent")], "application_id": "1234", "steps": {}}
    assert lines(removed, check_mode=True)[0] == "# acme: application 1234 will be removed"


def test_pbxs_on_which_there_was_nothing_to_do_are_told_together() -> None:
    totals = Totals()
    for number in range(8):
        totals.add(
            f"pbx-{number}", {"changed": False, "changes": [], "steps": {"undo": "ok"}, "notes": ["nothing to undo"]}
        )
    assert totals.passed_lines() == [
        "# pbx-0, pbx-1, pbx-2, pbx-3, pbx-4 and 3 more: no changes",
        "    note: nothing to undo",
    ]
    assert totals.summary() == "8 PBXs: 8 unchanged"


@pytest.mark.parametrize(("columns", "longest"), [(80, 80), (20, 60), (200, 110), (0, 110)])
def test_lines_are_no_longer_than_the_terminal(columns: int, longest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "get_terminal_size", lambda _stream: os.terminal_size((columns, 24)))
    sentence = "Could not connect to 3CX at https://acme.example.com: Connection refused. Check the address. " * 3
    lines = folded(sentence).splitlines()
    assert len(lines) > 1
    assert longest - 20 < max(map(len, lines)) <= longest
