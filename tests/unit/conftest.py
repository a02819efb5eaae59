# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many examples the property tests try: the same ones in every gate, ever new ones when somebody goes looking.

`ansible-test units` brings a configuration of its own and does not read pytest.ini: what tests of units need of the
latter, the way to the lab's contracts, is here.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

# A gate that fails must fail for the change at hand. Whoever looks for faults asks for `--hypothesis-profile=explore`.
settings.register_profile("gate", max_examples=80, deadline=None, derandomize=True)
settings.register_profile(
    "explore",
    max_examples=3000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# For `make mutants`, which runs the same tests some hundred times.
settings.register_profile("few", parent=settings.get_profile("gate"), max_examples=15)
settings.load_profile("gate")

LAB = str(Path(__file__).resolve().parents[1] / "lab")
if LAB not in sys.path:
    sys.path.append(LAB)
