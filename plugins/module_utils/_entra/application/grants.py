# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what is granted to a service principal, and carries out a plan that changes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Callable

from ..._common.odata import encoded_literal
from ..._errors import Conflict, Forbidden, Interrupted, M365Error, NotFound, NotYetReplicated, ServiceFault
from ..._plan import PENDING, Plan, Write
from ..._reconcile import Applied, Replicated
from ..._run import machine_lock
from .. import rights
from ..graph import Answer, Call, GraphClient, passing
from . import absence
from . import grant_plan as steps
from .catalogs import Catalogs
from .grant_plan import DesiredGrant, Granted, Names
from .model import MARK
from .permissions import Catalog

Json = dict[str, Any]

_APPEAR_S = 120.0

_SELECT = "$select=id,appId,tags"


class GrantReader:
    """Reads the grants of one application in one tenant.

    :param resources: application ids of the APIs whose permission names are needed.
    :param application_too: read the application as well (mark, declaration).
    :param predicting: in check mode an application that is deleted counts as one that a step before restores.
    :param delegated: whether delegated permissions are wanted, or to be revoked. Otherwise they are only reported, and left
        out where the caller may not read them.
    """

    def __init__(
        self,
        client: GraphClient,
        app_id: str,
        catalogs: Catalogs,
        resources: Iterable[str],
        *,
        application_too: bool = False,
        predicting: bool = False,
        delegated: bool = True,
    ) -> None:
        self.client = client
        self.delegated = delegated
        self.app_id = app_id
        self.catalogs = catalogs
        self.resources = list(resources)
        self.application: Json | None = None
        self._application_too = application_too
        self._predicting = predicting

    @property
    def names(self) -> Names:
        return Names(self.catalogs.known)

    def read(self) -> Granted:
        """What is granted now; names of all APIs that play a part are known afterwards.

        A service principal that this run has made or seen, and that some replica does not show yet, is waited for.

        :raises NotFound: the tenant knows neither the application nor its service principal.
        """
        return self.client.eventually(self._read, "the service principal is being replicated", within=_APPEAR_S)

    def _read(self) -> Granted:
        predicted = self._predicted_principal()
        if predicted:
            self.catalogs.read(self.resources)
            return Granted(predicted, marked=True)
        principal_id = self._known_principal()
        missing = self.catalogs.missing(self.resources)
        calls: dict[str, Call] = {}
        if self._application_too or principal_id is None:
            select = f"{_SELECT},requiredResourceAccess,web"
            calls["application"] = Call.by_key("applications", "appId", self.app_id, select)
        if principal_id is None:
            calls["principal"] = Call.by_key("servicePrincipals", "appId", self.app_id, _SELECT)
        else:
            calls.update(self._grant_calls(principal_id))
        answers = self.client.batch([*calls.values(), *self.catalogs.calls(missing)])
        by_name = dict(zip(calls, answers))
        self.catalogs.take(missing, answers[len(calls) :])
        marked = self._marked(by_name)
        if principal_id is None:
            principal_id, deleted = self._principal_of(by_name["principal"])
            if principal_id is None:
                return self._without_principal(deleted, marked)
            calls = self._grant_calls(principal_id)
            by_name = dict(zip(calls, self.client.batch(list(calls.values()))))
        return self._granted(principal_id, by_name, marked)

    def again(self, granted: Granted) -> Granted:
        """Read the grants of a known service principal again."""
        if granted.principal_id is None:
            return self.read()
        calls = self._grant_calls(granted.principal_id)
        return self._granted(
            granted.principal_id, dict(zip(calls, self.client.batch(list(calls.values())))), granted.marked
        )

    def remember_principal(self, principal_id: str) -> None:
        self.client.context.store.put("service_principal", self.client.shared_key(self.app_id.lower()), principal_id)

    def _predicted_principal(self) -> str | None:
        """In check mode the step before may have planned a service principal that is not there yet."""
        key = self.client.shared_key(self.app_id.lower())
        return self.client.context.store.get("predicted_principal", key) if self._predicting else None

    def _known_principal(self) -> str | None:
        principal_id = self.client.context.store.get("service_principal", self.client.shared_key(self.app_id.lower()))
        return str(principal_id) if principal_id else None

    def _marked(self, answers: dict[str, Answer]) -> bool:
        """An application of another tenant is not readable here; then the tags of its service principal tell."""
        tags: list[str] = []
        for name in ("application", "principal"):
            answer = answers.get(name)
            if answer is None or isinstance(_error(answer), NotFound):
                continue
            entity = answer.get()
            if name == "application":
                self.application = entity
            tags += entity.get("tags") or ()
        return MARK in tags

    def _principal_of(self, answer: Answer) -> tuple[str | None, str | None]:
        """(live, soft-deleted) service principal, by its object id."""
        live, deleted = answer.entity_or_none(), None
        if live is None:
            live, deleted = absence.principal(self.client, self.app_id)
        if live is not None:
            self.remember_principal(str(live["id"]))
            return str(live["id"]), None
        return None, str(deleted["id"]) if deleted else None

    def _without_principal(self, deleted: str | None, marked: bool) -> Granted:
        if self.application is not None:
            return Granted(marked=marked, deleted_principal=deleted)
        application = absence.deleted_application(self.client, self.app_id)
        if application is not None and self._predicting:
            # Nothing is known of what a deleted service principal was granted, until it is back.
            return Granted(deleted or PENDING, marked=MARK in (application.get("tags") or ()))
        if application is not None:
            raise NotFound(
                f"the application was deleted on {str(application.get('deletedDateTime') or '')[:10] or 'an unknown day'}",
                tried="read what is granted",
                target=self.app_id,
                remedy="Restore it first: azure_app_registration does, with state: present.",
            )
        raise NotFound(
            "the tenant knows neither this application nor a service principal of it",
            tried="read what is granted",
            target=self.app_id,
            remedy="Check O(app_id) and O(tenant_id); create the application with azure_app_registration first.",
        )

    def _granted(self, principal_id: str, answers: dict[str, Answer], marked: bool) -> Granted:
        if isinstance(_error(answers["assignments"]), NotFound):
            raise NotYetReplicated(
                "its service principal cannot be read yet", tried="read what is granted", target=self.app_id
            )
        assignments = list(self.client.pages("", first=answers["assignments"].get()))
        delegated = answers.get("grants")
        if not self.delegated and delegated is not None and isinstance(_error(delegated), Forbidden):
            delegated = None
        listed = list(self.client.pages("", first=delegated.get())) if delegated is not None else []
        grants = [grant for grant in listed if grant.get("consentType") == steps.ALL_USERS]
        of_users = [grant for grant in listed if grant.get("consentType") != steps.ALL_USERS]
        self._learn([str(row.get("resourceId")) for row in [*assignments, *listed]])
        known = delegated is not None
        return Granted(principal_id, assignments, grants, marked, delegated_known=known, of_users=of_users)

    def _grant_calls(self, principal_id: str) -> dict[str, Call]:
        """What reads the grants. Delegated ones need a right that giving application permissions does not need."""
        calls = _grant_calls(principal_id)
        if not self.delegated and rights.lacking(self.client.tokens.get(), rights.READ_DELEGATED_PERMISSIONS):
            del calls["grants"]
        return calls

    def _learn(self, object_ids: Sequence[str]) -> None:
        """Names of APIs that nobody asked for, so that what is granted besides can be named too."""
        unknown = [object_id for object_id in dict.fromkeys(object_ids) if self.names.of_object(object_id) is None]
        if not unknown:
            return
        select = "$select=id,appId,displayName,appRoles,oauth2PermissionScopes"
        calls = [Call("GET", f"/servicePrincipals/{object_id}?{select}") for object_id in unknown]
        for answer in self.client.batch(calls):
            if not isinstance(_error(answer), NotFound):
                catalog = Catalog.of(answer.get())
                self.catalogs.known[catalog.app_id] = catalog


