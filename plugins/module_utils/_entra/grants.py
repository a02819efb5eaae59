# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""Reads what is granted to a service principal, and carries out a plan that changes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.odata import encoded_literal
from ansible_collections.tcx.m365.plugins.module_utils._entra import grant_plan as steps
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import MARK
from ansible_collections.tcx.m365.plugins.module_utils._entra.catalogs import Catalogs
from ansible_collections.tcx.m365.plugins.module_utils._entra.converge import converge
from ansible_collections.tcx.m365.plugins.module_utils._entra.grant_plan import DesiredGrant, Granted, Names
from ansible_collections.tcx.m365.plugins.module_utils._entra.graph import Answer, Call, GraphClient, passing
from ansible_collections.tcx.m365.plugins.module_utils._entra.permissions import Catalog
from ansible_collections.tcx.m365.plugins.module_utils._errors import Conflict, M365Error, NotFound, NotYetReplicated
from ansible_collections.tcx.m365.plugins.module_utils._plan import Plan, Write
from ansible_collections.tcx.m365.plugins.module_utils._run import machine_lock

Json = dict[str, Any]

_APPEAR_S = 120.0

_APPLICATION = "$select=id,appId,tags,requiredResourceAccess,web"


class GrantReader:
    """Reads the grants of one application in one tenant.

    :param resources: application ids of the APIs whose permission names are needed.
    :param application_too: read the application as well (mark, declaration).
    """

    def __init__(
        self,
        client: GraphClient,
        app_id: str,
        catalogs: Catalogs,
        resources: Iterable[str],
        *,
        application_too: bool = False,
    ) -> None:
        self.client = client
        self.app_id = app_id
        self.catalogs = catalogs
        self.resources = list(resources)
        self.application: Json | None = None
        self._application_too = application_too

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
        principal_id = self._known_principal()
        missing = self.catalogs.missing(self.resources)
        calls = {"application": self._application_call()} if self._application_too or principal_id is None else {}
        if principal_id is None:
            calls["principal"] = Call(
                "GET", f"/servicePrincipals(appId={encoded_literal(self.app_id)})?$select=id,appId,tags"
            )
        else:
            calls.update(_grant_calls(principal_id))
        answers = self.client.batch([*calls.values(), *self.catalogs.calls(missing)])
        found = dict(zip(calls, answers))
        self.catalogs.take(missing, answers[len(calls) :])
        marked = self._marked(found)
        if principal_id is None:
            principal_id = self._principal_of(found["principal"])
            if principal_id is None:
                return Granted(marked=marked)
            found = dict(zip(("assignments", "grants"), self.client.batch(list(_grant_calls(principal_id).values()))))
        return self._granted(principal_id, found, marked)

    def again(self, granted: Granted) -> Granted:
        """Read the grants of a known service principal again."""
        if granted.principal_id is None:
            return self.read()
        calls = _grant_calls(granted.principal_id)
        return self._granted(
            granted.principal_id, dict(zip(calls, self.client.batch(list(calls.values())))), granted.marked
        )

    def remember_principal(self, principal_id: str) -> None:
        self.client.context.store.put("service_principal", self.client.shared_key(self.app_id.lower()), principal_id)

    def _known_principal(self) -> str | None:
        found = self.client.context.store.get("service_principal", self.client.shared_key(self.app_id.lower()))
        return str(found) if found else None

    def _application_call(self) -> Call:
        return Call("GET", f"/applications(appId={encoded_literal(self.app_id)})?{_APPLICATION}")

    def _marked(self, found: dict[str, Answer]) -> bool:
        """An application of another tenant is not readable here; then the tags of its service principal tell."""
        tags: list[str] = []
        for name in ("application", "principal"):
            answer = found.get(name)
            if answer is None or isinstance(_error(answer), NotFound):
                continue
            entity = answer.get()
            if name == "application":
                self.application = entity
            tags += entity.get("tags") or ()
        return MARK in tags

    def _principal_of(self, answer: Answer) -> str | None:
        if isinstance(_error(answer), NotFound):
            if self.application is None:
                raise NotFound(
                    "the tenant knows neither this application nor a service principal of it",
                    tried="read what is granted",
                    target=self.app_id,
                    remedy="Check app_id and tenant_id; create the application with azure_app_registration first.",
                )
            return None
        found = str(answer.get()["id"])
        self.remember_principal(found)
        return found

    def _granted(self, principal_id: str, found: dict[str, Answer], marked: bool) -> Granted:
        if isinstance(_error(found["assignments"]), NotFound):
            raise NotYetReplicated(
                "its service principal cannot be read yet", tried="read what is granted", target=self.app_id
            )
        assignments = list(self.client.pages("", first=found["assignments"].get()))
        grants = [
            each
            for each in self.client.pages("", first=found["grants"].get())
            if each.get("consentType") == steps.ALL_USERS
        ]
        self._learn([str(each.get("resourceId")) for each in [*assignments, *grants]])
        return Granted(principal_id, assignments, grants, marked)

    def _learn(self, object_ids: Sequence[str]) -> None:
        """Names of APIs that nobody asked for, so that what is granted besides can be named too."""
        unknown = [each for each in dict.fromkeys(object_ids) if self.names.of_object(each) is None]
        if not unknown:
            return
        select = "$select=id,appId,displayName,appRoles,oauth2PermissionScopes"
        calls = [Call("GET", f"/servicePrincipals/{each}?{select}") for each in unknown]
        for answer in self.client.batch(calls):
            if not isinstance(_error(answer), NotFound):
                catalog = Catalog.of(answer.get())
                self.catalogs.known[catalog.app_id] = catalog


