# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One variable means one thing, however it is written: for every variable, the arguments of every step are compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import names_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import families
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import Variables, read_variables

GUID = "0b7d3c7e-58f4-4c8b-8d9b-1f6a3c8f2a11"
APP = "7c1e0c52-0e0a-4d6f-9d35-5f0b1a2c3d4e"
URI = "https://pbx.example.com:5001/oauth2office2"
KEY = {"unique_name": "3cx-acme"}
LITTLE: dict[str, Any] = {
    "tcx_url": "https://pbx.example.com:5001",
    "tcx_client_id": "900",
    "tcx_client_secret": "s",
    "entra_tenant_id": GUID,
    "entra_client_id": GUID,
    "entra_client_secret": "s",
    "entra_app_unique_name": "3cx-acme",
}
EMPTY = [None, "", "  ", "\n", [], {}]
VARIABLES = families.variables()


def every_argument(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of every step."""
    known = read_variables(given, host="acme")
    return {
        "tcx_preflight": arguments_of.pbx_preflight_arguments(known),
        "entra_preflight": arguments_of.entra_preflight_arguments(known, {}),
        "azure_app_registration": arguments_of.application_arguments(known, KEY, URI),
        "graph_permission_grant": arguments_of.grant_arguments(known, APP),
        "tcx_m365_settings": arguments_of.settings_arguments(known, APP),
        "sso_probe": arguments_of.probe_arguments(known, APP, URI),
        "graph_user_info": arguments_of.directory_arguments(known),
        "tcx_m365_settings_info": arguments_of.people_arguments(known, []),
        "steps": {name: known.get(name) for name in families.BESIDES},
    }


def kind(name: str) -> str:
    return str(VARIABLES[name].spec.get("type") or "str")


def of_kind(*kinds: str) -> list[str]:
    return [name for name in VARIABLES if kind(name) in kinds]


@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_empty_means_not_given(name: str) -> None:
    absent = {each: value for each, value in LITTLE.items() if each != name}
    expected = every_argument(absent)
    for empty in EMPTY:
        assert every_argument({**absent, name: empty}) == expected, repr(empty)


@pytest.mark.parametrize("name", sorted(of_kind("bool")))
def test_every_spelling_of_a_boolean_is_one_value(name: str) -> None:
    for native, spellings in ((False, ("n", "no", "false", "off", "0", " No ")), (True, ("y", "yes", "true", "on", 1))):
        expected = every_argument({**LITTLE, name: native})
        for written in spellings:
            assert every_argument({**LITTLE, name: written}) == expected, repr(written)


@pytest.mark.parametrize("name", sorted(of_kind("bool")))
def test_what_is_no_boolean_stops_the_host(name: str) -> None:
    with pytest.raises(BadInput, match=f"{name} must be a boolean"):
        every_argument({**LITTLE, name: "maybe"})


def lists_of_text() -> list[str]:
    return [
        name
        for name in of_kind("list")
        if VARIABLES[name].spec.get("elements") in ("str", "raw") and not VARIABLES[name].whole
    ]


@pytest.mark.parametrize("name", sorted(lists_of_text()))
def test_a_list_as_text_is_the_list(name: str) -> None:
    words = list(VARIABLES[name].spec.get("choices") or ("first.word", "second.word"))[:2]
    expected = every_argument({**LITTLE, name: words})
    for written in (",".join(words), f" {' , '.join(words)} ", [f" {word}\n" for word in words]):
        assert every_argument({**LITTLE, name: written}) == expected, repr(written)


@pytest.mark.parametrize("name", sorted(lists_of_text()))
def test_a_single_text_is_one_element(name: str) -> None:
    word = (VARIABLES[name].spec.get("choices") or ["only.word"])[0]
    assert every_argument({**LITTLE, name: word}) == every_argument({**LITTLE, name: [word]})


@pytest.mark.parametrize(
    "name", sorted(name for name in of_kind("str", "path", "int", "float") if not VARIABLES[name].spec.get("no_log"))
)
def test_blanks_around_a_value_do_not_count(name: str) -> None:
    spec = VARIABLES[name].spec
    plain = GUID if name.endswith("_id") else "7" if kind(name) in ("int", "float") else "word.example"
    plain = spec["choices"][0] if spec.get("choices") else plain
    expected = every_argument({**LITTLE, name: plain})
    for written in (f" {plain}", f"{plain}\n", f"\t{plain} "):
        assert every_argument({**LITTLE, name: written}) == expected, repr(written)


@pytest.mark.parametrize("name", sorted(name for name in VARIABLES if VARIABLES[name].spec.get("no_log")))
def test_a_secret_with_a_line_end_is_refused_before_it_is_tried(name: str) -> None:
    with pytest.raises(BadInput, match=name) as caught:
        every_argument({**LITTLE, name: "topsecret\n"} if name != "tcx_security_code" else {**LITTLE, name: 1234})
    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(of_kind("dict")))
def test_a_boolean_is_no_dictionary(name: str) -> None:
    with pytest.raises(BadInput, match=f"{name} must be a dictionary, not a boolean"):
        every_argument({**LITTLE, name: True})


@pytest.mark.parametrize("name", sorted(of_kind("dict")))
def test_empty_parts_are_not_mentioned(name: str) -> None:
    keys = list(VARIABLES[name].spec["options"])
    optional = [key for key in keys if not VARIABLES[name].spec["options"][key].get("required")]
    for empty in (None, "", "  "):
        given = dict.fromkeys(optional, empty)
        given.update({key: True for key in keys if key not in optional})
        expected = {key: True for key in keys if key not in optional}
        assert every_argument({**LITTLE, name: given}) == every_argument({**LITTLE, name: expected}), repr(empty)


@pytest.mark.parametrize("name", sorted(of_kind("dict")))
def test_a_mistyped_key_is_refused_with_the_nearest(name: str) -> None:
    key = max(VARIABLES[name].spec["options"], key=len)
    with pytest.raises(BadInput, match=f"Unsupported key in {name}: {key}x; did you mean {key}?"):
        every_argument({**LITTLE, name: {f"{key}x": True}})


@pytest.mark.parametrize("written", [GUID.upper(), f" {GUID} ", f"{GUID.upper()}\n"])
def test_both_sides_get_the_same_tenant(written: str) -> None:
    found = every_argument({**LITTLE, "entra_tenant_id": written})
    tenants = {step: arguments["tenant_id"] for step, arguments in found.items() if "tenant_id" in arguments}
    assert set(tenants.values()) == {GUID}
    assert {"tcx_m365_settings", "azure_app_registration", "sso_probe", "graph_user_info"} <= set(tenants)


def test_a_domain_is_resolved_for_both_sides() -> None:
    asked = []

    def resolve(_variables: Variables, domain: str) -> str:
        asked.append(domain)
        return GUID

    known = read_variables({**LITTLE, "entra_tenant_id": "Acme.onmicrosoft.com"}, host="acme", resolve=resolve)
    assert arguments_of.settings_arguments(known, APP)["tenant_id"] == GUID
    assert arguments_of.entra_connection(known)["tenant_id"] == GUID
    assert set(asked) == {"acme.onmicrosoft.com"}


def test_a_tenant_of_the_environment_is_that_of_the_pbx_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", GUID.upper())
    found = every_argument({name: value for name, value in LITTLE.items() if name != "entra_tenant_id"})
    assert found["tcx_m365_settings"]["tenant_id"] == found["azure_app_registration"]["tenant_id"] == GUID


@pytest.mark.parametrize("name", ["entra_tenant_id", "tcx_console_tenant_id", "entra_app_app_id"])
def test_an_id_is_checked_before_the_first_step(name: str) -> None:
    known = read_variables({**LITTLE, name: "not an id"}, host="acme")
    with pytest.raises(BadInput, match=name):
        arguments_of.pbx_preflight_arguments(known)


def test_every_argument_knows_its_variable() -> None:
    for step, arguments in every_argument(LITTLE).items():
        if step != "steps":
            assert set(names_of(arguments)) <= set(families.SOURCES[step].capability.argument_spec)
    names = names_of(every_argument(LITTLE)["sso_probe"])
    assert names["ca_path"] == "tcx_ca_path"
    assert names["entra_ca_path"] == "entra_ca_path"
    assert names["tenant_id"] == "entra_tenant_id"


def test_the_permissions_follow_from_what_is_switched_on() -> None:
    known = {**LITTLE, "entra_app_permissions_profile": "features", "tcx_console_user_sync": {"enabled": True}}
    assert arguments_of.permissions(known) is None
    assert arguments_of.features(known) == ["user_sync"]
    more = {
        **known,
        "tcx_console_calendar_sync": {"enabled": "yes"},
        "tcx_console_shared_mailboxes": {"enabled": True},
        "tcx_console_presence": {"enabled": "n"},
        "tcx_console_mail": {"microsoft365": True},
        "tcx_console_user_sync": {"scope": "groups", "groups": "Telephony"},
    }
    assert arguments_of.features(more) == ["user_sync", "contact_sync", "calendar_sync", "groups", "mail"]


def test_stated_permissions_win() -> None:
    known = {**LITTLE, "entra_app_permissions_profile": "features", "entra_app_permissions": "User.Read.All"}
    assert (arguments_of.permissions(known), arguments_of.features(known)) == (["User.Read.All"], None)
    known = {**LITTLE, "entra_app_features": "presence"}
    assert (arguments_of.permissions(known), arguments_of.features(known)) == (None, ["presence"])


def test_the_guide_is_a_profile() -> None:
    known = {**LITTLE, "entra_app_permissions_profile": "guide"}
    assert arguments_of.permissions(known) == ["User.Read.All", "Calendars.Read", "Contacts.Read", "Mail.Send"]
    assert arguments_of.features(known) is None


@pytest.mark.parametrize(
    "name", ["https://a.example", "*.evil.example", "a b", "a.example:x", "a.example/", "u@a.example"]
)
def test_a_further_name_of_a_pbx_that_can_be_none_is_told(name: str) -> None:
    (problem,) = read_variables({"tcx_fqdn": [name]}).problems
    assert "tcx_fqdn" in problem
    assert "no host name" in problem
    assert not read_variables({"tcx_fqdn": "localhost, pbx.example:5001"}).problems
