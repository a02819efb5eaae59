# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The budgets, each beside the figure of the last measurement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Row = tuple[str, str, str, str, str]

HEAD = "| what | budget | measured | | on |\n|---|---:|---:|---|---|"
_LARGE = 10_000


def table(figures: Any) -> str:
    """Budget, figure and whether it is kept, in Markdown; what was not measured is left out."""
    return "\n".join([HEAD, *(f"| {' | '.join(row)} |" for row in rows(figures))])


def rows(figures: Any) -> Iterator[Row]:
    """Each budget that was measured.

    :param figures: a ``document.Figures``.
    """
    for limits in (_beside_bare, _cpu, _calls, _memory, _one, _slow, _page):
        yield from limits(figures)


def _row(what: str, budget: float, found: float, unit: str, day: str, digits: int = 2) -> Row:
    kept = "kept" if found <= budget else "**not kept**"
    return what, f"<= {budget:,g}{unit}", f"{found:,.{digits}f}{unit}", kept, day


def _ratio(figures: Any, what: str, budget: float, *pair: Any, field: str) -> Iterator[Row]:
    """One beside the other, if both were measured on one day."""
    if figures.on_one_day(*pair):
        found = figures.of(*pair[0], field) / figures.of(*pair[1], field)
        yield _row(what, budget, found, " times", figures.day(*pair[0]))


def _beside_bare(figures: Any) -> Iterator[Row]:
    pairs = (
        ("first rollout", "bare first rollout", lambda _size: 2.0),
        ("no-change rollout", "bare no-change rollout", lambda _size: 1.5),
        ("compliance", "bare client", lambda size: 1.15 if size >= 1000 else 1.4),
    )
    for ours, bare, limit in pairs:
        for size in (200, 1000):
            name = f"{'compliance run' if ours == 'compliance' else ours} of {size:,} PBXs beside the bare client, time"
            yield from _ratio(figures, name, limit(size), (ours, size), (bare, size), field="wall")


def _cpu(figures: Any) -> Iterator[Row]:
    for what, limit in (("compliance", 18), ("no-change rollout", 60), ("first rollout", 80)):
        for size in sorted({200, 1000} & {*figures.sizes(what)}):
            found = figures.of(what, size, "cpu_per_pbx") * 1000
            yield _row(f"CPU per PBX, {what}, {size:,} PBXs", limit, found, " ms", figures.day(what, size), 0)


def _calls(figures: Any) -> Iterator[Row]:
    """With one token for each; to the PBX also the check of the sign-in, which is no call to the XAPI."""
    for what, graph, pbx in (("first rollout", 8, 10), ("no-change rollout", 3, 7), ("compliance", 3, 7)):
        sizes = figures.sizes(what)
        if not sizes:
            continue
        size = max(sizes, key=lambda each, what=what: (figures.day(what, each), each))
        found, day = _median_of(figures, what, size), figures.day(what, size)
        yield _row(f"Graph calls per PBX, {what}", graph, found("graph"), "", day, 1)
        yield _row(f"calls to each PBX, {what}, token and sign-in included", pbx, found("pbx"), "", day, 1)


def _median_of(figures: Any, what: str, size: int) -> Callable[[str], float]:
    runs = figures.runs(what, size)

    def of(service: str) -> float:
        return sorted(float(run["calls"][service]) for run in runs)[len(runs) // 2]

    return of


def _memory(figures: Any) -> Iterator[Row]:
    sizes = figures.sizes("compliance")
    for size, limit in ((1000, 1024), (_LARGE, 400)):
        if size in sizes:
            name = f"memory of a compliance run of {size:,} PBXs, all processes"
            found = figures.of("compliance", size, "memory_mib")
            yield _row(name, limit, found, " MiB", figures.day("compliance", size), 0)
    name = "compliance run, time per PBX of 10,000 beside that of 1,000"
    yield from _ratio(figures, name, 1.1, ("compliance", _LARGE), ("compliance", 1000), field="wall_per_pbx")


def _one(figures: Any) -> Iterator[Row]:
    for field, name in (("wall", "time"), ("cpu_per_pbx", "CPU")):
        what = f"rollout of one PBX without a change beside one empty task, {name}"
        yield from _ratio(figures, what, 1.5, ("one PBX", 1), ("empty task", 1), field=field)


def _slow(figures: Any) -> Iterator[Row]:
    """In a rollout the others wait for the check of all, because nothing is written before it."""
    works = (
        ("first rollout ", "first rollout, time of the other PBXs while 5 % of {:,} take 20 s to write"),
        ("rollout ", "no-change rollout, time of the other PBXs while 5 % of {:,} sign in after 20 s"),
        ("", "compliance, time of the other PBXs while 5 % of {:,} sign in after 20 s"),
    )
    for prefix, name in works:
        for size in figures.sizes(f"{prefix}with slow PBXs"):
            pair = [(f"{prefix}{word} slow PBXs", size) for word in ("with", "without")]
            yield from _ratio(figures, name.format(size), 1.1, *pair, field="others")


def _page(figures: Any) -> Iterator[Row]:
    for size in figures.sizes("page"):
        found = figures.of("page", size, "search")
        yield _row(f"report page of {size:,} PBXs, longest search", 2, found, " s", figures.day("page", size))
