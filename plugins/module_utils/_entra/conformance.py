# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How Microsoft Graph behaves where this collection rests on it and no documentation decides.

Reading questions change nothing. Writing questions work on one application that is made for them, carries no
credential that anybody has the key of, and is removed permanently at the end.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from typing import Any

from .._conformance import Question, Unknown
from .._errors import M365Error
from .clouds import GRAPH_APP_ID
from .graph import Answer, Call, GraphClient

Json = dict[str, Any]
NAME = "tcx-m365-conformance"
NOBODY = "00000000-0000-0000-0000-000000000000"
URIS = ["https://one.example.com/a", "https://two.example.com/b", "https://three.example.com/c"]
PATIENCE_S = 20.0
"""Seconds after which an effect that has not been seen counts as none."""
REMOVAL_S = 60.0
MOST_URIS = 256
"""Redirect URIs of an application at the most (https://learn.microsoft.com/entra/identity-platform/reply-url)."""


class Ground:
    """The tenant, and the application that is made for the writing questions."""

    def __init__(self, client: GraphClient) -> None:
        self.client = client
        self.name = ""
        self.seen = False
        self.absent = 0
        self.id = ""
        self.app_id = ""
        self.principal_id = ""
        self.upserted: bool | None = None

    def send(self, method: str, path: str, body: Json | None = None, **headers: str) -> Answer:
        return self.client.send(Call(method, path, body, headers), once=True)

    def read(self, *select: str) -> Json:
        """The application as it reads once a write is visible everywhere."""
        if not self.id:
            raise Unknown("the application for the questions could not be made")
        return self.client.get(f"/applications/{self.id}?$select={','.join(select)}")

    def patch(self, body: Json) -> Answer:
        if not self.id:
            raise Unknown("the application for the questions could not be made")
        return self.send("PATCH", f"/applications/{self.id}", body)

    def settled(self, select: str, is_settled: Callable[[Any], bool]) -> Any:
        """The property once a read shows what was written; raises :class:`Unknown` when none does."""

        def probe() -> tuple[bool, Any]:
            value = self.read(select).get(select)
            return is_settled(value), value

        done, value = self.client.context.deadline.until(probe, "what was written to be read", within=60.0)
        if not done:
            raise Unknown("what was written could not be read within a minute")
        return value


@contextlib.contextmanager
def ground(client: GraphClient, *, writes: bool) -> Iterator[Ground]:
    """A ground for the questions; what was made on it is removed permanently, whatever happens meanwhile.

    :raises NotRemoved: at the end, something of it is still there.
    """
    made = Ground(client)
    try:
        if writes:
            _make(made)
        yield made
    finally:
        if made.name:
            _remove(made)


class NotRemoved(M365Error):
    """The application for the questions, or a part of it, could not be removed; where to find it stands in the text."""

    kind = "not_removed"


def _make(made: Ground) -> None:
    made.name = f"{NAME}-{secrets.token_hex(6)}"  # known before anything is sent: an answer may be lost
    body = {"displayName": made.name, "signInAudience": "AzureADMyOrg"}
    path = f"/applications(uniqueName='{made.name}')"
    answer = made.send("PATCH", path, body, Prefer="create-if-missing")
    made.upserted = answer.ok
    if not answer.ok:
        answer = made.send("POST", "/applications", body)
    if 400 <= answer.status < 500:
        made.name = ""  # refused: there is nothing to remove
    content = answer.get()
    if not content.get("id"):
        content = next(iter(_named(made)), {})
    made.id, made.app_id = str(content.get("id") or ""), str(content.get("appId") or "")


def _named(made: Ground) -> list[Json]:
    """The applications with our name; it is in no other use, because it is random."""
    return list(made.client.pages(f"/applications?$filter=displayName eq '{made.name}'&$select=id,appId"))


def _deleted(made: Ground, kind: str) -> list[Json]:
    """The same among what was deleted, where the documentation promises no filter by name."""
    path = f"/directory/deletedItems/microsoft.graph.{kind}?$select=id,displayName&$top=999"
    return [entry for entry in made.client.pages(path) if entry.get("displayName") == made.name]


