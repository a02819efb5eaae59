# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes what follows from the argument specs: `make generate`. With `--check` it compares and writes nothing.

From the specs of the modules, the declared settings of 3CX and one text for each option come the doc fragment of the
settings, the argument specs and the tables in the READMEs of the roles, the return value `error` of the modules, and the
table of settings by release.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def _find_collection(root: Path) -> None:
    """Import the collection of this very tree, be it the repository or a copy below `ansible_collections`."""
    home = root.parents[2] if root.parts[-3:] == ("ansible_collections", "tcx", "m365") else root / ".build/collections"
    sys.path[:0] = [str(home), str(root / "tools")]


def main() -> int:
    """Exit status: 0, or 1 when a file is not what the specs say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    check = parser.parse_args().check
    _find_collection(ROOT)
    files = importlib.import_module("generated").files
    stale = []
    for path, content in files(ROOT):
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        if before == content:
            continue
        stale.append(path.relative_to(ROOT).as_posix())
        if check:
            lines = (before.splitlines(), content.splitlines())
            sys.stdout.write("\n".join(list(difflib.unified_diff(*lines, lineterm="", n=1))[:40]) + "\n")
        else:
            path.write_text(content, encoding="utf-8")
    verb = "is not what the specs say; run: make generate" if check else "written"
    sys.stdout.writelines(f"{name}: {verb}\n" for name in stale)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
