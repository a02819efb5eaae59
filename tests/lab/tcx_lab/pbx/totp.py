# Copyright (c) 2026 tcx.m365 contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Time-based one-time passwords (RFC 6238, SHA-1, 6 digits, 30 seconds), as authenticator apps make them for 3CX."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct

_STEP = 30


def totp(secret: str, at: float) -> str:
    """The code of a base32 secret at a Unix time."""
    key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(at) // _STEP), hashlib.sha1).digest()
    start = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def verify_totp(secret: str, code: str, at: float) -> bool:
    """Whether a code is right now or was in the step before or after (the usual tolerance for slow typists)."""
    return any(hmac.compare_digest(totp(secret, at + drift), code) for drift in (0, -_STEP, _STEP))
