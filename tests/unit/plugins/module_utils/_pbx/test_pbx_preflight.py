# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a preflight says of what was read: the level, and the words by which an operator can act."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.ownership import Pbx
from ansible_collections.tcx.m365.plugins.module_utils._pbx import health, preflight
from ansible_collections.tcx.m365.plugins.module_utils._pbx.facts import Facts
from ansible_collections.tcx.m365.plugins.module_utils._pbx.health import Health
from ansible_collections.tcx.m365.plugins.module_utils._pbx.license import Edition, License
from ansible_collections.tcx.m365.plugins.module_utils._pbx.preflight import Finding, NotReady, Numbers
from ansible_collections.tcx.m365.plugins.module_utils._pbx.tls_certificate import TlsCertificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.timezone.utc)
URL = "https://pbx.example.com:5001"
REDIRECT = f"{URL}/oauth2office2"
FACTS = Facts("20.0.10.731", "pbx.example.com", 5001, (3, 3), License(Edition.ENTERPRISE))
SECOND = dt.timedelta(seconds=1)


def days(number: float) -> dt.datetime:
    return NOW + dt.timedelta(days=number)


def certificate(**changed: Any) -> TlsCertificate:
    known: dict[str, Any] = {
        "subject": "CN=pbx.example.com",
        "issuer": "CN=CA",
        "names": ("pbx.example.com",),
        "not_before": days(-10),
        "not_after": days(200),
        "self_signed": False,
    }
    return TlsCertificate(**{**known, **changed})


def levels(findings: list[Finding]) -> list[str]:
    return [each.level for each in findings]


# --- name and port ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "names", "level"),
    [
        (URL, [], None),
        (URL + "/", ["other.example.com"], None),
        ("https://pbx.example.com", [], "error"),
        ("https://pbx.example.com", ["pbx.example.com:5001"], None),
        ("https://pbx.example.com", ["pbx.example.com:5002"], "error"),
        ("https://10.0.0.5:5001", ["pbx.example.com"], None),
        ("https://10.0.0.5:5001", ["PBX.example.com:5001"], None),
        # The inventory does not say on which port that name is reached, so that only the PBX can tell it.
        ("https://10.0.0.5:15001", ["pbx.example.com"], "warning"),
        ("https://10.0.0.5:15001", ["pbx.example.com:5001"], None),
        ("https://10.0.0.5:15001", ["pbx.example.com:443"], "error"),
        ("https://10.0.0.5:5001", [], "error"),
    ],
)
def test_neither_name_nor_port_becomes_a_redirect_uri_by_the_word_of_a_pbx(
    url: str, names: list[str], level: str | None
) -> None:
    found = preflight.judge_name(FACTS, url, names)
    assert levels(found) == ([level] if level else [])
    assert all("tcx_fqdn" in each.remedy for each in found)


@pytest.mark.parametrize(
    ("url", "port", "names"),
    [
        ("https://pbx.example.com", 5001, ["pbx.example.com:5001"]),
        ("https://pbx.example.com:5001", 443, ["pbx.example.com:443"]),
        ("https://pbx.example.com:443/", 443, []),
        ("https://10.0.0.5:15001", 443, ["pbx.example.com:443"]),
    ],
    ids=["reached on 443, reports 5001", "reached on 5001, reports 443", "443 in words", "by its address, forwarded"],
)
def test_a_pbx_behind_nat_owns_the_redirect_uri_that_the_inventory_allows(
    url: str, port: int, names: list[str]
) -> None:
    facts = replace(FACTS, https_port=port)
    assert preflight.judge_name(facts, url, names) == []
    pbx = Pbx.of(url, names)
    assert pbx is not None
    assert pbx.owns_uri(facts.redirect_uri)
    if names:
        assert levels(preflight.judge_name(facts, url, [])) == ["error"]


