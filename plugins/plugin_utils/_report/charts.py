# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The charts of the page as inline SVG. Widths are percentages, so that text keeps its size on every screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ansible_collections.tcx.m365.plugins.plugin_utils._wording import count

from .certificates import MONTHS_AHEAD, OVERDUE, Bucket
from .verdicts import LABELS, VERDICTS
from .wording import percent_text, time_text

_BAR_HEIGHT = 28
# The first and the last column carry a word, not the three letters of a month.
_EDGES = ("Expired", "Later")
_EDGE_WEIGHT = 1.8
_QUARTERS = ("Jan", "Apr", "Jul", "Oct")
_PLOT_TOP, _PLOT_HEIGHT, _LABEL_HEIGHT = 22, 120, 34
_TREND_HEIGHT = 80


def _percent(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") + "%"


def verdict_chart(summary: dict[str, int]) -> str:
    """One bar, divided by verdict. A verdict that occurs is never thinner than a visible sliver."""
    shown = [verdict for verdict in VERDICTS if summary[verdict]]
    total = summary["total"]
    weights = [max(summary[verdict] / total, 0.012) for verdict in shown] if total else []
    told = ", ".join(f"{summary[verdict]} {LABELS[verdict].lower()}" for verdict in shown) or "no PBX"
    parts: list[str] = []
    start = 0.0
    for verdict, weight in zip(shown, weights):
        width = 100 * weight / sum(weights)
        tip = f"{LABELS[verdict]}: {summary[verdict]} of {total}"
        parts.append(
            f'<rect class="fill-{verdict}" x="{_percent(start)}" y="0" width="{_percent(width)}" height="{_BAR_HEIGHT}">'
            f"<title>{escape(tip)}</title></rect>"
        )
        if start:
            parts.append(
                f'<line class="gap" x1="{_percent(start)}" x2="{_percent(start)}" y1="0" y2="{_BAR_HEIGHT}"></line>'
            )
        start += width
    return (
        f'<svg class="verdict-chart" role="img" aria-labelledby="verdict-chart-title verdict-chart-desc" width="100%" '
        f'height="{_BAR_HEIGHT}"><title id="verdict-chart-title">Verdicts of the fleet</title>'
        f'<desc id="verdict-chart-desc">Bar divided by verdict: {escape(told)}.</desc>{"".join(parts)}</svg>'
    )


def timeline_chart(buckets: Sequence[Bucket]) -> str:
    """A column per month with the number of certificates that expire in it; those that have expired stand first, later ones last."""
    highest = max((len(bucket.certificates) for bucket in buckets), default=0)
    weights = [_EDGE_WEIGHT if bucket.short in _EDGES else 1.0 for bucket in buckets]
    steps = [100 * weight / sum(weights) for weight in weights]
    base = _PLOT_TOP + _PLOT_HEIGHT
    overdue = len(buckets[0].certificates)
    told = "; ".join(f"{bucket.label}: {len(bucket.certificates)}" for bucket in buckets if bucket.certificates)
    columns = "".join(
        _column(bucket, place, (sum(steps[:place]), steps[place]), highest) for place, bucket in enumerate(buckets)
    )
    return (
        f'<svg class="timeline" role="img" aria-labelledby="timeline-title timeline-desc" width="100%" '
        f'height="{base + _LABEL_HEIGHT}"><title id="timeline-title">Certificate expiry by month</title>'
        f'<desc id="timeline-desc">{count(overdue, "certificate")} expired. {escape(told or "No certificate is known")}.</desc>'
        f'<line class="axis" x1="0" x2="100%" y1="{base}.5" y2="{base}.5"></line>{columns}</svg>'
    )


def _column(bucket: Bucket, place: int, room: tuple[float, float], highest: int) -> str:
    base = _PLOT_TOP + _PLOT_HEIGHT
    start, step = room
    thickness = 0.72 * step / (_EDGE_WEIGHT if bucket.short in _EDGES else 1)
    left, middle = _percent(start + (step - thickness) / 2), _percent(start + step / 2)
    width = _percent(thickness)
    total = len(bucket.certificates)
    height = max(3.0, _PLOT_HEIGHT * total / highest) if total else 0.0
    lower = round(height * bucket.alone / total, 1) if total else 0.0
    tip = f"{bucket.label}: {count(total, 'certificate')}" + (
        f", {bucket.superseded} replaced" if bucket.superseded else ""
    )
    parts = [f'<g class="column {bucket.kind}"><title>{escape(tip)}</title>']
    if bucket.alone:
        parts.append(
            f'<rect class="alone" x="{left}" y="{base - lower:.1f}" width="{width}" height="{lower:.1f}" rx="1.5"></rect>'
        )
    if bucket.superseded:
        upper = height - lower
        parts.append(
            f'<rect class="superseded" x="{left}" y="{base - height:.1f}" width="{width}" height="{upper:.1f}" rx="1.5"></rect>'
        )
    if total:
        mark = "! " if bucket.kind == OVERDUE else ""
        parts.append(f'<text class="number" x="{middle}" y="{base - height - 6:.1f}">{mark}{total}</text>')
    parts.append(f"{_label(bucket, place, middle, base)}</g>")
    return "".join(parts)


def _label(bucket: Bucket, place: int, middle: str, base: int) -> str:
    ends = bucket.short in _EDGES
    # On a phone only the quarters have room for their names, and none beside the words of the first and the last column.
    quarter = bucket.short in _QUARTERS and 2 < place < MONTHS_AHEAD
    kind = "edge" if ends else ("tick" if quarter else "tick minor")
    year = bucket.label[-4:] if not ends and (place == 1 or bucket.short == "Jan") else ""
    text = f'<text class="{kind}" x="{middle}" y="{base + 15}">{bucket.short}</text>'
    return text + (
        f'<text class="year{"" if quarter else " minor"}" x="{middle}" y="{base + 30}">{year}</text>' if year else ""
    )


def trend_chart(points: Sequence[Mapping[str, Any]]) -> str:
    """A column per run: the share that is compliant, above it the share that needs attention; below, the certificates due."""
    step = 100 / max(len(points), 8)
    base = _PLOT_TOP + _TREND_HEIGHT
    columns = "".join(_run(point, place * step, step, base, len(points)) for place, point in enumerate(points))
    first, last = points[0], points[-1]
    told = (
        f"From {percent_text(first['compliant'], first['total'])} compliant on {time_text(first['generated_at'])} "
        f"to {percent_text(last['compliant'], last['total'])} on {time_text(last['generated_at'])}; "
        f"certificates due: {first['certificates_due']}, then {last['certificates_due']}"
    )
    return (
        f'<svg class="trend" role="img" aria-labelledby="trend-title trend-desc" width="100%" height="{base + _LABEL_HEIGHT}">'
        f'<title id="trend-title">Share of compliant PBXs by run</title><desc id="trend-desc">{escape(told)}.</desc>'
        f'<line class="axis" x1="0" x2="100%" y1="{base}.5" y2="{base}.5"></line>{columns}</svg>'
    )


def _run(point: Mapping[str, Any], start: float, step: float, base: int, runs: int) -> str:
    total = point["total"]
    left, width, middle = _percent(start + 0.14 * step), _percent(0.72 * step), _percent(start + step / 2)
    share = percent_text(point["compliant"], total)
    tip = (
        f"{time_text(point['generated_at'])}: {share} compliant, {count(point['certificates_due'], 'certificate')} due"
    )
    parts = [f'<g class="run"><title>{escape(tip)}</title>']
    lower = float(base)
    for name in ("compliant", "attention", "rest"):
        number = total - point["compliant"] - point["attention"] if name == "rest" else point[name]
        height = _TREND_HEIGHT * max(0, number) / total if total else 0.0
        if height:
            lower -= height
            parts.append(
                f'<rect class="{name}" x="{left}" y="{lower:.1f}" width="{width}" height="{height:.1f}"></rect>'
            )
    # With many runs only some of them have room for their numbers; the table has them all.
    every = max(1, -(-runs // 10))
    if (runs - 1 - round(start / step)) % every == 0:
        parts.append(f'<text class="number" x="{middle}" y="{_PLOT_TOP - 6}">{escape(share)}</text>')
        parts.append(f'<text x="{middle}" y="{base + 15}">{escape(point["generated_at"][5:10])}</text>')
        if point["certificates_due"]:
            parts.append(f'<text class="due" x="{middle}" y="{base + 30}">{point["certificates_due"]} due</text>')
    return "".join(parts) + "</g>"
