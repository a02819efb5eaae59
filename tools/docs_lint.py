# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lets antsibull-docs check the documentation of the collection in the working directory.

It writes the path of a temporary directory of its own into each page that it checks, and one name in 37 ends with an underscore,
which makes a link of it in reStructuredText: every page is then faulty, and the collection is not. So it may try again.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PROGRAM = str(Path(sys.executable).with_name("antsibull-docs"))
COMMAND = (PROGRAM, "lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "all", ".")
OF_ITS_OWN = 'Unknown target name: "antsibull-docs-'
TRIES = 4


def faults(output: str) -> list[str]:
    """The lines that are not about its temporary directory."""
    return [line for line in output.splitlines() if line.strip() and OF_ITS_OWN not in line]


def main(command: Sequence[str] = COMMAND) -> int:
    for _try in range(TRIES):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        output = done.stdout + done.stderr
        if done.returncode == 0 or faults(output):
            break
    print(output, end="")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
