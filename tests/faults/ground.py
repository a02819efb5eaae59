# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A tenant with two PBXs, and the flows of the playbooks on one of them, in this process: a run takes some 100 ms.

What a whole ``ansible-playbook`` adds (a process, its forks, its output) is tried in test_processes.py. Waiting takes no
time here: whoever sleeps moves the clock of this process, and with it that of the lab.
"""

from __future__ import annotations

import contextlib
import copy
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from ansible_collections.tcx.m365.plugins.module_utils import _time
from ansible_collections.tcx.m365.plugins.module_utils._http import Connections
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.crossings import Crossings
from ansible_collections.tcx.m365.tests.in_process import Inventory, Run
from tcx_lab import ca, hostile, inventory
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.graph import patch_application
from tcx_lab.graph.web import Frozen
from tcx_lab.pbx import state_of
from tcx_lab.testing import Lab
from tcx_lab.trouble import Facts
from tcx_lab.world import GRAPH_APP_ID, Pbx, Tenant, World

Json = dict[str, Any]

TOKEN = re.compile(r"eyJ[\w-]{8,}\.eyJ")
"""A token in plain text. Three letters alone come by chance in what is sealed."""
TARGET, NEIGHBOR = "target", "neighbor"
FOREIGN_URI = "https://intranet.acme.example/signin"
SETTINGS: Json = {
    "tcx_console_user_sync": {"enabled": True, "scope": "all", "photo": True, "starting_extension": "200"},
    "tcx_console_sign_in": {"enabled": True},
    "tcx_console_calendar_sync": {"enabled": True},
}
LIMITS: Json = {"entra_deadline": 120, "tcx_deadline": 120, "tcx_console_wait_timeout": 60}
PLAN = FleetPlan(
    [TenantPlan("provider", users=2), TenantPlan("acme", users=3)], [PbxPlan(TARGET, "acme"), PbxPlan(NEIGHBOR, "acme")]
)
_PERMISSIONS = (
    "AppRoleAssignment.",
    "Application.",
    "Calendars.",
    "Contacts.",
    "Directory.",
    "Group",
    "Mail.",
    "Organization.",
    "Policy.",
    "Presence.",
    "User.",
    "openid",
    "profile",
    "offline_access",
    "email",
)
SHARED = frozenset(("id", "display_name", "domain", "cloud", "users", "groups", "photos", "directory"))


class Warp:
    """Time of this process that passes by sleeping, and otherwise as everywhere.

    :ivar slowness: real seconds for each second that is slept. Of two runs at a time one waits for the other, and sleep that
        takes no time at all would bring it to its deadline before the other has come anywhere.
    """

    def __init__(self) -> None:
        self.ahead = self.slowness = 0.0
        self._time, self._monotonic, self._sleep = time.time, time.monotonic, time.sleep

    def time(self) -> float:
        return self._time() + self.ahead

    def monotonic(self) -> float:
        return self._monotonic() + self.ahead

    def sleep(self, seconds: float) -> None:
        self.ahead += seconds
        self._sleep(seconds * self.slowness)

    @contextlib.contextmanager
    def slowed(self) -> Iterator[None]:
        """For runs that wait for each other."""
        self.slowness = 0.02
        try:
            yield
        finally:
            self.slowness = 0.0

    def wait(self, seconds: float) -> None:
        """In real time, for the lab: it waits as everybody does."""
        self._sleep(seconds)

    @contextlib.contextmanager
    def in_force(self) -> Iterator[None]:

        warp = self

        class Warped(_time.Clock):
            """What the product asks for the time."""

            def monotonic(self) -> float:
                return warp.monotonic()

            def sleep(self, seconds: float) -> None:
                warp.sleep(seconds)

        with mock.patch.object(time, "time", self.time), mock.patch.object(_time, "Clock", Warped):
            yield


@dataclass
class Ran:
    """One run of a flow.

    :ivar seconds: of the clock that sleepers move.
    :ivar said: everything that the run has shown besides its results.
    """

    results: dict[str, Json]
    seconds: float
    said: list[str]

    @property
    def target(self) -> Json:
        return self.results[TARGET]


@dataclass(frozen=True)
class Request:
    """One request of a flow: the number that rules count by, that of its connection, and what it asks for."""

    number: int
    facts: Facts
    connection: int
    item: bool


@dataclass
class Ground:
    """The world that flows run on, with what is needed to set it back."""

    world: World
    lab: Lab
    directory: Path
    warp: Warp
    variables: Json = field(default_factory=dict)
    connections: dict[int, Connections] = field(default_factory=dict)
    """Of all runs: what is tried here is what services answer, and a TLS handshake for each run would be half of the time."""

    # --- the world ------------------------------------------------------------------------------------------------------

    @property
    def tenant(self) -> Tenant:
        return self.world.tenants[self.world.pbxs[TARGET].tenant_id]

    def pbx(self, host: str = TARGET) -> Pbx:
        return self.world.pbxs[host]

    def freeze(self) -> Json:
        """Everything that a flow, a fault or a test can change."""
        world = self.world
        pbxs = {}
        for name, pbx in world.pbxs.items():
            state_of(world, pbx)
            pbxs[name] = self._copied(pbx, dict(vars(pbx)))
        return {
            "tenants": {key: _copy_of(tenant) for key, tenant in world.tenants.items()},
            "pbxs": pbxs,
            "rng": world.rng.getstate(),
            "moved": world.clock._moved,
            "ahead": self.warp.ahead,
            "variables": copy.deepcopy(self.variables),
        }

    def settle(self, within: float = 30.0) -> None:
        """Wait for requests that their senders have given up: a write that was delayed would reach into another world."""
        end = time.perf_counter() + within
        while self.world.log.under_way and time.perf_counter() < end:
            self.warp.wait(0.01)

    def restore(self, frozen: Json) -> None:
        world = self.world
        self.settle()
        world.trouble.clear()
        world.log.clear()
        for key, fields in frozen["tenants"].items():
            vars(world.tenants[key]).update(_copy(fields))
            world.tenants[key].directory = None
        for name, fields in frozen["pbxs"].items():
            vars(world.pbxs[name]).update(self._copied(world.pbxs[name], fields))
        world.rng.setstate(frozen["rng"])
        world.clock._moved = frozen["moved"]
        self.warp.ahead = frozen["ahead"]
        self.variables = copy.deepcopy(frozen["variables"])

    def _copied(self, pbx: Pbx, fields: Json) -> Json:
        """A PBX refers to its world and to itself; both stay the same objects."""
        return copy.deepcopy(fields, {id(self.world): self.world, id(pbx): pbx, id(pbx.key_pair): pbx.key_pair})

    def application(self, host: str = TARGET) -> Json | None:
        """The application that a PBX points to."""
        linked = state_of(self.world, self.pbx(host)).m365["ApplicationId"]
        return next((each for each in self.tenant.applications.values() if each["appId"] == linked), None)

    def signs_in(self, host: str = TARGET) -> bool:
        """Whether the PBX gets tokens with its own key, and its users have an address to come back to."""
        found = self.application(host)
        if found is None:
            return False
        own = ca.key_pair_of(self.world, self.pbx(host)).thumbprint
        back = f"{state_of(self.world, self.pbx(host)).base_url}/oauth2office2"
        keys = {each["customKeyIdentifier"] for each in found["keyCredentials"]}
        return own in keys and back in found["web"]["redirectUris"]

    # --- runs -----------------------------------------------------------------------------------------------------------

    def hosts(self, **more: Any) -> dict[str, Json]:
        found = inventory.inventory_of(self.world, self.lab.ca_path)["tcx"]
        return {
            host: {**found["vars"], **values, **LIMITS, **SETTINGS, **self.variables, **more}
            for host, values in found["hosts"].items()
        }

    def reached(self, host: str = TARGET) -> Json:
        """The variables that reach a PBX and its tenant, and say nothing of what is wanted."""
        found = inventory.inventory_of(self.world, self.lab.ca_path)["tcx"]
        reached = {**found["vars"], **found["hosts"][host], **LIMITS}
        reached.pop("entra_app_public_key")
        return reached

    def run(
        self, operation: str, *hosts: str, check: bool = False, only: dict[str, Json] | None = None, **more: Any
    ) -> Ran:
        """A run of a playbook: with a store of its own, and what it shares gone afterwards.

        :param only: the variables of the hosts, in place of those that the suite has for them.
        """
        said: list[str] = []
        more.setdefault("capture_dir", str(self.directory / "captured"))
        more.setdefault("snapshot_dir", str(self.directory / "snapshots"))
        began = self.warp.monotonic()
        with tempfile.TemporaryDirectory(prefix="run-", dir=self.directory, ignore_cleanup_errors=True) as place:
            known = self.hosts(**more) if only is None else {host: {**each, **more} for host, each in only.items()}
            inventory = Inventory({"tcx": {"vars": {}, "hosts": known}}, {})
            run = Run(inventory, list(hosts or (TARGET,)), RunStore(place), check, crossings=Crossings({}))
            if operation == "compliance":
                results = run.checked(self.connections)
            else:
                results = run.swept(operation, self.connections, said)
            left = [
                path
                for path in Path(place).rglob("*")
                if path.is_file() and TOKEN.search(path.read_text(errors="replace"))
            ]
            said += [f"{path.name} holds a token in plain text" for path in left]
        return Ran(results, self.warp.monotonic() - began, said)

    @contextlib.contextmanager
    def recorded(self) -> Iterator[list[Request]]:
        """The requests that clients make meanwhile."""
        found: list[Request] = []
        world, strike = self.world, self.world.trouble.strike

        def noted(facts: Facts) -> Any:
            newest = list(world.log)[-1]
            item = newest.batch is not None or newest.path != facts.path
            if not facts.source.startswith("pbx:"):
                whole = sum(not each.item for each in found)
                found.append(Request(len(found), facts, whole - 1 if item else whole, item))
            return strike(facts)

        with mock.patch.object(world.trouble, "strike", noted):
            yield found


def _copy_of(tenant: Tenant) -> Json:
    return _copy({name: value for name, value in vars(tenant).items() if name not in SHARED})


def _copy(fields: Json) -> Json:
    """Nobody changes the catalog of Graph's permissions, which is most of a tenant."""
    catalog = [each for each in fields["service_principals"].values() if each["appId"] == GRAPH_APP_ID]
    return copy.deepcopy(fields, {id(each): each for each in catalog})


