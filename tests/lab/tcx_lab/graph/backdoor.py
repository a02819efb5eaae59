# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes behind everybody's back: what an administrator clicks in a portal. No rights, no replication lag, same rules."""

from __future__ import annotations

from typing import Any

from tcx_lab.graph import applications, deleted, objects, rights, shapes
from tcx_lab.graph.people import USER_NAMES
from tcx_lab.graph.session import Session
from tcx_lab.graph.store import APPLICATIONS, DELETED, SERVICE_PRINCIPALS, USERS, Entity, directory_of
from tcx_lab.graph.web import Call
from tcx_lab.world import Tenant, World


def inside(world: World, tenant: Tenant) -> Session:
    """A session of the lab itself, which may do everything."""
    call = Call("PATCH", ["v1.0"], {}, {}, b"", world.endpoints.graph, "/", {})
    everything = rights.EVERYTHING
    return Session(
        world, tenant, directory_of(world, tenant), call, "v1.0", "", "", everything, allowed=frozenset({everything})
    )


def patch_application(world: World, tenant: Tenant, object_id: str, changes: dict[str, Any]) -> Entity:
    """Change an application as a PATCH would; everybody sees it at once. Raises GraphError for what Graph would refuse."""
    changed = applications.update(inside(world, tenant), object_id, changes)
    directory_of(world, tenant).settle(APPLICATIONS, object_id)
    return changed


def patch_user(world: World, tenant: Tenant, object_id: str, changes: dict[str, Any]) -> Entity:
    """Change a user: disable, rename, move to guest. Raises KeyError for a user, ValueError for a property that is not there."""
    directory = directory_of(world, tenant)
    user = directory.real(USERS)[object_id]
    if unknown := changes.keys() - (USER_NAMES - {"id"}):
        raise ValueError(f"a user has no {', '.join(sorted(unknown))} that can be changed")
    changed = directory.put(USERS, object_id, {**user, **changes})
    directory.settle(USERS, object_id)
    return changed


def delete_object(world: World, tenant: Tenant, kind: str, object_id: str) -> None:
    """Delete an object of any kind; applications and service principals go to the deleted items, as in the portal.
    Raises KeyError when it does not exist."""
    session = inside(world, tenant)
    if kind == APPLICATIONS:
        applications.delete(session, object_id)
    elif kind == DELETED:
        deleted.purge(session, object_id)
    elif kind == SERVICE_PRINCIPALS:
        principal = session.directory.real(kind)[object_id]
        objects.delete_service_principal(session, principal, shapes.moment(session.now()))
    else:
        del session.directory.real(kind)[object_id]
        session.directory.refresh()
    session.directory.settle(kind, object_id)
