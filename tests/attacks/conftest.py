# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shipped playbooks against a lab that is hostile. What counts is what tenants and PBXs are like afterwards."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest
from ansible_collections.tcx.m365.tests.in_process import Run
from ansible_collections.tcx.m365.tests.integration.playbooks.conftest import Controller, Outcome
from tcx_lab import ca, hostile
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.graph import seed, set_permissions
from tcx_lab.pbx import patch_pbx, state_of
from tcx_lab.testing import Lab
from tcx_lab.wizard import run_wizard
from tcx_lab.world import Pbx, Tenant, World

Json = dict[str, Any]

WIDE = {"entra_app_permissions_profile": "guide"}
"""What there is to gain: with the permissions of the settings alone most of these tests would have nothing to protect."""

FLEET = FleetPlan(
    [TenantPlan("provider", users=2), TenantPlan("acme", users=3), TenantPlan("bolt", users=3)],
    [
        PbxPlan("pbx0", "acme", inventory=WIDE),
        PbxPlan("pbx1", "acme", inventory=WIDE),
        PbxPlan("bolt", "bolt", inventory=WIDE),
    ],
)
GUIDE = {"User.Read.All", "Calendars.Read", "Contacts.Read", "Mail.Send"}


@dataclass
class Scene:
    """A lab, a controller, and what the test needs to set traps and to look at the damage.

    :param quick: rollouts take their steps in this process; of many variants of one attack one starts the playbook.
    """

    controller: Controller
    world: World
    quick: bool = False

    @classmethod
    @contextlib.contextmanager
    def start(cls, home: Path) -> Iterator[Self]:
        """Two PBXs of one customer, one of another; :param home: of the operator."""
        with Lab.start(FLEET, mode="thread") as lab:
            assert lab.world is not None
            yield cls(Controller(lab, home), lab.world)

    def tenant(self, name: str) -> Tenant:
        return next(each for each in self.world.tenants.values() if each.domain.startswith(f"{name}."))

    def pbx(self, name: str) -> Pbx:
        return self.world.pbxs[name]

    def grant_every_right(self) -> None:
        """Let the automation do all that the collection can do: no missing right refuses what is to be refused for its own sake."""
        assert self.world.automation is not None
        set_permissions(self.world, self.world.automation, [*seed.AUTOMATION_ROLES, "Directory.Read.All"])

    # --- what the operator does -----------------------------------------------------------------------------------------

    def play(self, playbook: str, *hosts: str, **variables: Any) -> Outcome:
        arguments = ("--limit", ",".join(hosts)) if hosts else ()
        return self.controller.play(f"tcx.m365.{playbook}", *arguments, variables=variables or None)

    def rollout(self, *hosts: str, **variables: Any) -> Outcome:
        return self._take_steps(*hosts, **variables) if self.quick else self.play("rollout", *hosts, **variables)

    def _take_steps(self, *hosts: str, **variables: Any) -> Outcome:
        directory = self.controller.home / f"run{len(list(self.controller.home.iterdir()))}"
        run = Run.begin(self.controller.lab.inventory, hosts, directory, **variables)
        results = run.operation("rollout")
        recap = {
            host: {"ok": 1, "changed": int(result.get("changed", False)), "failed": int(result.get("failed", False))}
            for host, result in results.items()
        }
        code = 2 if any(counts["failed"] for counts in recap.values()) else 0
        return Outcome(code, json.dumps([results, run.warnings], default=str), recap)

    def inventory(self, host: str, **changes: Any) -> None:
        """Change the inventory of one host; ``None`` takes a variable out."""
        path = self.controller.lab.inventory_path
        content = json.loads(path.read_text(encoding="utf-8"))
        variables = content["tcx"]["hosts"][host]
        variables.update(changes)
        content["tcx"]["hosts"][host] = {name: value for name, value in variables.items() if value is not None}
        path.write_text(json.dumps(content), encoding="utf-8")

    # --- what the attacker does -----------------------------------------------------------------------------------------

    def point(self, pbx: str, app_id: str, tenant: str = "acme") -> None:
        """Let a PBX name an application as its own."""
        patch_pbx(self.world, self.pbx(pbx), {"ApplicationId": app_id, "TenantId": self.tenant(tenant).id})

    def vendor(self, tenant: str = "acme", **properties: Any) -> Json:
        return hostile.vendor_application(self.world, self.tenant(tenant), **properties)

    def wizard(self, host: str, roles: Iterable[str] | None = None, **properties: Any) -> Json:
        """An application as 3CX's wizard makes it, with the PBX linked to it and working."""
        return run_wizard(self.world, self.pbx(host), GUIDE if roles is None else roles, **properties)

    # --- what is there afterwards ---------------------------------------------------------------------------------------

    def frozen(self) -> Json:
        """Everything that tells who may do what in all tenants."""
        return copy.deepcopy(
            {
                tenant.domain: [
                    tenant.applications,
                    tenant.service_principals,
                    tenant.app_role_assignments,
                    tenant.oauth2_permission_grants,
                    tenant.owners,
                    tenant.deleted_items,
                ]
                for tenant in self.world.tenants.values()
            }
        )

    def application(self, host: str) -> Json | None:
        """The application that a PBX is linked to."""
        tenant = self.world.tenants[self.pbx(host).tenant_id]
        linked = state_of(self.world, self.pbx(host)).m365["ApplicationId"]
        return next((each for each in tenant.applications.values() if each["appId"] == linked), None)

    def named(self, unique_name: str, tenant: str = "acme") -> Json | None:
        found = self.tenant(tenant).applications.values()
        return next((each for each in found if each["uniqueName"] == unique_name), None)

    def thumbprint(self, host: str) -> str:
        return ca.key_pair_of(self.world, self.pbx(host)).thumbprint

    def can_sign_in(self, host: str, application: Json) -> bool:
        """Whether the key of a PBX gets tokens of an application."""
        return any(each["customKeyIdentifier"] == self.thumbprint(host) for each in application["keyCredentials"])

    def roles(self, application: Json, tenant: str = "acme") -> set[str]:
        return hostile.granted_roles(self.world, self.tenant(tenant), application["appId"])

    def works(self, host: str) -> bool:
        """Whether the PBX really gets a token today, with its own key."""
        application = self.application(host)
        return application is not None and self.can_sign_in(host, application)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    home = tmp_path / "home"
    home.mkdir()
    with Scene.start(home) as scene:
        yield scene
