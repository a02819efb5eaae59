# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a failed step advises about an application that only the PBX names, or that others can sign in as: nobody is sent to
change it, or to consent to it.

A PBX under foreign control could otherwise have its attacker's application blessed by the people who read the message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import Result, Work

_CONSENT = "consent"
_MOST = 5
_STATED = ("tcx_console_application_id", "entra_app_app_id")


def careful(work: Work, result: Result) -> Result:
    """The result of a step, with other advice where nothing but the word of the PBX says which application it is about."""
    caution = _caution(work)
    if not caution:
        return result
    known = dict(result)
    error, entra = result.get("error"), result.get("entra")
    if result.get("failed") and isinstance(error, dict) and error.get("remedy"):
        remedy = _with_caution(caution, str(error["remedy"]))
        known.update(msg=str(result.get("msg") or "").replace(str(error["remedy"]), remedy))
        known["error"] = {**error, "remedy": remedy}
    if isinstance(entra, dict) and entra.get("remedy"):
        known["entra"] = {**entra, "remedy": _with_caution(caution, str(entra["remedy"]))}
    return known


def remedy_beside(unknown: Sequence[str], remedy: str) -> str:
    """A piece of advice about an application that holds credentials or owners that nobody here knows, if there are any."""
    return _with_caution(_held(unknown), remedy) if unknown else remedy


def _with_caution(caution: str, remedy: str) -> str:
    return caution if _CONSENT in remedy else f"{caution} {remedy}"


def _caution(work: Work) -> str:
    """What has to be found out before anybody follows advice about the application; empty where nothing has."""
    named = _named_by_the_pbx(work)
    if named:
        return (
            f"Only the PBX names the application {named}: before anybody changes it or consents to it, find out by "
            "tcx.m365.rollout --check whether it is this PBX's."
        )
    unknown = [*(work.result("application").get("unknown_credentials") or ())]
    return _held(unknown) if unknown else ""


def _held(unknown: Sequence[str]) -> str:
    more = f" and {len(unknown) - _MOST} more" if len(unknown) > _MOST else ""
    return (
        f"The application holds {', '.join(unknown[:_MOST])}{more}, which nobody here knows: before anybody changes it or "
        "consents to it, remove what does not belong there, or say with entra_app_app_id that all of it is meant."
    )


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
