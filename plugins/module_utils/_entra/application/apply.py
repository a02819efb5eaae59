# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An application as a resource: found, planned, carried out and verified."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Callable

from ..._common.odata import encoded_literal
from ..._common.tree import dig
from ..._errors import Conflict, Interrupted, M365Error, NotFound, NotYetReplicated, Rejected
from ..._plan import Plan, Write
from ..._reconcile import Applied
from ..graph import Answer, Call, passing, unsupported_here
from . import absence, declared
from . import keys as key_plan
from . import plan as steps
from .find import Finder
from .model import URI_LISTS, Desired, Observed
from .resource import ApplicationResource, Check, update_call

Json = dict[str, Any]
Note = Callable[[Observed], None]

_FIRST_PROPERTIES = ("displayName", "signInAudience")
"""What an upsert carries. It would replace the collections of an application that somebody else has just made, unread."""

_REAPPEAR_S = 20.0
"""How long an application whose creation was interrupted is looked for before it counts as not created."""

_NAME_TAKEN = "Another object with the same value for property uniqueName already exists"
"""400 without a code of its own (observed): the answer to a request for a name that another application has."""

_KEY_GONE = "has no key value and does not exist"
"""400 (observed: "Credential with KeyId .. has no key value and does not exist on the object"): an entry that was read
has been removed by somebody else, or this replica does not show that yet."""


