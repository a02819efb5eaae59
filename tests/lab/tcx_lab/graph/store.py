# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directory of one tenant: its objects, indexes over them, and what each reader sees while writes replicate.

Objects are never changed in place: a write puts a new dict, so an older version stays as it was and no copy is needed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tcx_lab.world import Tenant, World

Entity = dict[str, Any]

APPLICATIONS: Final = "applications"
SERVICE_PRINCIPALS: Final = "servicePrincipals"
ASSIGNMENTS: Final = "appRoleAssignments"
GRANTS: Final = "oauth2PermissionGrants"
USERS: Final = "users"
GROUPS: Final = "groups"
DELETED: Final = "deletedItems"

_ATTRIBUTES = {
    APPLICATIONS: "applications",
    SERVICE_PRINCIPALS: "service_principals",
    ASSIGNMENTS: "app_role_assignments",
    GRANTS: "oauth2_permission_grants",
    USERS: "users",
    GROUPS: "groups",
    DELETED: "deleted_items",
}
#: Properties that find one object, and properties that find several.
_UNIQUE = {APPLICATIONS: ("appId", "uniqueName"), SERVICE_PRINCIPALS: ("appId",), USERS: ("userPrincipalName",)}
_MANY = {ASSIGNMENTS: ("principalId", "resourceId"), GRANTS: ("clientId", "resourceId")}
_VERSIONS_KEPT = 8
_CHANCE = 0.5  # that a replica has the new state already, when replicas disagree
_BEGINNING = float("-inf")


@dataclass(slots=True)
class _Version:
    at: float  # lab time of the write
    seen_at: float  # lab time from which every replica has it
    number: int  # of the write, counted over the tenant
    entity: Entity | None  # None: it did not exist
    unseen_reads: int = 0  # reads that still see the version before


@dataclass(frozen=True, slots=True)
class View:
    """How old the state is that a request reads: trouble `stale` sets it; otherwise the replication switches decide."""

    stale_seconds: float = 0.0
    stale_writes: int = 0


NOW = View()


