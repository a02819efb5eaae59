# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Second looks: what one request calls absent is looked for by another key, and among what was deleted.

A replica that lags says "does not exist" of what is there, and such an answer decides verdicts. Only lists are asked here,
whose answer for "none" is an empty page and not an error that could mean something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._common import typed
from ..._common.odata import encoded_literal
from ..._errors import M365Error, NotFound
from ..graph import OBJECTS_BY_ID, SERVICE, Answer, Call, GraphClient
from .model import SELECT, SP_SELECT, Key, Observed, unique_name_of

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
    listed = _of(client, live, app_id)
    if listed is not None:
        # A list does not show the bytes of a certificate (documented), beside which whoever added it may have written any
        # thumbprint.
        answer = client.send(Call("GET", f"/servicePrincipals/{listed['id']}?$select={SP_SELECT}"))
        listed = answer.entity_or_none() or listed
    return listed, _of(client, deleted, app_id)


def deleted_application(client: GraphClient, app_id: str) -> Json | None:
    """The soft-deleted application with this id."""
    return _of(client, client.send(Call("GET", DELETED_APPLICATIONS)), app_id)


def restored(client: GraphClient, deleted: Json) -> Observed:
    """An application that was deleted a moment ago, back with its service principal.

    :raises M365Error: it may not be restored, or cannot be.
    """
    app_id = str(deleted.get("appId") or "")
    _restored_or_raise(client, deleted)
    live, gone = principal(client, app_id)
    if live is None and gone is not None:
        _restored_or_raise(client, gone)
        live = {**gone, "deletedDateTime": None}
    return Observed(application={**deleted, "deletedDateTime": None}, service_principal=live)


def refusal_to_restore(client: GraphClient, entity: Json) -> M365Error | None:
    """Ask for an object that was deleted; why it is refused.

    Somebody else may have been faster: what is not among the deleted any more is there.
    """
    answer = client.send(Call("POST", f"/directory/deletedItems/{entity['id']}/restore"))
    return None if answer.ok or isinstance(answer.error, NotFound) else answer.error


def _restored_or_raise(client: GraphClient, entity: Json) -> None:
    refusal = refusal_to_restore(client, entity)
    if refusal is not None:
        raise refusal


def application(client: GraphClient, key: Key, name: str) -> Json | None:
    """The application that one part of a key leads to after all.

    :param name: ``app_id`` or ``unique_name``. Applications can be listed by id and by display name (documented), not by
        unique name; without a display name the same request goes to another replica, perhaps.
    """
    if name == "unique_name" and not key.display_name:
        again = Call.by_key("applications", "uniqueName", key.unique_name, f"$select={SELECT}")
        return client.send(again).entity_or_none()
    field, value, expected = "displayName", key.display_name, key.unique_name
    if name == "app_id":
        field, value, expected = "appId", key.app_id, key.app_id
    page = client.get(f"/applications?$filter={field}%20eq%20{encoded_literal(value)}&$select={SELECT}&$top=100")
    matches = (
        entry for entry in client.pages("", first=page) if expected in (entry.get("appId"), unique_name_of(entry))
    )
    listed = next(matches, None)
    # A list does not show everything, the bytes of certificates among it (documented).
    return client.get(f"/applications/{listed['id']}?$select={SELECT}") if listed else None


def _of(client: GraphClient, page: Answer, app_id: str) -> Json | None:
    """The entry of an application; of several that were deleted one after the other the latest."""
    entries = [
        entry
        for entry in client.pages("", first=page.get())
        if str(entry.get("appId", "")).lower() == app_id.lower() and entry.get("id")
    ]
    return max(entries, key=lambda entry: str(entry.get("deletedDateTime") or ""), default=None)


def objects(client: GraphClient, ids: Sequence[str]) -> list[str]:
    """Those of the ids that no object of the directory has."""
    shown = client.send(Call("POST", OBJECTS_BY_ID, {"ids": list(ids)})).get()
    known = {str(entity["id"]).lower() for entity in typed.entities(shown, "value", SERVICE) if entity.get("id")}
    return [object_id for object_id in ids if object_id not in known]
