# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Somebody else acts on the same application or PBX between two requests of a flow: an operator, another program, a run of ours
on another machine, which no lock of this one keeps out."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.tests.faults import judge
from ansible_collections.tcx.m365.tests.faults.ground import (
    FOREIGN_URI,
    NEIGHBOR,
    TARGET,
    Ground,
    Ran,
    Request,
    ground,
)
from ansible_collections.tcx.m365.tests.in_process import ROLES, Inventory, Run
from tcx_lab import ca
from tcx_lab.graph import delete_object, patch_application, seed
from tcx_lab.pbx import patch_pbx, state_of
from tcx_lab.trouble import Facts

Json = dict[str, Any]
Act = Callable[[Ground], object]

CONFIRMED: Json = {"offboard_confirm": True}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ground, Json]]:
    """A PBX that works, alone in its application; another one waits to join it."""
    with ground(tmp_path_factory.mktemp("races")) as made:
        state_of(made.world, made.pbx(NEIGHBOR))
        assert not judge.failure_of(made.run("rollout"))
        yield made, made.freeze()


@contextlib.contextmanager
def meanwhile(made: Ground, when: Callable[[int, Facts], bool], act: Act) -> Iterator[list[str]]:
    """Once, right before the first request that is meant is answered, somebody acts; yields where that was."""
    strike, seen, done = made.world.trouble.strike, 0, list[str]()

    def struck(facts: Facts) -> Any:
        nonlocal seen
        if not facts.source.startswith("pbx:"):
            if not done and when(seen, facts):
                done.append(f"{facts.method} {facts.path}")
                act(made)
            seen += 1
        return strike(facts)

    with mock.patch.object(made.world.trouble, "strike", struck):
        yield done


def requests_of(made: Ground, operation: str, **variables: Any) -> list[Request]:
    """The requests of a flow that nobody disturbs; the world is afterwards as it was before."""
    begin = made.freeze()
    with made.recorded() as requests:
        done = made.run(operation, **variables)
    assert not judge.failure_of(done), judge.failure_of(done)
    made.restore(begin)
    return requests


def run_while(made: Ground, act: Act, number: int, operation: str, **variables: Any) -> Ran:
    with meanwhile(made, lambda seen, _facts: seen == number, act) as acted:
        ran = made.run(operation, **variables)
    assert acted, f"{operation} has no request {number}"
    return ran


def at_the_deletion(_seen: int, facts: Facts) -> bool:
    return facts.method == "DELETE" and "/applications/" in facts.path


def of_the_pbx(made: Ground) -> Json:
    """The application of the PBX, in the tenant as it is."""
    return next(each for each in made.tenant.applications.values() if each["uniqueName"] == "3cx-target")


def fields(ran: Ran) -> set[tuple[str, str]]:
    return {(change["target"], change["field"]) for change in ran.target["changes"]}


# --- an application that somebody joins while it is being removed -----------------------------------------------------------


def the_neighbor_joins(made: Ground) -> None:
    """What a run on another machine writes: the other PBX has this application, too."""
    found, pbx = of_the_pbx(made), made.pbx(NEIGHBOR)
    url = state_of(made.world, pbx).base_url
    seed.add_certificate(made.world, made.tenant, found["id"], ca.key_pair_of(made.world, pbx).certificate)
    found = of_the_pbx(made)
    uris = [*found["web"]["redirectUris"], f"{url}/oauth2office2"]
    tags = [*found["tags"], f"tcx.m365:pbx={url.removeprefix('https://')}"]
    patch_application(
        made.world, made.tenant, found["id"], {"web": {**found["web"], "redirectUris": uris}, "tags": tags}
    )
    state_of(made.world, pbx).m365.update(ApplicationId=found["appId"], TenantId=made.tenant.id)


def test_whoever_joins_an_application_while_it_is_removed_keeps_it(made: Ground) -> None:
    """At any request up to the deletion itself, of which Graph asks nobody whether it is still meant."""
    begin, all_of_it = made.freeze(), requests_of(made, "offboard", **CONFIRMED)
    deletion = next(each.number for each in all_of_it if each.facts.method == "DELETE")
    for number in [*range(0, deletion, 5), deletion - 1, deletion]:
        made.restore(begin)
        ran = run_while(made, the_neighbor_joins, number, "offboard", **CONFIRMED)
        assert not judge.failure_of(ran), judge.failure_of(ran)
        assert made.signs_in(NEIGHBOR), f"after request {number}"
        assert ca.key_pair_of(made.world, made.pbx()).thumbprint not in str(of_the_pbx(made)["keyCredentials"])
        assert ("application", "state") not in fields(ran), f"after request {number}"
        assert ("application", "certificates") in fields(ran), f"after request {number}"
        assert not made.run("offboard", **CONFIRMED).target["changed"], f"after request {number}"


