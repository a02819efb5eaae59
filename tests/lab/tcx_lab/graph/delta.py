# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""/applications/delta and /servicePrincipals/delta: what has changed since a link was given out."""

from __future__ import annotations

import re

from tcx_lab.evidence import Grade, evidence
from tcx_lab.graph.errors import bad_request, method_not_allowed
from tcx_lab.graph.odata import select
from tcx_lab.graph.session import Session
from tcx_lab.graph.store import Entity
from tcx_lab.graph.web import Answer

_TOKEN = re.compile(r"lab(\d+)")


@evidence(
    Grade.DOCUMENTED, "https://learn.microsoft.com/graph/delta-query-overview; one page, whatever its size: assumed"
)
def changes(session: Session, kind: str) -> Answer:
    """Objects that were changed since the token of `$deltatoken`, deleted ones as `@removed`; without a token, all."""
    if session.call.method != "GET":
        raise method_not_allowed()
    token = session.option("$deltatoken")
    newest = session.directory.writes
    if token and token != "latest":
        match = _TOKEN.fullmatch(token)
        if match is None or int(match[1]) > newest:
            raise bad_request("Badly formed token.", "Directory_ExpiredPageToken")
        value = session.directory.changed(kind, int(match[1]))
    else:
        value = [] if token == "latest" else list(session.directory.every(kind, session.view))
    names = session.selected
    shown: list[Entity] = [
        change if "@removed" in change else select(change, [*names, *({"id"} - set(names))] if names else None)
        for change in value
    ]
    path = session.call.target.partition("?")[0]
    kept = [part for part in session.call.target.partition("?")[2].split("&") if part.lower().startswith("$select")]
    link = f"{session.call.base}{path}?{'&'.join([*kept, f'$deltatoken=lab{newest}'])}"
    context = session.context(f"{kind}{'(' + ','.join(names) + ')' if names else ''}")
    return Answer(200, {"@odata.context": context, "@odata.deltaLink": link, "value": shown})
