# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands that the lab's README prints, as somebody types them after a clone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

from .conftest import REPOSITORY

SHELL = ("sh", "-c")
PAGE = REPOSITORY / "tests" / "lab" / "README.md"


def commands() -> list[str]:
    """The lines of the first block below "Start it", without prompts and comments."""
    block = re.search(r"## Start it.*?```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    return [line.removeprefix("$ ").partition("  #")[0].strip() for line in block[1].splitlines()]


def test_start_it(tmp_path: Path) -> None:
    first, *others = commands()
    assert first == "make lab"
    # What the target runs once the environment is there; `setup` is not repeated beside other tests.
    known = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    known["HOME"] = str(tmp_path)
    # Without what a make above this test hands down: it would print its directories around the recipe.
    recipe = subprocess.run(
        ["make", "-n", "lab"], cwd=REPOSITORY, env=known, capture_output=True, text=True, check=True
    )
    *_setup, directory, start = recipe.stdout.strip().splitlines()
    subprocess.run([*SHELL, directory], cwd=REPOSITORY, env=known, check=True, timeout=10)
    with subprocess.Popen(
        [*SHELL, f"exec env {start}"], cwd=REPOSITORY, env=known, stdout=subprocess.PIPE, text=True
    ) as lab:
        try:
            assert lab.stdout is not None
            printed = ""
            for line in lab.stdout:
                printed += line
                if line == "}\n":
                    break
            host = next(iter(json.loads(printed)["tcx"]["hosts"]))
            script = "\n".join(["set -e", *others]) + f" --limit {host}"
            done = subprocess.run(
                [*SHELL, script], cwd=REPOSITORY, env=known, capture_output=True, text=True, check=False
            )
        finally:
            lab.send_signal(signal.SIGINT)
            lab.communicate(timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"^{host} +: .*failed=0", done.stdout, re.MULTILINE)
