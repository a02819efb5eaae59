# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``azure_app_registration`` with ``undo``: what an earlier run made of an application is undone.

What is to be undone is foreign data. It never decides whose an application is: that does the mark on it, together with what
the inventory says of the PBX.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from .._common.text import quoted
from .._entra import rights
from .._entra.application import adoption, declared, ownership
from .._entra.application import permissions as names
from .._entra.application import plan as application_plan
from .._entra.application import undo as application_undo
from .._entra.application import view as application_view
from .._entra.application.adoption import Candidate, Claim
from .._entra.application.apply import Application
from .._entra.application.catalogs import Catalogs
from .._entra.application.certificates import normalized_thumbprint
from .._entra.application.find import Finder
from .._entra.application.model import MARK, Desired, Key, Observed, unique_name_of
from .._entra.application.permissions import Permission
from .._entra.application.remove import AbsentApplication
from .._entra.graph import GraphClient
from .._errors import BadInput, NotFound, NotOurs
from .._plan import Plan
from .._reconcile import reconcile
from .._task import Outcome, Task
from .._undo import Entry, Undo, entries
from ._application_trust import caller_of, pbx_of

_STATE = (application_plan.APPLICATION, "state")


def run(task: Task, client: GraphClient, desired: Desired) -> Outcome:
    """Undo what ``undo`` lists."""
    params = task.params
    shared = [*map(normalized_thumbprint, params["shared_certificates"] or ())]
    listed = application_undo.without_shared(entries(params["undo"], application_undo.KINDS), shared)
    catalogs = Catalogs(client)
    requests = _requests(listed)
    key = Key(app_id=desired.key.app_id) if desired.key.app_id else Key(unique_name=desired.key.unique_name)
    resources = sorted({request.resource for request in requests.values()})
    finder = Finder(client, key, catalogs, resources, owners=any(entry.field == "owners" for entry in listed))
    judge = _Judge(task, client, desired, only_looks=not listed)
    finder.judge = judge.never
    desired = dataclasses.replace(desired, key=key, stated=judge.stated)
    within = float(params["wait_timeout"])
    made = any((entry.target, entry.field) == _STATE and entry.after == "present" for entry in listed)
    if made:
        resource: Withdrawn | Reverted = Withdrawn(finder, desired, listed, judge, within=within)
    else:
        resource = Reverted(finder, desired, listed, requests, judge, within=within)
    done = reconcile(resource, check_mode=task.check_mode)
    final = done.after if done.after.application is not None else done.before
    values = {
        **application_view.ids(final),
        "tenant_id": client.tenant_id,
        "refused": resource.undo.refusals(),
        "kept_for": resource.kept_for,
        "removed_certificates": application_view.removed_certificates(done.before.application, done.plan),
        "unknown_credentials": judge.unknown(final) if not judge.stated else [],
        "waited": round(task.context.deadline.waited, 1),
    }
    return Outcome(values, done.plan)


def _requests(listed: Sequence[Entry]) -> dict[tuple[str, str], names.RequestedPermission]:
    """The permissions that the entries name, as far as their names can be understood."""
    requests = {}
    kinds = dict(declared.OPTIONS)
    for option, labels in application_undo.labels(listed).items():
        for label in labels:
            try:
                (request,) = names.requested([label], kinds[option])
            except BadInput:
                continue
            requests[option, label] = request
    return requests


class _Judge:
    """Whether an application may be changed for the PBX of the task.

    :param only_looks: nothing of it is undone, and what is granted to it next depends on whose it is all the same.
    """

    def __init__(self, task: Task, client: GraphClient, desired: Desired, *, only_looks: bool = False) -> None:
        self._client = client
        self._check_mode = task.check_mode
        self._only_looks = only_looks
        self._caller = caller_of(client)
        self._desired = desired
        self._pbx = pbx_of(task.params)
        self._neighbors = frozenset(map(normalized_thumbprint, task.params["shared_certificates"] or ()))
        self.stated = not task.params["require_evidence"]

    def never(self, observed: Observed) -> None:
        entity = observed.application or observed.deleted or {}
        app_id = str(entity.get("appId") or "")
        adoption.never(app_id, observed.service_principal, self._caller, self._client.tenant_id)

    def check(self, observed: Observed, plan: Plan) -> None:
        """Raise what forbids the plan."""
        entity = observed.application or observed.deleted or {}
        if not plan and not (self._only_looks and entity):
            return
        token, target = self._client.tokens.get(), self._desired.key.text()
        if plan and not self._check_mode:
            rights.require(token, rights.WRITE_APPLICATIONS, "change the application", target)
        why = self._foreign(entity)
        if why and not self.is_unfinished(observed):
            raise NotOurs(
                why,
                tried="undo what was made of the application",
                target=target,
                remedy="Nothing of it was changed. If it is the right one, say so with entra_app_app_id.",
            )

    def is_unfinished(self, observed: Observed) -> bool:
        """Whether it has the name of this PBX's application and nothing else yet, so that nobody loses anything with it."""
        named = unique_name_of(observed.application or {}) == self._desired.key.unique_name != ""
        return named and application_undo.is_bare(observed)

    def claim(self) -> Claim:
        thumbprints = frozenset(self._desired.thumbprints)
        owners = frozenset(self._desired.owners or ())
        now = self._client.now().isoformat()
        name = self._desired.key.unique_name
        return Claim(
            adoption.BY_NAME, self._pbx, name, thumbprints, neighbors=self._neighbors, known_owners=owners, now=now
        )

    def unknown(self, observed: Observed, known: frozenset[str] = frozenset()) -> list[str]:
        """Credentials and owners that neither the inventory nor the entries know, in words."""
        claim = self.claim()
        claim = dataclasses.replace(claim, thumbprints=claim.thumbprints | known)
        return adoption.unknown_holders(Candidate.of(observed), claim, self._caller) if observed.application else []

    def _foreign(self, application: Mapping[str, Any]) -> str:
        """Why it is not this PBX's; empty when it is."""
        if self.stated:
            return "" if ownership.is_marked(application) or self._evident(application) else f"it lacks the tag {MARK}"
        if self._pbx is None or self._evident(application):
            return ""
        if not ownership.is_marked(application):
            return f"it does not carry the tag {MARK}, and neither a certificate nor a redirect URI of this PBX"
        named = unique_name_of(application) == self._desired.key.unique_name != ""
        if named or self._pbx.identity in ownership.pbxs_of(application):
            return ""
        return f"neither its name nor a mark tells that it is that of {self._pbx.identity}"

    def _evident(self, application: Mapping[str, Any]) -> bool:
        return bool(adoption.evidence(application, self.claim()))


