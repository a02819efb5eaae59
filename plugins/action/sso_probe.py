# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin: the module of the same name, run inside the controller process."""

from __future__ import annotations

from ansible_collections.tcx.m365.plugins.module_utils._capabilities.sso_probe import CAPABILITY
from ansible_collections.tcx.m365.plugins.plugin_utils._action import CapabilityAction


class ActionModule(CapabilityAction):
    CAPABILITY = CAPABILITY
