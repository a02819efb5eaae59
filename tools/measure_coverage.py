# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs tests of the collection, counts the lines and branches of plugins/ that they come to, and judges the share.

Usage: measure_coverage.py                                  every test that runs the collection (`make coverage`)
       measure_coverage.py --least PERCENT PYTEST-ARG ...   these tests and this share: a gate of `make test`

Subprocesses and forks count: most of the collection runs in workers of ansible-playbook. A file that no test comes to
counts with all its lines. Run in the environment of that name.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / ".build" / "coverage"
LEAST = 95.0
"""Percent of lines and branches; fewer is a failure."""
# One run each, so that a run that was interrupted has left the data of those before it. The tests of the lab alone
# (tests/lab/tests) are not among them: the lab imports nothing of plugins/.
PARTS = (
    ("tests/unit",),
    # Without programs that are not installed from a lock: a browser, clients of others, the engine of rulebooks, the mesh.
    ("tests/integration", "--ignore=tests/integration/browser", "--ignore=tests/integration/thirdparty"),
    ("tests/attacks",),
    ("tests/faults",),
    ("tests/tower", "--ignore=tests/tower/test_rulebook_runs.py", "--ignore=tests/tower/test_mesh.py"),
)
# Documentation that modules share is no code.
LEFT_OUT = "*/plugins/doc_fragments/*"
COUNT_ALL = """
import sys, coverage
data = coverage.CoverageData(sys.argv[1])
data.read()
data.touch_files(sys.argv[2:])
data.write()
"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Counts the lines and branches of plugins/ that tests come to.")
    parser.add_argument("--least", type=float, default=LEAST, metavar="PERCENT")
    options, tests = parser.parse_known_args(arguments)
    place = PLACE / ("some" if tests else "all")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    known = {**os.environ, "COVERAGE_DIR": str(place), "COVERAGE_ROOT": str(ROOT)}
    known["COVERAGE_RCFILE"] = str(ROOT / ".coveragerc")

    def run(*command: str) -> int:
        return subprocess.run([sys.executable, *command], cwd=ROOT, env=known, check=False).returncode

    pytest = ("-m", "coverage", "run", "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile")
    codes = [run(*pytest, *part) for part in ([tests] if tests else PARTS)]
    # A process that a test has killed leaves half a file of data, which is told and not counted.
    codes.append(run("-m", "coverage", "combine", "-q"))
    files = [str(path) for path in sorted((ROOT / "plugins").rglob("*.py"))]
    codes.append(run("-c", COUNT_ALL, str(place / "data"), *files))
    codes.append(run("-m", "coverage", "report", f"--fail-under={options.least}", f"--omit={LEFT_OUT}"))
    codes.append(run("-m", "coverage", "json", "-q", "-o", str(place / "coverage.json")))
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
