# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every kind of trouble at every request of every flow, and the table of what became of it.

make faults                                       # everything
python tests/faults/run.py --sample 500 --seed 7  # some
python tests/faults/run.py --case 'NAME'          # one, as a failing test names it
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

from ansible_collections.tcx.m365.tests.faults import judge
from ansible_collections.tcx.m365.tests.faults.flows import FLOWS, Field, Verdict
from ansible_collections.tcx.m365.tests.faults.ground import ground
from ansible_collections.tcx.m365.tests.faults.kinds import DISK, KINDS

_ORDER = (judge.HEALED, judge.CLEAR, judge.UNCLEAR, judge.CORRUPTED)


def table(found: list[Verdict]) -> str:
    """Kind by flow, in Markdown: healed / failed clearly / failed unclearly / corrupted."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for each in found:
        counts[each.case.kind.name, each.case.flow][each.verdict] += 1
    flows = [name for name in FLOWS if any(flow == name for _kind, flow in counts)]
    lines = ["| kind of trouble | " + " | ".join(flows) + " |", "|---" * (len(flows) + 1) + "|"]
    for kind in (*KINDS, DISK):
        cells = []
        for flow in flows:
            count = counts.get((kind.name, flow))
            cells.append(" / ".join(str(count[name]) for name in _ORDER) if count else "")
        lines.append(f"| {kind.name} | " + " | ".join(cells) + " |")
    total = Counter(each.verdict for each in found)
    lines.append("")
    lines.append(f"{len(found)} cases: " + ", ".join(f"{total[name]} {name}" for name in _ORDER) + ".")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", action="append", default=[])
    parser.add_argument("--flow", action="append", choices=sorted(FLOWS), default=[])
    parser.add_argument("--kind", action="append", choices=[each.name for each in (*KINDS, DISK)], default=[])
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", default="1/1", help="K/N: every Nth case, from the Kth on")
    parser.add_argument("--verdicts", type=Path, help="write one line for each case to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tcx-faults-") as place, ground(Path(place)) as made:
        field = Field(made)
        wanted = [field.case(name) for name in options.case]
        if not wanted:
            wanted = [case for flow in options.flow or FLOWS for case in field.prepared(flow).cases()]
        if options.kind:
            wanted = [case for case in wanted if case.kind.name in options.kind]
        if options.sample:
            wanted = random.Random(options.seed).sample(wanted, min(options.sample, len(wanted)))
        part, parts = map(int, options.part.split("/"))
        wanted = wanted[part - 1 :: parts]
        began, found = time.process_time(), []
        for number, case in enumerate(wanted, 1):
            verdict = field.judge(case)
            found.append(verdict)
            if verdict.why or options.case:
                print(f"{verdict.verdict}: {case.name}\n    {'; '.join(verdict.why)}\n    {verdict.said}", flush=True)
            if sys.stderr.isatty() and number % 20 == 0:
                print(f"\r{number} of {len(wanted)}", end="", file=sys.stderr)
        if options.verdicts:
            options.verdicts.write_text("".join(f"{each.case.name}\t{each.verdict}\t{each.said}\n" for each in found))
        print(table(found))
        print(f"{time.process_time() - began:.0f} s of CPU.")
    return 1 if any(each.verdict in (judge.UNCLEAR, judge.CORRUPTED) for each in found) else 0


if __name__ == "__main__":
    sys.exit(main())
