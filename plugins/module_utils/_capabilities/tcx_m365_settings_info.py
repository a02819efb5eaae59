# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The capability behind the module ``tcx_m365_settings_info``: the settings of one PBX, and what an auditor asks."""

from __future__ import annotations

from typing import Any

from .._errors import M365Error
from .._pbx import audit, health, users
from .._pbx import facts as pbx_facts
from .._pbx.audit import DirectoryUser
from .._pbx.facts import Facts
from .._pbx.health import Health
from .._pbx.properties import BY_OPTION, INTEGRATION, MAIL, TEAMS, read_all, shape
from .._pbx.settings import Observed, Settings
from .._pbx.xapi import Xapi
from .._task import ArgumentSpec, Capability, Outcome, Task
from . import _pbx_connection

GATHER = ("users", "license", "duplicates", "extensions", "sessions", "teams", "mail", "certificate")

_DIRECTORY_USER = {
    "user_principal_name": {"type": "str"},
    "mail": {"type": "str"},
    "aliases": {"type": "list", "elements": "str"},
    "enabled": {"type": "bool"},
    "photo": {"type": "bool"},
    # Not compared; accepted, so that what graph_user_info lists can be given as it is.
    "id": {"type": "str"},
    "display_name": {"type": "str"},
    "guest": {"type": "bool"},
}

ARGUMENT_SPEC: ArgumentSpec = {
    **_pbx_connection.ARGUMENT_SPEC,
    "gather": {"type": "list", "elements": "str", "choices": list(GATHER), "default": []},
    "health": {"type": "bool", "default": True},
    "directory_users": {"type": "list", "elements": "dict", "options": _DIRECTORY_USER},
    "users_before": {"type": "list", "elements": "dict"},
}


def run(task: Task) -> Outcome:
    """Read, and change nothing."""
    connection = _pbx_connection.connection(task.params, task.context)
    with task.context.store.lock("pbx_work", connection.url, task.context.deadline):
        xapi = Xapi(connection, task.context)
        facts = pbx_facts.observe(xapi)
        settings = Settings(xapi)
        entity = settings.read(INTEGRATION)
        shown = read_all(INTEGRATION, entity, facts.release)
        values: dict[str, Any] = {
            "version": facts.version,
            "edition": facts.license.label,
            "redirect_uri": facts.redirect_uri,
            "presence_redirect_uri": facts.presence_redirect_uri,
            "number_length": list(facts.number_length) if facts.number_length else None,
            "clock_offset": audit.clock_offset(xapi),
            "role": xapi.role,
            "status": _status(task, xapi, Observed({INTEGRATION: entity})),
        }
        gathered = set(task.params["gather"])
        if "teams" in gathered:
            shown.update(read_all(TEAMS, settings.read(TEAMS), facts.release))
        if "mail" in gathered and facts.release >= BY_OPTION["mail.microsoft365"].since:
            shown.update(read_all(MAIL, settings.read(MAIL), facts.release))
        values["settings"] = shape(shown)
        values.update(_gather(task, xapi, facts, gathered))
    return Outcome(values)


def _status(task: Task, xapi: Xapi, observed: Observed) -> dict[str, Any] | None:
    if not task.params["health"]:
        return None
    if not observed.linked:
        return Health(False, observed.application_id, None, health.NOT_LINKED).as_dict()
    status = health.check(xapi, application_id=observed.application_id)
    if status.ok:
        health.remember(xapi, status)
    return status.as_dict()


def _gather(task: Task, xapi: Xapi, facts: Facts, parts: set[str]) -> dict[str, Any]:
    report: dict[str, Any] = {}
    if "license" in parts:
        report["license"] = audit.license_state(xapi, facts)
    if "extensions" in parts:
        report["first_free_extension"] = audit.first_free_extension(xapi)
    if parts & {"users", "duplicates"}:
        people = users.every(xapi)
        if "duplicates" in parts:
            report["duplicates"] = audit.duplicates(people)
        if "users" in parts:
            report["users"] = _users(task, xapi, people)
    if "certificate" in parts:
        report["certificate"] = audit.certificate(xapi)
    if "sessions" in parts:
        report["sessions"] = audit.sessions(xapi, facts)
    return report


def _users(task: Task, xapi: Xapi, people: list[users.User]) -> dict[str, Any]:
    listed = task.params["directory_users"]
    report: dict[str, Any] = {"all": [user.as_dict() for user in people], "comparison": None, "changes": None}
    try:
        known = audit.directory(xapi) if listed is None else [DirectoryUser.of(user) for user in listed]
        report["comparison"] = audit.compare_users(people, known)
    except M365Error as error:
        # The users of the PBX are still worth having when Microsoft 365 cannot be asked.
        task.context.warn(str(error))
    if task.params["users_before"] is not None:
        report["changes"] = audit.before_after(task.params["users_before"], report["all"])
    return report


CAPABILITY = Capability(name="tcx_m365_settings_info", argument_spec=ARGUMENT_SPEC, run=run)
