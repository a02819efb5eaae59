# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""The consent of customers, given by a person of their partner: one tenant after the other, each with its steps.

What is wide is there for as long as it is needed: through Partner Center the automation's application gets three delegated
permissions in the customer's tenant, with which the person who is signed in grants the application permissions of the
profile; then the three are revoked. A token of the automation itself says in the end whether it worked.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, Protocol

from ansible_collections.tcx.m365.plugins.module_utils._capabilities import partner_consent
from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible
from ansible_collections.tcx.m365.plugins.module_utils._entra import rights
from ansible_collections.tcx.m365.plugins.module_utils._entra.delegated_admin import (
    CONSENT,
    INVITATION,
    MISSING,
    NOT_CHECKED,
    OK,
    TEST,
    WAITING,
    Step,
)
from ansible_collections.tcx.m365.plugins.module_utils._entra.person import scopes
from ansible_collections.tcx.m365.plugins.module_utils._entra.tokens import Token
from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability, failure
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.consent import CustomerTenant
from ansible_collections.tcx.m365.plugins.plugin_utils._automation.tenants import Row
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import HostArguments
from ansible_collections.tcx.m365.plugins.plugin_utils._report import tenants as consents

Json = dict[str, Any]

READY, CONSENTED, WOULD_CONSENT = "ready", "consented", "would_consent"
ABSENT, REMOVED, WOULD_REMOVE = "absent", "removed", "would_remove"
BLOCKED, NOT_VERIFIED, FAILED, UNKNOWN = "blocked", "not_verified", "failed", "not_checked"
STATES = (
    READY,
    CONSENTED,
    WOULD_CONSENT,
    ABSENT,
    REMOVED,
    WOULD_REMOVE,
    BLOCKED,
    NOT_VERIFIED,
    FAILED,
    UNKNOWN,
)
AS_DESIRED = (READY, CONSENTED, WOULD_CONSENT, ABSENT, REMOVED, WOULD_REMOVE)

WORDS = {
    READY: "consented before",
    CONSENTED: "consented",
    WOULD_CONSENT: "would consent",
    ABSENT: "not there",
    REMOVED: "removed",
    WOULD_REMOVE: "would remove",
    BLOCKED: "blocked",
    NOT_VERIFIED: "not verified",
    FAILED: "failed",
    UNKNOWN: "could not check",
}

NOT_YET = ("AADSTS65001", "AADSTS700016", "AADSTS7000229", "AADSTS90099")
"""With which the person's token is refused while a consent has not reached the sign-in service, and where there is none."""

_POLL_S = 3.0


class Run(Protocol):
    """Runs a capability; the result as a task would have it."""

    def __call__(self, capability: Capability, arguments: Mapping[str, Any], /) -> Json:
        """Run it."""


class Person(Protocol):
    """The partner's person who is signed in."""

    partner_center: bool
    """Whether the way to a customer's tenant leads through Partner Center."""

    second_factor: bool | None
    """Whether the person has signed in with multifactor authentication; ``None`` where the token does not tell."""

    def center(self) -> Json:
        """How to sign in to Partner Center, as options of a connection."""

    def tenant(self, tenant: str) -> Json:
        """How to sign in to a tenant, as options of a connection."""

    def token(self, tenant: str) -> Token | None:
        """The token for a tenant; ``None`` where another program gets it.

        :raises M365Error: there is none.
        """


@dataclass
class Seen:
    """What the automation's own token says of a tenant at this moment.

    :param present: whether the application has a service principal there; ``None`` where it could not be told.
    """

    row: Row
    present: bool | None


