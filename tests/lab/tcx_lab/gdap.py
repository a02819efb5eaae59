# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Microsoft's partner and its customers: granular delegated admin privileges (GDAP), as data. No HTTP in here.

A partner's person is an administrator of a customer's tenant while all of it holds: the relationship is active and not at
its end, a security group of the partner's tenant is assigned roles of it, the assignment is active, the person is in the group
(documented: https://learn.microsoft.com/graph/api/resources/delegatedadminrelationships-api-overview).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tcx_lab.evidence import Grade, evidence

if TYPE_CHECKING:
    from tcx_lab.world import Tenant, World

PARTNER_CENTER_APP_ID: Final = "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"
PARTNER_CENTER_URL: Final = "https://api.partnercenter.microsoft.com"
USER_IMPERSONATION: Final = "1cebfa2a-fb4d-419e-b5f9-839b4383e05a"

#: What a relationship or an assignment may be (documented: resources delegatedAdminRelationship, delegatedAdminAccessAssignment).
RELATIONSHIP_STATES: Final = (
    "activating", "active", "approvalPending", "approved", "created", "expired", "expiring", "terminated",
    "terminating", "terminationRequested",
)  # fmt: skip
ASSIGNMENT_STATES: Final = ("pending", "active", "deleting", "deleted", "error")
_IN_FORCE: Final = frozenset({"active", "expiring"})


@dataclass
class Assignment:
    """Roles of a relationship for a security group of the partner's tenant."""

    id: str
    group: str
    roles: tuple[str, ...]
    status: str = "active"


@dataclass
class Relationship:
    """One relationship with a customer. `ends`: lab time, seconds since 1970."""

    id: str
    customer: str
    name: str
    roles: tuple[str, ...]
    status: str
    starts: float
    ends: float
    assignments: list[Assignment] = field(default_factory=list)

    def in_force(self, now: float) -> bool:
        """Whether it gives anything at this moment: its status may lag behind its end."""
        return self.status in _IN_FORCE and now < self.ends


@dataclass
class Partner:
    """A partner's tenant. `customers`: tenant id -> `reseller` or `direct` (a tenant that Partner Center does not know)."""

    home: str
    admin_agents: str
    customers: dict[str, str] = field(default_factory=dict)
    relationships: list[Relationship] = field(default_factory=list)
    without_mfa: set[str] = field(default_factory=set)
    requests: dict[str, deque[float]] = field(default_factory=dict)  # application id -> when, for the limit of requests


@evidence(Grade.DOCUMENTED, "https://learn.microsoft.com/graph/api/resources/delegatedadminrelationships-api-overview")
def delegated_roles(world: World, tenant: Tenant, user_id: str) -> frozenset[str]:
    """The Entra roles that a partner's person has in a customer's tenant."""
    partner = world.partner
    if partner is None or tenant.id == partner.home:
        return frozenset()
    groups = groups_of(world.tenants[partner.home], user_id)
    now = world.clock.time()
    return frozenset(
        role
        for relationship in partner.relationships
        if relationship.customer == tenant.id and relationship.in_force(now)
        for assignment in relationship.assignments
        if assignment.status == "active" and assignment.group in groups
        for role in assignment.roles
        if role in relationship.roles
    )


def held_roles(world: World, tenant: Tenant, principal_id: str) -> frozenset[str]:
    """All Entra roles of somebody in a tenant: assigned there, or delegated to a partner."""
    return delegated_roles(world, tenant, principal_id).union(tenant.directory_roles.get(principal_id, ()))


def groups_of(tenant: Tenant, user_id: str) -> frozenset[str]:
    """Groups that a user is in, directly or through another group."""
    groups: set[str] = set()
    pending: Iterable[str] = [user_id]
    while pending:
        members = set(pending)
        pending = [
            group
            for group, listed in tenant.group_members.items()
            if group not in groups and members.intersection(listed)
        ]
        groups.update(pending)
    return frozenset(groups)


def is_agent(world: World, user_id: str) -> bool:
    """Whether somebody is an admin agent of the partner."""
    partner = world.partner
    return partner is not None and partner.admin_agents in groups_of(world.tenants[partner.home], user_id)