class Reverted(Application):
    """An application on which changes are undone.

    :ivar undo: what is left alone, after :meth:`observe`; :ivar kept_for: the other PBXs that use it.
    """

    def __init__(
        self,
        finder: Finder,
        desired: Desired,
        listed: Sequence[Entry],
        requests: Mapping[tuple[str, str], names.RequestedPermission],
        judge: _Judge,
        *,
        within: float,
    ) -> None:
        super().__init__(
            finder,
            desired,
            resolve=lambda desired: desired,
            check=lambda _desired, observed, plan: judge.check(observed, plan),
            within=within,
            wait=True,
        )
        self.undo = Undo()
        self.kept_for: list[str] = []
        self._listed = listed
        self._requests = requests
        self._permissions: dict[tuple[str, str], Permission] = {}

    def observe(self) -> Observed:
        observed = _application_of(self.finder)
        resolved = {key: self._resolved(request) for key, request in self._requests.items()}
        self._permissions = {key: permission for key, permission in resolved.items() if permission is not None}
        self.undo = self._undo(observed)
        return observed

    def plan(self, state: Observed) -> Plan:
        return self._undo(state).plan

    def _resolved(self, request: names.RequestedPermission) -> Permission | None:
        try:
            return self.finder.catalogs.resolve([request])[0]
        except (BadInput, KeyError):
            return None

    def _undo(self, state: Observed) -> Undo:
        catalogs, pbx = self.finder.catalogs.known, self.desired.pbx
        stakes = None if pbx is None else ownership.stakes(state.application or {}, pbx)
        self.kept_for = [] if stakes is None else [f"the PBX {quoted(identity)}" for identity in stakes.pbxs]
        now = self.client.now()
        return application_undo.plan(self._listed, state, self._permissions, catalogs, now, self.kept_for)


class Withdrawn(AbsentApplication):
    """An application that a run made, and that goes again unless it is more than that by now.

    :ivar undo: why it stays; :ivar kept_for: who else uses it, so that this PBX alone is taken out of it.
    """

    def __init__(
        self, finder: Finder, desired: Desired, listed: Sequence[Entry], judge: _Judge, *, within: float
    ) -> None:
        super().__init__(
            finder,
            desired,
            purge=False,
            check=lambda _desired, observed, plan: judge.check(observed, plan),
            within=within,
        )
        self.undo = Undo()
        self.kept_for: list[str] = []
        self._listed = listed
        self._judge = judge

    def observe(self) -> Observed:
        observed = super().observe()
        self._decide(observed)
        return observed

    def refreshed(self, state: Observed, plan: Plan) -> Observed:
        observed = super().refreshed(state, plan)
        if observed is not state and observed.application is not None:
            self._decide(observed)
        return observed

    def _decide(self, observed: Observed) -> None:
        """Whether it stays as it is, or goes."""
        self.undo = self._changed(observed)
        self.kept_for = application_plan.others_in(self.desired, observed)
        if self.kept_for or self._is_out(observed):
            self.undo = Undo()

    def needed_by(self, deleted: Observed) -> list[str]:
        self._decide(deleted)
        changed = [f"its {refusal['field']} was changed" for refusal in self.undo.refusals()]
        return self.kept_for or changed

    def plan(self, state: Observed) -> Plan:
        if self.undo.refused or self._is_out(state):
            return Plan()
        if self._judge.is_unfinished(state):
            return application_plan.plan_absent(
                dataclasses.replace(self.desired, force=True, stated=True), state, purge=False
            )
        return super().plan(state)

    def _is_out(self, state: Observed) -> bool:
        """Whether this PBX has been taken out of an application that others use: then there is nothing of it to undo."""
        application, pbx = state.application or {}, self.desired.pbx
        marked_for = ownership.pbxs_of(application)
        return bool(pbx is not None and marked_for and pbx.identity not in marked_for)

    def _changed(self, observed: Observed) -> Undo:
        if observed.application is None:
            return Undo()
        undo = application_undo.changed_since(self._listed, observed, self.finder.catalogs.known)
        known = {
            thumbprint for entry in self._listed if entry.field == "certificates" for thumbprint in entry.after or ()
        }
        holders = self._judge.unknown(observed, frozenset(known))
        state = next(entry for entry in self._listed if (entry.target, entry.field) == _STATE)
        if holders:
            undo.refuse(state, "present", f"it holds {', '.join(holders)}, which came later")
        elif undo.refused:
            undo.refuse(state, "present", "it was changed since, so that it is not deleted")
        return undo


def _application_of(finder: Finder) -> Observed:
    try:
        return finder.find()
    except NotFound:
        return Observed()
