# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens to a PBX after its rollout: certificates change, customers leave, live settings are written down."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import plain
from ansible_collections.tcx.m365.plugins.plugin_utils._list.columns import HOST

from .conftest import Controller

GUIDE: dict[str, Any] = {
    "tcx_console_user_sync": {"enabled": True, "scope": "all", "photo": True, "starting_extension": "200"}
}


def _application(small: Controller, host: str) -> dict[str, Any] | None:
    tenant = small.lab.inventory["tcx"]["hosts"][host]["entra_tenant_id"]
    found = [each for each in small.lab.control.objects(tenant, "applications") if each["uniqueName"] == f"3cx-{host}"]
    return found[0] if found else None


def _thumbprints(small: Controller, host: str) -> list[str]:
    application = _application(small, host)
    assert application is not None
    return [entry["customKeyIdentifier"] for entry in application["keyCredentials"]]


def _captured(path: Path) -> dict[str, Any]:
    """The variables as Ansible reads them."""
    found: dict[str, Any] = plain(DataLoader().load_from_file(str(path)))
    return found


def test_a_certificate_is_rotated_without_losing_the_one_that_works(small: Controller, tmp_path: Path) -> None:
    assert small.rollout("--limit", "berlin", variables=GUIDE).code == 0
    old = _thumbprints(small, "berlin")
    assert len(old) == 1
    new = small.lab.control.new_key_pair("berlin")
    variables = {**GUIDE, "entra_app_public_key": new["public_key"]}

    first = small.play("tcx.m365.rotate_certificate", "--limit", "berlin", variables=variables)
    assert first.code == 0, first.output
    assert sorted(_thumbprints(small, "berlin")) == sorted([*old, new["thumbprint"]])

    again = small.play("tcx.m365.rotate_certificate", "--limit", "berlin", variables=variables)
    assert again.changed() == [], "within the overlap nothing more is to be done"

    small.lab.control.advance_clock(15 * 86400)
    late = small.play("tcx.m365.rotate_certificate", "--limit", "berlin", variables=variables)
    assert late.code == 0, late.output
    assert _thumbprints(small, "berlin") == [new["thumbprint"]]
    _done, report = small.compliance("--limit", "berlin", directory=tmp_path, **variables)
    # The clock of the lab is ahead of this machine's by now, which wants attention and is no drift.
    assert report["hosts"][0]["verdict"] in ("compliant", "attention"), report
    assert report["hosts"][0]["changes"] == []


def test_the_certificate_of_another_customer_is_refused_also_on_the_command_line(small: Controller) -> None:
    """What is given for one PBX says nothing of the others: their certificates stand in the inventory."""
    key = small.lab.inventory["tcx"]["hosts"]["berlin"]["entra_app_public_key"]
    done = small.rollout("--limit", "lyon", variables={"entra_app_public_key": key})
    assert "The hosts berlin and lyon of the inventory have the same certificate" in done.sentence("lyon")
    assert small.writes() == []


def test_the_old_certificate_stays_when_the_new_one_is_not_proven(small: Controller) -> None:
    assert small.rollout("--limit", "berlin", variables=GUIDE).code == 0
    old = _thumbprints(small, "berlin")
    small.lab.control.new_key_pair("berlin")  # the PBX has another key now, and we are given a stranger's certificate
    stranger = small.lab.control.new_key_pair("munich")["public_key"]
    small.lab.control.advance_clock(15 * 86400)
    done = small.play(
        "tcx.m365.rotate_certificate",
        "--limit",
        "berlin",
        variables={**GUIDE, "entra_app_public_key": stranger, "tcx_console_wait_timeout": 2},
    )
    assert done.failed() == ["berlin"]
    assert "AADSTS700027" in done.output
    assert set(old) < set(_thumbprints(small, "berlin"))


def test_a_certificate_that_the_pbx_still_needs_is_put_back(small: Controller) -> None:
    """The new key is in the inventory and on the application, but the PBX was never switched over to it."""
    assert small.rollout("--limit", "berlin", variables=GUIDE).code == 0
    (old,) = _thumbprints(small, "berlin")
    stranger = small.lab.control.new_key_pair("munich")["public_key"]
    variables = {**GUIDE, "entra_app_public_key": stranger, "tcx_console_wait_timeout": 2}
    first = small.play("tcx.m365.rotate_certificate", "--limit", "berlin", variables=variables)
    assert first.code == 0, first.output
    small.lab.control.advance_clock(30 * 86400)
    for _attempt in ("retired and put back", "left alone, because it was registered lately"):
        late = small.play("tcx.m365.rotate_certificate", "--limit", "berlin", variables=variables)
        assert old in _thumbprints(small, "berlin"), late.output
        if _attempt.startswith("retired"):
            assert late.failed() == ["berlin"]
            assert "they have been put back" in late.sentence("berlin")
            assert "AADSTS700027" in late.sentence("berlin")
        else:
            assert late.code == 0, late.output
    _healthy = small.rollout("--limit", "berlin", variables=variables)
    assert _healthy.code == 0, _healthy.output


def test_an_exclusive_list_does_not_take_the_certificate_that_the_pbx_needs(small: Controller) -> None:
    assert small.rollout("--limit", "berlin", variables=GUIDE).code == 0
    (old,) = _thumbprints(small, "berlin")
    stranger = small.lab.control.new_key_pair("munich")["public_key"]
    variables = {
        **GUIDE,
        "entra_app_public_key": stranger,
        "entra_app_certificates_exclusive": True,
        "tcx_console_wait_timeout": 2,
    }
    first = small.rollout("--limit", "berlin", variables=variables)
    assert first.code == 0, first.output
    assert "certificates_exclusive keeps" in first.output
    second = small.rollout("--limit", "berlin", variables=variables)
    assert second.failed() == ["berlin"]
    assert "they have been put back" in second.sentence("berlin")
    assert old in _thumbprints(small, "berlin")


