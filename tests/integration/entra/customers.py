# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tenants of the lab for the tests of the Entra side."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.tcx.m365.tests.integration import bench
from ansible_collections.tcx.m365.tests.integration.bench import Json, Run
from cryptography.hazmat.primitives.serialization import Encoding
from tcx_lab import graph
from tcx_lab.ca import KeyPair, make_key_pair
from tcx_lab.fleet import FleetPlan, PbxPlan, TenantPlan
from tcx_lab.graph import contract
from tcx_lab.graph.seed import register_automation_app
from tcx_lab.world import README_PERMISSIONS, Automation, Tenant

APP, APP_INFO = "azure_app_registration", "azure_app_registration_info"
GRANT, GRANT_INFO = "graph_permission_grant", "graph_permission_grant_info"
USER_INFO = "graph_user_info"

GUIDE = ["User.Read.All", "Calendars.Read", "Contacts.Read", "Mail.Send"]
URI = "https://acme.example.com:5001/oauth2office2"


@dataclass
class Customer:
    """One tenant, fresh for each test, and the automation that works in it."""

    bench: Bench
    tenant: Tenant
    automation: Automation

    @property
    def connection(self) -> Json:
        """Options of the connection."""
        ends = self.bench.world.endpoints
        return {
            "tenant_id": self.tenant.id,
            "client_id": self.automation.app_id,
            "client_secret": self.automation.client_secret,
            "authority_host": ends.login,
            "graph_endpoint": ends.graph,
            "ca_path": str(self.bench.lab.ca_path),
        }

    def run(self) -> Run:
        """A new run of Ansible."""
        return Run(self.connection)

    def allowed(self, *roles: str) -> Customer:
        """The same tenant, worked in by an automation with other rights."""
        return Customer(self.bench, self.tenant, register_automation_app(self.bench.world, [self.tenant], roles))

    # --- what is there ------------------------------------------------------------------------------------------------

    def applications(self, name: str = "") -> list[Json]:
        """Applications that are really there, without the automation's own."""
        return [
            each
            for each in self.tenant.applications.values()
            if each["displayName"] != "tcx automation" and name in ("", each["displayName"])
        ]

    def application(self) -> Json:
        (found,) = self.applications()
        return found

    def register(self, **properties: Any) -> Json:
        """An application that somebody else has made."""
        return graph.seed.create_application(
            self.bench.world, self.tenant, properties.pop("name", "theirs"), **properties
        )

    def change(self, application: Json, **properties: Any) -> None:
        """Change an application behind our back."""
        graph.patch_application(self.bench.world, self.tenant, application["id"], properties)

    def thumbprints(self) -> set[str]:
        return {each["customKeyIdentifier"] for each in self.application()["keyCredentials"]}

    def roles(self, app_id: str) -> set[str]:
        """Names of Graph's application permissions that are granted."""
        resource = graph.seed.directory_of(self.bench.world, self.tenant).find_real(
            "servicePrincipals", "appId", "00000003-0000-0000-c000-000000000000"
        )
        names = {role["id"]: role["value"] for role in resource["appRoles"]}
        principals = {
            key for key, each in self.tenant.service_principals.items() if each["appId"].lower() == app_id.lower()
        }
        return {
            names[each["appRoleId"]]
            for each in self.tenant.app_role_assignments.values()
            if each["principalId"] in principals
        }

    # --- what was sent ------------------------------------------------------------------------------------------------

    def requests(self) -> list[Any]:
        """What was asked of Graph for this tenant, items of batches as well."""
        return [each for each in self.bench.world.log.query(service="graph") if each.tenant == self.tenant.id]

    def calls(self) -> list[Any]:
        """Requests as they went over the wire: a batch is one."""
        return [each for each in self.requests() if each.batch is None]

    def writes(self) -> list[str]:
        return [f"{each.method} {each.path}" for each in self.requests() if each.is_write]

    def tokens(self) -> list[Any]:
        return [
            each
            for each in self.bench.world.log.query(service="login")
            if each.method == "POST" and each.path.startswith(f"/{self.tenant.id}")
        ]

    def clear_log(self) -> None:
        """Forget what was sent, once it has been held against the contract."""
        self.bench.hold_against_the_contract()
        self.bench.world.log.clear()


class Bench(bench.Bench):
    """The lab, and new tenants in it."""

    PLAN = FleetPlan([TenantPlan("contoso", users=2)], [PbxPlan("pbx", "contoso")])

    def hold_against_the_contract(self) -> int:
        """Every request to Graph since the test began against Microsoft's description; returns how many were held."""
        sent = self.world.log.query(service="graph", source="client")
        return 0 if contract.missing() else contract.hold(each.as_dict() for each in sent)

    def customer(self, rights: Iterable[str] = README_PERMISSIONS) -> Customer:
        """A new tenant with the automation in it.

        :param rights: what the automation has been granted there; without, what the README asks for every rollout.
        """
        tenant = self.world.add_tenant(Tenant(self.world.new_guid(), "Customer", f"c{len(self.world.tenants)}.example"))
        graph.prepare_tenant(self.world, tenant)
        automation = self.world.automation
        assert automation is not None
        automation.permissions = tuple(rights)
        graph.install_automation(self.world, tenant, automation)
        return Customer(self, tenant, automation)

    def pair(self, name: str = "3CX", **options: Any) -> KeyPair:
        """A new certificate."""
        return make_key_pair(self.world, name, **options)

    def switch(self, **positions: Any) -> None:
        for name, value in positions.items():
            setattr(self.world.switches, name, value)

    def trouble(self, action: str, *, method: str = "", path: str = "", service: str = "graph", **details: Any) -> None:
        match = {"service": service, "method": method, "path": path}
        self.lab.control.add_trouble(action, match=match, **details)


def guide(pair: KeyPair | None = None, **options: Any) -> Json:
    """The application of the guide, as options."""
    found: Json = {
        "unique_name": "3cx-acme",
        "display_name": "3CX Server-side",
        "sign_in_audience": "AzureADMyOrg",
        "redirect_uris": [URI],
        "id_tokens": True,
        "public_client": False,
        "permissions": GUIDE,
        **options,
    }
    return {**found, "certificates": [pair.public_pem]} if pair else found


def key_credential(pair: KeyPair, **properties: Any) -> Json:
    """An entry of keyCredentials as somebody else would add it."""
    der = pair.certificate.public_bytes(Encoding.DER)
    return {
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
        "key": base64.b64encode(der).decode(),
        **properties,
    }


class Front(bench.Front):
    """Runs tasks on a tenant through Ansible."""

    def play(
        self,
        customer: Customer,
        *tasks: tuple[str, Json],
        check: bool = False,
        arguments: tuple[str, ...] = (),
        **environment: str,
    ) -> list[Json]:
        """The results of tasks of one run, in order; a failed task does not end it."""
        defaults = {"group/tcx.m365.entra": customer.connection}
        return self.run_tasks(tasks, defaults, arguments, environment, check=check)

    def one(self, customer: Customer, module: str, *, check: bool = False, **params: Any) -> Json:
        """The result of a run with one task."""
        return self.play(customer, (module, params), check=check)[0]
