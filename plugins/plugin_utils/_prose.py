# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person reads of a run: what happens to each PBX, and one line for all of them. Pure.

In check mode it is a plan in the manner of ``terraform plan``: each object with what is added, removed or changed.
"""

from __future__ import annotations

import os
import re
import textwrap
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.text import gist, visible, without_trace
from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat
from ansible_collections.tcx.m365.plugins.plugin_utils._report.aggregates import cause
from ansible_collections.tcx.m365.plugins.plugin_utils._report.values import Limits, differences
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import count, listed

WIDTH = 110
"""Columns of a line; a terminal that has fewer is not left to break the lines once more."""
_NARROWEST = 60
LIMITS = Limits(characters=90, items=8, differences=40)

_OBJECTS = {
    "application": "application",
    "service_principal": "service principal",
    "app_role_assignments": "consent to application permissions",
    "oauth2_permission_grants": "consent to delegated permissions",
    "settings": "3CX settings",
    "presence": "presence account",
    "sign_in": "sign-in of users",
}
CREATE, CHANGE, REMOVE, RESTORE, WRITE = "create", "change", "remove", "restore", "write"
_WRITING = frozenset(("license", "application", "grant", "settings", "retire", "unlink", "delete", "export"))
"""Steps that bring something about; a result without any of them has only looked, or found nothing to undo."""
_COMPARING = frozenset(("license", "application", "grant", "settings"))
"""Steps that compare with the inventory; what undoes a run, or removes the integration, does not."""
_READ_BEFORE = frozenset(("pbx", "preflight", "candidate", "application", "grant", "export"))
"""Steps after none of which the PBX is asked for its status once more."""
_NAMES = 5
_DONE = {CREATE: "created", CHANGE: "changed", REMOVE: "removed", RESTORE: "restored", WRITE: "written"}
_WILL = {**{action: f"will be {done}" for action, done in _DONE.items()}, WRITE: _DONE[WRITE]}
"""A file of the controller is written in check mode as well."""


@dataclass(frozen=True)
class ObjectPlan:
    """What happens to one object of a PBX, or to the file that describes it: the action, and its lines of a diff.

    :ivar action: ``create``, ``change``, ``remove``, ``restore`` (of what was deleted), or ``write`` (a file).
    """

    name: str
    action: str
    lines: tuple[str, ...]


@dataclass
class Totals:
    """What the runs on all PBXs came to, by host: the last outcome of a host counts, unless it failed before.

    :ivar outcomes: ``changed``, ``written`` (its file alone), ``unchanged`` or ``failed`` by host.
    :ivar plans: the objects of each host.
    :ivar passed: hosts on which there was nothing to do, by what was said about it.
    :ivar compared: whether any result rests on a comparison with the inventory.
    """

    outcomes: dict[str, str] = field(default_factory=dict)
    plans: dict[str, list[ObjectPlan]] = field(default_factory=dict)
    passed: dict[str, list[str]] = field(default_factory=dict)
    compared: bool = False

    def add(self, host: str, result: Mapping[str, Any]) -> None:
        """Count a result of that host."""
        before = self.outcomes.get(host)
        outcome = _outcome(result)
        if before != "failed" and not (before == "changed" and outcome == "unchanged"):
            self.outcomes[host] = outcome
        if object_plans(result):
            self.plans[host] = object_plans(result)
        self.compared = self.compared or not _COMPARING.isdisjoint(result.get("steps") or {})
        for note in result.get("notes") or () if is_passed(result) else ():
            self.passed.setdefault(visible(str(note)), []).append(visible(host))

    def add_failure(self, host: str) -> None:
        """A host that failed outside of the tasks of this collection."""
        self.outcomes[host] = "failed"

    def passed_lines(self) -> list[str]:
        """The hosts on which there was nothing to do, together: they would bury the others."""
        lines = []
        for note, hosts in self.passed.items():
            named = listed(sorted(hosts), _NAMES)
            lines += [_indented(f"# {named}: no changes", "", "    "), _indented(f"note: {note}", "    ")]
        return lines

    def summary(self, *, check_mode: bool = False) -> str:
        """``42 PBXs: 3 changed, 38 unchanged, 1 failed``; in check mode ``3 to change``."""
        words = {name: name for name in ("changed", "written", "unchanged", "failed")}
        words["changed"] = "to change" if check_mode else "changed"
        numbers = Counter(self.outcomes.values())
        told = ", ".join(f"{numbers[name]:,} {word}" for name, word in words.items() if numbers[name])
        return f"{count(len(self.outcomes), 'PBX', 'PBXs')}: {told or 'nothing done'}"

    def plan(self) -> str:
        """``Plan: 3 to create, 1 to change, 0 to remove.``, counted in objects, and the PBXs that this touches."""
        counts = dict.fromkeys(_DONE, 0)
        for plans in self.plans.values():
            for plan in plans:
                counts[plan.action] += 1
        writes = counts.pop(WRITE)
        if not any(counts.values()):
            if writes:
                return "No changes to a PBX or a tenant."
            if set(self.outcomes.values()) == {"failed"}:
                return "No plan: none of the PBXs could be checked."
            if not self.compared:
                return "No changes: there is nothing to do."
            return "No changes: every object that was checked is as the inventory describes it."
        always = (CREATE, CHANGE, REMOVE)
        told = ", ".join(f"{number} to {action}" for action, number in counts.items() if number or action in always)
        touched = sum(1 for plans in self.plans.values() if plans)
        return f"Plan: {told} (on {count(touched, 'PBX', 'PBXs')})."


@dataclass
class Failures:
    """Failures by cause: the first one is told in full and with its remedy, the others in one line at the end.

    :ivar hosts: the hosts that failed so, the first one first, by the cause without what differs by PBX alone.
    """

    hosts: dict[str, list[str]] = field(default_factory=dict)
    _causes: dict[str, str] = field(default_factory=dict)

    def first(self, host: str, result: Mapping[str, Any]) -> str:
        """The host that failed first for the reason of this result, which may be this host."""
        message = str(result.get("msg") or f"{host} failed without a message")
        target = str((result.get("error") or {}).get("target") or "")
        # The very same words of two PBXs may hold the name of one of them.
        reason = self._causes.setdefault(message, cause({"host": host, "url": target}, message))
        hosts = self.hosts.setdefault(reason, [])
        if host not in hosts:
            hosts.append(host)
        return hosts[0]

    def lines(self) -> list[str]:
        """One line for all that failed as another one did."""
        return [
            _indented(
                f"# {listed(sorted(map(visible, hosts[1:])), _NAMES)}: FAILED: the same as {visible(hosts[0])}",
                "",
                "    ",
            )
            for hosts in self.hosts.values()
            if len(hosts) > 1
        ]


def _outcome(result: Mapping[str, Any]) -> str:
    if result.get("failed"):
        return "failed"
    if not result.get("changed"):
        return "unchanged"
    return "written" if result.get("captured") else "changed"


def is_passed(result: Mapping[str, Any]) -> bool:
    """Whether nothing was done on the PBX, and nothing had to be: its line would say nothing."""
    changed = result.get("failed") or result.get("changed") or result.get("changes")
    return not changed and not any(name in _WRITING for name in result.get("steps") or {})


def object_plans(result: Mapping[str, Any]) -> list[ObjectPlan]:
    """The changes of a result by object, in the order in which they are carried out."""
    by_object: dict[str, list[Mapping[str, Any]]] = {}
    for change in result.get("changes") or ():
        by_object.setdefault(str(change.get("target", "")), []).append(change)
    plans = [_object_plan(result, target, changes) for target, changes in by_object.items()]
    path = (result.get("captured") or {}).get("path")
    return [*plans, ObjectPlan(visible(str(path)), WRITE, ())] if path and result.get("changed") else plans


def _object_plan(result: Mapping[str, Any], target: str, changes: list[Mapping[str, Any]]) -> ObjectPlan:
    action = CHANGE
    shown = []
    for change in changes:
        if change.get("field") == "adopted":
            continue  # said above all others, in words
        if change.get("field") == "state":
            action = _action(change)
        else:
            shown.append(change)
    lines = [line for change in shown for line in _change_lines(change)]
    if len(lines) > LIMITS.differences:
        lines = [*lines[: LIMITS.differences], f"... and {len(lines) - LIMITS.differences} more"]
    return ObjectPlan(_object_name(result, target, shown, action), action, tuple(lines))


def _action(change: Mapping[str, Any]) -> str:
    """What a change of the state of a whole object does to it."""
    if change.get("after") != "present":
        return REMOVE  # "absent" can be restored for 30 days, "purged" never
    return RESTORE if change.get("before") == "deleted" else CREATE


def _object_name(result: Mapping[str, Any], target: str, changes: list[Mapping[str, Any]], action: str) -> str:
    name = _OBJECTS.get(target) or visible(target.replace("_", " "))
    if target != "application":
        return name
    fields = {str(change.get("field")): change for change in changes}
    candidates = [result.get("application_name")]
    candidates += [fields[key].get("after") for key in ("unique_name", "display_name") if key in fields]
    # What is to be made has no id yet.
    candidates += [result.get("application_id")] if action != CREATE else []
    label = next((str(candidate) for candidate in candidates if candidate), "")
    return f"{name} {visible(label)}" if label else name


def _change_lines(change: Mapping[str, Any]) -> list[str]:
    """Lines of a diff: ``+`` is added, ``-`` is removed, ``~`` changes its value."""
    lines = []
    for difference in differences(
        visible(str(change.get("field", ""))), change.get("before"), change.get("after"), LIMITS
    ):
        if difference.is_set:
            lines += [f"+ {difference.path}: {item}" for item in difference.added]
            lines += [f"- {difference.path}: {item}" for item in difference.removed]
        elif difference.before in ("not set", "(empty)"):
            lines.append(f"+ {difference.path}: {difference.after}")
        elif difference.after in ("not set", "(empty)"):
            lines.append(f"- {difference.path}: {difference.before}")
        else:
            lines.append(f"~ {difference.path}: {difference.before} -> {difference.after}")
    return lines


def host_lines(host: str, result: Mapping[str, Any], *, check_mode: bool, detailed: bool = True) -> list[str]:
    """What one result says; a failure once, in full and with its remedy.

    :param detailed: each object with its lines of a diff; otherwise one line names the objects.
    """
    name = visible(host)
    plans = object_plans(result)
    words = _WILL if check_mode else _DONE
    adopted = adoption(result)
    lines = [f"# {name}: {adopted}"] if adopted else []
    if detailed:
        for plan in plans:
            lines.append(f"# {name}: {plan.name} {words[plan.action]}")
            lines += [_indented(line, "    ") for line in plan.lines]
    elif plans:
        told = ", ".join(f"{plan.name} {words[plan.action]}" for plan in plans)
        lines.append(_indented(f"# {name}: {told}", "", "    "))
    if result.get("failed"):
        return [*lines, *failure_lines(name, result, written=bool(plans) and not check_mode)]
    verified = verified_line(result)
    if not plans:
        lines.append(_indented(f"# {name}: no changes{f' ({verified})' if verified else ''}", "", "    "))
    elif verified and not check_mode:
        label = "verified" if _is_as_meant(result) else "status"
        lines.append(_indented(f"{label}: {', '.join([verified, *_facts(result)])}", "    "))
    lines += [_indented(f"note: {visible(without_trace(str(note)))}", "    ") for note in result.get("notes") or ()]
    return lines


def without_notes(result: Mapping[str, Any]) -> dict[str, Any]:
    """The result without the warnings that are told as its notes, below the name of the PBX."""
    notes = tuple(gist(str(note)) for note in result.get("notes") or ())
    warnings = [
        warning
        for warning in result.get("warnings") or ()
        if not gist(_core_compat.warning_text(warning)).endswith(notes)
    ]
    return {**result, "warnings": warnings}


def adoption(result: Mapping[str, Any]) -> str:
    """The sentence of an application that was, or would be, taken over; empty when there is none."""
    return visible(str(result.get("adoption") or ""))


def folded(sentence: str) -> str:
    """A sentence as lines that fit, none of which a terminal obeys."""
    return _indented(visible(sentence), "", "    ")


def failure_lines(name: str, result: Mapping[str, Any], *, written: bool, final: bool = True) -> list[str]:
    """One failure, once: the sentence, and what had been written before it.

    :param final: nothing of it is undone by this run afterwards.
    """
    lines = [_indented(f"# {name}: FAILED: {visible(str(result.get('msg') or 'no message'))}", "", "    ")]
    undone = result.get("rollback") or {}
    if undone.get("restored"):
        lines.append("    The changes above were made before it failed, and have been undone.")
    elif written:
        way_on = " Running the playbook again continues from there." if final else ""
        lines.append(f"    The changes above were made before it failed.{way_on}")
    return lines


def verified_line(result: Mapping[str, Any]) -> str:
    """What is known to work: the status that the PBX reports, the sign-in that was asked for, its version."""
    status = result.get("status") or {}
    steps = result.get("steps") or {}
    parts = []
    if status.get("ok"):
        parts.append("Microsoft 365 works on the PBX")
    elif status.get("message"):
        message = visible(_first_sentence(without_trace(str(status["message"]))))
        parts.append(message if message.startswith("the PBX ") else f"the PBX reports: {message}")
    if steps.get("sign_in") == "ok":
        parts.append("sign-in is ready")
    if result.get("version"):
        parts.append(_release(visible(str(result["version"])), visible(str(result.get("edition") or ""))))
    return ", ".join(parts)


def _first_sentence(message: str) -> str:
    """Microsoft's code and what it means, without the advice and the addresses that follow: 600 characters of them."""
    return re.split(r"(?<=\.) (?=[\[A-Z])", message, maxsplit=1)[0].rstrip(".")


