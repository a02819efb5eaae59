# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for the parts of AWX's `/api/v2/` that the modules of `awx.awx` use to define content.

It keeps objects in memory and refuses what AWX 24.6 refuses. `schema` says which fields and relations each type has,
`rules` holds the checks of single types, `store` the objects, `app` the HTTP, `server` the socket. What AWX silently
ignores (unknown and read-only fields) is noted in `Store.ignored`, so that a test can object to it.
"""

from __future__ import annotations

from fake_controller.server import FakeController
from fake_controller.store import Refused, Store

__all__ = ["FakeController", "Refused", "Store"]
