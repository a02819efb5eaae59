# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""The steps of a rollout on one PBX, in order: what the four roles run, for a sweep that works on many PBXs at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

from ansible_collections.tcx.m365.plugins.module_utils._capabilities import (
    azure_app_registration,
    entra_preflight,
    graph_permission_grant,
    graph_user_info,
    sso_probe,
    tcx_m365_settings,
    tcx_m365_settings_info,
    tcx_preflight,
)
from ansible_collections.tcx.m365.plugins.module_utils._plan import PENDING
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.users_step import people_result

Result = Mapping[str, Any]
RunTask = Callable[[Capability, Mapping[str, Any]], dict[str, Any]]
"""Runs one capability with its arguments."""


@dataclass
class HostSteps:
    """The results of the steps of one PBX, in order; a failed one is the last."""

    pbx: Result = field(default_factory=dict)
    preflight: Result = field(default_factory=dict)
    application: Result = field(default_factory=dict)
    grant: Result = field(default_factory=dict)
    settings: Result = field(default_factory=dict)
    sign_in: Result = field(default_factory=dict)
    people: Result = field(default_factory=dict)

    def taken(self) -> dict[str, Result]:
        """Name and result of each step that was taken."""
        return {name: result for name, result in vars(self).items() if result}

    def all(self) -> list[Result]:
        return list(self.taken().values())

    @property
    def failed(self) -> Result | None:
        return next((result for result in self.all() if result.get("failed")), None)

    def first(self, name: str) -> str:
        """What the first step that knows it says of a matter, such as the version of the PBX."""
        return next((str(result[name]) for result in self.all() if result.get(name)), "")

    def changes(self) -> list[dict[str, Any]]:
        """What is not, or was not, as wanted; the first look at the PBX is part of the last one."""
        found = (self.application, self.grant, self.settings)
        return [change for result in found for change in result.get("changes") or ()]


def look(variables: Mapping[str, Any], run_task: RunTask, *, writes: bool = False) -> HostSteps:
    """Look at the PBX and at the caller's rights in the tenant; nothing is written.

    :param variables: all variables of the host, templated.
    :param writes: a step that writes follows. It reads the settings again, because minutes can lie between the two; the
        request that this costs is saved here.
    """
    steps = HostSteps()
    pbx = arguments_of.pbx_preflight_arguments(variables)
    steps.pbx = run_task(tcx_preflight.CAPABILITY, {**pbx, "change_notifications": not writes})
    if not steps.failed:
        arguments = arguments_of.entra_preflight_arguments(variables, steps.pbx)
        steps.preflight = run_task(entra_preflight.CAPABILITY, arguments)
    return steps


def configure(variables: Mapping[str, Any], steps: HostSteps, run_task: RunTask) -> None:
    """Application, consent and settings of a PBX that was looked at; ends at the first step that fails."""
    if steps.failed:
        return
    key, redirect_uri = steps.preflight["application"], steps.pbx["redirect_uri"]
    application = arguments_of.application_arguments(variables, key, redirect_uri)
    steps.application = run_task(azure_app_registration.CAPABILITY, application)
    if steps.failed:
        return
    app_id = steps.application["app_id"]
    if is_true(variables["entra_app_manage_grants"]):
        grant = arguments_of.grant_arguments(variables, app_id)
        steps.grant = run_task(graph_permission_grant.CAPABILITY, grant)
        if steps.failed:
            return
    settings = arguments_of.settings_arguments(variables, app_id)
    # Where a person has to consent, the proof names the address and does not wait for that person.
    granted_by_us = is_true(variables["entra_app_manage_grants"])
    settings["consent_url"] = (steps.grant if granted_by_us else steps.application).get("admin_consent_url")
    steps.settings = run_task(tcx_m365_settings.CAPABILITY, settings)


def prove(variables: Mapping[str, Any], steps: HostSteps, run_task: RunTask) -> None:
    """Ask whether a sign-in would work, where that is wanted and the application exists already."""
    if steps.failed or not is_true(variables["sso_verify_enabled"]):
        return
    arguments = arguments_of.probe_arguments(variables, steps.application["app_id"], steps.pbx["redirect_uri"])
    if arguments["application_id"] != PENDING:
        steps.sign_in = run_task(sso_probe.CAPABILITY, arguments)


def compare_people(variables: Mapping[str, Any], steps: HostSteps, run_task: RunTask) -> None:
    """Who has left and who is a stranger, where that is wanted. It fails the PBX only where leavers are to."""
    if steps.failed or not is_true(variables["sso_verify_people"]):
        return
    found = run_task(graph_user_info.CAPABILITY, arguments_of.directory_arguments(variables))
    if not found.get("failed"):
        arguments = arguments_of.people_arguments(variables, found["users"])
        found = run_task(tcx_m365_settings_info.CAPABILITY, arguments)
    steps.people = people_result(found, strict=is_true(variables["sso_verify_fail_on_leavers"]))


def is_true(value: Any) -> bool:
    """As Ansible reads a condition, for values that come from an inventory, where "no" may be text."""
    return str(value).lower() not in ("false", "no", "0", "off", "none", "")
