# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the wizard of the 3CX console leaves in a tenant, and on the PBX."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tcx_lab import ca
from tcx_lab.graph import seed
from tcx_lab.graph.store import Entity
from tcx_lab.pbx import patch_pbx, state_of
from tcx_lab.world import Pbx, World


def run_wizard(world: World, pbx: Pbx, roles: Iterable[str], **properties: Any) -> Entity:
    """An application without a unique name and without a mark, its consent given as a whole; the PBX is linked to it."""
    tenant = world.tenants[pbx.tenant_id]
    application = seed.create_application(
        world,
        tenant,
        "3CX Phone System",
        web={
            "redirectUris": [f"{state_of(world, pbx).base_url}/oauth2office2"],
            "implicitGrantSettings": {"enableIdTokenIssuance": True},
        },
        **properties,
    )
    seed.add_certificate(world, tenant, application["id"], ca.key_pair_of(world, pbx).certificate)
    principal = seed.ensure_service_principal(world, tenant, application)
    seed.grant_app_roles(world, tenant, principal["id"], set(roles))
    patch_pbx(world, pbx, {"ApplicationId": application["appId"], "TenantId": tenant.id})
    return tenant.applications[application["id"]]
