# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows and the table of a consent for customers: what became of each tenant, in words and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._capabilities import partner_consent
from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible
from ansible_collections.tcx.m365.plugins.module_utils._entra.delegated_admin import (
    INVITATION,
    MISSING,
    NOT_CHECKED,
    OK,
    WAITING,
    Step,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import aligned, tally, totals

from .outcome import Booking
from .tenants import Row

Json = dict[str, Any]

READY, CONSENTED, WOULD_CONSENT = "ready", "consented", "would_consent"
ABSENT, REMOVED, WOULD_REMOVE = "absent", "removed", "would_remove"
BLOCKED, NOT_VERIFIED, FAILED, UNKNOWN = "blocked", "not_verified", "failed", "not_checked"
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
STATES = tuple(WORDS)

_SIGNS = {OK: "ok", WAITING: "waiting", MISSING: "missing", NOT_CHECKED: "not checked"}


@dataclass
class PartnerRow(Booking):
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

    @classmethod
    def of(cls, seen: Row) -> PartnerRow:
        """The row of a tenant before anything is done there."""
        return cls(seen.tenant_id, seen.name, list(seen.hosts), consent_url=seen.consent_url)

    def keeps_temporary(self) -> None:
        """The temporary permissions could not be revoked: whoever reads the row has to do it."""
        self.left = list(partner_consent.TEMPORARY)
        self.change("oauth2_permission_grants", "delegated_permissions", [], list(self.left))

    @property
    def about_temporary(self) -> str:
        """What to do about the temporary permissions; empty where none is left."""
        if not self.left:
            return ""
        return (
            f"TEMPORARY PERMISSIONS ARE STILL THERE ({', '.join(self.left)}): run again, or let an administrator of the tenant revoke "
            "them (Enterprise applications, Permissions)."
        )

    def step(self, name: str, status: str, message: str, obstacle: str = "") -> None:
        self.steps.append(vars(Step(name, status, visible(message), obstacle)))

    def ends(self, state: str, reason: str, obstacle: str = "") -> PartnerRow:
        self.state, self.reason, self.obstacle = state, visible(reason), obstacle
        return self

    def as_dict(self) -> Json:
        """The row as JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "diff"}


def not_checked(message: str) -> list[Step]:
    """The steps of a customer where the delegated administration could not be read."""
    return [Step(INVITATION, NOT_CHECKED, visible(message))]


def summary(rows: Iterable[PartnerRow]) -> Json:
    """Number of tenants in all, and by state."""
    return totals((row.state for row in rows), STATES)


def table(rows: Sequence[PartnerRow]) -> list[str]:
    """The table as lines of text; below it, one line for each tenant that waits for somebody."""
    head = ("TENANT", "NAME", "PBXS", "STATE", "STEPS")
    lines = aligned([head, *(_cells(row) for row in rows)])
    for row in rows:
        if not row.reason:
            continue
        address = row.consent_url if row.state in (BLOCKED, FAILED) else ""
        lines.append(f"{visible(', '.join(row.hosts))}: {row.reason}" + (f" Address: {address}" if address else ""))
    return [*lines, tally((row.state for row in rows), WORDS, "tenant")]


def _cells(row: PartnerRow) -> tuple[str, ...]:
    hosts = visible(row.hosts[0]) + (f" +{len(row.hosts) - 1}" if len(row.hosts) > 1 else "")
    steps = ", ".join(f"{step['name']} {_SIGNS[step['status']]}" for step in row.steps)
    return (row.tenant_id or "-", row.name or "-", hosts, WORDS[row.state], steps or "-")
