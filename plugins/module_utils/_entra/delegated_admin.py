# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Granular delegated administration (GDAP): which step is missing before a partner's person can work in a customer's tenant.

Sources: https://learn.microsoft.com/graph/api/resources/delegatedadminrelationships-api-overview, and for what consenting
needs https://learn.microsoft.com/powershell/partnercenter/exchange-online-gdap-app and
https://learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from .._common import dates, typed
from .graph import SERVICE, Call, GraphClient
from .person import GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR

Json = dict[str, Any]

INVITATION, ROLES, GROUP, CONSENT, TEST = "invitation", "roles", "group", "consent", "test"
STEPS = (INVITATION, ROLES, GROUP, CONSENT, TEST)

OK, WAITING, MISSING, NOT_CHECKED = "ok", "waiting", "missing", "not_checked"

_RELATIONSHIPS = "/tenantRelationships/delegatedAdminRelationships"
_IN_FORCE = frozenset(("active", "expiring"))
_UNDER_WAY = frozenset(("created", "approvalPending", "approved", "activating"))
_SUFFICIENT = frozenset((PRIVILEGED_ROLE_ADMINISTRATOR, GLOBAL_ADMINISTRATOR))
"""Roles of which one lets a person grant application permissions of Microsoft Graph."""

_ROLE = "Privileged Role Administrator"


@dataclass(frozen=True)
class Step:
    """One step on the way, and how far it is.

    :param name: of :data:`STEPS`.
    :param status: :data:`OK`, :data:`WAITING`, :data:`MISSING` or :data:`NOT_CHECKED`.
    :param message: what is there, and what to do.
    :param obstacle: one word for programs where it blocks.
    """

    name: str
    status: str
    message: str = ""
    obstacle: str = ""

    @property
    def blocks(self) -> bool:
        return self.status in (WAITING, MISSING)


@dataclass(frozen=True)
class Administration:
    """The relationships of a partner, and the groups of the person who is signed in.

    :param relationships: as Graph has them, each with its ``accessAssignments``.
    :param groups: object ids.
    """

    relationships: tuple[Json, ...] = ()
    groups: frozenset[str] = frozenset()


def read(client: GraphClient, customers: Collection[str]) -> Administration:
    """What there is for some customers.

    :param client: the partner's own tenant, as the person.
    """
    listed = [
        relationship
        for relationship in client.pages(f"{_RELATIONSHIPS}?$top=300")
        if str(_of(relationship, "customer").get("tenantId") or "").lower() in customers
    ]
    living = [relationship for relationship in listed if relationship.get("status") in _IN_FORCE]
    calls = [Call("GET", f"{_RELATIONSHIPS}/{relationship.get('id')}/accessAssignments") for relationship in living]
    answers = client.batch(calls) if calls else []
    assigned = {
        str(relationship.get("id")): list(client.pages("", first=answer.get()))
        for relationship, answer in zip(living, answers)
    }
    relationships = tuple(
        {**relationship, "accessAssignments": assigned.get(str(relationship.get("id")), [])} for relationship in listed
    )
    groups = client.pages("/me/transitiveMemberOf/microsoft.graph.group?$select=id&$top=999")
    return Administration(relationships, frozenset(str(group.get("id")) for group in groups))


def judged(administrations: Administration, customer: str, now: dt.datetime) -> list[Step]:
    """The steps before the consent, in order; the last one is the one that blocks, where one does. Pure."""
    ours = [
        relationship
        for relationship in administrations.relationships
        if str(_of(relationship, "customer").get("tenantId") or "").lower() == customer
    ]
    living = [
        relationship
        for relationship in ours
        if relationship.get("status") in _IN_FORCE and not _has_ended(relationship, now)
    ]
    if not living:
        return [_no_invitation(ours)]
    steps = [Step(INVITATION, OK, f"the relationship {living[0].get('displayName')} is active")]
    able = [relationship for relationship in living if _SUFFICIENT.intersection(_roles(relationship))]
    if not able:
        text = f"no active relationship has the role {_ROLE}: request a new one that has it, and let the customer approve it"
        return [*steps, Step(ROLES, MISSING, text, "role_missing")]
    steps.append(Step(ROLES, OK, f"the role {_ROLE} or Global Administrator is part of it"))
    return [*steps, _group(able, administrations.groups)]


def _no_invitation(ours: Iterable[Json]) -> Step:
    states = {str(relationship.get("status")) for relationship in ours}
    if states & _UNDER_WAY:
        text = "the customer has not approved the relationship yet: send the invitation from Partner Center again"
        return Step(INVITATION, WAITING, text, "relationship_pending")
    if states:
        text = (
            "the relationship has expired or was terminated: request a new one in Partner Center (Admin relationships)"
        )
        return Step(INVITATION, MISSING, text, "relationship_expired")
    text = "there is no delegated administration (GDAP) of this customer: request it in Partner Center, or send the consent address"
    return Step(INVITATION, MISSING, text, "no_relationship")


def _group(able: Iterable[Json], groups: Collection[str]) -> Step:
    assigned = [
        assignment
        for relationship in able
        for assignment in typed.entities(relationship, "accessAssignments", SERVICE)
        if _SUFFICIENT.intersection(_roles(assignment))
    ]
    active = [assignment for assignment in assigned if assignment.get("status") == "active"]
    if any(_of(assignment, "accessContainer").get("accessContainerId") in groups for assignment in active):
        return Step(GROUP, OK, f"the person is in a security group that has the role {_ROLE}")
    if active:
        named = ", ".join(str(_of(assignment, "accessContainer").get("accessContainerId")) for assignment in active)
        text = f"the person is not in a security group that has the role {_ROLE} (groups: {named}): add the person to one of them"
        return Step(GROUP, MISSING, text, "not_in_group")
    if any(assignment.get("status") == "pending" for assignment in assigned):
        text = "the assignment of the role to a security group is pending: run again in some minutes"
        return Step(GROUP, WAITING, text, "assignment_pending")
    text = f"no security group has the role {_ROLE}: assign it to one in Partner Center (the relationship, Security groups)"
    return Step(GROUP, MISSING, text, "assignment_missing")


def _has_ended(relationship: Json, now: dt.datetime) -> bool:
    end = dates.parse(relationship.get("endDateTime"))
    return end is not None and end <= now


def _roles(entity: Json) -> set[str]:
    listed = _of(entity, "accessDetails").get("unifiedRoles")
    return (
        {str(role.get("roleDefinitionId")) for role in listed if isinstance(role, dict)}
        if isinstance(listed, list)
        else set()
    )


def _of(entity: Json, name: str) -> Json:
    value = entity.get(name)
    return value if isinstance(value, dict) else {}
