# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A very small `$metadata`: enough for clients that read which entity sets exist."""

from __future__ import annotations

from typing import Final

_SETS = {
    "applications": "application",
    "servicePrincipals": "servicePrincipal",
    "oauth2PermissionGrants": "oAuth2PermissionGrant",
    "users": "user",
    "groups": "group",
    "organization": "organization",
    "domains": "domain",
    "directoryObjects": "directoryObject",
    "subscriptions": "subscription",
}


def _types() -> str:
    return "".join(
        f'<EntityType Name="{name}" OpenType="true"><Key><PropertyRef Name="id"/></Key>'
        '<Property Name="id" Type="Edm.String" Nullable="false"/></EntityType>'
        for name in sorted(set(_SETS.values()))
    )


def _sets() -> str:
    return "".join(f'<EntitySet Name="{name}" EntityType="microsoft.graph.{kind}"/>' for name, kind in _SETS.items())


METADATA: Final = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
    '<Schema Namespace="microsoft.graph" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
    f'{_types()}<EntityContainer Name="GraphService">{_sets()}</EntityContainer></Schema>'
    "</edmx:DataServices></edmx:Edmx>"
)
