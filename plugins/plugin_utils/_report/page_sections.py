# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the tcx.m365 collection: no stable interface, may change in any release.

"""The sections of the page about the fleet as a whole: trend, the same cause on many PBXs, and who can do what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible

from .charts import trend_chart
from .model import Report
from .tenants import MISSING_RIGHTS, NOT_CHECKED, NOT_CONSENTED, READY, WORDS, summary
from .values import shorten
from .wording import count, credential_text, listed, percent_text, time_text

_SECTIONS = {
    "verdicts-heading": "Verdicts",
    "certificates-heading": "Certificates",
    "since-heading": "Changes",
    "trend-heading": "Trend",
    "fleet-heading": "Across the fleet",
    "rights-heading": "Who can do what",
    "tenants-heading": "Consent",
    "pbxs": "PBXs",
}
_CAUSES_SHOWN = 12
_VERSIONS_SHOWN = 12
_TENANTS_SHOWN = 40
_CAUSE_CHARACTERS = 240


def text_html(text: str) -> str:
    """Text for HTML, isolated so that its direction cannot reorder what stands around it."""
    return f"<bdi>{escape(visible(text))}</bdi>"


def trend_section(report: Report) -> str:
    """Nothing while there is only one run to tell of."""
    points = report.trend
    if len(points) < 2:
        return ""
    rows = "".join(_run_row(point) for point in reversed(points))
    return (
        '<section class="card" aria-labelledby="trend-heading"><h2 id="trend-heading">Trend</h2>'
        f'<p class="lead-in">The last {len(points)} runs on the whole inventory.</p>{trend_chart(points)}'
        '<ul class="key"><li class="trend-compliant">Compliant</li><li class="trend-attention">Needs attention</li>'
        '<li class="trend-rest">Other verdicts</li></ul>'
        '<details class="as-table"><summary>Trend as a table</summary><table class="plain">'
        '<caption class="hidden">Verdicts and certificates due, by run</caption><thead><tr>'
        '<th scope="col">Run</th><th scope="col" class="num">PBXs</th><th scope="col" class="num">Compliant</th>'
        '<th scope="col" class="num">Share</th><th scope="col" class="num">Attention</th>'
        f'<th scope="col" class="num">Certificates due</th></tr></thead><tbody>{rows}</tbody></table></details></section>'
    )


def _run_row(point: Mapping[str, Any]) -> str:
    cells = (
        point["total"],
        point["compliant"],
        percent_text(point["compliant"], point["total"]),
        point["attention"],
        point["certificates_due"],
    )
    numbers = "".join(f'<td class="num">{cell}</td>' for cell in cells)
    return f'<tr><th scope="row">{text_html(time_text(point["generated_at"]))}</th>{numbers}</tr>'


def fleet_section(report: Report) -> str:
    """The same cause on several PBXs, the versions, and who can do what; each part only where there is something to tell."""
    sums = report.aggregates
    shared = [cause for cause in sums["causes"] if len(cause["hosts"]) > 1]
    parts = [_causes(shared), _versions(sums["versions"])]
    fleet = "".join(parts)
    whole = (
        f'<section class="card" aria-labelledby="fleet-heading"><h2 id="fleet-heading">Across the fleet</h2>{fleet}</section>'
        if fleet
        else ""
    )
    return whole + _rights(sums)


def _causes(shared: Sequence[Mapping[str, Any]]) -> str:
    if not shared:
        return ""
    items = "".join(
        f'<li><span class="number">{len(cause["hosts"]):,} \u00d7</span> {text_html(shorten(cause["text"], _CAUSE_CHARACTERS))}</li>'
        for cause in shared[:_CAUSES_SHOWN]
    )
    return f'<h3>Same cause</h3><ul class="causes">{items}</ul>{_more(len(shared) - _CAUSES_SHOWN, "cause")}'


def _versions(versions: Sequence[Mapping[str, Any]]) -> str:
    if not versions:
        return ""
    items = "".join(
        f'<li><span class="number">{version["pbxs"]:,} \u00d7</span> {text_html(version["version"] or "unknown version")}</li>'
        for version in versions[:_VERSIONS_SHOWN]
    )
    return f'<h3>Versions</h3><ul class="causes inline">{items}</ul>{_more(len(versions) - _VERSIONS_SHOWN, "version")}'


def _more(number: int, what: str) -> str:
    return f'<p class="quiet">And {count(number, "more " + what)} in compliance.json.</p>' if number > 0 else ""


def tenants_section(report: Report) -> str:
    """What each tenant has consented to for the automation; where something has to be done stands open."""
    if not report.tenants:
        return ""
    waiting = [row for row in report.tenants if row["state"] not in (READY, NOT_CHECKED)]
    others = [row for row in report.tenants if row["state"] in (READY, NOT_CHECKED)]
    rest = (
        '<details class="as-table ready-tenants"><summary>The other tenants</summary>'
        f"{_consents(others, 'The other tenants')}</details>"
        if others
        else ""
    )
    return (
        '<section class="card" aria-labelledby="tenants-heading"><h2 id="tenants-heading">Consent to the automation</h2>'
        f'<p class="lead-in">{escape(summary(report.tenants))}. What the token of this run says in each tenant.</p>'
        f"{_consents(waiting, 'Tenants in which something has to be done') if waiting else ''}{rest}</section>"
    )


def _consents(rows: Sequence[Mapping[str, Any]], caption: str) -> str:
    return (
        f'<table class="plain stacked"><caption class="hidden">{caption}</caption><thead><tr>'
        '<th scope="col">Tenant</th><th scope="col">PBXs</th><th scope="col">Consent</th><th scope="col">Rights</th>'
        '<th scope="col">Credential</th></tr></thead><tbody>'
        f"{''.join(_consent_row(row) for row in rows[:_TENANTS_SHOWN])}</tbody></table>{_more(len(rows) - _TENANTS_SHOWN, 'tenant')}"
    )


def _consent_row(row: Mapping[str, Any]) -> str:
    mark = "" if row["state"] in (READY, NOT_CHECKED) else ' class="overdue-text"'
    lists = (("", row["rights"]), ("Missing: ", row["missing"]), ("Not needed: ", row["too_wide"]))
    rights = "<br>".join(f"{word}{_names(names)}" for word, names in lists if names)
    reason = (
        f'<br><span class="quiet">{text_html(shorten(row["reason"], _CAUSE_CHARACTERS))}</span>'
        if row["reason"]
        else ""
    )
    if row["state"] in (NOT_CONSENTED, MISSING_RIGHTS) and row["consent_url"].startswith("https://"):
        reason += f'<br><a href="{escape(row["consent_url"])}" rel="noopener noreferrer">Address for the consent</a>'
    credential = escape(credential_text(row["credential"])) if row["credential"] else ""
    return (
        f'<tr><th scope="row">{_tenant_name(row["name"], row["tenant_id"])}</th><td data-label="PBXs">{_names(row["hosts"])}</td>'
        f'<td><span{mark}>{escape(WORDS[row["state"]])}</span>{reason}</td><td data-label="Rights">{rights}</td>'
        f'<td data-label="Credential">{credential}</td></tr>'
    )


def _tenant_name(name: str, tenant_id: str) -> str:
    return (
        f'{text_html(name)}<span class="quiet tenant-id">{text_html(tenant_id)}</span>'
        if name
        else text_html(tenant_id)
    )


def sections_nav(sections: str) -> str:
    """Links to the sections that the page has, in their order."""
    links = "".join(
        f'<li><a href="#{name}">{title}</a></li>' for name, title in _SECTIONS.items() if f'id="{name}"' in sections
    )
    return f'<nav class="sections" aria-label="Sections"><ul>{links}</ul></nav>'


def _rights(sums: Mapping[str, Any]) -> str:
    """Who can do what in which tenant."""
    if not sums["permissions"]:
        return ""
    rows = "".join(_permission_row(permission) for permission in sums["permissions"])
    return (
        '<section class="card" aria-labelledby="rights-heading"><h2 id="rights-heading">Who can do what</h2>'
        '<p class="lead-in">Permissions of the applications of the PBXs, as they are granted in the tenants of their customers.</p>'
        '<table class="plain rights"><caption class="hidden">Permissions of the applications</caption>'
        '<thead><tr><th scope="col">Permission</th><th scope="col">It lets the application</th><th scope="col" class="num">Granted</th>'
        '<th scope="col" class="num">Not needed</th><th scope="col" class="num">Missing</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>{_tenants(sums['tenants'])}</section>"
    )


def _permission_row(permission: Mapping[str, Any]) -> str:
    numbers = "".join(f'<td class="num">{permission[kind]}</td>' for kind in ("granted", "unneeded", "missing"))
    return f'<tr><th scope="row">{text_html(permission["name"])}</th><td>{escape(permission["meaning"])}</td>{numbers}</tr>'


def _tenants(tenants: Sequence[Mapping[str, Any]]) -> str:
    """Applications with the same permissions in one row: that is what tells the one that can do more."""
    by_name = sorted(
        tenants, key=lambda tenant: (tenant["tenant_name"].casefold() or tenant["tenant_id"], tenant["tenant_id"])
    )
    rows = [row for tenant in by_name for row in _tenant_rows(tenant)]
    if not rows:
        return ""
    return (
        '<details class="as-table by-tenant"><summary>By tenant</summary><table class="plain stacked">'
        '<caption class="hidden">Permissions of the applications by tenant</caption><thead><tr><th scope="col">Tenant</th>'
        '<th scope="col">PBXs</th><th scope="col">Permissions of their application</th><th scope="col">Keys outside the inventory</th>'
        f"</tr></thead><tbody>{''.join(rows[:_TENANTS_SHOWN])}</tbody></table></details>"
        f"{_more(len(rows) - _TENANTS_SHOWN, 'row')}"
    )


def _tenant_rows(tenant: Mapping[str, Any]) -> list[str]:
    groups: dict[tuple[tuple[str, ...], bool], list[str]] = {}
    for application in tenant["applications"]:
        key = (tuple(application["permissions"]), bool(application["foreign_credentials"]))
        groups.setdefault(key, []).extend(application["hosts"])
    name = _tenant_name(tenant["tenant_name"], tenant["tenant_id"])
    return [
        f'<tr><th scope="row">{name}</th><td data-label="PBXs">{_names(hosts)}</td><td data-label="Permissions">{_names(names) or "none"}</td>'
        f'<td data-label="Keys outside the inventory">{"yes, see the details of the PBX" if foreign else "none"}</td></tr>'
        for (names, foreign), hosts in groups.items()
    ]


def _names(names: Iterable[str], shown: int = 8) -> str:
    return listed(map(text_html, names), shown)
