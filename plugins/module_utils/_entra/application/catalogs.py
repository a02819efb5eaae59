# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what resource APIs offer in a tenant, once per run.

The permissions of Microsoft Graph have the same ids in every tenant of a cloud (documented: its permissions reference lists
them), and reading them means some 150 kB per tenant. So a run reads them in the first tenant and borrows them for the
others; a tenant is read by itself when it is asked for a name that the first one does not have. Those that ask while the
first one is being read wait for it: a sweep begins with many PBXs at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from ..._errors import BadInput, NotFound
from ..clouds import GRAPH_APP_ID
from ..graph import Answer, Call, GraphClient
from . import permissions
from .permissions import Catalog, Permission, RequestedPermission

_SELECT = "$select=id,appId,displayName,appRoles,oauth2PermissionScopes"
_WHO = "$select=id,appId,displayName"

_OF_TENANT = "tenant_api"
"""Kind of what is kept of an API in one tenant; what tenants share is another kind."""

_SHARED_WITHIN_S = 2.0
"""So long the others wait for the first tenant of a cloud; then each is read by itself."""
_POLL_S = 0.05


class Catalogs:
    """The APIs of one tenant, from the store of the run or to be read with the next batch."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client
        self._borrowed: set[str] = set()
        self._asks = False
        self.known: dict[str, Catalog] = {}

    def missing(self, resources: Iterable[str]) -> list[str]:
        """The application ids of APIs that still have to be read."""
        for resource in resources:
            if resource not in self.known:
                self._recall(resource)
        return [resource for resource in dict.fromkeys(resources) if resource not in self.known]

    def calls(self, resources: Sequence[str]) -> list[Call]:
        """The requests that read them; without ``$select`` Graph's own is 150 kB more (recorded)."""
        self._borrowed.update(resource for resource in resources if self._shared(resource) or self._is_asked(resource))
        return [
            Call.by_key("servicePrincipals", "appId", resource, _WHO if resource in self._borrowed else _SELECT)
            for resource in resources
        ]

    def take(self, resources: Sequence[str], answers: Sequence[Answer], *, optional: bool = False) -> None:
        """Accept the answers to :meth:`calls`.

        :param optional: an API that the tenant does not know is left out instead of being an error.
        """
        for resource, first in zip(resources, answers):
            absent = not first.ok and isinstance(first.error, NotFound)
            answer = self._client.send(self.calls([resource])[0]) if absent else first  # one replica may lag
            if not answer.ok and isinstance(answer.error, NotFound):
                if optional:
                    continue
                raise BadInput(
                    f"the tenant does not know the API {resource}",
                    tried="resolve permissions",
                    service="Graph",
                    status=answer.status,
                    remedy="Check the resource, or add its service principal to the tenant first.",
                )
            self._keep(resource, Catalog.of(answer.get()))

    def read(self, resources: Iterable[str], *, optional: bool = False) -> None:
        """Read what is not known yet, in one round trip."""
        missing = self.missing(list(resources))
        if missing:
            self.take(missing, self._client.batch(self.calls(missing)), optional=optional)

    def resolve(self, requests: Sequence[RequestedPermission]) -> list[Permission]:
        """All permissions asked for, each once; raises :class:`BadInput` for the first that this tenant does not have."""
        try:
            return permissions.resolve(requests, self.known)
        except BadInput:
            borrowed = sorted(self._borrowed)
            if not borrowed:
                raise
        self._borrowed.clear()
        for resource in borrowed:
            self._keep(resource, self._in_full(resource))
        return permissions.resolve(requests, self.known)

    def check(self, requests: Sequence[RequestedPermission]) -> None:
        """Raise :class:`BadInput` for a permission that does not exist, with as few requests as possible.

        None where the names are those that this collection derives itself, or where another tenant of this cloud has
        shown that they exist.
        """
        unknown = [request for request in requests if not permissions.is_well_known(request)]
        shared = self._shared(GRAPH_APP_ID)
        if shared and all(Catalog(**shared).offers(request) for request in unknown):
            return
        if unknown:
            self.read({request.resource: None for request in unknown})
            self.resolve(unknown)

    def _recall(self, resource: str) -> None:
        """From the store, where an earlier task of this run has read it in this tenant."""
        own = self._client.context.store.get(_OF_TENANT, self._client.shared_key(resource))
        if own and "names" not in own:
            shared = self._shared(resource)
            own = {**shared, **own} if shared else None
            self._borrowed.add(resource)
        if own:
            self.known[resource] = Catalog(**own)

    def _keep(self, resource: str, read: Catalog) -> None:
        """Remember it for the later tasks of this run."""
        store, key = self._client.context.store, self._client.shared_key(resource)
        shared = self._awaited(resource) if resource in self._borrowed else None
        if shared is None and resource in self._borrowed:
            self._borrowed.discard(resource)
            read = self._in_full(resource)
        value = read.as_value()
        if shared:
            value = {name: value[name] for name in ("app_id", "object_id", "title")}
            read = Catalog(**{**shared, **value})
        elif resource == GRAPH_APP_ID and not self._shared(resource):
            store.put("graph_roles", self._of_the_cloud(resource), value)
        store.put(_OF_TENANT, key, value)
        self.known[resource] = read

    def _in_full(self, resource: str) -> Catalog:
        return Catalog.of(self._client.send(Call.by_key("servicePrincipals", "appId", resource, _SELECT)).get())

    def _is_asked(self, resource: str) -> bool:
        """Whether another task is reading at this moment what all tenants of this cloud offer; else this one is."""
        if resource != GRAPH_APP_ID or self._asks:
            return False
        store, key = self._client.context.store, self._of_the_cloud(resource)
        with store.lock("graph_roles", key, self._client.context.deadline):
            if store.get("graph_roles_asked", key):
                return True
            store.put("graph_roles_asked", key, True, expires=time.time() + _SHARED_WITHIN_S)
        self._asks = True
        return False

    def _awaited(self, resource: str) -> dict[str, Any] | None:
        """What all tenants of this cloud offer, as soon as it has been read; ``None`` where that takes too long."""
        store, deadline = self._client.context.store, self._client.context.deadline
        shared = self._shared(resource)
        while shared is None and store.get("graph_roles_asked", self._of_the_cloud(resource)):
            deadline.pause(_POLL_S, "another tenant is asked for the permissions of Graph")
            shared = self._shared(resource)
        return shared

    def _shared(self, resource: str) -> dict[str, Any] | None:
        """What another tenant of this cloud offers, where that is the same in all of them."""
        if resource != GRAPH_APP_ID:
            return None
        offered: dict[str, Any] | None = self._client.context.store.get("graph_roles", self._of_the_cloud(resource))
        return offered

    def _of_the_cloud(self, resource: str) -> str:
        return f"{self._client.connection.endpoints.graph}|{resource}"
