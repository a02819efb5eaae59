# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs tests of the collection, counts the lines and branches of plugins/ that they come to, and judges the share.

Usage: measure_coverage.py                                  every test that runs the collection (`make coverage`)
       measure_coverage.py --next                           the next part of these that has not ended, and no other
       measure_coverage.py --least PERCENT PYTEST-ARG ...   these tests and this share: a gate of `make test`

Subprocesses and forks count: most of the collection runs in workers of ansible-playbook. A file that no test comes to
counts with all its lines. Everything takes an hour, so a part that has ended well is not run again as long as plugins/ is
the same; who removes .build/coverage/all begins anew. Run in the environment of that name.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / ".build" / "coverage"
LEAST = 95.0
"""Percent of lines and branches; fewer is a failure."""
# One run each. The tests of the lab alone (tests/lab/tests) are not among them: the lab imports nothing of plugins/. Nor are
# those with programs that are not installed from a lock: a browser, clients of others, the engine of rulebooks, the mesh.
PARTS = (
    "tests/unit",
    "tests/integration/flows",
    "tests/integration/entra",
    "tests/integration/pbx",
    "tests/integration/lists",
    "tests/integration/examples",
    "tests/integration/playbooks",
    "tests/attacks",
    "tests/faults",
    "tests/tower",
)
APART = ("tests/tower/test_rulebook_runs.py", "tests/tower/test_mesh.py")
# Documentation that modules share is no code.
LEFT_OUT = "*/plugins/doc_fragments/*"
COUNT_ALL = """
import sys, coverage
data = coverage.CoverageData(sys.argv[1])
data.read()
data.touch_files(sys.argv[2:])
data.write()
"""


def sources() -> str:
    """A name for the state of plugins/: figures of two states cannot be added up."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "plugins").rglob("*.py")):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def python(place: Path, *command: str) -> int:
    known = {**os.environ, "COVERAGE_DIR": str(place), "COVERAGE_ROOT": str(ROOT)}
    known["COVERAGE_RCFILE"] = str(ROOT / ".coveragerc")
    return subprocess.run([sys.executable, *command], cwd=ROOT, env=known, check=False).returncode


def measure(place: Path, tests: Sequence[str]) -> int:
    """Run tests; what they came to is then {place}/data."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    code = python(place, "-m", "coverage", "run", "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *tests)
    # A process that a test has killed leaves half a file of data, which is told and not counted.
    return python(place, "-m", "coverage", "combine", "-q") or code


def judge(place: Path, least: float) -> int:
    """Show the share of plugins/ that {place}/data has, and write it to coverage.json there."""
    files = [str(path) for path in sorted((ROOT / "plugins").rglob("*.py"))]
    codes = [
        python(place, "-c", COUNT_ALL, str(place / "data"), *files),
        python(place, "-m", "coverage", "report", f"--fail-under={least}", f"--omit={LEFT_OUT}"),
        python(place, "-m", "coverage", "json", "-q", "-o", str(place / "coverage.json")),
    ]
    return next((code for code in codes if code), 0)


def measure_parts(place: Path, *, only_next: bool) -> int:
    """Run the parts that have not ended; 0 when all of them have, and well."""
    for part in PARTS:
        ended = place / part.replace("/", "-")
        kept = (ended / "code").read_text(encoding="utf-8") if (ended / "code").exists() else None
        if kept == "0" or (only_next and kept is not None):
            continue
        print(f"--- {part}", flush=True)
        code = measure(ended, [part, *(f"--ignore={path}" for path in APART if path.startswith(part))])
        (ended / "code").write_text(str(code), encoding="utf-8")
        if only_next:
            return code
    return max(int(path.read_text(encoding="utf-8")) for path in place.glob("*/code"))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Counts the lines and branches of plugins/ that tests come to.")
    parser.add_argument("--least", type=float, default=LEAST, metavar="PERCENT")
    parser.add_argument("--next", action="store_true", help="the next part that has not ended, and no other")
    options, tests = parser.parse_known_args(arguments)
    if tests:
        code = measure(PLACE / "some", tests)
        return judge(PLACE / "some", options.least) or code
    place = PLACE / "all" / sources()
    code = measure_parts(place, only_next=options.next)
    parts = [str(path) for path in sorted(place.glob("*/data"))]
    if len(parts) < len(PARTS):
        return code
    code = python(place, "-m", "coverage", "combine", "-q", "--keep", *parts) or code
    return judge(place, options.least) or code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
