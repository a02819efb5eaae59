# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Phrases that several formats share: the headline, the facts of the run, days as words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import count

from .attention import credential_kind
from .model import Report
from .values import as_text, shorten
from .verdicts import ATTENTION, COMPLIANT, UNKNOWN

_LABELS = {
    "ansible_version": "ansible-core",
    "automation_app_id": "Automation's application",
    "collection_version": "Collection",
    "inventory_commit": "Commit of the inventory",
    "job_id": "Job",
}
_KNOWN = ("playbook", "check_mode", "limit", "duration_s", "automation_credentials", "attention", "not_checked")


def headline(report: Report) -> str:
    """The finding of the report in one or two sentences; that of a part of the fleet says so."""
    limit = report.run.get("limit")
    part = f" Only the PBXs of --limit {shorten(visible(as_text(limit)), 80)} were checked." if limit else ""
    return f"{_finding(report.summary)}{part}"


def _finding(summary: Mapping[str, int]) -> str:
    total, compliant, attention = summary["total"], summary[COMPLIANT], summary[ATTENTION]
    if not total:
        return "No PBX was part of this run."
    if compliant == total:
        return "The PBX is compliant." if total == 1 else f"All {total:,} PBXs are compliant."
    if compliant + attention == total:
        start = "The PBX is" if total == 1 else f"All {total:,} PBXs are"
        return f"{start} as desired. {attention:,} {_need(attention)} attention."
    # Of what nobody has seen nothing is known, the good as little as the bad.
    unknown = sum(summary[verdict] for verdict in UNKNOWN)
    other = total - compliant - attention - unknown
    told = [f"{attention:,} {_need(attention)} attention"] if attention else []
    told += [f"{other:,} {'is' if other == 1 else 'are'} not compliant"] if other else []
    told += [f"{unknown:,} could not be checked"] if unknown else []
    verb = "is" if compliant == 1 or total == 1 else "are"
    return f"{compliant:,} of {count(total, 'PBX', 'PBXs')} {verb} compliant. {', '.join(told)}."


def _need(number: int) -> str:
    return "needs" if number == 1 else "need"


def percent_text(number: int, total: int) -> str:
    """`92.5 %`."""
    return f"{100 * number / total:.1f} %" if total else "0 %"


def days_text(days: int | None) -> str:
    """`12 days left`, `expires within 24 hours`, `expired 3 days ago`, `expiry unknown`."""
    if days is None:
        return "expiry unknown"
    if days < 0:
        return f"expired {count(-days, 'day')} ago" if days < -1 else "expired within the last 24 hours"
    return "expires within 24 hours" if days == 0 else f"{count(days, 'day')} left"


def duration_text(seconds: Any) -> str:
    """`12.4 s`, `3 min 20 s`, `1 h 5 min`."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return visible(as_text(seconds))
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds != int(seconds) else f"{int(seconds)} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def time_text(moment: str) -> str:
    """`2026-11-22T10:00:00Z` as `2026-11-22 10:00 UTC`; anything else as it is."""
    well_formed = len(moment) == 20 and moment[10] == "T" and moment[-1] == "Z"
    return f"{moment[:10]} {moment[11:16]} UTC" if well_formed else visible(moment)


def _fact(value: Any) -> str:
    texts = [as_text(item) for item in value] if isinstance(value, list) else [as_text(value)]
    return shorten(visible(", ".join(texts)), 120)


def credential_text(credential: Mapping[str, Any]) -> str:
    """`client secret, expires 2027-01-31 (66 days left)`; `managed identity, it has no expiry of its own`."""
    kind = credential_kind(credential["kind"])
    if credential["expires"] is None:
        return (
            f"{kind}, expiry {visible(credential['reason'])}"
            if credential["reason"].startswith("not")
            else f"{kind}, {visible(credential['reason'])}"
        )
    reason = f"; {visible(credential['reason'])}" if credential["reason"] else ""
    return f"{kind}, expires {credential['expires'][:10]} ({days_text(credential['days_left'])}{reason})"


def run_facts(report: Report) -> list[tuple[str, str]]:
    """What is known about the run, as pairs of a name and a text."""
    run = report.run
    facts = [("Generated", time_text(report.generated_at))]
    if run.get("playbook"):
        facts.append(("Playbook", visible(as_text(run["playbook"]))))
    if isinstance(run.get("check_mode"), bool):
        facts.append(("Mode", "check mode, no changes" if run["check_mode"] else "changes were allowed"))
    facts.append(("Limit", visible(as_text(run["limit"])) if run.get("limit") else "whole inventory"))
    if run.get("duration_s") is not None:
        facts.append(("Duration", duration_text(run["duration_s"])))
    facts.extend(
        ("Automation's credential", text) for text in map(credential_text, run.get("automation_credentials") or ())
    )
    more = [name for name in sorted(run) if name not in _KNOWN and run[name] not in (None, "", [], {})]
    facts.extend((_LABELS.get(name) or visible(name.replace("_", " ").capitalize()), _fact(run[name])) for name in more)
    return facts
