# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as one self-contained HTML page: no network, no inline handlers, everything escaped, readable without a script."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import count
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from . import tenants
from .certificates import timeline
from .charts import timeline_chart, trend_chart, verdict_chart
from .comparison import CATEGORIES, CATEGORY_LABELS, CATEGORY_MEANINGS, REMOVED
from .model import Report
from .page_data import data_parts
from .values import Limits, shorten
from .verdicts import COMPLIANT, LABELS, MEANINGS, SEVERITY, VERDICTS
from .wording import credential_text, days_text, headline, percent_text, run_facts, time_text

# A page of 2,000 PBXs stays below 5 MB: the more there is to say, the shorter each value is told. The JSON has all of it.
SIZE_LIMIT = 4_500_000
LEVELS = (Limits(), Limits(140, 12, 40), Limits(80, 6, 20), Limits(48, 3, 8), Limits(32, 2, 3))
_PART = 200
_ASSETS = Path(__file__).parent
_TENANTS_SHOWN = 40


def page_parts(report: Report) -> Iterator[str]:
    """The page, with values as long as the size allows."""
    parts: list[bytes] = []  # as text, one ellipsis doubles what a PBX takes
    for limits in _levels(report):
        parts.clear()  # of a large fleet, two pages at a time would be the largest of all that a run holds
        parts.extend(part.encode("utf-8") for part in _render(report, limits))
        if sum(map(len, parts)) <= SIZE_LIMIT:
            break
    for part in parts:
        yield part.decode("utf-8")


def _levels(report: Report) -> Iterator[Limits]:
    """Without those with which a part of a large fleet is far too long already: each page costs as much as all other formats."""
    step = len(report.hosts) // _PART
    part = replace(report, hosts=report.hosts[:: max(1, step)])
    for limits in LEVELS[:-1]:
        if step < 2 or step * sum(map(len, data_parts(part, limits))) <= 1.2 * SIZE_LIMIT:
            yield limits
    yield LEVELS[-1]


def _render(report: Report, limits: Limits) -> Iterator[str]:
    script = _asset("page.js")
    yield _shown(report, limits, script)
    yield from data_parts(report, limits)
    yield f"</script>\n<script>{script}</script>\n</body>\n</html>"


def _shown(report: Report, limits: Limits, script: str) -> str:
    """All of the page but the data, and the script that shows them."""
    style, early = _asset("page.css"), _asset("page_early.js")
    certificates = [certificate for entry in report.hosts for certificate in report.certificates_of(entry)]
    buckets = timeline(certificates, report.moment)
    shared = [cause for cause in report.aggregates["causes"] if len(cause["hosts"]) > 1]
    template = _templates().get_template("page.html")
    return template.render(
        report=report,
        csp=(
            f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(early)}' '{_hash(script)}'; "
            "img-src data:; base-uri 'none'; form-action 'none'"
        ),
        style=style,
        early=early,
        day=time_text(report.generated_at),
        headline=headline(report),
        facts=run_facts(report),
        sections=_sections(report, shared),
        verdict_chart=verdict_chart(report.summary),
        certificates=certificates,
        buckets=buckets,
        timeline_chart=timeline_chart(buckets),
        urgent=sorted(
            (certificate for certificate in certificates if certificate.is_due),
            key=lambda certificate: (certificate.days_left or 0, certificate.host, certificate.thumbprint),
        ),
        places={entry["host"]: place for place, entry in enumerate(report.hosts)},
        trend_chart=trend_chart(report.trend) if len(report.trend) > 1 else "",
        shared_causes=shared,
        applications=list(_applications(report)),
        tenants_summary=tenants.summary(report.tenants),
        open_rows=_open_rows(report, limits),
        total=count(report.summary["total"], "PBX", "PBXs"),
        shortened="" if limits == LEVELS[0] else "Long values are shortened to keep the page small. ",
    )


