# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes docs/benchmarks.md and docs/images/growth.svg from the figures, ratios first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
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
    "empty task each",
    "one PBX",
    "empty task",
    "without slow PBXs",
    "with slow PBXs",
    "rollout without slow PBXs",
    "rollout with slow PBXs",
    "first rollout without slow PBXs",
    "first rollout with slow PBXs",
    "few users",
    "many users",
    "in process",
    "plain modules",
    "azure.azcollection",
)
NAMES = {
    "compliance": "compliance run",
    "bare client": "bare asynchronous client, the same calls",
    "bare first rollout": "bare asynchronous client, the calls of a first rollout",
    "bare no-change rollout": "bare asynchronous client, the calls of a no-change rollout",
    "empty task each": "`ansible-playbook` with one empty task for each PBX",
    "one PBX": "rollout of one PBX without a change",
    "empty task": "`ansible-playbook` with one empty task",
    "without slow PBXs": "compliance run without slow PBXs",
    "with slow PBXs": "compliance run, 5 % of the PBXs answer after 20 s",
    "rollout without slow PBXs": "no-change rollout without slow PBXs",
    "rollout with slow PBXs": "no-change rollout, 5 % of the PBXs answer after 20 s",
    "first rollout without slow PBXs": "first rollout without slow PBXs",
    "first rollout with slow PBXs": "first rollout, 5 % of the PBXs take 20 s to write their settings",
    "few users": "compliance run that compares the users, 4 on each PBX",
    "many users": "compliance run that compares the users, {users} on each PBX",
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

    def day(self, what: str, size: int) -> str:
        """When it was measured: what has been measured on different days is not compared."""
        return str(self.runs(what, size)[-1]["date"])

    def on_one_day(self, *each: tuple[str, int]) -> bool:
        """Whether all of these were measured, and in one session."""
        there = all(size in self.sizes(what) for what, size in each)
        return there and len({self.day(*one) for one in each}) == 1

    def sizes_of_one_day(self, what: str) -> list[int]:
        """The sizes that were measured on the day with most of them, the last one of such days."""
        days = {self.day(what, size) for size in self.sizes(what)}
        groups = {day: [size for size in self.sizes(what) if self.day(what, size) == day] for day in sorted(days)}
        return max(reversed(list(groups.values())), key=len, default=[])

    def count(self, what: str, size: int) -> int:
        """How many runs the median is of; of some earlier ones only the median was kept."""
        return sum(run.get("of", 1) for run in self.runs(what, size))

    def points(self, what: str, field: str, sizes: Iterable[int]) -> list[tuple[float, float]]:
        return [(size, self.of(what, size, field)) for size in sizes]


def write(results: Mapping[str, Any], document: Path = DOCUMENT, picture: Path = GROWTH) -> str:
    """Write both files; returns the ratios and the tables for the terminal."""
    figures = Figures(results["series"])
    shown = {
        "budgets": budgets.table(figures),
        "ratios": ratios(figures),
        "table": table(figures),
        "settings": forks(figures),
        "machines": machines(results),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in {**shown, **{key: str(value) for key, value in results["options"].items()}}.items():
        text = text.replace("{" + name + "}", value)
    document.write_text(text, encoding="utf-8")
    if len(figures.sizes_of_one_day("compliance")) > 1:
        picture.write_text(growth(figures), encoding="utf-8")
    return "\n\n".join((*(shown[name] for name in ("budgets", "ratios", "table", "machines")), f"written: {document}"))


def ratios(figures: Figures) -> str:
    """What the figures mean, as a list; only what was measured, and only within one day."""
    chosen = [size for size in figures.sizes("compliance") if size in (200, 1000, 2000, 10_000)]
    lines = [_beside_bare(figures, size) for size in chosen or figures.sizes("compliance")[-1:]]
    lines += [_beside(figures, "plain modules"), _beside(figures, "azure.azcollection"), _slope(figures)]
    lines += [_memory(figures)]
    lines += [
        (
            f"**Action plugins beside plain modules**, no-change rollout of {few} PBXs: "
            f"plain modules take {_times(figures, ('plain modules', few), ('in process', few), 'wall')} the time and "
            f"{_times(figures, ('plain modules', few), ('in process', few), 'cpu_per_pbx')} the CPU."
        )
        for few in figures.sizes("plain modules")
        if figures.on_one_day(("plain modules", few), ("in process", few))
    ]
    lines += [_ansible_own(figures, size) for size in figures.sizes("empty task each")]
    lines += [_users(figures, users) for users in figures.sizes("many users")]
    return "\n".join(f"- {line}" for line in lines if line)


def _times(figures: Figures, one: tuple[str, int], other: tuple[str, int], field: str) -> str:
    return f"{figures.of(*one, field) / figures.of(*other, field):.1f} times"


def _beside_bare(figures: Figures, size: int) -> str:
    ours, bare = ("compliance", size), ("bare client", size)
    if not figures.on_one_day(ours, bare):
        return ""
    return (
        f"**Compliance of {size:,} PBXs beside a bare asynchronous client** that makes the same calls: "
        f"{_times(figures, ours, bare, 'wall')} the time ({figures.of(*ours, 'wall'):.1f} s and "
        f"{figures.of(*bare, 'wall'):.1f} s), {_times(figures, ours, bare, 'cpu_per_pbx')} the CPU."
    )


def _beside(figures: Figures, what: str) -> str:
    pairs = [
        (few, size)
        for few in figures.sizes(what)[-1:]
        for size in figures.sizes("compliance")
        if size <= 1000 and figures.on_one_day((what, few), ("compliance", size))
    ]
    if not pairs:
        return ""
    few, size = pairs[-1]
    wall = figures.of(what, few, "wall_per_pbx") / figures.of("compliance", size, "wall_per_pbx")
    cpu = figures.of(what, few, "cpu_per_pbx") / figures.of("compliance", size, "cpu_per_pbx")
    budget = " (budget: at least 10 times)" if what == "plain modules" else ""
    return (
        f"**{NAMES[what].replace('the same', 'The same')}**, {few} PBXs, beside the compliance run of {size:,}: per PBX "
        f"{wall:.0f} times the time{budget} and {cpu:.0f} times the CPU."
    )


def _slope(figures: Figures) -> str:
    span = [size for size in figures.sizes_of_one_day("compliance") if size >= 100]
    if len(span) < 2:
        return ""
    small, large = span[0], span[-1]
    time_each = [figures.of("compliance", size, "wall_per_pbx") * 1000 for size in (small, large)]
    memory = [figures.of("compliance", size, "memory_mib") for size in (small, large)]
    return (
        f"**Growth from {small:,} to {large:,} PBXs:** {large / small:.0f} times the PBXs take "
        f"{figures.of('compliance', large, 'wall') / figures.of('compliance', small, 'wall'):.1f} times the time "
        f"({time_each[0]:.0f} ms and {time_each[1]:.0f} ms per PBX) and {memory[1] / memory[0]:.1f} times the memory."
    )


def _memory(figures: Figures) -> str:
    sizes = [size for size in figures.sizes("compliance") if size >= 1000] or figures.sizes("compliance")[-1:]
    if not sizes:
        return ""
    each = ", ".join(f"{figures.of('compliance', size, 'memory_mib'):,.0f} MiB at {size:,} PBXs" for size in sizes)
    return f"**Memory of a compliance run**, all processes together: {each}{_rollout_memory(figures)}"


def _users(figures: Figures, users: int) -> str:
    many, few = ("many users", users), ("few users", users)
    if not figures.on_one_day(many, few):
        return ""
    pages = figures.runs(*many)[-1]["calls"]["pbx"] - figures.runs(*few)[-1]["calls"]["pbx"]
    return (
        f"**{users:,} users on each PBX**, compared with those of the tenant, beside 4: {pages:.0f} requests more to each PBX "
        f"take {_times(figures, many, few, 'wall')} the time and {_times(figures, many, few, 'cpu_per_pbx')} the CPU."
    )


def _ansible_own(figures: Figures, size: int) -> str:
    """What no rollout with a task for each PBX can go below."""
    empty, bare, ours = ("empty task each", size), ("bare no-change rollout", size), ("no-change rollout", size)
    if not figures.on_one_day(empty, bare, ours):
        return ""
    return (
        f"**Ansible's own**: `ansible-playbook` with one task that does nothing for each of {size:,} PBXs takes "
        f"{_times(figures, empty, bare, 'wall')} the time of the bare client's no-change rollout ({figures.of(*empty, 'wall'):.1f} s) "
        f"and {figures.of(*empty, 'cpu_per_pbx') * 1000:.0f} ms of CPU for each; the rollout "
        f"{_times(figures, ours, empty, 'wall')} and {_times(figures, ours, empty, 'cpu_per_pbx')} as much."
    )


def _rollout_memory(figures: Figures) -> str:
    sizes = figures.sizes("first rollout")
    if not sizes:
        return "."
    return f"; {figures.of('first rollout', sizes[-1], 'memory_mib'):,.0f} MiB for the rollout of {sizes[-1]:,}."


def table(figures: Figures) -> str:
    """All medians, each with its day."""
    head = (
        "| what | PBXs | runs | measured on | seconds | ms per PBX | CPU ms per PBX | peak memory, MiB | calls per PBX: "
        "Entra / Graph / 3CX | lab busy |\n|---|---:|---:|---|---:|---:|---:|---:|---:|---:|"
    )
    lines = [head]
    for what in ORDER:
        for size in figures.sizes(what):
            runs = figures.runs(what, size)
            calls = [f"{median(run['calls'][service] for run in runs):.1f}" for service in ("login", "graph", "pbx")]
            lines.append(
                f"| {NAMES.get(what, what).replace('{users}', f'{size:,}')} | {runs[-1].get('pbxs', size):,} | {figures.count(what, size)} "
                f"| {figures.day(what, size)} | {figures.of(what, size, 'wall'):.1f} "
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


def machines(results: Mapping[str, Any]) -> str:
    """For each day the machine in a sentence, and how busy it was with other things."""
    runs = [run for each in results["series"].values() for run in each]
    days = sorted({str(run["date"]) for run in runs})
    return "\n".join(
        f"- {day}: {_machine(results['machines'][day])}{_load([run for run in runs if run['date'] == day])}"
        for day in days
    )


def _machine(found: Mapping[str, Any]) -> str:
    return (
        f"{found['processors']} processors ({found['processor']}), {found['memory_gib']} GiB of memory, {found['system']}, "
        f"Python {found['python']}, ansible-core {found['ansible_core']}; the lab ran on the same machine."
    )


def _load(runs: Sequence[Run]) -> str:
    found = [run["load"] for run in runs if "load" in run]
    if not found:
        return ""
    return f" Load average before each run: median {median(found):.1f}, from {min(found):.1f} to {max(found):.1f}."


def growth(figures: Figures) -> str:
    """The plot of the compliance run from the smallest to the largest fleet."""
    sizes = figures.sizes_of_one_day("compliance")
    bare = [size for size in sizes if figures.on_one_day(("compliance", size), ("bare client", size))]
    panels = [
        plot.Panel(
            "Time of a compliance run",
            "seconds",
            {
                "compliance run": figures.points("compliance", "wall", sizes),
                "bare client": figures.points("bare client", "wall", bare),
            },
        ),
        plot.Panel(
            "Peak memory, all processes",
            "MiB",
            {
                "compliance run": figures.points("compliance", "memory_mib", sizes),
                "bare client": figures.points("bare client", "memory_mib", bare),
            },
        ),
    ]
    ends = [figures.of("compliance", size, "wall") for size in (sizes[0], sizes[-1])]
    description = (
        f"Time grows with the number of PBXs, from {ends[0]:.1f} seconds for {sizes[0]} to {ends[1]:.1f} seconds for "
        f"{sizes[-1]:,}; the bare client with the same calls runs beside it."
    )
    return plot.draw("Growth of a compliance run", description, panels, "PBXs")