class Application(ApplicationResource):
    """An application that is to be there.

    :param desired: without its permissions, whose ids are known after :meth:`observe`.
    :param resolve: completes it then.
    :param check: raises what can be known to fail.
    """

    def __init__(
        self,
        finder: Finder,
        desired: Desired,
        *,
        resolve: Callable[[Desired], Desired],
        check: Check,
        within: float,
        wait: bool,
    ) -> None:
        super().__init__(finder, desired, check=check, within=within, wait=wait)
        self._resolve = resolve
        self._gone: Observed | None = None
        self._calls: dict[str, Callable[[Any, Observed], Call]] = {
            steps.UPDATE: self._update_call,
            steps.CREATE_PRINCIPAL: lambda payload, state: Call(
                "POST", "/servicePrincipals", {**payload, "appId": (state.application or {})["appId"]}
            ),
            steps.UPDATE_PRINCIPAL: lambda payload, state: Call(
                "PATCH", f"/servicePrincipals/{(state.service_principal or {})['id']}", payload
            ),
        }

    def observe(self) -> Observed:
        observed = self.finder.find()
        entries = (observed.application or {}).get("keyCredentials") or ()
        self.desired = replace(
            self._resolve(self.desired),
            key=self.finder.key,
            registered=key_plan.usable_thumbprints(entries, self.client.now()),
        )
        return observed

    def plan(self, state: Observed) -> Plan:
        return steps.plan_present(self.desired, state, self.client.now(), self.finder.catalogs.known)

    def refreshed(self, state: Observed, _plan: Plan) -> Observed:
        """Another process of this machine may have written while we waited for the lock."""
        return state if state.application is None and self._can_upsert() else self.finder.find()

    def apply(self, plan: Plan, state: Observed, note: Note) -> Applied[Observed]:
        try:
            return self._apply_writes(plan, state, note)
        except M365Error as error:
            if not passing(error):
                raise error.while_trying(f"change {self.what}") from None
            self.client.context.trace(f"left for the next round: {error.message}")
            return Applied(state, False, error.while_trying(f"change {self.what}"))

    def read(self, known: Observed) -> Observed:
        return self.finder.find() if known.application is None else self.finder.again(known)

    def sees(self, reading: Observed, known: Observed) -> bool:
        application = reading.application is not None or known.application is None
        return application and (reading.service_principal is not None or known.service_principal is None)

    def image(self, state: Observed) -> str:
        return json.dumps([state.application, state.service_principal, state.owners], sort_keys=True)

    def entries(self, state: Observed) -> frozenset[str]:
        application = state.application or {}
        names = {f"key {entry.get('keyId')}" for entry in application.get("keyCredentials") or ()}
        names |= {f"permission {pair}" for pair in declared.pairs(application.get("requiredResourceAccess") or ())}
        names |= {f"tag {tag}" for tag in application.get("tags") or ()}
        for uri_list in URI_LISTS:
            names |= {f"{uri_list.option} {uri}" for uri in dig(application, uri_list.path) or ()}
        return frozenset(names)

    # --- steps ---------------------------------------------------------------------------------------------------------

    def _apply_writes(self, plan: Plan, state: Observed, note: Note) -> Applied[Observed]:
        rest: list[Write] = []
        for write in plan.writes:
            if write.action == steps.CREATE:
                created = self._create(write.payload)
                if created is None or isinstance(created, M365Error):
                    # Somebody else was faster: what there is decides what is left to do.
                    return Applied(self._created_after_all(), False, created)
                state = Observed(application=created)
                note(state)
                left = {name: value for name, value in write.payload.items() if not _took(created, name, value)}
                if left:
                    rest.append(Write(steps.UPDATE, left))
            elif write.action == steps.RESTORE:
                state = self._admitted(self._restore(state), state, note)
                note(state)
                # The service principal may have come along or not, so the other steps are planned anew.
                return self._apply_writes(self.plan(state), state, note)
            elif write.action == steps.RESTORE_PRINCIPAL:
                state = self._admitted(self._restore_principal(state), state, note)
                note(state)
            elif write.action in (steps.ADD_OWNERS, steps.REMOVE_OWNERS):
                change = self._add_owners if write.action == steps.ADD_OWNERS else self._remove_owners
                state = change(write.payload, state)
                note(state)
            else:
                rest.append(write)
        return self._together(rest, state, note)

    def _together(self, writes: Sequence[Write], state: Observed, note: Note) -> Applied[Observed]:
        """Independent requests in one round trip."""
        if not writes:
            return Applied(state)
        calls = [self._calls[write.action](write.payload, state) for write in writes]
        if len(calls) == 1:
            answers = [self.client.send(calls[0], once=True)]
        else:
            answers = self.client.batch(calls, once=True)
        trouble: M365Error | None = None
        refusal: M365Error | None = None
        for write, answer in zip(writes, answers):
            if answer.ok:
                state = self._accepted(write, answer, state)
                continue
            error = self._error_of(answer).while_trying(f"change {self.what}")
            trouble = trouble or error
            if not (passing(error) or isinstance(error, Conflict) or self._is_outdated(write, error, state)):
                refusal = refusal or error
        note(state)
        if refusal is not None:
            raise refusal
        return Applied(state, trouble is None, trouble)

    def _is_outdated(self, write: Write, error: M365Error, state: Observed) -> bool:
        """Whether a list of certificates was refused because it keeps one that somebody else has removed meanwhile.

        Mostly Graph says only that the value is invalid; whether it still is what was read tells the two apart.
        """
        if not isinstance(error, Rejected) or "keyCredentials" not in (write.payload or {}):
            return False
        if _KEY_GONE in error.message:
            return True
        reading = self.finder.again(state)
        return self.entries(reading) != self.entries(state)

    def _error_of(self, answer: Answer) -> M365Error:
        """The application has been seen, so where it now "does not exist" it has not been replicated."""
        error = answer.error
        return error.as_kind(NotYetReplicated) if isinstance(error, NotFound) else error

    def _accepted(self, write: Write, answer: Answer, state: Observed) -> Observed:
        if write.action == steps.CREATE_PRINCIPAL:
            principal = answer.entity()
            self.client.context.store.put(
                "service_principal", self.client.shared_key(str(principal.get("appId", "")).lower()), principal["id"]
            )
            return state.but(service_principal=principal)
        return steps.simulate(state, Plan(writes=[write]))

    def _update_call(self, payload: Json, state: Observed) -> Call:
        if "uniqueName" in payload and not self.finder.knows_unique_names:
            payload = steps.tagged_key({"tags": (state.application or {}).get("tags") or [], **payload})
        return update_call(payload, state)

    def _can_upsert(self) -> bool:
        return bool(self.desired.key.unique_name) and self.finder.knows_unique_names

    def _create(self, body: Json) -> Json | M365Error | None:
        """The new application; where somebody else has made it in the meantime, what Graph said of that, if anything."""
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
                return answer.entity("appId") if answer.status == 201 else None
            error = answer.error
            if isinstance(error, Conflict) or self._is_name_taken(error):
                return error
            if not (unsupported_here(error) or isinstance(error, NotFound)):
                raise error.while_trying(f"create {self.what}")
            self.finder.no_unique_names()
        return self._post(body)

    def _is_name_taken(self, error: M365Error) -> bool:
        """Whether another request has just created the application, and the replica that we read from does not show it.

        Raises the error where nothing that has the name appears: then an object keeps it that we cannot see.
        """
        if not (isinstance(error, Rejected) and error.message.startswith(_NAME_TAKEN)):
            return False
        if self._created_after_all().application is None:
            raise error.while_trying(f"create {self.what}")
        return True

    def _post(self, body: Json) -> Json:
        """Create without a key. displayName is not unique, so after a lost answer the application is looked for first."""
        sent = {**body, "keyCredentials": key_plan.to_send(body.get("keyCredentials") or (), ())}
        for candidate in [sent] if "uniqueName" not in sent else [sent, steps.tagged_key(sent)]:
            try:
                answer = self.client.send(Call("POST", "/applications", candidate))
                if answer.ok:
                    return answer.entity("appId")
            except Interrupted:
                self._created_after_all()
                raise
            if not isinstance(answer.error, Rejected) or candidate is not sent or "uniqueName" not in sent:
                raise answer.error.while_trying(f"create {self.what}")
        raise answer.error.while_trying(f"create {self.what}")

    def _created_after_all(self) -> Observed:
        def probe() -> tuple[bool, Observed]:
            seen = self.finder.find()
            return seen.application is not None, seen

        _done, outcome = self.client.context.deadline.until(
            probe, f"looking for {self.what} whose creation was interrupted", within=_REAPPEAR_S
        )
        observed: Observed = outcome
        return observed

    def _restore(self, state: Observed) -> Observed:
        deleted = state.deleted or {}
        refusal = absence.refusal_to_restore(self.client, deleted)
        if refusal is not None:
            raise refusal.while_trying("restore the deleted application", str(deleted.get("appId")))
        restored = Observed(application={**deleted, "deletedDateTime": None})
        return self.client.eventually(lambda: self._seen(restored), "the restored application is being replicated")

    def _admitted(self, restored: Observed, before: Observed, note: Note) -> Observed:
        """What came back, with the owners and federated credentials that nobody could see while it was deleted.

        Where it must not be taken it is deleted again, before anything else is done with it.
        """
        self._gone = self._gone or before
        try:
            seen = self.client.eventually(
                lambda: self.finder.holders(restored), "what was restored is being replicated"
            )
            if self.finder.judge is not None:
                self.finder.judge(seen)
            self._check(self.desired, seen, self.plan(seen))
        except M365Error as error:
            if not passing(error):
                self._delete_again(self._gone, error)
                note(self._gone)
            raise
        return seen

    def _delete_again(self, before: Observed, error: M365Error) -> None:
        kind, entity = "applications", before.deleted
        if before.application is not None:
            kind, entity = "servicePrincipals", before.deleted_principal
        answer = self.client.send(Call("DELETE", f"/{kind}/{(entity or {})['id']}"))
        if not answer.ok and not isinstance(answer.error, NotFound):
            error.message += (
                f" (it was restored to find that out, and could not be deleted again: {answer.error.message})"
            )

    def _restore_principal(self, state: Observed) -> Observed:
        """It comes back as it was; a new one would ask for no assignment, and the old one could never be restored."""
        deleted = state.deleted_principal or {}
        answer = self.client.send(Call("POST", f"/directory/deletedItems/{deleted['id']}/restore"), once=True)
        error = None if answer.ok else answer.error
        if error is not None:
            error.while_trying("restore the service principal", str(deleted.get("appId")))
            # It may be back already, be gone for good, or not have been found by this replica: read again, then decide.
            raise error.as_kind(NotYetReplicated) if isinstance(error, (NotFound, Conflict)) else error
        return state.but(service_principal={**deleted, "deletedDateTime": None}, deleted_principal=None)

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
                {"@odata.id": f"{graph}/v1.0/directoryObjects/{owner_id}"},
            )
            for owner_id in ids
        ]
        added = []
        for owner_id, answer in zip(ids, self.client.batch(calls)):
            # "One or more added object references already exist": 400 without a code of its own (documented wording).
            if answer.ok or isinstance(answer.error, Conflict) or "already exist" in answer.error.message:
                added.append(owner_id)
            elif not passing(self._error_of(answer)):
                raise answer.error.while_trying("add an owner", owner_id)
        return state.but(owners=(*state.owners, *added))

    def _remove_owners(self, ids: Sequence[str], state: Observed) -> Observed:
        application = state.application or {}
        calls = [Call("DELETE", f"/applications/{application['id']}/owners/{owner_id}/$ref") for owner_id in ids]
        for owner_id, answer in zip(ids, self.client.batch(calls)):
            if not answer.ok and not isinstance(answer.error, NotFound):
                raise answer.error.while_trying("remove an owner", owner_id)
        return state.but(owners=tuple(owner_id for owner_id in state.owners if owner_id not in ids))


def _took(created: Json, name: str, value: Any) -> bool:
    """Whether the service has taken a property over from the request that created the application."""
    if name == "keyCredentials":
        return key_plan.is_same(created.get(name) or (), value)
    return bool(created.get(name) == value)
