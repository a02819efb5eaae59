# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people do at a screen, for tests: an administrator consents to an application, a person signs in to the Azure CLI."""

from __future__ import annotations

from typing import Any

from tcx_lab import graph
from tcx_lab.entra import tokens
from tcx_lab.entra.clients import registration
from tcx_lab.graph import person, seed
from tcx_lab.graph.store import SERVICE_PRINCIPALS, directory_of
from tcx_lab.world import Tenant, World


def consent(world: World, tenant: Tenant, client_id: str) -> dict[str, Any]:
    """The same as the page behind the consent address. Raises ValueError for an application that the tenant cannot see."""
    registered = registration(world, client_id, tenant)
    if registered is None:
        raise ValueError(f"no application {client_id} that {tenant.display_name} could consent to")
    principal = seed.grant_declared(world, tenant, *registered)
    return {"service_principal_id": principal["id"], "tenant": tenant.id}


def withdraw_consent(world: World, tenant: Tenant, client_id: str) -> None:
    """The administrator deletes the enterprise application. Raises ValueError where there is none."""
    principal = directory_of(world, tenant).find_real(SERVICE_PRINCIPALS, "appId", client_id)
    if principal is None:
        raise ValueError(f"{tenant.display_name} has no service principal of {client_id}")
    graph.delete_object(world, tenant, SERVICE_PRINCIPALS, principal["id"])


def sign_in(world: World, tenant: Tenant, options: dict[str, Any]) -> dict[str, Any]:
    """`az account get-access-token` of a person: `user` (mailbox, made when it is not there), `roles` (Microsoft Entra roles
    from now on), `scopes` (those of the Azure CLI unless given). Raises ValueError for a role that the lab does not know."""
    roles = [str(role) for role in options.get("roles") or ()]
    unknown = sorted(set(roles) - set(person.ROLES))
    if unknown:
        raise ValueError(f"the lab knows no role {', '.join(unknown)}; it knows {', '.join(person.ROLES)}")
    mailbox = str(options.get("user") or "operator")
    address = f"{mailbox}@{tenant.domain}"
    user = next((account for account in tenant.users.values() if account["userPrincipalName"] == address), None)
    user = user or graph.add_user(world, tenant, mailbox, "Olga", "Operator")
    tenant.directory_roles[user["id"]] = roles
    scopes = options.get("scopes")
    token = tokens.person_token(world, tenant, user, person.AZURE_CLI_SCOPES if scopes is None else tuple(scopes))
    return {
        "accessToken": token,
        "expires_on": int(world.clock.time()) + world.switches.token_lifetime,
        "tenant": tenant.id,
        "tokenType": "Bearer",
        "user_id": user["id"],
    }
