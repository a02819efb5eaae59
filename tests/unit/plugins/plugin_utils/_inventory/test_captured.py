# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an export states about an application, and what it tells its reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import captured

APP = "dddddddd-0000-4000-8000-00000000000d"
AUTOMATION = "cccccccc-0000-4000-8000-00000000000c"
HOST: dict[str, Any] = {
    "tcx_url": "https://pbx.example.com:5001",
    "entra_client_id": AUTOMATION,
}
KEY = "A1" * 20
URI = "https://pbx.example.com:5001/oauth2office2"


def _write(directory: Path, *, variables: dict[str, Any] | None = None, **application: Any) -> str:
    granted = application.pop("granted", ["User.Read.All"])
    found = {
        "app_id": APP,
        "display_name": "3CX",
        "sign_in_audience": "AzureADMyOrg",
        "id_tokens": True,
        "public_client": False,
        "redirect_uris": [URI],
        "permissions": granted,
        "certificates": [],
        "tags": ["tcx.m365", "tcx.m365:pbx=pbx.example.com:5001"],
        "service_principal": {"enabled": True},
        **application,
    }
    linked = {"settings": {"user_sync": {"enabled": True}}, "status": {"application_id": APP}}
    known = {**HOST, "capture_dir": str(directory), **(variables or {})}
    result = captured.write("acme", known, linked, {"applications": [found]}, {"application_permissions": granted})
    return Path(result["captured"]["path"]).read_text(encoding="utf-8")


def test_an_application_with_the_redirect_uri_of_the_pbx_is_stated(tmp_path: Path) -> None:
    text = _write(tmp_path)
    assert f'entra_app_app_id: !unsafe "{APP}"' in text
    assert "More than" not in text


@pytest.mark.parametrize(
    "application",
    [
        {"unknown_credentials": [f"the certificate {KEY}", "the owner admin@acme.example"]},
        {"granted": [], "unknown_credentials": []},
        {"granted": [], "unknown_credentials": [f"the certificate {KEY}"]},
    ],
    ids=["granted by an administrator", "ours, without permissions", "with the key of the PBX alone"],
)
def test_what_holds_nobody_else_or_nothing_more_is_stated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, application: dict[str, Any]
) -> None:
    monkeypatch.setattr(captured, "_thumbprints", lambda _variables: frozenset({KEY}))
    assert f'entra_app_app_id: !unsafe "{APP}"' in _write(tmp_path, **application)


@pytest.mark.parametrize(
    "application",
    [
        {"redirect_uris": ["https://vendor.example/cb"]},
        {"redirect_uris": ["https://pbx.example.com:5001@evil.example/oauth2office2"]},
        {"redirect_uris": []},
        {"granted": ["User.Read.All", "Application.ReadWrite.All"]},
        {"granted": ["User.Read.All", "Application.ReadWrite.All"], "certificates": [{"thumbprint": KEY}]},
        {"redirect_uris": [URI], "tags": ["tcx.m365", "tcx.m365:pbx=other.example.com:5001"]},
        {"redirect_uris": [URI], "tags": [], "unique_name": "3cx-other"},
        {"app_id": AUTOMATION},
        {"granted": [], "unknown_credentials": ["the client secret 'eve'"]},
        {"granted": ["Calendars.Read"], "unknown_credentials": ["the owner eve@acme.example (guest)"]},
    ],
)
def test_the_word_of_a_pbx_becomes_no_statement_of_the_inventory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, application: dict[str, Any]
) -> None:
    """Who takes the file over would state an application that nothing but a PBX has named."""
    monkeypatch.setattr(captured, "_thumbprints", lambda _variables: frozenset({KEY}))
    text = _write(tmp_path, **application)
    assert "entra_app_app_id:" not in text
    assert "entra_app_manage: false" in text
    assert application.get("app_id", APP) in text, "the reader is told which one it names"


def test_what_the_inventory_has_stated_before_stays_stated(tmp_path: Path) -> None:
    text = _write(tmp_path, variables={"entra_app_app_id": APP.upper()}, redirect_uris=[])
    assert f'entra_app_app_id: !unsafe "{APP}"' in text


def test_permissions_beyond_the_settings_are_told_above_them(tmp_path: Path) -> None:
    """The next compliance run would find nothing in what was taken over as it is."""
    text = _write(
        tmp_path, granted=["User.Read.All", "Mail.Send", "Evil\n{{ 1 }}/x"], variables={"entra_app_app_id": APP}
    )
    (told,) = [line for line in text.splitlines() if line.startswith("# More than")]
    assert told == "# More than the settings in this file need: Mail.Send, 1 of other APIs."
    assert text.index(told) < text.index("entra_app_permissions:")
