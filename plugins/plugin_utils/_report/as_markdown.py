# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the tcx.m365 collection: no stable interface, may change in any release.

"""The report as Markdown (GitHub flavor): what to know first, then every PBX that is not compliant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible

from .certificates import FINE, OVERDUE, CertificateEnd
from .comparison import CATEGORIES, CATEGORY_LABELS, CATEGORY_MEANINGS
from .model import Report
from .values import Difference, Limits, all_differences, flat_items, shorten, shown_items
from .verdicts import COMPLIANT, LABELS, MEANINGS, SEVERITY, VERDICTS
from .wording import count, days_text, headline, run_facts, time_text

_LIMITS = Limits(characters=160, items=20, differences=60)
# What is markup anywhere, and what is only at the beginning of a text or beside a word: names stay readable in the source, too.
_SPECIAL = re.compile(r"[\\`*\[\]<>|~&]|^[#+=-]|(?<=^\d)[.)]|(?<=^\d\d)[.)]|(?<!\w)_|_(?!\w)")
# A name with an at sign would call a person or a team where Markdown is shown by a code host.
_MENTION = re.compile(r"(?<!\w)@")


def markdown_text(text: str) -> str:
    """Text that shows as it is, also in a table: no markup, no link, no line break, no mention."""
    return _MENTION.sub("&#64;", _SPECIAL.sub(r"\\\g<0>", visible(text).strip()))


def render_markdown(report: Report) -> str:
    """The whole file."""
    parts = [_head(report), _summary(report)]
    if report.comparison is not None:
        parts.append(_comparison(report.comparison))
    parts.extend((_attention(report), _certificates(report), _details(report), _compliant(report)))
    return "\n\n".join(part for part in parts if part) + "\n"


def table(header: list[str], rows: Iterable[list[str]], numbers: Iterable[int] = ()) -> str:
    """A table; the cells must be Markdown already. `numbers`: columns to align to the right."""
    right = set(numbers)
    lines = ["| " + " | ".join(header) + " |"]
    lines.append("| " + " | ".join("---:" if column in right else "---" for column in range(len(header))) + " |")
    lines.extend("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join(lines)


def _head(report: Report) -> str:
    facts = "\n".join(f"- {name}: {markdown_text(value)}" for name, value in run_facts(report))
    own = "".join(f"**{markdown_text(said)}**\n\n" for said in report.run.get("attention") or ())
    return f"# Fleet compliance report\n\n{headline(report.summary)}\n\n{own}{facts}"


def _summary(report: Report) -> str:
    rows = [[LABELS[verdict], str(report.summary[verdict]), MEANINGS[verdict]] for verdict in VERDICTS]
    rows.append(["**Total**", f"**{report.summary['total']}**", ""])
    return "## Verdicts\n\n" + table(["Verdict", "PBXs", "Meaning"], rows, numbers=[1])


def _comparison(comparison: dict[str, Any]) -> str:
    rows = []
    for category in CATEGORIES:
        hosts = ", ".join(markdown_text(one["host"]) for one in comparison[category])
        rows.append(
            [CATEGORY_LABELS[category], str(comparison["counts"][category]), CATEGORY_MEANINGS[category], hosts]
        )
    earlier = markdown_text(time_text(comparison["earlier_generated_at"]) or "an unknown time")
    intro = f"## Since the earlier report\n\nCompared with the report of {earlier}.\n\n"
    return intro + table(["Change", "PBXs", "Meaning", "Names"], rows, numbers=[1])


def _open_entries(report: Report) -> list[dict[str, Any]]:
    found = [entry for entry in report.hosts if entry["verdict"] != COMPLIANT]
    return sorted(found, key=lambda entry: (-SEVERITY[entry["verdict"]], entry["host"]))


def _attention(report: Report) -> str:
    rows = [
        [
            markdown_text(entry["host"]),
            LABELS[entry["verdict"]],
            " ".join(_text(reason) for reason in (*entry["reasons"], *entry["attention"])),
        ]
        for entry in _open_entries(report)
    ]
    return "## PBXs that need attention\n\n" + table(["PBX", "Verdict", "Reasons"], rows) if rows else ""


def _compliant(report: Report) -> str:
    """Every PBX is in the report by its name, also those of which there is nothing to say."""
    names = [markdown_text(entry["host"]) for entry in report.hosts if entry["verdict"] == COMPLIANT]
    return "## Compliant PBXs\n\n" + ", ".join(names) if names else ""


def _certificates(report: Report) -> str:
    found = [one for entry in report.hosts for one in report.certificates_of(entry) if one.state not in ("", FINE)]
    found.sort(key=lambda one: (one.days_left or 0, one.host, one.thumbprint))
    seen = sum(1 for entry in report.hosts if entry["certificates"])
    if not found:
        read = f"The certificates of {seen:,} of {count(len(report.hosts), 'PBX', 'PBXs')} were read"
        return f"## Certificates\n\n{read}; none of them has expired or expires within 30 days."
    rows = [
        [markdown_text(one.host), one.day, _expiry(one), markdown_text(one.thumbprint), markdown_text(one.name)]
        for one in found
    ]
    return "## Certificates that have expired or expire within 30 days\n\n" + table(
        ["PBX", "Expires", "", "Thumbprint", "Name"], rows
    )


def _expiry(certificate: CertificateEnd) -> str:
    text = days_text(certificate.days_left)
    marked = f"**{text}**" if certificate.state == OVERDUE else text
    return f"{marked}; replaced by a newer one" if certificate.superseded else marked


def _details(report: Report) -> str:
    sections = [_host(entry) for entry in report.hosts if entry["verdict"] != COMPLIANT]
    return "## Details\n\n" + "\n\n".join(sections) if sections else ""


def _text(text: str) -> str:
    return markdown_text(shorten(text, 4 * _LIMITS.characters))


def _host(entry: dict[str, Any]) -> str:
    lines = [f"### {markdown_text(entry['host'])}: {LABELS[entry['verdict']].lower()}", ""]
    lines.extend(f"- {_text(reason)}" for reason in (*entry["reasons"], *entry["attention"]))
    lines.extend(_drift(entry["changes"]))
    for title, names in (
        ("Consent missing", entry["consent"]["missing"]),
        ("Consent unneeded", entry["consent"]["unneeded"]),
    ):
        if names:
            lines.extend(("", f"{title}: " + ", ".join(markdown_text(name) for name in names)))
    unmanaged = flat_items(entry["unmanaged"])
    if unmanaged:
        lines.extend(("", "Not managed, left unchanged:", ""))
        lines.extend(f"- {markdown_text(path)}: {_list(shown_items(items, _LIMITS))}" for path, items in unmanaged)
    if entry["remedies"]:
        lines.extend(("", "How to fix it:", ""))
        lines.extend(f"{place}. {_text(remedy)}" for place, remedy in enumerate(entry["remedies"], 1))
    return "\n".join(lines)


def _drift(changes: list[dict[str, Any]]) -> list[str]:
    found = all_differences(changes, _LIMITS)
    if not found:
        return []
    rows = [[markdown_text(one.path), _before(one), _after(one)] for one in found[: _LIMITS.differences]]
    lines = ["", table(["Setting", "Found", "Desired"], rows)]
    if len(found) > len(rows):
        lines.extend(("", f"{len(found) - len(rows)} more in compliance.json."))
    return lines


def _before(one: Difference) -> str:
    return f"removed: {_list(one.removed)}" if one.is_set else markdown_text(one.before)


def _after(one: Difference) -> str:
    if not one.is_set:
        return markdown_text(one.after)
    return f"added: {_list(one.added)}" + (f"; {one.kept} unchanged" if one.kept else "")


def _list(texts: list[str]) -> str:
    return ", ".join(markdown_text(text) for text in texts) or "none"
