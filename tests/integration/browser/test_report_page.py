# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of the compliance report in a real browser: as an auditor with a mouse, a keyboard, a phone, paper, or no script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._report.files import write_report
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import Report
from ansible_collections.tcx.m365.tests.tools.chromium import Chromium, missing
from ansible_collections.tcx.m365.tests.tools.sample_fleet import GENERATED_AT, RUN, hostile_hosts, sample_report

# A browser is a package of the operating system, so nothing of ours can install it.
pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(missing()), reason=missing())]

AXE_LIKE = Path(__file__).with_name("accessibility.js")
VISIBLE_ROWS = "() => [...document.querySelectorAll('.row')].map((row) => row.querySelector('.toggle').textContent)"


@dataclass(frozen=True)
class Samples:
    """Pages of made-up fleets."""

    small: Path
    large: Path
    hostile: Path
    report: Report


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """40 and 2,000 PBXs, and those with names that try to break the page."""
    folder = tmp_path_factory.mktemp("reports")
    small = sample_report(40)
    write_report(small, folder / "small")
    write_report(sample_report(2000), folder / "large")
    write_report(Report.build(hostile_hosts(), generated_at=GENERATED_AT, run=RUN), folder / "hostile")
    pages = [folder / name / "compliance.html" for name in ("small", "large", "hostile")]
    return Samples(*pages, small)


@pytest.fixture
def browser() -> Iterator[Chromium]:
    """A browser of 1280 pixels that must neither complain nor ask for anything."""
    with Chromium() as chromium:
        yield chromium
        assert chromium.console == []
        assert chromium.requests() == []


def rows(browser: Chromium) -> list[str]:
    found: list[str] = browser.run(VISIBLE_ROWS)
    return found


def hosts_of(report: Report, *verdicts: str) -> list[str]:
    return [entry["host"] for entry in report.hosts if entry["verdict"] in verdicts]


def test_it_opens_with_every_pbx_the_worst_first(browser: Chromium, samples: Samples) -> None:
    browser.open(samples.small)
    shown = rows(browser)
    report = samples.report
    order = [
        name
        for verdict in ("failed", "unreachable", "broken", "unlicensed", "drifted", "attention", "compliant")
        for name in hosts_of(report, verdict)
    ]
    assert shown == order
    assert browser.page.inner_text("#shown") == "40 PBXs"
    assert (
        "27 of 40 PBXs are compliant. 4 need attention, 7 are not compliant, 2 could not be checked."
        in browser.page.inner_text("main")
    )


def test_the_verdict_filter_adds_up_and_can_be_cleared(browser: Chromium, samples: Samples) -> None:
    browser.open(samples.small)
    page = browser.page
    page.get_by_role("button", name="Drifted 5").click()
    assert sorted(rows(browser)) == hosts_of(samples.report, "drifted")
    assert page.inner_text("#shown") == "5 of 40 PBXs"
    page.get_by_role("button", name="Failed 1").click()
    assert sorted(rows(browser)) == sorted(hosts_of(samples.report, "drifted", "failed"))
    assert page.locator(".chip[aria-pressed='true']").count() == 2
    page.get_by_role("button", name="Clear the filters").click()
    assert len(rows(browser)) == 40
    assert page.locator(".chip[aria-pressed='true']").count() == 0


def test_the_search_finds_names_values_and_thumbprints_and_every_word_counts(
    browser: Chromium, samples: Samples
) -> None:
    browser.open(samples.small)
    page = browser.page
    target = next(entry for entry in samples.report.hosts if entry["certificates"])
    thumbprint = target["certificates"][0]["thumbprint"]
    for words, wanted in (
        (thumbprint.lower(), [target["host"]]),
        ("mail.readwrite consent sign-in", [e["host"] for e in samples.report.hosts if e["consent"]["unneeded"]]),
        ("no such thing anywhere", []),
    ):
        page.get_by_label("Search").fill(words)
        page.keyboard.press("Enter")
        assert sorted(rows(browser)) == sorted(wanted)
    assert page.get_by_text("No PBX matches these filters.").is_visible()