def _remove(made: Ground) -> None:
    """Delete the application and its service principal, then purge both, and look whether they are gone."""

    def probe() -> tuple[bool, Any]:
        try:
            return _removed(made), None
        except M365Error as error:
            return False, error

    done, error = made.client.context.deadline.until(probe, "the removal to be seen", within=REMOVAL_S)
    if not done:
        raise NotRemoved(
            f"the application {made.name}, made for the questions, is still there or among the deleted ones",
            service=error.service if error is not None else "",
            status=error.status if error is not None else None,
            code=error.code if error is not None else "",
            tried="remove what was made",
            target=made.name,
            remedy="Delete it in Microsoft Entra > App registrations, and permanently under Deleted applications.",
        )


_LOOKS = 2
_LOOKS_FOR_UNSEEN = 5
"""An application whose answer was lost may be there and not be seen yet."""


def _removed(made: Ground) -> bool:
    """One attempt: what is seen is deleted; true once several looks in succession have seen nothing."""
    live = [application["id"] for application in _named(made)]
    if made.id and not made.seen:
        live = [made.id, *(object_id for object_id in live if object_id != made.id)]
    for object_id in live:
        made.seen = made.client.send(Call("DELETE", f"/applications/{object_id}")).ok or made.seen
    gone = [entry["id"] for kind in ("application", "servicePrincipal") for entry in _deleted(made, kind)]
    for object_id in gone:
        made.seen = made.client.send(Call("DELETE", f"/directory/deletedItems/{object_id}")).ok or made.seen
    made.absent = 0 if live or gone else made.absent + 1
    return made.absent >= (_LOOKS if made.seen else _LOOKS_FOR_UNSEEN)


# --- reading ---------------------------------------------------------------------------------------------------------


def _page_size(made: Ground) -> int:
    page = made.client.get("/applications?$select=id")
    if not page.get("@odata.nextLink"):
        raise Unknown("the tenant has fewer applications than a page holds")
    return len(page["value"])


def _refused(answer: Answer) -> str:
    return "accepted" if answer.ok else "refused"


def _skip(made: Ground) -> str:
    return _refused(made.send("GET", "/applications?$skip=1&$top=1&$select=id"))


def _type_alias(made: Ground) -> str:
    return _refused(made.send("GET", "/directory/deletedItems/graph.application?$top=1&$select=id"))


def _batch_content_type(made: Ground) -> str:
    """An item with a body and no Content-Type, addressed to an object that does not exist, so that nothing is written."""
    item = {"id": "1", "method": "PATCH", "url": f"/applications/{NOBODY}", "body": {"displayName": NAME}}
    return _refused(made.send("POST", "/$batch", {"requests": [item]}))


def _role_origin(made: Ground) -> str:
    roles = made.client.get(f"/servicePrincipals(appId='{GRAPH_APP_ID}')?$select=appRoles").get("appRoles") or [{}]
    return "present" if "origin" in roles[0] else "absent"


# --- writing ---------------------------------------------------------------------------------------------------------


def _upsert(made: Ground) -> bool:
    if made.upserted is None:
        raise Unknown("no application was made")
    return made.upserted


def _immutable_name(made: Ground) -> bool:
    if not made.upserted:
        raise Unknown("the application has no unique name")
    return not made.patch({"uniqueName": f"{NAME}-{secrets.token_hex(6)}"}).ok


def _uris_order(made: Ground) -> bool:
    made.patch({"web": {"redirectUris": URIS}}).get()
    web = made.settled("web", lambda value: sorted((value or {}).get("redirectUris") or ()) == sorted(URIS))
    return bool(web["redirectUris"] == URIS)


def _merges(made: Ground) -> bool:
    made.patch({"web": {"redirectUris": URIS}}).get()
    made.settled("web", lambda value: bool((value or {}).get("redirectUris")))
    home = "https://one.example.com/home"
    made.patch({"web": {"homePageUrl": home}}).get()
    web = made.settled("web", lambda value: (value or {}).get("homePageUrl") == home)
    return bool(web.get("redirectUris"))


def _inner_type(made: Ground) -> str:
    return _refused(made.patch({"web": {"implicitGrantSettings": {"enableIdTokenIssuance": "yes"}}}))


def _too_many_uris(made: Ground) -> str:
    uris = [f"https://host{number}.example.com/" for number in range(MOST_URIS + 1)]
    return _refused(made.patch({"web": {"redirectUris": uris}}))


def _foreign_identifier(made: Ground) -> str:
    return _refused(made.patch({"identifierUris": [f"https://{NAME}.example.com/{secrets.token_hex(4)}"]}))


