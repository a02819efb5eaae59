# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every kind of trouble at every request of every flow, and the table of what became of it.

make faults                                       # everything; what an interrupted run has done is kept
make faults RESTART=1                             # everything, from the first case on
python tests/faults/run.py --sample 500 --seed 7  # some
python tests/faults/run.py --case 'NAME'          # one, as a failing test names it

What each case came to stands below .build/faults, in a directory that is named after the sources of product, lab and suite:
when one of them changes, the suite begins anew.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from ansible_collections.tcx.m365.tests.faults import commands, judge
from ansible_collections.tcx.m365.tests.faults.flows import FLOWS, Field, Verdict
from ansible_collections.tcx.m365.tests.faults.ground import ground
from ansible_collections.tcx.m365.tests.faults.kinds import DISK, KINDS, Case

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = ("plugins", "playbooks", "tests/lab/tcx_lab", "tests/faults", "tests/in_process.py")
"""What a verdict rests on, less this file."""

Row = tuple[str, str, str]
"""Kind, flow, verdict."""

_ORDER = (judge.HEALED, judge.CLEAR, judge.UNCLEAR, judge.CORRUPTED)


def kept_in() -> Path:
    """The directory with what the cases of these sources came to."""
    digest = hashlib.sha256()
    for path in sorted(each for name in SOURCES for each in _files(REPOSITORY / name)):
        digest.update(f"{path.relative_to(REPOSITORY)}\0".encode() + path.read_bytes() + b"\0")
    return REPOSITORY / ".build" / "faults" / digest.hexdigest()[:16]


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    for path in place.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path != Path(__file__).resolve():
            yield path


def line_of(name: str, verdict: str, why: Iterable[str], said: str) -> str:
    """What a case came to, in one line."""
    return "\t".join(" ".join(each.split()) for each in (name, verdict, "; ".join(why), said)) + "\n"


def rows_of(place: Path) -> dict[str, Row]:
    """By the names of the cases; a line that was cut off when its run was killed is none."""
    found = {}
    for path in sorted(place.glob("*.tsv")):
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            parts = line.split("\t")
            if len(parts) == 4 and line.endswith("\n"):
                flow, _number, kind, _how = parts[0].split(":")
                found[parts[0]] = (kind, flow, parts[1])
    return found