def test_the_tenant_the_certificate_and_the_change_since_filter(browser: Chromium, samples: Samples) -> None:
    browser.open(samples.small)
    page, report = browser.page, samples.report
    tenant = next(entry["tenant_id"] for entry in report.hosts)
    page.get_by_label("Tenant").select_option(tenant)
    assert sorted(rows(browser)) == [entry["host"] for entry in report.hosts if entry["tenant_id"] == tenant]
    page.get_by_label("Tenant").select_option("")
    page.get_by_label("Certificate", exact=True).select_option("-1")
    overdue = [e["host"] for e in report.hosts if any(one["days_left"] < 0 for one in e["certificates"])]
    assert sorted(rows(browser)) == overdue
    assert overdue
    page.get_by_label("Certificate", exact=True).select_option("")
    page.get_by_label("Change since earlier").select_option("Resolved")
    assert report.comparison is not None
    assert rows(browser) == [one["host"] for one in report.comparison["resolved"]]


def test_the_columns_sort_both_ways_and_say_so(browser: Chromium, samples: Samples) -> None:
    browser.open(samples.small)
    page = browser.page
    names = [entry["host"] for entry in samples.report.hosts]
    head = page.locator(".fleet").get_by_role("columnheader", name="PBX")
    head.get_by_role("button").click()
    assert rows(browser) == names
    assert head.get_attribute("aria-sort") == "ascending"
    head.get_by_role("button").click()
    assert rows(browser) == names[::-1]
    assert head.get_attribute("aria-sort") == "descending"
    page.get_by_role("button", name="Certificate expires").click()
    assert head.get_attribute("aria-sort") is None
    soonest = min(
        samples.report.hosts, key=lambda entry: min((one["days_left"] for one in entry["certificates"]), default=9999)
    )
    assert rows(browser)[0] == soonest["host"]


def test_the_details_tell_the_drift_in_words_and_colors(browser: Chromium, samples: Samples) -> None:
    browser.open(samples.small)
    page = browser.page
    toggle = page.get_by_role("button", name="amber-press", exact=True)
    toggle.click()
    assert toggle.get_attribute("aria-expanded") == "true"
    details = page.locator("#" + (toggle.get_attribute("aria-controls") or ""))
    text = details.inner_text()
    for wanted in (
        "Reasons",
        "How to fix it",
        "Missing Contacts.Read",
        "Unneeded Mail.ReadWrite",
        "settings.user_sync.photo",
    ):
        assert wanted in text
    assert details.locator("del").first.inner_text().startswith("− removed https://amber-press.example.com:443/")
    assert details.locator("ins").first.inner_text().startswith("+ added https://amber-press.example.com:5001/")
    colors = [details.locator(name).first.evaluate("(one) => getComputedStyle(one).color") for name in ("del", "ins")]
    assert len(set(colors)) == 2
    toggle.click()
    assert toggle.get_attribute("aria-expanded") == "false"
    assert details.count() == 0


def test_everything_works_with_the_keyboard_alone(browser: Chromium, samples: Samples) -> None:
    browser.open(samples.small)
    page = browser.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the list of PBXs"
    page.keyboard.press("Enter")
    seen: list[str] = []
    for _step in range(30):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        if seen[-1] == "toggle":
            break
    assert {"chip", "search", "tenant", "certificate", "since", "expand", "sort", "toggle"} <= set(seen)
    page.keyboard.press("Space")
    assert page.locator(".details").count() == 1
    page.keyboard.press("Enter")
    assert page.locator(".details").count() == 0


