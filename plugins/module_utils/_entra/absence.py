# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""Second looks: what one request calls absent is looked for by another key, and among what was deleted.

A replica that lags says "does not exist" of what is there, and such an answer decides verdicts. Only lists are asked here,
whose answer for "none" is an empty page and not an error that could mean something else.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.odata import encoded_literal
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import SELECT, SP_SELECT
from ansible_collections.tcx.m365.plugins.module_utils._entra.graph import Answer, Call, GraphClient

Json = dict[str, Any]

DELETED_APPLICATIONS = f"/directory/deletedItems/microsoft.graph.application?$select={SELECT}&$top=999"
_DELETED_PRINCIPALS = f"/directory/deletedItems/microsoft.graph.servicePrincipal?$select={SP_SELECT}&$top=999"


def principal(client: GraphClient, app_id: str) -> tuple[Json | None, Json | None]:
    """(live, soft-deleted) service principal of an application, after a request for it was answered with 404.

    Deleting an application soft-deletes its service principal as well, and restoring the application does not bring it
    back (documented: directory-deleteditems-restore).
    """
    clause = f"appId%20eq%20{encoded_literal(app_id)}"
    live, deleted = client.batch(
        [
            Call("GET", f"/servicePrincipals?$filter={clause}&$select={SP_SELECT}"),
            Call("GET", _DELETED_PRINCIPALS),
        ]
    )
    return _of(client, live, app_id), _of(client, deleted, app_id)


def deleted_application(client: GraphClient, app_id: str) -> Json | None:
    """The soft-deleted application with this id."""
    return _of(client, client.send(Call("GET", DELETED_APPLICATIONS)), app_id)


def application(client: GraphClient, app_id: str, unique_name: str) -> Json | None:
    """The application that has one of the keys after all; the id counts more."""
    filters = [f"appId%20eq%20{encoded_literal(app_id)}"] if app_id else []
    filters += [f"uniqueName%20eq%20{encoded_literal(unique_name)}"] if unique_name else []
    answers = client.batch([Call("GET", f"/applications?$filter={each}&$select={SELECT}") for each in filters])
    pages = [each for answer in answers for each in client.pages("", first=answer.get())]
    by_id = [each for each in pages if str(each.get("appId", "")).lower() == app_id.lower()]
    by_name = [each for each in pages if unique_name and each.get("uniqueName") == unique_name]
    return next(iter([*by_id, *by_name]), None)


def _of(client: GraphClient, page: Answer, app_id: str) -> Json | None:
    """The entry of an application; of several that were deleted one after the other the latest."""
    found = [
        each
        for each in client.pages("", first=page.get())
        if str(each.get("appId", "")).lower() == app_id.lower() and each.get("id")
    ]
    return max(found, key=lambda each: str(each.get("deletedDateTime") or ""), default=None)
