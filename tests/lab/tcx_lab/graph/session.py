# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One Graph request being handled: who asks, in which tenant, what they may do and how old the state is that they see."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tcx_lab.evidence import Grade, evidence
from tcx_lab.gdap import held_roles
from tcx_lab.graph import rights
from tcx_lab.graph.errors import (
    GraphError,
    bad_request,
    forbidden,
    no_content_type,
    no_payload,
    not_expandable,
    not_found,
    not_json,
    not_simulated,
    too_many_expanded,
)
from tcx_lab.graph.odata import check_advanced, order, parse_filter, search, select, sorted_names, unknown_names
from tcx_lab.graph.store import NOW, Directory, Entity, View
from tcx_lab.graph.web import Answer, Call, NotJson
from tcx_lab.world import Tenant, World

_MAX_TOP = 999

#: Relations that an answer can have inside, by type: what the lab does, and what else the directory has (published in
#: https://graph.microsoft.com/v1.0/$metadata).
EXPANDED = {"application": ("owners", "federatedIdentityCredentials"), "servicePrincipal": ("owners",)}
_OF_BOTH = (
    *("appManagementPolicies", "homeRealmDiscoveryPolicies", "synchronization", "tokenIssuancePolicies"),
    "tokenLifetimePolicies",
)
RELATIONS = {
    "application": (*_OF_BOTH, "createdOnBehalfOf", "extensionProperties"),
    "servicePrincipal": (
        *_OF_BOTH,
        *("appRoleAssignedTo", "appRoleAssignments", "claimsMappingPolicies", "createdObjects", "endpoints"),
        *("delegatedPermissionClassifications", "federatedIdentityCredentials", "memberOf", "oauth2PermissionGrants"),
        *("ownedObjects", "remoteDesktopSecurityConfiguration", "transitiveMemberOf"),
    ),
    "user": ("manager", "directReports", "memberOf", "transitiveMemberOf", "ownedObjects", "appRoleAssignments"),
}


