# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The users (extensions) of a PBX, as far as Microsoft 365 is concerned.

``/Users`` without ``$select`` gives away SIP passwords and PINs (observed), so the fields are always named.
A user has no Entra object id here (documented by its absence); users are told apart by mail address, without regard to case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Callable

from .._common import typed
from .._common.odata import literal
from .._errors import Ambiguous, BadAnswer, M365Error, NotFound
from .._plan import Change, Plan, Write
from .._reconcile import Applied, Resource
from .xapi import Entity, Xapi

FIELDS = (
    "Id",
    "Number",
    "DisplayName",
    "EmailAddress",
    "Enabled",
    "ContactImage",
    "Tags",
    "MS365SignInEnabled",
)

SYNCED_TAG = "MS"
"""Marks users that came from Microsoft 365 (name documented, meaning inferred)."""

_CHUNK = 15
"""Names per filter, so that the URL stays short."""


@dataclass(frozen=True)
class User:
    """One extension."""

    id: int
    number: str
    name: str
    email: str
    enabled: bool
    photo: bool
    synced: bool
    sign_in: bool

    @classmethod
    def of(cls, entity: Mapping[str, Any]) -> User:
        """From ``Pbx.User``; ``ContactImage`` is empty when there is no photo (observed)."""
        try:
            identifier = typed.number(entity, "Id", "3CX")
        except BadAnswer as error:
            raise error.while_trying("read a user of the PBX") from None
        return cls(
            id=identifier,
            number=str(entity.get("Number") or ""),
            name=str(entity.get("DisplayName") or ""),
            email=str(entity.get("EmailAddress") or ""),
            enabled=bool(entity.get("Enabled")),
            photo=bool(entity.get("ContactImage")),
            synced=SYNCED_TAG in (entity.get("Tags") or ()),
            sign_in=bool(entity.get("MS365SignInEnabled")),
        )

    def as_dict(self) -> dict[str, Any]:
        """As it stands in results."""
        return {name: value for name, value in vars(self).items() if name != "id"}


def every(xapi: Xapi) -> list[User]:
    """All extensions."""
    return [User.of(entity) for entity in xapi.entities("/Users", "list the users of the PBX", select=FIELDS)]


def find(xapi: Xapi, names: Iterable[str]) -> dict[str, User]:
    """Users by the name they were asked for: mail address (in any case) or extension number.

    :returns: those that exist.
    :raises Ambiguous: several users have one of the addresses.
    """
    unique = list(dict.fromkeys(names))
    by_name: dict[str, User] = {}
    for entity in _filtered(xapi, unique):
        user = User.of(entity)
        for name in unique:
            if name.casefold() == user.email.casefold() or name == user.number:
                if name in by_name and by_name[name].id != user.id:
                    raise _double(name, (by_name[name], user), xapi.connection.url)
                by_name[name] = user
    return by_name


def _double(name: str, people: tuple[User, User], url: str) -> Ambiguous:
    numbers = " and ".join(sorted(user.number for user in people))
    return Ambiguous(
        f"extensions {numbers} both have the address {name}",
        tried="look up users of the PBX",
        target=url,
        remedy="Give the extension number, and give each extension an address of its own.",
    )


def _filtered(xapi: Xapi, names: list[str]) -> Iterator[Entity]:
    for start in range(0, len(names), _CHUNK):
        where = " or ".join(_is(name) for name in names[start : start + _CHUNK])
        yield from xapi.entities("/Users", "look up users of the PBX", select=FIELDS, where=where)


def _is(name: str) -> str:
    # tolower on both sides: whether XAPI compares without regard to case is documented nowhere.
    if "@" in name:
        return f"tolower(EmailAddress) eq {literal(name.lower())}"
    return f"Number eq {literal(name)}"