@lru_cache(maxsize=1)
def _templates() -> Environment:
    """Whatever a template does not call safe is escaped, and whatever it asks for is there."""
    environment = Environment(
        loader=FileSystemLoader(_ASSETS / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(text=_text)
    environment.globals.update(
        CATEGORIES=CATEGORIES,
        CATEGORY_LABELS=CATEGORY_LABELS,
        CATEGORY_MEANINGS=CATEGORY_MEANINGS,
        COMPLIANT=COMPLIANT,
        LABELS=LABELS,
        MEANINGS=MEANINGS,
        REMOVED=REMOVED,
        SETTLED=(tenants.READY, tenants.NOT_CHECKED),
        TENANTS_SHOWN=_TENANTS_SHOWN,
        TO_CONSENT=(tenants.NOT_CONSENTED, tenants.MISSING_RIGHTS),
        VERDICTS=VERDICTS,
        WORDS=tenants.WORDS,
        count=count,
        credential_text=credential_text,
        days_text=days_text,
        percent_text=percent_text,
        shorten=shorten,
        time_text=time_text,
        turned=_turned,
    )
    return environment


def _text(text: str) -> Markup:
    """Text for HTML, isolated so that its direction cannot reorder what stands around it."""
    return Markup("<bdi>{}</bdi>").format(visible(text))


def _asset(name: str) -> str:
    text = (_ASSETS / name).read_text(encoding="utf-8")
    # The license header of an asset stays in the source; in the page it would only be weight.
    return re.sub(r"\A\s*/\*.*?\*/\s*", "", text, count=1, flags=re.DOTALL)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _sections(report: Report, shared: list[dict[str, Any]]) -> dict[str, str]:
    """The sections that the page has, in their order: identifier and title."""
    sections = (
        ("verdicts-heading", "Verdicts", True),
        ("certificates-heading", "Certificates", True),
        ("since-heading", "Changes", report.comparison is not None),
        ("trend-heading", "Trend", len(report.trend) > 1),
        ("fleet-heading", "Across the fleet", shared or report.aggregates["versions"]),
        ("rights-heading", "Who can do what", report.aggregates["permissions"]),
        ("tenants-heading", "Consent", report.tenants),
        ("pbxs", "PBXs", True),
    )
    return {name: title for name, title, is_shown in sections if is_shown}


def _turned(entry: Mapping[str, Any]) -> str:
    """What has become of a PBX since the earlier report: `drifted \u2192 compliant`."""
    verdicts = [LABELS[verdict].lower() for verdict in dict.fromkeys((entry["earlier"], entry["now"])) if verdict]
    fresh = len((entry.get("changes") or {}).get("new", []))
    news = f", {count(fresh, 'new difference')}" if fresh and entry["earlier"] != COMPLIANT else ""
    return " \u2192 ".join(verdicts) + news


def _applications(report: Report) -> Iterator[dict[str, Any]]:
    """By tenant, applications with the same permissions in one row: that is what tells the one that can do more."""
    by_name = sorted(
        report.aggregates["tenants"],
        key=lambda tenant: (tenant["tenant_name"].casefold() or tenant["tenant_id"], tenant["tenant_id"]),
    )
    for tenant in by_name:
        groups: dict[tuple[tuple[str, ...], bool], list[str]] = {}
        for application in tenant["applications"]:
            key = (tuple(application["permissions"]), bool(application["foreign_credentials"]))
            groups.setdefault(key, []).extend(application["hosts"])
        for (permissions, foreign), hosts in groups.items():
            yield {"tenant": tenant, "hosts": hosts, "permissions": permissions, "foreign": foreign}


def _open_rows(report: Report, limits: Limits) -> list[dict[str, Any]]:
    """For readers without a script: every PBX that is not compliant, the worst first."""
    entries = [entry for entry in enumerate(report.hosts) if entry[1]["verdict"] != COMPLIANT]
    entries.sort(key=lambda entry: (-SEVERITY[entry[1]["verdict"]], entry[0]))
    most = 2 * limits.characters
    return [
        {
            "place": place,
            "host": entry["host"],
            "verdict": entry["verdict"],
            "reasons": shorten(" ".join([*entry["reasons"], *entry["attention"]]), most),
            "fields": shorten(
                ", ".join(f"{change['target']}.{change['field']}" for change in entry["changes"][: limits.items]), most
            ),
            "remedies": [shorten(remedy, most) for remedy in entry["remedies"][: limits.items]],
        }
        for place, entry in entries
    ]