class Granter:
    """Brings the grants of one service principal to a plan; the subject of :func:`converge`."""

    def __init__(self, reader: GrantReader, desired: DesiredGrant) -> None:
        self.reader = reader
        self.client = reader.client
        self.desired = desired
        self.what = f"the permissions of {desired.app_id}"

    def apply(self, granted: Granted, *, within: float, wait: bool) -> Granted:
        """Carry out what is wished and wait until it can be read back; returns what is granted then."""
        key = self.client.shared_key("grants", self.desired.app_id.lower())
        with machine_lock(key, self.client.context.deadline, "another run changes what this application is granted"):
            if any(write.action == steps.UPDATE_GRANT for write in self.plan(granted).writes):
                granted = self.reader.again(granted)
            return converge(self, granted, self.client.context.deadline, within=within, wait=wait)

    def plan(self, state: Granted) -> Plan:
        return steps.plan_grants(self.desired, state, self.reader.names)

    def apply_plan(self, plan: Plan, state: Granted) -> tuple[Granted, bool]:
        writes = list(plan.writes)
        if writes and writes[0].action == steps.CREATE_PRINCIPAL:
            state = self._create_principal(writes[0].payload)
            # The other steps were planned without its id.
            writes = self.plan(state).writes
        calls = [_call(write) for write in writes]
        try:
            answers = self.client.batch(calls, once=True) if calls else []
        except M365Error as error:
            if not passing(error):
                raise error.while_trying(f"change {self.what}") from None
            return state, False
        return self._weigh(writes, answers, state)

    def read(self, state: Granted) -> Granted:
        try:
            return self.reader.again(state)
        except NotYetReplicated:
            return Granted(marked=state.marked)

    def sees(self, reading: Granted, known: Granted) -> bool:
        return reading.principal_id is not None or known.principal_id is None

    def image(self, state: Granted) -> str:
        return json.dumps([list(state.assignments), list(state.grants)], sort_keys=True)

    def entries(self, state: Granted) -> frozenset[str]:
        """Assignments are objects of their own that nobody overwrites; the scopes of a grant are one text."""
        return frozenset(
            f"{grant.get('resourceId')} {scope}" for grant in state.grants for scope in steps.scopes_of(grant)
        )

    def _weigh(self, writes: Sequence[Write], answers: Sequence[Answer], state: Granted) -> tuple[Granted, bool]:
        accepted = True
        for write, answer in zip(writes, answers):
            error = _error(answer)
            gone = isinstance(error, NotFound) and write.action in (steps.UNASSIGN, steps.DELETE_GRANT)
            there = isinstance(error, Conflict) and write.action == steps.ASSIGN
            if error is None or gone or there:
                state = steps.simulate(state, Plan(writes=[write]))
                continue
            accepted = False
            # A row for the same API may exist although it was not listed: read again, then merge into it.
            late = isinstance(error, (Conflict, NotFound))
            if not (late or passing(error)):
                raise error.while_trying(f"change {self.what}")
        return state, accepted

    def _create_principal(self, body: Json) -> Granted:
        def attempt() -> str:
            answer = self.client.send(Call("POST", "/servicePrincipals", body))
            if answer.ok:
                return str(answer.get()["id"])
            if isinstance(answer.error, Conflict):
                again = f"/servicePrincipals(appId={encoded_literal(self.desired.app_id)})?$select=id"
                found = self.client.send(Call("GET", again))
                if found.ok:
                    return str(found.get()["id"])
                raise NotYetReplicated(answer.error.said)
            raise answer.error.while_trying("create the service principal", self.desired.app_id)

        principal_id = self.client.eventually(attempt, "the application is being replicated", within=120.0)
        self.reader.remember_principal(principal_id)
        return Granted(principal_id, marked=True)


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