def test_a_name_in_the_comparison_leads_to_its_pbx(browser: Chromium, samples: Samples) -> None:
    browser.open(samples.small)
    page = browser.page
    page.get_by_role("button", name="Failed 1").click()
    page.get_by_role("link", name="maple-clinic").click()
    assert page.locator(".row.open .toggle").inner_text() == "maple-clinic"
    assert page.evaluate("document.activeElement.textContent") == "maple-clinic"
    page.get_by_role("link", name="amber-press").click()
    assert page.locator(".row.open").count() == 2


def background(browser: Chromium) -> str:
    color: str = browser.run("() => getComputedStyle(document.body).backgroundColor")
    return color


def kept_after_a_reload(browser: Chromium, color: str) -> bool:
    """Whether the page comes back in this color.

    Chromium hands what a page stores to another process and does not wait for it, so that on a busy machine the page
    can be back before its choice is. No reload writes anything: a choice that was not stored never comes.
    """
    for _reload in range(20):
        browser.page.reload()
        if background(browser) == color:
            return True
        browser.page.wait_for_timeout(250)
    return False


def test_dark_follows_the_system_and_the_button_wins(samples: Samples) -> None:
    seen = {}
    for theme in ("light", "dark"):
        with Chromium(theme=theme) as browser:
            browser.open(samples.small)
            seen[theme] = background(browser)
            browser.page.get_by_role("button", name="Dark colors" if theme == "light" else "Light colors").click()
            switched = background(browser)
            assert kept_after_a_reload(browser, switched), "the choice is kept"
            seen[theme + " switched"] = switched
    assert seen["light"] == seen["dark switched"] != seen["dark"] == seen["light switched"]


