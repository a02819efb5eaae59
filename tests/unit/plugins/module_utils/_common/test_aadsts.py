# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one table of AADSTS codes: every remedy can be filled, and the page for users knows every code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._common import aadsts
from ansible_collections.tcx.m365.plugins.module_utils._common.aadsts import Parties

PAGE = Path(__file__).resolve().parents[5] / "docs" / "errors-entra.md"
PARTIES = Parties("app-1", "tenant-1", "https://login.example/tenant-1/adminconsent?client_id=app-1")


@pytest.mark.parametrize("code", sorted(aadsts.TABLE))
def test_every_remedy_is_a_sentence_without_placeholders(code: str) -> None:
    meaning = aadsts.TABLE[code]
    for text in (
        PARTIES.fill(meaning.remedy),
        Parties().fill(meaning.remedy),
        aadsts.remedy_for_caller(code, tenant="t", consent_url="https://login.example/t/adminconsent?client_id=c"),
        aadsts.remedy_for_caller(code, tenant="", consent_url=""),
    ):
        assert not re.search(r"[{}<]|  |\.\.", text), text
        assert text == "" or text[0].isupper()
        assert code == aadsts.WOULD_WORK or text


def test_the_page_for_users_knows_every_code() -> None:
    told = set(re.findall(r"(?<!\d)\d{5,8}(?!\d)", PAGE.read_text(encoding="utf-8")))
    assert set(aadsts.TABLE) <= told, sorted(set(aadsts.TABLE) - told)


@pytest.mark.parametrize(
    ("text", "helps"),
    [
        ("AADSTS700016: not found", True),
        ("AADSTS7000112: disabled", False),
        ("AADSTS65001 and then AADSTS53003", False),
        ("AADSTS123456: new", True),
        ("Something else", True),
        ("AADSTS900023x AADSTS90002: none", False),
    ],
)
def test_whether_waiting_helps(text: str, helps: bool) -> None:
    assert aadsts.waiting_helps(text) is helps


def test_a_longer_number_is_another_code() -> None:
    assert aadsts.codes_in("AADSTS900023: x AADSTS9000231234") == ["900023"]
    assert aadsts.first_code("x AADSTS65001: y") == "AADSTS65001"
    assert aadsts.first_code("nothing") == ""
    assert aadsts.remedy_for("nothing") == ""
