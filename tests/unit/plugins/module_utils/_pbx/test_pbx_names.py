# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From names to accounts, through the PBX's own actions alone."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._errors import NotFound
from ansible_collections.tcx.m365.plugins.module_utils._pbx import names
from ansible_collections.tcx.m365.plugins.module_utils._pbx.xapi import Xapi
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._pbx.fakes import xapi

PEOPLE = [
    {"Id": "id-ada", "Name": "Ada Adler", "Email": "ada@contoso.example", "upn": "ada@contoso.example"},
    {"Id": "id-bob", "Name": "Bob Costa", "Email": "bob.costa@contoso.example", "upn": "bob@contoso.example"},
    {"Id": "id-twin1", "Name": "Twin", "Email": "twin1@contoso.example", "upn": "twin1@contoso.example"},
    {"Id": "id-twin2", "Name": "Twin", "Email": "twin2@contoso.example", "upn": "twin2@contoso.example"},
]
GROUPS = [{"Id": "id-tel", "DisplayName": "Telephony", "Description": ""}, {"Id": "id-x", "DisplayName": "Telephony 2"}]


def shown(person: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in person.items() if key != "upn"}


def tenant(asked: list[tuple[str, Any]]) -> Xapi:
    def script(_method: str, path: str, request: dict[str, Any]) -> Any:
        body = request["body"]
        asked.append((path.rsplit(".", 1)[-1], body))
        if path == names.BY_PRINCIPAL_NAME:
            wanted = {name.lower() for name in body["principalNames"]}
            return 200, {"value": [shown(each) for each in PEOPLE if each["upn"] in wanted]}
        search = body["options"]["Search"].lower()
        if path == names.LIST_GROUPS:
            return 200, {"Groups": [each for each in GROUPS if search in each["DisplayName"].lower()]}
        found = [shown(each) for each in PEOPLE if search in (each["Name"] + each["Email"]).lower()]
        page = int(body["options"].get("NextPageToken", 0))
        more = {"NextPageToken": str(page + 1)} if page + 1 < len(found) else {}
        return 200, {"Users": found[page : page + 1], **more}

    return xapi(script)


def look_up(wanted: dict[str, list[str]]) -> tuple[dict[str, str], list[str]]:
    asked: list[tuple[str, Any]] = []
    found = names.look_up(tenant(asked), wanted)
    return {name: account.id for (_directory, name), account in found.accounts.items()}, [
        action for action, _body in asked
    ]


def test_principal_names_cost_one_request() -> None:
    found, asked = look_up({"users": ["ADA@contoso.example", "twin1@contoso.example"]})
    assert found == {"ada@contoso.example": "id-ada", "twin1@contoso.example": "id-twin1"}
    assert asked == ["GetUsersByPrincipalNames"]


@pytest.mark.parametrize("others", [[], ["ada@contoso.example"], ["ada@contoso.example", "twin1@contoso.example"]])
def test_a_principal_name_that_is_not_the_mail_address_is_told_apart(others: list[str]) -> None:
    found, _asked = look_up({"users": ["bob@contoso.example", *others]})
    assert found["bob@contoso.example"] == "id-bob"


def test_mail_addresses_and_names_are_searched_page_by_page() -> None:
    found, asked = look_up({"users": ["bob.costa@contoso.example", "Ada Adler"]})
    assert found == {"bob.costa@contoso.example": "id-bob", "ada adler": "id-ada"}
    assert asked[0] == "GetUsersByPrincipalNames"
    assert set(asked[1:]) == {"GetM365Users"}


def test_an_id_needs_no_looking_up() -> None:
    guid = "6b1f2f0e-0000-4000-8000-00000000000a"
    found, asked = look_up({"users": [guid], "groups": []})
    assert (found, asked) == ({}, [])
    assert names.Names().account("users", guid).id == guid


def test_a_group_is_found_by_its_whole_name_only() -> None:
    found, _asked = look_up({"groups": ["telephony"]})
    assert found == {"telephony": "id-tel"}


def test_all_unknown_and_ambiguous_names_are_in_one_error() -> None:
    with pytest.raises(NotFound) as caught:
        look_up({"users": ["nobody@x", "ada@contoso.example", "Twin"], "groups": ["Nope"], "mailboxes": ["info@x"]})
    text = str(caught.value)
    for part in ("user 'nobody@x'", "group 'Nope'", "shared mailbox 'info@x'", "id-twin1, id-twin2"):
        assert part in text
    assert "ada" not in text
