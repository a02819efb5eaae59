# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a domain to the id of its tenant, as the OpenID configuration of Entra tells it.

The configuration of every tenant is public, and its issuer holds the tenant's id
(https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

from .._common.ids import is_guid
from .._context import Context
from .._errors import BadInput, ServiceFault
from .._http import Transport

_TRIED = "find the id of the tenant"


def tenant_id(context: Context, transport: Transport, login: str, domain: str) -> str:
    """The id of the tenant that has ``domain``; asked once in a run.

    :param login: address of the authority (``https://login.microsoftonline.com``).
    :raises BadInput: the authority knows no tenant of this domain.
    """
    if is_guid(domain):
        return domain.lower()
    name = domain.lower()
    return str(context.once("tenant_id", f"{login}|{name}", lambda: _ask(context, transport, login, name)))


def _ask(context: Context, transport: Transport, login: str, domain: str) -> str:
    http = context.http("Entra", login, transport)
    reply = http.send("GET", f"/{quote(domain, safe='')}/v2.0/.well-known/openid-configuration")
    content = reply.json()
    details: dict[str, Any] = {"tried": _TRIED, "target": login, "service": "Entra", "status": reply.status}
    if reply.status == 400 and isinstance(content, dict):
        raise BadInput(
            f"O(tenant_id) {domain!r} is a domain of no tenant",
            code=str(content.get("error") or ""),
            remedy="Give the Tenant ID that the overview of Microsoft Entra shows.",
            **details,
        )
    issuer = str(content.get("issuer") or "") if isinstance(content, dict) else ""
    identifier = urlsplit(issuer).path.strip("/").partition("/")[0].lower()
    if reply.status != 200 or not is_guid(identifier):
        raise ServiceFault(f"the OpenID configuration of {domain} names no tenant", **details)
    return identifier
