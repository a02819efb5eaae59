# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading and writing the settings: observe, plan, apply, and read back.

XAPI has no precondition on a PATCH, so the last writer wins. Each write is therefore planned on a fresh reading, and read
back: what did not stay is an error and not a success.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Callable

from .._common.aadsts import NOBODY, Parties
from .._common.text import shortened
from .._errors import Conflict, M365Error, NotFound, Rejected, ServiceFault
from .._plan import Plan
from .._reconcile import Applied, Resource
from . import health, names, settings_plan, teams
from .names import Names
from .properties import ACCOUNTS, BY_OPTION, INTEGRATION, TEAMS, select
from .teams import SbcFiles
from .xapi import Entity, Xapi

LINK = ("application_id", "tenant_id")

_HELD = ("user_sync.enabled", "shared_mailboxes.enabled")
"""What must not run before the selection it works on is known."""


@dataclass(frozen=True)
class Desired:
    """What the operator wants of the settings.

    :param values: by option; what is not mentioned is not in it.
    :param exclusive: options of lists that hold nothing else.
    :param files: certificate and key for Teams.
    :param parties: application and tenant, for what has to be said where Microsoft refuses the PBX.
    :param linked_application_id: the application that the PBX was linked to when somebody looked; ``None``: nobody has.
    """

    values: Mapping[str, Any]
    exclusive: frozenset[str] = frozenset()
    files: SbcFiles | None = None
    parties: Parties = NOBODY
    linked_application_id: str | None = None

    def resources(self) -> list[str]:
        """The resources of XAPI that have to be read, the integration always."""
        named = [INTEGRATION, *(BY_OPTION[option].resource for option in self.values)]
        return list(dict.fromkeys([*named, TEAMS] if self.files else named))

    def selections(self) -> dict[str, list[str]]:
        """The names of all selections, by directory."""
        by_directory: dict[str, list[str]] = {}
        for option, value in self.values.items():
            setting = BY_OPTION[option]
            if setting.kind == ACCOUNTS:
                by_directory.setdefault(setting.directory, []).extend(value)
        return by_directory


@dataclass
class Observed:
    """The settings as they were read, and the accounts behind the names that are wanted.

    :param stored: another task of the run has read them, not this one.
    """

    entities: dict[str, Entity]
    names: Names = field(default_factory=Names)
    stored: bool = False

    @property
    def application_id(self) -> str:
        return str(self.entities[INTEGRATION].get("ApplicationId") or "")

    @property
    def tenant_id(self) -> str:
        return str(self.entities[INTEGRATION].get("TenantId") or "")

    @property
    def linked(self) -> bool:
        return bool(self.application_id and self.tenant_id)


class Settings:
    def __init__(self, xapi: Xapi) -> None:
        self._xapi = xapi
        self._store = xapi.context.store
        self._key = xapi.connection.url

    def observe(self, desired: Desired, *, within: float | None, fresh: bool = False) -> Observed:
        """Read what is needed to plan.

        A task that only looks (``within`` is ``None``) leaves its reading to the next one, which takes it once: so the
        preflight of a rollout spares the rollout a request, and nothing older than the last look is ever believed.

        :param within: seconds to wait until the PBX can look up names, which it cannot while its integration is broken;
            ``None`` does without them then: every name counts as missing.
        :param fresh: do not take what another task of the run has read.
        """
        stored = self._store.get("pbx_integration", self._key)
        self._store.drop("pbx_integration", self._key)
        if fresh:
            stored = None
        entities = {}
        for resource in desired.resources():
            entities[resource] = stored if stored and resource == INTEGRATION else self.read(resource)
        observed = Observed(entities, stored=stored is not None)
        if within is None and not stored:
            self._store.put("pbx_integration", self._key, entities[INTEGRATION])
        if not links(desired, observed):
            observed.names = self._look_up(desired, within)
        return observed

    def read(self, resource: str) -> Entity:
        """One resource of XAPI, as it stands now."""
        try:
            return self._xapi.get(f"/{resource}", "read the Microsoft 365 settings", select=select(resource))
        except NotFound as error:
            raise ServiceFault(
                f"the PBX has no {resource} at the moment",
                service=error.service,
                status=error.status,
                tried=error.tried,
                target=error.target,
                remedy="Its services may be starting: run again in some minutes. If this stays, update the PBX.",
            ) from None

    def plan(self, desired: Desired, observed: Observed) -> Plan:
        """Pure: what :func:`settings_plan.plan` says, and the files."""
        made = settings_plan.plan(desired.values, observed.entities, observed.names, desired.exclusive)
        if desired.files:
            changes, body = teams.plan_files(desired.files, observed.entities[TEAMS])
            made.changes.extend(changes)
            settings_plan.add(made, TEAMS, body)
        return made

    def write(self, plan: Plan) -> None:
        for write in plan.writes:
            self._store.drop("pbx_integration", self._key)
            health.forget(self._xapi)
            self._xapi.patch(f"/{write.payload['resource']}", write.payload["body"], "write the Microsoft 365 settings")

    def _look_up(self, desired: Desired, within: float | None) -> Names:
        """The PBX asks Microsoft for names, and may not be able to yet: the very thing a rollout repairs."""

        def probe() -> tuple[bool, Names | M365Error]:
            try:
                return True, names.look_up(self._xapi, desired.selections())
            except (Rejected, ServiceFault) as error:
                return not health.may_pass(error.message, desired.parties), error

        outcome: Names | M365Error
        _done, outcome = self._xapi.context.deadline.until(
            probe, "the PBX cannot look up names in Microsoft 365 yet", within=within or 0.0
        )
        if isinstance(outcome, Names):
            return outcome
        outcome.remedy = outcome.remedy or health.remedy_for(outcome.message, desired.parties)
        if within is not None:
            raise outcome
        self._xapi.context.warn(f"The selection of users cannot be compared. {outcome}")
        return Names()


