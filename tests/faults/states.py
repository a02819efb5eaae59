# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When two states are the same for every run to come: what is kept, without the ids and times that each run draws anew.

Most cases of one flow end in one of a few states: nothing was written, the first three writes were, everything was. What
the runs after the trouble do follows from that state alone, because the trouble is over and each run has a store of its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from ansible_collections.tcx.m365.tests.faults.ground import SHARED, Ground
from tcx_lab.pbx import state_of
from tcx_lab.world import GRAPH_APP_ID

Json = dict[str, Any]

_DRAWN = re.compile(
    r"(?P<id>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b\d{8}T\d{6}Z-[0-9a-f]{8}\b|(?<=\")[\w-]{43}(?=\"))|"
    r"(?P<time>\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?)",
    re.IGNORECASE,
)
_OF_A_RUN = frozenset(("world", "pbx", "_ids", "tokens", "sessions", "pending", "events"))
"""What a PBX remembers of who has asked it; no run finds that of another one."""


def state_of_everything(made: Ground) -> str | None:
    """A digest of tenants, PBXs and files; ``None`` while a request is under way that may still change them."""
    if made.world.log.under_way:
        return None
    whole: Json = {"tenants": {key: _tenant(vars(each)) for key, each in made.world.tenants.items()}}
    whole["pbxs"] = {}
    for name, pbx in made.world.pbxs.items():
        state = vars(state_of(made.world, pbx))
        whole["pbxs"][name] = {key: _told(value) for key, value in state.items() if key not in _OF_A_RUN}
        whole["pbxs"][name]["key"] = pbx.key_pair.thumbprint if pbx.key_pair else None
    whole["files"] = [_file(made.directory, name) for name in ("snapshots", "captured")]
    whole["variables"] = made.variables
    text = json.dumps(whole, default=_told)
    return hashlib.sha256(_without_drawn(text).encode()).hexdigest()


def _tenant(fields: Json) -> Json:
    kept = {name: value for name, value in fields.items() if name not in SHARED}
    principals = fields["service_principals"]
    kept["service_principals"] = {key: each for key, each in principals.items() if each["appId"] != GRAPH_APP_ID}
    return kept


def _told(value: Any) -> Any:
    """What JSON has no word for. Times of a synchronization are there or not; everything else counts as it is."""
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    if hasattr(value, "__slots__"):
        slots = {name: getattr(value, name) for name in value.__slots__}
        return {name: each is not None if isinstance(each, float) else each for name, each in slots.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    return value if isinstance(value, (dict, list, str, int, float, bool)) or value is None else repr(value)


def _file(directory: Path, name: str) -> Any:
    """The files below a directory, by name; a link is where it leads."""
    found = sorted((directory / name).rglob("*")) if (directory / name).exists() else []
    return [
        [
            str(path.relative_to(directory)),
            path.readlink().name if path.is_symlink() else path.read_text(errors="replace"),
        ]
        for path in found
        if path.is_symlink() or path.is_file()
    ]


def _without_drawn(text: str) -> str:
    """Ids by the order in which they come, and no times."""
    known: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        drawn = match.group("id")
        return "time" if drawn is None else known.setdefault(drawn.lower(), f"id {len(known)}")

    return _DRAWN.sub(name, text)