@dataclass
class PartnerRow:
    """What is known about one tenant in the end.

    :param obstacle: one word for programs where somebody has to do something first.
    :param left: temporary delegated permissions that are still there.
    """

    tenant_id: str
    name: str
    hosts: list[str]
    state: str = UNKNOWN
    obstacle: str = ""
    steps: list[Json] = field(default_factory=list)
    granted: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    changes: list[Json] = field(default_factory=list)
    diff: list[Json] = field(default_factory=list)
    consent_url: str = ""
    reason: str = ""

    def take(self, result: Mapping[str, Any]) -> None:
        """Book what a step has carried out."""
        self.changes += list(result.get("changes") or ())
        if result.get("changes") and isinstance(result.get("diff"), Mapping):
            self.diff.append(dict(result["diff"]))

    def step(self, name: str, status: str, message: str, obstacle: str = "") -> None:
        self.steps.append(vars(Step(name, status, visible(message), obstacle)))

    def ends(self, state: str, reason: str, obstacle: str = "") -> PartnerRow:
        self.state, self.reason, self.obstacle = state, visible(reason), obstacle
        return self

    def as_dict(self) -> Json:
        """The row as JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "diff"}


@dataclass
class Options:
    """What is the same for all tenants.

    :param app_id: the automation's application.
    :param home: the partner's own tenant; empty where it is not known.
    :param center: address of Partner Center.
    """

    app_id: str
    home: str
    center: str
    wait_timeout: float
    check_mode: bool
    pause: Callable[[float], None] = time.sleep


class PartnerConsent:
    """Consents, or removes, in one tenant after the other.

    :param see: asks a tenant anew as the automation.
    :param connection: the options of a connection to a tenant without any credential.
    """

    def __init__(
        self,
        options: Options,
        run: Run,
        see: Callable[[CustomerTenant], Seen],
        connection: Callable[[CustomerTenant], HostArguments],
    ) -> None:
        self.options = options
        self._run, self._see, self._connection = run, see, connection

    def settled(self, customer: CustomerTenant, seen: Seen, *, absent: bool) -> PartnerRow | None:
        """The row of a tenant for which nobody has to sign in; ``None`` where there is something to do. Pure."""
        known = seen.row
        row = PartnerRow(known.tenant_id, known.name, list(known.hosts), consent_url=known.consent_url)
        excluded = self._excluded(customer, known)
        if excluded is not None:
            return row.ends(*excluded)
        if absent:
            return row.ends(ABSENT, "") if seen.present is False else None
        if known.settled:
            row.granted = list(known.rights)
            row.step(TEST, OK, "the automation's token has every permission of the profile")
            return row.ends(READY, "")
        return row.ends(BLOCKED, known.reason, "disabled") if known.state == consents.DISABLED else None

    def _excluded(self, customer: CustomerTenant, known: Row) -> tuple[str, str, str] | None:
        """(state, reason, obstacle) of a tenant in which nothing is done, whatever is desired."""
        if customer.problem or not customer.tenant:
            return UNKNOWN, customer.problem, ""
        if self.options.home and customer.tenant == self.options.home:
            return BLOCKED, "This is the partner's own tenant: tcx.m365.bootstrap consents there.", "own_tenant"
        if customer.client_id != self.options.app_id:
            other = customer.client_id or "none"
            text = f"Its automation is another application ({other}): run for those PBXs alone, with --limit."
            return BLOCKED, text, "another_application"
        return (UNKNOWN, known.reason, "") if known.state == consents.NOT_CHECKED else None

    def consented(self, customer: CustomerTenant, seen: Seen, steps: Sequence[Step], person: Person) -> PartnerRow:
        """Consent for one customer, as far as its steps allow."""
        known = seen.row
        row = PartnerRow(known.tenant_id, known.name, list(known.hosts), consent_url=known.consent_url)
        row.steps = [vars(step) for step in steps]
        blocking = next((step for step in steps if step.blocks), None)
        if blocking is not None:
            return row.ends(BLOCKED, f"{blocking.name}: {blocking.message}", blocking.obstacle)
        permissions = list(known.missing) or _profile(customer)
        if self.options.check_mode and person.partner_center:
            row.step(CONSENT, NOT_CHECKED, f"would consent to {', '.join(permissions)}")
            row.changes = [_change([*known.rights], [*known.rights, *permissions])]
            return row.ends(WOULD_CONSENT, f"Would consent to {', '.join(permissions)}.")
        try:
            return self._consent(customer, seen, permissions, person, row)
        except M365Error as error:
            return self._refused(row, CONSENT, failure(error))

    def _consent(
        self, customer: CustomerTenant, seen: Seen, permissions: list[str], person: Person, row: PartnerRow
    ) -> PartnerRow:
        asked: Json = {}
        if person.partner_center:
            asked = self._run(partner_consent.ASK, self._to_center(customer, person))
            if asked.get("failed"):
                return self._refused(row, CONSENT, asked, second_factor=person.second_factor)
            try:
                self._wait_for_scopes(customer, person)
            except M365Error as error:
                return self._without_token(customer, seen, person, row, asked, failure(error))
        granted = self._run(partner_consent.GRANT, {**self._to_tenant(customer, person), "permissions": permissions})
        row.take(granted)
        if person.partner_center:
            self._withdraw(customer, person, row)
        if granted.get("failed"):
            return self._refused(row, CONSENT, granted)
        row.granted = [str(permission) for permission in granted.get("application_permissions") or ()]
        row.step(CONSENT, OK, f"granted: {', '.join(permissions)}")
        if self.options.check_mode:
            return row.ends(WOULD_CONSENT, f"Would consent to {', '.join(permissions)}.")
        return self._verified(customer, row)

    def _wait_for_scopes(self, customer: CustomerTenant, person: Person) -> None:
        """Until the person's token carries the temporary permissions; raises the last refusal, or what is missing."""
        end = time.monotonic() + self.options.wait_timeout
        while True:
            try:
                token = person.token(customer.tenant)
                missing = sorted(set(partner_consent.TEMPORARY) - scopes(token)) if token is not None else []
                error = None if not missing else _not_in_effect(missing)
            except M365Error as refusal:
                error = refusal
                if refusal.code not in NOT_YET:
                    raise
            if error is None:
                return
            if time.monotonic() >= end:
                raise error
            self.options.pause(min(_POLL_S, max(0.05, end - time.monotonic())))

    def _without_token(
        self,
        customer: CustomerTenant,
        seen: Seen,
        person: Person,
        row: PartnerRow,
        asked: Json,
        refused: Json,
    ) -> PartnerRow:
        """Partner Center has consented, and the person cannot use it: nothing of it stays where that can be helped."""
        if asked.get("consented") and seen.present is False:
            gone = self._run(partner_consent.REMOVE, self._to_center(customer, person))
            if gone.get("failed"):
                row.left = list(partner_consent.TEMPORARY)
        elif asked.get("consented"):
            row.left = list(partner_consent.TEMPORARY)
        if row.left:
            row.changes.append(_temporary([], row.left))
        if asked.get("doubt"):
            refused = {**refused, "msg": f"{refused.get('msg')} Before, Partner Center said: {asked['doubt']}"}
        return self._refused(row, CONSENT, refused)

    def _withdraw(self, customer: CustomerTenant, person: Person, row: PartnerRow) -> None:
        result = self._run(partner_consent.WITHDRAW, self._to_tenant(customer, person))
        if result.get("failed"):
            row.left = list(partner_consent.TEMPORARY)
            row.changes.append(_temporary([], row.left))
            row.step(
                CONSENT, MISSING, f"the temporary permissions are still there: {result.get('msg')}", "temporary_left"
            )

    def _verified(self, customer: CustomerTenant, row: PartnerRow) -> PartnerRow:
        end = time.monotonic() + self.options.wait_timeout
        while True:
            seen = self._see(customer)
            if seen.row.settled:
                break
            if time.monotonic() >= end:
                row.step(
                    TEST, WAITING, f"the automation's token does not have it yet: {seen.row.reason}", "not_in_effect"
                )
                text = "Consented, and the automation's token does not show it yet: run again."
                return (
                    row.ends(FAILED, f"{text} {_left(row)}", "temporary_left")
                    if row.left
                    else row.ends(NOT_VERIFIED, text)
                )
            self.options.pause(min(_POLL_S, max(0.05, end - time.monotonic())))
        row.granted = list(seen.row.rights)
        row.step(TEST, OK, "the automation's token has every permission of the profile")
        if row.left:
            return row.ends(FAILED, _left(row), "temporary_left")
        return row.ends(CONSENTED, "")

    def removed(self, customer: CustomerTenant, seen: Seen, person: Person) -> PartnerRow:
        """Take the automation's application out of a customer's tenant."""
        known = seen.row
        row = PartnerRow(known.tenant_id, known.name, list(known.hosts))
        change = {"target": "service_principal", "field": "state", "before": "present", "after": "absent"}
        if self.options.check_mode and person.partner_center:
            row.changes.append(change)
            return row.ends(WOULD_REMOVE, "")
        try:
            capability = partner_consent.REMOVE if person.partner_center else partner_consent.LEAVE
            arguments = self._to_center if person.partner_center else self._to_tenant
            result = self._run(capability, arguments(customer, person))
        except M365Error as error:
            result = failure(error)
        row.take(result)
        if result.get("failed"):
            return self._refused(row, CONSENT, result)
        if self.options.check_mode:
            return row.ends(WOULD_REMOVE, "")
        end = time.monotonic() + self.options.wait_timeout
        while self._see(customer).present is not False:
            if time.monotonic() >= end:
                return row.ends(
                    NOT_VERIFIED, "Removed, and the automation can still sign in: run again in some minutes."
                )
            self.options.pause(min(_POLL_S, max(0.05, end - time.monotonic())))
        return row.ends(REMOVED, "")

    @staticmethod
    def _refused(
        row: PartnerRow, step: str, result: Mapping[str, Any], *, second_factor: bool | None = None
    ) -> PartnerRow:
        error = result.get("error") or {}
        text = str(result.get("msg") or "")
        obstacle = _OBSTACLES.get(str(error.get("code") or "")) or _KINDS.get(str(error.get("kind") or ""), "")
        if second_factor is False and error.get("kind") in _KINDS:
            obstacle = "mfa_missing"
        row.step(step, MISSING, text, obstacle)
        reason = f"{step}: {text}" + (f" {_left(row)}" if row.left else "")
        return row.ends(BLOCKED if obstacle else FAILED, reason, obstacle)

    def _to_center(self, customer: CustomerTenant, person: Person) -> HostArguments:
        where = self._connection(customer)
        named = {"address": self.options.center, "customer": customer.tenant, "app_id": self.options.app_id}
        return HostArguments({**where, **person.center(), **named, "tenant_id": self.options.home}, where.names)

    def _to_tenant(self, customer: CustomerTenant, person: Person) -> HostArguments:
        where = self._connection(customer)
        named = {
            "tenant_id": customer.tenant,
            "app_id": self.options.app_id,
            "wait_timeout": int(self.options.wait_timeout),
        }
        return HostArguments({**where, **person.tenant(customer.tenant), **named}, where.names)


