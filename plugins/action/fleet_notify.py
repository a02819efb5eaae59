# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Action plugin: sends the short form of a report; a message that cannot be sent is a warning and no failure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.tcx.m365.plugins.module_utils._arguments import read_arguments
from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import plain
from ansible_collections.tcx.m365.plugins.plugin_utils._compliance.notify import TARGET, send

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "subject": {"type": "str", "required": True},
    "message": {"type": "str", "required": True},
    "findings": {"type": "bool", "default": True},
    "changes": {"type": "bool", "default": True},
    "facts": {"type": "dict", "default": {}},
    "targets": {"type": "list", "elements": "raw", "required": True},
}

display = Display()


class ActionModule(ActionBase):
    """Send to each target that wants it."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars or {})
        problems: list[str] = []
        sent: list[str] = []
        try:
            options = read_arguments(ARGUMENT_SPEC, plain(self._task.args)).parameters
        except M365Error as error:
            problems.append(str(error))
            options = {"targets": []}
        for place, target in enumerate(options["targets"], 1):
            kind, problem = _to(target, options)
            if problem:
                problems.append(f"Message {place} of compliance_notify ({kind}) was not sent: {problem}.")
            elif kind:
                sent.append(kind)
        for problem in problems:
            display.warning(problem)
        return dict(result, changed=False, sent=sent, problems=problems)


def _to(raw_target: Any, options: Mapping[str, Any]) -> tuple[str, str]:
    """The kind of the target, empty where it did not want this message; and why it could not be sent."""
    if not isinstance(raw_target, Mapping):
        return "?", "an entry is a dictionary with type and url, or with type, host, from and to"
    entry = {name: value for name, value in raw_target.items() if value not in (None, "", [])}
    # What is wrong with an entry is told by name alone: its values are secrets.
    try:
        target = read_arguments(TARGET, entry).parameters
    except M365Error:
        known = sorted({*TARGET, "from"} - {"sender"})
        strange = sorted(set(entry) - set(known) - {"sender"})
        hint = (
            f"it does not know {', '.join(strange)}"
            if strange
            else "type, only, port or secure has a value that it does not know"
        )
        return str(entry.get("type") or "?"), f"{hint}; an entry has {', '.join(known)}"
    applies = {"always": True, "findings": options["findings"], "changes": options["changes"]}
    if not applies[target["only"]]:
        return "", ""
    return target["type"], send(target, options["subject"], options["message"], options["facts"])
