# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The leaves below both libraries: ids, dates, tokens, literals of OData, paths."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._common import dates, jwt, odata, tree
from ansible_collections.tcx.m365.plugins.module_utils._common.ids import check_tenant, is_guid
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput

NOW = dt.datetime(2026, 11, 22, 10, 0, tzinfo=dt.timezone.utc)


@pytest.mark.parametrize(
    ("text", "whether"),
    [
        ("6F1C2D5E-8A86-4C8E-9D0E-8FF4F0A4C1AA", True),
        ("6f1c2d5e8a864c8e9d0e8ff4f0a4c1aa", False),
        ("6f1c2d5e-8a86-4c8e-9d0e-8ff4f0a4c1aa\n", False),
        (" 6f1c2d5e-8a86-4c8e-9d0e-8ff4f0a4c1aa", False),
        ("{6f1c2d5e-8a86-4c8e-9d0e-8ff4f0a4c1aa}", False),
        ("\u0666f1c2d5e-8a86-4c8e-9d0e-8ff4f0a4c1aa", False),
        ("", False),
    ],
)
def test_guids(text: str, whether: bool) -> None:
    assert is_guid(text) is whether


@pytest.mark.parametrize("tenant", ["6F1C2D5E-8A86-4C8E-9D0E-8FF4F0A4C1AA", "contoso.onmicrosoft.com", "a-b.example"])
def test_tenants(tenant: str) -> None:
    assert check_tenant(f" {tenant} ") == tenant.lower()


@pytest.mark.parametrize(
    "tenant", ["common", "Organizations", "consumers", "contoso", "", "6f1c2d5e", "a/b.example", "tenant.exampl\u00e9"]
)
def test_what_is_no_tenant(tenant: str) -> None:
    with pytest.raises(BadInput, match="tenant_id"):
        check_tenant(tenant)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T10:00:00Z", NOW),
        ("2022-05-07T06:52:40.8313021Z", dt.datetime(2022, 5, 7, 6, 52, 40, 831302, tzinfo=dt.timezone.utc)),
        ("2026-11-22T11:00:00+01:00", NOW),
        ("2026-11-22T10:00:00", NOW),
        ("2026-11-22T10:00:00.5Z", NOW.replace(microsecond=500000)),
        ("2026-11-22", NOW.replace(hour=0)),
        ("2026-11-22 10:00", NOW),
        ("2026-11-22T11:30:00+0130", NOW),
        ("2026-11-22T05:00:00-05:00", NOW),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-05:00", None),
        ("2026-13-01", None),
        ("2026-11-22T10:00:00Z; DROP", None),
        ("soon", None),
        (5, None),
        (None, None),
        ("", None),
    ],
)
def test_dates(text: Any, expected: dt.datetime | None) -> None:
    assert dates.parse(text) == expected


def test_dates_are_written_one_way() -> None:
    assert dates.iso(NOW.replace(microsecond=9)) == "2026-11-22T10:00:00Z"
    assert dates.iso(NOW.replace(tzinfo=None)) == "2026-11-22T10:00:00Z", "without a zone it is UTC"
    assert dates.iso(NOW.astimezone(dt.timezone(dt.timedelta(hours=5)))) == "2026-11-22T10:00:00Z"
    assert dates.day(NOW) == "2026-11-22"


@pytest.mark.parametrize(("hours", "days"), [(0, 0), (23, 0), (24, 1), (-1, -1), (-25, -2)])
def test_days_left_are_rounded_down(hours: int, days: int) -> None:
    assert dates.days_left(NOW + dt.timedelta(hours=hours), NOW) == days


def test_dates_of_http() -> None:
    assert dates.from_http("Sun, 22 Nov 2026 10:00:00 GMT") == NOW.timestamp()
    assert dates.from_http("120") is None
    assert dates.from_http("") is None
    assert dates.from_http(None) is None


@pytest.mark.parametrize(
    "header",
    [
        "Fri, 31 Dec 99999 23:59:59 GMT",
        "Fri, 31 Dec 2020 00:00:00 -9999999999999999999",
        "Fri, 31 Dec 1901 00:00:00 GMT",
        "9" * 5000,
        "²² Dec 2020 00:00:00",
    ],
)
def test_a_header_that_is_no_date_of_our_time_is_none(header: str) -> None:
    assert dates.from_http(header) is None


@pytest.mark.parametrize("value", [None, "1790000000", True, -1, 10**400, float("inf"), float("nan"), [1]])
def test_a_token_that_does_not_say_when_says_nothing(value: object) -> None:
    assert dates.from_unix(value) is None


@pytest.mark.parametrize(
    ("text", "days"), [("P90D", 90), ("P1Y", 365), ("P2M", 60), ("P1W", 7), ("P1DT24H", 2), ("P", None), (None, None)]
)
def test_durations(text: str | None, days: int | None) -> None:
    found = dates.duration(text)
    assert (found.days if found else None) == days


def test_claims_of_a_token() -> None:
    body = base64.urlsafe_b64encode(json.dumps({"exp": 5}).encode()).rstrip(b"=").decode()
    assert jwt.claims(f"x.{body}.y") == {"exp": 5}
    for opaque in ("", "abc", "a.b", "a.!!.c", "a.e30.c.d", "a.W10.c", "a." + "W" * 9 + ".c"):
        assert jwt.claims(opaque) is None, opaque
    assert jwt.claims("a.e30.c") == {}


def test_quotes_in_values_are_doubled_and_encoded() -> None:
    assert odata.literal("O'Hara") == "'O''Hara'"
    assert odata.encoded_literal("a/b'c&d é") == "'a%2Fb''c%26d%20%C3%A9'"


def test_paths() -> None:
    deep = {"a": {"b": {"c.d": 1}, "n": None}, "t": "text"}
    assert tree.dig(deep, "a.b") == {"c.d": 1}
    assert tree.dig(deep, ("a", "b", "c.d")) == 1
    for missing in ("a.x", "a.n.x", "t.x", "x.y.z"):
        assert tree.dig(deep, missing) is None
    assert tree.dig(None, "a") is None
    assert tree.with_value(deep, "a.n.x", 2)["a"] == {"b": {"c.d": 1}, "n": {"x": 2}}
    assert deep["a"] == {"b": {"c.d": 1}, "n": None}, "the original stays"
