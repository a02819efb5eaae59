# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes planners, adoption rules and the readers of variables, one place at a time, and counts what no test notices.

mutmut does it, on a copy whose directories have the names that the collection is imported by. Only the tests of units that
come to a changed function are run. docs/mutants.md has the figures of each file and says why a survivor survives; more
survivors of a file than it has are a failure. Run by `make mutants`, in the environment of that name; arguments are files of the
list below, without them all of them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import workspace
from environments import BUILD, ROOT

UNITS = "tests/unit/plugins"
ENTRA, PBX, INVENTORY = f"{UNITS}/module_utils/_entra", f"{UNITS}/module_utils/_pbx", f"{UNITS}/plugin_utils/_inventory"
FILES = {
    "plugins/module_utils/_entra/application/adoption.py": (f"{ENTRA}/test_entra_adoption*.py",),
    "plugins/module_utils/_entra/application/plan.py": (
        f"{ENTRA}/test_entra_application_plan*.py",
        f"{ENTRA}/test_entra_ownership.py",
        f"{ENTRA}/test_entra_redirect_uris.py",
    ),
    "plugins/module_utils/_entra/application/undo.py": (f"{ENTRA}/test_entra_application_undo*.py",),
    "plugins/module_utils/_entra/application/grant_plan.py": (f"{ENTRA}/test_entra_grant_plan*.py",),
    "plugins/module_utils/_pbx/settings_plan.py": (f"{PBX}/test_pbx_settings_plan.py",),
    "plugins/module_utils/_pbx/settings_undo.py": (f"{PBX}/test_pbx_settings_undo.py",),
    "plugins/module_utils/_arguments.py": (
        f"{UNITS}/module_utils/test_arguments*.py",
        f"{INVENTORY}/test_fleet_arguments.py",
    ),
    "plugins/plugin_utils/_inventory/variables.py": (
        f"{INVENTORY}/test_variables*.py",
        f"{INVENTORY}/test_templates_once.py",
        f"{INVENTORY}/test_unknown_variables.py",
    ),
    "plugins/plugin_utils/_inventory/arguments.py": (f"{INVENTORY}/test_fleet_arguments*.py",),
}
"""Each file, and the tests of units that concern it."""

# A line that is nothing but a sentence: tests hold the words that a user needs, not the wording.
SENTENCE = r"""^\s*(\w+ ?= ?)?f?"[^"]* [^"]*"[,)]*$"""
SURVIVED, WITHOUT_TEST = 0, 33
# `mutmut show` for many: to start it takes a second.
SHOW = """\
import sys
from mutmut.__main__ import cli
for name in sys.argv[1:]:
    cli(["show", name], standalone_mode=False)
"""
SETTINGS = """\
[mutmut]
source_paths = ansible_collections/tcx/m365/plugins
only_mutate = {file}
also_copy = ansible_collections
do_not_mutate_patterns = {sentence}
pytest_add_cli_args_test_selection =
{tests}
pytest_add_cli_args =
    -p
    no:cacheprovider
    --hypothesis-profile=few
use_git_change_detection = false
track_dependencies = false
"""


def prepare(file: str) -> Path:
    """A fresh copy with the settings of mutmut; returns where to run it."""
    place = BUILD / "copies" / "mutants" / Path(file).stem
    shutil.rmtree(place, ignore_errors=True)
    workspace.copy_collection(place)
    inside = workspace.NAME.as_posix()
    tests = [test.relative_to(place) for pattern in FILES[file] for test in sorted(place.glob(f"{inside}/{pattern}"))]
    settings = SETTINGS.format(
        file=f"{inside}/{file}", sentence=SENTENCE, tests="\n".join(f"    {test}" for test in tests)
    )
    (place / "setup.cfg").write_text(settings, encoding="utf-8")
    return place


def verdicts(place: Path, file: str) -> dict[str, int | None]:
    """How the tests ended for each mutant of a file, by its name."""
    meta = place / "mutants" / workspace.NAME / f"{file}.meta"
    exit_codes: dict[str, int | None] = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
    return exit_codes


def explained() -> dict[str, int]:
    """The survivors of each file that docs/mutants.md has."""
    text = (ROOT / "docs" / "mutants.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| \d+ \| \d+ \| (\d+) \|", text, re.MULTILINE)
    return {file: int(count) for file, count in rows}


def measure(file: str) -> int:
    """Print the figures of one file and what survived; return how many did."""
    place = prepare(file)
    known = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1"]
    run = subprocess.run(command, cwd=place, env=known, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"The mutants of {file} could not be tried:\n{run.stdout[-4000:]}{run.stderr}")
    ends = verdicts(place, file)
    alive = sorted(name for name, end in ends.items() if end in (SURVIVED, WITHOUT_TEST, None))
    print(f"{file}: {len(ends)} mutants, {len(ends) - len(alive)} killed, {len(alive)} survivors", flush=True)
    subprocess.run([sys.executable, "-c", SHOW, *alive], cwd=place, env=known, check=False)
    return len(alive)


def main(arguments: list[str]) -> int:
    allowed = explained()
    counts = {file: measure(file) for file in arguments or FILES}
    worse = [file for file, count in counts.items() if file in allowed and count > allowed[file]]
    for file in worse:
        print(f"{file}: more survivors than docs/mutants.md explains ({allowed[file]})")
    return int(bool(worse))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
