# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signing in with Microsoft in a real browser: before the rollout, after it, with each thing broken, and mended.

The fixtures are chapters of one story, each made once: the lab, the rollout, everything broken, everything mended.
What is seen at the end of a chapter is kept, so the tests may run in any order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.integration.browser.signing_in import (
    BREAKAGES,
    HEALTHY,
    PBX,
    REPOSITORY,
    SWITCHES,
    WOULD_WORK,
    Bench,
    Breakage,
    Ending,
    Visitor,
    fleet,
)
from ansible_collections.tcx.m365.tests.tools.chromium import Chromium, missing
from tcx_lab.testing import Lab
from tcx_lab.world import README_PERMISSIONS

# A browser is a package of the operating system, so nothing of ours can install it.
pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(missing()), reason=missing())]

DOCUMENTATION = REPOSITORY / "docs" / "sign-in.md"
LOGIN_PAGES = ("/webclient", "/admin")
each_breakage = pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda each: each.name)


@dataclass(frozen=True)
class Chapter:
    """A running lab and somebody who visits it; `seen` and `said` are by PBX."""

    bench: Bench
    visitor: Visitor
    seen: dict[str, Any]
    said: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium(any_certificate=True) as chromium:
        yield chromium


@pytest.fixture(scope="module")
def untouched(browser: Chromium, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chapter]:
    """The fleet as it was delivered. `seen`: whether a login page offers Microsoft, by PBX and page."""
    with Lab.start(fleet(), switches=SWITCHES) as lab:
        # The sign-in of users rests on delegated permissions that the rollout consents to for everybody.
        lab.control.set_permissions(*README_PERMISSIONS, "DelegatedPermissionGrant.ReadWrite.All")
        visitor = Visitor(browser, Bench(lab, tmp_path_factory.mktemp("home")))
        yield Chapter(visitor.bench, visitor, _offers(visitor), {})


@pytest.fixture(scope="module")
def rolled_out(untouched: Chapter) -> Chapter:
    """After the first rollout. `seen`: as before."""
    untouched.bench.rollout()
    return Chapter(untouched.bench, untouched.visitor, _offers(untouched.visitor), untouched.bench.predictions())


@pytest.fixture(scope="module")
def broken(rolled_out: Chapter) -> Chapter:
    """Something is broken everywhere but on the healthy PBX. `seen`: how a sign-in ended."""
    bench = rolled_out.bench
    for breakage in BREAKAGES:
        breakage.happens(bench, breakage.name)
    return Chapter(bench, rolled_out.visitor, _attempts(rolled_out.visitor), bench.predictions())


@pytest.fixture(scope="module")
def mended(broken: Chapter) -> Chapter:
    """After the second rollout. `seen`: how a sign-in ended."""
    bench = broken.bench
    bench.rollout(tcx_console_sign_in={"enabled": True, "opt_in": [bench.user["userPrincipalName"]]})
    return Chapter(bench, broken.visitor, _attempts(broken.visitor), bench.predictions())


def _offers(visitor: Visitor) -> dict[str, dict[str, bool]]:
    seen: dict[str, dict[str, bool]] = {}
    for pbx in visitor.bench.lab.endpoints["pbxs"]:
        for path in LOGIN_PAGES:
            visitor.open(pbx, path)
            seen.setdefault(pbx, {})[path] = visitor.is_offered_microsoft()
    return seen


def _attempts(visitor: Visitor) -> dict[str, Ending]:
    user = visitor.bench.user["userPrincipalName"]
    return {pbx: visitor.sign_in(pbx, user) for pbx in visitor.bench.lab.endpoints["pbxs"]}


def heard(said: dict[str, Any]) -> tuple[str, str]:
    """Code and verdict of Entra as sso_probe told them."""
    entra = said["probe"]["entra"]
    return entra["code"], entra["verdict"]


# --- before and after ---------------------------------------------------------------------------------------------------


def test_before_the_rollout_no_page_offers_microsoft(untouched: Chapter) -> None:
    assert len(untouched.seen) == len(BREAKAGES) + 1
    assert untouched.seen == {pbx: dict.fromkeys(LOGIN_PAGES, False) for pbx in untouched.seen}


