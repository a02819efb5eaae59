# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the tcx.m365 collection: no stable interface, may change in any release.

"""The fleet compliance report: a pure library that knows nothing of Ansible. Build a `Report`, then write it.

What is named here is imported when it is asked for: a rollout uses the wording of a report and none of its formats.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .comparison import compare
    from .files import ReportFile, read_report, write_report
    from .history import Baseline, find_baseline, keep_report, narrowed
    from .model import HostResult, Report

_PLACES = {
    "comparison": ("compare",),
    "files": ("ReportFile", "read_report", "write_report"),
    "history": ("Baseline", "find_baseline", "keep_report", "narrowed"),
    "model": ("HostResult", "Report"),
}

__all__ = [
    "Baseline",
    "HostResult",
    "Report",
    "ReportFile",
    "compare",
    "find_baseline",
    "keep_report",
    "narrowed",
    "read_report",
    "write_report",
]


def __getattr__(name: str) -> Any:
    for place, names in _PLACES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{place}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
