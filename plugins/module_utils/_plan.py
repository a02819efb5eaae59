# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes, plans and how desired and actual values are compared.

A planner is a pure function from (desired, observed) to a :class:`Plan`. ``changed``, the diff, the list of changes and
the verdict of a compliance run all come from the plans that were carried out and from nothing else (``_reconcile.py``);
check mode stops after the first.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Callable

HIDDEN = "(hidden)"
"""Stands in results and diffs where a value must not be shown."""

PENDING = "(known after apply)"
"""Stands in check mode where the service will choose the value."""


@dataclass(frozen=True)
class Change:
    """One property that differs from the desired value.

    :param target: the kind of object (``application``, ``service_principal``, ``settings`` ...).
    :param field: the option or property, dotted when nested (``user_sync.photo``).
    :param secret: the values are never shown.
    :param details: what the values stand for in the service, where they are not what it stores and both are needed to
        undo the change: the entry behind a thumbprint, the account behind a name. Public data only.
    """

    target: str
    field: str
    before: Any
    after: Any
    secret: bool = False
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict, compare=False, repr=False)

    def as_dict(self) -> dict[str, Any]:
        if self.secret:
            return {
                "target": self.target,
                "field": self.field,
                "before": HIDDEN if self.before else None,
                "after": HIDDEN,
            }
        return {"target": self.target, "field": self.field, "before": self.before, "after": self.after}

    def as_undo(self) -> dict[str, Any]:
        """What :meth:`as_dict` says, with all that is needed to undo the change."""
        return {**self.as_dict(), "details": dict(self.details)} if self.details else self.as_dict()


@dataclass(frozen=True)
class Write:
    """One step that makes changes true; ``action`` names the function that carries it out.

    Safe to repeat: a connection can break after the service has committed.
    """

    action: str
    payload: Any = None


@dataclass
class Plan:
    """Ordered changes, and the writes that make them true.

    :param subject: the object in the headers of a diff: ``application 3cx-acme``.
    """

    changes: list[Change] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    subject: str = ""

    def __bool__(self) -> bool:
        return bool(self.changes)

    def changed_fields(self, target: str) -> list[str]:
        return [change.field for change in self.changes if change.target == target]

    def as_list(self) -> list[dict[str, Any]]:
        return [change.as_dict() for change in self.changes]

    def as_undo(self) -> list[dict[str, Any]]:
        """The changes with what is needed to undo them."""
        return [change.as_undo() for change in self.changes]

    def diff(self) -> dict[str, Any]:
        """What ``--diff`` shows: both sides as stable text, redacted."""
        headers = (f"{self.subject} (before)", f"{self.subject} (after)") if self.subject else ("before", "after")
        return {
            "before_header": headers[0],
            "after_header": headers[1],
            "before": _render(self.changes, "before"),
            "after": _render(self.changes, "after"),
        }


def _render(changes: Iterable[Change], side: str) -> str:
    tree: dict[str, dict[str, Any]] = {}
    for change in changes:
        tree.setdefault(change.target, {})[change.field] = change.as_dict()[side]
    return json.dumps(tree, indent=2, sort_keys=True, default=str) + "\n" if tree else ""


def carried_out(planned: Plan, left: Plan, *, ours: bool) -> list[Change]:
    """What of a plan has been carried out, seen from what is still to be done in the state after.

    :param left: the plan for the state after.
    :param ours: nobody else has a part in that state: it is what the answers to our own writes tell. Otherwise it was
        read, and only what the plan was about to do counts.
    """
    remaining = {(change.target, change.field): change for change in left.changes}
    changes = []
    for change in planned.changes:
        rest = remaining.pop((change.target, change.field), None)
        if rest is None:
            changes.append(change)
        elif isinstance(change.after, list) and isinstance(rest.before, list):
            changes.append(_reached(change, rest.before))
        elif ours:
            changes.append(replace(change, after=rest.before))
    if ours:
        # Held back on the way (a synchronization that waits for its selection): was as desired, and is not any more.
        changes += [replace(rest, before=rest.after, after=rest.before) for rest in remaining.values()]
    return [change for change in changes if change.before != change.after]


def _reached(change: Change, now: list[Any]) -> Change:
    """How far a change of a list has come; what others have added or taken away meanwhile is not ours."""
    before = list(change.before or ())
    gone = [item for item in before if item not in change.after and item not in now]
    added = [item for item in change.after if item not in before and item in now]
    return replace(change, after=[item for item in before if item not in gone] + added)


def joined(parts: Iterable[Change]) -> list[Change]:
    """Changes that were carried out one after the other as one list, each property once.

    What others did in between is not among them, and neither is what was put back.
    """
    by_property: dict[tuple[str, str], Change] = {}
    for change in parts:
        key = (change.target, change.field)
        by_property[key] = _then(by_property[key], change) if key in by_property else change
    return [change for change in by_property.values() if change.before != change.after]


def _then(first: Change, second: Change) -> Change:
    details = {**second.details, **first.details}
    if not (isinstance(first.after, list) and isinstance(second.after, list)):
        return replace(second, before=first.before, details=details)
    was, became = list(first.before or ()), first.after
    again = list(second.before or ())
    before = [item for item in was if item in again or item not in became]
    before += [item for item in again if item not in was and item not in became]
    return replace(second, before=before, details=details)


Normalize = Callable[[Any], Any]


def as_is(value: Any) -> Any:
    """Compare a value as it is; the services read null and the empty string alike."""
    return None if value == "" else value


def as_flag(value: Any) -> bool:
    """Graph answers null for a flag that was never set, 3CX leaves the key out: both are false."""
    return bool(value)


def as_folded(value: Any) -> Any:
    """Compare without regard to case (GUIDs, mail addresses, host names)."""
    return value.casefold() if isinstance(value, str) and value else None


def as_set(value: Any) -> tuple[Any, ...]:
    """Compare a list without regard to order and repetition; null is empty."""
    return tuple(sorted({_key(item) for item in value or ()}))


def _key(item: Any) -> str:
    return item if isinstance(item, str) else json.dumps(item, sort_keys=True)


def compare(
    target: str,
    desired: Mapping[str, Any],
    actual: Mapping[str, Any],
    rules: Mapping[str, Normalize],
    secret: Iterable[str] = (),
) -> list[Change]:
    """The changes that make ``actual`` as ``desired``; a desired value of ``None`` means "not mentioned".

    :param rules: how to compare each field; :func:`as_is` where a field has none.
    """
    hidden = set(secret)
    changes = []
    for name, want in desired.items():
        if want is None:
            continue
        have = actual.get(name)
        normalize = rules.get(name, as_is)
        if normalize(want) != normalize(have):
            changes.append(Change(target, name, have, want, name in hidden))
    return changes


def merged(desired: Iterable[str], actual: Iterable[str] | None, exclusive: bool = False) -> list[str]:
    """The list that must stand in the service so that everything desired is in it.

    Existing entries keep their place and spelling; what is not desired is kept unless ``exclusive``.
    """
    want = list(dict.fromkeys(desired))
    kept = [item for item in actual or () if not exclusive or item in want]
    return kept + [item for item in want if item not in kept]


def besides(desired: Iterable[str] | None, actual: Iterable[str] | None) -> list[str]:
    """What is there and not desired: reported as unmanaged, never removed unless asked."""
    known = frozenset(desired or ())
    return [item for item in actual or () if item not in known]