def _principal(made: Ground) -> str:
    if not made.principal_id:
        answer = made.client.eventually(
            lambda: made.send("POST", "/servicePrincipals", {"appId": made.app_id}).get(),
            "the application",
            within=60.0,
        )
        made.principal_id = str(answer.get("id") or "")
    return made.principal_id


def _tags(made: Ground) -> bool:
    principal, tag = _principal(made), f"{NAME}-tag"
    made.patch({"tags": [tag]}).get()
    made.settled("tags", lambda value: tag in (value or ()))

    def probe() -> tuple[bool, Any]:
        tags = made.client.get(f"/servicePrincipals/{principal}?$select=tags").get("tags") or ()
        return tag in tags, tags

    done, _last_tags = made.client.context.deadline.until(probe, "the tag of the service principal", within=PATIENCE_S)
    return done


def _twice_assigned(made: Ground) -> Answer:
    """The answer to an assignment that exists; that of a permission which reads nothing but the caller's own data."""
    principal = _principal(made)
    graph = made.client.get(f"/servicePrincipals(appId='{GRAPH_APP_ID}')?$select=id,appRoles")
    role = next(role["id"] for role in graph["appRoles"] if role["value"] == "Application.ReadWrite.OwnedBy")
    body = {"principalId": principal, "resourceId": graph["id"], "appRoleId": role}
    path = f"/servicePrincipals/{principal}/appRoleAssignments"
    first = made.client.eventually(lambda: made.send("POST", path, body), "the service principal", within=60.0)
    first.get()
    try:
        return made.send("POST", path, body)
    finally:
        assigned = str(first.get().get("id") or "")
        made.client.send(Call("DELETE", f"{path}/{assigned}"))


def _twice_status(made: Ground) -> int:
    answer = _twice_assigned(made)
    if answer.ok:
        raise Unknown("a second assignment was accepted")
    return answer.status


def _twice_wording(made: Ground) -> str:
    answer = _twice_assigned(made)
    if answer.ok:
        raise Unknown("a second assignment was accepted")
    message = answer.error.message.lower()
    known = {"permission being assigned": "permission", "entitlementgrant": "entitlement"}
    word = next((word for text, word in known.items() if text in message), "")
    if not word:
        raise Unknown("it is called something else")
    return word


def _restored(made: Ground) -> bool:
    """Whether the service principal is back when the deleted application is; asked last, it deletes the application."""
    principal = _principal(made)
    made.client.send(Call("DELETE", f"/applications/{made.id}")).get()
    made.client.eventually(
        lambda: made.send("POST", f"/directory/deletedItems/{made.id}/restore", {}).get(), "the deletion", within=60.0
    )

    def probe() -> tuple[bool, Any]:
        return made.send("GET", f"/servicePrincipals/{principal}?$select=id").ok, None

    done, _nothing = made.client.context.deadline.until(probe, "the service principal", within=PATIENCE_S)
    return done


QUESTIONS: tuple[Question[Ground], ...] = (
    Question("default_page_size", "number of applications in a page without $top", _page_size),
    Question("skip_on_directory_objects", "$skip on a list of applications", _skip),
    Question("graph_type_alias", "graph.application in place of microsoft.graph.application", _type_alias),
    Question("batch_item_without_content_type", "a batch item with a body and no Content-Type", _batch_content_type),
    Question("app_role_origin", "appRoles have the property origin", _role_origin),
    Question("upsert_supported", "PATCH /applications(uniqueName='..') creates an application", _upsert, True),
    Question("unique_name_immutable", "a unique name cannot be changed", _immutable_name, True),
    Question("redirect_uris_order_kept", "redirect URIs are read in the order they were written", _uris_order, True),
    Question("complex_patch_merges", "what a PATCH of web leaves out keeps its value", _merges, True),
    Question("wrong_inner_type", "a value of a wrong type inside of a complex property", _inner_type, True),
    Question("too_many_redirect_uris", f"more than {MOST_URIS} redirect URIs", _too_many_uris, True),
    Question(
        "foreign_identifier_uri", "an identifier URI of a domain that the tenant has not", _foreign_identifier, True
    ),
    Question("application_tags_reach_service_principal", "tags also show on the service principal", _tags, True),
    Question("duplicate_assignment_status", "status of an app role assignment that exists", _twice_status, True),
    Question("duplicate_assignment_wording", "what such an assignment is called", _twice_wording, True),
    Question("restore_restores_service_principal", "restoring brings the service principal back", _restored, True),
)
