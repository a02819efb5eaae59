# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Updates of projects and inventories: a checkout with its playbooks, and what the real ansible-inventory makes of it.

Documented: `RunInventoryUpdate`, `Inventory.get_script_data`, `ExecutionEnvironmentMixin.resolve_execution_environment` of
AWX 24.6. An update has no Vault password: no credential of that kind can be given to it.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from fake_controller.schema import BY_TYPE

if TYPE_CHECKING:
    from fake_controller.store import Item, Store

FINISHED = "2026-01-01T02:00:00Z"
#: What makes a YAML file a playbook for AWX: a line of this form.
PLAYBOOK = re.compile(r"^\s*-?\s*(?:hosts|include|(?:ansible\.builtin\.)?import_playbook)\s*:", re.MULTILINE)
PROGRAM = Path(sys.executable).with_name("ansible-inventory")


def record(store: Store, type_: str, **values: Any) -> Item:
    """A new entry of the history."""
    return store.add_automatic(type_, {name: value for name, value in values.items() if name in BY_TYPE[type_].fields})


def end(item: Item, status: str, *, explanation: str = "", output: str = "") -> Item:
    item.values.update(status=status, finished=FINISHED, job_explanation=explanation, result_stdout=output)
    return item


def update_project(store: Store, project: Item, launch_type: str = "manual") -> Item:
    """Fetch the repository of a project."""
    update = record(store, "project_update", name=project.name, project=project.id, launch_type=launch_type)
    known = project.values["scm_url"] in store.repositories
    project.values["scm_revision"] = ""
    if known:
        found = playbooks_of(store.repositories[project.values["scm_url"]])
        store.playbooks[project.id] = found
        project.values["scm_revision"] = hashlib.sha256(repr(sorted(found)).encode()).hexdigest()[:40]
    update.values["scm_revision"] = project.values["scm_revision"]
    return end(update, "successful" if known else "failed")


def playbooks_of(directory: Path) -> set[str]:
    """What AWX offers as playbooks of a project."""
    return {
        path.relative_to(directory).as_posix()
        for pattern in ("*.yml", "playbooks/*.yml")
        for path in directory.glob(pattern)
        if PLAYBOOK.search(path.read_text(encoding="utf-8"))
    }


def image_of(store: Store, *choices: Item | None) -> Item:
    """The first execution environment that one of these names; else the controller's own default."""
    for item in choices:
        if item is None:
            continue
        for name in ("execution_environment", "default_environment"):
            found = store.referred(item, name) if name in item.kind.fields else None
            if found is not None:
                return found
    return store.one("execution_environment", "AWX EE (24.6.1)")


def pulled(store: Store, image: Item) -> bool:
    """Whether the execution nodes can get an image."""
    return store.images is None or image.values["image"] in store.images


def update_source(store: Store, source: Item, launch_type: str = "manual") -> Item:
    """Read a source of an inventory again, and put its hosts and groups in the place of the old ones."""
    inventory = store.items[source.values["inventory"]]
    image = image_of(store, source, store.referred(inventory, "organization"))
    update = record(
        store,
        "inventory_update",
        name=f"{inventory.name} - {source.name}",
        inventory_source=source.id,
        inventory=inventory.id,
        execution_environment=image.id,
        launch_type=launch_type,
    )
    if source.values["source"] == "scm":
        project = store.items[source.values["source_project"]]
        if (
            project.values["scm_update_on_launch"]
            and update_project(store, project, "dependency").values["status"] != "successful"
        ):
            return end(update, "failed", explanation=f'Previous Task Failed: {{"job_name": "{project.name}"}}')
    if not pulled(store, image):
        return end(update, "error", explanation=f"Error: unable to pull image {image.values['image']}")
    code, output, error = _listed(store, source, inventory)
    if code != 0:
        return end(update, "failed", output=error)
    _import(store, source, inventory, json.loads(output))
    return end(update, "successful", output=error)


#: What ansible-inventory has made of the same files before: most jobs of the tests read a fleet that nobody has changed.
_read_before: dict[str, tuple[int, str, str]] = {}


def _listed(store: Store, source: Item, inventory: Item) -> tuple[int, str, str]:
    """Run ansible-inventory; a source that yields no host at all because it cannot be parsed fails, as in AWX."""
    if source.values["source"] != "scm":
        return _run_inventory(store, source, inventory)
    project = store.items[source.values["source_project"]]
    where = store.repositories[project.values["scm_url"]] / source.values["source_path"]
    digest = hashlib.sha256(str(where).encode())
    for path in sorted(where.rglob("*")) if where.is_dir() else [where]:
        if path.is_file():
            digest.update(repr((str(path), path.read_bytes())).encode())
    key = digest.hexdigest()
    if key not in _read_before:
        _read_before[key] = _run_inventory(store, source, inventory)
    return _read_before[key]