def test_after_the_rollout_every_login_page_offers_microsoft_and_the_probe_agrees(rolled_out: Chapter) -> None:
    assert rolled_out.seen == {pbx: dict.fromkeys(LOGIN_PAGES, True) for pbx in rolled_out.seen}
    assert all(said["probe"]["ok"] for said in rolled_out.said.values())
    assert {pbx: heard(said) for pbx, said in rolled_out.said.items()} == dict.fromkeys(rolled_out.seen, WOULD_WORK)


def test_a_user_picks_an_account_and_is_back_with_name_and_photo(rolled_out: Chapter) -> None:
    visitor, user = rolled_out.visitor, rolled_out.bench.user
    page = visitor.page
    visitor.forget_everything()
    visitor.open(HEALTHY)
    page.get_by_role("link", name="Sign in with Microsoft").click()
    page.get_by_role("heading", name="Pick an account").wait_for()
    assert page.url.startswith(rolled_out.bench.lab.endpoints["login"])
    assert "3CX Server-side at Contoso GmbH" in page.inner_text("main")
    assert page.locator("button.account small").all_inner_texts() == [
        each["userPrincipalName"] for each in rolled_out.bench.users
    ]
    visitor.pick(user["userPrincipalName"])
    ending = visitor.ending()
    assert (ending.host, ending.code, ending.name, ending.photo) == (PBX, "", user["displayName"], True)
    assert ending.how == "Signed in with Microsoft"
    assert page.url.startswith(rolled_out.bench.address(HEALTHY))
    assert page.get_by_role("img", name=f"Photo of {user['displayName']}").count() == 2


def test_the_pbx_records_that_the_session_came_from_microsoft(rolled_out: Chapter) -> None:
    visitor, bench = rolled_out.visitor, rolled_out.bench
    before = len(bench.sessions(HEALTHY))
    visitor.sign_in(HEALTHY, bench.user["userPrincipalName"])
    number = visitor.page.inner_text("#user-extension")
    sessions = bench.sessions(HEALTHY)
    assert len(sessions) == before + 1
    assert {"Username": number, "LoginType": "Sso"} in sessions
    visitor.page.get_by_role("button", name="Sign out").click()
    assert visitor.is_offered_microsoft()
    assert len(bench.sessions(HEALTHY)) == before


def test_who_is_signed_in_already_picks_nothing(rolled_out: Chapter) -> None:
    visitor, user = rolled_out.visitor, rolled_out.bench.user
    visitor.sign_in(HEALTHY, user["userPrincipalName"])
    visitor.page.get_by_role("button", name="Sign out").click()
    visitor.page.get_by_role("link", name="Sign in with Microsoft").click()
    assert visitor.ending().name == user["displayName"]


def test_an_employee_without_the_right_stays_out_of_the_admin_console(rolled_out: Chapter) -> None:
    visitor = rolled_out.visitor
    visitor.sign_in(HEALTHY, rolled_out.bench.user["userPrincipalName"])
    visitor.open(HEALTHY, "/admin")
    ending = visitor.ending()
    assert (ending.host, ending.code) == (PBX, "forbidden")
    assert "You may not use the admin console." in ending.words


def test_somebody_without_an_extension_is_told_so(rolled_out: Chapter) -> None:
    guest = rolled_out.bench.guest["userPrincipalName"]
    ending = rolled_out.visitor.sign_in(HEALTHY, guest)
    assert (ending.host, ending.code) == (PBX, "unknown_user")
    assert f"{guest} has no extension on this phone system." in ending.words
    rolled_out.visitor.page.get_by_role("link", name="Back to login").click()
    assert rolled_out.visitor.is_offered_microsoft()


def test_a_stranger_to_the_tenant_is_told_so(rolled_out: Chapter) -> None:
    ending = rolled_out.visitor.sign_in(HEALTHY, "mallory@elsewhere.example", by_typing=True)
    assert ending.code == "AADSTS50020"
    assert "'mallory@elsewhere.example'" in ending.words
    assert "does not exist in tenant 'Contoso GmbH'" in ending.words


# --- broken in turn -----------------------------------------------------------------------------------------------------


@each_breakage
def test_broken_the_page_shows_what_was_predicted(broken: Chapter, breakage: Breakage) -> None:
    ending, said = broken.seen[breakage.name], broken.said[breakage.name]
    assert (ending.host, ending.code) == (breakage.host, breakage.page)
    assert breakage.words in ending.words
    assert heard(said) == breakage.probe
    if breakage.hint is None:
        # The probe, which has no user and no credential, said before what the user reads.
        assert said["probe"]["ok"] is False
        assert said["probe"]["entra"]["code"] == ending.code
        assert said["probe"]["entra"]["remedy"]
        assert _words(said["probe"]["entra"]["message"]) in _words(ending.words)
    else:
        assert said["probe"]["ok"] is True
        assert breakage.hint(said, broken.bench.user["userPrincipalName"])


