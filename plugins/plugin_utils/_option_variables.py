# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose value an option of a task has: the variable in its template, which is the name that an operator knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._common.option_names import Names
from ansible_collections.tcx.m365.plugins.plugin_utils import _core_compat

_VARIABLE = re.compile(r"\s*\{\{-?\s*([A-Za-z_][A-Za-z0-9_]*)\b(?!\s*\()")


def variables_of_options(task: Any) -> Names:
    """Option -> variable, of the options whose template begins with one; none where this release does not tell.

    ``keep: "{{ compliance_keep }}"`` is ``{"keep": "compliance_keep"}``.
    """
    source = _core_compat.source_of(task) or {}
    action = str(task.action)
    names: dict[str, str] = {}
    for written in ("args", action, action.rsplit(".", 1)[-1]):
        options = source.get(written)
        for option, value in options.items() if isinstance(options, Mapping) else ():
            match = _VARIABLE.match(value) if isinstance(value, str) else None
            if match:
                names[str(option)] = match[1]
    return names
