# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each format of a compliance report as one text, which a run never holds."""

from __future__ import annotations

from ansible_collections.tcx.m365.plugins.plugin_utils._report.files import RENDERERS
from ansible_collections.tcx.m365.plugins.plugin_utils._report.model import Report


def render(name: str, report: Report) -> str:
    """The content of the file of that name."""
    return "".join(RENDERERS[name](report))


def render_json(report: Report) -> str:
    return render("compliance.json", report)


def render_csv(report: Report) -> str:
    return render("compliance.csv", report)


def render_markdown(report: Report) -> str:
    return render("compliance.md", report)


def render_page(report: Report) -> str:
    return render("compliance.html", report)


def render_junit(report: Report) -> str:
    return render("compliance.junit.xml", report)
