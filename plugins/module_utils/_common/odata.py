# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""String literals of OData v4, which Graph and XAPI share.

https://docs.oasis-open.org/odata/odata/v4.01/os/part2-url-conventions/odata-v4.01-os-part2-url-conventions.html, 5.1.1.6
"""

from __future__ import annotations

from urllib.parse import quote


def literal(text: str) -> str:
    """A string in quotes, the quotes in it doubled; for a filter that is encoded later."""
    return "'" + text.replace("'", "''") + "'"


def encoded_literal(text: str) -> str:
    """The same, percent-encoded: for a path, a key, or a query that is sent as it is."""
    return quote(literal(text), safe="'")
