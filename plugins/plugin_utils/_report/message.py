# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as a message for a chat or a mail: plain text of a few lines, whatever the size of the fleet."""

from __future__ import annotations

from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible, without_trace
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import count, listed

from .aggregates import cause
from .comparison import ADDED, CATEGORY_LABELS, NEW_DRIFT, NEW_FAILURES, REMOVED, RESOLVED
from .model import Report
from .tenants import NOT_CHECKED, READY, summary
from .values import shorten
from .verdicts import COMPLIANT, LABELS, WORST_FIRST
from .wording import days_text, headline

LONGEST = 2000
"""Characters: half of what the smallest of the usual services takes."""

_NAMES = 5
_CAUSES = 5
_LINE = 220
_CHANGES = (NEW_DRIFT, NEW_FAILURES, RESOLVED, ADDED, REMOVED)


def message(report: Report) -> str:
    """What an operator has to know, in as much as a chat takes."""
    text = "\n".join(lines(report))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "\u2026"


def lines(report: Report) -> list[str]:
    """The headline and what an operator has to know, the most urgent first; foreign text is on one line and holds no control."""
    told = [headline(report), *(report.run.get("attention") or ())]
    told += [_verdict(report, verdict) for verdict in WORST_FIRST if verdict != COMPLIANT and report.summary[verdict]]
    if any(row["state"] not in (READY, NOT_CHECKED) for row in report.tenants):
        told.append(f"Consent to the automation: {summary(report.tenants)}")
    told += _changes(report)
    told += _why(report)
    due = sorted(report.certificates_due, key=lambda certificate: (certificate.days_left or 0, certificate.host))
    if due:
        named = [f"{certificate.host} ({days_text(certificate.days_left)})" for certificate in due]
        told.append(f"{count(len(due), 'certificate')} due: {listed(named, _NAMES)}")
    return [shorten(visible(line), 2 * _LINE) for line in told]


def has_findings(report: Report) -> bool:
    """Whether there is anything but compliance to tell."""
    return not report.all_compliant or bool(report.run.get("attention"))


def has_changes(report: Report) -> bool:
    """Whether something is not as it was in the earlier report; without one, whether there is anything to tell."""
    if report.comparison is None:
        return has_findings(report)
    return any(report.comparison["counts"][category] for category in _CHANGES)


def _verdict(report: Report, verdict: str) -> str:
    hosts = [entry["host"] for entry in report.hosts if entry["verdict"] == verdict]
    return f"{LABELS[verdict]} ({len(hosts)}): {listed(hosts, _NAMES)}"


def _why(report: Report) -> list[str]:
    """The most frequent causes; one that only one PBX has is told with its name."""
    entries = {entry["host"]: entry for entry in report.hosts}
    told = []
    for counted in report.aggregates["causes"][:_CAUSES]:
        if len(counted["hosts"]) > 1:
            told.append(_brief(f"{len(counted['hosts'])} \u00d7 {counted['text']}"))
            continue
        entry = entries[counted["hosts"][0]]
        sentences = (*entry["reasons"], *entry["attention"])
        sentence = next(text for text in sentences if cause(entry, text) == counted["text"])
        told.append(_brief(f"{entry['host']}: {sentence}"))
    rest = len(report.aggregates["causes"]) - len(told)
    return [*told, f"And {count(rest, 'more cause')} in the report."] if rest > 0 else told


def _brief(text: str) -> str:
    """As many of its sentences as fit on a line: the first one says what is wrong, what Microsoft adds to it is advice."""
    text = without_trace(text)
    end = (text.rfind(". ", 0, _LINE) if ". " in text[:_LINE] else text.find(". ")) + 1
    return text if len(text) <= _LINE or not end else f"{text[:end]} \u2026"


def _changes(report: Report) -> list[str]:
    comparison = report.comparison
    if comparison is None:
        return []
    told = [
        f"{CATEGORY_LABELS[category].lower()} {comparison['counts'][category]}"
        for category in _CHANGES
        if comparison["counts"][category]
    ]
    return [f"Since the earlier report: {', '.join(told) or 'no change'}"]
