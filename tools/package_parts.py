# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes parts out of Python packages that the tests look into but never install; they are never part of the repository.

No package index has the collection awx.awx by itself, but a release of the community package of Ansible holds it. The
schema and the parser of ansible-rulebook need none of what its engine depends on. A lock in tests/requirements pins each
package by hash. The download happens once; a stamp in the target holds the digest of the lock.

Usage: package_parts.py NAME     print the directory (.build/NAME) that holds the part, after making it if need be
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from environments import BUILD, LOCKS, CannotMake, exclusive

#: Name of the lock and what is taken out of the package.
PARTS = {"awx": "ansible_collections/awx/awx/", "rulebook": "ansible_rulebook/"}


def ensure(name: str) -> Path:
    """Return the directory that holds the part; raises CannotMake when it cannot be had."""
    target, lock = BUILD / name, LOCKS / f"{name}.txt"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = target / "stamp"
    with exclusive(name):
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
            return target
        shutil.rmtree(target, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
            _download(lock, Path(scratch))
            package = next(Path(scratch).glob("*.whl"))
            with zipfile.ZipFile(package) as archive:
                archive.extractall(target, [member for member in archive.namelist() if member.startswith(PARTS[name])])
        stamp.write_text(digest, encoding="utf-8")
    return target


def _download(lock: Path, directory: Path) -> None:
    flags = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    places: list[str | Path] = ["--dest", directory, "--requirement", lock]
    command = [sys.executable, "-m", "pip", "download", *flags, *places]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise CannotMake(f"the package of {lock.name} cannot be downloaded: {done.stderr.strip()}")


if __name__ == "__main__":
    try:
        print(ensure(sys.argv[1]))
    except CannotMake as reason:
        sys.exit(str(reason))
