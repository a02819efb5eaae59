# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compiles tests/requirements/*.in and meta/ee-constraints.in to locks: exact versions, hashes, for every platform, with no address in them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import environments
from environments import LOCKS

# The oldest Python on which each lock is used; the resolver takes what every later one can use too.
OLDEST = {
    "core-2.20": "3.12",
    "core-2.21": "3.12",
    "core-2.22": "3.13",
    "coverage": "3.12",
    "mutants": "3.12",
    "tower": "3.12",
    "eda": "3.12",
    "ee-constraints": "3.12",
    "azcollection-source": "3.12",
}
DEFAULT_OLDEST = "3.11"
# Part of the collection: the execution environment is built with it.
SHIPPED = {"ee-constraints": environments.ROOT / "meta"}
INCLUDED_ONLY = ("test",)
# Only looked into, never installed, so that what it depends on does not matter.
WITHOUT_DEPENDENCIES = ("awx", "azcollection-source", "rulebook")
HEADER = """\
# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Compiled by `make locks` from {source}; do not edit.
"""
ADDRESS = re.compile(r"(https?|file)://")


def main(arguments: list[str]) -> int:
    uv = environments.installer()
    if uv is None:
        return 1
    names = arguments or sorted(
        [*SHIPPED, *(path.stem for path in LOCKS.glob("*.in") if path.stem not in INCLUDED_ONLY)]
    )
    for name in names:
        place = SHIPPED.get(name, LOCKS)
        source, lock = place / f"{name}.in", place / f"{name}.txt"
        flags = ["-q", "--universal", "--generate-hashes", "--no-header", "--no-annotate", "--upgrade"]
        if name in WITHOUT_DEPENDENCIES:
            flags.append("--no-deps")
        oldest = OLDEST.get(name, DEFAULT_OLDEST)
        command: list[str | Path] = [uv, "pip", "compile", *flags, "--python-version", oldest, "-o", lock, source]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        pins = lock.read_text(encoding="utf-8")
        if ADDRESS.search(pins):
            print(f"{lock.name} holds an address; a lock must be usable with any package index", file=sys.stderr)
            return 1
        lock.write_text(HEADER.format(source=source.name) + pins, encoding="utf-8")
        print(lock.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
