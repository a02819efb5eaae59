# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""The users (extensions) of a PBX, as far as Microsoft 365 is concerned.

``/Users`` without ``$select`` gives away SIP passwords and PINs (observed), so the fields are always named.
A user has no Entra object id here (documented by its absence); users are told apart by mail address, without regard to case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.odata import literal
from ansible_collections.tcx.m365.plugins.module_utils._errors import Ambiguous, NotFound
from ansible_collections.tcx.m365.plugins.module_utils._pbx.xapi import Entity, Xapi
from ansible_collections.tcx.m365.plugins.module_utils._plan import Change, Plan, Write

FIELDS = (
    "Id",
    "Number",
    "DisplayName",
    "EmailAddress",
    "Enabled",
    "ContactImage",
    "Tags",
    "MS365SignInEnabled",
    "Require2FA",
    "Enable2FA",
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
    second_factor: bool

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> User:
        """From ``Pbx.User``; ``ContactImage`` is empty when there is no photo (observed)."""
        return cls(
            id=int(found["Id"]),
            number=str(found.get("Number") or ""),
            name=str(found.get("DisplayName") or ""),
            email=str(found.get("EmailAddress") or ""),
            enabled=bool(found.get("Enabled")),
            photo=bool(found.get("ContactImage")),
            synced=SYNCED_TAG in (found.get("Tags") or ()),
            sign_in=bool(found.get("MS365SignInEnabled")),
            second_factor=bool(found.get("Require2FA") or found.get("Enable2FA")),
        )

    def as_dict(self) -> dict[str, Any]:
        """As it stands in results."""
        return {
            "number": self.number,
            "name": self.name,
            "email": self.email,
            "enabled": self.enabled,
            "photo": self.photo,
            "synced": self.synced,
            "sign_in": self.sign_in,
        }


def every(xapi: Xapi) -> list[User]:
    """All extensions."""
    return [User.of(found) for found in xapi.entities("/Users", "list the users of the PBX", select=FIELDS)]


def find(xapi: Xapi, names: Iterable[str]) -> dict[str, User]:
    """Users by the name they were asked for: mail address (in any case) or extension number.

    :returns: those that exist.
    :raises Ambiguous: several users have one of the addresses.
    """
    wanted = list(dict.fromkeys(names))
    found: dict[str, User] = {}
    for entity in _filtered(xapi, wanted):
        user = User.of(entity)
        for name in wanted:
            if name.casefold() == user.email.casefold() or name == user.number:
                if name in found and found[name].id != user.id:
                    raise _double(name, (found[name], user), xapi.connection.url)
                found[name] = user
    return found


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

    @property
    def names(self) -> list[str]:
        return [*self.opt_out, *self.opt_in]


def plan_sign_in(wanted: SignIn, found: Mapping[str, User]) -> Plan:
    """Pure: whose switch has to be turned. Users that do not exist (yet) count as not being as wanted."""
    made = Plan()
    for option, names, value in (("opt_out", wanted.opt_out, False), ("opt_in", wanted.opt_in, True)):
        right = [name for name in names if name in found and found[name].sign_in is value]
        wrong = [name for name in names if name not in right]
        if wrong:
            made.changes.append(Change("settings", f"sign_in.{option}", right, list(names)))
            ids = sorted({found[name].id for name in wrong if name in found})
            made.writes.append(Write("update_users", {"ids": ids, "user": {"MS365SignInEnabled": value}}))
    return made


def apply_sign_in(xapi: Xapi, plan: Plan) -> None:
    """Turn the switches; one request for all users that are to be alike (documented: ``MultiUserUpdate``)."""
    for write in plan.writes:
        if write.payload["ids"]:
            tried = "change who may sign in with Microsoft"
            # Setting a switch twice is setting it once.
            xapi.act("/Users/Pbx.MultiUserUpdate", tried, write.payload, reads=True)


def unknown(names: Iterable[str], *, url: str) -> NotFound:
    """The error that names everybody who is not on the PBX."""
    return NotFound(
        f"the PBX has no user {', no user '.join(repr(name) for name in names)}",
        tried="change who may sign in with Microsoft",
        target=url,
        remedy="Give mail addresses or extension numbers of users that the PBX has; a user of Microsoft 365 must have been "
        "synchronized first.",
    )
