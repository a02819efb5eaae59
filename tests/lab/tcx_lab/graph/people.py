# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users, groups, photos, the organization and its domains (facts: documented; photos' 404 bodies observed)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from tcx_lab.evidence import Grade, evidence
from tcx_lab.graph.errors import GraphError, bad_request, method_not_allowed, not_found
from tcx_lab.graph.odata import parse_filter
from tcx_lab.graph.owners import typed
from tcx_lab.graph.session import Session
from tcx_lab.graph.store import GROUPS, USERS, Entity
from tcx_lab.graph.web import Answer

#: What a user shows without `$select` (documented).
DEFAULT_USER = (
    "businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone", "officeLocation",
    "preferredLanguage", "surname", "userPrincipalName", "id",
)  # fmt: skip
USER_NAMES = frozenset(DEFAULT_USER) | {
    "accountEnabled", "ageGroup", "assignedLicenses", "assignedPlans", "city", "companyName", "country",
    "createdDateTime", "creationType", "deletedDateTime", "department", "employeeId", "employeeType", "externalUserState",
    "faxNumber", "identities", "imAddresses", "lastPasswordChangeDateTime", "mailNickname", "onPremisesSyncEnabled",
    "otherMails", "postalCode", "proxyAddresses", "signInActivity", "state", "streetAddress", "usageLocation", "userType",
}  # fmt: skip
PHOTO_SIZES = (48, 64, 96, 120, 240, 360, 432, 504, 648)


def users(session: Session, rest: list[str]) -> Answer:
    """`/users[/{id or UPN}[/photo...]]`."""
    if len(rest) == 2 and rest[1].lower().removeprefix("microsoft.graph.") == "getmembergroups":
        return member_groups(session, _find(session, rest[0])["id"])
    if session.call.method != "GET" and not (len(rest) == 2 and rest[1].lower() == "photo"):
        raise method_not_allowed()
    if not rest or rest == ["$count"]:
        session.units = 2
        return _shown_users(session, _candidates(session))
    if len(rest) >= 2 and rest[1].lower() in ("photo", "photos"):
        return _photo(session, rest)
    user = _find(session, rest[0])
    if len(rest) == 2 and rest[1].lower() in ("memberof", "transitivememberof"):
        groups = [
            typed(session, group) for group, members in session.tenant.group_members.items() if user["id"] in members
        ]
        return session.many("directoryObjects", [group for group in groups if group is not None])
    if len(rest) > 1:
        raise not_found(rest[1])
    return session.one("users/$entity", user if session.selected else _plain(user), "user", USER_NAMES)


def _candidates(session: Session) -> Iterable[Entity]:
    clause = session.option("$filter")
    equality = parse_filter(clause).equality if clause else None
    if equality is not None and equality[0] == "userPrincipalName":
        user = session.directory.find(USERS, equality[0], equality[1], session.view)
        return [user] if user is not None else []
    return session.directory.every(USERS, session.view)


def _shown_users(session: Session, listed: Iterable[Entity]) -> Answer:
    answer = session.many("users", listed, "user", USER_NAMES)
    if not session.selected and isinstance(answer.body, dict):
        answer.body["value"] = [_plain(user) for user in answer.body["value"]]
    return answer


def _plain(user: Entity) -> Entity:
    return {name: user.get(name) for name in DEFAULT_USER}


def _find(session: Session, key: str) -> Entity:
    user = session.directory.get(USERS, key, session.view)
    if user is None:
        user = session.directory.find(USERS, "userPrincipalName", key, session.view)
    if user is None:
        raise not_found(key)
    return user


def _photo(session: Session, rest: list[str]) -> Answer:
    if session.call.method != "GET":
        raise method_not_allowed()
    user = _find(session, rest[0])
    data = session.tenant.photos.get(user["id"])
    if data is None:
        raise GraphError(
            404,
            "ImageNotFound",
            "Exception of type 'Microsoft.Fast.Profile.Core.Exception.ImageNotFoundException' was thrown.",
        )
    size = rest[2] if rest[1].lower() == "photos" and len(rest) > 2 else "240x240"
    if size.partition("x")[0] not in map(str, PHOTO_SIZES) or len(set(size.split("x"))) != 1:
        raise bad_request(f"The requested image size {size} is not supported.", "ErrorInvalidImageId")
    if rest[-1] == "$value":
        etag = f'"{hashlib.sha1(data, usedforsecurity=False).hexdigest().upper()}"'
        return Answer(200, data, {"Content-Type": "image/jpeg", "ETag": etag})
    number = int(size.partition("x")[0])
    if rest[1].lower() == "photos" and len(rest) == 2:
        return session.many(f"users('{user['id']}')/photos", [_metadata(data, size) for size in PHOTO_SIZES])
    return session.one(f"users('{user['id']}')/photo/$entity", _metadata(data, number))


def _metadata(data: bytes, size: int) -> Entity:
    return {
        "@odata.mediaContentType": "image/jpeg",
        "@odata.mediaEtag": f'"{hashlib.sha1(data, usedforsecurity=False).hexdigest().upper()}"',
        "id": f"{size}x{size}",
        "height": size,
        "width": size,
    }


