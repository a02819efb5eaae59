# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""Deprovisioned, renamed and unknown users of a PBX as the result of a step, in the sentences of the role ``sso_verify``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LEFT = "Deprovisioned users that still have an extension: "
_STRANGE = "Extensions of users without a Microsoft 365 account: "
_RENAMED = "Users who were renamed in Microsoft 365: "
_REMEDY = "Remove their extensions in the 3CX console, or restore their accounts."


def directory_result(found: Mapping[str, Any], *, strict: bool) -> dict[str, Any]:
    """The result of reading the users of the tenant: what cannot be read fails the PBX only where that is asked for.

    :param found: the result of ``graph_user_info``.
    """
    return dict(found) if not found.get("failed") else _not_compared(found, strict)


def _not_compared(found: Mapping[str, Any], strict: bool) -> dict[str, Any]:
    said = str(found.get("msg") or "The users of the PBX could not be compared with those of Microsoft 365.")
    return dict(found, failed=True, msg=said) if strict else {"notes": [said], "warnings": [said]}


def people_result(found: Mapping[str, Any], *, strict: bool) -> dict[str, Any]:
    """The result of the comparison, with what ``tcx_m365_settings_info`` returned.

    :param found: the result of the comparison, or of what failed before it.
    :param strict: leavers, and users that cannot be read, fail the PBX.
    """
    comparison = (found.get("users") or {}).get("comparison")
    if found.get("failed") or comparison is None:
        return _not_compared(found, strict)
    leavers, unmatched = comparison["leavers"], comparison["strangers"]
    left = _LEFT + ", ".join(f"{each['number']} {each['email']} ({each['reason']})" for each in leavers) + "."
    strange = _STRANGE + ", ".join(f"{each['number']} {each['email'] or each['name']}" for each in unmatched) + "."
    renamed = comparison.get("renamed") or []
    new_names = (
        _RENAMED + ", ".join(f"{each['number']} {each['email']} is now {each['renamed_to']}" for each in renamed) + "."
    )
    notes = [text for text, named in ((left, leavers), (strange, unmatched), (new_names, renamed)) if named]
    people = {"leavers": leavers, "strangers": unmatched, "renamed": renamed}
    result: dict[str, Any] = {**found, "people": people, "notes": notes, "warnings": notes}
    if leavers and strict:
        error = {"kind": "leavers", "said": left, "remedy": _REMEDY, "service": "3CX", "status": None, "code": ""}
        result.update(failed=True, msg=f"{left} {_REMEDY}", error=error)
    return result
