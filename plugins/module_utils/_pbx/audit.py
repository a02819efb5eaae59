# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an auditor wants to know of a PBX: license and its dates, users and photos, double addresses, real sign-ins.

Each of it costs requests, so each is asked for by name.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._common import dates
from .._errors import NotFound, Rejected
from . import names
from .facts import Facts
from .health import LIST_USERS
from .tls_certificate import TlsCertificate
from .users import User
from .version import Release
from .xapi import Xapi

LIMITS_SINCE = Release(20, 0, 9)
"""``MaxUserExtensions`` and ``UserExtensions`` exist from here on (documented)."""

SSO_SINCE = Release(20, 0, 10)
"""Only from here on does a session say that it began with Microsoft (documented: ``GrantType``; before: Local or Guest)."""


def certificate(xapi: Xapi) -> dict[str, Any] | None:
    """The TLS certificate that the PBX shows to browsers and to Microsoft; ``None`` for plain HTTP."""
    der = xapi.certificate
    return TlsCertificate.of(der).as_dict(dt.datetime.now(dt.timezone.utc)) if der else None


_STATUS = (
    "Activated",
    "LicenseActive",
    "ProductCode",
    "ExpirationDate",
    "MaintenanceExpiresAt",
    "MaxSimCalls",
    "Support",
)
_LIMITS = ("MaxUserExtensions", "UserExtensions")

_SESSION = ("Username", "LoginType", "Created")
"""``Token`` is a field of the same entity and is never asked for."""


def license_state(xapi: Xapi, facts: Facts) -> dict[str, Any]:
    """State and dates of the license; the license key is never read."""
    select = _STATUS + (_LIMITS if facts.release >= LIMITS_SINCE else ())
    status = xapi.get("/SystemStatus", "read the state of the license", select=select)
    return {
        "edition": facts.license.label,
        "product_code": status.get("ProductCode") or facts.license.product_code,
        "active": status.get("LicenseActive"),
        "activated": status.get("Activated"),
        "expires": status.get("ExpirationDate"),
        "maintenance_expires": status.get("MaintenanceExpiresAt"),
        "maintenance_expired": facts.license.maintenance_expired,
        "supported": status.get("Support"),
        "simultaneous_calls": status.get("MaxSimCalls"),
        "users": status.get("UserExtensions"),
        "users_limit": status.get("MaxUserExtensions"),
    }


def first_free_extension(xapi: Xapi) -> str | None:
    """The first extension number nobody has, or ``None`` when all are taken."""
    try:
        answer = xapi.get("/Users/Pbx.GetFirstAvailableExtensionNumber()", "find a free extension number")
    except (NotFound, Rejected):
        return None
    return answer.get("Number")


def duplicates(users: Iterable[User]) -> list[dict[str, Any]]:
    """Mail addresses that several extensions have: Microsoft 365 users are mapped by address, so these map to chance."""
    by_address: dict[str, list[str]] = {}
    for user in users:
        if user.email:
            by_address.setdefault(user.email.casefold(), []).append(user.number)
    return [{"email": mail, "numbers": sorted(all_)} for mail, all_ in sorted(by_address.items()) if len(all_) > 1]


def sessions(xapi: Xapi, facts: Facts) -> dict[str, Any]:
    """Sign-ins with Microsoft that have really happened.

    :returns: ``known`` false where the release does not record how a session began.
    """
    if facts.release < SSO_SINCE:
        return {"known": False, "sso": []}
    tried = "read how users have signed in"
    tokens = xapi.entities("/SecurityTokens", tried, select=_SESSION, where="LoginType eq 'Sso'")
    sso = [{"username": token.get("Username"), "created": token.get("Created")} for token in tokens]
    return {"known": True, "sso": sorted(sso, key=lambda sign_in: str(sign_in["created"]))}


@dataclass(frozen=True)
class DirectoryUser:
    """A user of Microsoft 365, as the PBX or Graph shows it.

    :param addresses: everything the user may be mapped by, folded.
    :param aliases: further addresses, folded; the old one of a user who was renamed is among them.
    :param enabled: ``None`` where the source does not say it (the PBX's own listing).
    :param photo: likewise.
    """

    label: str
    addresses: frozenset[str]
    enabled: bool | None = None
    photo: bool | None = None
    aliases: frozenset[str] = frozenset()

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> DirectoryUser:
        """From an entry of the option ``directory_users``."""
        mails = (value.get("user_principal_name"), value.get("mail"))
        addresses = frozenset(mail.casefold() for mail in mails if mail)
        label = str(value.get("user_principal_name") or value.get("mail") or "")
        aliases = frozenset(mail.casefold() for mail in value.get("aliases") or ()) - addresses
        return cls(label, addresses, value.get("enabled"), value.get("photo"), aliases)