def groups(session: Session, rest: list[str]) -> Answer:
    """`/groups[/{id}[/members]]`."""
    if len(rest) == 2 and rest[1].lower().removeprefix("microsoft.graph.") == "getmembergroups":
        return member_groups(session, session.get(GROUPS, rest[0])["id"])
    if session.call.method != "GET":
        raise method_not_allowed()
    if not rest or rest == ["$count"]:
        return session.many("groups", session.directory.every(GROUPS, session.view))
    group = session.get(GROUPS, rest[0])
    if len(rest) == 1:
        return session.one("groups/$entity", group)
    if rest[1].lower() not in ("members", "transitivemembers"):
        raise not_found(rest[1])
    members = _members(session, group["id"], nested=rest[1].lower() == "transitivemembers")
    if rest[2:] and rest[2].lower() == "microsoft.graph.user":
        members = [member for member in members if member["@odata.type"] == "#microsoft.graph.user"]
        return session.many("users", members, "user", USER_NAMES)
    return session.many("directoryObjects", members)


def _members(session: Session, group_id: str, *, nested: bool) -> list[Entity]:
    """Members of a group, and of the groups in it when `nested`, each once (documented); groups may stand in each other."""
    members: dict[str, Entity] = {}
    waiting = list(session.tenant.group_members.get(group_id, ()))
    while waiting:
        object_id = waiting.pop(0)
        member = None if object_id in members else typed(session, object_id)
        if member is None:
            continue
        members[object_id] = member
        if nested:
            waiting += session.tenant.group_members.get(object_id, ())
    return list(members.values())


@evidence(Grade.DOCUMENTED, "https://learn.microsoft.com/graph/api/directoryobject-getmembergroups")
def member_groups(session: Session, object_id: str) -> Answer:
    """`POST .../getMemberGroups`: ids of all groups that somebody is in, through other groups too. Raises 400, 404."""
    if typed(session, object_id) is None:
        raise not_found(object_id)
    secured = session.body().get("securityEnabledOnly", False)
    if not isinstance(secured, bool):
        raise bad_request(f"Cannot convert the literal '{secured}' to the expected type 'Edm.Boolean'.", "BadRequest")
    containing: dict[str, None] = {}
    waiting = [object_id]
    while waiting:
        inside = waiting.pop()
        for group, members in session.tenant.group_members.items():
            if inside in members and group not in containing:
                containing[group] = None
                waiting.append(group)
    ids = [group for group in containing if not secured or session.tenant.groups[group].get("securityEnabled")]
    return Answer(200, {"@odata.context": session.context("Collection(Edm.String)"), "value": ids})


def organization(session: Session, rest: list[str]) -> Answer:
    """`/organization[/{id}]`."""
    if session.call.method != "GET":
        raise method_not_allowed()
    if not rest:
        return session.many("organization", [_organization(session)])
    if rest[0] != session.tenant.id:
        raise not_found(rest[0])
    return session.one("organization/$entity", _organization(session))


def _organization(session: Session) -> Entity:
    tenant = session.tenant
    return {
        "id": tenant.id,
        "deletedDateTime": None,
        "businessPhones": [],
        "city": None,
        "country": None,
        "countryLetterCode": "US",
        "createdDateTime": "2020-01-01T00:00:00Z",
        "displayName": tenant.display_name,
        "onPremisesSyncEnabled": None,
        "preferredLanguage": "en",
        "tenantType": "AAD",
        "technicalNotificationMails": [],
        "assignedPlans": [],
        "provisionedPlans": [],
        "verifiedDomains": [
            {
                "capabilities": "Email, OfficeCommunicationsOnline",
                "isDefault": True,
                "isInitial": True,
                "name": tenant.domain,
                "type": "Managed",
            }
        ],
    }


def domains(session: Session, rest: list[str]) -> Answer:
    """`/domains[/{name}]`."""
    if session.call.method != "GET":
        raise method_not_allowed()
    domain = {
        "authenticationType": "Managed",
        "availabilityStatus": None,
        "id": session.tenant.domain,
        "isAdminManaged": True,
        "isDefault": True,
        "isInitial": True,
        "isRoot": True,
        "isVerified": True,
        "supportedServices": ["Email", "OfficeCommunicationsOnline"],
    }
    if not rest:
        return session.many("domains", [domain])
    if rest[0].lower() != session.tenant.domain.lower():
        raise not_found(rest[0])
    return session.one("domains/$entity", domain)


@evidence(Grade.RECORDED, "azure-cli test recordings")
def objects_by_ids(session: Session) -> Answer:
    """`POST /directoryObjects/getByIds` (recorded)."""
    if session.call.method != "POST":
        raise method_not_allowed()
    session.units = 3
    sent = session.body()
    ids = sent.get("ids")
    if not isinstance(ids, list) or len(ids) > 1000:
        raise bad_request("Invalid ids.")
    types = {f"#microsoft.graph.{kind}".lower() for kind in sent.get("types") or ()}
    entities = (typed(session, object_id) for object_id in ids)
    value = [
        entity for entity in entities if entity is not None and (not types or entity["@odata.type"].lower() in types)
    ]
    return Answer(
        200,
        {"@odata.context": session.context("directoryObjects"), "value": value},
        {"Location": session.world.endpoints.graph},
    )


def directory_object(session: Session, object_id: str) -> Answer:
    """`GET /directoryObjects/{id}`."""
    entity = typed(session, object_id)
    if entity is None:
        raise not_found(object_id)
    return session.one("directoryObjects/$entity", entity)
