# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The consent of customers, given by a person of their partner: one tenant after the other, each with its steps.

What is wide is there for as long as it is needed: through Partner Center the automation's application gets three delegated
permissions in the customer's tenant, with which the person who is signed in grants the application permissions of the
profile; then the three are revoked. A token of the automation itself says in the end whether it worked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable

from ansible_collections.tcx.m365.plugins.module_utils._capabilities import partner_consent
from ansible_collections.tcx.m365.plugins.module_utils._entra.delegated_admin import (
    CONSENT,
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
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import HostArguments
from ansible_collections.tcx.m365.plugins.plugin_utils._report import tenants as consents

from .consent import CustomerTenant
from .partner_rows import (
    ABSENT,
    BLOCKED,
    CONSENTED,
    FAILED,
    NOT_VERIFIED,
    READY,
    REMOVED,
    UNKNOWN,
    WOULD_CONSENT,
    WOULD_REMOVE,
    PartnerRow,
)
from .tenants import Row

Json = dict[str, Any]

NOT_YET = ("AADSTS65001", "AADSTS700016", "AADSTS7000229", "AADSTS90099")
"""With which the person's token is refused while a consent has not reached the sign-in service, and where there is none."""

_POLL_S = 3.0
_VERIFIED = "the automation's token has every permission of the profile"


Run = Callable[[Capability, Mapping[str, Any]], Json]
"""Runs a capability; the result as a task would have it."""


class Person:
    """The partner's person who is signed in: to the Azure CLI, or elsewhere, with a token that is given.

    :param options: how, as options of a connection.
    """

    partner_center = False
    """Whether the way to a customer's tenant leads through Partner Center."""

    second_factor: bool | None = None
    """Whether the person has signed in with multifactor authentication; ``None`` where the token does not tell."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = dict(options)

    def center(self) -> Json:
        """How to sign in to Partner Center, as options of a connection."""
        return self._options

    def tenant(self, tenant: str) -> Json:
        """How to sign in to a tenant, as options of a connection."""
        return {**self._options, "tenant_id": tenant}

    def token(self, _tenant: str) -> Token | None:
        """The token for a tenant; ``None`` where another program gets it.

        :raises M365Error: there is none.
        """
        return None


@dataclass
class Seen:
    """What the automation's own token says of a tenant at this moment.

    :param present: whether the application has a service principal there; ``None`` where it could not be told.
    """

    row: Row
    present: bool | None


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
        row = PartnerRow.of(known)
        excluded = self._excluded(customer, known)
        if excluded is not None:
            return row.ends(*excluded)
        if absent:
            return row.ends(ABSENT, "") if seen.present is False else None
        if known.settled:
            row.granted = list(known.rights)
            row.step(TEST, OK, _VERIFIED)
            return row.ends(READY, "")
        return row.ends(BLOCKED, known.reason, "disabled") if known.state == consents.DISABLED else None

    def _excluded(self, customer: CustomerTenant, known: Row) -> tuple[str, str, str] | None:
        """(state, reason, obstacle) of a tenant in which nothing is done, whatever is desired."""
        if not customer.is_known:
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
        row = PartnerRow.of(seen.row)
        row.steps = [vars(step) for step in steps]
        blocking = next((step for step in steps if step.blocks), None)
        if blocking is not None:
            return row.ends(BLOCKED, f"{blocking.name}: {blocking.message}", blocking.obstacle)
        held, permissions = seen.row.rights, list(seen.row.missing) or customer.permissions
        if self.options.check_mode and person.partner_center:
            row.step(CONSENT, NOT_CHECKED, f"would consent to {', '.join(permissions)}")
            row.change("app_role_assignments", "permissions", sorted(held), sorted([*held, *permissions]))
            return row.ends(WOULD_CONSENT, f"Would consent to {', '.join(permissions)}.")
        try:
            return self._consent(customer, seen, permissions, person, row)
        except M365Error as error:
            return self._refused(row, failure(error))

    def _consent(
        self, customer: CustomerTenant, seen: Seen, permissions: list[str], person: Person, row: PartnerRow
    ) -> PartnerRow:
        if person.partner_center:
            asked = self._run(partner_consent.ASK, self._to_center(customer, person))
            if asked.get("failed"):
                return self._refused(row, asked, second_factor=person.second_factor)
            try:
                self._wait_for_scopes(customer, person)
            except M365Error as error:
                return self._without_token(customer, seen, person, row, asked, failure(error))
        granted = self._run(partner_consent.GRANT, {**self._to_tenant(customer, person), "permissions": permissions})
        row.take(granted)
        if person.partner_center:
            self._withdraw(customer, person, row)
        if granted.get("failed"):
            return self._refused(row, granted)
        row.granted = [str(permission) for permission in granted.get("application_permissions") or ()]
        row.step(CONSENT, OK, f"granted: {', '.join(permissions)}")
        if self.options.check_mode:
            return row.ends(WOULD_CONSENT, f"Would consent to {', '.join(permissions)}.")
        return self._verified(customer, row)

    def _attempts(self) -> Iterator[None]:
        """One after the other for as long as may be waited, with pauses between them; at least one."""
        end = time.monotonic() + self.options.wait_timeout
        while True:
            yield
            left = end - time.monotonic()
            if left <= 0:
                return
            self.options.pause(min(_POLL_S, max(0.05, left)))

    def _wait_for_scopes(self, customer: CustomerTenant, person: Person) -> None:
        """Until the person's token carries the temporary permissions; raises the last refusal, or what is missing."""
        problem: M365Error | None = None
        for _attempt in self._attempts():
            try:
                token = person.token(customer.tenant)
            except M365Error as refusal:
                if refusal.code not in NOT_YET:
                    raise
                problem = refusal
                continue
            missing = sorted(set(partner_consent.TEMPORARY) - scopes(token)) if token is not None else []
            if not missing:
                return
            problem = _NotInEffect(
                f"the token of the person does not carry {', '.join(missing)}",
                tried="get a token of the person",
                remedy="A consent takes some minutes: run again.",
            )
        if problem is not None:
            raise problem

    def _without_token(
        self, customer: CustomerTenant, seen: Seen, person: Person, row: PartnerRow, asked: Json, refused: Json
    ) -> PartnerRow:
        """Partner Center has consented, and the person cannot use it: nothing of it stays where that can be helped."""
        if asked.get("consented"):
            # An application that was there before stays, so only the permissions would have to go, for which a token is missing.
            new = seen.present is False
            if not new or self._run(partner_consent.REMOVE, self._to_center(customer, person)).get("failed"):
                row.keeps_temporary()
        if asked.get("doubt"):
            refused = {**refused, "msg": f"{refused.get('msg')} Before, Partner Center said: {asked['doubt']}"}
        return self._refused(row, refused)

    def _withdraw(self, customer: CustomerTenant, person: Person, row: PartnerRow) -> None:
        result = self._run(partner_consent.WITHDRAW, self._to_tenant(customer, person))
        if result.get("failed"):
            row.keeps_temporary()
            message = f"the temporary permissions are still there: {result.get('msg')}"
            row.step(CONSENT, MISSING, message, "temporary_left")

    def _verified(self, customer: CustomerTenant, row: PartnerRow) -> PartnerRow:
        """The end of a row whose permissions were granted, by a new token of the automation."""
        reason = ""
        for _attempt in self._attempts():
            seen = self._see(customer).row
            if seen.settled:
                row.granted = list(seen.rights)
                row.step(TEST, OK, _VERIFIED)
                return row.ends(FAILED, row.about_temporary, "temporary_left") if row.left else row.ends(CONSENTED, "")
            reason = seen.reason
        row.step(TEST, WAITING, f"the automation's token does not have it yet: {reason}", "not_in_effect")
        text = "Consented, and the automation's token does not show it yet: run again."
        if row.left:
            return row.ends(FAILED, f"{text} {row.about_temporary}", "temporary_left")
        return row.ends(NOT_VERIFIED, text)

    def removed(self, customer: CustomerTenant, seen: Seen, person: Person) -> PartnerRow:
        """Take the automation's application out of a customer's tenant."""
        row = PartnerRow.of(seen.row)
        row.consent_url = ""  # nobody is to consent
        if self.options.check_mode and person.partner_center:
            row.change("service_principal", "state", "present", "absent")
            return row.ends(WOULD_REMOVE, "")
        try:
            capability = partner_consent.REMOVE if person.partner_center else partner_consent.LEAVE
            arguments = self._to_center if person.partner_center else self._to_tenant
            result = self._run(capability, arguments(customer, person))
        except M365Error as error:
            result = failure(error)
        row.take(result)
        if result.get("failed"):
            return self._refused(row, result)
        if self.options.check_mode:
            return row.ends(WOULD_REMOVE, "")
        for _attempt in self._attempts():
            if self._see(customer).present is False:
                return row.ends(REMOVED, "")
        return row.ends(NOT_VERIFIED, "Removed, and the automation can still sign in: run again in some minutes.")

    @staticmethod
    def _refused(row: PartnerRow, result: Mapping[str, Any], *, second_factor: bool | None = None) -> PartnerRow:
        error = result.get("error") or {}
        text = str(result.get("msg") or "")
        obstacle = _OBSTACLES.get(str(error.get("code") or "")) or _KINDS.get(str(error.get("kind") or ""), "")
        if second_factor is False and error.get("kind") in _KINDS:
            obstacle = "mfa_missing"
        row.step(CONSENT, MISSING, text, obstacle)
        reason = " ".join(filter(None, (f"{CONSENT}: {text}", row.about_temporary)))
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
