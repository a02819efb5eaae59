# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sign in with a token of another identity provider that Entra has been told to trust (workload identity federation)."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..._common import jwt
from ..._common.places import cannot_be_read, to_make_readable
from ..._errors import BadInput
from ._base import ConfidentialCredential, Credential, check_client_id

GITHUB_URL, GITHUB_GRANT = (f"ACTIONS_ID_TOKEN_REQUEST_{part}" for part in ("URL", "TOKEN"))
"""Environment variables of a GitHub job that may ask for an ID token."""
AUDIENCE = "api://AzureADTokenExchange"


@dataclass
class FederatedToken(ConfidentialCredential):
    """Application (client) id and a JWT of the other provider, as text or in a file.

    The platforms that write such a file (Kubernetes, Automation Platform) replace it before the token in it ends: it
    is read again whenever a token of Entra is needed.
    """

    source: ClassVar[str] = "federated_token"

    client_id: str = ""
    token: str = field(default="", repr=False)
    path: str = ""

    def validate(self) -> None:
        check_client_id(self.client_id, self.source)
        self.read()

    def material(self) -> tuple[str, ...]:
        # The file changes every hour while the identity behind it does not, so the path is what counts.
        return (self.token, self.path)

    def secrets(self) -> tuple[str, ...]:
        return (self.token,) if self.token else ()

    def for_msal(self) -> dict[str, Any]:
        return {"client_assertion": self.read}

    def read(self) -> str:
        """The token as it is now; raises :class:`BadInput` when it cannot be one or has expired."""
        token = self.token.strip() or self._from_file()
        claims = jwt.claims(token)
        if claims is None:
            raise BadInput(
                "the federated token is not a JWT",
                target=self.path,
                remedy="Give the ID token that the other identity provider has issued.",
            )
        ends = claims.get("exp")
        if isinstance(ends, (int, float)) and ends < time.time():
            raise BadInput(
                f"the federated token expired {time.time() - ends:.0f} s ago",
                target=self.path,
                remedy="Let the other identity provider issue a new one, or use O(federated_token_file).",
            )
        return token

    def _from_file(self) -> str:
        try:
            with open(os.path.expanduser(self.path), encoding="utf-8") as stream:
                return stream.read().strip()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise BadInput(
                cannot_be_read("O(federated_token_file)", self.path, reason),
                tried="read the federated token",
                remedy=to_make_readable(self.path, error),
            ) from None


@dataclass
class GitHubOidc(Credential):
    """Application (client) id; the JWT is asked of GitHub Actions in which the run takes place.

    :param request_url: GitHub's address for it, from the environment.
    :param request_token: allows to ask for it, from the environment.
    """

    source: ClassVar[str] = "github"

    client_id: str = ""
    request_url: str = ""
    request_token: str = field(default="", repr=False)

    def validate(self) -> None:
        check_client_id(self.client_id, self.source)
        if not self.request_url or not self.request_token:
            raise BadInput(
                f"{GITHUB_URL} and {GITHUB_GRANT} are not set",
                remedy="Give the job the permission id-token: write, and run inside of GitHub Actions.",
            )
        if not self.request_url.startswith("https://"):
            raise BadInput(f"{GITHUB_URL} is not an https address")

    def material(self) -> tuple[str, ...]:
        return (self.request_url,)

    def secrets(self) -> tuple[str, ...]:
        return (self.request_token,)
