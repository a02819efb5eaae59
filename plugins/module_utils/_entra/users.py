# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The users of a tenant: everybody, some by name, or the members of groups; and who of them has a photo.

What is sent is decided by pure functions; :class:`Reader` sends it. Sources: Graph reference of user, group and profilePhoto
(documented).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from .._common.ids import is_guid
from .._common.odata import encoded_literal
from .._errors import Ambiguous, M365Error, NotFound
from . import rights
from .graph import CONSISTENT, Answer, Call, GraphClient, Json
from .tokens import Token

SELECT = "id,userPrincipalName,mail,displayName,accountEnabled,userType,proxyAddresses"
"""No more than that: a directory holds much that is nobody's business here."""

PAGE_SIZE = 999
"""Most users that Graph gives in one page (documented)."""

NAMES_PER_FILTER = 7
"""Each name stands in two lists of a filter, and Graph takes fifteen values in one filter (documented)."""

_LIST = "list the users of the tenant"
_LOOK_UP = "look up users of the tenant"
_FIND_GROUPS = "find groups of the tenant"
_MEMBERS = "list the members of a group"
_PHOTOS = "find out who has a photo"


@dataclass(frozen=True)
class UserSelection:
    """Which users are asked for.

    :param names: user principal names, mail addresses or object ids.
    :param groups: object ids, mail addresses or display names of groups. Where names and groups are both ``None`` it is
        everybody; with both, whoever is in either. An empty list names nobody.
    :param enabled: those only whose account is enabled, or is not; ``None``: both.
    :param guests: whether guests are listed too.
    :param photo: whether to find out who has a photo.
    """

    names: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    enabled: bool | None = None
    guests: bool = True
    photo: bool = False

    @property
    def everybody(self) -> bool:
        return self.names is None and self.groups is None

    def takes(self, person: Person) -> bool:
        """Whether somebody who was found is to be listed."""
        if person.guest and not self.guests:
            return False
        return self.enabled is None or person.enabled is self.enabled


@dataclass(frozen=True)
class Person:
    """A user of the tenant.

    :param enabled: ``None`` where Graph does not tell.
    :param photo: ``None`` where nobody asked.
    :param aliases: further mail addresses; a user who was renamed keeps the old one there (observed).
    """

    id: str
    principal_name: str
    mail: str
    name: str
    enabled: bool | None
    guest: bool
    photo: bool | None = None
    aliases: tuple[str, ...] = ()

    @classmethod
    def of(cls, entity: Mapping[str, Any]) -> Person:
        """From ``microsoft.graph.user``. Old members have no ``userType`` (documented: it may be null)."""
        known = {str(entity.get(name) or "").casefold() for name in ("userPrincipalName", "mail")}
        proxies = [str(address).partition(":") for address in entity.get("proxyAddresses") or ()]
        return cls(
            id=str(entity["id"]),
            principal_name=str(entity.get("userPrincipalName") or ""),
            mail=str(entity.get("mail") or ""),
            name=str(entity.get("displayName") or ""),
            enabled=entity.get("accountEnabled"),
            guest=str(entity.get("userType") or "").casefold() == "guest",
            # Others are addresses of X.500 or SIP; the primary one is written SMTP, in capitals (documented).
            aliases=tuple(
                sorted(
                    {
                        mail
                        for kind, _colon, mail in proxies
                        if kind.casefold() == "smtp" and mail.casefold() not in known
                    }
                )
            ),
        )

    def answers_to(self, name: str) -> bool:
        """Whether the user was asked for by this name; the directory takes no notice of case (documented)."""
        names = (self.id, self.principal_name, self.mail, *self.aliases)
        return name.casefold() in {known.casefold() for known in names if known}

    def as_dict(self) -> Json:
        """As it stands in results, and as the comparison with a PBX takes it."""
        return {
            "id": self.id,
            "user_principal_name": self.principal_name,
            "mail": self.mail or None,
            "aliases": list(self.aliases),
            "display_name": self.name,
            "enabled": self.enabled,
            "guest": self.guest,
            "photo": self.photo,
        }


