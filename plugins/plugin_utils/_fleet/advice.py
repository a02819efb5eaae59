# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""What a failed step advises about an application that only the PBX names: nobody is sent to change it, or to consent to it.

A PBX under foreign control could otherwise have its attacker's application blessed by the people who read the message.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.tcx.m365.plugins.plugin_utils._fleet.work import Result, Work

_CONSENT = "consent"
_STATED = ("tcx_console_application_id", "entra_app_app_id")


def careful(work: Work, result: Result) -> Result:
    """The result of a step, with other advice where nothing but the word of the PBX says which application it is about."""
    named = _named_by_the_pbx(work)
    if not named:
        return result
    known = dict(result)
    error, entra = result.get("error"), result.get("entra")
    if result.get("failed") and isinstance(error, dict) and error.get("remedy"):
        remedy = _with_caution(named, str(error["remedy"]))
        known.update(msg=str(result.get("msg") or "").replace(str(error["remedy"]), remedy))
        known["error"] = {**error, "remedy": remedy}
    if isinstance(entra, dict) and entra.get("remedy"):
        known["entra"] = {**entra, "remedy": _with_caution(named, str(entra["remedy"]))}
    return known


def _with_caution(named: str, remedy: str) -> str:
    caution = (
        f"Only the PBX names the application {named}: before anybody changes it or consents to it, find out by "
        "tcx.m365.rollout --check whether it is this PBX's."
    )
    return caution if _CONSENT in remedy else f"{caution} {remedy}"


def _named_by_the_pbx(work: Work) -> str:
    """The application that the PBX points to, where neither a step of this run nor the inventory says that it is the right one."""
    judged: Any = work.result("application").get("app_id") or work.result("candidate").get("app_id")
    if judged or any(work.variables.get(name) for name in _STATED):
        return ""
    for step in ("settings", "pbx"):
        named = (work.result(step).get("status") or {}).get("application_id")
        if named:
            return str(named)
    return ""
