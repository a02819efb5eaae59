# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Action plugin: finds the applications of this collection that no PBX of the inventory uses."""

from __future__ import annotations

import datetime as dt
import functools
import json
import os
from collections.abc import Mapping
from typing import Any

from ansible import constants
from ansible.utils.display import Display
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import (
    azure_app_registration_info,
    tcx_m365_settings_info,
)
from ansible_collections.tcx.m365.plugins.module_utils._common import dates
from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability
from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat, _files
from ansible_collections.tcx.m365.plugins.plugin_utils._action import ControllerAction
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import run_capability
from ansible_collections.tcx.m365.plugins.plugin_utils._compliance.orphans import ORPHAN, Pbx, Tenant, judge, table
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.sweep import Say, sweep
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.unknown import warn_once
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import HostVariables, Variables
from ansible_collections.tcx.m365.plugins.plugin_utils._report.files import write_file
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import count

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "dest": {"type": "path", "default": "./reports/orphans.json"},
    "fail": {"type": "bool", "default": False},
    "enforce": {"type": "bool", "default": True},
    "concurrency": {"type": "int", "default": 50},
}

_TRIES = 3
"""PBXs of a tenant with whose credentials it is tried to read it; they usually have the same."""

display = Display()


class ActionModule(ControllerAction):
    """Ask every PBX of the inventory for its application, then every tenant of the play for those of this collection."""

    SPEC = ARGUMENT_SPEC

    def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        report = self._report(task_vars, options["concurrency"])
        _files.written("dest", options["dest"], functools.partial(_write, report))
        return _answer(report, options)

    def _report(self, task_vars: Mapping[str, Any], threads: int) -> dict[str, Any]:
        variables = HostVariables(self._task, self._loader, task_vars["hostvars"], task_vars)
        run = [str(host) for host in task_vars.get("ansible_play_hosts_all", [])]
        # A limit chooses the tenants; whose application is in use is known only from the whole inventory.
        everyone = sorted({*run, *variables.with_pbx()})
        store = RunStore(constants.DEFAULT_LOCAL_TMP)
        ask = functools.partial(_pbx, variables=variables, store=store, run=frozenset(run))
        progress = functools.partial(_core_compat.show, stderr=True)
        answers = dict(sweep(everyone, ask, threads=threads, progress=progress))
        warn_once(answers, store, display.warning)
        pbxs = [_answered(host, entry) for host, entry in answers.items()]
        pbxs.sort(key=lambda pbx: pbx.host)
        hosts: dict[str, list[str]] = {}
        for pbx in pbxs:
            if pbx.host in run and pbx.tenant:
                hosts.setdefault(pbx.tenant, []).append(pbx.host)
        read = functools.partial(_tenant, hosts=hosts, variables=variables, store=store)
        tenants = [_listed(tenant, entry) for tenant, entry in sweep(sorted(hosts), read, threads=threads)]
        return judge(tenants, pbxs)


def _pbx(host: str, _say: Say, *, variables: HostVariables, store: RunStore, run: frozenset[str]) -> dict[str, Any]:
    """What the inventory says of a PBX, and which application it says itself; runs in a thread of the sweep."""
    try:
        known = variables.of(host, without_extra=host not in run)
    except M365Error as error:
        return {"problem": str(error)}
    unknown = known.unknown_entries() if host in run else []
    answer: dict[str, Any] = {"problem": "", "points_to": None, "unknown_variables": unknown, **_stated(known)}
    try:
        reading = _run(tcx_m365_settings_info.CAPABILITY, arguments_of.pbx_connection(known), store)
    except M365Error as error:
        return {**answer, "problem": str(error)}
    if reading.get("failed"):
        return {**answer, "problem": str(reading.get("msg") or "")}
    return {**answer, "points_to": str((reading.get("status") or {}).get("application_id") or "")}


def _stated(known: Variables) -> dict[str, Any]:
    """What can be read of the variables: an unreadable one is the problem of whoever needs it."""
    named = (known.text(name) for name in ("entra_app_app_id", "tcx_console_application_id", "entra_app_unique_name"))
    try:
        tenant = known.tenant
    except M365Error:
        tenant = ""
    return {"tenant": tenant, "named": [name for name in named if name], "automation": known.text("entra_client_id")}


def _answered(host: str, entry: Mapping[str, Any]) -> Pbx:
    return Pbx(
        host=host,
        tenant=str(entry.get("tenant") or ""),
        points_to=entry.get("points_to"),
        named=frozenset(entry.get("named") or ()),
        automation=str(entry.get("automation") or ""),
        problem=str(entry.get("problem") or entry.get("crashed") or ""),
    )


def _tenant(
    tenant: str, _say: Say, *, hosts: Mapping[str, list[str]], variables: HostVariables, store: RunStore
) -> dict[str, Any]:
    """The marked applications of a tenant, read with the credential of one of its PBXs."""
    problem = ""
    for host in hosts[tenant][:_TRIES]:
        try:
            known = variables.of(host)
            reading = _run(azure_app_registration_info.CAPABILITY, arguments_of.entra_connection(known), store)
        except M365Error as error:
            problem = str(error)
            continue
        if not reading.get("failed"):
            return {"applications": reading["applications"]}
        problem = str(reading.get("msg") or "")
    return {"problem": problem}


def _listed(tenant: str, entry: Mapping[str, Any]) -> Tenant:
    return Tenant(
        tenant, list(entry.get("applications") or ()), str(entry.get("problem") or entry.get("crashed") or "")
    )


def _run(capability: Capability, arguments: Mapping[str, Any], store: RunStore) -> dict[str, Any]:
    return run_capability(capability, arguments, check_mode=True, store=store)


def _write(report: Mapping[str, Any], path: str) -> None:
    moment = dates.iso(dt.datetime.now(dt.timezone.utc).replace(microsecond=0))
    text = json.dumps({**report, "generated_at": moment}, ensure_ascii=False, indent=2) + "\n"
    write_file(path, text.encode("utf-8"))


def _failure_reason(summary: Mapping[str, int], *, fail: bool) -> str:
    """Why the run must not end as one that found everything in order; empty when it may."""
    sentences = []
    if summary["tenants_not_read"]:
        sentences.append(f"{count(summary['tenants_not_read'], 'tenant', 'tenants')} could not be read.")
    if fail and summary[ORPHAN]:
        sentences.append(
            f"{count(summary[ORPHAN], 'application is', 'applications are')} used by no PBX of the inventory."
        )
    return " ".join(sentences)


def _answer(report: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    summary = report["summary"]
    lines = table(report)
    reason = _failure_reason(summary, fail=options["fail"])
    sentence = f"{lines[-1]} Report: {os.path.abspath(options['dest'])}"
    return {
        "changed": False,
        "failed": bool(reason) and options["enforce"],
        "msg": f"{reason} {sentence}".strip(),
        "failure_reason": reason,
        "table": lines,
        "summary": summary,
        "orphans": [
            {"tenant_id": tenant["tenant_id"], **application}
            for tenant in report["tenants"]
            for application in tenant["applications"]
            if application["state"] == ORPHAN
        ],
    }
