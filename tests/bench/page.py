# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report page of a made-up fleet in a browser: how long it takes to open, and to show what was searched for.

Usage: page.py PBXS     in the environment of the browser tests; prints one measurement as JSON
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ansible_collections.tcx.m365.plugins.plugin_utils._report.files import write_report
from ansible_collections.tcx.m365.tests.tools.chromium import Chromium
from ansible_collections.tcx.m365.tests.tools.sample_fleet import sample_report

SEARCHED = ("cedar-clinic", "AADSTS", "no such customer")
"""A name, a word that stands in reasons, and what nobody has."""


_SEARCH = """
(words) => new Promise((done) => {
  const shown = document.getElementById("shown"), field = document.getElementById("search"), began = performance.now();
  const painted = () => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
  new MutationObserver((_changes, watcher) => { watcher.disconnect(); painted(); }).observe(shown, { childList: true });
  field.value = words;
  field.dispatchEvent(new Event("input"));
})
"""
"""Milliseconds from the last key until the page has painted what it found. Measured inside: whoever asks a page of many rows
from outside measures how long that takes."""


def main(pbxs: int) -> dict[str, Any]:
    """Seconds until all rows are there, and the longest of the searches."""
    with tempfile.TemporaryDirectory(prefix="tcx-bench-") as directory, Chromium() as browser:
        write_report(sample_report(pbxs), Path(directory))
        page = Path(directory) / "compliance.html"
        began = time.perf_counter()
        browser.open(page)
        browser.wait_for_count(".row", pbxs)
        opened = time.perf_counter() - began
        searches = []
        for words in SEARCHED:
            searches.append(browser.run(_SEARCH, words) / 1000)
            browser.run(_SEARCH, "")
            browser.wait_for_count(".row", pbxs)
        return {"wall": round(opened, 3), "search": round(max(searches), 3), "bytes": page.stat().st_size}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
