# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""Carries out the plan of an application. Each step may be repeated: a connection can break after Graph has committed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from ansible_collections.tcx.m365.plugins.module_utils._common.odata import encoded_literal
from ansible_collections.tcx.m365.plugins.module_utils._common.tree import dig
from ansible_collections.tcx.m365.plugins.module_utils._entra import application_plan as steps
from ansible_collections.tcx.m365.plugins.module_utils._entra import declared, key_plan
from ansible_collections.tcx.m365.plugins.module_utils._entra.application import URI_LISTS, Desired, Observed
from ansible_collections.tcx.m365.plugins.module_utils._entra.application_find import Finder
from ansible_collections.tcx.m365.plugins.module_utils._entra.converge import converge
from ansible_collections.tcx.m365.plugins.module_utils._entra.graph import Answer, Call, passing, unsupported_here
from ansible_collections.tcx.m365.plugins.module_utils._errors import (
    Conflict,
    Interrupted,
    M365Error,
    NotFound,
    NotYetReplicated,
    Rejected,
)
from ansible_collections.tcx.m365.plugins.module_utils._plan import Plan, Write
from ansible_collections.tcx.m365.plugins.module_utils._run import machine_lock

Json = dict[str, Any]

_FIRST_PROPERTIES = ("displayName", "signInAudience")
"""What an upsert carries. It would replace the collections of an application that somebody else has just made, unread."""

_REAPPEAR_S = 20.0
"""How long an application whose creation was interrupted is looked for before it counts as not created."""

_NAME_TAKEN = "Another object with the same value for property uniqueName already exists"
"""400 without a code of its own (observed): the answer to a request for a name that another application has."""

_PURGE_S = 60.0


