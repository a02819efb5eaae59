# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes docs/benchmarks.md and docs/images/growth.svg from the figures, ratios first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import budgets
import plot
from _paths import HERE, REPOSITORY

DOCUMENT = REPOSITORY / "docs" / "benchmarks.md"
GROWTH = REPOSITORY / "docs" / "images" / "growth.svg"
TEMPLATE = HERE / "benchmarks.template.md"

Run = Mapping[str, Any]

ORDER = (
    "compliance",
    "bare client",
    "first rollout",
    "bare first rollout",
    "no-change rollout",
    "bare no-change rollout",
    "one PBX",
    "empty task",
    "without slow PBXs",
    "with slow PBXs",
    "rollout without slow PBXs",
    "rollout with slow PBXs",
    "in process",
    "plain modules",
    "azure.azcollection",
)
NAMES = {
    "compliance": "compliance run",
    "bare client": "bare asynchronous client, the same calls",
    "bare first rollout": "bare asynchronous client, the calls of a first rollout",
    "bare no-change rollout": "bare asynchronous client, the calls of a no-change rollout",
    "one PBX": "rollout of one PBX without a change",
    "empty task": "`ansible-playbook` with one empty task",
    "without slow PBXs": "compliance run without slow PBXs",
    "with slow PBXs": "compliance run, 5 % of the PBXs answer after 20 s",
    "rollout without slow PBXs": "no-change rollout without slow PBXs",
    "rollout with slow PBXs": "no-change rollout, 5 % of the PBXs answer after 20 s",
    "in process": "no-change rollout of these PBXs alone",
    "plain modules": "the same as plain modules",
    "azure.azcollection": "azure.azcollection with `ansible.builtin.uri`",
}


class Figures:
    """Medians of all series."""

    def __init__(self, series: Mapping[str, Sequence[Run]]) -> None:
        self._series = {name: runs for name, runs in series.items() if runs}

    def with_forks(self) -> list[tuple[str, int]]:
        """What was measured with other forks and strategies, and for how many PBXs."""
        split = (name.rpartition("/") for name in self._series if " forks, " in name)
        return [(what, int(size)) for what, _slash, size in split]

    def sizes(self, what: str) -> list[int]:
        """For which numbers of PBXs something was measured."""
        return sorted(int(name.partition("/")[2]) for name in self._series if name.startswith(f"{what}/"))

    def runs(self, what: str, size: int) -> Sequence[Run]:
        return self._series[f"{what}/{size}"]

    def of(self, what: str, size: int, field: str) -> float:
        """The median of a field."""
        return float(median(run[field] for run in self.runs(what, size)))

    def points(self, what: str, field: str) -> list[tuple[float, float]]:
        return [(size, self.of(what, size, field)) for size in self.sizes(what)]


