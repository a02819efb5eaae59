# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked about the users of a tenant, and what the answers mean."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra import rights, users
from ansible_collections.tcx.m365.plugins.module_utils._entra.graph import Answer, Call
from ansible_collections.tcx.m365.plugins.module_utils._entra.tokens import Token
from ansible_collections.tcx.m365.plugins.module_utils._errors import Ambiguous, Forbidden, NotFound, Rejected
from hypothesis import given
from hypothesis import strategies as st

TENANT = "6f1c2d5e-8a86-4c8e-9d0e-8ff4f0a4c1aa"
ID = "87d349ed-44d7-43e1-9a83-5f2406dee5bd"
OTHER = "48d31887-5fad-4d73-a9f5-3c356e68a038"
NAMES = st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=0x17F), min_size=1, max_size=30), unique=True)


def user(name: str, identifier: str = ID, **properties: Any) -> dict[str, Any]:
    address = f"{name}@contoso.example"
    return {
        "id": identifier,
        "userPrincipalName": address,
        "mail": address,
        "displayName": name.title(),
        "accountEnabled": True,
        "userType": "Member",
        **properties,
    }


def clause(call: Call) -> str:
    """The filter as Graph reads it."""
    [found] = parse_qs(urlsplit(call.path).query, strict_parsing=True)["$filter"]
    return found


# --- what is sent -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("enabled", "expected"),
    [(None, None), (True, "accountEnabled eq true"), (False, "accountEnabled eq false")],
)
def test_a_listing_asks_for_few_properties_and_full_pages(enabled: bool | None, expected: str | None) -> None:
    address = urlsplit(users.listing(enabled))
    query = {name: values[0] for name, values in parse_qs(address.query, strict_parsing=True).items()}
    assert address.path == "/users"
    assert query.pop("$filter", None) == expected
    assert query == {
        "$select": "id,userPrincipalName,mail,displayName,accountEnabled,userType,proxyAddresses",
        "$top": "999",
    }


def test_a_name_is_looked_for_in_both_addresses_and_quoted() -> None:
    [call] = users.lookups(["o'hara@contoso.example", "x_y.example#EXT#@contoso.example"])
    names = "'o''hara@contoso.example','x_y.example#EXT#@contoso.example'"
    assert clause(call) == f"userPrincipalName in ({names}) or mail in ({names})"
    assert "#" not in call.path


def test_an_object_id_is_no_address() -> None:
    ids, addresses = users.lookups(["a@x.example", ID])
    assert clause(ids) == f"id in ('{ID}')"
    assert clause(addresses) == "userPrincipalName in ('a@x.example') or mail in ('a@x.example')"


@given(NAMES)
def test_every_name_is_asked_for_once_and_no_filter_is_too_long(names: list[str]) -> None:
    values = []
    for call in users.lookups(names):
        first, second = clause(call).split(" or mail in ")
        assert first.removeprefix("userPrincipalName in ") == second
        values.append(second[1:-1])
        assert len(call.path) < 8000
    assert ",".join(values) == ",".join("'" + name.replace("'", "''") + "'" for name in names)
    assert len(values) == -(-len(names) // users.NAMES_PER_FILTER)


def test_groups_are_looked_for_by_id_or_by_name_and_address() -> None:
    by_id, by_name = users.group_lookups([ID, "R&D"])
    assert by_id.path == f"/groups/{ID}?$select=id,displayName,mail"
    assert unquote(by_name.path) == (
        "/groups?$filter=displayName eq 'R&D' or mail eq 'R&D'&$select=id,displayName,mail"
    )
    assert "R&D" not in by_name.path, "an ampersand must not end the filter"


# --- who may ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "wanted", "missing"),
    [
        ({"Application.Read.All"}, users.UserSelection(), "User.Read.All"),
        ({"User.ReadBasic.All"}, users.UserSelection(), "User.Read.All"),
        ({"User.Read.All"}, users.UserSelection(groups=("a",)), "GroupMember.Read.All"),
        ({"Directory.Read.All"}, users.UserSelection(photo=True), "ProfilePhoto.Read.All"),
        ({"GroupMember.Read.All"}, users.UserSelection(groups=("a",)), "User.Read.All"),
        ({"User.Read.All"}, users.UserSelection(photo=True), ""),
        ({"Directory.Read.All"}, users.UserSelection(groups=("a",)), ""),
        ({"User.Read.All", "GroupMember.Read.All"}, users.UserSelection(groups=("a",), photo=True), ""),
    ],
)
def test_a_missing_right_is_named(held: set[str], wanted: users.UserSelection, missing: str) -> None:
    token = Token("x", 0.0, {"tid": TENANT, "roles": sorted(held)})
    if not missing:
        users.check_rights(token, wanted, TENANT)
        return
    with pytest.raises(rights.MissingRight) as caught:
        users.check_rights(token, wanted, TENANT)
    assert missing in caught.value.remedy


