# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of the controller, in memory: make, change, find, relate and delete them, with AWX's refusals."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fake_controller import jobs, rules
from fake_controller.refusal import Refused
from fake_controller.schema import BY_PATH, BY_TYPE, KINDS, UNIFIED_JOBS, Field, Kind

__all__ = ["Item", "Refused", "Store"]

UNIFIED = "unified_job_template"
UNIFIED_JOB = "unified_job"
DEFAULT_IMAGE = "quay.io/ansible/awx-ee:24.6.1"

MANAGED_TYPES = (
    ("Container Registry", "registry", ("host", "username", "password")),
    ("Source Control", "scm", ("username", "password", "ssh_key_data")),
    ("Ansible Galaxy/Automation Hub API Token", "galaxy", ("url", "auth_url", "token")),
    ("GitHub Personal Access Token", "token", ("token",)),
    ("GPG Public Key", "cryptography", ("gpg_public_key",)),
)
HIDDEN = {"password", "ssh_key_data", "token"}

#: Sent by the modules on purpose, though AWX derives them itself.
HARMLESS = {
    ("job_template", "organization"),
    ("credential_type", "managed"),
    ("workflow_job_template_node", "type"),
}


@dataclass
class Item:
    """One object; `lists` holds the ids of each association in order, `survey` the survey of a template."""

    id: int
    kind: Kind
    values: dict[str, Any]
    lists: dict[str, list[int]] = field(default_factory=dict)
    survey: dict[str, Any] = field(default_factory=dict)
    automatic: bool = False

    @property
    def name(self) -> str:
        return str(self.values.get("name") or self.values.get("identifier") or self.id)


