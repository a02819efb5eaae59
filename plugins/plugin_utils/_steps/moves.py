# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PBX that works with another tenant than the one in the inventory: a wrong line, until the inventory says that it is meant.

Whichever step begins with it, the PBX is not linked elsewhere, unlinked or exported: what belongs to it is in the other tenant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._capabilities.entra_preflight import check_tenant_move
from ansible_collections.tcx.m365.plugins.module_utils._common.ids import is_guid
from ansible_collections.tcx.m365.plugins.module_utils._common.tree import dig
from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error
from ansible_collections.tcx.m365.plugins.module_utils._task import failure
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import read_variables, resolve_tenant
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import Result, Work


def stays(work: Work, result: Result) -> Result:
    """The result of a first reading of the PBX; a failure where the PBX works with another tenant."""
    if result.get("failed"):
        return result
    try:
        _check(work.variables, result, linked_tenant(result))
    except M365Error as error:
        return failure(error)
    return result


def linked_tenant(result: Mapping[str, Any]) -> str:
    """The tenant that a PBX names, by the check of the PBX or by the reading of its settings."""
    return str(result.get("linked_tenant_id") or dig(result, "settings.tenant_id") or "")


def unlinked(work: Work, result: Result) -> Result:
    """The result of unlinking a PBX, with what it leaves in a tenant that is not the one in the inventory."""
    linked = work.result("linked")
    tenant, application = linked_tenant(linked), str(dig(linked, "status.application_id") or "")
    here = read_variables(work.variables).console_tenant
    if result.get("failed") or not (here and application and is_guid(tenant)) or tenant.lower() == here.lower():
        return result
    warning = (
        f"The PBX was linked to the application {application} of the tenant {tenant}, and the inventory names the tenant {here}: "
        "in the other tenant nothing was removed."
    )
    return {**result, "warnings": [*(result.get("warnings") or ()), warning]}


def _check(variables: Mapping[str, Any], result: Result, tenant: str) -> None:
    known = read_variables(variables)
    if not tenant or not dig(result, "status.ok"):
        return  # before the tenant of the inventory is resolved, which may ask Microsoft Entra
    here = known.console_tenant
    check_tenant_move(
        {
            "pbx_tenant_id": tenant,
            "pbx_healthy": True,
            "pbx_app_id": dig(result, "status.application_id"),
            "pbx": known.get("tcx_url"),
            "tenant_id": here,
            "move_tenant": known.get("entra_app_move_tenant"),
        },
        here,
        lambda domain: resolve_tenant(known, domain),
        variable="tcx_console_tenant_id" if known.get("tcx_console_tenant_id") else "entra_tenant_id",
    )
