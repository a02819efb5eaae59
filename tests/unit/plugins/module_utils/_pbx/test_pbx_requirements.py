# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a release or a license lacks is said before anything is written, and all of it at once."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, Unlicensed, Unsupported
from ansible_collections.tcx.m365.plugins.module_utils._pbx import facts as pbx_facts
from ansible_collections.tcx.m365.plugins.module_utils._pbx import requirements
from ansible_collections.tcx.m365.plugins.module_utils._pbx.facts import Facts
from ansible_collections.tcx.m365.plugins.module_utils._pbx.license import Edition, License
from ansible_collections.tcx.m365.plugins.module_utils._pbx.properties import PROPERTIES, Property
from ansible_collections.tcx.m365.plugins.module_utils._pbx.version import Release


def pbx(version: str = "20.0.10.731", edition: Edition | None = Edition.ENTERPRISE, calls: int | None = 16) -> Facts:
    return Facts(version, "acme.example.com", 5001, (3, 3), License(edition, "CODE", calls))


def checked(wanted: dict[str, Any], facts: Facts) -> None:
    requirements.check(requirements.applicable(wanted, facts.release), facts)


def on(each: Property) -> Any:
    if each.option == "user_sync.starting_extension":
        return "200"
    return next(iter(each.values)) if each.values else True


@pytest.mark.parametrize("edition", [*Edition, None], ids=lambda each: each.label if each else "unknown")
@pytest.mark.parametrize("each", PROPERTIES, ids=lambda each: each.option)
def test_the_edition_decides_exactly_what_needs_one(each: Property, edition: Edition | None) -> None:
    facts = pbx(edition=edition)
    if each.kind != "flag":
        return
    if each.edition and edition and edition < each.edition:
        with pytest.raises(Unlicensed, match=f"{each.option} needs {each.edition.label}"):
            checked({each.option: True}, facts)
    else:
        checked({each.option: True}, facts)
    checked({each.option: False}, facts)


@pytest.mark.parametrize("each", PROPERTIES, ids=lambda each: each.option)
def test_the_release_decides_exactly_what_needs_one(each: Property, release: str) -> None:
    facts = pbx(release)
    if facts.release < each.since:
        with pytest.raises(Unsupported, match=f"{each.option} needs {each.since}"):
            checked({each.option: on(each)}, facts)
    else:
        checked({each.option: on(each)}, facts)


def test_everything_is_named_at_once_and_nothing_else() -> None:
    wanted = {
        "user_sync.details": True,
        "user_sync.scope": "groups",
        "user_sync.groups": ["Telephony"],
        "user_sync.photo": True,
        "mail.microsoft365": True,
    }
    with pytest.raises(Unsupported) as caught:
        checked(wanted, pbx("20.0.5.702"))
    text = str(caught.value)
    for part in (
        "user_sync.details needs 20.0.6",
        "scope: groups needs 20.0.9",
        "user_sync.groups needs 20.0.9",
        "mail.microsoft365 needs 20.0.7",
    ):
        assert part in text
    assert "photo" not in text
    assert "nothing was written" in text


def test_a_license_that_lacks_something_wins_and_the_release_is_said_too() -> None:
    with pytest.raises(Unlicensed) as caught:
        checked(
            {"contact_sync.enabled": True, "calendar_sync.enabled": True, "user_sync.details": True},
            pbx("20.0.5.702", Edition.STANDARD),
        )
    text = str(caught.value)
    assert "is Standard" in text
    assert "contact_sync.enabled needs Professional" in text
    assert "calendar_sync.enabled needs Professional" in text
    assert "user_sync.details needs 20.0.6" in text


def test_off_and_empty_are_as_wanted_where_they_do_not_exist() -> None:
    wanted = {"user_sync.details": False, "user_sync.groups": [], "user_sync.photo": False}
    assert requirements.applicable(wanted, Release(20, 0, 5)) == {"user_sync.photo": False}


def test_direct_routing_needs_a_license_of_sixteen_calls() -> None:
    with pytest.raises(Unlicensed, match="16 simultaneous calls"):
        checked({"teams.enabled": True}, pbx(calls=8))
    checked({"teams.enabled": True}, pbx(calls=None))


@pytest.mark.parametrize("number", ["20", "2000"])
def test_a_starting_extension_of_the_wrong_length_is_refused(number: str) -> None:
    with pytest.raises(BadInput, match="extension numbers of this PBX have 3"):
        checked({"user_sync.starting_extension": number}, pbx())
    checked({"user_sync.starting_extension": "200"}, pbx())


# --- facts ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "edition"),
    [
        ({"IsEnterprise": True, "IsProfessional": True}, "Enterprise"),
        ({"IsEnterprise": False, "IsProfessional": True}, "Professional"),
        ({"IsEnterprise": False, "IsProfessional": False}, "Standard"),
        ({"ProductCode": "ABC"}, "unknown (ABC)"),
        ({}, "unknown"),
    ],
)
def test_the_edition_is_what_the_flags_say_and_never_guessed(found: dict[str, Any], edition: str) -> None:
    assert License.of(found).label == edition


@pytest.mark.parametrize(
    ("parameters", "uri"),
    [
        ({"FQDN": "acme.my3cx.eu", "HttpsPort": 443}, "https://acme.my3cx.eu/oauth2office2"),
        ({"FQDN": "acme.my3cx.eu", "HttpsPort": 5001}, "https://acme.my3cx.eu:5001/oauth2office2"),
        ({"PbxExternalHost": "x.example", "HttpsPort": 5001}, "https://x.example:5001/oauth2office2"),
        ({}, "https://pbx.example:5001/oauth2office2"),
    ],
)
def test_the_redirect_uri_is_the_pbxs_own_name_and_port(parameters: dict[str, Any], uri: str) -> None:
    found = pbx_facts.of(parameters, "20.0.10.731", "https://pbx.example:5001")
    assert found.redirect_uri == uri
    assert Facts.from_value(found.as_value()) == found


def test_the_number_length_of_old_and_new_releases() -> None:
    assert pbx_facts.of({"ENL": 4}, "20.0.5.1", "https://x").number_length == (4, 4)
    assert pbx_facts.of({"ENL": 4, "ENLRange": {"From": 2, "To": 5}}, "20.0.9.1", "https://x").number_length == (2, 5)
    assert pbx_facts.of({}, "20.0.9.1", "https://x").number_length is None
