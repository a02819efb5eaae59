# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes the collection awx.awx out of the community package of Ansible, for tests; it is never part of the repository.

No package index has the collection by itself. tests/requirements/awx.txt pins the last release of the package that
contains it, by hash. The download (52 MB) happens once; a stamp in the target holds the digest of the lock.

Usage: awx_collection.py     print the directory for ANSIBLE_COLLECTIONS_PATH, after making it if need be
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

TARGET = BUILD / "awx"
LOCK = LOCKS / "awx.txt"
INSIDE = "ansible_collections/awx/awx/"


def ensure() -> Path:
    """Return the directory that holds `ansible_collections/awx/awx`; raises CannotMake when it cannot be had."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    stamp = TARGET / "stamp"
    with exclusive("awx"):
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
            return TARGET
        shutil.rmtree(TARGET, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
            _download(Path(scratch))
            package = next(Path(scratch).glob("*.whl"))
            with zipfile.ZipFile(package) as archive:
                archive.extractall(TARGET, [name for name in archive.namelist() if name.startswith(INSIDE)])
        stamp.write_text(digest, encoding="utf-8")
    return TARGET


def _download(directory: Path) -> None:
    flags = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "download", *flags, "--dest", directory, "--requirement", LOCK]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise CannotMake(f"the collection awx.awx cannot be downloaded: {done.stderr.strip()}")


if __name__ == "__main__":
    try:
        print(ensure())
    except CannotMake as reason:
        sys.exit(str(reason))
