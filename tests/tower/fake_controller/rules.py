# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What AWX checks beyond the shape of single fields, type by type (documented: the serializers of AWX 24.6)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

import yaml

from fake_controller import credential_types, jobs, messages, surveys, syncs
from fake_controller.prompting import FIELDS, KINDS_OF_JOBS, NOT_ASKED, asked, slices
from fake_controller.refusal import Refused
from fake_controller.schema import ASKED

if TYPE_CHECKING:
    from fake_controller.store import Item, Store

NO_ZONE = "A valid TZID must be provided (e.g., America/New_York)"
CONSTRUCTED_EDITABLE = ("source_vars", "update_cache_timeout", "limit", "verbosity")

#: Fields of each kind of notification with their defaults, and those that only come back encrypted.
WEBHOOK = {
    "url": (str, None),
    "http_method": (str, "POST"),
    "disable_ssl_verification": (bool, False),
    "username": (str, ""),
    "password": (str, ""),
    "headers": (dict, None),
}
SLACK = {"token": (str, None), "channels": (list, None)}
EMAIL = {
    "host": (str, None),
    "port": (int, None),
    "username": (str, None),
    "password": (str, None),
    "use_tls": (bool, None),
    "use_ssl": (bool, None),
    "sender": (str, None),
    "recipients": (list, None),
    "timeout": (int, 30),
}
PAGERDUTY = {"subdomain": (str, None), "token": (str, None), "service_key": (str, None), "client_name": (str, None)}
MATTERMOST = {
    "mattermost_url": (str, None),
    "mattermost_username": (str, ""),
    "mattermost_channel": (str, ""),
    "mattermost_icon_url": (str, ""),
    "mattermost_no_verify_ssl": (bool, False),
}
NOTIFICATIONS = {
    "webhook": WEBHOOK,
    "slack": SLACK,
    "email": EMAIL,
    "pagerduty": PAGERDUTY,
    "mattermost": MATTERMOST,
}
SECRETS = {"webhook": "password", "slack": "token", "email": "password", "pagerduty": "token"}


def refuse(field: str, said: str) -> Refused:
    return Refused(400, {field: [said]})


def complete(store: Store, item: Item) -> None:
    """Fill in what the controller derives."""
    if item.kind.type == "job_template":
        project = store.referred(item, "project")
        item.values["organization"] = project.values["organization"] if project else None
    if item.kind.type == "notification_template":
        known = NOTIFICATIONS.get(item.values["notification_type"], {})
        defaults = {name: default for name, (_kind, default) in known.items() if default is not None}
        item.values["notification_configuration"] = {**defaults, **item.values["notification_configuration"]}


def check(store: Store, item: Item, given: Mapping[str, Any]) -> None:
    """Refuse what this type does not allow."""
    checker = _CHECKS.get(item.kind.type)
    if checker:
        checker(store, item, given)


def _credential_type(_store: Store, item: Item, _given: Mapping[str, Any]) -> None:
    if item.values["kind"] not in ("cloud", "net"):
        raise refuse("kind", f"Must be 'cloud' or 'net', not {item.values['kind']}")
    credential_types.check_inputs(item.values["inputs"])
    credential_types.check_injectors(item.values["inputs"], item.values["injectors"])


def _credential(store: Store, item: Item, given: Mapping[str, Any]) -> None:
    if item.values["organization"] is None:
        raise Refused(400, {"detail": ["Missing 'user', 'team', or 'organization'."]})
    kind = store.items[item.values["credential_type"]]
    stored = store.items[item.id].values["inputs"] if item.id else {}
    inputs = dict(item.values["inputs"])
    for name, value in inputs.items():
        if value == credential_types.ENCRYPTED:
            if name not in stored:
                raise refuse("inputs", f"$encrypted$ is a reserved keyword, and cannot be used for {name}.")
            inputs[name] = stored[name]
    if "inputs" in given or not item.id:
        credential_types.check_values(kind.values["inputs"], inputs)
    item.values["inputs"] = inputs


