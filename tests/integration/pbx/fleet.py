# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet of simulated PBXs for the tests of the 3CX side."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from ansible_collections.tcx.m365.tests.integration import bench
from ansible_collections.tcx.m365.tests.integration.bench import Json
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.pbx import PbxState, contract, prepare_pbx, state_of
from tcx_lab.pbx.kit import GUIDE_PERMISSIONS, Directory
from tcx_lab.world import Pbx, Tenant

RELEASES = ("20.0.5", "20.0.6", "20.0.7", "20.0.8", "20.0.9", "20.0.10")
FLEET = FleetPlan(
    [TenantPlan("contoso", users=6), TenantPlan("fabrikam", users=3)],
    [
        *(PbxPlan(f"v{release.replace('.', '-')}", "contoso", release) for release in RELEASES),
        PbxPlan("standard", "contoso", edition="Standard"),
        PbxPlan("old-standard", "contoso", "20.0.6", edition="Standard"),
        PbxPlan("professional", "contoso", edition="Professional"),
        PbxPlan("other", "fabrikam"),
    ],
)
NEWEST = "v20-0-10"


@dataclass
class Run(bench.Run):
    """One run of Ansible on the fleet."""

    fleet: Bench | None = None

    def _login(self, name: str) -> Json:
        assert self.fleet is not None
        return self.fleet.login(name)

    def task(self, module: str, *, check: bool = False, **params: Any) -> Json:
        """The result of one task. The PBXs of the lab are reached by address, and say which name is theirs."""
        if module == "tcx_preflight":
            params.setdefault("fqdn", ["localhost"])
        return super().task(module, check=check, **params)

    def settings(self, name: str = NEWEST, *, check: bool = False, **options: Any) -> dict[str, Any]:
        """One task tcx_m365_settings on a PBX."""
        return self.task("tcx_m365_settings", check=check, **{**self._login(name), **options})

    def preflight(self, name: str = NEWEST, **options: Any) -> dict[str, Any]:
        """One task tcx_preflight on a PBX."""
        return self.task("tcx_preflight", **{**self._login(name), **options})

    def info(self, name: str = NEWEST, **options: Any) -> dict[str, Any]:
        """One task tcx_m365_settings_info on a PBX."""
        return self.task("tcx_m365_settings_info", **{**self._login(name), **options})


class Bench(bench.Bench):
    """The fleet. Every test gets it fresh."""

    PLAN = FLEET

    def reset(self) -> None:
        """Everything as it was when the lab started; 3CX's own description of a release holds for what was sent to it."""
        for pbx in self.world.pbxs.values():
            pbx.state = None
            prepare_pbx(self.world, pbx)
        super().reset()

    def run(self) -> Run:
        """A new run."""
        return Run(fleet=self)

    # --- what is there ------------------------------------------------------------------------------------------------

    def pbx(self, name: str = NEWEST) -> Pbx:
        return self.world.pbxs[name]

    def state(self, name: str = NEWEST) -> PbxState:
        return state_of(self.world, self.pbx(name))

    def tenant(self, name: str = NEWEST) -> Tenant:
        return self.world.tenants[self.pbx(name).tenant_id]

    def login(self, name: str = NEWEST) -> dict[str, Any]:
        """Connection options of a PBX; where its license has no XAPI, those of its administrator."""
        pbx = self.pbx(name)
        licensed = pbx.edition == "Enterprise" and self.state(name).license_active
        if not licensed and self.world.switches.xapi_licence != "open":
            return self.administrator(name)
        return self.client(name)

    def client(self, name: str = NEWEST) -> dict[str, Any]:
        """Connection options with the XAPI client."""
        pbx = self.pbx(name)
        return {
            "url": pbx.url,
            "client_id": pbx.client_id,
            "client_secret": pbx.client_secret,
            "ca_path": str(self.lab.ca_path),
            "timeout": 10.0,
        }

    def administrator(self, name: str = NEWEST) -> dict[str, Any]:
        """Connection options with the administrator's login."""
        admin = self.pbx(name).admin
        options = {key: value for key, value in self.client(name).items() if not key.startswith("client_")}
        return {**options, "username": admin.username, "password": admin.password}

    def redirect_uri(self, name: str = NEWEST) -> str:
        return f"{self.state(name).base_url}/oauth2office2"

    def register(self, name: str = NEWEST, *permissions: str) -> dict[str, Any]:
        """The guide's application for a PBX; returns it, with `options` for the module."""
        directory = Directory(self.world, self.pbx(name))
        wanted = permissions or GUIDE_PERMISSIONS
        application = asyncio.run(directory.register(*wanted, redirect_uris=(self.redirect_uri(name),)))
        self.world.log.clear()
        return application

    def link(self, name: str = NEWEST, *permissions: str) -> dict[str, Any]:
        """Options that link a PBX to a new application of its own."""
        application = self.register(name, *permissions)
        return {"application_id": application["appId"], "tenant_id": self.pbx(name).tenant_id}

    # --- what was sent ------------------------------------------------------------------------------------------------

    def requests(self, name: str = NEWEST) -> list[Any]:
        """What was asked of a PBX since the test began, in order."""
        return list(self.world.log.query(service="pbx", host=name, source="client"))

    def sign_ins(self, name: str = NEWEST) -> int:
        return sum("/connect/token" in each.path or "/GetAccessToken" in each.path for each in self.requests(name))

    def xapi_calls(self, name: str = NEWEST) -> list[str]:
        """METHOD path of each call of XAPI."""
        return [f"{each.method} {each.path}" for each in self.requests(name) if each.path.startswith("/xapi/")]

    def writes(self, name: str = NEWEST) -> list[Any]:
        return [each for each in self.requests(name) if each.is_write]

    def hold_against_the_contract(self) -> int:
        """Every request to every PBX against 3CX's description of its release; returns how many were held against it."""
        sent = self.world.log.query(service="pbx", source="client")
        versions = {name: pbx.version for name, pbx in self.world.pbxs.items()}
        return contract.hold((each.as_dict() for each in sent), versions)


@dataclass
class Front(bench.Front):
    """Runs tasks on the fleet through Ansible."""

    bench: Bench | None = None

    def play(
        self,
        *tasks: tuple[str, Json],
        check: bool = False,
        arguments: tuple[str, ...] = (),
        **environment: str,
    ) -> list[Json]:
        """The results of tasks of one run, in order; a failed task does not end it."""
        return self.run_tasks(tasks, {}, arguments, environment, check=check)

    def one(self, module: str, *, check: bool = False, **params: Any) -> Json:
        """The result of a run with one task."""
        return self.play((module, params), check=check)[0]
