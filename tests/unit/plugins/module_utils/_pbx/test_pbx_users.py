# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users: whose sign-in is switched, which users are deprovisioned, whose photo is missing, whose address is double."""

from __future__ import annotations

import email.utils
import time
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._errors import Ambiguous
from ansible_collections.tcx.m365.plugins.module_utils._pbx import audit, users
from ansible_collections.tcx.m365.plugins.module_utils._pbx.audit import DirectoryUser
from ansible_collections.tcx.m365.plugins.module_utils._pbx.users import SignIn, User
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._pbx.fakes import xapi


def user(number: str, email: str = "", **properties: Any) -> User:
    found = {"Id": int(number), "Number": number, "EmailAddress": email, "Enabled": True, "MS365SignInEnabled": True}
    return User.of({**found, **properties})


def synced(number: str, email: str, *, photo: bool = True) -> User:
    return user(number, email, Tags=["MS"], ContactImage="a.jpg" if photo else "")


def test_only_wrong_switches_are_turned_and_alike_ones_together() -> None:
    found = {"a@x": user("200", "a@x"), "b@x": user("201", "b@x"), "c@x": user("202", "c@x", MS365SignInEnabled=False)}
    plan = users.plan_sign_in(SignIn(("a@x", "b@x", "c@x"), ()), found)
    assert [(each.field, each.before, each.after) for each in plan.changes] == [
        ("sign_in.opt_out", ["c@x"], ["a@x", "b@x", "c@x"])
    ]
    assert [each.payload for each in plan.writes] == [{"ids": [200, 201], "user": {"MS365SignInEnabled": False}}]


def test_opt_in_turns_the_other_way_and_is_idempotent() -> None:
    found = {"a@x": user("200", "a@x", MS365SignInEnabled=False), "b@x": user("201", "b@x")}
    plan = users.plan_sign_in(SignIn((), ("a@x", "b@x")), found)
    assert plan.writes[0].payload == {"ids": [200], "user": {"MS365SignInEnabled": True}}
    assert not users.plan_sign_in(SignIn((), ("b@x",)), found)


def test_users_are_found_by_address_in_any_case_or_by_number() -> None:
    filters: list[str] = []

    def script(_method: str, _path: str, request: dict[str, Any]) -> Any:
        filters.append(request["params"]["$filter"])
        return 200, {
            "value": [{"Id": 7, "Number": "200", "EmailAddress": "Ada@Contoso.example"}, {"Id": 8, "Number": "201"}]
        }

    found = users.find(xapi(script), ["ada@contoso.EXAMPLE", "201", "o'hara@x"])
    assert {name: each.id for name, each in found.items()} == {"ada@contoso.EXAMPLE": 7, "201": 8}
    assert filters == [
        "tolower(EmailAddress) eq 'ada@contoso.example' or Number eq '201' or tolower(EmailAddress) eq 'o''hara@x'"
    ]


def test_an_address_of_two_users_is_not_guessed() -> None:
    twins = [{"Id": 7, "Number": "200", "EmailAddress": "a@x"}, {"Id": 8, "Number": "201", "EmailAddress": "A@x"}]
    with pytest.raises(Ambiguous, match="200 and 201 both have the address a@x"):
        users.find(xapi(lambda *_request: (200, {"value": twins})), ["a@x"])


def test_secrets_of_users_are_never_asked_for() -> None:
    secret = {"AuthPassword", "DeskphonePassword", "VMPIN", "SIPID", "AccessPassword", "AuthID"}
    assert secret.isdisjoint(users.FIELDS)
    assert "Token" not in audit._SESSION
    assert "LicenseKey" not in audit._STATUS