@pytest.mark.parametrize("keeps", [True, False])
def test_an_application_that_came_back_says_what_it_has_lost(made: Ground, keeps: bool) -> None:
    """Whether a service principal keeps what it was granted while it is deleted is documented nowhere."""
    made.world.switches.restored_principal_keeps_grants = keeps
    try:
        with meanwhile(made, at_the_deletion, the_neighbor_joins):
            ran = made.run("offboard", **CONFIRMED)
    finally:
        made.world.switches = type(made.world.switches)()
    granted = {name: each["granted"] for name, each in judge.picture(made)["applications"]}["3cx-target"]
    (warning,) = [each for each in ran.target["warnings"] if "deleted and restored" in each]
    assert bool(granted) is keeps
    assert (("app_role_assignments", "permissions") in fields(ran)) is not keeps
    assert ("User.Read.All" in warning) is not keeps
    assert not judge.faults_of_sentence(warning, judge.secrets_of(made))
    back = made.run("rollout", NEIGHBOR, entra_app_unique_name="3cx-target").results[NEIGHBOR]
    assert not back.get("failed"), back["msg"]
    assert {name: each["granted"] for name, each in judge.picture(made)["applications"]}["3cx-target"]


def test_what_cannot_be_restored_is_told_with_who_needs_it(made: Ground) -> None:
    made.world.trouble.add(
        {
            "action": "status",
            "status": 403,
            "match": {"service": "graph", "method": "POST", "path": "/restore"},
            "times": 0,
        }
    )

    with meanwhile(made, at_the_deletion, another_program):
        ran = made.run("offboard", **CONFIRMED)
    said = judge.failure_of(ran)
    assert FOREIGN_URI in said
    assert not judge.clear(made, ran)
    assert ("application", "state") in fields(ran), "it is gone, and said to be"
    made.world.trouble.clear()
    undone = made.run("rollback", snapshot=ran.target["snapshot"])
    assert not judge.failure_of(undone), judge.failure_of(undone)
    assert FOREIGN_URI in of_the_pbx(made)["web"]["redirectUris"]


def another_program(made: Ground) -> None:
    """It has an address of its own in the application from now on."""
    found = of_the_pbx(made)
    uris = [*found["web"]["redirectUris"], FOREIGN_URI]
    patch_application(made.world, made.tenant, found["id"], {"web": {**found["web"], "redirectUris": uris}})


def an_administrator(made: Ground) -> None:
    patch_application(made.world, made.tenant, of_the_pbx(made)["id"], {"notes": "Ask Quinn before you touch it."})


