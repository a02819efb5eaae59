# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clean copies of the collection for tools that insist on a place or leave files behind.

ansible-test wants a real directory `ansible_collections/tcx/m365`; linters that walk the tree must not meet virtual
environments, and nobody should trip over a file that is being edited. A copy holds what `git` tracks, what is new and
not ignored, and the changes that are not committed yet.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from environments import BUILD, ROOT

NAME = Path("ansible_collections", "tcx", "m365")


def tracked_files(root: Path = ROOT) -> list[Path]:
    """Paths, relative to `root`, of every file that is or would be in the repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    names = sorted(set(listing.stdout.split("\0")) - {""})
    return [Path(name) for name in names if (root / name).is_symlink() or (root / name).is_file()]


def copy_collection(base: Path) -> Path:
    """Make `base`/ansible_collections/tcx/m365 a fresh copy, itself a git repository; return its path."""
    target = base / NAME
    shutil.rmtree(target, ignore_errors=True)
    for name in tracked_files():
        destination = target / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, destination, follow_symlinks=False)
    for command in (["git", "init", "-q"], ["git", "add", "--all"]):
        subprocess.run(command, cwd=target, check=True, capture_output=True)
    return target


def place_get_pip(home: Path, site_packages: Path) -> None:
    """Put our get-pip where the ansible-test of that installation looks for its own; an existing one stays."""
    internals = (site_packages / "ansible_test" / "_internal" / "python_requirements.py").read_text(encoding="utf-8")
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in set(re.findall(r"\bpip='([0-9.]+)'", internals)):
        script = cache / f"get_pip_{version.replace('.', '_')}.py"
        if not script.exists():
            shutil.copyfile(Path(__file__).with_name("get_pip.py"), script)


def private_home(name: str) -> Path:
    """A home directory inside the build directory, which keeps the person's own clean; pip's settings are shared."""
    home = BUILD / "home" / name
    settings = Path.home() / ".config" / "pip"
    (home / ".config").mkdir(parents=True, exist_ok=True)
    link = home / ".config" / "pip"
    if settings.is_dir() and not link.is_symlink():
        link.symlink_to(settings)
    return home
