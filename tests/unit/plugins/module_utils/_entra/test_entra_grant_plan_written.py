# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan of grants reports and what it sends, to the letter: one without the other would be a false report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import grant_plan as plans
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.grant_plan import DesiredGrant, Granted, Names
from ansible_collections.tcx.m365.plugins.module_utils._entra.application.permissions import APPLICATION, DELEGATED
from ansible_collections.tcx.m365.plugins.module_utils._errors import NotOurs
from ansible_collections.tcx.m365.plugins.module_utils._plan import PENDING, Plan, Write
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._entra import generated as gen

NAMES = Names(gen.CATALOGUES)
GRAPH, EXCHANGE = NAMES.object_id(gen.GRAPH), NAMES.object_id(gen.OTHER)
# Two roles and two scopes of Graph, whose ids are written in upper case by the one who asks.
FIRST, SECOND = (replace(gen.permission(number, APPLICATION), id=f"ab{number}") for number in (0, 1))
READ, SEND = (gen.permission(number, DELEGATED) for number in (0, 1))
CATALOGS = Names(
    {
        gen.GRAPH: replace(
            gen.CATALOGUES[gen.GRAPH],
            names={
                APPLICATION: {FIRST.name: FIRST.id, SECOND.name: SECOND.id},
                DELEGATED: gen.CATALOGUES[gen.GRAPH].names[DELEGATED],
            },
        ),
        gen.OTHER: gen.CATALOGUES[gen.OTHER],
    }
)


def assigned(role: str, resource: str = GRAPH) -> dict[str, Any]:
    return {"id": f"of-{role}", "principalId": "sp", "resourceId": resource, "appRoleId": role}


def consented(*scopes: str, resource: str = GRAPH) -> dict[str, Any]:
    return {"id": f"of-{resource}", "consentType": "AllPrincipals", "resourceId": resource, "scope": " ".join(scopes)}


def sent(plan: Plan) -> list[tuple[str, Any]]:
    return [(write.action, write.payload) for write in plan.writes]


def reported(plan: Plan) -> list[tuple[str, str, Any, Any]]:
    return [(change.target, change.field, change.before, change.after) for change in plan.changes]


@pytest.mark.parametrize(
    ("granted", "before", "write"),
    [
        (Granted(), "absent", (plans.CREATE_PRINCIPAL, {"appId": "app", "accountEnabled": True})),
        (Granted(deleted_principal="old"), "deleted", (plans.RESTORE_PRINCIPAL, {"id": "old"})),
    ],
)
def test_the_service_principal_comes_first(granted: Granted, before: str, write: tuple[str, Any]) -> None:
    plan = plans.plan_grants(DesiredGrant("app"), granted, NAMES)
    assert sent(plan) == [write]
    assert reported(plan) == [("service_principal", "state", before, "present")]
    assert plans.kinds_written(plan) == set()


def test_nothing_is_made_to_revoke_something_from_it() -> None:
    plan = plans.plan_grants(DesiredGrant("app", [FIRST], absent=True), Granted(), CATALOGS)
    assert (sent(plan), reported(plan)) == ([], [])


def test_what_is_granted_to_one_that_is_not_there_yet() -> None:
    plan = plans.plan_grants(DesiredGrant("app", [FIRST], [READ]), Granted(), CATALOGS)
    body = {
        "clientId": PENDING,
        "consentType": "AllPrincipals",
        "principalId": None,
        "resourceId": GRAPH,
        "scope": READ.name,
    }
    assert sent(plan)[1:] == [
        (plans.ASSIGN, {"principalId": PENDING, "resourceId": GRAPH, "appRoleId": "ab0"}),
        (plans.CREATE_GRANT, body),
    ]
    assert reported(plan)[1:] == [
        ("app_role_assignments", "permissions", [], [FIRST.name]),
        ("oauth2_permission_grants", "delegated_permissions", [], [READ.name]),
    ]
    assert plans.kinds_written(plan) == {APPLICATION, DELEGATED}


def test_an_exclusive_list_revokes_what_is_not_in_it_and_keeps_what_is() -> None:
    granted = Granted(
        "sp",
        [assigned("AB0"), assigned("ab1"), assigned("odd", "strange")],
        [consented(READ.name, "odd"), consented("full", resource=EXCHANGE)],
        marked=True,
    )
    plan = plans.plan_grants(DesiredGrant("app", [FIRST], [SEND], exclusive=True), granted, CATALOGS)
    assert sent(plan) == [
        (plans.UNASSIGN, {"id": "of-ab1", "principalId": "sp"}),
        (plans.UNASSIGN, {"id": "of-odd", "principalId": "sp"}),
        (plans.UPDATE_GRANT, {"id": f"of-{GRAPH}", "scope": SEND.name}),
        (plans.DELETE_GRANT, {"id": f"of-{EXCHANGE}"}),
    ]
    assert reported(plan) == [
        ("app_role_assignments", "permissions", sorted([FIRST.name, SECOND.name, "strange/odd"]), [FIRST.name]),
        (
            "oauth2_permission_grants",
            "delegated_permissions",
            sorted([READ.name, "odd", "Exchange/full"]),
            [SEND.name],
        ),
    ]


