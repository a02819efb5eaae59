# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens in one case of the suite of faults stays in it."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.tcx.m365.tests.faults import judge
from ansible_collections.tcx.m365.tests.faults.ground import ground
from tcx_lab.pbx import state_of


def test_a_write_that_was_delayed_does_not_reach_into_the_next_case(tmp_path: Path) -> None:
    with ground(tmp_path) as made:
        state_of(made.world, made.pbx())
        begin, before = made.freeze(), judge.picture(made)
        rule = {"action": "delay", "seconds": 1.0, "match": {"service": "pbx", "method": "PATCH"}, "times": 0}
        made.world.trouble.add(rule)
        late = made.run("rollout", tcx_timeout=0.3, tcx_deadline=20)
        assert judge.failure_of(late)
        assert made.world.log.under_way
        made.restore(begin)
        assert made.world.log.under_way == 0
        assert judge.picture(made) == before
