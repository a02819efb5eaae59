# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The README's table of the rights that the automation needs in a tenant, for three kinds of caller."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.tcx.m365.plugins.module_utils._entra import rights

BEGIN, END = "<!-- rights: made by `make generate` -->", "<!-- /rights -->"


def files(root: Path) -> list[tuple[Path, str]]:
    """The README with its table as the rights say."""
    path = root / "README.md"
    text = path.read_text(encoding="utf-8")
    if BEGIN not in text:
        return []
    head, _begin, rest = text.partition(BEGIN)
    _old, _end, tail = rest.partition(END)
    return [(path, f"{head}{BEGIN}\n{table()}\n{END}{tail}")]


def table() -> str:
    """The rows in Markdown."""
    lines = ["| For | full | own applications (`OwnedBy`) | read-only: compliance, capture |", "|---|---|---|---|"]
    for row in (*rights.ALWAYS, *rights.ON_DEMAND):
        cells = (_cell(names) for names in (row.full, row.owned_by, row.read_only))
        lines.append(f"| {row.text} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "-"