class Store:
    """All objects.

    :param repositories: what lies behind each address of a project: the directory of a checkout.
    """

    def __init__(self, repositories: Mapping[str, Path] | None = None) -> None:
        self.repositories = dict(repositories or {})
        self.items: dict[int, Item] = {}
        self.ignored: list[tuple[str, str]] = []
        self._ids = itertools.count(1)
        #: Who has which role on what: (id of the object, name of the role, type of the holder, id of the holder).
        self.grants: set[tuple[int, str, str, int]] = set()
        #: Who runs the jobs, and which images the execution nodes can get (None: all).
        self.runner: jobs.Runner = jobs.succeed
        self.images: set[str] | None = None
        #: The playbooks of each project, as its last update found them.
        self.playbooks: dict[int, set[str]] = {}
        #: What was sent to somebody.
        self.sent: list[dict[str, Any]] = []
        self._add(BY_TYPE["instance_group"], {"name": "default"})
        vault = {"fields": [{"id": "vault_password", "label": "Vault Password", "type": "string", "secret": True}]}
        vault["fields"].append({"id": "vault_id", "label": "Vault Identifier", "type": "string"})
        self._add(BY_TYPE["credential_type"], {"name": "Vault", "kind": "vault", "managed": True, "inputs": vault})
        for name, kind, fields in MANAGED_TYPES:
            inputs = {
                "fields": [{"id": each, "label": each, "type": "string", "secret": each in HIDDEN} for each in fields]
            }
            self._add(BY_TYPE["credential_type"], {"name": name, "kind": kind, "managed": True, "inputs": inputs})
        self._add(BY_TYPE["execution_environment"], {"name": "AWX EE (24.6.1)", "image": DEFAULT_IMAGE, "pull": ""})

    # -- finding

    def of(self, type_: str) -> list[Item]:
        """All objects of a type, oldest first; `unified_job_template` means whatever can be launched."""
        return [item for item in self.items.values() if _matches(item.kind, type_)]

    def one(self, type_: str, name: str) -> Item:
        """The only object of that type and name; KeyError when there is not exactly one."""
        found = [item for item in self.of(type_) if item.name == name]
        if len(found) != 1:
            raise KeyError(f"{len(found)} objects of type {type_} are named {name!r}")
        return found[0]

    def get(self, type_: str, id_: int) -> Item:
        item = self.items.get(id_)
        if item is None or not _matches(item.kind, type_):
            raise Refused(404, {"detail": "Not found."})
        return item

    def listed(self, item: Item, association: str) -> list[Item]:
        return [self.items[each] for each in item.lists.get(association, [])]

    def referred(self, item: Item, name: str) -> Item | None:
        id_ = item.values.get(name)
        return self.items.get(id_) if id_ else None

    # -- changing

    def create(self, path: str, given: Mapping[str, Any]) -> Item:
        kind = BY_PATH[path]
        if kind.history:
            raise Refused(405, {"detail": 'Method "POST" not allowed.'})
        values = {name: copy.deepcopy(spec.default) for name, spec in kind.fields.items()}
        missing = {
            name: ["This field is required."]
            for name, spec in kind.fields.items()
            if spec.required and given.get(name) in (None, "")
        }
        if missing:
            raise Refused(400, missing)
        values.update(self._accepted(kind, given, None))
        item = Item(0, kind, values)
        self._check(item, given)
        item = self._add(kind, item.values)
        rules.after_create(self, item)
        return item

    def change(self, item: Item, given: Mapping[str, Any]) -> Item:
        """Apply a PATCH."""
        if item.kind.history:
            raise Refused(405, {"detail": 'Method "PATCH" not allowed.'})
        if item.values.get("managed"):
            raise Refused(403, {"detail": "Modifications not allowed for managed objects"})
        accepted = self._accepted(item.kind, given, item)
        rules.before_change(self, item, accepted)
        changed = Item(item.id, item.kind, {**item.values, **accepted}, item.lists, item.survey, item.automatic)
        self._check(changed, given)
        item.values = changed.values
        return item

    def delete(self, item: Item) -> None:
        """Delete an object with everything that cannot be without it."""
        referring = [(other, name, spec) for other in self.items.values() for name, spec in _references(other, item)]
        if any(spec.gone == "refuse" for _other, _name, spec in referring):
            raise Refused(403, {"detail": f"{item.kind.type}s that are in use cannot be deleted"})
        rules.before_delete(self, item)
        _refuse_while_running(self, item)
        labels = self.listed(item, "labels") if item.kind.unified else []
        self.items.pop(item.id, None)
        for other in self.items.values():
            for ids in other.lists.values():
                while item.id in ids:
                    ids.remove(item.id)
        for other, name, spec in referring:
            if other.id in self.items and spec.gone == "delete":
                self.delete(other)
            elif spec.gone == "null":
                other.values[name] = None
        for label in labels:
            self._drop_unused(label)

    def associate(self, item: Item, association: str, given: Mapping[str, Any]) -> None:
        """Add to, or with `disassociate` take from, one of the lists of an object."""
        ids = item.lists.setdefault(association, [])
        other = self.items.get(given.get("id") or 0)
        if other is None or other.kind.type != item.kind.associations[association]:
            raise Refused(400, {"msg": f"{item.kind.associations[association]} {given.get('id')} not found."})
        if given.get("disassociate"):
            if other.id in ids:
                ids.remove(other.id)
            self._drop_unused(other)
            return
        rules.before_associate(self, item, association, other)
        if other.id not in ids:
            ids.append(other.id)

    def approve(self, node: Item, given: Mapping[str, Any]) -> Item:
        """Give a workflow node its approval."""
        if node.values["unified_job_template"] is not None:
            raise Refused(400, {"detail": "This node already has a template."})
        made = self.create("workflow_approval_templates", given)
        node.values["unified_job_template"] = made.id
        return made

    # -- inside

    def _add(self, kind: Kind, values: Mapping[str, Any]) -> Item:
        filled = {name: copy.deepcopy(spec.default) for name, spec in kind.fields.items()}
        item = Item(next(self._ids), kind, {**filled, **values}, {name: [] for name in kind.associations})
        self.items[item.id] = item
        return item

    def role_of(self, id_: int) -> tuple[Item, str]:
        """The object and the role that an id of a role stands for."""
        item = self.items.get(id_ // 100)
        if item is None or id_ % 100 >= len(item.kind.roles):
            raise Refused(404, {"detail": "Not found."})
        return item, item.kind.roles[id_ % 100]

    def add_automatic(self, type_: str, values: Mapping[str, Any]) -> Item:
        """An object that the controller makes by itself."""
        item = self._add(BY_TYPE[type_], values)
        item.automatic = True
        return item

    def _accepted(self, kind: Kind, given: Mapping[str, Any], existing: Item | None) -> dict[str, Any]:
        """What of a request is taken over: known fields of the right shape that may be written now."""
        accepted = {}
        for name, value in given.items():
            spec = kind.fields.get(name)
            if spec is None or spec.read_only:
                if (kind.type, name) not in HARMLESS:
                    self.ignored.append((kind.type, name))
                continue
            if spec.fixed and existing is not None:
                continue
            accepted[name] = self._value(name, spec, value)
        return accepted

    def _value(self, name: str, spec: Field, value: Any) -> Any:
        if value is None:
            if spec.null or spec.default is None:
                return spec.default
            raise Refused(400, {name: ["This field may not be null."]})
        if spec.to:
            return self._reference(name, spec, value)
        wrong_type = not isinstance(value, spec.kind) or (spec.kind is int and isinstance(value, bool))
        if wrong_type:
            raise Refused(400, {name: [f"Not a valid {spec.kind}: {value!r}."]})
        if spec.choices and value not in spec.choices:
            raise Refused(400, {name: [f'"{value}" is not a valid choice.']})
        if spec.minimum is not None and value < spec.minimum:
            raise Refused(400, {name: [f"Ensure this value is greater than or equal to {spec.minimum}."]})
        if spec.longest and len(value) > spec.longest:
            raise Refused(400, {name: [f"Ensure this field has no more than {spec.longest} characters."]})
        return copy.deepcopy(value)

    def _reference(self, name: str, spec: Field, value: Any) -> int | None:
        if value == "":
            return None
        item = self.items.get(value) if isinstance(value, int) else None
        if item is None or not _matches(item.kind, spec.to):
            raise Refused(400, {name: [f'Invalid pk "{value}" - object does not exist.']})
        return item.id

    def _check(self, item: Item, given: Mapping[str, Any]) -> None:
        rules.complete(self, item)
        rules.check(self, item, given)
        if not item.kind.unique:
            return
        key = [item.values.get(name) for name in item.kind.unique]
        for other in self.of(item.kind.type):
            if other.id != item.id and [other.values.get(name) for name in item.kind.unique] == key:
                said = f"{item.kind.type} with this {', '.join(item.kind.unique)} combination already exists."
                raise Refused(400, {"__all__": [said]})

    def _drop_unused(self, label: Item) -> None:
        """AWX deletes a label with the last object that bears it; a job that has run with it bears it for good."""
        if label.kind.type != "label":
            return
        if not any(label.id in ids for other in self.items.values() for ids in other.lists.values()):
            self.items.pop(label.id, None)


def _refuse_while_running(store: Store, item: Item) -> None:
    """A workflow that waits for an approval is running."""
    if item.kind.type not in ("job_template", "workflow_job_template", "project", "inventory", "organization"):
        return
    busy = [
        {"type": job.kind.type, "id": job.id}
        for job in store.of(UNIFIED_JOB)
        if job.values["status"] in ("pending", "waiting", "running") and _belongs(store, job, item)
    ]
    if busy:
        raise Refused(409, {"error": "Resource is being used by running jobs.", "active_jobs": busy})


def _belongs(store: Store, job: Item, item: Item) -> bool:
    template = store.referred(job, "unified_job_template") if "unified_job_template" in job.kind.fields else None
    near = [template, store.referred(job, "inventory") if "inventory" in job.kind.fields else None]
    further = [
        store.referred(template, name)
        for name in ("project", "organization")
        if template and name in template.kind.fields
    ]
    return item in [*near, *further]


def _matches(kind: Kind, type_: str) -> bool:
    if type_ == UNIFIED_JOB:
        return kind.type in UNIFIED_JOBS
    return kind.type == type_ or (type_ == UNIFIED and kind.unified)


def _references(item: Item, target: Item) -> Iterator[tuple[str, Field]]:
    for name, spec in item.kind.fields.items():
        if spec.to and item.values.get(name) == target.id:
            yield name, spec


assert {spec.to for kind in KINDS for spec in kind.fields.values() if spec.to} <= {*BY_TYPE, UNIFIED}
