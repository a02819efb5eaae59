# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the control API gives besides: rights of the automation, a reset, and the page of what is simulated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tcx_lab import simulated
from tcx_lab.testing import Lab, LabError
from tcx_lab.world import README_PERMISSIONS

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    with Lab.start(pbxs=2, tenants=2, mode="thread") as lab:
        yield lab


def _roles(lab: Lab) -> set[str]:
    common = lab.inventory["tcx"]["vars"]
    tenant = next(iter(lab.inventory["tcx"]["hosts"].values()))["entra_tenant_id"]
    form = {
        "grant_type": "client_credentials",
        "client_id": common["entra_client_id"],
        "client_secret": common["entra_client_secret"],
        "scope": "https://graph.microsoft.com/.default",
    }
    with lab.client() as http:
        token = http.post(f"{common['entra_authority_host']}/{tenant}/oauth2/v2.0/token", data=form).json()[
            "access_token"
        ]
    import jwt

    claims = jwt.decode(token, options={"verify_signature": False})
    return set(claims.get("roles") or ())


def test_the_automation_has_the_rights_of_the_readme_and_others_on_demand(running: Lab) -> None:
    assert _roles(running) == set(README_PERMISSIONS)
    running.control.set_permissions("Application.Read.All")
    assert _roles(running) == {"Application.Read.All"}
    with pytest.raises(LabError, match=r"Nothing\.Like\.It"):
        running.control.set_permissions("Nothing.Like.It")
    running.control.reset()
    assert _roles(running) == set(README_PERMISSIONS)


def test_a_reset_world_is_as_it_was(running: Lab) -> None:
    before = json.loads(json.dumps(running.inventory))
    host, values = next(iter(before["tcx"]["hosts"].items()))
    running.control.patch_pbx(host, edition="Standard", down=True, AdUsers={"IsEnabled": True})
    running.control.set_switches(block_after=9)
    running.control.add_trouble("status", status=500)
    running.control.advance_clock(9999)
    running.control.reset()
    state = running.control.state()
    assert (state["switches"]["block_after"], state["trouble"]) == (3, [])
    assert running.control.pbx(host)["down"] is False
    assert running.control.call("GET", "/inventory") == before
    tenant = running.control.objects(values["entra_tenant_id"], "applications")
    assert [each["displayName"] for each in tenant] in (["tcx automation"], [])


def test_the_page_of_what_is_simulated_is_up_to_date(running: Lab) -> None:
    written = (REPOSITORY / "tests" / "lab" / "SIMULATED.md").read_text(encoding="utf-8")
    assert written == simulated.page(), "python -m tcx_lab --simulated > tests/lab/SIMULATED.md"
    with running.client() as http:
        assert http.get(f"{running.endpoints['control']}/simulated").text == written


def test_what_a_pbx_has_and_the_lab_has_not_says_so(running: Lab) -> None:
    host = next(iter(running.world.pbxs.values())) if running.world is not None else None
    assert host is not None
    with running.client(base_url=host.url) as http:
        login = {"Username": host.admin.username, "Password": host.admin.password, "SecurityCode": ""}
        token = http.post("/webclient/api/Login/GetAccessToken", json=login).json()["Token"]["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        answer = http.get("/xapi/v1/Trunks", headers=headers)
        assert answer.status_code == 501
        assert "does not simulate GET /Trunks" in answer.json()["error"]["message"]
        assert (http.get("/xapi/v1/Nothing", headers=headers).status_code) == 404
