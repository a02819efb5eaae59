# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the tcx.m365 collection: no stable interface, may change in any release.

"""The fleet compliance report: a pure library that knows nothing of Ansible. Build a `Report`, then write it."""

from __future__ import annotations

from .comparison import compare
from .files import ReportFile, read_report, write_report
from .history import Baseline, find_baseline, keep_report, narrowed
from .model import HostResult, Report

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