def test_leavers_strangers_and_missing_photos() -> None:
    people = [
        synced("200", "Ada@x"),
        synced("201", "bob@x", photo=False),
        synced("202", "gone@x"),
        synced("203", "off@x"),
        user("100", "admin@elsewhere"),
        user("101", ""),
        user("102", "dora@x"),
        synced("204", "nophoto@x", photo=False),
    ]
    known = [
        DirectoryUser.of({"user_principal_name": "ada@x"}),
        DirectoryUser.of({"user_principal_name": "robert@x", "mail": "BOB@x", "photo": True}),
        DirectoryUser.of({"user_principal_name": "off@x", "enabled": False}),
        DirectoryUser.of({"user_principal_name": "dora@x"}),
        DirectoryUser.of({"user_principal_name": "nophoto@x", "photo": False}),
        DirectoryUser.of({"user_principal_name": "new@x"}),
        DirectoryUser.of({"user_principal_name": "exgone@x", "enabled": False}),
    ]
    found = audit.compare_users(people, known)
    assert [each["number"] for each in found["synced"]] == ["200", "201", "202", "203", "204"]
    assert found["without_photo"] == ["bob@x"]
    assert [(each["email"], each["reason"]) for each in found["leavers"]] == [
        ("gone@x", "not in Microsoft 365"),
        ("off@x", "disabled in Microsoft 365"),
    ]
    assert [each["number"] for each in found["strangers"]] == ["100", "101"]
    assert found["local"] == ["dora@x"]
    assert found["missing"] == ["new@x"]


def test_who_was_renamed_is_found_by_the_old_address() -> None:
    people = [
        synced("200", "Eve.Old@x", photo=False),
        synced("201", "gone@x"),
        synced("202", "kim@x"),
        user("203", "loc@x"),
    ]
    known = [
        DirectoryUser.of(
            {"user_principal_name": "eve.new@x", "mail": "eve.new@x", "aliases": ["eve.old@X"], "enabled": True}
        ),
        DirectoryUser.of({"user_principal_name": "kim@x", "aliases": ["gone@x"], "enabled": True}),
        DirectoryUser.of({"user_principal_name": "local@x", "aliases": ["loc@x"], "enabled": True}),
    ]
    found = audit.compare_users(people, known)
    assert [(each["number"], each["renamed_to"]) for each in found["renamed"]] == [
        ("200", "eve.new@x"),
        ("203", "local@x"),
    ]
    assert [(each["number"], each["reason"]) for each in found["leavers"]] == [
        ("201", "not in Microsoft 365; the address belongs to kim@x now")
    ], "an address that a colleague has got is no new name of the one who left"
    assert found["without_photo"] == ["Eve.Old@x"]
    assert found["missing"] == []
    assert found["strangers"] == []


def test_who_was_renamed_and_disabled_is_deprovisioned() -> None:
    known = [DirectoryUser.of({"user_principal_name": "new@x", "aliases": ["old@x"], "enabled": False})]
    found = audit.compare_users([synced("200", "old@x")], known)
    assert [each["reason"] for each in found["leavers"]] == ["disabled in Microsoft 365"]
    assert found["renamed"] == []


def test_before_and_after_a_synchronization() -> None:
    before = [
        user("100", "admin@x").as_dict(),
        synced("200", "ada@x", photo=False).as_dict(),
        user("201", "bob@x").as_dict(),
        user("9", "old@x").as_dict(),
    ]
    after = [
        user("100", "admin@x").as_dict(),
        synced("200", "ada@x").as_dict(),
        synced("201", "bob@x").as_dict(),
        synced("202", "new@x").as_dict(),
    ]
    assert audit.before_after(before, after) == {
        "added": ["new@x"],
        "removed": ["old@x"],
        "photo_added": ["ada@x", "bob@x"],
        "mapped": ["bob@x"],
    }


def test_double_addresses_are_found_without_regard_to_case() -> None:
    people = [user("200", "a@x"), user("201", "A@X"), user("202", "b@x"), user("203"), user("204")]
    assert audit.duplicates(people) == [{"email": "a@x", "numbers": ["200", "201"]}]


def test_the_clock_of_a_pbx_is_told_from_its_token_or_else_from_its_answers() -> None:
    now = time.time()
    client = xapi(lambda *_request: (200, {}, {"Date": email.utils.formatdate(now + 60)}))
    assert audit.clock_offset(client) is None
    client.get("/Defs", "read")
    assert audit.clock_offset(client) == pytest.approx(60, abs=2)
    client.clock_offset = -300.0
    assert audit.clock_offset(client) == -300.0
