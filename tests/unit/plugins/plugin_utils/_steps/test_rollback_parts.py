# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A snapshot is foreign data, and what is undone comes in an order in which the PBX always has something to sign in with."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import Variables
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.rollback import checked, parts

TENANT = "6f1c2f6e-0000-4000-8000-000000000001"
APP = "04c14982-d9ea-4926-8745-dd9e27896389"
VARIABLES = Variables({"tcx_url": "https://acme.example:5001", "entra_tenant_id": TENANT}, host="acme")


def change(target: str, field: str, before: Any, after: Any, name: str = APP) -> dict[str, Any]:
    return {"target": target, "field": field, "before": before, "after": after, "object": name}


def content(*changes: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "host": "acme",
        "tcx_url": "https://acme.example:5001",
        "entra_tenant_id": TENANT,
        "healthy_before": True,
        "operation": "rollout",
        "application": {"app_id": APP, "unique_name": "3cx-acme"},
        "changes": list(changes),
        "pending": [],
        **values,
    }


PHOTO = change("settings", "user_sync.photo", False, True, "acme.example:5001")


def test_a_snapshot_of_this_pbx_is_taken() -> None:
    found = checked(content(PHOTO), "acme", VARIABLES)
    assert found["parts"]["restore_settings"] == [
        {name: PHOTO[name] for name in ("target", "field", "before", "after")}
    ]
    assert (found["app_id"], found["healthy_before"]) == (APP, True)


def test_what_was_about_to_be_written_is_undone_as_well() -> None:
    assert checked(content(pending=[PHOTO]), "acme", VARIABLES)["parts"]["restore_settings"]


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        ({"schema_version": 2}, "schema_version"),
        ({"schema_version": None}, "schema_version"),
        ({"host": "other"}, "host is 'other'"),
        ({"tcx_url": "https://other.example:5001"}, "tcx_url"),
        ({"entra_tenant_id": "6f1c2f6e-0000-4000-8000-000000000002"}, "entra_tenant_id"),
        ({"entra_tenant_id": None}, "entra_tenant_id"),
        ({"application": "x"}, "no snapshot"),
        ({"application": {"app_id": "../../me"}}, "not a GUID"),
        ({"changes": {}}, "no snapshot"),
        ({"changes": ["x"]}, "not a change"),
        ({"changes": [change("settings", "user_sync.photo", "{{ 1 }}", True)]}, "not a flag"),
        ({"changes": [change("settings", "user_sync.users", "x", [])]}, "not a names"),
        ({"changes": [change("settings", "__class__", 1, 2)]}, "nothing that can be undone"),
        ({"changes": [change("tenant", "state", "present", "absent")]}, "nothing that can be undone"),
        ({"changes": [{**PHOTO, "details": "x"}]}, "nothing that can be undone"),
        ({"changes": [{"target": "settings", "field": "user_sync.photo"}]}, "before"),
        ({"changes": [change("application", "tags", [], ["x"], "another-object")]}, "another object"),
    ],
)
def test_anything_else_is_refused_in_a_sentence(spoiled: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        checked({**content(), **spoiled}, "acme", VARIABLES)


def test_what_was_removed_comes_back_before_the_pbx_is_set_back_and_what_was_added_goes_after() -> None:
    found = parts(
        [
            change("application", "certificates", ["OLD"], ["NEW"]),
            change("application", "redirect_uris", ["https://a"], ["https://a", "https://b"]),
            change("app_role_assignments", "permissions", ["Mail.Send"], ["User.Read.All"]),
            change("application", "id_tokens", None, True),
            PHOTO,
        ]
    )
    assert list(found) == [
        "restore_application",
        "restore_consent",
        "restore_settings",
        "withdraw_consent",
        "withdraw_application",
    ]
    assert [each["before"] for each in found["restore_application"]] == [["OLD"]]
    assert [each["after"] for each in found["withdraw_application"]] == [["NEW"], ["https://b"], True]
    assert found["restore_consent"][0]["before"] == ["Mail.Send"]
    assert found["withdraw_consent"][0]["after"] == ["User.Read.All"]


def test_an_application_that_the_run_made_goes_as_a_whole() -> None:
    found = parts(
        [
            change("application", "state", "absent", "present"),
            change("application", "certificates", [], ["NEW"]),
            change("service_principal", "state", "absent", "present"),
            change("app_role_assignments", "permissions", [], ["User.Read.All"]),
        ]
    )
    assert list(found) == ["withdraw_application"]


def test_what_nobody_can_take_away_is_no_part_of_it() -> None:
    assert parts([change("application", "unique_name", None, "x"), change("application", "adopted", None, "y")]) == {}
