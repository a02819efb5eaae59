# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sign in with a client secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ..._common.ids import is_guid
from ..._errors import BadInput
from ._base import ConfidentialCredential, check_client_id


@dataclass
class ClientSecret(ConfidentialCredential):
    """Application (client) id and the value of one of its secrets."""

    source: ClassVar[str] = "client_secret"

    client_id: str = ""
    secret: str = field(default="", repr=False)

    def validate(self) -> None:
        check_client_id(self.client_id, self.source)
        if not self.secret.strip():
            raise BadInput("O(client_secret) is empty")
        if is_guid(self.secret.strip()):
            raise BadInput(
                "O(client_secret) is a GUID, so it is the id of a secret and not its value",
                remedy="The value is shown once, when the secret is made; make a new one.",
            )

    def material(self) -> tuple[str, ...]:
        return (self.secret,)

    def secrets(self) -> tuple[str, ...]:
        return (self.secret,)

    def hint(self, characters: int) -> str:
        """How Graph tells secrets apart: by their first characters."""
        return self.secret[:characters]

    def for_msal(self) -> str:
        return self.secret