@dataclass
class Directory:
    """Objects of a tenant by kind and id. `get`, `find` and `every` see what a reader sees, `real` what is written."""

    world: World
    tenant: Tenant
    dice: random.Random
    writes: int = 0
    _history: dict[tuple[str, str], list[_Version]] = field(default_factory=dict)
    _unique: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    _many: dict[tuple[str, str], dict[str, dict[str, None]]] = field(default_factory=dict)
    _sizes: dict[str, int] = field(default_factory=dict)

    def real(self, kind: str) -> dict[str, Entity]:
        """All written objects of a kind by id."""
        entities: dict[str, Entity] = getattr(self.tenant, _ATTRIBUTES[kind])
        return entities

    def put(self, kind: str, object_id: str, entity: Entity) -> Entity:
        """Write an object; readers see it when it has replicated."""
        self._remember(kind, object_id, entity)
        fresh = self._fresh(kind)
        self.real(kind)[object_id] = entity
        if fresh:
            self._index(kind, object_id, entity)
            self._sizes[kind] = len(self.real(kind))
        return entity

    def drop(self, kind: str, object_id: str) -> None:
        """Remove an object; readers see that when it has replicated."""
        self._remember(kind, object_id, None)
        fresh = self._fresh(kind)
        self.real(kind).pop(object_id, None)
        if fresh:
            self._sizes[kind] = len(self.real(kind))

    def get(self, kind: str, object_id: str, view: View = NOW) -> Entity | None:
        """The object as a reader sees it; counts as one read of it."""
        versions = self._history.get((kind, object_id))
        current = self.real(kind).get(object_id)
        return current if versions is None else self._visible(versions, current, view)

    def find(self, kind: str, name: str, value: str, view: View = NOW) -> Entity | None:
        """The object with a unique property, as a reader sees it."""
        object_id = self._lookup(kind, name, value)
        entity = self.get(kind, object_id, view) if object_id else None
        return entity if entity is not None and _same(entity.get(name), value) else None

    def find_real(self, kind: str, name: str, value: str) -> Entity | None:
        """The written object with a unique property."""
        object_id = self._lookup(kind, name, value)
        entity = self.real(kind).get(object_id) if object_id else None
        return entity if entity is not None and _same(entity.get(name), value) else None

    def related(self, kind: str, name: str, value: str, view: View = NOW) -> list[Entity]:
        """Objects with a property that several may share (assignments of a principal, grants of a client), oldest first."""
        self._refresh_if_changed(kind)
        ids = self._many.get((kind, name), {}).get(value, {})
        seen = (self.get(kind, object_id, view) for object_id in list(ids))
        return [entity for entity in seen if entity is not None]

    def related_real(self, kind: str, name: str, value: str) -> list[Entity]:
        """The same over what is written."""
        self._refresh_if_changed(kind)
        objects = self.real(kind)
        return [
            objects[object_id] for object_id in self._many.get((kind, name), {}).get(value, {}) if object_id in objects
        ]

    def every(self, kind: str, view: View = NOW) -> Iterator[Entity]:
        """All objects of a kind as a reader sees them, in the order of their creation."""
        objects = self.real(kind)
        if not self._history:
            yield from list(objects.values())
            return
        for object_id in list(objects):
            entity = self.get(kind, object_id, view)
            if entity is not None:
                yield entity
        for other_kind, object_id in list(self._history):
            if other_kind == kind and object_id not in objects:
                entity = self.get(kind, object_id, view)
                if entity is not None:
                    yield entity

    def changed(self, kind: str, since: int) -> list[Entity]:
        """Objects of a kind that were written after that many writes of the tenant; those that are gone as `@removed`."""
        entities: list[Entity] = []
        for (other_kind, object_id), versions in self._history.items():
            if other_kind != kind or versions[-1].number <= since:
                continue
            current = self.real(kind).get(object_id)
            entities.append(current or {"id": object_id, "@removed": {"reason": "changed"}})
        return entities

    def settle(self, kind: str, object_id: str) -> None:
        """Forget the versions of an object: everybody sees at once what is written."""
        self._history.pop((kind, object_id), None)

    def refresh(self) -> None:
        """Build all indexes anew: for changes that were made behind the directory's back."""
        self._sizes.clear()

    # --- versions ------------------------------------------------------------------------------------------------------

    def _remember(self, kind: str, object_id: str, entity: Entity | None) -> None:
        self.writes += 1
        versions = self._history.setdefault((kind, object_id), [])
        if not versions:
            versions.append(_Version(_BEGINNING, _BEGINNING, 0, self.real(kind).get(object_id)))
        switches, now = self.world.switches, self.world.clock.time()
        seen_at = now + switches.replication_lag
        versions.append(_Version(now, seen_at, self.writes, entity, switches.replication_reads))
        del versions[:-_VERSIONS_KEPT]

    def _visible(self, versions: list[_Version], current: Entity | None, view: View) -> Entity | None:
        if versions[-1].entity is not current:
            return current  # changed behind the directory's back: no replication for that
        if view.stale_writes:
            return self._newest(versions, lambda version: version.number <= self.writes - view.stale_writes)
        now, switches = self.world.clock.time(), self.world.switches
        if view.stale_seconds:
            return self._newest(versions, lambda version: version.at <= now - view.stale_seconds)
        if switches.replication_lag and versions[-1].seen_at > now:
            fresh = switches.replication_flapping and self.dice.random() < _CHANCE
            return current if fresh else self._newest(versions, lambda version: version.seen_at <= now)
        last = versions[-1]
        if last.unseen_reads:
            last.unseen_reads -= 1
            return self._newest(versions, lambda version: not version.unseen_reads and version is not last)
        return current

    @staticmethod
    def _newest(versions: list[_Version], is_visible: Callable[[_Version], bool]) -> Entity | None:
        return next((version.entity for version in reversed(versions) if is_visible(version)), versions[0].entity)

    # --- indexes -------------------------------------------------------------------------------------------------------

    def _fresh(self, kind: str) -> bool:
        return self._sizes.get(kind) == len(self.real(kind))

    def _refresh_if_changed(self, kind: str) -> None:
        if self._fresh(kind):
            return
        for names in (_UNIQUE, _MANY):
            for name in names.get(kind, ()):
                (self._unique if names is _UNIQUE else self._many).pop((kind, name), None)
        for object_id, entity in self.real(kind).items():
            self._index(kind, object_id, entity)
        self._sizes[kind] = len(self.real(kind))

    def _index(self, kind: str, object_id: str, entity: Mapping[str, Any]) -> None:
        for name in _UNIQUE.get(kind, ()):
            if entity.get(name):
                self._unique.setdefault((kind, name), {})[str(entity[name]).lower()] = object_id
        for name in _MANY.get(kind, ()):
            if entity.get(name):
                self._many.setdefault((kind, name), {}).setdefault(entity[name], {})[object_id] = None

    def _lookup(self, kind: str, name: str, value: str) -> str | None:
        self._refresh_if_changed(kind)
        return self._unique.get((kind, name), {}).get(value.lower())


def _same(one: object, other: str) -> bool:
    return isinstance(one, str) and one.lower() == other.lower()


def directory_of(world: World, tenant: Tenant) -> Directory:
    """The directory of a tenant, made on first use."""
    if not isinstance(tenant.directory, Directory):
        tenant.directory = Directory(world, tenant, random.Random(f"{world.seed}/{tenant.id}"))
    return tenant.directory
