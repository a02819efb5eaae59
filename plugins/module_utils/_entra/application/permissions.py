# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Permissions by name: what a resource API offers, what the operator asks for, what the features of a PBX need.

The ids behind the names come from the tenant's own service principal of the API; nothing is built in.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..._common.ids import is_guid
from ..._common.option_names import marked
from ..._errors import BadInput
from ..clouds import GRAPH_APP_ID

Json = dict[str, Any]

APPLICATION = "Role"
"""Type of an application permission in ``requiredResourceAccess``."""

DELEGATED = "Scope"
"""Type of a delegated permission."""

_WORDS = {APPLICATION: "application", DELEGATED: "delegated"}

RESOURCES: Mapping[str, str] = {
    "microsoft graph": GRAPH_APP_ID,
    "graph": GRAPH_APP_ID,
    "office 365 exchange online": "00000002-0000-0ff1-ce00-000000000000",
    "exchange": "00000002-0000-0ff1-ce00-000000000000",
    "office 365 sharepoint online": "00000003-0000-0ff1-ce00-000000000000",
    "sharepoint": "00000003-0000-0ff1-ce00-000000000000",
}
"""Names of Microsoft's own APIs; their application ids are the same in every tenant (documented)."""

FEATURES: Mapping[str, Mapping[str, Sequence[str]]] = {
    # The ID token of a sign-in needs nothing but these; with admin consent no user is asked (assumed).
    "sign_in": {DELEGATED: ("openid", "profile", "email")},
    "user_sync": {APPLICATION: ("User.Read.All",)},
    "contact_sync": {APPLICATION: ("Contacts.Read",)},
    "calendar_sync": {APPLICATION: ("Calendars.Read",)},
    "presence": {APPLICATION: ("Presence.ReadWrite.All",)},
    "groups": {APPLICATION: ("GroupMember.Read.All",)},
    "mail": {APPLICATION: ("Mail.Send",)},
}
"""The least that each feature of 3CX needs: the manufacturer's list, by Graph's own rules (inferred)."""

GUIDE: Sequence[str] = ("User.Read.All", "Calendars.Read", "Contacts.Read", "Mail.Send")
"""What 3CX's guide has its reader consent to, whatever is switched on (documented)."""


def features_of(settings: Mapping[str, Any]) -> list[str]:
    """The features that the settings of a PBX switch on, in the order of :data:`FEATURES`.

    The PBX lists the users of Microsoft 365 to find out whether the integration works, so ``user_sync`` is always one.
    ``sign_in`` is none: an ID token needs no consent of an administrator, and to give one takes a right of its own.

    :param settings: in the shape of the options of ``tcx_m365_settings``; what is not mentioned is not on.
    """
    on = {"user_sync"}
    on |= {name for name in ("contact_sync", "calendar_sync", "presence") if _on(settings, name, "enabled")}
    if _on(settings, "shared_mailboxes", "enabled"):
        on.add("contact_sync")
    if _on(settings, "mail", "microsoft365"):
        on.add("mail")
    sync = settings.get("user_sync") or {}
    if sync.get("scope") == "groups" or sync.get("groups"):
        on.add("groups")
    return [name for name in FEATURES if name in on]


def _on(settings: Mapping[str, Any], group: str, name: str) -> bool:
    return bool((settings.get(group) or {}).get(name))


@dataclass(frozen=True)
class RequestedPermission:
    """One permission as asked for.

    :param resource: application id of the API.
    :param name: its name or its id.
    :param kind: :data:`APPLICATION` or :data:`DELEGATED`.
    :param option: where the operator asks for it; empty for what this collection derives.
    """

    resource: str
    name: str
    kind: str
    option: str = field(default="", compare=False)


@dataclass(frozen=True)
class Permission:
    """One permission that exists.

    :param id: of the app role or scope.
    """

    resource: str
    id: str
    kind: str
    name: str

    def label(self, catalogs: Mapping[str, Catalog]) -> str:
        """How it is written in results."""
        return label(self.resource, self.name, catalogs)


