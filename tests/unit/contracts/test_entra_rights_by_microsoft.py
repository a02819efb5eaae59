# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rights that the collection names against Microsoft's table of permissions, as the lab holds it."""

from __future__ import annotations

import pytest
from ansible_collections.tcx.m365.plugins.module_utils._entra import rights
from tcx_lab.graph import rights as microsofts


@pytest.mark.parametrize("request_", rights.REQUESTS)
def test_each_right_is_enough_by_microsofts_table(request_: str) -> None:
    method, _blank, path = request_.partition(" ")
    row = microsofts.simulated()[method, path.lower()]
    assert {frozenset(each.split(" + ")) for each in rights.REQUESTS[request_]} <= set(row.any_of)
