# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes the pictures of signing in with Microsoft that the documentation shows: before the rollout, after it, and an error.

Run with the directory above `ansible_collections` and tests/lab on PYTHONPATH:
`python -m ansible_collections.tcx.m365.tests.tools.sign_in_pictures --pictures docs/images`
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from ansible_collections.tcx.m365.tests.integration.browser.signing_in import (
    BREAKAGES,
    HEALTHY,
    SWITCHES,
    Bench,
    Visitor,
    fleet,
)
from ansible_collections.tcx.m365.tests.tools.chromium import Chromium, missing
from tcx_lab.testing import Lab


def take_pictures(folder: Path, width: int = 1280) -> None:
    """`sign-in-before.png`, `sign-in-after.png`, `sign-in-error.png`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        Lab.start(fleet(), switches=SWITCHES) as lab,
        tempfile.TemporaryDirectory() as home,
        Chromium(width=width, height=720, any_certificate=True) as browser,
    ):
        visitor = Visitor(browser, Bench(lab, Path(home)))
        visitor.open(HEALTHY)
        browser.picture(folder / "sign-in-before.png")
        wrong = BREAKAGES[0]
        visitor.bench.rollout("--limit", f"{HEALTHY},{wrong.name}")
        user = visitor.bench.user["userPrincipalName"]
        visitor.sign_in(HEALTHY, user)
        browser.picture(folder / "sign-in-after.png")
        wrong.happens(visitor.bench, wrong.name)
        visitor.sign_in(wrong.name, user)
        browser.picture(folder / "sign-in-error.png")


def main() -> int:
    """Exit status 1 when there is no browser."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True, help="directory of the pictures")
    parser.add_argument("--width", type=int, default=1280, help="width of the window in pixels")
    options = parser.parse_args()
    if missing():
        print(missing(), file=sys.stderr)
        return 1
    take_pictures(options.pictures, options.width)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