@dataclass(frozen=True)
class Catalog:
    """What one resource API offers in one tenant.

    :param object_id: of its service principal there.
    :param names: kind -> name -> id, of what can be granted.
    :param retired: kind -> name -> id, of what is disabled or meant for others.
    """

    app_id: str
    object_id: str
    title: str
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    retired: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, service_principal: Mapping[str, Any]) -> Catalog:
        """From a service principal with ``appRoles`` and ``oauth2PermissionScopes``."""
        roles: dict[bool, dict[str, str]] = {True: {}, False: {}}
        scopes: dict[bool, dict[str, str]] = {True: {}, False: {}}
        for role in service_principal.get("appRoles") or ():
            usable = bool(role.get("isEnabled")) and "Application" in (role.get("allowedMemberTypes") or ())
            if role.get("value"):
                roles[usable][str(role["value"])] = str(role["id"])
        for scope in service_principal.get("oauth2PermissionScopes") or ():
            if scope.get("value"):
                scopes[bool(scope.get("isEnabled"))][str(scope["value"])] = str(scope["id"])
        return cls(
            str(service_principal.get("appId", "")).lower(),
            str(service_principal.get("id", "")),
            str(service_principal.get("displayName") or service_principal.get("appId", "")),
            {APPLICATION: roles[True], DELEGATED: scopes[True]},
            {APPLICATION: roles[False], DELEGATED: scopes[False]},
        )

    def as_value(self) -> Json:
        """As JSON for the store of the run."""
        return dict(vars(self))

    def offers(self, request: RequestedPermission) -> bool:
        """Whether a permission can be granted."""
        known = _folded(self.names.get(request.kind, {}))
        return request.resource == self.app_id and request.name.casefold() in known

    def find(self, request: RequestedPermission) -> Permission:
        """The permission asked for; raises :class:`BadInput` with the nearest names when there is none."""
        match = _folded(self.names.get(request.kind, {})).get(request.name.casefold())
        if match is not None:
            name, identifier = match
            return Permission(self.app_id, identifier, request.kind, name)
        asked = f"{marked(request.option)}: " if request.option else ""
        raise BadInput(
            f"{asked}{self.title} has no {_WORDS[request.kind]} permission {request.name!r}",
            tried="resolve a permission",
            remedy=self._hint(request),
        )

    def name_of(self, kind: str, identifier: str) -> str:
        """The name behind an id, or the id where it has none (any more)."""
        folded = identifier.casefold()
        for known in (self.names, self.retired):
            name, known_id = _folded(known.get(kind, {})).get(folded, ("", ""))
            if known_id.casefold() == folded:
                return name
        return identifier

    def _hint(self, request: RequestedPermission) -> str:
        if request.name in self.retired.get(request.kind, {}):
            return "It exists, but it is disabled or not meant for applications."
        other = DELEGATED if request.kind == APPLICATION else APPLICATION
        folded = {name.casefold(): name for name in self.names.get(request.kind, {})}
        near = difflib.get_close_matches(request.name.casefold(), list(folded), n=3, cutoff=0.6)
        hints = []
        if request.name.casefold() in {name.casefold() for name in self.names.get(other, {})}:
            hints.append("It is a delegated permission." if other == DELEGATED else "It is an application permission.")
        if near:
            hints.append(f"Did you mean {' or '.join(folded[name] for name in near)}?")
        return " ".join(hints) or "Names are case-insensitive and listed in the permissions reference of the API."


_folds: dict[int, tuple[Mapping[str, str], dict[str, tuple[str, str]]]] = {}
_MOST_FOLDS = 64