def test_offboarding_needs_confirmation_and_takes_everything_away(small: Controller, tmp_path: Path) -> None:
    assert small.rollout(variables=GUIDE).code == 0
    small.lab.control.clear_log()
    refused = small.play("tcx.m365.offboard")
    assert refused.failed() == ["berlin", "lyon", "munich"]
    assert "offboard_confirm=true" in refused.output
    assert small.writes() == []

    done = small.play("tcx.m365.offboard", "--limit", "berlin", variables={"offboard_confirm": True})
    assert done.code == 0, done.output
    assert _application(small, "berlin") is None
    captured = tmp_path / "captured"
    assert small.play("tcx.m365.capture", "--limit", "berlin", variables={"capture_dir": str(captured)}).code == 0
    left = _captured(captured / "host_vars" / "berlin.yml")
    assert "entra_app_app_id" not in left, "the PBX points to no application any more"
    assert left["tcx_console_sign_in"]["enabled"] is False
    assert left["tcx_console_user_sync"]["enabled"] is False
    assert _application(small, "munich") is not None

    again = small.play("tcx.m365.offboard", "--limit", "berlin", variables={"offboard_confirm": True})
    assert again.code == 0, again.output
    assert again.changed() == []


def test_a_customer_who_comes_back_gets_the_same_application(small: Controller) -> None:
    assert small.rollout("--limit", "berlin", variables=GUIDE).code == 0
    before = _application(small, "berlin")
    assert small.play("tcx.m365.offboard", "--limit", "berlin", variables={"offboard_confirm": True}).code == 0
    assert small.rollout("--limit", "berlin", variables=GUIDE).code == 0
    after = _application(small, "berlin")
    assert before is not None
    assert after is not None
    assert after["appId"] == before["appId"]


def test_what_is_captured_is_what_is_there(small: Controller, tmp_path: Path) -> None:
    assert small.rollout(variables=GUIDE).code == 0
    captured = tmp_path / "captured"
    small.lab.control.clear_log()
    done = small.play("tcx.m365.capture", variables={"capture_dir": str(captured), "capture_list": "csv"})
    assert done.code == 0, done.output
    assert small.writes() == []
    files = sorted(path.name for path in (captured / "host_vars").iterdir())
    assert files == ["berlin.yml", "lyon.yml", "munich.yml"]
    inventory = small.lab.inventory
    for host, values in inventory["tcx"]["hosts"].items():
        path = captured / "host_vars" / f"{host}.yml"
        assert (values.get("tcx_client_secret") or values["tcx_password"]) not in path.read_text()
        found = _captured(path)
        application = _application(small, host)
        assert application is not None
        assert found["entra_app_app_id"] == application["appId"]
        assert found["tcx_console_user_sync"]["photo"] is True
        values.pop("entra_app_public_key")
        if host != "lyon":
            values.update(found)
    # With nothing but the captured variables the fleet is as wanted; those of one PBX come from the list of all.
    path = tmp_path / "inventory.json"
    path.write_text(json.dumps(inventory))
    small.lab.inventory_path.write_text(json.dumps(inventory))
    fleet = str(captured / "fleet.tcx_fleet.yml")
    _done, report = small.compliance("-i", fleet, directory=tmp_path / "report")
    assert report["summary"]["compliant"] == 3, json.dumps(report["hosts"], indent=1)


def test_the_list_names_who_signs_in_also_where_another_host_says_it(small: Controller, tmp_path: Path) -> None:
    inventory = json.loads(json.dumps(small.lab.inventory))
    hosts = inventory["tcx"]["hosts"]
    name = "tcx_client_id" if hosts["berlin"].get("tcx_client_id") else "tcx_username"
    login = hosts["berlin"][name]
    hosts["munich"]["login_of_berlin"] = login
    hosts["berlin"][name] = "{{ hostvars['munich']['login_of_berlin'] }}"
    path = tmp_path / "inventory.json"
    path.write_text(json.dumps(inventory), encoding="utf-8")
    captured = tmp_path / "captured"
    done = small.play(
        "tcx.m365.capture", inventory=path, variables={"capture_dir": str(captured), "capture_list": "csv"}
    )
    assert done.code == 0, done.output
    (source,) = captured.glob("*.csv")
    rows = csv.DictReader(source.read_text(encoding="utf-8").splitlines())
    assert {row[HOST]: row[name] for row in rows}["berlin"] == str(login)


def test_a_customer_who_is_captured_again_does_not_take_the_others_out_of_the_list(small: Controller) -> None:
    """The list is an inventory: whoever is not in it is worked on by nobody, and looks like an orphan."""
    variables = {"capture_list": "csv", "capture_dir": "captured"}
    assert small.play("tcx.m365.capture", "--limit", "berlin,lyon", variables=variables).code == 0
    again = small.play("tcx.m365.capture", "--limit", "lyon", variables=variables)
    assert again.code == 0, again.output
    assert again.changed() == []
    rows = csv.DictReader((small.home / "captured" / "customers.csv").read_text(encoding="utf-8").splitlines())
    assert [row[HOST] for row in rows] == ["berlin", "lyon"]


def test_the_list_is_written_once_with_any_strategy(small: Controller) -> None:
    """After the last PBX, and not after each: a list that another host overtakes would lack some of them."""
    done = small.play("tcx.m365.capture", variables={"capture_list": "csv"}, ANSIBLE_STRATEGY="free")
    assert done.code == 0, done.output
    assert sorted(counts["ok"] for counts in done.recap.values()) == [1, 1, 2]
    assert done.output.count("TASK [Write one list of all PBXs]") == 1
