# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as CSV: one line per PBX, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible

from .certificates import OVERDUE
from .comparison import CATEGORIES, CATEGORY_LABELS
from .model import Report
from .values import Difference, Limits, all_differences

COLUMNS = (
    "host",
    "verdict",
    "reasons",
    "attention",
    "differences",
    "changes",
    "granted_permissions",
    "consent_missing",
    "consent_unneeded",
    "certificates",
    "certificate_expires",
    "certificate_days_left",
    "certificate_overdue",
    "redirect_uris",
    "credentials",
    "owners",
    "version",
    "edition",
    "tenant_id",
    "tenant_name",
    "application_id",
    "url",
    "remedies",
    "since_earlier_report",
)

# A spreadsheet takes a cell that begins so for a formula, whatever the quotes; East Asian editions also take the full-width forms.
_FORMULA = re.compile("(^|[;,|:^~])(?=[\\s'\"]*[=+\\-@\uff1d\uff0b\uff0d\uff20\t\r\n])")
"""Where a cell may begin that a spreadsheet takes for a formula: at its start, and behind each character that the language
or the settings of a spreadsheet make a separator. Blanks are not among them: options in a remedy begin behind one."""
_WHOLE = Limits(characters=1000, items=1000, differences=1000)


def safe_cell(text: str) -> str:
    """The text on one line, with an apostrophe wherever a spreadsheet could take what follows for a formula."""
    return _FORMULA.sub(r"\1'", visible(text)) if text else text


def csv_parts(report: Report) -> Iterator[str]:
    """The file, row by row; lines end in a line feed. No number in it is negative: a days-left of 0 with `overdue` is past."""
    yield _row(COLUMNS)
    since = since_earlier(report)
    for entry in report.hosts:
        cells = _cells(report, entry)
        cells["since_earlier_report"] = since.get(entry["host"], "")
        yield _row(safe_cell(cells[column]) for column in COLUMNS)


def _row(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_MINIMAL).writerow(cells)
    return out.getvalue()


def since_earlier(report: Report) -> dict[str, str]:
    """For every PBX of a comparison the label of its category."""
    comparison = report.comparison or {}
    return {
        entry["host"]: CATEGORY_LABELS[category] for category in CATEGORIES for entry in comparison.get(category, [])
    }


def _cells(report: Report, entry: dict[str, Any]) -> dict[str, str]:
    certificates = report.certificates_of(entry)
    dated = [certificate for certificate in certificates if certificate.days_left is not None]
    differing = all_differences(entry["changes"], _WHOLE)
    following = dated[0] if dated else None
    return {
        **{
            name: entry[name]
            for name in ("host", "verdict", "version", "edition", "tenant_id", "tenant_name", "application_id", "url")
        },
        "reasons": " ".join(entry["reasons"]),
        "attention": " ".join(entry["attention"]),
        "granted_permissions": " ".join(entry["granted_permissions"]),
        "redirect_uris": " ".join(entry["redirect_uris"]),
        "credentials": "; ".join(_credential(credential) for credential in entry["credentials"]),
        "owners": "; ".join(owner_text(owner) for owner in entry["owners"]),
        "differences": str(len(differing)),
        "changes": "; ".join(_told(difference) for difference in differing),
        "consent_missing": " ".join(entry["consent"]["missing"]),
        "consent_unneeded": " ".join(entry["consent"]["unneeded"]),
        "certificates": " ".join(certificate.thumbprint for certificate in certificates),
        "certificate_expires": following.day if following else "",
        "certificate_days_left": str(max(0, following.days_left or 0)) if following else "",
        "certificate_overdue": ("yes" if following.state == OVERDUE else "no") if following else "",
        "remedies": "; ".join(entry["remedies"]),
    }


def _credential(credential: dict[str, Any]) -> str:
    name, expires = credential.get("name") or "without a name", credential.get("expires") or "never"
    return f"{credential.get('kind', '')} {name} ({credential.get('owner', '')}, expires {expires})"


def owner_text(owner: Any) -> str:
    """An owner of the application by name, and by ID where it has no name."""
    if isinstance(owner, dict):
        return str(owner.get("name") or owner.get("display_name") or owner.get("id") or "")
    return str(owner)


def _told(difference: Difference) -> str:
    if difference.is_set:
        return f"{difference.path}: removed [{', '.join(difference.removed)}], added [{', '.join(difference.added)}]"
    return f"{difference.path}: {difference.before} -> {difference.after}"