def _folded(names: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """From each name and each id, whatever its case, to both.

    Graph offers more than a thousand, and all tenants of a cloud share one mapping, so it is turned round once for each.
    """
    known = _folds.get(id(names))
    if known is not None and known[0] is names:
        return known[1]
    by_text: dict[str, tuple[str, str]] = {}
    for pair in names.items():
        for text in pair:
            by_text.setdefault(text.casefold(), pair)
    if len(_folds) >= _MOST_FOLDS:
        _folds.clear()
    _folds[id(names)] = (names, by_text)
    return by_text


def requested(entries: Iterable[Any] | None, kind: str) -> list[RequestedPermission]:
    """What the operator wrote: names, ids, ``API/name``, or mappings with ``resource``, ``name`` and ``type``.

    :param kind: of those that do not say it themselves.
    :raises BadInput: an entry that cannot be understood.
    """
    option = "permissions" if kind == APPLICATION else "delegated_permissions"
    try:
        requests = dict.fromkeys(replace(_requested(entry, kind), option=option) for entry in entries or ())
    except BadInput as error:
        raise BadInput(f"{marked(option)}: {error.message}", remedy=error.remedy) from None
    return list(requests)


def requested_by_features(features: Iterable[str] | None) -> list[RequestedPermission]:
    """The least set of permissions for the features, application permissions first."""
    requests: dict[RequestedPermission, None] = {}
    for kind in (APPLICATION, DELEGATED):
        for feature in features or ():
            if feature not in FEATURES:
                raise BadInput(f"there is no feature {feature!r}", remedy=f"Known are: {', '.join(FEATURES)}.")
            for name in FEATURES[feature].get(kind, ()):
                requests.setdefault(RequestedPermission(GRAPH_APP_ID, name, kind))
    return list(requests)


def requested_by_options(params: Mapping[str, Any]) -> list[RequestedPermission]:
    """What ``permissions``, ``delegated_permissions`` and ``features`` ask for, each once."""
    asked = [
        *requested(params["permissions"], APPLICATION),
        *requested(params["delegated_permissions"], DELEGATED),
        *requested_by_features(params["features"]),
    ]
    return list(dict.fromkeys(asked))


def is_well_known(request: RequestedPermission) -> bool:
    """Whether it is one of the names that :data:`FEATURES` derives, in any case."""
    derived = {name.casefold() for kinds in FEATURES.values() for name in kinds.get(request.kind, ())}
    return request.resource == GRAPH_APP_ID and request.name.casefold() in derived


def resolve(requests: Iterable[RequestedPermission], catalogs: Mapping[str, Catalog]) -> list[Permission]:
    """All permissions asked for, each once; raises :class:`BadInput` for the first that does not exist."""
    permissions: dict[tuple[str, str, str], Permission] = {}
    for request in requests:
        permission = catalogs[request.resource].find(request)
        permissions.setdefault((permission.resource, permission.id, permission.kind), permission)
    return list(permissions.values())


def label(resource: str, name: str, catalogs: Mapping[str, Catalog]) -> str:
    """How a permission is written in results: Graph's by name alone, others as ``API/name``."""
    if resource == GRAPH_APP_ID:
        return name
    title = catalogs[resource].title if resource in catalogs else resource
    return f"{title}/{name}"


def _requested(entry: Any, kind: str) -> RequestedPermission:
    if isinstance(entry, Mapping):
        return _from_mapping(entry, kind)
    text = str(entry).strip()
    resource, separator, name = text.rpartition("/")
    if not text or (separator and not (resource and name)):
        raise BadInput(f"{entry!r} is not the name of a permission")
    return RequestedPermission(resource_id(resource) if separator else GRAPH_APP_ID, name, kind)


def _from_mapping(entry: Mapping[str, Any], kind: str) -> RequestedPermission:
    unknown = set(entry) - {"resource", "name", "type", "id"}
    name = str(entry.get("name") or entry.get("id") or "").strip()
    if unknown or not name:
        raise BadInput(
            f"a permission has {', '.join(sorted(unknown)) or 'no name'}",
            remedy="A permission is a name, or a mapping of name (or id), resource and type.",
        )
    kinds = {"application": APPLICATION, "delegated": DELEGATED, "role": APPLICATION, "scope": DELEGATED}
    stated = str(entry.get("type") or _WORDS[kind]).lower()
    if stated not in kinds:
        raise BadInput(f"type {entry.get('type')!r} of permission {name}", remedy="It is application or delegated.")
    return RequestedPermission(resource_id(str(entry.get("resource") or GRAPH_APP_ID)), name, kinds[stated])


def resource_id(name: str) -> str:
    """The application id of an API, from that id or from the name of one of Microsoft's."""
    text = name.strip().lower()
    if is_guid(text):
        return text
    if text in RESOURCES:
        return RESOURCES[text]
    raise BadInput(
        f"{name!r} is not a known API",
        remedy="Give its application id; by name are known: Microsoft Graph, Office 365 Exchange Online, "
        "Office 365 SharePoint Online.",
    )
