# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sign in as the identity that Azure has given to the machine: VM, App Service, Container Apps, Arc."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..._common.ids import is_guid
from ..._deps import msal
from ..._errors import BadInput
from ._base import Credential

ENVIRONMENT = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST")
"""Set where something other than the metadata address of a VM serves the tokens."""

ARC_AGENT = "/opt/azcmagent/bin/himds"
"""The agent of Azure Arc; its variables are only set for services, not for people who log in (msal looks here as well)."""


@dataclass
class ManagedIdentity(Credential):
    """The machine's own identity, or a user-assigned one named by its client id."""

    source: ClassVar[str] = "managed_identity"

    client_id: str = ""

    def validate(self) -> None:
        if self.client_id and not is_guid(self.client_id):
            raise BadInput(f"O(client_id) {self.client_id!r} of a user-assigned managed identity is not a GUID")

    def for_msal(self) -> Any:
        """The managed identity object of msal (not a client credential)."""
        if self.client_id:
            return msal.UserAssignedManagedIdentity(client_id=self.client_id)
        return msal.SystemAssignedManagedIdentity()


def announced(environment: Mapping[str, str]) -> bool:
    """Whether the platform says that it serves managed identities."""
    return any(environment.get(name) for name in ENVIRONMENT) or os.path.exists(ARC_AGENT)
