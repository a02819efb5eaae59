# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which permissions are to be granted or revoked, given those that are granted. Pure.

Application permissions are app role assignments, one object each. Delegated permissions of one API for all users are
one object with a list of scopes; consents of single users are left alone (documented).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..._common import dates
from ..._errors import M365Error, NotOurs
from ..._plan import PENDING, Change, Plan, Write
from .model import MARK
from .permissions import APPLICATION, DELEGATED, Catalog, Permission, label

Json = dict[str, Any]

CREATE_PRINCIPAL = "create_service_principal"
RESTORE_PRINCIPAL = "restore_service_principal"
ASSIGN = "assign_role"
UNASSIGN = "remove_assignment"
CREATE_GRANT = "create_grant"
UPDATE_GRANT = "update_grant"
DELETE_GRANT = "delete_grant"

ASSIGNMENTS, GRANTS = "app_role_assignments", "oauth2_permission_grants"
ALL_USERS = "AllPrincipals"


@dataclass(frozen=True)
class DesiredGrant:
    """What should be granted to one service principal.

    :param absent: the named permissions are revoked instead; all of them where none is named.
    :param exclusive: what is not named is revoked.
    :param held: credentials and owners of the application that nobody here knows: whoever has them would have what is granted.
    """

    app_id: str
    application: Sequence[Permission] = ()
    delegated: Sequence[Permission] = ()
    exclusive: bool = False
    absent: bool = False
    force: bool = False
    held: tuple[str, ...] = ()

    def asking(self, permissions: Iterable[Permission]) -> DesiredGrant:
        """The same, with the permissions that it is about."""
        by_kind: dict[str, list[Permission]] = {APPLICATION: [], DELEGATED: []}
        for permission in permissions:
            by_kind[permission.kind].append(permission)
        return replace(self, application=by_kind[APPLICATION], delegated=by_kind[DELEGATED])

    @property
    def names_any(self) -> bool:
        return bool(self.application or self.delegated)


@dataclass(frozen=True)
class Granted:
    """What is granted to one service principal.

    :param principal_id: its object id; ``None`` where it does not exist.
    :param assignments: its app role assignments.
    :param grants: its delegated grants for all users.
    :param marked: whether its application carries our mark.
    :param deleted_principal: object id of a soft-deleted service principal; only looked for where there is no live one.
    :param of_users: delegated grants for single users, which are left alone and reported.
    :param delegated_known: whether the delegated grants could be read; where not, ``grants`` is empty and says nothing.
    """

    principal_id: str | None = None
    assignments: Sequence[Json] = ()
    grants: Sequence[Json] = ()
    marked: bool = False
    deleted_principal: str | None = None
    delegated_known: bool = True
    of_users: Sequence[Json] = ()


@dataclass(frozen=True)
class Names:
    """The APIs that play a part, by application id and by object id of their service principal."""

    catalogs: Mapping[str, Catalog] = field(default_factory=dict)

    def of_object(self, object_id: Any) -> Catalog | None:
        return next((catalog for catalog in self.catalogs.values() if catalog.object_id == object_id), None)

    def object_id(self, app_id: str) -> str:
        return self.catalogs[app_id].object_id

    def label(self, permission: Permission) -> str:
        return permission.label(self.catalogs)

    def of_assignment(self, assignment: Json) -> str:
        return self._written(assignment.get("resourceId"), APPLICATION, str(assignment.get("appRoleId")), assignment)

    def of_scope(self, grant: Json, scope: str) -> str:
        known = self.of_object(grant.get("resourceId"))
        return label(known.app_id, scope, self.catalogs) if known else f"{grant.get('resourceId')}/{scope}"

    def _written(self, object_id: Any, kind: str, identifier: str, entity: Json) -> str:
        known = self.of_object(object_id)
        if known is None:
            return f"{entity.get('resourceDisplayName') or object_id}/{identifier}"
        return label(known.app_id, known.name_of(kind, identifier), self.catalogs)


