# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the options of a task are read: the same in process and in a module."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._arguments import Read, Reading, read_arguments
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import (
    azure_app_registration,
    tcx_m365_settings,
)
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput

PBX = {"url": "https://pbx.example.com:5001", "client_id": "900", "client_secret": "s3cret"}
GUID = "0B7D3C7E-58F4-4C8B-8D9B-1F6A3C8F2A11"


def read(names: dict[str, str] | None = None, **arguments: Any) -> Read:
    return tcx_m365_settings.CAPABILITY.read({**PBX, **arguments}, names or {})


def refusal(names: dict[str, str] | None = None, **arguments: Any) -> str:
    with pytest.raises(BadInput) as caught:
        read(names, **arguments)
    return str(caught.value)


@pytest.mark.parametrize("empty", [None, "", "  ", "\n"])
def test_empty_means_not_given_at_every_depth(empty: Any) -> None:
    found = read(
        tenant_id=empty, wait_timeout=empty, state=empty, user_sync={"photo": empty, "scope": empty}
    ).parameters
    assert (found["tenant_id"], found["wait_timeout"], found["state"]) == (None, 300, "present")
    assert found["user_sync"]["photo"] is None
    assert found["user_sync"]["scope"] is None


def test_an_empty_environment_variable_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TCX_CA_PATH", " ")
    monkeypatch.setenv("TCX_TIMEOUT", "")
    monkeypatch.setenv("TCX_PROXY", " http://proxy.example.com:3128 ")
    found = read().parameters
    assert (found["ca_path"], found["timeout"], found["proxy"]) == (None, 30, "http://proxy.example.com:3128")


@pytest.mark.parametrize(
    ("written", "meant"),
    [(word, True) for word in (True, "yes", "y", "on", "1", "true", "t", "True", 1, 1.0, " yes ")]
    + [(word, False) for word in (False, "no", "n", "off", "0", "false", "f", "False", 0, 0.0)],
)
def test_booleans_are_those_of_ansible(written: Any, meant: bool) -> None:
    assert read(user_sync={"photo": written}).parameters["user_sync"]["photo"] is meant


@pytest.mark.parametrize("written", ["maybe", "2", 2, ["yes"], {"a": 1}])
def test_anything_else_is_no_boolean(written: Any) -> None:
    assert "user_sync.photo must be a boolean" in refusal(user_sync={"photo": written})


def test_text_is_trimmed_and_ids_are_in_lower_case() -> None:
    found = read(
        tenant_id=f" {GUID}\n", application_id=f"\u200e{GUID}", teams={"sbc_fqdn": "\ufeffsbc.example.com "}
    ).parameters
    assert found["tenant_id"] == found["application_id"] == GUID.lower()
    assert found["teams"]["sbc_fqdn"] == "sbc.example.com"


@pytest.mark.parametrize(
    "written",
    [
        "a@x.example, b@x.example",
        ["a@x.example", " b@x.example "],
        "a@x.example,b@x.example,",
        "a@x.example\nb@x.example\n",
        "\r\na@x.example,\r\nb@x.example",
        "\u200ea@x.example,\u200bb@x.example,\u200b",
        '["a@x.example", "b@x.example"]',
        "['a@x.example', ' b@x.example ']",
        '[\n  "a@x.example",\n  "b@x.example"\n]\n',
    ],
)
def test_a_text_where_a_list_is_wanted_is_split(written: Any) -> None:
    assert read(user_sync={"users": written}).parameters["user_sync"]["users"] == ["a@x.example", "b@x.example"]


def test_an_empty_list_stays_a_list() -> None:
    for written in ([], "[]", "[ ]"):
        assert read(user_sync={"users": written}).parameters["user_sync"]["users"] == []


def test_a_list_that_is_not_well_formed_is_split_as_ansible_splits_it() -> None:
    assert read(user_sync={"users": '["a", b]'}).parameters["user_sync"]["users"] == ['["a"', "b]"]
    assert read(user_sync={"users": "[" * 5000 + "]"}).parameters["user_sync"]["users"] == ["[" * 5000 + "]"]
    assert read(user_sync={"users": "['ann'] # all"}).parameters["user_sync"]["users"] == ["['ann'] # all"]


