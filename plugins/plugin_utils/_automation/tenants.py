# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One row for each tenant of the inventory: has it consented to the automation, and to what? Pure, but for the table's time.

Three answers, never two: verified with a token of this moment, missing, or could not check. Nothing is inferred from what
was declared or granted once.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common import dates
from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible
from ansible_collections.tcx.m365.plugins.module_utils._entra import rights
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import Variables
from ansible_collections.tcx.m365.plugins.plugin_utils._report.attention import credential_kind
from ansible_collections.tcx.m365.plugins.plugin_utils._report.tenants import (
    DISABLED,
    MISSING_RIGHTS,
    NOT_CHECKED,
    NOT_CONSENTED,
    READY,
    STATES,
    TOO_WIDE,
    WORDS,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._report.wording import days_text
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import aligned, tally, totals

from .consent import CustomerTenant, message, tenants_of

Json = dict[str, Any]

SCHEMA_VERSION = 1

NO_CONSENT = frozenset(("AADSTS700016", "AADSTS7000229"))
_SWITCHED_OFF = frozenset(("AADSTS7000112", "AADSTS500014"))
_DIRECTORY = re.compile(r"not found in the directory '([^']{1,120})'")


@dataclass
class Row:
    """What is known about one tenant.

    :param consented: ``None`` where it could not be checked.
    :param reason: why it is not :data:`READY`, for people.
    """

    tenant_id: str
    name: str
    hosts: list[str]
    state: str
    consented: bool | None
    rights: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    too_wide: list[str] = field(default_factory=list)
    optional: list[str] = field(default_factory=list)
    credential: Json = field(default_factory=dict)
    home_tenant_id: str = ""
    publisher_verified: bool | None = None
    consent_url: str = ""
    message: str = ""
    reason: str = ""
    app_id: str = ""

    @property
    def settled(self) -> bool:
        """Whether waiting has nothing more to bring."""
        return self.state in (READY, TOO_WIDE)

    def as_dict(self) -> Json:
        """The row as JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def row_of(customer: CustomerTenant, result: Mapping[str, Any] | None, app_name: str) -> Row:
    """The row of a tenant.

    :param result: of the sign-in as the automation; ``None`` where none was tried.
    """
    row = Row(customer.tenant, "", list(customer.hosts), NOT_CHECKED, None, reason=customer.problem)
    row.app_id = customer.client_id
    if result is not None and result.get("failed"):
        _refused(row, result)
    elif result is not None:
        row.app_id = str(result.get("app_id") or customer.client_id)
        _signed_in(row, result, customer.profile, customer.further)
    row.name = row.name or visible(customer.name)
    if row.app_id and customer.tenant:
        row.consent_url = customer.consent_url(row.app_id)
    if row.consent_url and not row.settled:
        row.message = message(app_name, customer.permissions, row.consent_url, row.name or row.tenant_id)
    return row


def _refused(row: Row, result: Mapping[str, Any]) -> None:
    error = result.get("error") or {}
    code = str(error.get("code") or "")
    row.reason = visible(str(result.get("msg") or ""))
    if code in NO_CONSENT:
        directory = _DIRECTORY.search(str(error.get("said") or ""))
        row.state, row.consented, row.name = NOT_CONSENTED, False, visible(directory[1]) if directory else ""
        row.reason = "No administrator of the tenant has consented to the automation's application."
    elif code in _SWITCHED_OFF:
        row.state, row.consented = DISABLED, False
        row.reason = "The customer has disabled the automation under Enterprise applications."
    elif result.get("missing"):
        row.state, row.consented = MISSING_RIGHTS, True
        row.missing = [str(permission) for permission in result["missing"]]


def _signed_in(row: Row, result: Mapping[str, Any], profile: str, further: Sequence[str]) -> None:
    principal = result.get("principal") or {}
    row.name = visible(str(result.get("tenant_name") or ""))
    row.rights = [str(role) for role in result.get("roles") or ()]
    row.credential = dict(result.get("credential") or {})
    row.home_tenant_id = str(principal.get("home_tenant_id") or "")
    row.publisher_verified = principal.get("publisher_verified")
    if not result.get("app_only"):
        row.reason = "A person is signed in, so the rights of the automation are not known."
        return
    judgment = rights.judged(row.rights, profile, further)
    row.missing, row.too_wide, row.optional = list(judgment.missing), list(judgment.too_wide), list(judgment.optional)
    row.consented = bool(row.rights)
    if not row.rights:
        row.state = NOT_CONSENTED
        row.reason = "The application is there, and nothing has been consented (after a consent it takes some minutes)."
    elif row.missing:
        row.state = MISSING_RIGHTS
        row.reason = f"Missing: {', '.join(row.missing)}. Consent again at the address."
    elif row.too_wide:
        row.state = TOO_WIDE
        row.reason = f"More than the profile {profile} needs: {', '.join(row.too_wide)}."
    else:
        row.state = READY


def consent_row(
    host: str, known: Variables, preflight: Mapping[str, Any] | None, about: Mapping[str, Any]
) -> Json | None:
    """The row of the tenant of one PBX, from what its check has read; ``None`` where the inventory names no tenant.

    :param preflight: of the step that signs in to the tenant; ``None`` where the check has not come that far.
    :param about: `tenant_name` and `credential`, where they could be read.
    """
    customer = tenants_of([(host, known)])[0]
    if not customer.tenant:
        return None
    result = dict(preflight) if preflight is not None else None
    if result is not None and not result.get("failed"):
        result.update(
            tenant_name=about.get("tenant_name") or "", credential=about.get("credential") or {}, principal={}
        )
    row = row_of(customer, result, "")
    row.name = row.name or visible(str(about.get("tenant_name") or ""))
    if preflight is None:
        row.reason = row.reason or "No PBX of this tenant was reached, so that the tenant was not asked."
    return {name: value for name, value in row.as_dict().items() if name != "message"}


def remember_names(rows: Iterable[Row], earlier: str) -> None:
    """Names that an earlier table knew: before a consent Microsoft Entra names the tenant, and afterwards only to those who
    have a right that a rollout does not need.

    :param earlier: the file as it was; anything else is ignored.
    """
    try:
        listed = json.loads(earlier)["tenants"]
        known = {str(tenant["tenant_id"]): str(tenant["name"]) for tenant in listed}
    except (ValueError, KeyError, TypeError):
        return
    for row in rows:
        row.name = row.name or visible(known.get(row.tenant_id, ""))[:120]


def summary(rows: Iterable[Row]) -> Json:
    """Number of tenants in all, and by state."""
    return totals((row.state for row in rows), STATES)


def document(rows: Sequence[Row], moment: dt.datetime, run: Mapping[str, Any]) -> str:
    """The file as JSON text."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "generated_at": dates.iso(moment),
        "summary": summary(rows),
        "tenants": [row.as_dict() for row in rows],
        "run": dict(run),
    }
    return json.dumps(content, indent=2) + "\n"


