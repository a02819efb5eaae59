# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sample of every kind of trouble in every flow, from a seed. The whole of it: ``make faults``.

TCX_FAULTS_SEED=7 TCX_FAULTS_SAMPLE=500 .venv/bin/python -m pytest tests/faults/test_sample.py
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from ansible_collections.tcx.m365.tests.faults import judge
from ansible_collections.tcx.m365.tests.faults.flows import FLOWS, Field
from ansible_collections.tcx.m365.tests.faults.ground import ground

SEED = int(os.environ.get("TCX_FAULTS_SEED", "1"))
SAMPLE = int(os.environ.get("TCX_FAULTS_SAMPLE", "140"))


def test_whatever_happens_to_a_request_it_heals_or_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ground(tmp_path) as made:
        field = Field(made)
        everything = [case for flow in FLOWS for case in field.prepared(flow).cases()]
        chosen = random.Random(SEED).sample(everything, min(SAMPLE, len(everything)))
        with capsys.disabled():
            print(f"\n{len(chosen)} of {len(everything)} cases of trouble, seed {SEED}")
        bad = []
        for case in chosen:
            verdict = field.judge(case)
            if verdict.verdict in (judge.UNCLEAR, judge.CORRUPTED):
                bad.append(
                    f"{verdict.verdict}: {'; '.join(verdict.why)}\n  {verdict.said}\n  make faults CASE='{case.name}'"
                )
        assert not bad, "\n".join(bad)