def plan_grants(desired: DesiredGrant, granted: Granted, names: Names) -> Plan:
    """What brings the grants to their desired state.

    :raises NotOurs: something that was not named would be revoked from an application without our mark.
    """
    plan = Plan()
    if granted.principal_id is None and not desired.absent:
        before = "absent" if granted.deleted_principal is None else "deleted"
        plan.changes.append(Change("service_principal", "state", before, "present"))
        if granted.deleted_principal is None:
            plan.writes.append(Write(CREATE_PRINCIPAL, {"appId": desired.app_id, "accountEnabled": True}))
        else:
            plan.writes.append(Write(RESTORE_PRINCIPAL, {"id": granted.deleted_principal}))
    unnamed = _plan_assignments(desired, granted, names, plan) + _plan_scopes(desired, granted, names, plan)
    gained = _gained(granted, plan, names)
    if gained and desired.held:
        raise Withheld(
            f"it holds {', '.join(desired.held)}, which nobody here knows, and would get {', '.join(gained)}",
            tried="grant permissions",
            target=desired.app_id,
            remedy="Remove what does not belong there, or name its owners in entra_app_owners, and a former certificate of the PBX in "
            "entra_app_certificates beside the new one; the certificates of PBXs that share the application are known in a run on "
            "all of them, without --limit. If all of it is meant, say so with entra_app_app_id.",
        )
    if unnamed and not (granted.marked or desired.force):
        raise NotOurs(
            f"its application does not carry the tag {MARK}, and would lose {', '.join(unnamed)}",
            tried="revoke permissions",
            target=desired.app_id,
            remedy="Manage the application with azure_app_registration first, or set O(force): true.",
        )
    return plan


class Withheld(M365Error):
    """Nothing new is granted to an application that others can sign in as."""

    kind = "not_confirmed"


def _gained(granted: Granted, plan: Plan, names: Names) -> list[str]:
    after = simulate(granted, plan)
    before = {*application_names(granted, names), *delegated_names(granted, names)}
    return [name for name in (*application_names(after, names), *delegated_names(after, names)) if name not in before]


def simulate(granted: Granted, plan: Plan) -> Granted:
    """What will be granted once the plan has been carried out."""
    after = granted
    for write in plan.writes:
        entity = write.payload
        if write.action == CREATE_PRINCIPAL:
            after = replace(after, principal_id=PENDING)
        elif write.action == RESTORE_PRINCIPAL:
            after = replace(after, principal_id=entity["id"], deleted_principal=None)
        elif write.action == ASSIGN:
            after = replace(after, assignments=[*after.assignments, {"id": PENDING, **entity}])
        elif write.action == UNASSIGN:
            after = replace(
                after, assignments=[assignment for assignment in after.assignments if assignment["id"] != entity["id"]]
            )
        elif write.action == CREATE_GRANT:
            after = replace(after, grants=[*after.grants, {"id": PENDING, **entity}])
        elif write.action == UPDATE_GRANT:
            after = replace(
                after, grants=[{**grant, **entity} if grant["id"] == entity["id"] else grant for grant in after.grants]
            )
        elif write.action == DELETE_GRANT:
            after = replace(after, grants=[grant for grant in after.grants if grant["id"] != entity["id"]])
    return after


def scopes_of(grant: Json) -> list[str]:
    """The scopes of a delegated grant: one text with blanks between them (recorded)."""
    return str(grant.get("scope") or "").split()


def application_names(granted: Granted, names: Names) -> list[str]:
    """All application permissions that are granted."""
    return sorted(names.of_assignment(assignment) for assignment in granted.assignments)


def delegated_names(granted: Granted, names: Names) -> list[str]:
    """All delegated permissions that are granted for all users."""
    return sorted(names.of_scope(grant, scope) for grant in granted.grants for scope in scopes_of(grant))


def consents(granted: Granted, names: Names) -> list[Json]:
    """Each permission that is granted, with what Graph tells of its consent: `{permission, kind, granted_on, user}`.

    `kind` is ``application`` or ``delegated``; `granted_on` is known of application permissions alone; `user` is the object
    id of the only user to whom a delegated permission was granted, ``None`` where it holds for all. Who has granted it
    stands in the audit log of the tenant and nowhere else (documented: resources appRoleAssignment, oAuth2PermissionGrant).
    """
    rows = [
        {"permission": names.of_assignment(role), "kind": "application", "granted_on": _granted_on(role), "user": None}
        for role in granted.assignments
    ]
    for grant in [*granted.grants, *granted.of_users]:
        user = None if grant.get("consentType") == ALL_USERS else str(grant.get("principalId") or "")
        rows += [
            {"permission": names.of_scope(grant, scope), "kind": "delegated", "granted_on": None, "user": user}
            for scope in scopes_of(grant)
        ]
    return sorted(rows, key=lambda row: (row["kind"], row["permission"], row["user"] or ""))


def _granted_on(assignment: Json) -> str | None:
    # The examples of the reference call it creationTimestamp.
    moment = dates.parse(assignment.get("createdDateTime") or assignment.get("creationTimestamp"))
    return dates.iso(moment) if moment else None


