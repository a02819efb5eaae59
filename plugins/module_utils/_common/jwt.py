# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a token says of itself; never a proof of anything."""

from __future__ import annotations

import base64
import json
from typing import Any


def claims(token: str) -> dict[str, Any] | None:
    """The claims of a JWT, unverified; ``None`` when it is none (tokens may be opaque).

    Only for life time and explanations: nobody has checked the signature.
    """
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        content = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
