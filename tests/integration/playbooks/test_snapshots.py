# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run changes is kept, and can be undone."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

from .conftest import Controller

GUIDE: dict[str, Any] = {
    "tcx_console_user_sync": {"enabled": True, "scope": "all", "photo": True, "starting_extension": "200"}
}


def snapshot(small: Controller, host: str, run: str = "latest") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((small.home / "snapshots" / run / f"{host}.json").read_text())
    return found


def test_a_rollout_keeps_what_it_changed(small: Controller) -> None:
    done = small.rollout("--limit", "berlin", variables=GUIDE)
    assert done.code == 0, done.output
    folder = small.home / "snapshots"
    (run,) = [path.name for path in folder.iterdir() if path.name != "latest"]
    assert (folder / "latest").readlink() == Path(run)
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE((folder / run).stat().st_mode) == 0o700
    assert [path.name for path in (folder / run).iterdir()] == ["berlin.json"]
    assert stat.S_IMODE((folder / run / "berlin.json").stat().st_mode) == 0o600
    found = snapshot(small, "berlin")
    assert (found["schema_version"], found["run_id"], found["host"]) == (1, run, "berlin")
    assert found["pending"] == []
    assert small.lab.inventory["tcx"]["hosts"]["berlin"]["tcx_client_secret"] not in json.dumps(found)

    again = small.rollout("--limit", "berlin", variables=GUIDE)
    assert again.changed() == []
    assert sorted(path.name for path in folder.iterdir()) == sorted([run, "latest"])


ROLLBACK: dict[str, Any] = {"snapshot": "latest", "tcx_console_wait_timeout": 3}
CHOSEN = ("applications", "appRoleAssignments", "servicePrincipals", "oauth2PermissionGrants")


def console(small: Controller, host: str) -> dict[str, Any]:
    """The settings of a PBX, as it stores them."""
    found: dict[str, Any] = small.lab.control.pbx(host)["integration"]
    return found


def state(small: Controller, host: str) -> dict[str, Any]:
    """What there is of a PBX on both sides, without the moments at which it was made."""
    tenant = small.lab.inventory["tcx"]["hosts"][host]["entra_tenant_id"]
    objects = {kind: small.lab.control.objects(tenant, kind) for kind in CHOSEN}
    return {"tenant": without_moments(objects), "pbx": without_moments(console(small, host))}


def without_moments(value: Any) -> Any:
    if isinstance(value, dict):
        found = {name: without_moments(item) for name, item in value.items() if name not in ("createdDateTime", "id")}
        # 3CX leaves out what is off; Graph writes null or an empty list.
        return {name: item for name, item in found.items() if item not in (None, False, "", [], {})}
    return sorted((without_moments(item) for item in value), key=str) if isinstance(value, list) else value


def application(small: Controller, host: str, name: str = "") -> dict[str, Any]:
    tenant = small.lab.inventory["tcx"]["hosts"][host]["entra_tenant_id"]
    objects = small.lab.control.objects(tenant, "applications")
    return next(each for each in objects if each["uniqueName"] == (name or f"3cx-{host}"))


def test_a_first_rollout_is_undone_and_undoing_is_undone(small: Controller) -> None:
    first = state(small, "berlin")
    assert small.rollout("--limit", "berlin", variables=GUIDE).code == 0
    rolled_out = state(small, "berlin")
    small.lab.control.clear_log()
    planned = small.play("tcx.m365.rollback", "--limit", "berlin", "--check", variables=ROLLBACK)
    assert planned.code == 0, planned.output
    assert "application will be removed" in planned.output
    assert small.writes() == []

    done = small.play("tcx.m365.rollback", "--limit", "berlin", variables=ROLLBACK)
    assert done.code == 0, done.output
    assert state(small, "berlin") == first
    again = small.play("tcx.m365.rollback", "--limit", "berlin", variables=ROLLBACK)
    assert (again.code, again.changed()) == (0, []), again.output

    runs = sorted(path.name for path in (small.home / "snapshots").iterdir() if path.name != "latest")
    assert len(runs) == 2
    back = small.play("tcx.m365.rollback", "--limit", "berlin", variables={**ROLLBACK, "snapshot": runs[1]})
    assert back.code == 0, back.output
    assert state(small, "berlin") == rolled_out


