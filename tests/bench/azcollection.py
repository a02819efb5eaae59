# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gets azure.azcollection out of the package that it is shipped in, with what it imports in an environment of its own."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import environments
from environments import BUILD, LOCKS, CannotMake

TARGET = BUILD / "azcollection"
LOCK = LOCKS / "azcollection-source.txt"
INSIDE = "ansible_collections/azure/azcollection/"


def python() -> Path:
    """The interpreter that its modules run with."""
    return environments.ensure("azcollection").bin / "python"


def ensure() -> Path:
    """The directory for ANSIBLE_COLLECTIONS_PATH; raises CannotMake when it cannot be had."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    stamp = TARGET / "stamp"
    with environments.exclusive("azcollection"):
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
            return TARGET
        shutil.rmtree(TARGET, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
            _download(Path(scratch))
            with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as package:
                package.extractall(TARGET, [name for name in package.namelist() if name.startswith(INSIDE)])
        stamp.write_text(digest, encoding="utf-8")
    return TARGET


def _download(directory: Path) -> None:
    flags = ["-q", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    # Only looked into, so that it does not matter which Python the package itself is for.
    flags += ["--python-version", "3.12"]
    command = [sys.executable, "-m", "pip", "download", *flags, "-d", str(directory), "-r", str(LOCK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise CannotMake(f"azure.azcollection cannot be downloaded: {done.stderr.strip()}")


def environment(base: Mapping[str, str], bundle: Path) -> dict[str, str]:
    """The variables by which its modules are found, trust the lab, and cannot reach anything but this machine."""
    collections = f"{ensure()}:{base['ANSIBLE_COLLECTIONS_PATH']}"
    return {
        **base,
        "ANSIBLE_COLLECTIONS_PATH": collections,
        "REQUESTS_CA_BUNDLE": str(bundle),
        "SSL_CERT_FILE": str(bundle),
        # Nobody listens there: what the collection would ask the real Graph ends at once.
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "NO_PROXY": "127.0.0.1",
    }
