# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts a partner with customers into a world: what somebody clicked in Partner Center long ago. It imitates no interface."""

from __future__ import annotations

from typing import Any

from tcx_lab import graph
from tcx_lab.gdap import (
    ASSIGNMENT_STATES,
    PARTNER_CENTER_APP_ID,
    PARTNER_CENTER_URL,
    RELATIONSHIP_STATES,
    USER_IMPERSONATION,
    Assignment,
    Partner,
    Relationship,
)
from tcx_lab.graph import person, shapes
from tcx_lab.graph.store import SERVICE_PRINCIPALS, directory_of
from tcx_lab.world import Tenant, World

_DAYS = 86_400.0


def arrange(world: World, options: dict[str, Any]) -> dict[str, Any]:
    """Make a partner of a tenant.

    `home`: tenant. `user`: mailbox of the person who signs in; `roles`: its Entra roles at home; `mfa`, `agent`: whether it
    passed a second factor, and is in AdminAgents. `customers`: a list of {`tenant`, `kind`: reseller or direct, `relationship`:
    its status or null, `roles`: of the relationship, `assigned`: roles of the assignment (default: the same), `assignment`: its
    status or null, `member`: whether the person is in the group, `guest`: whether the tenant has it as a guest, `days`: left}.
    Raises ValueError for what cannot be.
    """
    home = _tenant(world, options.get("home"))
    address = f"{options.get('user') or 'operator'}@{home.domain}"
    user = next((account for account in home.users.values() if account["userPrincipalName"] == address), None)
    user = user or graph.add_user(world, home, address.partition("@")[0], "Olga", "Operator")
    home.directory_roles[user["id"]] = _roles(options.get("roles", ["Global Administrator"]))
    agents = graph.add_group(world, home, "AdminAgents", [user["id"]] if options.get("agent", True) else [])
    world.partner = Partner(home.id, agents["id"])
    if not options.get("mfa", True):
        world.partner.without_mfa.add(user["id"])
    _partner_center(world, home)
    for customer in options.get("customers") or ():
        _customer(world, world.partner, home, user["id"], customer)
    home.directory = None  # its indexes are made anew
    return {"user": address, "user_id": user["id"], "home": home.id}


def _tenant(world: World, name: object) -> Tenant:
    tenant = world.find_tenant(str(name))
    if tenant is None:
        raise ValueError(f"there is no tenant {name!r}")
    return tenant


def _roles(names: list[str]) -> list[str]:
    unknown = sorted(set(names) - set(person.ROLES))
    if unknown:
        raise ValueError(f"the lab knows no role {', '.join(unknown)}; it knows {', '.join(person.ROLES)}")
    return list(names)


def _partner_center(world: World, home: Tenant) -> None:
    """Partner Center's API is a service principal of the partner's tenant, with one delegated permission."""
    if directory_of(world, home).find_real(SERVICE_PRINCIPALS, "appId", PARTNER_CENTER_APP_ID) is not None:
        return
    scope = {"id": USER_IMPERSONATION, "value": "user_impersonation", "type": "User", "isEnabled": True}
    principal = shapes.service_principal(world.new_guid(), None) | {
        "appId": PARTNER_CENTER_APP_ID,
        "displayName": "Microsoft Partner Center",
        "servicePrincipalNames": [PARTNER_CENTER_URL, PARTNER_CENTER_APP_ID],
        "oauth2PermissionScopes": [scope],
    }
    home.service_principals[principal["id"]] = principal


def _customer(world: World, partner: Partner, home: Tenant, user_id: str, options: dict[str, Any]) -> None:
    tenant = _tenant(world, options.get("tenant"))
    kind = options.get("kind", "reseller")
    if kind not in ("reseller", "direct"):
        raise ValueError(f"a customer is reseller or direct, not {kind!r}")
    partner.customers[tenant.id] = kind
    if options.get("guest"):
        mailbox = home.users[user_id]["userPrincipalName"]
        graph.add_user(
            world, tenant, mailbox.replace("@", "_") + "#EXT#", "Olga", "Operator", mail=mailbox, userType="Guest"
        )
        tenant.directory = None
    status = options.get("relationship", "active")
    if status is None:
        return
    if status not in RELATIONSHIP_STATES:
        raise ValueError(f"a relationship is one of {', '.join(RELATIONSHIP_STATES)}; not {status!r}")
    roles = tuple(_roles(options.get("roles", ["Privileged Role Administrator"])))
    now = world.clock.time()
    relation = Relationship(
        f"{world.new_guid()}-{world.new_guid()}", tenant.id, f"{tenant.display_name} GDAP", roles, status,
        now - 30 * _DAYS, now + float(options.get("days", 300)) * _DAYS,
    )  # fmt: skip
    partner.relationships.append(relation)
    state = options.get("assignment", "active")
    if state is None:
        return
    if state not in ASSIGNMENT_STATES:
        raise ValueError(f"an assignment is one of {', '.join(ASSIGNMENT_STATES)}; not {state!r}")
    members = [user_id] if options.get("member", True) else []
    group = graph.add_group(world, home, f"GDAP {tenant.display_name}", members)
    assigned = tuple(_roles(list(options.get("assigned", roles))))
    relation.assignments.append(Assignment(world.new_guid(), group["id"], assigned, state))
