# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands in the way on a PBX stops that PBX before anything is written on either side, in roles and in playbooks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Controller, hosts_for

SYNC: dict[str, Any] = {"tcx_console_user_sync": {"enabled": True, "scope": "all", "starting_extension": "200"}}
DOUBLE = [{"Number": "301", "EmailAddress": "a@x.example"}, {"Number": "302", "EmailAddress": "a@x.example"}]
THOROUGH = {**SYNC, "preflight_thorough": True}


@pytest.fixture
def troubled(small: Controller) -> Controller:
    small.lab.control.patch_pbx("berlin", users=DOUBLE)
    return small


def roles(controller: Controller, directory: Path, *arguments: str, **variables: Any) -> Any:
    """The roles as their documentation shows them."""
    names = ["preflight", "entra_app", "tcx_console"]
    play = {"hosts": "tcx", "connection": "local", "gather_facts": False}
    path = directory / "roles.yml"
    path.write_text(json.dumps([{**play, "roles": [{"role": f"tcx.m365.{name}"} for name in names]}]))
    return controller.play(str(path), *arguments, variables=variables)


@pytest.mark.parametrize("in_process", [True, False], ids=["action", "module"])
def test_the_role_stops_a_troubled_pbx_and_nobody_else(troubled: Controller, tmp_path: Path, in_process: bool) -> None:
    others = hosts_for(in_process)[-2:]  # for modules one other is enough
    limit = ("--limit", ",".join(["berlin", *others]))
    done = roles(troubled, tmp_path, *limit, **THOROUGH, tcx_m365_in_process=in_process)
    assert done.failed() == ["berlin"]
    assert done.changed() == others
    assert "Extensions 301, 302 all have the address a@x.example" in done.sentence("berlin")
    assert not [each for each in troubled.lab.control.writes() if each["host"] == "berlin"]


def test_the_rollout_stops_it_as_well(troubled: Controller) -> None:
    done = troubled.rollout(variables=THOROUGH)
    assert done.failed() == ["berlin"]
    assert done.changed() == ["lyon", "munich"]
    assert "301, 302" in done.sentence("berlin")
    assert not [each for each in troubled.lab.control.writes() if each["host"] == "berlin"]


def test_by_default_the_users_are_not_read(troubled: Controller) -> None:
    done = troubled.rollout(variables=SYNC)
    assert done.code == 0, done.output
    assert not [each for each in troubled.lab.control.log(source="client") if each["path"] == "/xapi/v1/Users"]


def test_compliance_tells_what_will_stand_in_the_way_as_a_verdict_of_its_own(small: Controller, tmp_path: Path) -> None:
    small.rollout(variables=SYNC)
    small.lab.control.patch_pbx("berlin", maintenance_days=12)
    small.lab.control.patch_pbx("munich", license_active=False)
    _done, report = small.compliance(directory=tmp_path, **THOROUGH)
    hosts = {entry["host"]: entry for entry in report["hosts"]}
    assert hosts["lyon"]["verdict"] == "compliant"
    assert hosts["lyon"]["reasons"] == []
    assert hosts["berlin"]["verdict"] == "attention"
    assert any("maintenance of the license expires in 1" in sentence for sentence in hosts["berlin"]["attention"])
    assert hosts["munich"]["verdict"] == "unlicensed"
    assert any("has expired" in reason for reason in hosts["munich"]["reasons"])


def test_the_days_of_warning_are_a_variable(small: Controller, tmp_path: Path) -> None:
    small.lab.control.patch_pbx("berlin", tls={"days": 50})
    for days, told in ((30, False), (60, True)):
        done = roles(small, tmp_path, **SYNC, preflight_certificate_warning_days=days)
        assert done.code == 0, done.output
        assert ("TLS certificate of the PBX expires in 49 days" in " ".join(done.output.split())) is told
