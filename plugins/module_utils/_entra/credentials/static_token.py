# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Use an access token that somebody else has obtained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ..._errors import BadInput
from ._base import Credential


@dataclass
class StaticToken(Credential):
    """An access token for Microsoft Graph; it is used as it is and cannot be renewed."""

    source: ClassVar[str] = "access_token"

    token: str = field(default="", repr=False)

    def validate(self) -> None:
        token = self.token.strip()
        # What no header can hold is none either.
        if not (token.isascii() and token.isprintable()) or not token or " " in token:
            raise BadInput("O(access_token) is not a token", remedy="Give the token alone, without the word Bearer.")

    def material(self) -> tuple[str, ...]:
        return (self.token,)

    def secrets(self) -> tuple[str, ...]:
        return (self.token,)