@pytest.mark.parametrize("act", [the_neighbor_joins, another_program, an_administrator])
def test_a_rollback_deletes_nothing_that_has_become_more_meanwhile(made: Ground, act: Act) -> None:
    """The application that a run made goes with the run, unless somebody has come to it since, at whatever moment."""
    done = made.run("offboard", offboard_purge=True, **CONFIRMED)
    assert not judge.failure_of(done), judge.failure_of(done)
    done = made.run("rollout")
    assert not judge.failure_of(done), judge.failure_of(done)
    undo = {"snapshot": done.target["snapshot"]}
    begin, all_of_it = made.freeze(), requests_of(made, "rollback", **undo)
    deletion = next(each.number for each in all_of_it if each.facts.method == "DELETE")
    for number in (0, deletion // 2, deletion - 3, deletion - 1, deletion):
        made.restore(begin)
        ran = run_while(made, act, number, "rollback", **undo)
        found, said = of_the_pbx(made), judge.failure_of(ran)
        if act is the_neighbor_joins:
            assert made.signs_in(NEIGHBOR), f"after request {number}"
        elif act is another_program:
            assert FOREIGN_URI in found["web"]["redirectUris"], f"after request {number}"
        else:
            assert found["notes"], f"after request {number}"
            assert "application.notes (the run left nothing, now it is 'Ask Quinn" in said
        assert not said or not judge.clear(made, ran), f"after request {number}: {judge.clear(made, ran)}"
        assert not [each for each in ran.target["changes"] if (each["field"], each["after"]) == ("state", "absent")]


def test_nothing_that_others_need_is_deleted_permanently(made: Ground) -> None:
    with meanwhile(made, at_the_deletion, the_neighbor_joins):
        ran = made.run("offboard", offboard_purge=True, **CONFIRMED)
    assert not judge.failure_of(ran), judge.failure_of(ran)
    assert made.signs_in(NEIGHBOR)


def test_what_somebody_has_deleted_and_others_need_is_not_purged(made: Ground) -> None:
    the_neighbor_joins(made)
    found = of_the_pbx(made)
    delete_object(made.world, made.tenant, "applications", found["id"])
    ran = made.run("offboard", offboard_purge=True, **CONFIRMED)
    assert not judge.failure_of(ran), judge.failure_of(ran)
    assert ("application", "state") not in fields(ran)
    # The automation registered it, so the name of the certificate that is left says well enough whose it is.
    back = made.run("rollout", NEIGHBOR, entra_app_unique_name="3cx-target").results[NEIGHBOR]
    assert not back.get("failed"), back["msg"]
    assert back["application_id"] == found["appId"]


# --- a PBX that somebody links while it is being unlinked -------------------------------------------------------------------


def test_a_link_that_somebody_has_just_made_is_not_taken_away(made: Ground) -> None:
    """What was judged before the unlinking is the application that the PBX pointed to at that time."""

    def linked_by_the_wizard(made: Ground) -> None:
        own = next(each for each in made.tenant.applications.values() if each["displayName"] == "Entra Backup")
        patch_pbx(made.world, made.pbx(), {"ApplicationId": own["appId"], "TenantId": made.tenant.id})

    begin, all_of_it = made.freeze(), requests_of(made, "offboard", **CONFIRMED)
    paths = [each.facts.path for each in all_of_it]
    first, last = (each(i for i, path in enumerate(paths) if path.endswith("/MailSettings")) for each in (min, max))
    unlinking = next(each.number for each in all_of_it if each.facts.method == "PATCH")
    for number in (first, last + 3, unlinking - 1):
        made.restore(begin)
        ran = run_while(made, linked_by_the_wizard, number, "offboard", **CONFIRMED)
        assert "was linked to the application" in judge.failure_of(ran), f"before request {number}"
        assert not judge.clear(made, ran)
        assert ran.target["changes"] == []
        assert state_of(made.world, made.pbx()).m365["ApplicationId"] not in ("", of_the_pbx(made)["appId"])


# --- what somebody overwrites between our write and our proof ---------------------------------------------------------------


def the_certificate_is_overwritten(made: Ground) -> None:
    """By a list that somebody has read before this run added its own."""
    found, own = of_the_pbx(made), ca.key_pair_of(made.world, made.pbx()).thumbprint
    kept = [each for each in found["keyCredentials"] if each["customKeyIdentifier"] != own]
    made.tenant.applications[found["id"]]["keyCredentials"] = kept


def the_address_is_overwritten(made: Ground) -> None:
    found = of_the_pbx(made)
    patch_application(made.world, made.tenant, found["id"], {"web": {**found["web"], "redirectUris": []}})


def _first_rollout(made: Ground) -> None:
    done = made.run("offboard", **CONFIRMED, offboard_purge=True)
    assert not judge.failure_of(done), judge.failure_of(done)


def _new_key(made: Ground) -> None:
    ca.new_key_pair(made.world, made.pbx())


def _overlap_over(made: Ground) -> None:
    _new_key(made)
    done = made.run("rotate_certificate")
    assert not judge.failure_of(done), judge.failure_of(done)
    made.world.clock.advance(15 * 86400)


LOSSES = {
    "certificate": (the_certificate_is_overwritten, "GetM365Users"),
    "address": (the_address_is_overwritten, "authorize"),
}
FLOWS: dict[str, tuple[Act, str]] = {
    "first rollout": (_first_rollout, "rollout"),
    "rollout without a change": (lambda _made: None, "rollout"),
    "rotation": (_new_key, "rotate_certificate"),
    "end of a rotation": (_overlap_over, "rotate_certificate"),
}


def last_proof(requests: list[Request], path: str) -> int:
    return max(each.number for each in requests if path in each.facts.path)


@pytest.mark.parametrize(
    ("flow", "loss"),
    [(flow, "certificate") for flow in ("first rollout", "rotation", "end of a rotation")]
    + [(flow, "address") for flow in ("first rollout", "rollout without a change")],
)
def test_what_another_run_has_overwritten_is_added_again(made: Ground, flow: str, loss: str) -> None:
    """Up to the last proof: what is taken away after it, nobody can know."""
    begin, operation = FLOWS[flow]
    lose, proof = LOSSES[loss]
    begin(made)
    start = made.freeze()
    last = last_proof(requests_of(made, operation), proof)
    for number in (last - 6, last - 2, last):
        made.restore(start)
        ran = run_while(made, lose, number, operation)
        assert not judge.failure_of(ran), f"before request {number}: {judge.failure_of(ran)}"
        assert made.signs_in(), f"before request {number}"
        assert not made.run(operation).target["changed"], f"before request {number}"


def test_what_was_added_again_is_reported(made: Ground) -> None:
    old = ca.key_pair_of(made.world, made.pbx()).thumbprint
    _new_key(made)
    last = last_proof(requests_of(made, "rotate_certificate"), "GetM365Users")
    ran = run_while(made, the_certificate_is_overwritten, last, "rotate_certificate")
    own = ca.key_pair_of(made.world, made.pbx()).thumbprint
    assert {each["customKeyIdentifier"] for each in of_the_pbx(made)["keyCredentials"]} == {old, own}
    assert [(each["field"], each["before"], sorted(each["after"])) for each in ran.target["changes"]] == [
        ("certificates", [old], sorted((old, own)))
    ] * 2, "added twice"
    (note,) = [each for each in ran.target["notes"] if "overwritten" in each]
    assert own in note
    assert not judge.faults_of_sentence(note, judge.secrets_of(made))


def test_roles_add_it_again_as_well(made: Ground, tmp_path: Path) -> None:
    def roles() -> Json:
        with tempfile.TemporaryDirectory(dir=tmp_path) as place:
            hosts = made.hosts(snapshot_dir=str(tmp_path / "snapshots"))
            run = Run(Inventory({"tcx": {"vars": {}, "hosts": hosts}}, {}), [TARGET], RunStore(place))
            return run.roles(*ROLES)[TARGET]

    _new_key(made)
    begin = made.freeze()
    with made.recorded() as requests:
        assert not roles().get("failed")
    for lose, proof in LOSSES.values():
        made.restore(begin)
        last = last_proof(requests, proof)
        with meanwhile(made, lambda seen, _facts, last=last: seen == last, lose) as acted:
            result = roles()
        assert acted
        assert not result.get("failed"), result["msg"]
        assert made.signs_in()


def test_a_program_that_never_stops_is_told_and_not_the_key_pair_blamed(made: Ground) -> None:
    def at_each_proof(_seen: int, facts: Facts) -> bool:
        if "GetM365Users" in facts.path:
            the_certificate_is_overwritten(made)
        return False

    _new_key(made)
    with meanwhile(made, at_each_proof, lambda _made: None):
        ran = made.run("rotate_certificate")
    said = judge.failure_of(ran)
    assert "keeps overwriting" in said
    assert "wizard" not in said
    assert ran.target["error"]["remedy"] in said
    assert not judge.failure_of(made.run("rotate_certificate"))
    assert made.signs_in()


def test_what_was_removed_beside_a_program_that_never_stops_is_put_back_and_told(made: Ground) -> None:
    """The certificate of the PBX is overwritten at each look, in a run that removes the one before it."""
    _new_key(made)
    assert not judge.failure_of(made.run("rotate_certificate"))
    former = [each["customKeyIdentifier"] for each in of_the_pbx(made)["keyCredentials"]]

    def at_each_proof(_seen: int, facts: Facts) -> bool:
        if "GetM365Users" in facts.path and len(of_the_pbx(made)["keyCredentials"]) < len(former):
            removed.append(facts.path)
        if "GetM365Users" in facts.path and removed:
            the_certificate_is_overwritten(made)
        return False

    removed: list[str] = []
    with meanwhile(made, at_each_proof, lambda _made: None):
        ran = made.run("rollout", entra_app_certificates_exclusive=True)
    assert removed
    said = judge.failure_of(ran)
    assert said
    assert not [each for each in judge.clear(made, ran) if not each.endswith("characters")], said
    assert "keeps overwriting" in said
    assert "wizard" not in said
    assert "does not name" not in said
    written = [change for change in ran.target["changes"] if change["field"] == "certificates"]
    assert written[0]["before"] == former
    assert len(ran.target["diff"]) >= len(written)


def test_a_key_pair_that_the_inventory_does_not_know_is_still_told_as_such(made: Ground) -> None:
    """Nothing of the application is missing: the PBX signs with another key."""
    pbx = made.pbx()
    named = pbx.key_pair
    assert named is not None
    ca.new_key_pair(made.world, pbx)
    ran = made.run("rollout", entra_app_public_key=named.public_pem)
    assert "another certificate" in judge.failure_of(ran)
    assert ran.target["changes"] == []


def test_an_application_that_is_deleted_meanwhile_is_not_made_anew_by_the_proof(made: Ground) -> None:
    def deleted(made: Ground) -> None:
        delete_object(made.world, made.tenant, "applications", of_the_pbx(made)["id"])

    _new_key(made)
    last = last_proof(requests_of(made, "rotate_certificate"), "GetM365Users")
    ran = run_while(made, deleted, last, "rotate_certificate")
    assert judge.failure_of(ran)
    assert not [each for each in made.tenant.applications.values() if each["uniqueName"] == "3cx-target"]
