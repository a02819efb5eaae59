# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages below docs/flows show what the playbooks really say."""

from __future__ import annotations

from ansible_collections.tcx.m365.tests.tools import flow_pages


def test_the_pages_show_what_the_playbooks_say() -> None:
    found = flow_pages.outputs()
    pages = sorted(flow_pages.PAGES.glob("*.md"))
    assert len(pages) == 6
    for path in pages:
        page = path.read_text(encoding="utf-8")
        assert page == flow_pages.filled(page, found), f"{path.name}: see the beginning of tests/tools/flow_pages.py"
