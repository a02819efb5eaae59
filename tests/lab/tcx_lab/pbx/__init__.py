# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""3CX phone systems, V20 updates 5 to 10: XAPI, sign-in, the Microsoft 365 integration, and the web client's login pages.

Everything a real PBX is known to do is imitated with its grade of evidence; what nobody outside 3CX can know has a switch.
"""

from __future__ import annotations

from tcx_lab.pbx.app import create_pbx_app
from tcx_lab.pbx.scenario import linked_application, patch_pbx, prepare_pbx
from tcx_lab.pbx.state import PbxState, state_of

__all__ = ["PbxState", "create_pbx_app", "linked_application", "patch_pbx", "prepare_pbx", "state_of"]