def test_a_list_of_permissions_may_be_written_as_one_text() -> None:
    key = {"unique_name": "3cx-acme", "certificates": '["/keys/a,b.pem"]', "permissions": '[{"name": "User.Read.All"}]'}
    found = azure_app_registration.CAPABILITY.read({**key, "delegated_permissions": "openid\nprofile"}, {}).parameters
    assert found["permissions"] == [{"name": "User.Read.All"}]
    assert (found["certificates"], found["delegated_permissions"]) == (["/keys/a,b.pem"], ["openid", "profile"])


@pytest.mark.parametrize("written", [["a@x.example", ""], [None]])
def test_an_empty_entry_of_a_list_is_refused(written: list[Any]) -> None:
    assert "user_sync.users has an empty entry" in refusal(user_sync={"users": written})


def test_a_certificate_is_one_element_whatever_it_holds() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nsubject=CN=a,O=b\n-----END CERTIFICATE-----\n"
    for written in (pem, "keys/acme, inc/public_key.pem"):
        found = azure_app_registration.CAPABILITY.read({"unique_name": "3cx-acme", "certificates": written}, {})
        assert found.parameters["certificates"] == [written.strip()]


def test_an_unknown_option_is_named_with_the_nearest() -> None:
    said = refusal(applicaton_id=GUID)
    assert "Unsupported parameter: applicaton_id; did you mean application_id? Supported: " in said


def test_an_unknown_key_is_named_with_its_place() -> None:
    said = refusal({"user_sync": "tcx_console_user_sync"}, user_sync={"phto": True})
    assert "Unsupported key in tcx_console_user_sync: phto; did you mean photo? Supported: " in said


@pytest.mark.parametrize(
    ("written", "shown"), [(True, "a boolean"), ("yes", "text"), (["photo"], "a list"), (3, "a number")]
)
def test_what_is_no_dictionary_is_refused(written: Any, shown: str) -> None:
    said = refusal({"user_sync": "tcx_console_user_sync"}, user_sync=written)
    assert f"tcx_console_user_sync must be a dictionary, not {shown}" in said


def test_messages_use_the_names_of_variables() -> None:
    names = {"url": "tcx_url", "state": "tcx_console_state", "wait_timeout": "tcx_console_wait_timeout"}
    said = refusal(names, url=None, state="presnt", wait_timeout="soon")
    assert "tcx_url is not set" in said
    assert "tcx_console_state must be one of present, absent, not 'presnt'; did you mean present?" in said
    assert "tcx_console_wait_timeout must be a whole number, not text" in said


def test_a_task_hears_of_its_options() -> None:
    assert "Could not read the options of the task: url is not set" in refusal(url=None)


@pytest.mark.parametrize(
    ("secret", "where"),
    [
        ("s3cret\n", "ends with a line break"),
        (" s3cret", "begins with blanks"),
        ("$ANSIBLE_VAULT;1.1;AES256\ns3cret", "is text that Ansible Vault has encrypted"),
        ("{{ vault_s3cret }}", "is a template that was not evaluated"),
    ],
)
def test_a_secret_that_cannot_be_meant_is_refused_and_not_shown(secret: str, where: str) -> None:
    said = refusal({"client_secret": "tcx_client_secret"}, client_secret=secret)
    assert f"tcx_client_secret {where}" in said
    assert "s3cret" not in said


def test_a_security_code_may_be_written_in_two_groups() -> None:
    assert read(username="a", password="p", security_code="123 456").parameters["security_code"] == "123456"


@pytest.mark.parametrize(("group", "name"), [("teams", "area_code"), ("user_sync", "starting_extension")])
def test_a_number_that_yaml_may_have_changed_is_refused(group: str, name: str) -> None:
    said = refusal({group: f"tcx_console_{group}"}, **{group: {name: 128}})
    assert f"tcx_console_{group}.{name} is a number" in said
    assert "in quotes" in said


def test_a_secret_that_is_a_number_is_refused_and_not_shown() -> None:
    said = refusal({"client_secret": "tcx_client_secret"}, client_secret=8312345)
    assert "tcx_client_secret is a number" in said
    assert "8312345" not in said


