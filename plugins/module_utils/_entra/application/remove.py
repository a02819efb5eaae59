# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An application that is not to be there, as a resource. No answer to a DELETE is believed: what is there is read again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Callable

from ..._errors import Forbidden, Interrupted, M365Error, NotFound, NotOurs, NotYetReplicated, ServiceFault
from ..._plan import Change, Plan, Write
from ..._reconcile import Applied
from .. import rights
from ..graph import Call, passing
from . import absence
from . import plan as steps
from .find import Finder
from .grant_plan import application_names, delegated_names
from .grants import GrantReader
from .model import SELECT, Desired, Observed
from .resource import ApplicationResource, Check, update_call

Json = dict[str, Any]

_PATHS = {steps.DELETE: "/applications/{}", steps.PURGE: "/directory/deletedItems/{}"}
_PERHAPS_DONE = (Interrupted, ServiceFault)
"""Trouble after which nobody knows whether a write was carried out."""

_APPEAR_S = 15.0
"""How long what was deleted is looked for among the deleted, which takes some seconds."""

_TRIED = {steps.DELETE: "delete the application", steps.PURGE: "permanently delete the application"}


class AbsentApplication(ApplicationResource):
    """An application that is to be deleted; ``purge`` permanently."""

    def __init__(self, finder: Finder, desired: Desired, *, purge: bool, check: Check, within: float) -> None:
        # A deletion that nobody can see is none: the reading is always waited for.
        super().__init__(finder, desired, check=check, within=within, wait=True)
        self._purge = purge
        self._entity: Json = {}
        self._lost: list[Change] = []
        self._perhaps_purged = self._left = False

    def observe(self) -> Observed:
        try:
            observed = self.finder.find()
        except NotFound:
            observed = Observed()
        self.desired = replace(self.desired, key=self.finder.key)
        self._entity = observed.application or observed.deleted or {}
        return self._with_consent(observed) if observed.application is not None else observed

    def _with_consent(self, observed: Observed) -> Observed:
        """What it has been granted goes with it; whether it comes back with it is documented nowhere, so it is kept."""
        delegated = not rights.lacking(self.client.tokens.get(), rights.READ_DELEGATED_PERMISSIONS)
        app_id, catalogs = str(self._entity.get("appId") or ""), self.finder.catalogs
        reader = GrantReader(self.client, app_id, catalogs, [], delegated=delegated)
        try:
            granted = reader.read()
        except NotFound:
            return observed
        except Forbidden as error:
            self.client.context.warn(f"What the application has been granted is not kept for a rollback. {error}")
            return observed
        roles, scopes = application_names(granted, reader.names), delegated_names(granted, reader.names)
        return observed.but(roles=tuple(roles), scopes=tuple(scopes))

    def plan(self, state: Observed) -> Plan:
        try:
            plan = steps.plan_absent(self.desired, state, self._purge)
        except NotOurs:
            if self._left:
                return Plan()  # what is there now is not this PBX's any more: just what was wanted
            raise
        plan.changes += self._lost if plan.writes else ()
        return plan

    def refreshed(self, state: Observed, _plan: Plan) -> Observed:
        """Whoever has joined the application since it was observed keeps it: consent was read, perhaps a lock waited for."""
        if state.application is None:
            return state
        reading = self.finder.again(state, audit=True)
        return reading.but(roles=state.roles, scopes=state.scopes) if reading.application is not None else state

    def apply(self, plan: Plan, state: Observed, note: Callable[[Observed], None]) -> Applied[Observed]:
        for write in plan.writes:
            trouble = self._send(write, state)
            gone = steps.simulate(state, Plan(writes=[write]))
            if write.action == steps.DELETE and (trouble is None or isinstance(trouble, _PERHAPS_DONE)):
                try:
                    back = self._back_for_others(gone, state)
                except M365Error:
                    note(gone)
                    raise
                if back is not None:
                    return Applied(back, False)
            if trouble is not None:
                return Applied(state, False, trouble)
            state = gone
            note(state)
        return Applied(state)

    def needed_by(self, deleted: Observed) -> list[str]:
        """Who or what needs an application that was deleted, in words; nobody: it stays deleted.

        :param deleted: as it was at the moment of its deletion, in the place of a live one.
        """
        return steps.others_in(self.desired, deleted)

    def _back_for_others(self, gone: Observed, before: Observed) -> Observed | None:
        """The application, restored, where somebody joined it between the last reading and its deletion.

        Graph deletes whatever is there, and nothing ties the request to what was read. What was deleted can be read, and
        shows who was in it at that moment.
        """

        def probe() -> tuple[bool, Observed]:
            reading = self.read(gone)
            return reading.application is not None or reading.deleted is not None, reading

        _seen, reading = self.client.context.deadline.until(
            probe, f"{self.what} is being deleted", within=min(_APPEAR_S, self.within)
        )
        others = self.needed_by(reading.but(application=reading.deleted)) if reading.deleted else []
        if reading.application is not None or not others:
            return None
        words = ", ".join(others)
        try:
            back = absence.restored(self.client, reading.deleted or {})
        except M365Error as error:
            error.message += f" (it was deleted, and is needed: meanwhile others had been added to it: {words})"
            raise error.while_trying("restore the application", self.finder.key.text()) from None
        back = self._with_consent(back)
        self._lost = _lost_consent(before, back)
        lost = ", ".join(str(name) for change in self._lost for name in change.before)
        self.client.context.warn(
            f"{self.what} was deleted and restored, because others had been added to it at that moment: {words}. "
            + (f"It came back without its permissions ({lost}). " if lost else "")
            + "Run tcx.m365.rollout on the PBXs among them, so that nothing of them is missing."
        )
        return back

    def _send(self, write: Write, state: Observed) -> M365Error | None:
        """Why it may have to be sent again. "Does not exist" may come from a replica that lags, either way."""
        if write.action == steps.UPDATE:
            call, self._left = update_call(write.payload, state), True
        else:
            call = Call("DELETE", _PATHS[write.action].format(write.payload["id"]))
        try:
            answer = self.client.send(call, once=True)
            error = None if answer.ok else answer.error
        except M365Error as raised:
            error = raised
        if write.action == steps.PURGE and (error is None or isinstance(error, _PERHAPS_DONE)):
            self._perhaps_purged = True
        if error is None:
            return None
        error.while_trying(_TRIED.get(write.action, f"change {self.what}"), self.finder.key.text())
        if isinstance(error, NotFound):
            return error.as_kind(NotYetReplicated)
        if not passing(error):
            raise error
        return error

    def read(self, known: Observed) -> Observed:
        """By both keys, and among what was deleted."""
        identifier, app_id = self._entity["id"], str(self._entity.get("appId") or "")
        by_id, by_app_id, deleted = self.client.batch(
            [
                Call("GET", f"/applications/{identifier}?$select={SELECT}"),
                Call.by_key("applications", "appId", app_id, f"$select={SELECT}"),
                Call("GET", absence.DELETED_APPLICATIONS),
            ]
        )
        live = by_id.entity_or_none() or by_app_id.entity_or_none()
        page = self.client.pages("", first=deleted.get())
        gone = next((application for application in page if application.get("id") == identifier), None)
        kept = known if live is not None else Observed()
        return Observed(application=live, deleted=gone, roles=kept.roles, scopes=kept.scopes)

    def sees(self, reading: Observed, known: Observed) -> bool:
        """What is to be purged has to appear among the deleted first, which takes some seconds."""
        appeared = reading.application is not None or reading.deleted is not None
        return appeared or not self._purge or known.deleted is None or self._perhaps_purged

    def image(self, state: Observed) -> str:
        return json.dumps([state.application, state.deleted is None], sort_keys=True)

    def entries(self, _state: Observed) -> frozenset[str]:
        return frozenset()


def _lost_consent(before: Observed, after: Observed) -> list[Change]:
    """What an application was granted and has not any more, as changes."""
    pairs = (
        (steps.ASSIGNMENTS, "permissions", before.roles, after.roles),
        (steps.GRANTS, "delegated_permissions", before.scopes, after.scopes),
    )
    return [
        Change(target, field, list(had), list(has)) for target, field, had, has in pairs if not set(had) <= set(has)
    ]