def _project(store: Store, item: Item, given: Mapping[str, Any]) -> None:
    values = item.values
    before = store.items[item.id].values if item.id else {}
    if values["scm_type"] and not values["scm_url"]:
        raise refuse("scm_url", "SCM URL is required.")
    if before and values["scm_type"] and values["local_path"] != before["local_path"]:
        raise refuse("local_path", f"Cannot change local_path for {values['scm_type']}-based projects")
    for name in ("scm_refspec", "scm_track_submodules"):
        if given.get(name) and values["scm_type"] != "git":
            raise refuse(name, f"{name.replace('scm_', 'SCM ')} can only be used with git projects.")
    if before.get("allow_override") and not values["allow_override"]:
        _no_branches_of_their_own(store, item)
    credential = store.referred(item, "credential")
    if credential and store.items[credential.values["credential_type"]].values["kind"] != "scm":
        raise refuse("credential", "Credential kind must be 'scm'.")
    if not values["scm_type"]:
        for name in ("scm_update_on_launch", "scm_delete_on_update", "scm_clean"):
            if values[name]:
                raise refuse(name, "Update options must be set to false for manual projects.")


def _no_branches_of_their_own(store: Store, project: Item) -> None:
    templates = [each for each in store.of("job_template") if each.values["project"] == project.id]
    used = [each.id for each in templates if each.values["ask_scm_branch_on_launch"] or each.values["scm_branch"]]
    if used:
        said = "One or more job templates depend on branch override behavior for this project (ids: {})."
        raise refuse("allow_override", said.format(" ".join(map(str, used))))


def _inventory(_store: Store, item: Item, _given: Mapping[str, Any]) -> None:
    item.values["kind"] = item.values["kind"] or ""
    if item.values["kind"] == "smart" and not item.values["host_filter"]:
        raise refuse("host_filter", "Smart inventories must specify host_filter")
    _variables("variables", item.values["variables"])


#: What no source may set in the environment of its sync.
BLOCKED = ("HOME", "USER", "_", "TERM", "PATH")


def _inventory_source(store: Store, item: Item, given: Mapping[str, Any]) -> None:
    values = item.values
    _variables("source_vars", values["source_vars"])
    for name in yaml.safe_load(values["source_vars"] or "{}") or {}:
        if name in BLOCKED:
            raise refuse("source_vars", f"`{name}` is a prohibited environment variable")
    if item.automatic:
        stored = store.items[item.id].values
        for name in given:
            if values.get(name) != stored.get(name) and name not in CONSTRUCTED_EDITABLE:
                raise Refused(400, {"error": f"Cannot change field '{name}' on a constructed inventory source."})
        return
    inventory = store.items[values["inventory"]]
    if inventory.values["kind"] in ("constructed", "smart"):
        raise refuse("inventory", "Cannot create Inventory Source for Smart or Constructed Inventories")
    if not values["source"] or values["source"] == "constructed":
        raise refuse("source", f'"{values["source"]}" is not a valid choice.')
    _source_of_project(store, item)
    credential = store.referred(item, "credential")
    if credential and store.items[credential.values["credential_type"]].values["kind"] in ("insights", "vault"):
        said = "Credentials of type insights and vault are disallowed for scm inventory sources."
        raise Refused(400, {"credential": [said]})


def _source_of_project(store: Store, item: Item) -> None:
    values = item.values
    project = store.referred(item, "source_project")
    if values["source"] == "scm" and project is None:
        raise refuse("source_project", "Project required for scm type sources.")
    if project is not None and not project.values["scm_type"]:
        raise refuse("source_project", "Cannot use manual project for SCM-based inventory.")
    if values["source"] != "scm" and (project or values["source_path"]):
        raise Refused(400, {"detail": "Cannot set source_project source_path if not SCM type."})
    if values["scm_branch"] and not (project and project.values["allow_override"]):
        raise refuse("scm_branch", "Project does not allow overriding branch.")


