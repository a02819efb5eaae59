# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The capability behind the module ``tcx_m365_settings``: the Microsoft 365 settings of one PBX, written and verified."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, TypeVar

from .._common.aadsts import Parties
from .._common.ids import check_tenant, is_guid
from .._common.option_names import marked
from .._common.places import option_and_path
from .._common.tree import dig
from .._errors import BadInput
from .._pbx import facts as pbx_facts
from .._pbx import health, presence, requirements, settings_plan, settings_undo, teams, users
from .._pbx.facts import Facts
from .._pbx.health import Health
from .._pbx.names import absent, named
from .._pbx.presence import PresenceAccount
from .._pbx.properties import ACCOUNTS, BINDINGS, BY_OPTION, INTEGRATION, argument_spec, desired_from, read
from .._pbx.settings import Desired, IntegrationSettings, Observed, links
from .._pbx.settings_undo import RestoredSettings
from .._pbx.teams import SbcFiles
from .._pbx.users import SignIn, SignInSwitches, User
from .._pbx.xapi import Xapi
from .._plan import PENDING, Plan
from .._reconcile import Journal, Reconciled, Resource, reconcile
from .._task import ArgumentSpec, Capability, Outcome, Task
from .._undo import Entry, entries
from . import _pbx_connection

S = TypeVar("S")

_NAMES = {"type": "list", "elements": "str"}
_OFF = {"type": "bool", "default": False}
_GROUPS = "user_sync.groups"
_GROUPS_MATTER = frozenset(("user_sync.enabled", "user_sync.scope", _GROUPS))
FILES = ("teams.certificate", "teams.private_key")
_BRINGS_USERS = frozenset(("application_id", "tenant_id")).union(
    f"user_sync.{name}" for name in ("enabled", "scope", "users", "groups", "guests")
)
"""What can make the PBX have users whom it does not have yet."""

ARGUMENT_SPEC: ArgumentSpec = {
    **_pbx_connection.ARGUMENT_SPEC,
    **argument_spec(
        {
            "user_sync": {"users_exclusive": _OFF, "groups_exclusive": _OFF},
            "shared_mailboxes": {"mailboxes_exclusive": _OFF},
            "presence": {
                "pbx_to_m365_exclusive": _OFF,
                "m365_to_pbx_exclusive": _OFF,
                "account_token": {"type": "str", "no_log": True},
                "deauthorize": _OFF,
            },
            "teams": {
                "certificate": {"type": "str"},
                "private_key": {"type": "str", "no_log": True},
                "scripts_dir": {"type": "path"},
                "check_mapping": _OFF,
            },
            "sign_in": {"opt_out": _NAMES, "opt_in": _NAMES},
        }
    ),
    "consent_url": {"type": "str"},
    "linked_application_id": {"type": "str"},
    "undo": {"type": "raw"},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 300},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


@dataclass(frozen=True)
class Request:
    """What the options ask for, checked."""

    desired: Desired
    sign_in: SignIn
    account: PresenceAccount
    absent: bool
    within: float
    undo: tuple[Entry, ...] | None = None


def run(task: Task) -> Outcome:
    """Observe, plan, apply, verify."""
    request = parse(task.params, check_mode=task.check_mode)
    connection = _pbx_connection.connection(task.params, task.context)
    # One access token per PBX: two tasks on one PBX at a time would take it from each other.
    with task.context.store.lock("pbx_work", connection.url, task.context.deadline):
        return Work(task, request, Xapi(connection, task.context)).outcome()


