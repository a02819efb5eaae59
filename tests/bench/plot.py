# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A line chart as SVG, for light and dark pages, without any library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

Point = tuple[float, float]

WIDTH, HEIGHT = 860, 380
_LEFT, _TOP, _BOTTOM, _GAP = 62, 64, 60, 92
_COLORS = ("a", "b")

_STYLE = """
text{font:13px system-ui,sans-serif;fill:#1f2937}.title{font-weight:600;font-size:15px}.axis{stroke:#9ca3af}
.grid{stroke:#e5e7eb}.a{stroke:#0b63ce;fill:#0b63ce}.b{stroke:#c2410c;fill:#c2410c}path.line{fill:none!important;stroke-width:2}
.page{fill:#ffffff}.b.line{stroke-dasharray:6 4}text.a,text.b{stroke:none}
@media (prefers-color-scheme:dark){text{fill:#e5e7eb}.grid{stroke:#374151}.page{fill:#111827}.axis{stroke:#6b7280}
.a{stroke:#6cb0ff;fill:#6cb0ff}.b{stroke:#fdba74;fill:#fdba74}}
"""


@dataclass(frozen=True)
class Panel:
    """One diagram: a title, what the y axis counts, and lines by name."""

    title: str
    unit: str
    lines: dict[str, Sequence[Point]]


def draw(title: str, description: str, panels: Sequence[Panel], x_name: str) -> str:
    """All panels side by side."""
    width = (WIDTH - _LEFT - 24 - _GAP * (len(panels) - 1)) / len(panels)
    parts = [_panel(panel, _LEFT + number * (width + _GAP), width, x_name) for number, panel in enumerate(panels)]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="t d">'
        f'<title id="t">{escape(title)}</title><desc id="d">{escape(description)}</desc><style>{_STYLE}</style>'
        f'<rect class="page" width="{WIDTH}" height="{HEIGHT}" rx="8"/>'
    )
    return head + "".join(parts) + "</svg>\n"


def _panel(panel: Panel, left: float, width: float, x_name: str) -> str:
    points = [point for line in panel.lines.values() for point in line]
    right, top = max(x for x, _y in points), _round_up(max(y for _x, y in points))
    height = HEIGHT - _TOP - _BOTTOM

    def at_x(value: float) -> float:
        return left + width * value / right

    def at_y(value: float) -> float:
        return _TOP + height * (1 - value / top)

    parts = [f'<text class="title" x="{left:.0f}" y="26">{escape(f"{panel.title}, {panel.unit}")}</text>']
    for step in range(5):
        value = top * step / 4
        y = at_y(value)
        parts.append(f'<line class="grid" x1="{left:.0f}" x2="{left + width:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{left - 8:.0f}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
        x = right * step / 4
        parts.append(f'<text x="{at_x(x):.0f}" y="{HEIGHT - _BOTTOM + 20}" text-anchor="middle">{x:g}</text>')
    parts.append(f'<text x="{left + width / 2:.0f}" y="{HEIGHT - 16}" text-anchor="middle">{escape(x_name)}</text>')
    for number, (name, line) in enumerate(panel.lines.items()):
        parts.append(_line(name, line, _COLORS[number % 2], at_x, at_y))
        parts.append(
            f'<text class="{_COLORS[number % 2]}" x="{left + number * width / 2:.0f}" y="48">'
            f"{'&#9679;' if number == 0 else '&#9632;'} {escape(name)}</text>"
        )
    return "".join(parts)


def _line(
    name: str, line: Sequence[Point], color: str, at_x: Callable[[float], float], at_y: Callable[[float], float]
) -> str:
    path = " ".join(f"{'L' if number else 'M'}{at_x(x):.1f} {at_y(y):.1f}" for number, (x, y) in enumerate(line))
    marks = "".join(
        f'<circle class="{color}" cx="{at_x(x):.1f}" cy="{at_y(y):.1f}" r="3.5">'
        f"<title>{escape(name)}: {x:g} PBXs, {y:.3g}</title></circle>"
        if color == "a"
        else f'<rect class="{color}" x="{at_x(x) - 3:.1f}" y="{at_y(y) - 3:.1f}" width="6" height="6">'
        f"<title>{escape(name)}: {x:g} PBXs, {y:.3g}</title></rect>"
        for x, y in line
    )
    return f'<path class="{color} line" d="{path}"/>{marks}'


def _round_up(value: float) -> float:
    """The next number that divides by four without ugly fractions."""
    step = 1.0
    while step * 40 < value:
        step *= 10
    return next(step * factor for factor in (2, 4, 6, 8, 10, 12, 16, 20, 24, 28, 32, 36, 40) if step * factor >= value)