def _execution_environment(store: Store, item: Item, _given: Mapping[str, Any]) -> None:
    credential = store.referred(item, "credential")
    if credential and store.items[credential.values["credential_type"]].values["kind"] != "registry":
        raise refuse(
            "credential", "Only Container Registry credentials can be associated with an Execution Environment"
        )


def _notification(store: Store, item: Item, _given: Mapping[str, Any]) -> None:
    known = NOTIFICATIONS.get(item.values["notification_type"])
    if known is None:
        raise refuse("notification_type", f'"{item.values["notification_type"]}" is not a valid choice.')
    configuration = item.values["notification_configuration"]
    type_ = item.values["notification_type"]
    missing = [name for name in known if name not in configuration]
    if missing:
        raise Refused(400, {"__all__": [f"Missing required fields for Notification Configuration: {missing}."]})
    for name, (kind, _default) in known.items():
        said = ""
        value = configuration[name]
        # A boolean is a number to Python, and not to AWX.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            said = f"Configuration field '{name}' incorrect type, expected {kind.__name__}."
        elif configuration[name] == []:
            said = f"No values specified for field '{name}'"
        elif name == "http_method" and configuration[name].lower() not in ("put", "post"):
            said = "HTTP method must be either 'POST' or 'PUT'."
        if said:
            raise Refused(400, {"__all__": [said]})
    secret = SECRETS.get(type_, "")
    if configuration.get(secret) == credential_types.ENCRYPTED:
        if not item.id:
            raise Refused(400, {"__all__": [f"No value to keep for {secret}."]})
        configuration[secret] = store.items[item.id].values["notification_configuration"][secret]
    messages.check(type_, item.values["messages"])
    before = store.items[item.id].values["messages"] if item.id else {}
    messages.keep_what_is_not_said(before, item.values["messages"])


def _job_template(store: Store, item: Item, _given: Mapping[str, Any]) -> None:
    values = item.values
    project = store.referred(item, "project")
    if project is None:
        raise refuse("project", "This field is required.")
    if values["inventory"] is None and not values["ask_inventory_on_launch"]:
        raise refuse("inventory", "You must either set a default value or ask to prompt on launch.")
    if not values["playbook"]:
        raise refuse("playbook", "Must select playbook for project.")
    # At a branch of its own it may be another one.
    if not project.values["allow_override"] and values["playbook"] not in store.playbooks.get(project.id, set()):
        raise refuse("playbook", "Playbook not found for project.")
    if not project.values["allow_override"] and (values["scm_branch"] or values["ask_scm_branch_on_launch"]):
        raise refuse("scm_branch", "Project does not allow overriding branch.")
    _variables("extra_vars", values["extra_vars"])
    _webhook(store, item)


def _webhook(store: Store, item: Item) -> None:
    """A credential for webhooks fits their service: none can be there once there is no service."""
    credential = store.referred(item, "webhook_credential")
    if credential is None:
        return
    kind = store.items[credential.values["credential_type"]]
    if kind.values["kind"] != "token":
        raise refuse("webhook_credential", "Must be a Personal Access Token.")
    service = item.values["webhook_service"]
    if not service or not kind.name.lower().startswith(service):
        raise refuse("webhook_credential", "Must match the selected webhook service.")


def _workflow(store: Store, item: Item, _given: Mapping[str, Any]) -> None:
    _webhook(store, item)
    _variables("extra_vars", item.values["extra_vars"])


