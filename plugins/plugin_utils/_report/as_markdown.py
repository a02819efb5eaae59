# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as Markdown (GitHub flavor): what to know first, then every PBX that is not compliant."""

from __future__ import annotations

import re
import shlex
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import count

from .aggregates import cause, shared_sentences
from .certificates import FINE, OVERDUE, CertificateEnd
from .comparison import CATEGORIES, CATEGORY_LABELS, CATEGORY_MEANINGS
from .consents import DELEGATED_MARK
from .model import Report
from .tenants import NOT_CHECKED, READY, TOO_WIDE, summary
from .values import Difference, Limits, all_differences, canonical, flat_items, shorten, shown_items
from .verdicts import COMPLIANT, LABELS, SEVERITY, VERDICTS
from .wording import days_text, headline, run_facts, time_text

_LIMITS = Limits(characters=160, items=20, differences=60)
# What is markup anywhere, and what is only at the beginning of a text or beside a word: names stay readable in the source, too.
_SPECIAL = re.compile(r"[\\`*\[\]<>|~&]|^[#+=-]|(?<=^\d)[.)](?=\s|$)|(?<=^\d\d)[.)](?=\s|$)|(?<!\w)_|_(?!\w)")
# A name with an at sign would call a person or a team where Markdown is shown by a code host.
_ALL = "ALLOFTHEM"
"""Stands for the names in a command until the rest of it has been cut and escaped."""
_MENTION = re.compile(r"(?<!\w)@")


def markdown_text(text: str) -> str:
    """Text that shows as it is, also in a table: no markup, no link, no line break, no mention."""
    return _MENTION.sub("&#64;", _SPECIAL.sub(r"\\\g<0>", visible(text).strip()))


def markdown_parts(report: Report) -> Iterator[str]:
    """The file, section by section."""
    yield _head(report)
    for part in _sections(report):
        if part:
            yield f"\n\n{part}"
    yield "\n"


def _sections(report: Report) -> Iterator[str]:
    yield _summary(report)
    yield from _open(report)
    if report.comparison is not None:
        yield _comparison(report.comparison)
    for section in (_tenants, _certificates, _compliant, _run):
        yield section(report)