@pytest.mark.parametrize("which", ["small", "hostile"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_wider_than_the_screen(samples: Samples, which: str, width: int) -> None:
    with Chromium(width=width, height=740) as browser:
        browser.open(getattr(samples, which))
        browser.page.get_by_role("button", name="Expand all").click()
        wide = browser.run(
            """() => [...document.querySelectorAll("body *")].filter((one) => {
              const box = one.getBoundingClientRect();
              return box.width && !one.closest(".skip, .hidden, thead, svg, .plain") && (box.right > innerWidth + 0.5 || box.left < -0.5);
            }).map((one) => one.tagName + "." + one.className)"""
        )
        assert wide == []
        assert browser.run("() => document.documentElement.scrollWidth") <= width
        inner = browser.run(
            """() => [...document.querySelectorAll(".details > td")].filter((one) => one.scrollWidth > one.clientWidth + 1).length"""
        )
        assert inner == 0
        assert browser.console == []


def test_on_a_phone_the_list_sorts_by_its_own_field_and_fingers_find_the_buttons(samples: Samples) -> None:
    with Chromium(width=360, height=740) as browser:
        browser.open(samples.small)
        browser.page.get_by_label("Sort by").select_option("host")
        assert rows(browser) == [entry["host"] for entry in samples.report.hosts]
        sizes = browser.run(
            "() => [...document.querySelectorAll('.chip, .fields input, .fields select, .toggle')]"
            ".filter((one) => one.offsetParent).map((one) => Math.min(one.offsetWidth, one.offsetHeight))"
        )
        assert min(sizes) >= 24


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("which", ["small", "hostile"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_is_accessible(samples: Samples, which: str, theme: str, width: int) -> None:
    with Chromium(width=width, theme=theme) as browser:
        browser.open(getattr(samples, which))
        browser.page.get_by_role("button", name="Expand all").click()
        browser.run("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        faults: list[Any] = browser.run(AXE_LIKE.read_text(encoding="utf-8"))
        assert faults == []


def test_a_screen_reader_meets_a_table_and_named_charts(browser: Chromium, samples: Samples) -> None:
    browser.open(samples.small)
    page = browser.page
    assert page.get_by_role("img", name="Verdicts of the fleet").count() == 1
    assert page.get_by_role("img", name="Certificate expiry by month").count() == 1
    table = page.get_by_role("table", name="PBXs")
    assert table.get_by_role("row").count() == 41
    assert table.get_by_role("columnheader").all_inner_texts() == [
        "PBX",
        "Verdict",
        "Findings",
        "Certificate expires",
        "Version",
    ]
    assert page.get_by_role("status").inner_text() == "40 PBXs"


def test_hostile_names_are_text_and_nothing_runs(browser: Chromium, samples: Samples) -> None:
    browser.open(samples.hostile)
    page = browser.page
    page.get_by_role("button", name="Expand all").click()
    assert page.title() == "Fleet compliance report, 2026-11-22 10:00 UTC"
    assert len(rows(browser)) == 12
    assert "</script><script>document.title='owned'</script>" in rows(browser)
    assert page.locator("main img, main iframe, .fleet script, a[href^='javascript:']").count() == 0
    page.get_by_label("Search").fill("שלום")
    page.keyboard.press("Enter")
    assert len(rows(browser)) == 1


def test_2000_pbxs_are_all_there_and_the_page_does_not_wait_for_them(
    browser: Chromium, samples: Samples, record_property: Any
) -> None:
    assert samples.large.stat().st_size < 5_000_000
    browser.page.add_init_script(
        "document.addEventListener('DOMContentLoaded', () => { window.firstRows = document.querySelectorAll('.row').length; });"
    )
    browser.open(samples.large)
    assert browser.run("() => window.firstRows") == 60
    browser.wait_for_count(".row", 2000)
    assert browser.page.inner_text("#shown") == "2,000 PBXs"
    timing = browser.run("() => performance.getEntriesByType('navigation')[0].toJSON()")
    record_property("milliseconds", {name: round(timing[name]) for name in ("domInteractive", "loadEventEnd")})
    browser.page.get_by_label("Search").fill("cedar-clinic")
    browser.page.get_by_role("status").filter(has_text=" of 2,000 PBXs").wait_for()
    assert all("cedar-clinic" in name for name in rows(browser))


def test_on_paper_everything_that_needs_attention_is_told(browser: Chromium, samples: Samples) -> None:
    browser.open(samples.small)
    page = browser.page
    page.emulate_media(media="print", color_scheme="dark")
    browser.wait_for_count(".details", 13)
    assert background(browser) == "rgb(255, 255, 255)"
    for hidden in (".tools", ".actions", "#expand"):
        assert not page.locator(hidden).is_visible()
    assert page.get_by_text("everything that was checked has its desired value").is_visible()
    text = " ".join(page.inner_text("main").split())
    sentences = {said for entry in samples.report.hosts for said in (*entry["reasons"], *entry["attention"])}
    repeated = {said for said in sentences if text.count(said) > own_number(samples.report, said) + 1}
    assert repeated == set(), "once with its PBX, and once more where it is the same on several"
    assert page.locator(".details").get_by_text("timed out after 30 s, three times.").is_visible()
    page.emulate_media(media="screen")
    browser.wait_for_count(".details", 0)
    # What is emulated would be printed.
    page.emulate_media(media="null")
    pages = len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True)))
    assert 2 < pages <= 8, pages
    assert "counter(page)" in samples.small.read_text(encoding="utf-8")


def own_number(report: Report, said: str) -> int:
    """On how many PBXs a sentence stands."""
    return sum(said in (*entry["reasons"], *entry["attention"]) for entry in report.hosts)


def test_without_scripts_the_summary_and_the_open_ones_are_there(samples: Samples) -> None:
    with Chromium(javascript=False) as browser:
        browser.open(samples.small)
        text = browser.page.inner_text("main")
        assert "27 of 40 PBXs are compliant. 4 need attention, 7 are not compliant, 2 could not be checked." in text
        names = browser.page.locator("table.open tbody th").all_inner_texts()
        assert sorted(names) == sorted(
            hosts_of(
                samples.report,
                *(verdict for verdict in samples.report.summary if verdict not in ("total", "compliant")),
            )
        )
        assert not browser.page.locator(".js-only").first.is_visible()
        assert not browser.page.locator(".tools").is_visible()
