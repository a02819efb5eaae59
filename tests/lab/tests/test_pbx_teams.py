# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Teams direct routing on the lab's PBXs: certificate and key are checked, kept and never shown; scripts come as files."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from tcx_lab import ca
from tcx_lab.ca import KeyPair
from tcx_lab.pbx import patch_pbx
from tcx_lab.pbx.kit import PbxClient, small_world

TEAMS = "/Microsoft365TeamsIntegration"


@pytest.fixture
def client() -> PbxClient:
    return PbxClient(small_world())


def pair_for(client: PbxClient, name: str, *, days: int = 90) -> KeyPair:
    start = client.world.clock.now() - timedelta(days=60)
    return ca.make_key_pair(client.world, name, days=days, start=start)


def files(pair: KeyPair, key: KeyPair | None = None) -> dict[str, dict[str, object]]:
    private = (key or pair).private_pem.decode()
    return {
        "SbcCertificate": {"Concealed": False, "Contents": pair.public_pem, "Name": "sbc.pem"},
        "SbcPrivateKey": {"Concealed": False, "Contents": private, "Name": "sbc.key"},
    }


async def test_certificate_and_key_go_in_and_never_come_out(client: PbxClient) -> None:
    pair = pair_for(client, "sbc.acme.example")
    await client.patch(TEAMS, {"SbcFQDN": "sbc.acme.example", "Enabled": True, **files(pair)})
    answer = await client.call("GET", TEAMS)
    assert "BEGIN" not in answer.text
    shown = answer.json()
    assert shown["SbcCertificate"] == {"Concealed": True, "Name": "sbc.pem"}
    assert shown["SbcPrivateKey"] == {"Concealed": True, "Name": "sbc.key"}
    ends = pair.certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert shown["SbcCertificateExpirationDate"] == ends
    await client.patch(TEAMS, {"SbcCertificate": {"Concealed": True, "Name": "sbc.pem"}, "AreaCode": "30"})
    again = await client.get(TEAMS)
    assert again == {**shown, "AreaCode": "30"}


async def test_contents_may_be_base64(client: PbxClient) -> None:
    sent = files(pair_for(client, "sbc.acme.example"))
    for each in sent.values():
        each["Contents"] = base64.b64encode(str(each["Contents"]).encode()).decode()
    await client.patch(TEAMS, sent)


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("expired", "SbcCertificate:\nWARNINGS.XAPI.SBC_CERT_EXPIRED"),
        ("other key", "SbcPrivateKey:\nWARNINGS.XAPI.SBC_KEY_CERT_MISMATCH"),
        ("other name", "SbcCertificate:\nWARNINGS.XAPI.SBC_CERT_FQDN_MISMATCH"),
        ("no certificate", "SbcCertificate:\nWARNINGS.INVALID"),
        ("no key", "SbcPrivateKey:\nWARNINGS.INVALID"),
    ],
)
async def test_what_does_not_fit_is_refused_and_nothing_changes(client: PbxClient, case: str, code: str) -> None:
    pair = pair_for(client, "sbc.acme.example", days=30 if case == "expired" else 90)
    sent = files(pair, pair_for(client, "other") if case == "other key" else None)
    if case.startswith("no "):
        sent["SbcCertificate" if case == "no certificate" else "SbcPrivateKey"]["Contents"] = "hello"
    fqdn = "sbc.other.example" if case == "other name" else "sbc.acme.example"
    before = await client.get(TEAMS)
    assert await client.refusal("PATCH", TEAMS, {"SbcFQDN": fqdn, **sent}) == (400, code)
    assert await client.get(TEAMS) == before


async def test_a_new_name_is_checked_against_the_stored_certificate(client: PbxClient) -> None:
    await client.patch(TEAMS, {"SbcFQDN": "sbc.acme.example", **files(pair_for(client, "*.acme.example"))})
    await client.patch(TEAMS, {"SbcFQDN": "teams.acme.example"})
    status, words = await client.refusal("PATCH", TEAMS, {"SbcFQDN": "teams.other.example"})
    assert (status, words) == (400, "SbcCertificate:\nWARNINGS.XAPI.SBC_CERT_FQDN_MISMATCH")


async def test_a_file_can_be_taken_away(client: PbxClient) -> None:
    await client.patch(TEAMS, files(pair_for(client, "sbc.acme.example")))
    await client.patch(TEAMS, {"SbcCertificate": None, "SbcPrivateKey": None})
    assert not {"SbcCertificate", "SbcPrivateKey", "SbcCertificateExpirationDate"} & set(await client.get(TEAMS))


async def test_names_lead_to_the_pbx_or_not(client: PbxClient) -> None:
    patch_pbx(client.world, client.pbx, {"dns": {"sbc.acme.example": True}})
    for name, expected in (("localhost", True), ("SBC.acme.example", True), ("other.example", False)):
        found = await client.get(f"{TEAMS}/Pbx.CheckFqdnRecord(fqdn='{name}')")
        assert found["value"] is expected


async def test_scripts_are_files(client: PbxClient) -> None:
    await client.patch(TEAMS, {"SbcFQDN": "sbc.acme.example"})
    answer = await client.call("GET", f"{TEAMS}/Pbx.GetDialPlanScript()")
    assert answer.headers["content-disposition"] == 'attachment; filename="dialplan.ps1"'
    assert "sbc.acme.example" in answer.text
    status, words = await client.refusal("GET", f"{TEAMS}/Pbx.GetMapUsersScript()")
    assert (status, words) == (400, "Users:\nWARNINGS.XAPI.NO_USERS_IN_TEAMS")
    assert (await client.get(f"{TEAMS}/Pbx.CheckMapUsersScript()"))["value"] is False
    patch_pbx(client.world, client.pbx, {"users": [{"Number": "201", "EmailAddress": "a@x.example", "Tags": ["MS"]}]})
    assert (await client.get(f"{TEAMS}/Pbx.CheckMapUsersScript()"))["value"] is True
    answer = await client.call("GET", f"{TEAMS}/Pbx.GetMapUsersScript()")
    assert "a@x.example" in answer.text
