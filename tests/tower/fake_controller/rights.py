# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may see, change, launch and approve what (documented: `awx/main/access.py` of AWX 24.6).

A user is None for a system administrator. An administrator of an organization may do everything in it, but sees no
instance group, and makes neither organizations nor credential types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fake_controller.refusal import Refused

if TYPE_CHECKING:
    from fake_controller.schema import Kind
    from fake_controller.store import Item, Store

FORBIDDEN = {"detail": "You do not have permission to perform this action."}
#: What only a system administrator makes or changes.
OF_THE_SYSTEM = ("organization", "credential_type", "instance_group")
OPEN_TO_ALL = ("credential_type", "label")
#: The field that leads from an object to the one that it belongs to.
OWNERS = ("organization", "workflow_job_template", "unified_job_template", "inventory", "job_template", "project")


def holds(store: Store, user: Item, item: Item, *roles: str) -> bool:
    """Whether the user has one of the roles on the object, directly or by a team."""
    holders = {("user", user.id)} | {("team", team.id) for team in store.of("team") if user.id in team.lists["users"]}
    return any((item.id, role, *holder) in store.grants for role in (roles or item.kind.roles) for holder in holders)


def organization_of(store: Store, item: Item) -> Item | None:
    """The organization that an object belongs to, over as many steps as it takes."""
    seen: set[int] = set()
    current: Item | None = item
    while current is not None and current.id not in seen:
        if current.kind.type == "organization":
            return current
        seen.add(current.id)
        owners: list[Item | None] = [store.referred(current, name) for name in OWNERS if name in current.kind.fields]
        if current.kind.type == "workflow_approval":
            owners.insert(0, store.referred(current, "workflow_job"))
        if current.kind.type == "workflow_approval_template":
            nodes = store.of("workflow_job_template_node")
            owners += [node for node in nodes if node.values["unified_job_template"] == current.id]
        current = next((owner for owner in owners if owner is not None), None)
    return None


def administers(store: Store, user: Item, item: Item) -> bool:
    organization = organization_of(store, item)
    return organization is not None and holds(store, user, organization, "admin")


def sees(store: Store, user: Item | None, item: Item) -> bool:
    if user is None or item.kind.type in OPEN_TO_ALL or administers(store, user, item):
        return True
    if item.kind.type == "execution_environment" and item.values["organization"] is None:
        return True
    if item.kind.roles and holds(store, user, item):
        return True
    if item.kind.history:
        owner = store.referred(item, "unified_job_template")
        workflow = store.referred(item, "workflow_job") if "workflow_job" in item.kind.fields else None
        return any(each is not None and sees(store, user, each) for each in (owner, workflow))
    return False


def demand_making(store: Store, user: Item | None, kind: Kind, given: Mapping[str, Any]) -> None:
    """Whoever is no administrator of the system makes things in what he administers, and nowhere else."""
    if user is None:
        return
    owners = [store.items.get(given.get(name) or 0) for name in OWNERS if name in kind.fields]
    owner = next((each for each in owners if each is not None), None)
    if kind.type in OF_THE_SYSTEM or owner is None or not administers(store, user, owner):
        raise Refused(403, FORBIDDEN)


def demand_using(store: Store, user: Item | None, item: Item | None) -> None:
    """What is put into something of ours has to be ours, or lent to us."""
    if user is None or item is None or item.kind.type in OPEN_TO_ALL:
        return
    if not administers(store, user, item) and not holds(store, user, item, "use", "admin"):
        raise Refused(403, FORBIDDEN)


def demand_changing(store: Store, user: Item | None, item: Item) -> None:
    if user is None:
        return
    if item.kind.type in ("credential_type", "instance_group") or not administers(store, user, item):
        raise Refused(403, FORBIDDEN)


def demand_launching(store: Store, user: Item | None, template: Item) -> None:
    if user is None or administers(store, user, template) or holds(store, user, template, "admin", "execute"):
        return
    raise Refused(403, FORBIDDEN)


def demand_deciding(store: Store, user: Item | None, approval: Item) -> None:
    workflow = store.items[store.items[approval.values["workflow_job"]].values["workflow_job_template"]]
    if user is None or administers(store, user, workflow) or holds(store, user, workflow, "admin", "approval"):
        return
    raise Refused(403, FORBIDDEN)
