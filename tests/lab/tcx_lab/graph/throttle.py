# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Limits of the directory: resource units and writes per application and tenant (documented); off unless switched on."""

from __future__ import annotations

from collections import deque

from tcx_lab.evidence import Switches
from tcx_lab.graph.errors import too_many_requests

_UNIT_SECONDS = 10
_WRITE_SECONDS = 150


class Meter:
    """What each application has used lately in each tenant."""

    def __init__(self) -> None:
        self._units: dict[tuple[str, str], deque[tuple[float, int]]] = {}
        self._writes: dict[tuple[str, str], deque[tuple[float, int]]] = {}

    def check(self, switches: Switches, key: tuple[str, str], now: float, *, write: bool) -> None:
        """Raise 429 when a limit is reached."""
        if switches.throttle_resource_units:
            _check(self._units.get(key), switches.throttle_resource_units, now, _UNIT_SECONDS)
        if write and switches.throttle_writes:
            _check(self._writes.get(key), switches.throttle_writes, now, _WRITE_SECONDS)

    def use(self, switches: Switches, key: tuple[str, str], now: float, units: int, *, write: bool) -> None:
        """Note what a request has cost."""
        if switches.throttle_resource_units:
            self._units.setdefault(key, deque()).append((now, units))
        if write and switches.throttle_writes:
            self._writes.setdefault(key, deque()).append((now, 1))


def _check(used: deque[tuple[float, int]] | None, limit: int, now: float, seconds: int) -> None:
    if not used:
        return
    while used and used[0][0] <= now - seconds:
        used.popleft()
    if sum(units for _at, units in used) >= limit:
        raise too_many_requests(max(1, int(used[0][0] + seconds - now) + 1))
