# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""One PBX compared with what is wanted: the tasks of the rollout in check mode, and the verdict of the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

from ansible_collections.tcx.m365.plugins.module_utils._capabilities import (
    azure_app_registration,
    entra_preflight,
    graph_permission_grant,
    tcx_m365_settings,
)
from ansible_collections.tcx.m365.plugins.module_utils._plan import PENDING
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability
from ansible_collections.tcx.m365.plugins.plugin_utils import _host_variables as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._findings import sentences
from ansible_collections.tcx.m365.plugins.plugin_utils._report import HostResult

Result = Mapping[str, Any]
RunTask = Callable[[Capability, Mapping[str, Any]], dict[str, Any]]

UNREACHABLE_KINDS = frozenset(("unreachable", "untrusted", "interrupted", "service_fault", "throttled", "deadline"))


@dataclass
class HostCheck:
    """The results of the tasks of one PBX, in order; a failed one is the last."""

    pbx: Result = field(default_factory=dict)
    preflight: Result = field(default_factory=dict)
    application: Result = field(default_factory=dict)
    grant: Result = field(default_factory=dict)
    settings: Result = field(default_factory=dict)

    def all(self) -> list[Result]:
        return [result for result in (self.pbx, self.preflight, self.application, self.grant, self.settings) if result]

    @property
    def failed(self) -> Result | None:
        return next((result for result in self.all() if result.get("failed")), None)

    def changes(self) -> list[dict[str, Any]]:
        """What is not as wanted; the first look at the PBX is part of the last one."""
        found = (self.application, self.grant, self.settings)
        return [change for result in found for change in result.get("changes") or ()]


def check_host(variables: Mapping[str, Any], run_task: RunTask) -> HostCheck:
    """Run the tasks of the rollout in check mode on one PBX; stop at the first that fails.

    :param variables: all variables of the host, templated.
    :param run_task: runs one capability in check mode.
    """
    check = HostCheck()
    check.pbx = run_task(tcx_m365_settings.CAPABILITY, arguments_of.pbx_preflight_arguments(variables))
    if check.failed:
        return check
    preflight = arguments_of.entra_preflight_arguments(variables, check.pbx)
    check.preflight = run_task(entra_preflight.CAPABILITY, preflight)
    if check.failed:
        return check
    key, redirect_uri = check.preflight["application"], check.pbx["redirect_uri"]
    application = arguments_of.application_arguments(variables, key, redirect_uri)
    check.application = run_task(azure_app_registration.CAPABILITY, application)
    if check.failed:
        return check
    app_id = check.application["app_id"]
    if _is_true(variables.get("entra_app_manage_grants", True)):
        check.grant = run_task(graph_permission_grant.CAPABILITY, arguments_of.grant_arguments(variables, app_id))
        if check.failed:
            return check
    check.settings = run_task(tcx_m365_settings.CAPABILITY, arguments_of.settings_arguments(variables, app_id))
    return check


def host_result(host: str, variables: Mapping[str, Any], check: HostCheck) -> HostResult:
    """The entry of the report for one PBX."""
    changes = check.changes()
    status = dict(check.settings.get("status") or check.pbx.get("status") or {})
    verdict, reasons, remedies = _verdict(check.failed, changes, status)
    reasons += [note for result in check.all() for note in result.get("notes") or ()]
    return HostResult(
        host=host,
        verdict=verdict,
        reasons=reasons,
        changes=changes,
        certificates=list(check.application.get("certificates") or ()),
        unmanaged=_unmanaged(check),
        version=_first(check, "version"),
        edition=_first(check, "edition"),
        remedies=remedies,
        consent={
            "missing": list(check.grant.get("granted") or ()),
            "unneeded": list(check.grant.get("unneeded") or ()),
        },
        tenant_id=str(variables.get("entra_tenant_id") or ""),
        application_id=_known(check.application.get("app_id")),
        status=status,
        url=str(variables.get("tcx_url") or ""),
    )


def _verdict(
    failed: Result | None, changes: list[dict[str, Any]], status: Mapping[str, Any]
) -> tuple[str, list[str], list[str]]:
    if failed is not None:
        error = failed.get("error") or {}
        kind = error.get("kind", "failed")
        verdict = "unlicensed" if kind == "unlicensed" else "unreachable" if kind in UNREACHABLE_KINDS else "failed"
        remedy = error.get("remedy")
        return verdict, [str(failed.get("msg") or "the check failed without a message")], [remedy] if remedy else []
    reasons = sentences(changes)
    unhealthy = bool(status) and not status.get("ok")
    if unhealthy and status.get("message"):
        reasons.append(f"3CX says: {status['message']}")
    if changes:
        return "drifted", reasons, []
    if unhealthy:
        # Every setting is as wanted and the proof fails all the same: a repair by the rollout cannot be promised.
        return "failed", reasons or ["the integration is not healthy although every setting is as wanted"], []
    return "compliant", reasons, []


def _known(value: Any) -> str:
    """A value, unless the service has still to choose it."""
    return "" if value in (None, PENDING) else str(value)


def _unmanaged(check: HostCheck) -> dict[str, Any]:
    return {name: value for result in check.all() for name, value in (result.get("unmanaged") or {}).items() if value}


def _first(check: HostCheck, name: str) -> str:
    return next((str(result[name]) for result in check.all() if result.get(name)), "")


def _is_true(value: Any) -> bool:
    return str(value).lower() not in ("false", "no", "0", "off", "none", "")
