# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dates as Graph, 3CX and HTTP write them, and how long something still lasts. All results are in UTC."""

from __future__ import annotations

import datetime as dt
import email.utils
import re
from typing import Any

# Graph writes seven decimals and .NET any number of them; Python 3.9 reads neither, nor a bare Z.
_DATE = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?:[T ](?P<time>\d\d:\d\d(?::\d\d)?)(?:\.(?P<fraction>\d+))?)?"
    r"\s*(?P<zone>Z|[+-]\d\d:?\d\d)?",
    re.IGNORECASE | re.ASCII,
)
_DURATION = re.compile(
    r"P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?",
    re.ASCII,
)
_LATEST = 1e11
_NO_DATE = "0001-"
"""Year 1 is how .NET writes that there is no date."""


def parse(text: Any) -> dt.datetime | None:
    """A date of ISO 8601: with time or without, fractions of any length; UTC where no zone is named.

    :returns: ``None`` for what is no date.
    """
    match = _DATE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None or match["date"].startswith(_NO_DATE):
        return None
    zone = (match["zone"] or "Z").upper()
    try:
        date = dt.datetime.fromisoformat(f"{match['date']}T{match['time'] or '00:00'}").replace(
            microsecond=int((match["fraction"] or "")[:6].ljust(6, "0")), tzinfo=dt.timezone.utc
        )
        if zone != "Z":
            offset = dt.timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
            date = date - offset if zone[0] == "+" else date + offset
    except (ValueError, OverflowError):
        return None
    return date


def iso(when: dt.datetime) -> str:
    """``2026-11-22T10:00:00Z``: UTC and whole seconds, as Graph takes it. A time without zone counts as UTC."""
    aware = when.replace(tzinfo=dt.timezone.utc) if when.tzinfo is None else when.astimezone(dt.timezone.utc)
    return aware.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def day(when: dt.datetime) -> str:
    """``2026-11-22``, for sentences."""
    return iso(when)[:10]


def days_left(end: dt.datetime, now: dt.datetime) -> int:
    """Whole days until an end, rounded down: 0 on the last day, negative afterwards."""
    return (end - now) // dt.timedelta(days=1)


def ahead(days: int) -> str:
    """``in 12 days``, ``in 1 day``; ``within 24 hours`` on the last day, which may end tomorrow."""
    return "within 24 hours" if days == 0 else f"in {days} {'day' if days == 1 else 'days'}"


def from_http(header: str | None) -> float | None:
    """Unix time of an HTTP date (``Date``, ``Retry-After``); ``None`` where there is none."""
    try:
        parsed = email.utils.parsedate_tz(header) if header else None
        return from_unix(email.utils.mktime_tz(parsed)) if parsed else None
    except (OverflowError, ValueError):
        return None


def from_unix(value: Any) -> float | None:
    """Unix time as a token or a header states it; ``None`` for what is none, or lies thousands of years away."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < _LATEST else None


def duration(text: Any) -> dt.timedelta | None:
    """A duration of ISO 8601; a year counts 365 days and a month 30. ``None`` for what is none."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) and text != "P" else None
    if match is None:
        return None
    part = {name: int(value or 0) for name, value in match.groupdict().items()}
    days = 365 * part["years"] + 30 * part["months"] + 7 * part["weeks"] + part["days"]
    return dt.timedelta(days=days, hours=part["hours"], minutes=part["minutes"], seconds=part["seconds"])
