# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scopes of a request by the API that they belong to, and what a person has consented to."""

from __future__ import annotations

from collections.abc import Iterable

from tcx_lab.entra import errors, tokens
from tcx_lab.entra.clients import Client
from tcx_lab.entra.errors import SignInError
from tcx_lab.evidence import Grade, evidence
from tcx_lab.gdap import held_roles
from tcx_lab.graph import shapes
from tcx_lab.graph.rights import APPLICATION_ADMINISTRATORS
from tcx_lab.graph.store import GRANTS, Entity, directory_of
from tcx_lab.world import World

OPENID = frozenset({"openid", "profile", "email", "offline_access"})
_ADMINISTRATORS = APPLICATION_ADMINISTRATORS | {"Privileged Role Administrator"}


def by_resource(world: World, scopes: Iterable[str]) -> dict[str, list[str]]:
    """Names of scopes by the address of their API; those without one are Graph's."""
    names_by_address: dict[str, list[str]] = {}
    for scope in scopes:
        if scope in OPENID:
            continue
        address, _slash, name = scope.rpartition("/")
        names_by_address.setdefault(address if "://" in address else world.endpoints.graph, []).append(name)
    return names_by_address


def is_complete(world: World, client: Client, user_id: str, scopes: Iterable[str]) -> bool:
    """Whether all scopes of other APIs than OpenID have been granted."""
    for address, names in by_resource(world, scopes).items():
        try:
            resource = tokens.find_resource(world, client.tenant, address)
        except SignInError:
            return False
        granted = tokens.delegated_scopes(world, client, resource, user_id)
        if not set(names) - {".default"} <= set(granted):
            return False
    return True


@evidence(Grade.DOCUMENTED, "https://learn.microsoft.com/entra/identity-platform/permissions-consent-overview")
def accept(world: World, client: Client, user: Entity, scopes: Iterable[str]) -> None:
    """A person consents for itself, to several APIs at once; scopes for administrators need one. Raises 90094, 500011."""
    directory = directory_of(world, client.tenant)
    for address, names in by_resource(world, scopes).items():
        resource = tokens.find_resource(world, client.tenant, address)
        known = {scope["value"]: scope.get("type") for scope in resource["oauth2PermissionScopes"]}
        offered = [name for name in names if name in known]
        privileged = held_roles(world, client.tenant, user["id"]) & _ADMINISTRATORS
        if any(known[name] == "Admin" for name in offered) and not privileged:
            raise errors.admin_consent_required(client.app["displayName"])
        grant_id = shapes.guid_bytes(client.principal["id"], resource["id"], user["id"])
        before = directory.real(GRANTS).get(grant_id, {"scope": ""})["scope"].split()
        if not offered:
            continue
        grant = {
            "clientId": client.principal["id"], "consentType": "Principal", "id": grant_id, "principalId": user["id"],
            "resourceId": resource["id"], "scope": " ".join(dict.fromkeys([*before, *offered])),
        }  # fmt: skip
        directory.put(GRANTS, grant_id, grant)
        directory.settle(GRANTS, grant_id)
