# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a release refuses before anybody gets it: links of its README that lead nowhere, and files that users do not need."""

from __future__ import annotations

from pathlib import Path

import pytest
import release

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "https://github.com/tcx-m365/tcx.m365/blob/main"


def test_the_readme_leads_to_what_is_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    broken, _foreign = release.broken_links(readme, set(), ROOT)
    assert not broken
    assert len(release.LINK.findall(readme)) > 20


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        ("docs/report.md", True),
        ("docs/security.md", False),  # in the repository, and not in the artifact
        ("#a-heading-with-code", True),
        ("#another", False),
        (f"{PROJECT}/docs/report.md", True),
        (f"{PROJECT}/docs/report.md#sending-it", True),
        (f"{PROJECT}/docs/report.md#receiving-it", False),
        (f"{PROJECT}/docs/none.md", False),
        ("https://raw.githubusercontent.com/tcx-m365/tcx.m365/main/docs/images/report-light.png", True),
        ("https://raw.githubusercontent.com/tcx-m365/tcx.m365/main/docs/images/none.png", False),
    ],
)
def test_a_link(link: str, leads: bool) -> None:
    broken, foreign = release.broken_links(f"## A heading, with `code`\n[x]({link})", {"docs/report.md"}, ROOT)
    assert (broken, foreign) == ([] if leads else [link], [])


def test_links_to_other_sites_are_told_apart() -> None:
    readme = "[a](https://learn.microsoft.com/graph) <https://www.3cx.com/docs/> [a](https://learn.microsoft.com/graph)"
    assert release.broken_links(readme, set(), ROOT) == (
        [],
        ["https://learn.microsoft.com/graph", "https://www.3cx.com/docs/"],
    )