# --- certificate --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("not_after", "level", "words"),
    [
        (days(0) - SECOND, "error", "expired on 2026-11-23"),
        (days(0), "error", "expired on 2026-11-23"),
        (days(0) + SECOND, "warning", "expires within 24 hours, on 2026-11-23"),
        (days(29), "warning", "expires in 29 days"),
        (days(30) - SECOND, "warning", "expires in 29 days"),
        (days(30), "ok", "valid until 2026-12-23"),
        (days(200), "ok", "valid until"),
    ],
)
def test_the_end_of_the_certificate(not_after: dt.datetime, level: str, words: str) -> None:
    (found,) = preflight.judge_certificate(certificate(not_after=not_after), REDIRECT, NOW, 30)
    assert (found.topic, found.level) == ("certificate", level)
    assert words in found.message
    assert bool(found.remedy) == (level != "ok")


def test_a_certificate_of_tomorrow_is_an_error() -> None:
    (found,) = preflight.judge_certificate(certificate(not_before=days(1)), REDIRECT, NOW, 30)
    assert found.level == "error"
    assert "not valid before 2026-11-24" in found.message


@pytest.mark.parametrize(
    ("names", "redirect_uri", "covered"),
    [
        (("pbx.example.com",), REDIRECT, True),
        (("PBX.Example.COM",), REDIRECT, True),
        (("*.example.com",), REDIRECT, True),
        (("*.example.com",), "https://example.com/oauth2office2", False),
        (("*.example.com",), "https://a.pbx.example.com/oauth2office2", False),
        (("*.com",), REDIRECT, False),
        (("other.example.com", "pbx.example.com"), REDIRECT, True),
        (("192.0.2.1",), "https://192.0.2.1:5001/oauth2office2", True),
        (("2001:db8::1",), "https://[2001:DB8:0::1]:5001/oauth2office2", True),
        (("other.example.com",), REDIRECT, False),
        ((), REDIRECT, False),
    ],
)
def test_the_name_of_the_certificate(names: tuple[str, ...], redirect_uri: str, covered: bool) -> None:
    found = preflight.judge_certificate(certificate(names=names), redirect_uri, NOW, 30)
    assert levels(found) == (["ok"] if covered else ["warning"])
    if not covered:
        assert "redirect URI leads to" in found[0].message


def test_all_that_is_wrong_with_a_certificate_is_told() -> None:
    shown = certificate(not_after=days(-1), names=("old.example.com",), self_signed=True)
    found = preflight.judge_certificate(shown, REDIRECT, NOW, 30)
    assert levels(found) == ["error", "warning", "warning"]
    assert "old.example.com" in found[1].message
    assert "self-signed" in found[2].message


def test_without_tls_nothing_is_said() -> None:
    assert preflight.judge_certificate(None, REDIRECT, NOW, 30) == []


def test_a_certificate_is_read_from_the_bytes_of_a_handshake() -> None:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pbx")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(days(-1)).not_valid_after(days(1))
    found = TlsCertificate.of(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))
    assert (found.names, found.self_signed, found.not_after) == (("pbx",), True, days(1))
    assert found.as_dict(NOW)["days_left"] == 1


# --- clock, role, health ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offset", "level", "words"),
    [
        (0.0, "ok", "differ by 0 s"),
        (300.0, "ok", "differ by 300 s"),
        (-300.0, "ok", "differ by 300 s"),
        (301.0, "warning", "301 s ahead of"),
        (-301.0, "warning", "301 s behind"),
    ],
)
def test_the_clock(offset: float, level: str, words: str) -> None:
    (found,) = preflight.judge_clock(offset)
    assert found.level == level
    assert words in found.message


def test_a_clock_that_nobody_knows_is_not_judged() -> None:
    assert preflight.judge_clock(None) == []


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("system_owners", ["ok"]),
        ("system_admins", ["warning"]),
        ("group_owners", ["error"]),
        ("users", ["error"]),
        ("something_new", ["warning"]),
        ("", []),
    ],
)
def test_the_role(role: str, expected: list[str]) -> None:
    found = preflight.judge_role(role)
    assert levels(found) == expected
    assert all("System Owner" in each.remedy for each in found if each.level != "ok")