class Applier:
    """Brings one application to its plan; the subject of :func:`converge`."""

    def __init__(self, finder: Finder, desired: Desired) -> None:
        self.finder = finder
        self.client = finder.client
        self.desired = desired
        self.what = f"the application {desired.key.text()}"
        self._calls: dict[str, Callable[[Any, Observed], Call]] = {
            steps.UPDATE: self._update_call,
            steps.CREATE_PRINCIPAL: self._create_principal_call,
            steps.UPDATE_PRINCIPAL: self._update_principal_call,
        }

    def apply(self, observed: Observed, *, within: float, wait: bool) -> Observed:
        """Carry out what is wished and prove it; returns what is there then.

        :param within: seconds that replication may take.
        """
        key = self.client.shared_key("application", self.desired.key.text().casefold())
        with machine_lock(key, self.finder.client.context.deadline, "another run changes this application"):
            if observed.application is not None or not self._can_upsert():
                # Another process of this machine may have written while we waited for the lock.
                observed = self.finder.find()
            return converge(self, observed, self.client.context.deadline, within=within, wait=wait)

    # --- subject of converge -----------------------------------------------------------------------------------------

    def plan(self, state: Observed) -> Plan:
        return steps.plan_present(self.desired, state, self.client.now(), self.finder.catalogs.known)

    def apply_plan(self, plan: Plan, state: Observed) -> tuple[Observed, bool]:
        try:
            return self._apply_writes(plan, state)
        except M365Error as error:
            if not passing(error):
                raise error.while_trying(f"change {self.what}") from None
            self.client.context.trace(f"left for the next round: {error.said}")
            return state, False

    def read(self, state: Observed) -> Observed:
        if state.application is None:
            return self.finder.find()
        return self.finder.again(state)

    def sees(self, reading: Observed, known: Observed) -> bool:
        application = reading.application is not None or known.application is None
        return application and (reading.service_principal is not None or known.service_principal is None)

    def image(self, state: Observed) -> str:
        return json.dumps([state.application, state.service_principal, state.owners], sort_keys=True)

    def entries(self, state: Observed) -> frozenset[str]:
        application = state.application or {}
        found = {f"key {each.get('keyId')}" for each in application.get("keyCredentials") or ()}
        found |= {f"permission {each}" for each in declared.pairs(application.get("requiredResourceAccess") or ())}
        found |= {f"tag {each}" for each in application.get("tags") or ()}
        for each in URI_LISTS:
            found |= {f"{each.option} {uri}" for uri in dig(application, each.path) or ()}
        return frozenset(found)

    # --- steps ---------------------------------------------------------------------------------------------------------

    def _apply_writes(self, plan: Plan, state: Observed) -> tuple[Observed, bool]:
        rest: list[Write] = []
        for write in plan.writes:
            if write.action == steps.CREATE:
                created = self._create(write.payload)
                if created is None:
                    # Somebody else was faster, or the answer was lost: what there is decides what is left to do.
                    return self._found_again(), False
                state = Observed(application=created)
                left = {name: value for name, value in write.payload.items() if not _is_there(created, name, value)}
                if left:
                    rest.append(Write(steps.UPDATE, left))
            elif write.action == steps.RESTORE:
                state = self._restore(state)
            elif write.action == steps.ADD_OWNERS:
                state = self._add_owners(write.payload, state)
            else:
                rest.append(write)
        return self._together(rest, state)

    def _together(self, writes: Sequence[Write], state: Observed) -> tuple[Observed, bool]:
        """Independent requests in one round trip."""
        if not writes:
            return state, True
        calls = [self._calls[write.action](write.payload, state) for write in writes]
        if len(calls) == 1:
            answers = [self.client.send(calls[0], once=True)]
        else:
            answers = self.client.batch(calls, once=True)
        accepted = True
        refusal: M365Error | None = None
        for write, answer in zip(writes, answers):
            if answer.ok:
                state = self._accepted(write, answer, state)
                continue
            accepted = False
            error = self._error_of(answer)
            if not (passing(error) or isinstance(error, Conflict) or self._is_outdated(write, error, state)):
                refusal = refusal or error
        if refusal is not None:
            raise refusal
        return state, accepted

    def _is_outdated(self, write: Write, error: M365Error, state: Observed) -> bool:
        """Whether a list of certificates was refused because it keeps one that somebody else has removed meanwhile.

        Graph says only that the value is invalid; whether it still is what was read tells the two apart.
        """
        if not isinstance(error, Rejected) or "keyCredentials" not in (write.payload or {}):
            return False
        reading = self.finder.again(state)
        return self.entries(reading) != self.entries(state)

    def _error_of(self, answer: Answer) -> M365Error:
        """The application has been seen, so where it now "does not exist" it has not been replicated."""
        error = answer.error
        return NotYetReplicated(error.said, code=error.code) if isinstance(error, NotFound) else error

    def _accepted(self, write: Write, answer: Answer, state: Observed) -> Observed:
        if write.action == steps.CREATE_PRINCIPAL:
            principal = answer.get()
            self.client.context.store.put(
                "service_principal", self.client.shared_key(str(principal.get("appId", "")).lower()), principal["id"]
            )
            return state.but(service_principal=principal)
        return steps.simulate(state, Plan(writes=[write]))

    def _update_call(self, payload: Json, state: Observed) -> Call:
        application = state.application or {}
        body = dict(payload)
        if "keyCredentials" in body:
            body["keyCredentials"] = key_plan.to_send(body["keyCredentials"], application.get("keyCredentials") or ())
        if "uniqueName" in body and not self.finder.knows_unique_names:
            body = steps.tagged_key({"tags": application.get("tags") or [], **body})
        if isinstance(body.get("web"), Mapping):
            # The second view of the redirect URIs would contradict the first (metadata: redirectUriSettings).
            body["web"] = {name: value for name, value in body["web"].items() if name != "redirectUriSettings"}
        return Call("PATCH", f"/applications/{application['id']}", body)

    def _create_principal_call(self, payload: Json, state: Observed) -> Call:
        return Call("POST", "/servicePrincipals", {**payload, "appId": (state.application or {})["appId"]})

    def _update_principal_call(self, payload: Json, state: Observed) -> Call:
        return Call("PATCH", f"/servicePrincipals/{(state.service_principal or {})['id']}", payload)

    def _can_upsert(self) -> bool:
        return bool(self.desired.key.unique_name) and self.finder.knows_unique_names

    def _create(self, body: Json) -> Json | None:
        """The new application; ``None`` where somebody else has made it in the meantime, or perhaps we have."""
        if self._can_upsert():
            first = {name: body[name] for name in _FIRST_PROPERTIES}
            call = Call(
                "PATCH",
                f"/applications(uniqueName={encoded_literal(self.desired.key.unique_name)})",
                first,
                {"Prefer": "create-if-missing"},
            )
            answer = self.client.send(call, once=True)
            if answer.ok:
                return answer.get() if answer.status == 201 else None
            error = answer.error
            if isinstance(error, Conflict) or self._is_name_taken(error):
                return None
            if not (unsupported_here(error) or isinstance(error, NotFound)):
                raise error.while_trying(f"create {self.what}")
            self.finder.no_unique_names()
        return self._post(body)

    def _is_name_taken(self, error: M365Error) -> bool:
        """Whether another request has just created the application, and the replica that we read from does not show it.

        Raises the error where nothing that has the name appears: then an object keeps it that we cannot see.
        """
        if not (isinstance(error, Rejected) and error.said.startswith(_NAME_TAKEN)):
            return False
        if self._found_again().application is None:
            raise error.while_trying(f"create {self.what}")
        return True

    def _post(self, body: Json) -> Json | None:
        """Create without a key. displayName is not unique, so after a lost answer the application is looked for first."""
        sent = {**body, "keyCredentials": key_plan.to_send(body.get("keyCredentials") or (), ())}
        for candidate in [sent] if "uniqueName" not in sent else [sent, steps.tagged_key(sent)]:
            try:
                answer = self.client.send(Call("POST", "/applications", candidate))
            except Interrupted:
                return None
            if answer.ok:
                return answer.get()
            if not isinstance(answer.error, Rejected) or candidate is not sent or "uniqueName" not in sent:
                raise answer.error.while_trying(f"create {self.what}")
        raise answer.error.while_trying(f"create {self.what}")

    def _found_again(self) -> Observed:
        def probe() -> tuple[bool, Observed]:
            found = self.finder.find()
            return found.application is not None, found

        _done, found = self.client.context.deadline.until(
            probe, f"looking for {self.what} whose creation was interrupted", within=_REAPPEAR_S
        )
        observed: Observed = found
        return observed

    def _restore(self, state: Observed) -> Observed:
        deleted = state.deleted or {}
        answer = self.client.send(Call("POST", f"/directory/deletedItems/{deleted['id']}/restore"))
        if not answer.ok and not isinstance(answer.error, NotFound):
            raise answer.error.while_trying("restore the deleted application", str(deleted.get("appId")))
        # Whether its service principal comes back with it is not known (documented otherwise in places): read, then decide.
        restored = {**deleted, "deletedDateTime": None}
        return self.client.eventually(
            lambda: self._seen(Observed(application=restored)), "the restored application is being replicated"
        )

    def _seen(self, state: Observed) -> Observed:
        reading = self.finder.again(state)
        if reading.application is None:
            raise NotYetReplicated("the application cannot be read yet", tried=f"read {self.what}")
        return reading

    def _add_owners(self, ids: Sequence[str], state: Observed) -> Observed:
        application = state.application or {}
        graph = self.client.connection.endpoints.graph
        calls = [
            Call(
                "POST",
                f"/applications/{application['id']}/owners/$ref",
                {"@odata.id": f"{graph}/v1.0/directoryObjects/{each}"},
            )
            for each in ids
        ]
        added = []
        for each, answer in zip(ids, self.client.batch(calls)):
            # "One or more added object references already exist": 400 without a code of its own (documented wording).
            if answer.ok or isinstance(answer.error, Conflict) or "already exist" in answer.error.said:
                added.append(each)
            elif not passing(self._error_of(answer)):
                raise answer.error.while_trying("add an owner", each)
        return state.but(owners=(*state.owners, *added))


