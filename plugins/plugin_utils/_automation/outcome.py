# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a bootstrap has done, and what the operator is told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


class Failed(Exception):
    """A step failed; carries its result."""

    def __init__(self, result: Json) -> None:
        super().__init__(str(result.get("msg")))
        self.result = result


class Booking:
    """What was carried out, step by step."""

    changes: list[Json]
    diff: list[Json]

    def take(self, result: Mapping[str, Any]) -> None:
        """Book what a step has carried out."""
        self.changes += list(result.get("changes") or ())
        if result.get("changes") and isinstance(result.get("diff"), Mapping):
            self.diff.append(dict(result["diff"]))

    def change(self, target: str, name: str, before: Any, after: Any) -> None:
        """Book what was carried out beside the steps."""
        self.changes.append({"target": target, "field": name, "before": before, "after": after})


@dataclass
class Outcome(Booking):
    """What was done, and what the operator is told."""

    changes: list[Json] = field(default_factory=list)
    diff: list[Json] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    values: Json = field(default_factory=dict)

    def file(self, path: str, *, before: str, after: str) -> None:
        self.change("file", path, before or None, after or None)


NO_TENANT = (
    "Consent of each tenant: no PBX of the inventory has an entra_tenant_id yet. Run this again with an inventory that has them, for "
    "the addresses to send; it changes nothing else."
)


def lines_of(outcome: Outcome, *, check_mode: bool, consents: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is printed: one line for each thing that the operator needs next."""
    values = outcome.values
    lines = [f"Application (client) ID: {values.get('app_id')}", f"Home tenant: {values.get('tenant_id')}"]
    if values.get("permissions"):
        lines.append(f"Permissions: {', '.join(values['permissions'])}")
    if values.get("signed_in"):
        lines.append("Sign-in with the new credential: verified")
    if values.get("variables"):
        lines.append("Variables for the inventory" + ("" if check_mode else f" ({values.get('variables_file')})") + ":")
        lines += [f"    {name}: {value}" for name, value in values["variables"].items()]
    if consents:
        lines.append("Consent of each tenant:")
        lines += [f"    {', '.join(consent['hosts'])}: {consent['url'] or consent['note']}" for consent in consents]
    elif values.get("variables"):
        lines.append(NO_TENANT)
    return lines + [f"Note: {note}" for note in outcome.notes]
