# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Flame graphs of a first rollout, a no-change rollout and a compliance run, drawn by py-spy.

Usage: PYTHONPATH=tests/lab .venv/bin/python tests/bench/flames.py [PBXS]     py-spy has to be on the PATH

Writes docs/images/profile-*.svg. All processes of a run are in a picture; only what ran counts, not what waited.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from _paths import REPOSITORY
from subjects import Bench

PICTURES = REPOSITORY / "docs" / "images"
_PROCESS = re.compile(r"process \d+:.*?(?=</text>|</title>| \([\d,]+ samples)", re.DOTALL)
"""The frame of a process is called by its command line, which has the directories of this machine in it."""
_FRAME = re.compile(r"<g><title>[^<]*?\([\d,]+ samples, ([\d.]+)%\)</title>.*?</g>", re.DOTALL)
_LEAST_PERCENT = 0.4
"""Frames narrower than this cannot be seen, and are most of the file."""
_TITLE = re.compile(r'(<text id="title"[^>]*>)[^<]*')


def main() -> int:
    """Draw the three pictures."""
    py_spy = shutil.which("py-spy")
    if py_spy is None:
        print("py-spy is not on the PATH; install it with: pip install py-spy", file=sys.stderr)
        return 1
    pbxs = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    with Bench.start(pbxs, 50.0) as bench:
        picture = bench.directory / "profile.svg"
        for name, run in (
            ("first-rollout", bench.rollout),
            ("no-change-rollout", bench.rollout),
            ("compliance", bench.compliance),
        ):
            if name == "compliance":
                bench.drift()
            options = ["--subprocesses", "--function", "--nonblocking", "--rate", "100", "--output", str(picture)]
            bench.prefix = [py_spy, "record", "--format", "flamegraph", *options, "--"]
            run()
            drawn = _anonymous(picture, f"{name} of {pbxs} PBXs")
            (PICTURES / f"profile-{name}.svg").write_text(drawn, encoding="utf-8")
    return 0


def _anonymous(picture: Path, title: str) -> str:
    """The picture without the command lines of processes, which is the title as well."""
    drawn = _PROCESS.sub("process", picture.read_text(encoding="utf-8"))
    drawn = _FRAME.sub(lambda frame: frame[0] if float(frame[1]) >= _LEAST_PERCENT else "", drawn)
    return _TITLE.sub(rf"\g<1>{title}", drawn, count=1)


if __name__ == "__main__":
    sys.exit(main())
