# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One-time codes of a second factor (RFC 6238: SHA-1, 30 seconds, six digits, as authenticator apps make them)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re

from .._errors import BadInput

PERIOD_S = 30

_CODE = re.compile(r"\d{6,8}")


def is_code(text: str) -> bool:
    """Whether this is the code itself and not the secret behind it."""
    return _CODE.fullmatch(text.strip()) is not None


def code_at(secret: str, moment: float) -> str:
    """The code that an authenticator app shows at a moment (Unix time).

    :raises BadInput: the secret is not base32.
    """
    cleaned = re.sub(r"[\s=-]", "", secret).upper()
    try:
        key = base64.b32decode(cleaned + "=" * (-len(cleaned) % 8))
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise BadInput(
            "O(security_code) is neither six digits nor a base32 secret",
            remedy="Give the code of the moment, or the secret that the PBX showed when the second factor was set up.",
        )
    digest = hmac.new(key, int(moment // PERIOD_S).to_bytes(8, "big"), hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"