def _run_inventory(store: Store, source: Item, inventory: Item) -> tuple[int, str, str]:
    with tempfile.TemporaryDirectory(prefix="tcx-") as name:
        scratch = Path(name)
        inputs: list[str] = []
        if source.values["source"] == "scm":
            project = store.items[source.values["source_project"]]
            where = store.repositories[project.values["scm_url"]] / source.values["source_path"]
            if not where.exists():
                return 1, "", f"source_path {source.values['source_path']} not found"
            inputs += ["-i", str(where)]
        else:
            for each in store.listed(inventory, "input_inventories"):
                script = scratch / f"hosts_{each.id}"
                write_script(script, script_data(store, each))
                inputs += ["-i", str(script)]
            (scratch / "constructed.yml").write_text(source.values["source_vars"], encoding="utf-8")
            inputs += ["-i", str(scratch / "constructed.yml")]
        environment = {
            "HOME": name,
            "PATH": str(PROGRAM.parent),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
        }
        command = [str(PROGRAM), "--list", "--export", *inputs]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=name)
        return done.returncode, done.stdout, done.stderr


def _import(store: Store, source: Item, inventory: Item, found: dict[str, Any]) -> None:
    """Hosts and groups that another source or a person made are left alone; those of this source are replaced."""
    disabled = set()
    for type_ in ("host", "group"):
        for item in store.of(type_):
            if type_ == "host" and not item.values["enabled"]:
                disabled.add(item.name)
            if item.values["inventory"] == inventory.id and source.id in item.lists["inventory_sources"]:
                store.delete(item)
    hosts: dict[str, Item] = {}
    variables = found["_meta"]["hostvars"]
    names = set(variables) | {host for group in found.values() for host in group.get("hosts", [])}
    for name in sorted(names):
        hosts[name] = _made(store, "host", name, inventory, variables.get(name, {}), source)
        # Nothing but enabled_var of the source gives a host back that somebody has switched off.
        hosts[name].values["enabled"] = name not in disabled
    groups = {
        name: _made(store, "group", name, inventory, group.get("vars", {}), source)
        for name, group in found.items()
        if name not in ("_meta", "all", "ungrouped")
    }
    for name, item in groups.items():
        item.lists["hosts"] = [hosts[each].id for each in found[name].get("hosts", [])]
        item.lists["children"] = [groups[each].id for each in found[name].get("children", []) if each in groups]
    # What somebody has set at the inventory stays, whatever the source overwrites; only a constructed one begins anew.
    kept = (
        {} if inventory.values["kind"] == "constructed" else yaml.safe_load(inventory.values["variables"] or "{}") or {}
    )
    inventory.values["variables"] = json.dumps({**kept, **found.get("all", {}).get("vars", {})})


def _made(store: Store, type_: str, name: str, inventory: Item, variables: Any, source: Item) -> Item:
    values = {"name": name, "inventory": inventory.id, "variables": json.dumps(variables), "enabled": True}
    known = BY_TYPE[type_].fields
    item = store.add_automatic(type_, {key: value for key, value in values.items() if key in known})
    item.lists["inventory_sources"].append(source.id)
    return item


def script_data(store: Store, inventory: Item, number: int = 1, count: int = 1) -> dict[str, Any]:
    """What a job gets of an inventory, or the slice of it: every `count`th host by name, all groups."""
    hosts = [item for item in store.of("host") if item.values["inventory"] == inventory.id and item.values["enabled"]]
    hosts = sorted(hosts, key=lambda item: item.name)[number - 1 :: count]
    names = {item.id: item.name for item in hosts}
    groups = [item for item in store.of("group") if item.values["inventory"] == inventory.id]
    data: dict[str, Any] = {"all": {"children": [item.name for item in groups], "hosts": []}}
    common = yaml.safe_load(inventory.values["variables"] or "{}")
    if common:
        data["all"]["vars"] = common
    grouped = set()
    for item in groups:
        members = [names[each] for each in item.lists["hosts"] if each in names]
        grouped.update(members)
        children = [child.name for child in store.listed(item, "children")]
        data[item.name] = {
            "hosts": members,
            "children": children,
            "vars": json.loads(item.values["variables"] or "{}"),
        }
    data["all"]["hosts"] = [name for name in names.values() if name not in grouped]
    data["_meta"] = {
        "hostvars": {
            item.name: {
                **json.loads(item.values["variables"] or "{}"),
                "remote_host_enabled": "true",
                "remote_host_id": item.id,
                "remote_tower_enabled": "true",
                "remote_tower_id": item.id,
            }
            for item in hosts
        }
    }
    return data


def write_script(path: Path, data: dict[str, Any]) -> None:
    """An inventory as AWX gives it to Ansible: a program that prints it."""
    path.write_text(f"#! /usr/bin/env python3\nprint({json.dumps(data)!r})\n", encoding="utf-8")
    path.chmod(0o700)
