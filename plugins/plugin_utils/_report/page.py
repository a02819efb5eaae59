# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the tcx.m365 collection: no stable interface, may change in any release.

"""The report as one self-contained HTML page: no network, no inline handlers, everything escaped, readable without a script."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

from .certificates import Bucket, CertificateEnd, timeline
from .charts import timeline_chart, verdict_chart
from .comparison import CATEGORIES, CATEGORY_LABELS, CATEGORY_MEANINGS, REMOVED
from .model import Report
from .page_data import page_data, script_json
from .page_sections import fleet_section, sections_nav, tenants_section, text_html, trend_section
from .values import Limits, shorten
from .verdicts import COMPLIANT, LABELS, MEANINGS, SEVERITY, VERDICTS
from .wording import count, days_text, headline, percent_text, run_facts, time_text

# A page of 2,000 PBXs stays below 5 MB: the more there is to say, the shorter each value is told. The JSON has all of it.
SIZE_LIMIT = 4_500_000
LEVELS = (Limits(), Limits(140, 12, 40), Limits(80, 6, 20), Limits(48, 3, 8), Limits(32, 2, 3))
_PART = 200
_SOON_SHOWN = 12
_NAMES_SHOWN = 60
_ASSETS = Path(__file__).parent
_TOKEN = re.compile(r"\{\{(\w+)\}\}")


def render_page(report: Report) -> str:
    """The whole page, with values as long as the size allows."""
    page = ""
    for limits in _levels(report):
        page = ""  # of a large fleet, two at a time would be the largest of all that a run holds
        page = _render(report, limits)
        if (len(page) if page.isascii() else len(page.encode("utf-8"))) <= SIZE_LIMIT:
            break
    return page


def _levels(report: Report) -> Iterator[Limits]:
    """Without those with which a part of a large fleet is far too long already: each page costs as much as all other formats."""
    step = len(report.hosts) // _PART
    part = replace(report, hosts=report.hosts[:: max(1, step)])
    for limits in LEVELS[:-1]:
        if step < 2 or step * len(script_json(page_data(part, limits))) <= 1.2 * SIZE_LIMIT:
            yield limits
    yield LEVELS[-1]


def _render(report: Report, limits: Limits) -> str:
    style, early, script = (_asset(name) for name in ("page.css", "page_early.js", "page.js"))
    certificates = [certificate for entry in report.hosts for certificate in report.certificates_of(entry)]
    parts = {
        "csp": (
            f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(early)}' '{_hash(script)}'; "
            "img-src data:; base-uri 'none'; form-action 'none'"
        ),
        "style": style,
        "early": early,
        "script": script,
        "data": script_json(page_data(report, limits)),
        "day": escape(time_text(report.generated_at)),
        "headline": escape(headline(report.summary)),
        "own": "".join(f'<p class="own">{text_html(sentence)}</p>' for sentence in report.run.get("attention") or ()),
        "facts": _facts(report),
        "verdict_chart": verdict_chart(report.summary),
        "legend": _legend(report.summary),
        "verdict_table": _verdict_table(report.summary),
        "certificates": _certificates(certificates, report),
        "comparison": _comparison(report) + trend_section(report),
        "fleet": fleet_section(report),
        "tenants": tenants_section(report),
        "open_table": _open_table(report, limits),
        "total": count(report.summary["total"], "PBX", "PBXs"),
        "shortened": "" if limits == LEVELS[0] else "Long values are shortened to keep the page small. ",
    }
    always = 'id="verdicts-heading" id="certificates-heading" id="pbxs"'
    parts["nav"] = sections_nav(always + parts["comparison"] + parts["fleet"] + parts["tenants"])
    return _TOKEN.sub(lambda token: parts[token.group(1)], _asset("page.html"))


def _asset(name: str) -> str:
    text = (_ASSETS / name).read_text(encoding="utf-8")
    # The license header of an asset stays in the source; in the page it would only be weight.
    return re.sub(r"\A\s*(/\*.*?\*/|<!--.*?-->)\s*", "", text, count=1, flags=re.DOTALL)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _icon(name: str) -> str:
    return f'<svg class="icon" aria-hidden="true" width="14" height="14"><use href="#icon-{name}"></use></svg>'


def _facts(report: Report) -> str:
    return "".join(
        f"<div><dt>{escape(name)}</dt><dd>{text_html(value)}</dd></div>" for name, value in run_facts(report)
    )


def _legend(summary: dict[str, int]) -> str:
    items = (
        f'<li class="verdict-{verdict}{" none" if not summary[verdict] else ""}"><span class="mark">{_icon(verdict)}</span>'
        f'<span class="number">{summary[verdict]}</span> <span class="name">{LABELS[verdict]}</span></li>'
        for verdict in VERDICTS
    )
    return "".join(items)


def _verdict_table(summary: dict[str, int]) -> str:
    rows = [
        f'<tr><th scope="row">{LABELS[verdict]}</th><td class="num">{summary[verdict]}</td>'
        f'<td class="num">{percent_text(summary[verdict], summary["total"])}</td><td>{MEANINGS[verdict]}</td></tr>'
        for verdict in VERDICTS
    ]
    total = f'<tr><th scope="row">Total</th><td class="num">{summary["total"]}</td><td></td><td></td></tr>'
    return "".join(rows) + total


def _certificates(certificates: Sequence[CertificateEnd], report: Report) -> str:
    if not any(certificate.days_left is not None for certificate in certificates):
        return '<p class="quiet">No certificate with a known expiry date was read in this run.</p>'
    buckets = timeline(certificates, report.moment)
    unknown = sum(1 for certificate in certificates if certificate.days_left is None)
    note = f'<p class="quiet">The expiry date of {count(unknown, "certificate")} is unknown.</p>' if unknown else ""
    key = (
        '<ul class="key"><li class="overdue">Expired</li><li class="soon">Month with an expiry within 30 days</li>'
        '<li class="fine">Later</li><li class="superseded">Replaced by a newer one on the same PBX</li></ul>'
    )
    return f"{timeline_chart(buckets)}{key}{note}{_urgent(certificates)}{_timeline_table(buckets)}"


def _urgent(certificates: Sequence[CertificateEnd]) -> str:
    urgent = [certificate for certificate in certificates if certificate.is_due]
    if not urgent:
        return '<p class="lead-in">No certificate that was read has expired or expires within 30 days without a newer one.</p>'
    urgent.sort(key=lambda certificate: (certificate.days_left or 0, certificate.host, certificate.thumbprint))
    items = "".join(
        f'<li class="{certificate.state}"><span class="who">{text_html(certificate.host)}</span> '
        f'<span class="when">{escape(days_text(certificate.days_left))}</span> <span class="quiet">{certificate.day}</span></li>'
        for certificate in urgent[:_SOON_SHOWN]
    )
    more = len(urgent) - _SOON_SHOWN
    rest = (
        f'<p class="quiet">And {count(more, "more PBX", "more PBXs")}: filter the list below by certificate.</p>'
        if more > 0
        else ""
    )
    return f'<h3>Renew first</h3><ul class="urgent">{items}</ul>{rest}'


def _timeline_table(buckets: Sequence[Bucket]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{bucket.label}</th><td class="num">{len(bucket.certificates)}</td>'
        f'<td class="num">{bucket.superseded}</td></tr>'
        for bucket in buckets
        if bucket.certificates
    )
    return (
        '<details class="as-table"><summary>Certificate expiry as a table</summary><table class="plain">'
        '<caption class="hidden">Certificates by the month in which they expire</caption><thead><tr><th scope="col">Month</th>'
        '<th scope="col" class="num">Certificates</th><th scope="col" class="num">Replaced</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></details>"
    )


def _comparison(report: Report) -> str:
    comparison = report.comparison
    if comparison is None:
        return ""
    places = {entry["host"]: place for place, entry in enumerate(report.hosts)}
    groups = "".join(_group(category, comparison[category], places) for category in CATEGORIES)
    earlier, then = time_text(comparison["earlier_generated_at"]), comparison["earlier_summary"]
    limited = bool(report.run.get("limit")) and comparison[REMOVED]
    note = (
        '<p class="quiet">This run was limited: a PBX that is missing here may simply not have been asked.</p>'
        if limited
        else ""
    )
    return (
        '<section class="card" aria-labelledby="since-heading"><h2 id="since-heading">Since the earlier report</h2>'
        f'<p class="lead-in">On {text_html(earlier or "an unknown day")}, {then[COMPLIANT]:,} of {count(then["total"], "PBX", "PBXs")} '
        f'{"was" if then[COMPLIANT] == 1 else "were"} compliant.</p><div class="since">{groups}</div>{note}</section>'
    )


def _group(category: str, entries: list[dict[str, Any]], places: dict[str, int]) -> str:
    names = "".join(f"<li>{_compared(entry, places)}</li>" for entry in entries[:_NAMES_SHOWN])
    more = len(entries) - _NAMES_SHOWN
    rest = f'<p class="quiet">And {more} more.</p>' if more > 0 else ""
    body = f'<ul class="names">{names}</ul>{rest}' if entries else ""
    return (
        f'<div class="group {category.replace("_", "-")}{"" if entries else " none"}"><h3><span class="number">{len(entries)}</span> '
        f'{CATEGORY_LABELS[category]}</h3><p class="quiet">{CATEGORY_MEANINGS[category]}</p>{body}</div>'
    )


def _compared(entry: dict[str, Any], places: dict[str, int]) -> str:
    place = places.get(entry["host"])
    name = text_html(entry["host"]) if place is None else f'<a href="#pbx-{place}">{text_html(entry["host"])}</a>'
    verdicts = [LABELS[verdict].lower() for verdict in dict.fromkeys((entry["earlier"], entry["now"])) if verdict]
    fresh = len((entry.get("changes") or {}).get("new", []))
    news = f", {count(fresh, 'new difference')}" if fresh and entry["earlier"] != COMPLIANT else ""
    told = " \u2192 ".join(verdicts) + news
    return f'{name} <span class="quiet">{told}</span>'


def _open_table(report: Report, limits: Limits) -> str:
    """Rows for readers without a script: every PBX that is not compliant, the worst first."""
    entries = [entry for entry in enumerate(report.hosts) if entry[1]["verdict"] != COMPLIANT]
    entries.sort(key=lambda entry: (-SEVERITY[entry[1]["verdict"]], entry[0]))
    return "".join(_open_row(place, entry, limits) for place, entry in entries)


def _open_row(place: int, entry: dict[str, Any], limits: Limits) -> str:
    reasons = shorten(" ".join(entry["reasons"]), 2 * limits.characters)
    fields = [f"{change['target']}.{change['field']}" for change in entry["changes"][: limits.items]]
    drift = (
        f'<br><span class="quiet">Differs: {text_html(shorten(", ".join(fields), 2 * limits.characters))}</span>'
        if fields
        else ""
    )
    remedies = "<br>".join(
        text_html(shorten(remedy, 2 * limits.characters)) for remedy in entry["remedies"][: limits.items]
    )
    return (
        f'<tr id="pbx-{place}"><th scope="row">{text_html(entry["host"])}</th><td>{LABELS[entry["verdict"]]}</td>'
        f"<td>{text_html(reasons)}{drift}</td><td>{remedies}</td></tr>"
    )