def _words(text: str) -> str:
    """Without what the browser makes of blanks."""
    return " ".join(text.split())


def test_broken_elsewhere_the_healthy_pbx_works_and_nothing_accuses_it(broken: Chapter) -> None:
    assert broken.seen[HEALTHY].name == broken.bench.user["displayName"]
    said = broken.said[HEALTHY]
    assert heard(said) == WOULD_WORK
    hints = [each for each in BREAKAGES if each.hint is not None]
    assert not any(each.hint(said, broken.bench.user["userPrincipalName"]) for each in hints if each.hint)


def test_excluded_is_one_user_and_not_his_colleague(broken: Chapter) -> None:
    colleague = next(each for each in broken.bench.users[1:] if each["userType"] == "Member")
    assert broken.seen["excluded"].code == "sign_in_disabled"
    assert broken.visitor.sign_in("excluded", colleague["userPrincipalName"]).name == colleague["displayName"]


def test_where_entra_tells_a_missing_consent_without_a_user_the_probe_says_so(broken: Chapter) -> None:
    control = broken.bench.lab.control
    control.set_switches(silent_consent_first=True)
    try:
        said = broken.bench.predictions("--limit", f"consent,{HEALTHY}")
    finally:
        control.set_switches(silent_consent_first=False)
    assert heard(said["consent"]) == ("AADSTS90094", "consent_missing")
    assert broken.seen["consent"].code == "AADSTS90094"
    assert heard(said[HEALTHY]) == WOULD_WORK


# --- mended -------------------------------------------------------------------------------------------------------------


@each_breakage
def test_mended_by_the_rollout_the_user_is_in_again(mended: Chapter, breakage: Breakage) -> None:
    ending, said = mended.seen[breakage.name], mended.said[breakage.name]
    user = mended.bench.user
    assert (ending.code, ending.name, ending.photo) == ("", user["displayName"], True), ending.words
    assert heard(said) == WOULD_WORK
    assert said["probe"]["ok"] is True
    assert breakage.hint is None or not breakage.hint(said, user["userPrincipalName"])


# --- the pages themselves -----------------------------------------------------------------------------------------------


def test_the_documentation_tells_each_breakage_as_it_is_here() -> None:
    rows = [
        line.split("|")[2:4] for line in DOCUMENTATION.read_text(encoding="utf-8").splitlines() if "`AADSTS" in line
    ]
    told = {(page.split("`")[1], *probe.split("`")[1:4:2]) for page, probe in (row for row in rows if len(row) == 2)}
    assert {(each.page, *reversed(each.probe)) for each in BREAKAGES} <= told


@pytest.mark.parametrize("width", [360, 1280])
def test_the_lab_says_that_it_is_the_lab_and_fits_the_screen(rolled_out: Chapter, width: int) -> None:
    visitor, bench = rolled_out.visitor, rolled_out.bench
    page, browser = visitor.page, visitor.browser
    page.set_viewport_size({"width": width, "height": 740})
    browser.console.clear()

    def looks_right(notice: str) -> None:
        assert page.locator("#lab-notice").inner_text() == notice
        assert browser.run("() => document.documentElement.scrollWidth") <= width
        assert page.locator("h1").count() == 1

    visitor.forget_everything()
    for path in LOGIN_PAGES:
        visitor.open(HEALTHY, path)
        looks_right("Lab, not 3CX")
    page.get_by_role("link", name="Sign in with Microsoft").click()
    page.get_by_role("heading", name="Pick an account").wait_for()
    looks_right("Lab, not Microsoft")
    visitor.pick(bench.user["userPrincipalName"])
    visitor.ending()
    visitor.open(HEALTHY)
    looks_right("Lab, not 3CX")
    assert browser.console == [], "nothing is missing, nothing is forbidden"
    visitor.sign_in(HEALTHY, "mallory@elsewhere.example", by_typing=True)
    looks_right("Lab, not Microsoft")
    visitor.sign_in(HEALTHY, bench.guest["userPrincipalName"])
    looks_right("Lab, not 3CX")
