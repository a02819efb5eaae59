# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds the Python interpreters of this machine: one real executable per minor version.

Candidates are `python3` and `python3.9` .. `python3.14` on the search path and, where a version manager is installed,
the versions that it says it has. A name that is found but does not answer (a version manager's shim whose version is
not selected) does not count.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

Version = tuple[int, int]

MINORS = range(9, 15)
PROBE = "import sys; print(*sys.version_info[:2], sys._base_executable or sys.executable)"


def answer(executable: str) -> tuple[Version, Path] | None:
    """Return (version, real executable) that `executable` reports, or None when it cannot be run."""
    try:
        probe = subprocess.run([executable, "-c", PROBE], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if probe.returncode != 0:
        return None
    major, minor, path = probe.stdout.strip().split(" ", 2)
    return (int(major), int(minor)), Path(path).resolve()


def managed_candidates() -> list[str]:
    """Executables of the versions that a version manager on the search path has installed."""
    manager = shutil.which("pyenv")
    if manager is None:
        return []
    listing = subprocess.run([manager, "versions", "--bare"], capture_output=True, text=True, check=False)
    executables = []
    for version in listing.stdout.split():
        prefix = subprocess.run([manager, "prefix", version], capture_output=True, text=True, check=False)
        executable = Path(prefix.stdout.strip()) / "bin" / "python3"
        if prefix.returncode == 0 and executable.is_file():
            executables.append(str(executable))
    return executables


@functools.cache
def interpreters() -> dict[Version, Path]:
    """Every minor version from 3.9 on that answers here, oldest first; the search path wins over a version manager."""
    names = [sys.executable, "python3", *(f"python3.{minor}" for minor in MINORS)]
    on_path = [path for name in names if (path := shutil.which(name))]
    by_version: dict[Version, Path] = {}
    for candidate in [*on_path, *managed_candidates()]:
        answered = answer(candidate)
        if answered is not None and answered[0] >= (3, MINORS.start):
            by_version.setdefault(*answered)
    return dict(sorted(by_version.items()))


def link_all(directory: Path) -> Path:
    """Make `directory` hold one `python3.N` link per interpreter, so that a tool that looks on PATH sees them all."""
    directory.mkdir(parents=True, exist_ok=True)
    for (major, minor), executable in interpreters().items():
        link = directory / f"python{major}.{minor}"
        fresh = directory / f".{link.name}.{os.getpid()}"
        fresh.symlink_to(executable)
        fresh.replace(link)
    return directory


if __name__ == "__main__":
    for (major, minor), executable in interpreters().items():
        print(f"{major}.{minor} {executable}")
