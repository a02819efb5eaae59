# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a template takes of what a launch says: taken, ignored, or refused.

Documented: `_accept_or_ignore_job_kwargs` of job templates and workflows, `JobLaunchSerializer` of AWX 24.6.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fake_controller import surveys
from fake_controller.schema import ASKED, ASKED_OF_WORKFLOWS

if TYPE_CHECKING:
    from fake_controller.store import Item, Store

#: What AWX calls a prompt where its switch has another name.
FIELDS = {"credential": "credentials", "variables": "extra_vars", "tags": "job_tags"}
_SWITCHES = {field: name for name, field in FIELDS.items()}
NOT_ASKED = "Field is not configured to prompt on launch."
#: What a job signs in with; registries and source control are not.
KINDS_OF_JOBS = ("ssh", "vault", "cloud", "net", "kubernetes")


@dataclass
class Prompts:
    """What became of a launch: prompts and variables that are taken, fields that are ignored, and why it is refused."""

    taken: dict[str, Any] = field(default_factory=dict)
    ignored: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)


def asked(template: Item, name: str) -> bool:
    return bool(template.values.get(f"ask_{_SWITCHES.get(name, name)}_on_launch"))


def slices(store: Store, template: Item, prompts: Mapping[str, Any]) -> int:
    """Into how many slices a launch would be divided: at most one for each host that is known before the sync."""
    inventory = prompts.get("inventory") or template.values["inventory"]
    known = sum(item.values["inventory"] == inventory for item in store.of("host"))
    wanted: int = prompts.get("job_slice_count") or template.values["job_slice_count"]
    return min(wanted, known)


def sift(store: Store, template: Item, given: Mapping[str, Any]) -> Prompts:
    """Judge a launch by hand: a job template ignores what it does not ask for, a workflow refuses it."""
    workflow = template.kind.type == "workflow_job_template"
    extra = given.get("extra_vars") or {}
    extra = json.loads(extra) if isinstance(extra, str) else extra
    variables, errors = surveys.accept(template, extra, () if workflow else ("prompts",))
    found = Prompts(variables=variables, errors=errors)
    dropped = {name: value for name, value in extra.items() if name not in variables}
    if dropped:
        found.ignored["extra_vars"] = dropped
    for name in ASKED_OF_WORKFLOWS if workflow else ASKED:
        key = FIELDS.get(name, name)
        current = template.lists[key] if key in template.lists else template.values.get(key)
        if key == "extra_vars" or given.get(key) is None or given[key] == current:
            continue
        if not asked(template, key):
            found.ignored[key] = given[key]
            if workflow:
                found.errors[key] = [NOT_ASKED]
        elif key == "job_slice_count" and given[key] > 1 and slices(store, template, given) <= 1:
            found.errors[key] = ["Job inventory does not have enough hosts for slicing"]
        else:
            found.taken[key] = given[key]
    if not workflow:
        _check_job(store, template, found)
    return found


def _check_job(store: Store, template: Item, found: Prompts) -> None:
    project = store.referred(template, "project")
    if project is None or store.referred(template, "inventory") is None:
        missing = [name for name in ("project", "inventory") if store.referred(template, name) is None]
        said = [f"Job Template {name} is missing or undefined." for name in missing]
        found.errors["resources_needed_to_start"] = said
    elif not project.values["scm_revision"] and not project.values["scm_update_on_launch"]:
        found.errors["playbook"] = ["Missing a revision to run due to failed project update."]
    if "credentials" in found.taken:
        _check_credentials(store, template, found)


def _check_credentials(store: Store, template: Item, found: Prompts) -> None:
    """Those of the template may be replaced by others of their type, and not be left out."""
    chosen = [store.items[each] for each in found.taken["credentials"]]
    types = [each.values["credential_type"] for each in chosen]
    errors = []
    for credential in store.listed(template, "credentials"):
        if credential not in chosen and credential.values["credential_type"] not in types:
            kind = store.items[credential.values["credential_type"]].name
            errors.append(f"Removing {kind} credential at launch time without replacement is not supported.")
    for type_ in types:
        kind = store.items[type_]
        if kind.values["kind"] not in KINDS_OF_JOBS:
            errors.append(f"Cannot assign a Credential of kind `{kind.values['kind']}`")
    if errors:
        found.errors["credentials"] = errors
