# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""One PBX compared with what is wanted: from the steps of a rollout in check mode to the verdict of the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._plan import PENDING
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.findings import sentences
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.results import changes as changes_of
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.results import status as status_of
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.results import unmanaged
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.runner import Taken
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.steps import Result
from ansible_collections.tcx.m365.plugins.plugin_utils._report import HostResult

UNREACHABLE_KINDS = frozenset(("unreachable", "untrusted", "interrupted", "service_fault", "throttled", "deadline"))


def host_result(host: str, variables: Mapping[str, Any], taken: Taken) -> HostResult:
    """The entry of the report for one PBX."""
    changes = changes_of(taken)
    status = status_of(taken)
    verdict, reasons, remedies = _verdict(taken.failed, changes, status)
    reasons += [note for result in taken.values() for note in result.get("notes") or ()]
    application, grant = taken.of("application"), taken.of("grant")
    return HostResult(
        host=host,
        verdict=verdict,
        reasons=reasons,
        changes=changes,
        certificates=list(application.get("certificates") or ()),
        unmanaged=unmanaged(taken),
        version=taken.first("version"),
        edition=taken.first("edition"),
        remedies=remedies,
        consent={
            "missing": list(grant.get("granted") or ()),
            "unneeded": list(grant.get("unneeded") or ()),
        },
        tenant_id=str(variables.get("entra_tenant_id") or ""),
        application_id=_known(application.get("app_id")),
        status=status,
        attention=[sentence for result in taken.values() for sentence in result.get("attention") or ()],
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
        return "broken", reasons, []
    return "compliant", reasons, []


def _known(value: Any) -> str:
    """A value, unless the service has still to choose it."""
    return "" if value in (None, PENDING) else str(value)
