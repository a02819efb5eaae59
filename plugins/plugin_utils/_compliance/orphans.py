# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which marked applications of the tenants no PBX of the inventory uses. Pure.

An application is an orphan only when everybody who could use it was asked: a PBX that did not answer may be its user.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import aligned, count

SCHEMA_VERSION = 1

IN_USE = "in_use"
NAMED = "named"
AUTOMATION = "automation"
ORPHAN = "orphan"
UNKNOWN = "unknown"
STATES = (ORPHAN, UNKNOWN, NAMED, AUTOMATION, IN_USE)

MEANINGS = {
    ORPHAN: "that no PBX of the inventory uses",
    UNKNOWN: "that a PBX may use which could not be read",
    NAMED: "that the inventory names and no PBX points to",
    AUTOMATION: "with which the automation signs in",
    IN_USE: "in use",
}


@dataclass(frozen=True)
class Pbx:
    """One PBX of the inventory: what it is to use, and what it says that it uses.

    :param points_to: the application of the PBX; ``None`` where it could not be read.
    :param named: application IDs and unique names that the inventory states for it.
    :param automation: the client ID that the automation signs in with for it.
    """

    host: str
    tenant: str
    points_to: str | None
    named: frozenset[str] = frozenset()
    automation: str = ""
    problem: str = ""


@dataclass
class Tenant:
    """One tenant: its marked applications as ``azure_app_registration_info`` lists them, or why they could not be read."""

    tenant_id: str
    applications: list[Mapping[str, Any]] = field(default_factory=list)
    problem: str = ""


def judge(tenants: Iterable[Tenant], pbxs: Sequence[Pbx]) -> dict[str, Any]:
    """`{summary, tenants: [{tenant_id, problem, applications}], not_read: [{host, problem}]}`.

    An application is `{app_id, object_id, unique_name, display_name, created, permissions, state, used_by}`.
    """
    judged = [_tenant(tenant, pbxs) for tenant in sorted(tenants, key=lambda tenant: tenant.tenant_id)]
    states = [application["state"] for tenant in judged for application in tenant["applications"]]
    summary = {
        "tenants": len(judged),
        "tenants_not_read": sum(bool(tenant["problem"]) for tenant in judged),
        "pbxs": len(pbxs),
        "pbxs_not_read": sum(pbx.points_to is None for pbx in pbxs),
        "applications": len(states),
        **{state: states.count(state) for state in STATES},
    }
    silent = [{"host": pbx.host, "problem": pbx.problem} for pbx in pbxs if pbx.points_to is None]
    return {"schema_version": SCHEMA_VERSION, "summary": summary, "tenants": judged, "not_read": silent}


def _tenant(tenant: Tenant, pbxs: Sequence[Pbx]) -> dict[str, Any]:
    applications = [_application(application, tenant.tenant_id, pbxs) for application in tenant.applications]
    applications.sort(key=lambda row: (STATES.index(row["state"]), str(row["display_name"]), str(row["app_id"])))
    return {"tenant_id": tenant.tenant_id, "problem": tenant.problem, "applications": applications}


def _application(application: Mapping[str, Any], tenant: str, pbxs: Sequence[Pbx]) -> dict[str, Any]:
    app_id = str(application.get("app_id") or "")
    names = {name.lower() for name in (app_id, str(application.get("unique_name") or "")) if name}
    users = [pbx.host for pbx in pbxs if (pbx.points_to or "").lower() == app_id.lower()]
    # A unique name is one within its tenant only.
    of_tenant = [pbx for pbx in pbxs if not pbx.tenant or pbx.tenant.lower() == tenant.lower()]
    named = [pbx.host for pbx in of_tenant if names & {name.lower() for name in pbx.named}]
    automation = any(pbx.automation.lower() == app_id.lower() for pbx in pbxs)
    silent = any(pbx.points_to is None for pbx in of_tenant)
    signs = ((users, IN_USE), (named, NAMED), (automation, AUTOMATION), (silent, UNKNOWN), (True, ORPHAN))
    state = next(state for sign, state in signs if sign)
    kept = ("app_id", "object_id", "unique_name", "display_name", "created", "permissions")
    return {**{name: application.get(name) for name in kept}, "state": state, "used_by": users or named}


def table(report: Mapping[str, Any]) -> list[str]:
    """What a person reads, line by line: every application that is not in use, and who could not be read."""
    rows = [("STATE", "TENANT", "APPLICATION", "NAME", "CREATED")]
    for tenant in report["tenants"]:
        rows += [
            (
                application["state"],
                tenant["tenant_id"],
                str(application["app_id"] or ""),
                visible(str(application["display_name"] or "")),
                str(application["created"] or "")[:10],
            )
            for application in tenant["applications"]
            if application["state"] != IN_USE
        ]
    lines = aligned(rows) if len(rows) > 1 else []
    lines += [
        f"Tenant {tenant['tenant_id']} could not be read: {visible(tenant['problem'])}"
        for tenant in report["tenants"]
        if tenant["problem"]
    ]
    lines += [f"PBX {pbx['host']} could not be read: {visible(pbx['problem'])}" for pbx in report["not_read"]]
    return [*lines, sentence(report["summary"])]


def sentence(summary: Mapping[str, int]) -> str:
    """The sums in one line."""
    counted = [f"{summary[state]} {MEANINGS[state]}" for state in STATES if summary[state]]
    read = f"{summary['tenants'] - summary['tenants_not_read']} of {count(summary['tenants'], 'tenant')} read"
    return (
        f"{read}, {count(summary['applications'], 'application')} of this collection: {'; '.join(counted) or 'none'}."
    )