@dataclass(frozen=True)
class Group:
    id: str
    name: str
    mail: str

    def as_dict(self) -> Json:
        """As it stands in results."""
        return {"id": self.id, "display_name": self.name, "mail": self.mail or None}


@dataclass(frozen=True)
class SelectedUsers:
    """What the tenant says.

    :param missing: names that nobody has, in the order and the spelling in which they were given.
    """

    people: tuple[Person, ...]
    missing: tuple[str, ...]
    groups: tuple[Group, ...]


# --- what is sent -----------------------------------------------------------------------------------------------------


def rights_needed(selection: UserSelection) -> list[tuple[str, tuple[str, ...]]]:
    """What is to be done, and the permissions of which one is needed for it. Pure."""
    needed: list[tuple[str, tuple[str, ...]]] = [(_LIST if selection.everybody else _LOOK_UP, rights.READ_USERS)]
    if selection.groups:
        needed.append((_MEMBERS, rights.READ_GROUP_MEMBERS))
    if selection.photo:
        needed.append((_PHOTOS, rights.READ_PHOTOS))
    return needed


def check_rights(token: Token, selection: UserSelection, tenant_id: str) -> None:
    """Raise :class:`rights.MissingRight` for the first right that the token certainly lacks."""
    for tried, any_of in rights_needed(selection):
        rights.require(token, any_of, tried, tenant_id)


def listing(enabled: bool | None) -> str:
    """The path that lists everybody. Pure.

    Guests are left out here and not by the filter: ``userType ne 'Guest'`` would need an index that lags, and
    ``userType eq 'Member'`` loses members without a type.
    """
    clause = "" if enabled is None else f"$filter=accountEnabled%20eq%20{str(enabled).lower()}&"
    return f"/users?{clause}$select={SELECT}&$top={PAGE_SIZE}"


def lookups(names: Sequence[str]) -> list[Call]:
    """The requests that find users by name, some names in each. Pure."""
    ids = [name for name in names if is_guid(name)]
    addresses = [name for name in names if not is_guid(name)]
    clauses = [f"id%20in%20({_values(some)})" for some in _chunks(ids)]
    for some in _chunks(addresses):
        values = _values(some)
        clauses.append(f"userPrincipalName%20in%20({values})%20or%20mail%20in%20({values})")
    return [Call("GET", f"/users?$filter={clause}&$select={SELECT}&$top={PAGE_SIZE}") for clause in clauses]


def group_lookups(names: Sequence[str]) -> list[Call]:
    """The requests that find groups, one for each name. Pure."""
    fields = "$select=id,displayName,mail"
    return [
        Call("GET", f"/groups/{name}?{fields}")
        if is_guid(name)
        else Call(
            "GET",
            f"/groups?$filter=displayName%20eq%20{encoded_literal(name)}%20or%20mail%20eq%20{encoded_literal(name)}&{fields}",
        )
        for name in names
    ]


def members(group: Group) -> str:
    """The path that lists the users in a group and in the groups in it, as an advanced query (documented). Pure."""
    return f"/groups/{group.id}/transitiveMembers/microsoft.graph.user?$count=true&$select={SELECT}&$top={PAGE_SIZE}"


def _values(names: Iterable[str]) -> str:
    return ",".join(encoded_literal(name) for name in names)


def _chunks(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[start : start + NAMES_PER_FILTER] for start in range(0, len(names), NAMES_PER_FILTER)]


# --- what came back ---------------------------------------------------------------------------------------------------


