# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""/subscriptions: change notifications. The service checks the address at once, as the real one does (documented)."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

import httpx

from tcx_lab.evidence import Grade, evidence
from tcx_lab.graph import rights
from tcx_lab.graph.errors import GraphError, bad_request, method_not_allowed, not_found, required_value
from tcx_lab.graph.session import Session, text_of
from tcx_lab.graph.shapes import moment, parse_moment
from tcx_lab.graph.store import Entity
from tcx_lab.graph.web import Answer

#: Longest life in minutes by the first part of the resource (documented).
_MINUTES = {"users": 41_760, "groups": 41_760, "communications": 60}
_ITEM_MINUTES = {"events": 4_230, "contacts": 4_230, "messages": 4_230}
_PERMISSIONS = {
    "events": frozenset({"Calendars.Read", "Calendars.ReadWrite"}),
    "contacts": frozenset({"Contacts.Read", "Contacts.ReadWrite"}),
    "messages": frozenset({"Mail.Read", "Mail.ReadWrite"}),
    "communications": frozenset({"Presence.Read.All", "Presence.ReadWrite.All"}),
    "groups": rights.READ_GROUPS,
    "users": rights.READ_USERS,
}
_CHANGES = {"created", "updated", "deleted"}


@evidence(Grade.DOCUMENTED, "published REST reference")
async def handle(session: Session, rest: list[str]) -> Answer:
    """`/subscriptions[/{id}]`; an application sees its own alone (documented)."""
    method = session.call.method
    stored = session.tenant.subscriptions
    own = {
        key: subscription
        for key, subscription in stored.items()
        if subscription["applicationId"] == session.app_id and not _over(session, subscription)
    }
    if not rest:
        if method == "GET":
            return session.many("subscriptions", own.values())
        if method == "POST":
            return await _create(session)
        raise method_not_allowed()
    subscription = own.get(rest[0])
    if subscription is None:
        raise not_found(rest[0])
    if method == "GET":
        return session.one("subscriptions/$entity", subscription)
    if method == "DELETE":
        del stored[rest[0]]
        return Answer(204)
    if method == "PATCH":
        end = session.body().get("expirationDateTime", subscription["expirationDateTime"])
        stored[rest[0]] = {**subscription, "expirationDateTime": _end(session, end, subscription["resource"])}
        return session.one("subscriptions/$entity", stored[rest[0]])
    raise method_not_allowed()


def _over(session: Session, subscription: Entity) -> bool:
    return parse_moment(subscription["expirationDateTime"]) <= session.now()


async def _create(session: Session) -> Answer:
    sent = session.properties()
    for name in ("changeType", "notificationUrl", "resource", "expirationDateTime"):
        text_of(sent, name, required_value(name, "Subscription"))
    kind = _kind(sent["resource"])
    session.require(_PERMISSIONS.get(kind, frozenset()))
    if not set(sent["changeType"].replace(" ", "").split(",")) <= _CHANGES:
        raise _invalid("The changeType is not valid.")
    if not sent["notificationUrl"].startswith("https://"):
        raise _invalid("Subscription notification URL must use HTTPS.")
    if len(sent.get("clientState") or "") > 128:
        raise _invalid("clientState is longer than 128 characters.")
    end = _end(session, sent["expirationDateTime"], sent["resource"])
    await _validate_address(session, sent["notificationUrl"])
    subscription = {
        "id": session.world.new_guid(),
        "resource": sent["resource"],
        "applicationId": session.app_id,
        "changeType": sent["changeType"],
        "clientState": sent.get("clientState"),
        "notificationUrl": sent["notificationUrl"],
        "notificationQueryOptions": None,
        "lifecycleNotificationUrl": sent.get("lifecycleNotificationUrl"),
        "expirationDateTime": end,
        "creatorId": session.caller_id,
        "includeResourceData": None,
        "latestSupportedTlsVersion": sent.get("latestSupportedTlsVersion", "v1_2"),
        "encryptionCertificate": None,
        "encryptionCertificateId": None,
        "notificationUrlAppId": None,
    }
    session.tenant.subscriptions[subscription["id"]] = subscription
    return Answer(201, {"@odata.context": session.context("subscriptions/$entity"), **subscription})


def _kind(resource: str) -> str:
    parts = resource.strip("/").split("/")
    last = next((part for part in reversed(parts) if part in _ITEM_MINUTES), "")
    return last or parts[0]


def _end(session: Session, text: str, resource: str) -> str:
    try:
        end = parse_moment(text)
    except (ValueError, IndexError) as error:
        raise _invalid("expirationDateTime is not a date-time.") from error
    kind = _kind(resource)
    minutes = _ITEM_MINUTES.get(kind) or _MINUTES.get(kind)
    if minutes is None:
        raise _invalid(f"Resource '{resource}' is not supported.")
    if end <= session.now():
        raise _invalid("Subscription expiration can only be in the future.")
    if end > session.now() + timedelta(minutes=minutes):
        raise _invalid(f"Subscription expiration can only be {minutes} minutes in the future.")
    return moment(end)


def _invalid(message: str) -> GraphError:
    return bad_request(message, "InvalidRequest")


async def _validate_address(session: Session, url: str) -> None:
    """Post a validation token to the address and expect it back as text (documented). Raises 400."""
    token = f"Validation: {session.world.new_guid()}"
    separator = "&" if "?" in url else "?"
    try:
        async with session.world.internal_client("graph") as client:
            response = await client.post(f"{url}{separator}{urlencode({'validationToken': token})}")
    except (httpx.HTTPError, RuntimeError, OSError) as error:
        raise _invalid("Subscription validation request failed. Notification endpoint is not reachable.") from error
    if response.status_code != 200 or response.text != token:
        raise _invalid(
            "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request."
        )
