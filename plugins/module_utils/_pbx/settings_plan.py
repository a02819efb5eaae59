# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From wanted and observed settings to a plan. Pure: no network, no clock.

A nested object of XAPI (``AdUsers``, ``SharedMailboxesSync``) is written whole, as it was read, with the changes in it:
whether a nested PATCH replaces or merges is documented nowhere, and this is right either way.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Callable

from .._common.tree import dig
from .._plan import Change, Plan, Write, as_flag, as_folded, as_is
from .names import Names
from .properties import ACCOUNTS, BINDINGS, BY_OPTION, FLAG, GUID, TEXT, Property, read, write

TARGET = "settings"

STORED = "stored"
"""Under which name the details of a change keep what XAPI had in the place of a boolean."""

RULES: dict[str, Callable[[Any], Any]] = {FLAG: as_flag, GUID: as_folded, TEXT: as_is}

Entities = Mapping[str, Mapping[str, Any]]
"""What was read, by resource of XAPI."""

OFF: dict[str, Any] = {
    "application_id": "",
    "tenant_id": "",
    "user_sync.enabled": False,
    "sign_in.enabled": False,
    "contact_sync.enabled": False,
    "shared_mailboxes.enabled": False,
    "calendar_sync.enabled": False,
    "presence.enabled": False,
}
"""``state: absent``: everything off and unlinked; the other settings stay, so that they need not be thought out again."""


def plan(desired: Mapping[str, Any], observed: Entities, names: Names, exclusive: Iterable[str] = ()) -> Plan:
    """The changes that bring the PBX to its desired state, and one write per resource.

    :param desired: values by option; what is not mentioned is not touched.
    :param names: accounts behind the names of selections.
    :param exclusive: options of lists that hold nothing but what is desired.
    """
    made = Plan()
    for option, want in desired.items():
        setting = BY_OPTION[option]
        entity = observed[setting.resource]
        have = read(setting, entity)
        shown, stored = _target(setting, want, have, names, option in set(exclusive))
        if stored == have or _same(setting, stored, have):
            continue
        made.changes.append(Change(TARGET, option, have, shown, details=details(setting, entity, shown, stored)))
        place(made, setting, write(setting, stored), entity)
    return made


def details(setting: Property, entity: Mapping[str, Any], shown: Any, stored: Any) -> dict[str, Any]:
    """What it takes to undo a change besides the shown values: the ids behind names, the word behind a boolean."""
    if setting.kind == ACCOUNTS:
        return {name: identifier for name, identifier in zip(shown, stored) if name != identifier}
    if setting.kind == FLAG and setting.values:
        return {STORED: dig(entity, setting.field)}
    return {}


def simulate(observed: Entities, plan: Plan) -> dict[str, dict[str, Any]]:
    """What will be there once a plan has been carried out: each body replaces the top-level fields that it names."""
    entities = {resource: dict(entity) for resource, entity in observed.items()}
    for planned in plan.writes:
        entities[planned.payload["resource"]].update(copy.deepcopy(planned.payload["body"]))
    return entities


def add(plan: Plan, resource: str, fields: Mapping[str, Any]) -> None:
    """Have further top-level fields written with a resource."""
    if fields:
        _body(plan, resource).update(fields)


def _body(plan: Plan, resource: str) -> dict[str, Any]:
    """The body of the one write of a resource."""
    for planned in plan.writes:
        if planned.payload["resource"] == resource:
            planned_body: dict[str, Any] = planned.payload["body"]
            return planned_body
    body: dict[str, Any] = {}
    plan.writes.append(Write("patch", {"resource": resource, "body": body}))
    return body


def place(plan: Plan, setting: Property, stored: Any, entity: Mapping[str, Any]) -> None:
    """Have the value of a property, in XAPI's words, written with its resource."""
    _place(_body(plan, setting.resource), setting.field, stored, entity)


def unmanaged(desired: Mapping[str, Any], observed: Entities, names: Names) -> dict[str, list[Any]]:
    """What stands in the lists of the PBX besides what is desired, by option; lists that nobody mentioned are left out."""
    besides = {}
    for option, want in desired.items():
        setting = BY_OPTION[option]
        if setting.kind not in (ACCOUNTS, BINDINGS):
            continue
        have = read(setting, observed[setting.resource])
        if setting.kind == ACCOUNTS:
            known = _aliases(setting, want, names)
            extra = [entry for entry in have if entry.casefold() not in known]
        else:
            listed = {pair["from"] for pair in want}
            extra = [pair for pair in have if pair["from"] not in listed]
        if extra:
            besides[option] = extra
    return besides


def _same(setting: Property, want: Any, have: Any) -> bool:
    rule = RULES.get(setting.kind)
    return rule is not None and bool(rule(want) == rule(have))


def _target(setting: Property, want: Any, have: Any, names: Names, exclusive: bool) -> tuple[Any, Any]:
    """(as the operator reads it, as it will be stored)."""
    if setting.kind == ACCOUNTS:
        return _selection(setting, want, have, names, exclusive)
    if setting.kind == BINDINGS:
        merged = _bindings(want, have, exclusive)
        return merged, merged
    return want, want


def _selection(
    setting: Property, want: list[str], have: list[str], names: Names, exclusive: bool
) -> tuple[list[str], list[str]]:
    known = _aliases(setting, want, names)
    kept = [entry for entry in have if not exclusive or entry.casefold() in known]
    present = {entry.casefold() for entry in kept}
    shown, stored = list(kept), list(kept)
    for name in want:
        account = names.account(setting.directory, name)
        if present.isdisjoint(account.aliases | {account.id.casefold()}):
            shown.append(name)
            stored.append(account.id)
            present.add(account.id.casefold())
    return shown, stored


def _aliases(setting: Property, want: Iterable[str], names: Names) -> set[str]:
    """Everything that a wanted entry may be stored as."""
    known = set()
    for name in want:
        account = names.account(setting.directory, name)
        known |= {*account.aliases, account.id.casefold(), name.casefold()}
    return known


def _bindings(want: list[dict[str, str]], have: list[dict[str, str]], exclusive: bool) -> list[dict[str, str]]:
    """Bindings are told apart by what they come from."""
    goals = {pair["from"]: pair["to"] for pair in want}
    merged = []
    for pair in have:
        if pair["from"] in goals:
            merged.append({"from": pair["from"], "to": goals.pop(pair["from"])})
        elif not exclusive:
            merged.append(dict(pair))
    return merged + [{"from": origin, "to": goal} for origin, goal in goals.items()]


def _place(body: dict[str, Any], path: str, value: Any, entity: Mapping[str, Any]) -> None:
    """Put a value into a body; the top-level object it belongs to comes along whole, as it was read."""
    top, *inner = path.split(".")
    if not inner:
        body[top] = value
        return
    node = body.setdefault(top, copy.deepcopy(entity.get(top)) or {})
    for name in inner[:-1]:
        if not isinstance(node.get(name), dict):
            node[name] = {}
        node = node[name]
    node[inner[-1]] = value
