# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probe: which answer of the authorize endpoint means what, in a page and in a redirect."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._common.aadsts import Parties
from ansible_collections.tcx.m365.plugins.module_utils._pbx import key_pair, probe
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._pbx.fakes import reply

URI = "https://acme.example.com:5001/oauth2office2"

CODES = [
    ("50058", "would_work"),
    ("50011", "redirect_uri_mismatch"),
    ("500113", "redirect_uri_missing"),
    ("700016", "application_not_found"),
    ("700054", "id_tokens_off"),
    ("50194", "single_tenant"),
    ("65001", "consent_missing"),
    ("90002", "tenant_not_found"),
    ("7000112", "application_disabled"),
    ("50105", "assignment_required"),
    ("53003", "blocked_by_policy"),
    ("99999", "refused"),
]


@pytest.mark.parametrize("mode", ["#", "?"], ids=["fragment", "query"])
@pytest.mark.parametrize(("code", "verdict"), CODES)
def test_an_error_in_the_redirect(code: str, verdict: str, mode: str) -> None:
    query = urlencode({"error": "login_required", "error_description": f"AADSTS{code}: Words, 100%.\r\nTrace ID: 1"})
    found = probe.judge(reply(302, "", {"Location": f"{URI}{mode}{query}"}), URI)
    assert (found.verdict, found.code, found.ok) == (verdict, f"AADSTS{code}", code == "50058")
    assert found.message == f"AADSTS{code}: Words, 100%."


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(("code", "verdict"), CODES)
def test_an_error_in_a_page(code: str, verdict: str, status: int) -> None:
    page = f"<html><title>Sign in</title><p>AADSTS{code}: The redirect URI &#39;x&#39; is wrong.</p></html>"
    found = probe.judge(reply(status, page), URI)
    assert (found.verdict, found.code) == (verdict, f"AADSTS{code}")
    assert found.message == f"AADSTS{code}: The redirect URI 'x' is wrong."


def test_an_error_in_the_data_of_a_page() -> None:
    found = probe.judge(reply(200, '$Config={"sErrorCode":"50011","x":1}'), URI)
    assert (found.verdict, found.code) == ("redirect_uri_mismatch", "AADSTS50011")


def test_a_page_that_asks_for_a_user_means_that_all_before_it_is_right() -> None:
    assert probe.judge(reply(200, "<form>Sign in</form>"), URI).ok


def test_an_answer_without_a_reason_is_no_success() -> None:
    assert probe.judge(reply(404, "<html>nginx</html>"), URI).verdict == "unexpected"


def test_what_would_not_work_is_one_sentence() -> None:
    bad = probe.judge(reply(200, "AADSTS50011: no"), URI)
    text = str(probe.error_of(bad, probe.Verdict(False, "unreachable", "", "refused", "Check the firewall.")))
    assert "Entra answered AADSTS50011: no; the PBX cannot be asked: refused" in text
    assert "Add this exact redirect URI" in text
    assert "Check the firewall." in text


def test_no_clause_says_twice_who_answered() -> None:
    silent = probe.judge(reply(401, "<html>"), URI)
    page = probe.Verdict(False, "not_found", "", "the PBX answered 404 for the path of the redirect URI")
    text = str(probe.error_of(silent, page))
    assert "would not work: Entra answered 401 without a reason; the PBX answered 404" in text


def test_a_remedy_names_application_tenant_and_consent_address() -> None:
    parties = Parties("0b7d", "contoso.example", "https://login.example/contoso.example/adminconsent?client_id=0b7d")
    found = probe.judge(reply(200, "AADSTS65001: no"), URI, parties)
    assert "tenant contoso.example" in found.remedy
    assert "adminconsent?client_id=0b7d" in found.remedy


def test_a_missing_public_key_says_where_to_click() -> None:
    text = key_pair.WHERE_TO_CLICK
    assert "There is no public_key.pem." in text
    assert "Generate new key pair" in text
    assert "V18" in text
    assert "V20" in text
