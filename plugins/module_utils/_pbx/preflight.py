# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What blocks a rollout on a PBX, or soon will: from what was read to findings. Pure.

An error is what makes the rollout fail half-way, or leaves users who cannot sign in or have no extension. A warning is what
works today and will not for long, or what somebody should know. Everything that was checked gives a finding, so that the
absence of a topic means that nobody could look.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from .._common import dates
from .._common.option_names import Names, marked, rendered
from .._common.text import visible
from .._errors import M365Error, Unlicensed
from . import health as pbx_health
from .facts import Facts
from .health import Health
from .license import in_brackets
from .properties import BY_OPTION
from .tls_certificate import TlsCertificate

OK, WARNING, ERROR = "ok", "warning", "error"

VERSION, LICENSE, ROLE, NAME = "version", "license", "role", "name"
CERTIFICATE, CLOCK, INTEGRATION, SUBSCRIPTION = "certificate", "clock", "integration", "subscription"
ADDRESSES, NUMBERS = "addresses", "numbers"

TOPICS = (VERSION, LICENSE, ROLE, NAME, CERTIFICATE, CLOCK, INTEGRATION, SUBSCRIPTION, ADDRESSES, NUMBERS)
"""All of them, in the order in which they are told."""

CLOCK_TOLERANCE_S = 300.0
"""Entra refuses assertions that are older or younger than this (documented: five minutes)."""

OWNER = "system_owners"
ADMINISTRATOR = "system_admins"
SMALL_ROLES = frozenset(("group_owners", "managers", "group_admins", "receptionists", "users"))
"""Roles of a department (observed names); they see no setting of the system (observed: 403 on every listing)."""


REFUSED_REMEDY = "Leave these settings off for this PBX, or upgrade its license; running the rollout again does not help before that."
"""Both ways out."""

MAY_REFUSE = "so the PBX may refuse what is to be switched on"
UNHEALTHY = "is not healthy"


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    :param level: ``ok``, ``warning`` or ``error``.
    :param message: what was found, and on what.
    :param remedy: what to do about it; empty when all is well.
    """

    topic: str
    level: str
    message: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"topic": self.topic, "level": self.level, "said": self.message, "remedy": self.remedy}

    def rendered(self, names: Names) -> Finding:
        """The same with the options as the operator knows them."""
        return replace(self, message=rendered(self.message, names), remedy=rendered(self.remedy, names))

    def as_note(self) -> str:
        """One line for the operator."""
        return f"{_sentence(self.message)} {self.remedy}".strip()


_MAINTENANCE_ENDED = Finding(
    LICENSE,
    WARNING,
    "the maintenance of the license has expired",
    "Renew it: without, the PBX gets no updates.",
)


@dataclass(frozen=True)
class Numbers:
    """What is known of extension numbers.

    :param length: (shortest, longest), or ``None`` where the PBX does not say it.
    :param start: the first number that new users shall get; empty when nothing says it.
    :param taken: the numbers of all users.
    :param first_free: the number that the PBX itself would take next; ``None`` when it has none left.
    :param coming: how many users of Microsoft 365 have no extension yet; ``None`` where nobody can tell.
    """

    length: tuple[int, int] | None
    start: str
    taken: frozenset[str]
    first_free: str | None
    coming: int | None = None


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """By topic; within one topic as they were made."""
    return sorted(findings, key=lambda finding: TOPICS.index(finding.topic))


class NotReady(M365Error):
    """What blocks a rollout, all of it.

    As with the gates of the settings, a license that lacks something decides how the whole is counted.
    """

    def __init__(self, findings: Iterable[Finding], url: str) -> None:
        self.findings = list(findings)
        errors = [finding for finding in self.findings if finding.level == ERROR]
        if any(error.topic == LICENSE for error in errors):
            self.kind = Unlicensed.kind
        message = " ".join(error.as_note() for error in errors)
        super().__init__(message, tried="pass the pre-flight checks; nothing was written", target=url)

    def values(self) -> dict[str, Any]:
        """The findings, those that are well included."""
        return {"findings": [finding.as_dict() for finding in self.findings]}


# --- what a rollout reads anyway ----------------------------------------------------------------------------------------


def judge_version(facts: Facts) -> Finding:
    """The gates have refused what is too old, so this only tells."""
    return Finding(VERSION, OK, f"3CX {facts.version}, edition {facts.license.label}")


def judge_maintenance(facts: Facts) -> list[Finding]:
    """The one thing of the license's state that a rollout reads anyway (documented: all releases)."""
    if facts.license.maintenance_expired is None:
        return []
    if facts.license.maintenance_expired:
        return [_MAINTENANCE_ENDED]
    return [Finding(LICENSE, OK, "the license is under maintenance")]


