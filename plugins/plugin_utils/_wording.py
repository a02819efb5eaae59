# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Numbers, lists of names and tables in sentences for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def count(number: int, one: str, many: str = "") -> str:
    """`1 PBX`, `2 PBXs`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def share(part: int, total: int, one: str, many: str) -> str:
    """The beginning of a sentence: `1 of 3 tenants is`, `2 of 3 tenants are`."""
    return f"{part:,} of {count(total, one, many)} {'is' if part == 1 else 'are'}"


def totals(states: Iterable[str], known: Iterable[str]) -> dict[str, int]:
    """How many there are in all (`total`), and of each known state."""
    everything = list(states)
    return {"total": len(everything), **{state: everything.count(state) for state in known}}


def tally(states: Iterable[str], words: Mapping[str, str], one: str) -> str:
    """`5 tenants: 3 consented, 2 not consented`, in the order of the words."""
    counts = totals(states, words)
    told = ", ".join(f"{counts[state]} {word}" for state, word in words.items() if counts[state])
    return f"{count(counts['total'], one)}: {told or 'none'}"


def listed(names: Iterable[str], most: int) -> str:
    """`acme, berlin and 3 more`."""
    everything = list(names)
    rest = len(everything) - most
    return ", ".join(everything[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows of a table as lines of text."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
