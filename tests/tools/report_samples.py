# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes a report of a made-up fleet and takes the pictures of it that the documentation shows.

Run with the directory above `ansible_collections` on PYTHONPATH:
`python -m ansible_collections.tcx.m365.tests.tools.report_samples --hosts 40 --out samples --pictures docs/images`
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ansible_collections.tcx.m365.plugins.plugin_utils._report.files import write_report
from ansible_collections.tcx.m365.tests.tools.chromium import Chromium, missing
from ansible_collections.tcx.m365.tests.tools.sample_fleet import sample_report

_OPEN_FIRST_DRIFT = """() => {
  [...document.querySelectorAll(".row")].find((one) => one.querySelector(".pill.drifted")).querySelector(".toggle").click();
  window.scrollTo(0, 0);
}"""


_ABOVE = 36
"""Pixels of a card above its heading."""


def take_pictures(page: Path, folder: Path) -> None:
    """`report-light.png` and `report-dark.png`, the top of the page, 1280 pixels wide; `report-list.png`, the list with one PBX
    expanded; `report-rights.png`, who can do what; on a phone; a part of it for paper."""
    folder.mkdir(parents=True, exist_ok=True)
    for theme in ("light", "dark"):
        with Chromium(theme=theme) as browser:
            browser.open(page)
            browser.picture(folder / f"report-{theme}.png", height=_top(browser, "trend-heading") - _ABOVE)
    with Chromium() as browser:
        browser.open(page)
        browser.run(_OPEN_FIRST_DRIFT)
        top = _top(browser, "pbxs") - _ABOVE
        end = browser.run("() => document.querySelector('.details').getBoundingClientRect().bottom + scrollY")
        browser.picture(folder / "report-list.png", height=round(end) - top, top=top)
        top = _top(browser, "rights-heading") - _ABOVE
        browser.picture(folder / "report-rights.png", height=_top(browser, "pbxs") - _ABOVE - top, top=top)
    with Chromium(width=390, height=844) as browser:
        browser.open(page)
        browser.picture(folder / "report-phone.png", height=1700)
    with Chromium(width=720, height=1018) as browser:
        browser.open(page)
        browser.page.emulate_media(media="print")
        browser.wait_for_count(
            ".details", browser.run("() => document.querySelectorAll('.row:not(:has(.pill.compliant))').length")
        )
        top = browser.run("() => document.querySelector('#pbxs').getBoundingClientRect().top + scrollY")
        browser.picture(folder / "report-print.png", height=1018, top=round(top))


def _top(browser: Chromium, name: str) -> int:
    """Where a heading stands on the page."""
    top = browser.run("(name) => document.getElementById(name).getBoundingClientRect().top + scrollY", name)
    return round(top)


def main() -> int:
    """Exit status 1 when pictures are wanted and there is no browser."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--out", type=Path, required=True, help="directory of the report")
    parser.add_argument("--pictures", type=Path, help="directory of the pictures")
    options = parser.parse_args()
    for written in write_report(sample_report(options.hosts), options.out):
        print(f"{written.size:>9}  {written.path}")
    if options.pictures:
        if missing():
            print(missing(), file=sys.stderr)
            return 1
        take_pictures(options.out / "compliance.html", options.pictures)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