def _shorten_catalog(world: World) -> None:
    """Graph publishes 1,400 permissions, and each run reads them anew: most of the bytes, and nothing to what is tried here."""
    for tenant in world.tenants.values():
        for each in tenant.service_principals.values():
            if each["appId"] == GRAPH_APP_ID:
                for name in ("appRoles", "oauth2PermissionScopes"):
                    each[name] = Frozen(role for role in each[name] if role["value"].startswith(_PERMISSIONS))


@contextlib.contextmanager
def ground(directory: Path, *, whole_catalog: bool = False) -> Iterator[Ground]:
    """A fresh world, before the first rollout.

    :param whole_catalog: Graph publishes all of its permissions, for who measures.
    """
    warp = Warp()
    with warp.in_force(), Lab.start(PLAN, mode="thread") as lab:
        assert lab.world is not None
        if not whole_catalog:
            _shorten_catalog(lab.world)
        made = Ground(lab.world, lab, directory, warp)
        hostile.vendor_application(lab.world, made.tenant)
        try:
            yield made
        finally:
            for each in made.connections.values():
                for pool in (*each._kept.first.values(), *each._kept.newest.values()):
                    pool.close()  # the lab waits for connections that are open when it ends


def settle_neighbor(made: Ground) -> None:
    """The other PBX of the tenant works, and stays out of everything that follows."""
    done = made.run("rollout", NEIGHBOR)
    assert not done.results[NEIGHBOR].get("failed"), done.results[NEIGHBOR]["msg"]


def add_foreign(made: Ground) -> None:
    """Somebody has added an address of his own to the application of the PBX."""
    found = made.application()
    assert found is not None
    addresses = [*found["web"]["redirectUris"], FOREIGN_URI]
    patch_application(made.world, made.tenant, found["id"], {"web": {**found["web"], "redirectUris": addresses}})