def table(rows: Sequence[Row]) -> list[str]:
    """The table as lines of text; below it, one line for each tenant that waits for somebody."""
    head = ("TENANT", "NAME", "PBXS", "CONSENT", "RIGHTS", "CREDENTIAL")
    lines = aligned([head, *(_cells(row) for row in rows)])
    for row in rows:
        if row.state == READY:
            continue
        name = visible(", ".join(row.hosts))
        lines.append(f"{name}: {row.reason}" + (f" Address: {row.consent_url}" if _needs_address(row) else ""))
    return [*lines, tally((row.state for row in rows), WORDS, "tenant")]


def _needs_address(row: Row) -> bool:
    return bool(row.consent_url) and row.state in (NOT_CONSENTED, MISSING_RIGHTS)


def _cells(row: Row) -> tuple[str, ...]:
    hosts = visible(row.hosts[0]) + (f" +{len(row.hosts) - 1}" if len(row.hosts) > 1 else "")
    held = f"{len(row.rights)} granted" if row.rights else "-"
    if row.missing and row.rights:
        held = f"{len(row.missing)} missing"
    elif row.too_wide:
        held = f"{len(row.too_wide)} too many"
    return (row.tenant_id or "-", row.name or "-", hosts, WORDS[row.state], held, _credential(row.credential))


def _credential(credential: Mapping[str, Any]) -> str:
    if not credential:
        return "-"
    kind = credential_kind(str(credential.get("kind") or ""))
    if credential.get("expires") == "never":
        return kind
    days = credential.get("days_left")
    return f"{kind}, {days_text(days)}"