_OBSTACLES = {
    "AADSTS50020": "not_a_member",
    "AADSTS50177": "guest",
    "AADSTS65001": "no_delegated_consent",
    "AADSTS90099": "no_delegated_consent",
    "AADSTS53003": "blocked_by_policy",
    "AADSTS50076": "mfa_missing",
    "AADSTS50079": "mfa_missing",
}
_KINDS = {"forbidden": "not_allowed", "not_found": "not_a_customer", "bad_credential": "sign_in_refused"}


class _NotInEffect(M365Error):
    kind = "not_in_effect"


def _not_in_effect(missing: Sequence[str]) -> M365Error:
    return _NotInEffect(
        f"the token of the person does not carry {', '.join(missing)}",
        tried="get a token of the person",
        remedy="A consent takes some minutes: run again.",
    )


def _profile(customer: CustomerTenant) -> list[str]:
    known = customer.variables
    name = str((known.get("bootstrap_profile") if known is not None else "") or "full")
    further = list((known.get("bootstrap_permissions") if known is not None else None) or ())
    return list(dict.fromkeys([*rights.profile(name), *further]))


def _change(before: Iterable[str], after: Iterable[str]) -> Json:
    return {
        "target": "app_role_assignments",
        "field": "permissions",
        "before": sorted(before),
        "after": sorted(after),
    }


