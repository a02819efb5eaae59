# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""First-party resource APIs (Microsoft Graph, Exchange Online, Azure management) and the permissions they publish.

Ids, values and kinds are facts (recorded from a real tenant, and from Microsoft's published list); descriptions are ours.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from tcx_lab.graph.web import Frozen
from tcx_lab.world import GRAPH_APP_ID

EXCHANGE_APP_ID = "00000002-0000-0ff1-ce00-000000000000"
MANAGEMENT_APP_ID = "797f4846-ba00-4fd7-ba43-dac1f8f63013"

#: Graph addresses by cloud (documented by Microsoft's own SDKs).
GRAPH_URLS = {
    "public": "https://graph.microsoft.com",
    "usgov": "https://graph.microsoft.us",
    "usgov_dod": "https://dod-graph.microsoft.us",
    "china": "https://microsoftgraph.chinacloudapi.cn",
}


@cache
def resources_by_app_id() -> dict[str, dict[str, Any]]:
    """Every resource API of the catalog as a servicePrincipal without tenant-specific properties, by appId."""
    text = resources.files(__package__).joinpath("catalog.json").read_text(encoding="utf-8")
    return {resource["appId"]: _resource(resource) for resource in json.loads(text)["resources"]}


@cache
def app_role_ids(app_id: str = GRAPH_APP_ID) -> dict[str, str]:
    """Application permission values of a resource API -> appRole id."""
    return {role["value"]: role["id"] for role in resources_by_app_id()[app_id]["appRoles"]}


def _resource(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "appId": entry["appId"],
        "appDisplayName": entry["displayName"],
        "displayName": entry["displayName"],
        "signInAudience": entry["signInAudience"],
        "appOwnerOrganizationId": entry["appOwnerOrganizationId"],
        "servicePrincipalNames": entry["servicePrincipalNames"],
        "replyUrls": entry.get("replyUrls", []),
        "appRoles": Frozen(_role(value, role_id) for value, role_id in entry["appRoles"]),
        "oauth2PermissionScopes": Frozen(_scope(*scope) for scope in entry["oauth2PermissionScopes"]),
        "resourceSpecificApplicationPermissions": [
            _resource_specific(value, permission_id)
            for value, permission_id in entry["resourceSpecificApplicationPermissions"]
        ],
    }


def _role(value: str, role_id: str) -> dict[str, Any]:
    return {
        "allowedMemberTypes": ["Application"],
        "description": f"Application permission {value}.",
        "displayName": value,
        "id": role_id,
        "isEnabled": True,
        "origin": "Application",
        "value": value,
    }


def _scope(value: str, scope_id: str, kind: str) -> dict[str, Any]:
    return {
        "adminConsentDescription": f"Delegated permission {value}.",
        "adminConsentDisplayName": value,
        "id": scope_id,
        "isEnabled": True,
        "type": kind,
        "userConsentDescription": f"Delegated permission {value}.",
        "userConsentDisplayName": value,
        "value": value,
    }


def _resource_specific(value: str, permission_id: str) -> dict[str, Any]:
    return {
        "description": f"Resource-specific permission {value}.",
        "displayName": value,
        "id": permission_id,
        "isEnabled": True,
        "value": value,
    }
