# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every way to sign in has in common; each is one small class: what it needs, whether that can work, what msal wants.

None of them opens a connection; :mod:`.._entra.tokens` does, with what they give.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from ..._common.ids import is_guid
from ..._errors import BadInput


class Credential:
    """One way to sign in.

    ``source`` is the name the option ``auth_source`` has for it. ``client_id`` is empty where none is needed.
    """

    source: ClassVar[str] = ""
    client_id: str = ""

    def validate(self) -> None:
        """Raise :class:`BadInput` where this can never work. Sends nothing."""

    def identity(self) -> str:
        """A digest that changes when the credential changes; the key under which its tokens are shared."""
        return hashlib.sha256("\0".join((self.source, self.client_id, *self.material())).encode("utf-8")).hexdigest()

    def material(self) -> tuple[str, ...]:
        """What distinguishes this credential from another of the same client."""
        return ()

    def secrets(self) -> tuple[str, ...]:
        """Texts that must never appear in any output."""
        return ()


class ConfidentialCredential(Credential, ABC):
    """A credential that proves by itself who the client is: a secret, a certificate, a token of somebody else."""

    @abstractmethod
    def for_msal(self) -> Any:
        """The ``client_credential`` of a confidential client application of msal."""


def check_client_id(client_id: str, source: str) -> None:
    """Raise :class:`BadInput` unless the client id is a GUID."""
    if not client_id:
        raise BadInput(
            f"signing in with {source} needs O(client_id)",
            remedy="Give the application (client) id of the automation's own app.",
        )
    if not is_guid(client_id):
        raise BadInput(
            f"O(client_id) {client_id!r} is not a GUID",
            remedy="It is shown as Application (client) ID in the overview of the automation's application.",
        )