def test_a_number_with_all_its_digits_cannot_have_been_changed() -> None:
    assert read(security_code=123456).parameters["security_code"] == "123456"


def test_every_secret_is_known() -> None:
    found = read(teams={"private_key": "KEY"}, presence={"account_token": "TOKEN"})
    assert found.secrets == {"s3cret", "KEY", "TOKEN"}


def test_all_mistakes_stand_in_one_message() -> None:
    said = refusal(wait="maybe", user_sync={"photo": "perhaps"}, sign_in=True)
    assert all(word in said for word in ("wait must be", "user_sync.photo must be", "sign_in must be"))


def test_an_option_that_stands_one_level_too_high_is_told_where_it_belongs() -> None:
    assert "photo; did you mean user_sync.photo?" in refusal(photo=True)
    assert "applicaton_id; did you mean application_id?" in refusal(applicaton_id="x")
    assert "did you mean" not in refusal(enabled=True), "so many have it that none is meant"


NUMBERS: dict[str, tuple[dict[str, Any], tuple[Any, ...]]] = {
    "timeout": ({"type": "float"}, (0, -1, "nan", float("nan"), "inf", ".5e400", 10**12)),
    "deadline": ({"type": "int"}, (0, "0", -5, "inf", float("inf"), 10**400, 2.5)),
    "wait_timeout": ({"type": "int"}, (-1, "-1", 10**12)),
    "warning_days": ({"type": "int"}, (-3, 10**9)),
    "min_hosts": ({"type": "int"}, (-1,)),
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, (_spec, values) in NUMBERS.items() for value in values]
)
def test_a_number_that_nothing_can_be_done_with_is_refused(name: str, value: Any) -> None:
    reading = Reading()
    assert reading.value(NUMBERS[name][0], value, name) is None
    assert [problem for problem in reading.problems if problem.startswith(f"O({name}) must be a")], reading.problems


@pytest.mark.parametrize(
    ("name", "value"), [("wait_timeout", 0), ("warning_days", "0"), ("min_hosts", 0), ("timeout", 0.5)]
)
def test_a_small_number_is_one(name: str, value: Any) -> None:
    reading = Reading()
    assert reading.value(NUMBERS[name][0], value, name) == float(value)
    assert not reading.problems


@pytest.mark.parametrize("written", [100, 100.0, "100", " 100 ", "100.0", "1e2", "1E+2"])
def test_a_whole_number_is_one_however_it_is_written(written: Any) -> None:
    """The same on every release of Ansible: those before 2.19 take digits alone."""
    spec: dict[str, Any] = {"deadline": {"type": "int"}}
    read = read_arguments(spec, {"deadline": written}).parameters["deadline"]
    assert (read, type(read).__name__) == (100, "int")


@pytest.mark.parametrize("written", ["1e999999999", "nan", "snan", "inf", "1e-2", "100.5", "0x10", "1,5", "ten", True])
def test_what_is_no_whole_number_is_refused_at_once(written: Any) -> None:
    with pytest.raises(BadInput, match="deadline"):
        read_arguments({"deadline": {"type": "int"}}, {"deadline": written})


@pytest.mark.parametrize("written", ["9,00E+02", "9.00E+02", "1,23E+15", "1E+03", 900.0, 1.23e15])
@pytest.mark.parametrize("option", ["client_id", "application_id", "starting_extension", "opt_out", "tls_thumbprint"])
def test_a_number_that_a_spreadsheet_has_rounded_is_no_id(option: str, written: Any) -> None:
    kind = {"type": "list", "elements": "str"} if option == "opt_out" else {"type": "str"}
    with pytest.raises(BadInput, match=f"{option} .* is a number that was rounded"):
        read_arguments({option: kind}, {option: written})


@pytest.mark.parametrize("written", ["900", 900, "sso-e2", "12e5", "a1b2c3d4-1111-4222-8333-abcdefabcdef"])
def test_an_id_that_only_looks_a_bit_like_one_is_taken(written: Any) -> None:
    assert read_arguments({"client_id": {"type": "str"}}, {"client_id": written}).parameters["client_id"] == str(
        written
    )