def parse(params: Mapping[str, Any], *, check_mode: bool = False) -> Request:
    """Check everything that can be checked before anything is sent.

    :param check_mode: an application that does not exist yet has no id yet.

    :raises BadInput: what cannot be right, and why.
    """
    absent = params["state"] == "absent"
    values = desired_from(params)
    within = float(params["wait_timeout"]) if params["wait"] else 0.0
    if params["undo"] is not None:
        if values or absent:
            raise BadInput("O(undo) stands alone: the settings that it sets back are in it")
        undo = tuple(entries(params["undo"], settings_undo.KINDS))
        return Request(Desired({}), settings_undo.switches(undo), settings_undo.account(undo), False, within, undo)
    _check(values, check_mode)
    sign_in = SignIn(*(tuple(dig(params, f"sign_in.{name}") or ()) for name in ("opt_out", "opt_in")))
    both = {name.casefold() for name in sign_in.opt_out} & {name.casefold() for name in sign_in.opt_in}
    if both:
        raise BadInput(f"O(sign_in.opt_out) and O(sign_in.opt_in) both name {', '.join(sorted(both))}")
    exclusive = frozenset(option for option in values if dig(params, f"{option}_exclusive"))
    account = PresenceAccount(dig(params, "presence.account_token") or "", bool(dig(params, "presence.deauthorize")))
    if account.token and account.forget:
        raise BadInput("O(presence.account_token) and O(presence.deauthorize) exclude each other")
    parties = Parties(
        str(values.get("application_id") or ""), str(values.get("tenant_id") or ""), params["consent_url"] or ""
    )
    desired = Desired(values, exclusive, _files(params), parties, params["linked_application_id"])
    if absent:
        off = Desired(settings_plan.OFF, linked_application_id=params["linked_application_id"])
        desired, sign_in, account = off, SignIn(), PresenceAccount()
    return Request(desired, sign_in, account, absent, within)


def _files(params: Mapping[str, Any]) -> SbcFiles | None:
    """Certificate and key for Teams."""
    directory = dig(params, "teams.scripts_dir")
    if directory and not os.path.isdir(directory):
        raise BadInput(f"{option_and_path('O(teams.scripts_dir)', directory)} is not a directory")
    certificate, key = dig(params, "teams.certificate"), dig(params, "teams.private_key")
    if not certificate and not key:
        return None
    if not (certificate and key):
        raise BadInput("O(teams.certificate) and O(teams.private_key) need each other")
    files = teams.load(certificate, key, now=datetime.now(timezone.utc))
    fqdn = dig(params, "teams.sbc_fqdn")
    if fqdn and not files.covers(fqdn):
        raise BadInput(f"O(teams.certificate) is for {', '.join(files.names) or 'no name'}, not for {fqdn}")
    return files


def _check(values: Mapping[str, Any], check_mode: bool) -> None:
    application = values.get("application_id")
    pending = check_mode and application == PENDING
    if application and not is_guid(application) and not pending:
        raise BadInput(f"O(application_id) {application!r} is not a GUID", remedy="Give the Application (client) ID.")
    tenant = values.get("tenant_id")
    if tenant and not is_guid(check_tenant(tenant)):
        raise BadInput(f"O(tenant_id) {tenant!r} is a domain, and the PBX needs the ID of the tenant")
    number = values.get("user_sync.starting_extension")
    if number and not number.isdigit():
        raise BadInput(f"O(user_sync.starting_extension) {number!r} is not a number")
    for option, value in values.items():
        kind = BY_OPTION[option].kind
        if kind == ACCOUNTS and not all(name.strip() for name in value):
            raise BadInput(f"O({option}) has an empty entry")
        origins = [pair["from"] for pair in value] if kind == BINDINGS else []
        if len(origins) != len(set(origins)):
            raise BadInput(f"O({option}) has two entries that come from the same status")