@pytest.mark.parametrize(
    ("license_", "wanted", "current", "expected"),
    [
        (License(product_code="3CXPSSTD"), {"contact_sync.enabled": True}, {}, ["warning"]),
        (License(product_code="3CXPSSTD"), {"contact_sync.enabled": True}, {"contact_sync.enabled": True}, []),
        (License(product_code="3CXPSSTD"), {"contact_sync.enabled": False}, {}, []),
        (License(product_code="3CXPSSTD"), {"user_sync.enabled": True}, {}, []),
        (License(Edition.PROFESSIONAL), {"contact_sync.enabled": True}, {}, []),
    ],
)
def test_what_an_unknown_edition_may_lack_is_told(
    license_: License, wanted: dict[str, Any], current: dict[str, Any], expected: list[str]
) -> None:
    facts = Facts("20.0.8.1109", "pbx.example.com", 5001, (3, 3), license_)
    found = preflight.judge_edition(facts, wanted, current)
    assert levels(found) == expected
    for each in found:
        assert "O(contact_sync.enabled) needs Professional" in each.as_note()
        assert "3CXPSSTD" in each.as_note()
        assert "does not help" in each.as_note()


def test_health() -> None:
    judged = {
        name: [(each.topic, each.level) for each in preflight.judge_health(found, FACTS, URL)]
        for name, found in {
            "unlinked": Health(False, "", None, health.NOT_LINKED),
            "well": Health(True, "a-1", True, ""),
            "unreachable": Health(True, "a-1", False, "timed out"),
            "broken": Health(False, "a-1", None, "AADSTS700027: no such key"),
        }.items()
    }
    assert judged == {
        "unlinked": [("integration", "ok")],
        "well": [("integration", "ok"), ("subscription", "ok")],
        "unreachable": [("integration", "ok"), ("subscription", "warning")],
        "broken": [("integration", "warning")],
    }
    (found,) = preflight.judge_health(Health(False, "a-1", None, "AADSTS700027: no such key"), FACTS, URL)
    assert "public_key.pem" in found.remedy


# --- license ------------------------------------------------------------------------------------------------------------

STATE: dict[str, Any] = {
    "active": True,
    "activated": True,
    "expires": "2027-11-23T12:00:00Z",
    "maintenance_expires": "2027-11-23T12:00:00Z",
    "maintenance_expired": False,
}


@pytest.mark.parametrize(
    ("changed", "expected", "words"),
    [
        ({}, ["ok"], "active and under maintenance"),
        ({"active": False}, ["error"], "has expired, so"),
        ({"active": False, "expires": "2026-11-20T00:00:00Z"}, ["error"], "it expired on 2026-11-20"),
        ({"activated": False}, ["error"], "is not activated"),
        ({"expires": "2026-11-23T12:00:00Z"}, ["warning"], "license of the PBX expired on 2026-11-23"),
        ({"expires": "2026-11-23T12:00:01Z"}, ["warning"], "license of the PBX expires within 24 hours"),
        ({"expires": "2026-12-23T11:59:59.1234567Z"}, ["warning"], "expires in 29 days, on 2026-12-23"),
        ({"expires": "2026-12-23T12:00:00Z"}, ["ok"], ""),
        ({"expires": "2026-12-23T13:59:59+02:00"}, ["warning"], "expires in 29 days"),
        (
            {"maintenance_expires": "2026-11-01T00:00:00Z"},
            ["warning"],
            "maintenance of the license expired on 2026-11-01",
        ),
        ({"maintenance_expires": "2026-12-01T12:00:00Z"}, ["warning"], "maintenance of the license expires in 8 days"),
        (
            {"maintenance_expires": None, "maintenance_expired": True},
            ["warning"],
            "maintenance of the license has expired",
        ),
        ({"expires": None, "maintenance_expires": None, "active": None, "activated": None}, ["ok"], ""),
        ({"expires": "0001-01-01T00:00:00Z"}, ["ok"], ""),
        ({"expires": "never"}, ["ok"], ""),
    ],
)
def test_the_license(changed: dict[str, Any], expected: list[str], words: str) -> None:
    found = preflight.judge_license({**STATE, **changed}, NOW, 30)
    assert levels(found) == expected
    assert words in found[0].message


@pytest.mark.parametrize(("expired", "expected"), [(None, []), (False, ["ok"]), (True, ["warning"])])
def test_maintenance_without_a_further_request(expired: bool | None, expected: list[str]) -> None:
    facts = Facts("20.0.10.731", "pbx", 443, None, License(Edition.STANDARD, maintenance_expired=expired))
    assert levels(preflight.judge_maintenance(facts)) == expected


