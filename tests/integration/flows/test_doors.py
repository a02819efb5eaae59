# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""However the variables are written: rollout, roles and modules plan the same changes, and send the lab the same writes.

That each variable by itself gives the same arguments at every door, `test_every_door` holds for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.tcx.m365.plugins.module_utils._task import Capability
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.families import SOURCES, variables
from ansible_collections.tcx.m365.tests.attacks.conftest import Scene
from ansible_collections.tcx.m365.tests.in_process import ROLES, Run

Json = dict[str, Any]

HOST = "pbx0"
NATIVE: Json = {
    "entra_app_manage_grants": True,
    "entra_app_permissions": ["User.Read.All", "Calendars.Read"],
    "entra_app_redirect_uris": ["https://localhost:5001/oauth2office2", "https://localhost/oauth2office2"],
    "entra_app_tags": ["one", "two"],
    "entra_app_id_tokens": True,
    "entra_app_public_client": False,
    "entra_app_exclusive": False,
    "tcx_console_user_sync": {"enabled": True, "photo": False, "guests": True, "starting_extension": "200"},
    "tcx_console_sign_in": {"enabled": True},
    "tcx_console_calendar_sync": {"enabled": False},
    "tcx_console_wait_timeout": 5,
    "tcx_timeout": 20,
    "entra_timeout": 20,
}
WRITTEN: dict[str, Json] = {
    "as it is": NATIVE,
    "as text": {
        **NATIVE,
        "entra_app_manage_grants": " Yes ",
        "entra_app_permissions": '["User.Read.All", "Calendars.Read"]',
        "entra_app_redirect_uris": "https://localhost:5001/oauth2office2 ,https://localhost/oauth2office2",
        "entra_app_tags": " one\n two\n",
        "entra_app_id_tokens": "y",
        "entra_app_public_client": "n",
        "entra_app_exclusive": "false",
        "tcx_console_user_sync": {"enabled": "on", "photo": "No", "guests": 1, "starting_extension": " 200 "},
        "tcx_console_sign_in": {"enabled": "true"},
        "tcx_console_calendar_sync": {"enabled": "0"},
        "tcx_console_wait_timeout": " 5 ",
        "tcx_timeout": "20",
        "entra_timeout": "20",
    },
}
EMPTY: dict[str, Any] = {"null": None, "empty": "", "blanks": "  ", "an empty list": [], "an empty dictionary": {}}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Scene.start(tmp_path_factory.mktemp("home")) as scene:
        yield scene


def _inventory(scene: Scene) -> Json:
    group = scene.controller.lab.inventory["tcx"]
    found: Json = {**group["vars"], **group["hosts"][HOST]}
    found.pop("entra_app_permissions_profile")
    return found


def _rollout(run: Run, _raw: Mapping[str, Any], *, sent: bool) -> list[Json]:
    del sent
    return [run.operation("rollout")[HOST]]


def _roles(run: Run, _raw: Mapping[str, Any], *, sent: bool) -> list[Json]:
    del sent
    taken = []
    for names in ROLES:
        taken.append(run.steps(*names)[HOST])
        if taken[-1].get("failed"):
            break
    return taken


def _modules(run: Run, raw: Mapping[str, Any], *, sent: bool) -> list[Json]:
    """A play of a user's own: each option from its variable, and what the task before returned.

    :param sent: as a module, which Ansible validates once more where it runs.
    """

    def task(name: str, **more: Any) -> Json:
        source = SOURCES[name]
        given = {option: raw[variable] for option, variable in source.variables.items() if variable in raw}
        arguments = {**given, **more}
        return run.task(source.capability, _validated(source.capability, arguments) if sent else arguments)

    identity = {"pbx": raw["tcx_url"], "pbx_names": raw["tcx_fqdn"]}
    key = {"certificates": [raw["entra_app_public_key"]]}
    pbx = task("tcx_preflight")
    status = pbx["status"]
    checked = task("entra_preflight", **identity, **key, unique_name=f"3cx-{HOST}", pbx_app_id=status["application_id"])
    # The defaults of the role, which a play of one's own states itself.
    made = {"create_with": {"display_name": "3CX Server-side", "sign_in_audience": "AzureADMyOrg"}}
    application = task("azure_app_registration", **checked["application"], **key, **made)
    grant = task("graph_permission_grant", app_id=application["app_id"], **identity)
    settings = task("tcx_m365_settings", application_id=application["app_id"], tenant_id=raw["entra_tenant_id"])
    return [application, grant, settings]


