# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of the settings that a license may lack, and that is tried before the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WHOLE = ("teams", "shared_mailboxes")
"""Settings that make sense only together: a switch with its selection, Teams with its name and certificate."""
_ACTIONS = ("check_mapping", "scripts_dir")


def on_trial(settings: Mapping[str, Any], options: list[str], *, linked: bool, healthy: bool) -> dict[str, Any]:
    """The part of the settings that is tried.

    :param settings: the options of ``tcx_m365_settings`` as the inventory has them.
    :param options: what may be refused, such as ``contact_sync.enabled``.
    """
    tried: dict[str, Any] = {}
    for option in options:
        family, _dot, name = option.partition(".")
        values = settings.get(family) or {}
        if family in _WHOLE and (linked or family == "teams"):
            selects = family == "shared_mailboxes" and values.get("mailboxes")
            if not selects or healthy:  # the PBX looks up mailboxes in Microsoft 365
                tried[family] = {key: value for key, value in values.items() if key not in _ACTIONS}
        else:
            tried.setdefault(family, {})[name] = values.get(name)
    return tried
