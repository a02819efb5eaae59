# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Editions of the 3CX license, in the order in which they include each other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Edition(IntEnum):
    """What a license includes; each edition has everything of the ones before it."""

    STANDARD = 1
    PROFESSIONAL = 2
    ENTERPRISE = 3

    @property
    def label(self) -> str:
        return self.name.capitalize()


@dataclass(frozen=True)
class License:
    """What is known of the license of a PBX.

    :param edition: ``None`` where the release does not say it (the flags exist from 20.0.10 on).
    :param product_code: 3CX's own code; its values are documented nowhere, so nothing is decided by it.
    :param simultaneous_calls: the size of the license ("SC"); ``None`` where the release does not say it.
    """

    edition: Edition | None = None
    product_code: str = ""
    simultaneous_calls: int | None = None
    maintenance_expired: bool | None = None

    @property
    def label(self) -> str:
        """``Enterprise``, or ``unknown (CODE)``."""
        if self.edition is not None:
            return self.edition.label
        return f"unknown ({self.product_code})" if self.product_code else "unknown"

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> License:
        """From ``License`` of the system parameters (documented: ``IsEnterprise`` and ``IsProfessional`` since 20.0.10)."""
        edition: Edition | None = None
        if "IsEnterprise" in answer or "IsProfessional" in answer:
            edition = (
                Edition.ENTERPRISE
                if answer.get("IsEnterprise")
                else Edition.PROFESSIONAL
                if answer.get("IsProfessional")
                else Edition.STANDARD
            )
        return cls(
            edition=edition,
            product_code=str(answer.get("ProductCode") or ""),
            simultaneous_calls=answer.get("MaxSimCalls"),
            maintenance_expired=answer.get("IsMaintainceExpired"),
        )

    def as_value(self) -> dict[str, Any]:
        """As JSON, for the run's store and for results."""
        return {**vars(self), "edition": None if self.edition is None else int(self.edition)}

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> License:
        """The reverse of :meth:`as_value`."""
        return cls(**{**value, "edition": None if value["edition"] is None else Edition(value["edition"])})


def in_brackets(label: str) -> str:
    """The label of a license as it reads in brackets: ``Standard``, ``product code CODE``, or ``unknown``."""
    return re.sub(r"^unknown \((.*)\)$", r"product code \1", label, flags=re.DOTALL)
