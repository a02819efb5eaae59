# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Redirect URIs: what Microsoft Entra refuses is told before it is sent, in check mode as in apply."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import redirect_uris
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.model import Desired, Key, Observed
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.plan import plan_present
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, Conflict

NOW = dt.datetime(2026, 11, 22, 10, 0, tzinfo=dt.timezone.utc)
URI = "https://acme.example.com:5001/oauth2office2"


@pytest.mark.parametrize(
    ("uri", "flaw"),
    [
        ("", "not a complete address"),
        ("acme.example.com/oauth2office2", "not a complete address"),
        ("https://", "not a complete address"),
        ("https://acme.example.com/a b", "blanks"),
        ("https://acme.example.com/a\u200bb", "blanks"),
        ("https://user:hunter2@acme.example.com/", "user information"),
        ("https://good.example@evil.example/", "user information"),
        ("https://acme.example.com/#top", "fragment"),
        ("https://acme.example.com/#", "fragment"),
        ("https://*.example.com/", "wildcards"),
        ("https://acme.example.com/*", "wildcards"),
        ("https://b\u00fccher.example/", "xn--"),
        ("https://acme.example.com/a;b", "contains ;"),
        ("https://acme.example.com/a(b)", "contains ( )"),
        ("https://acme.example.com\\@evil.example/", "user information"),
        ("https://acme.example.com\\evil", "contains \\"),
        ("https://acme.example.com:99999/", "not an address"),
        ("https://acme.example.com:x/", "not an address"),
        ("https://acme.example.com:0/", "its port"),
        ("https://[::1/", "not an address"),
        ("http://acme.example.com/", "https://"),
        ("urn:ietf:wg:oauth:2.0:oob", "not a complete address"),
    ],
)
def test_what_is_refused(uri: str, flaw: str) -> None:
    with pytest.raises(BadInput) as caught:
        redirect_uris.check({"redirect_uris": [URI, uri]})
    assert flaw in str(caught.value)
    assert "redirect_uris" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("option", "uri"),
    [
        ("redirect_uris", URI),
        ("redirect_uris", "https://xn--bcher-kva.example/oauth2office2?x=1&y=2"),
        ("redirect_uris", "http://localhost:8080/"),
        ("redirect_uris", "http://127.0.0.1/"),
        ("redirect_uris", "https://a.example/" + "x" * (256 - 18)),
        ("spa_redirect_uris", URI),
        ("public_client_redirect_uris", "urn:ietf:wg:oauth:2.0:oob"),
        ("public_client_redirect_uris", "msal0b7d://auth"),
        ("public_client_redirect_uris", "http://localhost"),
    ],
)
def test_what_is_taken(option: str, uri: str) -> None:
    redirect_uris.check({option: [uri]})


def test_the_length() -> None:
    with pytest.raises(BadInput, match="at most 256 characters"):
        redirect_uris.check({"redirect_uris": ["https://a.example/" + "x" * (257 - 18)]})


def test_one_uri_for_two_platforms() -> None:
    with pytest.raises(BadInput, match="redirect_uris and in spa_redirect_uris"):
        redirect_uris.check({"redirect_uris": [URI], "spa_redirect_uris": [URI]})


def _plan(uris: dict[str, Any], application: dict[str, Any] | None, **options: Any) -> Any:
    desired = Desired(key=Key(unique_name="3cx-acme"), uris=uris, **options)
    there = None if application is None else {"id": "o", "appId": "a", "tags": ["tcx.m365"], **application}
    return plan_present(desired, Observed(application=there), NOW)


@pytest.mark.parametrize(
    ("where", "platform"), [("spa", "Single-page application"), ("publicClient", "Mobile and desktop applications")]
)
def test_a_uri_of_another_platform_is_told_with_the_platform(where: str, platform: str) -> None:
    with pytest.raises(Conflict) as caught:
        _plan({"redirect_uris": [URI]}, {where: {"redirectUris": [URI]}})
    assert f"under the platform {platform} already" in str(caught.value)
    assert caught.value.target == "3cx-acme"
    assert URI in str(caught.value)


def test_a_uri_that_moves_to_another_platform_in_one_plan() -> None:
    plan = _plan(
        {"redirect_uris": [URI], "spa_redirect_uris": []}, {"spa": {"redirectUris": [URI]}}, uris_exclusive=True
    )
    assert {change.field for change in plan.changes} >= {"redirect_uris", "spa_redirect_uris"}


def _many(count: int, host: str = "a") -> list[str]:
    return [f"https://{host}{number}.example/" for number in range(count)]


def test_256_are_counted_over_all_platforms() -> None:
    there = {"web": {"redirectUris": _many(200)}, "spa": {"redirectUris": _many(55, "b")}}
    assert _plan({"redirect_uris": [URI]}, there).changes
    with pytest.raises(Conflict, match="257 redirect URIs, and an application has at most 256"):
        _plan({"redirect_uris": [URI], "public_client_redirect_uris": ["http://localhost"]}, there)
    with pytest.raises(Conflict, match="257 redirect URIs"):
        _plan({"redirect_uris": _many(257)}, None)


def test_too_many_that_are_there_already_are_not_our_doing() -> None:
    there = {"web": {"redirectUris": _many(300)}}
    assert not [
        change for change in _plan({"redirect_uris": _many(3)}, there).changes if change.field == "redirect_uris"
    ]


def test_with_personal_accounts_there_are_fewer() -> None:
    with pytest.raises(Conflict, match="at most 100"):
        _plan({"redirect_uris": _many(101)}, None, plain={"sign_in_audience": "AzureADandPersonalMicrosoftAccount"})
