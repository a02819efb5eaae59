# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tenants of a report: what each has consented to for the automation, as its own token of this run says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ansible_collections.tcx.m365.plugins.plugin_utils._wording import tally

from .attention import automation_credential
from .values import plain, plain_text

READY = "ready"
TOO_WIDE = "too_wide"
MISSING_RIGHTS = "missing_rights"
NOT_CONSENTED = "not_consented"
DISABLED = "disabled"
NOT_CHECKED = "not_checked"
WORDS = {
    READY: "consented",
    TOO_WIDE: "consented, too wide",
    MISSING_RIGHTS: "rights missing",
    NOT_CONSENTED: "not consented",
    DISABLED: "disabled by the customer",
    NOT_CHECKED: "could not check",
}
STATES = tuple(WORDS)

_WORST_FIRST = {
    state: place for place, state in enumerate((NOT_CONSENTED, DISABLED, MISSING_RIGHTS, TOO_WIDE, NOT_CHECKED))
}
_LISTS = ("rights", "missing", "too_wide")
_TEXTS = ("tenant_id", "name", "state", "app_id", "consent_url", "reason")


def tenants_of_hosts(tenants: Iterable[Mapping[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """One row for each tenant and application of the automation, what has to be done first; see compliance.schema.json.

    :param tenants: a row for each PBX, with its name in `hosts`. Of a PBX that was not reached, the tenant was not asked; what
        another PBX of the tenant has found out then counts. Where PBXs ask for different rights, the worst of it counts.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for tenant in sorted(tenants, key=lambda tenant: [str(host) for host in tenant.get("hosts") or ()]):
        key = (str(tenant.get("tenant_id") or ""), str(tenant.get("app_id") or ""))
        row = rows.setdefault(key, {"hosts": [], "state": ""})
        hosts = [*row["hosts"], *(plain_text(str(host)) for host in tenant.get("hosts") or ())]
        told = plain(_row(tenant, now))
        if _weight(told["state"]) < _weight(row["state"]):
            row.update(told)
        row["hosts"] = sorted(set(hosts))
    return sorted(
        rows.values(), key=lambda row: (_WORST_FIRST.get(row["state"], len(STATES)), row["name"], row["tenant_id"])
    )


def _weight(state: str) -> int:
    """Which of two states of one tenant is told: the lower; that nobody could check says less than anything else."""
    return {NOT_CHECKED: len(STATES), READY: len(STATES) - 1, "": len(STATES) + 1}.get(
        state, _WORST_FIRST.get(state, 0)
    )


def _row(tenant: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    state = str(tenant.get("state") or "")
    return {
        **{name: str(tenant.get(name) or "") for name in _TEXTS},
        "state": state if state in STATES else NOT_CHECKED,
        "consented": tenant.get("consented") if isinstance(tenant.get("consented"), bool) else None,
        **{name: sorted(str(item) for item in tenant.get(name) or ()) for name in _LISTS},
        "credential": automation_credential(tenant["credential"], now) if tenant.get("credential") else None,
    }


def summary(rows: Iterable[Mapping[str, Any]]) -> str:
    """`5 tenants: 3 consented, 2 not consented`."""
    return tally((row["state"] for row in rows), WORDS, "tenant")
