# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access tokens of a PBX: what is in them and how long they live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._common import dates, jwt
from .version import SECONDS_SINCE, Release

LONGEST_S = 3600.0
"""Tokens live an hour on every build (observed); nothing that says more is believed."""

_MARGIN_S = 60.0


@dataclass
class Token:
    """A token in the hands of one task.

    :param refresh: the newest refresh token of an administrator's session; empty for a service principal.
    :param proven: a PBX has accepted it since this task holds it, or another task did.
    :param clock_offset: seconds by which the clock that made it is ahead of ours, where the token says when it was made.
    """

    access: str = field(repr=False)
    expires: float
    refresh: str = field(default="", repr=False)
    proven: bool = False
    clock_offset: float | None = None

    def as_value(self) -> dict[str, Any]:
        """As JSON, for the run's store."""
        return {name: value for name, value in vars(self).items() if name != "proven"}

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Token:
        """From the run's store: another task has used it already."""
        return cls(**value, proven=True)


def lifetime(answer: Mapping[str, Any], release: Release | None, server_date: str, now: float) -> float:
    """Seconds for which a new token may be used.

    ``exp`` of the token comes first: ``expires_in`` counts minutes before 20.0.9 and seconds since. ``exp`` is compared
    with the PBX's own clock (``iat``, else the ``Date`` of the answer), because ours may differ.
    """
    claims = jwt.claims(str(answer.get("access_token", ""))) or {}
    ends, starts = dates.from_unix(claims.get("exp")), dates.from_unix(claims.get("iat"))
    if ends is not None:
        seconds = ends - (starts or dates.from_http(server_date) or now)
    else:
        seconds = _announced(answer.get("expires_in"), release)
    seconds = max(0.0, min(seconds, LONGEST_S))
    return seconds - min(_MARGIN_S, seconds / 10)


def clock_offset(access: str, now: float) -> float | None:
    """How far the clock that made a new token is ahead of ours, to the second."""
    made = dates.from_unix((jwt.claims(access) or {}).get("iat"))
    return None if made is None else float(round(made - now))


def _announced(expires_in: Any, release: Release | None) -> float:
    """``expires_in`` in seconds. Where the release is unknown the shorter reading is the safe one."""
    try:
        number = float(expires_in)
    except (OverflowError, TypeError, ValueError):
        return 0.0
    in_minutes = number <= 60 and release is not None and release < SECONDS_SINCE
    return number * 60 if in_minutes else number