def directory(xapi: Xapi) -> list[DirectoryUser]:
    """The users of Microsoft 365 that the PBX sees."""
    options = {"TypeOfUser": "Users"}
    listing = names.pages(xapi, LIST_USERS, "Users", "list users of Microsoft 365", options)
    return [
        DirectoryUser(str(entry["Email"]), frozenset((str(entry["Email"]).casefold(),)))
        for entry in listing
        if entry.get("Email")
    ]


def compare_users(users: Iterable[User], known: Iterable[DirectoryUser]) -> dict[str, Any]:
    """The users of the PBX against those of Microsoft 365. Pure.

    :returns: ``synced`` (all users that came from Microsoft 365), ``without_photo`` (of those, where Microsoft 365 is not
        known to have none), ``leavers`` (came from Microsoft 365, and are gone or disabled there: 3CX keeps them, and they
        keep their password), ``renamed`` (found by an old address, with the new name), ``strangers`` (never came from
        Microsoft 365 and are not in it), ``missing`` (in Microsoft 365 and not on the PBX), ``local`` (in both, and not marked
        as synchronized).
    """
    people, everyone = list(known), sorted(users, key=lambda user: user.number)
    match = _Matches(people, everyone)
    report: dict[str, list[Any]] = {
        key: [] for key in ("synced", "without_photo", "leavers", "renamed", "strangers", "local", "missing")
    }
    seen = set()
    for user in everyone:
        person, renamed = match.person(user)
        if person is not None:
            seen.add(person.label)
        if user.synced:
            report["synced"].append(user.as_dict())
            if person is None or person.enabled is False:
                report["leavers"].append(dict(user.as_dict(), reason=match.reason(user, person)))
                continue
            if not user.photo and person.photo is not False:
                report["without_photo"].append(user.email)
        elif person is None:
            report["strangers"].append(user.as_dict())
        else:
            report["local"].append(user.email)
        if renamed and person is not None:
            report["renamed"].append(dict(user.as_dict(), renamed_to=person.label))
    report["missing"] = sorted(
        person.label for person in people if person.label not in seen and person.enabled is not False
    )
    return report


class _Matches:
    """Who of Microsoft 365 an extension belongs to."""

    def __init__(self, people: Iterable[DirectoryUser], users: Iterable[User]) -> None:
        everybody = list(people)
        self._by_address = {address: person for person in everybody for address in person.addresses}
        self._by_alias = {alias: person for person in everybody for alias in person.aliases}
        mails = {user.email.casefold() for user in users if user.email}
        # Who has an extension of their own has got the address of a colleague who left, and was not renamed.
        self._at_home = {person.label for person in everybody if person.addresses & mails}

    def person(self, user: User) -> tuple[DirectoryUser | None, bool]:
        """The account, and whether it has another name by now."""
        mail = user.email.casefold()
        if mail in self._by_address:
            return self._by_address[mail], False
        heir = self._by_alias.get(mail)
        return (heir, True) if heir is not None and heir.label not in self._at_home else (None, False)

    def reason(self, user: User, person: DirectoryUser | None) -> str:
        """Why a synchronized user counts as deprovisioned."""
        if person is not None:
            return "disabled in Microsoft 365"
        heir = self._by_alias.get(user.email.casefold())
        return f"not in Microsoft 365; the address belongs to {heir.label} now" if heir else "not in Microsoft 365"


def before_after(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """What a synchronization has done, from two lists of users as :meth:`User.as_dict` makes them. Pure."""
    old = {str(user["number"]): user for user in before}
    new = {str(user["number"]): user for user in after}
    both = [number for number in new if number in old]
    return {
        "added": sorted(new[number]["email"] or number for number in new if number not in old),
        "removed": sorted(old[number]["email"] or number for number in old if number not in new),
        "photo_added": sorted(new[n]["email"] or n for n in both if new[n]["photo"] and not old[n]["photo"]),
        "mapped": sorted(new[n]["email"] or n for n in both if new[n]["synced"] and not old[n]["synced"]),
    }


def clock_offset(xapi: Xapi) -> float | None:
    """Seconds by which the PBX's clock is ahead of ours; ``None`` when it does not tell the time.

    A PBX whose clock is minutes off is refused by Entra: its assertions are not valid yet, or no longer. The token comes
    first, because the ``Date`` of an answer may be that of a proxy in between.
    """
    if xapi.clock_offset is not None:
        return xapi.clock_offset
    stated = dates.from_http(xapi.date)
    return None if stated is None else float(round(stated - time.time()))