class IntegrationSettings(Resource[Observed]):
    """The settings of one PBX, as a resource.

    :param within: seconds to wait until a PBX that has just been linked can look up names; ``None`` in check mode, which
        may rest on what another task of the run has read. A write never does: minutes can lie between the two.
    :param check: raises what can be known to fail.
    """

    def __init__(
        self,
        xapi: Xapi,
        desired: Desired,
        *,
        within: float | None,
        check: Callable[[Observed, Plan], None] = lambda _state, _plan: None,
    ) -> None:
        self.settings = Settings(xapi)
        self.desired = desired
        self.what = "the Microsoft 365 settings"
        self.subject = f"Microsoft 365 settings of {xapi.connection.url}"
        self._xapi = xapi
        self._within = within
        self._check = check

    def observe(self) -> Observed:
        return self.settings.observe(self.desired, within=self._within, fresh=self._within is not None)

    def plan(self, state: Observed) -> Plan:
        return self.settings.plan(self.desired, state)

    def check(self, state: Observed, plan: Plan) -> None:
        self._check(state, plan)
        known, now = self.desired.linked_application_id, state.application_id
        meant = {str(named or "").casefold() for named in (known, self.desired.values.get("application_id"))}
        if known is not None and plan.writes and now and now.casefold() not in meant:
            raise Conflict(
                f"the PBX was linked to the application {shortened(now)} meanwhile, and to {known or 'none'} before",
                tried="change the link of the PBX",
                target=self._xapi.connection.url,
                remedy="Somebody has linked it, perhaps by the wizard of the 3CX console. If that is to be changed, run again.",
            )

    def expected(self, state: Observed, plan: Plan) -> Observed:
        return replace(state, entities=settings_plan.simulate(state.entities, plan))

    def announce(self, plan: Plan) -> None:
        self._xapi.context.announce(plan)

    def apply(self, plan: Plan, state: Observed, note: Callable[[Observed], None]) -> Applied[Observed]:
        if links(self.desired, state) and names.to_look_up(self.desired.selections()):
            state = self._link_first(state, note)
            plan = self.plan(state)
        for write in plan.writes:
            step = Plan(writes=[write])
            self.settings.write(step)
            state = self.expected(state, step)
            note(state)
        return Applied(state)

    def read(self, known: Observed) -> Observed:
        return Observed({resource: self.settings.read(resource) for resource in known.entities}, known.names)

    def not_kept(self, left: Plan) -> M365Error:
        return Conflict(
            f"verification failed: {', '.join(change.field for change in left.changes)} was reverted after the write",
            tried="write the Microsoft 365 settings",
            target=self._xapi.connection.url,
            remedy="Another process is changing them at this moment, or the PBX ignores them. Run again.",
        )

    def _link_first(self, state: Observed, note: Callable[[Observed], None]) -> Observed:
        """Link the PBX alone, with synchronization held back, so that it can look up the names of the selection."""
        desired = self.desired.values
        values = {option: value for option, value in desired.items() if option in LINK}
        values.update({option: False for option in _HELD if desired.get(option)})
        plan = self.settings.plan(Desired(values), state)
        self.settings.write(plan)
        note(self.expected(state, plan))
        within = self._within or 0.0
        parties = self.desired.parties
        status = health.verify(
            self._xapi, application_id=str(desired.get("application_id") or ""), within=within, parties=parties
        )
        if not status.ok:
            tried = "link the PBX before its selection of users is written"
            raise status.error(within, parties).while_trying(tried, self._xapi.connection.url)
        return self.settings.observe(self.desired, within=within, fresh=True)


def links(desired: Desired, observed: Observed) -> bool:
    """Whether the PBX is, or is about to be, without a link through which it could look up names."""
    link = {option: value for option, value in desired.values.items() if option in LINK}
    changes = settings_plan.plan(link, observed.entities, Names())
    return bool(changes) or not observed.linked