# --- what came back ---------------------------------------------------------------------------------------------------


def test_aliases_are_further_mail_addresses() -> None:
    proxies = [
        "SMTP:New@contoso.example",
        "smtp:old@contoso.example",
        "X500:/o=x/cn=old",
        "SIP:sip@contoso.example",
        "bare",
    ]
    found = users.Person.of(user("new", proxyAddresses=proxies))
    assert found.aliases == ("old@contoso.example",)
    assert found.answers_to("OLD@contoso.example")
    assert not found.answers_to("sip@contoso.example")


@pytest.mark.parametrize(
    ("kind", "guest"),
    [("Member", False), ("Guest", True), (None, False), ("", False)],
)
def test_a_user_without_a_type_is_no_guest(kind: str | None, guest: bool) -> None:
    person = users.Person.of(user("ada", userType=kind, mail=None))
    assert person.guest is guest
    assert person.as_dict() == {
        "id": ID,
        "user_principal_name": "ada@contoso.example",
        "mail": None,
        "aliases": [],
        "display_name": "Ada",
        "enabled": True,
        "guest": guest,
        "photo": None,
    }
    assert users.UserSelection(guests=False).takes(person) is not guest


def test_an_account_of_which_graph_does_not_tell_is_neither_enabled_nor_disabled() -> None:
    person = users.Person.of({"id": ID, "userPrincipalName": "a@x.example"})
    assert person.enabled is None
    assert users.UserSelection().takes(person)
    assert not users.UserSelection(enabled=True).takes(person)
    assert not users.UserSelection(enabled=False).takes(person)


def test_a_missing_address_answers_to_no_name() -> None:
    person = users.Person.of(user("ada", mail=""))
    assert person.answers_to("ADA@Contoso.example")
    assert person.answers_to(ID.upper())
    assert not person.answers_to("")


def found(*groups: str) -> Answer:
    return Answer(200, {"value": [{"id": each, "displayName": "Staff", "mail": None} for each in groups]}, {})


GONE = Answer(404, {"error": {"code": "Request_ResourceNotFound", "message": "Resource does not exist."}}, {})
REFUSED = Answer(403, {"error": {"code": "Authorization_RequestDenied", "message": "No."}}, {})


def test_a_group_named_twice_is_read_once() -> None:
    alone = Answer(200, {"id": ID, "displayName": "Staff", "mail": "staff@x.example"}, {})
    groups = users.chosen([ID, "Staff"], [alone, found(ID)], TENANT)
    assert groups == [users.Group(ID, "Staff", "")]


def test_all_unknown_groups_are_listed() -> None:
    with pytest.raises(NotFound) as caught:
        users.chosen(["Sales", "Staff", OTHER], [found(), found(ID), GONE], TENANT)
    assert f"no group 'Sales', no group '{OTHER}'" in str(caught.value)
    assert "Staff" not in str(caught.value)


def test_a_name_of_two_groups_is_told_with_their_ids() -> None:
    with pytest.raises(Ambiguous) as caught:
        users.chosen(["Staff"], [found(ID, OTHER)], TENANT)
    assert f"{OTHER} and {ID}" in str(caught.value)
    with pytest.raises(Ambiguous, match="all answer to 'Staff'"):
        users.chosen(["Staff"], [found(ID, OTHER, TENANT)], TENANT)


def test_a_group_that_may_not_be_read_is_not_unknown() -> None:
    with pytest.raises(Forbidden):
        users.chosen(["Staff"], [REFUSED], TENANT)


@pytest.mark.parametrize("code", ["ImageNotFound", "MailboxNotEnabledForRESTAPI", "ErrorNonExistentMailbox"])
def test_a_404_means_no_photo(code: str) -> None:
    assert users.has_photo(Answer(404, {"error": {"code": code, "message": "x"}}, {})) is False


def test_metadata_mean_a_photo_and_a_refusal_means_neither() -> None:
    assert users.has_photo(Answer(200, {"id": "240x240", "width": 240}, {})) is True
    with pytest.raises(Forbidden):
        users.has_photo(REFUSED)
    with pytest.raises(Rejected):
        users.has_photo(Answer(400, {"error": {"code": "BadRequest", "message": "x"}}, {}))
