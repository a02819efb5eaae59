# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Counts the lines and branches of plugins/ that tests come to while they run, and judges the share of all together.

Usage: measure_coverage.py NAME PYTEST-ARG ...    run these tests; what they came to is kept below that name
       measure_coverage.py --judge NAME ...       show what these came to together, and fail below the floor

Subprocesses and forks count: most of the collection runs in workers of ansible-playbook. A file that no test comes to
counts with all its lines. Run in the environment `coverage`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / ".build" / "coverage"
LEAST = 95
"""Percent of lines and branches; fewer is a failure."""
# Documentation that modules share is no code.
LEFT_OUT = "*/plugins/doc_fragments/*"
COUNT_ALL = """
import sys, coverage
data = coverage.CoverageData(sys.argv[1])
data.read()
data.touch_files(sys.argv[2:])
data.write()
"""


def python(place: Path, *command: str) -> int:
    known = {**os.environ, "COVERAGE_DIR": str(place), "COVERAGE_ROOT": str(ROOT)}
    known["COVERAGE_RCFILE"] = str(ROOT / ".coveragerc")
    return subprocess.run([sys.executable, *command], cwd=ROOT, env=known, check=False).returncode


def measure(name: str, tests: Sequence[str]) -> int:
    """Run tests; what they came to is then {PLACE}/NAME/data."""
    place = PLACE / name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    code = python(place, "-m", "coverage", "run", "-m", "pytest", *tests)
    # A process that a test has killed leaves half a file of data, which is told and not counted.
    return code or python(place, "-m", "coverage", "combine", "-q")


def judge(names: Sequence[str]) -> int:
    """Show the share of plugins/ that these came to, and write it to coverage.json."""
    parts = [str(PLACE / name / "data") for name in names]
    files = [str(path) for path in sorted((ROOT / "plugins").rglob("*.py"))]
    commands = (
        ("-m", "coverage", "combine", "-q", "--keep", *parts),
        ("-c", COUNT_ALL, str(PLACE / "data"), *files),
        ("-m", "coverage", "json", "-q", f"--omit={LEFT_OUT}", "-o", str(PLACE / "coverage.json")),
        ("-m", "coverage", "report", "--precision=1", f"--fail-under={LEAST}", f"--omit={LEFT_OUT}"),
    )
    (PLACE / "data").unlink(missing_ok=True)
    # The report comes last: its last line is the share.
    return next((code for code in (python(PLACE, *command) for command in commands) if code), 0)


if __name__ == "__main__":
    if sys.argv[1] == "--judge":
        sys.exit(judge(sys.argv[2:]))
    sys.exit(measure(sys.argv[1], sys.argv[2:]))