def table(found: list[Row]) -> str:
    """Kind by flow, in Markdown: healed / failed clearly / failed unclearly / corrupted."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for kind_name, flow_name, verdict in found:
        counts[kind_name, flow_name][verdict] += 1
    flows = [name for name in FLOWS if any(flow == name for _kind, flow in counts)]
    lines = ["| kind of trouble | " + " | ".join(flows) + " |", "|---" * (len(flows) + 1) + "|"]
    for kind in (*(each.name for each in (*KINDS, DISK)), *commands.SIGNALS):
        cells = []
        for flow in flows:
            count = counts.get((kind, flow))
            cells.append(" / ".join(str(count[name]) for name in _ORDER) if count else "")
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    total = Counter(verdict for _kind, _flow, verdict in found)
    lines.append("")
    lines.append(f"{len(found)} cases: " + ", ".join(f"{total[name]} {name}" for name in _ORDER) + ".")
    return "\n".join(lines)


def _told(name: str, verdict: str, why: list[str], said: str = "") -> None:
    print(f"{verdict}: {name}\n    {'; '.join(why)}\n    {said}", flush=True)


def _some(field: Field, wanted: list[Case], *, tells: bool) -> list[Row]:
    """Judge cases that were asked for by name or by number; what has been found when it is interrupted stays."""
    rows: list[Row] = []
    with contextlib.suppress(KeyboardInterrupt):
        for case in wanted:
            found: Verdict = field.judge(case)
            rows.append((case.kind.name, case.flow, found.verdict))
            if found.why or tells:
                _told(case.name, found.verdict, found.why, found.said)
    return rows


def _work(part: int, parts: int, seed: int) -> None:
    """Judge every case and every command that has no line yet: one of the processes that share them."""
    place = kept_in()
    done = rows_of(place)
    with (
        tempfile.TemporaryDirectory(prefix="tcx-faults-") as directory,
        ground(Path(directory)) as made,
        (place / f"{part}-{time.time_ns()}.tsv").open("w", encoding="utf-8", buffering=1) as output,
    ):
        field = Field(made)
        # In any order, so that what an interrupted run has done is a fair share.
        wanted = [case for flow in FLOWS for case in field.prepared(flow).cases()]
        random.Random(seed).shuffle(wanted)
        hits = [case for flow in commands.HIT for case in commands.hits(field, flow)]
        (place / "total").write_text(f"{len(wanted)} {len(hits)}", encoding="utf-8")
        for case in [each for each in wanted[part::parts] if each.name not in done]:
            found = field.judge(case)
            output.write(line_of(case.name, found.verdict, found.why, found.said))
            if found.why:
                _told(case.name, found.verdict, found.why, found.said)
        for hit in [each for each in hits[part::parts] if each.name not in done]:
            verdict, why = commands.judged(field, hit)
            output.write(line_of(hit.name, verdict, why, ""))
            if why:
                _told(hit.name, verdict, why)


def _everything(workers: int, seed: int, *, restart: bool) -> int:
    """All cases that have no line yet, by some processes; an interrupted run ends with the table of what there is."""
    place = kept_in()
    if restart:
        shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, __file__, "--seed", str(seed)]
    started = [subprocess.Popen([*command, "--part", f"{part}/{workers}"]) for part in range(workers)]
    with contextlib.suppress(KeyboardInterrupt):
        codes = [each.wait() for each in started]
        if any(codes):
            print(f"A process of the suite has ended with {max(codes)}.")
            return 1
    for each in started:
        each.wait()
    rows = rows_of(place)
    print(table(list(rows.values())))
    total = place / "total"
    cases, hits = map(int, total.read_text(encoding="utf-8").split()) if total.exists() else (0, 0)
    print(f"{len(rows)} of {cases} cases and {hits} commands; the rest goes on with the same command.")
    return _code(rows.values())


def _code(rows: Iterable[Row]) -> int:
    return 1 if any(verdict in (judge.UNCLEAR, judge.CORRUPTED) for _kind, _flow, verdict in rows) else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", action="append", default=[])
    parser.add_argument("--flow", action="append", choices=sorted(FLOWS), default=[])
    parser.add_argument("--kind", action="append", choices=[each.name for each in (*KINDS, DISK)], default=[])
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="processes, where everything is tried")
    parser.add_argument("--restart", action="store_true", help="forget what an interrupted run has done")
    parser.add_argument("--part", help="K/N: one of the processes")
    options = parser.parse_args()
    if options.part:
        part, parts = map(int, options.part.split("/"))
        with contextlib.suppress(KeyboardInterrupt):
            _work(part, parts, options.seed)
        return 0
    if not (options.case or options.flow or options.kind or options.sample):
        return _everything(options.workers, options.seed, restart=options.restart)
    began = time.process_time()
    with tempfile.TemporaryDirectory(prefix="tcx-faults-") as place, ground(Path(place)) as made:
        field = Field(made)
        wanted = [field.case(name) for name in options.case]
        if not wanted:
            wanted = [case for flow in options.flow or FLOWS for case in field.prepared(flow).cases()]
        if options.kind:
            wanted = [case for case in wanted if case.kind.name in options.kind]
        random.Random(options.seed).shuffle(wanted)
        rows = _some(field, wanted[: options.sample or None], tells=bool(options.case))
    print(table(rows))
    print(f"{len(rows)} of {len(wanted)} cases, seed {options.seed}; {time.process_time() - began:.0f} s of CPU.")
    return _code(rows)


if __name__ == "__main__":
    sys.exit(main())
