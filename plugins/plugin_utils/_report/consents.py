# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""To whom permissions are granted, and since when, as far as Microsoft Graph tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.text import visible
from ansible_collections.tcx.m365.plugins.plugin_utils._wording import count, listed

Consent = Mapping[str, Any]

DELEGATED_MARK = " (delegated)"
_SINGLE_USERS_MARK = " (delegated, single users)"
_USERS = 3


def is_of_user(consent: Consent) -> bool:
    """Whether it holds for one user alone."""
    return bool(consent.get("user"))


def consents_by_label(consents: Iterable[Consent]) -> dict[str, list[Consent]]:
    """By the name of the permission with its kind; what one user has granted says nothing about the tenant, nor the other way."""
    by_label: dict[str, list[Consent]] = {}
    for consent in consents:
        mark = DELEGATED_MARK if consent.get("kind") == "delegated" else ""
        mark = _SINGLE_USERS_MARK if is_of_user(consent) else mark
        by_label.setdefault(f"{consent.get('permission') or ''}{mark}", []).append(consent)
    return by_label


def consents_text(consents: list[Consent]) -> str:
    """Of one label: `for the whole tenant, since 2026-11-22`; `for 2 users: ID, ID`."""
    users = [visible(str(consent["user"])) for consent in consents if is_of_user(consent)]
    whom = f"for {count(len(users), 'user')}: {listed(users, _USERS)}" if users else "for the whole tenant"
    days = sorted(visible(str(consent["granted_on"]))[:10] for consent in consents if consent.get("granted_on"))
    return f"{whom}, since {days[0]}" if days else whom
