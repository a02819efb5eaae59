# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PBX that names what is not its own, a name that anybody can take, and the applications that are meant."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.attacks.conftest import GUIDE, Scene
from tcx_lab import hostile
from tcx_lab.graph import seed
from tcx_lab.hostile import Intruder
from tcx_lab.pbx import state_of

MARK = "tcx.m365"


def _refused(scene: Scene, host: str = "pbx0", **variables: Any) -> None:
    """A rollout that fails for this PBX and has changed nothing in any tenant."""
    before = scene.frozen()
    done = scene.rollout(host, **variables)
    assert done.failed() == [host], done.output
    assert scene.frozen() == before


# --- by the word of a PBX -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["auto", "adopt"])
def test_the_application_of_a_vendor(scene: Scene, mode: str) -> None:
    scene.quick = mode != "auto"
    vendor = scene.vendor()
    scene.point("pbx0", vendor["appId"].upper())
    _refused(scene, entra_app_mode=mode)
    assert not scene.can_sign_in("pbx0", vendor)


def test_the_application_of_a_vendor_that_has_the_redirect_uri_too(scene: Scene) -> None:
    """The rights that the PBX would gain count, whatever confirms the rest."""
    wide = scene.wizard("pbx0", GUIDE | {"Directory.Read.All"})
    _refused(scene)
    assert MARK not in wide["tags"]


def test_the_automation_itself(scene: Scene) -> None:
    automation = scene.world.automation
    assert automation is not None
    scene.inventory("pbx0", entra_tenant_id=automation.home_tenant_id)
    scene.point("pbx0", automation.app_id.upper(), "provider")
    before = scene.frozen()
    for variables in ({}, {"entra_app_app_id": automation.app_id}, {"entra_app_app_id": automation.app_id.upper()}):
        assert scene.rollout("pbx0", **variables).failed() == ["pbx0"]
        assert scene.frozen() == before


def test_the_application_of_another_pbx(scene: Scene) -> None:
    assert scene.rollout("pbx1").code == 0
    neighbor = scene.application("pbx1")
    assert neighbor is not None
    scene.point("pbx0", neighbor["appId"])
    hostile.lie(scene.pbx("pbx0"), HttpsPort=scene.pbx("pbx1").https_port)
    _refused(scene)
    offboarded = scene.play("offboard", "pbx0", offboard_confirm=True)
    assert offboarded.failed() == ["pbx0"]
    assert scene.application("pbx1") == neighbor
    assert scene.works("pbx1")


def test_marking_and_revoking_never_meet(scene: Scene) -> None:
    vendor = scene.vendor()
    scene.point("pbx0", vendor["appId"])
    held = scene.roles(vendor)
    for _run in range(2):
        _refused(scene, entra_app_exclusive=True, entra_app_certificates_exclusive=True)
    assert scene.roles(vendor) == held
    # Stated by the operator, the run that marks it still takes nothing away.
    exclusive = {"entra_app_exclusive": True, "entra_app_app_id": vendor["appId"]}
    scene.rollout("pbx0", **exclusive)
    assert held <= scene.roles(vendor)


