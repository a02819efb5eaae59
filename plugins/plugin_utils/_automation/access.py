# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the automation's own token says of a customer's tenant."""

from __future__ import annotations

from typing import Any

from ansible_collections.tcx.m365.plugins.module_utils._capabilities import automation
from ansible_collections.tcx.m365.plugins.module_utils._errors import M365Error
from ansible_collections.tcx.m365.plugins.module_utils._run import RunStore
from ansible_collections.tcx.m365.plugins.module_utils._task import failure
from ansible_collections.tcx.m365.plugins.plugin_utils._capability import run_capability
from ansible_collections.tcx.m365.plugins.plugin_utils._inventory import arguments as arguments_of

from .consent import CustomerTenant


def access(customer: CustomerTenant) -> dict[str, Any] | None:
    """The result of a sign-in of this moment; ``None`` where the tenant is not known. Prints nothing, so a thread may ask."""
    if not customer.is_known or customer.variables is None:
        return None
    try:
        arguments = arguments_of.entra_connection(customer.variables)
    except M365Error as error:
        return failure(error)
    # With a store of its own: a token of before a consent would say what was.
    return run_capability(automation.ACCESS, arguments, check_mode=True, store=RunStore(None))