def _temporary(before: Iterable[str], after: Iterable[str]) -> Json:
    target = "oauth2_permission_grants"
    return {"target": target, "field": "delegated_permissions", "before": list(before), "after": list(after)}


def _left(row: PartnerRow) -> str:
    return (
        f"TEMPORARY PERMISSIONS ARE STILL THERE ({', '.join(row.left)}): run again, or let an administrator of the tenant revoke "
        "them (Enterprise applications, Permissions)."
    )


def not_checked(message: str) -> list[Step]:
    """The steps of a customer where the delegated administration could not be read."""
    return [Step(INVITATION, NOT_CHECKED, visible(message))]


def summary(rows: Iterable[PartnerRow]) -> Json:
    """Number of tenants in all, and by state."""
    listed = list(rows)
    return {"total": len(listed), **{state: sum(1 for row in listed if row.state == state) for state in STATES}}


def table(rows: Sequence[PartnerRow]) -> list[str]:
    """The table as lines of text; below it, one line for each tenant that waits for somebody."""
    head = ("TENANT", "NAME", "PBXS", "STATE", "STEPS")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(row_of_cells[column]) for row_of_cells in cells) for column in range(len(head))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row_of_cells, widths)).rstrip() for row_of_cells in cells
    ]
    for row in rows:
        if not row.reason:
            continue
        address = row.consent_url if row.state in (BLOCKED, FAILED) else ""
        lines.append(f"{visible(', '.join(row.hosts))}: {row.reason}" + (f" Address: {address}" if address else ""))
    counts = summary(rows)
    by_state = ", ".join(f"{counts[state]} {WORDS[state]}" for state in STATES if counts[state])
    return [*lines, f"{counts['total']} {'tenant' if counts['total'] == 1 else 'tenants'}: {by_state or 'none'}"]


_SIGNS = {OK: "ok", WAITING: "waiting", MISSING: "missing", NOT_CHECKED: "not checked"}


def _cells(row: PartnerRow) -> tuple[str, ...]:
    hosts = visible(row.hosts[0]) + (f" +{len(row.hosts) - 1}" if len(row.hosts) > 1 else "")
    steps = ", ".join(f"{step['name']} {_SIGNS[step['status']]}" for step in row.steps)
    return (row.tenant_id or "-", row.name or "-", hosts, WORDS[row.state], steps or "-")