NAMES: list[Any] = [
    "localhost@evil.example",
    "*.evil.example",
    "evil.example",
    "localhost.evil.example",
    "evil.example/localhost",
    "localhost#.evil.example",
    "127.0.0.1",
    "localhost evil.example",
    "evil.example:443",
    "loc\u0430lhost",
    "",
    ["localhost"],
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_not_the_pbxs(scene: Scene, name: Any) -> None:
    scene.quick = name != NAMES[0]
    hostile.lie(scene.pbx("pbx0"), FQDN=name, PbxExternalHost=name)
    _refused(scene)


def test_a_changed_name_of_a_pbx_that_worked(scene: Scene) -> None:
    assert scene.rollout("pbx0").code == 0
    hostile.lie(scene.pbx("pbx0"), FQDN="evil.example", PbxExternalHost="evil.example")
    _refused(scene)


# --- by a name that anybody can take --------------------------------------------------------------------------------------


@pytest.mark.parametrize("tags", [(), (MARK,), (MARK, "tcx.m365:pbx=")], ids=["plain", "marked", "marked for the PBX"])
@pytest.mark.parametrize("with_uri", [False, True], ids=["own URI", "URI of the PBX"])
def test_a_squatted_name_gains_nothing(scene: Scene, tags: tuple[str, ...], *, with_uri: bool) -> None:
    scene.quick = not with_uri
    eve = Intruder(scene.world, scene.tenant("acme"))
    pbx = scene.pbx("pbx0")
    uri = f"https://localhost:{pbx.https_port}/oauth2office2" if with_uri else "https://evil.example/cb"
    squatted = eve.register("3CX Server-side", uniqueName="3cx-pbx0", web={"redirectUris": [uri]})
    eve.set_tags(squatted, *(f"{tag}127.0.0.1:{pbx.port}" if tag.endswith("=") else tag for tag in tags))
    eve.add_secret(squatted)
    eve.add_certificate(squatted, displayName=f"{MARK} 2026-01-01 127.0.0.1:{pbx.port}")
    assert scene.rollout("pbx0").failed() == ["pbx0"]
    assert scene.roles(squatted) == set(), "his secret and his key get no rights"


def test_a_squatter_who_hides_gains_nothing(scene: Scene) -> None:
    eve = Intruder(scene.world, scene.tenant("acme"))
    squatted = eve.register("3CX Server-side", uniqueName="3cx-pbx0", tags=[MARK])
    eve.add_certificate(squatted)
    eve.leave(squatted)
    _refused(scene)
    assert scene.roles(squatted) == set()


@pytest.mark.parametrize("name", [MARK, f"{MARK} 2026-01-01", f"{MARK} 2026-01-01 {{}}"], ids=["mark", "date", "PBX"])
@pytest.mark.parametrize("pointed", [False, True], ids=["by name", "by the PBX"])
def test_a_squatter_with_a_certificate_like_ours_gains_nothing(scene: Scene, name: str, *, pointed: bool) -> None:
    """He knows all that is public, imitates all that an owner can set, and is no owner any more."""
    scene.quick = name != MARK
    eve = Intruder(scene.world, scene.tenant("acme"))
    pbx = scene.pbx("pbx0")
    uri = f"{state_of(scene.world, pbx).base_url}/oauth2office2"
    authority = uri.partition("//")[2].partition("/")[0]
    squatted = eve.register("3CX Server-side", uniqueName="3cx-pbx0", web={"redirectUris": [uri]})
    eve.set_tags(squatted, MARK, f"tcx.m365:pbx={authority}")
    key = eve.add_certificate(squatted, displayName=name.format(authority))
    eve.leave(squatted)
    if pointed:
        scene.point("pbx0", squatted["appId"])
    done = scene.rollout("pbx0")
    assert done.failed() == ["pbx0"], done.output
    assert key in done.output, "the operator reads which key is unknown"
    assert scene.roles(squatted) == set(), "his key gets no rights"
    principals = {
        each["id"] for each in scene.tenant("acme").service_principals.values() if each["appId"] == squatted["appId"]
    }
    consents = scene.tenant("acme").oauth2_permission_grants.values()
    assert not [each for each in consents if each["clientId"] in principals]


# --- an intruder in an application of ours --------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["secret", "federated", "owner", "certificate"])
def test_an_intruder_is_reported_and_not_rewarded(scene: Scene, what: str, tmp_path: Any) -> None:
    scene.quick = what != "certificate"
    first = {"entra_app_permissions": ["User.Read.All"]}
    assert scene.rollout("pbx0", **first).code == 0
    tenant, application = scene.tenant("acme"), scene.application("pbx0")
    assert application is not None
    eve = Intruder(scene.world, tenant)
    if what == "secret":
        seed.add_secret(scene.world, tenant, application["id"])
    elif what == "federated":
        hostile.add_federated(scene.world, tenant, application["id"])
    else:
        eve.become_owner(application)
        if what == "certificate":
            eve.add_certificate(application)
            eve.leave(application)
    _done, report = scene.controller.compliance("--limit", "pbx0", directory=tmp_path / "report", **first)
    (host,) = report["hosts"]
    assert host["verdict"] != "compliant", host
    held = scene.roles(application)
    assert scene.rollout("pbx0").failed() == ["pbx0"]
    assert scene.roles(application) == held == {"User.Read.All"}
    # The operator has looked, and states the application.
    assert scene.rollout("pbx0", entra_app_app_id=application["appId"]).code == 0
    assert scene.roles(application) == GUIDE


@pytest.mark.parametrize("kind", ["applications", "service_principals"])
def test_an_owner_behind_twenty_others_is_seen(scene: Scene, kind: str, tmp_path: Any) -> None:
    """With its object Graph shows twenty owners, and nothing says that there are more."""
    first = {"entra_app_permissions": ["User.Read.All"]}
    assert scene.rollout("pbx0", **first).code == 0
    tenant, application = scene.tenant("acme"), scene.application("pbx0")
    assert application is not None
    (owned,) = (each for each in getattr(tenant, kind).values() if each["appId"] == application["appId"])
    known = [seed.add_user(scene.world, tenant, f"known{number}", "Known", str(number))["id"] for number in range(20)]
    eve = Intruder(scene.world, tenant)
    tenant.owners[owned["id"]] = [*known, eve.user["id"]]
    wanted = {"entra_app_owners": known} if kind == "applications" else {}
    _done, report = scene.controller.compliance("--limit", "pbx0", directory=tmp_path / "report", **first, **wanted)
    (host,) = report["hosts"]
    assert eve.user["userPrincipalName"] in str(host), host
    assert scene.rollout("pbx0", **wanted).failed() == ["pbx0"]
    assert scene.roles(application) == {"User.Read.All"}


@pytest.mark.parametrize("name", ["{0} {1:%Y-%m-%d} nobody.example:5001", "{0} {1:%Y-%m-%d} {2}"])
def test_a_name_like_ours_hides_no_certificate_from_the_report(scene: Scene, name: str, tmp_path: Any) -> None:
    """Whether somebody has broken in or the key file of another customer was rolled out once: its key can sign in."""
    assert scene.rollout("pbx0").code == 0
    application = scene.application("pbx0")
    assert application is not None
    url = scene.controller.lab.inventory["tcx"]["hosts"]["pbx0"]["tcx_url"]
    eve = Intruder(scene.world, scene.tenant("acme"))
    eve.become_owner(application)
    label = url.removeprefix("https://")
    key = eve.add_certificate(application, displayName=name.format(MARK, scene.world.clock.now(), label))
    eve.leave(application)
    _done, report = scene.controller.compliance("--limit", "pbx0", directory=tmp_path / "report")
    (host,) = report["hosts"]
    assert host["verdict"] == "attention", host
    assert any(key in sentence for sentence in host["attention"])
    assert [each["id"] for each in host["controls"] if key in str(each)]


# --- what is meant ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_key", [True, False], ids=["key in the inventory", "no key in the inventory"])
def test_the_application_of_the_wizard_is_adopted_without_an_outage(scene: Scene, *, with_key: bool) -> None:
    made = scene.wizard("pbx0", signInAudience="AzureADMultipleOrgs", isFallbackPublicClient=True)
    if not with_key:
        scene.inventory("pbx0", entra_app_public_key=None)
    looked = scene.controller.play("tcx.m365.rollout", "--limit", "pbx0", "--check", "--diff")
    assert looked.code == 0, looked.output
    assert made["appId"] in looked.output
    assert "would ADOPT" in looked.output
    scene.quick = not with_key
    done = scene.rollout("pbx0")
    assert done.code == 0, done.output
    adopted = scene.application("pbx0")
    assert adopted is not None
    kept = ("appId", "displayName", "signInAudience", "isFallbackPublicClient", "uniqueName", "keyCredentials")
    assert {name: adopted[name] for name in kept} == {name: made[name] for name in kept}
    assert MARK in adopted["tags"]
    assert scene.roles(adopted) == GUIDE
    again = scene.rollout("pbx0")
    assert again.code == 0, again.output
    assert again.changed() == []
    assert scene.application("pbx0") == adopted


def test_the_application_that_the_inventory_states(scene: Scene) -> None:
    bot = scene.vendor(
        display_name="3CX + Teams bot (shared)", roles=["User.Read.All"], signInAudience="AzureADMultipleOrgs"
    )
    done = scene.rollout("pbx0", entra_app_app_id=bot["appId"].upper())
    assert done.code == 0, done.output
    after = scene.application("pbx0")
    assert after is not None
    for name in ("appId", "displayName", "signInAudience", "uniqueName"):
        assert after[name] == bot[name]
    assert len(after["keyCredentials"]) == 2


NO_NAMES = {"error": {"code": "BadRequest", "message": "Resource not found for the segment 'uniqueName'."}}


@pytest.mark.parametrize("grants", [True, False])
def test_a_certificate_that_calls_itself_by_the_thumbprint_of_the_pbx_gains_nothing(
    scene: Scene, *, grants: bool
) -> None:
    """Whoever adds one chooses its `customKeyIdentifier`, and a list shows nothing else of it. In a cloud without unique names
    the application is found in a list; here it looks so finished that nothing of it is written, and so nothing read again."""
    rule = {"service": "graph", "path": r"uniqueName='"}
    scene.controller.lab.control.add_trouble("status", match=rule, times=0, status=400, body=NO_NAMES)
    scene.quick = True
    assert scene.rollout("bolt").code == 0
    model = scene.application("bolt")
    assert model is not None
    eve, pbx = Intruder(scene.world, scene.tenant("acme")), scene.pbx("pbx0")
    uri = f"{state_of(scene.world, pbx).base_url}/oauth2office2"
    finished = {name: model[name] for name in ("requiredResourceAccess", "signInAudience")}
    made = eve.register("3CX Server-side", web={**model["web"], "redirectUris": [uri]}, **finished)
    eve.set_tags(made, "tcx.m365:unique_name=3cx-pbx0", MARK, f"{MARK}:pbx=127.0.0.1:{pbx.port}")
    eve.add_certificate(made, customKeyIdentifier=scene.thumbprint("pbx0"))
    eve.leave(made)
    seed.ensure_service_principal(scene.world, scene.tenant("acme"), made)
    before = scene.frozen()
    done = scene.rollout("pbx0", entra_app_manage_grants=grants, tcx_console_wait_timeout=2)
    with scene.controller.lab.client() as client:
        assert not hostile.sign_in(scene.world, client, scene.tenant("acme"), made["appId"], eve.pairs[0])
    if grants:
        assert done.failed() == ["pbx0"]
        assert scene.frozen() == before
    assert 'admin_consent_url": "http' not in done.output