def _facts(result: Mapping[str, Any]) -> list[str]:
    """By what a person finds the application again, and how long it took."""
    facts = []
    if result.get("application_id"):
        facts.append(f"application {visible(str(result['application_id']))}")
    if isinstance(result.get("duration_s"), (int, float)):
        facts.append(f"{result['duration_s']:.1f} s")
    return facts


def _is_as_meant(result: Mapping[str, Any]) -> bool:
    """Whether the status of the PBX is what the steps were to bring about, and was read after them."""
    status = result.get("status") or {}
    if result.get("steps") and _READ_BEFORE.issuperset(result["steps"]):
        return False
    unlinked = "unlink" in (result.get("steps") or {}) and not status.get("application_id")
    return bool(not status or status.get("ok") or unlinked)


def _release(version: str, edition: str) -> str:
    # Before 20.0.10 a PBX says its product code alone: "unknown (3CXPSENT)".
    return f"3CX {version}, edition {edition}" if edition.startswith("unknown") else f"3CX {version} {edition}".rstrip()


def _width() -> int:
    try:
        columns = os.get_terminal_size(1).columns or WIDTH
    except OSError:
        columns = WIDTH
    return max(_NARROWEST, min(WIDTH, columns))


def _indented(text: str, indent: str, further: str | None = None) -> str:
    return "\n".join(
        textwrap.wrap(
            text,
            _width(),
            initial_indent=indent,
            subsequent_indent=(indent if further is None else further) + "  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    )