def chosen(names: Sequence[str], answers: Sequence[Answer], tenant_id: str) -> list[Group]:
    """The groups that were asked for, each once. Pure.

    :raises NotFound: names all groups that do not exist.
    :raises Ambiguous: several groups have one of the names; the error names them by id.
    """
    matches = [_groups_in(answer) for answer in answers]
    unknown = [name for name, groups in zip(names, matches) if not groups]
    if unknown:
        raise NotFound(
            f"the tenant has no group {', no group '.join(repr(name) for name in unknown)}",
            tried=_FIND_GROUPS,
            target=tenant_id,
            remedy="Give the object id, the mail address or the display name of a group.",
        )
    for name, groups in zip(names, matches):
        if len(groups) > 1:
            raise Ambiguous(
                f"the groups {' and '.join(sorted(group.id for group in groups))} both answer to {name!r}"
                if len(groups) == 2
                else f"the groups {', '.join(sorted(group.id for group in groups))} all answer to {name!r}",
                tried=_FIND_GROUPS,
                target=tenant_id,
                remedy="Give the object id of the one that is meant.",
            )
    return list({groups[0].id: groups[0] for groups in matches}.values())


def _groups_in(answer: Answer) -> list[Group]:
    try:
        content = answer.get()
    except NotFound:
        return []
    except M365Error as error:
        raise error.while_trying(_FIND_GROUPS) from None
    entries = content.get("value", [content])
    return [
        Group(str(entry["id"]), str(entry.get("displayName") or ""), str(entry.get("mail") or "")) for entry in entries
    ]


def has_photo(answer: Answer) -> bool:
    """What one answer about a photo means. Inside of a batch a 404 is certainly Graph's own word.

    Who has no mailbox has no photo either, and Graph says so with codes of other services (observed), so the code is not
    checked.
    """
    if answer.status == 404:
        return False
    try:
        answer.get()
    except M365Error as error:
        raise error.while_trying(_PHOTOS) from None
    return True


class Reader:
    def __init__(self, client: GraphClient) -> None:
        self._client = client

    def read(self, selection: UserSelection) -> SelectedUsers:
        """Whoever is wanted, each once, by user principal name.

        :raises NotFound, Ambiguous: a group that is not there, or is there twice.
        """
        groups: list[Group] = []
        if selection.everybody:
            everybody = self._pages(_LIST, listing(selection.enabled))
        else:
            groups = self._groups(selection.groups or ())
            everybody = self._named(selection.names or ())
        missing = tuple(
            name for name in selection.names or () if not any(person.answers_to(name) for person in everybody)
        )
        for group in groups:
            everybody += self._pages(_MEMBERS, members(group), CONSISTENT, target=group.name)
        once = {person.id: person for person in everybody if selection.takes(person)}
        people = sorted(once.values(), key=lambda person: (person.principal_name.casefold(), person.id))
        return SelectedUsers(tuple(self._with_photos(people) if selection.photo else people), missing, tuple(groups))

    def _pages(
        self,
        tried: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        first: Json | None = None,
        target: str = "",
    ) -> list[Person]:
        try:
            return [Person.of(entity) for entity in self._client.pages(path, headers, first)]
        except M365Error as error:
            raise error.while_trying(tried, target or self._client.tenant_id) from None

    def _named(self, names: Sequence[str]) -> list[Person]:
        calls = lookups(names)
        people: list[Person] = []
        for call, answer in zip(calls, self._batch(calls, _LOOK_UP)):
            if not answer.ok:
                raise answer.error.while_trying(_LOOK_UP, self._client.tenant_id)
            people += self._pages(_LOOK_UP, call.path, first=answer.get())
        return people

    def _groups(self, names: Sequence[str]) -> list[Group]:
        return chosen(names, self._batch(group_lookups(names), _FIND_GROUPS), self._client.tenant_id)

    def _with_photos(self, people: Sequence[Person]) -> list[Person]:
        calls = [Call("GET", f"/users/{quote(person.id, safe='')}/photo") for person in people]
        answers = self._batch(calls, _PHOTOS)
        return [replace(person, photo=has_photo(answer)) for person, answer in zip(people, answers)]

    def _batch(self, calls: Sequence[Call], tried: str) -> list[Answer]:
        try:
            return self._client.batch(calls)
        except M365Error as error:
            raise error.while_trying(tried, self._client.tenant_id) from None