def _launch(store: Store, item: Item, given: Mapping[str, Any]) -> None:
    """A schedule or a node may only preset what its template asks for."""
    template = store.referred(item, "unified_job_template")
    if template is None:
        return
    errors: dict[str, list[str]] = {}
    for name in ASKED:
        key = FIELDS.get(name, name)
        preset = item.values.get(key)
        if key not in given or key == "extra_vars" or preset is None or preset == template.values.get(key):
            continue
        if not asked(template, key):
            errors[key] = [NOT_ASKED]
        elif key == "job_slice_count" and preset > 1 and slices(store, template, item.values) <= 1:
            errors[key] = ["Job inventory does not have enough hosts for slicing"]
    exclude = ("required",) if item.kind.type == "workflow_job_template_node" else ()
    _accepted, refused = surveys.accept(template, item.values["extra_data"], exclude)
    if "extra_vars" in refused:
        refused["extra_data"] = refused.pop("extra_vars")
    errors.update(refused)
    if errors:
        raise Refused(400, errors)


def _schedule(store: Store, item: Item, given: Mapping[str, Any]) -> None:
    rule = item.values["rrule"]
    errors = []
    starts = re.findall(r"DTSTART(?:;[^:]+)?:[0-9]+T[0-9]+Z?", rule)
    if not starts:
        errors.append("Valid DTSTART required in rrule. Value should start with: DTSTART:YYYYMMDDTHHMMSSZ")
    if len(starts) > 1:
        errors.append("Multiple DTSTART is not supported.")
    naive = re.search(r"DTSTART:[0-9]+T[0-9]+ ", rule)
    if naive:
        errors.append("DTSTART cannot be a naive datetime.  Specify ;TZINFO= or YYYYMMDDTHHMMSSZZ.")
    each = re.findall(r"RULE:\S*", rule)
    if not each:
        errors.append("One or more rule required in rrule.")
    errors += [f"INTERVAL required in rrule: {one}" for one in each if "interval" not in one.lower()]
    errors += [f"SECONDLY is not supported: {one}" for one in each if "secondly" in one.lower()]
    errors += [f"BYDAY with numeric prefix not supported: {one}" for one in each if re.search(r"BYDAY[:=]\d", one)]
    errors += [
        f"RRULE may not contain both COUNT and UNTIL: {one}" for one in each if "COUNT" in one and "UNTIL" in one
    ]
    counts = [int(number) for one in each for number in re.findall(r"COUNT=(\d+)", one)]
    errors += ["COUNT > 999 is unsupported" for number in counts if number > 999]
    zones = re.findall(r"DTSTART;TZID=([^:]+):", rule)
    if naive or any(zone not in available_timezones() for zone in zones):
        errors.append(f"rrule parsing failed validation: {NO_ZONE}")
    if "exdate:" in rule.lower() or "rdate:" in rule.lower():
        errors.append("EXDATE and RDATE are not allowed in rrule.")
    frequency = re.search(r"FREQ=(YEARLY|MONTHLY|WEEKLY|DAILY|HOURLY|MINUTELY)\b", rule)
    if each and not frequency:
        errors.append("rrule parsing failed validation: no FREQ")
    if errors:
        raise Refused(400, {"rrule": errors})
    _launch(store, item, given)


_CHECKS = {
    "credential_type": _credential_type,
    "credential": _credential,
    "execution_environment": _execution_environment,
    "project": _project,
    "inventory": _inventory,
    "inventory_source": _inventory_source,
    "notification_template": _notification,
    "job_template": _job_template,
    "workflow_job_template": _workflow,
    "workflow_job_template_node": _launch,
    "schedule": _schedule,
}


def after_create(store: Store, item: Item) -> None:
    """What the controller does by itself once an object is there."""
    if item.kind.type == "inventory" and item.values["kind"] == "constructed":
        name = f"Auto-created source for: {item.name}"
        values = {"name": name, "inventory": item.id, "source": "constructed", "overwrite": True}
        store.add_automatic("inventory_source", {**values, "overwrite_vars": True, "update_on_launch": True})
    if item.kind.type == "project" and item.values["scm_type"]:
        syncs.update_project(store, item)


