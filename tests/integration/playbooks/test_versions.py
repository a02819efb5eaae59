# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole rollout on every published release of V20, and on a PBX whose application somebody else has made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.testing import Lab

from .conftest import Controller

RELEASES = ("20.0.5", "20.0.6", "20.0.7", "20.0.8", "20.0.9", "20.0.10")
FLEET = FleetPlan(
    [TenantPlan("contoso", users=4)],
    [PbxPlan(f"v{release.replace('.', '-')}", "contoso", release) for release in RELEASES],
)
EVERY_TAB: dict[str, Any] = {
    "tcx_console_user_sync": {
        "enabled": True,
        "scope": "all",
        "starting_extension": "200",
        "photo": True,
        "office_phone": True,
        "departments": True,
        "guests": False,
    },
    "tcx_console_sign_in": {"enabled": True},
    "tcx_console_contact_sync": {"enabled": True},
    "tcx_console_calendar_sync": {"enabled": True},
    "tcx_console_presence": {"enabled": True},
}


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """One PBX of each release."""
    with Lab.start(FLEET) as lab:
        yield Controller(lab, tmp_path_factory.mktemp("home"))


def test_every_tab_on_every_release(releases: Controller, tmp_path: Path) -> None:
    predicted = releases.rollout("--check", variables=EVERY_TAB)
    assert predicted.code == 0, predicted.output
    assert releases.writes() == []
    first = releases.rollout(variables=EVERY_TAB)
    assert first.code == 0, first.output
    assert len(first.changed()) == len(RELEASES)
    releases.lab.control.clear_log()
    second = releases.rollout(variables=EVERY_TAB)
    assert second.changed() == []
    assert releases.writes() == []
    _done, report = releases.compliance(directory=tmp_path, **EVERY_TAB)
    assert report["summary"]["compliant"] == len(RELEASES)
    assert [entry["version"].rsplit(".", 1)[0] for entry in report["hosts"]] == sorted(
        RELEASES, key=lambda release: f"v{release.replace('.', '-')}"
    )


def test_what_a_release_lacks_is_refused_before_anything_is_written(releases: Controller) -> None:
    releases.lab.control.clear_log()
    groups = {"tcx_console_user_sync": {"enabled": True, "scope": "groups", "groups": ["Sales"]}}
    done = releases.rollout("--check", variables=groups)
    older = [host for host in done.failed() if "needs 20.0.9" in done.sentence(host)]
    assert older == ["v20-0-5", "v20-0-6", "v20-0-7", "v20-0-8"]
    assert releases.writes() == []


def test_the_application_that_the_pbx_points_to_is_adopted(releases: Controller, tmp_path: Path) -> None:
    """As after 3CX's own wizard: there is an application without our key and our mark, whose redirect URI is the PBX's, and the
    PBX points to it. It keeps what the inventory does not mention: a unique name can never be taken away again."""
    host = "v20-0-10"
    tcx = releases.lab.inventory["tcx"]
    tenant = tcx["hosts"][host]["entra_tenant_id"]
    entra = {
        name.removeprefix("entra_"): value
        for name, value in {**tcx["vars"], "entra_tenant_id": tenant}.items()
        if name.startswith("entra_")
    }
    task = {"tcx.m365.azure_app_registration": {**entra, "display_name": "3CX Phone System"}}
    play = [{"hosts": host, "connection": "local", "gather_facts": False, "tasks": [task]}]
    path = tmp_path / "wizard.yml"
    path.write_text(json.dumps(play))
    assert releases.play(str(path)).code == 0

    def application(name: str, value: str) -> dict[str, Any]:
        return next(each for each in releases.lab.control.objects(tenant, "applications") if each[name] == value)

    made = application("displayName", "3CX Phone System")
    assert made["uniqueName"] is None
    uri = tcx["hosts"][host]["tcx_url"].replace("127.0.0.1", "localhost") + "/oauth2office2"
    releases.lab.control.patch_application(tenant, made["id"], tags=[], web={"redirectUris": [uri]})
    releases.lab.control.patch_pbx(host, ApplicationId=made["appId"])
    count = len(releases.lab.control.objects(tenant, "applications"))

    variables = {**EVERY_TAB, "entra_app_unique_name": "3cx-from-the-wizard"}
    done = releases.rollout("--limit", host, variables=variables)
    assert done.code == 0, done.output
    adopted = application("id", made["id"])
    assert len(releases.lab.control.objects(tenant, "applications")) == count, "no second application was made"
    assert adopted["uniqueName"] is None
    assert adopted["displayName"] == "3CX Phone System"
    assert "tcx.m365" in adopted["tags"]
    assert len(adopted["keyCredentials"]) == 1
    assert releases.rollout("--limit", host, variables=variables).changed() == []


def test_a_pointer_to_an_application_that_is_gone_stops_nobody(releases: Controller) -> None:
    host = "v20-0-5"
    releases.lab.control.patch_pbx(host, ApplicationId="11111111-2222-3333-4444-555555555555")
    done = releases.rollout("--limit", host, variables=EVERY_TAB)
    assert done.code == 0, done.output
    assert done.changed() == [host]