class Grants(Replicated[Granted]):
    """The grants of one service principal, as a resource.

    :param observe: the first reading.
    :param resolve: completes what is desired, with the ids of permissions that are known after it.
    :param check: raises what can be known to fail.
    """

    def __init__(
        self,
        reader: GrantReader,
        desired: DesiredGrant,
        *,
        observe: Callable[[], Granted],
        resolve: Callable[[DesiredGrant], DesiredGrant],
        check: Callable[[DesiredGrant, Plan], None],
        within: float,
        wait: bool,
    ) -> None:
        super().__init__(reader.client.context.deadline, within=within, wait=wait)
        self.reader = reader
        self.client = reader.client
        self.desired = desired
        self.what = f"the permissions of {desired.app_id}"
        self.subject = f"permissions of the application {desired.app_id}"
        self._observe, self._resolve, self._check = observe, resolve, check

    def observe(self) -> Granted:
        granted = self._observe()
        self.desired = self._resolve(self.desired)
        return granted

    def plan(self, state: Granted) -> Plan:
        return steps.plan_grants(self.desired, state, self.reader.names)

    def check(self, _state: Granted, plan: Plan) -> None:
        self._check(self.desired, plan)

    def expected(self, state: Granted, plan: Plan) -> Granted:
        return steps.simulate(state, plan)

    def announce(self, plan: Plan) -> None:
        self.client.context.announce(plan)

    def exclusively(self, _state: Granted) -> AbstractContextManager[object]:
        key = self.client.shared_key("grants", self.desired.app_id.lower())
        return machine_lock(key, self.deadline, "another run changes what this application is granted")

    def refreshed(self, state: Granted, plan: Plan) -> Granted:
        """The scopes of a grant are one text, which another process may have changed while we waited for the lock."""
        updates = any(write.action == steps.UPDATE_GRANT for write in plan.writes)
        return self.reader.again(state) if updates else state

    def apply(self, plan: Plan, state: Granted, note: Callable[[Granted], None]) -> Applied[Granted]:
        writes = list(plan.writes)
        try:
            if writes and writes[0].action in (steps.CREATE_PRINCIPAL, steps.RESTORE_PRINCIPAL):
                state = self._with_principal(writes[0])
                note(state)
                # The other steps were planned without its id, and a restored one may bring along what it was granted.
                writes = self.plan(state).writes
            calls = [_call(write) for write in writes]
            answers = self.client.batch(calls, once=True) if calls else []
        except M365Error as error:
            if not passing(error):
                raise error.while_trying(f"change {self.what}") from None
            return Applied(state, False, error.while_trying(f"change {self.what}"))
        return self._weigh(writes, answers, state, note)

    def read(self, known: Granted) -> Granted:
        try:
            return self.reader.again(known)
        except NotYetReplicated:
            return Granted(marked=known.marked)

    def sees(self, reading: Granted, known: Granted) -> bool:
        return reading.principal_id is not None or known.principal_id is None

    def image(self, state: Granted) -> str:
        return json.dumps([list(state.assignments), list(state.grants)], sort_keys=True)

    def entries(self, state: Granted) -> frozenset[str]:
        """Assignments are objects of their own that nobody overwrites; the scopes of a grant are one text."""
        return frozenset(
            f"{grant.get('resourceId')} {scope}" for grant in state.grants for scope in steps.scopes_of(grant)
        )

    def objects(self, state: Granted) -> dict[str, object]:
        """Each assignment and each grant is an object; their ids are not known before they have been read."""
        objects: dict[str, object] = {
            f"{assignment.get('resourceId')} {assignment.get('appRoleId')}": True for assignment in state.assignments
        }
        objects.update(
            (f"{grant.get('resourceId')} for {grant.get('principalId')}", frozenset(steps.scopes_of(grant)))
            for grant in state.grants
        )
        return objects

    def _weigh(
        self, writes: Sequence[Write], answers: Sequence[Answer], state: Granted, note: Callable[[Granted], None]
    ) -> Applied[Granted]:
        trouble: M365Error | None = None
        refusal: M365Error | None = None
        existing: M365Error | None = None
        for write, answer in zip(writes, answers):
            error = _error(answer)
            gone = isinstance(error, NotFound) and write.action in (steps.UNASSIGN, steps.DELETE_GRANT)
            exists = isinstance(error, Conflict) and write.action == steps.ASSIGN
            if error is None or gone or exists:
                state = steps.simulate(state, Plan(writes=[write]))
                # One that is there already and cannot be read back is told with this answer.
                existing = error.while_trying(f"change {self.what}") if error else existing
                continue
            error.while_trying(f"change {self.what}")
            # After one of these nobody knows what was carried out, whatever the others were answered.
            trouble = trouble if isinstance(trouble, (Interrupted, ServiceFault)) else error
            # A row for the same API may exist although it was not listed: read again, then merge into it.
            late = isinstance(error, (Conflict, NotFound))
            if not (late or passing(error)):
                refusal = refusal or error
        note(state)
        if refusal is not None:
            raise refusal
        return Applied(state, trouble is None, trouble or existing)

    def _with_principal(self, write: Write) -> Granted:
        """The service principal, made or restored; the application may have to be replicated first."""
        restores = write.action == steps.RESTORE_PRINCIPAL
        path = f"/directory/deletedItems/{write.payload['id']}/restore" if restores else "/servicePrincipals"
        tried = f"{'restore' if restores else 'create'} the service principal"

        def attempt() -> str:
            answer = self.client.send(Call("POST", path, None if restores else write.payload))
            if answer.ok:
                return str(write.payload["id"] if restores else answer.entity()["id"])
            if isinstance(answer.error, Conflict) or (restores and isinstance(answer.error, NotFound)):
                live, _deleted = absence.principal(self.client, self.desired.app_id)
                if live is not None:
                    return str(live["id"])
                raise answer.error.as_kind(NotYetReplicated).while_trying(tried, self.desired.app_id)
            raise answer.error.while_trying(tried, self.desired.app_id)

        principal_id = self.client.eventually(attempt, "the application is being replicated", within=_APPEAR_S)
        self.reader.remember_principal(principal_id)
        made = Granted(principal_id, marked=True)
        return self.reader.again(made) if restores else made


def _grant_calls(principal_id: str) -> dict[str, Call]:
    clause = f"clientId%20eq%20{encoded_literal(principal_id)}"
    return {
        "assignments": Call("GET", f"/servicePrincipals/{principal_id}/appRoleAssignments?$top=999"),
        "grants": Call("GET", f"/oauth2PermissionGrants?$filter={clause}"),
    }


def _call(write: Write) -> Call:
    payload = write.payload
    if write.action == steps.ASSIGN:
        # The client's side of the relation; the API's side lists every application of the tenant (documented).
        return Call("POST", f"/servicePrincipals/{payload['principalId']}/appRoleAssignments", payload)
    if write.action == steps.UNASSIGN:
        return Call("DELETE", f"/servicePrincipals/{payload['principalId']}/appRoleAssignments/{payload['id']}")
    if write.action == steps.CREATE_GRANT:
        return Call("POST", "/oauth2PermissionGrants", payload)
    if write.action == steps.UPDATE_GRANT:
        return Call("PATCH", f"/oauth2PermissionGrants/{payload['id']}", {"scope": payload["scope"]})
    return Call("DELETE", f"/oauth2PermissionGrants/{payload['id']}")


def _error(answer: Answer) -> M365Error | None:
    return None if answer.ok else answer.error
