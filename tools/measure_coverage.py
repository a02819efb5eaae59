# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the tests that run the collection, counts the lines and branches of plugins/ that they come to, and judges the share.

Subprocesses and forks count: most of the collection runs in workers of ansible-playbook. A file that no test comes to
counts with all its lines. Run by `make coverage`, in the environment of that name; arguments are given to pytest
instead of the paths of the tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / ".build" / "coverage"
LEAST = 95
"""Percent of lines and branches; fewer is a failure."""
# The tests of the lab alone (tests/lab/tests) are not among them: the lab imports nothing of plugins/.
TESTS = (
    "tests/unit",
    "tests/integration",
    "tests/attacks",
    "tests/faults",
    "tests/tower",
    # Programs that are not installed from a lock: a browser, clients of others, the engine of rulebooks, the mesh.
    "--ignore=tests/integration/browser",
    "--ignore=tests/integration/thirdparty",
    "--ignore=tests/tower/test_rulebook_runs.py",
    "--ignore=tests/tower/test_mesh.py",
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
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    known = {**os.environ, "COVERAGE_DIR": str(PLACE), "COVERAGE_ROOT": str(ROOT)}
    known["COVERAGE_RCFILE"] = str(ROOT / ".coveragerc")
    coverage = [sys.executable, "-m", "coverage"]
    tests = arguments or list(TESTS)
    command = [*coverage, "run", "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *tests]
    code = subprocess.run(command, cwd=ROOT, env=known, check=False).returncode
    subprocess.run([*coverage, "combine", "-q"], cwd=ROOT, env=known, check=True)
    if not arguments:
        files = [str(path) for path in sorted((ROOT / "plugins").rglob("*.py"))]
        subprocess.run([sys.executable, "-c", COUNT_ALL, str(PLACE / "data"), *files], env=known, check=True)
    report = [*coverage, "report", f"--fail-under={LEAST}", f"--omit={LEFT_OUT}"]
    share = subprocess.run(report, cwd=ROOT, env=known, check=False).returncode
    subprocess.run([*coverage, "json", "-q", "-o", str(PLACE / "coverage.json")], cwd=ROOT, env=known, check=True)
    return code or share


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