@dataclass(frozen=True)
class SignIn:
    """Whose sign-in with Microsoft is to be off, and whose on; nobody else's is touched."""

    opt_out: tuple[str, ...] = ()
    opt_in: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.opt_out or self.opt_in)

    def only(self, names: Iterable[str]) -> SignIn:
        """The same for some of the users alone."""
        known = frozenset(names)
        return SignIn(
            tuple(name for name in self.opt_out if name in known), tuple(name for name in self.opt_in if name in known)
        )

    @property
    def names(self) -> list[str]:
        return [*self.opt_out, *self.opt_in]


def plan_sign_in(desired: SignIn, users: Mapping[str, User]) -> Plan:
    """Pure: whose switch has to be turned. Users that do not exist (yet) count as not being as desired."""
    made = Plan()
    for option, names, value in (("opt_out", desired.opt_out, False), ("opt_in", desired.opt_in, True)):
        right = [name for name in names if name in users and users[name].sign_in is value]
        wrong = [name for name in names if name not in right]
        if wrong:
            made.changes.append(Change("settings", f"sign_in.{option}", right, list(names)))
            ids = sorted({users[name].id for name in wrong if name in users})
            made.writes.append(Write("update_users", {"ids": ids, "user": {"MS365SignInEnabled": value}}))
    return made


class SignInSwitches(Resource["dict[str, User]"]):
    """Whose sign-in with Microsoft is on or off, as a resource.

    :param found: the users that are known already; the others are waited for, unless ``within`` is ``None`` (check mode).
    """

    what = "who may sign in with Microsoft"

    def __init__(self, xapi: Xapi, desired: SignIn, users: dict[str, User], *, within: float | None) -> None:
        self._xapi = xapi
        self._desired = desired
        self._users = users
        self._within = within

    def observe(self) -> dict[str, User]:
        if self._within is None or self._is_complete(self._users):
            return self._users

        def probe() -> tuple[bool, dict[str, User]]:
            users = self.read({})
            return self._is_complete(users), users

        deadline = self._xapi.context.deadline
        users: dict[str, User] = deadline.until(probe, "users are not synchronized yet", within=self._within)[1]
        return users

    def plan(self, state: dict[str, User]) -> Plan:
        return plan_sign_in(self._desired, state)

    def expected(self, state: dict[str, User], plan: Plan) -> dict[str, User]:
        users = dict(state)
        for write in plan.writes:
            switch = bool(write.payload["user"]["MS365SignInEnabled"])
            ids = write.payload["ids"]
            users = {name: replace(user, sign_in=switch) if user.id in ids else user for name, user in users.items()}
        return users

    def announce(self, plan: Plan) -> None:
        self._xapi.context.announce(plan)

    def apply(
        self, plan: Plan, state: dict[str, User], note: Callable[[dict[str, User]], None]
    ) -> Applied[dict[str, User]]:
        """One request for all users that are to be alike (documented: ``MultiUserUpdate``)."""
        for write in plan.writes:
            if write.payload["ids"]:
                # Setting a switch twice is setting it once.
                tried = "change who may sign in with Microsoft"
                self._xapi.act("/Users/Pbx.MultiUserUpdate", tried, write.payload)
                state = self.expected(state, Plan(writes=[write]))
                note(state)
        return Applied(state)

    def read(self, _known: dict[str, User]) -> dict[str, User]:
        return find(self._xapi, self._desired.names)

    def not_kept(self, left: Plan) -> M365Error:
        url = self._xapi.connection.url
        missing = [name for name in self._desired.names if name not in self.read({})]
        return unknown(missing, url=url) if missing else super().not_kept(left).while_trying("", url)

    def _is_complete(self, users: Mapping[str, User]) -> bool:
        return all(name in users for name in self._desired.names)


def unknown(names: Iterable[str], *, url: str) -> NotFound:
    """The error that names everybody who is not on the PBX."""
    return NotFound(
        f"the PBX has no user {', no user '.join(repr(name) for name in names)}",
        tried="change who may sign in with Microsoft",
        target=url,
        remedy="Give mail addresses or extension numbers of users that the PBX has; a user of Microsoft 365 must have been "
        "synchronized first.",
    )
