# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sample of signals to the whole command; ``make faults`` sends all of them in all flows that write."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.tcx.m365.tests.faults import commands, judge
from ansible_collections.tcx.m365.tests.faults.flows import Field
from ansible_collections.tcx.m365.tests.faults.ground import ground


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    with ground(tmp_path_factory.mktemp("commands")) as made:
        yield Field(made)


@pytest.mark.parametrize(
    ("flow", "signal"),
    [("first rollout", "kill -9"), ("end of a rotation", "SIGINT"), ("offboarding", "SIGTERM"), ("rollback", "SIGHUP")],
)
def test_a_command_that_is_hit_is_completed_by_the_next(field: Field, flow: str, signal: str) -> None:
    case = [each for each in commands.hits(field, flow) if each.signal == signal][-1]
    verdict, why = commands.judged(field, case)
    assert verdict == judge.HEALED, why
