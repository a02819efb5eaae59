# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Teams Direct Routing, the presence account and mail on a simulated PBX."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.integration.pbx.fleet import NEWEST, Bench
from ansible_collections.tcx.m365.tests.unit.plugins.module_utils._pbx.test_pbx_teams import pair

FQDN = "sbc.contoso.example"


def fresh_pair(*names: str) -> dict[str, str]:
    days = (datetime.now(UTC) - datetime(2026, 11, 23, tzinfo=UTC)).days
    certificate, key = pair(*names, days=days + 90)
    return {"certificate": certificate, "private_key": key}


@pytest.fixture
def files() -> dict[str, str]:
    return fresh_pair(FQDN)


def with_dns(bench: Bench) -> None:
    bench.lab.control.patch_pbx(NEWEST, dns={FQDN: True})


def test_certificate_and_key_go_in_once(bench: Bench, files: dict[str, str]) -> None:
    with_dns(bench)
    options = {"teams": {"enabled": True, "sbc_fqdn": FQDN, "native_fqdn": False, **files}}
    predicted = bench.run().settings(check=True, wait=False, **options)
    done = bench.run().settings(wait=False, **options)
    assert not done.get("failed"), done
    assert done["changes"] == predicted["changes"]
    assert "teams.certificate" in [each["field"] for each in done["changes"]]
    assert files["private_key"] not in json.dumps(done)
    held = bench.state().singleton("teams")
    assert held["SbcPrivateKey"]["Contents"] == files["private_key"]
    assert held["Enabled"] is True
    assert len(bench.writes()) == 1
    assert bench.run().settings(wait=False, **options)["changed"] is False


def test_a_renewed_certificate_is_uploaded(bench: Bench, files: dict[str, str]) -> None:
    with_dns(bench)
    bench.run().settings(wait=False, teams={"sbc_fqdn": FQDN, **files})
    done = bench.run().settings(wait=False, teams=fresh_pair(FQDN))
    assert [each["field"] for each in done["changes"]] == ["teams.certificate"]


@pytest.mark.parametrize("check", [False, True])
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_written(
    bench: Bench, files: dict[str, str], check: bool
) -> None:
    failed = bench.run().settings(check=check, wait=False, teams={"sbc_fqdn": FQDN, **files})
    assert failed["error"]["kind"] == "rejected"
    assert "does not lead to this PBX" in failed["msg"]
    assert bench.writes() == []


def test_a_certificate_for_another_name_is_never_sent(bench: Bench) -> None:
    failed = bench.run().settings(wait=False, teams={"sbc_fqdn": FQDN, **fresh_pair("other.example")})
    assert failed["error"]["kind"] == "bad_input"
    assert "other.example" in failed["msg"]
    assert bench.requests() == []


@pytest.mark.parametrize("answer", ["file", "json"])
def test_scripts_are_saved(bench: Bench, tmp_path: Path, answer: str) -> None:
    bench.world.switches.update({"script_answer": answer})
    run = bench.run()
    done = run.settings(wait=False, teams={"scripts_dir": str(tmp_path)})
    assert [Path(each).name for each in done["scripts"]] == ["localhost-dialplan.ps1"]
    assert "Connect-MicrosoftTeams" in (tmp_path / "localhost-dialplan.ps1").read_text()
    assert any("no user is licensed for Teams" in each for each in run.warnings)
    assert done["changed"] is False
    checked = bench.run().settings(check=True, wait=False, teams={"scripts_dir": str(tmp_path)})
    assert "scripts" not in checked


def test_the_mapping_of_users_is_checked(bench: Bench) -> None:
    failed = bench.run().settings(wait=False, teams={"check_mapping": True})
    assert failed["error"]["kind"] == "unhealthy"
    bench.lab.control.patch_pbx(NEWEST, users=[{"Number": "300", "Tags": ["MS"], "MS365TeamsEnabled": True}])
    assert not bench.run().settings(wait=False, teams={"check_mapping": True}).get("failed")


def test_mail_through_microsoft_is_switched_after_the_link(bench: Bench) -> None:
    link = bench.link()
    options = {"mail": {"microsoft365": True}}
    done = bench.run().settings(**link, **options)
    assert not done.get("failed"), done
    assert bench.state().singleton("mail")["MailServerType"] == "MS365"
    assert bench.run().settings(**link, **options)["changed"] is False
    bench.run().settings(mail={"microsoft365": False})
    assert bench.state().singleton("mail")["MailServerType"] == "Tcx"


# --- the presence account ------------------------------------------------------------------------------------------------


def test_the_presence_account_is_authorized_once_and_forgotten_on_demand(bench: Bench) -> None:
    link = bench.link()
    token = bench.lab.automation_token(bench.pbx().tenant_id)  # as a device-code sign-in would give it
    bench.world.log.clear()
    options: dict[str, Any] = {"presence": {"enabled": True, "account_token": token}}
    predicted = bench.run().settings(check=True, **link, **options)
    assert bench.writes() == []
    run = bench.run()
    done = run.settings(**link, **options)
    assert not done.get("failed"), done
    assert done["changes"] == predicted["changes"]
    assert {
        "target": "settings",
        "field": "presence.account",
        "before": "not authorized",
        "after": "authorized",
    } in done["changes"]
    assert token not in json.dumps(done)
    assert bench.state().presence is not None
    assert bench.run().settings(**link, **options)["changed"] is False
    forget = {"presence": {"deauthorize": True}}
    assert bench.run().settings(**forget)["changed"] is True
    assert bench.state().presence is None
    assert bench.run().settings(**forget)["changed"] is False


def test_a_token_of_nobody_is_refused_in_plain_words(bench: Bench) -> None:
    link = bench.link()
    failed = bench.run().settings(**link, presence={"account_token": "nonsense"})
    assert failed["failed"]
    assert "presence account" in failed["msg"]
    assert "nonsense" not in failed["msg"]
