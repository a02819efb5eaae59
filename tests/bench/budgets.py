# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The budgets, each beside the figure of the last measurement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Row = tuple[str, str, str, str]

HEAD = "| what | budget | measured | |\n|---|---:|---:|---|"
_LARGE = 10_000


def table(figures: Any) -> str:
    """Budget, figure and whether it is kept, in Markdown; what was not measured is left out."""
    return "\n".join([HEAD, *(f"| {' | '.join(row)} |" for row in rows(figures))])


def rows(figures: Any) -> Iterator[Row]:
    """Each budget that was measured.

    :param figures: a ``document.Figures``.
    """
    for limits in (_beside_bare, _cpu, _calls, _memory, _one, _slow):
        yield from limits(figures)


def _row(what: str, budget: float, found: float, unit: str, digits: int = 2) -> Row:
    kept = "kept" if found <= budget else "**not kept**"
    return what, f"<= {budget:,g}{unit}", f"{found:,.{digits}f}{unit}", kept


def _beside_bare(figures: Any) -> Iterator[Row]:
    pairs = (
        ("first rollout", "bare first rollout", lambda _size: 2.0),
        ("no-change rollout", "bare no-change rollout", lambda _size: 1.5),
        ("compliance", "bare client", lambda size: 1.15 if size >= 1000 else 1.4),
    )
    for ours, bare, limit in pairs:
        for size in sorted({200, 1000} & {*figures.sizes(ours)} & {*figures.sizes(bare)}):
            found = figures.of(ours, size, "wall") / figures.of(bare, size, "wall")
            name = "compliance run" if ours == "compliance" else ours
            yield _row(f"{name} of {size:,} PBXs beside the bare client, time", limit(size), found, " times")


def _cpu(figures: Any) -> Iterator[Row]:
    for what, limit in (("compliance", 18), ("no-change rollout", 60), ("first rollout", 80)):
        for size in sorted({200, 1000} & {*figures.sizes(what)}):
            found = figures.of(what, size, "cpu_per_pbx") * 1000
            yield _row(f"CPU per PBX, {what}, {size:,} PBXs", limit, found, " ms", 0)


def _calls(figures: Any) -> Iterator[Row]:
    """With one token for each; to the PBX also the check of the sign-in, which is no call to the XAPI."""
    for what, graph, pbx in (("first rollout", 8, 10), ("no-change rollout", 3, 7), ("compliance", 3, 7)):
        sizes = figures.sizes(what)
        if not sizes:
            continue
        found = _median_of(figures, what, sizes[-1])
        yield _row(f"Graph calls per PBX, {what}", graph, found("graph"), "", 1)
        yield _row(f"calls to each PBX, {what}, token and sign-in included", pbx, found("pbx"), "", 1)


def _median_of(figures: Any, what: str, size: int) -> Callable[[str], float]:
    runs = figures.runs(what, size)

    def of(service: str) -> float:
        return sorted(float(run["calls"][service]) for run in runs)[len(runs) // 2]

    return of


def _memory(figures: Any) -> Iterator[Row]:
    sizes = figures.sizes("compliance")
    for size, limit in ((1000, 1024), (_LARGE, 400)):
        if size in sizes:
            found = figures.of("compliance", size, "memory_mib")
            yield _row(f"memory of a compliance run of {size:,} PBXs, all processes", limit, found, " MiB", 0)
    if _LARGE in sizes and 1000 in sizes:
        found = figures.of("compliance", _LARGE, "wall_per_pbx") / figures.of("compliance", 1000, "wall_per_pbx")
        yield _row("time per PBX of 10,000 beside that of 1,000", 1.1, found, " times")


def _one(figures: Any) -> Iterator[Row]:
    if figures.sizes("one PBX") and figures.sizes("empty task"):
        for field, name in (("wall", "time"), ("cpu_per_pbx", "CPU")):
            found = figures.of("one PBX", 1, field) / figures.of("empty task", 1, field)
            yield _row(f"rollout of one PBX without a change beside one empty task, {name}", 1.5, found, " times")


def _slow(figures: Any) -> Iterator[Row]:
    """In a rollout the others wait for the check of all, because nothing is written before it."""
    for prefix, budget, work in (("", 1.1, "compliance"), ("rollout ", 1.1, "no-change rollout")):
        for size in figures.sizes(f"{prefix}with slow PBXs"):
            slow, usual = (figures.of(f"{prefix}{word} slow PBXs", size, "others") for word in ("with", "without"))
            name = f"{work}, time of the other PBXs while 5 % of {size:,} answer after 20 s"
            yield _row(name, budget, slow / usual, " times")
