# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is PRIVATE to the tcx.m365 collection.

"""The claims challenge of continuous access evaluation: Graph refuses a token and says what a new one must contain.

Documented: https://learn.microsoft.com/entra/identity-platform/claims-challenge. A token that is asked for without the
claims is the cached one again, so that the task would be refused for as long as that one lives.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping

_CLAIMS = re.compile(r'\bclaims="([A-Za-z0-9+/_=-]{4,8192})"')


def claims_of(headers: Mapping[str, str]) -> str:
    """The claims of a challenge as JSON, as msal takes them; empty where the answer has none that can be read."""
    stated = next((str(value) for name, value in headers.items() if name.lower() == "www-authenticate"), "")
    match = _CLAIMS.search(stated)
    if not match:
        return ""
    packed = match.group(1).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        text = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True).decode("utf-8")
        return text if isinstance(json.loads(text), dict) else ""
    except (binascii.Error, ValueError, RecursionError):
        return ""