def before_change(store: Store, item: Item, accepted: dict[str, Any]) -> None:
    """Refuse changes that depend on what the object is used for."""
    if item.kind.type == "credential_type":
        used = any(other.values["credential_type"] == item.id for other in store.of("credential"))
        if used and accepted.get("inputs", item.values["inputs"]) != item.values["inputs"]:
            said = "Modifications to inputs are not allowed for credential types that are in use"
            raise Refused(403, {"detail": said})
    if item.kind.type == "execution_environment":
        organization = accepted.get("organization", item.values["organization"])
        if organization and item.values["organization"] and organization != item.values["organization"]:
            raise refuse("organization", "Cannot change the organization of an execution environment")
    _keep_together(item, accepted)


#: Prompts that a workflow keeps together: who sets one of them takes back those that he does not name.
_TOGETHER = ("scm_branch", "limit", "skip_tags", "job_tags")


def _keep_together(item: Item, accepted: dict[str, Any]) -> None:
    """A workflow holds these prompts as one value; null takes a prompt back, there and at nodes and schedules."""
    if item.kind.type == "workflow_job_template" and any(name in accepted for name in _TOGETHER):
        accepted.update({name: accepted.get(name) for name in _TOGETHER})


def before_associate(store: Store, item: Item, association: str, other: Item) -> None:
    """Refuse relations that AWX does not allow."""
    if association == "credentials":
        kind = store.items[other.values["credential_type"]].values["kind"]
        if kind not in KINDS_OF_JOBS:
            raise Refused(400, {"error": f"Cannot assign a Credential of kind `{kind}`."})
        _one_of_each_type(store, item, other)
    if association == "galaxy_credentials":
        kind = store.items[other.values["credential_type"]]
        if kind.values["kind"] != "galaxy":
            raise Refused(400, {"msg": f"Credential must be a Galaxy credential, not {kind.name}."})
    if association == "input_inventories" and other.values["kind"] == "constructed":
        raise Refused(400, {"error": "You cannot add a constructed inventory to another constructed inventory."})
    if association.endswith("_nodes"):
        _acyclic(store, item, other)
        if any(other.id in item.lists[path] for path in jobs.PATHS if path != association):
            raise Refused(400, {"Error": "Relationship not allowed."})


def _one_of_each_type(store: Store, item: Item, other: Item) -> None:
    """Passwords of Ansible Vault are told apart by their ids."""

    def key(one: Item) -> tuple[int, str]:
        return one.values["credential_type"], one.values["inputs"].get("vault_id", "")

    same = [one for one in store.listed(item, "credentials") if key(one) == key(other)]
    if same and other not in same:
        name = store.items[other.values["credential_type"]].name
        raise Refused(400, {"error": f"Cannot assign multiple {name} credentials."})


def _acyclic(store: Store, parent: Item, child: Item) -> None:
    seen, waiting = set(), [child]
    while waiting:
        node = waiting.pop()
        if node.id == parent.id:
            raise Refused(400, {"Error": "Cycle detected."})
        if node.id not in seen:
            seen.add(node.id)
            for association in ("success_nodes", "failure_nodes", "always_nodes"):
                waiting += store.listed(node, association)
    if parent.values["workflow_job_template"] != child.values["workflow_job_template"]:
        raise Refused(400, {"error": "Nodes of different workflows cannot be linked."})


def before_delete(store: Store, item: Item) -> None:
    """The approval of a node goes with the node."""
    if item.kind.type == "workflow_job_template_node":
        template = store.referred(item, "unified_job_template")
        if template is not None and template.kind.type == "workflow_approval_template":
            store.items.pop(template.id, None)


def _variables(field: str, text: str) -> None:
    if not text:
        return
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = yaml.safe_load(text)
    if parsed is not None and not isinstance(parsed, dict):
        raise refuse(field, "Cannot parse as JSON or YAML: a mapping is required.")
