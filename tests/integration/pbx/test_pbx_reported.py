# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is reported of a PBX is what was written: whatever others change in between, and whatever fails afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._pbx.properties import BY_OPTION, INTEGRATION, write
from ansible_collections.tcx.m365.plugins.module_utils._pbx.settings_plan import _place
from ansible_collections.tcx.m365.tests.integration.pbx.bench import Bench

DESIRED: dict[str, Any] = {
    "user_sync": {"enabled": True, "scope": "all", "photo": True, "office_phone": True, "starting_extension": "200"},
    "sign_in": {"enabled": True},
    "calendar_sync": {"enabled": True},
    "contact_sync": {"enabled": True},
}

DRIFTS = {
    "user_sync.enabled": False,
    "user_sync.photo": False,
    "user_sync.office_phone": False,
    "user_sync.starting_extension": "300",
    "sign_in.enabled": False,
    "calendar_sync.enabled": False,
    "contact_sync.enabled": False,
}


def _drift(bench: Bench, option: str, value: Any) -> None:
    """Somebody changes one setting in the console."""
    each = BY_OPTION[option]
    assert each.resource == INTEGRATION
    held = bench.state().m365
    body: dict[str, Any] = {}
    _place(body, each.field, write(each, value), held)
    held.update(body)


@pytest.mark.parametrize("option", DRIFTS)
@pytest.mark.parametrize("other", ["", "user_sync.guests"], ids=["nothing else to do", "something else to do"])
def test_a_setting_that_changes_after_the_check_is_repaired_and_reported(bench: Bench, option: str, other: str) -> None:
    link = bench.link()
    assert bench.run().settings(**link, **DESIRED)["changed"]
    wanted = {**DESIRED, "user_sync": {**DESIRED["user_sync"], **({"guests": True} if other else {})}}
    run = bench.run()
    predicted = run.settings(check=True, **link, **wanted)
    assert [change["field"] for change in predicted["changes"]] == ([other] if other else [])
    _drift(bench, option, DRIFTS[option])
    done = run.settings(**link, **wanted)
    assert sorted(change["field"] for change in done["changes"]) == sorted([option, *([other] if other else [])])
    (repaired,) = [change for change in done["changes"] if change["field"] == option]
    assert repaired["before"] == DRIFTS[option]
    assert done["changed"] is True
    again = bench.run().settings(**link, **wanted)
    assert again["changes"] == [], "a second look finds nothing that was left"


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


def test_users_whose_switch_was_turned_are_reported_where_others_are_unknown(bench: Bench) -> None:
    link = bench.link()
    assert not bench.run().settings(**link, **DESIRED).get("failed")
    name = next(each["EmailAddress"] for each in bench.state().users.values() if each.get("EmailAddress"))
    wanted = {**DESIRED, "user_sync": {**DESIRED["user_sync"], "guests": True}}
    wanted["sign_in"] = {"enabled": True, "opt_out": [name, "nobody@acme.example"]}
    failed = bench.run().settings(**link, **wanted, wait_timeout=1)
    assert failed["failed"]
    assert "nobody@acme.example" in failed["msg"]
    changes = {change["field"]: change for change in failed["changes"]}
    assert changes["sign_in.opt_out"]["after"] == [name]
    assert "user_sync.guests" in changes