def table(header: list[str], rows: Iterable[list[str]], numbers: Iterable[int] = ()) -> str:
    """A table; the cells must be Markdown already. `numbers`: columns to align to the right."""
    right = set(numbers)
    lines = ["| " + " | ".join(header) + " |"]
    lines.append("| " + " | ".join("---:" if column in right else "---" for column in range(len(header))) + " |")
    lines.extend("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join(lines)


def _head(report: Report) -> str:
    own = "".join(f"\n\n**{markdown_text(sentence)}**" for sentence in report.run.get("attention") or ())
    return f"# Fleet compliance report\n\n{markdown_text(headline(report))}{own}"


def _summary(report: Report) -> str:
    rows = [[LABELS[verdict], str(report.summary[verdict])] for verdict in VERDICTS]
    rows.append(["**Total**", f"**{report.summary['total']}**"])
    return table(["Verdict", "PBXs"], rows, numbers=[1])


def _run(report: Report) -> str:
    return "## Run\n\n" + "\n".join(f"- {name}: {markdown_text(value)}" for name, value in run_facts(report))


def _comparison(comparison: dict[str, Any]) -> str:
    rows = []
    for category in CATEGORIES:
        if not comparison[category]:
            continue
        hosts = ", ".join(markdown_text(entry["host"]) for entry in comparison[category])
        rows.append(
            [CATEGORY_LABELS[category], str(comparison["counts"][category]), CATEGORY_MEANINGS[category], hosts]
        )
    earlier = markdown_text(time_text(comparison["earlier_generated_at"]) or "an unknown time")
    intro = f"## Since the earlier report\n\nCompared with the report of {earlier}.\n\n"
    if not rows:
        return f"{intro}Nothing has changed, and every PBX was and is compliant."
    return intro + table(["Change", "PBXs", "Meaning", "Names"], rows, numbers=[1])


def _open(report: Report) -> Iterator[str]:
    """Whatever is not compliant, the worst first; what is the same on several PBXs is told once, with their names."""
    entries = [entry for entry in report.hosts if entry["verdict"] != COMPLIANT]
    entries.sort(key=lambda entry: (-SEVERITY[entry["verdict"]], entry["host"]))
    shared = shared_sentences(entries)
    groups: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        groups.setdefault(canonical(_same(entry, shared)), []).append(entry)
    if groups:
        yield "## PBXs that are not compliant or need attention"
    yield from map(_section, groups.values())


def _same(entry: Mapping[str, Any], shared: Container[str]) -> list[Any]:
    """What two PBXs must have in common to be told together."""
    texts = [
        [cause(entry, sentence, shared) for sentence in entry[name]] for name in ("reasons", "attention", "remedies")
    ]
    return [entry["verdict"], texts, entry["changes"], entry["consent"], entry["unmanaged"]]


def _compliant(report: Report) -> str:
    """Every PBX is in the report by its name, also those of which there is nothing to say."""
    entries = [entry for entry in report.hosts if entry["verdict"] == COMPLIANT]
    if not entries:
        return ""
    text = "## Compliant PBXs\n\n" + ", ".join(markdown_text(entry["host"]) for entry in entries)
    by_permissions: dict[tuple[str, ...], list[str]] = {}
    for entry in entries:
        if entry["consent"]["unneeded"]:
            by_permissions.setdefault(tuple(entry["consent"]["unneeded"]), []).append(markdown_text(entry["host"]))
    lines = [
        f"- {', '.join(map(markdown_text, permissions))}: {', '.join(hosts)}"
        for permissions, hosts in sorted(by_permissions.items())
    ]
    return text + ("\n\nGranted, and needed by no setting that is on:\n\n" + "\n".join(lines) if lines else "")


def _tenants(report: Report) -> str:
    """What the tenants have consented to for the automation; each that has something to do."""
    if not report.tenants:
        return ""
    lines = [f"## Consent to the automation\n\n{summary(report.tenants)}."]
    for row in report.tenants:
        if row["state"] in (READY, NOT_CHECKED):
            continue
        where = f" Address: {row['consent_url']}" if row["consent_url"] and row["state"] != TOO_WIDE else ""
        reason = row["reason"] or f"Missing: {', '.join(row['missing'])}."
        lines.append(f"- {markdown_text(row['name'] or row['tenant_id'])}: {_text(reason + where)}")
    return lines[0] + ("\n\n" + "\n".join(lines[1:]) if lines[1:] else "")


def _certificates(report: Report) -> str:
    """What expires, but for what a PBX above was told about."""
    seen = sum(1 for entry in report.hosts if entry["certificates"])
    read = f"The certificates of {seen:,} of {count(len(report.hosts), 'PBX', 'PBXs')} were read"
    expiring = [
        (
            certificate,
            any(certificate.thumbprint and certificate.thumbprint in sentence for sentence in entry["attention"]),
        )
        for entry in report.hosts
        for certificate in report.certificates_of(entry)
        if certificate.state not in ("", FINE)
    ]
    if not expiring:
        return f"## Certificates\n\n{read}; none of them has expired or expires within 30 days."
    heading = f"## Certificates\n\n{read}; {count(len(expiring), 'certificate')} expired, or will within 30 days."
    more = [certificate for certificate, told in expiring if not told]
    more.sort(key=lambda certificate: (certificate.days_left or 0, certificate.host, certificate.thumbprint))
    rows = [
        [markdown_text(due.host), due.day, _expiry(due), markdown_text(due.thumbprint), markdown_text(due.name)]
        for due in more
    ]
    return f"{heading}\n\n" + table(["PBX", "Expires", "", "Thumbprint", "Name"], rows) if rows else heading


def _expiry(certificate: CertificateEnd) -> str:
    text = days_text(certificate.days_left)
    marked = f"**{text}**" if certificate.state == OVERDUE else text
    return f"{marked}; replaced by a newer one" if certificate.superseded else marked


def _text(text: str) -> str:
    return markdown_text(shorten(text, 6 * _LIMITS.characters))


def _section(entries: list[dict[str, Any]]) -> str:
    entry, more = entries[0], len(entries) - 1
    names = ", ".join(markdown_text(entry["host"]) for entry in entries)
    verdict = LABELS[entry["verdict"]].lower()
    lines = (
        [f"### {count(len(entries), 'PBX', 'PBXs')}: {verdict}", "", names, ""]
        if more
        else [f"### {names}: {verdict}", ""]
    )
    sentences = (*entry["reasons"], *entry["attention"])
    same = shared_sentences(entries)
    lines.extend(f"- {_text(cause(entry, sentence, same) if more else sentence)}" for sentence in sentences)
    lines.extend(_drift(entry["changes"]))
    differs = canonical(entry["changes"])
    for title, permissions in (
        ("Consent missing", entry["consent"]["missing"]),
        ("Consent unneeded", entry["consent"]["unneeded"]),
    ):
        # The table of differences has named most of those that are missing.
        untold = [name for name in permissions if canonical(name.removesuffix(DELEGATED_MARK)) not in differs]
        if untold:
            lines.extend(("", f"{title}: " + ", ".join(markdown_text(name) for name in untold)))
    unmanaged = flat_items(entry["unmanaged"])
    if unmanaged:
        lines.extend(("", "Not managed, left unchanged:", ""))
        lines.extend(f"- {markdown_text(path)}: {_list(shown_items(items, _LIMITS))}" for path, items in unmanaged)
    if entry["remedies"]:
        lines.extend(("", "How to fix it:", ""))
        lines.extend(f"{place}. {_remedy(remedy, entries)}" for place, remedy in enumerate(entry["remedies"], 1))
    return "\n".join(lines)


def _remedy(remedy: str, entries: list[dict[str, Any]]) -> str:
    """A remedy for all of these PBXs: its `--limit`, or the limit of its job, names each of them."""
    if len(entries) == 1:
        return _text(remedy)
    own = f"limit {shlex.quote(entries[0]['host'])}"
    everyone = f"limit {shlex.quote(','.join(entry['host'] for entry in entries))}"
    command = cause(entries[0], remedy.replace(own, _ALL))
    return markdown_text(shorten(command, 6 * _LIMITS.characters).replace(_ALL, everyone))


def _drift(changes: list[dict[str, Any]]) -> list[str]:
    differing = all_differences(changes, _LIMITS)
    if not differing:
        return []
    told = differing[: _LIMITS.differences]
    rows = [[markdown_text(difference.path), _before(difference), _after(difference)] for difference in told]
    lines = ["", table(["Setting", "Found", "Desired"], rows)]
    if len(differing) > len(rows):
        lines.extend(("", f"{len(differing) - len(rows)} more in compliance.json."))
    return lines


def _before(difference: Difference) -> str:
    return f"removed: {_list(difference.removed)}" if difference.is_set else markdown_text(difference.before)


def _after(difference: Difference) -> str:
    if not difference.is_set:
        return markdown_text(difference.after)
    return f"added: {_list(difference.added)}" + (f"; {difference.kept} unchanged" if difference.kept else "")


def _list(texts: list[str]) -> str:
    return ", ".join(markdown_text(text) for text in texts) or "none"
