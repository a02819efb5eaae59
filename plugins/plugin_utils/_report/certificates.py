# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When the certificates of a fleet expire: which have expired, which soon will, and how many do in each of the next 24 months."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common import dates

MONTHS_AHEAD = 24
SOON_DAYS = 30

OVERDUE = "overdue"
SOON = "soon"
FINE = "fine"

# Not from the locale of the controller: the same fleet gives the same bytes everywhere.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class CertificateEnd:
    """One certificate of one PBX.

    `counts`: it is the inventory's, or this collection has put it there; others are shown, and nobody has to renew them.
    `superseded`: the inventory names another certificate of the same PBX, and that one expires later. That some older
    certificate lasts longer says nothing: its key may be gone.
    """

    host: str
    thumbprint: str
    name: str
    ends: datetime | None
    days_left: int | None
    superseded: bool
    counts: bool = True

    @property
    def state(self) -> str:
        """`overdue`, `soon` (30 days or fewer), `fine`; empty when the end is unknown."""
        if self.days_left is None:
            return ""
        if self.days_left < 0:
            return OVERDUE
        return SOON if self.days_left <= SOON_DAYS else FINE

    @property
    def is_due(self) -> bool:
        """Whether somebody has to renew it: it expires soon or has expired, is in use, and was not replaced."""
        return self.state not in ("", FINE) and self.counts and not self.superseded

    @property
    def day(self) -> str:
        """The last day, as `2027-01-31`, or an empty text."""
        return self.ends.strftime("%Y-%m-%d") if self.ends else ""


@dataclass(frozen=True)
class Bucket:
    """Certificates that expire in one column of the timeline. `state` is the most urgent one of those that count."""

    label: str
    short: str
    kind: str
    certificates: list[CertificateEnd]

    @property
    def superseded(self) -> int:
        """How many are replaced by a newer one on the same PBX."""
        return sum(1 for certificate in self.certificates if certificate.superseded)

    @property
    def alone(self) -> int:
        """How many are the last one of their PBX."""
        return len(self.certificates) - self.superseded


def parse_moment(text: str) -> datetime:
    """As `dates.parse`, for a time that must be one: ValueError otherwise."""
    moment = dates.parse(text)
    if moment is None:
        raise ValueError(f"'{text}' is not a time in ISO 8601.")
    return moment


def host_certificates(host: str, certificates: Sequence[dict[str, Any]], now: datetime) -> list[CertificateEnd]:
    """The certificates of one PBX, the next to expire first, those with an unknown date last."""
    desired = [certificate for certificate in certificates if certificate.get("desired")]
    dated = [left for left in (days_left(certificate, now) for certificate in desired) if left is not None]
    last = max(dated, default=-1)

    def end(certificate: dict[str, Any]) -> CertificateEnd:
        left, named = days_left(certificate, now), bool(certificate.get("desired"))
        by_days = now + timedelta(days=left) if left is not None and abs(left) < 400000 else None
        return CertificateEnd(
            host=host,
            thumbprint=str(certificate.get("thumbprint") or ""),
            name=str(certificate.get("display_name") or ""),
            ends=dates.parse(certificate.get("not_after")) or by_days,
            days_left=left,
            superseded=not named and left is not None and left < last and last >= 0,
            counts=named or bool(certificate.get("managed", not desired)),
        )

    return sorted(map(end, certificates), key=_end_order)


def days_left(certificate: dict[str, Any], now: datetime) -> int | None:
    """Whole days as the check counted them, else counted from `not_after`; None when neither is known."""
    counted = certificate.get("days_left")
    if isinstance(counted, (int, float)) and not isinstance(counted, bool):
        return math.floor(counted)
    end = dates.parse(certificate.get("not_after"))
    return dates.days_left(end, now) if end else None


def _end_order(certificate: CertificateEnd) -> Any:
    return (certificate.days_left is None, certificate.days_left or 0, certificate.day, certificate.thumbprint)


def timeline(certificates: Sequence[CertificateEnd], now: datetime) -> list[Bucket]:
    """Columns of the timeline: overdue, this month and the 23 that follow, later. Unknown dates are in none of them."""
    first = now.year * 12 + now.month - 1
    columns: dict[int, list[CertificateEnd]] = {place: [] for place in range(-1, MONTHS_AHEAD + 1)}
    for certificate in certificates:
        if certificate.state == OVERDUE:
            columns[-1].append(certificate)
        elif certificate.ends is not None:
            place = certificate.ends.year * 12 + certificate.ends.month - 1 - first
            columns[max(0, min(place, MONTHS_AHEAD))].append(certificate)
    buckets = [Bucket("Expired", "Expired", OVERDUE if columns[-1] else FINE, columns[-1])]
    for place in range(MONTHS_AHEAD):
        year, month = divmod(first + place, 12)
        name = _MONTHS[month]
        kind = SOON if any(certificate.state == SOON for certificate in columns[place]) else FINE
        buckets.append(Bucket(f"{name} {year}", name, kind, columns[place]))
    buckets.append(Bucket("Later", "Later", FINE, columns[MONTHS_AHEAD]))
    return buckets