def _validated(capability: Capability, arguments: Mapping[str, Any]) -> Json:
    """What the module gets on the host: read by the action, then by Ansible."""
    validated = ArgumentSpecValidator(capability.argument_spec).validate(dict(capability.read(arguments, {}).explicit))
    assert not validated.error_messages
    return {name: value for name, value in validated.validated_parameters.items() if value is not None}


DOORS: dict[str, tuple[Callable[..., list[Json]], bool]] = {
    "rollout": (_rollout, False),
    "roles": (_roles, False),
    "modules in the process of the controller": (_modules, False),
    "modules that are sent": (_modules, True),
}


def _planned(scene: Scene, directory: Path, door: str, written: Mapping[str, Any], *, check: bool = True) -> list[Json]:
    """The changes that a door plans; in the order of the steps."""
    enter, sent = DOORS[door]
    run = Run.begin(scene.controller.lab.inventory, [HOST], directory, check_mode=check, **written)
    taken = enter(run, {**_inventory(scene), **written}, sent=sent)
    assert not [result["msg"] for result in taken if result.get("failed")]
    return [change for result in taken for change in result.get("changes") or ()]


def test_every_door_plans_the_same_however_it_is_written(scene: Scene, tmp_path: Path) -> None:
    plans = {
        (door, form): _planned(
            scene, tmp_path / f"{door}-{form}", door, {"entra_app_permissions_profile": None, **given}
        )
        for door in DOORS
        for form, given in WRITTEN.items()
    }
    expected = plans["rollout", "as it is"]
    fields = {(change["target"], change["field"]) for change in expected}
    assert {
        ("application", "tags"),
        ("app_role_assignments", "permissions"),
        ("settings", "user_sync.guests"),
    } <= fields
    for key, plan in plans.items():
        assert plan == expected, key


def test_every_variable_that_is_empty_is_not_given(scene: Scene, tmp_path: Path) -> None:
    known = set(_inventory(scene)) | {"entra_app_permissions_profile", "snapshot_dir", "capture_dir", "snapshot"}
    names = sorted(set(variables()) - known)
    assert len(names) > 80
    for door in DOORS:
        absent = _planned(scene, tmp_path / door, door, {"entra_app_permissions_profile": "guide"} | _needed(door))
        for form, value in EMPTY.items():
            given = {"entra_app_permissions_profile": "guide", **dict.fromkeys(names, value), **_needed(door)}
            assert _planned(scene, tmp_path / f"{door}-{form}", door, given) == absent, (door, form)


def _needed(door: str) -> Json:
    """What a play of modules has to say, where a rollout derives it."""
    return {"entra_app_permissions": ["User.Read.All"]} if door.startswith("modules") else {}


def test_the_lab_is_sent_the_same(scene: Scene, tmp_path: Path) -> None:
    """By one door after the other, each time to a lab that is as it began."""
    sent = {}
    for door in DOORS:
        scene.controller.lab.control.reset()
        given = {"entra_app_permissions_profile": None, **WRITTEN["as text" if DOORS[door][1] else "as it is"]}
        _planned(scene, tmp_path / door, door, given, check=False)
        sent[door] = [(each["method"], each["path"], each["body"]) for each in scene.controller.lab.control.writes()]
    assert len(sent["rollout"]) > 3
    for door, writes in sent.items():
        assert writes == sent["rollout"], door
