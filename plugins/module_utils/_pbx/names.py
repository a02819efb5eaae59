# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From names (user principal name, mail address, group name) to the ids by which a PBX stores a selection.

Only the PBX's own actions are asked: what the PBX cannot see it cannot synchronize either. Whether a selection holds
object ids or principal names is documented nowhere (ids are most likely), so an entry counts as present under either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._common import typed
from .._common.ids import is_guid
from .._errors import BadAnswer, NotFound, Rejected, ServiceFault, Unsupported
from .connection import SERVICE
from .health import LIST_USERS
from .properties import GROUPS, MAILBOXES, USERS
from .xapi import MOST_PAGES, Xapi

BY_PRINCIPAL_NAME = "/Microsoft365Integration/Pbx.GetUsersByPrincipalNames"
LIST_GROUPS = "/Microsoft365Integration/Pbx.GetM365Groups"

_PAGE = 100
_KINDS = {USERS: "user", MAILBOXES: "shared mailbox", GROUPS: "group"}


@dataclass(frozen=True)
class Account:
    """What a name stands for.

    :param id: how the PBX stores it.
    :param aliases: everything it may be called, folded.
    """

    id: str
    aliases: frozenset[str]


@dataclass
class Names:
    """Names that were looked up; empty before the PBX is linked, when nobody can look them up."""

    accounts: dict[tuple[str, str], Account] = field(default_factory=dict)

    def account(self, directory: str, name: str) -> Account:
        """The account of a name; a name nobody has looked up, or an id, stands for itself."""
        known = self.accounts.get((directory, name.casefold()))
        return known or Account(name, frozenset((name.casefold(),)))


def named(names: Iterable[str]) -> list[str]:
    """Those that are no ids, each once."""
    return list(dict.fromkeys(name for name in names if not is_guid(name.strip())))


def to_look_up(names_by_directory: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """By directory, the names that are no ids."""
    needed = {directory: named(names) for directory, names in names_by_directory.items()}
    return {directory: unknown for directory, unknown in needed.items() if unknown}


def look_up(xapi: Xapi, names_by_directory: Mapping[str, Iterable[str]]) -> Names:
    """Ask the PBX for all names at once.

    :param names_by_directory: names by directory (:data:`USERS`, :data:`MAILBOXES`, :data:`GROUPS`).
    :raises NotFound: lists every name that Microsoft 365 does not have, and every one that several objects have.
    """
    names, unknown = Names(), []
    for directory, needed in to_look_up(names_by_directory).items():
        candidates = _by_principal_name(xapi, needed) if directory == USERS else {}
        for name in needed:
            account = candidates.get(name.casefold())
            matches = [account] if account else _search(xapi, directory, name)
            if len(matches) == 1:
                names.accounts[directory, name.casefold()] = matches[0]
            elif matches:
                ids = ", ".join(match.id for match in matches)
                unknown.append(f"{_KINDS[directory]} {name!r} (ambiguous, give one of these ids: {ids})")
            else:
                unknown.append(f"{_KINDS[directory]} {name!r}")
    if unknown:
        raise NotFound(
            f"Microsoft 365, as the PBX sees it, has no {', no '.join(unknown)}",
            tried="look up the names of the selection",
            target=xapi.connection.url,
            remedy="Give user principal names, mail addresses or group names of the tenant that the PBX is linked to.",
        )
    return names


def absent(xapi: Xapi, names: Iterable[str]) -> list[str]:
    """Those that no user of Microsoft 365 has, as far as the PBX can tell: while its integration is broken it cannot."""
    try:
        candidates = _by_principal_name(xapi, list(names))
        return [name for name in names if name.casefold() not in candidates and not _search(xapi, USERS, name)]
    except (NotFound, Rejected, ServiceFault, Unsupported):
        return []


def _by_principal_name(xapi: Xapi, needed: list[str]) -> dict[str, Account]:
    """One call for all of them. The answer does not say which account belongs to which name where the mail address differs
    from the principal name, so those are left to the search."""
    answer = _ask_principal_names(xapi, needed)
    accounts = {}
    folded = {name.casefold() for name in needed}
    for account in answer:
        for alias in account.aliases & folded:
            accounts[alias] = account
    left = [name for name in needed if name.casefold() not in accounts]
    if len(answer) > len({account.id for account in accounts.values()}):
        for name in left:
            single = _ask_principal_names(xapi, [name]) if len(needed) > 1 else answer
            if len(single) == 1:
                accounts[name.casefold()] = single[0]
    return accounts


def _ask_principal_names(xapi: Xapi, names: list[str]) -> list[Account]:
    tried = "look up users of Microsoft 365 by principal name"
    answer = xapi.act(BY_PRINCIPAL_NAME, tried, {"principalNames": names})
    return [_account(item) for item in typed.entities(answer, "value", SERVICE)]


def _search(xapi: Xapi, directory: str, name: str) -> list[Account]:
    folded = name.casefold()
    items = _groups(xapi, name) if directory == GROUPS else _users(xapi, directory, name)
    accounts = {account.id: account for account in map(_account, items) if folded in account.aliases}
    return list(accounts.values())


def _users(xapi: Xapi, directory: str, search: str) -> Iterator[dict[str, Any]]:
    kind = "SharedMailboxes" if directory == MAILBOXES else "Users"
    return pages(xapi, LIST_USERS, "Users", "list users of Microsoft 365", {"Search": search, "TypeOfUser": kind})


def _groups(xapi: Xapi, search: str) -> Iterator[dict[str, Any]]:
    try:
        yield from pages(xapi, LIST_GROUPS, "Groups", "list groups of Microsoft 365", {"Search": search})
    except NotFound as error:
        raise Unsupported("this release cannot list groups", service=error.service, status=error.status) from None


def pages(xapi: Xapi, path: str, key: str, tried: str, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every object of a listing of Microsoft 365, page by page (documented: ``NextPageToken``)."""
    token: str | None = None
    seen: set[str] = set()
    while True:
        asked = dict(options, Count=_PAGE, **({"NextPageToken": token} if token else {}))
        page = xapi.act(path, tried, {"options": asked})
        yield from page.get(key) or ()
        token = page.get("NextPageToken")
        if not token:
            return
        if token in seen or len(seen) >= MOST_PAGES:
            raise BadAnswer("the pages of a list do not end", service=SERVICE, tried=tried, target=xapi.connection.url)
        seen.add(token)


def _account(item: Mapping[str, Any]) -> Account:
    called = (item.get(key) for key in ("Id", "Email", "Name", "DisplayName"))
    return Account(str(item.get("Id") or ""), frozenset(str(alias).casefold() for alias in called if alias))
