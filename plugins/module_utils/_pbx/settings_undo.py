# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts settings of a PBX back to what they were before a change. The planner is pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable

from .._common.tree import dig
from .._plan import Change, Plan, as_folded
from .._undo import FLAG as A_FLAG
from .._undo import MAPPING, NAMES, ROWS, TEXT, Entry, Kinds, Undo, is_undone, is_untouched, members
from .._undo import NUMBER as A_NUMBER
from . import settings_plan
from .presence import ACCOUNT, AUTHORIZED, NOT_AUTHORIZED, PresenceAccount
from .properties import ACCOUNTS, BINDINGS, BY_OPTION, CHOICE, FLAG, INTEGRATION, NUMBER, Property, read, write
from .settings import Desired, IntegrationSettings, Observed
from .settings_plan import STORED, TARGET, Entities
from .users import SignIn
from .xapi import Xapi

_VALUES = {FLAG: A_FLAG, NUMBER: A_NUMBER, ACCOUNTS: NAMES, BINDINGS: ROWS}
_SWITCHES = {"sign_in.opt_out": False, "sign_in.opt_in": True}
_SECRETS = {
    ACCOUNT: "the token of the presence account is nowhere kept",
    "teams.certificate": "the former certificate and its private key are nowhere kept",
}

KINDS: Kinds = {
    **{(TARGET, option): _VALUES.get(setting.kind, TEXT) for option, setting in BY_OPTION.items()},
    **{(TARGET, option): NAMES for option in _SWITCHES},
    (TARGET, ACCOUNT): TEXT,
    (TARGET, "teams.certificate"): MAPPING,
}


def resources(entries: Sequence[Entry]) -> list[str]:
    """The resources of XAPI that have to be read, the integration always."""
    named = [BY_OPTION[entry.field].resource for entry in entries if entry.field in BY_OPTION]
    return list(dict.fromkeys([INTEGRATION, *named]))


def plan(entries: Sequence[Entry], observed: Entities) -> Undo:
    """What sets the entries back, one write per resource; what somebody else has changed since is refused."""
    undo = Undo()
    for entry in entries:
        setting = BY_OPTION.get(entry.field)
        if setting is None:
            _besides(undo, entry)
            continue
        entity = observed[setting.resource]
        have = read(setting, entity)
        if setting.kind == ACCOUNTS:
            target: Any = _accounts(entry, have)
        elif setting.kind == BINDINGS:
            target = _bindings(undo, entry, have)
        else:
            target = _single(undo, entry, setting, entity)
        if target == have or target is None:
            continue
        details = settings_plan.details(setting, entity, target, target)
        undo.plan.changes.append(Change(TARGET, entry.field, have, target, details=details))
        settings_plan.place(undo.plan, setting, _stored(entry, setting, target), entity)
    return undo


def switches(entries: Sequence[Entry]) -> SignIn:
    """Whose sign-in is turned back: those whose switch the change has turned."""
    turned = {entry.field: tuple(entry.added()) for entry in entries if entry.field in _SWITCHES}
    return SignIn(opt_out=turned.get("sign_in.opt_in", ()), opt_in=turned.get("sign_in.opt_out", ()))


def account(entries: Sequence[Entry]) -> PresenceAccount:
    """A token that the change has handed over is forgotten; one that it had forgotten is nowhere kept."""
    changes = [(entry.before, entry.after) for entry in entries if entry.field == ACCOUNT]
    return PresenceAccount(forget=(NOT_AUTHORIZED, AUTHORIZED) in changes)


def _besides(undo: Undo, entry: Entry) -> None:
    if entry.field in _SECRETS and entry.before not in (None, NOT_AUTHORIZED):
        undo.refuse(entry, None, _SECRETS[entry.field])


def _single(undo: Undo, entry: Entry, setting: Property, entity: Mapping[str, Any]) -> Any:
    """The value before; ``None`` where nothing is to be written."""
    rule: Callable[[Any], Any] = settings_plan.RULES.get(setting.kind, lambda value: value)
    have = read(setting, entity)
    if STORED in entry.details:
        # Behind one word of ours stand several of XAPI: the mail server of the customer is not that of 3CX.
        undone = dig(entity, setting.field) == entry.details[STORED]
    else:
        undone = is_undone(entry, have, rule)
    if undone:
        return None
    if not is_untouched(entry, have, rule):
        undo.refuse(entry, have)
        return None
    if setting.kind in (CHOICE, NUMBER) and not entry.before:
        undo.refuse(entry, have, "it had no value before, and 3CX takes none")
        return None
    return "" if entry.before is None and setting.kind != FLAG else entry.before


def _stored(entry: Entry, setting: Property, target: Any) -> Any:
    """The value as XAPI stores it."""
    if STORED in entry.details:
        return entry.details[STORED]
    # A word that a later release has added is kept as it was read.
    return target if setting.values and target not in setting.values else write(setting, target)


def _accounts(entry: Entry, have: list[str]) -> list[str]:
    ids = {name: str(entry.details.get(name) or name) for name in (*(entry.before or ()), *(entry.after or ()))}
    before = [ids[name] for name in entry.before or ()]
    after = [ids[name] for name in entry.after or ()]
    removed = [identifier for identifier in before if identifier not in after]
    added = [identifier for identifier in after if identifier not in before]
    return members(have, removed, added, as_folded)


def _bindings(undo: Undo, entry: Entry, have: list[dict[str, str]]) -> list[dict[str, str]]:
    """Bindings are told apart by what they come from, and each is set back by itself."""
    before = {str(pair.get("from")): str(pair.get("to")) for pair in entry.before or ()}
    after = {str(pair.get("from")): str(pair.get("to")) for pair in entry.after or ()}
    bindings = {pair["from"]: pair["to"] for pair in have}
    for origin in dict.fromkeys([*before, *after]):
        was, became, now = before.get(origin), after.get(origin), bindings.get(origin)
        if was in (became, now):
            continue
        if now != became:
            undo.refuse(entry, [{"from": origin, "to": now}] if now else [])
        elif was is None:
            del bindings[origin]
        else:
            bindings[origin] = was
    return [{"from": origin, "to": goal} for origin, goal in bindings.items()]


class RestoredSettings(IntegrationSettings):
    """Settings that are put back, as a resource.

    :ivar undo: what was refused, after :meth:`observe`.
    """

    def __init__(self, xapi: Xapi, entries: Sequence[Entry]) -> None:
        super().__init__(xapi, Desired({}), within=0.0)
        self.undo = Undo()
        self._entries = list(entries)

    def observe(self) -> Observed:
        observed = Observed({resource: self.settings.read(resource) for resource in resources(self._entries)})
        self.undo = plan(self._entries, observed.entities)
        return observed

    def plan(self, state: Observed) -> Plan:
        return plan(self._entries, state.entities).plan
