# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page that lists what this lab simulates and what it does not: SIMULATED.md, and GET /_lab/simulated."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from tcx_lab.graph import rights
from tcx_lab.pbx.calls import HANDLERS
from tcx_lab.pbx.xapi import elsewhere

_SIGN_IN = (
    ("GET", "/{tenant}/v2.0/.well-known/openid-configuration"),
    ("GET", "/{tenant}/discovery/v2.0/keys"),
    ("GET, POST", "/{tenant}/oauth2/v2.0/authorize"),
    ("POST", "/{tenant}/oauth2/v2.0/token"),
    ("GET", "/{tenant}/adminconsent, /{tenant}/v2.0/adminconsent"),
)


def page() -> str:
    """The page as Markdown."""
    importlib.import_module("tcx_lab.pbx")
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "<!-- Written by `python -m tcx_lab --simulated`; do not edit. -->"
    yield ""
    yield "# What the lab simulates"
    yield ""
    yield "A request for anything else that the services have is answered with status 501 and a sentence; a request for"
    yield "something that they do not have either is answered as they do."
    yield ""
    yield "## Microsoft Graph"
    yield ""
    yield "| call | application permission that allows it |"
    yield "|---|---|"
    for row in sorted(rights.simulated().values(), key=lambda call: (call.path, call.method)):
        allowed = ", ".join(sorted(" + ".join(sorted(alternative)) for alternative in row.any_of))
        yield f"| `{row.method} {row.path}` | {allowed} |"
    yield ""
    yield "Also `POST /$batch`, `GET /$metadata`, the alternate keys (`(appId='..')`, `(uniqueName='..')`, `users('..')`) and both names"
    yield "of the namespace (`microsoft.graph.`, `graph.`)."
    yield ""
    yield "Not simulated: " + ", ".join(
        f"`{method} {path}`" for path, methods in sorted(rights.table()["elsewhere"].items()) for method in methods
    )
    yield ""
    yield "Entity sets of which nothing is simulated: " + ", ".join(f"`{name}`" for name in rights.table()["sets"])
    yield ""
    yield "## Microsoft Entra"
    yield ""
    for method, path in _SIGN_IN:
        yield f"- `{method} {path}`"
    yield ""
    yield "## Microsoft Partner Center"
    yield ""
    yield "- `POST /v1/customers/{id}/applicationconsents`"
    yield "- `DELETE /v1/customers/{id}/applicationconsents/{application id}`"
    yield ""
    yield "## 3CX configuration API (XAPI)"
    yield ""
    for verb, path in sorted(HANDLERS, key=lambda handled: (handled[1], handled[0])):
        yield f"- `{verb} {path}`"
    yield ""
    yield "Also `POST /connect/token`, `POST /webclient/api/Login/GetAccessToken`, `POST /webclient/api/Logout` and the pages for signing in."
    yield ""
    yield "Not simulated: " + ", ".join(f"`/{name}`" for name in elsewhere())