@pytest.mark.parametrize(
    ("users", "limit", "coming", "expected"),
    [
        (8, 10, 2, []),
        (8, 10, 3, ["warning"]),
        (8, None, 30, []),
        (None, 10, 30, []),
        (8, 10, None, []),
        (11, 10, 0, []),
    ],
)
def test_room_in_the_license(users: int | None, limit: int | None, coming: int | None, expected: list[str]) -> None:
    assert levels(preflight.judge_limit({"users": users, "users_limit": limit}, coming)) == expected


# --- addresses and numbers ----------------------------------------------------------------------------------------------


def test_double_addresses_name_extensions_and_address() -> None:
    double = [{"email": "a@x.example", "numbers": ["301", "302"]}, {"email": "b@x.example", "numbers": ["1", "2", "3"]}]
    found = preflight.judge_addresses(double, syncs=True)
    assert levels(found) == ["error", "error"]
    assert "extensions 301, 302 all have the address a@x.example" in found[0].message
    assert levels(preflight.judge_addresses(double, syncs=False)) == ["warning", "warning"]
    assert levels(preflight.judge_addresses([], syncs=True)) == ["ok"]


def numbers(start: str, taken: range, coming: int | None = None, **more: Any) -> Numbers:
    return Numbers(
        **{
            "length": (3, 3),
            "start": start,
            "taken": frozenset(map(str, taken)),
            "first_free": "100",
            **more,
            "coming": coming,
        }
    )


@pytest.mark.parametrize(
    ("given", "wanted", "level", "words"),
    [
        (numbers("200", range(0)), True, "ok", "from 200 on is 200; 800 are free"),
        (numbers("200", range(100, 210)), True, "ok", "from 200 on is 210; 790 are free"),
        (numbers("200", range(1000, 1100)), True, "ok", "800 are free"),
        (numbers("990", range(990, 1000)), True, "error", "no extension number is free from 990 on"),
        (numbers("990", range(990, 1000), 0), True, "warning", "no extension number is free"),
        (numbers("990", range(990, 1000)), False, "warning", "no extension number is free"),
        (numbers("990", range(990, 995), 5), True, "ok", "from 990 on is 995"),
        (numbers("990", range(990, 995), 6), True, "error", "6 users of Microsoft 365 have no extension yet, and 5"),
        (numbers("", range(100, 150)), True, "ok", "is 100; 850 are free at most"),
        (numbers("", range(100, 1000), first_free=None), True, "error", "no extension number is free"),
        (numbers("200", range(0), first_free=None), True, "error", "no extension number is free"),
        (numbers("200", range(0), length=None), True, "ok", "from 200 on is 200"),
        (numbers("", range(0), length=(2, 3)), True, "ok", "990 are free"),
        (numbers("0900", range(0), length=(4, 4)), True, "ok", "from 0900 on is 0900; 9100 are free"),
    ],
)
def test_room_for_new_extensions(given: Numbers, wanted: bool, level: str, words: str) -> None:
    (found,) = preflight.judge_room(given, syncs=wanted)
    assert (found.topic, found.level) == ("numbers", level)
    assert words in found.message


# --- all together -------------------------------------------------------------------------------------------------------


def test_the_order_is_that_of_the_topics_whatever_was_judged_first() -> None:
    made = [Finding(topic, "ok", "") for topic in reversed(preflight.TOPICS)]
    assert [each.topic for each in preflight.in_order(made)] == list(preflight.TOPICS)


def test_one_error_names_everything_that_stands_in_the_way() -> None:
    made = [
        Finding("role", "error", "the role is small", "Give another."),
        Finding("clock", "warning", "the clock is late", "Set it."),
        Finding("addresses", "error", "two have one", "Change one."),
    ]
    error = NotReady(made, URL)
    assert str(error) == (
        f"Could not pass the pre-flight checks ({URL}); nothing was written: "
        "The role is small. Give another. Two have one. Change one."
    )
    assert error.as_result()["kind"] == "failed"
    assert [each["topic"] for each in error.values()["findings"]] == ["role", "clock", "addresses"]


def test_a_license_decides_how_a_refusal_is_counted() -> None:
    made = [Finding("role", "error", "small"), Finding("license", "error", "ended")]
    assert NotReady(made, URL).as_result()["kind"] == "unlicensed"