def test_one_more_permission_is_added_to_those_that_are_there() -> None:
    granted = Granted("sp", [assigned("AB0")], [consented(READ.name)])
    plan = plans.plan_grants(DesiredGrant("app", [FIRST, SECOND], [SEND]), granted, CATALOGS)
    assert sent(plan) == [
        (plans.ASSIGN, {"principalId": "sp", "resourceId": GRAPH, "appRoleId": "ab1"}),
        (plans.UPDATE_GRANT, {"id": f"of-{GRAPH}", "scope": f"{READ.name} {SEND.name}"}),
    ]
    assert [change[2:] for change in reported(plan)] == [
        ([FIRST.name], [FIRST.name, SECOND.name]),
        ([READ.name], [READ.name, SEND.name]),
    ]


def test_what_would_be_lost_unasked_is_named() -> None:
    granted = Granted("sp", [assigned("ab1")], [consented("odd", READ.name), consented("full", resource=EXCHANGE)])
    with pytest.raises(NotOurs) as refused:
        plans.plan_grants(DesiredGrant("app", [], [READ], exclusive=True), granted, CATALOGS)
    error = refused.value
    assert error.message == (
        f"its application does not carry the tag tcx.m365, and would lose {SECOND.name}, odd, Exchange/full"
    )
    assert (error.tried, error.target) == ("revoke permissions", "app")
    assert error.remedy == "Manage the application with azure_app_registration first, or set O(force): true."


def test_everything_is_revoked_where_nothing_is_named() -> None:
    granted = Granted("sp", [assigned("ab1")], [consented("odd")])
    with pytest.raises(NotOurs, match=f"would lose {SECOND.name}, odd[.]"):
        plans.plan_grants(DesiredGrant("app", absent=True), granted, CATALOGS)
    plan = plans.plan_grants(DesiredGrant("app", absent=True, force=True), granted, CATALOGS)
    assert [action for action, _payload in sent(plan)] == [plans.UNASSIGN, plans.DELETE_GRANT]


@pytest.mark.parametrize(
    ("application", "delegated", "gets"),
    [
        ([SECOND], [], SECOND.name),
        ([FIRST], [SEND], SEND.name),
        ([FIRST, SECOND], [SEND], f"{SECOND.name}, {SEND.name}"),
    ],
)
def test_strangers_get_nothing_new(application: list[Any], delegated: list[Any], gets: str) -> None:
    granted = Granted("sp", [assigned("ab0")], [consented(READ.name)])
    desired = DesiredGrant("app", application, delegated, held=("the owner eve", "the client secret 'x'"))
    with pytest.raises(plans.Withheld) as refused:
        plans.plan_grants(desired, granted, CATALOGS)
    error = refused.value
    assert (
        error.message == f"it holds the owner eve, the client secret 'x', which nobody here knows, and would get {gets}"
    )
    assert (error.kind, error.tried, error.target) == ("not_confirmed", "grant permissions", "app")
    assert error.remedy == (
        "Remove what does not belong there, or name its owners in entra_app_owners, and a former certificate of the PBX in "
        "entra_app_certificates beside the new one; the certificates of PBXs that share the application are known in a run on "
        "all of them, without --limit. If all of it is meant, say so with entra_app_app_id."
    )


def test_strangers_keep_what_they_have() -> None:
    granted = Granted("sp", [assigned("ab0")], [consented(READ.name)])
    plan = plans.plan_grants(DesiredGrant("app", [FIRST], [READ], held=("the owner eve",)), granted, CATALOGS)
    assert plan.writes == []


def test_a_restored_principal_gets_its_permissions() -> None:
    plan = Plan(writes=[Write(plans.RESTORE_PRINCIPAL, {"id": "old"}), Write(plans.CREATE_GRANT, consented("odd"))])
    after = plans.simulate(Granted(deleted_principal="old"), plan)
    assert (after.principal_id, after.deleted_principal) == ("old", None)
    assert plans.simulate(Granted("sp"), Plan(writes=[Write(plans.CREATE_GRANT, {"scope": "x"})])).grants == [
        {"id": PENDING, "scope": "x"}
    ]


def test_the_consents_of_users_are_told_apart_and_in_order() -> None:
    of_users = [
        {**consented("odd"), "consentType": "Principal", "principalId": user} for user in ("user-2", None, "user-1")
    ]
    granted = Granted("sp", [assigned("ab0")], [consented("odd", "")], of_users=of_users)
    rows = plans.consents(granted, CATALOGS)
    assert [(row["kind"], row["user"]) for row in rows] == [
        ("application", None),
        ("delegated", None),
        ("delegated", ""),
        ("delegated", "user-1"),
        ("delegated", "user-2"),
    ]
    assert {"permission": "odd", "kind": "delegated", "granted_on": None, "user": "user-1"} in rows
    assert {"permission": FIRST.name, "kind": "application", "granted_on": None, "user": None} in rows


def test_a_grant_without_scopes_grants_nothing() -> None:
    assert plans.scopes_of({}) == []
    assert plans.scopes_of({"scope": None}) == []