def test_what_somebody_else_has_changed_since_is_left_alone_and_named(small: Controller) -> None:
    sync = {**GUIDE["tcx_console_user_sync"], "starting_extension": "300"}
    assert small.rollout("--limit", "berlin,munich", variables={"tcx_console_user_sync": sync}).code == 0
    small.lab.control.patch_pbx("berlin", AdUsers={"StartingExtensionNumber": "400"})
    theirs = application(small, "berlin")
    tenant = small.lab.inventory["tcx"]["hosts"]["berlin"]["entra_tenant_id"]
    small.lab.control.patch_application(tenant, theirs["id"], notes="ours by now")
    done = small.play("tcx.m365.rollback", "--limit", "berlin,munich", variables=ROLLBACK)
    assert done.failed() == ["berlin"], done.output
    said = done.sentence("berlin")
    assert "settings.user_sync.starting_extension (the run left '300', now it is '400')" in said
    assert "application.notes" in said
    users = console(small, "berlin")["AdUsers"]
    assert (users["StartingExtensionNumber"], users["IsSyncPhoto"]) == ("400", False)
    assert application(small, "berlin")["notes"] == "ours by now"
    assert console(small, "munich")["ApplicationId"] == ""


def test_of_a_shared_application_only_the_part_of_the_pbx_goes(small: Controller) -> None:
    inventory = small.lab.inventory
    for host in ("berlin", "munich"):
        inventory["tcx"]["hosts"][host]["entra_app_unique_name"] = "3cx-shared"
    small.lab.inventory_path.write_text(json.dumps(inventory))
    assert small.rollout("--limit", "berlin,munich", variables=GUIDE).code == 0
    neighbor = console(small, "munich")
    done = small.play("tcx.m365.rollback", "--limit", "berlin", variables=ROLLBACK)
    assert done.code == 0, done.output
    shared = application(small, "berlin", "3cx-shared")
    assert len(shared["keyCredentials"]) == len(shared["web"]["redirectUris"]) == 1
    assert neighbor["ApplicationId"] == shared["appId"]
    again = small.play("tcx.m365.rollback", "--limit", "berlin", variables=ROLLBACK)
    assert (again.code, again.changed()) == (0, []), again.output
    assert console(small, "munich") == neighbor


def test_offboarding_is_undone(small: Controller) -> None:
    assert small.rollout("--limit", "berlin", variables=GUIDE).code == 0
    before = state(small, "berlin")
    assert small.play("tcx.m365.offboard", "--limit", "berlin", variables={"offboard_confirm": True}).code == 0
    assert state(small, "berlin") != before
    done = small.play("tcx.m365.rollback", "--limit", "berlin", variables=ROLLBACK)
    assert done.code == 0, done.output
    assert state(small, "berlin") == before
    assert "Microsoft 365 works on the PBX" in done.output


def test_a_rotation_is_undone_unless_the_pbx_needs_the_new_key(small: Controller) -> None:
    assert small.rollout("--limit", "berlin", variables=GUIDE).code == 0
    before = state(small, "berlin")
    stranger = small.lab.control.new_key_pair("munich")["public_key"]
    assert (
        small.play(
            "tcx.m365.rotate_certificate", "--limit", "berlin", variables={**GUIDE, "entra_app_public_key": stranger}
        ).code
        == 0
    )
    assert small.play("tcx.m365.rollback", "--limit", "berlin", variables=ROLLBACK).code == 0
    assert state(small, "berlin") == before

    new = small.lab.control.new_key_pair("berlin")
    variables = {**GUIDE, "entra_app_public_key": new["public_key"]}
    assert small.play("tcx.m365.rotate_certificate", "--limit", "berlin", variables=variables).code == 0
    done = small.play("tcx.m365.rollback", "--limit", "berlin", variables=ROLLBACK)
    assert done.failed() == ["berlin"], done.output
    assert "they have been put back" in done.sentence("berlin")
    assert small.rollout("--limit", "berlin", variables=variables).code == 0


def test_a_rollout_that_fails_half_way_is_undone_by_itself(small: Controller) -> None:
    first = state(small, "berlin")
    stranger = small.lab.control.new_key_pair("munich")["public_key"]
    variables = {**GUIDE, "entra_app_public_key": stranger, "tcx_console_wait_timeout": 2, "on_failure": "rollback"}
    done = small.rollout("--limit", "berlin", variables=variables)
    assert done.failed() == ["berlin"], done.output
    assert "AADSTS700027" in done.sentence("berlin")
    assert "was undone" in done.sentence("berlin")
    assert state(small, "berlin") == first
    kept = snapshot(small, "berlin")
    assert (kept["changes"], kept["pending"]) == ([], [])


