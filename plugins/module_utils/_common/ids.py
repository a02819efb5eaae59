# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Identifiers that both services use: GUIDs, and the name of a tenant."""

from __future__ import annotations

import re

from .._errors import BadInput

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_DOMAIN = re.compile(
    r"(?=.{3,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,62}", re.IGNORECASE | re.ASCII
)
_NO_CUSTOMER = frozenset(("common", "organizations", "consumers"))


def is_guid(value: str) -> bool:
    """Whether a text is a GUID of 36 characters, in any case, and nothing besides."""
    return _GUID.fullmatch(value) is not None


def check_tenant(tenant: str) -> str:
    """The tenant as it stands in addresses: a GUID or a domain name, in lower case.

    :raises BadInput: it is neither, or one of the words that stand for no particular tenant.
    """
    text = tenant.strip().lower()
    if text in _NO_CUSTOMER:
        raise BadInput(
            f"O(tenant_id) {tenant!r} does not name one tenant",
            remedy="Give the customer's tenant ID or a domain of it.",
        )
    if not is_guid(text) and not _DOMAIN.fullmatch(text):
        raise BadInput(
            f"O(tenant_id) {tenant!r} is neither a GUID nor a domain name",
            remedy="Give the Tenant ID from the Overview page of the Microsoft Entra admin center.",
        )
    return text