class Work:
    """One execution; keeps the parts of it together.

    :param notifications: whether a PBX is asked if Microsoft's change notifications reach it.
    :param silent: the caller says itself what :meth:`outcome` has found of the integration's health.
    :ivar facts: what the PBX is; known after :meth:`outcome`, as is all that follows.
    :ivar observed: its settings as they were read.
    :ivar health: whether its integration works.
    :ivar authorized: whether it has a presence account whose token works, where the request is about one.
    """

    facts: Facts
    observed: Observed
    health: Health
    authorized: bool | None = None

    def __init__(
        self, task: Task, request: Request, xapi: Xapi, *, silent: bool = False, notifications: bool = True
    ) -> None:
        self.task = task
        self.request = request
        self.xapi = xapi
        self.silent = silent
        self.notifications = notifications
        self._journal = Journal()
        self._people: dict[str, User] = {}

    def outcome(self) -> Outcome:
        with self._journal.told_in_errors():
            return self._outcome()

    def _outcome(self) -> Outcome:
        facts = self.facts = pbx_facts.observe(self.xapi)
        applicable = requirements.applicable(self.request.desired.values, facts.release)
        requirements.check(applicable, facts, url=self.xapi.connection.url)
        desired = dataclasses.replace(self.request.desired, values=applicable)
        within = None if self.task.check_mode else self.request.within
        restored = None if self.request.undo is None else RestoredSettings(self.xapi, self.request.undo)
        settings = self._reconcile(
            restored or IntegrationSettings(self.xapi, desired, within=within, check=self._check)
        )
        self.observed = settings.before if self.task.check_mode else settings.after
        self._tell_unchecked_names(desired)
        self.health = self._status(self.observed, facts, settings.plan)
        if self.request.account:
            account = self._reconcile(presence.Account(self.xapi, self.request.account))
            self.authorized = account.before
            self._tell_unchecked_token(account.plan)
        sign_in = self.request.sign_in
        if restored is not None and sign_in:
            self._people = users.find(self.xapi, sign_in.names)
            sign_in = sign_in.only(self._people)
        if sign_in:
            self._reconcile(SignInSwitches(self.xapi, sign_in, self._people, within=within))
        values: dict[str, Any] = {
            "status": self.health.as_dict(),
            "version": facts.version,
            "edition": facts.license.label,
            "redirect_uri": facts.redirect_uri,
            "unmanaged": settings_plan.unmanaged(desired.values, settings.after.entities, settings.after.names),
        }
        if restored is not None:
            values["refused"] = restored.undo.refusals()
        values.update(self._teams(facts))
        return Outcome(values, self._journal.plan)

    def _tell_unchecked_names(self, desired: Desired) -> None:
        """In check mode nobody can look names up for a PBX that is yet to be linked: it asks Microsoft 365 itself."""
        if self.silent or not self.task.check_mode or not links(desired, self.observed):
            return
        selections = [
            option for option, value in desired.values.items() if BY_OPTION[option].kind == ACCOUNTS and named(value)
        ]
        if selections:
            self.task.context.warn(
                f"{', '.join(map(marked, selections))}: not checked, because the PBX looks names up in Microsoft 365 itself, and is "
                "not linked to this application yet. A name that it does not find fails after it was linked; object IDs are taken as they are"
            )

    def _tell_unchecked_token(self, plan: Plan) -> None:
        is_handed_over = self.request.account.token not in ("", presence.KEPT_BACK)
        if plan and is_handed_over and self.task.check_mode and not self.silent:
            self.task.context.warn(
                "O(presence.account_token): not checked, because only the PBX can try it, and keeps it then. A token that it refuses "
                "fails after the other settings were written"
            )

    def _reconcile(self, resource: Resource[S]) -> Reconciled[S]:
        return reconcile(resource, check_mode=self.task.check_mode, journal=self._journal)

    def _check(self, observed: Observed, plan: Plan) -> None:
        """What can be known to fail, before anything is written."""
        if not _GROUPS_MATTER.isdisjoint(plan.changed_fields(settings_plan.TARGET)):
            integration = observed.entities.get(INTEGRATION) or {}
            kept = [] if _GROUPS in self.request.desired.exclusive else read(BY_OPTION[_GROUPS], integration)
            requirements.check_groups(self.request.desired.values, kept)
        fqdn = self.request.desired.values.get("teams.sbc_fqdn")
        if fqdn and "teams.sbc_fqdn" in plan.changed_fields(settings_plan.TARGET):
            teams.check_fqdn(self.xapi, fqdn)
        presence.check(self.xapi, self.request.account)
        if self.request.sign_in:
            self._people = users.find(self.xapi, self.request.sign_in.names)
            missing = [name for name in self.request.sign_in.names if name not in self._people]
            nobody = self._never_brought(missing, observed) if self._brings_users(observed, plan) else missing
            if nobody:
                raise users.unknown(nobody, url=self.xapi.connection.url)
            if missing and self.task.check_mode and not self.silent:
                self.task.context.warn(
                    f"O(sign_in): not checked, because the PBX has no user {', no user '.join(map(repr, missing))} before it is "
                    "synchronized. A user whom that does not bring fails after the settings were written"
                )

    def _afterwards(self, option: str, observed: Observed) -> Any:
        """The value that a setting will have."""
        value = self.request.desired.values.get(option)
        return read(BY_OPTION[option], observed.entities.get(INTEGRATION) or {}) if value is None else value

    def _brings_users(self, observed: Observed, plan: Plan) -> bool:
        """Whether what is about to be written can bring users: a synchronization that begins, or that reaches more of them."""
        link = self._afterwards("application_id", observed) and self._afterwards("tenant_id", observed)
        changes = not _BRINGS_USERS.isdisjoint(plan.changed_fields(settings_plan.TARGET))
        if self.silent:  # a preflight, which does not know the application that the PBX is about to get
            link, changes = True, changes or not observed.linked
        return bool(link and self._afterwards("user_sync.enabled", observed) and changes)

    def _never_brought(self, missing: Sequence[str], observed: Observed) -> list[str]:
        """An address that Microsoft 365 does not have comes with nobody; a number only if the PBX gives it to new users."""
        addresses = [name for name in missing if "@" in name]
        start = str(self._afterwards("user_sync.starting_extension", observed))
        first = int(start) if start.isdecimal() else 0
        never = [name for name in missing if "@" not in name and not (name.isdecimal() and int(name) >= first)]
        if addresses and not links(self.request.desired, observed):
            never += absent(self.xapi, addresses)
        return never

    def _teams(self, facts: Facts) -> dict[str, Any]:
        """Scripts and mapping, which are asked for and no settings."""
        params, values = self.task.params, {}
        directory = dig(params, "teams.scripts_dir")
        if directory and not self.task.check_mode:
            values["scripts"] = teams.save_scripts(self.xapi, directory, facts.fqdn)
        if dig(params, "teams.check_mapping"):
            teams.check_mapping(self.xapi)
        return values

    def _status(self, observed: Observed, facts: Facts, plan: Plan) -> Health:
        """Verify that the integration works; in check mode check once what is there."""
        if self.request.absent and not self.task.check_mode:
            return Health(False, "", None, health.NOT_LINKED)
        if not observed.linked:
            return Health(False, observed.application_id, None, health.NOT_LINKED)
        known = None if plan else health.remembered(self.xapi, observed.tenant_id)
        if known is not None:
            return known
        waits = not self.task.check_mode
        status = health.verify(
            self.xapi,
            application_id=observed.application_id,
            within=self.request.within if waits else 0.0,
            parties=self.request.desired.parties,
            notifications=self.notifications,
        )
        if status.ok and not waits:
            health.remember(self.xapi, status)
        if self._is_fatal(status, plan):
            written = "; the settings are written" if plan else ""
            raise status.error(self.request.within, self.request.desired.parties).while_trying(
                f"verify that the Microsoft 365 integration works{written}", self.xapi.connection.url
            )
        self._warn(status, facts)
        return status

    def _is_fatal(self, status: Health, plan: Plan) -> bool:
        """Whether the task ends with it: in check mode only what nothing that is planned, and no waiting, could change."""
        if status.ok or not self.task.params["wait"]:
            return False
        if not self.task.check_mode:
            return True
        stays = not plan and self.request.undo is None and not self.request.absent
        return stays and not health.may_pass(status.message, self.request.desired.parties)

    def _warn(self, status: Health, facts: Facts) -> None:
        if self.silent:
            return
        if status.ok and status.subscription is False:
            self.task.context.warn(health.subscription_warning(status, facts.fqdn))
        if not status.ok:
            self.task.context.warn(
                f"The Microsoft 365 integration of {self.xapi.connection.url} is not healthy: {status.message}. "
                f"{health.remedy_for(status.message, self.request.desired.parties)}"
            )


CAPABILITY = Capability(
    name="tcx_m365_settings",
    argument_spec=ARGUMENT_SPEC,
    run=run,
    files=FILES,
)
