# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each trap, tried at each door: every operation, the roles, and the modules one by one.

What counts is the same everywhere: which key gets a token with which rights, that nothing of others has changed, and that
the PBX next to the hostile one works on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._capabilities import (
    azure_app_registration,
    entra_preflight,
    graph_permission_grant,
    tcx_preflight,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of
from ansible_collections.tcx.m365.tests.attacks.conftest import GUIDE, Scene
from ansible_collections.tcx.m365.tests.in_process import ROLES, Run
from tcx_lab import ca, hostile
from tcx_lab.hostile import Intruder
from tcx_lab.pbx import state_of

MARK = "tcx.m365"
EXCLUSIVE = {
    "entra_app_exclusive": True,
    "entra_app_certificates_exclusive": True,
    "entra_app_redirect_uris_exclusive": True,
    "entra_app_permissions_exclusive": True,
}
HARSH = {
    **EXCLUSIVE,
    "entra_app_force": True,
    "offboard_confirm": True,
    "offboard_purge": True,
    "sso_verify_people": True,
    "tcx_console_wait_timeout": 3,
    "entra_app_wait_timeout": 5,
    "entra_deadline": 20,
    "tcx_deadline": 20,
}
"""What hurts most if it hits the wrong application, and no long wait for a PBX that lies about its health."""


# --- the traps --------------------------------------------------------------------------------------------------------------


def _vendor(scene: Scene) -> None:
    scene.point("pbx0", scene.vendor()["appId"].upper())


def _without_credentials(scene: Scene, application: dict[str, Any]) -> dict[str, Any]:
    found = scene.tenant("acme").applications[application["id"]]
    found.update(keyCredentials=[], passwordCredentials=[])
    return found


def _vendor_with_our_mark(scene: Scene) -> None:
    """An owner has set the tag, and nobody is left who could be seen to hold it."""
    made = _without_credentials(scene, scene.vendor(tags=[MARK]))
    scene.point("pbx0", made["appId"])


def _vendor_with_the_mark_of_the_pbx(scene: Scene) -> None:
    pbx = scene.pbx("pbx0")
    made = _without_credentials(scene, scene.vendor(tags=[MARK, f"tcx.m365:pbx=127.0.0.1:{pbx.port}"]))
    scene.point("pbx0", made["appId"])


def _registered_for_something_else(scene: Scene) -> None:
    """The operator registers other applications with this collection as well: marked, made by it, and no PBX's."""
    automation = scene.world.automation
    assert automation is not None
    made = scene.tenant("acme").applications[scene.vendor(tags=[MARK])["id"]]
    made.update(createdByAppId=automation.app_id, passwordCredentials=[])
    for entry in made["keyCredentials"]:
        entry["displayName"] = f"{MARK} 2026-01-01"
    scene.point("pbx0", made["appId"])


def _the_automation(scene: Scene) -> None:
    automation = scene.world.automation
    assert automation is not None
    scene.inventory("pbx0", entra_tenant_id=automation.home_tenant_id)
    scene.point("pbx0", automation.app_id.upper(), "provider")


def _the_automation_by_its_enterprise_application(scene: Scene) -> None:
    automation = scene.world.automation
    assert automation is not None
    scene.point("pbx0", automation.app_id.upper())


def _the_neighbor(scene: Scene) -> None:
    neighbor = scene.application("pbx1")
    assert neighbor is not None
    scene.point("pbx0", neighbor["appId"])


def _the_neighbor_and_his_name(scene: Scene) -> None:
    _the_neighbor(scene)
    other = scene.pbx("pbx1")
    hostile.lie(scene.pbx("pbx0"), HttpsPort=other.https_port, FQDN="localhost", PbxExternalHost="localhost")


def _deleted_vendor(scene: Scene) -> None:
    made = scene.vendor()
    _delete(scene, made)
    scene.point("pbx0", made["appId"])


def _squatted(scene: Scene, *, deleted: bool, what: str) -> None:
    eve = Intruder(scene.world, scene.tenant("acme"))
    pbx = scene.pbx("pbx0")
    uri = f"{state_of(scene.world, pbx).base_url}/oauth2office2"
    made = eve.register("3CX Server-side", uniqueName="3cx-pbx0", web={"redirectUris": [uri]})
    eve.set_tags(made, MARK, f"tcx.m365:pbx=127.0.0.1:{pbx.port}")
    if what == "secret":
        eve.add_secret(made)
    elif what == "certificate":
        eve.add_certificate(made, displayName=f"{MARK} 2026-01-01 127.0.0.1:{pbx.port}")
    else:
        hostile.add_federated(scene.world, scene.tenant("acme"), made["id"])
    if what != "owner":
        eve.leave(made)
    if deleted:
        _delete(scene, made)


def _delete(scene: Scene, application: dict[str, Any]) -> None:
    from tcx_lab.graph import backdoor

    backdoor.delete_object(scene.world, scene.tenant("acme"), "applications", application["id"])


def _microsoft(app_id: str) -> Callable[[Scene], None]:
    return lambda scene: scene.point("pbx0", app_id)


def _named(**lies: Any) -> Callable[[Scene], None]:
    return lambda scene: hostile.lie(scene.pbx("pbx0"), **lies)


TRAPS: dict[str, Callable[[Scene], None]] = {
    "vendor": _vendor,
    "vendor with our mark": _vendor_with_our_mark,
    "vendor with the mark of the PBX": _vendor_with_the_mark_of_the_pbx,
    "made by the automation for something else": _registered_for_something_else,
    "the automation": _the_automation,
    "the automation in the tenant of the customer": _the_automation_by_its_enterprise_application,
    "neighbor": _the_neighbor,
    "neighbor and his name": _the_neighbor_and_his_name,
    "deleted vendor": _deleted_vendor,
    "Microsoft Graph": _microsoft("00000003-0000-0000-C000-000000000000"),
    "Exchange Online": _microsoft("00000002-0000-0ff1-ce00-000000000000"),
    "evil FQDN": _named(FQDN="evil.example", PbxExternalHost="evil.example"),
    "FQDN with a final dot": _named(FQDN="localhost.evil.example.", PbxExternalHost="evil.example."),
    "homoglyph": _named(FQDN="l\u043ecalhost", PbxExternalHost="l\u043ecalhost"),
    "full-width letters": _named(FQDN="evil\uff0eexample", PbxExternalHost="evil\uff0eexample"),
    "port of somebody else": _named(HttpsPort=6666, FQDN="localhost@evil.example"),
    **{
        f"squatted name, {what}, {'deleted' if deleted else 'live'}": (
            lambda scene, what=what, deleted=deleted: _squatted(scene, deleted=deleted, what=what)
        )
        for what in ("secret", "certificate", "federated", "owner")
        for deleted in (False, True)
    },
}


# --- the doors --------------------------------------------------------------------------------------------------------------


def _modules(run: Run) -> None:
    """A play of a user's own: the documented modules with what the one before them returned."""
    variables = run.inventory.of("pbx0")
    pbx = run.task(tcx_preflight.CAPABILITY, arguments_of.pbx_preflight_arguments(variables))
    if pbx.get("failed"):
        return
    found = run.task(entra_preflight.CAPABILITY, arguments_of.entra_preflight_arguments(variables, pbx))
    if found.get("failed"):
        return
    application = run.task(
        azure_app_registration.CAPABILITY,
        arguments_of.application_arguments(variables, found["application"], pbx["redirect_uri"]),
    )
    if application.get("failed"):
        return
    grants = {**arguments_of.grant_arguments(variables, application["app_id"]), "pbx": variables["tcx_url"]}
    grants["unknown_credentials"] = application["unknown_credentials"]
    run.task(graph_permission_grant.CAPABILITY, grants)


DOORS: dict[str, Callable[[Run], object]] = {
    "rollout": lambda run: run.operation("rollout"),
    "rotate_certificate": lambda run: run.operation("rotate_certificate"),
    "capture": lambda run: run.operation("capture"),
    "roles": lambda run: run.roles(*ROLES),
    "console and verification alone": lambda run: run.roles(("settings",), ("sign_in",), ("people",)),
    "modules": _modules,
    "offboard": lambda run: run.operation("offboard"),
}


def _begin(scene: Scene, directory: Path, *hosts: str, **extra: Any) -> Run:
    return Run.begin(scene.controller.lab.inventory, hosts, directory, **extra)


def _tokens(scene: Scene) -> dict[tuple[str, str, str], frozenset[str] | None]:
    """Who gets a token of which application, with which roles: the keys of all PBXs, everywhere."""
    with scene.controller.lab.client() as client:
        return {
            (tenant.domain, application["appId"], host): hostile.sign_in(
                scene.world, client, tenant, application["appId"], ca.key_pair_of(scene.world, pbx)
            )
            for tenant in scene.world.tenants.values()
            for application in list(tenant.applications.values())
            for host, pbx in scene.world.pbxs.items()
        }


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_gains_nothing_at_any_door(scene: Scene, tmp_path: Path, trap: str) -> None:
    scene.grant_every_right()
    assert not _begin(scene, tmp_path / "first", "pbx1").operation("rollout")["pbx1"].get("failed")
    TRAPS[trap](scene)
    before, tokens, strangers = scene.frozen(), _tokens(scene), _applications(scene)
    for door, enter in DOORS.items():
        enter(_begin(scene, tmp_path / door, "pbx0", **HARSH))
        if door == "offboard" and trap.startswith("squatted"):
            break  # who calls his application like that of a PBX, and gives it all its marks, has it removed with it
        _nothing_changed(before, scene.frozen(), door)
    _nothing_gained(scene, tokens)
    assert scene.works("pbx1")
    _files_are_clean(scene, tmp_path, strangers)


def _applications(scene: Scene) -> set[str]:
    """All that are there, and the one that the PBX names, which may be nowhere any more."""
    named = scene.controller.lab.control.pbx("pbx0")["integration"].get("ApplicationId")
    return {str(named)}.union(
        entity["appId"]
        for tenant in scene.world.tenants.values()
        for entity in [*tenant.applications.values(), *tenant.service_principals.values()]
    )


def _nothing_changed(before: dict[str, Any], after: dict[str, Any], door: str) -> None:
    """Everything that was there is as it was; a new application for the PBX may be there besides."""
    for domain, kinds in before.items():
        for kind, found in zip(kinds, after[domain], strict=True):
            for identifier, entity in kind.items():
                assert found.get(identifier) == entity, (door, domain)


def _files_are_clean(scene: Scene, directory: Path, strangers: set[str]) -> None:
    """No export states the application that a trap leads to, and no file of any run holds a secret.

    A PBX that is out of the trap has an application of its own, which its export states.
    """
    for path in directory.rglob("host_vars/*.yml"):
        stated = re.search(r"^entra_app_app_id: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert stated is None or not any(each in stated[1] for each in strangers), path
    group = scene.controller.lab.inventory["tcx"]
    secrets = {group["vars"]["entra_client_secret"]}
    secrets |= {host.get("tcx_client_secret") or host["tcx_password"] for host in group["hosts"].values()}
    for path in directory.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not re.search(rb"eyJ[\w-]{10,}\.eyJ", content), path
        assert not [secret for secret in secrets if secret.encode() in content], path


def _nothing_gained(scene: Scene, before: dict[tuple[str, str, str], Any]) -> None:
    """No key gets a token that it did not get before, but that of the PBX of a new application that is its own."""
    for (_domain, app_id, host), roles in _tokens(scene).items():
        if roles != before.get((_domain, app_id, host)):
            made = scene.named("3cx-pbx0")
            assert made is not None
            assert (app_id, host) == (made["appId"], "pbx0")
            assert roles is None or roles <= GUIDE
