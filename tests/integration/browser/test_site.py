# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation site in a real browser: each page of the repository is there, and the search finds it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.tests.integration.browser.signing_in import REPOSITORY
from ansible_collections.tcx.m365.tests.tools.chromium import Chromium, missing

# A browser is a package of the operating system, so nothing of ours can install it.
pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(missing()), reason=missing())]

SITE = REPOSITORY / ".build" / "site" / "build" / "html"
START = SITE / "collections" / "tcx" / "m365" / "index.html"
SOURCES = ("docs/**/*", "tools/docsite.py", "tools/site_pages.py", "CONTRIBUTING.md", "tests/lab/README.md")
RESULT = "#search-results ul.search li a"


def _newest(patterns: tuple[str, ...]) -> float:
    return max(path.stat().st_mtime for pattern in patterns for path in REPOSITORY.glob(pattern) if path.is_file())


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    """At the start page of a site that is as new as its sources; the gate `site` has usually built it before."""
    if not START.exists() or START.stat().st_mtime < _newest(SOURCES):
        build = "exec $(tools/find-python) tools/gates.py site"
        subprocess.run(["sh", "-c", build], cwd=REPOSITORY, check=True, capture_output=True)
    with Chromium(width=1200) as chromium:
        yield chromium


def _search(browser: Chromium, words: str) -> list[str]:
    """The titles that the search box of the start page finds, the best first."""
    browser.page.goto(START.as_uri())
    browser.page.fill("form.search input[name=q]", words)
    browser.page.press("form.search input[name=q]", "Enter")
    browser.page.wait_for_selector(RESULT)
    # The search tells in a sentence when it is at its end.
    browser.page.wait_for_function(
        "() => /^Search finished|^Found/.test(document.querySelector('.search-summary').innerText)"
    )
    return [str(link.inner_text()) for link in browser.page.query_selector_all(RESULT)]


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("AADSTS700016", "Errors of Entra and Graph, and what to do"),
        ("blacklist", "Troubleshooting by symptom"),
        ("approval", "From nothing to a nightly compliance run with an approval"),
        ("exit status", "Exit status and frequent questions"),
        ("bootstrap", "The first hour: from nothing to a fleet"),
    ],
)
def test_the_search_finds_what_a_person_looks_for(browser: Chromium, words: str, title: str) -> None:
    assert title in _search(browser, words)[:8]


def test_a_result_leads_to_its_page(browser: Chromium) -> None:
    (title, *_others) = _search(browser, "AADSTS700016")
    browser.page.click(RESULT)
    browser.page.wait_for_selector("h1")
    assert title in browser.page.inner_text("h1")
    assert "AADSTS700016" in browser.page.inner_text("body")


def test_the_start_page_leads_to_every_subject_and_no_picture_is_missing(browser: Chromium) -> None:
    browser.page.goto(START.as_uri())
    links = browser.page.eval_on_selector_all(
        "div.body a[href*='docsite/']", "(links) => links.map((link) => [link.innerText, link.href])"
    )
    titles = " | ".join(title for title, _address in links)
    for subject in ("first hour", "Permissions", "fleet", "Compliance", "approval", "Certificates", "symptom"):
        assert subject in titles
    for subject in ("Security", "Architecture", "lab", "Contributing", "Signing in", "Upgrading", "Errors of 3CX"):
        assert subject in titles
    for address in {address.partition("#")[0] for _title, address in links}:
        assert Path(address.removeprefix("file://")).is_file(), address
    browser.page.goto((START.parent / "docsite" / "page_report.html").as_uri())
    broken = "(images) => images.filter((image) => !image.naturalWidth).map((image) => image.alt)"
    assert browser.page.eval_on_selector_all("img", broken) == []
