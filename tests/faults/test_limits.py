# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Large tenants and PBXs work, and cost few requests more than small ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tcx.m365.tests.faults.ground import Ground, ground
from ansible_collections.tcx.m365.tests.faults.limits import SCENES, measure

MOST_REQUESTS = 40
PAGES_OF_USERS = 120
"""3,000 users come in pages of 100 from the PBX, and of 999 from Graph."""


@pytest.mark.parametrize(("what", "prepare", "variables"), SCENES, ids=[each[0] for each in SCENES])
def test_what_is_large_works(
    tmp_path: Path, what: str, prepare: Callable[[Ground], None], variables: dict[str, Any]
) -> None:
    with ground(tmp_path) as made:
        for each in measure(made, what, prepare, variables):
            if "257th" in what:
                assert "an application has at most 256" in each.failed
                continue
            assert each.failed == "", each
            assert each.requests <= MOST_REQUESTS + (PAGES_OF_USERS if "users" in what else 0), each