def write(results: Mapping[str, Any]) -> str:
    """Write both files; returns the ratios and the table for the terminal."""
    figures = Figures(results["series"])
    shown = {
        "budgets": budgets.table(Figures(_of_today(results))),
        "ratios": ratios(figures),
        "table": table(figures, results["machine"]["date"]),
        "settings": forks(figures),
        "machine": machine(results),
        "loads": loads(_of_today(results)),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in {**shown, **{key: str(value) for key, value in results["options"].items()}}.items():
        text = text.replace("{" + name + "}", value)
    DOCUMENT.write_text(text, encoding="utf-8")
    if len(figures.sizes("compliance")) > 1:
        GROWTH.write_text(growth(figures), encoding="utf-8")
    return "\n\n".join((shown["budgets"], shown["ratios"], shown["table"], shown["machine"], shown["loads"]))


def _of_today(results: Mapping[str, Any]) -> dict[str, Sequence[Run]]:
    """What the last measurement found: a budget is kept by what is there now."""
    today = results["machine"]["date"]
    return {
        name: runs for name, runs in results["series"].items() if all(run.get("date", today) == today for run in runs)
    }


def ratios(figures: Figures) -> str:
    """What the figures mean, as a list; only what was measured."""
    common = set(figures.sizes("compliance")) & set(figures.sizes("bare client"))
    chosen = sorted(common & {200, 1000, 2000}) or sorted(common)[-1:]
    lines = [_beside_bare(figures, size) for size in chosen]
    sweeps = figures.sizes("compliance")
    if sweeps:
        largest = 1000 if 1000 in sweeps else sweeps[-1]
        lines += [_beside(figures, "plain modules", largest), _beside(figures, "azure.azcollection", largest)]
        lines.append(_slope(figures, sweeps))
        lines.append(
            f"**Memory at {largest:,} PBXs:** {figures.of('compliance', largest, 'memory_mib'):,.0f} MiB for the compliance "
            "run, all processes together (budget: 1,024 MiB)" + _rollout_memory(figures)
        )
    lines += [
        (
            f"**Action plugins beside plain modules**, no-change rollout of {few} PBXs: "
            f"plain modules take {_times(figures, ('plain modules', few), ('in process', few), 'wall')} the time and "
            f"{_times(figures, ('plain modules', few), ('in process', few), 'cpu_per_pbx')} the CPU."
        )
        for few in figures.sizes("plain modules")
    ]
    return "\n".join(f"- {line}" for line in lines if line)


def _times(figures: Figures, one: tuple[str, int], other: tuple[str, int], field: str) -> str:
    return f"{figures.of(*one, field) / figures.of(*other, field):.1f} times"


def _beside_bare(figures: Figures, size: int) -> str:
    ours, bare = ("compliance", size), ("bare client", size)
    return (
        f"**Compliance of {size:,} PBXs beside a bare asynchronous client** that makes the same calls: "
        f"{_times(figures, ours, bare, 'wall')} the time ({figures.of(*ours, 'wall'):.1f} s and "
        f"{figures.of(*bare, 'wall'):.1f} s; budget: 3 times), {_times(figures, ours, bare, 'cpu_per_pbx')} the CPU."
    )


def _beside(figures: Figures, what: str, size: int) -> str:
    if not figures.sizes(what):
        return ""
    few = figures.sizes(what)[-1]
    wall = figures.of(what, few, "wall_per_pbx") / figures.of("compliance", size, "wall_per_pbx")
    cpu = figures.of(what, few, "cpu_per_pbx") / figures.of("compliance", size, "cpu_per_pbx")
    budget = " (budget: at least 10 times)" if what == "plain modules" else ""
    return (
        f"**{NAMES[what].replace('the same', 'The same')}**, {few} PBXs, beside the compliance run of {size:,}: per PBX "
        f"{wall:.0f} times the time{budget} and {cpu:.0f} times the CPU."
    )


def _slope(figures: Figures, sizes: list[int]) -> str:
    span = [size for size in sizes if size >= 100]
    if len(span) < 2:
        return ""
    small, large = span[0], span[-1]
    time_each = [figures.of("compliance", size, "wall_per_pbx") * 1000 for size in (small, large)]
    memory = [figures.of("compliance", size, "memory_mib") for size in (small, large)]
    return (
        f"**Growth from {small} to {large:,} PBXs:** {large / small:.0f} times the PBXs take "
        f"{figures.of('compliance', large, 'wall') / figures.of('compliance', small, 'wall'):.1f} times the time "
        f"({time_each[0]:.0f} ms and {time_each[1]:.0f} ms per PBX) and {memory[1] / memory[0]:.1f} times the memory."
    )


def _rollout_memory(figures: Figures) -> str:
    sizes = figures.sizes("first rollout")
    if not sizes:
        return "."
    return f"; {figures.of('first rollout', sizes[-1], 'memory_mib'):,.0f} MiB for the rollout of {sizes[-1]:,}."


def table(figures: Figures, today: str) -> str:
    """All medians; those of an earlier day with their date."""
    head = (
        "| what | PBXs | runs | seconds | ms per PBX | CPU ms per PBX | peak memory, MiB | calls per PBX: "
        "Entra / Graph / 3CX | lab busy |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    )
    lines = [head]
    for what in ORDER:
        for size in figures.sizes(what):
            runs = figures.runs(what, size)
            calls = [f"{median(run['calls'][service] for run in runs):.1f}" for service in ("login", "graph", "pbx")]
            day = str(runs[-1].get("date", today))
            count = str(len(runs)) if day == today else f"{len(runs)} ({day})"
            lines.append(
                f"| {NAMES.get(what, what)} | {size:,} | {count} | {figures.of(what, size, 'wall'):.1f} "
                f"| {figures.of(what, size, 'wall_per_pbx') * 1000:,.0f} | {figures.of(what, size, 'cpu_per_pbx') * 1000:,.0f} "
                f"| {figures.of(what, size, 'memory_mib'):,.0f} | {' / '.join(calls)} "
                f"| {figures.of(what, size, 'lab_share') * 100:.0f} % |"
            )
    return "\n".join(lines)


def forks(figures: Figures) -> str:
    """No-change rollouts with other forks and strategies."""
    found = figures.with_forks()
    if not found:
        return ""
    lines = ["No-change rollouts, each setting in turn:\n"]
    lines += ["| forks, strategy | PBXs | seconds | CPU ms per PBX | peak memory, MiB |\n|---|---:|---:|---:|---:|"]
    lines += [
        f"| {what} | {size} | {figures.of(what, size, 'wall'):.1f} | {figures.of(what, size, 'cpu_per_pbx') * 1000:,.0f} "
        f"| {figures.of(what, size, 'memory_mib'):,.0f} |"
        for what, size in found
    ]
    return "\n".join(lines) + "\n\n"


def machine(results: Mapping[str, Any]) -> str:
    """The machine in a sentence."""
    found = results["machine"]
    return (
        f"{found['date']}, {found['processors']} processors ({found['processor']}), {found['memory_gib']} GiB of memory, "
        f"{found['system']}, Python {found['python']}, ansible-core {found['ansible_core']}; the lab ran on the same machine."
    )


def loads(series: Mapping[str, Sequence[Run]]) -> str:
    """How busy the machine was with other things."""
    found = [run["load"] for runs in series.values() for run in runs]
    return (
        f"Load average of the machine before each run: median {median(found):.1f}, from {min(found):.1f} to {max(found):.1f} "
        "(a run itself leaves its traces in the next one's figure)."
    )


def growth(figures: Figures) -> str:
    """The plot of the compliance run from the smallest to the largest fleet."""
    sizes = figures.sizes("compliance")
    panels = [
        plot.Panel(
            "Time of a compliance run",
            "seconds",
            {
                "compliance run": figures.points("compliance", "wall"),
                "bare client": figures.points("bare client", "wall"),
            },
        ),
        plot.Panel(
            "Peak memory, all processes",
            "MiB",
            {
                "compliance run": figures.points("compliance", "memory_mib"),
                "bare client": figures.points("bare client", "memory_mib"),
            },
        ),
    ]
    ends = [figures.of("compliance", size, "wall") for size in (sizes[0], sizes[-1])]
    description = (
        f"Time grows with the number of PBXs, from {ends[0]:.1f} seconds for {sizes[0]} to {ends[1]:.1f} seconds for "
        f"{sizes[-1]:,}; the bare client with the same calls runs beside it."
    )
    return plot.draw("Growth of a compliance run", description, panels, "PBXs")
