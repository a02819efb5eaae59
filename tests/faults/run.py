# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every kind of trouble at every request of every flow, and the table of what became of it.

make faults                                       # everything
python tests/faults/run.py --sample 500 --seed 7  # some
python tests/faults/run.py --case 'NAME'          # one, as a failing test names it
python tests/faults/run.py --verdicts a.tsv       # interrupted after 500 cases, and gone on with:
python tests/faults/run.py --verdicts b.tsv --skip 500; python tests/faults/run.py --of a.tsv --of b.tsv
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

from ansible_collections.tcx.m365.tests.faults import commands, judge
from ansible_collections.tcx.m365.tests.faults.flows import FLOWS, Field, Verdict
from ansible_collections.tcx.m365.tests.faults.ground import ground
from ansible_collections.tcx.m365.tests.faults.kinds import DISK, KINDS, Case

Row = tuple[str, str, str]
"""Kind, flow, verdict."""

_ORDER = (judge.HEALED, judge.CLEAR, judge.UNCLEAR, judge.CORRUPTED)


def row(verdict: Verdict) -> Row:
    return verdict.case.kind.name, verdict.case.flow, verdict.verdict


def rows_of(path: Path) -> list[Row]:
    """The rows of a file that ``--verdicts`` has written."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        name, verdict, _said = line.split("\t", 2)
        flow, _number, kind, _how = name.split(":")
        found.append((kind, flow, verdict))
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


def _judge(field: Field, wanted: list[Case], found: list[Verdict], *, tells: bool) -> None:
    """Judge the cases; what has been found by then stays when it is interrupted."""
    for number, case in enumerate(wanted, 1):
        verdict = field.judge(case)
        found.append(verdict)
        if verdict.why or tells:
            print(f"{verdict.verdict}: {case.name}\n    {'; '.join(verdict.why)}\n    {verdict.said}", flush=True)
        if sys.stderr.isatty() and number % 20 == 0:
            print(f"\r{number} of {len(wanted)}", end="", file=sys.stderr)


def _hit_commands(field: Field, rows: list[Row]) -> None:
    """Send each signal to the command of each flow that writes."""
    for case in [each for flow in commands.HIT for each in commands.hits(field, flow)]:
        verdict, why = commands.judged(field, case)
        rows.append((case.signal, case.flow, verdict))
        if why:
            print(f"{verdict}: {case.name}\n    {'; '.join(why)}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", action="append", default=[])
    parser.add_argument("--flow", action="append", choices=sorted(FLOWS), default=[])
    parser.add_argument("--kind", action="append", choices=[each.name for each in (*KINDS, DISK)], default=[])
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--commands", action="store_true", help="signals to whole commands as well; without other options they are"
    )
    parser.add_argument("--part", default="1/1", help="K/N: every Nth case, from the Kth on")
    parser.add_argument(
        "--skip", type=int, default=0, help="so many cases that an interrupted run with this seed has done"
    )
    parser.add_argument("--verdicts", type=Path, help="write one line for each case to this file")
    parser.add_argument(
        "--of", type=Path, action="append", default=[], help="print the table of such files, and run nothing"
    )
    options = parser.parse_args()
    if options.of:
        print(table([each for path in options.of for each in rows_of(path)]))
        return 0
    with tempfile.TemporaryDirectory(prefix="tcx-faults-") as place, ground(Path(place)) as made:
        field = Field(made)
        wanted = [field.case(name) for name in options.case]
        if not wanted:
            wanted = [case for flow in options.flow or FLOWS for case in field.prepared(flow).cases()]
        if options.kind:
            wanted = [case for case in wanted if case.kind.name in options.kind]
        # In any order, so that what an interrupted run has done is a fair share.
        random.Random(options.seed).shuffle(wanted)
        total = len(wanted)
        wanted = wanted[options.skip :]
        if options.sample:
            wanted = wanted[: options.sample]
        part, parts = map(int, options.part.split("/"))
        wanted = wanted[part - 1 :: parts]
        began, found = time.process_time(), []
        rows: list[Row] = []
        with contextlib.suppress(KeyboardInterrupt):
            _judge(field, wanted, found, tells=bool(options.case))
            if options.commands or not (options.case or options.flow or options.kind or options.sample):
                _hit_commands(field, rows)
        if options.verdicts:  # of the cases; commands that were hit are in the table alone
            options.verdicts.write_text("".join(f"{each.case.name}\t{each.verdict}\t{each.said}\n" for each in found))
        rows += [row(each) for each in found]
        print(table(rows))
        if len(found) < total:
            print(f"A share of {total} cases, in an order from the seed {options.seed}.")
        print(f"{time.process_time() - began:.0f} s of CPU.")
    return 1 if any(verdict in (judge.UNCLEAR, judge.CORRUPTED) for _kind, _flow, verdict in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
