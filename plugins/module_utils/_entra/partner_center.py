# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Partner Center's interface for the consent of a customer to an application of a partner: delegated permissions alone.

Source: https://learn.microsoft.com/partner-center/developer/control-panel-vendor-apis. What a refusal has in its body is
published nowhere, so nothing is decided by it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from .._context import Context
from .._errors import BadCredential, Conflict, Forbidden, M365Error, NotFound, Rejected, ServiceFault
from .._http import Reply, Transport
from .clouds import GRAPH_APP_ID

RESOURCE = "https://api.partnercenter.microsoft.com"
SERVICE = "Partner Center"

_REMEDIES = {
    401: "Partner Center takes a token of a person who has signed in with multifactor authentication, to the partner's own tenant.",
    403: "The person must be in the group AdminAgents, must have signed in with multifactor authentication, and needs an active "
    "delegated administration (GDAP) of this customer with the role Privileged Role Administrator, through a security group.",
    404: "Partner Center does not know this tenant as a customer: request a reseller or GDAP relationship, or send the consent "
    "address to an administrator of the customer.",
}


class PartnerCenter:
    """Partner Center as one person sees it.

    :param token: of a person, for :data:`RESOURCE`.
    """

    def __init__(self, context: Context, transport: Transport, address: str, token: str) -> None:
        self._http = context.http(SERVICE, address, transport, throttle_key=address)
        self._token = token

    def consent(self, customer: str, app_id: str, scopes: Sequence[str]) -> None:
        """Let the application have delegated permissions of Microsoft Graph in a customer's tenant.

        :raises Conflict: it may have some already (status 400 or 409).
        """
        grant = {"enterpriseApplicationId": GRAPH_APP_ID, "scope": ",".join(scopes)}
        reply = self._send("POST", customer, "", {"applicationId": app_id, "applicationGrants": [grant]})
        if reply.status >= 300:
            raise _refusal(reply).while_trying("consent for the customer", customer)

    def remove(self, customer: str, app_id: str) -> None:
        """Take the application out of a customer's tenant, with all that it was granted there.

        :raises NotFound: it is not there.
        """
        reply = self._send("DELETE", customer, f"/{app_id}", None)
        if reply.status >= 300:
            raise _refusal(reply).while_trying("remove the application from the customer's tenant", customer)

    def _send(self, method: str, customer: str, tail: str, body: Any) -> Reply:
        # The request id makes it safe to repeat (documented).
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/json",
            "MS-RequestId": str(uuid.uuid4()),
            "MS-CorrelationId": str(uuid.uuid4()),
        }
        path = f"/v1/customers/{customer}/applicationconsents{tail}"
        return self._http.send(method, path, body=body, headers=headers, safe=True)


def _refusal(reply: Reply) -> M365Error:
    kinds: dict[int, type[M365Error]] = {
        400: Conflict,
        401: BadCredential,
        403: Forbidden,
        404: NotFound,
        409: Conflict,
    }
    kind = kinds.get(reply.status, ServiceFault if reply.status >= 500 else Rejected)
    code, text = _words(reply.json())
    return kind(
        text or f"status {reply.status} without an explanation",
        remedy=_REMEDIES.get(reply.status, ""),
        service=SERVICE,
        status=reply.status,
        code=code,
        request_id=str(reply.headers.get("MS-RequestId") or ""),
    )


def _words(content: Any) -> tuple[str, str]:
    """(code, text) of a body, whatever its form."""
    error = content if isinstance(content, dict) else {}
    error = error["error"] if isinstance(error.get("error"), dict) else error
    text = error.get("description") or error.get("message") or error.get("error_description")
    return str(error.get("code") or "")[:60], str(text or "")[:400]
