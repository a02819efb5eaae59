# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A person of a partner who asks for a token in a customer's tenant."""

from __future__ import annotations

from tcx_lab.entra import errors
from tcx_lab.entra.clients import registration
from tcx_lab.evidence import Grade, evidence
from tcx_lab.gdap import delegated_roles
from tcx_lab.graph.store import SERVICE_PRINCIPALS, Entity, directory_of
from tcx_lab.world import Tenant, World


@evidence(Grade.OBSERVED, "https://github.com/KelvinTegelaar/CIPP-API, Get-NormalizedError (50020, 50177, 65001)")
def check(world: World, tenant: Tenant, user: Entity, client_id: str) -> None:
    """Refuses a guest, somebody without a delegated role, and an application that is not there. Raises SignInError."""
    address = str(user.get("userPrincipalName"))
    if any(account.get("userType") == "Guest" and account.get("mail") == address for account in tenant.users.values()):
        raise errors.guest_account(address)
    registered = registration(world, client_id, tenant)
    name = registered[0]["displayName"] if registered is not None else client_id
    if not delegated_roles(world, tenant, user["id"]):
        if world.switches.partner_without_access == 65001:
            raise errors.consent_missing(client_id, name)
        raise errors.foreign_account(address, tenant.display_name, client_id, name)
    if directory_of(world, tenant).find(SERVICE_PRINCIPALS, "appId", client_id) is None:
        position = world.switches.partner_without_principal
        if position == 90099:
            raise errors.pre_consent_missing(client_id)
        if position == 65001:
            raise errors.consent_missing(client_id, name)
