# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run can tell of itself: until when the automation can sign in, and what its tenants are called.

A certificate tells its own end. The end of a client secret stands in the application registration in its home tenant, which an
application may read of itself without any permission (https://learn.microsoft.com/graph/api/application-get); which tenant that is,
its service principal in every other tenant says. Graph shows the first three characters of a secret as its hint
(https://learn.microsoft.com/graph/api/resources/passwordcredential).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .._common import dates
from .._common.ids import is_guid
from .._common.odata import encoded_literal
from .._errors import M365Error
from . import rights
from .credentials.certificate import ClientCertificate
from .credentials.client_secret import ClientSecret
from .graph import GraphClient

_KIND = "own_application"
_HINT = 3

SECRET, CERTIFICATE = "secret", "certificate"
NO_EXPIRY = "it has no expiry of its own"


def tenant_name(client: GraphClient) -> str:
    """The display name of the tenant; empty where the token has no permission that shows it, and then nothing is asked."""
    if rights.lacking(client.tokens.get(), rights.READ_ORGANIZATION):
        return ""

    def ask() -> str:
        listed = client.get("/organization?$select=id,displayName").get("value")
        first = listed[0] if isinstance(listed, list) and listed else {}
        return str(first.get("displayName") or "") if isinstance(first, Mapping) else ""

    return str(client.context.once("organization", client.shared_key(), ask))


def credential(client: GraphClient) -> dict[str, Any]:
    """`{app_id, kind, expires, reason}` of the credential that this run signs in with; asked once in a run.

    `expires` is None where it has no end, or where `reason` says why it is not known.
    """
    used = client.connection.credential
    described = {"app_id": used.client_id, "kind": used.source, "expires": None, "reason": NO_EXPIRY}
    if isinstance(used, ClientCertificate):
        return {**described, "kind": CERTIFICATE, "expires": dates.iso(used.validity()[1]), "reason": ""}
    if not isinstance(used, ClientSecret):
        return described
    key = f"{client.connection.endpoints.login}|{used.client_id}|{used.identity()}"
    kept: dict[str, Any] = client.context.once(
        _KIND, key, lambda: {**described, "kind": SECRET, **_secret(client, used)}
    )
    return kept


def _secret(client: GraphClient, used: ClientSecret) -> dict[str, Any]:
    try:
        application = _registration(client, used.client_id)
    except M365Error as error:
        return {"reason": f"not readable: {error.message or error}"}
    listed = [secret for secret in application.get("passwordCredentials") or () if isinstance(secret, Mapping)]
    ends = sorted(
        str(secret["endDateTime"])
        for secret in listed
        if secret.get("hint") == used.hint(_HINT) and secret.get("endDateTime")
    )
    if not ends:
        return {"reason": "not readable: its application lists no secret with this beginning"}
    # One that has passed cannot be the one that has just signed in.
    now = client.now()
    alive = [end for end in ends if (moment := dates.parse(end)) is not None and moment >= now] or ends
    return {
        "expires": alive[0],
        "reason": "the earliest of several secrets with this beginning" if len(alive) > 1 else "",
    }


def _registration(client: GraphClient, app_id: str) -> Mapping[str, Any]:
    principal = client.get(f"/servicePrincipals(appId={encoded_literal(app_id)})?$select=id,appOwnerOrganizationId")
    home = str(principal.get("appOwnerOrganizationId") or "").lower()
    home_client = client
    if is_guid(home) and home != client.tenant_id.lower():
        home_client = GraphClient(replace(client.connection, tenant=home), client.context)
    return home_client.get(f"/applications(appId={encoded_literal(app_id)})?$select=id,appId,passwordCredentials")
