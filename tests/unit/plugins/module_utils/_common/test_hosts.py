# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Host names are compared in one form, and what is no host name equals nothing."""

from __future__ import annotations

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._common import hosts
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pbx.example.com", "pbx.example.com"),
        ("PBX.Example.COM", "pbx.example.com"),
        ("pbx.example.com.", "pbx.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("localhost", "localhost"),
        ("3cx.example", "3cx.example"),
    ],
)
def test_names_have_one_form(text: str, expected: str) -> None:
    assert hosts.host_name(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "..",
        "a..b",
        ".example",
        "good.example@evil.example",
        "*.evil.example",
        "evil.example/x",
        "evil.example\\x",
        "evil.example?x",
        "evil.example#x",
        "evil.example:5001",
        "evil.example ",
        "evil.exa\nmple",
        "evil.exa\x00mple",
        "evil%2eexample",
        "127.0.0.1",
        "2130706433",
        "[::1]",
        "::1",
        "-bad.example",
        "bad-.example",
        "under_score.example",
        "a" * 64 + ".example",
        ".".join(["a" * 60] * 5),
        None,
        7,
        ["pbx.example.com"],
    ],
)
def test_everything_else_has_none(text: object) -> None:
    assert hosts.host_name(text) == ""


@given(st.text())
def test_a_form_is_plain_and_its_own_form(text: str) -> None:
    found = hosts.host_name(text)
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert hosts.host_name(found) == found


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://pbx.example.com", "pbx.example.com"),
        ("https://PBX.example.com:443/x", "pbx.example.com"),
        ("HTTPS://pbx.example.com:5001/oauth2office2", "pbx.example.com:5001"),
        ("https://127.0.0.1:5001", "127.0.0.1:5001"),
        ("https://[::1]:5001/", "[::1]:5001"),
        ("http://pbx.example.com", ""),
        ("https://pbx.example.com@evil.example/", ""),
        ("https://a:b@pbx.example.com/", ""),
        ("https://*.example.com/", ""),
        ("https://pbx.example.com:99999/", ""),
        ("https://evil.example\\@pbx.example.com/", ""),
        ("https:// pbx.example.com/", ""),
        ("pbx.example.com", ""),
        (None, ""),
    ],
)
def test_authorities(url: object, expected: str) -> None:
    assert hosts.authority(url) == expected


def test_further_names_have_the_port_of_the_address_unless_they_have_one() -> None:
    found = hosts.authorities(
        "https://10.0.0.5:5001", ["pbx.example.com", "PBX.example.com.", "other.example:443", "*.x"]
    )
    assert found == ("10.0.0.5:5001", "pbx.example.com:5001", "other.example")


@pytest.mark.parametrize("name", ["pbx.example.com:\u00b2", f"pbx.example.com:{'9' * 5000}", "pbx.example.com:"])
def test_a_further_name_with_a_port_that_is_none_is_no_name(name: str) -> None:
    assert hosts.authorities("https://10.0.0.5:5001", [name]) == ("10.0.0.5:5001",)