def _is_there(created: Json, name: str, value: Any) -> bool:
    """Whether the service has taken a property over from the request that created the application."""
    if name == "keyCredentials":
        return key_plan.is_same(created.get(name) or (), value)
    return bool(created.get(name) == value)


def remove(finder: Finder, plan: Plan) -> None:
    """Carry out a plan that deletes; what is gone already is no error."""
    client = finder.client
    for write in plan.writes:
        identifier = write.payload["id"]
        if write.action == steps.DELETE:
            answer = client.send(Call("DELETE", f"/applications/{identifier}"))
            if not answer.ok and not isinstance(answer.error, NotFound):
                raise answer.error.while_trying("delete the application", finder.key.text())
        elif write.action == steps.PURGE:
            _purge(finder, identifier)


def _purge(finder: Finder, identifier: str) -> None:
    """Right after the deletion the deleted item may not be there yet; a lost answer may mean that it is gone."""
    client = finder.client
    perhaps_done = False

    def attempt() -> None:
        nonlocal perhaps_done
        try:
            answer = client.send(Call("DELETE", f"/directory/deletedItems/{identifier}"), once=True)
        except M365Error as error:
            if not passing(error):
                raise
            perhaps_done = True
            raise NotYetReplicated(error.said) from None
        if answer.ok or (perhaps_done and isinstance(answer.error, NotFound)):
            return
        if isinstance(answer.error, NotFound):
            raise NotYetReplicated(answer.error.said)
        raise answer.error.while_trying("remove the deleted application for good", finder.key.text())

    client.eventually(attempt, "the deletion is being replicated", within=_PURGE_S)
