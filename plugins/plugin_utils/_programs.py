# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs that a task starts in the controller; a module that Ansible has sent to a host does it in Ansible's way."""

from __future__ import annotations

import subprocess


def run_program(command: list[str], seconds: float) -> tuple[int, str, str]:
    """Exit status, standard output, standard error. Raises ``OSError``, or ``TimeoutError`` after that many seconds."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{command[0]} did not finish within {seconds:.0f} s") from None
    return done.returncode, done.stdout, done.stderr
