# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Permissions by name, and what policies of a tenant forbid."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra import rights
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import permissions, policy
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.permissions import (
    APPLICATION,
    DELEGATED,
    Catalog,
    RequestedPermission,
)
from ansible_collections.tcx.m365.plugins.module_utils._entra.clouds import GRAPH_APP_ID, endpoints
from ansible_collections.tcx.m365.plugins.module_utils._entra.rights import MissingRight
from ansible_collections.tcx.m365.plugins.module_utils._entra.tokens import Token
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra import generated as gen
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra.conftest import NOW

EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"


def role(name: str, identifier: str, **other: Any) -> dict[str, Any]:
    return {"value": name, "id": identifier, "isEnabled": True, "allowedMemberTypes": ["Application"], **other}


CATALOGUE = Catalog.of(
    {
        "id": "graph-sp",
        "appId": GRAPH_APP_ID,
        "displayName": "Microsoft Graph",
        "appRoles": [
            role("User.Read.All", "id-1"),
            role("Calendars.Read", "id-2"),
            role("Calendars.ReadWrite", "id-3"),
            role("Old.Read", "id-4", isEnabled=False),
            role("Users.Only", "id-5", allowedMemberTypes=["User"]),
        ],
        "oauth2PermissionScopes": [{"value": "User.Read", "id": "s-1", "isEnabled": True}],
    }
)


def find(name: str, kind: str = APPLICATION) -> str:
    return CATALOGUE.find(RequestedPermission(GRAPH_APP_ID, name, kind)).name


@pytest.mark.parametrize("given", ["User.Read.All", "user.read.all", "id-1", "ID-1"])
def test_by_name_or_by_id_in_any_case(given: str) -> None:
    assert find(given) == "User.Read.All"


@pytest.mark.parametrize(
    ("given", "kind", "hint"),
    [
        ("Calendar.Read", APPLICATION, "Did you mean Calendars.Read or"),
        ("calendars.raed", APPLICATION, "Did you mean Calendars.Read"),
        ("User.Read", APPLICATION, "It is a delegated permission. Did you mean User.Read.All"),
        ("User.Read.All", DELEGATED, "It is a application permission."),
        ("Old.Read", APPLICATION, "disabled"),
        ("Users.Only", APPLICATION, "not meant for applications"),
        ("Xyz", APPLICATION, "case-insensitive"),
    ],
)
def test_what_does_not_exist_gets_a_hint(given: str, kind: str, hint: str) -> None:
    with pytest.raises(BadInput) as caught:
        find(given, kind)
    assert hint.replace("a application", "an application") in str(caught.value)


def test_a_catalog_survives_the_store() -> None:
    assert Catalog(**CATALOGUE.as_value()) == CATALOGUE


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Mail.Send", RequestedPermission(GRAPH_APP_ID, "Mail.Send", APPLICATION)),
        (f"{EXCHANGE}/full_access_as_app", RequestedPermission(EXCHANGE, "full_access_as_app", APPLICATION)),
        ("Office 365 Exchange Online/x", RequestedPermission(EXCHANGE, "x", APPLICATION)),
        ({"name": "User.Read", "type": "delegated"}, RequestedPermission(GRAPH_APP_ID, "User.Read", DELEGATED)),
        (
            {"id": "abc", "resource": EXCHANGE.upper(), "type": "Role"},
            RequestedPermission(EXCHANGE, "abc", APPLICATION),
        ),
    ],
)
def test_ways_to_write_a_permission(given: Any, expected: RequestedPermission) -> None:
    assert permissions.requested([given, given], APPLICATION) == [expected]


@pytest.mark.parametrize(
    "given",
    ["", "/x", "Exchange/", "Nobody/x", {"resource": EXCHANGE}, {"name": "x", "kind": "y"}, {"name": "x", "type": "z"}],
)
def test_what_is_no_permission(given: Any) -> None:
    with pytest.raises(BadInput):
        permissions.requested([given], APPLICATION)


def test_features_need_the_least() -> None:
    names = [each.name for each in permissions.requested_by_features(["user_sync", "calendar_sync", "user_sync"])]
    assert names == ["User.Read.All", "Calendars.Read"]
    every = {each.name for each in permissions.requested_by_features(permissions.FEATURES) if each.kind == APPLICATION}
    assert every == {
        "User.Read.All",
        "Contacts.Read",
        "Calendars.Read",
        "Presence.ReadWrite.All",
        "GroupMember.Read.All",
        "Mail.Send",
    }
    assert not [each for each in permissions.requested_by_features(["sign_in"]) if each.kind == APPLICATION]


def test_names_that_this_collection_derives_need_no_look_up() -> None:
    known = [
        *permissions.requested_by_features(permissions.FEATURES),
        *permissions.requested(["user.read.all"], APPLICATION),
    ]
    assert all(permissions.is_well_known(each) for each in known)
    typed = [*permissions.requested(["User.Raed.All", "exchange/Mail.Send"], APPLICATION)]
    typed += permissions.requested(["User.Read.All"], permissions.DELEGATED)
    assert not any(permissions.is_well_known(each) for each in typed)