def gated(facts: Facts, desired: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """The options that are to be switched on and that the PBX may refuse, because nothing tells the edition of its license."""
    if facts.license.edition is not None:
        return []
    return [
        option
        for option, value in desired.items()
        if option in BY_OPTION and BY_OPTION[option].edition is not None and value and current.get(option) != value
    ]


def needs(options: Iterable[str]) -> str:
    """Which editions they need, as a part of a sentence."""
    needed = []
    for option in options:
        edition = BY_OPTION[option].edition
        needed.append(f"{marked(option)} needs {edition.label}" if edition is not None else marked(option))
    return "; ".join(needed)


def judge_edition(facts: Facts, desired: Mapping[str, Any], current: Mapping[str, Any]) -> list[Finding]:
    """Settings that the license may lack, where the release does not report its edition (before 20.0.10).

    Only a write tells then: a rollout tries these before it writes anything in Microsoft Entra, and check mode says it.
    """
    options = gated(facts, desired, current)
    if not options:
        return []
    message = (
        f"3CX {facts.version} does not report the edition of its license ({in_brackets(facts.license.label)}), "
        f"{MAY_REFUSE}: {needs(options)}"
    )
    remedy = (
        "If the license is smaller, leave these settings off for this PBX, or upgrade the license; running the rollout again "
        "does not help. From 20.0.10 on, this is known beforehand."
    )
    return [Finding(LICENSE, WARNING, message, remedy)]


def judge_role(role: str) -> list[Finding]:
    """Whether the role in the token is sure to be enough."""
    remedy = "Give it the system-wide role System Owner (Admin Console > Integrations > API)."
    if not role:
        return []
    if role == OWNER:
        return [Finding(ROLE, OK, "the API client is System Owner")]
    if role == ADMINISTRATOR:
        message = "the API client is System Administrator, which 3CX refuses for some settings"
        return [Finding(ROLE, WARNING, message, remedy)]
    if role in SMALL_ROLES:
        message = f"the API client has the role {role} of a department, which may not write settings of the system"
        return [Finding(ROLE, ERROR, message, remedy)]
    return [Finding(ROLE, WARNING, f"the API client has the role {role}, and whether it is enough is unknown", remedy)]


def judge_name(facts: Facts, url: str, names: Iterable[str]) -> list[Finding]:
    """The name and the port that the PBX reports become a redirect URI, to which Microsoft sends the tokens of its users: so
    they have to be known to the inventory. On another port of the same host another PBX may answer.

    :param url: address of the PBX in the inventory; :param names: further names that it may call itself.
    """
    known = list(names)
    if facts.is_named(url, known):
        return [] if facts.is_at(url, known) else [_other_port(facts, url, known)]
    shown = visible(facts.fqdn)[:120] or "nothing"
    if not facts.host:
        message = f"the PBX reports {shown!r} as its FQDN, which is not a host name"
        remedy = (
            "Correct the FQDN of the PBX. Nothing was written: sign-ins would be sent to an address that it made up."
        )
    else:
        message = f"the PBX calls itself {shown}, which is neither the host of tcx_url nor a name in tcx_fqdn"
        remedy = f"If {facts.host} is the PBX, add it to tcx_fqdn or use it in tcx_url. Sign-ins would be sent there."
    return [Finding(NAME, ERROR, message, remedy)]


def _other_port(facts: Facts, url: str, names: list[str]) -> Finding:
    """An error where the inventory knows the port of that name; of a name without one only the PBX can tell it."""
    level = ERROR if facts.has_known_port(url, names) else WARNING
    message = f"the PBX reports the HTTPS port {facts.https_port}, which is neither that of tcx_url nor one in tcx_fqdn"
    remedy = (
        f"Microsoft sends sign-ins to {facts.base}: if the users of the PBX reach it there, add "
        f"{facts.host}:{facts.https_port} to tcx_fqdn."
    )
    return Finding(NAME, level, message, remedy)


def judge_certificate(
    certificate: TlsCertificate | None, redirect_uri: str, now: dt.datetime, warning_days: int
) -> list[Finding]:
    """The certificate that browsers and Microsoft see, whether or not this task verifies it.

    One that has expired is an error even then: browsers refuse it, and a PBX that asks for HTTPS lets nobody pass by it.

    :param redirect_uri: where Microsoft sends the users' browsers back to.
    """
    if certificate is None:
        return []
    host = urlsplit(redirect_uri).hostname or ""
    made = [*_certificate_dates(certificate, now, warning_days)]
    if not certificate.covers(host):
        message = f"the TLS certificate of the PBX is for {', '.join(certificate.names) or 'no name'}, and the redirect URI leads to {host}"
        remedy = f"Give the PBX a certificate for {host}, or correct its FQDN."
        made.append(Finding(CERTIFICATE, WARNING, message, remedy))
    if certificate.self_signed:
        remedy = "Give the PBX a public certificate, or Microsoft's change notifications will not reach it."
        made.append(Finding(CERTIFICATE, WARNING, "the TLS certificate of the PBX is self-signed", remedy))
    if not made:
        message = f"the TLS certificate of the PBX is valid until {dates.day(certificate.not_after)}"
        made.append(Finding(CERTIFICATE, OK, message))
    return made


def _certificate_dates(certificate: TlsCertificate, now: dt.datetime, warning_days: int) -> list[Finding]:
    remedy = "Renew it; the console shows it under Settings > Network."
    if certificate.not_after <= now:
        message = f"the TLS certificate of the PBX expired on {dates.day(certificate.not_after)}"
        return [Finding(CERTIFICATE, ERROR, message, remedy)]
    if certificate.not_before > now:
        message = f"the TLS certificate of the PBX is not valid before {dates.day(certificate.not_before)}"
        return [Finding(CERTIFICATE, ERROR, message, "Install one that is valid now, or set the clocks.")]
    days = dates.days_left(certificate.not_after, now)
    if days >= warning_days:
        return []
    message = f"the TLS certificate of the PBX expires {dates.ahead(days)}, on {dates.day(certificate.not_after)}"
    return [Finding(CERTIFICATE, WARNING, message, remedy)]


def judge_clock(offset: float | None) -> list[Finding]:
    """:param offset: seconds by which the PBX's clock is ahead of ours."""
    if offset is None:
        return []
    if abs(offset) <= CLOCK_TOLERANCE_S:
        return [Finding(CLOCK, OK, f"the clocks of the PBX and of this machine differ by {abs(offset):.0f} s")]
    direction = "ahead of" if offset > 0 else "behind"
    message = f"the clock of the PBX is {abs(offset):.0f} s {direction} that of this machine, and Entra tolerates 300 s"
    return [Finding(CLOCK, WARNING, message, "Set both by NTP, or the PBX's sign-in to Entra fails.")]


def judge_health(health: Health, facts: Facts, url: str) -> list[Finding]:
    """Whether a PBX that is linked works today; one that is not linked yet has nothing to show."""
    if not health.ok and health.message == pbx_health.NOT_LINKED:
        return [Finding(INTEGRATION, OK, "the PBX is not linked to an application yet")]
    if not health.ok:
        message = f"the Microsoft 365 integration of {url} {UNHEALTHY}: {health.message}"
        return [Finding(INTEGRATION, WARNING, message, pbx_health.remedy_for(health.message))]
    made = [Finding(INTEGRATION, OK, f"the PBX works with application {health.application_id}")]
    if health.subscription:
        made.append(Finding(SUBSCRIPTION, OK, f"Microsoft's change notifications reach {facts.fqdn}"))
    if health.subscription is False:
        made.append(Finding(SUBSCRIPTION, WARNING, *pbx_health.subscription_parts(health, facts.fqdn)))
    return made


# --- what a thorough look reads besides ---------------------------------------------------------------------------------


def judge_license(state: Mapping[str, Any], now: dt.datetime, warning_days: int) -> list[Finding]:
    """State and dates, as ``audit.license_state`` reads them; a date that cannot be read is left out.

    The PBX's own word (``LicenseActive``) decides whether a license works; a date alone only warns.
    """
    made = []
    renew = "Renew it in the 3CX portal, then refresh the license in the console."
    if state.get("active") is False or state.get("activated") is False:
        what = "has expired" if state.get("activated") is not False else "is not activated"
        when = dates.parse(state.get("expires"))
        ended = f" (it expired on {dates.day(when)})" if when and when <= now else ""
        made.append(
            Finding(LICENSE, ERROR, f"the license of the PBX {what}, so the PBX refuses settings{ended}", renew)
        )
    else:
        made += _license_date("the license of the PBX", dates.parse(state.get("expires")), now, warning_days, renew)
    maintenance = dates.parse(state.get("maintenance_expires"))
    if maintenance is None and state.get("maintenance_expired"):
        made.append(_MAINTENANCE_ENDED)
    made += _license_date("the maintenance of the license", maintenance, now, warning_days, renew)
    return made or [Finding(LICENSE, OK, "the license of the PBX is active and under maintenance")]


def _license_date(
    what: str, when: dt.datetime | None, now: dt.datetime, warning_days: int, remedy: str
) -> list[Finding]:
    if when is None:
        return []
    if when <= now:
        return [Finding(LICENSE, WARNING, f"{what} expired on {dates.day(when)}", remedy)]
    days = dates.days_left(when, now)
    if days >= warning_days:
        return []
    return [Finding(LICENSE, WARNING, f"{what} expires {dates.ahead(days)}, on {dates.day(when)}", remedy)]


def judge_limit(state: Mapping[str, Any], coming: int | None) -> list[Finding]:
    """Whether the license has room for the users who will come (documented: the figures exist from 20.0.9 on)."""
    users, limit = state.get("users"), state.get("users_limit")
    if not coming or users is None or not limit or users + coming <= limit:
        return []
    message = f"the license is for {limit} users, the PBX has {users}, and {coming} more would come from Microsoft 365"
    return [Finding(LICENSE, WARNING, message, "Upgrade the license, or narrow O(user_sync.scope).")]


def judge_addresses(duplicates: Iterable[Mapping[str, Any]], *, syncs: bool) -> list[Finding]:
    """Mail addresses that several extensions have: a user of Microsoft 365 is mapped by address.

    :param syncs: users are, or are about to be, synchronized; otherwise nobody is mapped.
    """
    level = ERROR if syncs else WARNING
    remedy = "Give each extension an address of its own, or users are mapped to the wrong one."
    made = []
    for duplicate in duplicates:
        message = f"extensions {', '.join(duplicate['numbers'])} all have the address {duplicate['email']}"
        made.append(Finding(ADDRESSES, level, message, remedy))
    return made or [Finding(ADDRESSES, OK, "no two extensions have the same mail address")]


def judge_room(numbers: Numbers, *, syncs: bool) -> list[Finding]:
    """Whether users who will come find a free extension number.

    XAPI lists the numbers of users; those of queues and groups are known to the PBX alone, so the count is an upper bound.

    :param syncs: users are, or are about to be, synchronized.
    """
    free = _free_from(numbers)
    from_ = f" from {numbers.start} on" if numbers.start else ""
    if free == 0 or numbers.first_free is None:
        nobody_comes = numbers.coming == 0 or not syncs
        message = f"no extension number is free{from_ if free == 0 else ''}"
        return [Finding(NUMBERS, WARNING if nobody_comes else ERROR, message, _more_numbers(numbers))]
    first = _first_free(numbers)
    message = f"the next free extension number{from_} is {first}"
    if free is not None and numbers.coming is not None and numbers.coming > free:
        message = f"{numbers.coming} users of Microsoft 365 have no extension yet, and {free} numbers are free{from_}"
        return [Finding(NUMBERS, ERROR if syncs else WARNING, message, _more_numbers(numbers))]
    count = f"; {free} are free at most" if free is not None else ""
    return [Finding(NUMBERS, OK, message + count)]


def _free_from(numbers: Numbers) -> int | None:
    """Numbers of the right length from the start on that no user has; ``None`` where the PBX does not say the length."""
    if numbers.length is None:
        return None
    spans = _ranges(numbers)
    taken = [number for number in numbers.taken if any(_within(number, span) for span in spans)]
    return sum(last - first + 1 for first, last in spans) - len(taken)


def _ranges(numbers: Numbers) -> list[tuple[int, int]]:
    """(first, last) for each length that extension numbers may have and that the start has.

    Without a start, all lengths; numbers never begin with 0 there, because the PBX itself gives none that do (observed).
    """
    shortest, longest = numbers.length or (0, 0)
    if numbers.start.isdigit():
        return [(int(numbers.start), 10 ** len(numbers.start) - 1)]
    return [(10 ** (length - 1), 10**length - 1) for length in range(shortest, longest + 1)]


def _within(number: str, span: tuple[int, int]) -> bool:
    first, last = span
    return number.isdigit() and len(number) == len(str(last)) and first <= int(number) <= last


def _first_free(numbers: Numbers) -> str:
    if not numbers.start.isdigit():
        return numbers.first_free or ""
    width = len(numbers.start)
    candidates = (f"{number:0{width}d}" for number in range(int(numbers.start), 10**width))
    return next((text for text in candidates if text not in numbers.taken), "")


def _more_numbers(numbers: Numbers) -> str:
    other = "a lower O(user_sync.starting_extension)" if numbers.start else "longer extension numbers"
    return f"Free some numbers, or use {other}."


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."