def unneeded(desired: DesiredGrant, granted: Granted, names: Names) -> tuple[list[str], list[str]]:
    """(application, delegated) permissions that are granted and were not asked for."""
    roles = {names.label(permission) for permission in desired.application}
    scopes = {names.label(permission) for permission in desired.delegated}
    return (
        [name for name in application_names(granted, names) if name not in roles],
        [name for name in delegated_names(granted, names) if name not in scopes],
    )


def _plan_assignments(desired: DesiredGrant, granted: Granted, names: Names, plan: Plan) -> list[str]:
    """Plans the assignments; returns the names of what would be revoked without having been named."""
    named = {
        (names.object_id(permission.resource), permission.id.lower()): permission for permission in desired.application
    }
    have = [_assignment_key(assignment) for assignment in granted.assignments]
    missing = [] if desired.absent else [key for key in named if key not in have]
    to_remove = [
        assignment for key, assignment in zip(have, granted.assignments) if _is_to_go(desired, is_named=key in named)
    ]
    if not (to_remove or missing):
        return []
    before = [names.of_assignment(assignment) for assignment in granted.assignments]
    gone = [names.of_assignment(assignment) for assignment in to_remove]
    after = [name for name in before if name not in gone] + [names.label(named[key]) for key in missing]
    plan.changes.append(Change(ASSIGNMENTS, "permissions", sorted(before), sorted(after)))
    principal = granted.principal_id or PENDING
    plan.writes += [
        Write(ASSIGN, {"principalId": principal, "resourceId": key[0], "appRoleId": named[key].id}) for key in missing
    ]
    plan.writes += [Write(UNASSIGN, {"id": assignment["id"], "principalId": principal}) for assignment in to_remove]
    return [] if desired.absent and desired.names_any else gone


def _is_to_go(desired: DesiredGrant, *, is_named: bool) -> bool:
    """Whether what is granted is revoked; where nothing is named, all of it is meant."""
    if desired.absent:
        return is_named or not desired.names_any
    return desired.exclusive and not is_named


def _plan_scopes(desired: DesiredGrant, granted: Granted, names: Names, plan: Plan) -> list[str]:
    by_resource: dict[str, list[str]] = {}
    for permission in desired.delegated:
        by_resource.setdefault(names.object_id(permission.resource), []).append(permission.name)
    before, unnamed = delegated_names(granted, names), []
    writes: list[Write] = []
    rows = {str(grant.get("resourceId")): grant for grant in granted.grants}
    for resource in dict.fromkeys([*rows, *by_resource]):
        row = rows.get(resource)
        have = scopes_of(row) if row else []
        target = _target_scopes(desired, by_resource.get(resource, []), have)
        named = {scope.casefold() for scope in by_resource.get(resource, [])}
        lost = [scope for scope in have if scope not in target]
        if row is not None:
            unnamed += [names.of_scope(row, scope) for scope in lost if scope.casefold() not in named]
        writes += _scope_writes(granted, resource, row, have, target)
    if writes:
        plan.writes += writes
        after = delegated_names(simulate(granted, Plan(writes=writes)), names)
        plan.changes.append(Change(GRANTS, "delegated_permissions", before, after))
    return unnamed


def _target_scopes(desired: DesiredGrant, scopes: Sequence[str], have: Sequence[str]) -> list[str]:
    folded = {scope.casefold() for scope in scopes}
    kept = [scope for scope in have if not _is_to_go(desired, is_named=scope.casefold() in folded)]
    present = {scope.casefold() for scope in kept}
    return kept if desired.absent else kept + [scope for scope in scopes if scope.casefold() not in present]


def _scope_writes(
    granted: Granted, resource: str, row: Json | None, have: Sequence[str], target: Sequence[str]
) -> list[Write]:
    if list(have) == list(target):
        return []
    if row is None:
        body = {
            "clientId": granted.principal_id or PENDING,
            "consentType": ALL_USERS,
            "principalId": None,
            "resourceId": resource,
            "scope": " ".join(target),
        }
        return [Write(CREATE_GRANT, body)]
    if not target:
        return [Write(DELETE_GRANT, {"id": row["id"]})]
    return [Write(UPDATE_GRANT, {"id": row["id"], "scope": " ".join(target)})]


def _assignment_key(assignment: Json) -> tuple[str, str]:
    return str(assignment.get("resourceId")), str(assignment.get("appRoleId")).lower()


def kinds_written(plan: Plan) -> set[str]:
    """:data:`APPLICATION` and :data:`DELEGATED`, as far as a plan changes them."""
    roles = {APPLICATION for write in plan.writes if write.action in (ASSIGN, UNASSIGN)}
    scopes = {DELEGATED for write in plan.writes if write.action in (CREATE_GRANT, UPDATE_GRANT, DELETE_GRANT)}
    return roles | scopes
