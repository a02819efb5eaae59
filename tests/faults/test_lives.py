# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Long lives: operators, other programs, a PBX that lies, and trouble act on one tenant, in any order.

A few short ones in every gate; many and long ones by ``TCX_LIVES=300 TCX_LIFE_STEPS=40``.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.faults import judge
from ansible_collections.tcx.m365.tests.faults.ground import NEIGHBOR, TARGET, Ground, ground
from ansible_collections.tcx.m365.tests.faults.kinds import KINDS
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tcx_lab import ca, graph, hostile
from tcx_lab.graph import seed
from tcx_lab.pbx import patch_pbx, state_of

Json = dict[str, Any]

LIVES = int(os.environ.get("TCX_LIVES", "10"))
STEPS = int(os.environ.get("TCX_LIFE_STEPS", "14"))

VENDOR = "Entra Backup"
HOSTS = some.sampled_from((TARGET, NEIGHBOR))
KIND = some.sampled_from([each for each in KINDS if each.name != "slow"])
SHARED: Json = {"entra_app_unique_name": "3cx-acme"}


class Life(RuleBasedStateMachine):
    """One tenant with two PBXs, from before the first rollout."""

    def __init__(self, made: Ground, start: Json) -> None:
        super().__init__()
        self.made = made
        made.restore(start)
        self.works = dict.fromkeys((TARGET, NEIGHBOR), False)
        self.theirs: dict[str, set[str]] = {}
        self.vendor = self._vendor()
        self.trouble: tuple[str, Json] | None = None

    # --- who acts -------------------------------------------------------------------------------------------------------

    def _play(self, operation: str, host: str, **variables: Any) -> None:
        """A run of ours, under the trouble that is waiting for one."""
        made = self.made
        before, self.works[host] = self.works[host], False
        if self.trouble is not None:
            made.world.trouble.add(self.trouble[1])
        done = made.run(operation, host, **variables)
        made.world.trouble.clear()
        self.trouble = None
        result = done.results[host]
        said = str(result.get("msg") or "") if result.get("failed") else ""
        if said:
            assert not judge.faults_of_sentence(said, judge.secrets_of(made)), said
        if operation == "offboard":
            return
        now = made.signs_in(host)
        assert now or not before, f"{operation} of {host} took the sign-in away: {said}"
        if operation == "rollout" and not said:
            assert now, f"the rollout of {host} says that all is well, and nobody can sign in"
        self.works[host] = now

    @rule(host=HOSTS)
    def rollout(self, host: str) -> None:
        self._play("rollout", host)

    @rule(host=HOSTS)
    def shared_rollout(self, host: str) -> None:
        """The operator lets both PBXs share an application from now on."""
        self.made.variables = dict(SHARED)
        self._play("rollout", host)

    @rule(host=HOSTS)
    def rotate(self, host: str) -> None:
        self._play("rotate_certificate", host)

    @rule(host=HOSTS)
    def read_only(self, host: str) -> None:
        before = judge.picture(self.made)
        self.made.run("compliance", host)
        self.made.run("capture", host)
        assert judge.picture(self.made) == before

    @rule(host=HOSTS)
    def undo(self, host: str) -> None:
        """What worked need not work any more after a rollback to before it did."""
        self.made.run("rollback", host, snapshot="latest")
        self.works[host] = self.made.signs_in(host)

    @rule(host=HOSTS)
    def offboard(self, host: str) -> None:
        other = NEIGHBOR if host == TARGET else TARGET
        works = self.made.signs_in(other)
        self._play("offboard", host, offboard_confirm=True)
        assert self.made.signs_in(other) == works, f"offboarding {host} hit {other}"
        self.theirs = {key: uris for key, uris in self.theirs.items() if key in self.made.tenant.applications}

    @rule(host=HOSTS)
    def offboard_what_is_gone(self, host: str) -> None:
        """The PBX does not answer any more, and the operator gives it up."""
        other = NEIGHBOR if host == TARGET else TARGET
        works = self.made.signs_in(other)
        self.trouble = ("gone", {"action": "reset_before", "match": {"service": "pbx", "host": host}, "times": 0})
        self._play("offboard", host, offboard_confirm=True, offboard_without_pbx=[host])
        assert self.made.signs_in(other) == works, f"offboarding {host} hit {other}"
        self.theirs = {key: uris for key, uris in self.theirs.items() if key in self.made.tenant.applications}

    @rule(days=some.sampled_from((1, 15, 40)))
    def time_passes(self, days: int) -> None:
        self.made.world.clock.advance(days * 86400)

    @rule(host=HOSTS)
    def new_key(self, host: str) -> None:
        """Somebody makes a new key pair on the PBX; the inventory has it as well."""
        ca.new_key_pair(self.made.world, self.made.pbx(host))
        self.works[host] = False

    @rule(host=HOSTS, number=some.integers(0, 9))
    def another_program(self, host: str, number: int) -> None:
        """It adds an address and a certificate of its own to the application of a PBX."""
        found = self._own(host)
        if found is None:
            return
        uri = f"https://app{number}.example/back"
        uris = list(dict.fromkeys([*found["web"]["redirectUris"], uri]))
        graph.patch_application(
            self.made.world, self.made.tenant, found["id"], {"web": {**found["web"], "redirectUris": uris}}
        )
        self.theirs.setdefault(found["id"], set()).add(uri)

    @rule(name=some.sampled_from(("3CX Server-side", "3CX Phone System")))
    def somebody_registers(self, name: str) -> None:
        seed.create_application(self.made.world, self.made.tenant, name)

    @rule(host=HOSTS)
    def an_administrator_breaks_it(self, host: str) -> None:
        """Who deletes the application of a PBX breaks it for all that share it."""
        found = self._own(host)
        if found is not None:
            graph.delete_object(self.made.world, self.made.tenant, "applications", found["id"])
            self.theirs.pop(found["id"], None)
            self.works = {each: self.works[each] and self.made.signs_in(each) for each in self.works}

    @rule(host=HOSTS)
    def an_administrator_changes_settings(self, host: str) -> None:
        patch_pbx(self.made.world, self.made.pbx(host), {"AdUsers": {"EnableSSO": False, "IsSyncPhoto": False}})

    @rule(host=HOSTS)
    def it_lies(self, host: str) -> None:
        """The PBX points to the application of a vendor, which has wide rights."""
        vendor = next(each for each in self.made.tenant.applications.values() if each["displayName"] == VENDOR)
        patch_pbx(
            self.made.world, self.made.pbx(host), {"ApplicationId": vendor["appId"], "TenantId": self.made.tenant.id}
        )
        self.works[host] = False

    @rule(
        kind=KIND,
        service=some.sampled_from(("graph", "pbx", "login")),
        skip=some.integers(0, 20),
        lasting=some.booleans(),
    )
    def trouble_waits(self, kind: Any, service: str, skip: int, lasting: bool) -> None:
        made = None if kind.handshake else kind.rule(service)
        if made is not None:
            match = {"service": service}
            self.trouble = (kind.name, {**made, "match": match, "skip": skip, "times": 0 if lasting else 1})

    # --- what always holds ----------------------------------------------------------------------------------------------

    @invariant()
    def nothing_of_others_is_lost(self) -> None:
        assert self._vendor() == self.vendor
        for key, uris in self.theirs.items():
            found = self.made.tenant.applications.get(key)
            assert found is not None, "an application in which others have an address is gone"
            assert uris <= set(found["web"]["redirectUris"])

    @invariant()
    def nothing_is_there_twice(self) -> None:
        """Applications that others have registered under one name are theirs."""
        ours = [name for name in judge.duplicates(self.made) if not name.startswith("3CX ")]
        assert ours == []

    @invariant()
    def who_could_sign_in_still_can(self) -> None:
        for host, works in self.works.items():
            assert self.made.signs_in(host) or not works, f"nobody can sign in to {host} any more"

    def _own(self, host: str) -> Json | None:
        """The application of a PBX, unless it lies."""
        found = self.made.application(host)
        return None if found is None or found["displayName"] == VENDOR else found

    def _vendor(self) -> Json:
        tenant = self.made.tenant
        key, found = next((k, v) for k, v in tenant.applications.items() if v["displayName"] == VENDOR)
        return copy.deepcopy(
            {
                "application": found,
                "rights": sorted(hostile.granted_roles(self.made.world, tenant, found["appId"])),
                "secrets": [each["keyId"] for each in tenant.secrets.get(key, ())],
            }
        )


@pytest.fixture
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with ground(tmp_path_factory.mktemp("lives")) as found:
        yield found


def test_lives(made: Ground) -> None:
    for host in (TARGET, NEIGHBOR):
        state_of(made.world, made.pbx(host))
    start = made.freeze()
    gate = "TCX_LIVES" not in os.environ
    run_state_machine_as_test(
        lambda: Life(made, start),
        settings=settings(
            max_examples=LIVES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=gate,
            database=None,
            phases=[Phase.generate] if gate else [Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
