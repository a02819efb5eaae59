# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the Microsoft 365 integration of a PBX works.

XAPI has no property "status OK". What verifies it (documented endpoints, inferred meaning): the PBX knows its application and
has no exception to report, it can list a user of Microsoft 365, and change notifications reach it. The last one is a
warning only: without it the nightly synchronization still works.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from .._common import aadsts
from .._common.aadsts import NOBODY, Parties
from .._errors import NotFound, Rejected, ServiceFault, Unhealthy
from .xapi import Xapi

DIRECTORY = "/Microsoft365Integration/Pbx.GetMicrosoft365Directory()"
LIST_USERS = "/Microsoft365Integration/Pbx.GetM365Users"
SUBSCRIPTION = "/Microsoft365Integration/Pbx.TestSubscription()"

NOT_LINKED = "the PBX is not linked to an application of Microsoft 365"

_DENIED = ("Authorization_RequestDenied", "Insufficient privileges", "Forbidden")
"""Words of Graph where a token carries none of the permissions that a call needs."""

_ELSEWHERE = "Check Admin Console > Integrations > Microsoft 365 of this PBX."


@dataclass(frozen=True)
class Health:
    """One check of the integration.

    :param subscription: whether change notifications reach the PBX; ``None`` when it was not asked.
    :param message: the PBX's own words; empty when all is well.
    """

    ok: bool
    application_id: str = ""
    subscription: bool | None = None
    message: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The documented return value ``status``."""
        return dict(vars(self))

    def error(self, waited: float, parties: Parties = NOBODY) -> Unhealthy:
        """What to raise when the integration has to work.

        :param waited: seconds that were allowed for it.
        """
        spent = f" within {waited:.0f} s" if waited >= 1 and may_pass(self.message, parties) else ""
        final = "" if may_pass(self.message, parties) else "; waiting would not help"
        return Unhealthy(
            f"the integration is not healthy{spent}{final}. The PBX reports: {self.message}",
            code=aadsts.first_code(self.message),
            remedy=remedy_for(self.message, parties),
        )


def may_pass(message: str, parties: Parties = NOBODY) -> bool:
    """Whether waiting can help: not against a wrong tenant, a policy or a clock, nor for a person's consent.

    :param parties: with a consent address in it, consent is a person's work.
    """
    if parties.consent_url and lacks_consent(message):
        return False
    return aadsts.waiting_helps(message)


def lacks_consent(message: str) -> bool:
    """Whether an ``ExceptionMessage`` says that nobody has consented to what the PBX needs."""
    meaning = aadsts.meaning_of(message)
    if meaning is not None:
        return meaning.verdict == aadsts.CONSENT_MISSING
    return any(word in message for word in _DENIED)


def remedy_for(message: str, parties: Parties = NOBODY) -> str:
    """What the operator can do about an ``ExceptionMessage``."""
    known = aadsts.remedy_for(message, parties)
    if not known and lacks_consent(message):
        consent = parties.fill(aadsts.TABLE["65001"].remedy)
        known = f"The application lacks a granted permission (User.Read.All at least). {consent}"
    return known or _ELSEWHERE


def check(xapi: Xapi, *, application_id: str = "", notifications: bool = True) -> Health:
    """One look: two or three requests, none of which changes anything.

    :param application_id: what the PBX must report as its application, if that is known.
    :param notifications: whether it is asked if change notifications reach it.
    """
    directory = xapi.get(DIRECTORY, "ask the PBX for the state of its Microsoft 365 integration")
    reported = str(directory.get("ApplicationId") or "")
    trouble = str(directory.get("ExceptionMessage") or "")
    if not trouble and not reported:
        trouble = NOT_LINKED
    if not trouble and application_id and reported.casefold() != application_id.casefold():
        trouble = f"the PBX still works with application {reported}"
    if not trouble:
        trouble = _cannot_list(xapi)
    if trouble:
        return Health(False, reported, None, _one_line(trouble))
    if not notifications:
        return Health(True, reported, None)
    test = xapi.get(SUBSCRIPTION, "ask the PBX whether change notifications reach it")
    reachable = bool(test.get("IsSubscriptionAvailable"))
    message = (
        "" if reachable else _one_line(str(test.get("ExceptionMessage") or "change notifications do not reach it"))
    )
    return Health(True, reported, reachable, message)


def verify(
    xapi: Xapi, *, application_id: str, within: float, notifications: bool = True, parties: Parties = NOBODY
) -> Health:
    """Check until the integration is healthy, waiting cannot help, or the time is over; the caller judges the last check."""

    def probe() -> tuple[bool, Health]:
        health = check(xapi, application_id=application_id, notifications=notifications)
        return health.ok or not may_pass(health.message, parties), health

    health: Health
    _done, health = xapi.context.deadline.until(
        probe, "the Microsoft 365 integration of the PBX is not healthy yet", within=within
    )
    return health


def remember(xapi: Xapi, health: Health) -> None:
    """Spare the next task of this run the verification."""
    value = dict(health.as_dict(), proven_at=time.time())
    xapi.context.store.put("pbx_health", xapi.connection.url, value)


def forget(xapi: Xapi) -> None:
    """The verification is void, or has been used."""
    xapi.context.store.drop("pbx_health", xapi.connection.url)


def remembered(xapi: Xapi, tenant_id: str) -> Health | None:
    """What the task before has verified, unless a task has changed something in the tenant since. It is believed once."""
    value = xapi.context.store.get("pbx_health", xapi.connection.url)
    if not value:
        return None
    forget(xapi)
    changed = xapi.context.store.get("tenant_changed", tenant_id.lower()) or 0.0
    if value["proven_at"] <= changed:
        return None
    return Health(**{name: part for name, part in value.items() if name != "proven_at"})


def _cannot_list(xapi: Xapi) -> str:
    """Why the PBX cannot list a user, or nothing when it can."""
    options = {"Count": 1, "TypeOfUser": "Users"}
    try:
        xapi.act(LIST_USERS, "let the PBX list a user of Microsoft 365", {"options": options})
    except (NotFound, Rejected, ServiceFault) as error:
        return error.message
    return ""


def subscription_parts(health: Health, fqdn: str) -> tuple[str, str]:
    """Why users are synchronized nightly only, and what to do about it."""
    message = (
        f"Microsoft's change notifications do not reach {fqdn} ({health.message}): users are synchronized nightly only"
    )
    return message, "Open the HTTPS port of the PBX to the Internet, with a public certificate."


def subscription_warning(health: Health, fqdn: str) -> str:
    """The same as one text."""
    return ". ".join(subscription_parts(health, fqdn))


def _one_line(text: str) -> str:
    return " ".join(text.split())
