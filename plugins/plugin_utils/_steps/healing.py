# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What somebody else has overwritten in an application between our write and our proof is written again, once.

Graph replaces a list as a whole and has no ETag for it: whoever has read it before our write, on another machine or with
another program, and writes it after us, takes our entry away without noticing. The proof that follows notices.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._capabilities import azure_app_registration
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.certificates import OVERWRITTEN, diffs
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.resume import KEY_UNKNOWN
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import Result, Work

_LOST = {KEY_UNKNOWN: "certificates", "AADSTS50011": "redirect_uris"}
"""Entra's word for what is missing, and the field of the application that it is missing in (documented codes)."""

_NEVEROVERWRITTEN = ("state", "adopted")
"""An application that is gone, or that would have to be adopted, is decided on by a run of its own."""

_REMOVING = (
    "certificates_exclusive",
    "certificates_rotate_overlap_days",
    "certificates_prune_expired",
    "certificates_prune_duplicates",
    "redirect_uris_exclusive",
    "permissions_exclusive",
)


def healed(work: Work, failed: Result, application: dict[str, Any], retake: Callable[[], Result]) -> Result:
    """The result of a proof that failed, or of the same proof after what the application had lost was added again.

    :param application: the arguments of ``azure_app_registration`` for this PBX.
    :param retake: makes the proof again.
    """
    if work.check_mode or not work.result("application").get("app_id"):
        return failed
    arguments = copy.copy(application)  # with the names that its options have in the inventory
    for option in _REMOVING:
        arguments.pop(option, None)
    lost = _lost(work, failed, arguments)
    if not lost:
        return failed
    back = work.run_task(azure_app_registration.CAPABILITY, arguments)
    if back.get("failed"):
        return _together(failed, back, back)
    proof = retake()
    if _lost(work, proof, arguments):
        return _told(_together(failed, back, proof))
    note = (
        f"The application had lost {lost} that this run had found there: another run or program has overwritten them. "
        "They were added again."
    )
    done = _together(failed, back, proof)
    return {**done, "notes": [*(done.get("notes") or ()), note]}


def _lost(work: Work, proof: Result, arguments: Mapping[str, Any]) -> str:
    """What the application has lost of what a proof needs, in words; empty where nothing is missing that we would add."""
    message = str(proof.get("msg") or "") if proof.get("failed") else ""
    field = next((field for code, field in _LOST.items() if code in message), "")
    if not field:
        return ""
    planned = work.run_task(azure_app_registration.CAPABILITY, arguments, check=True)
    changes = planned.get("changes") or ()
    if planned.get("failed") or any(change["field"] in _NEVEROVERWRITTEN for change in changes):
        return ""
    return next((_missing(change) for change in changes if change["field"] == field), "")


def _missing(change: Mapping[str, Any]) -> str:
    before = change.get("before") or ()
    names = ", ".join(str(item) for item in change.get("after") or () if item not in before)
    return f"the {str(change['field']).replace('_', ' ').replace('uris', 'URIs')} {names}" if names else ""


def _together(failed: Result, back: Result, last: Result) -> dict[str, Any]:
    """The last result, with everything that was changed on the way to it."""
    parts = (failed, back) if last is back else (failed, back, last)
    changes = [change for part in parts for change in part.get("changes") or ()]
    flat = diffs(*parts)
    told = {
        name: list(dict.fromkeys(item for part in parts for item in part.get(name) or ()))
        for name in ("warnings", "notes")
    }
    return {
        **last,
        "changed": any(part.get("changed") for part in parts),
        "changes": changes,
        **({"diff": flat} if flat else {}),
        **{name: items for name, items in told.items() if items},
    }


def _told(result: dict[str, Any]) -> Result:
    """Where it was lost once more: not the key pair of the PBX is wrong."""
    error = dict(result.get("error") or {})
    advice = str(error.get("remedy") or "")
    message = str(result.get("msg") or "")
    message = (
        message.replace(advice, OVERWRITTEN) if advice and advice in message else f"{message} {OVERWRITTEN}".strip()
    )
    return {**result, "msg": message, "error": {**error, "remedy": OVERWRITTEN}}
