# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a reading of arguments gives for each type, and the sentence for what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.basic import env_fallback
from ansible_collections.tcx.m365.plugins.module_utils import _arguments
from ansible_collections.tcx.m365.plugins.module_utils._arguments import Read, read_arguments, secrets_in
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput

GUID = "0B7D3C7E-58F4-4C8B-8D9B-1F6A3C8F2A11"
KEY = "-----BEGIN PRIVATE KEY-----\nA,B\n-----END PRIVATE KEY-----\n"
SPEC: dict[str, dict[str, Any]] = {
    "name": {"aliases": ["label"], "required": True},
    "client_id": {},
    "secret": {"no_log": True},
    "method": {"no_log": True, "choices": ["one", "two"]},
    "security_code": {"no_log": True},
    "proxy": {"fallback": (env_fallback, ["TCX_TEST_PROXY"])},
    "timeout": {"type": "float"},
    "wait": {"type": "int"},
    "warning_days": {"type": "int"},
    "words": {"type": "list", "elements": "str", "choices": ["mail", "teams"]},
    "things": {"type": "list"},
    "uris": {"type": "list", "elements": "str"},
    "files": {"type": "list", "elements": "str"},
    "keys": {"type": "list", "elements": "dict", "options": {"id": {"type": "int"}, "pin": {"no_log": True}}},
    "free": {"type": "dict"},
    "sync": {"type": "dict", "options": {"photo": {"type": "bool"}, "users": {"type": "list", "elements": "str"}}},
    "presence": {
        "type": "dict",
        "options": {"users": {"type": "list", "elements": "str"}, "token": {"no_log": True}, "photo": {}},
    },
    "contacts": {"type": "dict", "options": {"photo": {}}},
    "pins": {"type": "list", "elements": "str", "no_log": True},
    "blob": {"type": "jsonarg"},
    "any": {"type": "raw"},
}


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows from a spec is worked out for each test, and not kept from the one before."""
    monkeypatch.setattr(_arguments, "_of_specs", {})


def read(**given: Any) -> Read:
    return read_arguments(SPEC, {"name": "acme", **given}, files=["files"])


def refusal(**given: Any) -> str:
    with pytest.raises(BadInput) as caught:
        read(**given)
    return str(caught.value)


def test_an_alias_is_as_good_as_the_name() -> None:
    found = read_arguments(SPEC, {"label": "acme"})
    assert found.parameters["name"] == "acme"
    assert found.explicit == {"label": "acme"}


def test_what_has_to_be_given_is_asked_for_by_its_name() -> None:
    with pytest.raises(BadInput, match="name is not set"):
        read_arguments(SPEC, {"client_id": "900"})


def test_an_environment_variable_is_read_as_if_it_had_been_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TCX_TEST_PROXY", " http://proxy.example:3128\n")
    assert read().parameters["proxy"] == "http://proxy.example:3128"
    assert read(proxy="http://other.example").parameters["proxy"] == "http://other.example"
    assert read(proxy=None).parameters["proxy"] == "http://proxy.example:3128", "null means that it is not given"
    monkeypatch.setenv("TCX_TEST_PROXY", " ")
    assert read().parameters["proxy"] is None


def test_rules_between_options_are_told_by_the_names_of_the_operator() -> None:
    rules = {"mutually_exclusive": [["name", "client_id"]]}
    with pytest.raises(BadInput) as caught:
        read_arguments(SPEC, {"name": "acme", "client_id": "900"}, constraints=rules)
    assert "mutually exclusive" in str(caught.value)
    assert "Could not read the options of the task" in str(caught.value)
    with pytest.raises(BadInput) as caught:
        read_arguments(SPEC, {"name": "acme", "client_id": "900"}, constraints=rules, names={"name": "tcx_name"})
    assert "Could not read the variables" in str(caught.value)
    assert caught.value.names == {"name": "tcx_name"}
    assert read(client_id="900").parameters["client_id"] == "900", "without rules nothing excludes anything"


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("client_id", True, "client_id must be text, not a boolean"),
        ("client_id", ["900"], "client_id must be text, not a list"),
        ("client_id", b"900", "client_id must be text, not bytes"),
        ("uris", {"a": 1}, "uris must be a list, not a dictionary"),
        ("uris", True, "uris must be a list, not a boolean"),
        ("wait", True, "wait must be a whole number, not a boolean"),
        ("wait", 2.5, "wait must be a whole number, not a number"),
        ("sync", {"photo": ["yes"]}, "sync.photo must be a boolean such as true or false, not a list"),
        ("free", "no dictionary", "free must be a dictionary, not text"),
        ("timeout", 0, "timeout must be a number, greater than 0 and at most 1000000000, not 0.0"),
        ("wait", -1, "wait must be a whole number, 0 or more and at most 1000000000, not -1"),
        ("warning_days", 36501, "warning_days must be a whole number, 0 or more and at most 36500, not 36501"),
        ("words", "mail, phone", "words must be one of mail, teams, not 'phone'"),
        ("uris", ["a", "", "b", None], "uris has an empty entry; uris has an empty entry"),
        ("keys", [{"id": "x"}], "keys.id must be a whole number, not text"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_its_type(option: str, value: Any, told: str) -> None:
    said = refusal(**{option: value}).replace("O(", "").replace(")", "")
    assert f": {told}" in said


def test_a_secret_is_never_shown_not_even_a_wrong_one() -> None:
    said = refusal(method="S3CRET")
    assert said.rstrip(".").endswith("must be one of one, two")
    assert "S3CRET" not in said
    assert "S3CRET" not in refusal(pins=[" S3CRET"])


@pytest.mark.parametrize(
    ("secret", "where"),
    [
        (" S3CRET ", "begins and ends with blanks"),
        ("\tS3CRETX", "begins with blanks"),
        ("S3CRET\r", "ends with a line break"),
        ("S3CRET ", "ends with blanks"),
        ("\ufeffS3CRET", "begins with characters that are not shown"),
        ("S3CRET\u200b\u00a0", "ends with characters that are not shown"),
    ],
)
def test_blanks_around_a_secret_are_told_by_their_place(secret: str, where: str) -> None:
    said = refusal(secret=secret)
    assert f"{where}; nothing was sent" in said
    assert "S3CRET" not in said


def test_a_key_ends_with_a_line_break() -> None:
    assert read(secret=KEY).parameters["secret"] == KEY.strip()


def test_a_text_of_digits_is_told_from_a_number() -> None:
    assert read(security_code=123456).parameters["security_code"] == "123456"
    assert "secret" in refusal(secret=1)
    assert read(client_id=900).parameters["client_id"] == "900", "no zero can have been lost from what is no secret"


def test_ids_are_in_lower_case_and_nothing_else_is() -> None:
    found = read(client_id=GUID, name=GUID).parameters
    assert (found["client_id"], found["name"]) == (GUID.lower(), GUID)
    assert read(client_id="Automation").parameters["client_id"] == "Automation"


@pytest.mark.parametrize("most", [{"wait": 10**9}, {"warning_days": 36_500}, {"wait": "10"}])
def test_the_largest_number_is_one(most: dict[str, Any]) -> None:
    assert read(**most).explicit == {"name": "acme", **{name: int(value) for name, value in most.items()}}


def test_lists_are_read_item_by_item() -> None:
    found = read(uris=12, words=" mail , teams", things=[1, "a"], keys=[{"id": "7", "pin": None}])
    assert found.explicit == {
        "name": "acme",
        "uris": ["12"],
        "words": ["mail", "teams"],
        "things": [1, "a"],
        "keys": [{"id": 7}],
    }
    assert read(things="x, y").explicit["things"] == ["x", "y"]


def test_the_text_of_a_file_is_one_item_whatever_it_holds() -> None:
    assert read(files="keys/acme, inc.pem").explicit["files"] == ["keys/acme, inc.pem"]
    assert read(uris=KEY).explicit["uris"] == [KEY.strip()]


def test_a_dictionary_may_be_written_as_text() -> None:
    assert read(free="a=1 b=2").explicit["free"] == {"a": "1", "b": "2"}
    assert read(free={"a": 0, "b": None}).explicit["free"] == {"a": 0}
    assert "free" not in read(free={}).explicit


def test_what_is_taken_as_it_is_loses_nothing_but_blanks() -> None:
    assert read(any={"a": " x ", "b": None, "c": "", "d": [1], "e": 0}).explicit["any"] == {"a": "x", "d": [1], "e": 0}
    assert read(any=[]).explicit["any"] == []
    assert read(any=True).explicit["any"] is True
    assert read(things=[{"a": " x ", "b": ""}]).explicit["things"] == [{"a": "x"}]
    assert read(blob='{"a": 1}').explicit["blob"] == '{"a": 1}'


def test_every_secret_is_known_wherever_it_stands() -> None:
    found = read(secret=KEY, keys=[{"pin": "one"}, {"pin": "two"}], presence={"token": "three"}, client_id="900")
    assert found.secrets == {KEY, KEY.strip(), "one", "two", "three"}


def test_what_stands_where_a_path_belongs_is_a_secret_by_what_it_is_without_blanks() -> None:
    token = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"
    spec: dict[str, dict[str, Any]] = {
        "file": {"type": "path"},
        "sync": {"type": "dict", "options": {"place": {"type": "path"}}},
    }
    path = read_arguments(spec, {"file": "/etc/acme.pem\n", "sync": {"place": ".\n"}})
    assert (path.secrets, path.parameters["file"], path.parameters["sync"]["place"]) == (set(), "/etc/acme.pem", ".")
    assert secrets_in(spec, {"file": f" {token}\n"}) == {f" {token}\n", token}
    assert secrets_in(spec, {"sync": {"place": "MIIB" * 16}}) == {"MIIB" * 16}


def test_unknown_names_are_told_together_with_what_is_known() -> None:
    said = refusal(phot=1, methd="x")
    assert "Unsupported parameters: phot" in said
    assert ", methd; did you mean method? Supported: any, blob, client_id, contacts, files" in said
    assert "Unsupported parameter: zzzzzz. Supported: any, blob, client_id" in refusal(zzzzzz=1)


def test_a_name_one_level_too_high_is_told_where_it_belongs() -> None:
    assert "users; did you mean sync.users or presence.users?" in refusal(users="a")
    assert "did you mean keys.id" not in refusal(id=1), "a list has no place of that name"
    assert "did you mean" not in refusal(photo=1), "three have it, so that none is meant"


def test_a_key_is_told_with_the_dictionary_that_it_stands_in() -> None:
    assert "in sync: phto; did you mean photo? Supported: photo, users" in refusal(sync={"phto": 1})