def test_a_batch_that_does_not_work_stops_the_rollout_and_is_undone(small: Controller) -> None:
    first = {host: state(small, host) for host in ("berlin", "munich")}
    inventory = small.lab.inventory
    hosts = inventory["tcx"]["hosts"]
    stranger = small.lab.control.new_key_pair("lyon")["public_key"]
    berlin = dict(hosts["berlin"])
    hosts["berlin"].update(entra_app_public_key=stranger, tcx_console_wait=False)
    small.lab.inventory_path.write_text(json.dumps(inventory))
    variables = {**GUIDE, "sso_verify_enabled": False, "rollout_serial": [2, 1], "rollout_max_unhealthy_percentage": 40}
    order = sorted(hosts)
    assert order == ["berlin", "lyon", "munich"]
    done = small.rollout(variables={**variables, "rollout_on_stop": "rollback"})
    assert done.code != 0, done.output
    assert "1 of 2 PBXs (50 %) failed or do not work (berlin)" in done.output
    assert "Not reached, and not changed: 1 PBX (" in done.output
    assert {host: state(small, host) for host in first} == first
    assert "Undo this run with" not in done.output, "nothing of it is left"

    # Now the second batch: the first one worked, and stays.
    small.lab.control.new_key_pair("munich")
    hosts["munich"]["tcx_console_wait"] = False
    # The application that was undone holds the other key: with it restored, nothing would be granted.
    hosts["lyon"]["entra_app_public_key"] = stranger
    hosts["berlin"] = {**berlin, "entra_app_unique_name": "3cx-berlin-again"}
    small.lab.inventory_path.write_text(json.dumps(inventory))
    again = small.rollout(variables={**variables, "rollout_serial": [1, 2], "rollout_on_stop": "rollback"})
    assert again.code != 0, again.output
    assert "1 of 2 PBXs (50 %) failed or do not work (munich)" in again.output
    assert console(small, "berlin")["ApplicationId"] != ""
    assert state(small, "munich")["pbx"] == first["munich"]["pbx"]
    assert console(small, "lyon")["ApplicationId"] == ""
    (run,) = re.findall(r"Undo this run with: .* -e snapshot=(\S+)", again.output)
    assert small.play("tcx.m365.rollback", variables={**ROLLBACK, "snapshot": run}).code == 0
    assert {host: state(small, host) for host in first} == first


def test_a_certificate_that_a_killed_run_removed_is_put_back(small: Controller) -> None:
    """What the run was about to remove is in its snapshot, so that the next one can repair what nobody verified."""
    assert small.rollout("--limit", "berlin", variables=GUIDE).code == 0
    (change,) = [each for each in snapshot(small, "berlin")["changes"] if each["field"] == "certificates"]
    (old,) = change["after"]
    stranger = small.lab.control.new_key_pair("munich")["public_key"]
    variables = {**GUIDE, "entra_app_public_key": stranger, "tcx_console_wait_timeout": 2}
    assert small.play("tcx.m365.rotate_certificate", "--limit", "berlin", variables=variables).code == 0
    there = application(small, "berlin")
    new = [each for each in there["keyCredentials"] if each["customKeyIdentifier"] != old]
    tenant = small.lab.inventory["tcx"]["hosts"]["berlin"]["entra_tenant_id"]
    small.lab.control.patch_application(tenant, there["id"], keyCredentials=new)
    kept = snapshot(small, "berlin")
    names = [each["customKeyIdentifier"] for each in there["keyCredentials"]]
    pending = {**change, "before": names, "after": [name for name in names if name != old]}
    path = small.home / "snapshots" / "latest" / "berlin.json"
    path.write_text(json.dumps({**kept, "pending": [pending]}))
    done = small.play("tcx.m365.rotate_certificate", "--limit", "berlin", variables=variables)
    assert done.failed() == ["berlin"], done.output
    assert "they have been put back" in done.sentence("berlin")
    assert old in [each["customKeyIdentifier"] for each in application(small, "berlin")["keyCredentials"]]


def test_a_directory_that_cannot_be_used_is_told_before_anything_is_written(small: Controller) -> None:
    (small.home / "snapshots").write_text("in the way")
    done = small.rollout("--limit", "berlin", variables=GUIDE)
    assert done.failed() == ["berlin"]
    assert "snapshot_dir" in done.sentence("berlin")
    assert small.writes() == []
