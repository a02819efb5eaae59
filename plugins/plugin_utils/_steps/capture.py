# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the steps ask that write down how a PBX is set up today."""

from __future__ import annotations

from typing import Any

from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import captured
from ansible_collections.tcx.m365.plugins.plugin_utils._steps import (
    offboard,
)
from ansible_collections.tcx.m365.plugins.plugin_utils._steps.work import (
    Result,
    Work,
)


def asked(work: Work) -> dict[str, Any]:
    arguments = arguments_of.entra_connection(work.variables)
    arguments["app_id"] = offboard.linked_id(work)
    return arguments


def is_registered(work: Work) -> bool:
    return bool(work.result("registered").get("applications"))


def exported(work: Work, _result: Result) -> Result:
    return captured.write(
        work.host, work.variables, work.result("linked"), work.result("registered"), work.result("granted")
    )
