# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Texts of notifications: which AWX takes, how it fills them in, and to whom they go.

Documented: `NotificationTemplateSerializer.validate_messages`, `JobNotificationMixin` and `WorkflowApproval.context` of
AWX 24.6.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jinja2 import ChainableUndefined, StrictUndefined, TemplateSyntaxError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

from fake_controller.refusal import Refused

if TYPE_CHECKING:
    from fake_controller.store import Item, Store

EVENTS = ("started", "success", "error")
APPROVAL_EVENTS = ("running", "approved", "timed_out", "denied")
URL = "https://tower.example.com/#/jobs"

#: What AWX fills a text in with to see whether it can be filled in; the artifacts are empty there.
STUB = {
    "job": {
        "id": 42,
        "name": "Stub Job",
        "description": "Sample job description",
        "status": "running",
        "artifacts": {},
        "limit": "bar_limit",
        "elapsed": 0.403018,
        "summary_fields": {"inventory": {"id": 1, "name": "Stub", "total_hosts": 0}},
    },
    "job_friendly_name": "Job",
    "url": f"{URL}/playbook/1010",
    "approval_status": "approved",
    "approval_node_name": "Approve Me",
    "workflow_url": f"{URL}/workflow/1010",
    "job_metadata": "{}",
}


class _Named(StrictUndefined):
    """Not even shown as text."""

    def __str__(self) -> str:
        raise UndefinedError(self._undefined_name)


def check(type_: str, texts: Any) -> None:
    """Refuse texts that AWX refuses."""
    errors: list[str] = []
    if texts is None:
        return
    for event, given in texts.items():
        if event == "workflow_approval":
            for sub, each in (given or {}).items():
                if sub not in APPROVAL_EVENTS:
                    errors.append(f"Workflow Approval event '{sub}' invalid")
                errors += _wrong(type_, sub, each)
        elif event in EVENTS:
            errors += _wrong(type_, event, given)
        else:
            errors.append(
                f"Event '{event}' invalid, must be one of 'started', 'success', 'error', or 'workflow_approval'"
            )
    if errors:
        raise Refused(400, {"messages": errors})


def _wrong(type_: str, event: str, texts: Mapping[str, str] | None) -> list[str]:
    errors = []
    for name, text in (texts or {}).items():
        if name not in ("message", "body"):
            errors.append(f"Message type '{name}' invalid, must be either 'message' or 'body'")
            continue
        if name == "message" and "\n" in text:
            errors.append(f"Messages cannot contain newlines (found newline in {event} event)")
        try:
            rendered = ImmutableSandboxedEnvironment(undefined=_Named).from_string(text).render(STUB)
        except TemplateSyntaxError as error:
            errors.append(f"Unable to render message '{text}': {error.message}")
        except UndefinedError as error:
            errors.append(f"Field '{error.message}' unavailable")
        except SecurityError as error:
            errors.append(f"Security error due to field '{error.message}'")
        else:
            if type_ == "webhook" and name == "body":
                errors += _no_object(rendered)
    return errors


def _no_object(rendered: str) -> list[str]:
    """AWX itself takes such a text, and sends an empty object instead of it."""
    try:
        body = json.loads(rendered)
    except ValueError:
        body = None
    return [] if isinstance(body, dict) else [f"Webhook body is no JSON object: {rendered}"]


def keep_what_is_not_said(old: Any, new: Any) -> None:
    """A text that a change leaves out stays as it was."""
    if old is None or new is None:
        return
    for event in (*EVENTS, "workflow_approval"):
        if not new.get(event) and old.get(event):
            new[event] = old[event]
        new.setdefault(event, None)


def job_event(store: Store, job: Item, template: Item, event: str) -> None:
    """Tell those whom a template names when a job begins or ends."""
    kind = {"job": "playbook", "workflow_job": "workflow"}.get(job.kind.type, "inventory")
    shown = {name: job.values.get(name) for name in ("name", "status", "limit", "artifacts", "job_explanation")}
    context = {
        "job": {"id": job.id, **shown},
        "job_friendly_name": job.kind.type.replace("_", " ").title(),
        "url": f"{URL}/{kind}/{job.id}",
        "job_metadata": json.dumps({"id": job.id, "name": job.name, "status": job.values["status"]}),
    }
    for each in store.listed(template, f"notification_templates_{event}"):
        texts = (each.values["messages"] or {}).get(event) or {}
        _send(store, each, event, texts, context, f"{job.name} {job.values['status']}")


def approval_event(store: Store, approval: Item, workflow: Item, event: str) -> None:
    """Tell those whom a workflow names about an approval; nothing of a job or its artifacts can be said here."""
    context = {
        "approval_status": event,
        "approval_node_name": approval.name,
        "workflow_url": f"{URL}/workflow/{approval.values['workflow_job']}",
        "job_metadata": json.dumps({"id": approval.id, "name": approval.name}),
    }
    for each in store.listed(workflow, "notification_templates_approvals"):
        texts = ((each.values["messages"] or {}).get("workflow_approval") or {}).get(event) or {}
        _send(store, each, f"approval {event}", texts, context, f'The approval node "{approval.name}" {event}')


def _send(
    store: Store, to: Item, event: str, texts: Mapping[str, str], context: Mapping[str, Any], otherwise: str
) -> None:
    environment = ImmutableSandboxedEnvironment(undefined=ChainableUndefined)
    subject = environment.from_string(texts.get("message") or otherwise).render(context)
    body = environment.from_string(texts.get("body") or "{{ job_metadata }}").render(context)
    store.sent.append({"to": to.name, "event": event, "subject": subject, "body": body})
