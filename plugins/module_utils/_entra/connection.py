# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that is needed to talk to one tenant: addresses, transport, credential."""

from __future__ import annotations

from dataclasses import dataclass, field

from .._common.ids import is_guid
from .._http import Transport
from .clouds import Endpoints
from .credentials._base import Credential


@dataclass(frozen=True)
class Connection:
    """One tenant, seen by one caller.

    :param tenant: id or domain of the tenant; empty where the credential alone decides (managed identity, ready token).
    """

    endpoints: Endpoints
    tenant: str
    credential: Credential
    transport: Transport = field(default_factory=Transport)

    @property
    def tenant_guid(self) -> str:
        """The tenant as a GUID, or empty when it was given otherwise."""
        return self.tenant if is_guid(self.tenant) else ""

    def key(self) -> str:
        """Under what the run shares this caller's tokens: authority, tenant, client, credential, scope."""
        identity = self.credential.identity()
        return f"{self.endpoints.login}|{self.tenant}|{self.credential.client_id}|{identity}|{self.endpoints.scope}"
