# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Benchmarks: time, CPU, memory and calls per PBX, beside a bare client, plain modules and azure.azcollection.

Each part is measured run by run in turn with what it is compared with, so that both meet the same machine. All that was
measured is kept in results.json beside this file, with its date and machine; docs/benchmarks.md and docs/images/growth.svg
are written from it. A part replaces what it measures again and leaves everything else as it was; `--only` chooses parts,
`--write` measures nothing, `--into` tries without touching the repository.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import document
import psutil
from _paths import HERE
from environments import main_core
from subjects import CONCURRENCY, FORKS, FORKS_OF_MODULES, TODAY, TROUBLE, Bench, Figure, report_page

STORE = HERE / "results.json"
PARTS = ("rollout", "compliance", "one", "slow", "users", "page", "peers", "forks")
RIGHTS = ("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "User.Read.All")
SIGN_IN = {"path": "/connect/token|/Login/GetAccessToken"}
"""Of a service principal, and of an administrator where the license includes none."""
SLOW_PERCENT, SLOW_S = 5, 20.0
SETTINGS = ((1, "linear"), (5, "linear"), (25, "linear"), (50, "linear"), (5, "free"), (5, "host_pinned"))


def main() -> int:
    """Measure, print, write the document."""
    options = parse()
    results = Results(options)
    if not options.write:
        for part in options.only or PARTS:
            MEASURES[part](options, results)
    if options.into is None:
        written = document.write(results.found)
    else:
        written = document.write(results.found, options.into / "benchmarks.md", options.into / "growth.svg")
    print(written)
    return 0


def parse() -> argparse.Namespace:
    """The command line; the defaults are what docs/benchmarks.md shows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=numbers, default=[50, 200, 1000], help="sizes for the rollout")
    parser.add_argument(
        "--sizes", type=numbers, default=[50, 100, 200, 500, 1000, 2000, 10_000], help="sizes for the compliance run"
    )
    parser.add_argument(
        "--bare-up-to", type=int, default=2000, help="largest compliance run with the bare client beside it"
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of which the median counts")
    parser.add_argument("--runs-of-largest", type=int, default=1, help="runs of the largest rollout")
    parser.add_argument("--latency-ms", type=float, default=50.0, help="delay of every answer")
    parser.add_argument("--modules-at", type=int, default=24, help="PBXs for the plain modules")
    parser.add_argument("--azcollection-at", type=int, default=6, help="PBXs for azure.azcollection; 0 leaves it out")
    parser.add_argument("--forks-at", type=int, default=100, help="PBXs for the comparison of forks and strategies")
    parser.add_argument("--slow-at", type=int, default=200, help="PBXs for the comparison with slow ones")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure these parts only")
    parser.add_argument("--users-of", type=int, default=2000, help="users of each PBX for the comparison of users")
    parser.add_argument("--users-at", type=int, default=20, help="PBXs for the comparison of users")
    parser.add_argument("--page-of", type=int, default=10_000, help="PBXs on the report page")
    parser.add_argument("--write", action="store_true", help="measure nothing, write the document again")
    parser.add_argument(
        "--into", type=Path, help="directory for results and document instead of the repository's: a trial"
    )
    return parser.parse_args()


def numbers(text: str) -> list[int]:
    """Numbers with commas between them."""
    return sorted(int(part) for part in text.split(","))


class Results:
    """All figures so far, on disk after each: those of earlier days too, until the same is measured again."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._path = STORE if options.into is None else options.into / "results.json"
        self.found: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else {}
        self._again: set[str] = set()
        settings = {
            "latency_ms": options.latency_ms,
            "forks_of_rollouts": FORKS,
            "forks_of_modules": FORKS_OF_MODULES,
            "concurrency": CONCURRENCY,
            "trouble": TROUBLE,
        }
        if self.found.setdefault("options", settings) != settings and not options.write:
            raise SystemExit(f"other figures were measured with {self.found['options']}: use --into")
        self.found.setdefault("series", {})
        self.found.setdefault("machines", {})

    def begin(self, *series: str) -> None:
        """What was measured before is replaced as soon as there is something else."""
        self._again.update(series)

    def add(self, series: str, figure: Figure) -> None:
        """Keep one run."""
        found = figure.as_dict()
        self.keep(series, found)
        print(
            f"{time.strftime('%H:%M:%S')} {series}: {found['wall']:.1f} s, {found['cpu_per_pbx'] * 1000:.0f} ms of CPU "
            f"per PBX, {found['memory_mib']:.0f} MiB, load before {found['load']}",
            file=sys.stderr,
            flush=True,
        )

    def keep(self, series: str, found: Mapping[str, Any]) -> None:
        """Write down what one run has measured."""
        if series in self._again:
            self._again.discard(series)
            self.found["series"][series] = []
        self.found["series"][series].append(found)
        self.found["machines"].setdefault(TODAY, machine())
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(self.found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "processors": os.cpu_count(),
        "processor": _processor(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "ansible_core": main_core(sys.version_info[:2]),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def rollouts(options: argparse.Namespace, results: Results) -> None:
    """First rollout and a second one that changes nothing, on a fresh lab each time."""
    for size in options.rollouts:
        first, again = f"first rollout/{size}", f"no-change rollout/{size}"
        bare_first, bare_again = f"bare first rollout/{size}", f"bare no-change rollout/{size}"
        empty = f"empty task each/{size}"
        results.begin(first, again, bare_first, bare_again, empty)
        largest = size == max(options.rollouts)
        for run in range(options.runs_of_largest if largest else options.runs):
            with Bench.start(size, options.latency_ms, seed=run) as bench:
                results.add(first, bench.rollout())
                log = bench.recorded()
                results.add(again, bench.rollout())
                results.add(bare_again, bench.bare())
                results.add(empty, bench.empty())
                bench.forget()
                results.add(bare_first, bench.bare(log))


def sweeps(options: argparse.Namespace, results: Results) -> None:
    """The compliance run, and a bare client that makes the same calls."""
    for size in options.sizes:
        ours, bare = f"compliance/{size}", f"bare client/{size}"
        results.begin(ours, bare)
        with Bench.start(size, options.latency_ms) as bench:
            bench.prepare()
            bench.drift()
            for _run in range(options.runs):
                results.add(ours, bench.compliance())
                if size <= options.bare_up_to:
                    results.add(bare, bench.bare())


def single(options: argparse.Namespace, results: Results) -> None:
    """One PBX without a change, beside a playbook that does nothing for it."""
    results.begin("one PBX/1", "empty task/1")
    with Bench.start(2, options.latency_ms, **dict.fromkeys(TROUBLE, 0)) as bench:
        bench.prepare()
        bench.one(empty=False)  # what Python has compiled is there from now on
        for _run in range(options.runs):
            results.add("one PBX/1", bench.one(empty=False))
            results.add("empty task/1", bench.one(empty=True))


def slow(options: argparse.Namespace, results: Results) -> None:
    """With and without 5 % of PBXs that answer once after 20 s: until the others are done. In the first rollout these are the
    writes; in the others the sign-ins, which all wait for where nothing is written before all have been checked."""
    size = options.slow_at
    with Bench.start(size, options.latency_ms) as bench:
        for prefix, prepare, run, slow_in in (
            ("first rollout ", bench.forget, bench.rollout, {"method": "PATCH"}),
            ("rollout ", _nothing, bench.rollout, SIGN_IN),
            ("", bench.drift, bench.compliance, SIGN_IN),
        ):
            without, with_slow = f"{prefix}without slow PBXs/{size}", f"{prefix}with slow PBXs/{size}"
            results.begin(without, with_slow)
            for _run in range(options.runs):
                prepare()
                figure = run()
                results.add(without, replace(figure, others=bench.others_wall([])))
                prepare()
                with bench.slow(SLOW_PERCENT, SLOW_S, **slow_in) as hosts:
                    figure = run()
                    results.add(with_slow, replace(figure, others=bench.others_wall(hosts)))


def _nothing() -> None:
    """The lab stays as the run before has left it."""


def users(options: argparse.Namespace, results: Results) -> None:
    """The compliance run that compares the users of each PBX with those of its tenant: few, and as many as a large PBX has."""
    few, many = (f"{word} users/{options.users_of}" for word in ("few", "many"))
    results.begin(few, many)
    healthy: dict[str, Any] = {**dict.fromkeys(TROUBLE, 0), "permissions": ",".join(RIGHTS)}
    with (
        Bench.start(options.users_at, options.latency_ms, **healthy) as small,
        Bench.start(options.users_at, options.latency_ms, users=options.users_of, **healthy) as large,
    ):
        for bench in (small, large):
            bench.prepare()
            bench.give_extensions()
        for _run in range(options.runs):
            results.add(few, small.compliance(sso_verify_people=True))
            results.add(many, large.compliance(sso_verify_people=True))


def page(options: argparse.Namespace, results: Results) -> None:
    """The report page of the largest fleet, in a browser; Chromium is a package of the operating system."""
    series = f"page/{options.page_of}"
    results.begin(series)
    for _run in range(options.runs):
        results.keep(series, {**report_page(options.page_of), "date": TODAY, "load": round(os.getloadavg()[0], 1)})


def peers(options: argparse.Namespace, results: Results) -> None:
    """Plain modules and azure.azcollection, at sizes that they can bear."""
    few = options.modules_at
    modules, ours = f"plain modules/{few}", f"in process/{few}"
    other = f"azure.azcollection/{options.azcollection_at}"
    results.begin(modules, ours, *([other] if options.azcollection_at else []))
    with Bench.start(2 * max(few, options.azcollection_at), options.latency_ms) as bench:
        bench.prepare()
        for _run in range(options.runs):
            results.add(ours, bench.rollout(limit=few))
            results.add(modules, bench.rollout(limit=few, forks=FORKS_OF_MODULES, tcx_m365_in_process=False))
            if options.azcollection_at:
                results.add(other, bench.azcollection(options.azcollection_at))


def settings(options: argparse.Namespace, results: Results) -> None:
    """The no-change rollout with other forks and strategies."""
    names = {each: f"{each[0]} forks, {each[1]}/{options.forks_at}" for each in SETTINGS}
    results.begin(*names.values())
    with Bench.start(options.forks_at, options.latency_ms) as bench:
        bench.prepare()
        for _run in range(options.runs):
            for (forks, strategy), name in names.items():
                results.add(name, bench.rollout(forks=forks, strategy=strategy))


MEASURES = {
    "rollout": rollouts,
    "compliance": sweeps,
    "one": single,
    "slow": slow,
    "users": users,
    "page": page,
    "peers": peers,
    "forks": settings,
}

if __name__ == "__main__":
    sys.exit(main())