# --- the caller's rights -------------------------------------------------------------------------------------------------


def test_a_missing_right_is_named_with_where_to_consent() -> None:
    token = Token("x", 0, {"roles": ["User.Read.All"], "idtyp": "app"})
    url = endpoints(None, None, None).admin_consent_url("t.example", "app", "https://a.example/x?y")
    with pytest.raises(MissingRight) as caught:
        rights.require(token, rights.GRANT_APPLICATION_PERMISSIONS, "grant permissions", "app", url)
    result = caught.value.as_result()
    assert result["missing"] == ["AppRoleAssignment.ReadWrite.All + Application.Read.All"]
    assert result["admin_consent_url"] == (
        "https://login.microsoftonline.com/t.example/adminconsent?client_id=app&redirect_uri=https%3A%2F%2Fa.example%2Fx%3Fy"
    )
    assert url in str(caught.value)


@pytest.mark.parametrize(
    "claims",
    [
        {"roles": ["Application.ReadWrite.OwnedBy"], "idtyp": "app"},
        {"scp": "Directory.AccessAsUser.All"},
        {"idtyp": "user"},
        {},
    ],
)
def test_what_may_be_allowed_is_not_refused(claims: dict[str, Any]) -> None:
    rights.require(Token("x", 0, claims), rights.WRITE_APPLICATIONS, "change")


# --- app management policies -----------------------------------------------------------------------------------------------


def restriction(longest: str, **other: Any) -> dict[str, Any]:
    return {"restrictionType": "asymmetricKeyLifetime", "maxLifetime": longest, "state": "enabled", **other}


def default(*restrictions: dict[str, Any], enabled: bool = True) -> dict[str, Any]:
    return {"id": "tenant", "isEnabled": enabled, "applicationRestrictions": {"keyCredentials": list(restrictions)}}


CERTIFICATE = gen.CERTIFICATES[0]  # ten years


def test_a_policy_that_forbids_the_lifetime() -> None:
    error = policy.verdict(default(restriction("P365D")), [], CERTIFICATE, None)
    assert error is not None
    assert "policy tenant allows certificates to be valid for 365 days" in str(error)


@pytest.mark.parametrize(
    "rules",
    [
        default(restriction("P365D"), enabled=False),
        default(restriction("P365D", state="disabled")),
        default(restriction("P20Y")),
        default(restriction("P365D", restrictForAppsCreatedAfterDateTime="2026-11-01T00:00:00Z")),
        default({"restrictionType": "trustedCertificateAuthority"}),
        {},
    ],
)
def test_policies_that_allow_it(rules: dict[str, Any]) -> None:
    created = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
    assert policy.verdict(rules, [], CERTIFICATE, created) is None


CA = {"restrictionType": "trustedCertificateAuthority", "state": "enabled"}
PASSWORDS = {"restrictionType": "passwordLifetime", "maxLifetime": "P1D", "state": "enabled"}


@pytest.mark.parametrize(
    "rules", list(itertools.permutations([CA, PASSWORDS, restriction("P365D"), restriction("P90D")]))
)
def test_rules_are_judged_in_any_order(rules: tuple[dict[str, Any], ...]) -> None:
    error = policy.verdict(default(*rules), [], CERTIFICATE, None)
    assert "valid for 90 days" in str(error), "the shortest limit is named"
    assert "trusted certificate authorities" in policy.only_graph_knows(default(*rules), [], None)[0]


def test_a_rule_that_is_not_in_force_is_not_told() -> None:
    for rules in (default({**CA, "state": "disabled"}), default(CA, enabled=False)):
        assert policy.only_graph_knows(rules, [], None) == []


def test_an_application_created_later_is_under_the_rule() -> None:
    rules = default(restriction("P365D", restrictForAppsCreatedAfterDateTime="2026-11-01T00:00:00Z"))
    assert policy.verdict(rules, [], CERTIFICATE, NOW) is not None
    assert policy.verdict(rules, [], CERTIFICATE, None) is not None


def test_an_applications_own_policy_goes_first() -> None:
    own = {"id": "own", "isEnabled": True, "restrictions": {"keyCredentials": []}}
    assert policy.verdict(default(restriction("P1D")), [own], CERTIFICATE, None) is None
    assert policy.verdict(default(restriction("P1D")), [{**own, "isEnabled": False}], CERTIFICATE, None) is not None


def test_a_name_behind_an_id_is_found_whatever_its_case_and_also_when_retired() -> None:
    known = Catalog("app", "sp", "API", {"Role": {"User.Read": "AB-1"}}, {"Role": {"Old.Read": "ab-2"}})
    assert [known.name_of("Role", each) for each in ("ab-1", "AB-2", "user.read", "ab-3")] == [
        "User.Read",
        "Old.Read",
        "user.read",
        "ab-3",
    ]
    assert known.name_of("Scope", "ab-1") == "ab-1"
