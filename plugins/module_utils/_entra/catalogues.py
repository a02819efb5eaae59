# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""Reads what resource APIs offer in a tenant, once per run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.tcx.m365.plugins.module_utils._entra.graph import Answer, Call, GraphClient, literal
from ansible_collections.tcx.m365.plugins.module_utils._entra.permissions import Catalogue
from ansible_collections.tcx.m365.plugins.module_utils._errors import BadInput, NotFound

_SELECT = "$select=id,appId,displayName,appRoles,oauth2PermissionScopes"


class Catalogues:
    """The APIs of one tenant, from the store of the run or to be read with the next batch."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client
        self.known: dict[str, Catalogue] = {}

    def missing(self, resources: Iterable[str]) -> list[str]:
        """The application ids of APIs that still have to be read."""
        for resource in resources:
            if resource not in self.known:
                stored = self._client.context.store.get("graph_roles", self._client.shared_key(resource))
                if stored:
                    self.known[resource] = Catalogue(**stored)
        return [each for each in dict.fromkeys(resources) if each not in self.known]

    def calls(self, resources: Sequence[str]) -> list[Call]:
        """The requests that read them; without ``$select`` Graph's own is 150 kB more (recorded)."""
        return [Call("GET", f"/servicePrincipals(appId={literal(each)})?{_SELECT}") for each in resources]

    def take(self, resources: Sequence[str], answers: Sequence[Answer], *, optional: bool = False) -> None:
        """Accept the answers to :meth:`calls`.

        :param optional: an API that the tenant does not know is left out instead of being an error.
        """
        for resource, answer in zip(resources, answers):
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
            catalogue = Catalogue.of(answer.get())
            self.known[resource] = catalogue
            self._client.context.store.put("graph_roles", self._client.shared_key(resource), catalogue.as_value())

    def read(self, resources: Iterable[str], *, optional: bool = False) -> None:
        """Read what is not known yet, in one round trip."""
        missing = self.missing(list(resources))
        if missing:
            self.take(missing, self._client.batch(self.calls(missing)), optional=optional)
