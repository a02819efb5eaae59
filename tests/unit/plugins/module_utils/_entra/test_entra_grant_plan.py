# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of grants: properties that hold for all of them, and the cases that people notice."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import grant_plan as plans
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.grant_plan import DesiredGrant, Granted, Names
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.permissions import APPLICATION, DELEGATED
from ansible_collections.tcx.m365.plugins.module_utils._errors import NotOurs
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra import generated as gen
from hypothesis import assume, given
from hypothesis import strategies as st

NAMES = Names(gen.CATALOGUES)
ROLES = [each for each in gen.PERMISSIONS if each.kind == APPLICATION]
SCOPES = [each for each in gen.PERMISSIONS if each.kind == DELEGATED]
OBJECTS = [NAMES.object_id(gen.GRAPH), NAMES.object_id(gen.OTHER), "object-of-a-stranger"]


def assignment(resource: str, role: str) -> dict[str, Any]:
    return {"id": f"{resource}-{role}", "principalId": "sp", "resourceId": resource, "appRoleId": role}


def grant(resource: str, scopes: list[str]) -> dict[str, Any]:
    return {
        "id": f"grant-{resource}",
        "clientId": "sp",
        "consentType": "AllPrincipals",
        "resourceId": resource,
        "scope": " ".join(scopes),
    }


assignments = st.lists(
    st.builds(assignment, st.sampled_from(OBJECTS), st.sampled_from([each.id for each in ROLES] + ["odd"])),
    unique_by=lambda each: each["id"],
)
grants = st.lists(
    st.builds(
        grant,
        st.sampled_from(OBJECTS),
        st.lists(st.sampled_from([each.name for each in SCOPES] + ["odd"]), min_size=1, unique=True),
    ),
    unique_by=lambda each: each["id"],
)


@st.composite
def granted(draw: Any) -> Granted:
    if draw(st.integers(0, 5)) == 0:
        return Granted(marked=True)
    return Granted("sp", draw(assignments), draw(grants), draw(st.booleans()))


@st.composite
def requested(draw: Any) -> DesiredGrant:
    return DesiredGrant(
        "app",
        draw(st.lists(st.sampled_from(ROLES), unique=True)),
        draw(st.lists(st.sampled_from(SCOPES), unique=True)),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.booleans()),
    )


@given(requested(), granted())
def test_a_plan_carried_out_leaves_nothing_to_do(desired: DesiredGrant, there: Granted) -> None:
    try:
        plan = plans.plan_grants(desired, there, NAMES)
    except NotOurs:
        assume(False)
    again = plans.plan_grants(desired, plans.simulate(there, plan), NAMES)
    assert again.as_list() == []
    assert again.writes == []


@given(requested(), granted())
def test_what_is_not_named_stays_unless_exclusive(desired: DesiredGrant, there: Granted) -> None:
    assume(not desired.exclusive and (desired.names_any or not desired.absent))
    after = plans.simulate(there, plans.plan_grants(desired, there, NAMES))
    named = {NAMES.label(each) for each in [*desired.application, *desired.delegated]} if desired.absent else set()
    for names in (plans.application_names, plans.delegated_names):
        assert set(names(there, NAMES)) - named <= set(names(after, NAMES))


@given(requested(), granted())
def test_everything_wanted_is_there_afterwards(desired: DesiredGrant, there: Granted) -> None:
    assume(not desired.absent)
    try:
        after = plans.simulate(there, plans.plan_grants(desired, there, NAMES))
    except NotOurs:
        assume(False)
    assert {NAMES.label(each) for each in desired.application} <= set(plans.application_names(after, NAMES))
    assert {NAMES.label(each) for each in desired.delegated} <= set(plans.delegated_names(after, NAMES))
    if desired.exclusive:
        assert plans.unneeded(desired, after, NAMES) == ([], [])


def test_exclusive_without_our_mark_is_refused() -> None:
    there = Granted("sp", [assignment(OBJECTS[0], ROLES[0].id)])
    with pytest.raises(NotOurs, match=r"P0\.Role"):
        plans.plan_grants(DesiredGrant("app", exclusive=True), there, NAMES)
    assert plans.plan_grants(DesiredGrant("app", exclusive=True, force=True), there, NAMES)


def test_named_permissions_are_revoked_without_the_mark() -> None:
    there = Granted("sp", [assignment(OBJECTS[0], ROLES[0].id)], [grant(OBJECTS[0], [SCOPES[0].name, "odd"])])
    plan = plans.plan_grants(DesiredGrant("app", [ROLES[0]], [SCOPES[0]], absent=True), there, NAMES)
    assert [write.action for write in plan.writes] == [plans.UNASSIGN, plans.UPDATE_GRANT]
    assert plan.writes[1].payload["scope"] == "odd"


def test_other_scopes_are_merged_not_replaced() -> None:
    there = Granted("sp", [], [grant(OBJECTS[0], ["odd"])])
    (write,) = plans.plan_grants(DesiredGrant("app", [], [SCOPES[0]]), there, NAMES).writes
    assert write.action == plans.UPDATE_GRANT
    assert write.payload["scope"] == f"odd {SCOPES[0].name}"


def test_the_last_scope_takes_the_grant_with_it() -> None:
    there = Granted("sp", [], [grant(OBJECTS[0], [SCOPES[0].name])])
    (write,) = plans.plan_grants(DesiredGrant("app", [], [SCOPES[0]], absent=True), there, NAMES).writes
    assert write.action == plans.DELETE_GRANT


def test_names_of_what_nobody_knows() -> None:
    there = Granted("sp", [{**assignment("x", "y"), "resourceDisplayName": "Their API"}], [grant("x", ["s"])])
    assert plans.application_names(there, NAMES) == ["Their API/y"]
    assert plans.delegated_names(there, NAMES) == ["x/s"]


def test_a_consent_says_since_when_and_for_whom() -> None:
    first = {**assignment(OBJECTS[0], ROLES[0].id), "createdDateTime": "2026-03-02T09:30:00.1234567Z"}
    older = {**assignment("x", "y"), "resourceDisplayName": "Their API", "creationTimestamp": "2025-01-01T00:00:00Z"}
    of_one = {**grant(OBJECTS[0], ["odd"]), "consentType": "Principal", "principalId": "user-1"}
    there = Granted("sp", [first, older], [grant(OBJECTS[0], [SCOPES[0].name])], of_users=[of_one])
    found = plans.consents(there, NAMES)
    since = {each["permission"]: each["granted_on"] for each in found if each["kind"] == "application"}
    assert since == {NAMES.label(ROLES[0]): "2026-03-02T09:30:00Z", "Their API/y": "2025-01-01T00:00:00Z"}
    users = {each["permission"]: each["user"] for each in found if each["kind"] == "delegated"}
    assert users == {NAMES.label(SCOPES[0]): None, "odd": "user-1"}
    assert plans.delegated_names(there, NAMES) == [NAMES.label(SCOPES[0])], (
        "what one user consented to is nobody else's"
    )
