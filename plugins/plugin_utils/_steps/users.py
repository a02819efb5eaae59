# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deprovisioned, renamed and unknown users of a PBX as the result of a step, in the sentences of the role ``sso_verify``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LEFT = "Deprovisioned users that still have an extension: "
_STRANGE = "Extensions of users without a Microsoft 365 account: "
_RENAMED = "Users who were renamed in Microsoft 365: "
_REMEDY = "Remove their extensions in the 3CX console, or restore their accounts."


def directory_result(result: Mapping[str, Any], *, strict: bool) -> dict[str, Any]:
    """The result of reading the users of the tenant: what cannot be read fails the PBX only where that is asked for.

    :param result: the result of ``graph_user_info``.
    """
    return dict(result) if not result.get("failed") else _not_compared(result, strict)


def _not_compared(result: Mapping[str, Any], strict: bool) -> dict[str, Any]:
    message = str(result.get("msg") or "The users of the PBX could not be compared with those of Microsoft 365.")
    return dict(result, failed=True, msg=message) if strict else {"notes": [message], "warnings": [message]}


def people_result(reading: Mapping[str, Any], *, strict: bool) -> dict[str, Any]:
    """The result of the comparison, with what ``tcx_m365_settings_info`` returned.

    :param reading: the result of the comparison, or of what failed before it.
    :param strict: leavers, and users that cannot be read, fail the PBX.
    """
    comparison = (reading.get("users") or {}).get("comparison")
    if reading.get("failed") or comparison is None:
        return _not_compared(reading, strict)
    leavers, unmatched = comparison["leavers"], comparison["strangers"]
    left = _LEFT + ", ".join(f"{user['number']} {user['email']} ({user['reason']})" for user in leavers) + "."
    strange = _STRANGE + ", ".join(f"{user['number']} {user['email'] or user['name']}" for user in unmatched) + "."
    renamed = comparison.get("renamed") or []
    new_names = (
        _RENAMED + ", ".join(f"{user['number']} {user['email']} is now {user['renamed_to']}" for user in renamed) + "."
    )
    notes = [text for text, named in ((left, leavers), (strange, unmatched), (new_names, renamed)) if named]
    people = {"leavers": leavers, "strangers": unmatched, "renamed": renamed}
    result: dict[str, Any] = {**reading, "people": people, "notes": notes, "warnings": notes}
    if leavers and strict:
        error = {"kind": "leavers", "said": left, "remedy": _REMEDY, "service": "3CX", "status": None, "code": ""}
        result.update(failed=True, msg=f"{left} {_REMEDY}", error=error)
    return result
