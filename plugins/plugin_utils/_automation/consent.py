# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tenants of an inventory, and what is sent to the administrators who are to consent. Pure, but for names of domains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ansible_collections.tcx.m365.plugins.module_utils._common.ids import is_guid
from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible
from ansible_collections.tcx.m365.plugins.module_utils._entra import rights
from ansible_collections.tcx.m365.plugins.module_utils._entra.clouds import Endpoints, endpoints
from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory.variables import Variables


@dataclass
class CustomerTenant:
    """One tenant of the inventory.

    :param tenant: its id; empty where the inventory does not say which.
    :param hosts: the PBXs whose users live there.
    :param name: as the inventory calls it, where it gives a domain.
    :param problem: why nothing can be said of it, as a sentence.
    :param variables: those of the first of the hosts.
    """

    tenant: str
    endpoints: Endpoints | None
    client_id: str
    hosts: list[str] = field(default_factory=list)
    name: str = ""
    problem: str = ""
    variables: Variables | None = None

    @property
    def is_known(self) -> bool:
        """Whether anything can be said of the tenant at all."""
        return bool(self.tenant) and not self.problem

    @property
    def profile(self) -> str:
        """Which permissions the automation is to have there."""
        known = self.variables
        return str((known.get("bootstrap_profile") if known is not None else "") or "full")

    @property
    def further(self) -> list[str]:
        """The permissions beside those of the profile."""
        known = self.variables
        return list((known.get("bootstrap_permissions") if known is not None else None) or ())

    @property
    def permissions(self) -> list[str]:
        """All of them, each once."""
        return list(dict.fromkeys([*rights.profile(self.profile), *self.further]))

    def consent_url(self, app_id: str) -> str:
        """Where an administrator of the tenant consents to the application; empty where the tenant is not known."""
        if self.endpoints is None or not self.tenant or not is_guid(app_id):
            return ""
        return self.endpoints.admin_consent_url(self.tenant, app_id)


def tenants_of(hosts: Iterable[tuple[str, Variables]]) -> list[CustomerTenant]:
    """The tenants of hosts, each once for each caller and cloud, in the order of the inventory."""
    tenants: dict[tuple[str, ...], CustomerTenant] = {}
    for host, known in hosts:
        tenant = _of(host, known)
        key = (
            tenant.tenant,
            tenant.client_id,
            tenant.endpoints.login if tenant.endpoints else "",
            "" if tenant.tenant else host,
        )
        tenants.setdefault(key, tenant).hosts.append(host)
    return list(tenants.values())


def _of(host: str, known: Variables) -> CustomerTenant:
    try:
        where = endpoints(
            known.get("entra_cloud"), known.get("entra_authority_host"), known.get("entra_graph_endpoint")
        )
        tenant = known.tenant
        client_id = str(known.get("entra_client_id") or "")
    except M365Error as error:
        return CustomerTenant("", None, "", problem=str(error), variables=known)
    if not tenant:
        return CustomerTenant("", where, client_id, problem=f"{host} has no entra_tenant_id.", variables=known)
    stated = str(known.get("entra_tenant_id") or "")
    return CustomerTenant(tenant, where, client_id, name="" if is_guid(stated) else stated, variables=known)


def message(app_name: str, permissions: Sequence[str], url: str, tenant: str) -> str:
    """What the operator sends to the customer's administrator."""
    listed = "\n".join(f"  - {name}" for name in permissions)
    return (
        f"Hello,\n\nto set up Microsoft 365 sign-in for your 3CX phone system, our automation ({app_name}) needs your consent in your "
        f"Microsoft Entra tenant {tenant}. It asks for these application permissions of Microsoft Graph:\n{listed}\n\n"
        "Please open this address, sign in as Global Administrator or Privileged Role Administrator, and choose Accept:\n\n"
        f"  {url}\n\n"
        "Afterwards the browser may show a page that cannot be reached (http://localhost). That is expected; you can close it. "
        "You can withdraw the consent at any time: Microsoft Entra admin center, Enterprise applications, "
        f"{app_name}, Properties, Delete.\n"
    )


def page(app_name: str, permissions: Sequence[str], tenants: Sequence[CustomerTenant], app_id: str) -> str:
    """``consent.md``: an address for each tenant, and the text to send."""
    lines = [
        f"# Consent to {app_name}",
        "",
        f"Application (client) ID {app_id}. A change of permissions shows on these pages after some minutes.",
        "",
        "| PBXs | Tenant | Address |",
        "|---|---|---|",
    ]
    for tenant in tenants:
        url = tenant.consent_url(app_id)
        lines.append(
            f"| {visible(', '.join(tenant.hosts))} | {tenant.tenant or '-'} | {url or visible(tenant.problem)} |"
        )
    lines += ["", "## Text to send", "", "```text", message(app_name, permissions, "ADDRESS", "TENANT").rstrip(), "```"]
    return "\n".join(lines) + "\n"