@dataclass(slots=True)
class Session:
    """A request with its caller. `roles` are the token's application permissions (or scopes of a delegated token)."""

    world: World
    tenant: Tenant
    directory: Directory
    call: Call
    version: str  # v1.0 | beta
    app_id: str
    caller_id: str  # object id of the calling service principal (or user)
    roles: frozenset[str]
    view: View = NOW
    units: int = 1
    allowed: frozenset[frozenset[str]] = frozenset()  # what the table of rights found fulfilled for this call
    is_person: bool = False  # a delegated token: the person's Entra roles count as well

    # --- rights --------------------------------------------------------------------------------------------------------

    def require(self, allowed: frozenset[str]) -> None:
        """Raise 403 unless the caller holds one of these permissions: for calls whose right depends on the request."""
        if not self.roles & allowed:
            raise forbidden()

    def require_application_write(self, object_id: str) -> None:
        """Raise 403 unless the caller may change this application or service principal (its own, under OwnedBy)."""
        if self.owned_by_only and self.caller_id not in self.tenant.owners.get(object_id, ()):
            raise forbidden()
        if self.is_person and not self.administers_applications and not self.owns(object_id):
            raise forbidden()

    def owns(self, object_id: str) -> bool:
        """Whether the caller is an owner of an application or service principal."""
        return self.caller_id in self.tenant.owners.get(object_id, ())

    @property
    def administers_applications(self) -> bool:
        """Whether a person's Entra roles allow to change every application."""
        held = held_roles(self.world, self.tenant, self.caller_id)
        return bool(rights.APPLICATION_ADMINISTRATORS.intersection(held))

    @property
    def owned_by_only(self) -> bool:
        """Whether nothing but Application.ReadWrite.OwnedBy allows this call: then only on what the caller owns."""
        return bool(self.allowed) and all(rights.OWNED_BY in alternative for alternative in self.allowed)

    # --- reading -------------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Time as the tenant's servers believe."""
        return self.world.clock.skewed(self.tenant.clock_offset).now()

    def get(self, kind: str, object_id: str) -> Entity:
        """An object as this caller sees it. Raises 404."""
        entity = self.directory.get(kind, object_id, self.view)
        if entity is None:
            raise not_found(object_id)
        return entity

    def body(self) -> dict[str, Any]:
        """The request's JSON object. Raises 400."""
        self._check_content_type()
        try:
            return self.call.json()
        except NotJson as error:
            raise no_content_type() from error

    @evidence(
        Grade.OBSERVED,
        "https://github.com/microsoftgraph/microsoft-graph-docs/issues/6259 (none) and "
        "https://github.com/microsoftgraph/msgraph-sample-pythondjangoapp/issues/22 (a form, to /users), with the texts",
    )
    def _check_content_type(self) -> None:
        """What is sent says that it is JSON. Raises 400."""
        if not self.call.body:
            return
        kind = self.call.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not kind:
            raise no_content_type()
        if kind != "application/json":
            raise not_json()

    def properties(self) -> dict[str, Any]:
        """The properties of a request's JSON object, without OData annotations at any depth: Graph accepts them and takes no
        notice. References to bind (`owners@odata.bind`) stay. Raises 400, also when there is nothing."""
        if not self.call.body.strip():
            raise no_payload()
        body = self.body()
        bound = {name: value for name, value in body.items() if name.endswith("@odata.bind")}
        return {**without_annotations(body), **bound}

    @property
    def eventual(self) -> bool:
        """Whether this is an advanced query (documented: header and `$count=true` together)."""
        header = self.call.headers.get("consistencylevel", "").lower() == "eventual"
        return header and (self.option("$count").lower() == "true" or self.call.segments[-1:] == ["$count"])

    def option(self, name: str) -> str:
        """A system query option, with or without its dollar sign."""
        query = self.call.query
        return query.get(name, query.get(name[1:], ""))

    @property
    def selected(self) -> list[str] | None:
        """Names in `$select`; None when there is none."""
        names = [name.strip() for name in self.option("$select").split(",") if name.strip()]
        return None if not names or "*" in names else names

    @property
    def expanded(self) -> list[str]:
        """Names in `$expand`, which are in the answer whatever `$select` says (documented: OData 4.01, 5.1.3)."""
        plain = re.sub(r"\([^()]*\)", "", self.option("$expand"))
        return [name.strip() for name in plain.split(",") if name.strip()]

    def _check_expansion(self, entity_type: str, known: Iterable[str]) -> None:
        """One relation that the type has and that the lab knows of. Raises 400, and 501 of the lab's own."""
        names = self.expanded
        if not names:
            return
        if len(names) > 1:
            raise too_many_expanded(len(names))
        if names[0] in EXPANDED.get(entity_type, ()):
            return
        if not entity_type or names[0] in RELATIONS.get(entity_type, ()):
            raise not_simulated(self.call.method, f"$expand={names[0]}")
        raise not_expandable(names[0], entity_type, known=names[0] in set(known))

    # --- answers -------------------------------------------------------------------------------------------------------

    @property
    def root(self) -> str:
        """Where `$metadata` is."""
        return f"{self.world.endpoints.graph}/{self.version}"

    def context(self, fragment: str) -> str:
        """An `@odata.context`."""
        return f"{self.root}/$metadata#{fragment}"

    def one(self, context: str, entity: Entity, entity_type: str = "", known: Iterable[str] = ()) -> Answer:
        """200 with one object, reduced to `$select`."""
        self._check_expansion(entity_type, known or entity)
        names = self._checked_selection(entity_type, known or entity)
        if names:
            self.units = max(1, self.units - 1)
            context = f"{context.removesuffix('/$entity')}({','.join(names)})/$entity"
            names = [*names, *self.expanded]
        return Answer(200, {"@odata.context": self.context(context), **select(entity, names)})

    def _checked_selection(self, entity_type: str, known: Iterable[str]) -> list[str] | None:
        names = self.selected
        if names and entity_type:
            allowed = {*known, "owners"}
            error = unknown_names([name.split("/")[0] for name in names], allowed, entity_type)
            if error is not None:
                error.message = f"Parsing OData Select and Expand failed: {error.message}"
                raise error
        return names

    def many(
        self, context: str, entities: Iterable[Entity], entity_type: str = "", known: Iterable[str] = ()
    ) -> Answer:
        """200 with a page of objects after `$filter`, `$search`, `$orderby`, `$select` and paging."""
        self._check_expansion(entity_type, known)
        matching = self._matching(entities, entity_type, known)
        if self.call.segments[-1:] == ["$count"]:
            return self._plain_count(len(matching))
        size = self._page_size()
        begin = self._skip()
        page = matching[begin : begin + size]
        names = self._checked_selection(entity_type, known or (page[0] if page else ()))
        if names and page:
            context = f"{context}({','.join(names)})"
        body: dict[str, Any] = {"@odata.context": self.context(context)}
        if self.eventual and self.option("$count").lower() == "true":
            body["@odata.count"] = len(matching)
        if begin + size < len(matching):
            body["@odata.nextLink"] = self._next_link(begin + size)
        body["value"] = [select(entity, [*names, *self.expanded]) for entity in page] if names else page
        if names:
            self.units = max(1, self.units - 1)
        return Answer(200, body)

    def _matching(self, entities: Iterable[Entity], entity_type: str, known: Iterable[str]) -> list[Entity]:
        clause, ordering, term = self.option("$filter"), self.option("$orderby"), self.option("$search")
        eventual = self.eventual
        if term and not eventual:
            raise bad_request(
                "Request with $search query parameter only works through MSGraph with a special request header: "
                "'ConsistencyLevel: eventual'",
                "Request_UnsupportedQuery",
            )
        if clause and ordering and not eventual:
            raise bad_request("Sorting not supported for current query.", "Request_UnsupportedQuery")
        self._check_names(sorted_names(ordering), entity_type, known)
        if clause:
            parsed = parse_filter(clause)
            self._check_names(parsed.names, entity_type, known)
            check_advanced(parsed, eventual)
            matching = [entity for entity in entities if parsed.test(entity)]
        else:
            matching = list(entities)
        if term:
            matching = search(matching, term)
        return order(matching, ordering) if ordering else matching

    @staticmethod
    def _check_names(names: Iterable[str], entity_type: str, known: Iterable[str]) -> None:
        """Raise 400 for a property that the type does not have."""
        error = unknown_names(names, known, entity_type) if entity_type and known else None
        if error is not None:
            raise error

    def _plain_count(self, count: int) -> Answer:
        if self.call.headers.get("consistencylevel", "").lower() != "eventual":
            raise bad_request("$count is not currently supported.")
        return Answer(200, str(count), {"Content-Type": "text/plain"})

    def _page_size(self) -> int:
        text = self.option("$top")
        if not text:
            return self.world.switches.default_page_size
        if not text.isdigit() or not 1 <= int(text) <= _MAX_TOP:
            raise bad_request(f"Invalid page size specified: '{text}'. Must be between 1 and 999 inclusive.")
        if int(text) < 20:
            self.units = max(1, self.units - 1)
        return int(text)

    def _skip(self) -> int:
        if self.option("$skip"):
            # Observed: https://github.com/microsoftgraph/msgraph-metadata/issues/135; directory objects have $skiptoken alone.
            raise bad_request("'$skip' is not supported by the service.")
        token = self.option("$skiptoken")
        if not token:
            return 0
        if not token.startswith("RFNwdAIAAQ") or not token[10:].isdigit():
            raise bad_request("Skip token is null or empty, or invalid.", "Directory_ExpiredPageToken")
        return int(token[10:])

    def _next_link(self, begin: int) -> str:
        path, _question, query = self.call.target.partition("?")
        kept = [part for part in query.split("&") if part and "skiptoken=" not in part.lower()]
        return f"{self.call.base}{path}?{'&'.join([*kept, f'$skiptoken=RFNwdAIAAQ{begin}'])}"

    def created(self, context: str, entity: Entity, location_type: str) -> Answer:
        """201 with the whole object and the recorded Location."""
        location = (
            f"{self.world.endpoints.graph}/v2/{self.tenant.id}/directoryObjects/{entity['id']}/"
            f"Microsoft.DirectoryServices.{location_type}"
        )
        return Answer(201, {"@odata.context": self.context(context), **entity}, {"Location": location})

    def action(self, context: str, entity: Entity) -> Answer:
        """200 of an action, whose Location is the bare service (recorded)."""
        return Answer(
            200, {"@odata.context": self.context(context), **entity}, {"Location": self.world.endpoints.graph}
        )


def without_annotations(value: Any) -> Any:
    """A JSON value without `@odata.*` and `name@odata.*` members."""
    if isinstance(value, dict):
        return {
            name: without_annotations(part)
            for name, part in value.items()
            if "@odata." not in name and "@microsoft.graph." not in name
        }
    return [without_annotations(part) for part in value] if isinstance(value, list) else value


def text_of(body: dict[str, Any], name: str, missing: GraphError) -> str:
    """A property that must be a text with something in it. Raises `missing`."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise missing
    return value
