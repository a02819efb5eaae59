# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The capability behind the module ``tcx_preflight``: would a rollout on this PBX go through, and would it last?

It runs the very check that ``tcx_m365_settings`` makes in check mode, and judges what that has read: so it costs
no further request, and the tasks after it find everything in the store. A thorough check reads more.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from .._common.hosts import authorities
from .._errors import BadInput, M365Error
from .._pbx import audit, preflight, users
from .._pbx.preflight import Finding, NotReady, Numbers
from .._pbx.properties import INTEGRATION, read_all
from .._pbx.tls_certificate import TlsCertificate
from .._pbx.xapi import Xapi
from .._task import ArgumentSpec, Capability, Outcome, Task
from . import _pbx_connection, tcx_m365_settings
from .tcx_m365_settings import Work

_LINK = ("application_id", "tenant_id", "consent_url", "linked_application_id", "state", "wait", "wait_timeout", "undo")
"""Options of ``tcx_m365_settings`` that a look before the rollout has no use for."""

ARGUMENT_SPEC: ArgumentSpec = {
    **{name: option for name, option in tcx_m365_settings.ARGUMENT_SPEC.items() if name not in _LINK},
    "change_notifications": {"type": "bool", "default": True},
    "fqdn": {"type": "list", "elements": "str", "default": []},
    "thorough": {"type": "bool", "default": False},
    "warning_days": {"type": "int", "default": 30},
}


def run(task: Task) -> Outcome:
    """Look, judge, and fail with everything that blocks a rollout."""
    _check_names(task.params["fqdn"])
    reading = _reading(task)
    request = tcx_m365_settings.parse(reading.params, check_mode=True)
    connection = _pbx_connection.connection(task.params, task.context)
    # One access token per PBX: two tasks on one PBX at a time would take it from each other.
    with task.context.store.lock("pbx_work", connection.url, task.context.deadline):
        work = Work(
            reading,
            request,
            Xapi(connection, task.context),
            silent=True,
            notifications=task.params["change_notifications"],
        )
        values = work.outcome().values
        now = dt.datetime.now(dt.timezone.utc)
        findings = _judge(task, work, now)
        if task.params["thorough"]:
            findings += _judge_thoroughly(task, work, now)
    findings = [finding.rendered(task.names) for finding in preflight.in_order(findings)]
    notes = [finding.as_note() for finding in findings if finding.level == preflight.WARNING]
    for note in notes:
        task.context.warn(note)
    if any(finding.level == preflight.ERROR for finding in findings):
        raise NotReady(findings, connection.url)
    values["tls_certificate"] = TlsCertificate.of(work.xapi.certificate).as_dict(now) if work.xapi.certificate else None
    values["linked_tenant_id"] = work.observed.tenant_id
    values["gated"] = preflight.gated(work.facts, work.request.desired.values, _current(work))
    values["presence_redirect_uri"] = work.facts.presence_redirect_uri
    values["presence_authorized"] = work.authorized
    values["findings"] = [finding.as_dict() for finding in findings]
    values["notes"] = notes
    return Outcome(values)


def _check_names(names: Sequence[str]) -> None:
    """A name that cannot be one would be passed over, and the PBX that has it refused without a word of it."""
    for name in names:
        if not authorities("", [name]):
            raise BadInput(f"O(fqdn) {name!r} is no host name; give pbx.example.com or pbx.example.com:5001")


def _reading(task: Task) -> Task:
    """The task that ``tcx_m365_settings`` would be in check mode, without an application."""
    defaults = {name: tcx_m365_settings.ARGUMENT_SPEC[name].get("default") for name in _LINK}
    defaults["wait"] = False  # what does not work is judged here
    reading = Task(
        {**task.params, **defaults},
        check_mode=True,
        store=task.context.store,
        warn=task.context.warn,
        notice=task.context.notice,
        trace=task.context.trace,
        names=task.names,
    )
    reading.context, reading.secrets = task.context, task.secrets
    return reading


def _judge(task: Task, work: Work, now: dt.datetime) -> list[Finding]:
    """What the check has read besides."""
    der, days = work.xapi.certificate, task.params["warning_days"]
    shown = TlsCertificate.of(der) if der else None
    return [
        preflight.judge_version(work.facts),
        *([] if task.params["thorough"] else preflight.judge_maintenance(work.facts)),
        *preflight.judge_name(work.facts, work.xapi.connection.url, task.params["fqdn"]),
        *preflight.judge_edition(work.facts, work.request.desired.values, _current(work)),
        *preflight.judge_role(work.xapi.role),
        *preflight.judge_certificate(shown, work.facts.redirect_uri, now, days),
        *preflight.judge_clock(audit.clock_offset(work.xapi)),
        *preflight.judge_health(work.health, work.facts, work.xapi.connection.url),
    ]


def _current(work: Work) -> dict[str, Any]:
    """The settings as they are on the PBX now."""
    entities = work.observed.entities
    return {
        option: value
        for resource, entity in entities.items()
        for option, value in read_all(resource, entity, work.facts.release).items()
    }


def _judge_thoroughly(task: Task, work: Work, now: dt.datetime) -> list[Finding]:
    """What costs further requests: the license, all users, the next number, and who would come."""
    settings = {**read_all(INTEGRATION, work.observed.entities[INTEGRATION], work.facts.release)}
    settings.update(work.request.desired.values)
    syncs = bool(settings.get("user_sync.enabled"))
    people = users.every(work.xapi)
    coming = _coming(task, work, people, settings) if syncs else 0
    state = audit.license_state(work.xapi, work.facts)
    numbers = Numbers(
        length=work.facts.number_length,
        start=str(settings.get("user_sync.starting_extension") or ""),
        taken=frozenset(user.number for user in people),
        first_free=audit.first_free_extension(work.xapi),
        coming=coming,
    )
    return [
        *preflight.judge_license(state, now, task.params["warning_days"]),
        *preflight.judge_limit(state, coming),
        *preflight.judge_addresses(audit.duplicates(people), syncs=syncs),
        *preflight.judge_room(numbers, syncs=syncs),
    ]


def _coming(task: Task, work: Work, people: list[users.User], settings: Mapping[str, Any]) -> int | None:
    """How many users of Microsoft 365 will get an extension; ``None`` where the PBX cannot tell it (yet).

    A PBX sees users only after it was linked, and does not say who is in a group.
    """
    if not work.health.ok or settings.get("user_sync.scope") not in ("all", "all_except"):
        return None
    try:
        missing = audit.compare_users(people, audit.directory(work.xapi))["missing"]
    except M365Error as error:
        task.context.warn(str(error))
        return None
    left_out = len(settings.get("user_sync.users") or ()) if settings["user_sync.scope"] == "all_except" else 0
    return max(0, len(missing) - left_out)


CAPABILITY = Capability(name="tcx_preflight", argument_spec=ARGUMENT_SPEC, run=run, files=tcx_m365_settings.FILES)
