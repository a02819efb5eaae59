# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What several kinds of directory objects share: keys in paths, references, read-only properties, deletion."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tcx_lab.graph.errors import GraphError, bad_request, invalid_key, unknown_property
from tcx_lab.graph.session import Session
from tcx_lab.graph.shapes import is_guid, parse_moment
from tcx_lab.graph.store import ASSIGNMENTS, DELETED, GRANTS, SERVICE_PRINCIPALS, Directory, Entity

_KEYED = re.compile(r"(?P<set>[A-Za-z]+)\((?P<name>[A-Za-z]+)='(?P<value>.*)'\)")


@dataclass(frozen=True, slots=True)
class Key:
    """How a path names one object: by id, appId or uniqueName."""

    name: str
    value: str


def entity_set(segment: str) -> tuple[str, Key | None]:
    """`applications(appId='x')` -> ("applications", Key("appId", "x")); `applications` -> ("applications", None).
    Names of entity sets are not case-sensitive (recorded)."""
    match = _KEYED.fullmatch(segment)
    if match is None:
        return segment.lower(), None
    return match["set"].lower(), Key(match["name"], match["value"].replace("''", "'"))


def check_key(key: Key) -> None:
    """An application id in a path is a GUID. Raises 400."""
    if key.name == "appId" and not is_guid(key.value):
        raise invalid_key(key.name)


def reference_id(url: Any) -> str:
    """The object id at the end of an `@odata.id` or of an `@odata.bind` address. Raises 400."""
    text = url if isinstance(url, str) else ""
    object_id = text.rstrip("/").rpartition("/")[2]
    match = re.fullmatch(r"\w+\('?([0-9a-fA-F-]{36})'?\)", object_id)
    if match is not None:
        object_id = match[1]
    if not object_id:
        raise bad_request("Invalid URL format specified in @odata.bind for 'owners'.", "BadRequest")
    return object_id


def unknown(name: str, resource: str) -> GraphError:
    """400 for a property that does not exist."""
    return unknown_property(name, resource)


def check_read_only(name: str, sent: Any, current: Any, creating: bool) -> None:
    """Read-only properties may be sent back unchanged (observed: Terraform does); anything else is 400."""
    if sent is None or sent == current or (creating and sent in ("", [], {})):
        return
    if name.endswith("DateTime") and isinstance(sent, str) and isinstance(current, str):
        try:
            if parse_moment(sent) == parse_moment(current):
                return
        except (ValueError, IndexError):
            pass
    raise bad_request(f"Property '{name}' is read-only and cannot be set.")


def _grants_of(directory: Directory, object_id: str) -> list[tuple[str, Entity]]:
    """What a service principal has been granted, with the kind of each."""
    return [
        *(
            (ASSIGNMENTS, dict(assignment))
            for assignment in directory.related_real(ASSIGNMENTS, "principalId", object_id)
        ),
        *((GRANTS, dict(grant)) for grant in directory.related_real(GRANTS, "clientId", object_id)),
    ]


def give_back_grants(session: Session, object_id: str) -> None:
    """After a restore: what it was granted, where the switch says so and the other side is still there."""
    kept = session.tenant.grants_of_deleted.pop(object_id, [])
    if not session.world.switches.restored_principal_keeps_grants:
        return
    for kind, grant in kept:
        if grant["resourceId"] in session.directory.real(SERVICE_PRINCIPALS):
            session.directory.put(kind, grant["id"], grant)


def delete_service_principal(session: Session, principal: Entity, when: str) -> None:
    """Soft delete a service principal; its assignments and grants end with it, until it is restored or for good (switch)."""
    directory, object_id = session.directory, principal["id"]
    directory.drop(SERVICE_PRINCIPALS, object_id)
    session.tenant.grants_of_deleted[object_id] = _grants_of(directory, object_id)
    for name in ("principalId", "resourceId"):
        for assignment in directory.related_real(ASSIGNMENTS, name, object_id):
            directory.drop(ASSIGNMENTS, assignment["id"])
    for name in ("clientId", "resourceId"):
        for grant in directory.related_real(GRANTS, name, object_id):
            directory.drop(GRANTS, grant["id"])
    kept = {**principal, "deletedDateTime": when, "@odata.type": "#microsoft.graph.servicePrincipal"}
    directory.put(DELETED, object_id, kept)
