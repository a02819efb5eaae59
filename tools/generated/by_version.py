# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of settings by release of 3CX, from the declared properties."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.tcx.m365.plugins.module_utils._pbx.properties import PROPERTIES, Property
from ansible_collections.tcx.m365.plugins.module_utils._pbx.version import Release

RELEASES = tuple(Release(20, 0, update) for update in range(5, 11))

HEAD = """\
<!--
Copyright (c) 2026 tcx.m365 contributors
GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
-->

# Settings by version of 3CX

Made from `plugins/module_utils/_pbx/properties.py` by `make generate`; do not edit.

Options of `tcx.m365.tcx_m365_settings`, where XAPI keeps them, the edition that may switch them on, and the releases that
have them (source: 3CX's API descriptions of these releases). An option that a PBX lacks is refused before anything is
written, unless it is switched off or empty, because then it has the desired value already.
"""

FOOT = """
Each cell is a test: `tests/unit/contracts/test_pbx_properties.py` holds it against 3CX's API description of that release, and
`tests/integration/pbx/test_pbx_versions.py` sets and reads back the option on a simulated PBX of that release.

Without an entry of their own, because they are no properties of a settings object: `sign_in.opt_out` and `sign_in.opt_in`
(per user, `MS365SignInEnabled`, all releases), `presence.account_token` and `presence.deauthorize` (all releases),
`teams.certificate` and `teams.private_key` (all releases, Enterprise).
"""


def cells(setting: Property) -> list[str]:
    """One cell per release: yes, or what is missing."""
    row = []
    for release in RELEASES:
        late = sorted(word for word, since in setting.values_since.items() if release < since)
        if release < setting.since:
            row.append("-")
        else:
            row.append(f"yes, not `{', '.join(late)}`" if late else "yes")
    return row


def path(root: Path) -> Path:
    """Where the table stands."""
    return root / "docs" / "settings-by-version.md"


def content() -> str:
    """The document."""
    titles = ["Option", "XAPI", "Edition", *map(str, RELEASES)]
    lines = ["| " + " | ".join(titles) + " |", "|" + " --- |" * len(titles)]
    for setting in PROPERTIES:
        edition = setting.edition.label if setting.edition else "any"
        row = [f"`{setting.option}`", f"`{setting.resource}.{setting.field}`", edition, *cells(setting)]
        lines.append("| " + " | ".join(row) + " |")
    return HEAD + "\n" + "\n".join(lines) + "\n" + FOOT
