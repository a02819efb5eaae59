# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Releases of 3CX, as the header ``X-3CX-Version`` names them."""

from __future__ import annotations

import re
from dataclasses import dataclass

VERSION_HEADER = "X-3CX-Version"
"""Stands on every XAPI answer (observed)."""

_RELEASE = re.compile(r"^\s*(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?!\d)", re.ASCII)


@dataclass(frozen=True, order=True)
class Release:
    """A release that can be compared: ``20.0.9`` of the build ``20.0.9.995``."""

    major: int
    minor: int
    update: int

    @classmethod
    def parse(cls, text: str | None) -> Release | None:
        """The release of a version text, or ``None`` where there is none in it."""
        match = _RELEASE.match(text or "")
        return cls(*(int(part) for part in match.groups())) if match else None

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.update}"


FIRST = Release(20, 0, 5)
"""The first release whose API lists the users of Microsoft 365 the way this collection proves health (documented)."""

SECONDS_SINCE = Release(20, 0, 9)
"""Before it, ``expires_in`` of a token counted minutes (documented: 3cx/xapi-tutorial, June 2026)."""
