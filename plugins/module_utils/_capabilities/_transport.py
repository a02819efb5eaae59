# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options by which a service is reached, the same for both sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._http import Transport

DEFAULT_TIMEOUT_S = 30


def transport(params: Mapping[str, Any], *, trust: str = "") -> Transport:
    """From ``validate_certs``, ``ca_path``, ``proxy`` and ``timeout``; raises :class:`BadInput` where that cannot work.

    :param trust: prefix of the first two, where a module talks to two services.
    """
    settings = Transport(
        verify=params[f"{trust}validate_certs"],
        ca_path=params[f"{trust}ca_path"] or None,
        proxy=params["proxy"] or None,
        timeout=float(params["timeout"]),
    )
    settings.check()
    return settings
