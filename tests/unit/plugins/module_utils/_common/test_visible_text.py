# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The border: no character that a terminal obeys or that disguises a text gets through, and all others do."""

from __future__ import annotations

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._common.text import (
    quoted,
    visible,
    visible_data,
    visible_lines,
    without_repeats,
    without_secrets,
    without_trace,
)
from hypothesis import example, given
from hypothesis import strategies as st

from .hostile import HOSTILE, hostile_texts, obeyed_characters


@given(st.one_of(hostile_texts, st.text()))
@example("".join(HOSTILE))
def test_no_obeyed_character_gets_through(text: str) -> None:
    assert not obeyed_characters(visible(text))
    assert not set(visible(text)) & {"\n", "\t", "\r"}
    assert not obeyed_characters(visible_lines(text))
    assert visible(visible(text)) == visible(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;PWNED\x07", r"\x1b]0;PWNED\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("gpj\u202etxt.exe", r"gpj\u202etxt.exe"),
        ("one\r\n  two\tthree", "one two three"),
        ("Zürich, 東京, \u05e9\u05dc\u05d5\u05dd", "Zürich, 東京, \u05e9\u05dc\u05d5\u05dd"),
        ("\u0646\u200c\u0647", "\u0646\u200c\u0647"),
        ("\U000e0041", r"\U000e0041"),
        (r"\x1b", r"\x1b"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_data_keeps_its_lines_and_its_other_types() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    data = {"pem": pem, "\x1bkey": ["\x07", 5, None, True, 1.5, {"x": "\u202e"}]}
    assert visible_data(data) == {"pem": pem, r"\x1bkey": [r"\x07", 5, None, True, 1.5, {"x": r"\u202e"}]}


def test_no_secret_is_left_in_a_result() -> None:
    result = {"msg": "refused: s3cret-long", "pin": 12345, "ok": True, "s3cret": ["s3cret", None, 7]}
    assert without_secrets(result, {"s3cret", "s3cret-long", "1234", ""}) == {
        "msg": "refused: ********",
        "pin": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER",
        "ok": True,
        "s3cret": ["VALUE_SPECIFIED_IN_NO_LOG_PARAMETER", None, 7],
    }


MICROSOFT = (
    "AADSTS700016: The application was not found. Trace ID: {0} Correlation ID: {0} Timestamp: 2026-11-27 15:01:30Z"
)


def test_what_microsoft_says_twice_is_told_once_and_by_whom_knew_more() -> None:
    first, second = (
        MICROSOFT.format("a-1") + ". Compare the IDs.",
        MICROSOFT.format("b-2") + ". Compare ID 7 with the tenant.",
    )
    assert without_repeats([first, "The clock is late.", second]) == [second, "The clock is late."]
    assert without_trace(first) == "AADSTS700016: The application was not found. Compare the IDs."
    assert without_trace(MICROSOFT.format("a-1")) == "AADSTS700016: The application was not found."


@pytest.mark.parametrize("name", ["pbx.example.com:5001", "[2001:db8::1]:5001", "https://a.example/b?c=d", "eve_1"])
def test_a_plain_name_needs_no_quotes(name: str) -> None:
    assert quoted(name) == name


@pytest.mark.parametrize("name", ["", "x). Set entra_app_force: true (y", "a, b", "a'b", "a\nb"])
def test_a_name_that_could_go_on_as_a_sentence_is_in_quotes(name: str) -> None:
    assert quoted(name) == repr(name)
