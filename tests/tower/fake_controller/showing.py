# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects as the API shows them: secrets hidden, related addresses and summaries given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fake_controller import credential_types, jobs, rules

if TYPE_CHECKING:
    from fake_controller.store import Item, Store

ROOT = "/api/v2/"


def url_of(item: Item) -> str:
    return f"{ROOT}{item.kind.path}/{item.id}/"


def represent(store: Store, item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "type": item.kind.type,
        "url": url_of(item),
        "related": _related(store, item),
        "summary_fields": _summary(store, item),
        **_values(store, item),
    }


def _related(store: Store, item: Item) -> dict[str, str]:
    url = url_of(item)
    related = {name: f"{url}{name}/" for name in item.kind.associations}
    if item.kind.survey:
        related.update(survey_spec=f"{url}survey_spec/", launch=f"{url}launch/")
    if item.kind.type in ("project", "inventory_source"):
        related["update"] = f"{url}update/"
    if item.kind.type == "job":
        related["job_events"] = f"{url}job_events/"
    for name, spec in item.kind.fields.items():
        other = store.referred(item, name) if spec.to else None
        if other is not None:
            related[name] = url_of(other)
    return related


def _values(store: Store, item: Item) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(json.dumps(item.values))
    if item.kind.type == "credential":
        secret = credential_types.secret_fields(store.items[item.values["credential_type"]].values["inputs"])
        values["inputs"] = {
            name: credential_types.ENCRYPTED if name in secret and value else value
            for name, value in item.values["inputs"].items()
        }
    if item.kind.type == "notification_template":
        hidden = rules.SECRETS.get(values["notification_type"], "")
        if values["notification_configuration"].get(hidden):
            values["notification_configuration"][hidden] = credential_types.ENCRYPTED
    if item.kind.type == "workflow_job_template_node":
        values.update({name: item.lists[name] for name in jobs.PATHS})
    if item.kind.history:
        values.update(event_processing_finished=True, failed=values.get("status") in ("failed", "error"))
    return values


def _summary(store: Store, item: Item) -> dict[str, Any]:
    roles = {f"{role}_role": {"id": item.id * 100 + at, "name": role} for at, role in enumerate(item.kind.roles)}
    summary: dict[str, Any] = {"object_roles": roles}
    organization = store.referred(item, "organization") if "organization" in item.kind.fields else None
    if organization is not None:
        summary["organization"] = {"id": organization.id, "name": organization.name}
    for name in ("credential", "signature_validation_credential", "webhook_credential"):
        credential = store.referred(item, name) if name in item.kind.fields else None
        if credential is not None:
            summary[name] = {"id": credential.id, "name": credential.name}
    template = store.referred(item, "unified_job_template") if "unified_job_template" in item.kind.fields else None
    if template is not None:
        kind = template.kind.type.replace("job_template", "job").replace("_template", "")
        summary["unified_job_template"] = {"id": template.id, "name": template.name, "unified_job_type": kind}
    updates = [each for each in store.of("project_update") if each.values["project"] == item.id]
    if updates:
        summary["last_update"] = update_of(updates[-1])
    return summary


def update_of(update: Item) -> dict[str, Any]:
    """What the summary of a project says of one of its updates."""
    status = update.values["status"]
    return {"id": update.id, "name": update.name, "status": status, "failed": status in ("failed", "error")}
