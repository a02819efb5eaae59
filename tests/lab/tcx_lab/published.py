# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Marks of tests that compare with what Microsoft and 3CX have published."""

from __future__ import annotations

import pytest

from tcx_lab.graph import contract as graph
from tcx_lab.pbx import contract as pbx


def _needs(missing: str) -> pytest.MarkDecorator:
    # The descriptions are not ours to pass on, so a clone of this repository does not have them.
    return pytest.mark.skipif(bool(missing), reason=missing)


NEEDS_GRAPH_DESCRIPTION = _needs(graph.missing())
NEEDS_XAPI_DESCRIPTION = _needs(pbx.missing())
