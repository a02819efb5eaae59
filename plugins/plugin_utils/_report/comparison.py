# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two reports side by side: what is new, what was resolved, what is still open, which PBXs were added or removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .verdicts import AS_DESIRED, DRIFTED, OBSERVED, SEVERITY, summary

SCHEMA_VERSION = 2
READABLE_VERSIONS = (1, SCHEMA_VERSION)
"""Reports of the first version have fewer keys for each PBX; what a comparison asks for is in both."""

NEW_DRIFT = "new_drift"
NEW_FAILURES = "new_failures"
RESOLVED = "resolved"
STILL_OPEN = "still_open"
ADDED = "added"
REMOVED = "removed"

# A PBX is in at most one of them; those that were and are compliant are in none.
CATEGORIES = (NEW_DRIFT, NEW_FAILURES, STILL_OPEN, RESOLVED, ADDED, REMOVED)

CATEGORY_LABELS: dict[str, str] = {category: category.replace("_", " ").capitalize() for category in CATEGORIES}

CATEGORY_MEANINGS: dict[str, str] = {
    NEW_DRIFT: "compliant or attention before, drifted now",
    NEW_FAILURES: "compliant or attention before; now broken, failed, unreachable or unlicensed",
    STILL_OPEN: "neither compliant nor attention in either report",
    RESOLVED: "neither compliant nor attention before, compliant or attention now",
    ADDED: "only in this report",
    REMOVED: "only in the earlier report",
}


def check_report(report: Any, what: str = "The earlier report") -> dict[str, Any]:
    """The report itself; ValueError with a sentence when it is not a compliance report of a known version."""
    content = dict(report) if isinstance(report, Mapping) else {}
    hosts, version = content.get("hosts"), content.get("schema_version")
    wrong = ""
    if not isinstance(hosts, list) or version is None:
        wrong = "expected a JSON object with 'schema_version' and a list 'hosts'"
    elif version not in READABLE_VERSIONS:
        wrong = f"its schema_version is {version!r}, known are {', '.join(map(str, READABLE_VERSIONS))}"
    else:
        bad = [place for place, host in enumerate(hosts) if not _is_entry(host)]
        wrong = f"entry {bad[0]} of 'hosts' has no host name, no known verdict or no list of changes" if bad else ""
    if wrong:
        raise ValueError(f"{what} is no compliance report that can be read here: {wrong}.")
    return content


def _is_entry(host: Any) -> bool:
    named = isinstance(host, dict) and isinstance(host.get("host"), str)
    known = named and isinstance(host.get("verdict"), str) and host["verdict"] in SEVERITY
    return known and isinstance(host.get("changes") or [], list)


def compare(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """What changed between two reports (each the content of a compliance.json).

    Shape: `{earlier_generated_at, earlier_summary, counts: {category: n}, new_drift: [...], new_failures: [...], still_open: [...],
    resolved: [...], added: [...], removed: [...]}`; an entry is `{host, earlier, now}` (verdicts, None where the PBX was not in the
    report) and, when both reports saw every setting, `changes: {new, resolved, open}` with `target.field` names.
    ValueError when one of them is not a compliance report.
    """
    old_report, new_report = check_report(earlier), check_report(later, "The report")
    old = {entry["host"]: entry for entry in old_report["hosts"]}
    new = {entry["host"]: entry for entry in new_report["hosts"]}
    categories: dict[str, list[dict[str, Any]]] = {category: [] for category in CATEGORIES}
    for host in sorted(set(old) | set(new)):
        entry = _entry(host, old.get(host), new.get(host))
        category = _category(entry["earlier"], entry["now"])
        if category:
            categories[category].append(entry)
    return {
        "earlier_generated_at": str(old_report.get("generated_at") or ""),
        "earlier_summary": summary(old.values()),
        "counts": {category: len(categories[category]) for category in CATEGORIES},
        **categories,
    }


def _category(before: str | None, now: str | None) -> str:
    if before is None:
        return ADDED
    if now is None:
        return REMOVED
    if before not in AS_DESIRED:
        return RESOLVED if now in AS_DESIRED else STILL_OPEN
    if now in AS_DESIRED:
        return ""
    return NEW_DRIFT if now == DRIFTED else NEW_FAILURES


def _entry(host: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "host": host,
        "earlier": old["verdict"] if old else None,
        "now": new["verdict"] if new else None,
    }
    # Where not every setting was read, a difference that is no longer reported is unknown, not resolved.
    if old and new and old["verdict"] in OBSERVED and new["verdict"] in OBSERVED:
        before, now = _fields(old), _fields(new)
        entry["changes"] = {"new": sorted(now - before), "resolved": sorted(before - now), "open": sorted(before & now)}
    return entry


def _fields(entry: dict[str, Any]) -> set[str]:
    changes = entry.get("changes") or []
    return {f"{change.get('target', '')}.{change.get('field', '')}" for change in changes if isinstance(change, dict)}
